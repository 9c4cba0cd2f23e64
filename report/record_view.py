"""Rows of registers in one language: names, values as markup, what stands beside them. Nothing typed becomes markup."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from markupsafe import Markup, escape

from report.content import Report
from report.places import slug
from report.registers import Row
from report.wording import Wording
from schemas.addresses import is_email_address, is_web_address
from schemas.conditions import entries
from schemas.definitions_register_pages import Part, RegisterPage
from schemas.definitions_registers import CODED, REFERRING, TEXTS, YES, RecordField, Register

_TYPED = "de"
"""Language in which the regions write."""
_JOIN = Markup(", ")


def months_before(day: date, months: int) -> date:
    """The same day so many months earlier, or the last one of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, last)
        except ValueError:
            continue
    raise ValueError(day)


@dataclass(frozen=True)
class Fact:
    """A filled field with its name."""

    code: str
    name: str
    value: Markup


class RecordView:
    """Rows of the published registers, for pages that lie one folder below their language."""

    def __init__(self, wording: Wording, report: Report) -> None:
        self.wording = wording
        self.report = report
        self.registers = report.framework.registers

    @cached_property
    def pages(self) -> dict[str, RegisterPage]:
        """The page on which a register is shown."""
        return {part.records: page for page in self.report.framework.register_pages.values() for part in page.parts}

    @cached_property
    def day(self) -> date:
        """The day of the edition: what is stale is told against it, so that the same data give the same pages."""
        return date.fromisoformat(self.report.data.created_at[:10])

    # --- a row ----------------------------------------------------------------------------------------------------

    def name(self, row: Row) -> str:
        """What a row is called; a title that names another row is that row's name."""
        register = self.registers[row.register]
        field = register.field(register.title)
        if field is None or register.title not in row.values:
            return row.id
        if field.type in REFERRING:
            other = self.report.registers.find(row.region, field.refers_to or "", row.values[register.title])
            return self.name(other) if other is not None and other.register != row.register else row.id
        return " ".join(self.texts(row, field)) or row.id

    def href(self, row: Row) -> str:
        """Where a row stands, empty when no page shows its register."""
        page = self.pages.get(row.register)
        return f"../{page.slug}/{slug(row.region)}.html#{row.anchor}" if page else ""

    def link(self, row: Row) -> Markup:
        """The name of a row, as a link where a page shows it."""
        href, name = self.href(row), self.typed(self.name(row))
        return Markup('<a href="{}">{}</a>').format(href, name) if href else name

    def typed(self, text: str) -> Markup:
        """Typed text, marked as German on the pages of another language."""
        return escape(text) if self.wording.lang == _TYPED else Markup('<span lang="{}">{}</span>').format(_TYPED, text)

    def facts(self, row: Row, part: Part) -> list[Fact]:
        """Filled fields in the order of the sheet, without those that the page shows in another way."""
        register = self.registers[row.register]
        hidden = {register.title, part.under, part.lead}
        hidden |= {register.target.indicator} if register.target else set()
        hidden |= {part.badge.field, part.badge.day, part.badge.reason} if part.badge else set()
        return [
            Fact(field.code, self.wording.plain(field), self.value(row, field, steps=field.code in part.steps))
            for field in register.fields_in(self.report.year)
            if field.code in row.values and field.code not in hidden and not self._tells_nothing(register, field)
        ]

    def _tells_nothing(self, register: Register, field: RecordField) -> bool:
        """The field that lets a row be shown is the same for all that are shown."""
        return (
            bool(register.listed) and field.type == "yes_no" and field.code in re.findall(r"\w+", register.listed or "")
        )

    def paragraphs(self, row: Row, code: str | None) -> list[Markup]:
        """The lines of a longer text."""
        return [self.typed(line) for line in row.values.get(code or "", "").splitlines() if line.strip()]

    def beside(self, row: Row, part: Part) -> list[Markup]:
        """What stands beside the name in a list."""
        fields = (self.registers[row.register].field(code) for code in part.beside)
        return [
            self.value(row, field, plain=True) for field in fields if field is not None and field.code in row.values
        ]

    def stale(self, row: Row) -> bool:
        """Was the row last checked longer ago than its register allows, or never?"""
        rule = self.registers[row.register].checked
        if rule is None:
            return False
        return row.values.get(rule.field, "") < months_before(self.day, rule.stale_after_months).isoformat()

    def ended(self, row: Row) -> bool:
        """Does the row name an end that has passed on the day of the edition?"""
        span = self.registers[row.register].span
        end = row.values.get(span.end, "") if span else ""
        return bool(end) and end < self.day.isoformat()

    def holds(self, row: Row) -> bool:
        """Did what the row says hold at the end of the reporting year?"""
        span = self.registers[row.register].span
        last = f"{self.report.year}-12-31"
        return span is None or (row.values.get(span.start, "") <= last <= (row.values.get(span.end) or last))

    # --- a value --------------------------------------------------------------------------------------------------

    def value(self, row: Row, field: RecordField, *, steps: bool = False, plain: bool = False) -> Markup:
        """A filled field as markup; `plain` without links, `steps` as a list."""
        text = row.values.get(field.code, "")
        if field.type == "url":
            return escape(text) if plain or not is_web_address(text) else _web_link(text)
        if field.type == "email" and not plain and is_email_address(text):
            return Markup('<a href="mailto:{0}">{0}</a>').format(text)
        if field.type in REFERRING and not plain:
            return _JOIN.join(self.link(other) for other in self.referred(row, field))
        if field.type == "indicator" and not plain:
            return self._indicator(text)
        if steps:
            items = Markup("").join(Markup("<li>{}</li>").format(self.typed(step)) for step in entries(text))
            return Markup('<ul class="steps">{}</ul>').format(items)
        if field.type == "long_text":
            return Markup("<br>").join(self.typed(line) for line in text.splitlines() if line.strip())
        said = ", ".join(self.texts(row, field))
        return self.typed(said) if field.type in TEXTS else escape(said)

    def texts(self, row: Row, field: RecordField) -> list[str]:
        """The entries of a field in words."""
        text = row.values.get(field.code, "")
        if field.type in CODED:
            return [self.code(field, code) for code in entries(text)]
        if field.type in REFERRING:
            return [self.name(other) for other in self.referred(row, field)]
        if field.type in ("area", "areas"):
            return [self.area(row.region, code) for code in entries(text)]
        if field.type == "date":
            return [self.wording.day(text)]
        if field.type == "yes_no":
            return [self.wording("programme.yes" if text == YES else "programme.no")]
        if field.type in ("integer", "decimal", "money"):
            return [self._number(text, field)]
        return [text]

    def code(self, field: RecordField, code: str) -> str:
        """Name of a code; the code itself when its list does not know it."""
        listed = self.report.framework.codelists.get(field.codelist or "")
        entry = listed.entry(code) if listed else None
        return self.wording.plain(entry) if entry else code

    def area(self, region: str, code: str) -> str:
        """Name of a unit or of a part of the region; the code itself when it is neither."""
        territory = self.report.framework.territory
        if territory.known(code):
            unit = territory.unit(code)
            return (unit.name_en or unit.label) if self.wording.lang == "en" else unit.label
        if not territory.known(region):
            return code
        return territory.subareas(region, date(self.report.year, 12, 31)).get(code, code)

    def referred(self, row: Row, field: RecordField) -> Iterator[Row]:
        """The rows that a reference names."""
        for id_ in entries(row.values.get(field.code, "")):
            other = self.report.registers.find(row.region, field.refers_to or "", id_)
            if other is not None:
                yield other

    def _indicator(self, code: str) -> Markup:
        entry = self.report.framework.indicators.get(code)
        if entry is None or not entry.valid_in(self.report.year):
            return escape(code)
        return Markup('<a href="../indikatoren/{}.html">{}</a>').format(slug(code), self.wording.plain(entry))

    def _number(self, text: str, field: RecordField) -> str:
        try:
            number = float(text)
        except ValueError:
            return text
        said = self.wording.number(number, len(text.partition(".")[2]))
        return f"{said} Euro" if field.type == "money" else said


def _web_link(address: str) -> Markup:
    """An address outside: shown without scheme, opened without telling where the reader comes from."""
    shown = address.partition("://")[2].rstrip("/")
    return Markup('<a href="{}" rel="noopener noreferrer external">{}</a>').format(address, shown)
