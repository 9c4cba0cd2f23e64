"""What the attack asks of result tables where a database has them: the rows and columns that can tell anything, with figures
and cells as numbers. What it makes of them is the same as of the tables themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pyarrow as pa

from indicators.audit.delivered import KIND
from indicators.audit.evidence import FIGURE, NUMBERS, PLACES, TOLD_CHANGES
from indicators.audit.forms import Forms
from schemas.framework_model import Framework
from schemas.shapes import TOTAL
from schemas.tables_asked import TablesAsked

FIGURES, CELLS = "audited_figures", "audited_cells"
"""Names under which `figures` and `cells` have to be visible while anything is asked that joins them."""
Ask = Callable[[str, str], pa.Table]
"""Table and query, in which {} stands for the table -> result."""
_PUBLISHED, _LAST, _TREND = "indicator_published", "published_last", "published_trend"
_GAPS, _PROFILE = "published_gap", "published_profile"


def figures(framework: Framework) -> pa.Table:
    """Every figure: indicator, member of each dimension, number."""
    forms = Forms.of(framework)
    members = [dict(part.split("=") for part in key.split(",") if part) for _, key in forms.figures]
    columns = {d.lower(): [own.get(d, TOTAL) for own in members] for d in framework.dimension_order}
    numbers = pa.array(range(len(members)), pa.int64())
    return pa.table({"indicator": [code for code, _ in forms.figures], **columns, FIGURE: numbers})


def edition(framework: Framework, ask: Ask) -> TablesAsked:
    """The tables of an edition as `evidence` reads them."""
    queries = dict(_queries(framework))
    return TablesAsked(queries, lambda name: ask(*queries[name]))


def _queries(framework: Framework) -> Iterator[tuple[str, tuple[str, str]]]:
    """By name the table that is asked and what of it."""
    dims = [dimension.lower() for dimension in framework.dimension_order]
    place, figured = f"region, year, {FIGURE}", f"FROM {{}} LEFT JOIN {FIGURES} USING (indicator, {', '.join(dims)})"
    told = f"change IS NOT NULL AND period IN {TOLD_CHANGES}"
    sides = "difference, ratio, standardised"
    for name, table, query in (
        (PLACES, _PUBLISHED, "SELECT DISTINCT region, year FROM {}"),
        (_PUBLISHED, _PUBLISHED, f"SELECT {place}, {', '.join(NUMBERS)}, status, n_reported {figured}"),
        (_LAST, _LAST, f"SELECT {place}, value_year, value, numerator, denominator {figured}"),
        (_TREND, _TREND, f"SELECT {place}, from_year, change {figured} WHERE {told}"),
        (_GAPS, _GAPS, f"SELECT region, year, indicator, {', '.join(dims)}, focus, reference, {sides} FROM {{}}"),
        (_PROFILE, _PROFILE, "SELECT region, year, measure, member, value, projected FROM {}"),
    ):
        yield name, (table, query)


def small_values(framework: Framework, ask: Ask) -> pa.Table:
    """Of `indicator_value` the rows with a side, or a remainder, so small that it can be secret."""
    dims = [dimension.lower() for dimension in framework.dimension_order]
    forms = Forms.of(framework)
    most = max((forms.threshold(variable) for variable in framework.variables), default=0)
    sides = ("numerator", "denominator", "denominator - numerator")
    small = " OR ".join(f"({side} >= 1 AND {side} < {most})" for side in sides)
    query = f"SELECT region, year, {FIGURE}, numerator, denominator FROM {{}}"
    return ask("indicator_value", f"{query} JOIN {FIGURES} USING (indicator, {', '.join(dims)}) WHERE {small}")


def cells(framework: Framework, ask: Ask) -> pa.Table:
    """The kinds of cells of which `observation` has a count that is kept secret, in the order of their names: variable,
    member of each dimension, number."""
    listed = ask("observation", f"SELECT DISTINCT {_cell(framework)} FROM {{}} {_counted(framework)} ORDER BY ALL")
    return listed.append_column(KIND, pa.array(range(listed.num_rows), pa.int64()))


def counts(framework: Framework, ask: Ask) -> pa.Table:
    """These counts: region, year, number of the kind of cell, value. `cells` has to be visible as CELLS."""
    joined = f"FROM {{}} JOIN {CELLS} USING ({_cell(framework)}) {_counted(framework)}"
    return ask("observation", f"SELECT region, year, {KIND}, CAST(value AS DOUBLE) AS value {joined}")


def _cell(framework: Framework) -> str:
    return ", ".join(["variable", *(dimension.lower() for dimension in framework.dimension_order)])


def _counted(framework: Framework) -> str:
    forms = Forms.of(framework)
    tracked = ", ".join(f"'{variable}'" for variable in framework.variables if forms.tracked(variable))
    return f"WHERE variable IN ({tracked}) AND value IS NOT NULL" if tracked else "WHERE false"
