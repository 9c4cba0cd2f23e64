"""The equation system of an attacker, in connected pieces: which unknowns hang together, and what binds them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from indicators.audit.atoms import Atoms
from indicators.audit.delivered import Untrue
from indicators.audit.editions import Knowledge
from indicators.audit.forms import Forms
from indicators.audit.making import Made, hanging_together
from indicators.audit.piece import Piece
from indicators.audit.program import Rows
from indicators.audit.relations import Flags, Real, Relations, Whole, distinct
from indicators.audit.sides import Side, Statement
from indicators.audit.targets import Target
from indicators.audit.versions import TODAY, Versions

_SLACK = 1e-6


Holding = tuple[int, int, tuple[int, ...], bool, list[tuple[int, ...]]]
"""Unit, year, the units below it, whether there is nothing beside them, and sums of atoms."""


@dataclass(frozen=True)
class Part:
    """What hangs together: numbers of families, numbers of relations between them, and the targets that lie in it."""

    families: Whole
    relations: Whole
    targets: list[Target]


class System:
    """All equations. Atoms of one region, year and variable are a *family*: the sums that are known tie them together."""

    def __init__(
        self,
        forms: Forms,
        atoms: Atoms,
        versions: Versions,
        known: Knowledge,
        nested: Mapping[int, Mapping[int, tuple[int, ...]]],
        complete: frozenset[tuple[int, int]],
        years: list[int],
        untrue: Mapping[tuple[int, int], Untrue] | None = None,
        within: Set[int] | None = None,
    ) -> None:
        """`within`: the years (numbers) that rules have to speak of; None: any."""
        self.forms, self.atoms, self.versions, self.known = forms, atoms, versions, known
        self.nested, self.complete, self.untrue = nested, complete, untrue or {}
        names = {name: number for number, name in enumerate(dict.fromkeys(name for name, _ in forms.nodes))}
        self.variable_of_node = np.array([names[name] for name, _ in forms.nodes], np.int64)
        self.variable_of_atom = np.array([names[name] for name in atoms.variables], np.int64)
        self.shape = (*known.nodes.shape[:2], len(names))
        self._within = np.isin(np.arange(len(years)), range(len(years)) if within is None else sorted(within))
        rules = Relations.joined(list(self._of_rules(years)))
        self.relations = Relations.joined([known.told.relations, rules])
        self.moment = np.concatenate([known.told.moment, np.full(len(rules), TODAY)])
        self.doubtful = np.concatenate([known.doubtful, np.zeros(len(rules), bool)])

    # --- what rules add ----------------------------------------------------------------------------------------------

    def _of_rules(self, years: list[int]) -> Iterator[Relations]:
        """Statements that do not follow from known sums anyway."""
        statements = self.forms.statements
        if not statements or not self._within.any():
            return
        spoken = np.stack([self._spoken_of(statement) for statement in statements])
        last = int(np.flatnonzero(spoken.any(axis=0))[-1]) + 1
        first = max(
            0, int(np.flatnonzero(spoken.any(axis=0))[0]) - max(lag for one in statements for lag, _, _ in one.parts)
        )
        most, least = self._ranges(statements, *self._bounds(slice(first, last)))
        low, high, since, until = (
            np.array([getattr(one, name) for one in statements])[:, None, None]
            for name in ("low", "high", "since", "until")
        )
        tells = ((most > high + _SLACK) | (least < low - _SLACK)) & (np.isfinite(most) | np.isfinite(least))
        when = np.array(years[first:last])
        tells &= (when >= since) & (when <= until) & spoken[:, None, first:last]
        for number in np.flatnonzero(tells.any(axis=(1, 2))).tolist():
            statement, (region, year) = statements[number], np.nonzero(tells[number])
            year = year + first
            ends = (np.full(len(region), end) for end in (statement.low, statement.high))
            yield Relations.of_side(Side(statement.parts), region, year, *ends)

    def _spoken_of(self, statement: Statement) -> Flags:
        """In which years a statement speaks of one that is `within`."""
        found = np.zeros(len(self._within), bool)
        for lag in {lag for lag, _, _ in statement.parts}:
            found[lag:] |= self._within[: len(found) - lag]
        return found

    def _bounds(self, years: slice) -> tuple[dict[int, Real], dict[int, Real]]:
        """Least and most of each node by region and (some) years, from the known nodes within it and around it."""
        known = self.known.nodes[:, years]
        asked = {node for statement in self.forms.statements for _, node, _ in statement.parts}
        low: dict[int, Real] = {}
        high: dict[int, Real] = {}
        for variable in range(self.shape[2]):
            nodes = np.flatnonzero(self.variable_of_node == variable)
            wanted = np.array([place for place, node in enumerate(nodes) if node in asked], np.int64)
            if not len(wanted):
                continue
            holds = np.zeros((len(nodes), int((self.variable_of_atom == variable).sum())), np.float32)
            sizes, atoms = self.atoms.of_nodes(nodes)
            holds[np.repeat(np.arange(len(nodes)), sizes), self._place_of_atom[atoms]] = 1
            told = np.flatnonzero(~np.isnan(known[:, :, nodes]).all(axis=(0, 1)))
            values = np.ascontiguousarray(np.moveaxis(known[:, :, nodes[told]], 2, 0))
            common = holds[wanted] @ holds[told].T
            for row, place in enumerate(wanted):
                within, around = common[row] == sizes[told], common[row] == sizes[place]
                low[int(nodes[place])] = np.fmax(0, np.fmax.reduce(values[within], axis=0, initial=0.0))
                high[int(nodes[place])] = np.fmin.reduce(values[around], axis=0, initial=np.inf)
        return low, high

    @cached_property
    def _place_of_atom(self) -> Whole:
        """The place of each atom among those of its variable."""
        found = np.empty(len(self.variable_of_atom), np.int64)
        for atoms in self._atoms_of:
            found[atoms] = np.arange(len(atoms))
        return found

    def _ranges(
        self, statements: Sequence[Statement], low: Mapping[int, Real], high: Mapping[int, Real]
    ) -> tuple[Real, Real]:
        """Most and least of each statement by region and year; not a number where a year before the first one enters."""
        shape = next(iter(low.values())).shape
        most, least = np.zeros((2, len(statements), *shape))
        for number, statement in enumerate(statements):
            for lag, node, factor in statement.parts:
                top, bottom = (high, low) if factor > 0 else (low, high)
                most[number, :, :lag] = least[number, :, :lag] = np.nan
                most[number, :, lag:] += factor * top[node][:, : shape[1] - lag]
                least[number, :, lag:] += factor * bottom[node][:, : shape[1] - lag]
        return most, least

    # --- pieces ------------------------------------------------------------------------------------------------------

    def parts(self, targets: Iterable[Target]) -> Iterator[Part]:
        """What hangs together, as far as targets lie in it."""
        listed = list(targets)
        relations = self.relations
        families = self.families(relations.region, relations.year, self.variable_of_node[relations.node])
        heads = families[np.flatnonzero(np.diff(relations.owner, prepend=-1))]
        apart = np.flatnonzero(heads[relations.owner] != families)
        homes = [self._home(target) for target in listed]
        pairs = [np.stack([heads[relations.owner[apart]], families[apart]], axis=1)]
        pairs.append(np.array([(own[0], one) for own in homes for one in own[1:]], np.int64).reshape(-1, 2))
        pairs.append(self._with_towns({family for own in homes for family in own}))
        first = np.array([own[0] for own in homes], np.int64)
        names, roots = hanging_together(np.concatenate([heads, first]), *distinct(np.concatenate(pairs))[0].T)
        wanted: dict[int, list[Target]] = defaultdict(list)
        for target, root in zip(listed, roots[np.searchsorted(names, first)].tolist(), strict=True):
            wanted[root].append(target)
        inside, known = (np.argsort(own, kind="stable") for own in (roots, roots[np.searchsorted(names, heads)]))
        ordered = (roots[inside], roots[np.searchsorted(names, heads[known])])
        for root, mine in wanted.items():
            (family, last), (start, end) = (np.searchsorted(own, [root, root + 1]) for own in ordered)
            yield Part(names[inside[family:last]], known[start:end], mine)

    def families(self, region: Whole, year: Whole, variable: Whole) -> Whole:
        """Numbers of families."""
        return np.ravel_multi_index((region, year, variable), self.shape)

    def _home(self, target: Target) -> list[int]:
        """The families of a target, which hang together."""
        _, years, variables = self.shape
        variable = self._variables
        return sorted({(region * years + year) * variables + variable[atom] for region, year, atom in target.touched})

    @cached_property
    def _variables(self) -> list[int]:
        return list(self.variable_of_atom.tolist())

    def _with_towns(self, families: set[int]) -> Whole:
        """Pairs of families: of a unit, where it or one below it is among these, and of each one below it."""
        around: dict[tuple[int, int], list[tuple[int, tuple[int, ...]]]] = defaultdict(list)
        for year, units in self.nested.items():
            for above, below in units.items():
                for unit in (above, *below):
                    around[unit, year].append((above, below))
        _, years, variables = self.shape
        found = set()
        for family in families:
            place, variable = divmod(family, variables)
            region, year = divmod(place, years)
            for above, below in around.get((region, year), ()):
                found |= {((above * years + year) * variables + variable, (town * years + year) * variables + variable)
                          for town in below}  # fmt: skip
        return np.array(sorted(found), np.int64).reshape(-1, 2)

    def pieces(self, parts: Sequence[Part]) -> list[Piece]:
        """The equations of parts. They are made together, and each is what it would be alone."""
        made, families = Made([], [], [], [], [], []), np.concatenate([part.families for part in parts])
        home = np.repeat(np.arange(len(parts)), [len(part.families) for part in parts])
        region, year, variable = np.unravel_index(families, self.shape)
        for number in np.unique(variable):
            here = variable == number
            self._add_known(made, region[here], year[here], np.flatnonzero(self.variable_of_node == number))
            for part in np.unique(home[here]):
                own = here & (home == part)
                self._add_nested(made, region[own], year[own], int(number))
        told = made.size
        self._add_relations(made, np.concatenate([part.relations for part in parts]))
        targets = [target for part in parts for target in part.targets]
        made.places.append(np.array([(0, *place) for target in targets for place in target.touched], np.int64))
        places, columns = distinct(made.taken())
        low, high, doubtful = (np.concatenate([*ends, []]) for ends in (made.low, made.high, made.doubtful))
        terms = sum(len(values) for values in made.values)
        owner, values = (np.concatenate([*own, []]) for own in (made.owner, made.values))
        rows = Rows.made(len(places), owner.astype(np.int64), columns[:terms], values, low, high)
        del made, columns, owner, values  # as large as the rows
        order = np.argsort(families)
        family = self.families(places[:, 1], places[:, 2], self.variable_of_atom[places[:, 3]])
        of_place = home[order][np.searchsorted(families[order], family)]
        spoken = of_place[rows.columns[rows.starts[:told]]]  # what follows may have lost all of its terms
        of_row = np.concatenate([spoken, np.repeat(np.arange(len(parts)), [len(part.relations) for part in parts])])
        whole = Piece(places, rows, targets, doubtful.astype(bool))
        return whole.reduced([part.targets for part in parts], of_place, of_row, family)

    def _add_known(self, made: Made, region: Whole, year: Whole, nodes: Whole) -> None:
        values = self.known.nodes[region[:, None], year[:, None], nodes[None, :]]
        family, place = np.nonzero(~np.isnan(values))
        told, node = values[family, place], nodes[place]
        sizes, atom = self.atoms.of_nodes(node)
        owner = np.repeat(np.arange(len(node)), sizes)
        at = (np.zeros_like(atom), region[family][owner], year[family][owner], atom)
        doubtful = self.known.doubtful_nodes[region[family], year[family], node]
        made.add(owner, np.ones(len(owner)), np.stack(at, axis=1), told, told, doubtful)

    def _add_nested(self, made: Made, region: Whole, year: Whole, variable: int) -> None:
        """Counts of a Kreis are those of its towns and of a rest, which is nothing where all of its towns are there."""
        for above, when, below, nothing, sums in self.holding(
            set(zip(region.tolist(), year.tolist(), strict=True)), variable
        ):
            units, size = np.array([above, *below]), len(sums)
            row = np.repeat(np.arange(size), [len(one) for one in sums])
            atom = np.array([one for part in sums for one in part], np.int64)
            owner, atom = np.repeat(row, len(units)), np.repeat(atom, len(units))
            unit = np.tile(units, len(row))
            at = (np.zeros_like(owner), unit, np.full_like(owner, when), atom)
            high = np.full(size, 0.0 if nothing else np.inf)
            values = np.where(unit == above, 1.0, -1.0)
            made.add(owner, values, np.stack(at, axis=1), np.zeros(size), high, np.zeros(size, bool))

    def holding(self, here: set[tuple[int, int]], variable: int) -> Iterator[Holding]:
        """Units that hold others in these regions and years, with the atoms of a variable, or sums of them, of which it is
        true."""
        for above, when in sorted(here):
            below = self.nested.get(when, {}).get(above, ())
            if below and all((town, when) in here for town in below):
                sums = self._true_sums((above, when), variable)
                yield above, when, below, (above, when) in self.complete, sums

    @cached_property
    def _atoms_of(self) -> list[list[int]]:
        """The atoms of each variable."""
        return [np.flatnonzero(self.variable_of_atom == number).tolist() for number in range(self.shape[2])]

    @cached_property
    def singly(self) -> list[list[tuple[int, ...]]]:
        """The same, each atom as a sum of its own."""
        return [[(atom,) for atom in atoms] for atoms in self._atoms_of]

    def _true_sums(self, place: tuple[int, int], variable: int) -> list[tuple[int, ...]]:
        """The atoms, one by one; where that is not true of some, the sums with them of which it is."""
        wrong = self.untrue.get(place)
        if wrong is None:
            return self.singly[variable]
        atoms = self._atoms_of[variable]
        return [(atom,) for atom in atoms if atom not in wrong.atoms] + sorted(
            one for one in wrong.sums if set(atoms).issuperset(one)
        )

    def _add_relations(self, made: Made, chosen: Whole) -> None:
        told = self.relations.taken(chosen)
        sizes, atom = self.atoms.of_nodes(told.node)
        term = np.repeat(np.arange(len(told.node)), sizes)
        owner, region, year = told.owner[term], told.region[term], told.year[term]
        version, _ = self.versions.at(self.moment[chosen][owner], region, year, atom)
        at, which = distinct(np.stack([owner, version, region, year, atom], axis=1))
        values = np.bincount(which, told.factor[term], len(at))
        tells = values != 0
        made.add(at[tells, 0], values[tells], at[tells, 1:], told.low, told.high, self.doubtful[chosen])
