"""What may go wrong around the warehouse: sudden death, a full disk, a read-only folder, many readers at once.

Children are forked from one helper process that has imported everything and never opens a database, so a child costs no
interpreter start. `MONITOR_FAULT_SEED` sets the moments of the kills, `MONITOR_FAULT_KILLS` their number.
"""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

import duckdb
import pytest
import test_warehouse as t
from test_warehouse import FULDA, NOON, REPOSITORY, UNIT_X, delivery, load
from test_warehouse_history import VERSIONS, build, entry, value

from schemas.framework_model import Framework
from schemas.loading import load_framework
from warehouse.access import rows
from warehouse.backup import backup, read_manifest
from warehouse.compacting import compact
from warehouse.corrections import apply_corrections
from warehouse.faults import StorageFault
from warehouse.places import Places
from warehouse.publishing import publish
from warehouse.restoring import restore
from warehouse.results import RESULTS, Run, record_run, replace_all_results
from warehouse.snapshot import open_snapshot
from warehouse.store import Writer, writer
from warehouse.withdrawals import withdraw

SEED = int(os.environ.get("MONITOR_FAULT_SEED", "20261122"))
KILLS = int(os.environ.get("MONITOR_FAULT_KILLS", "100"))
PER_ROUND = 6
"""A round of kills begins after so many steps more than the one before."""
framework = t.framework
FIRST, SECOND, THIRD = "POP", "NATZ", "FOR"


# --- children ---------------------------------------------------------------------------------------------------------


class Nursery:
    """Starts functions of this module, by name, in forked children."""

    def __init__(self) -> None:
        code = f"import sys; sys.path[:0] = [{str(REPOSITORY)!r}, {str(Path(__file__).parent)!r}]"
        code += "; import test_warehouse_faults; test_warehouse_faults.nurse()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._ask({"ready": True})

    def start(self, name: str, *arguments: object) -> int:
        """The process id of a new child."""
        return self._ask({"start": name, "arguments": [str(argument) for argument in arguments]})

    def wait(self, child: int) -> int:
        """Exit code of a child; negative: the signal that ended it."""
        return self._ask({"wait": child})

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(30)

    def _ask(self, question: dict[str, object]) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps(question), file=self.process.stdin, flush=True)
        return int(self.process.stdout.readline())


def nurse() -> None:
    """The helper process: fork on demand, report process ids and exit codes."""
    loaded = load_framework(REPOSITORY / "schemas" / "framework")
    for line in sys.stdin:
        question = json.loads(line)
        answer = 0
        if "start" in question:
            answer = os.fork()
            if answer == 0:
                os._exit(_child(question["start"], loaded, question["arguments"]))
        elif "wait" in question:
            answer = os.waitstatus_to_exitcode(os.waitpid(question["wait"], 0)[1])
        print(answer, flush=True)


def _child(name: str, loaded: Framework, arguments: list[str]) -> int:
    devnull = os.open(os.devnull, os.O_RDWR)
    os.dup2(devnull, 0)
    os.dup2(devnull, 1)
    try:
        globals()[name](loaded, *arguments)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    found = Nursery()
    yield found
    found.close()


# --- killed at any moment ---------------------------------------------------------------------------------------------


def with_results(target: Writer, number: int) -> None:
    table = t.value_table(
        [{"region": UNIT_X, "year": 2025, "indicator": f"I{n}", "value": n / number} for n in range(50)]
    )
    replace_all_results(target.connection, {"indicator_value": table})


def steps(root: Path, framework: Framework) -> list[tuple[str, Callable[[], Any]]]:
    """A short life of a warehouse that starts as a file of version 1. Every step may be repeated."""

    def written(work: Callable[[Writer], Any]) -> Callable[[], Any]:
        def run() -> None:
            with writer(root, framework) as target:
                work(target)

        return run

    def deliver(hour: int, *numbers: int, region: str = UNIT_X) -> Callable[[], Any]:
        values = [{(FIRST, ()): n, (SECOND, ()): n + 1, (FIRST, (("GRP", "A"),)): n * 2} for n in numbers]
        sent = [delivery(n, v, region=region) for n, v in zip(numbers, values, strict=True)]
        return written(lambda w: load(w, *sent, now=NOON + timedelta(hours=hour)))

    def declare(hour: int, *entries: Any) -> Callable[[], Any]:
        now = NOON + timedelta(hours=hour)
        return written(lambda w: apply_corrections(w.connection, entries, now, "r"))

    def back_up(number: int) -> None:
        if not (root / f"backup-{number}").exists():
            backup(root, root / f"backup-{number}")

    def published() -> None:
        publish(root, framework)

    def compacted() -> None:
        compact(root, framework, factor=0, smallest=0)

    took_back = "2026-06531-0012"
    change = entry(FIRST, 13, 31)
    run = Run("nightly", NOON, "nightly", "clean", NOON)
    return [
        ("migrate", written(lambda w: None)),
        ("load", deliver(10, 10, 11)),
        ("publish", published),
        ("correct", declare(11, entry(FIRST, 11, 111))),
        ("backup", lambda: back_up(1)),
        ("load", deliver(12, 12, 13)),
        ("correct", declare(13, change)),
        ("publish", published),
        ("withdraw", written(lambda w: withdraw(w.connection, took_back, "G", "A", NOON + timedelta(hours=14)))),
        ("compact", compacted),
        ("load", deliver(15, 14, 15, region=FULDA)),
        ("load", written(lambda w: (with_results(w, 3), record_run(w.connection, run)))),
        ("publish", published),
        ("backup", lambda: back_up(2)),
        ("restore", lambda: restore(root, root / "backup-1", framework)),
        ("load", deliver(16, 16, 17)),
        ("correct", declare(17)),
        (
            "withdraw",
            written(lambda w: withdraw(w.connection, "2026-06531-0017", "G", "A", NOON + timedelta(hours=18))),
        ),
        ("load", written(lambda w: with_results(w, 7))),
        ("publish", published),
        ("compact", compacted),
    ]


def live(framework: Framework, place: str) -> None:
    """Go through the steps from where the last child got to."""
    root = Path(place)
    done = progress(root)
    for number, (name, step) in enumerate(steps(root, framework)):
        if number < done:
            continue
        (root / "working.next").write_text(name)
        os.replace(root / "working.next", root / "working")
        step()
        (root / "progress.next").write_text(str(number + 1))
        os.replace(root / "progress.next", root / "progress")


def progress(root: Path) -> int:
    """How many steps are done."""
    mark = root / "progress"
    return int(mark.read_text()) if mark.exists() else 0


CONTENT = ("submission", "observation_version", "finding", "correction", "run", "status", *RESULTS)


def content(connection: duckdb.DuckDBPyConnection) -> dict[str, list[Any]]:
    return {name: sorted(rows(connection, f"SELECT * FROM {name}"), key=repr) for name in CONTENT}


def seen(connection: duckdb.DuckDBPyConnection) -> str:
    """What readers see, in short; the form of version 1 has fewer columns."""
    query = "SELECT region, year, variable, grp, value, submission_id FROM observation ORDER BY ALL"
    return repr((rows(connection, query), rows(connection, "SELECT id FROM submission ORDER BY ALL")))


@dataclass
class Quiet:
    """An undisturbed life: states to begin with, how long every step took, what readers may see, how it ends."""

    begin: dict[int, Path] = field(default_factory=dict)
    lasted: list[float] = field(default_factory=list)
    valid: set[str] = field(default_factory=set)
    end: dict[str, list[Any]] = field(default_factory=dict)
    end_seen: str = ""


def undisturbed(folder: Path, framework: Framework) -> Quiet:
    root, quiet = folder / "quiet", Quiet()
    build(VERSIONS / "0001.sql", root)
    for number, (_, step) in enumerate(steps(root, framework)):
        with open_snapshot(root) as snapshot:
            quiet.valid.add(seen(snapshot.connection))
        if number % PER_ROUND == 0:
            quiet.begin[number] = folder / f"begin-{number}"
            shutil.copytree(root, quiet.begin[number], symlinks=True)
            (quiet.begin[number] / "progress").write_text(str(number))
        began = time.monotonic()
        step()
        quiet.lasted.append(time.monotonic() - began)
    with writer(root, framework) as target:
        quiet.end = content(target.connection)
    with open_snapshot(root) as snapshot:
        quiet.end_seen = seen(snapshot.connection)
    quiet.valid.add(quiet.end_seen)
    return quiet


def kill_on_the_way(root: Path, quiet: Quiet, nursery: Nursery, dice: random.Random, most: int) -> Counter[str]:
    """Start children and kill them, until all steps are done or enough were killed; in which step how many."""
    killed: Counter[str] = Counter()
    patience: Counter[int] = Counter()
    while (step := progress(root)) < len(quiet.lasted) and sum(patience.values()) < most:
        child = nursery.start("live", root)
        time.sleep(dice.uniform(0, (2 + patience[step]) * quiet.lasted[step]))
        patience[step] += 1
        os.kill(child, signal.SIGKILL)
        if nursery.wait(child) == -signal.SIGKILL:
            killed[(root / "working").read_text() if (root / "working").exists() else "start"] += 1
        with open_snapshot(root) as snapshot:
            assert seen(snapshot.connection) in quiet.valid
        for made in root.glob("backup-*"):
            read_manifest(made)
    return killed


@pytest.mark.parametrize("kills", [5, pytest.param(KILLS, marks=pytest.mark.thorough)])
def test_killed_at_any_moment_it_ends_as_if_nothing_had_happened(
    tmp_path: Path, framework: Framework, nursery: Nursery, kills: int
) -> None:
    dice = random.Random(SEED)
    quiet = undisturbed(tmp_path, framework)
    killed: Counter[str] = Counter()
    root = tmp_path / "root"
    for begin in cycle(quiet.begin.values()):
        shutil.copytree(begin, root, symlinks=True)
        killed += kill_on_the_way(root, quiet, nursery, dice, kills // len(quiet.begin) + 1)
        assert nursery.wait(nursery.start("live", root)) == 0
        with writer(root, framework) as target:
            found = content(target.connection)
        for name in CONTENT:
            assert found[name] == quiet.end[name], name
        with open_snapshot(root) as snapshot:
            assert seen(snapshot.connection) == quiet.end_seen
        assert not [path.name for path in Places(root).folder.rglob(".*")], "the next run removes what a crash left"
        assert not list(root.glob(".monitor-*"))
        shutil.rmtree(root)
        if sum(killed.values()) >= kills:
            break
    print(f"\n{sum(killed.values())} kills (seed {SEED}): {dict(sorted(killed.items()))}")


# --- the disk ---------------------------------------------------------------------------------------------------------


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[None]:
    """A mount for a while; skips the test where that is not allowed."""
    done = subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"mount is not permitted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A data root on a small disk."""
    folder = tmp_path / "small"
    folder.mkdir()
    with mounted(folder, "-t", "tmpfs", "-o", "size=120m", "tmpfs"):
        yield folder


@contextmanager
def almost_full(folder: Path, spare: int) -> Iterator[None]:
    """Fill the disk but for some bytes, and free it again."""
    filler = folder / "filler"
    with filler.open("wb") as stream:
        room = os.statvfs(folder)
        stream.write(bytes(max(room.f_bavail * room.f_frsize - spare, 0)))
    yield
    filler.unlink()


def many(number: int, framework: Framework) -> Any:
    """A delivery of several thousand cells."""
    ages = [age for age in framework.entry_members(FIRST, "AGE") if age != "T"]
    keys = [
        (variable, (("GRP", g), ("SEX", s), ("AGE", a)))
        for variable in t.base(framework, 40)
        for g in ("DOM", "DMM", "A")
        for s in ("M", "W", "D")
        for a in ages
    ]
    return delivery(number, dict.fromkeys(keys, number))


def refused(action: Callable[[], Any], number: int = errno.ENOSPC) -> str:
    with pytest.raises(StorageFault) as fault:
        action()
    assert fault.value.errno == number
    return str(fault.value)


def start(root: Path, framework: Framework) -> None:
    with writer(root, framework) as target:
        load(target, delivery(1, {(FIRST, ()): 1}))
    publish(root, framework)


def test_a_full_disk_is_said_and_costs_nothing(small: Path, framework: Framework) -> None:
    start(small, framework)
    big = many(2, framework)

    def load_it() -> None:
        with writer(small, framework) as target:
            load(target, big)

    with almost_full(small, 64 << 10):
        assert "kein Platz mehr" in refused(load_it)
        assert value(small, framework) == [1]
    with writer(small, framework) as target:
        assert rows(target.connection, "SELECT count(*) FROM submission") == [(1,)], "nothing of it was stored"
    load_it()
    before = {path.name for path in Places(small).folder.rglob("*")}
    with almost_full(small, 1 << 20):
        assert "kein Platz mehr" in refused(lambda: publish(small, framework))
        assert value(small, framework) == [1]
        assert {path.name for path in Places(small).folder.rglob("*")} == before
        refused(lambda: backup(small, small / "sicherung"))
        assert {path.name for path in small.iterdir()} == {"warehouse", "filler"}
        refused(lambda: compact(small, framework, smallest=0, factor=0))
        with pytest.raises(StorageFault), writer(small, t.changed(framework, extra="EXTRA")):
            pass
        assert value(small, framework) == [1]
    assert publish(small, framework).new
    assert value(small, framework) == [2] * len(big.observations)
    made = backup(small, small / "sicherung")
    with almost_full(small, 1 << 20):
        refused(lambda: restore(small, made.path, framework))
        assert {path.name for path in Places(small).folder.iterdir()} == {
            "lock",
            "work",
            "generations",
            "monitor.duckdb",
        }
    assert restore(small, made.path, framework).generation == made.generation
    assert value(small, framework) == [2] * len(big.observations)
    with writer(small, t.changed(framework, extra="EXTRA")) as target:
        assert rows(target.connection, "SELECT count(*) FROM submission") == [(2,)]


def test_a_read_only_folder_is_said_and_can_still_be_read(tmp_path: Path, framework: Framework) -> None:
    root = tmp_path / "data"
    start(root, framework)
    saved = backup(root, tmp_path / "sicherung").path
    with mounted(root, "--bind", str(root)):
        subprocess.run(["mount", "-o", "remount,ro,bind", str(root)], check=True)
        actions: list[Callable[[], Any]] = [
            lambda: publish(root, framework),
            lambda: compact(root, framework),
            lambda: backup(root, tmp_path / "zweite"),
            lambda: restore(root, saved, framework),
            lambda: writer(root, framework).__enter__(),
        ]
        for action in actions:
            assert "schreibgeschützt" in refused(action, errno.EROFS)
        assert value(root, framework) == [1]
    with mounted(saved, "--bind", str(saved)):
        subprocess.run(["mount", "-o", "remount,ro,bind", str(saved)], check=True)
        refused(lambda: backup(root, saved / "dritte"), errno.EROFS)
        assert restore(root, saved, framework).generation == 1, "a backup may lie on a read-only medium"
    with pytest.raises(OSError, match="sicherung"):
        backup(root, saved / "manifest.json" / "vierte")
    assert not publish(root, framework).new


# --- many readers -----------------------------------------------------------------------------------------------------

READERS, DELIVERIES, CELLS = 20, 50, 60
REST = 1.25
"""A reader rests so many times as long as all of them look, but no longer than two seconds: they leave the writer some room."""
LOOKS = {"warm": 1, "idle": 4, "busy": 2}
"""So many looks of every reader make a phase."""
MOST = 20
"""Publishing goes on until every reader has looked, but for no more than so many times the deliveries."""


def read_on(framework: Framework, place: str, number: str, readers: str) -> None:
    """Read again and again until told to stop; note how long each look took, idle and while others write."""
    root = Path(place)
    took: dict[str, list[float]] = {"warm": [], "idle": [], "busy": []}
    last = 0
    told = False
    while not told:
        told = (root / "stop").exists()  # then one last look
        phase = next((name for name in ("busy", "idle") if (root / name).exists()), "warm")
        began = time.monotonic()
        with open_snapshot(root) as snapshot:
            query = "SELECT min(value), max(value), count(*) FROM observation"
            before = rows(snapshot.connection, query)
            results = rows(snapshot.connection, "SELECT min(value), max(value) FROM indicator_value")
            ((sent,),) = rows(snapshot.connection, "SELECT count(*) FROM submission")
            assert before == rows(snapshot.connection, query)
        took[phase].append(time.monotonic() - began)
        ((low, high, count),) = before
        assert (low, high, count) == (sent, sent, CELLS), before
        assert results == [(sent, sent)], results
        assert sent >= last, "never back"
        last = sent
        if len(took[phase]) == LOOKS[phase]:
            (root / f"{phase}-{number}").touch()
        time.sleep(min(REST * int(readers) * (time.monotonic() - began), 2.0))
    (root / f"reader-{number}.json").write_text(json.dumps({"took": took, "last": int(last)}))


@pytest.mark.parametrize(
    ("readers", "deliveries"), [(3, 4), pytest.param(READERS, DELIVERIES, marks=pytest.mark.thorough)]
)
def test_readers_while_deliveries_are_published(
    tmp_path: Path, framework: Framework, nursery: Nursery, readers: int, deliveries: int
) -> None:
    keys = [(variable, ()) for variable in t.base(framework, CELLS)]

    def round_of(number: int) -> None:
        row = {"region": UNIT_X, "year": 2025, "indicator": "I", "value": float(number)}
        with writer(tmp_path, framework) as target:
            load(target, delivery(number, dict.fromkeys(keys, number)))
            replace_all_results(target.connection, {"indicator_value": t.value_table([row])})
        publish(tmp_path, framework)

    round_of(1)
    children = [nursery.start("read_on", tmp_path, number, readers) for number in range(readers)]
    for phase, following in (("warm", "idle"), ("idle", "busy")):
        while len(list(tmp_path.glob(f"{phase}-*"))) < readers:
            time.sleep(0.05)
        (tmp_path / following).touch()
    number = 1
    while number < deliveries or (len(list(tmp_path.glob("busy-*"))) < readers and number < MOST * deliveries):
        number += 1  # a fast machine is done with all of them before the readers have looked
        round_of(number)
    (tmp_path / "stop").touch()
    assert [nursery.wait(child) for child in children] == [0] * readers
    told = [json.loads((tmp_path / f"reader-{number}.json").read_text()) for number in range(readers)]
    idle, busy = ([second for one in told for second in one["took"][phase]] for phase in ("idle", "busy"))
    ratio = statistics.median(busy) / statistics.median(idle)
    print(
        f"\n{readers} readers, {len(idle)} looks idle (median {1000 * statistics.median(idle):.0f} ms), {len(busy)} while"
        f" {number} deliveries were published (median {1000 * statistics.median(busy):.0f} ms): x{ratio:.2f}"
    )
    assert len(busy) > readers
    assert {one["last"] for one in told} == {number}
