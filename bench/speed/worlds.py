"""Generated worlds of any size for the bench: workbooks as they would be dropped, and rows as the warehouse holds them.

The same call gives the same content in every run. A region that the sample world does not know takes after one of those
that it knows, the same one in every year; so its rules hold and its checks look back to something.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from flows.demo.deliveries import entries
from flows.demo.running import WORLD
from flows.demo.world import OTHERS, POPULATION, REGION, Description, World, load_world
from intake.form import write_form
from intake.form_request import CoverAnswers, FormRequest
from schemas.framework_model import Framework
from schemas.territory import reference_day

LAST_YEAR = 2025
MOST_YEARS = 30
"""The sample world knows a few years; the grown one so many, each with the tables of the nearest known year."""
DISSOLVED = 5_000
"""Inhabitants of a unit that was dissolved before the census which the sample world starts from."""


@dataclass(frozen=True)
class Size:
    """A world: so many regions over so many years up to the last one."""

    regions: int
    years: int

    def __str__(self) -> str:
        return f"{self.regions:,} x {self.years}"

    @property
    def span(self) -> range:
        """The reporting years, oldest first."""
        return range(LAST_YEAR - self.years + 1, LAST_YEAR + 1)


def grown(framework: Framework, world: World) -> World:
    """The sample world with every unit that reports today: each new one takes the tables of one of the known ones."""
    described = world.description
    known = described.regions
    new = [code for code in framework.territory.reporters(reference_day(LAST_YEAR)) if code not in known]
    takes_after = {code: _alike(framework, known, code, number) for number, code in enumerate(new)}
    data = described.model_dump(exclude_defaults=True)
    data["regions"] = [*known, *new]
    data["years"] = list(Size(0, MOST_YEARS).span)
    data["own_records"] |= {
        code: data["own_records"][like] for code, like in takes_after.items() if like in data["own_records"]
    }
    for pending in data.get("pending", []):
        named = pending.get("regions", [])
        pending["regions"] = [*named, *(code for code, like in takes_after.items() if like in named)]
    for tables in (*data["tables"].values(), *(t for v in data["variables"].values() for t in v.get("by", []))):
        _spread(framework, tables, takes_after)
    return World(framework, Description.model_validate(data))


def _alike(framework: Framework, known: Sequence[str], code: str, number: int) -> str:
    """A known region of the same level, the next one in turn."""
    day = reference_day(LAST_YEAR)
    level = framework.territory.unit(code, day).level
    same = [region for region in known if framework.territory.unit(region, day).level == level] or list(known)
    return same[number % len(same)]


def _spread(framework: Framework, tables: Any, takes_after: dict[str, str]) -> None:
    """Give the new regions their rows in every table that has regions as its first axis."""
    if isinstance(tables, str):
        return
    for axes, table in tables.items():
        first, *further = axes.split()
        if first == REGION:
            table.update(
                {c: _for_others(framework, table[like], further) for c, like in takes_after.items() if like in table}
            )
        _fill_population(framework, table)


def _fill_population(framework: Framework, table: Any) -> None:
    """Where a table asks for the population of a unit: a number for those units that were dissolved before it was counted."""
    if not isinstance(table, dict):
        return
    if table.get(OTHERS) == POPULATION:
        unknown = {unit.code for unit in framework.territory.units() if not unit.population_2022}
        table.update(dict.fromkeys(unknown - set(table), DISSOLVED))
    for part in table.values():
        _fill_population(framework, part)


def _for_others(framework: Framework, row: Any, axes: Sequence[str]) -> Any:
    """The row of a known region for another one, which has sub-areas of its own: each of them like the first."""
    if not axes or not isinstance(row, dict):
        return row
    axis, *further = axes
    if axis in framework.dimensions and framework.dimensions[axis].dynamic:
        return {OTHERS: _for_others(framework, next(iter(row.values())), further)}
    return {member: _for_others(framework, part, further) for member, part in row.items()}


def places(world: World, number: int) -> list[tuple[str, int]]:
    """So many deliveries: region and year, all regions of the newest years, oldest year first."""
    years = -(-number // len(world.regions))
    found = [(region, year) for year in Size(0, years).span[::-1] for region in world.regions][:number]
    return sorted(found, key=lambda place: (place[1], place[0]))


def write_workbooks(framework: Framework, world: World, wanted: Sequence[tuple[str, int]], inbox: Path) -> list[Path]:
    """One filled form for each region and year in the folder of its sender."""
    basis = framework.head.delivery.population_bases[0].code
    cover = CoverAnswers(contact_name="Statistikstelle (Muster)", population_basis=basis)
    paths = []
    for region, year in wanted:
        path = inbox / region / f"Musterdaten_{region}_{year}.xlsx"
        request = FormRequest(region, year, values=entries(framework, world, region, year), cover=cover, sample=True)
        paths.append(write_form(path, framework, request))
    return paths


def load_rows(connection: duckdb.DuckDBPyConnection, framework: Framework, size: Size, table: str) -> int:
    """Make `table` with the columns of the view `observation`; returns its number of rows.

    The cells of the sample world's newest year, given to every region in turn and to every year, once, twice or three
    times, so that every sum still holds. Regions are those that report, then the other units, then invented ones.
    """
    world = load_world(WORLD, framework)
    connection.register("sample", pa.Table.from_pylist(list(_cells(framework, world))))
    chosen = [
        {"region": region, "year": year, "template": number % len(world.regions)}
        for year in size.span
        for number, region in enumerate(_codes(framework, size, year))
    ]
    connection.register("place", pa.Table.from_pylist(chosen))
    dims = ", ".join(f'"{dimension.lower()}"' for dimension in framework.dimension_order)
    connection.execute(f"""
        CREATE TABLE {table} AS
        SELECT p.region, CAST(p.year AS INTEGER) AS year, s.variable, {dims},
               CAST(s.value * (1 + hash(p.region, p.year) % 3) AS DECIMAL(24, 4)) AS value, 'ok' AS status
        FROM place p JOIN sample s USING (template)""")
    for name in ("sample", "place"):
        connection.unregister(name)
    ((rows,),) = connection.execute(f"SELECT count(*) FROM {table}").fetchall()
    return int(rows)


def _codes(framework: Framework, size: Size, year: int) -> list[str]:
    reporting = list(framework.territory.reporters(reference_day(year)))
    if size.regions <= len(reporting):
        return reporting[: size.regions]
    others = sorted({unit.code for unit in framework.territory.units()} - set(reporting))
    invented = (f"99{number:06d}" for number in range(size.regions))
    return [*reporting, *others, *invented][: size.regions]


def _cells(framework: Framework, world: World) -> Iterator[dict[str, object]]:
    """The cells of the newest year of every region of the sample world."""
    for number, region in enumerate(world.regions):
        for (variable, key), value in world.values(region, max(world.years)).items():
            members = dict(pair.split("=") for pair in key.split(",") if pair)
            dims = {dimension.lower(): members.get(dimension, "T") for dimension in framework.dimension_order}
            yield {"template": number, "variable": variable, **dims, "value": float(value)}


def correction(framework: Framework, inbox: Path, number: int, which: int = 1) -> Path:
    """The newest of so many deliveries (`which` 2: the newest but one) again, one count one higher than before."""
    world = grown(framework, load_world(WORLD, framework))
    region, year = places(world, number)[-which]
    values = entries(framework, world, region, year)
    changed = next(key for key, value in reversed(values.items()) if isinstance(value, int) and value > 100)
    values[changed] = int(values[changed]) + 1
    basis = framework.head.delivery.population_bases[0].code
    cover = CoverAnswers(contact_name="Statistikstelle (Muster)", population_basis=basis)
    request = FormRequest(region, year, values=values, cover=cover, sample=True)
    return write_form(inbox / region / f"Musterdaten_{region}_{year}_Korrektur.xlsx", framework, request)
