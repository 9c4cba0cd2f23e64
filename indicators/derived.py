"""Everything that follows from indicator values. It is made twice: from all values, for the house, and again from what
may leave the house alone. A figure derived from published figures tells nothing that they do not tell already."""

from __future__ import annotations

import duckdb

from indicators.gaps import gap_statement
from schemas.framework_model import Framework

PARTS = ("gap",)
"""Derived tables, each as `indicator_<part>` for the house and as `published_<part>`."""


def derive(connection: duckdb.DuckDBPyConnection, framework: Framework, values: str, prefix: str) -> None:
    """Make `calc_<prefix>_<part>` for every part from the relation `values` (`indicator_value` or `indicator_published`)."""
    connection.execute(gap_statement(framework, values, f"calc_{prefix}_gap"))
