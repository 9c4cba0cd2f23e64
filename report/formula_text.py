"""A formula in readable words: names of variables and members instead of codes."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from report.wording import Wording
from schemas.formula import Expression, Function, Number, Operation, SumOver, Term, terms

_SIGNS = {"+": "+", "-": "−", "*": "×", "/": "÷"}
_TIGHT = ("*", "/")


@dataclass(frozen=True, slots=True)
class FormulaWords:
    """Numerator and denominator in words (denominator empty when the formula is no quotient) and the factor."""

    numerator: str
    denominator: str
    multiplier: str


def formula_words(wording: Wording, indicator: str) -> FormulaWords:
    """The formula of an indicator in the words of this language."""
    ratio = wording.framework.ratio(indicator)
    below = _words(wording, ratio.denominator) if ratio.denominator is not None else ""
    factor = "" if ratio.multiplier == 1 else _number(wording, ratio.multiplier)
    return FormulaWords(_words(wording, ratio.numerator), below, factor)


def _words(wording: Wording, node: Expression) -> str:
    if (mean := _mean_of(node)) is not None:
        return wording("formula.mean", inner=_words(wording, mean))
    match node:
        case Number(value):
            return _number(wording, value)
        case Term():
            return _term(wording, node)
        case Operation(operator, left, right):
            tight = operator in _TIGHT
            parts = [_part(wording, side, bracket=tight) for side in (left, right)]
            return f"{parts[0]} {_SIGNS[operator]} {parts[1]}"
        case Function(name, arguments):
            return wording(f"formula.{name}", inner="; ".join(_words(wording, each) for each in arguments))
        case SumOver(inner, dimension):
            over = wording.plain(wording.framework.dimensions[dimension])
            return wording("formula.sum", over=over, inner=_words(wording, inner))


def _part(wording: Wording, node: Expression, *, bracket: bool) -> str:
    text = _words(wording, node)
    loose = isinstance(node, Operation) and _mean_of(node) is None
    return f"({text})" if bracket and loose else text


def _term(wording: Wording, term: Term) -> str:
    framework = wording.framework
    notes = [framework.label(dim, member, wording.lang) for dim, member in term.members]
    notes += [wording("formula.previous")] if term.lag == 1 else []
    notes += [wording("formula.earlier", n=term.lag)] if term.lag > 1 else []
    name = wording.plain(framework.variables[term.variable])
    remarks = "; ".join(notes)
    return wording("formula.quote", name=name) + (f" [{remarks}]" if remarks else "")


def _number(wording: Wording, value: Fraction) -> str:
    return wording.number(float(value), 0 if value.denominator == 1 else 2)


def _mean_of(node: Expression) -> Expression | None:
    """The inner expression of `avg2`, which the parser has written out as half the sum of two years."""
    match node:
        case Operation("*", Number(half), Operation("+", now, before)) if half == Fraction(1, 2):
            pairs = list(zip(terms(now), terms(before), strict=False))
            shifted = [(a.variable, a.members, a.lag + 1) == (b.variable, b.members, b.lag) for a, b in pairs]
            return now if pairs and all(shifted) else None
    return None
