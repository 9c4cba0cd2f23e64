"""Symbols that releases showed: kept for the newest year of a target, never touched again, read back by moment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa
import pytest

from indicators.former import SYMBOLS
from schemas.framework_model import Framework
from warehouse import migrations
from warehouse.symbols import append_symbols, read_symbols

NIGHT = datetime(2026, 11, 22, 3, tzinfo=UTC)


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    (step,) = [step for step in migrations.available() if "published_symbol" in step.template]
    with duckdb.connect(":memory:") as opened:
        opened.execute(step.template)
        yield opened


def shown(framework: Framework, symbols: dict[int, str], group: str = "T") -> pa.Table:
    """Rows of `published_target` of one target."""
    dims = dict.fromkeys((code.lower() for code in framework.dimension_order), "T") | {"grp": group}
    rows = [
        {"region": "06413", "indicator": "I", "target_id": "Z", "year": year, "symbol": symbol} | dims
        for year, symbol in symbols.items()
    ]
    return pa.Table.from_pylist(rows)


def known(connection: duckdb.DuckDBPyConnection, until: datetime | None = None) -> dict[tuple[str, int], str]:
    return {(row["members"], row["year"]): row["symbol"] for row in read_symbols(connection, until).to_pylist()}


def test_only_the_newest_year_is_kept_and_only_when_it_says_something_new(
    connection: duckdb.DuckDBPyConnection, framework: Framework
) -> None:
    def release(night: int, symbols: dict[int, str], group: str = "T") -> int:
        moment = NIGHT + timedelta(days=night)
        return append_symbols(connection, framework, f"run-{night}", moment, shown(framework, symbols, group))

    assert release(0, {2023: "sun", 2024: "cloud", 2025: "sun"}) == 1
    assert release(1, {2023: "sun", 2024: "cloud", 2025: "sun"}) == 0
    assert release(2, {2025: "cloud"}) == 1  # the same year, looked at again: the last one shown counts
    assert release(3, {2025: "sun", 2026: ""}) == 1  # what 2025 showed is over; an empty symbol is kept, too
    assert release(4, {2025: "thunderstorm", 2026: "sun"}, "A") == 1
    assert release(5, {2025: "sun", 2026: ""}) == 0
    assert known(connection) == {("", 2025): "cloud", ("", 2026): "", ("GRP=A", 2026): "sun"}
    assert known(connection, NIGHT + timedelta(days=1)) == {("", 2025): "sun"}
    assert connection.execute("SELECT DISTINCT release_id FROM published_symbol ORDER BY 1").fetchall() == [
        ("run-0",),
        ("run-2",),
        ("run-3",),
        ("run-4",),
    ]


def test_a_snapshot_of_an_earlier_version_has_none() -> None:
    with duckdb.connect(":memory:") as connection:
        assert read_symbols(connection).schema == SYMBOLS
        assert read_symbols(connection).num_rows == 0


def test_what_is_read_has_the_shape_that_the_computation_takes(
    connection: duckdb.DuckDBPyConnection, framework: Framework
) -> None:
    append_symbols(connection, framework, "run", NIGHT, shown(framework, {2025: "sun"}))
    assert read_symbols(connection).schema == SYMBOLS
