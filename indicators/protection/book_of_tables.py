"""What the tables themselves say of small counts, whatever figures are made of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from indicators.protection.blocks import Block
from indicators.protection.book import Book
from indicators.protection.lattice import Array, Key


@dataclass(kw_only=True)
class BookOfTables(Book):
    """`active`: variables and years in which anything small may come to light; `needs`: how uncertain
    the form of a number must stay; `known`: forms that are public."""

    active: set[tuple[str, int]]
    needs: dict[int, int] = field(default_factory=dict)
    known: set[int] = field(default_factory=set)

    def add_tables(self) -> None:
        """Cells that the printed ones give back; tables of one variable that share margins; cells of other publishers."""
        for variable, region, year in sorted(self.blocks.parts):
            if (variable, year) in self.active:
                places = self.blocks.places(variable, region, year)
                for place in dict.fromkeys((*places, region) if len(places) > 1 else places):
                    self._at_risk(variable, (place,) if place in places else places, year)
                for place in places:
                    self._tie(variable, place, year)

    def _at_risk(self, variable: str, places: tuple[str, ...], year: int) -> None:
        threshold = self.layout.policy.threshold(variable)
        for block in self.blocks.of(variable, places[0], year):
            small = self.blocks.small_cells(self.layout.policy).get((variable, places, year, block.lattice.number))
            together = self.blocks.alike(block, places)
            wanted: list[Array] = [] if small is None else [*block.lattice.at_risk[small & block.lattice.inhabited]]
            wanted += self._withheld(together)
            for row in wanted:
                inside = np.nonzero(row)[0]
                where = np.concatenate([one.first + inside for one in together])
                target = self.raw(where, row[inside].astype(np.int64), len(together))
                self.needs[target] = max(self.needs.get(target, 0), self.layout.policy.required(threshold))

    def _withheld(self, together: list[Block]) -> list[Array]:
        """Cells that the supplier keeps secret, where the printed ones would give them back."""
        found = []
        for block in together:
            if not block.withheld:
                continue
            risk = {row.tobytes() for row in block.lattice.at_risk}
            rows = [block.lattice.row(key) for key in block.withheld]
            found += [row for row in rows if row.tobytes() in risk]
        return found

    def _tie(self, variable: str, place: str, year: int) -> None:
        """Tables of one variable agree in what they share: their difference is known to everybody."""
        first, *others = self.blocks.of(variable, place, year)
        for other in others:
            shared = [
                (one, two) for one in first.lattice.axes for two in other.lattice.axes if one.dimension == two.dimension
            ]
            keys: list[Key] = [()]
            for one, two in shared:
                both = [member for member in one.members if member in two.members]
                keys = [(*key, (one.dimension, member)) for key in keys for member in both]
            for key in keys:
                left, right = (np.nonzero(block.lattice.row(key))[0] + block.first for block in (first, other))
                atoms = np.concatenate([left, right])
                factors = np.concatenate([np.ones(len(left)), -np.ones(len(right))]).astype(np.int64)
                self.known.add(self.raw(atoms, factors, 1))
