"""Where a rule fails: the delivered cells behind a point, and which findings only follow from others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import itemgetter

from schemas.framework_model import Framework
from schemas.plan import Lookup, Point
from schemas.remembered import remembered
from schemas.shapes import TOTAL, Finding, Observation, member_key

CellKey = tuple[str, str]
_MEMBERS = 1 << 16


def split_key(key: str) -> list[tuple[str, str]]:
    """`GRP=A,SEX=W` -> [("GRP", "A"), ("SEX", "W")]."""
    return [(part.partition("=")[0], part.partition("=")[2]) for part in key.split(",") if part]


@dataclass(frozen=True)
class _Table:
    """The delivered cells of one variable. For each dimension and member there is a number whose bits say which cells
    stand there: what lies at several members in several dimensions is found without a look at the cells."""

    bits: Sequence[dict[str, int]]
    cells: list[tuple[int, Observation]] = field(default_factory=list)
    known: dict[tuple[int, frozenset[str]], int] = field(default_factory=dict)

    def add(self, members: Sequence[str], cell: tuple[int, Observation]) -> None:
        """Put a cell at its members, one for each dimension."""
        bit = 1 << len(self.cells)
        for place, member in zip(self.bits, members, strict=True):
            place[member] = place.get(member, 0) | bit
        self.cells.append(cell)

    def at(self, choices: Sequence[frozenset[str]]) -> Iterator[tuple[int, Observation]]:
        """The cells that have one of the chosen members in every dimension."""
        found = (1 << len(self.cells)) - 1
        for number, choice in enumerate(choices):
            found &= self._any_of(number, choice)
            if not found:
                return
        while found:
            lowest = found & -found
            yield self.cells[lowest.bit_length() - 1]
            found ^= lowest

    def _any_of(self, number: int, choice: frozenset[str]) -> int:
        if (number, choice) not in self.known:
            place, together = self.bits[number], 0
            for member in choice:
                together |= place.get(member, 0)
            self.known[number, choice] = together
        return self.known[number, choice]


@dataclass(frozen=True)
class Delivered:
    """The delivered cells of one region and year. A cell delivered twice counts once, at its last place."""

    framework: Framework
    at: Mapping[CellKey, Observation]

    @classmethod
    def of(cls, framework: Framework, observations: Iterable[Observation]) -> Delivered:
        """From the observations of a delivery."""
        return cls(framework, {(o.variable, member_key(o.members)): o for o in observations})

    @cached_property
    def _by_variable(self) -> Mapping[str, _Table]:
        """Cells with their numbers by variable, each at its member in every dimension of the variable."""
        found: dict[str, _Table] = {}
        dimensions: dict[str, tuple[str, ...]] = {}
        for number, ((variable, _), observation) in enumerate(self.at.items()):
            if variable not in found:
                dimensions[variable] = self.framework.variable_dimensions(variable)
                found[variable] = _Table([{} for _ in dimensions[variable]])
            given = dict(observation.members)
            found[variable].add([given.get(d, TOTAL) for d in dimensions[variable]], (number, observation))
        return found

    @cached_property
    def _parts(self) -> dict[CellKey, list[Observation]]:
        """Answers of `parts_of`: the points of a rule ask for the same cells again and again."""
        return {}

    def parts_of(self, cell: CellKey) -> list[Observation]:
        """Delivered cells below a total or aggregate that was not delivered itself, in the order of the delivery."""
        if cell not in self._parts:
            self._parts[cell] = [observation for _, observation in sorted(self._below(cell), key=itemgetter(0))]
        return self._parts[cell]

    def _below(self, cell: CellKey) -> Iterator[tuple[int, Observation]]:
        delivered = self._by_variable.get(cell[0])
        if not delivered:
            return
        choices = self._choices.get(cell)
        if choices is None:
            choices = self._choices[cell] = _choices(self.framework, *cell)
        yield from delivered.at(choices)

    @cached_property
    def _choices(self) -> dict[CellKey, list[frozenset[str]]]:
        return remembered(self.framework, dict, "what lies below a cell")


def _choices(framework: Framework, variable: str, key: str) -> list[frozenset[str]]:
    """For each dimension of the variable, what a cell may have there to lie below the cell of that key."""
    wanted = dict(split_key(key))
    return [_at_or_below(framework, d, wanted.get(d, TOTAL)) for d in framework.variable_dimensions(variable)]


def has_delivered_cell(point: Point, addresses: Mapping[CellKey, Observation]) -> bool:
    parts = (part for parts in point.sums.values() for part in parts)
    lookups = [*point.lookups.values(), *(look for part in parts for look in part.lookups)]
    return any(look.lag == 0 and (look.variable, look.key) in addresses for look in lookups)


def without_consequences(framework: Framework, findings: list[Finding], computed: set[int]) -> list[Finding]:
    """Drop what only follows: where a part breaks a rule, so does the computed sum; there is nothing to mend in it.

    `computed` holds the numbers of the findings at points without any delivered cell.
    """
    keys: dict[str, list[dict[str, str]]] = defaultdict(list)
    for found in findings:
        keys[found.code].append(dict(split_key(found.members)))
    return [
        found
        for number, found in enumerate(findings)
        if number not in computed
        or not any(_is_part(framework, part, dict(split_key(found.members))) for part in keys[found.code])
    ]


def _is_part(framework: Framework, part: Mapping[str, str], whole: Mapping[str, str]) -> bool:
    """Does `part` differ from `whole` only by leaves where `whole` has an aggregate or the total?"""
    if part == whole:
        return False
    dims = {*part, *whole}
    return all(_is_below(framework, d, part.get(d, TOTAL), whole.get(d, TOTAL)) for d in dims)


def _at_or_below(framework: Framework, dimension: str, member: str) -> frozenset[str]:
    """The member itself and its leaves in any scheme of the dimension."""

    def made() -> frozenset[str]:
        entry = framework.dimensions[dimension]
        schemes = [*entry.schemes.values()] or [entry.scheme(None)]
        return frozenset({member, *(leaf for scheme in schemes for leaf in scheme.aggregates.get(member, ()))})

    return remembered(framework, made, "at or below", dimension, member, most=_MEMBERS)


def involved(point: Point, delivered: Delivered) -> list[Observation]:
    """Delivered cells of this year that the point looks at; for a computed one the cells that it is computed from."""
    lookups: list[Lookup] = []
    for slot in sorted({*point.lookups, *point.sums}):
        if slot in point.lookups:
            lookups.append(point.lookups[slot])
        else:
            lookups += [look for part in point.sums[slot] for look in part.lookups]
    found: list[Observation] = []
    for look in lookups:
        if look.lag == 0:
            cell = (look.variable, look.key)
            exact = delivered.at.get(cell)
            found += [exact] if exact else delivered.parts_of(cell)
    return list(dict.fromkeys(found))


def _is_below(framework: Framework, dimension: str, member: str, whole: str) -> bool:
    return member == whole or member in _at_or_below(framework, dimension, whole)


def cell_list(observations: Sequence[Observation]) -> str:
    shown = [
        f"„{o.sheet}“ {o.cell}" if i == 0 or o.sheet != observations[0].sheet else o.cell
        for i, o in enumerate(observations)
    ]
    more = f" und {len(shown) - 8} weitere" if len(shown) > 8 else ""
    return ", ".join(shown[:8]) + more


def cells_sentence(observations: Sequence[Observation]) -> str:
    return f"Beteiligte Zellen: {cell_list(observations)}." if observations else ""
