"""What can be compared with what, worked out once per run: breaks in series, flags, territories, scopes.

Makes the temp tables `calc_series_break`, `calc_crosswalk` and `calc_scope` that the derived figures read. They depend on
the framework, on which regions and years have data, and on the covers; on no value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import duckdb

from indicators.breaks import Breaks, break_table
from indicators.coded import coded
from indicators.concepts import flag_statements, place_flags, point_flags
from indicators.convergence import scope_table
from indicators.crosswalks import Lags, crosswalk_table
from indicators.window import TooNarrow, Window, with_stored
from schemas.framework_model import Framework
from schemas.plan import Plan

BASIS_COLUMN = "population_basis"
"""Column of the source that names the population basis of a delivery, where the source has it."""


def delivered_places(connection: duckdb.DuckDBPyConnection, source: str) -> dict[tuple[str, int], str]:
    """Regions and years of the relation `source`, each with the population basis of its delivery (empty where none is
    named)."""
    columns = {row[0] for row in connection.execute(f"DESCRIBE FROM {source}").fetchall()}
    basis = f"max({BASIS_COLUMN})" if BASIS_COLUMN in columns else "''"
    places = connection.execute(f"SELECT region, year, coalesce({basis}, '') FROM {source} GROUP BY region, year")
    return {(region, year): name for region, year, name in places.fetchall()}


def lags_of(framework: Framework, places: Iterable[tuple[str, int]], plan: Plan) -> Lags:
    """The terms of earlier years that have to be converted for regions and years with data."""
    delivered = [*places]
    everywhere = {*(r for r, _ in delivered), *(u.code for u in framework.territory.units() if u.reports)}
    return Lags(framework, everywhere, sorted({year for _, year in delivered}), plan.lags())


def convert_lags(connection: duckdb.DuckDBPyConnection, lags: Lags) -> None:
    """Set right the cells of earlier years in `calc_keyed`."""
    for name, table in lags.tables().items():
        connection.register(f"calc_{name}", table)
    for statement in lags.statements("calc_"):
        connection.execute(statement)


def make_comparable(
    connection: duckdb.DuckDBPyConnection,
    framework: Framework,
    places: Mapping[tuple[str, int], str],
    plan: Plan,
    indicators: Iterable[str],
    window: Window | None = None,
) -> None:
    """Make the tables from `calc_indicator_value` and the `delivered_places`, and write its column `flags`. With a `window`
    the years outside it are those of the result table. Raises TooNarrow where any break is another one than there."""
    values = "calc_indicator_value"
    if window is not None:
        values = with_stored(connection, "indicator_value", window.told, ("region", "year"))
    regions, years = _places(connection, values)
    breaks = Breaks(framework, regions, years, indicators, {place: basis for place, basis in places.items() if basis})
    tables = {
        "found_break": break_table(breaks.found()),
        "point_flag": point_flags(framework, plan),
        "mixed_basis": place_flags(breaks.mixed_bases()),
        "found_crosswalk": crosswalk_table(framework, regions, years),
        "found_scope": scope_table(framework, years),
    }
    for name, table in tables.items():
        connection.register(f"calc_{name}", table)
    for name in ("series_break", "crosswalk", "scope"):
        found = f"calc_found_{name.removeprefix('series_')}"
        connection.execute(f"CREATE OR REPLACE TEMP TABLE calc_{name} AS FROM {found}")
    if window is not None and _other_breaks(connection):
        raise TooNarrow("breaks in series say what a figure of any year may be compared with")
    points = coded(framework, "calc_point_flag", dimensions=True)
    bases, changes = coded(framework, "calc_mixed_basis"), coded(framework, "calc_series_break")
    for statement in flag_statements(framework, "calc_indicator_value", points, bases, changes):
        connection.execute(statement)


def _other_breaks(connection: duckdb.DuckDBPyConnection) -> bool:
    """Are the breaks not those of the result table?"""
    new, stored = "SELECT {0} FROM calc_series_break", "SELECT {0} FROM series_break"
    names = ", ".join(name for name, *_ in connection.execute("DESCRIBE FROM calc_series_break").fetchall())
    new, stored = new.format(names), stored.format(names)
    query = f"({new} EXCEPT ALL {stored}) UNION ALL ({stored} EXCEPT ALL {new}) LIMIT 1"
    return bool(connection.execute(query).fetchall())


def _places(connection: duckdb.DuckDBPyConnection, relation: str) -> tuple[list[str], list[int]]:
    places = connection.execute(f"SELECT DISTINCT region, year FROM {relation}").fetchall()
    return sorted({region for region, _ in places}), sorted({year for _, year in places})
