"""Memory is given back between the large steps of a computation, and nothing that comes out of it changes."""

from __future__ import annotations

import mmap
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import indicators.compute as computing
import indicators.protection.applying as applying
from indicators.compute import Results, compute
from indicators.laying_down import LaidDown, laying_down
from indicators.remembered import give_back
from schemas.framework_model import Framework
from warehouse.access import MEMORY_LIMIT, connect
from warehouse.store import writer


def test_tables_come_back_as_they_were_and_leave_no_file(tmp_path: Path) -> None:
    (tmp_path / ".computed").mkdir()
    (tmp_path / ".computed" / "left.arrow").write_bytes(b"of a run that was killed")
    first, empty = pa.table({"name": ["a", None], "value": [1, 2]}), pa.table({"name": pa.array([], pa.string())})
    with laying_down(tmp_path) as tables:
        tables["first"], tables["gone"], tables["empty"] = first, first, empty
        del tables["gone"]
        assert dict(tables) == {"first": first, "empty": empty}
        assert tables["first"].schema == first.schema
        assert tables.get("gone") is None
        kept = tables["first"]
        assert {path.name for path in tmp_path.rglob("*.arrow")} == {"first.arrow", "empty.arrow"}
    assert kept == first, "a view outlives the file"
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not tell what is read of files")
def test_what_was_read_of_a_table_leaves_the_memory_with_the_next_one(tmp_path: Path) -> None:
    with laying_down(tmp_path) as tables:
        tables["large"], tables["other"] = pa.table({"number": np.arange(2_000_000)}), pa.table({"value": [1]})
        kept = tables["large"]
        total, before = pc.sum(kept["number"]), _pages_of_files()
        assert tables["other"].num_rows == 1
        assert _pages_of_files() < before - kept.nbytes / mmap.PAGESIZE / 2
        assert pc.sum(kept["number"]) == total, "it is read again"


def _pages_of_files() -> int:
    return int(Path("/proc/self/statm").read_text().split()[2])


def test_a_table_that_cannot_be_laid_down_is_not_lost_silently(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="not there"):
        LaidDown(tmp_path / "not there")["some"] = pa.table({"value": [1]})


def test_a_database_lays_its_tables_aside_and_keeps_its_limit(tmp_path: Path) -> None:
    with connect(tmp_path / "some.duckdb") as connection:
        connection.execute("CREATE TEMP TABLE much AS SELECT hash(range) AS number FROM range(8_000_000)")
        content = "SELECT count(*), bit_xor(number) FROM much"
        there = connection.execute(content).fetchall()
        before = _state(connection)
        for _ in range(3):
            give_back(connection)
        held_after, limit_after = _state(connection)
        assert held_after < before[0] / 1.5
        assert limit_after == before[1] == MEMORY_LIMIT.replace("GiB", ".0 GiB")
        assert connection.execute(content).fetchall() == there


def _state(connection: duckdb.DuckDBPyConnection) -> tuple[int, str]:
    query = "SELECT sum(memory_usage_bytes), current_setting('memory_limit') FROM duckdb_memory()"
    ((used, limit),) = connection.execute(query).fetchall()
    return used, limit


def test_results_are_the_same_however_often_memory_is_given_back(
    tiny: Framework, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = _results(tiny, tmp_path / "plain")
    calls: list[object] = []

    def counted(connection: duckdb.DuckDBPyConnection | None = None) -> None:
        calls.append(connection)
        give_back(connection)

    for module in (computing, applying):
        monkeypatch.setattr(module, "LARGE", -1)
        monkeypatch.setattr(module, "give_back", counted)
    with laying_down(tmp_path) as tables:
        given = _results(tiny, tmp_path / "given", tables)
        assert given.tables is tables
        assert len(calls) >= 3
        assert set(tables) == set(plain.tables)
        for name, table in plain.tables.items():
            assert tables[name].equals(table), name
    assert given.protection.ledger.equals(plain.protection.ledger)


def _results(framework: Framework, root: Path, into: LaidDown | None = None) -> Results:
    names = "region, year, variable, value, status, valid_from"
    rows = ", ".join(f"('06411', {year}, 'GEB', {year}, 'ok', TIMESTAMP '2026-01-01')" for year in range(2019, 2025))
    with writer(root, framework) as store:
        store.connection.execute(f"INSERT INTO observation_version ({names}) VALUES {rows}")
        return compute(store.connection, framework, "observation", into=into)
