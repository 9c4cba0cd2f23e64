"""Regions in time: units with validity dates, changes of codes, groups of units, sub-areas and sender folders.

Everything comes from the CSV files of one folder (`schemas/regions/` for the shipped framework, its README describes
columns and sources); no region is named here. Codes are text. Validity is a closed interval of days, an empty date is
open. The reference day of a reporting year is its 31 December.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal, NamedTuple

LAND, KREIS, GEMEINDE = "land", "kreis", "gemeinde"
LEVELS = (LAND, KREIS, GEMEINDE)
UNINHABITED = "gemeindefreies Gebiet"
UNASSIGNED = {"99": "nicht zuordenbar"}
Coverage = Literal["complete", "partial"]
COVERAGES = ("complete", "partial")
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})


class TerritoryError(ValueError):
    """The folder cannot be used; `problems` lists every fault as `file, Zeile n: sentence`, not only the first."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """A closed interval of days; `date.min` and `date.max` stand for an open end."""

    first: date = date.min
    last: date = date.max

    def covers(self, day: date) -> bool:
        """Whether the day lies in the interval."""
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class Unit:
    """One version of a Land, Kreis or municipality; versions of one code do not overlap."""

    code: str
    name: str
    name_en: str
    level: str
    kind: str
    parent: str | None
    period: Period
    reports: bool
    population_2022: int | None
    area_km2: float | None
    short_name: str
    note: str
    line: int

    @property
    def label(self) -> str:
        """The short name for tables and sentences; the official name where there is none."""
        return self.short_name or self.name

    @property
    def valid_from(self) -> date | None:
        """First day, None when open."""
        return None if self.period.first == date.min else self.period.first

    @property
    def valid_to(self) -> date | None:
        """Last day, None when open."""
        return None if self.period.last == date.max else self.period.last


@dataclass(frozen=True, slots=True)
class Change:
    """From `day` on the share `weight` (above 0, at most 1) of the old unit belongs to the new one."""

    day: date
    old_code: str
    new_code: str
    weight: float
    reason: str
    source: str


@dataclass(frozen=True, slots=True)
class Group:
    """A named set of units in time; with coverage `complete` a value needs the reports of all members."""

    code: str
    name_de: str
    name_en: str
    kind: str
    coverage: Coverage
    parts: tuple[tuple[str, Period], ...]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A group or the Land in one reporting year: what is summed over which members."""

    code: str
    name_de: str
    name_en: str
    kind: str
    coverage: Coverage
    members: tuple[str, ...]


class _Day(NamedTuple):
    """The units of a day, and the codes directly below each: asked thousands of times about some dozen days."""

    units: tuple[Unit, ...]
    below: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Territory:
    """All regions of one framework. Made by `load_territory`, which checks the data; unchangeable afterwards."""

    _units: Mapping[str, tuple[Unit, ...]]
    _changes: tuple[Change, ...] = ()
    _groups: Mapping[str, Group] = field(default_factory=dict)
    _subareas: Mapping[str, tuple[tuple[str, str, Period], ...]] = field(default_factory=dict)
    _senders: Mapping[str, str] = field(default_factory=dict)
    _days: dict[date, _Day] = field(default_factory=dict, repr=False, compare=False)

    def unit(self, code: str, day: date | None = None) -> Unit:
        """The version valid on the day, without a day the newest one. Raises KeyError when there is none."""
        for version in reversed(self._units.get(code, ())):
            if day is None or version.period.covers(day):
                return version
        raise KeyError(code)

    def units(self) -> tuple[Unit, ...]:
        """Every version of every unit, by code and time."""
        return tuple(version for versions in self._units.values() for version in versions)

    def versions(self, code: str) -> tuple[Unit, ...]:
        """Every version of one unit by time, none for an unknown code."""
        return self._units.get(code, ())

    def valid_units(self, day: date) -> Iterator[Unit]:
        """The units valid on the day, by code."""
        return iter(self._on(day).units)

    def _on(self, day: date) -> _Day:
        if day not in self._days:
            units = tuple(unit for unit in self.units() if unit.period.covers(day))
            below: dict[str, list[str]] = {}
            for unit in units:
                if unit.parent:
                    below.setdefault(unit.parent, []).append(unit.code)
            self._days[day] = _Day(units, {code: tuple(found) for code, found in below.items()})
        return self._days[day]

    def known(self, code: str) -> bool:
        """Whether the code belongs to a unit, at whatever time."""
        return code in self._units

    def valid(self, code: str, day: date) -> bool:
        """Whether the code belongs to a unit on that day."""
        return any(version.period.covers(day) for version in self._units.get(code, ()))

    def unit_name(self, code: str) -> str:
        """The German name for tables and sentences, of a unit or a group. Raises KeyError for unknown codes."""
        return self._groups[code].name_de if code in self._groups else self.unit(code).label

    def children(self, code: str, day: date) -> tuple[str, ...]:
        """The units directly below, valid on the day."""
        return self._on(day).below.get(code, ())

    def below(self, day: date) -> Mapping[str, tuple[str, ...]]:
        """The units directly below every unit that has any, valid on the day."""
        return self._on(day).below

    def ancestors(self, code: str, day: date) -> tuple[str, ...]:
        """The units above on that day, nearest first; empty for unknown or invalid codes."""
        found: list[str] = []
        while self.valid(code, day) and (parent := self.unit(code, day).parent) and parent not in found:
            found.append(parent)
            code = parent
        return tuple(found)

    def reporters(self, day: date) -> tuple[str, ...]:
        """The units that deliver on that day. They overlap: sum over `disjoint(reporters)`, never over all."""
        return tuple(unit.code for unit in self.valid_units(day) if unit.reports)

    def disjoint(self, codes: Iterable[str], day: date) -> tuple[str, ...]:
        """The codes in their order without repetition and without those whose ancestor is in the list too."""
        listed = dict.fromkeys(codes)
        return tuple(code for code in listed if not any(above in listed for above in self.ancestors(code, day)))

    def groups(self) -> tuple[Group, ...]:
        """All groups in the order of the file."""
        return tuple(self._groups.values())

    def changes(self) -> tuple[Change, ...]:
        """All changes in the order of the file."""
        return self._changes

    def members(self, code: str, year: int) -> tuple[str, ...]:
        """The disjoint units that a group, the Land (its Kreise) or a single unit consists of at the end of the year.

        Raises KeyError when the code is neither a group nor a unit.
        """
        day = reference_day(year)
        if code in self._groups:
            parts = self._groups[code].parts
            return tuple(part for part, period in parts if period.covers(day) and self.valid(part, day))
        if self.unit(code).level == LAND:
            return tuple(unit.code for unit in self.valid_units(day) if unit.level == KREIS and unit.parent == code)
        return (code,) if self.valid(code, day) else ()

    def aggregates(self, year: int) -> tuple[Aggregate, ...]:
        """The Land and every group that has members at the end of the year."""
        lands = [unit for unit in self.valid_units(reference_day(year)) if unit.level == LAND]
        rows = [Aggregate(u.code, u.label, u.name_en, u.kind, "complete", self.members(u.code, year)) for u in lands]
        for g in self._groups.values():
            rows.append(Aggregate(g.code, g.name_de, g.name_en, g.kind, g.coverage, self.members(g.code, year)))
        return tuple(row for row in rows if row.members)

    def subareas(self, region: str, day: date) -> dict[str, str]:
        """Code and name of the sub-areas: listed districts, otherwise the inhabited units below; last `99`."""
        listed = {code: name for code, name, period in self._subareas.get(region, ()) if period.covers(day)}
        below = [self.unit(code, day) for code in self.children(region, day)] if not listed else []
        inhabited = {unit.code: unit.label for unit in below if unit.kind != UNINHABITED}
        return (listed or (inhabited if len(inhabited) > 1 else {})) | ({} if "99" in listed else UNASSIGNED)

    def sender_region(self, folder_name: str, day: date | None = None) -> str | None:
        """The region a sender folder stands for (a region code stands for itself), None when unknown.

        With a day the code that the same body had on that day, where senders.csv names a newer or older one.
        """
        code = folder_name.strip()
        region = code if self.known(code) else self._senders.get(folder_slug(code))
        if region is None or region == code or day is None or self.valid(region, day):
            return region
        related = self._successors(region, day) + self._predecessors(region, day)
        return next((other for other in related if self.unit_name(other) == self.unit_name(region)), region)

    def explain_invalid(self, code: str, day: date) -> str | None:
        """A German explanation why the code cannot be used for that day and which one can; None when it is valid."""
        if self.valid(code, day):
            return None
        if not self.known(code):
            return f"Schlüssel {code} ist nicht bekannt."
        ended = [version for version in self._units[code] if version.period.last < day]
        if ended:
            sentence, others = f"gilt bis {_german(ended[-1].period.last)}.", self._successors(code, day)
            since = f"seit {_german(ended[-1].period.last + timedelta(1))}"
        else:
            start = self._units[code][0].period.first
            sentence, others = f"gilt erst ab {_german(start)}.", self._predecessors(code, day)
            since = f"bis {_german(start - timedelta(1))}"
        return f"Schlüssel {code} {sentence}{self._instead(code, others, since)}"

    def _instead(self, code: str, others: tuple[str, ...], since: str) -> str:
        name = self.unit_name(code)
        if not others:
            return ""
        if len(others) == 1 and self.unit_name(others[0]) == name:
            return f" {name} hat {since} den Schlüssel {others[0]}."
        listed = ", ".join(f"{other} ({self.unit_name(other)})" for other in others)
        return f" Für {name} {'gilt' if len(others) == 1 else 'gelten'} {since}: {listed}."

    def _successors(self, code: str, day: date) -> tuple[str, ...]:
        return tuple(self._reporting(c.new_code, day) for c in self._changes if c.old_code == code and c.day <= day)

    def _predecessors(self, code: str, day: date) -> tuple[str, ...]:
        later = [c for c in self._changes if c.day > day and code in (c.new_code, self._reporting(c.new_code, c.day))]
        return tuple(self._reporting(change.old_code, day) for change in later)

    def _reporting(self, code: str, day: date) -> str:
        """The code of the reporting unit above when the unit is its only part (a town that is its own Kreis)."""
        for above in self.ancestors(code, day)[:1]:
            if self.unit(above, day).reports and self.children(above, day) == (code,):
                return above
        return code


def reference_day(year: int) -> date:
    """The day in whose territory a reporting year is told."""
    return date(year, 12, 31)


def folder_slug(name: str) -> str:
    """A folder name in the spelling of senders.csv: lower case, ascii, words joined by hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", name.strip().lower().translate(_UMLAUTS)).strip("-")


def _german(day: date) -> str:
    return f"{day:%d.%m.%Y}"
