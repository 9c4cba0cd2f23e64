"""The compute part in dbt with duckdb: one model for each indicator, in an environment of its own that is thrown away.

The models are made from the same plan and are less than ours: the totals of each region and year alone, without
breakdowns, aggregates, intervals, statuses or coverage.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bench.speed.measuring import Facts, Measured, measure

if TYPE_CHECKING:  # the environment that has dbt has nothing of this house
    from schemas.framework_model import Framework
    from schemas.plan import Lookup

PACKAGES = ("dbt-core>=1.11,<1.12", "dbt-duckdb>=1.11,<1.12", "duckdb==2.0.0")
INSTALL_SECONDS = 240
_PROJECT = "name: compared\nversion: '1.0.0'\nprofile: compared\nmodel-paths: [models]\n"
_PROFILE = "compared:\n  target: it\n  outputs:\n    it: {{type: duckdb, path: '{path}', threads: 2}}\n"


def prepare(folder: str, regions: str, years: str) -> Facts:
    """The database with the rows, and the project with its models."""
    import duckdb

    from bench.speed.worlds import Size, load_rows
    from schemas import sql
    from schemas.loading import load_framework

    framework, root = load_framework(), Path(folder)
    (root / "models").mkdir(parents=True)
    (root / "dbt_project.yml").write_text(_PROJECT, encoding="utf-8")
    (root / "profiles.yml").write_text(_PROFILE.format(path=root / "rows.duckdb"), encoding="utf-8")
    with duckdb.connect(str(root / "rows.duckdb")) as connection:
        rows = load_rows(connection, framework, Size(int(regions), int(years)), "observation")
        key = sql.key_expression(framework)
        connection.execute(f"CREATE TABLE cell AS SELECT region, year, variable, {key} AS key, value FROM observation")
    models = dict(_models(framework))
    for name, text in models.items():
        (root / "models" / f"{name}.sql").write_text(text, encoding="utf-8")
    return {"rows": rows, "models": len(models)}


def _models(framework: Framework) -> Iterator[tuple[str, str]]:
    """Name and SQL of the total of each indicator that needs no earlier year."""
    from schemas.plan import indicator_plan

    plan = indicator_plan(framework)
    for point in plan.points:
        shape = plan.shapes[point.owner]
        looks = [*point.lookups.values(), *(look for parts in point.sums.values() for p in parts for look in p.lookups)]
        if point.key or any(look.lag for look in looks) or "r0" in f"{shape.left}{shape.right}":
            continue
        columns = [f"max(value) FILTER ({_is(look)}) AS v{slot}" for slot, look in point.lookups.items()]
        for slot, parts in point.sums.items():
            chosen = " OR ".join(_is(part.lookups[0]) for part in parts)
            columns.append(f"sum(value) FILTER ({chosen}) AS v{slot}, NULL AS r{slot}")
        name = point.owner.lower().replace("-", "_")
        yield (
            name,
            (
                "{{ config(materialized='table') }}\n"
                f"SELECT region, year, ({shape.left}) / nullif({shape.right}, 0) AS value\n"
                f"FROM (SELECT region, year, {', '.join(columns)} FROM cell GROUP BY region, year)\n"
            ),
        )


def _is(look: Lookup) -> str:
    return f"variable = '{look.variable}' AND key = '{look.key}'"


def run(folder: str) -> Facts:
    """All models; runs in the environment that has dbt."""
    from dbt.cli.main import dbtRunner  # type: ignore[import-not-found,unused-ignore]

    done = dbtRunner().invoke(["--quiet", "run", "--project-dir", folder, "--profiles-dir", folder])
    if not done.success:
        raise RuntimeError(str(done.exception or done.result))
    return {}


def compared(folder: Path, regions: int, years: int) -> Measured:
    """Install, prepare, run; where dbt cannot be had, it says so."""
    name, project = "bench.speed.modelled:run", folder / "project"
    venv.create(folder / "env", with_pip=True)
    python = folder / "env" / "bin" / "python"
    try:
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES],
            check=True,
            capture_output=True,
            timeout=INSTALL_SECONDS,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return Measured(name, why="could not be installed here")
    prepared = measure("bench.speed.modelled:prepare", str(project), str(regions), str(years), python=sys.executable)
    if not prepared.done:
        return prepared
    found = measure(name, str(project), python=str(python))
    return Measured(name, found.cpu, found.wall, found.peak, prepared.facts, why=found.why)
