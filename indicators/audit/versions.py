"""Which number an atom held when: one unknown for all editions in which it is the same number, another where it is not.

Only the house knows this. An attacker may well suppose that what he does not see changed has not changed; where that is
true he is told so, atom by atom, and where it is not his proof would be none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from indicators.audit.atoms import Atoms
from indicators.audit.delivered import counts, delivered_cells
from indicators.audit.evidence import Index
from indicators.audit.family import NEVER, Family, Kinds
from indicators.audit.forms import Forms
from indicators.audit.numbering import numbered, real
from indicators.audit.relations import Real, Whole
from schemas.framework_model import Framework

_PLACE = ("region", "year", "variable")
TODAY = -1
"""Instead of the number of a moment: the state that a release is about."""
SINCE, UNTIL = "since", "until"
"""Columns of a history beside those of `observation`: microseconds of system time; none when it still counts."""


@dataclass(frozen=True)
class Versions:
    """By atom and moment the *version* of its number: 0 is the one it has today, others are named after a state.

    `moments`: in order, asked for by their place. `today`: true numbers by region, year and atom, not a number where they
    are not known. `variable`, `variable_of_node`: the number of the variable of each atom and node (-1: none). `family`: by
    region, year and variable the number of a family of atoms that ever changed, else -1. `state`: of each such family at
    each moment. `key`, `version` and `value` (true number): of atoms that differ from today in a state.
    """

    moments: Sequence[int]
    today: Real
    variable: Whole
    variable_of_node: Whole
    family: Whole
    state: Whole
    key: Whole
    version: Whole
    value: Real

    def at(self, moment: Whole, region: Whole, year: Whole, atom: Whole) -> tuple[Whole, Real]:
        """Version and true number of atoms at moments."""
        version, value = np.zeros(len(atom), np.int64), self.today[region, year, atom]
        family = self.family[region, year, self.variable[atom]]
        here = np.flatnonzero((family >= 0) & (moment >= 0))
        if len(here) and len(self.key):
            key = self.keys(family[here], self.state[family[here], moment[here]], atom[here])
            place = np.minimum(np.searchsorted(self.key, key), len(self.key) - 1)
            hit = self.key[place] == key
            version[here[hit]], value[here[hit]] = self.version[place[hit]], self.value[place[hit]]
        return version, value

    def number(self, moment: int) -> int:
        """The place of a moment among all of them."""
        return self.moments.index(moment) if moment in self.moments else TODAY

    def family_of_nodes(self, region: Whole, year: Whole, node: Whole) -> Whole:
        """Numbers of the families that nodes are of; -1 for one that never changed."""
        variable = self.variable_of_node[node]
        return np.where(variable < 0, -1, self.family[region, year, variable])

    def keys(self, family: Whole, state: Whole, atom: Whole) -> Whole:
        """One number for each atom in a state."""
        return (family * (int(self.state.max(initial=0)) + 1) + state) * len(self.variable) + atom


def versions_of(
    framework: Framework,
    forms: Forms,
    atoms: Atoms,
    index: Index,
    today: Real,
    history: pa.Table | None = None,
    moments: Sequence[int] = (),
) -> Versions:
    """`history`: every value that ever counted, with `since` and `until`, of the families in which any changed.

    `moments` in order, as these.
    """
    names = {name: number for number, name in enumerate(dict.fromkeys(atoms.variables))}
    variable = np.array([names[name] for name in atoms.variables], np.int64)
    of_node = np.array([names.get(name, -1) for name, _ in forms.nodes], np.int64)
    family = np.full((*today.shape[:2], len(names)), -1)
    table = today.copy()
    states: list[Whole] = []
    found: list[tuple[float, ...]] = []
    if history is not None and len(moments):
        told = counts(framework, forms, history, also=(SINCE, UNTIL))
        kind, cells = delivered_cells(framework, forms, told)
        kinds = Kinds.of(atoms, cells)
        for place, rows in _by_family(told, kind, index, names):
            region, year, name = place
            one = Family(rows, kinds, np.flatnonzero(variable == name))
            number, family[place] = len(states), len(states)
            states.append(one.state_at(np.array(moments)))
            table[region, year, one.atoms] = one.today
            found += [(number, *difference) for difference in one.differences(states[-1])]
    state = np.array(states, np.int64).reshape(len(states), len(moments))
    numbers, values = np.array(found, float).reshape(-1, 5), np.zeros(0)
    families, when, atom, version = numbers[:, :4].astype(np.int64).T
    made = Versions(moments, table, variable, of_node, family, state, families, version, values)
    key = made.keys(families, when, atom)
    order = np.argsort(key)
    return Versions(moments, table, variable, of_node, family, state, key[order], version[order], numbers[order, 4])


def _by_family(
    told: pa.Table, kind: Whole, index: Index, names: Mapping[str, int]
) -> Iterator[tuple[tuple[int, int, int], pd.DataFrame]]:
    """Region, year and variable of each family, with its rows: kind, value, since, until (never: the last moment)."""
    rows = pd.DataFrame(
        {
            "region": numbered(told["region"], index.region),
            "year": numbered(told["year"], index.year),
            "variable": numbered(told["variable"], names),
            "kind": kind,
            "value": real(told["value"]),
            SINCE: told[SINCE].to_numpy(),
            UNTIL: told[UNTIL].fill_null(NEVER).to_numpy(),
        }
    )
    here = (rows[list(_PLACE)] >= 0).all(axis=1)
    for place, own in changing(rows[here]).groupby(list(_PLACE)):
        region, year, name = (int(str(part)) for part in place)
        yield (region, year, name), own


def changing(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of families in which any number ever changed, came or went. A correction delivers a whole workbook again,
    with few other numbers; what was the same all the time is one unknown, whenever it was told."""
    place, ends = list(_PLACE), rows[[SINCE, UNTIL]]
    end = int(ends.where(ends < NEVER, 0).to_numpy().max(initial=0)) + 1
    spans = rows.assign(
        span=rows[UNTIL].clip(upper=end) - rows[SINCE], first=rows.groupby(place)[SINCE].transform("min")
    )
    cells = spans.groupby([*place, "kind"]).agg(
        low=("value", "min"), high=("value", "max"), span=("span", "sum"), first=("first", "min")
    )
    moved = cells[(cells["low"] != cells["high"]) | (cells["span"] != end - cells["first"])]
    return rows.merge(moved.reset_index()[place].drop_duplicates(), on=place)
