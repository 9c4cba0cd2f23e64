"""What is different between two states of a framework: two reporting years, two folders, or both.

An entry belongs to a reporting year by its `since` and `until`. Form cells are compared by variable, because they follow
from its tables and members; what is counted from records is no cell. Fields of a register and entries of a code list are
compared one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

from schemas.definitions_registers import Codelist, Register
from schemas.entry import Dated
from schemas.framework_model import Framework
from schemas.shapes import member_key

Kind = Literal["indicator", "variable", "rule", "register", "codelist"]
What = Literal["added", "removed", "changed"]
KINDS: tuple[Kind, ...] = ("indicator", "variable", "rule", "register", "codelist")
EVERY_SUBAREA = "*"
"""Stands for the members that each region brings itself."""


@dataclass(frozen=True, slots=True)
class State:
    """A framework as it is in one reporting year."""

    framework: Framework
    year: int

    def entries(self, kind: Kind) -> dict[str, Dated]:
        """Entries of the year by code."""
        known: Mapping[Kind, Mapping[str, Dated]] = {
            "indicator": self.framework.indicators,
            "variable": self.framework.variables,
            "rule": self.framework.rules,
            "register": self.framework.registers,
            "codelist": self.framework.codelists,
        }
        return {code: entry for code, entry in known[kind].items() if entry.valid_in(self.year)}

    def field_of(self, kind: Kind, code: str) -> str:
        """Field of an entry, group of a register; empty for a code list."""
        fields: Mapping[Kind, Mapping[str, str]] = {
            "indicator": self.framework.indicator_field,
            "variable": self.framework.variable_field,
            "rule": self.framework.rule_field,
            "register": self.framework.register_group,
            "codelist": {},
        }
        return fields[kind].get(code, "")

    def content(self, kind: Kind, code: str) -> dict[str, Any]:
        """What an entry says in this year, as plain data with one key for everything that can differ alone."""
        entry = self.entries(kind)[code]
        parts: dict[str, Iterable[Dated]] = {}
        if isinstance(entry, Register):
            parts = {"fields": entry.fields_in(self.year)}
        elif isinstance(entry, Codelist):
            parts = {"entries": entry.valid(self.year)}
        said = {key: value for key, value in entry.model_dump().items() if key not in parts}
        said["field"] = self.field_of(kind, code)
        for key, listed in parts.items():
            for part in listed:
                dumped = part.model_dump(exclude_none=True)
                name = f"{key}.{dumped.pop('code')}"
                said[name] = dumped.pop("name_de")
                said |= {f"{name}.{inner}": value for inner, value in dumped.items()}
        return said


@dataclass(frozen=True, slots=True)
class Difference:
    """One key of an entry: what it said and what it says."""

    key: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Change:
    """An entry that came, went or changed. `state` is where the entry can be looked up: the newer one, if it is there."""

    kind: Kind
    what: What
    code: str
    state: State
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class CellChange:
    """Cells of the form that came and went for one variable: member keys, empty for the total."""

    variable: str
    added: tuple[str, ...]
    removed: tuple[str, ...]


def changes(before: State, after: State) -> list[Change]:
    """Entries that differ: by kind, then added, changed, removed, each in the order of the framework."""
    found: list[Change] = []
    for kind in KINDS:
        old, new = before.entries(kind), after.entries(kind)
        found += [Change(kind, "added", code, after) for code in new if code not in old]
        for code in new:
            if code in old and (differences := tuple(_differences(kind, code, before, after))):
                found.append(Change(kind, "changed", code, after, differences))
        found += [Change(kind, "removed", code, before) for code in old if code not in new]
    return found


def cell_changes(before: State, after: State) -> list[CellChange]:
    """Form cells that differ, by variable."""
    old, new = before.entries("variable"), after.entries("variable")
    found = []
    for code in dict.fromkeys((*old, *new)):
        was = asked_cells(before.framework, code, before.year) if code in old else ()
        now = asked_cells(after.framework, code, after.year) if code in new else ()
        added = tuple(key for key in now if key not in set(was))
        removed = tuple(key for key in was if key not in set(now))
        if added or removed:
            found.append(CellChange(code, added, removed))
    return found


def asked_cells(framework: Framework, variable: str, year: int) -> tuple[str, ...]:
    """Member keys of the cells that the form of a year asks for; every sub-area of a region counts as one."""
    if framework.variables[variable].computed_from is not None:
        return ()
    keys: dict[str, None] = {}
    for table in framework.variables[variable].asked_in(year):
        dims = [dimension for dimension in framework.dimension_order if dimension in table]
        members = [framework.entry_members(variable, dimension) or (EVERY_SUBAREA,) for dimension in dims]
        for combination in product(*members):
            keys[member_key(zip(dims, combination, strict=True))] = None
    return tuple(keys)


def _differences(kind: Kind, code: str, before: State, after: State) -> Iterator[Difference]:
    old, new = before.content(kind, code), after.content(kind, code)
    came = {key for key in (*old, *new) if key.count(".") == 1 and (key in old) != (key in new)}
    for key in dict.fromkeys((*new, *old)):
        part_of_new = ".".join(key.split(".")[:2]) in came and key not in came
        if not part_of_new and old.get(key) != new.get(key):
            yield Difference(key, old.get(key), new.get(key))
