"""The CSV files of a regions folder: read strictly, every fault of every file collected with file and line."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TypeVar, cast

from schemas.territory import (
    COVERAGES,
    LEVELS,
    Change,
    Coverage,
    Group,
    Period,
    Territory,
    TerritoryError,
    Unit,
    folder_slug,
)

_T = TypeVar("_T")


def load_territory(folder: Path) -> Territory:
    """Read and check a folder; only units.csv must exist. Raises TerritoryError with all problems."""
    source = TerritorySource(folder)
    territory = Territory(source.units(), source.changes(), source.groups(), source.subareas(), source.senders())
    source.check(territory)
    if source.problems:
        raise TerritoryError(source.problems)
    return territory


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of a file; unreadable cells are noted and replaced by the default."""

    file: str
    line: int
    cells: Mapping[str, str]
    problems: list[str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")

    def note(self, text: str) -> None:
        self.problems.append(f"{self.file}, Zeile {self.line}: {text}")

    def parse(self, column: str, convert: Callable[[str], _T], default: _T) -> _T:
        try:
            return convert(self[column]) if self[column] else default
        except ValueError:
            self.note(f"{column} „{self[column]}“ ist nicht lesbar.")
            return default

    def choice(self, column: str, allowed: tuple[str, ...]) -> str:
        if self[column] not in allowed:
            self.note(f"{column} „{self[column]}“ ist nicht erlaubt, nur {', '.join(allowed)}.")
        return self[column]

    def period(self) -> Period:
        first = self.parse("valid_from", date.fromisoformat, date.min)
        period = Period(first, self.parse("valid_to", date.fromisoformat, date.max))
        if period.first > period.last:
            self.note("valid_from liegt nach valid_to.")
        return period


class TerritorySource:
    """Reads the files of one folder into plain shapes and notes every problem with file and line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[str] = []
        self.parts: list[tuple[str, str, Period, _Row]] = []
        self.codes: list[tuple[str, _Row]] = []

    def rows(self, file: str, columns: str, required: bool = False) -> list[_Row]:
        """The rows of a file, none when it is missing; every row has the first of the columns filled."""
        path = self.folder / file
        if not path.is_file():
            self.problems += [f"{file}: Die Datei fehlt."] if required else []
            return []
        try:
            reader = csv.DictReader(io.StringIO(path.read_text("utf-8-sig"), newline=""), restkey="", restval="")
        except UnicodeDecodeError:
            self.problems.append(f"{file}: Die Datei ist nicht in UTF-8 geschrieben.")
            return []
        if missing := [column for column in columns.split() if column not in (reader.fieldnames or ())]:
            self.problems.append(f"{file}, Zeile 1: Spalten fehlen: {', '.join(missing)}.")
            return []
        found = []
        for cells in reader:
            row = _Row(file, reader.line_num, {k: v.strip() for k, v in cells.items() if k}, self.problems)
            if "" in cells:
                row.note("Die Zeile hat mehr Felder als die Kopfzeile.")
            if empty := [column for column in columns.split()[:2] if not row[column]]:
                row.note(f"{' und '.join(empty)} ist leer.")
            else:
                found.append(row)
        return found

    def units(self) -> dict[str, tuple[Unit, ...]]:
        """Code -> versions in time, by code; no two versions share a day."""
        versions: dict[str, list[Unit]] = {}
        columns = "code name level kind parent valid_from valid_to reports"
        for row in self.rows("units.csv", columns, required=True):
            unit = _unit(row)
            for other in versions.setdefault(unit.code, []):
                if other.period.first <= unit.period.last and unit.period.first <= other.period.last:
                    row.note(f"Die Gültigkeit von {unit.code} überschneidet sich mit Zeile {other.line}.")
            versions[unit.code].append(unit)
        return {code: tuple(sorted(versions[code], key=lambda unit: unit.period)) for code in sorted(versions)}

    def changes(self) -> tuple[Change, ...]:
        """The changes; both codes are checked against the units later."""
        found = []
        for row in self.rows("changes.csv", "date old_code new_code weight reason source"):
            day, weight = row.parse("date", date.fromisoformat, date.min), row.parse("weight", float, 0.0)
            if not 0 < weight <= 1:
                row.note(f"weight „{row['weight']}“ liegt nicht über 0 und höchstens bei 1.")
            found.append(Change(day, row["old_code"], row["new_code"], weight, row["reason"], row["source"]))
            self.codes += [(row["old_code"], row), (row["new_code"], row)]
        return tuple(found)

    def groups(self) -> dict[str, Group]:
        """Code -> group; name, kind and coverage are the same in all its rows."""
        found: dict[str, Group] = {}
        for row in self.rows("groups.csv", "group name_de name_en kind member valid_from valid_to coverage"):
            coverage = cast(Coverage, row.choice("coverage", COVERAGES))
            group = Group(row["group"], row["name_de"], row["name_en"], row["kind"], coverage, ())
            known = found.setdefault(group.code, group)
            if replace(known, parts=()) != group:
                row.note(f"Name, Art oder coverage von {group.code} weichen von der ersten Zeile der Gruppe ab.")
            period = row.period()
            found[group.code] = replace(known, parts=(*known.parts, (row["member"], period)))
            self.codes.append((row["member"], row))
            self.parts.append((group.code, row["member"], period, row))
        return found

    def subareas(self) -> dict[str, tuple[tuple[str, str, Period], ...]]:
        """Region -> (code, name, period) in the order of the file."""
        found: dict[str, tuple[tuple[str, str, Period], ...]] = {}
        for row in self.rows("subareas.csv", "region code name valid_from valid_to"):
            region, code, period = row["region"], row["code"], row.period()
            if any(
                code == c and period.first <= p.last and p.first <= period.last for c, _, p in found.get(region, ())
            ):
                row.note(f"Teilgebiet {code} von {region} steht doppelt.")
            found[region] = (*found.get(region, ()), (code, row["name"], period))
            self.codes.append((region, row))
        return found

    def senders(self) -> dict[str, str]:
        """Folder -> region; one folder stands for one region."""
        found: dict[str, str] = {}
        for row in self.rows("senders.csv", "folder region"):
            if (folder := row["folder"]) in found:
                row.note(f"Ordner {folder} steht doppelt.")
            if folder != folder_slug(folder):
                row.note(f"Ordner {folder} wird „{folder_slug(folder)}“ geschrieben.")
            found.setdefault(folder, row["region"])
            self.codes.append((row["region"], row))
        return found

    def check(self, territory: Territory) -> None:
        """What only shows when all files are read: parents, cycles, unknown codes, members inside each other."""
        for code, row in self.codes:
            if not territory.known(code):
                row.note(f"Schlüssel {code} steht nicht in units.csv.")
        for unit in territory.units():
            if text := _parent_problem(unit, territory):
                self.problems.append(f"units.csv, Zeile {unit.line}: {text}")
        self.check_groups(territory)

    def check_groups(self, territory: Territory) -> None:
        """No code of a unit as group; at no date a member twice or together with a unit that contains it."""
        starts = {unit.period.first for unit in territory.units()} | {period.first for _, _, period, _ in self.parts}
        for index, (group, code, period, row) in enumerate(self.parts):
            if territory.known(group):
                row.note(f"Die Gruppe {group} heißt wie ein Gebiet.")
            days = [day for day in sorted(starts) if period.covers(day) and territory.valid(code, day)]
            if territory.known(code) and not days:
                row.note(f"{code} ist in der Zeit der Mitgliedschaft nicht gültig.")
            for position, (other_group, other, other_period, _) in enumerate(self.parts):
                if other_group != group or position == index:
                    continue
                shared = [day for day in days if other_period.covers(day) and territory.valid(other, day)]
                if other == code and shared and position < index:
                    row.note(f"{code} ist in {group} zur selben Zeit zweimal Mitglied.")
                elif clash := [day for day in shared if other in territory.ancestors(code, day)]:
                    row.note(f"{group} zählt doppelt: {code} liegt in {other} (Stand {clash[0].isoformat()}).")


def _unit(row: _Row) -> Unit:
    return Unit(
        code=row["code"],
        name=row["name"],
        name_en=row["name_en"],
        level=row.choice("level", LEVELS),
        kind=row["kind"],
        parent=row["parent"] or None,
        period=row.period(),
        reports=row.choice("reports", ("yes", "no")) == "yes",
        population_2022=row.parse("population_2022", int, cast(int | None, None)),
        area_km2=row.parse("area_km2", float, cast(float | None, None)),
        short_name=row["short_name"],
        note=row["note"],
        line=row.line,
    )


def _parent_problem(unit: Unit, territory: Territory) -> str | None:
    """What is wrong with the unit's parent: unknown, below the unit itself, or not valid all the time."""
    if unit.parent is None:
        return None
    if not territory.known(unit.parent):
        return f"Das übergeordnete Gebiet {unit.parent} von {unit.code} ist nicht bekannt."
    above, frontier = set[str](), {unit.parent}
    while frontier:
        above |= frontier
        frontier = {v.parent for code in frontier for v in territory.versions(code) if v.parent} - above
    if unit.code in above:
        return f"{unit.code} liegt über {unit.parent} in sich selbst (Kreis in der Zuordnung)."
    day = unit.period.first
    for version in territory.versions(unit.parent):
        if version.period.covers(day):
            if version.period.last >= unit.period.last:
                return None
            day = version.period.last + timedelta(1)
    return f"{unit.code} gilt länger als das übergeordnete Gebiet {unit.parent}."
