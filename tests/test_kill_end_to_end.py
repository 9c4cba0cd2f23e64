"""kill -9 at random moments of a whole run, from the migration of the warehouse to the published snapshot.

After the next run everything must be as after an undisturbed one: the tables, the snapshot, the archive and every reply.
Half of the moments are points in time (they also hit the database engine), half are the n-th file operation of a stage
(these can be repeated exactly). Children are forked from one process that has imported everything and opened nothing.

Here it dies four times; the long form (`make thorough`) kills a hundred times, five of them with the shipped framework.
`MONITOR_KILLS` sets that number, `MONITOR_KILL_SEED` the moments.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import os
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from openpyxl import Workbook

from flows import cycle, watching
from flows.demo.deliveries import entries
from flows.demo.world import World
from flows.settings import Settings
from intake.form import write_form
from intake.form_request import CoverAnswers, FormRequest
from schemas import loading
from schemas.framework_model import Framework
from schemas.loading import load_framework
from warehouse import migrations
from warehouse.places import Places
from warehouse.snapshot import open_snapshot

REPOSITORY = Path(__file__).resolve().parents[1]
KILLS = int(os.environ.get("MONITOR_KILLS", "100"))
SHIPPED = KILLS // 20
"""Kills with the shipped framework, whose nights take ten times as long."""
SEED = int(os.environ.get("MONITOR_KILL_SEED", "20261122"))
FEW = 4
STAGES = ("migration", "ingest", "compute", "publish")
AGAIN = 5
"""Every so many-th recovery is killed as well."""
CITY, OTHER, THIRD, FOURTH, FIFTH = "06414", "06413", "06411", "06611", "06412"
Drop = Callable[..., Path]
Values = Callable[..., dict[tuple[str, str], Any]]


# --- one run in a child -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Moment:
    """Where to kill: a share of what a stage lasted, or of its file operations, in an undisturbed run."""

    stage: str
    kind: str
    share: float

    def __str__(self) -> str:
        return f"{self.stage} {self.kind} {self.share:.3f}"


@dataclass
class Course:
    """How an undisturbed run goes: seconds and file operations of each stage."""

    seconds: dict[str, float] = field(default_factory=dict)
    operations: dict[str, int] = field(default_factory=dict)


class Stages:
    """Tells the parent through a pipe which stage begins, and counts what the stage does with files below the root."""

    EVENTS = ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "os.truncate", "os.symlink")

    def __init__(self, root: Path, pipe: int, deadly: tuple[str, int] | None) -> None:
        self.root, self.pipe, self.deadly = str(root), pipe, deadly
        self.stage = ""
        self.counts: Counter[str] = Counter()
        self._watch(migrations, "_rebuild", "migration")
        self._watch(cycle, "ingest", "ingest")
        self._watch(cycle, "compute_indicators", "compute")
        self._watch(cycle, "publish_snapshot", "publish")
        sys.addaudithook(self._hook)

    def _watch(self, module: Any, name: str, stage: str) -> None:
        original = getattr(module, name)

        def call(*arguments: Any, **options: Any) -> Any:
            self.stage = stage
            os.write(self.pipe, bytes([STAGES.index(stage)]))
            return original(*arguments, **options)

        setattr(module, name, call)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in self.EVENTS or not self.stage or not str(arguments[0]).startswith(self.root):
            return
        self.counts[self.stage] += 1
        if self.deadly == (self.stage, self.counts[self.stage]):
            os.kill(os.getpid(), signal.SIGKILL)


def night(root: Path, framework: Framework) -> None:
    """One run as `monitor watch` does it."""
    loading.load_framework = lambda *_: framework
    watching.run_once(Settings(root, settle_seconds=0), lambda text: None)


class Child:
    """A forked child that does some work; the stages it enters are noted with their time."""

    def __init__(self, work: Callable[[int], None]) -> None:
        reading, writing = os.pipe()
        self.process = os.fork()
        if self.process == 0:
            os.close(reading)
            _do(work, writing)
        os.close(writing)
        self.pipe = reading
        self.entered: list[tuple[str, float]] = []

    def until(self, stage: str) -> bool:
        """Wait until it enters a stage; False when it ended before."""
        while not any(name == stage for name, _ in self.entered):
            if not self._listen(None):
                return False
        return True

    def sleep(self, seconds: float) -> None:
        """Wait, but no longer than it lives."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and self._listen(left):
            pass

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process, signal.SIGKILL)

    def end(self) -> int:
        """Its exit status, negative for the signal that ended it."""
        while self._listen(None):
            pass
        self.entered.append(("end", time.monotonic()))
        os.close(self.pipe)
        return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])

    def _listen(self, seconds: float | None) -> bool:
        ready, _, _ = select.select([self.pipe], [], [], seconds)
        if not ready:
            return True
        told = os.read(self.pipe, 1)
        if told:
            self.entered.append((STAGES[told[0]], time.monotonic()))
        return bool(told)


def _do(work: Callable[[int], None], pipe: int) -> None:
    status = 1
    try:
        signal.alarm(600)  # an overloaded machine is no failure
        os.fsync = lambda handle: None  # nothing here cuts the power
        work(pipe)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


# --- what must be the same --------------------------------------------------------------------------------------------

UNLIKE = {
    "run_id",
    "release_id",
    "received_at",
    "number",
    "fingerprint",
    "published_at",
    "framework_hash",
    "applied_at",
}
"""Columns that name a run or the clock."""
ORDERED = ("checked_at", "valid_from", "valid_to", "ended_at")
"""Moments of system time: their order must be the same."""


def facts(root: Path) -> dict[str, Any]:
    """Everything that must be the same whenever the machine died; only the clock and the names of runs may differ."""
    with duckdb.connect(str(Places(root).work_file), read_only=True) as connection:
        found = {f"work: {name}": content for name, content in tables(connection).items()}
    with open_snapshot(root) as snapshot:
        found |= {f"snapshot: {name}": content for name, content in tables(snapshot.connection).items()}
        found["snapshot: seen"] = seen(snapshot.connection)
    for folder in ("raw", "outbox", "warehouse"):
        found[folder] = {
            path.relative_to(root).as_posix(): _content(path)
            for path in sorted((root / folder).rglob("*"))
            if path.is_file() and path.suffix != ".duckdb"
        }
    found["claims"] = [path.name for path in (root / "raw" / "claims").iterdir()]
    return json.loads(json.dumps(found, default=str))  # type: ignore[no-any-return]


def tables(connection: duckdb.DuckDBPyConnection) -> dict[str, list[Any]]:
    """All tables but the runs, without the columns that may differ, moments as their rank."""
    moments: set[Any] = set()
    read: dict[str, tuple[list[str], list[tuple[Any, ...]]]] = {}
    names = [name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY ALL").fetchall()]
    for name in names:
        if name in ("run", "meta_generation"):
            continue
        told = connection.execute(f"SELECT * FROM {name}")
        columns = [entry[0] for entry in told.description]
        rows = told.fetchall()
        read[name] = (columns, rows)
        moments |= {row[columns.index(c)] for c in ORDERED if c in columns for row in rows}
    rank = {moment: n for n, moment in enumerate(sorted(m for m in moments if isinstance(m, datetime)))}
    found: dict[str, list[Any]] = {"run": connection.execute("SELECT DISTINCT kind FROM run").fetchall()}
    for name, (columns, rows) in read.items():
        kept = [(n, column in ORDERED) for n, column in enumerate(columns) if column not in UNLIKE]
        found[name] = sorted(([rank.get(r[n], r[n]) if moment else r[n] for n, moment in kept] for r in rows), key=repr)
    return found


def seen(connection: duckdb.DuckDBPyConnection) -> str:
    """What readers see, in short; the form of version 1 has fewer columns."""
    queries = (
        "SELECT region, year, variable, value, submission_id FROM observation ORDER BY ALL",
        "SELECT region, year, indicator, value FROM indicator_value ORDER BY ALL",
        "SELECT id FROM submission ORDER BY ALL",
    )
    text = repr([connection.execute(query).fetchall() for query in queries])
    return hashlib.sha256(text.encode()).hexdigest()


def _content(path: Path) -> Any:
    if path.name == "lock":
        return ""
    if path.suffix in (".txt", ".html", ".json"):
        text = path.read_text(encoding="utf-8")
        text = re.sub(r"\d\d\.\d\d\.\d{4}, \d\d:\d\d Uhr", "<time>", text)
        return re.sub(r'"time": "[^"]*"', '"time": ""', text)
    if "outbox" in path.parts and path.suffix == ".xlsx":  # a workbook that we write may name the time
        with zipfile.ZipFile(path) as package:
            return sorted(package.namelist())
    return hashlib.sha256(path.read_bytes()).hexdigest()


# --- kill, run again, compare -----------------------------------------------------------------------------------------


@dataclass
class Outcome:
    """What came of some kills."""

    killed: list[str] = field(default_factory=list)
    in_stage: dict[str, int] = field(default_factory=dict)
    late: int = 0
    twice: int = 0
    wrong: list[str] = field(default_factory=list)
    expected: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


class Theatre:
    """The same run, again and again, in copies of one data root."""

    def __init__(self, base: Path, framework: Framework, folder: Path) -> None:
        self.base, self.framework, self.folder = base, framework, folder
        self.before = self._asked(lambda: {"seen": _seen_in(base)})["seen"]
        self.course, self.expected = self._undisturbed()
        self.after = self.expected["snapshot: seen"]

    def play(self, kills: int, dice: random.Random) -> Outcome:
        """Kill so many times, in every stage by turns: first at an operation, which falls into its stage on any machine."""
        outcome, started = Outcome(expected=self.expected), time.monotonic()
        counts: Counter[str] = Counter()
        number = 0
        while len(outcome.killed) < kills and number < 3 * kills + 10:
            moment = Moment(STAGES[number % 4], ("operation", "time")[number // 4 % 2], dice.random())
            twice = number % AGAIN == AGAIN - 1
            number += 1
            root = self._copy()
            stage = self._killed(root, moment)
            if stage is None:
                outcome.late += 1
                continue
            died_in = [stage]
            if twice:
                second = Moment(dice.choice(STAGES[1:]), "operation", dice.random() / 4)
                again = self._killed(root, second)
                outcome.twice += again is not None
                died_in.append(again or "publish")  # it may have come through
            outcome.killed.append(str(moment))
            counts[stage] += 1
            outcome.wrong += [f"{moment}: {wrong}" for wrong in self._recovered(root, died_in)]
            shutil.rmtree(root)
        outcome.in_stage = dict(counts)
        outcome.seconds = time.monotonic() - started
        return outcome

    def _undisturbed(self) -> tuple[Course, dict[str, Any]]:
        root, course = self._copy(), Course()

        def work(pipe: int) -> None:
            stages = Stages(root, pipe, None)
            night(root, self.framework)
            (self.folder / "operations.json").write_text(json.dumps(stages.counts))

        child = Child(work)
        assert child.end() == 0
        for (stage, began), (_, ended) in zip(child.entered, child.entered[1:], strict=False):
            course.seconds[stage] = ended - began
        course.operations = json.loads((self.folder / "operations.json").read_text())
        assert list(course.seconds) == list(STAGES), "every stage, in this order"
        found = self._asked(lambda: facts(root))
        shutil.rmtree(root)
        return course, found

    def _killed(self, root: Path, moment: Moment) -> str | None:
        """Run and kill; the stage in which it died, None when it ended before."""
        operation = int(moment.share * self.course.operations[moment.stage]) + 1
        deadly = (moment.stage, operation) if moment.kind == "operation" else None

        def work(pipe: int) -> None:
            Stages(root, pipe, deadly)
            night(root, self.framework)

        child = Child(work)
        if deadly is None and child.until(moment.stage):
            child.sleep(moment.share * self.course.seconds[moment.stage])
            child.kill()
        died = child.end() == -signal.SIGKILL
        return child.entered[-2][0] if died else None

    def _recovered(self, root: Path, died_in: list[str]) -> Iterator[str]:
        """What is wrong between the kill and the next run, and after it."""
        visible = self._asked(lambda: {"seen": _seen_in(root)})["seen"]
        if visible != self.before and ("publish" not in died_in or visible != self.after):
            yield "readers saw a mixed state"
        child = Child(lambda pipe: night(root, self.framework))
        if status := child.end():
            yield f"the next run failed ({status})"
            return
        found = self._asked(lambda: facts(root))
        for part in sorted(self.expected.keys() | found.keys()):
            if found.get(part) != self.expected.get(part):
                yield f"{part} differs: {_difference(self.expected.get(part), found.get(part))}"

    def _asked(self, question: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """An answer from a child, so that this process never opens a database."""
        path = self.folder / "answer.json"
        path.unlink(missing_ok=True)
        assert Child(lambda pipe: _write(path, question())).end() == 0
        return json.loads(path.read_text())  # type: ignore[no-any-return]

    def _copy(self) -> Path:
        root = self.folder / "root"
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(self.base, root, symlinks=True)
        return root


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content))


def _seen_in(root: Path) -> str:
    with open_snapshot(root) as snapshot:
        return seen(snapshot.connection)


def _difference(expected: Any, found: Any) -> str:
    if isinstance(expected, dict) and isinstance(found, dict):
        names = [name for name in sorted(expected.keys() | found.keys()) if expected.get(name) != found.get(name)]
        return ", ".join(f"{name} ({'missing' if name not in found else 'other'})" for name in names)[:600]
    if isinstance(expected, list) and isinstance(found, list):
        missing = [entry for entry in expected if entry not in found]
        extra = [entry for entry in found if entry not in expected]
        return f"missing {missing[:3]}, extra {extra[:3]}"[:600]
    return f"{str(expected)[:200]} / {str(found)[:200]}"


def play(framework_folder: str, old_folder: str, base: str, second: str, folder: str, kills: str, seed: str) -> None:
    """Runs in a process of its own: the base gets its first night, then what came later is laid into its inbox."""
    importlib.import_module("pandera.backends.pandas.builtin_checks")  # else every child would import it
    if old_folder:
        old = load_framework(Path(old_folder))
        assert Child(lambda pipe: night(Path(base), old)).end() == 0
    shutil.copytree(second, base, dirs_exist_ok=True)
    theatre = Theatre(Path(base), load_framework(Path(framework_folder)), Path(folder))
    outcome = theatre.play(int(kills), random.Random(int(seed)))
    (Path(folder) / "outcome.json").write_text(json.dumps(vars(outcome)))


# --- the stories ------------------------------------------------------------------------------------------------------


def correction(region: str, year: int, variable: str, old: int) -> str:
    return (
        f"- {{id: K1, who: Amt, when: 2026-11-01, region: '{region}', year: {year}, variable: {variable}, old: {old},"
        f" new: {old + 1}, reason: Zahlendreher, expected: {{status: ok}}}}\n"
    )


def persons(path: Path) -> None:
    """A list of persons: refused, and not kept."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.append(["Nachname", "Vorname", "Geburtsdatum"])
    for number in range(1, 20):
        sheet.append([f"Muster{number}", "Eva", f"{number:02d}.03.1984"])
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)


def unreadable(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"PK\x03\x04 broken")


@dataclass(frozen=True)
class Story:
    """A data root before the run, what is delivered then, and by whose rules; `old` are those of the night before."""

    framework: Path
    base: Path
    second: Path
    old: Path | None = None


@pytest.fixture
def tiny_story(tmp_path: Path, tiny_folder: Path, drop: Drop, tiny_values: Values) -> Story:
    """One delivery of every kind, for a warehouse that the framework without its second dimension wrote."""
    old = tmp_path / "framework"
    shutil.copytree(tiny_folder, old)
    known = yaml.safe_load((old / "dimensions.yaml").read_text(encoding="utf-8"))
    (old / "dimensions.yaml").write_text(yaml.safe_dump([d for d in known if d["code"] != "AGE"]), encoding="utf-8")
    path = old / "variables" / "GEB.yaml"
    path.write_text(path.read_text("utf-8").replace("tables: [[SEX], [AGE]]", "tables: [[SEX]]"), encoding="utf-8")
    base, second = tmp_path / "base", tmp_path / "second"
    inbox = second / "raw" / "inbox"
    values = {key: value for key, value in tiny_values().items() if not key[1].startswith("AGE")}
    for region, year in ((CITY, 2020), (FOURTH, 2021)):
        cover = CoverAnswers(population_basis="FORT", contact_name="Statistikstelle")
        request = FormRequest(region, year, values=values, cover=cover)
        write_form(base / "raw" / "inbox" / region / "alt.xlsx", load_framework(old), request)
    content = (base / "raw" / "inbox" / FOURTH / "alt.xlsx").read_bytes()
    second.mkdir()
    (second / "corrections.yaml").write_text(correction(CITY, 2020, "EW", 1000), encoding="utf-8")
    drop(second, CITY, "angenommen.xlsx", values=tiny_values(1100))
    drop(second, OTHER, "zurückgegeben.xlsx", values={**tiny_values(), ("EW", "SEX=M"): 407})
    drop(second, FOURTH, "bekannt.xlsx").write_bytes(content)
    drop(second, FOURTH, "berichtigt.xlsx", values=tiny_values(1200))
    twice = drop(second, FIFTH, "erst.xlsx", values=tiny_values(900)).read_bytes()
    (inbox / FIFTH / "noch einmal.xlsx").write_bytes(twice)
    drop(second, THIRD, "Fehlanzeige.xlsx", values={}, nil=True)
    unreadable(inbox / THIRD / "unlesbar.xlsx")
    persons(inbox / OTHER / "Liste.xlsx")
    return Story(tiny_folder, base, second, old)


@pytest.fixture
def shipped_story(tmp_path: Path, framework: Framework, world: World) -> Story:
    """The shipped framework and a warehouse that the first version of this program wrote."""
    base, second = tmp_path / "base", tmp_path / "second"
    inbox = second / "raw" / "inbox"
    places = Places(base)
    places.make()
    with duckdb.connect(str(places.work_file)) as connection:
        connection.execute((REPOSITORY / "tests" / "warehouse_versions" / "0001.sql").read_text("utf-8"))
    shutil.copyfile(places.work_file, places.generation(1))
    places.link.symlink_to("generations/monitor-1.duckdb")
    for region, year, change in (("06414", 2024, 0), ("06413", 2024, 7), ("06611", 2024, 0), ("06414", 2025, 0)):
        values = entries(framework, world, region, year)
        values["POP", ""] = int(str(values["POP", ""])) + change
        cover = CoverAnswers(population_basis="EMR", contact_name="Integrationsbüro")
        write_form(inbox / region / f"{year}.xlsx", framework, FormRequest(region, year, values=values, cover=cover))
    unreadable(inbox / THIRD / "unlesbar.xlsx")
    return Story(REPOSITORY / "schemas" / "framework", base, second)


def played(story: Story, folder: Path, kills: int) -> Outcome:
    """Play a story in a process of its own."""
    folder.mkdir()
    code = "import sys; from test_kill_end_to_end import play; play(*sys.argv[1:])"
    quiet = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'tests'}"}
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MONITOR_", "PREFECT_"))}
    told = (story.framework, story.old or "", story.base, story.second, folder, kills, SEED)
    subprocess.run(
        [sys.executable, "-c", code, *map(str, told)], cwd=REPOSITORY, env={**clean, **quiet}, check=True, timeout=3000
    )
    outcome = Outcome(**json.loads((folder / "outcome.json").read_text()))
    print(f"\n{len(outcome.killed)} kills (seed {SEED}) in {outcome.seconds:.0f} s: {outcome.in_stage}", end="")
    print(f", {outcome.twice} of them killed again in the next run; {outcome.late} moments came too late")
    print("; ".join(outcome.killed))
    return outcome


def assert_whole(outcome: Outcome, kills: int) -> None:
    assert not outcome.wrong, "\n".join(outcome.wrong)
    assert len(outcome.killed) == kills
    assert set(outcome.in_stage) == set(STAGES)


@pytest.mark.parametrize("kills", [FEW, pytest.param(KILLS - SHIPPED, marks=pytest.mark.thorough)])
def test_a_run_killed_at_any_moment_ends_like_an_undisturbed_one(tiny_story: Story, tmp_path: Path, kills: int) -> None:
    outcome = played(tiny_story, tmp_path / "theatre", kills)
    assert_whole(outcome, kills)
    whole = outcome.expected
    assert len(whole["snapshot: submission"]) == 9, "the repeated files have no row of their own"
    assert whole["claims"] == []
    assert not [name for name in whole["raw"] if "/inbox/" in name]
    answers = [name for name in whole["outbox"] if name.endswith(".txt")]
    assert len(answers) == 11, "nine deliveries and two files that were known already"
    previews = [name for name in whole["outbox"] if "Vorschau_" in name]
    assert len(previews) == 5, "one for every accepted form with values"
    assert len(whole["snapshot: correction"]) == 1


@pytest.mark.thorough
def test_the_same_with_the_shipped_framework_and_a_warehouse_of_the_first_version(
    shipped_story: Story, tmp_path: Path
) -> None:
    outcome = played(shipped_story, tmp_path / "theatre", SHIPPED)
    assert len(outcome.expected["snapshot: indicator_value"]) > 1000
    assert_whole(outcome, SHIPPED)
