"""Formulas in words: what the two sides of a rule are called in the form."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from schemas.formula import Expression, Function, Number, Operation, SumOver, Term
from schemas.framework_model import Framework
from schemas.shapes import TOTAL

_OPERATORS = {"+": "plus", "-": "minus", "*": "mal", "/": "geteilt durch"}
_FUNCTIONS = {"abs": "Betrag von", "max": "das Größere von", "min": "das Kleinere von"}


def describe(framework: Framework, expression: Expression, running: Mapping[str, str], region: str, year: int) -> str:
    """German wording of one side of a rule, with the labels of the form."""
    writer = _Writer(framework, running, region, date(year, 12, 31))
    return writer.write(expression)


class _Writer:
    def __init__(self, framework: Framework, running: Mapping[str, str], region: str, day: date) -> None:
        self.framework = framework
        self.running = running
        self.region = region
        self.day = day

    def write(self, expression: Expression) -> str:
        match expression:
            case Number(value):
                return f"{float(value):g}".replace(".", ",")
            case Term():
                return self._term(expression, "")
            case SumOver(Term() as term, dimension):
                return f"Summe von {self._term(term, dimension)} über „{self.framework.dimensions[dimension].name_de}“"
            case SumOver(inner, dimension):
                return f"Summe über „{self.framework.dimensions[dimension].name_de}“ von ({self.write(inner)})"
            case Function(name, arguments):
                return f"{_FUNCTIONS[name]} ({'; '.join(self.write(argument) for argument in arguments)})"
            case Operation(operator, left, right):
                return f"{self.write(left)} {_OPERATORS[operator]} {self.write(right)}"

    def _term(self, term: Term, summed: str) -> str:
        selected = term.selected()
        labels = []
        for dimension in self.framework.variable_dimensions(term.variable):
            member = selected.get(dimension) or self.running.get(dimension, TOTAL)
            if member != TOTAL and dimension != summed:
                labels.append(self.framework.label(dimension, member, region=self.region, day=self.day))
        name = self.framework.variables[term.variable].name_de
        past = {0: "", 1: " im Vorjahr"}.get(term.lag, f" vor {term.lag} Jahren")
        return f"„{name}“{past}" + (f" ({', '.join(labels)})" if labels else "")
