"""Everything that follows from indicator values. It is made twice: from all values, for the house, and again from what
may leave the house alone. A figure derived from published figures tells nothing that they do not tell already."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import duckdb
import pyarrow as pa

from indicators.convergence import COMPARED, compared_values, convergence_statements, years_reached
from indicators.gaps import gap_statements
from indicators.series import last_statements, make_trends, read_trends, series_statements
from indicators.standing import Anew, of_these
from indicators.targets import make_targets
from indicators.territory_series import today_breaks, today_statements
from indicators.window import Window, listed, with_stored
from schemas.framework_model import Framework

PARTS = ("gap", "trend", "convergence", "last", "today", "trend_today", "target")
"""Derived tables, each as `indicator_<part>` for the house and as `published_<part>`."""
BY_REGION = ("trend", "last", "today", "trend_today")
"""Parts that follow from the values of a region alone, or of those that make it up today."""
_BREAKS = "calc_series_break"
HOUSE, PUBLISHED = "indicator", "published"
"""Prefixes of what is made for the house, first, and of what is made of published figures."""
_OTHER_NAMES = {("indicator", "today"): "indicator_value_today", ("indicator", "target"): "target_status"}


def table_name(prefix: str, part: str) -> str:
    """Name of a derived table; `prefix` is `indicator` or `published`."""
    return _OTHER_NAMES.get((prefix, part), f"{prefix}_{part}")


def derived_tables(
    connection: duckdb.DuckDBPyConnection,
    framework: Framework,
    give_back: Callable[[], None],
    *,
    anew: Anew | None = None,
    window: Window | None = None,
) -> Iterator[tuple[str, pa.Table]]:
    """What follows from the values (`calc_indicator_value`), and what follows from the published ones: name and rows of one
    table after the other. After making them `give_back` is called. `anew`: tables of BY_REGION hold these regions alone,
    convergence the years that theirs reach (`indicators.standing`). `window`: the values are those of the years that it
    makes, and so are the gaps; the values of all other years are stored."""
    for prefix, values in ((HOUSE, "indicator_value"), (PUBLISHED, "indicator_published")):
        computed = f"calc_{values}"
        whole = computed if window is None else f"calc_whole_{prefix}"
        if window is not None:
            stored = with_stored(connection, values, window.made)
            connection.execute(f"CREATE OR REPLACE TEMP VIEW {whole} AS FROM {stored}")
        _derive(connection, framework, (computed, whole), prefix, anew=anew)
        if window is not None:
            connection.execute(f"DELETE FROM calc_{prefix}_gap WHERE year NOT IN {listed(window.beside)}")
        give_back()
    for prefix in (HOUSE, PUBLISHED):
        yield from _read(connection, prefix)
    _forget_trends(connection)


def _derive(
    connection: duckdb.DuckDBPyConnection,
    framework: Framework,
    relations: tuple[str, str],
    prefix: str,
    *,
    anew: Anew | None,
) -> None:
    """Make `calc_<prefix>_<part>` for every part from two relations (of the shape of `indicator_value` or
    `indicator_published`): what was computed, and with it what is stored."""
    computed, values = relations
    moved = connection.execute("FROM calc_crosswalk LIMIT 1").fetchall()
    _run(connection, gap_statements(framework, computed, f"calc_{prefix}_gap", f"calc_{prefix}_standardised"))
    _make_series(connection, framework, values, prefix, anew)
    if moved:
        _make_today(connection, framework, values, prefix, anew)
    else:
        _run(connection, _nothing_moved(values, prefix))
    make_targets(connection, framework, values, f"calc_{table_name(prefix, 'target')}")


def _run(connection: duckdb.DuckDBPyConnection, statements: Iterable[str]) -> None:
    for statement in statements:
        connection.execute(statement)


def _read(connection: duckdb.DuckDBPyConnection, prefix: str) -> Iterator[tuple[str, pa.Table]]:
    """Name and rows of every table that `_derive` made, in an order that joins do not have; each is given up when read."""
    series = {"trend": f"calc_{prefix}_series", "trend_today": f"calc_{prefix}_series_today"}
    for part in reversed(PARTS):
        name = table_name(prefix, part)
        if part in series:
            yield name, read_trends(connection, series[part], f"calc_{name}")
            connection.execute(f"DROP VIEW calc_{name}")
        else:
            yield name, connection.sql(f"FROM calc_{name} ORDER BY ALL").to_arrow_table()
            connection.execute(f"DROP TABLE calc_{name}")


def _forget_trends(connection: duckdb.DuckDBPyConnection) -> None:
    """Give up the rows of the trends; those published are for the most part those of the house."""
    connection.execute(f"DROP VIEW calc_{table_name(PUBLISHED, 'trend')}_row")
    for prefix in (HOUSE, PUBLISHED):
        for name in (table_name(prefix, "trend"), table_name(prefix, "trend_today")):
            for rows in ("row", "rest_row"):
                connection.execute(f"DROP TABLE IF EXISTS calc_{name}_{rows}")


def _make_series(
    connection: duckdb.DuckDBPyConnection, framework: Framework, values: str, prefix: str, anew: Anew | None
) -> None:
    """Trends, convergence and last values."""
    series, target = f"calc_{prefix}_series", _targets(prefix)
    own, compared, years = values, series, None
    if anew is not None:  # regions are compared with each other: that takes all of them, but few figures of each
        own, compared, years = f"{series}_value", f"{series}_compared", years_reached(framework, anew.years)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {own} AS {of_these(values, anew)}")
        needed = compared_values(framework, values, years)
        _run(connection, series_statements(framework, needed, _BREAKS, compared, COMPARED))
    _run(connection, series_statements(framework, own, _BREAKS, series))
    house = None if prefix == HOUSE else (f"calc_{HOUSE}_series", _targets(HOUSE)["trend"])
    make_trends(connection, framework, series, target["trend"], house)
    _run(connection, convergence_statements(framework, compared, "calc_scope", target["convergence"], years))
    _run(connection, last_statements(framework, own, series, target["last"]))


def _make_today(
    connection: duckdb.DuckDBPyConnection, framework: Framework, values: str, prefix: str, anew: Anew | None
) -> None:
    """The series at today's territory, and their trends."""
    series, target, published = f"calc_{prefix}_series_today", _targets(prefix), prefix == PUBLISHED
    crosswalk = "calc_crosswalk" if anew is None else f"({of_these('calc_crosswalk', anew)})"
    left = f"{series}_break"
    _run(connection, today_statements(framework, values, crosswalk, _BREAKS, target["today"], published=published))
    connection.execute(today_breaks(crosswalk, _BREAKS, left))
    _run(connection, series_statements(framework, target["today"], left, series))
    make_trends(connection, framework, series, target["trend_today"])


def _nothing_moved(values: str, prefix: str) -> Iterator[str]:
    """The same tables where no territory changed."""
    series, target = f"calc_{prefix}_series", _targets(prefix)
    nothing = f"SELECT *, CAST(NULL AS DATE) AS territory_day FROM {values} LIMIT 0"
    yield f"CREATE OR REPLACE TEMP TABLE {target['today']} AS {nothing}"
    yield f"CREATE OR REPLACE TEMP TABLE {target['trend_today']}_row AS FROM {target['trend']}_row LIMIT 0"
    yield f"CREATE OR REPLACE TEMP TABLE {series}_today_key AS FROM {series}_key LIMIT 0"
    yield f"CREATE OR REPLACE TEMP VIEW {target['trend_today']} AS FROM {target['trend']} LIMIT 0"


def _targets(prefix: str) -> dict[str, str]:
    return {part: f"calc_{table_name(prefix, part)}" for part in PARTS}
