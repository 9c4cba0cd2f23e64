"""Plausible sample values for every cell that the form asks for, from the description in `world.yaml`.

A recipe names a *base*, a formula over other variables (`schemas.formula`, read at the running members of a cell as
rules are), and tables of factors. Cells are computed on the finest grid of the dimensions and rounded so that sums stay
exact:

* cells with the same base form a group, which is rounded as one running sum: each cell and the whole group are off by
  less than one, so a part never exceeds the cell it is a part of;
* totals, aggregates and listed members are sums of the grid, so additive rules hold by construction;
* a source that rounds each cell is imitated last, cell by cell.

This module knows no variable, field, member or region. Only `random.Random` with text seeds and plain arithmetic are
used, so the same description gives the same values everywhere.
"""

from __future__ import annotations

import operator
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from itertools import product
from math import fsum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from schemas import formula as f
from schemas.framework_model import Framework
from schemas.shapes import TOTAL, member_key
from schemas.territory import reference_day
from schemas.yaml_source import FrameworkError, Problem, read_yaml

REGION, YEAR, OTHERS, POPULATION = "region", "year", "*", "population"
"""Words of the description: two axes of tables beside the dimensions, every other member, the population of a unit."""

OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}

Value = int | Decimal
Members = tuple[str, ...]
Cell = tuple[Members, Value]
Grid = dict[Members, Value]
Base = str | dict[str, str]
Table = dict[str, dict[Any, Any]]


class _Described(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Recipe(_Described):
    """How the cells of one variable follow from others: the keys are explained at the top of world.yaml."""

    of: Base | None = None
    split: Base | None = None
    value: Base | None = None
    by: list[str | Table] = []
    residual: list[str] = []
    spread: float = 0.03
    noise: float = 0.008
    step: Decimal = Decimal(1)

    @model_validator(mode="after")
    def _one_base(self) -> Recipe:
        if sum(base is not None for base in (self.of, self.split, self.value)) != 1:
            raise ValueError("needs exactly one of: of, split, value")
        return self

    @property
    def bases(self) -> dict[str, str]:
        """Formula of the base by member, `*` for all other members."""
        base = self.of or self.split or self.value
        return base if isinstance(base, dict) else {OTHERS: base or ""}


class Pending(_Described):
    """Variables that these regions (all when empty) collect in some years only."""

    variables: list[str]
    regions: list[str] = []
    collected: list[int] = []


class Description(_Described):
    """The content of world.yaml."""

    seed: str
    regions: list[str]
    years: list[int] = Field(min_length=1)
    tables: dict[str, Table] = {}
    own_records: dict[str, list[str]] = {}
    pending: list[Pending] = []
    variables: dict[str, Recipe]


def load_world(path: Path, framework: Framework) -> World:
    """Read a description and check it against the framework; raises FrameworkError with the problems found."""
    problems: list[Problem] = []
    source = read_yaml(path, path.parent, problems)
    try:
        world = World(framework, Description.model_validate(source.data))
        terms = {code: world.terms(code) for code in world.description.variables}
        TopologicalSorter({code: {t.variable for t in found if not t.lag} for code, found in terms.items()}).prepare()
        asked = {code for code, entry in framework.variables.items() if entry.computed_from is None}
        if odd := {t.variable for found in terms.values() for t in found}.union(terms) ^ asked:
            problems.append(Problem(source.name, 1, f"not both in framework and description: {sorted(odd)}"))
        named = {e for recipe in world.description.variables.values() for e in recipe.by if isinstance(e, str)}
        if odd := named - set(world.description.tables):
            problems.append(Problem(source.name, 1, f"unknown tables: {sorted(odd)}"))
    except ValidationError as error:
        for part in error.errors():
            place = tuple(part["loc"])
            problems.append(Problem(source.name, source.line(place), f"{'.'.join(map(str, place))}: {part['msg']}"))
    except (CycleError, f.FormulaError) as error:
        problems.append(Problem(source.name, 1, str(error)))
    if problems:
        raise FrameworkError(problems)
    return world


@dataclass
class World:
    """The sample values of all regions and years. Values are computed when asked for and kept."""

    framework: Framework
    description: Description
    _grids: dict[tuple[str, int, str], Grid] = field(default_factory=dict)

    @property
    def regions(self) -> tuple[str, ...]:
        return tuple(self.description.regions)

    @property
    def years(self) -> tuple[int, ...]:
        return tuple(self.description.years)

    def values(self, region: str, year: int) -> dict[tuple[str, str], Value]:
        """(variable, member key) -> value, for every cell of the form that this region can fill in for this year.

        Left out: variables in `unavailable` and `pending`, and residual members that no recipe asks for.
        """
        silent = self.unavailable(region, year) | self.pending(region, year)
        found: dict[tuple[str, str], Value] = {}
        for code, entry in self.framework.variables.items():
            if code in silent or entry.computed_from is not None or not entry.valid_in(year):
                continue
            grid = self._grid(region, year, code)
            base = self.framework.sources[entry.source].rounding
            dimensions = self.framework.variable_dimensions(code)
            for table in entry.asked_in(year):
                asked = {d: self.framework.entry_members(code, d) or self._leaves(code, d, region, year) for d in table}
                for members in product(*(asked.get(d, (TOTAL,)) for d in dimensions)):
                    if (value := grid.get(members)) is not None:
                        key = member_key(zip(dimensions, members, strict=True))
                        found[code, key] = int(value + base // 2) // base * base if base else value
        return found

    def unavailable(self, region: str, year: int) -> set[str]:
        """Variables that do not exist at the level of this region and that it has no own records of."""
        own = self.framework.territory.unit(region, reference_day(year)).level
        levels = self.framework.head.levels
        reached = list(levels)[: list(levels.values()).index(own) + 1]
        below = {code for code, entry in self.framework.variables.items() if entry.lowest_level not in reached}
        return below - set(self.description.own_records.get(region, []))

    def pending(self, region: str, year: int) -> set[str]:
        """Variables that this region has not collected for this year."""
        return {
            code
            for entry in self.description.pending
            if (not entry.regions or region in entry.regions) and year not in entry.collected
            for code in entry.variables
            if self.framework.variables[code].valid_in(year)
        }

    def terms(self, variable: str) -> list[f.Term]:
        """What the bases of a variable look up."""
        return [term for base in self._bases[variable].values() for term in f.terms(base)]

    def _leaves(self, variable: str, dimension: str, region: str, year: int) -> tuple[str, ...]:
        """The finest members: leaves of the dimension whether listed or not, residual ones only on request."""
        entry = self.framework.dimensions[dimension]
        if entry.dynamic:
            return tuple(self.framework.territory.subareas(region, reference_day(year)))
        wanted = dimension in self.description.variables[variable].residual
        return tuple(m for m in self._scheme(variable, dimension)[0] if wanted or not entry.is_residual(m))

    def _scheme(self, variable: str, dimension: str) -> tuple[Sequence[str], Mapping[str, Sequence[str]]]:
        scheme = self.framework.dimensions[dimension].scheme(self.framework.variables[variable].schemes.get(dimension))
        return scheme.leaves, scheme.aggregates

    def _holders(self, variable: str, dimension: str, leaf: str) -> Members:
        """The leaf and every aggregate it belongs to."""
        if self.framework.dimensions[dimension].dynamic:
            return (leaf, TOTAL)
        return (leaf, *(m for m, leaves in self._scheme(variable, dimension)[1].items() if leaf in leaves))

    def _grid(self, region: str, year: int, variable: str) -> Grid:
        """Every cell of the variable: leaves, aggregates and totals of all its dimensions."""
        place = (region, year, variable)
        if place not in self._grids:
            grid: Grid = {}
            dimensions = self.framework.variable_dimensions(variable)
            leaves = {dimension: self._leaves(variable, dimension, region, year) for dimension in dimensions}
            held = {(d, leaf): self._holders(variable, d, leaf) for d in dimensions for leaf in leaves[d]}
            for members, value in self._generated(region, year, variable, product(*leaves.values())):
                for cell in product(*(held[pair] for pair in zip(dimensions, members, strict=True))):
                    grid[cell] = grid.get(cell, 0) + value
            self._grids[place] = grid
        return self._grids[place]

    def _generated(self, region: str, year: int, variable: str, cells: Iterable[Members]) -> Iterator[Cell]:
        """Value of every leaf cell, group by group; the running sum of a group follows that of its exact values."""
        recipe = self.description.variables[variable]
        dimensions = self.framework.variable_dimensions(variable)
        lasting = random.Random(f"{self.description.seed}|{region}|{variable}")
        yearly = random.Random(f"{self.description.seed}|{region}|{variable}|{year}")
        groups: dict[tuple[object, ...], tuple[float, list[tuple[Members, float]]]] = {}
        for members in cells:
            wobble = 1 + recipe.spread * (2 * lasting.random() - 1) + recipe.noise * (2 * yearly.random() - 1)
            running = {REGION: region, **dict(zip(dimensions, members, strict=True))}
            chosen = next(base for m, base in self._bases[variable].items() if m == OTHERS or m in members)
            used: list[object] = []
            base = self._evaluate(chosen, running, year, used)
            weight = self._factor(recipe, running, year) * wobble
            groups.setdefault(tuple(used), (base, []))[1].append((members, weight))
        for base, weights in groups.values():
            start = (yearly if recipe.noise else lasting).random()
            whole = fsum(weight for _, weight in weights)
            scale = max(base, 0.0) / float(recipe.step)
            if whole and (recipe.split is not None or (recipe.of is not None and whole > 1)):
                scale /= whole
            exact, before = 0.02 + 0.96 * start, 0
            for members, weight in weights:
                exact += weight * scale
                count, before = int(exact) - before, int(exact)
                yield members, count if recipe.step == 1 else count * recipe.step

    @cached_property
    def _bases(self) -> dict[str, dict[str, f.Expression]]:
        """Parsed bases of every variable by member."""
        return {
            code: {member: f.parse_expression(text) for member, text in recipe.bases.items()}
            for code, recipe in self.description.variables.items()
        }

    def _evaluate(self, expression: f.Expression, running: Mapping[str, str], year: int, used: list[object]) -> float:
        """Value of a base at a cell; `used` collects the cells it was made of."""
        match expression:
            case f.Number(value):
                return float(value)
            case f.Term(variable, _, lag):
                earlier = max(year - lag, min(self.years) - 1)
                members = tuple(self._members(expression, running))
                used.append((variable, earlier, members))
                return float(self._grid(running[REGION], earlier, variable).get(members, 0))
            case f.Operation(sign, left, right):
                values = [self._evaluate(side, running, year, used) for side in (left, right)]
                return float(OPERATORS[sign](*values))
            case _:
                raise f.FormulaError(f"a base has only terms, numbers and + - * /: {expression}")

    def _members(self, term: f.Term, running: Mapping[str, str]) -> Iterator[str]:
        """Selected, else running, else total, as in rules."""
        selected = term.selected()
        for dimension in self.framework.variable_dimensions(term.variable):
            leaves, aggregates = self._scheme(term.variable, dimension)
            member = selected.get(dimension, running.get(dimension, TOTAL))
            yield member if member in leaves or member in aggregates else TOTAL

    def _factor(self, recipe: Recipe, running: Mapping[str, str], year: int) -> float:
        """Product of the factor tables at a cell."""
        result = 1.0
        for entry in recipe.by:
            for axes, table in (self.description.tables[entry] if isinstance(entry, str) else entry).items():
                node: Any = table
                member = ""
                for member in (running[axis] for axis in axes.split() if axis != YEAR):
                    if isinstance(node, dict):
                        node = node[member if member in node else OTHERS]
                if node == POPULATION:
                    node = self.framework.territory.unit(member, reference_day(year)).population_2022
                result *= _in_year(node, year)
        return result


def _in_year(node: Any, year: int) -> float:
    """A number, or the straight line between the numbers of named years."""
    if not isinstance(node, dict):
        return float(node)
    later = min((known for known in node if known >= year), default=max(node))
    earlier = max((known for known in node if known <= year), default=min(node))
    share = (year - earlier) / (later - earlier) if later > earlier else 0.0
    return float(node[earlier]) + share * (float(node[later]) - float(node[earlier]))
