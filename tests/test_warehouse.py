"""The warehouse: history of every value, one writer, published generations, the way back from a number to its cell."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from schemas import definitions as d
from schemas.framework_model import Framework
from schemas.loading import load_framework
from schemas.shapes import (
    CheckedDelivery,
    Finding,
    FindingState,
    Observation,
    Severity,
    Slice,
    Submission,
    Verdict,
    member_key,
)
from warehouse import migrations, publishing
from warehouse.access import arrow
from warehouse.computed import results_fingerprint
from warehouse.lineage import UnknownNumber, why
from warehouse.loading import (
    as_of,
    known_sha,
    load_deliveries,
    next_submission_id,
)
from warehouse.migrations import ForeignFramework, NewerWarehouse
from warehouse.past import previous_values, values_of_region, values_of_year
from warehouse.places import Places, Unusable, wal_of
from warehouse.publishing import current_generation, fingerprint, publish
from warehouse.results import RESULTS, Completed, Run, record_run, replace_all_results
from warehouse.snapshot import NoSnapshot, open_snapshot
from warehouse.store import Locked, Writer, exclusive, lock_holder, writer
from warehouse.stored import LoadResult

REPOSITORY = Path(__file__).resolve().parents[1]
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LIMBURG, FULDA, UNIT_X = "06533", "06631", "06531"
Members = tuple[tuple[str, str], ...]
Values = Mapping[tuple[str, Members], int | str | None]

CONTRACT = {
    "submission": "id sha256 file_name sender region year received_at framework_version layout verdict supersedes",
    "observation": "region year variable value status conf_status submission_id sheet cell",
    "observation_history": "region year variable value status conf_status submission_id sheet cell valid_from valid_to",
    "finding": "submission_id code severity sheet cell variable message found expected remedy state reason",
    "indicator_value": "region year indicator value status numerator denominator lower upper n_reported n_members"
    " framework_version",
    "indicator_gap": "region year indicator focus reference difference ratio lower upper status",
    "indicator_trend": "region year indicator change period direction method",
    "target_status": "region year indicator target projection symbol certainty",
    "indicator_published": "region year indicator value sign status reason numerator denominator",
    "region": "code name level kind parent valid_from valid_to aggregate",
    "variable": "code name_de name_en definition_de type source dimensions decimals",
    "indicator": "code name_de name_en formula unit decimals direction period sources",
    "rule": "code severity expression",
    "run": "id started_at finished_at kind outcome code_version lock_hash framework_version framework_hash counts",
    "delivered_register": "region year register submission_id",
    "record": "region year register id field value submission_id sheet sheet_row cell",
    "record_history": "region year register id field value submission_id sheet sheet_row cell valid_from valid_to",
    "published_register": "region year register entries",
    "published_record": "region year register position id field value",
    "status": "code sign obs_status conf_status",
    "dimension_member": "dimension member name_de name_en",
}


@pytest.fixture(scope="module")
def framework() -> Framework:
    return load_framework(REPOSITORY / "schemas" / "framework")


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory, framework: Framework) -> Path:
    """A warehouse without content, to be copied."""
    root = tmp_path_factory.mktemp("empty")
    with writer(root, framework):
        pass
    return root


@pytest.fixture
def opened(tmp_path: Path, framework: Framework, empty: Path) -> Iterator[Writer]:
    shutil.copytree(empty, tmp_path, dirs_exist_ok=True)
    with writer(tmp_path, framework) as found:
        yield found


def delivery(
    number: int,
    values: Values,
    *,
    region: str = UNIT_X,
    year: int = 2025,
    verdict: Verdict = Verdict.ACCEPTED,
    layout: str = "form",
    nil_return: bool = False,
    findings: tuple[Finding, ...] = (),
) -> CheckedDelivery:
    """A delivery whose cells stand one below the other; a text as value is a status without a value."""
    submission = Submission(
        id=f"2026-{region}-{number:04d}",
        sha256=f"{region}{number:04d}".ljust(64, "0"),
        file_name=f"bogen-{number}.xlsx",
        sender=region,
        received_at=NOON,
        region=region,
        year=year,
        framework_version="2026.1",
        layout=layout,
        verdict=verdict,
        nil_return=nil_return,
    )
    observations = tuple(
        Observation(
            region=region,
            year=year,
            variable=variable,
            members=members,
            value=None if isinstance(value, str) or value is None else Decimal(value),
            status=value if isinstance(value, str) else "ok",
            sheet="Bogen",
            cell=f"C{row}",
            text=str(value),
        )
        for row, ((variable, members), value) in enumerate(values.items(), start=5)
    )
    return CheckedDelivery(submission, observations, findings)


def load(target: Writer, *deliveries: CheckedDelivery, now: datetime = NOON) -> LoadResult:
    return load_deliveries(target.connection, deliveries, now, "run-1")


def submissions(connection: duckdb.DuckDBPyConnection) -> pa.Table:
    """The ledger in the order in which it was stored."""
    return arrow(connection, "SELECT * FROM submission ORDER BY checked_at")


def current(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, int, str], Decimal | None]:
    found = connection.execute("SELECT region, year, variable, value FROM observation").fetchall()
    assert len({row[:3] for row in found}) == len(found), "one current value for every key"
    return {(region, year, variable): value for region, year, variable, value in found}


def ordered(table: pa.Table) -> list[dict[str, Any]]:
    return sorted(table.to_pylist(), key=repr)


def base(framework: Framework, count: int) -> list[str]:
    """Some variables of the framework; which ones does not matter."""
    return list(framework.variables)[:count]


# --- loading and history ---------------------------------------------------------------------------------------------


def test_a_value_keeps_its_origin_and_its_text(opened: Writer, framework: Framework) -> None:
    (variable,) = base(framework, 1)
    result = load(opened, delivery(1, {(variable, (("SEX", "W"),)): 12}))
    assert (result.loaded, result.accepted, result.values_added) == (["2026-06531-0001"], ["2026-06531-0001"], 1)
    (row,) = opened.connection.sql("SELECT * FROM observation_version").to_arrow_table().to_pylist()
    assert row["value"] == Decimal(12)
    assert row["text"] == "12"
    assert row["valid_to"] is None
    assert (row["sheet"], row["cell"], row["submission_id"]) == ("Bogen", "C5", "2026-06531-0001")
    assert (row["sex"], row["grp"], row["conf_status"]) == ("W", "T", framework.statuses["ok"].conf_status)
    assert row["valid_from"] == NOON.replace(tzinfo=None)


def test_a_correction_replaces_everything_the_layout_said_before(opened: Writer, framework: Framework) -> None:
    a, b, c = base(framework, 3)
    load(opened, delivery(1, {(a, ()): 1, (b, ()): 2}))
    result = load(opened, delivery(2, {(a, ()): 10, (c, ()): 3}), now=NOON + timedelta(hours=1))
    assert (result.values_added, result.values_closed) == (2, 2)
    assert current(opened.connection) == {(UNIT_X, 2025, a): 10, (UNIT_X, 2025, c): 3}
    stored = submissions(opened.connection).to_pylist()
    assert [row["supersedes"] for row in stored] == ["", "2026-06531-0001"]
    history = opened.connection.execute("SELECT valid_from, valid_to FROM observation_history WHERE value = 1")
    hour = NOON.replace(tzinfo=None) + timedelta(hours=1)
    assert history.fetchall() == [(NOON.replace(tzinfo=None), hour)]


def test_other_regions_years_and_layouts_stay(opened: Writer, framework: Framework) -> None:
    a, b = base(framework, 2)
    load(
        opened,
        delivery(1, {(a, ()): 1}),
        delivery(2, {(a, ()): 2}, year=2024),
        delivery(1, {(a, ()): 3}, region=FULDA),
        delivery(3, {(b, ()): 4}, layout="foreign"),
    )
    load(opened, delivery(4, {(a, ()): 9}))
    assert current(opened.connection) == {
        (UNIT_X, 2025, a): 9,
        (UNIT_X, 2024, a): 2,
        (FULDA, 2025, a): 3,
        (UNIT_X, 2025, b): 4,
    }


def test_the_same_cell_from_another_layout_is_replaced_alone(opened: Writer, framework: Framework) -> None:
    a, b = base(framework, 2)
    load(opened, delivery(1, {(a, ()): 1, (b, ()): 2, (a, (("SEX", "W"),)): 5}))
    result = load(opened, delivery(2, {(b, ()): 20}, layout="foreign"))
    assert result.values_closed == 1
    found = opened.connection.execute("SELECT variable, sex, value FROM observation ORDER BY value").fetchall()
    assert found == [(a, "T", 1), (a, "W", 5), (b, "T", 20)]


def test_a_nil_return_ends_what_was_said_before(opened: Writer, framework: Framework) -> None:
    a, b = base(framework, 2)
    load(opened, delivery(1, {(a, ()): 1}), delivery(2, {(b, ()): 2}, year=2024))
    load(opened, delivery(3, {}, nil_return=True))
    assert current(opened.connection) == {(UNIT_X, 2024, b): 2}


@pytest.mark.parametrize("verdict", [Verdict.RETURNED, Verdict.REFUSED])
def test_what_is_not_accepted_changes_no_value(opened: Writer, framework: Framework, verdict: Verdict) -> None:
    (a,) = base(framework, 1)
    finding = Finding("X1", Severity.ERROR, "Satz.", "Abhilfe.", cell="C5", state=FindingState.CONFIRMED, count=3)
    load(opened, delivery(1, {(a, ()): 1}))
    result = load(opened, delivery(2, {(a, ()): 2}, verdict=verdict, findings=(finding,)))
    assert (result.loaded, result.accepted) == (["2026-06531-0002"], [])
    assert current(opened.connection) == {(UNIT_X, 2025, a): 1}
    (row,) = opened.connection.sql("SELECT * FROM finding").to_arrow_table().to_pylist()
    assert (row["submission_id"], row["severity"], row["state"]) == ("2026-06531-0002", "error", "confirmed")
    assert (row["count"], row["message"]) == (3, "Satz.")


def test_loading_twice_equals_loading_once(opened: Writer, framework: Framework) -> None:
    (a,) = base(framework, 1)
    first, second = delivery(1, {(a, ()): 1}), delivery(2, {(a, ()): 2})
    load(opened, first, second)
    before = fingerprint(opened.connection, framework)
    renamed = replace(first, submission=replace(first.submission, id="2026-06531-0099"))
    result = load(opened, first, second, renamed)
    assert result.duplicates == {
        "2026-06531-0001": "2026-06531-0001",
        "2026-06531-0002": "2026-06531-0002",
        "2026-06531-0099": "2026-06531-0001",
    }
    assert not result.loaded
    assert fingerprint(opened.connection, framework) == before
    other_sender = replace(first, submission=replace(renamed.submission, sender="x", region=FULDA))
    assert load(opened, other_sender).loaded == ["2026-06531-0099"]


def test_the_same_file_twice_in_one_load_counts_once(opened: Writer, framework: Framework) -> None:
    (a,) = base(framework, 1)
    twice = delivery(1, {(a, ()): 1})
    result = load(opened, twice, replace(twice, submission=replace(twice.submission, id="2026-06531-0002")))
    assert (result.loaded, result.duplicates) == (["2026-06531-0001"], {"2026-06531-0002": "2026-06531-0001"})


def test_one_delivery_that_cannot_be_stored_does_not_stop_the_others(opened: Writer, framework: Framework) -> None:
    a, b = base(framework, 2)
    good = delivery(9, {(a, ()): 1}, region=FULDA)
    double = delivery(1, {(a, ()): 1, (b, ()): 2})
    double = replace(double, observations=(*double.observations, double.observations[0]._replace(cell="D9")))
    unknown = delivery(2, {(a, ()): "no_such_status"})
    foreign = delivery(3, {(a, (("NO_SUCH_DIMENSION", "X"),)): 1})
    endless = delivery(4, {(a, ()): 10**21})
    result = load(opened, double, unknown, foreign, endless, good)
    assert result.loaded == ["2026-06631-0009"]
    assert len(result.failed) == 4
    assert "Bogen!D9" in result.failed["2026-06531-0001"]
    assert "Bogen!C5" in result.failed["2026-06531-0004"]
    assert "10000" not in "".join(result.failed.values()), "no values in messages"
    assert current(opened.connection) == {(FULDA, 2025, a): 1}


def test_system_time_moves_forward_when_the_clock_does_not(opened: Writer, framework: Framework) -> None:
    (a,) = base(framework, 1)
    zone = timezone(timedelta(hours=2))
    for number, now in enumerate(
        [NOON, NOON, NOON - timedelta(days=1), (NOON + timedelta(days=1)).astimezone(zone)], 1
    ):
        load(opened, delivery(number, {(a, ()): number}), now=now)
    moments = opened.connection.execute(
        "SELECT valid_from, valid_to FROM observation_history ORDER BY value"
    ).fetchall()
    starts = [start for start, _ in moments]
    assert starts == sorted(set(starts))
    assert [end for _, end in moments] == [*starts[1:], None]
    assert starts[-1] == (NOON + timedelta(days=1)).replace(tzinfo=None)


def test_as_of_reproduces_every_earlier_state(opened: Writer, framework: Framework) -> None:
    a, b = base(framework, 2)
    steps = [
        delivery(1, {(a, ()): 1, (b, ()): "secret"}),
        delivery(2, {(a, ()): 2}),
        delivery(3, {(b, ()): 7}, layout="foreign"),
        delivery(4, {}, nil_return=True),
    ]
    states: list[tuple[datetime, list[dict[str, Any]]]] = []
    for hour, step in enumerate(steps):
        moment = NOON + timedelta(hours=hour)
        load(opened, step, now=moment)
        states.append((moment, ordered(arrow(opened.connection, "SELECT * FROM observation"))))
    for moment, state in states:
        assert ordered(as_of(opened.connection, moment)) == state
        assert ordered(as_of(opened.connection, moment + timedelta(minutes=59))) == state
    assert as_of(opened.connection, NOON - timedelta(seconds=1)).num_rows == 0


def test_previous_values_are_told_by_member_key(opened: Writer, framework: Framework) -> None:
    a, b = base(framework, 2)
    load(opened, delivery(1, {(a, (("GRP", "A"), ("SEX", "W"))): 4, (b, ()): "secret"}, year=2024))
    assert previous_values(opened.connection, UNIT_X, 2024) == {
        (a, "GRP=A,SEX=W"): (Decimal(4), "ok"),
        (b, ""): (None, "secret"),
    }
    assert previous_values(opened.connection, UNIT_X, 2025) == {}


def test_the_values_of_a_year_are_those_of_each_of_its_regions(opened: Writer, framework: Framework) -> None:
    """Equal numbers with another status, equal statuses with another number, cells that only one region has."""
    a, b = base(framework, 2)
    women, born = (("GRP", "A"), ("SEX", "W")), (("GRP", "A"),)
    here: Values = {(a, women): 4, (a, born): 4, (a, ()): 9, (b, ()): "secret", (b, born): 0}
    there: Values = {(b, ()): 4, (a, ()): "secret", (b, women): "unreliable", (a, (("SEX", "W"),)): 9}
    load(opened, delivery(1, here), delivery(1, there, region=FULDA), delivery(2, {(a, ()): 7}, year=2024))
    told = {
        region: {
            (variable, member_key(members)): (None, value) if isinstance(value, str) else (Decimal(str(value)), "ok")
            for (variable, members), value in cells.items()
        }
        for region, cells in ((UNIT_X, here), (FULDA, there))
    }
    assert values_of_year(opened.connection, 2025) == told
    assert {region: previous_values(opened.connection, region, 2025) for region in told} == told
    assert values_of_year(opened.connection, 2023) == {}
    earlier = {2024: {(a, ""): (Decimal(7), "ok")}}
    assert values_of_region(opened.connection, UNIT_X) == {2025: told[UNIT_X]} | earlier
    assert values_of_region(opened.connection, FULDA) == {2025: told[FULDA]}
    assert values_of_region(opened.connection, "06414") == {}


def test_more_than_four_decimals_are_rounded_half_to_even(opened: Writer, framework: Framework) -> None:
    (a,) = base(framework, 1)
    fine = delivery(1, {(a, ()): 1})
    cell = fine.observations[0]._replace(value=Decimal("0.00025"), text="0.00025")
    load(opened, replace(fine, observations=(cell,)))
    assert opened.connection.execute("SELECT value, text FROM observation_version").fetchall() == [
        (Decimal("0.0002"), "0.00025")
    ]


def test_ids_run_per_region_and_year_of_receipt(opened: Writer, framework: Framework) -> None:
    connection = opened.connection
    assert next_submission_id(connection, "", NOON) == "2026-00000-0001"
    load(opened, delivery(41, {}), delivery(1, {}, region="06531023"))
    assert next_submission_id(connection, UNIT_X, NOON) == "2026-06531-0042"
    assert next_submission_id(connection, UNIT_X, NOON, taken=["2026-06531-0042", "2026-06631-0077"]) == (
        "2026-06531-0043"
    )
    assert next_submission_id(connection, UNIT_X, NOON + timedelta(days=90)) == "2027-06531-0001"


def test_known_bytes_of_the_same_sender(opened: Writer) -> None:
    returned = delivery(1, {}, verdict=Verdict.RETURNED)
    load(opened, returned)
    sha256 = returned.submission.sha256
    assert known_sha(opened.connection, sha256, UNIT_X) == "2026-06531-0001"
    assert known_sha(opened.connection, sha256, FULDA) is None


# --- results and framework tables -------------------------------------------------------------------------------------


def value_table(rows: list[dict[str, Any]]) -> pa.Table:
    columns = CONTRACT["indicator_value"].split()
    return pa.Table.from_pylist([{name: row.get(name) for name in columns} | row for row in rows])


def test_results_are_replaced_as_a_whole(opened: Writer) -> None:
    first = value_table([{"region": UNIT_X, "year": 2025, "indicator": "I1", "value": 1.5, "sex": "W"}])
    second = value_table([{"region": UNIT_X, "year": 2025, "indicator": "I2", "numerator": Decimal("1.12345678")}])
    replace_all_results(opened.connection, {"indicator_value": first})
    replace_all_results(opened.connection, {"indicator_value": second})
    found = opened.connection.execute("SELECT indicator, value, numerator, sex FROM indicator_value").fetchall()
    assert found == [("I2", None, Decimal("1.12345678"), "T")]


def test_rows_of_some_regions_are_replaced_and_all_others_stay(opened: Writer) -> None:
    other, gone = "06412", "06413"
    stored = [{"region": region, "year": 2025, "indicator": "I1", "value": 1.0} for region in (UNIT_X, other, gone)]
    replace_all_results(opened.connection, {"indicator_value": value_table(stored)})
    new = {"indicator_value": value_table([{"region": UNIT_X, "year": 2025, "indicator": "I1", "value": 2.0}])}
    changed = {"indicator_value": Slice(frozenset([UNIT_X, gone]))}
    whole = Completed(opened.connection, new, changed)["indicator_value"]
    replace_all_results(opened.connection, new, changed)
    found = opened.connection.execute("SELECT region, value FROM indicator_value ORDER BY region").fetchall()
    assert found == sorted([(UNIT_X, 2.0), (other, 1.0)])
    assert sorted(zip(whole["region"].to_pylist(), whole["value"].to_pylist(), strict=True)) == found
    none = {"indicator_value": Slice(frozenset())}
    replace_all_results(opened.connection, new, none)
    assert opened.connection.execute("SELECT region, value FROM indicator_value ORDER BY region").fetchall() == found
    assert Completed(opened.connection, new, none)["indicator_value"].num_rows == len(found) + 1


def test_rows_of_some_years_are_replaced_and_all_others_stay(opened: Writer) -> None:
    def rows_of(years: tuple[int, ...], value: float) -> list[dict[str, Any]]:
        return [{"region": r, "year": y, "indicator": "I1", "value": value} for r in (UNIT_X, "06412") for y in years]

    replace_all_results(opened.connection, {"indicator_value": value_table(rows_of((2023, 2024, 2025), 1.0))})
    new = {"indicator_value": value_table(rows_of((2025,), 2.0))}
    years = frozenset([2024, 2025])
    whole = Completed(opened.connection, new, {"indicator_value": Slice(years=years)})["indicator_value"]
    assert sorted(zip(*(whole[name].to_pylist() for name in ("region", "year", "value")), strict=True)) == [
        ("06412", 2023, 1.0), ("06412", 2025, 2.0), (UNIT_X, 2023, 1.0), (UNIT_X, 2025, 2.0),
    ]  # fmt: skip
    replace_all_results(opened.connection, new, {"indicator_value": Slice(frozenset([UNIT_X]), years)})
    found = opened.connection.execute("SELECT region, year, value FROM indicator_value ORDER BY ALL").fetchall()
    others = [("06412", 2023, 1.0), ("06412", 2024, 1.0), ("06412", 2025, 1.0)]
    assert found == [*others, (UNIT_X, 2023, 1.0), (UNIT_X, 2025, 2.0)], "of this region alone, and of these years"


def test_wrong_tables_are_refused_and_change_nothing(opened: Writer) -> None:
    good = value_table([{"region": UNIT_X, "year": 2025, "indicator": "I1", "value": 1.5}])
    replace_all_results(opened.connection, {"indicator_value": good})
    with pytest.raises(ValueError, match="no result table"):
        replace_all_results(opened.connection, {"observation_version": good})
    with pytest.raises(ValueError, match="surplus"):
        replace_all_results(opened.connection, {"indicator_value": good.append_column("surplus", pa.array([1]))})
    with pytest.raises(ValueError, match=r"missing.*status"):
        replace_all_results(opened.connection, {"indicator_value": good.drop_columns("status")})
    empty = good.slice(0, 0)
    broken = pa.table({name: pa.array(["x"]) for name in CONTRACT["target_status"].split()})
    with pytest.raises(duckdb.Error):
        replace_all_results(opened.connection, {"indicator_value": empty, "target_status": broken})
    assert opened.connection.execute("SELECT count(*) FROM indicator_value").fetchall() == [(1,)]


def test_a_run_is_recorded_at_its_start_and_at_its_end(opened: Writer) -> None:
    run = Run("r1", NOON, "nightly")
    record_run(opened.connection, run)
    record_run(opened.connection, replace(run, outcome="clean", finished_at=NOON, counts={"größe": 1, "a": 2}))
    found = opened.connection.execute("SELECT outcome, finished_at, counts FROM run").fetchall()
    assert found == [("clean", NOON.replace(tzinfo=None), '{"a": 2, "größe": 1}')]


def test_the_snapshot_has_the_contract_and_the_framework(tmp_path: Path, framework: Framework) -> None:
    with writer(tmp_path, framework) as target:
        load(target, delivery(1, {(base(framework, 1)[0], ()): 1}))
    publish(tmp_path, framework)
    dimensional = {"observation", "observation_history", "indicator_value", "indicator_gap", "indicator_published"}
    dims = {code.lower() for code in framework.dimension_order}
    with open_snapshot(tmp_path) as snapshot:
        for name, columns in CONTRACT.items():
            found = set(snapshot.table(f"SELECT * FROM {name} LIMIT 0").column_names)
            assert set(columns.split()) | (dims if name in dimensional else set()) <= found, name
        for name in ("variable", "indicator", "rule"):
            stored = {row["code"] for row in snapshot.table(f"SELECT code FROM {name}").to_pylist()}
            assert stored == set(getattr(framework, f"{name}s"))
        listed = {row["code"]: row for row in snapshot.table("SELECT * FROM region").to_pylist()}
        aggregates = framework.territory.aggregates(2025)
        assert all(listed[aggregate.code]["aggregate"] for aggregate in aggregates)
        assert not listed[UNIT_X]["aggregate"]
        assert listed[UNIT_X]["name"]
        query = "SELECT member FROM region_member WHERE aggregate = ? AND year = 2025"
        for aggregate in aggregates:
            assert set(snapshot.frame(query, [aggregate.code])["member"]) == set(aggregate.members)


# --- the writer, its lock and migrations ------------------------------------------------------------------------------


def script(root: Path, body: str) -> subprocess.Popen[str]:
    """A real second process; it says `ready` and waits, or dies on its way."""
    head = f"""
import os, signal, sys, time
from pathlib import Path
sys.path[:0] = [{str(REPOSITORY)!r}, {str(Path(__file__).parent)!r}]
root = Path({str(root)!r})
import test_warehouse as t
framework = t.load_framework(Path({str(REPOSITORY)!r}) / "schemas" / "framework")
def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)
def ready(): print("ready", flush=True); time.sleep(60)
"""
    return subprocess.Popen([sys.executable, "-c", head + body], stdout=subprocess.PIPE, text=True)


@contextmanager
def running(root: Path, body: str) -> Iterator[subprocess.Popen[str]]:
    process = script(root, body)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_the_lock_names_its_holder_and_a_crash_frees_it(tmp_path: Path, framework: Framework) -> None:
    with running(tmp_path, "with t.writer(root, framework): ready()") as holder:
        with pytest.raises(Locked) as refused, writer(tmp_path, framework):
            pass
        assert refused.value.pid == holder.pid
        assert str(holder.pid) in str(refused.value)
        assert refused.value.host
        assert refused.value.since
        with pytest.raises(Locked):
            publish(tmp_path, framework)
        found = lock_holder(tmp_path)
        assert found is not None
        assert found.pid == holder.pid
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        with writer(tmp_path, framework):
            pass
    assert lock_holder(tmp_path) is None


def test_waiting_for_the_lock_is_bounded(tmp_path: Path, framework: Framework) -> None:
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with exclusive(tmp_path):
            entered.set()
            leave.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    entered.wait(10)
    with pytest.raises(Locked), exclusive(tmp_path, wait_seconds=0.2):
        pass
    threading.Timer(0.2, leave.set).start()
    with writer(tmp_path, framework, wait_seconds=10):
        pass
    holder.join()


def test_one_lock_can_span_several_steps(tmp_path: Path, framework: Framework) -> None:
    with exclusive(tmp_path) as lock:
        with writer(tmp_path, framework, lock=lock), pytest.raises(RuntimeError, match="still open"):
            publish(tmp_path, framework, lock=lock)
        assert publish(tmp_path, framework, lock=lock).new
        with pytest.raises(Locked):
            publish(tmp_path, framework)


def test_reopening_keeps_everything_and_migrates_once(tmp_path: Path, framework: Framework) -> None:
    for number in (1, 2):
        with writer(tmp_path, framework) as target:
            load(target, delivery(number, {(base(framework, 1)[0], ()): number}))
            steps = target.connection.execute("SELECT number, name, framework_version FROM meta_migration").fetchall()
            assert steps == [(step.number, step.name, framework.version) for step in migrations.available()]
            assert len(submissions(target.connection)) == number
    assert not wal_of(Places(tmp_path).work_file).exists()


def changed(framework: Framework, code: str | None = None, extra: str | None = None) -> Framework:
    """The framework under another code, or with one more dimension."""
    dimensions = dict(framework.dimensions)
    if extra:
        entry = {
            "code": extra,
            "name_de": "neu",
            "name_en": "new",
            "leaves": ["A"],
            "members": {"A": {"de": "a", "en": "a"}},
        }
        dimensions = {extra: d.Dimension.model_validate(entry)} | dimensions
    head = framework.head.model_copy(update={"code": code or framework.code})
    return replace(framework, head=head, dimensions=dimensions, content_hash=f"{code}{extra}")


def test_another_framework_is_refused(tmp_path: Path, framework: Framework) -> None:
    with writer(tmp_path, framework):
        pass
    with (
        pytest.raises(ForeignFramework, match=r"gehört zum Rahmen .*OTHER"),
        writer(tmp_path, changed(framework, "OTHER")),
    ):
        pass
    with writer(tmp_path, framework):
        pass


def test_a_new_dimension_gets_a_column_that_stands_at_the_total(tmp_path: Path, framework: Framework) -> None:
    (a,) = base(framework, 1)
    with writer(tmp_path, framework) as target:
        load(target, delivery(1, {(a, ()): 1}))
    wider = changed(framework, extra="EXTRA")
    with writer(tmp_path, wider) as target:
        load(target, delivery(2, {(a, (("EXTRA", "A"),)): 2}, region=FULDA))
        names = target.connection.sql("SELECT * FROM observation").columns
        assert names[3:5] == ["extra", framework.dimension_order[0].lower()]
        found = target.connection.execute("SELECT region, extra, value FROM observation ORDER BY value").fetchall()
        assert found == [(UNIT_X, "T", 1), (FULDA, "A", 2)]
        assert previous_values(target.connection, FULDA, 2025) == {(a, "EXTRA=A"): (Decimal(2), "ok")}
    with pytest.raises(ForeignFramework, match="EXTRA"), writer(tmp_path, framework):
        pass


def test_a_newer_warehouse_is_refused(tmp_path: Path, framework: Framework) -> None:
    with writer(tmp_path, framework) as target:
        target.connection.execute("INSERT INTO meta_migration VALUES (9999, 'future', now()::TIMESTAMP, '1')")
    with pytest.raises(NewerWarehouse, match="9999"), writer(tmp_path, framework):
        pass


def test_a_failing_migration_leaves_the_old_file(
    tmp_path: Path, framework: Framework, monkeypatch: pytest.MonkeyPatch
) -> None:
    with writer(tmp_path, framework) as target:
        load(target, delivery(1, {(base(framework, 1)[0], ()): 1}))
    steps = migrations.available()
    bad = migrations.Migration(2, "bad", "CREATE TABLE half (x INTEGER); SELECT * FROM nowhere;")
    monkeypatch.setattr(migrations, "available", lambda: (*steps, bad))
    with pytest.raises(duckdb.Error), writer(tmp_path, framework):
        pass
    good = replace(bad, template="CREATE TABLE half (x INTEGER);")
    monkeypatch.setattr(migrations, "available", lambda: (*steps, good))
    with writer(tmp_path, framework) as target:
        assert target.connection.execute("SELECT count(*) FROM half").fetchall() == [(0,)]
        assert len(submissions(target.connection)) == 1


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path, framework: Framework) -> None:
    places = Places(tmp_path)
    places.make()
    wal_of(places.work_file).write_bytes(b"log of a lost file")
    with pytest.raises(Unusable, match="Protokoll"), writer(tmp_path, framework):
        pass
    wal_of(places.work_file).unlink()
    with duckdb.connect(str(places.work_file)) as other:
        other.execute("CREATE TABLE something (x INTEGER)")
    with pytest.raises(Unusable, match="kein Datenbestand"), writer(tmp_path, framework):
        pass


def test_what_a_borrower_leaves_open_is_said(tmp_path: Path, framework: Framework) -> None:
    with pytest.raises(RuntimeError, match="transaction was left open"), writer(tmp_path, framework) as target:
        target.connection.execute("BEGIN; DELETE FROM status")
    with writer(tmp_path, framework) as target:
        assert target.connection.execute("SELECT count(*) > 0 FROM status").fetchall() == [(True,)]
        target.connection.execute("SELECT * FROM status")  # an unread result is no harm
    if Path("/proc/locks").exists():
        with pytest.raises(duckdb.Error), writer(tmp_path, framework) as target:
            reader = target.connection.sql("SELECT * FROM range(10000000)").to_arrow_reader(10)
        with pytest.raises(Unusable, match="noch geöffnet"), writer(tmp_path, framework):
            pass
        del reader
    with writer(tmp_path, framework):
        pass


# --- publishing and readers -------------------------------------------------------------------------------------------


def fill(root: Path, framework: Framework, number: int) -> publishing.Generation:
    """One more correction, published."""
    with writer(root, framework) as target:
        load(target, delivery(number, {(base(framework, 1)[0], ()): number}))
    return publish(root, framework)


def test_without_a_publication_there_is_a_clear_answer(tmp_path: Path, framework: Framework) -> None:
    with pytest.raises(NoSnapshot, match="noch kein"), open_snapshot(tmp_path):
        pass
    fill(tmp_path, framework, 1).path.unlink()
    with pytest.raises(NoSnapshot, match="ins Leere"), open_snapshot(tmp_path):
        pass
    assert publish(tmp_path, framework).number == 2


def test_publishing_twice_makes_one_generation(tmp_path: Path, framework: Framework) -> None:
    first = fill(tmp_path, framework, 1)
    with writer(tmp_path, framework) as target:
        load(target, delivery(1, {(base(framework, 1)[0], ()): 1}))
        record_run(target.connection, Run("r2", NOON, "nightly"))
        for name in RESULTS:
            empty = target.connection.sql(f"SELECT * FROM {name} LIMIT 0").to_arrow_table()
            replace_all_results(target.connection, {name: empty})
    second = publish(tmp_path, framework)
    assert first.new
    assert not second.new
    assert second.path == first.path
    assert [path.name for path in Places(tmp_path).generations.iterdir()] == ["monitor-1.duckdb"]


def test_any_visible_change_makes_a_new_generation(tmp_path: Path, framework: Framework) -> None:
    fill(tmp_path, framework, 1)
    with writer(tmp_path, framework) as target:
        load(target, delivery(2, {}, verdict=Verdict.RETURNED))
    assert publish(tmp_path, framework).number == 2
    with writer(tmp_path, framework) as target:
        row = {"region": UNIT_X, "year": 2025, "indicator": "I1", "value": 1.0}
        replace_all_results(target.connection, {"indicator_value": value_table([row])})
        made = results_fingerprint(target.connection)
    assert publish(tmp_path, framework, results=made).number == 3
    assert not publish(tmp_path, framework).new, "asked for or told, it is the same fingerprint"
    assert publish(tmp_path, replace(framework, content_hash="other")).number == 4


def test_files_of_a_generation(tmp_path: Path, framework: Framework) -> None:
    generation = fill(tmp_path, framework, 1)
    places = Places(tmp_path)
    assert stat.S_IMODE(generation.path.stat().st_mode) == 0o440
    assert os.readlink(places.link) == "generations/monitor-1.duckdb"
    assert stat.S_IMODE(places.work.stat().st_mode) == 0o700
    assert generation.path.stat().st_ino != places.work_file.stat().st_ino
    assert sorted(path.name for path in places.folder.rglob("*") if not path.is_dir()) == [
        "lock",
        "monitor-1.duckdb",
        "monitor.duckdb",
        "warehouse.duckdb",
    ]
    with open_snapshot(tmp_path) as snapshot, pytest.raises(duckdb.Error, match="read-only"):
        snapshot.connection.execute("DELETE FROM run")


def test_a_reader_keeps_its_generation(tmp_path: Path, framework: Framework, monkeypatch: pytest.MonkeyPatch) -> None:
    (a,) = base(framework, 1)
    assert publishing.KEEP == 7
    monkeypatch.setattr(publishing, "KEEP", 2)
    fill(tmp_path, framework, 1)
    with open_snapshot(tmp_path) as old:
        for number in range(2, 5):
            fill(tmp_path, framework, number)
        assert not old.path.exists(), "pruned, and still readable"
        assert old.generation == 1
        assert current(old.connection)[UNIT_X, 2025, a] == 1
        with open_snapshot(tmp_path) as new:
            assert new.generation == 4
            assert current(new.connection)[UNIT_X, 2025, a] == 4
            assert new.frame("SELECT max(number) AS n FROM meta_generation")["n"].tolist() == [4]
    assert len(list(Places(tmp_path).generations.iterdir())) == 2


def test_leftovers_of_a_crash_are_removed_and_numbers_not_reused(tmp_path: Path, framework: Framework) -> None:
    fill(tmp_path, framework, 1)
    places = Places(tmp_path)
    (places.generations / ".monitor-2.duckdb.tmp").write_bytes(b"half")
    (places.folder / ".monitor.duckdb.next").symlink_to("nowhere")
    places.generation(2).write_bytes(b"renamed, but the link was never swapped")
    assert fill(tmp_path, framework, 2).number == 3
    assert not list(places.generations.glob(".*"))
    assert not (places.folder / ".monitor.duckdb.next").is_symlink()


def test_a_failing_copy_leaves_the_old_generation(
    tmp_path: Path, framework: Framework, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, framework, 1)

    def full(_: Path, target: Path) -> None:
        target.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "copyfile", full)
        with pytest.raises(OSError, match="No space"):
            fill(tmp_path, framework, 2)
    found = current_generation(tmp_path)
    assert found is not None
    assert found.number == 1
    assert not list(Places(tmp_path).generations.glob(".*"))
    assert publish(tmp_path, framework).new


READER = """
with t.open_snapshot(root): print("ready", flush=True)
seen = []
while not (root / "stop").exists():
    with t.open_snapshot(root) as snapshot:
        query = "SELECT min(value), max(value), count(*) FROM observation"
        before = snapshot.connection.execute(query).fetchall()
        time.sleep(0.01)
        assert before == snapshot.connection.execute(query).fetchall()
        ((low, high, count),) = before
        assert low == high and count == 40, before
        seen.append(int(low))
assert seen == sorted(seen) and len(set(seen)) > 1, seen
"""


def test_readers_never_wait_and_never_see_half_a_load(tmp_path: Path, framework: Framework) -> None:
    cells = [(variable, ()) for variable in base(framework, 40)]

    def round_of(number: int) -> None:
        with writer(tmp_path, framework) as target:
            load(target, delivery(number, dict.fromkeys(cells, number)))
        publish(tmp_path, framework)

    round_of(1)
    with running(tmp_path, READER) as reader:
        for number in range(2, 9):
            round_of(number)
        (tmp_path / "stop").touch()
        assert reader.wait(20) == 0


# --- crashes ----------------------------------------------------------------------------------------------------------

LOAD = """
class Dying:
    def __init__(self, inner): self.inner = inner
    def __getattr__(self, name): return getattr(self.inner, name)
    def execute(self, query, *rest):
        if query.startswith({at!r}): die()
        return self.inner.execute(query, *rest)
with t.writer(root, framework) as target:
    cell = (t.base(framework, 1)[0], ())
    t.load_deliveries(Dying(target.connection), [t.delivery(2, {{cell: 2}}), t.delivery(3, {{cell: 3}})], t.NOON, "r")
"""


@pytest.mark.parametrize("at", ["INSERT INTO observation_version", "COMMIT"])
def test_a_crash_in_a_load_leaves_the_old_truth(tmp_path: Path, framework: Framework, at: str) -> None:
    (a,) = base(framework, 1)
    fill(tmp_path, framework, 1)
    assert script(tmp_path, LOAD.format(at=at)).wait(30) == -signal.SIGKILL
    with open_snapshot(tmp_path) as snapshot:
        assert current(snapshot.connection) == {(UNIT_X, 2025, a): 1}
    with writer(tmp_path, framework) as target:
        assert current(target.connection) == {(UNIT_X, 2025, a): 1}
        assert len(submissions(target.connection)) == 1
        load(target, delivery(2, {(a, ()): 2}), delivery(3, {(a, ()): 3}))
        assert current(target.connection) == {(UNIT_X, 2025, a): 3}
        assert len(submissions(target.connection)) == 3


KILLED_PUBLISH = """
t.publishing.{name} = die
t.fill(root, framework, 2)
"""


@pytest.mark.parametrize("name", ["os.rename", "os.replace", "_prune"])
def test_a_crash_in_publishing_leaves_a_whole_snapshot(tmp_path: Path, framework: Framework, name: str) -> None:
    (a,) = base(framework, 1)
    fill(tmp_path, framework, 1)
    assert script(tmp_path, KILLED_PUBLISH.format(name=name)).wait(30) == -signal.SIGKILL
    with open_snapshot(tmp_path) as snapshot:
        assert current(snapshot.connection)[UNIT_X, 2025, a] == (2 if name == "_prune" else 1)
    assert publish(tmp_path, framework).new == (name != "_prune")
    with open_snapshot(tmp_path) as snapshot:
        assert current(snapshot.connection)[UNIT_X, 2025, a] == 2
    assert not list(Places(tmp_path).generations.glob(".*"))


KILLED_MIGRATION = """
t.migrations.os.replace = die
with t.writer(root, t.changed(framework, extra="EXTRA")): pass
"""


def test_a_crash_in_a_migration_leaves_the_old_file(tmp_path: Path, framework: Framework) -> None:
    (a,) = base(framework, 1)
    fill(tmp_path, framework, 1)
    assert script(tmp_path, KILLED_MIGRATION).wait(30) == -signal.SIGKILL
    assert Places(tmp_path).next_file.exists()
    with writer(tmp_path, framework) as target:
        assert current(target.connection) == {(UNIT_X, 2025, a): 1}
    with writer(tmp_path, changed(framework, extra="EXTRA")) as target:
        assert current(target.connection) == {(UNIT_X, 2025, a): 1}
    assert not Places(tmp_path).next_file.exists()


# --- lineage ----------------------------------------------------------------------------------------------------------


def by_role(found: Mapping[str, Any], role: str) -> dict[str, Any]:
    (term,) = (term for term in found["terms"] if role in term["roles"])
    return dict(term)


def sexes(variable: str, members: Iterable[str], value: int) -> Values:
    """Leaves by group and sex, without any total."""
    return {
        (variable, (("GRP", group), ("SEX", sex))): value + offset
        for group in members
        for offset, sex in enumerate(("M", "W"))
    }


@pytest.fixture
def told(opened: Writer, framework: Framework) -> Writer:
    """Foreign residents as delivered cells for one unit; leaves only for the two units of a group."""
    first, second = framework.territory.members("MKK-HU", 2026)
    people = dict(sexes("POP", ["DOM", "DMM", "A"], 10))
    load(
        opened,
        delivery(1, {("POP", ()): 100, ("POP", (("GRP", "A"),)): 25}),
        delivery(1, people, region=first, year=2026),
        delivery(2, people, region=second, year=2026),
        delivery(7, {("POP", ()): 80, ("FOR", (("STAY", "GE8"),)): 8}, region=FULDA, year=2024),
        delivery(8, {("NATZ", ()): 4}, region=FULDA, year=2025),
    )
    return opened


def test_why_finds_the_delivered_cell(told: Writer, framework: Framework) -> None:
    row = {"region": UNIT_X, "year": 2025, "indicator": "BEV-02", "value": 25.0, "status": "ok", "n_members": 1}
    replace_all_results(told.connection, {"indicator_value": value_table([row])})
    found = why(told.connection, framework, "BEV-02", UNIT_X, 2025, {})
    assert found["indicator"]["formula"] == framework.indicators["BEV-02"].formula
    assert found["value"]["value"] == 25.0
    assert found["published"] is None
    term = by_role(found, "numerator")
    (cell,) = term["cells"]
    assert (term["value"], term["how"], term["members"]) == (25, "delivered", "GRP=A")
    assert (cell["sheet"], cell["cell"], cell["submission_id"]) == ("Bogen", "C6", "2026-06531-0001")
    assert cell["file_name"] == "bogen-1.xlsx"
    assert cell["sha256"].startswith("06531")
    assert cell["received_at"]
    assert by_role(found, "denominator")["value"] == 100


def test_why_expands_a_computed_total(told: Writer, framework: Framework) -> None:
    unit = framework.territory.members("MKK-HU", 2026)[0]
    found = why(told.connection, framework, "BEV-01", unit, 2026, {"SEX": "W"})
    numerator, denominator = by_role(found, "numerator"), by_role(found, "denominator")
    assert (numerator["how"], numerator["value"]) == ("computed", 11 + 11)
    assert [cell["members"] for cell in numerator["cells"]] == ["GRP=DMM,SEX=W", "GRP=A,SEX=W"]
    assert (denominator["value"], len(denominator["cells"])) == (33, 3)
    total = by_role(why(told.connection, framework, "BEV-01", unit, 2026, {}), "denominator")
    assert (total["value"], len(total["cells"])) == (63, 6)


def test_why_walks_into_the_members_of_an_aggregate(told: Writer, framework: Framework) -> None:
    found = why(told.connection, framework, "BEV-01", "MKK-HU", 2026, {})
    term = by_role(found, "numerator")
    assert (term["how"], term["value"], term["missing"]) == ("summed", 2 * 42, [])
    assert {cell["region"] for cell in term["cells"]} == set(found["region"]["members"])
    assert {cell["submission_id"] for cell in term["cells"]} == {"2026-06435-0001", "2026-06415-0002"}
    assert {cell["submission_id"] for cell in by_role(found, "denominator")["cells"]} == {
        "2026-06435-0001",
        "2026-06415-0002",
    }


def test_a_member_without_every_term_does_not_count(told: Writer, framework: Framework) -> None:
    first, second = framework.territory.members("MKK-HU", 2026)
    load(told, delivery(30, {("NATZ", ()): 3}, region=first, year=2026))
    load(told, delivery(31, {("NATZ", ()): 4}, region=second, year=2026))
    load(told, delivery(32, {("FOR", (("STAY", "GE8"),)): 9}, region=first, year=2025))
    found = why(told.connection, framework, "REC-04", "MKK-HU", 2026, {})
    numerator, denominator = by_role(found, "numerator"), by_role(found, "denominator")
    assert (found["region"]["members"], found["region"]["counted"]) == ([first, second], [first])
    assert (numerator["value"], denominator["value"]) == (3, 9)
    assert [cell["region"] for cell in numerator["left_out"]] == [second]
    assert (numerator["missing"], denominator["missing"]) == ([], [second])


def test_why_looks_into_the_year_before_and_names_what_is_missing(told: Writer, framework: Framework) -> None:
    assert framework.indicators["REC-04"].formula == "100 * NATZ / prev(FOR[STAY=GE8])"
    found = why(told.connection, framework, "REC-04", FULDA, 2025, {})
    denominator = by_role(found, "denominator")
    assert (denominator["year"], denominator["value"], denominator["cells"][0]["year"]) == (2024, 8, 2024)
    missing = by_role(why(told.connection, framework, "REC-04", FULDA, 2024, {}), "numerator")
    assert (missing["how"], missing["value"], missing["missing"], missing["cells"]) == ("missing", None, [FULDA], [])


def test_why_shows_a_cell_without_a_value_and_invents_none(told: Writer, framework: Framework) -> None:
    load(told, delivery(20, {**sexes("POP", ["DOM", "DMM", "A"], 1), ("POP", ()): "secret"}, region=LIMBURG))
    term = by_role(why(told.connection, framework, "BEV-02", LIMBURG, 2025, {}), "denominator")
    assert (term["value"], term["how"], term["missing"]) == (None, "missing", [LIMBURG])
    assert [cell["status"] for cell in term["cells"]] == ["secret"]


def test_why_follows_a_sum_over_districts(opened: Writer, framework: Framework) -> None:
    groups = {"DOM": 5, "DMM": 3, "A": 2}
    people: dict[tuple[str, Members], int | str | None] = {
        ("POP_DIST", (("GRP", group), ("DIST", part))): value * (1 + index)
        for index, part in enumerate(("01", "02"))
        for group, value in groups.items()
    }
    load(opened, delivery(1, people))
    found = why(opened.connection, framework, "WOH-03", UNIT_X, 2025, {})
    own = [term for term in found["terms"] if term["part"] == "02" and term["members"] == "GRP=D,DIST=02"]
    assert own[0]["value"] == 16
    assert len(own[0]["cells"]) == 2
    assert {role for term in found["terms"] for role in term["roles"]} == {"numerator"}
    whole = [term for term in found["terms"] if term["members"] == "GRP=A"]
    assert whole[0]["value"] == 6
    assert len(whole[0]["cells"]) == 2


@pytest.mark.parametrize(
    ("indicator", "region", "members", "says"),
    [
        ("NO-99", UNIT_X, {}, "NO-99"),
        ("BEV-01", "99999", {}, "99999"),
        ("BEV-01", UNIT_X, {"NOPE": "A"}, "NOPE"),
        ("BEV-01", UNIT_X, {"RES": "DULD"}, "nicht nach RES=DULD"),
    ],
)
def test_why_says_what_is_not_known(
    opened: Writer, framework: Framework, indicator: str, region: str, members: dict[str, str], says: str
) -> None:
    with pytest.raises(UnknownNumber, match=says):
        why(opened.connection, framework, indicator, region, 2025, members)


def test_why_adds_up_as_the_indicators_do(opened: Writer, framework: Framework) -> None:
    """The cells found one by one are those that the set-based completion sums."""
    from schemas.sql import completion, create_cell, dimension_columns, leaf_table
    from warehouse.cells import CellFinder, delivered_cells

    ages = framework.entry_members("POP", "AGE")
    values: dict[tuple[str, Members], int | str | None] = {
        ("POP", (("GRP", group), ("SEX", sex), ("AGE", age))): 3 * number + len(sex)
        for number, (group, sex, age) in enumerate(
            (g, s, a) for g in ("DOM", "DMM", "A") for s in ("M", "W") for a in ages if a != "T"
        )
    }
    values |= {("POP", (("GRP", "A"), ("SEX", "M"), ("AGE", ages[0]))): "secret", ("POP", (("SEX", "W"),)): 7}
    load(opened, delivery(1, values))
    connection = opened.connection
    dims = ", ".join(dimension_columns(framework))
    connection.execute(create_cell(framework, "x_"))
    connection.execute(f"INSERT INTO x_cell SELECT region, region, year, variable, {dims}, value, 0 FROM observation")
    connection.register("leaves", leaf_table(framework))
    for statement in completion(framework, "x_", "leaves"):
        connection.execute(statement)
    finder = CellFinder(framework, "POP", delivered_cells(connection, framework, "POP", [UNIT_X], 2025).get(UNIT_X, {}))
    stored = connection.execute("SELECT grp, sex, age, value FROM x_cell").fetchall()
    filled = {(grp, sex, age): value for grp, sex, age, value in stored}
    tried = [
        (grp, sex, age)
        for grp in framework.members("POP", "GRP")
        for sex in framework.members("POP", "SEX")
        for age in framework.members("POP", "AGE")
    ]
    assert len(filled) > len(values)
    for members in tried:
        cells = finder.find(members)
        assert (cells is not None) == (members in filled), members
        if cells is not None and filled[members] is not None:
            assert sum(cell.value or 0 for cell in cells) == filled[members], members
