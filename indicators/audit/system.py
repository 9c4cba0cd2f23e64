"""The equation system of an attacker, in connected pieces: which unknowns hang together, and what binds them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from indicators.audit.editions import Knowledge, Place
from indicators.audit.facts import Relation
from indicators.audit.forms import Atoms, Forms, Statement
from indicators.audit.targets import Target

Family = tuple[int, int, str]
"""Region, year, variable: its atoms are tied together by the sums that are known."""
_SLACK = 1e-6


@dataclass
class Piece:
    """Unknown atoms and what ties them: rows of (coefficients by column, low, high), and by their numbers those that only
    an older edition tells, or that are assumed. Every atom is 0 or more."""

    columns: dict[Place, int] = field(default_factory=dict)
    rows: list[tuple[dict[int, float], float, float]] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    older: set[int] = field(default_factory=set)

    def column(self, place: Place) -> int:
        """Number of the column of an atom, a new one at need."""
        return self.columns.setdefault(place, len(self.columns))


class System:
    """All equations, by the families of atoms they speak of."""

    def __init__(
        self,
        forms: Forms,
        atoms: Atoms,
        known: Knowledge,
        nested: Mapping[int, Mapping[int, tuple[int, ...]]],
        complete: frozenset[tuple[int, int]],
        years: list[int],
    ) -> None:
        self.forms, self.atoms, self.known = forms, atoms, known
        self.nested, self.complete = nested, complete
        self.atoms_of: dict[str, list[int]] = defaultdict(list)
        for number, variable in enumerate(atoms.variables):
            self.atoms_of[variable].append(number)
        self.nodes_of: dict[str, np.ndarray] = {}
        for variable in {variable for variable, _ in forms.nodes}:
            numbers = [number for number, (name, _) in enumerate(forms.nodes) if name == variable]
            self.nodes_of[variable] = np.array(numbers)
        self.relations: list[tuple[int, Relation]] = [*known.relations, *((0, r) for r in self._of_rules(years))]
        for edition, region, year, node, value in known.former:
            self.relations.append((edition, Relation(((1.0, region, year, node),), value, value)))

    # --- what rules add ----------------------------------------------------------------------------------------------

    def _of_rules(self, years: list[int]) -> Iterator[Relation]:
        """Statements that do not follow from known sums anyway."""
        low, high = self._bounds()
        for statement in self.forms.statements:
            most, least = self._range(statement, low, high)
            valid = np.array([statement.since <= year <= statement.until for year in years])[None, :]
            tells = ((most > statement.high + _SLACK) | (least < statement.low - _SLACK)) & valid
            tells &= np.isfinite(most) | np.isfinite(least)
            for region, year in zip(*np.nonzero(tells), strict=True):
                terms = tuple((factor, int(region), int(year) - lag, node) for lag, node, factor in statement.parts)
                yield Relation(terms, statement.low, statement.high)

    def _bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Least and most of each node from the known nodes within it and around it."""
        nodes = self.known.nodes
        low, high = np.zeros_like(nodes), np.full_like(nodes, np.inf)
        sets = [frozenset(found) for found in self.atoms.of_node]
        asked = {node for statement in self.forms.statements for _, node, _ in statement.parts}
        for node in asked:
            for other in self.nodes_of[self.forms.nodes[node][0]]:
                value = nodes[:, :, other]
                if sets[other] <= sets[node]:
                    low[:, :, node] = np.fmax(low[:, :, node], value)
                if sets[other] >= sets[node]:
                    high[:, :, node] = np.fmin(high[:, :, node], value)
        return low, high

    @staticmethod
    def _range(statement: Statement, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        most = np.zeros(low.shape[:2])
        least = np.zeros(low.shape[:2])
        for lag, node, factor in statement.parts:
            top, bottom = (high, low) if factor > 0 else (low, high)
            up, down = factor * top[:, :, node], factor * bottom[:, :, node]
            if lag:
                fill = np.full((len(up), lag), np.nan)
                up = np.concatenate([fill, up[:, :-lag]], axis=1)
                down = np.concatenate([fill, down[:, :-lag]], axis=1)
            most, least = most + up, least + down
        return most, least

    # --- pieces ------------------------------------------------------------------------------------------------------

    def pieces(self, targets: Iterable[Target]) -> Iterator[Piece]:
        """The pieces that targets lie in."""
        joined = _Union()
        by_relation: list[tuple[int, Relation, Family]] = []
        for edition, relation in self.relations:
            families = [self._family(region, year, node) for _, region, year, node in relation.terms]
            joined.join(families)
            by_relation.append((edition, relation, families[0]))
        wanted: dict[Family, list[Target]] = defaultdict(list)
        listed = list(targets)
        for target in listed:
            families = list({(r, y, self.atoms.variables[a]) for r, y, a in target.touched})
            joined.join(families)
            for family in families:
                self._join_towns(joined, family)
        for target in listed:
            region, year, atom = next(iter(target.touched))
            wanted[joined.root((region, year, self.atoms.variables[atom]))].append(target)
        relations: dict[Family, list[tuple[int, Relation]]] = defaultdict(list)
        for edition, relation, family in by_relation:
            relations[joined.root(family)].append((edition, relation))
        members = joined.groups()
        for root, mine in wanted.items():
            yield self._piece(members.get(root, [root]), relations.get(root, []), mine)

    def _family(self, region: int, year: int, node: int) -> Family:
        return region, year, self.forms.nodes[node][0]

    def _join_towns(self, joined: _Union, family: Family) -> None:
        region, year, variable = family
        for above, below in self.nested.get(year, {}).items():
            if region == above or region in below:
                joined.join([(unit, year, variable) for unit in (above, *below)])

    def _piece(self, families: list[Family], relations: list[tuple[int, Relation]], mine: list[Target]) -> Piece:
        piece = Piece(targets=mine)
        here = set(families)
        for region, year, variable in families:
            nodes = self.nodes_of[variable]
            values = self.known.nodes[region, year, nodes]
            for node, value in zip(nodes[~np.isnan(values)], values[~np.isnan(values)], strict=True):
                if self.known.origin[region, year, node]:
                    piece.older.add(len(piece.rows))
                row = {piece.column((0, region, year, atom)): 1.0 for atom in self.atoms.of_node[node]}
                piece.rows.append((row, float(value), float(value)))
            below = self.nested.get(year, {}).get(region, ())
            if below and all((town, year, variable) in here for town in below):
                exact = (region, year) in self.complete
                for atom in self.atoms_of[variable]:
                    row = {piece.column((0, region, year, atom)): 1.0}
                    row |= {piece.column((0, town, year, atom)): -1.0 for town in below}
                    piece.rows.append((row, 0.0, 0.0 if exact else np.inf))
        for edition, relation in relations:
            sums: dict[int, float] = defaultdict(float)
            for factor, region, year, node in relation.terms:
                for atom in self.atoms.of_node[node]:
                    sums[piece.column(self.known.atom(edition, region, year, atom))] += factor
            if edition:
                piece.older.add(len(piece.rows))
            piece.rows.append((sums, relation.low, relation.high))
        for target in mine:
            for place in target.touched:
                piece.column((0, *place))
        return piece


class _Union:
    """Which families hang together."""

    def __init__(self) -> None:
        self.parent: dict[Family, Family] = {}

    def root(self, one: Family) -> Family:
        """The family that stands for all that hang together with this one."""
        self.parent.setdefault(one, one)
        while self.parent[one] != one:
            self.parent[one] = self.parent[self.parent[one]]
            one = self.parent[one]
        return one

    def join(self, several: list[Family]) -> None:
        """These hang together."""
        first = self.root(several[0])
        for other in several[1:]:
            self.parent[self.root(other)] = first

    def groups(self) -> dict[Family, list[Family]]:
        """Families by the one that stands for them."""
        found: dict[Family, list[Family]] = defaultdict(list)
        for one in self.parent:
            found[self.root(one)].append(one)
        return found
