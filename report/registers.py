"""The published registers of the report year as plain data: rows by region and register. No text, no markup."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from report.data import ReportData, records
from report.places import Place, slug
from schemas.framework_model import Framework


@dataclass(frozen=True, slots=True)
class Row:
    """One published row. `anchor` is its id on the page of its region, the same as long as its own id is."""

    region: str
    register: str
    id: str
    values: Mapping[str, str]
    anchor: str


@dataclass(frozen=True)
class Registers:
    """Rows by region and register in the order of the sheet; `delivered` holds the empty registers as well."""

    places: tuple[Place, ...] = ()
    rows: Mapping[tuple[str, str], tuple[Row, ...]] = field(default_factory=dict)
    delivered: frozenset[tuple[str, str]] = frozenset()
    by_id: Mapping[tuple[str, str, str], Row] = field(default_factory=dict)

    def of(self, region: str, register: str) -> tuple[Row, ...]:
        """The rows of a register of a region."""
        return self.rows.get((region, register), ())

    def all(self, register: str) -> tuple[Row, ...]:
        """The rows of a register, region by region."""
        return tuple(row for place in self.places for row in self.of(place.code, register))

    def find(self, region: str, register: str, id_: str) -> Row | None:
        """The row that a reference names."""
        return self.by_id.get((region, register, id_))


def published_registers(data: ReportData, framework: Framework, year: int, shown: tuple[Place, ...]) -> Registers:
    """The registers of a year; places in the order of the report, those without any number last."""
    if data.registers.empty:
        return Registers()
    of_year = data.registers[data.registers["year"] == year]
    delivered = frozenset(
        (str(region), str(code))
        for region, code in records(of_year, ["region", "register"])
        if code in framework.registers
    )
    columns = ["region", "register", "position", "id", "field", "value"]
    filled = data.records[data.records["year"] == year] if not data.records.empty else data.records
    found: dict[tuple[str, str, int], tuple[str, dict[str, str]]] = {}
    for region, register, position, id_, name, value in records(filled, columns) if not filled.empty else []:
        key = (str(region), str(register), int(str(position)))
        found.setdefault(key, (str(id_), {}))[1][str(name)] = str(value)
    rows: dict[tuple[str, str], list[Row]] = {}
    anchors: set[tuple[str, str]] = set()
    for (region, register, position), (id_, values) in sorted(found.items()):
        if (region, register) in delivered:
            anchor = f"{slug(register)}-{slug(id_)}"
            if (region, anchor) in anchors:  # ids may differ in signs alone
                anchor = f"{anchor}-{position}"
            anchors.add((region, anchor))
            rows.setdefault((region, register), []).append(Row(region, register, id_, values, anchor))
    by_id = {(row.region, row.register, row.id): row for entries in rows.values() for row in entries}
    return Registers(
        _places(framework, {region for region, _ in delivered}, shown),
        {key: tuple(entries) for key, entries in rows.items()},
        delivered,
        by_id,
    )


def _places(framework: Framework, regions: set[str], shown: tuple[Place, ...]) -> tuple[Place, ...]:
    known = [place for place in shown if place.code in regions]
    missing = sorted(regions - {place.code for place in known})
    return (*known, *(_place(framework, code) for code in missing))


def _place(framework: Framework, code: str) -> Place:
    if not framework.territory.known(code):
        return Place(code, code, code, aggregate=False, reference=False)
    unit = framework.territory.unit(code)
    return Place(code, unit.label, unit.name_en or unit.label, aggregate=False, reference=False)
