"""The framework as rows, so that a reader of the snapshot needs nothing beside it. Pure: no connection here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

from schemas.framework_model import Framework
from schemas.territory import LAND

Row = dict[str, Any]
GROUP = "group"
"""Level of a group of units in the table of regions."""


def framework_rows(framework: Framework, years: Iterable[int]) -> dict[str, list[Row]]:
    """Rows of every framework table; `years` are those for which members of aggregates are listed."""
    makers: dict[str, Callable[[Framework], list[Row]]] = {
        "region": _regions,
        "variable": _variables,
        "indicator": _indicators,
        "rule": _rules,
        "status": _statuses,
        "dimension": _dimensions,
        "dimension_member": _dimension_members,
    }
    return {name: make(framework) for name, make in makers.items()} | {
        "region_member": _region_members(framework, years)
    }


def _regions(framework: Framework) -> list[Row]:
    units = [
        {
            "code": unit.code,
            "name": unit.name,
            "name_en": unit.name_en,
            "short_name": unit.label,
            "level": unit.level,
            "kind": unit.kind,
            "parent": unit.parent,
            "valid_from": unit.valid_from,
            "valid_to": unit.valid_to,
            "reports": unit.reports,
            "aggregate": unit.level == LAND,
            "coverage": "",
        }
        for unit in framework.territory.units()
    ]
    groups = [
        {
            "code": group.code,
            "name": group.name_de,
            "name_en": group.name_en,
            "short_name": group.name_de,
            "level": GROUP,
            "kind": group.kind,
            "parent": None,
            "valid_from": _day(min((period.first for _, period in group.parts), default=date.min), date.min),
            "valid_to": _day(max((period.last for _, period in group.parts), default=date.max), date.max),
            "reports": False,
            "aggregate": True,
            "coverage": group.coverage,
        }
        for group in framework.territory.groups()
    ]
    return [*units, *groups]


def _day(day: date, open_end: date) -> date | None:
    return None if day == open_end else day


def _region_members(framework: Framework, years: Iterable[int]) -> list[Row]:
    return [
        {"aggregate": aggregate.code, "member": member, "year": year}
        for year in sorted(set(years))
        for aggregate in framework.territory.aggregates(year)
        for member in aggregate.members
    ]


def _variables(framework: Framework) -> list[Row]:
    copied = (
        "code name_de name_en definition_de definition_en type source period lowest_level delivered_by auxiliary"
        " decimals since until"
    )
    return [
        _copied(entry, copied)
        | {
            "field": framework.variable_field[code],
            "concept": framework.concept(code),
            "register": entry.computed_from.records if entry.computed_from else None,
            "dimensions": ",".join(framework.variable_dimensions(code)),
        }
        for code, entry in framework.variables.items()
    ]


def _indicators(framework: Framework) -> list[Row]:
    copied = (
        "code tier name_de name_en definition_de definition_en formula unit decimals direction period note_de note_en"
        " since until"
    )
    return [
        _copied(entry, copied)
        | {
            "field": framework.indicator_field[code],
            "breakdowns": ",".join(entry.breakdowns),
            "gap_dimension": entry.gap.dimension if entry.gap else None,
            "gap_focus": entry.gap.focus if entry.gap else None,
            "gap_reference": entry.gap.reference if entry.gap else None,
            "gap_types": ",".join(entry.gap.types) if entry.gap else None,
            "variables": ",".join(framework.indicator_variables(code)),
            "sources": ",".join(framework.indicator_sources(code)),
            "pitfalls": ",".join(entry.pitfalls),
        }
        for code, entry in framework.indicators.items()
    ]


def _rules(framework: Framework) -> list[Row]:
    return [
        _copied(entry, "code category expression why_de why_en remedy_de since until")
        | {
            "field": framework.rule_field[code],
            "severity": entry.weight.value,
            "for_each": ",".join(entry.for_each),
            "tolerance": str(entry.tolerance),
        }
        for code, entry in framework.rules.items()
    ]


def _statuses(framework: Framework) -> list[Row]:
    copied = "code has_value rank sign letter obs_status conf_status name_de name_en meaning_de"
    return [_copied(entry, copied) for entry in framework.statuses.values()]


def _dimensions(framework: Framework) -> list[Row]:
    return [
        _copied(framework.dimensions[code], "code name_de name_en axis dynamic")
        | {"position": position, "column_name": code.lower()}
        for position, code in enumerate(framework.dimension_order)
    ]


def _dimension_members(framework: Framework) -> list[Row]:
    return [
        _copied(names, "residual")
        | {"dimension": code, "position": position, "member": member, "name_de": names.de, "name_en": names.en}
        for code, dimension in framework.dimensions.items()
        for position, (member, names) in enumerate(dimension.members.items())
    ]


def _copied(entry: object, names: str) -> Row:
    return {name: getattr(entry, name) for name in names.split()}
