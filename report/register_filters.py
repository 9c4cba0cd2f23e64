"""What a list of rows can be narrowed by: choices of the form, and the keys by which a script finds the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from report.places import slug
from report.record_view import RecordView
from report.registers import Row
from schemas.conditions import entries
from schemas.definitions_register_pages import Part
from schemas.definitions_registers import RecordField

_REGION = "r"


@dataclass(frozen=True)
class Choice:
    """One select of the form: id, label, and key and text of each option."""

    id: str
    label: str
    options: list[tuple[str, str]]


class Filters:
    """The filters of one register: the region, and the fields that the page names."""

    def __init__(self, view: RecordView, part: Part) -> None:
        self.view, self.part = view, part
        register = view.registers[part.records]
        self.fields = [field for code in part.filters if (field := register.field(code)) is not None]

    def choices(self, rows: Sequence[Row]) -> list[Choice]:
        """The selects that leave a choice; none for a register without filters."""
        if not self.part.filters:
            return []
        present = {row.region for row in rows}
        places = [place for place in self.view.report.registers.places if place.code in present]
        found = [
            Choice(
                f"{slug(self.part.records)}-{_REGION}",
                self.view.wording("word.region"),
                [(f"{_REGION}-{place.slug}", self.view.wording.place(place)) for place in places],
            )
        ]
        found += [
            Choice(
                f"{slug(self.part.records)}-{number}",
                self.view.wording.plain(field),
                self._options(field, number, rows),
            )
            for number, field in enumerate(self.fields)
        ]
        return [choice for choice in found if len(choice.options) > 1]

    def keys(self, row: Row) -> str:
        """The keys of a row, separated by blanks."""
        if not self.part.filters:
            return ""
        found = [f"{_REGION}-{slug(row.region)}"]
        for number, field in enumerate(self.fields):
            found += [_key(number, code) for code in entries(row.values.get(field.code, ""))]
        return " ".join(found)

    def _options(self, field: RecordField, number: int, rows: Sequence[Row]) -> list[tuple[str, str]]:
        """What occurs: codes in the order of their list, anything else alphabetical."""
        listed = self.view.report.framework.codelists.get(field.codelist or "")
        order = {entry.code: place for place, entry in enumerate(listed.entries)} if listed else {}
        names: dict[str, str] = {}
        for row in rows:
            for code in entries(row.values.get(field.code, "")):
                names.setdefault(code, self._name(field, row, code))
        ranked = sorted(names.items(), key=lambda item: (order.get(item[0], len(order)), item[1].lower()))
        return [(_key(number, code), name) for code, name in ranked]

    def _name(self, field: RecordField, row: Row, code: str) -> str:
        if field.codelist:
            return self.view.code(field, code)
        if field.type == "yes_no":
            return self.view.texts(row, field)[0]
        return self.view.area(row.region, code)


def _key(number: int, code: str) -> str:
    return f"{number}-{slug(code)}"
