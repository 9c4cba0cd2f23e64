"""Figures that nobody types: counted from the records of registers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

from schemas.conditions import entries, holds, registers_of
from schemas.definitions import Variable
from schemas.definitions_registers import ComputedFrom
from schemas.framework_model import Framework
from schemas.shapes import Observation, Record

Values = Mapping[str, str]
_ADDRESS = re.compile(r"([A-Z]+)(\d+)")


def counted(
    framework: Framework, region: str, year: int, registers: Iterable[str], records: Iterable[Record]
) -> tuple[Observation, ...]:
    """Observations of the variables of a reporting year that follow from delivered registers, in framework order.

    `registers`: codes of the registers that were delivered, an empty one included: there nothing means zero. Where a
    register was not delivered, nothing is said about the variables that need it; nor about a sum when records count but
    none of them fills the field. The origin of a figure is the cell range of all records of its register.
    """
    return tuple(_Counting(framework, region, year, registers, records).observations())


def looked_into(framework: Framework, said: ComputedFrom) -> frozenset[str]:
    """The other registers that decide which records count."""
    return frozenset(registers_of(framework.condition(said.records, said.where))) - {said.records}


class _Counting:
    def __init__(
        self, framework: Framework, region: str, year: int, registers: Iterable[str], records: Iterable[Record]
    ) -> None:
        self.framework = framework
        self.region = region
        self.year = year
        self.delivered = frozenset(registers)
        self.records: dict[str, list[Record]] = {}
        for record in records:
            if (record.region, record.year) == (region, year):
                self.records.setdefault(record.register, []).append(record)
        self.values = {
            (register, record.id): record.values for register, found in self.records.items() for record in found
        }

    def observations(self) -> Iterator[Observation]:
        for variable in self.framework.variables.values():
            if variable.computed_from is not None and variable.valid_in(self.year):
                number = self._number(variable)
                if number is not None:
                    yield self._observation(variable, number)

    def _number(self, variable: Variable) -> int | None:
        """The figure; None when nothing can be said."""
        said = variable.computed_from
        assert said is not None
        if not self.delivered.issuperset((said.records, *looked_into(self.framework, said))):
            return None
        condition = self.framework.condition(said.records, said.where)
        counting = [
            record.values
            for record in self.records.get(said.records, ())
            if holds(condition, record.values, self.year, self._find) is True
        ]
        if said.sum is not None:
            return _sum(counting, said.sum)
        if said.count_distinct is not None:
            field = said.count_distinct
            return len({entry for values in counting for entry in entries(values.get(field, ""))})
        return len(counting)

    def _find(self, register: str, identifier: str) -> Values | None:
        return self.values.get((register, identifier))

    def _observation(self, variable: Variable, number: int) -> Observation:
        said = variable.computed_from
        assert said is not None
        register = self.framework.registers[said.records]
        origin = self.records.get(said.records, [])
        return Observation(
            self.region,
            self.year,
            variable.code,
            (),
            Decimal(number),
            "ok" if number else "zero",
            origin[0].sheet if origin else register.sheet,
            _range(origin),
            str(number),
            row_label=variable.name_de,
            column_label=register.name_de,
        )


def _sum(counting: Sequence[Values], field: str) -> int | None:
    filled = [values[field] for values in counting if values.get(field)]
    return sum(int(Decimal(text)) for text in filled) if filled or not counting else None


def _range(records: Sequence[Record]) -> str:
    """The smallest range that holds every filled cell of the records, `B7:Y31`; empty without any."""
    places = [found.groups() for record in records for cell in record.cells.values() if (found := _ADDRESS.match(cell))]
    if not places:
        return ""
    columns = sorted((len(letters), letters) for letters, _ in places)
    rows = sorted(int(row) for _, row in places)
    first, last = (f"{columns[end][1]}{rows[end]}" for end in (0, -1))
    return first if first == last else f"{first}:{last}"


__all__ = ["counted", "looked_into"]
