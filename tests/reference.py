"""What the framework means, written a second time: exact fractions over plain dictionaries, no database, no SQL.

The production code turns formulas into set-based SQL. This file evaluates the same texts cell by cell, as one would on
paper, and shares no code with it: formulas are read with Python's own `ast`, and of the framework only the raw entries
are used. `test_reference_agreement.py` compares the two.

A *cell* is (variable, members); members are the (dimension, member) pairs that differ from the total. A cell can be
delivered with a value, delivered without one (None: secret, not available, ...) or not be there at all.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cache
from itertools import product
from typing import Any, NamedTuple

TOTAL = "T"
Members = frozenset[tuple[str, str]]
Cells = dict[tuple[str, Members], Fraction | None]
Years = Mapping[int, Cells]
"""The completed cells of one region by year."""


class Figure(NamedTuple):
    """An indicator at one point. None: cannot be computed (for the denominator also: the formula has none)."""

    numerator: Fraction | None
    denominator: Fraction | None
    value: Fraction | None
    reported: int


@cache
def parsed(text: str) -> ast.expr:
    """`VAR[DIM=MEMBER]` becomes Python's `VAR[DIM:MEMBER]` and `=` becomes `==`; then Python can read it."""
    sliced = re.sub(r"\[[^\]]*\]", lambda found: found.group().replace("=", ":"), text)
    return ast.parse(re.sub(r"(?<![<>])=", "==", sliced).strip(), mode="eval").body


class Reference:
    """Completion, indicators and rules of one framework."""

    def __init__(self, framework: Any) -> None:
        self.framework = framework
        self.order = list(framework.dimensions)
        for asked_often in ("dimensions", "scheme", "known", "residual"):
            setattr(self, asked_often, cache(getattr(self, asked_often)))

    # --- variables and members --------------------------------------------------------------------------------------

    def dimensions(self, variable: str) -> list[str]:
        used = {dimension for table in self.framework.variables[variable].tables for dimension in table}
        return [dimension for dimension in self.order if dimension in used]

    def scheme(self, variable: str, dimension: str) -> tuple[Sequence[str], Mapping[str, Sequence[str]]]:
        """Leaves and aggregates. A variable that lists its members has these as leaves; its total is delivered."""
        entry, own = self.framework.dimensions[dimension], self.framework.variables[variable]
        scheme = entry.schemes[own.schemes[dimension]] if entry.schemes else entry
        listed = own.members.get(dimension)
        if listed is None:
            return scheme.leaves, scheme.aggregates
        return listed, {
            member: leaves
            for member, leaves in scheme.aggregates.items()
            if member not in (*listed, TOTAL) and set(leaves) <= set(listed)
        }

    def known(self, variable: str, dimension: str) -> set[str]:
        leaves, aggregates = self.scheme(variable, dimension)
        return {*leaves, *aggregates} - {TOTAL}

    def residual(self, dimension: str, member: str) -> bool:
        names = self.framework.dimensions[dimension].members.get(member)
        return names is not None and names.residual

    # --- completion -------------------------------------------------------------------------------------------------

    def complete(self, delivered: Cells) -> Cells:
        """Undelivered totals first, then undelivered aggregates, dimension by dimension in framework order."""
        cells = dict(delivered)
        for totals in (True, False):
            for dimension in self.order:
                rows: dict[tuple[str, Members], dict[str, Fraction | None]] = {}
                for (variable, members), value in cells.items():
                    if dimension in self.dimensions(variable):
                        own = dict(members).get(dimension, TOTAL)
                        rows.setdefault((variable, members - {(dimension, own)}), {})[own] = value
                for (variable, others), row in rows.items():
                    for member, leaves in self._made(variable, dimension, row).items():
                        if (member == TOTAL) == totals:
                            key = others if totals else others | {(dimension, member)}
                            parts = [row[leaf] for leaf in leaves if leaf in row]
                            whole = all(leaf in row or self.residual(dimension, leaf) for leaf in leaves)
                            if parts and whole and None not in parts:
                                cells.setdefault((variable, key), sum(parts, Fraction(0)))
        return cells

    def _made(self, variable: str, dimension: str, row: Iterable[str]) -> Mapping[str, Sequence[str]]:
        """What can be made of a row. Where the region brings its own members, the total is all that it delivered."""
        if self.framework.dimensions[dimension].dynamic:
            return {TOTAL: [member for member in row if member != TOTAL]}
        return self.scheme(variable, dimension)[1]

    # --- formulas ---------------------------------------------------------------------------------------------------

    def terms(self, node: ast.AST, running: Mapping[str, str], year: int) -> Iterator[tuple[str, Members, int, bool]]:
        """(variable, members, year, counts as 0 when absent) of every term of a formula at a point."""
        match node:
            case ast.Name(id=name):
                yield self._term(name, {}, running, year)
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Tuple(elts=pairs)):
                yield self._term(name, dict(map(_pair, pairs)), running, year)
            case ast.Subscript(value=ast.Name(id=name), slice=pair):
                yield self._term(name, dict([_pair(pair)]), running, year)
            case ast.Call(func=ast.Name(id="sum"), args=[inner, _]):
                yield from self.terms(inner, running, year)
            case ast.Call(func=ast.Name(id=name), args=arguments):
                years = {"prev": [year - 1], "avg2": [year, year - 1]}.get(name, [year])
                for argument, shifted in product(arguments, years):
                    yield from self.terms(argument, running, shifted)
            case ast.BinOp(left=left, right=right) | ast.Compare(left=left, comparators=[right]):
                yield from self.terms(left, running, year)
                yield from self.terms(right, running, year)

    def _term(
        self, variable: str, selected: Mapping[str, str], running: Mapping[str, str], year: int
    ) -> tuple[str, Members, int, bool]:
        """A member is the selected one, else the running one where the variable knows it, else the total."""
        members = dict(selected)
        for dimension in self.dimensions(variable):
            member = running.get(dimension, TOTAL)
            if member in self.known(variable, dimension) or self.framework.dimensions[dimension].dynamic:
                members.setdefault(dimension, member)
        optional = any(self.residual(dimension, member) for dimension, member in selected.items())
        return variable, frozenset(pair for pair in members.items() if pair[1] != TOTAL), year, optional

    def evaluate(
        self, node: ast.AST, places: Sequence[Years], year: int, running: Mapping[str, str]
    ) -> Fraction | None:
        """Value of a formula; a term is the sum of its cells over `places` (one region, or the members of one)."""
        match node:
            case ast.Constant(value=number):
                return Fraction(str(number))
            case ast.Name() | ast.Subscript():
                ((variable, members, when, optional),) = self.terms(node, running, year)
                absent = Fraction(0) if optional else None
                found = [place.get(when, {}).get((variable, members), absent) for place in places]
                return None if None in found else sum(found, Fraction(0))
            case ast.BinOp(left=left, op=operator, right=right):
                return _calculate(
                    operator,
                    self.evaluate(left, places, year, running),
                    self.evaluate(right, places, year, running),
                )
            case ast.Call(func=ast.Name(id="sum"), args=[inner, ast.Name(id=dimension)]):
                return self._sum(inner, dimension, places, year, running)
            case ast.Call(func=ast.Name(id=name), args=arguments):
                years = {"prev": [year - 1], "avg2": [year, year - 1]}.get(name, [year])
                values = [self.evaluate(a, places, when, running) for a, when in product(arguments, years)]
                if None in values:
                    return None
                return {"max": max, "min": min, "abs": lambda v: abs(v[0])}.get(name, lambda v: sum(v) / len(v))(values)
        raise ValueError(ast.dump(node))

    def _sum(
        self, inner: ast.AST, dimension: str, places: Sequence[Years], year: int, running: Mapping[str, str]
    ) -> Fraction | None:
        """Every leaf must have a value; a residual leaf, or one of the region's own, may be absent altogether."""
        values = []
        for leaf in self._leaves(inner, dimension, places):
            here = {**running, dimension: leaf}
            cells = [(v, m, y) for v, m, y, _ in self.terms(inner, here, year) if (dimension, leaf) in m]
            there = any((v, m) in place.get(y, {}) for v, m, y in cells for place in places)
            if there or not (self.framework.dimensions[dimension].dynamic or self.residual(dimension, leaf)):
                values.append(self.evaluate(inner, places, year, here))
        return None if None in values or not values else sum(values, Fraction(0))

    def _leaves(self, inner: ast.AST, dimension: str, places: Sequence[Years]) -> Sequence[str]:
        if self.framework.dimensions[dimension].dynamic:
            keys = {key for place in places for cells in place.values() for key in cells}
            return sorted({member for _, members in keys for d, member in members if d == dimension})
        first = next(v for v, *_ in self.terms(inner, {}, 0) if dimension in self.dimensions(v))
        return self.scheme(first, dimension)[0]

    def points(self, text: str, dimensions: Iterable[str], *, residual: bool) -> dict[str, set[str]]:
        """Members over which each dimension runs: known to every term that has the dimension and does not select it."""
        found = {}
        for dimension in dimensions:
            common = [self.known(v, dimension) for v in _unselected(parsed(text), dimension) if self._has(v, dimension)]
            members = set.intersection(*common) if common else set()
            found[dimension] = {m for m in members if residual or not self.residual(dimension, m)}
        return found

    def variables(self, text: str) -> set[str]:
        """Variables that a formula names."""
        return {term[0] for term in self.terms(parsed(text), {}, 0)}

    def _has(self, variable: str, dimension: str) -> bool:
        return dimension in self.dimensions(variable)

    # --- indicators -------------------------------------------------------------------------------------------------

    def indicator_points(self, code: str) -> Iterator[dict[str, str]]:
        """The total, every member of each breakdown, and the declared pairs of breakdowns."""
        entry = self.framework.indicators[code]
        runs = self.points(entry.formula, entry.breakdowns, residual=False)
        yield {}
        for dimension, members in runs.items():
            yield from ({dimension: member} for member in members)
        for first, second in self.framework.head.breakdown_pairs:
            for one, other in product(runs.get(first, ()), runs.get(second, ())):
                yield {first: one, second: other}

    def indicator(
        self, code: str, places: Sequence[Years], year: int, running: Mapping[str, str], aggregate_of: int = 0
    ) -> Figure:
        """Sum first, divide last: of the members of an aggregate only those count that have every term.

        `places` are the members that delivered anything, `aggregate_of` is how many there are.
        """
        multiplier, top, bottom = _split(parsed(self.framework.indicators[code].formula))
        if aggregate_of > 1 and _is_sum_of_ratios(top):
            return Figure(None, None, None, 0)
        nodes = [node for node in (top, bottom) if node is not None]
        counted = [place for place in places if all(self._has_terms(node, place, year, running) for node in nodes)]
        used = counted if aggregate_of else places
        numerator = self.evaluate(top, used, year, running) if used else None
        denominator = self.evaluate(bottom, used, year, running) if bottom is not None and used else None
        divisor = denominator if bottom is not None else Fraction(1)
        value = None if numerator is None or not divisor else multiplier * numerator / divisor
        return Figure(numerator, denominator, value, len(counted))

    def _has_terms(self, node: ast.AST, place: Years, year: int, running: Mapping[str, str]) -> bool:
        if any(isinstance(part, ast.Call) and part.func.id == "sum" for part in ast.walk(node)):
            return self.evaluate(node, [place], year, running) is not None
        cells = self.terms(node, running, year)
        return all(place.get(y, {}).get((v, m), 0 if optional else None) is not None for v, m, y, optional in cells)

    # --- rules ------------------------------------------------------------------------------------------------------

    def rule_points(self, code: str) -> Iterator[dict[str, str]]:
        """Every combination of total and members of `for_each`, residual ones included."""
        entry = self.framework.rules[code]
        runs = self.points(entry.expression, entry.for_each, residual=True)
        for members in product(*([TOTAL, *sorted(found)] for found in runs.values())):
            yield {d: m for d, m in zip(runs, members, strict=True) if m != TOTAL}

    def verdict(self, code: str, place: Years, year: int, running: Mapping[str, str]) -> bool | None:
        """Does the rule hold? None: a term is missing."""
        node = parsed(self.framework.rules[code].expression)
        assert isinstance(node, ast.Compare)
        left = self.evaluate(node.left, [place], year, running)
        right = self.evaluate(node.comparators[0], [place], year, running)
        if left is None or right is None:
            return None
        slack = self.tolerance(code, place, year, running)
        match node.ops[0]:
            case ast.Eq():
                return abs(left - right) <= slack
            case ast.LtE():
                return left <= right + slack
            case _:
                return left + slack >= right

    def tolerance(self, code: str, place: Years, year: int, running: Mapping[str, str]) -> Fraction:
        """A number, or for `round`: half the rounding base of every cell involved, one more for an annual mean."""
        rule = self.framework.rules[code]
        if rule.tolerance != "round":
            return Fraction(rule.tolerance)
        cells = set(self.involved(parsed(rule.expression), place, year, running))
        return sum((self._slack(variable, members) for variable, members, _ in cells), Fraction(0))

    def involved(
        self, node: ast.AST, place: Years, year: int, running: Mapping[str, str]
    ) -> Iterator[tuple[str, Members, int]]:
        """Cells that a rule looks at; a sum, which stands alone on a side, looks at each of its leaves."""
        match node:
            case ast.Compare(left=left, comparators=[right]):
                yield from self.involved(left, place, year, running)
                yield from self.involved(right, place, year, running)
            case ast.Call(func=ast.Name(id="sum"), args=[inner, ast.Name(id=dimension)]):
                for leaf in self._leaves(inner, dimension, [place]):
                    yield from self.involved(inner, place, year, {**running, dimension: leaf})
            case _:
                yield from (term[:3] for term in self.terms(node, running, year))

    def _slack(self, variable: str, members: Members) -> int:
        own = self.framework.variables[variable]
        cells = 1
        for dimension, member in members:
            cells *= len(self.scheme(variable, dimension)[1].get(member, [member]))
        return cells * (
            self.framework.sources[own.source].rounding // 2 + self.framework.periods[own.period].annual_mean
        )


def _pair(node: ast.expr) -> tuple[str, str]:
    assert isinstance(node, ast.Slice)
    return node.lower.id, node.upper.id


def _calculate(operator: ast.operator, left: Fraction | None, right: Fraction | None) -> Fraction | None:
    if left is None or right is None:
        return None
    match operator:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
        case _:
            return left / right if right else None


def _split(node: ast.expr) -> tuple[Fraction, ast.expr, ast.expr | None]:
    """Multiplier, numerator, denominator of `k * A / B`; the denominator is None where the formula is no quotient."""
    bottom = None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        node, bottom = node.left, node.right
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) and isinstance(node.left, ast.Constant):
        return Fraction(str(node.left.value)), node.right, bottom
    return Fraction(1), node, bottom


def _is_sum_of_ratios(node: ast.expr) -> bool:
    """Ratios of several regions cannot be added up."""
    sums = [part for part in ast.walk(node) if isinstance(part, ast.Call) and part.func.id == "sum"]
    return any(isinstance(part, ast.Div) for total in sums for part in ast.walk(total))


def _unselected(node: ast.AST, dimension: str) -> Iterator[str]:
    """Variables of the terms that do not select a member of the dimension themselves."""
    match node:
        case ast.Name(id=name):
            yield name
        case ast.Subscript(value=ast.Name(id=name), slice=selected):
            pairs = selected.elts if isinstance(selected, ast.Tuple) else [selected]
            if dimension not in dict(map(_pair, pairs)):
                yield name
        case ast.Call(func=ast.Name(id="sum"), args=[inner, _]):
            yield from _unselected(inner, dimension)
        case ast.Call(args=arguments):
            for argument in arguments:
                yield from _unselected(argument, dimension)
        case ast.BinOp(left=left, right=right) | ast.Compare(left=left, comparators=[right]):
            yield from _unselected(left, dimension)
            yield from _unselected(right, dimension)


def members_of(key: str) -> Members:
    """`GRP=A,SEX=W` as members."""
    return frozenset((part.partition("=")[0], part.partition("=")[2]) for part in key.split(",") if part)


def key_of(framework: Any, members: Members | Mapping[str, str]) -> str:
    """Members as `GRP=A,SEX=W`, dimensions in framework order."""
    named = dict(members)
    return ",".join(f"{d}={named[d]}" for d in framework.dimensions if named.get(d, TOTAL) != TOTAL)
