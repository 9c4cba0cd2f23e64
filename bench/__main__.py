"""`make bench`: CPU seconds of each stage on sample deliveries, beside what a plain script needs for a part of it.

Absolute seconds depend on the machine; the ratios are what to compare.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from flows.demo.deliveries import entries
from flows.demo.running import WORLD
from flows.demo.world import World, load_world
from indicators.compute import compute
from intake.checking import Received, check_read, read_deliveries
from intake.form import write_form
from intake.form_request import CoverAnswers, FormRequest
from schemas.framework_model import Framework
from schemas.loading import load_framework
from schemas.shapes import CheckedDelivery


def main() -> None:
    """Measure and print."""
    seconds: dict[str, float] = {}
    framework = _timed(seconds, "load the framework", load_framework)
    world = load_world(WORLD, framework)
    with tempfile.TemporaryDirectory() as folder:
        files = _timed(seconds, "write the forms", lambda: _forms(framework, world, Path(folder)))
        read = _timed(seconds, "read", lambda: read_deliveries(framework, files))
        checked = _timed(seconds, "contract and rules", lambda: check_read(framework, read))
        _timed(seconds, "naive: pandas and openpyxl read only", lambda: [_naive(file.path) for file in files])
    cells = sum(len(delivery.observations) for delivery in checked)
    with duckdb.connect(":memory:") as connection:
        connection.register("observation", _observations(framework, checked))
        _timed(seconds, "all indicators", lambda: compute(connection, framework, "observation"))
    print(f"{len(files)} workbooks, {cells} values, {len(framework.indicators)} indicators\n")
    for name, value in seconds.items():
        print(f"{name:<40} {value:8.2f} CPU s")
    ours, naive = seconds["read"] + seconds["contract and rules"], seconds["naive: pandas and openpyxl read only"]
    print(f"\nread, contract and rules : naive reading alone = 1 : {naive / ours:.1f}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def _timed(seconds: dict[str, float], name: str, work: Callable[[], Any]) -> Any:
    started = time.process_time()
    result = work()
    seconds[name] = time.process_time() - started
    return result


def _forms(framework: Framework, world: World, folder: Path) -> list[Received]:
    files = []
    for region in world.regions:
        for year in world.years:
            path = folder / f"{region}_{year}.xlsx"
            cover = CoverAnswers(population_basis=framework.head.delivery.population_bases[0].code)
            request = FormRequest(region, year, values=entries(framework, world, region, year), cover=cover)
            write_form(path, framework, request)
            files.append(Received(path, path.name, region, path.stem, datetime(2026, 1, 1), path.stem))
    return files


def _naive(path: Path) -> int:
    sheets = pd.read_excel(path, sheet_name=None, header=None, engine="openpyxl")
    return sum(len(sheet) for sheet in sheets.values())


def _observations(framework: Framework, checked: list[CheckedDelivery]) -> pa.Table:
    rows = [
        {
            "region": o.region,
            "year": o.year,
            "variable": o.variable,
            **{d.lower(): dict(o.members).get(d, "T") for d in framework.dimension_order},
            "value": o.value,
            "status": o.status,
        }
        for delivery in checked
        for o in delivery.observations
    ]
    dims = [(d.lower(), pa.string()) for d in framework.dimension_order]
    fields = [("region", pa.string()), ("year", pa.int32()), ("variable", pa.string()), *dims]
    return pa.Table.from_pylist(
        rows, schema=pa.schema([*fields, ("value", pa.decimal128(24, 4)), ("status", pa.string())])
    )


def readers() -> int:
    """The bench of the readers, in a process of its own: it forks, and this one has opened databases."""
    print("\nreaders while deliveries are loaded and published (some minutes)", flush=True)
    return subprocess.run([sys.executable, "-m", "bench.readers"], check=False).returncode


def state() -> int:
    """The whole state over fifteen years: values in this bench, everything with `python -m bench.compute`."""
    print("\nall indicators of the whole state", flush=True)
    return subprocess.run([sys.executable, "-m", "bench.compute", "--unprotected"], check=False).returncode


if __name__ == "__main__":
    main()
    sys.exit(state() or readers())
