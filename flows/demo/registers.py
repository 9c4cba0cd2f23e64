"""Sample registers of the demo: from the entries in `registers.yaml` to the records of a region and reporting year.

Knows no register and no field: what an entry says follows from its keys, which must be fields of the register. Draws use
`random.Random` with text seeds, so the same description gives the same records everywhere.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from schemas.definitions_registers import NO, SEPARATOR, YES, Register
from schemas.entry_reading import model_of
from schemas.framework_model import Framework
from schemas.shapes import Record
from schemas.yaml_source import FrameworkError, Problem, read_yaml

FILE = Path(__file__).with_name("registers.yaml")
_ABOUT = ("id", "places", "size", "regions", "years")
"""Keys of an entry that say where and when there is one."""


class SampleRegisters(BaseModel):
    """The content of registers.yaml; its keys are explained at the top of that file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: str
    years: list[int]
    regions: dict[str, dict[str, Any]]
    registers: dict[str, list[dict[str, Any]]]

    def records(self, framework: Framework, region: str, year: int) -> dict[str, list[Record]]:
        """The records of a region and year by register; none for a year or a region that the sample does not have."""
        if year not in self.years or region not in self.regions:
            return {}
        return {
            code: [
                self._record(framework.registers[code], entry, region, year)
                for entry in _one_by_one(entries)
                if self._exists(entry, region, year)
            ]
            for code, entries in self.registers.items()
        }

    def _exists(self, entry: Mapping[str, Any], region: str, year: int) -> bool:
        return (
            self.regions[region]["size"] >= entry.get("size", 0)
            and region in entry.get("regions", self.regions)
            and year in entry.get("years", self.years)
        )

    def _record(self, register: Register, entry: Mapping[str, Any], region: str, year: int) -> Record:
        known = self.regions[region]
        at = entry.get("place", "")
        words = {**known, "place": known.get(at, ""), "area": known.get(f"area_{at}", "")}
        words |= {"year": year, "before": year - 1, "after": year + 1}
        name = f"{register.id_prefix}-{entry['id']}"
        values: dict[str, str] = {}
        for code in (key for key in entry if key not in (*_ABOUT, "place")):
            draw = self._draw(region, year, register.code, name, code)
            if text := _text(entry[code], words, values, draw, year):
                values[code] = text
        return Record(region, year, register.code, name, values, register.sheet, 0)

    def _draw(self, region: str, year: int, *place: str) -> float:
        """Between 0 and 1: mostly the same every year."""
        lasting = random.Random("|".join((self.seed, region, *place)))
        yearly = random.Random("|".join((self.seed, region, str(year), *place)))
        return 0.88 * lasting.random() + 0.12 * yearly.random()


def load_registers(framework: Framework, path: Path = FILE) -> SampleRegisters:
    """Read the sample and check it against the framework; raises FrameworkError with the problems found."""
    problems: list[Problem] = []
    source = read_yaml(path, path.parent, problems)
    sample = model_of(source, (), source.data, SampleRegisters, problems)
    if sample is None:
        raise FrameworkError(problems)
    for code, entries in sample.registers.items():
        register = framework.registers.get(code)
        for number, entry in enumerate(entries):
            at = ("registers", code, number)
            if register is None or ("id" in entry) == ("places" in entry):
                problems.append(
                    Problem(source.name, source.line(at), f"unknown register {code}, or not one of id, places")
                )
                continue
            unknown = [key for key in entry if key not in _ABOUT and register.field(key) is None]
            problems += [Problem(source.name, source.line((*at, key)), f"unknown field {key}") for key in unknown]
    if problems:
        raise FrameworkError(problems)
    return sample


def _one_by_one(entries: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Entries as described, one with places as one for each of them."""
    for entry in entries:
        if "places" in entry:
            yield from ({**entry, "id": number, "place": at} for number, at in entry["places"].items())
        else:
            yield entry


def _text(said: Any, words: Mapping[str, Any], values: Mapping[str, str], draw: float, year: int) -> str:
    """Canonical text of what an entry says about a field; empty when it says nothing in this year."""
    match said:
        case bool():
            return YES if said else NO
        case list():
            return SEPARATOR.join(str(part) for part in said)
        case {"low": int() as low, "high": int() as high, **rest}:
            number = low + int((high - low + 1) * draw)
            return str(int(values[str(rest["of"])]) * number // 100) if "of" in rest else str(number)
        case dict():
            return _text(said[year], words, values, draw, year) if year in said else ""
        case _:
            return str(said).format_map(words)
