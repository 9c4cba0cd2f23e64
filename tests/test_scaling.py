"""A crew has the same result as one process: the same warehouse, the same answers, whatever order its tasks end in.

Here the crew works in this process, so that nothing has to be started; `tests/scale` has real machines.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

import flows.ingesting
import flows.scaling.ingesting
from flows.ingesting import IngestResult, ingest
from flows.scaling.exchange import Damaged, Exchange
from flows.scaling.ingesting import ScaledBatch
from flows.settings import InputRefused, Settings
from intake.inbox import Inbox
from schemas.framework_model import Framework
from schemas.shapes import Verdict
from warehouse.lake import VARIABLE, LakeRefused, chosen
from warehouse.places import Places
from warehouse.store import writer

CITY, OTHER, THIRD = "06414", "06413", "06411"
STORED = ("submission", "finding", "observation_version", "register_version", "record_version")
Drop = Callable[..., Path]


class Here:
    """A crew in this process: every task runs when it is asked for, in an order of its own."""

    size = 2

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Later:
        return Later(function, arguments)

    def finished(self, tasks: Sequence[Any]) -> Iterator[Any]:
        return iter(list(reversed(tasks)))


class Later:
    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self.function, self.arguments = function, arguments

    def result(self) -> Any:
        return self.function(*(a.result() if isinstance(a, Later) else a for a in self.arguments))


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch, tiny_folder: Path) -> None:
    """The clock stands still, so that moments can be compared; the crew finds the tiny framework."""
    moment = datetime(2026, 11, 23, 2, 0)
    monkeypatch.setattr(flows.ingesting, "now", lambda: moment)
    monkeypatch.setattr(flows.scaling.ingesting, "now", lambda: moment)
    monkeypatch.setenv("MONITOR_FRAMEWORK", str(tiny_folder))


def night(root: Path, framework: Framework, crew: Here | None = None, batch_files: int = 200) -> IngestResult:
    settings = Settings(root, settle_seconds=0, batch_files=batch_files)
    with writer(root, framework) as store, pytest.MonkeyPatch.context() as patch:
        if crew:
            exchange = Exchange(str(root / "exchange"))
            patch.setattr(flows.ingesting, "Batch", lambda *a: ScaledBatch(*a, crew=crew, exchange=exchange))
        return ingest(settings, framework, store, "run", lambda text: None)


def stored(root: Path) -> dict[str, list[tuple[Any, ...]]]:
    with duckdb.connect(str(Places(root).work_file), read_only=True) as connection:
        return {name: connection.execute(f"SELECT * FROM {name} ORDER BY ALL").fetchall() for name in STORED}


def files(folder: Path) -> dict[str, bytes]:
    """Every file with its content; of a workbook the parts, because a package names the time of its making."""
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as package:
                found |= {f"{name}/{part}": package.read(part) for part in package.namelist()}
        else:
            found[name] = path.read_bytes()
    return found


def twins(tmp_path: Path) -> tuple[Path, Path]:
    """Two data roots with the same claims: the inbox of the first is claimed and copied."""
    one, many = tmp_path / "one", tmp_path / "many"
    assert Inbox(one, 0).claim_all()
    shutil.copytree(one, many)
    return one, many


def same(one: Path, many: Path, *results: IngestResult) -> None:
    assert stored(many) == stored(one)
    assert files(many / "outbox") == files(one / "outbox")
    for place in ("archive", "quarantine", "claims"):
        assert files(many / "raw" / place) == files(one / "raw" / place)
    told = [
        (
            sorted((d.submission.id, d.submission.verdict, d.findings) for d in result.deliveries),
            sorted(d.submission.id for d in result.duplicates),
            result.broken,
            result.needs_eye,
            result.values,
        )
        for result in results
    ]
    assert told[0] == told[1]


def test_a_crew_has_the_same_result(
    tmp_path: Path, tiny: Framework, drop: Drop, tiny_values: Callable[..., Any], still: None
) -> None:
    """Several years, a correction in the same night, an implausible one, a nil return, the same file twice, a wrong
    folder, a broken file; then a second night with a correction and a file that is known."""
    one = tmp_path / "one"
    for number, region in enumerate((CITY, OTHER, THIRD)):
        for year in (2020, 2021):
            drop(one, region, f"{year}.xlsx", year=year, values=tiny_values(1000 + 100 * number + year - 2020))
    drop(one, CITY, "korrektur.xlsx", year=2021, values=tiny_values(1300))
    drop(one, OTHER, "falsch.xlsx", year=2021, values=tiny_values(2000) | {("EW", ""): 77})
    drop(one, OTHER, "fehlanzeige.xlsx", year=2019, values={}, nil=True)
    drop(one, THIRD, "fremd.xlsx", region=CITY, year=2018)
    shutil.copy(one / "raw/inbox" / CITY / "2020.xlsx", one / "raw/inbox" / CITY / "2020 (1).xlsx")
    (one / "raw/inbox" / OTHER / "kaputt.xlsx").write_bytes(b"PK kaputt")
    one, many = twins(tmp_path)
    results = night(one, tiny), night(many, tiny, Here())
    assert {d.submission.verdict for d in results[0].deliveries} == set(Verdict) - {Verdict.ACCEPTED_WITH_REMARKS}
    assert len(results[0].duplicates) == 1
    same(one, many, *results)
    assert files(many / "exchange") == {}
    for root in (one, many):
        shutil.rmtree(root / "raw" / "inbox")
    drop(one, CITY, "zweite.xlsx", year=2021, values=tiny_values(1310))
    drop(one, CITY, "bekannt.xlsx", year=2020, values=tiny_values(1000))
    Inbox(one, 0).claim_all()
    shutil.copytree(one / "raw", many / "raw", dirs_exist_ok=True)
    same(one, many, night(one, tiny), night(many, tiny, Here()))


def test_batches_of_a_crew_are_those_of_one_process(tmp_path: Path, tiny: Framework, drop: Drop, still: None) -> None:
    one = tmp_path / "one"
    for region in (CITY, OTHER, THIRD):
        for year in (2020, 2021):
            drop(one, region, f"{year}.xlsx", year=year)
    one, many = twins(tmp_path)
    same(one, many, night(one, tiny, batch_files=4), night(many, tiny, Here(), batch_files=4))


class Losing(Here):
    """A crew that cannot finish some task."""

    def __init__(self, name: str) -> None:
        self.name = name

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Later:
        if function.__name__ == self.name:
            return Later(_lost, ())
        return super().submit(function, *arguments)


def _lost() -> None:
    raise ConnectionError


@pytest.mark.parametrize("task", ["read_parcel", "picked", "check", "answer"])
def test_what_a_crew_cannot_finish_the_next_run_does(
    task: str, tmp_path: Path, tiny: Framework, drop: Drop, still: None
) -> None:
    """The claims stay, the run says so, and the next run ends where one process ends in one night."""
    one = tmp_path / "one"
    for region in (CITY, OTHER):
        drop(one, region, "a.xlsx", year=2021)
    one, many = twins(tmp_path)
    result = night(many, tiny, Losing(task))
    assert sorted(result.broken) == [f"{OTHER}/a.xlsx", f"{CITY}/a.xlsx"]
    assert set(result.broken.values()) == {"ConnectionError"}
    assert list((many / "raw/claims").iterdir())
    assert not list((many / "outbox").rglob("*.html"))
    same(one, many, night(one, tiny), night(many, tiny, Here()))


def test_a_run_that_dies_before_the_answers_is_finished(
    tmp_path: Path, tiny: Framework, drop: Drop, still: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(tmp_path / "one", CITY, "a.xlsx", year=2021)
    one, many = twins(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(ScaledBatch, "_release", _killed)
        with pytest.raises(KeyboardInterrupt):
            night(many, tiny, Here())
    assert len(stored(many)["submission"]) == 1
    night(one, tiny)
    night(many, tiny, Here())
    assert stored(many) == stored(one)
    assert files(many / "outbox") == files(one / "outbox")


def test_what_was_loaded_is_answered_later_with_what_was_known_then(
    tmp_path: Path, tiny: Framework, drop: Drop, tiny_values: Callable[..., Any], still: None
) -> None:
    """A crew dies before the answers, and the year before comes meanwhile."""
    drop(tmp_path / "one", CITY, "a.xlsx", year=2021, values=tiny_values(5000))
    one, many = twins(tmp_path)
    night(one, tiny)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScaledBatch, "_release", _killed)
        with pytest.raises(KeyboardInterrupt):
            night(many, tiny, Here())
    drop(one, CITY, "b.xlsx", year=2020)
    Inbox(one, 0).claim_all()
    (claim,) = (one / "raw/claims").iterdir()
    shutil.copytree(claim, many / "raw/claims" / claim.name)
    night(one, tiny)
    night(many, tiny, Here())
    assert stored(many) == stored(one)
    assert files(many / "outbox") == files(one / "outbox")


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_other_code_or_another_framework_is_refused(
    tmp_path: Path, tiny: Framework, drop: Drop, still: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(tmp_path, CITY, "a.xlsx", year=2021)
    with monkeypatch.context() as patch:
        patch.setattr("flows.scaling.ingesting.fingerprint", lambda: "other")
        with pytest.raises(InputRefused, match="anderen Stand des Programms"):
            night(tmp_path, tiny, Here())
    monkeypatch.delenv("MONITOR_FRAMEWORK")
    with pytest.raises(InputRefused, match="anderen Rahmen"):
        night(tmp_path, tiny, Here())


def test_an_object_is_what_its_name_says(tmp_path: Path) -> None:
    exchange = Exchange(str(tmp_path))
    name = exchange.put(b"abc")
    assert (exchange.put(b"abc"), exchange.get(name)) == (name, b"abc")
    (tmp_path / name).write_bytes(b"ab")
    with pytest.raises(Damaged, match=name):
        exchange.get(name)
    exchange.remove([name, name])
    exchange.remove([name])
    assert list(tmp_path.iterdir()) == []


def test_old_objects_go_and_new_ones_stay(tmp_path: Path) -> None:
    exchange = Exchange(str(tmp_path / "new"))
    exchange.sweep()
    old, new = exchange.put(b"old"), exchange.put(b"new")
    week = time.time() - 8 * 24 * 3600
    os.utime(tmp_path / "new" / old, (week, week))
    exchange.sweep()
    assert [path.name for path in (tmp_path / "new").iterdir()] == [new]


# --- what is missing is said ------------------------------------------------------------------------------------------


def test_workers_without_an_exchange_are_refused(tmp_path: Path, tiny: Framework, drop: Drop) -> None:
    drop(tmp_path, CITY, "a.xlsx")
    settings = Settings(tmp_path, settle_seconds=0, workers="tcp://127.0.0.1:1")
    with writer(tmp_path, tiny) as store, pytest.raises(InputRefused, match="exchange"):
        ingest(settings, tiny, store, "run", lambda text: None)


def test_without_the_packages_the_way_to_them_is_said(
    tmp_path: Path, tiny: Framework, drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(tmp_path, CITY, "a.xlsx")
    monkeypatch.setitem(sys.modules, "distributed", None)
    settings = Settings(tmp_path, settle_seconds=0, workers="tcp://127.0.0.1:1", exchange=str(tmp_path / "x"))
    with writer(tmp_path, tiny) as store, pytest.raises(InputRefused, match=r"requirements-scale\.lock"):
        ingest(settings, tiny, store, "run", lambda text: None)
    monkeypatch.setattr("warehouse.lake.EXTENSIONS", ("no_such_thing",))
    monkeypatch.setenv(VARIABLE, "postgresql://monitor@127.0.0.1:1/monitor s3://monitor/warehouse")
    with pytest.raises(LakeRefused, match=r"no_such_thing.*requirements-scale\.lock"), writer(tmp_path, tiny):
        pass


@pytest.mark.parametrize("named", ["lake", "s3://monitor/warehouse", "sqlite:///x /data", "postgresql://x s3://a b"])
def test_a_badly_named_lake_is_refused(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, named)
    with pytest.raises(LakeRefused, match="MONITOR_WAREHOUSE"):
        chosen()


def test_without_a_name_the_file_stays_and_no_package_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, " ")
    assert chosen() is None
    looked = "import sys, flows.cli, flows.ingesting; sys.exit({'distributed', 'dask', 'psycopg'} & set(sys.modules) != set())"
    subprocess.run([sys.executable, "-c", looked], check=True, cwd=Path(__file__).parents[1], timeout=120)
