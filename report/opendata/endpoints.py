"""Static JSON: an index, one file per indicator and one per region. Enough to build a page without the other files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from report.content import IndicatorContent, Report
from report.opendata.codelists import member_name
from report.opendata.edition import Edition
from report.opendata.json_text import json_text, json_with_rows
from report.opendata.published import contents
from report.opendata.registers import RegisterTables, index_of
from report.opendata.table import Row, Table, dimension_columns
from report.places import Place, slug
from report.wording import Wording
from schemas.shapes import TOTAL

INDEX = "index.json"
_LEFT_OUT = {"region_name", "unit", "note"}


def endpoint_files(
    report: Report,
    edition: Edition,
    values: Mapping[str, Table],
    gaps: Mapping[str, Table],
    registers: RegisterTables,
) -> Iterator[tuple[str, str]]:
    """(path, text) of every JSON file below the folder but those of the registers."""
    used = _used_dimensions(report, values)
    yield INDEX, json_text(_index(report, edition, used) | {"registers": index_of(registers)})
    for content in contents(report):
        yield f"indikatoren/{slug(content.code)}.json", _indicator(report, edition, content, values, gaps)
    for place in report.places:
        yield f"regionen/{place.slug}.json", _region(edition, place, used, values, gaps)


def _index(report: Report, edition: Edition, used: list[str]) -> dict[str, Any]:
    framework = report.framework
    return {
        "edition": edition.described(),
        "years": list(report.years),
        "fields": [
            {"code": code, "name_de": entry.name_de, "name_en": entry.name_en}
            for code, entry in framework.fields.items()
        ],
        "indicators": [
            {
                **_names(content),
                "json": f"indikatoren/{slug(content.code)}.json",
                "csv": f"indikatoren/{slug(content.code)}.csv",
            }
            for content in contents(report)
        ],
        "missing_indicators": [entry.code for entry in report.indicators() if report.content(entry.code) is None],
        "regions": [{**_place(place), "json": f"regionen/{place.slug}.json"} for place in report.places],
        "dimensions": _dimensions(report, used),
        "statuses": [
            {
                "code": entry.code,
                "sign": entry.sign,
                "letter": entry.letter,
                "name_de": entry.name_de,
                "name_en": entry.name_en,
            }
            for entry in framework.statuses.values()
        ],
    }


def _indicator(
    report: Report,
    edition: Edition,
    content: IndicatorContent,
    values: Mapping[str, Table],
    gaps: Mapping[str, Table],
) -> str:
    table, entry = values[content.code], content.entry
    dims = _used_dimensions(report, {content.code: table})
    columns = _columns(table, dims, leave="indicator")
    found = gaps.get(content.code)
    gap_columns = _columns(found, dims, leave="indicator") if found else []
    head = {
        "edition": edition.described(),
        "indicator": {
            **_names(content),
            "definition_de": entry.definition_de,
            "definition_en": entry.definition_en,
            "formula": entry.formula,
            "direction": entry.direction,
            "note_de": entry.note_de,
            "note_en": entry.note_en,
        },
        "dimensions": _dimensions(report, dims),
        "columns": columns,
        "gap_columns": gap_columns,
    }
    return json_with_rows(
        head, {"values": _picked(table, columns), "gaps": _picked(found, gap_columns) if found else []}
    )


def _region(
    edition: Edition, place: Place, used: list[str], values: Mapping[str, Table], gaps: Mapping[str, Table]
) -> str:
    columns = _columns(next(iter(values.values())), used, leave="region") if values else []
    gap_columns = _columns(next(iter(gaps.values())), used, leave="region") if gaps else []
    head = {
        "edition": edition.described(),
        "region": _place(place),
        "columns": columns,
        "gap_columns": gap_columns,
    }
    rows = [row for table in values.values() for row in _picked(table, columns, place.code)]
    gap_rows = [row for table in gaps.values() for row in _picked(table, gap_columns, place.code)]
    return json_with_rows(head, {"values": rows, "gaps": gap_rows})


def _picked(table: Table, columns: list[str], region: str = "") -> list[Row]:
    """Some columns of the rows, of one region when given."""
    places, at = [table.names.index(name) for name in columns], table.names.index("region")
    return [tuple(row[place] for place in places) for row in table.rows if not region or row[at] == region]


def _columns(table: Table, dims: list[str], leave: str) -> list[str]:
    dropped = {column.name for column in table.columns if column.codes == column.name} - {dim.lower() for dim in dims}
    return [name for name in table.names if name not in _LEFT_OUT | dropped | {leave}]


def _used_dimensions(report: Report, values: Mapping[str, Table]) -> list[str]:
    """Dimensions with a member other than the total in some row."""
    found: set[str] = set()
    for table in values.values():
        for name in dimension_columns(report.framework):
            at = table.names.index(name)
            if name not in found and any(row[at] != TOTAL for row in table.rows):
                found.add(name)
    return [code for code in report.framework.dimension_order if code.lower() in found]


def _dimensions(report: Report, dims: list[str]) -> dict[str, Any]:
    framework = report.framework
    german, english = (Wording(lang, framework) for lang in ("de", "en"))
    return {
        dim.lower(): {
            "name_de": framework.dimensions[dim].name_de,
            "name_en": framework.dimensions[dim].name_en,
            "members": {
                member: {"de": member_name(german, dim, member), "en": member_name(english, dim, member)}
                for member in dict.fromkeys([TOTAL, *framework.dimensions[dim].members])
            },
        }
        for dim in dims
    }


def _names(content: IndicatorContent) -> dict[str, Any]:
    entry = content.entry
    return {
        "code": entry.code,
        "name_de": entry.name_de,
        "name_en": entry.name_en,
        "field": content.field,
        "unit": entry.unit,
        "decimals": entry.decimals,
    }


def _place(place: Place) -> dict[str, Any]:
    return {"code": place.code, "name_de": place.name_de, "name_en": place.name_en, "reference": place.reference}
