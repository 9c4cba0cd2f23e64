"""Atoms: the smallest parts of cells that anything published tells apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from indicators.audit.forms import Cell, Forms


@dataclass
class Atoms:
    """The classes of cells that the nodes tell apart: of which atoms each node is the sum. Made after all nodes."""

    forms: Forms
    of_node: list[tuple[int, ...]] = field(default_factory=list)
    variables: list[str] = field(default_factory=list)
    of_cell: dict[Cell, int] = field(default_factory=dict)
    sizes: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        signature: dict[Cell, list[int]] = {}
        for number, (_, cells) in enumerate(self.forms.nodes):
            for cell in cells:
                signature.setdefault(cell, []).append(number)
        classes: dict[tuple[str, tuple[int, ...]], int] = {}
        for cell, nodes in signature.items():
            kind = (cell[0], tuple(nodes))
            if kind not in classes:
                classes[kind] = len(self.variables)
                self.variables.append(cell[0])
                self.sizes.append(0)
            self.of_cell[cell] = classes[kind]
            self.sizes[classes[kind]] += 1
        self.of_node = [tuple(sorted({self.of_cell[c] for c in cells})) for _, cells in self.forms.nodes]

    @cached_property
    def _flat(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the atoms of each node start in the second array, which holds them one node after the other."""
        starts = np.cumsum([0, *(len(found) for found in self.of_node)])
        return starts, np.array([atom for found in self.of_node for atom in found], np.int64)

    def of_nodes(self, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How many atoms each node has, and these one after the other."""
        starts, flat = self._flat
        sizes = starts[nodes + 1] - starts[nodes]
        ends = np.cumsum(sizes)
        return sizes, flat[np.arange(int(sizes.sum())) + np.repeat(starts[nodes] - ends + sizes, sizes)]

    def around(self, cells: Iterable[Cell]) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """Atoms that lie wholly in the cells, and atoms that touch them; None when a cell is in no published sum."""
        counts: dict[int, int] = {}
        for cell in cells:
            if cell not in self.of_cell:
                return None
            counts[self.of_cell[cell]] = counts.get(self.of_cell[cell], 0) + 1
        inside = tuple(sorted(atom for atom, count in counts.items() if count == self.sizes[atom]))
        return inside, tuple(sorted(counts))
