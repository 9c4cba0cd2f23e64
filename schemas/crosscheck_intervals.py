"""Do the declared intervals, case numbers and standardised gaps hang together?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from schemas import definitions as d
from schemas.definitions_intervals import Band, Intervals
from schemas.formula import as_ratio, parse_expression, terms
from schemas.yaml_source import Located, Problem

Check = Callable[[Located, str, str], Iterable[Problem]]
"""Checks a formula: place, key, text."""


def default_problems(intervals: Intervals, at: Located, loaded: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """Problems of the section `intervals` of framework.yaml."""
    for number, rule in enumerate(intervals.defaults):
        if rule.pitfall is not None and rule.pitfall not in loaded["pitfalls"]:
            yield at.problem(
                f"„{rule.pitfall}“ gibt es unter pitfalls nicht.", "intervals", "defaults", number, "pitfall"
            )
    for number, standard in enumerate(intervals.standards):
        dimension: d.Dimension | None = loaded["dimensions"].get(standard.dimension)
        for member in standard.weights:
            if dimension is None or member not in dimension.leaves:
                yield at.problem(
                    f"„{member}“ steht nicht unter leaves von „{standard.dimension}“.",
                    *("intervals", "standards", number, "weights", member),
                )


def interval_problems(
    indicator: d.Indicator, at: Located, intervals: Intervals, variables: Mapping[str, d.Variable], check: Check
) -> Iterator[Problem]:
    """Problems of the keys `interval`, `cases` and `standardise` of one indicator whose formula is sound."""
    quotient = as_ratio(parse_expression(indicator.formula)).denominator is not None
    if indicator.interval not in (None, "none") and not quotient:
        yield at.problem("Zu einem Intervall gehört eine Formel, die ein Quotient ist.", "interval")
    if indicator.interval == "wilson" and indicator.unit != "percent":
        yield at.problem("Das Intervall „wilson“ gilt für Anteile in Prozent.", "interval")
    if indicator.interval == "weighted" and indicator.cases is None:
        yield at.problem("Zum Intervall „weighted“ gehört die ungewichtete Fallzahl unter „cases“.", "interval")
    if indicator.cases is not None:
        found = list(check(at, "cases", indicator.cases))
        yield from found or _lacking(at, "cases", [indicator.cases], indicator.breakdowns, variables)
    if indicator.standardise is not None:
        yield from _standardise(indicator, at, intervals, variables, check)


def _standardise(
    indicator: d.Indicator, at: Located, intervals: Intervals, variables: Mapping[str, d.Variable], check: Check
) -> Iterator[Problem]:
    entry = indicator.standardise
    assert entry is not None
    if indicator.gap is None:
        yield at.problem("Standardisiert wird nur ein Abstand (gap), und der Indikator hat keinen.", "standardise")
        return
    standard = {one.code: one for one in intervals.standards}.get(entry.standard)
    if standard is None:
        yield at.problem(f"Die Standardbevölkerung „{entry.standard}“ gibt es nicht.", "standardise", "standard")
        return
    seen: set[str] = set()
    for number, band in enumerate(entry.bands):
        place = Located(at.source, (*at.path, "standardise", "bands", number))
        for member in band.members:
            if member not in standard.weights:
                yield place.problem(f"Die Standardbevölkerung hat für „{member}“ kein Gewicht.", "members")
            if member in seen:
                yield place.problem(f"„{member}“ gehört zu zwei Schichten.", "members")
            seen.add(member)
        yield from _band(place, band, indicator.gap.dimension, variables, check)


def _band(
    place: Located, band: Band, dimension: str, variables: Mapping[str, d.Variable], check: Check
) -> Iterator[Problem]:
    for key, text in (("cases", band.cases), ("base", band.base)):
        found = list(check(place, key, text))
        yield from found or _lacking(place, key, [text], [dimension], variables)


def _lacking(
    place: Located, key: str, texts: list[str], dimensions: list[str], variables: Mapping[str, d.Variable]
) -> Iterator[Problem]:
    """A count beside a broken-down figure must be delivered by the same dimensions."""
    used = dict.fromkeys(term.variable for text in texts for term in terms(parse_expression(text)))
    for variable in used:
        delivered = {dimension for table in variables[variable].tables for dimension in table}
        for dimension in dimensions:
            if dimension not in delivered:
                yield place.problem(f"{variable} wird nicht nach {dimension} geliefert.", key)
