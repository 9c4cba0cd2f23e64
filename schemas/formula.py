"""The formula language of the framework: parsed once, used by indicators and by rules.

Grammar (Python's own expression syntax after two rewrites, so no parser of ours):

    term        VAR  or  VAR[DIM=MEMBER, DIM=MEMBER]
    operators   + - * /   and, at the top of a rule, one of  = <= >= < >
    functions   prev(expr)      every term of expr taken from the previous reporting year
                avg2(expr)      mean of this and the previous reporting year
                sum(expr, DIM)  sum over the leaf members of DIM
                abs(expr)  max(expr, ...)  min(expr, ...)

`prev` and `avg2` are resolved while parsing: they only shift the year of their terms. What remains is a small tree
that two evaluators understand: the SQL writer (`schemas.sql`) in production and a Fraction evaluator in the tests.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

ARITHMETIC: Final = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
COMPARISONS: Final = {ast.Eq: "=", ast.LtE: "<=", ast.GtE: ">=", ast.Lt: "<", ast.Gt: ">"}
FUNCTIONS: Final = ("abs", "max", "min", "sum", "prev", "avg2")

_SELECTOR = re.compile(r"\[([^\[\]]*)\]")
_SINGLE_EQUALS = re.compile(r"(?<![<>=!])=(?!=)")


class FormulaError(ValueError):
    """The text is not a formula of the language; the message says what and where."""


@dataclass(frozen=True, slots=True)
class Number:
    """An exact constant."""

    value: Fraction


@dataclass(frozen=True, slots=True)
class Term:
    """A base variable, with explicitly selected members and the number of years to go back."""

    variable: str
    members: tuple[tuple[str, str], ...] = ()
    lag: int = 0

    def selected(self) -> dict[str, str]:
        """Explicitly selected member of each dimension that the formula names."""
        return dict(self.members)


@dataclass(frozen=True, slots=True)
class Operation:
    """`left operator right` with one of + - * /."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Function:
    """abs, max or min of one or more expressions."""

    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class SumOver:
    """Sum of an expression over the leaf members of a dimension."""

    expression: Expression
    dimension: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """The statement of a rule: two expressions and the relation that must hold between them."""

    operator: str
    left: Expression
    right: Expression


Expression = Number | Term | Operation | Function | SumOver


def parse_expression(text: str) -> Expression:
    """Parse an indicator formula; raises FormulaError."""
    tree = _python_tree(text)
    if isinstance(tree, ast.Compare):
        raise FormulaError(f"Ein Vergleich ist kein Wert: {text}")
    return _expression(tree, text)


def parse_rule(text: str) -> Comparison:
    """Parse the statement of a rule, exactly one comparison at the top; raises FormulaError."""
    tree = _python_tree(text)
    if not isinstance(tree, ast.Compare) or len(tree.ops) != 1 or type(tree.ops[0]) not in COMPARISONS:
        raise FormulaError(f"Eine Regel ist genau ein Vergleich (= <= >= < >): {text}")
    operator = COMPARISONS[type(tree.ops[0])]
    return Comparison(operator, _expression(tree.left, text), _expression(tree.comparators[0], text))


def terms(expression: Expression) -> Iterator[Term]:
    """Every term of the expression, in reading order, repeated ones included."""
    match expression:
        case Term():
            yield expression
        case Operation(_, left, right):
            yield from terms(left)
            yield from terms(right)
        case Function(_, arguments):
            for argument in arguments:
                yield from terms(argument)
        case SumOver(inner, _):
            yield from terms(inner)
        case Number():
            return


def rule_terms(rule: Comparison) -> tuple[Term, ...]:
    """Every term of both sides of a rule."""
    return (*terms(rule.left), *terms(rule.right))


def summed_dimensions(expression: Expression) -> Iterator[str]:
    """Every dimension over which the expression sums, from the outside in."""
    match expression:
        case SumOver(inner, dimension):
            yield dimension
            yield from summed_dimensions(inner)
        case Operation(_, left, right):
            yield from summed_dimensions(left)
            yield from summed_dimensions(right)
        case Function(_, arguments):
            for argument in arguments:
                yield from summed_dimensions(argument)
        case _:
            return


def contains_sum(expression: Expression) -> bool:
    """Does the expression sum over a dimension?"""
    return any(True for _ in summed_dimensions(expression))


@dataclass(frozen=True, slots=True)
class Ratio:
    """A formula as `multiplier * numerator / denominator`; the denominator is None when the formula is no quotient."""

    multiplier: Fraction
    numerator: Expression
    denominator: Expression | None


def as_ratio(formula: Expression) -> Ratio:
    """Split a formula into multiplier, numerator and denominator.

    `100 * A / B` -> 100, A, B.  `A / B` -> 1, A, B.  `50 * sum(...)` -> 50, sum(...), None.
    """
    if isinstance(formula, Operation) and formula.operator == "/" and not _constant(formula.right):
        head = _without_multiplier(formula.left)
        return Ratio(head[0], head[1], formula.right)
    head = _without_multiplier(formula)
    return Ratio(head[0], head[1], None)


def _constant(expression: Expression) -> bool:
    return next(terms(expression), None) is None


def _without_multiplier(expression: Expression) -> tuple[Fraction, Expression]:
    if isinstance(expression, Operation) and expression.operator == "*" and isinstance(expression.left, Number):
        return expression.left.value, expression.right
    return Fraction(1), expression


def _python_tree(text: str) -> ast.expr:
    quoted = _SELECTOR.sub(lambda found: "[" + repr(found.group(1).strip()) + "]", text)
    parts = re.split(r"('[^']*')", quoted)
    python = "".join(part if part.startswith("'") else _SINGLE_EQUALS.sub("==", part) for part in parts)
    try:
        return ast.parse(python.strip(), mode="eval").body
    except SyntaxError as error:
        raise FormulaError(f"Ab Stelle {error.offset} nicht lesbar: {text}") from error


def _expression(node: ast.expr, text: str) -> Expression:
    match node:
        case ast.Constant(value=bool()):
            pass
        case ast.Constant(value=int() | float() as value):
            return Number(Fraction(str(value)))
        case ast.Name(id=name):
            return Term(name)
        case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str() as selector)):
            return Term(name, _selectors(selector, text))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return Operation("-", Number(Fraction(0)), _expression(operand, text))
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in ARITHMETIC:
            return Operation(ARITHMETIC[type(operator)], _expression(left, text), _expression(right, text))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return _call(name, arguments, text)
    raise FormulaError(f"„{ast.unparse(node)}“ gehört nicht zur Formelsprache: {text}")


def _selectors(selector: str, text: str) -> tuple[tuple[str, str], ...]:
    pairs: dict[str, str] = {}
    for part in selector.split(","):
        dimension, equals, member = (piece.strip() for piece in part.partition("="))
        if not (dimension and equals and member) or dimension in pairs:
            raise FormulaError(f"„[{selector}]“ muss [DIM=MEMBER, ...] lauten, jede Gliederung einmal: {text}")
        pairs[dimension] = member
    return tuple(sorted(pairs.items()))


def _call(name: str, arguments: list[ast.expr], text: str) -> Expression:
    if name not in FUNCTIONS:
        raise FormulaError(f"Die Funktion „{name}“ gibt es nicht (bekannt: {', '.join(FUNCTIONS)}): {text}")
    if name == "sum":
        if len(arguments) != 2 or not isinstance(arguments[1], ast.Name):
            raise FormulaError(f"sum nimmt einen Ausdruck und eine Gliederung: {text}")
        return SumOver(_expression(arguments[0], text), arguments[1].id)
    values = tuple(_expression(argument, text) for argument in arguments)
    if name in ("max", "min"):
        if len(values) < 2:
            raise FormulaError(f"{name} nimmt zwei oder mehr Ausdrücke: {text}")
        return Function(name, values)
    if len(values) != 1:
        raise FormulaError(f"{name} nimmt einen Ausdruck: {text}")
    if name == "abs":
        return Function("abs", values)
    earlier = _shifted(values[0])
    if name == "prev":
        return earlier
    return Operation("*", Number(Fraction(1, 2)), Operation("+", values[0], earlier))


def _shifted(expression: Expression) -> Expression:
    """The same expression one reporting year earlier."""
    match expression:
        case Term():
            return replace(expression, lag=expression.lag + 1)
        case Operation(operator, left, right):
            return Operation(operator, _shifted(left), _shifted(right))
        case Function(name, arguments):
            return Function(name, tuple(_shifted(argument) for argument in arguments))
        case SumOver(inner, dimension):
            return SumOver(_shifted(inner), dimension)
        case Number():
            return expression
