"""What counts of a region and year, held as columns: of most questions about it only the numbers matter, and which cells
there are is the same for many regions and years.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.observations import Observations, Places

CellKey = tuple[str, str]
"""Variable and member key."""
Said = tuple[Decimal | None, str]
"""Value and status."""
Where = NDArray[np.intp]
Numbers = NDArray[np.int32]
NOWHERE = -1


class KnownTable:
    """What was read together: the different cells and the different values with their statuses. `every`: for each place
    and cell the number of what was said there, `NOWHERE` where nothing was. `derived` is what others work out about these
    and ask for again, by name."""

    def __init__(self, cells: Sequence[CellKey], said: Sequence[Said], every: Numbers) -> None:
        self.cells, self.said, self.every = cells, said, every
        self.derived: dict[Any, Any] = {}
        self._at: dict[Places, Where] = {}

    @cached_property
    def number(self) -> Mapping[CellKey, int]:
        """Where a cell stands."""
        return {cell: number for number, cell in enumerate(self.cells)}

    @cached_property
    def numbers(self) -> NDArray[np.float64]:
        """The values as floating-point numbers, `nan` where there is none; and another `nan` behind them."""
        values = [nan if value is None else float(value) for value, _ in self.said]
        return np.array([*values, nan])

    def values(self) -> list[KnownValues]:
        """What was said of each place."""
        return [KnownValues(self, said, number) for number, said in enumerate(self.every)]

    def column(self, cell: CellKey, places: Sequence[int] | Where) -> NDArray[np.float64]:
        """The numbers that some places said of a cell, `nan` where one said none."""
        number = self.number.get(cell)
        return self.numbers[np.full(len(places), NOWHERE) if number is None else self.every[places, number]]

    def at(self, places: Places) -> Where:
        """Where the cells of these places stand; those that are not there stand behind the last."""
        found = self._at.get(places)
        if found is None:
            asked, nobody = self.number.get, len(self.cells)
            found = self._at[places] = np.array([asked(cell, nobody) for cell in places.keys], np.intp)
        return found

    def of(self, variables: frozenset[str]) -> NDArray[np.bool_]:
        """Which cells are of these variables."""
        key = "of", variables
        if key not in self.derived:
            self.derived[key] = np.array([variable in variables for variable, _ in self.cells], np.bool_)
        found: NDArray[np.bool_] = self.derived[key]
        return found


class KnownValues(Mapping[CellKey, Said]):
    """Value and status by cell. `said`: for each cell of the table the number of what was said of it, `NOWHERE` where
    nothing was. `place`: where this stands among what was read together; none for a selection of it."""

    def __init__(self, table: KnownTable, said: Numbers, place: int | None = None) -> None:
        self.table, self.said, self.place = table, said, place

    def __getitem__(self, cell: CellKey) -> Said:
        number = int(self.said[self.table.number[cell]])
        if number == NOWHERE:
            raise KeyError(cell)
        return self.table.said[number]

    def __iter__(self) -> Iterator[CellKey]:
        return (self.table.cells[number] for number in self.filled.tolist())

    def __len__(self) -> int:
        return len(self.filled)

    @cached_property
    def filled(self) -> Where:
        """The numbers of the cells of which something was said."""
        return np.flatnonzero(self.said != NOWHERE)

    def beside(self, said: Observations) -> NDArray[np.float64]:
        """For each observation the number that counts, `nan` where there is none."""
        if not said.stretches:
            return np.empty(0)
        numbers: NDArray[np.float64] = self.table.numbers[np.append(self.said, NOWHERE)]  # the last is no number
        beside: NDArray[np.float64] = numbers[np.concatenate([self.table.at(each.places) for each in said.stretches])]
        return beside

    def restricted(self, variables: frozenset[str]) -> KnownValues:
        """What counts of some variables."""
        return KnownValues(self.table, np.where(self.table.of(variables), self.said, NOWHERE))
