"""`make bench`: how long each stage takes and how much memory, beside other ways to do it and beside the physical limit.

Every stage runs in a process of its own on generated deliveries. Absolute seconds depend on the machine and on what else
it does; ratios within one run are what to compare. The whole run takes more than a quarter of an hour on two quiet
processors and writes its tables into docs/performance.md; `--quick` takes a few minutes and only prints.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.peers import OURS, PUBLIC
from bench.speed.goals import SECONDS, SKETCH, Goal, Hidden, Line, Tables, page, write
from bench.speed.measuring import Measured, measure
from bench.speed.modelled import compared

STAGES, SCRIPTS, LIMITS = "bench.speed.stages", "bench.speed.scripts", "bench.speed.limits"
YEAR = "2025"
MANY, MANY_YEARS = 10_700, 20
"""All municipalities of the country: more rows than one process need hold, so one of the years is measured."""


@dataclass(frozen=True)
class Scope:
    """How much is measured: workbooks, how many of them by slow scripts, worlds of rows (regions, years).

    `secret_years`: over so many years small numbers of the whole state are hidden and attacked; `whole`: also what takes
    minutes, the municipalities of the country and what others hide.
    """

    workbooks: int
    slow: int
    slowest: int
    worlds: tuple[tuple[int, int], ...]
    secret_years: int
    whole: bool = True
    writers: int = 2


WHOLE = Scope(426, 60, 6, ((33, 1), (33, 15), (421, 15)), 15)
QUICK = Scope(33, 8, 3, ((33, 1),), 1, whole=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 0 also where a goal is missed: the verdict is for people."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few minutes, nothing is written")
    parser.add_argument("--readers", action="store_true", help="afterwards readers while deliveries are loaded")
    parser.add_argument("--workbooks", type=int, help="another number of workbooks")
    chosen = parser.parse_args(arguments)
    scope = QUICK if chosen.quick else WHOLE
    if chosen.workbooks:
        scope = replace(scope, workbooks=chosen.workbooks)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        tables, goals = _measured(Path(folder), scope)
    text = page(tables, goals, f"make bench{' (--quick)' if chosen.quick else ''}")
    print(text)
    if not chosen.quick and not chosen.workbooks:
        write(text)
    return subprocess.run([sys.executable, "-m", "bench.readers"], check=False).returncode if chosen.readers else 0


def _measured(folder: Path, scope: Scope) -> tuple[Tables, list[Goal]]:
    forms, root = folder / "forms", folder / "data"
    _say(f"{scope.workbooks} workbooks are written")
    _write(forms, scope)
    reading, goals = _reading(folder, forms, scope)
    nights, more = _nights(folder, forms, root, scope, reading)
    computing, most = _computing(folder, scope)
    secret, kept = _secrecy(scope)
    commands, last = _commands(folder, root)
    tables: Tables = [
        (f"{scope.workbooks} workbooks, read and checked (ratio: to the sketch)", list(reading.values())),
        (f"{scope.workbooks} workbooks, from inbox to published state", nights),
        ("Indicators from rows of the warehouse (ratio: per row, to the world above)", computing),
        ("Small numbers: what is hidden and what an attacker recovers", secret),
        ("Report and commands", commands),
    ]
    pace = _pace(reading["sketch"].measured, scope)
    return tables, [replace(goal, pace=pace) for goal in (*goals, *more, *most, *kept, *last)]


def _middle(times: list[Measured]) -> Measured:
    """The one in the middle of those that could be measured."""
    done = sorted((one for one in times if one.done), key=lambda one: one.cpu)
    return done[len(done) // 2] if done else times[0]


def _pace(sketch: Measured, scope: Scope) -> float:
    """How many processor seconds here are one of the machine on which the goals were set; 1 where that is not known."""
    return sketch.cpu / SKETCH if sketch.done and scope.workbooks == WHOLE.workbooks else 1.0


def _write(forms: Path, scope: Scope) -> None:
    """In as many processes as there are processors; not measured."""
    command = [sys.executable, "-m", "bench.speed.measuring", f"{STAGES}:write", str(forms), str(scope.workbooks)]
    running = [
        subprocess.Popen([*command, str(part), str(scope.writers)], stdout=subprocess.DEVNULL)
        for part in range(scope.writers)
    ]
    if any(process.wait() for process in running):
        raise SystemExit("the workbooks could not be written")


def _reading(folder: Path, forms: Path, scope: Scope) -> tuple[dict[str, Line], list[Goal]]:
    def stage(name: str, *more: str, sample: int = scope.workbooks) -> Measured:
        return _stage(name, str(forms), *more, sample=sample / scope.workbooks)

    first = stage(f"{SCRIPTS}:sketch", str(folder / "sketch.duckdb"))
    naive = stage(f"{SCRIPTS}:naive", str(folder / "naive.duckdb"), str(scope.slow), sample=scope.slow)
    tables = stage(f"{SCRIPTS}:tables", str(folder / "tables.duckdb"), str(scope.slowest), sample=scope.slowest)
    ours = stage(f"{STAGES}:read_and_check")
    again = [stage(f"{SCRIPTS}:sketch", str(folder / f"sketch-{number}.duckdb")) for number in (2, 3)]
    sketch = _middle([first, *again])
    found = {
        "inflate": Line("inflate alone", stage(f"{LIMITS}:inflate"), sketch, "physical limit"),
        "parse": Line("inflate and parse the XML", stage(f"{LIMITS}:parse"), sketch, "physical limit"),
        "read": Line("read by the fastest reader alone", stage(f"{LIMITS}:read"), sketch, "physical limit; calamine"),
        "sketch": Line("sketch: calamine, one check, one load", sketch, sketch, "no rules, replies, history"),
        "ours": Line("this house: read and checked", ours, sketch, _parts(ours)),
        "naive": Line("naive: pandas, openpyxl, pandera, load, file by file", naive, sketch),
        "tables": Line("frictionless, sheet by sheet, and load", tables, sketch),
    }
    return found, [Goal("Reading and checking, beside the sketch", _ratio(ours, sketch), most=1.5)]


def _nights(
    folder: Path, forms: Path, root: Path, scope: Scope, reading: dict[str, Line]
) -> tuple[list[Line], list[Goal]]:
    sketch, naive = reading["sketch"].measured, reading["naive"].measured
    _stage(f"{STAGES}:deliver", str(root), str(forms))
    full = _stage(f"{STAGES}:night", str(root))
    nothing = _stage(f"{STAGES}:night", str(root))
    _stage(f"{STAGES}:one_more", str(root), str(scope.workbooks))
    one = _stage(f"{STAGES}:night", str(root))
    _stage(f"{STAGES}:one_more", str(root), str(scope.workbooks), "2")
    later = _stage(f"{STAGES}:night", str(root))
    own = full.cpu - _seconds(full, "protection") - _seconds(full, "attack") if full.done else None
    lines = [
        Line("all of them, with every reply", full, sketch, _parts(full)),
        Line("a night with nothing new", nothing, None, _parts(nothing)),
        Line("the second night ever, with one delivery more", one, None, _parts(one)),
        Line("a later night with one corrected delivery", later, None, _parts(later)),
    ]
    goals = [
        Goal("Inbox to published state, beside the sketch", _ratio(full, sketch), most=4),
        Goal("the same without protection and attack", own / sketch.cpu if own and sketch.done else None, most=4),
        Goal("The naive script beside inbox to published state", _ratio(naive, full), least=6),
        Goal("the same without protection and attack", naive.cpu / own if own and naive.done else None, least=6),
        Goal("A night with nothing new, beside imports", _work(nothing), most=1, unit=SECONDS),
        Goal(
            "A night with one delivery more (the second night ever), beside imports", _work(one), most=3, unit=SECONDS
        ),
        Goal("the same in a later night (the third)", _work(later), most=3, unit=SECONDS),
        Goal("Peak memory of the night with all of them", full.peak if full.done else None, most=1000, unit="MB"),
    ]
    return lines, goals


def _computing(folder: Path, scope: Scope) -> tuple[list[Line], list[Goal]]:
    lines, goals, first = [], [], None
    for regions, years in scope.worlds:
        size = (str(regions), str(years))
        values = _stage(f"{STAGES}:compute", *size)
        first = first or values
        note = (
            f"{values.facts.get('rows', 0):,} rows, {values.facts.get('figures', 0):,} figures{_per_row(values, first)}"
        )
        lines.append(Line(f"{regions:,} x {years}: values with intervals", values, None, note))
        if regions * years <= 33 * 15:
            everything = _stage(f"{STAGES}:compute", *size, "everything")
            lines.append(Line(f"{regions:,} x {years}: with gaps, trends, targets, profiles", everything, values))
            if (regions, years) == (33, 15):
                taken = _seconds(everything, "compute") if everything.done else None
                goals.append(Goal("All indicators, 33 x 15, all parts (nothing hidden)", taken, most=10, unit=SECONDS))
    if scope.whole:
        one = _stage(f"{STAGES}:compute", str(MANY), "1", sample=1 / MANY_YEARS)
        note = f"one of {MANY_YEARS} years, each is computed by itself: {one.facts.get('rows', 0):,} rows"
        note += f", {one.facts.get('figures', 0):,} figures{_per_row(one, first)}"
        lines.append(Line(f"{MANY:,} x {MANY_YEARS}: values with intervals", one, None, note))
    _say("dbt")
    modelled = compared(folder / "dbt", *scope.worlds[min(1, len(scope.worlds) - 1)])
    note = f"{modelled.facts.get('models', 0)} models, totals alone"
    lines.append(Line("dbt with duckdb, one model for each indicator", modelled, None, note))
    return lines, goals


def _per_row(values: Measured, first: Measured | None) -> str:
    if first is None or not values.done or not first.done or values is first:
        return ""
    cost = [_seconds(m, "compute") / m.facts["rows"] for m in (values, first)]
    return f"; per row {cost[0] / cost[1]:.2f} of the smallest world"


def _secrecy(scope: Scope) -> tuple[list[Hidden], list[Goal]]:
    """Releases of generated worlds as in a night, and one of their tables beside what others hide of it."""
    span = "a year" if scope.secret_years == 1 else f"{scope.secret_years} years"
    state = _stage(f"{STAGES}:secrecy", str(scope.secret_years))
    finer = state.facts.get("beyond", 0)
    note = f"of the attacked, {finer:,} are finer than any table and within a small printed total" if finer else ""
    lines = [Hidden(f"33 reporters, every table, {span}", state, note)]
    if scope.whole:
        lines.append(Hidden("421 municipalities, one table", _stage(f"{STAGES}:secrecy", "0")))
    found = [line.leaks for line in lines]
    leaks = sum(one for one in found if one is not None) if None not in found else None
    goals = [Goal("Small numbers recovered, or told within too narrow limits", leaks, most=0)]
    if scope.whole:
        mask = _stage(f"{STAGES}:masked", OURS)
        lines.append(Hidden("the same municipalities: the mask alone", mask))
        lines.append(_public())
    return lines, goals


def _public() -> Hidden:
    """The public tool; measured only where PEER_PYTHON names an interpreter that has it."""
    name = f"the same municipalities: the mask of {PUBLIC}"
    if not os.environ.get("PEER_PYTHON"):
        return Hidden(name, Measured(PUBLIC, why="PEER_PYTHON names no interpreter that has it"))
    found = _stage(f"{STAGES}:masked", PUBLIC)
    return Hidden(name, found, f"the tool itself: {found.facts.get('children', 0):.0f} MB")


def _commands(folder: Path, root: Path) -> tuple[list[Line], list[Goal]]:
    report = _stage(f"{STAGES}:report", str(root), str(folder / "report"), YEAR)
    again = _stage(f"{STAGES}:report", str(root), str(folder / "report"), YEAR)
    help_, status = (
        _middle([_stage(f"{STAGES}:command", str(root), *words) for _ in range(3)])
        for words in (("--", "--help"), ("status",))
    )
    note = f"{report.facts.get('files', 0)} files, {report.facts.get('megabytes', 0):.0f} MB, {report.wall:.0f} s by the clock"
    lines = [
        Line(f"report {YEAR}, all parts, two languages", report, None, note),
        Line("the same again, nothing changed", again, report),
        Line("monitor --help", help_),
        Line("monitor status", status),
    ]
    goals = [
        Goal("Report by the clock", report.wall if report.done else None, most=300, unit="s"),
        Goal("monitor --help", help_.cpu if help_.done else None, most=0.5, unit=SECONDS),
        Goal("monitor status", status.cpu if status.done else None, most=0.5, unit=SECONDS),
    ]
    return lines, goals


def _stage(name: str, *arguments: str, sample: float = 1.0) -> Measured:
    _say(f"{name.rpartition(':')[2]} {' '.join(Path(argument).name for argument in arguments)}")
    return measure(name, *arguments, sample=sample)


def _ratio(one: Measured, other: Measured) -> float | None:
    return one.cpu / other.cpu if one.done and other.done else None


def _seconds(measured: Measured, part: str) -> float:
    return float(measured.facts.get("seconds", {}).get(part, 0.0))


def _work(measured: Measured) -> float | None:
    """What a stage takes beside the start of Python and the import of packages."""
    return measured.cpu - float(measured.facts.get("imports", 0.0)) if measured.done else None


def _parts(measured: Measured) -> str:
    return ", ".join(f"{name} {taken:.1f}" for name, taken in measured.facts.get("seconds", {}).items())


def _say(text: str) -> None:
    print(f"... {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
