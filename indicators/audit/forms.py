"""What a published figure says about counts of people, as linear forms that are made once for a framework.

A *cell* is a variable at one leaf member of each of its dimensions. A *node* is a sum of cells of one variable in one
region and year: what a term of a formula looks up. A *side* (numerator, denominator, side of a rule) is a sum of nodes,
some of them of an earlier year. Cells that every node treats alike are one *atom*: nobody could tell them apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from functools import cached_property
from itertools import product

from indicators.audit.sides import Figure, Part, Side, Statement, Stratum
from schemas.formula import Expression, Function, Number, Operation, SumOver, Term
from schemas.framework_model import Framework
from schemas.remembered import remembered
from schemas.shapes import TOTAL, member_key
from schemas.supports import CASES, supports

Cell = tuple[str, tuple[str, ...]]


class Forms:
    """Nodes, atoms, figures and statements of a framework."""

    @classmethod
    def of(cls, framework: Framework) -> Forms:
        """Those of a framework, worked out once; an attack adds nodes to its own ones."""
        known = remembered(framework, lambda: dict(vars(cls(framework)), framework=None), "forms of the attack")
        mine = cls.__new__(cls)
        vars(mine).update({name: copy(value) for name, value in known.items()}, framework=framework)
        return mine

    def __init__(self, framework: Framework) -> None:
        self.framework = framework
        self.nodes: list[tuple[str, tuple[Cell, ...]]] = []
        self._numbers: dict[tuple[str, frozenset[Cell]], int] = {}
        self._expanded: dict[tuple[str, str], tuple[Cell, ...]] = {}
        self._known: dict[tuple[str, str], int] = {}
        self._printed: dict[tuple[str, str], bool] = {}
        self._members_of: dict[tuple[str, str], frozenset[str]] = {}
        self._dimensions = {variable: framework.variable_dimensions(variable) for variable in framework.variables}
        self._modes = {variable: self._mode(variable) for variable in framework.variables}
        counts = (variable for variable, entry in framework.variables.items() if entry.type == "count")
        self._tracked = frozenset(variable for variable in counts if self._modes[variable] != "as_delivered")
        self.figures: dict[tuple[str, str], Figure] = {}
        self.statements = tuple(self._statements())
        for code in framework.indicators:
            self._add_indicator(code)
        self.strata = dict(self._strata())
        for measure in framework.profile.measures:
            if self.tracked(measure.variable):
                self.node(measure.variable, {})
                for member in dict.fromkeys(part for band in measure.bands for part in band.parts):
                    self.node(measure.variable, {measure.dimension or "": member})

    # --- cells -------------------------------------------------------------------------------------------------------

    def tracked(self, variable: str) -> bool:
        """Is the variable a count of the kind that is kept secret?"""
        return variable in self._tracked

    def spread(self, variable: str) -> int:
        """How far a printed number can be from the true one."""
        return {"round5": 2, "controlled_rounding": 4}.get(self._modes[variable], 0)

    def _mode(self, variable: str) -> str:
        rules, entry = self.framework.confidentiality, self.framework.variables[variable]
        own = (rules.variables.get(variable), rules.sources.get(entry.source))
        return next((one.mode for one in own if one and one.mode), rules.mode)

    def blurred(self, side: Side) -> float:
        """How far the printed number of a side can be from the true one."""
        return float(max(self.spread(self.nodes[node][0]) for _, node, _ in side.parts))

    @cached_property
    def printed_nodes(self) -> frozenset[int]:
        """Nodes that figures are made of."""
        sides = [side for one in self.figures.values() for side in (one.numerator, one.denominator) if side]
        return frozenset(node for side in sides for _, node, _ in side.parts)

    def in_table(self, variable: str, members: Mapping[str, str]) -> bool:
        """Is the cell printed, or the residual member beside cells that are?"""
        key = self._key(variable, members)
        if key not in self._printed:
            self._printed[key] = self._is_in_table(variable, members)
        return self._printed[key]

    def _is_in_table(self, variable: str, members: Mapping[str, str]) -> bool:
        choices = []
        for dimension in self._dimensions[variable]:
            member, entry = members.get(dimension, TOTAL), self.framework.dimensions[dimension]
            leaves = self.framework.scheme(variable, dimension).leaves if entry.is_residual(member) else []
            choices.append([(dimension, one) for one in (member, *leaves)])
        nodes = (self._numbers.get((variable, frozenset(self.cells(variable, dict(c))))) for c in product(*choices))
        return any(node in self.printed_nodes for node in nodes if node is not None)

    def threshold(self, variable: str) -> int:
        """Counts from 1 up to below this number are secret: the strictest of house, source and variable."""
        rules, entry = self.framework.confidentiality, self.framework.variables[variable]
        own = [one.threshold for one in (rules.variables.get(variable), rules.sources.get(entry.source)) if one]
        return max(self.framework.head.confidentiality.suppress_counts_below, *own, 0)

    def additive(self, variable: str) -> bool:
        """Do the cells of the variable add up exactly? Not when the source rounds each of them on its own."""
        return self.framework.sources[self.framework.variables[variable].source].rounding == 0

    def cells(self, variable: str, members: Mapping[str, str]) -> tuple[Cell, ...]:
        """The leaf cells that a cell with these members (the others at their total) is made of."""
        dims, key = self._dimensions[variable], self._key(variable, members)
        if key not in self._expanded:
            leaves = [self._leaves(variable, dimension, members.get(dimension, TOTAL)) for dimension in dims]
            self._expanded[key] = tuple((variable, combination) for combination in product(*leaves))
        return self._expanded[key]

    def _key(self, variable: str, members: Mapping[str, str]) -> tuple[str, str]:
        return variable, member_key([(d, members.get(d, TOTAL)) for d in self._dimensions[variable]])

    def _leaves(self, variable: str, dimension: str, member: str) -> tuple[str, ...]:
        entry = self.framework.dimensions[dimension]
        if entry.dynamic or not self.additive(variable):
            return (member,)
        scheme = entry.scheme(self.framework.variables[variable].schemes.get(dimension))
        return tuple(scheme.aggregates.get(member, [member]))

    def node(self, variable: str, members: Mapping[str, str]) -> int:
        """Number of the node of a cell."""
        key = self._key(variable, members)
        if key not in self._known:
            self._known[key] = self._number(variable, self.cells(variable, members))
        return self._known[key]

    def _number(self, variable: str, cells: tuple[Cell, ...]) -> int:
        known = (variable, frozenset(cells))
        if known not in self._numbers:
            self._numbers[known] = len(self.nodes)
            self.nodes.append((variable, cells))
        return self._numbers[known]

    # --- formulas ----------------------------------------------------------------------------------------------------

    def side(self, expression: Expression, running: Mapping[str, str]) -> Side | None:
        """The expression as a sum of nodes, None when it is not one or speaks of what is not protected."""
        found: dict[tuple[int, int], float] = {}
        if not self._collect(expression, running, 1.0, found):
            return None
        parts = tuple((lag, node, value) for (lag, node), value in found.items() if value)
        return Side(parts) if parts else None

    def _collect(
        self, expression: Expression, running: Mapping[str, str], factor: float, found: dict[tuple[int, int], float]
    ) -> bool:
        match expression:
            case Term(variable, _, lag):
                if not self.tracked(variable):
                    return False
                place = (lag, self.node(variable, self._members(expression, running)))
                found[place] = found.get(place, 0.0) + factor
                return True
            case Operation("+" | "-" as sign, left, right):
                minus = -factor if sign == "-" else factor
                zero = isinstance(left, Number) and left.value == 0
                return (zero or self._collect(left, running, factor, found)) and self._collect(
                    right, running, minus, found
                )
            case Operation("*", Number(value), other) | Operation("*", other, Number(value)):
                return self._collect(other, running, factor * float(value), found)
            case Operation("/", left, Number(value)):
                return self._collect(left, running, factor / float(value), found)
            case SumOver(Term(variable, _, _) as inner, dimension) if not self.framework.dimensions[dimension].dynamic:
                if dimension not in self._dimensions[variable]:
                    return False
                leaves = self.framework.scheme(variable, dimension).leaves
                return all(self._collect(inner, {**running, dimension: leaf}, factor, found) for leaf in leaves)
            case Function() | _:
                return False

    def _members(self, term: Term, running: Mapping[str, str]) -> dict[str, str]:
        selected, chosen = term.selected(), {}
        for dimension in self.framework.variable_dimensions(term.variable):
            member = selected.get(dimension) or running.get(dimension, TOTAL)
            if dimension not in selected and not self.framework.dimensions[dimension].dynamic:
                member = member if self.has_member(term.variable, dimension, member) else TOTAL
            chosen[dimension] = member
        return chosen

    def has_member(self, variable: str, dimension: str, member: str) -> bool:
        """Can a cell of the variable have this member?"""
        place = (variable, dimension)
        if place not in self._members_of:
            self._members_of[place] = frozenset(self.framework.members(variable, dimension))
        return member in self._members_of[place]

    def _add_indicator(self, code: str) -> None:
        ratio = self.framework.ratio(code)
        share = self.framework.indicators[code].unit == "percent"
        for members in self.framework.breakdown_points(code):
            running = dict(members)
            numerator = self.side(ratio.numerator, running)
            denominator = None if ratio.denominator is None else self.side(ratio.denominator, running)
            nested = bool(share and numerator and denominator and self._nested(numerator, denominator))
            key = member_key(members)
            self.figures[code, key] = Figure(code, key, float(ratio.multiplier), numerator, denominator, nested)

    def _strata(self) -> Iterator[tuple[tuple[str, str], tuple[Stratum, ...]]]:
        """Strata of every figure that is printed standardised too; a rate with a side of another kind has none."""
        for code, entry in self.framework.indicators.items():
            own = [one for one in supports(self.framework, [code]) if one.role != CASES] if entry.standardise else []
            whole = sum(one.weight for one in own)
            for members in self.framework.breakdown_points(code) if own else ():
                pairs = [(self.side(s.left, dict(members)), self.side(s.right, dict(members))) for s in own]
                made = [
                    Stratum(one.weight / whole, cases, base)
                    for one, (cases, base) in zip(own, pairs, strict=True)
                    if cases and base
                ]
                if len(made) == len(own):
                    yield (code, member_key(members)), tuple(made)

    def _nested(self, small: Side, large: Side) -> bool:
        """Is what the small side counts a part of what the large side counts? By its cells, or by a subset rule."""
        if not (small.counted and large.counted):
            return False
        within = {(lag, cell) for lag, node, _ in large.parts for cell in self.nodes[node][1]}
        if all((lag, cell) in within for lag, node, _ in small.parts for cell in self.nodes[node][1]):
            return True
        pair = frozenset([*small.parts, *((lag, node, -value) for lag, node, value in large.parts)])
        return pair in self._subsets

    @cached_property
    def _subsets(self) -> frozenset[frozenset[Part]]:
        return frozenset(frozenset(s.parts) for s in self.statements if s.high == 0 and s.low < 0)

    def _statements(self) -> Iterable[Statement]:
        """Blocking rules without a tolerance for rounding that compare sums of counts."""
        for code, rule in self.framework.rules.items():
            statement = self.framework.statements[code]
            if rule.tolerance == "round" or rule.state != "blocking" or rule.severity not in ("error", "fatal"):
                continue
            if statement.operator not in ("=", "<=", ">="):
                continue
            slack = float(rule.tolerance)
            low = -slack if statement.operator in ("=", ">=") else float("-inf")
            high = slack if statement.operator in ("=", "<=") else float("inf")
            for members in self.framework.rule_points(code):
                side = self.side(Operation("-", statement.left, statement.right), dict(members))
                if side is not None and not self._empty(side):
                    yield Statement(side.parts, low, high, rule.since or 0, rule.until or 9999)

    def _empty(self, side: Side) -> bool:
        """Does the statement follow from how cells add up?"""
        sums: dict[tuple[int, Cell], float] = {}
        for lag, node, value in side.parts:
            for cell in self.nodes[node][1]:
                sums[lag, cell] = sums.get((lag, cell), 0.0) + value
        return not any(sums.values())
