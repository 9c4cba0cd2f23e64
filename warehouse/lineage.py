"""From a number back to the delivered cells it is made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from schemas.framework_model import Framework, Members
from schemas.plan import Lookup, Plan, Point, indicator_plan
from schemas.shapes import TOTAL, member_key
from schemas.sql import column, dimension_columns
from warehouse.access import Connection, records
from warehouse.cells import Cell, Found, Search
from warehouse.checks_behind import checks
from warehouse.counted_rows import counted_rows

Record = dict[str, Any]


class UnknownNumber(LookupError):
    """There is no such indicator, region or breakdown."""


def why(
    connection: Connection, framework: Framework, indicator: str, region: str, year: int, members: Mapping[str, str]
) -> Record:
    """Everything behind one indicator value, as plain data.

    `value` and `published` are the stored rows (None when there is none). `region` says which units an aggregate is
    made of and which of them count: those that have every term of the formula. `terms` has an entry for every cell that
    the formula looks up: variable, members, year, role, the value found, how it came about (`delivered`, `computed`
    from leaves, `summed` over regions, `assumed_zero` for an absent residual member, `missing`), the units without it,
    the delivered cells with submission, file, checksum, sheet and cell, and apart from them the cells of units that do
    not count (`left_out`); `records` are the rows of registers from which cells were counted (see
    `warehouse.counted_rows`). `corrections` are the declared corrections that any of these cells names, `checks` the rules
    that looked at the cells that count, and what was noticed (see `warehouse.checks_behind`). Raises UnknownNumber.
    """
    wanted = _members(framework, indicator, members)
    units, is_aggregate = _units(framework, region, year)
    search = Search(connection, framework, units, year)
    plan, point = _point(framework, indicator, wanted, search.dynamic_members(indicator))
    counted = units
    if is_aggregate:
        summable = plan.shapes[indicator].additive or len(units) == 1
        counted = tuple(unit for unit in units if summable and search.complete(unit, point))
    entry = framework.indicators[indicator]
    terms = list(_terms(search, plan, point, counted))
    return {
        "indicator": {
            **entry.model_dump(include={"code", "name_de", "name_en", "definition_de", "definition_en"}),
            **entry.model_dump(include={"formula", "unit", "decimals", "period", "since", "until"}),
            "field": framework.indicator_field[indicator],
        },
        "region": {
            "code": region,
            "name": framework.territory.unit_name(region),
            "aggregate": is_aggregate,
            "members": list(units),
            "counted": list(counted),
        },
        "year": year,
        "members": dict(wanted),
        "value": _stored_row(connection, framework, "indicator_value", (region, year, indicator), wanted),
        "published": _stored_row(connection, framework, "indicator_published", (region, year, indicator), wanted),
        "framework": {"code": framework.code, "version": framework.version},
        "terms": terms,
        "corrections": _corrections(connection, terms),
        "checks": checks(connection, search, list(_cells(search, point, counted))),
    }


def _members(framework: Framework, indicator: str, members: Mapping[str, str]) -> Members:
    if indicator not in framework.indicators:
        raise UnknownNumber(f"Der Indikator {indicator} ist nicht bekannt.")
    if unknown := [code for code in members if code not in framework.dimensions]:
        raise UnknownNumber(f"Die Gliederung {', '.join(unknown)} ist nicht bekannt.")
    return tuple((d, members[d]) for d in framework.dimension_order if members.get(d, TOTAL) != TOTAL)


def _units(framework: Framework, region: str, year: int) -> tuple[tuple[str, ...], bool]:
    """The units of which a region consists in the year of the number, and whether it is an aggregate."""
    try:
        framework.territory.unit_name(region)
    except KeyError:
        raise UnknownNumber(f"Das Gebiet {region} ist nicht bekannt.") from None
    for aggregate in framework.territory.aggregates(year):
        if aggregate.code == region:
            return aggregate.members, True
    return (region,), False


def _point(
    framework: Framework, indicator: str, wanted: Members, dynamic: Mapping[str, Iterable[str]]
) -> tuple[Plan, Point]:
    plan = indicator_plan(framework, dynamic, [indicator])
    key = member_key(wanted)
    for point in plan.points:
        if point.key == key:
            return plan, point
    known = ", ".join(framework.indicators[indicator].breakdowns) or "keine"
    raise UnknownNumber(f"{indicator} wird nicht nach {key} berechnet (Gliederungen: {known}).")


def _stored_row(
    connection: Connection, framework: Framework, table: str, key: tuple[str, int, str], wanted: Members
) -> Record | None:
    chosen = dict(wanted)
    same = "".join(f" AND {column(d)} = ?" for d in framework.dimension_order)
    query = f"SELECT * FROM {table} WHERE region = ? AND year = ? AND indicator = ?{same}"
    found = records(connection, query, [*key, *(chosen.get(d, TOTAL) for d in framework.dimension_order)])
    hidden = {name.strip('"') for name in dimension_columns(framework)}
    return {name: value for name, value in found[0].items() if name not in hidden} if found else None


def _corrections(connection: Connection, terms: Iterable[Record]) -> list[Record]:
    """The declared corrections behind the cells of some terms."""
    named = {cell["correction"] for term in terms for cell in (*term["cells"], *term["left_out"])} - {""}
    query = """
        SELECT id, who, declared_on, reason, old_value, old_status, value, status, applied_at FROM correction
        WHERE ended_at IS NULL AND id IN (SELECT unnest(CAST(? AS VARCHAR[]))) ORDER BY id"""
    return records(connection, query, [sorted(named)]) if named else []


def _terms(search: Search, plan: Plan, point: Point, counted: Sequence[str]) -> Iterator[Record]:
    """All lookups of a point, in the order of the slots."""
    shape = plan.shapes[point.owner]
    for slot in range(shape.slots):
        sides = (("numerator", shape.left), ("denominator", shape.right))
        roles = [role for role, side in sides if re.search(rf"\b[vr]{slot}\b", side)]
        if slot in point.lookups:
            yield {"roles": roles, "part": ""} | _term(search, point.lookups[slot], counted)
        for part in point.sums.get(slot, ()):
            for lookup in part.lookups:
                yield {"roles": roles, "part": part.member} | _term(search, lookup, counted)


def _term(search: Search, lookup: Lookup, counted: Sequence[str]) -> Record:
    entry = search.framework.variables[lookup.variable]
    found = {unit: search.found(unit, lookup) for unit in search.units}
    values = [value for unit in counted if (value := found[unit].value) is not None]
    return {
        "variable": lookup.variable,
        "name_de": entry.name_de,
        "name_en": entry.name_en,
        "source": entry.source,
        "members": lookup.key,
        "year": search.year - lookup.lag,
        "value": sum(values, Decimal(0)) if values else None,
        "how": _how([found[unit] for unit in counted], lookup),
        "missing": [unit for unit, one in found.items() if one.value is None],
        "cells": [cell.record() for unit in counted for cell in found[unit].cells],
        "records": list(_rows_behind(search, (cell for unit in counted for cell in found[unit].cells))),
        "left_out": [cell.record() for unit, one in found.items() if unit not in counted for cell in one.cells],
    }


def _rows_behind(search: Search, cells: Iterable[Cell]) -> Iterator[Record]:
    for cell in cells:
        rows = counted_rows(search.connection, search.framework, cell)
        if rows is not None:
            yield rows


def _cells(search: Search, point: Point, counted: Sequence[str]) -> Iterator[tuple[int, Cell]]:
    """Every delivered cell that counts, with the years that its term goes back."""
    inner = (look for parts in point.sums.values() for part in parts for look in part.lookups)
    for lookup in (*point.lookups.values(), *inner):
        for unit in counted:
            yield from ((lookup.lag, cell) for cell in search.found(unit, lookup).cells)


def _how(counted: Sequence[Found], lookup: Lookup) -> str:
    valued = [one for one in counted if one.value is not None]
    if not valued:
        return "missing"
    cells = [cell for one in valued for cell in one.cells]
    if not cells:
        return "assumed_zero"
    if len(valued) > 1:
        return "summed"
    return "delivered" if [cell.key for cell in cells] == [lookup.key] else "computed"
