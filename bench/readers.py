"""Do readers wait while deliveries are loaded? `python -m bench.readers`

20 reader processes query the published snapshot in a loop; one writer takes 50 deliveries through the whole chain, a few
at a time (`--together`) as in watch mode: inbox, check, load, all indicators, attack, publication. Idle phases, busy ones
and a control take turns, so that all are measured with the same readers on the same machine.

What is compared: for each reader the median duration of its looks (open the snapshot, query, close) in the busy phases
against its own median in the idle ones. Wanted: no error, no mixed state, no reader slower than twice its idle median.
The control tells waiting from a want of processors: a process of the same niceness does the writer's work (check, load,
compute, publish) on a data root of its own, so that it takes as much of the machine and shares no file with the readers.
What is left between busy and control is the writer's: its locks, its new generations and the cold pages they bring.
A look that spans two phases is not counted. `--rest 0` lets the readers query without a break, so that they alone use up
all processors; with `--rest` they pause like people do, and the idle machine is really idle.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from bench.children import fork, in_a_child
from flows import watching
from flows.demo.deliveries import entries
from flows.demo.running import WORLD
from flows.demo.world import World, load_world
from flows.settings import Settings
from intake.form import write_form
from intake.form_request import CoverAnswers, FormRequest
from schemas.framework_model import Framework
from schemas.loading import load_framework
from warehouse.access import rows
from warehouse.snapshot import Snapshot, open_snapshot

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import Synchronized

READERS, DELIVERIES, TOGETHER, BLOCKS = 20, 50, 5, 5
REST_SECONDS = 3.0
IDLE_SECONDS = 12.0
RUN_MINUTES = 30.0
WANTED = 2.0
NICE = 5
"""As in deploy/monitor-nightly.service."""
IDLE, BUSY, CONTROL, OVER, BETWEEN = range(5)
MEASURED = (IDLE, CONTROL, BUSY)
Phase: TypeAlias = "Synchronized[int]"
Moment: TypeAlias = "Synchronized[float]"

SERIES = """
    SELECT p.year, p.indicator, i.name_de, p.value, p.sign FROM indicator_published p
    JOIN indicator i ON i.code = p.indicator WHERE p.region = ? ORDER BY p.indicator, p.year"""
LEVELS = "SELECT region, year, variable, count(*), sum(value) FROM observation GROUP BY ALL ORDER BY ALL"
MIXED = {
    "values of a region and year from several deliveries": """
        SELECT region, year FROM observation GROUP BY ALL HAVING count(DISTINCT submission_id) > 1""",
    "values of a delivery that another one has replaced": """
        SELECT id FROM submission s SEMI JOIN observation o ON o.submission_id = s.id
        WHERE id IN (SELECT supersedes FROM submission WHERE starts_with(verdict, 'accepted'))""",
    "an indicator that was not computed from the values beside it": r"""
        WITH share AS MATERIALIZED (
            SELECT code, regexp_extract(formula, '^[0-9]+ \* \w+ / (\w+)$', 1) AS variable FROM indicator
        ), known AS MATERIALIZED (
            SELECT region, year, variable, max(value) AS total FROM observation SEMI JOIN share USING (variable)
            GROUP BY ALL HAVING count(*) = 1
        )
        SELECT region, year, indicator FROM indicator_value v JOIN share ON share.code = v.indicator
        JOIN known USING (region, year, variable) WHERE v.denominator <> known.total""",
}
"""Each finds nothing in a state that belongs together."""


@dataclass(frozen=True)
class Report:
    """What one reader saw: durations in seconds by phase, and what was wrong."""

    looks: dict[int, list[float]]
    wrong: list[str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 0 when all is as wanted."""
    parser = argparse.ArgumentParser(prog="python -m bench.readers", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--readers", type=int, default=READERS)
    parser.add_argument("--deliveries", type=int, default=DELIVERIES)
    parser.add_argument("--together", type=int, default=TOGETHER, help="deliveries that one run finds in the inbox")
    parser.add_argument("--rest", type=float, default=REST_SECONDS, help="seconds between two looks of a reader")
    parser.add_argument("--minutes", type=float, default=RUN_MINUTES, help="that one run of the writer may take")
    parser.add_argument("--nice", type=int, default=NICE, help="of the writer, as its service sets it")
    chosen = parser.parse_args(arguments)
    framework = load_framework()
    with tempfile.TemporaryDirectory() as folder:
        root, waiting = Path(folder) / "data", Path(folder) / "waiting"
        in_a_child(lambda: prepare(framework, root, waiting, chosen.deliveries))
        return measure(root, waiting, chosen)


def prepare(framework: Framework, root: Path, waiting: Path, deliveries: int) -> None:
    """A warehouse with every region and year of the demo; then later versions of these deliveries, waiting."""
    world = load_world(WORLD, framework)
    places = [(region, year) for year in world.years for region in world.regions]
    for region, year in places:
        _form(framework, world, region, year, root / "raw" / "inbox" / region / f"{year}.xlsx")
    for number in range(deliveries):
        region, year = places[-1 - number % len(places)]
        description = world.description.model_copy(update={"seed": f"readers-{number // len(places)}"})
        _form(
            framework, World(framework, description), region, year, waiting / f"{number:03d}" / region / f"{year}.xlsx"
        )
    watching.run_once(Settings(root, settle_seconds=0), lambda text: None)


def _form(framework: Framework, world: World, region: str, year: int, path: Path) -> None:
    cover = CoverAnswers(
        population_basis=framework.head.delivery.population_bases[0].code, contact_name="Statistikstelle"
    )
    write_form(path, framework, FormRequest(region, year, values=entries(framework, world, region, year), cover=cover))


def measure(root: Path, waiting: Path, chosen: argparse.Namespace) -> int:
    """Idle and busy phases in turn; prints what came out."""
    phase: Phase = multiprocessing.Value("i", BETWEEN)
    folder = waiting.parent
    readers = [
        fork(lambda n=n: _read_on(root, phase, chosen.rest, folder / f"{n}.json", n)) for n in range(chosen.readers)
    ]  # type: ignore[misc]
    started = os.getloadavg()[0]
    try:
        wrote = _take_turns(root, sorted(waiting.iterdir()), phase, chosen)
    except RuntimeError as error:
        print(f"the writer failed ({error}): nothing to compare")
        return 1
    finally:  # the readers end before their folder goes
        phase.value = OVER
        failed = sum(os.waitstatus_to_exitcode(os.waitpid(reader, 0)[1]) != 0 for reader in readers)
    reports = [_report(folder / f"{n}.json") for n in range(chosen.readers)]
    return say(reports, failed, wrote, started, chosen)


def _take_turns(root: Path, files: Sequence[Path], phase: Phase, chosen: argparse.Namespace) -> float:
    """Idle, control, busy, idle, ..., idle; the seconds of the busy phases. The control takes the same deliveries in."""
    apart = root.with_name("control")
    shutil.copytree(root, apart, symlinks=True)
    share = -(-len(files) // BLOCKS)
    wrote = 0.0
    begun: Moment = multiprocessing.Value("d", 0.0)

    def written(where: Path, block: Sequence[Path]) -> float:
        """The seconds that the writer took; the limit is of one run, a block has several."""
        began = begun.value = time.monotonic()
        in_a_child(
            lambda: _write(where, block, chosen, begun), lambda: time.monotonic() - begun.value > 60 * chosen.minutes
        )
        return time.monotonic() - began

    time.sleep(2 + chosen.rest)  # first looks are slower
    for begin in range(0, len(files), share):
        _hold(phase, IDLE, lambda: time.sleep(IDLE_SECONDS))
        block = files[begin : begin + share]
        alone: float = _hold(phase, CONTROL, lambda block=block: written(apart, block))  # type: ignore[misc]
        busy: float = _hold(phase, BUSY, lambda block=block: written(root, block))  # type: ignore[misc]
        wrote += busy
        done = f"{begin + len(block)} of {len(files)} deliveries"
        print(f"{done}: control {alone:.0f} s, busy {busy:.0f} s", flush=True)
    _hold(phase, IDLE, lambda: time.sleep(IDLE_SECONDS))
    return wrote


def say(reports: Sequence[Report], failed: int, wrote: float, load: float, chosen: argparse.Namespace) -> int:
    """Print the figures; 1 when something is not as wanted."""
    wrong = [text for report in reports for text in report.wrong]
    medians = {phase: [statistics.median(report.looks[phase]) for report in reports] for phase in MEASURED}
    looks = {phase: sum(len(report.looks[phase]) for report in reports) for phase in MEASURED}
    tail = {phase: _tail([s for report in reports for s in report.looks[phase]]) for phase in MEASURED}
    ratios = _ratios(medians[BUSY], medians[IDLE])
    print(
        f"{chosen.readers} readers, a rest of {chosen.rest:g} s between looks, {os.cpu_count()} processors,"
        f" load before {load:.1f}"
    )
    print(
        f"{chosen.deliveries} deliveries, {chosen.together} at a time, loaded and published in {wrote:.0f} s by a writer of"
        f" niceness {chosen.nice}"
    )
    for name, phase in (("idle", IDLE), ("control", CONTROL), ("busy", BUSY)):
        middle = 1000 * statistics.median(medians[phase])
        within = 1000 * tail[phase]
        print(f"{name:7}: {looks[phase]:6} looks, median {middle:6.0f} ms, 95 of 100 within {within:6.0f} ms")
    for name, found, aim in (
        ("busy : idle", ratios, f" (wanted: x{WANTED:g})"),
        ("control : idle, a want of processors", _ratios(medians[CONTROL], medians[IDLE]), ""),
        ("busy : control, the writer's own part", _ratios(medians[BUSY], medians[CONTROL]), ""),
    ):
        print(f"{name}: median reader x{statistics.median(found):.2f}, slowest reader x{found[-1]:.2f}{aim}")
    print(f"errors {failed}, mixed states {len(wrong)}")
    for text in wrong[:5]:
        print(f"  {text}")
    return int(bool(failed or wrong or ratios[-1] > WANTED))


def _ratios(ones: Sequence[float], others: Sequence[float]) -> list[float]:
    return sorted(one / other for one, other in zip(ones, others, strict=True))


def _tail(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=20)[-1]


def _hold(phase: Phase, value: int, work: Callable[[], Any]) -> Any:
    phase.value = value
    found = work()
    phase.value = BETWEEN
    return found


# --- in the children --------------------------------------------------------------------------------------------------


def _write(root: Path, block: Sequence[Path], chosen: argparse.Namespace, begun: Moment) -> None:
    """All deliveries through the whole chain, a few at a time; `begun` says when the last run began."""
    os.nice(chosen.nice)
    settings = Settings(root, settle_seconds=0)
    for begin in range(0, len(block), chosen.together):
        for path in (path for folder in block[begin : begin + chosen.together] for path in folder.glob("*/*")):
            target = root / "raw" / "inbox" / path.parent.name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        begun.value = time.monotonic()
        code = watching.run_once(settings, lambda text: None)
        if code not in (0, 1):
            raise RuntimeError(f"the run ended with {code}")


def _read_on(root: Path, phase: Phase, rest: float, out: Path, number: int) -> None:
    """Look until all is over."""
    looks: dict[int, list[float]] = {phase: [] for phase in MEASURED}
    wrong: list[str] = []
    last, parent = 0, os.getppid()
    time.sleep(rest * number / READERS)
    while (now := phase.value) != OVER and os.getppid() == parent:
        began = time.monotonic()
        with open_snapshot(root) as snapshot:
            wrong += _look(snapshot)
            if snapshot.generation < last:
                wrong.append(f"generation {snapshot.generation} after {last}")
            last = snapshot.generation
        took = time.monotonic() - began
        if now == phase.value and now in looks:
            looks[now].append(took)
        time.sleep(rest)
    out.write_text(json.dumps([*looks.values(), wrong]))


def _look(snapshot: Snapshot) -> list[str]:
    """What an analyst asks, twice the same, and whether the state belongs together."""
    first = rows(snapshot.connection, LEVELS)
    if not first:
        return ["no values"]
    rows(snapshot.connection, SERIES, [first[0][0]])
    wrong = [f"{name}: {found[:3]}" for name, query in MIXED.items() if (found := rows(snapshot.connection, query))]
    if first != rows(snapshot.connection, LEVELS):
        wrong.append("the same query gave two answers")
    return wrong


def _report(path: Path) -> Report:
    *looks, wrong = json.loads(path.read_text())
    return Report(dict(zip(MEASURED, looks, strict=True)), wrong)


if __name__ == "__main__":
    sys.exit(main())
