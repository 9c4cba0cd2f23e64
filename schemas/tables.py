"""The entry tables of a delivery: which cells are asked for, and how they are arranged for people.

Generated from the framework alone, and used by the form that is sent out, by the reader that takes it back, by the
contract and by the count of expected values, so that they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property, partial
from itertools import product

from schemas.definitions import Variable
from schemas.framework_model import Framework, Members
from schemas.remembered import remembered
from schemas.shapes import TOTAL, member_key

CellKey = tuple[str, str]
MOST_OF_SUBAREAS = 1 << 10
"""Tables kept that have the sub-areas of a region; a night has a few for each of its regions."""
MOST_OF_ANY_REGION = 1 << 10
"""Other tables kept; few change from year to year."""


@dataclass(frozen=True)
class Row:
    """A row of an entry table: which variable, and which members it stands for."""

    variable: str
    members: Members
    label: str

    @cached_property
    def key(self) -> str:
        """Machine-readable key, written into the hidden column: `VAR` or `VAR|DIM=MEMBER`."""
        named = ",".join(f"{dimension}={member}" for dimension, member in self.members)
        return f"{self.variable}|{named}" if named else self.variable


@dataclass(frozen=True)
class Column:
    """A column of an entry table: its members, and one label per header row."""

    members: Members
    labels: tuple[str, ...]
    optional: bool

    @cached_property
    def key(self) -> str:
        """Machine-readable key, written into the hidden row: `DIM=MEMBER,…`, or `VALUE` without dimensions."""
        return ",".join(f"{dimension}={member}" for dimension, member in self.members) or "VALUE"

    @cached_property
    def heading(self) -> str:
        """All labels in one text."""
        return " / ".join(self.labels)


@dataclass(frozen=True)
class EntryTable:
    """One table of a field's sheet. `variables` has one entry unless the rows are variables."""

    id: str
    field: str
    title: str
    variables: tuple[str, ...]
    rows: tuple[Row, ...]
    columns: tuple[Column, ...]
    header_names: tuple[str, ...]
    row_name: str
    omitted: frozenset[tuple[str, str]]
    dimension_order: tuple[str, ...]

    @cached_property
    def grid(self) -> tuple[tuple[CellKey | None, ...], ...]:
        """(variable, member key) of every cell in the order of `rows` and `columns`, or None where the value is already
        asked for in another table."""
        return tuple(tuple(self._key(row, column) for column in self.columns) for row in self.rows)

    @cached_property
    def members(self) -> Mapping[CellKey, Members]:
        """Members of the cells by their key, in framework order, totals left out."""
        return {key: self._members(row, column) for row, column, key in self.cells()}

    @cached_property
    def expected(self) -> int:
        """Number of cells that must not stay empty."""
        return sum(1 for _, column, _ in self.cells() if not column.optional)

    def _members(self, row: Row, column: Column) -> Members:
        named = dict((*row.members, *column.members))
        return tuple((d, named[d]) for d in self.dimension_order if named.get(d, TOTAL) != TOTAL)

    def _key(self, row: Row, column: Column) -> CellKey | None:
        key = (row.variable, member_key(self._members(row, column)))
        return None if key in self.omitted else key

    def cells(self) -> Iterator[tuple[Row, Column, CellKey]]:
        """Every cell that is asked for, row by row."""
        for row, keys in zip(self.rows, self.grid, strict=True):
            for column, key in zip(self.columns, keys, strict=True):
                if key is not None:
                    yield row, column, key


def entry_tables(framework: Framework, region: str, year: int) -> tuple[EntryTable, ...]:
    """All entry tables of a region and reporting year, field by field. Shared: they are worked out once."""

    def made() -> tuple[EntryTable, ...]:
        found: list[EntryTable] = []
        for part in remembered(framework, partial(_parts, framework, year), "parts of a form", year):
            found += part if isinstance(part, tuple) else _of_subareas(framework, part, region, year)
        return tuple(found)

    further = year, tuple(_subareas(framework, region, year).items())
    return remembered(framework, made, "entry tables", *further, most=MOST_OF_SUBAREAS)


def is_optional(framework: Framework, members: Members) -> bool:
    """May the cell stay empty? Residual members (divers, not stated) count as 0 when absent."""
    return any(framework.dimensions[dimension].is_residual(member) for dimension, member in members)


def _parts(framework: Framework, year: int) -> tuple[tuple[EntryTable, ...] | Variable, ...]:
    """The tables that all regions have in a year, in the order of the form; between them the variables whose tables have
    the sub-areas of a region."""
    found: list[tuple[EntryTable, ...] | Variable] = []
    for field in framework.fields:
        for kind, variables, dynamic in _groups(framework, field, year):
            codes, asked = (
                tuple(variable.code for variable in variables),
                tuple(map(tuple, variables[0].asked_in(year))),
            )
            made = partial(_of_any_region, framework, field, kind, variables, year)
            question = "entry tables of any region"
            any_region = partial(remembered, framework, made, question, codes, asked, most=MOST_OF_ANY_REGION)
            found.append(variables[0] if dynamic else any_region())
    return tuple(found)


def _of_any_region(
    framework: Framework, field: str, kind: object, variables: list[Variable], year: int
) -> tuple[EntryTable, ...]:
    """Tables without sub-areas: the same in all years in which the same is asked."""
    if kind == "shared":
        return (_shared_table(framework, field, variables),)
    return tuple(_own_tables(framework, field, variables[0], "", year))


def _groups(framework: Framework, field: str, year: int) -> list[tuple[object, list[Variable], bool]]:
    """Variables that share a table, in the order of the form: how they do so, and whether sub-areas are among its rows."""
    grouped: dict[tuple[object, ...], list[Variable]] = {}
    for variable in framework.variables_of(field, year):
        grouped.setdefault(_signature(framework, variable), []).append(variable)
    return [
        (kind, own, any(framework.dimensions[d].dynamic for d in framework.variable_dimensions(own[0].code)))
        for (kind, *_), own in grouped.items()
    ]


def _of_subareas(framework: Framework, variable: Variable, region: str, year: int) -> tuple[EntryTable, ...]:
    """Tables with the sub-areas of a region: the same in all years in which it has these, and is asked the same."""
    tables = tuple(map(tuple, variable.asked_in(year)))
    asked = (variable.code, tables, tuple(_subareas(framework, region, year).items()))

    def made() -> tuple[EntryTable, ...]:
        field = framework.variable_field[variable.code]
        return tuple(_own_tables(framework, field, variable, region, year))

    return remembered(framework, made, "entry tables of sub-areas", *asked, most=MOST_OF_SUBAREAS)


def _subareas(framework: Framework, region: str, year: int) -> Mapping[str, str]:
    day = date(year, 12, 31)
    return remembered(framework, partial(framework.territory.subareas, region, day), "sub-areas", region, day)


def _signature(framework: Framework, variable: Variable) -> tuple[object, ...]:
    """Variables with the same columns and reference period, and no dimension of their own for the rows, share a table."""
    if len(variable.tables) == 1:
        dims = framework.variable_dimensions(variable.code)
        if all(framework.dimensions[dimension].axis == "column" for dimension in dims):
            columns = tuple((d, framework.entry_members(variable.code, d)) for d in dims)
            return ("shared", columns, variable.period)
    return ("own", variable.code)


def _shared_table(framework: Framework, field: str, variables: list[Variable]) -> EntryTable:
    first = variables[0]
    period = framework.periods[first.period].name_de
    title = f"{first.name_de} – {period}" if len(variables) == 1 else f"Angaben – {period}"
    return EntryTable(
        id=f"{field}:{first.code}",
        field=field,
        title=title,
        variables=tuple(variable.code for variable in variables),
        rows=tuple(Row(variable.code, (), variable.name_de) for variable in variables),
        columns=_columns(framework, first.code, framework.variable_dimensions(first.code)),
        header_names=_header_names(framework, framework.variable_dimensions(first.code)),
        row_name="Angabe",
        omitted=frozenset(),
        dimension_order=framework.dimension_order,
    )


def _own_tables(framework: Framework, field: str, variable: Variable, region: str, year: int) -> Iterator[EntryTable]:
    asked: set[tuple[str, str]] = set()
    several = len(variable.asked_in(year)) > 1
    for number, dims in enumerate(variable.tables, start=1):
        if dims not in variable.asked_in(year):
            continue
        ordered = [dimension for dimension in framework.dimension_order if dimension in dims]
        row_dims = [dimension for dimension in ordered if framework.dimensions[dimension].axis == "row"]
        column_dims = tuple(dimension for dimension in ordered if framework.dimensions[dimension].axis == "column")
        names = " und ".join(framework.dimensions[dimension].name_de for dimension in ordered)
        suffix = f" nach {names}" if several else ""
        table = EntryTable(
            id=f"{field}:{variable.code}:{number}",
            field=field,
            title=f"{variable.name_de}{suffix} – {framework.periods[variable.period].name_de}",
            variables=(variable.code,),
            rows=tuple(_rows(framework, variable, row_dims, region, year)),
            columns=_columns(framework, variable.code, column_dims),
            header_names=_header_names(framework, column_dims),
            row_name=", ".join(framework.dimensions[dimension].name_de for dimension in row_dims) or "Angabe",
            omitted=frozenset(asked),
            dimension_order=framework.dimension_order,
        )
        yield table
        asked |= {key for _, _, key in table.cells()}


def _rows(framework: Framework, variable: Variable, dims: list[str], region: str, year: int) -> Iterator[Row]:
    choices = []
    own: Mapping[str, str] = {}
    for dimension in dims:
        if framework.dimensions[dimension].dynamic:
            own = _subareas(framework, region, year)
            choices.append(tuple(own))
        else:
            choices.append(framework.entry_members(variable.code, dimension))
    for combination in product(*choices):
        members = tuple(zip(dims, combination, strict=True))
        labels = [own.get(m) or m if _is_own(framework, dim, m) else framework.label(dim, m) for dim, m in members]
        yield Row(variable.code, members, ", ".join(labels) or variable.name_de)


def _is_own(framework: Framework, dimension: str, member: str) -> bool:
    """Is the member one that the region brings itself?"""
    entry = framework.dimensions[dimension]
    return entry.dynamic and member not in entry.members


def _columns(framework: Framework, variable: str, dims: tuple[str, ...]) -> tuple[Column, ...]:
    found = []
    for combination in product(*(framework.entry_members(variable, dimension) for dimension in dims)):
        members = tuple(zip(dims, combination, strict=True))
        labels = tuple(framework.label(dimension, member) for dimension, member in members) or ("Anzahl",)
        found.append(Column(members, labels, is_optional(framework, members)))
    return tuple(found)


def _header_names(framework: Framework, dims: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(framework.dimensions[dimension].name_de for dimension in dims) or ("",)
