"""From formulas to tables: what a set-based SQL pass has to look up for every indicator and rule.

A formula is evaluated at many *points* (the total, each member of a breakdown or `for_each`). At a point every term
becomes a *slot*: one cell to look up. A `sum(…, DIM)` is a slot too, made of *parts*, one for each leaf member. The
arithmetic that joins the slots is the same at every point, so only a handful of different *shapes* exist: SQL text over
v0, v1, … The rows of these tables, not the number of formulas, is what a run costs.

The meaning (framework `grammar`): a member is the explicitly selected one, else the running one, else the total. An
explicitly named residual member (divers, not stated) counts as 0 when nothing was delivered for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from schemas.formula import Expression, Function, Number, Operation, SumOver, Term, contains_sum, terms
from schemas.framework_model import Framework, Members
from schemas.shapes import TOTAL, member_key
from schemas.supports import Support


@dataclass(frozen=True, slots=True)
class Lookup:
    """One cell: variable, member key (see `schemas.shapes.member_key`), years to go back.

    `zero`: counts as 0 when absent. `runs`: inside a sum, the cell changes with the leaf member.
    """

    variable: str
    key: str
    lag: int
    zero: bool
    runs: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """One leaf of a sum: its lookups in the order of the inner expression. Optional parts may be absent."""

    member: str
    optional: bool
    lookups: tuple[Lookup, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """One evaluation of one formula: lookups by slot number, sums by slot number."""

    number: int
    owner: str
    key: str
    lookups: Mapping[int, Lookup]
    sums: Mapping[int, tuple[Part, ...]]

    def all_lookups(self) -> Iterator[Lookup]:
        """Those of its slots and those inside of its sums."""
        yield from self.lookups.values()
        for parts in self.sums.values():
            for part in parts:
                yield from part.lookups


@dataclass(frozen=True, slots=True)
class Shape:
    """SQL of both sides of an owner over v0, v1, … (exact) and r0, r1, … (sums of quotients, floating point), and of the
    inside of its sums over w0, w1, …"""

    left: str
    right: str
    inner: Mapping[int, str]
    slots: int
    additive: bool


@dataclass
class Plan:
    """Everything to evaluate: points and, for every owner, its shape."""

    points: list[Point] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=dict)

    def lags(self) -> set[int]:
        """By how many years the terms look back."""
        return {lookup.lag for point in self.points for lookup in point.all_lookups()}

    @property
    def width(self) -> int:
        """Largest number of slots of any owner."""
        return max((shape.slots for shape in self.shapes.values()), default=0)

    @property
    def inner_width(self) -> int:
        """Largest number of lookups of any part of a sum."""
        sizes = [len(p.lookups) for point in self.points for parts in point.sums.values() for p in parts]
        return max(sizes, default=0)

    def variables(self) -> set[str]:
        """Variables that any point looks up."""
        found = {lookup.variable for point in self.points for lookup in point.lookups.values()}
        for point in self.points:
            for parts in point.sums.values():
                found |= {lookup.variable for part in parts for lookup in part.lookups}
        return found


def indicator_plan(
    framework: Framework, dynamic: Mapping[str, Iterable[str]] | None = None, codes: Iterable[str] | None = None
) -> Plan:
    """Plan of all indicators (or of `codes`): left is the numerator, right the denominator.

    `dynamic` lists the members of each dynamic dimension that occur in the data. An indicator that is no quotient has
    its value on the left and 1 on the right.
    """
    builder = _Builder(framework, dynamic or {})
    for code in codes if codes is not None else framework.indicators:
        ratio = framework.ratio(code)
        right = ratio.denominator or Number(Fraction(1))
        builder.add(code, ratio.numerator, right, framework.breakdown_points(code))
    return builder.plan


def with_supports(
    plan: Plan, framework: Framework, beside: Iterable[Support], dynamic: Mapping[str, Iterable[str]] | None = None
) -> Plan:
    """The plan of indicators with what stands beside them, at the points of the indicator each support belongs to."""
    builder = _Builder(framework, dynamic or {}, Plan(list(plan.points), dict(plan.shapes)))
    for support in beside:
        builder.add(support.owner, support.left, support.right, framework.breakdown_points(support.indicator))
    return builder.plan


def rule_plan(
    framework: Framework, dynamic: Mapping[str, Iterable[str]] | None = None, codes: Iterable[str] | None = None
) -> Plan:
    """Plan of all rules (or of `codes`): left and right are the two sides of the comparison."""
    builder = _Builder(framework, dynamic or {})
    for code in codes if codes is not None else framework.rules:
        statement = framework.statements[code]
        builder.add(code, statement.left, statement.right, framework.rule_points(code))
    return builder.plan


_Place = tuple[str, str | None, frozenset[str] | None]
"""A dimension, and the member there: named, that of the sum (empty), or the running one (None) - where only some are known,
the total for any other."""


class _Cell:
    """What one term looks up, at whatever point; each cell is made once."""

    def __init__(self, term: Term, places: Sequence[_Place], zero: bool, runs: bool) -> None:
        self.term, self.places, self.zero, self.runs = term, places, zero, runs
        self._made: dict[str, Lookup] = {}

    def at(self, running: Mapping[str, str], summed: str = TOTAL) -> Lookup:
        """The cell for the running members, and that of the sum around it."""
        named = []
        for dimension, member, known in self.places:
            if member is None:
                member = running.get(dimension, TOTAL)
                if known is not None and member not in known:
                    continue
            elif not member:
                member = summed
            if member != TOTAL:
                named.append(f"{dimension}={member}")
        key = ",".join(named)
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = Lookup(self.term.variable, key, self.term.lag, self.zero, self.runs)
        return found


class _Builder:
    def __init__(self, framework: Framework, dynamic: Mapping[str, Iterable[str]], plan: Plan | None = None) -> None:
        self.framework = framework
        self.dynamic = {dimension: tuple(sorted(members)) for dimension, members in dynamic.items()}
        self.plan = plan or Plan()

    def add(self, owner: str, left: Expression, right: Expression, points: Iterable[Members]) -> None:
        slots: list[Term | SumOver] = []
        texts = tuple(self._sql(side, slots, "v") for side in (left, right))
        inner: dict[int, str] = {}
        single: dict[int, _Cell] = {}
        summed: dict[int, tuple[list[tuple[str, bool]], list[_Cell]]] = {}
        for number, slot in enumerate(slots):
            if isinstance(slot, Term):
                single[number] = self._cell(slot)
                continue
            found: list[Term | SumOver] = []
            inner[number] = self._sql(slot.expression, found, "w")
            cells = [self._cell(term, slot.dimension) for term in found if isinstance(term, Term)]
            summed[number] = [*self._leaves(slot)], cells
        additive = not any(_nonlinear(slot.expression) for slot in slots if isinstance(slot, SumOver))
        self.plan.shapes[owner] = Shape(texts[0], texts[1], inner, len(slots), additive)
        for members in points:
            running = dict(members)
            lookups = {number: cell.at(running) for number, cell in single.items()}
            sums = {
                number: tuple(Part(m, optional, tuple(cell.at(running, m) for cell in cells)) for m, optional in leaves)
                for number, (leaves, cells) in summed.items()
            }
            self.plan.points.append(Point(len(self.plan.points), owner, member_key(members), lookups, sums))

    def _cell(self, term: Term, summed: str = "") -> _Cell:
        """What a term looks up, within a sum over the dimension `summed`."""
        selected = term.selected()
        places: list[_Place] = []
        zero = runs = False
        for dimension in self.framework.variable_dimensions(term.variable):
            explicit = selected.get(dimension)
            if explicit is not None:
                zero = zero or self.framework.dimensions[dimension].is_residual(explicit)
                places.append((dimension, explicit, None))
            elif dimension == summed:
                runs = True
                places.append((dimension, "", None))
            elif self.framework.dimensions[dimension].dynamic:
                places.append((dimension, None, None))
            else:
                places.append((dimension, None, frozenset(self.framework.members(term.variable, dimension))))
        return _Cell(term, places, zero, runs)

    def _leaves(self, slot: SumOver) -> Iterator[tuple[str, bool]]:
        """The members that a sum is made of, and which of them may be absent."""
        entry = self.framework.dimensions[slot.dimension]
        if entry.dynamic:
            yield from ((member, True) for member in self.dynamic.get(slot.dimension, ()))
            return
        for term in terms(slot.expression):
            if slot.dimension in self.framework.variable_dimensions(term.variable):
                leaves = self.framework.scheme(term.variable, slot.dimension).leaves
                yield from ((member, entry.is_residual(member)) for member in leaves)
                return

    def _sql(self, expression: Expression, slots: list[Term | SumOver], name: str) -> str:
        match expression:
            case Number(value):
                return _number(value)
            case Term() | SumOver():
                if expression not in slots:
                    slots.append(expression)
                exact = isinstance(expression, Term) or not _nonlinear(expression.expression)
                return f"{name if exact else 'r'}{slots.index(expression)}"
            case Function(function, arguments):
                return _call(function, [self._sql(argument, slots, name) for argument in arguments])
            case Operation("/", left, Number(value)) if _is_decimal(1 / value):
                return f"({self._sql(left, slots, name)} * {_number(1 / value)})"
            case Operation("/", left, right):
                return f"({self._sql(left, slots, name)} / nullif({self._sql(right, slots, name)}, 0))"
            case Operation(operator, left, right):
                return f"({self._sql(left, slots, name)} {operator} {self._sql(right, slots, name)})"


_FUNCTIONS = {"abs": "abs", "max": "greatest", "min": "least"}


def _call(function: str, arguments: list[str]) -> str:
    """SQL of a function. `greatest` and `least` would skip a missing value; a missing term makes the result missing."""
    call = f"{_FUNCTIONS[function]}({', '.join(arguments)})"
    if len(arguments) == 1:
        return call
    return f"CASE WHEN {' OR '.join(f'{argument} IS NULL' for argument in arguments)} THEN NULL ELSE {call} END"


def _nonlinear(expression: Expression) -> bool:
    """Would the sum of two regions' values differ from the value of the summed region?"""
    match expression:
        case Function() | SumOver():
            return True
        case Operation("/", left, right):
            return not isinstance(right, Number) or _nonlinear(left)
        case Operation("*", left, right):
            constant = isinstance(left, Number) or isinstance(right, Number)
            return not constant or _nonlinear(left) or _nonlinear(right)
        case Operation(_, left, right):
            return _nonlinear(left) or _nonlinear(right) or contains_sum(expression)
        case _:
            return False


def _is_decimal(value: Fraction) -> bool:
    """Can the fraction be written as a finite decimal?"""
    denominator = value.denominator
    for prime in (2, 5):
        while denominator % prime == 0:
            denominator //= prime
    return denominator == 1


def _number(value: Fraction) -> str:
    if value.denominator == 1:
        return str(value.numerator)
    if not _is_decimal(value):
        return f"({value.numerator} / {value.denominator})"
    digits = 0
    while (value * 10**digits).denominator != 1:
        digits += 1
    scaled = int(value * 10**digits)
    text = f"{abs(scaled):0{digits + 1}d}"
    return f"{'-' if scaled < 0 else ''}{text[:-digits]}.{text[-digits:]}"
