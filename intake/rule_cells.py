"""What rules are tried on: one delivery of one region and year, and the tables that many of them make together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from intake.rule_places import CellKey, split_key
from schemas.framework_model import Framework
from schemas.observations import Observations
from schemas.shapes import TOTAL, Observation

Known = Mapping[CellKey, tuple[Decimal | None, str]]
"""Accepted values of an earlier year: (variable, member key) -> (value, status)."""


@dataclass(frozen=True)
class RuleInput:
    """One delivery of one region and year, and what is known of the year before."""

    unit: str
    region: str
    year: int
    observations: Sequence[Observation]
    previous: Known = field(default_factory=dict)

    @cached_property
    def said(self) -> Observations:
        """The observations as columns."""
        return Observations.of(self.observations)

    @property
    def cells(self) -> Sequence[CellKey]:
        """Variable and member key of every observation."""
        return self.said.keys

    @property
    def members(self) -> Iterable[frozenset[tuple[str, str]]]:
        """The members that occur, each with its dimension; those of many cells together."""
        return (stretch.places.standing_at for stretch in self.said.stretches)


class CellTables(NamedTuple):
    """The cells of deliveries as the tables that `schemas.sql.completion` adds to: `kind`, `place` and `numbered`.

    `reported` (unit, year): what was delivered for its own year. `broken_down`: dimensions in which any cell has a member.
    """

    tables: Mapping[str, pa.Table]
    broken_down: Sequence[str]


def cell_tables(framework: Framework, deliveries: Sequence[RuleInput]) -> CellTables:
    """The delivered cells and those of the year before.

    Few kinds of cells (variable and member key) stand in many deliveries: kinds and deliveries are written out once, and
    the rows point to them.
    """
    kinds: dict[tuple[str, ...], int] = {}
    numbers = _Numbers(framework, kinds)
    places: list[tuple[int, str, str, int]] = []
    rows_of: list[int] = []
    kind_of: list[int] = []
    values: list[Decimal | None] = []
    reported: list[tuple[str, int]] = []
    for delivery in deliveries:
        unit, region, year = delivery.unit, delivery.region, delivery.year
        before = [(cell, value) for cell, (value, _) in delivery.previous.items() if cell[0] in framework.variables]
        for its_year, cells in ((year, delivery.cells), (year - 1, [cell for cell, _ in before])):
            places.append((len(places), unit, region, its_year))
            rows_of.append(len(cells))
            kind_of += map(numbers.__getitem__, cells)
        values += delivery.said.values
        values += [value for _, value in before]
        if delivery.observations:
            reported.append((unit, year))
    dimensions = framework.dimension_order
    texts = [("variable", pa.string()), *((dimension.lower(), pa.string()) for dimension in dimensions)]
    unit_column, year_column = ("unit", pa.string()), ("year", pa.int32())
    numbered = {
        "place": pa.array(np.repeat(np.arange(len(places), dtype="int32"), rows_of)),
        "kind": pa.array(kind_of, pa.int32()),
        "value": pa.array(values, pa.decimal128(24, 4)),
        "rank": pa.array(np.zeros(len(values), dtype="int32")),
        "made": pa.array(np.zeros(len(values), dtype=bool)),
    }
    tables = {
        "kind": _table([(number, *kind) for kind, number in kinds.items()], pa.schema([("kind", pa.int32()), *texts])),
        "place": _table(places, pa.schema([("place", pa.int32()), unit_column, ("region", pa.string()), year_column])),
        "numbered": pa.table(numbered),
        "reported": _table(reported, pa.schema([unit_column, year_column])),
    }
    members = [set(found) for found in zip(*kinds, strict=True)][1:] or [set[str]()] * len(dimensions)
    return CellTables(tables, [d for d, found in zip(dimensions, members, strict=True) if found - {TOTAL}])


class _Numbers(dict[CellKey, int]):
    """The number of the kind of a cell; a new kind (variable, and a member for each dimension) gets the next one."""

    def __init__(self, framework: Framework, kinds: dict[tuple[str, ...], int]) -> None:
        self.framework, self.kinds = framework, kinds

    def __missing__(self, cell: CellKey) -> int:
        variable, key = cell
        kind = (variable, *_members(self.framework, key))
        number = self[cell] = self.kinds.setdefault(kind, len(self.kinds))
        return number


def _table(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else [[] for _ in schema]
    return pa.table([pa.array(c, type=f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)


def _members(framework: Framework, key: str) -> tuple[str, ...]:
    """One member for each dimension."""
    named = dict(split_key(key))
    return tuple(named.get(dimension, TOTAL) for dimension in framework.dimension_order)
