"""A night with nothing new keeps the stored results; whatever enters a computation, or touches them, ends that."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from flows import cycle
from flows.remembering_proofs import FILE, NEXT
from flows.reusing import beside_of, state_of
from flows.settings import Settings
from indicators.compute import Beside
from schemas.framework_model import Framework
from warehouse.computed import NOTE, changed_years, computed_before, computed_beside, note, results_fingerprint
from warehouse.contents import Contents
from warehouse.ledger import append_ledger, read_ledger
from warehouse.results import Run, record_run
from warehouse.store import exclusive, writer


def test_the_note_holds_only_for_the_tables_it_was_made_for(tiny: Framework, tmp_path: Path) -> None:
    with writer(tmp_path, tiny) as store:
        connection = store.connection
        state = state_of(connection, tiny, Beside())
        assert computed_before(connection, state) is None
        made = note(connection, state, given_away=2)
        record_run(connection, Run("1", datetime(2026, 1, 1), "ingest", details={NOTE: made}))
        assert computed_before(connection, state) == made
        connection.execute("INSERT INTO indicator_value (region, year, indicator, value) VALUES ('06', 2025, 'X', 1)")
        assert computed_before(connection, state) is None, "somebody touched the results"


def test_results_stand_for_other_values_while_all_beside_them_is_the_same(tiny: Framework, tmp_path: Path) -> None:
    targets = pa.table({"region": ["06"], "target": [1.0]})
    given = beside_of(tiny, Beside())
    others = (Beside(targets=targets), Beside(projection=targets))
    assert given not in [beside_of(tiny, other) for other in others]
    assert given != beside_of(replace(tiny, content_hash="another"), Beside())
    with writer(tmp_path, tiny) as store:
        connection = store.connection
        assert not computed_beside(connection, given)
        made = note(connection, state_of(connection, tiny, Beside()), given_away=0, beside=given)
        record_run(connection, Run("1", datetime(2026, 1, 1), "ingest", details={NOTE: made}))
        assert computed_beside(connection, given)
        assert not computed_beside(connection, beside_of(tiny, others[0]))
        names = "region, year, variable, value, status, valid_from"
        row = "'06411', 2025, 'X', 1, 'ok', TIMESTAMP '2026-01-01'"
        connection.execute(f"INSERT INTO observation_version ({names}) VALUES ({row})")
        assert computed_beside(connection, given), "what was delivered meanwhile is found by its values"
        connection.execute("INSERT INTO indicator_value (region, year, indicator, value) VALUES ('06', 2025, 'X', 1)")
        assert not computed_beside(connection, given), "somebody touched the results"


def test_everything_that_enters_a_computation_is_in_the_state(tiny: Framework, tmp_path: Path) -> None:
    targets = pa.table({"region": ["06"], "target": [1.0]})
    told = pa.table({"cell": ["06/2025/X[]"], "value": pa.array([1], pa.decimal128(30, 8)), "state": ["shown"]})
    with writer(tmp_path, tiny) as store:
        connection = store.connection
        states = [state_of(connection, tiny, Beside())]
        states.append(state_of(connection, tiny, Beside(targets=targets)))
        states.append(state_of(connection, tiny, Beside(projection=targets)))
        states.append(state_of(connection, replace(tiny, content_hash="another"), Beside()))
        states.append(state_of(connection, replace(tiny, calendar_hash="another"), Beside()))
        append_ledger(connection, "1", datetime(2026, 1, 1), "rules", told)
        states.append(state_of(connection, tiny, Beside()))
        names = "region, year, variable, value, status, valid_from"
        row = "'06411', 2025, 'X', 1, 'ok', TIMESTAMP '2026-01-01'"
        connection.execute(f"INSERT INTO observation_version ({names}) VALUES ({row})")
        states.append(state_of(connection, tiny, Beside()))
        connection.execute("UPDATE observation_version SET value = 2")
        states.append(state_of(connection, tiny, Beside()))
    assert len(set(states)) == len(states)


def test_an_unchanged_night_computes_nothing(tiny: Framework, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def counted(*arguments: Any, **named: Any) -> Any:
        calls.append(1)
        return computing(*arguments, **named)

    computing = cycle.compute
    monkeypatch.setattr(cycle, "compute", counted)
    monkeypatch.setattr(cycle, "guard", lambda *_: SimpleNamespace(left_out=0))  # the attacker has tests of its own
    settings = Settings(tmp_path)
    with writer(tmp_path, tiny) as store:
        names = "region, year, variable, value, status, valid_from"
        rows = ", ".join(f"('06411', {year}, 'GEB', {year}, 'ok', TIMESTAMP '2026-01-01')" for year in (2023, 2024))
        store.connection.execute(f"INSERT INTO observation_version ({names}) VALUES {rows}")
    with exclusive(tmp_path) as lock:
        values = [cycle.compute_indicators(settings, tiny, cycle.Night(), lock, lambda _: None) for _ in range(3)]
    assert len(set(values)) == 1
    assert len(calls) == 1


NAMES = "region, year, variable, value, status, valid_from"


def test_a_night_is_told_which_years_changed(tiny: Framework, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[frozenset[int] | None] = []

    def noted(*arguments: Any, **named: Any) -> Any:
        given.append(named["beside"].changed)
        return computing(*arguments, **named)

    computing = cycle.compute
    monkeypatch.setattr(cycle, "compute", noted)
    monkeypatch.setattr(cycle, "guard", lambda *_: SimpleNamespace(left_out=0))
    corrections = (
        "UPDATE observation_version SET value = 5000 WHERE year = 2024",
        f"INSERT INTO observation_version ({NAMES}) VALUES ('06411', 2025, 'GEB', 9, 'ok', TIMESTAMP '2026-01-01')",
        "UPDATE observation_version SET value = 6000 WHERE year IN (2023, 2025)",
        "INSERT INTO release_ledger (cell, value, state, release_id, policy, published_at)"
        " VALUES ('06411/2025/GEB[]', 1, 'shown', 'x', 'x', TIMESTAMP '2026-01-02')",
    )
    with exclusive(tmp_path) as lock:
        with writer(tmp_path, tiny, lock=lock) as store:
            rows = ", ".join(f"('06411', {year}, 'GEB', {year}, 'ok', TIMESTAMP '2026-01-01')" for year in (2023, 2024))
            store.connection.execute(f"INSERT INTO observation_version ({NAMES}) VALUES {rows}")
        for correction in (None, *corrections):
            if correction:
                with writer(tmp_path, tiny, lock=lock) as store:
                    store.connection.execute(correction)
            cycle.compute_indicators(Settings(tmp_path), tiny, cycle.Night(), lock, lambda _: None)
    first, one, new, two, others = given
    assert first is None, "nothing stands yet"
    assert one == {2024}
    assert new is None, "a year has come"
    assert two == {2023, 2025}
    assert others is None, "somebody else wrote to the ledger"


def test_a_row_that_came_while_a_run_computed_ends_its_note(tiny: Framework, tmp_path: Path) -> None:
    """A run reads the tables once and follows what it writes: what somebody else wrote is in no note, and so is noticed."""
    with writer(tmp_path, tiny) as store:
        connection, seen = store.connection, Contents(store.connection)
        results_fingerprint(connection, seen)
        connection.execute("INSERT INTO indicator_value (region, year, indicator, value) VALUES ('06', 2025, 'X', 1)")
        state = state_of(connection, tiny, Beside(), seen)
        made = note(connection, state, given_away=0, seen=seen)
        record_run(connection, Run("1", datetime(2026, 1, 1), "ingest", details={NOTE: made}))
        assert computed_before(connection, state) is None


def test_a_night_notes_what_stands_and_computes_little_on_one_thread(
    tiny: Framework, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The note is that of somebody who reads all tables when it is written, whatever the night changed."""
    threads: list[int] = []

    def noted(connection: Any, *arguments: Any, **named: Any) -> Any:
        threads.extend(*connection.execute("SELECT current_setting('threads')").fetchall())
        return computing(connection, *arguments, **named)

    computing = cycle.compute
    monkeypatch.setattr(cycle, "compute", noted)
    monkeypatch.setattr(cycle, "guard", lambda *_: SimpleNamespace(left_out=0))
    rows = ", ".join(f"('06411', {year}, 'GEB', {year}, 'ok', TIMESTAMP '2026-01-01')" for year in range(2013, 2026))
    correction = "UPDATE observation_version SET value = 5000 WHERE year = 2025"
    with exclusive(tmp_path) as lock:
        for statement in (f"INSERT INTO observation_version ({NAMES}) VALUES {rows}", correction):
            with writer(tmp_path, tiny, lock=lock) as store:
                store.connection.execute(statement)
            night = cycle.Night()
            cycle.compute_indicators(Settings(tmp_path), tiny, night, lock, lambda _: None)
            with writer(tmp_path, tiny, lock=lock) as store:
                plain = note(store.connection, night.computed["state"], night.given_away, night.computed["beside"])
                usual = store.connection.execute("SELECT current_setting('threads')").fetchall()[0][0]
            assert night.computed == plain | {"unsettled": night.computed["unsettled"]}
    assert threads == [usual, 1], "all of it first, then the newest years"


def test_years_that_a_run_left_unsettled_are_looked_at_again(tiny: Framework, tmp_path: Path) -> None:
    with writer(tmp_path, tiny) as store:
        connection = store.connection
        row = "'06411', 2025, 'GEB', 1, 'ok', TIMESTAMP '2026-01-01'"
        connection.execute(f"INSERT INTO observation_version ({NAMES}) VALUES ({row})")
        settled, open_, leaky = (note(connection, "", away, unsettled=years) for away, years in (
            (0, ()), (0, (2019,)), (1, ())))  # fmt: skip
        assert changed_years(connection, settled) == frozenset()
        assert changed_years(connection, open_) == {2019}
        assert changed_years(connection, leaky) is None, "each run says anew what had been given away"
        assert changed_years(connection, {"given_away": 0}) is None, "a note of an older house"


def test_decisions_are_believed_once_the_ledger_has_them(
    tiny: Framework, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decision that is taken from memory tells the ledger nothing: a run that dies before must not leave one."""

    def dies(*_: Any) -> None:
        raise KeyboardInterrupt

    with writer(tmp_path, tiny) as store:
        row = "'06411', 2025, 'GEB', 1, 'ok', TIMESTAMP '2026-01-01'"
        store.connection.execute(f"INSERT INTO observation_version ({NAMES}) VALUES ({row})")
    with exclusive(tmp_path) as lock:
        with monkeypatch.context() as patched:
            patched.setattr(cycle, "append_ledger", dies)
            with pytest.raises(KeyboardInterrupt):
                cycle.compute_indicators(Settings(tmp_path), tiny, cycle.Night(), lock, lambda _: None)
        assert (tmp_path / NEXT).exists()
        assert not (tmp_path / FILE).exists()
        cycle.compute_indicators(Settings(tmp_path), tiny, cycle.Night(), lock, lambda _: None)
    assert (tmp_path / FILE).exists()
    assert not (tmp_path / NEXT).exists()


def test_the_ledger_is_told_as_it_grew_though_a_clock_went_back(tiny: Framework, tmp_path: Path) -> None:
    """Records that lie as they came, told at one moment and at several, and one of a machine whose clock was late."""
    moments = {
        "a": datetime(2026, 1, 1),
        "b": datetime(2026, 1, 3),
        "c": datetime(2026, 1, 2),
        "d": datetime(2026, 1, 3),
    }
    told: list[list[str]] = []
    with writer(tmp_path, tiny) as store:
        for name, moment in moments.items():
            cells = [f"{name}2", f"{name}1"]
            records = {"cell": cells, "value": pa.array([1, 2], pa.decimal128(30, 8)), "state": ["shown", "hidden"]}
            append_ledger(store.connection, name, moment, "rules", pa.table(records))
            told.append(read_ledger(store.connection).column("cell").to_pylist())
        until = read_ledger(store.connection, datetime(2026, 1, 2))
    assert told[1] == ["a2", "a1", "b2", "b1"]
    assert told[3] == ["a2", "a1", "c2", "c1", "b2", "b1", "d2", "d1"]
    assert until.column("cell").to_pylist() == ["a2", "a1", "c2", "c1"]
    assert until.column_names == ["cell", "value", "state", "published_at"]
