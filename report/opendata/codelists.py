"""Code lists: what the codes in the tables mean. Made from the framework and the places of the report."""

from __future__ import annotations

from collections.abc import Iterable

from report.content import Report
from report.opendata.published import contents
from report.opendata.table import CODE_LISTS, Row, Table, declared_table
from report.places import Place
from report.wording import Wording
from schemas.shapes import TOTAL

_LANGS = ("de", "en")


def code_lists(report: Report, values: Iterable[Table]) -> list[Table]:
    """Lists of indicators, regions, statuses, and one per dimension with the members that a cell can have."""
    wordings = [Wording(lang, report.framework) for lang in _LANGS]
    seen = _members_in(report, values)
    return [
        _list(report, "indikatoren", _indicators(report, wordings)),
        _list(report, "regionen", [(p.code, p.name_de, p.name_en, _kind(p)) for p in report.places]),
        _list(report, "status", _statuses(report)),
        *(_dimension(report, wordings, code, seen[code]) for code in report.framework.dimension_order),
    ]


def _list(report: Report, name: str, rows: list[Row]) -> Table:
    return declared_table(report.framework, f"{CODE_LISTS}/{name}").with_rows(rows)


def _indicators(report: Report, wordings: list[Wording]) -> list[Row]:
    framework = report.framework
    rows: list[Row] = []
    for content in contents(report):
        entry = content.entry
        field = framework.fields[content.field]
        sources = [framework.sources[code] for code in framework.indicator_sources(entry.code)]
        rows.append(
            (
                *(entry.code, entry.name_de, entry.name_en, field.code, field.name_de, field.name_en, entry.tier),
                *(entry.unit, entry.decimals, entry.definition_de, entry.definition_en, entry.formula),
                *("; ".join(wording.plain(source) for source in sources) for wording in wordings),
            )
        )
    return rows


def _kind(place: Place) -> str:
    return "comparison" if place.reference else "aggregate" if place.aggregate else "unit"


def _statuses(report: Report) -> list[Row]:
    return [
        (
            *(entry.code, entry.sign or None, entry.letter or None, entry.name_de, entry.name_en, entry.meaning_de),
            *("yes" if entry.has_value else "no", entry.obs_status, entry.conf_status),
        )
        for entry in report.framework.statuses.values()
    ]


def _members_in(report: Report, values: Iterable[Table]) -> dict[str, set[str]]:
    """Members that occur in the tables, by dimension: a dynamic dimension has no other list."""
    seen: dict[str, set[str]] = {code: set() for code in report.framework.dimension_order}
    for table in values:
        places = {code: table.names.index(code.lower()) for code in seen}
        for code, place in places.items():
            seen[code] |= {str(row[place]) for row in table.rows}
    return seen


def _dimension(report: Report, wordings: list[Wording], code: str, seen: set[str]) -> Table:
    entry = report.framework.dimensions[code]
    members = dict.fromkeys([TOTAL, *entry.members, *sorted(seen)])
    rows: list[Row] = [(member, *(member_name(wording, code, member) for wording in wordings)) for member in members]
    table = declared_table(report.framework, f"{CODE_LISTS}/merkmal").with_rows(rows, f"{CODE_LISTS}/{code.lower()}")
    return Table(table.name, entry.name_de, entry.name_en, table.columns, table.key, table.rows)


def member_name(wording: Wording, dimension: str, member: str) -> str:
    """Label of a member; the total has a word of its own where the framework does not name it."""
    named = member in wording.framework.dimensions[dimension].members
    return wording("word.total") if member == TOTAL and not named else wording.member(dimension, member)
