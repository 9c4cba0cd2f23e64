"""Several machines: three Dask workers, a lake on PostgreSQL and S3, thousands of deliveries, one worker killed.

`make scale-test` runs it in its own environment. What it measures is printed; docs/scaling.md says what it means.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import forms
import pytest
from services import REPOSITORY, Machines, Services

import flows.ingesting
import flows.scaling.ingesting
from flows.ingesting import IngestResult, ingest
from flows.settings import Settings
from indicators.compute import compute
from intake.inbox import Inbox
from schemas.framework_model import Framework
from schemas.shapes import Verdict
from warehouse.access import rows
from warehouse.lake import VARIABLE
from warehouse.publishing import publish
from warehouse.results import replace_all_results
from warehouse.snapshot import open_snapshot
from warehouse.store import Locked, writer

pytestmark = pytest.mark.scale

DELIVERIES = int(os.environ.get("SCALE_DELIVERIES", "5000"))
MOMENT = datetime(2026, 11, 23, 2, 0)
Drop = Callable[..., Path]


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of loading stands still, so that moments can be compared; nothing names a lake before the test does."""
    assert VARIABLE not in os.environ
    for module in (flows.ingesting, flows.scaling.ingesting):
        monkeypatch.setattr(module, "now", lambda: MOMENT)


def night(root: Path, framework: Framework, machines: Machines | None = None) -> IngestResult:
    """Work through the inbox, here or with the machines."""
    given = {"workers": machines.address, "exchange": "s3://monitor/exchange"} if machines else {}
    settings = Settings(root, settle_seconds=0, batch_files=DELIVERIES, **given)
    with writer(root, framework) as store:
        return ingest(settings, framework, store, "run", lambda text: None)


def published(root: Path, framework: Framework) -> dict[str, list[tuple[Any, ...]]]:
    """Compute, publish, and read every table of the generation as it is; without what tells the time of a run."""
    with writer(root, framework) as store:
        replace_all_results(store.connection, compute(store.connection, framework, "observation").tables)
    publish(root, framework)
    with open_snapshot(root) as snapshot:
        names = rows(snapshot.connection, "SELECT table_name FROM duckdb_tables() ORDER BY ALL")
        views = rows(snapshot.connection, "SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY ALL")
        return {
            name: rows(snapshot.connection, f"SELECT * FROM {name} ORDER BY ALL")
            for (name,) in (*names, *views)
            if name not in ("meta_generation", "meta_migration")
        }


def answers(root: Path) -> dict[str, int]:
    return {path.relative_to(root).as_posix(): path.stat().st_size for path in (root / "outbox").rglob("*.html")}


def own_seconds() -> float:
    """Processor time of this process alone."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def processor_seconds() -> float:
    """The same with the children that have ended."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(found.ru_utime + found.ru_stime for found in used)


class Killer(threading.Thread):
    """Kills one worker as soon as it has done some of the work and is in the middle of more."""

    def __init__(self, machines: Machines, after: int) -> None:
        super().__init__(daemon=True)
        self.machines, self.after = machines, after
        self.lost: dict[str, int] = {}

    def run(self) -> None:
        from distributed import Client

        with Client(self.machines.address, set_as_default=False) as client:
            victim = self.machines.workers[0]
            (address,) = (found for found, pid in client.run(os.getpid).items() if pid == victim.pid)
            while not self.lost:
                held, busy = len(client.has_what().get(address, ())), len(client.processing().get(address, ()))
                if busy and held >= self.after:
                    victim.send_signal(signal.SIGKILL)
                    self.lost = {"results": held, "tasks": busy}
                time.sleep(0.05)


def test_thousands_of_deliveries_on_three_machines_with_one_killed(
    folder: Path, services: Services, tiny: Framework, drop: Drop
) -> None:
    """The same warehouse, indicators, publication and answers as one process on one machine with the embedded file."""
    one, many = folder / "one", folder / "many"
    forms.deliver(one, tiny, drop, DELIVERIES)
    Inbox(one, 0).claim_all()
    shutil.copytree(one, many)
    begun, used = time.monotonic(), processor_seconds()
    alone = night(one, tiny)
    seconds = {"one process": time.monotonic() - begun}
    used = processor_seconds() - used
    killer = Killer(services.machines, after=DELIVERIES // 500)
    with services.lake():
        killer.start()
        begun, own = time.monotonic(), own_seconds()
        together = night(many, tiny, services.machines)
        own = own_seconds() - own
        seconds["three workers, one killed"] = time.monotonic() - begun
        killer.join(10)
        begun = time.monotonic()
        from_lake = published(many, tiny)
        seconds["compute and publish, lake"] = time.monotonic() - begun
    begun = time.monotonic()
    from_file = published(one, tiny)
    seconds["compute and publish, file"] = time.monotonic() - begun
    assert together.broken == alone.broken == {}
    assert len(together.deliveries) == len(alone.deliveries) == DELIVERIES
    assert together.count(Verdict.RETURNED) == alone.count(Verdict.RETURNED) >= DELIVERIES // forms.SPOILED
    assert killer.lost
    assert services.machines.workers[0].poll() == -signal.SIGKILL
    assert from_lake.keys() == from_file.keys()
    for name in from_file:
        assert from_lake[name] == from_file[name], name
    assert len(from_file["indicator_value"]) > DELIVERIES * 0.9  # one for each, without those returned
    assert answers(many) == answers(one)
    assert not list((many / "raw" / "claims").iterdir())
    ratio = seconds["one process"] / seconds["three workers, one killed"]
    cores = len(os.sched_getaffinity(0))
    print(
        f"\n{DELIVERIES} deliveries, {len(from_file['observation'])} values, {cores} processors, load {os.getloadavg()[0]:.1f}"
    )
    for name, value in seconds.items():
        print(f"  {name:<28} {value:8.1f} s  {DELIVERIES / value:8.0f} deliveries/s")
    print(
        f"  processor time of one process {used:.1f} s, of the one who files and loads {own:.1f} s ({used / own:.1f} : 1)"
    )
    print(f"  the killed worker held {killer.lost}")
    print(f"  speed-up by three workers on {cores} processors: {ratio:.2f}")


def test_a_killed_committer_leaves_nothing_half_and_the_next_finishes(
    folder: Path, services: Services, tiny: Framework, drop: Drop
) -> None:
    """Killed inside the transaction on the lake; its lock is free at once, on another data root as well."""
    one, many = folder / "committer-one", folder / "committer-many"
    for region in ("06411000", "06412000", "06413000"):
        drop(one, region, "a.xlsx", year=2021)
    Inbox(one, 0).claim_all()
    shutil.copytree(one, many)
    night(one, tiny)
    with services.lake():
        killed = subprocess.run(
            [sys.executable, "-c", _DYING, many, services.machines.address],
            check=False,
            env=os.environ | {"PYTHONPATH": f"{REPOSITORY}{os.pathsep}{Path(__file__).parent}"},
        )
        assert killed.returncode == -signal.SIGKILL
        with writer(many, tiny) as store:
            assert rows(store.connection, "SELECT count(*) FROM submission") == [(0,)]
            assert rows(store.connection, "SELECT count(*) FROM observation_version") == [(0,)]
            with pytest.raises(Locked), writer(folder / "elsewhere", tiny):
                pass
        night(many, tiny, services.machines)
        found = published(many, tiny)
    assert found == published(one, tiny)
    assert answers(many) == answers(one)


_DYING = """
import os, signal, sys
from pathlib import Path
import warehouse.bulk_loading as loading
from schemas.loading import load_framework
from services import Machines
from test_scale_out import night
insert = loading._insert
def dying(name):
    if name == "observation_version":
        os.kill(os.getpid(), signal.SIGKILL)
    return insert(name)
loading._insert = dying
night(Path(sys.argv[1]), load_framework(), Machines(sys.argv[2]))
"""
