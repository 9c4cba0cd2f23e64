"""Counts beside an indicator: the case number behind a weighted figure, and the strata of a standardised rate.

They are formulas like the indicator itself and are evaluated at the same points, as owners of their own in the plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from schemas.definitions_intervals import Method, StandardPopulation
from schemas.formula import Expression, Number, as_ratio, parse_expression, terms
from schemas.framework_model import Framework

CASES = "cases"


@dataclass(frozen=True, slots=True)
class Support:
    """A pair of sides that is evaluated beside an indicator. `weight` is that of a stratum, 0 for the case number."""

    indicator: str
    role: str
    left: Expression
    right: Expression
    weight: float

    @property
    def owner(self) -> str:
        """Name of the support in a plan; no indicator has a code like it."""
        return f"{self.indicator}/{self.role}"


def supports(framework: Framework, codes: Iterable[str]) -> Iterator[Support]:
    """Case numbers and strata of some indicators; the role is `cases` or the number of the stratum."""
    for code in codes:
        entry = framework.indicators[code]
        if entry.cases is not None:
            yield Support(code, CASES, parse_expression(entry.cases), Number(Fraction(1)), 0.0)
        if entry.standardise is not None:
            weights = standard(framework, entry.standardise.standard).weights
            for number, band in enumerate(entry.standardise.bands):
                weight = sum(weights[member] for member in band.members)
                yield Support(code, str(number), parse_expression(band.cases), parse_expression(band.base), weight)


def cases_since(framework: Framework, indicator: str) -> int | None:
    """First year of the case number of an indicator: earlier forms did not ask for all of it. None: it always was."""
    entry = framework.indicators[indicator]
    named = terms(parse_expression(entry.cases)) if entry.cases is not None else ()
    years = [framework.variables[term.variable].since for term in named]
    return max((year for year in years if year is not None), default=None)


def standard(framework: Framework, code: str) -> StandardPopulation:
    """The standard population of a code; KeyError when the framework has none."""
    return {entry.code: entry for entry in framework.head.intervals.standards}[code]


def interval_method(framework: Framework, indicator: str) -> Method:
    """How the interval of an indicator is computed: as it says itself, else the first default that holds, else none.

    A formula that is no quotient has no interval by default.
    """
    entry = framework.indicators[indicator]
    if entry.interval is not None:
        return entry.interval
    if as_ratio(framework.formulas[indicator]).denominator is None:
        return "none"
    for rule in framework.head.intervals.defaults:
        if rule.holds(entry.tier, entry.unit, entry.pitfalls, entry.cases):
            return rule.method
    return "none"
