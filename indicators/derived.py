"""Everything that follows from indicator values. It is made twice: from all values, for the house, and again from what
may leave the house alone. A figure derived from published figures tells nothing that they do not tell already."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from indicators.convergence import convergence_statements
from indicators.gaps import gap_statements
from indicators.series import last_statement, series_statements, trend_statements
from indicators.targets import make_targets
from indicators.territory_series import today_breaks, today_statements
from schemas.framework_model import Framework

PARTS = ("gap", "trend", "convergence", "last", "today", "trend_today", "target")
"""Derived tables, each as `indicator_<part>` for the house and as `published_<part>`."""
_OTHER_NAMES = {("indicator", "today"): "indicator_value_today", ("indicator", "target"): "target_status"}


def table_name(prefix: str, part: str) -> str:
    """Name of a derived table; `prefix` is `indicator` or `published`."""
    return _OTHER_NAMES.get((prefix, part), f"{prefix}_{part}")


def derive(connection: duckdb.DuckDBPyConnection, framework: Framework, values: str, prefix: str) -> None:
    """Make `calc_<prefix>_<part>` for every part from the relation `values` (`indicator_value` or `indicator_published`)."""
    moved = connection.execute("FROM calc_crosswalk LIMIT 1").fetchall()
    for statement in (
        *gap_statements(framework, values, f"calc_{prefix}_gap", f"calc_{prefix}_standardised"),
        *_in_time(framework, values, prefix, moved=bool(moved)),
    ):
        connection.execute(statement)
    make_targets(connection, framework, values, f"calc_{table_name(prefix, 'target')}")


def _in_time(framework: Framework, values: str, prefix: str, *, moved: bool) -> Iterator[str]:
    """Trends, convergence, last values, and the series at today's territory with their trends, where a territory changed."""
    series, breaks = f"calc_{prefix}_series", "calc_series_break"
    target = {part: f"calc_{table_name(prefix, part)}" for part in PARTS}
    yield from series_statements(framework, values, breaks, series)
    yield from trend_statements(framework, series, target["trend"])
    yield from convergence_statements(framework, series, "calc_scope", target["convergence"])
    yield last_statement(framework, values, target["last"])
    if not moved:
        nothing = f"SELECT *, CAST(NULL AS DATE) AS territory_day FROM {values} LIMIT 0"
        yield f"CREATE OR REPLACE TEMP TABLE {target['today']} AS {nothing}"
        yield f"CREATE OR REPLACE TEMP TABLE {target['trend_today']} AS FROM {target['trend']} LIMIT 0"
        return
    published, crosswalk, left = prefix == "published", "calc_crosswalk", f"{series}_today_break"
    yield from today_statements(framework, values, crosswalk, breaks, target["today"], published=published)
    yield today_breaks(crosswalk, breaks, left)
    yield from series_statements(framework, target["today"], left, f"{series}_today")
    yield from trend_statements(framework, f"{series}_today", target["trend_today"])
