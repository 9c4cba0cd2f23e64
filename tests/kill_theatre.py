"""Kill -9 at a moment of a run, run again, and look whether everything is as after an undisturbed run.

Half of the moments are points in time (they also hit the database engine), half are the n-th file operation of a stage
(these can be repeated exactly). Children are forked from one process that has imported everything and opened nothing.
Used by `test_kill_end_to_end`, which tells the stories.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import random
import select
import shutil
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kill_facts import difference, facts, seen_in

from flows import cycle, watching
from flows.settings import Settings
from schemas import loading
from schemas.framework_model import Framework
from schemas.loading import load_framework
from warehouse import migrations

STAGES = ("migration", "ingest", "compute", "publish")
AGAIN = 5
"""Every so many-th recovery is killed as well."""


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
        self.before = self._asked(lambda: {"seen": seen_in(base)})["seen"]
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
        visible = self._asked(lambda: {"seen": seen_in(root)})["seen"]
        if visible != self.before and ("publish" not in died_in or visible != self.after):
            yield "readers saw a mixed state"
        child = Child(lambda pipe: night(root, self.framework))
        if status := child.end():
            yield f"the next run failed ({status})"
            return
        found = self._asked(lambda: facts(root))
        for part in sorted(self.expected.keys() | found.keys()):
            if found.get(part) != self.expected.get(part):
                yield f"{part} differs: {difference(self.expected.get(part), found.get(part))}"

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
