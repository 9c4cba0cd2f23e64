"""`python -m bench.compute`: all indicators of the whole state over many years, stage by stage.

The sample world's deliveries are given to every reporting region in turn, and to every year, once, twice or three times,
so that every sum still holds. `--years 2` makes a quick run of it, `--unprotected` leaves out the search for
what stays hidden.
"""

from __future__ import annotations

import argparse
import resource
import time

import duckdb

from bench.speed.worlds import Size, load_rows
from indicators.compute import compute, values_alone
from schemas.loading import load_framework

REPORTERS = 33


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, default=15)
    parser.add_argument("--unprotected", action="store_true")
    chosen = parser.parse_args()
    framework = load_framework()
    with duckdb.connect(":memory:", config={"threads": 2}) as connection:
        rows = load_rows(connection, framework, Size(REPORTERS, chosen.years), "observation")
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


if __name__ == "__main__":
    main()
