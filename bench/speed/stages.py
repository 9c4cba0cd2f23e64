"""What is measured of this house, each function in a process of its own (see `bench.speed.measuring`)."""

from __future__ import annotations

import os
import resource
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.speed.measuring import Facts, timed

# The packages of a stage are imported by the stage: what it needs is part of what it costs.


def write(folder: str, number: str, part: str, parts: str) -> Facts:
    """A part of the workbooks of a generated world."""
    from bench.speed.worlds import grown, places, write_workbooks
    from flows.demo.running import WORLD
    from flows.demo.world import load_world
    from schemas.loading import load_framework

    framework = load_framework()
    world = grown(framework, load_world(WORLD, framework))
    wanted = places(world, int(number))[int(part) :: int(parts)]
    write_workbooks(framework, world, wanted, Path(folder))
    return {"regions": len(world.regions)}


def deliver(root: str, folder: str) -> Facts:
    """Put the workbooks into the inbox of an empty data root."""
    shutil.copytree(folder, Path(root) / "raw" / "inbox", dirs_exist_ok=True)
    return {}


def one_more(root: str, number: str, which: str = "1") -> Facts:
    """One delivery more: the newest one (`which` 2: the newest but one) again with one value changed, as a correction
    would come."""
    from bench.speed.worlds import correction
    from schemas.loading import load_framework

    correction(load_framework(), Path(root) / "raw" / "inbox", int(number), int(which))
    return {}


def read_and_check(folder: str) -> Facts:
    """Reading and the full check, in batches as in a night; nothing is stored, nobody is answered."""
    from flows.ingesting import Readers, opened_before
    from flows.settings import Settings
    from indicators.remembered import without_collecting
    from intake.checking import check_read
    from intake.deliveries import Received, read_deliveries
    from schemas.loading import load_framework

    seconds: dict[str, float] = {}
    framework, values = load_framework(), 0
    paths = sorted(Path(folder).rglob("*.xlsx"), key=lambda path: (path.stem[-4:], path.parent.name))
    files = [Received(p, p.name, p.parent.name, p.stem, datetime(2026, 1, 1), p.stem) for p in paths]
    size = Settings(Path()).batch_files
    with timed(seconds, "read", Readers) as readers:
        for start in range(0, len(files), size):
            with without_collecting():
                batch = readers.ahead(files[start : start + size])
                read = timed(
                    seconds,
                    "read",
                    lambda batch=batch: [
                        read_deliveries(framework, [file], opened_before(opened))[0] for file, opened in batch
                    ],
                )
                checked = timed(seconds, "check", lambda read=read: check_read(framework, read))
                values += sum(len(delivery.observations) for delivery in checked)
    return {"values": values, "seconds": seconds}


def night(root: str) -> Facts:
    """Everything a night does beside Prefect: inbox, answers, indicators, protection, attack, publication."""
    from collections import Counter

    import flows.cycle
    import indicators.compute
    from flows.settings import Settings
    from schemas.loading import load_framework
    from warehouse.store import exclusive

    seconds: dict[str, float] = {}
    imported = time.process_time()
    settings, tonight = Settings(Path(root), settle_seconds=0), flows.cycle.Night()
    with (
        _watched(seconds, "protection", indicators.compute, "protect_computation"),
        _watched(seconds, "attack", flows.cycle, "guard"),
        exclusive(settings.root) as lock,
    ):
        framework = timed(seconds, "framework", load_framework)
        steps: tuple[tuple[str, Any], ...] = (
            ("ingest", flows.cycle.ingest_inbox),
            ("compute", flows.cycle.compute_indicators),
            ("publish", flows.cycle.publish_snapshot),
        )
        for name, step in steps:
            timed(seconds, name, lambda step=step: step(settings, framework, tonight, lock, lambda text: None))
    verdicts = Counter(delivery.submission.verdict.value for delivery in tonight.ingested.deliveries)
    return {
        "seconds": seconds,
        "imports": imported,
        "deliveries": sum(verdicts.values()),
        "verdicts": dict(verdicts),
        "values": tonight.indicator_values,
        "new": bool(tonight.generation and tonight.generation.new),
    }


@contextmanager
def _watched(seconds: dict[str, float], name: str, module: Any, function: str) -> Iterator[None]:
    """Note what one function of a module takes while it is called by others."""
    sound = getattr(module, function)

    def watched(*arguments: Any, **named: Any) -> Any:
        return timed(seconds, name, lambda: sound(*arguments, **named))

    setattr(module, function, watched)
    try:
        yield
    finally:
        setattr(module, function, sound)


def compute(regions: str, years: str, everything: str = "") -> Facts:
    """All indicators of generated rows. `everything`: also gaps, trends, targets and profiles, with nothing hidden."""
    import duckdb

    import indicators.compute
    from bench.speed.worlds import Size, load_rows
    from schemas.loading import load_framework

    seconds: dict[str, float] = {}
    framework, size = load_framework(), Size(int(regions), int(years))
    with duckdb.connect(
        ":memory:", config={"threads": 2, "memory_limit": "4GB", "temp_directory": tempfile.gettempdir()}
    ) as connection:
        rows = timed(seconds, "rows", lambda: load_rows(connection, framework, size, "observation"))
        if everything:
            with _unprotected(indicators.compute):
                results = timed(
                    seconds, "compute", lambda: indicators.compute.compute(connection, framework, "observation")
                )
            figures = results.values.num_rows
        else:
            values = indicators.compute.values_alone
            figures = timed(seconds, "compute", lambda: values(connection, framework, "observation")).num_rows
    return {"rows": rows, "figures": figures, "seconds": seconds}


@contextmanager
def _unprotected(module: Any) -> Iterator[None]:
    """Nothing is hidden: what protection costs is measured by `bench.secrecy`."""
    from indicators.protection import ledger
    from indicators.protection.reporting import PROFILE_HIDDEN, Protection

    figure = "'' AS region, 0 AS year, '' AS indicator, '' AS key"
    empty = {
        "calc_hidden": figure,
        "calc_rounded": f"{figure}, CAST(0 AS DECIMAL(30, 8)) AS numerator, CAST(0 AS DECIMAL(30, 8)) AS denominator",
        "calc_cell_protection": figure,
        PROFILE_HIDDEN: "'' AS region, 0 AS year, '' AS measure, '' AS member",
    }

    def nothing(connection: Any, *others: Any) -> Protection:
        for name, columns in empty.items():
            connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT {columns} LIMIT 0")
        return Protection(ledger.empty())

    module.protect_computation, sound = nothing, module.protect_computation
    try:
        yield
    finally:
        module.protect_computation = sound


def secrecy(years: str) -> Facts:
    """The protected release of the whole state, or with 0 years that of the municipalities, and the attack on it."""
    from bench.secrecy import kept_secret
    from schemas.loading import load_framework

    return kept_secret(load_framework(), int(years)).facts


def masked(method: str) -> Facts:
    """The municipalities' table alone, hidden by one of the methods of `bench.peers`. Raises RuntimeError where it is absent."""
    from bench.peers import ABSENT, facts, table_of
    from schemas.loading import load_framework

    found = facts(table_of(load_framework()), method)
    if found is None:
        raise RuntimeError(ABSENT)
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {**found, "children": children}


def report(root: str, out: str, year: str) -> Facts:
    """The yearly report with everything that belongs to it."""
    from flows.reporting import make_report
    from flows.settings import Settings
    from schemas.loading import load_framework

    make_report(Settings(Path(root)), load_framework(), int(year), out=Path(out), progress=lambda text: None)
    written = [path for path in Path(out).rglob("*") if path.is_file()]
    return {"files": len(written), "megabytes": sum(path.stat().st_size for path in written) / 1e6}


def command(root: str, *arguments: str) -> Facts:
    """A command of the house as the command line starts it."""
    from flows.cli import main

    os.environ["MONITOR_DATA"] = root
    try:
        main(arguments)
    except SystemExit as ended:  # help ends the process
        return {"exit": str(ended.code)}
    return {}
