"""What numerator and denominator of a figure have in common, and what not: the column `flags` of `indicator_value`.

Every variable has a concept of migration background, a population basis, a reference day and a rounding base (its own,
or that of its source and period). A quotient whose sides differ is computed all the same and flagged: hiding it would
be wrong, and so would be keeping silent. What two concepts in one quotient mean is written by experts (`Concept.against`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from itertools import combinations

import pyarrow as pa

from schemas.formula import Expression, terms
from schemas.framework_model import Framework
from schemas.plan import Plan, Point
from schemas.shapes import TOTAL
from schemas.sql import dimension_columns

CONCEPT, BASIS, DAY, BREAK = "mixed_concept", "mixed_basis", "mixed_day", "break"


def point_flags(framework: Framework, plan: Plan) -> pa.Table:
    """indicator, flag and one column per dimension: what holds at a point in every region and year."""
    days = {code for code in framework.indicators if _days_apart(framework, code) > framework.series.reference_days}
    rows: list[dict[str, str]] = []
    for point in plan.points:
        if point.owner not in framework.indicators:
            continue
        members = dict(pair.split("=") for pair in point.key.split(",") if pair)
        place = {dimension.lower(): members.get(dimension, TOTAL) for dimension in framework.dimension_order}
        if any(not _comparable(framework, *pair) for pair in combinations(sorted(_concepts(framework, point)), 2)):
            rows.append({"indicator": point.owner, "flag": CONCEPT, **place})
        if point.owner in days:
            rows.append({"indicator": point.owner, "flag": DAY, **place})
    names = ["indicator", "flag", *(dimension.lower() for dimension in framework.dimension_order)]
    return pa.Table.from_pylist(rows, schema=pa.schema([(name, pa.string()) for name in names]))


def place_flags(mixed: Iterable[tuple[str, int, str]]) -> pa.Table:
    """region, year, indicator: figures whose terms stand on different population bases."""
    columns = list(zip(*sorted(mixed), strict=True)) or [(), (), ()]
    kinds = (pa.string(), pa.int32(), pa.string())
    names = ("region", "year", "indicator")
    return pa.table({n: pa.array(c, type=k) for n, c, k in zip(names, columns, kinds, strict=True)})


def flag_statements(framework: Framework, values: str, points: str, bases: str, breaks: str) -> Iterator[str]:
    """SQL that writes `flags` of the table `values` from `point_flags`, `place_flags` and `series_break`."""
    here = " AND ".join(f"v.{name} = f.{name}" for name in ("indicator", *dimension_columns(framework)))
    place = "v.region = f.region AND v.year = f.year AND v.indicator = f.indicator"
    for flag, source, condition in (
        (CONCEPT, f"(FROM {points} WHERE flag = '{CONCEPT}')", here),
        (BASIS, bases, place),
        (DAY, f"(FROM {points} WHERE flag = '{DAY}')", here),
        (BREAK, f"(SELECT DISTINCT region, year, indicator FROM {breaks})", place),
    ):
        yield (
            f"UPDATE {values} AS v SET flags = concat_ws(',', nullif(v.flags, ''), '{flag}')"
            f" FROM {source} f WHERE {condition} AND v.value IS NOT NULL"
        )


def _concepts(framework: Framework, point: Point) -> set[str]:
    """Concepts of the variables of which a member is looked up that depends on the concept."""
    return {
        framework.concept(lookup.variable)
        for lookup in point.all_lookups()
        if any(_by_concept(framework, pair) for pair in lookup.key.split(",") if pair)
    }


def _comparable(framework: Framework, concept: str, other: str) -> bool:
    """Different concepts are not, unless the framework says so."""
    said = framework.compared(concept, other)
    return said is not None and said.comparable


def _by_concept(framework: Framework, pair: str) -> bool:
    dimension, _, member = pair.partition("=")
    names = framework.dimensions[dimension].members.get(member)
    return names is not None and names.by_concept


def _days_apart(framework: Framework, code: str) -> int:
    """Largest distance in days between the reference days of a variable above and another one below the line.

    Of a variable that is taken from several years (a mean) the nearest counts.
    """
    ratio = framework.ratio(code)
    if ratio.denominator is None:
        return 0
    above, below = _days(framework, ratio.numerator), _days(framework, ratio.denominator)
    return max(
        (
            min(abs((one - other).days) for one in first for other in second)
            for variable, first in above.items()
            for against, second in below.items()
            if variable != against
        ),
        default=0,
    )


def _days(framework: Framework, expression: Expression) -> dict[str, list[date]]:
    """Reference days of each variable of a side that has one, told in a year of their own."""
    found: dict[str, list[date]] = {}
    for term in terms(expression):
        day = framework.periods[framework.variables[term.variable].period].day
        if day is not None:
            month, number = (int(part) for part in day.split("-"))
            found.setdefault(term.variable, []).append(date(2001 - term.lag, month, number))
    return found
