"""`python -m bench.compute`: all indicators of the whole state over many years, stage by stage.

The sample world's deliveries are given to every reporting region in turn, and to every year, once, twice or three times,
so that every sum still holds. `--years 2` makes a quick run of it, `--unprotected` leaves out the search for
what stays hidden.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Iterator

import duckdb
import pyarrow as pa

from flows.demo.running import WORLD
from flows.demo.world import World, load_world
from indicators.compute import compute, values_alone
from schemas.framework_model import Framework
from schemas.loading import load_framework
from schemas.territory import reference_day

LAST_YEAR = 2025


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, default=15)
    parser.add_argument("--unprotected", action="store_true")
    chosen = parser.parse_args()
    framework = load_framework()
    with duckdb.connect(":memory:", config={"threads": 2}) as connection:
        rows = load_state(connection, framework, chosen.years)
        print(f"{rows} base rows")
        began = time.process_time()
        values = values_alone(connection, framework, "observation")
        print(f"{'values, intervals, breaks':<40} {time.process_time() - began:8.2f} CPU s, {values.num_rows} figures")
        if not chosen.unprotected:
            began = time.process_time()
            results = compute(connection, framework, "observation")
            print(f"{'everything with protection':<40} {time.process_time() - began:8.2f} CPU s")
            print(", ".join(f"{count} {name}" for name, count in results.protection.counts.items()))
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def load_state(connection: duckdb.DuckDBPyConnection, framework: Framework, years: int) -> int:
    """Make the table `observation` for all reporting regions and some years; returns its number of rows."""
    world = load_world(WORLD, framework)
    connection.register("sample", pa.Table.from_pylist(list(_cells(framework, world))))
    places = [
        {"region": region, "year": year, "template": number % len(world.regions)}
        for year in range(LAST_YEAR - years + 1, LAST_YEAR + 1)
        for number, region in enumerate(framework.territory.reporters(reference_day(year)))
    ]
    connection.register("place", pa.Table.from_pylist(places))
    dims = ", ".join(f'"{dimension.lower()}"' for dimension in framework.dimension_order)
    connection.execute(f"""
        CREATE TABLE observation AS
        SELECT p.region, CAST(p.year AS INTEGER) AS year, s.variable, {dims},
               CAST(s.value * (1 + hash(p.region, p.year) % 3) AS DECIMAL(24, 4)) AS value, 'ok' AS status
        FROM sample s JOIN place p USING (template)""")
    for name in ("sample", "place"):
        connection.unregister(name)
    ((rows,),) = connection.execute("SELECT count(*) FROM observation").fetchall()
    return int(rows)


def _cells(framework: Framework, world: World) -> Iterator[dict[str, object]]:
    """The cells of the newest year of every region of the sample world."""
    for number, region in enumerate(world.regions):
        for (variable, key), value in world.values(region, max(world.years)).items():
            members = dict(pair.split("=") for pair in key.split(",") if pair)
            dims = {dimension.lower(): members.get(dimension, "T") for dimension in framework.dimension_order}
            yield {"template": number, "variable": variable, **dims, "value": float(value)}


if __name__ == "__main__":
    main()
