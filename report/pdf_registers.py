"""The registers in the volumes: what the regions plan, offer and do together. Made of what the pages show, and no more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

from report.content import Report
from report.pdf_blocks import Block, Column, Line, Text, heading, new_page, own, paragraph, table
from report.places import Place
from report.record_view import RecordView
from report.registers import Row
from report.standalone import address_of
from report.targets_view import TargetsView
from report.wording import Wording
from schemas.definitions_register_pages import Part, RegisterPage
from schemas.definitions_registers import TEXTS, RecordField, Register

MOST_LISTED = 60
"""A register with more rows over all regions is counted in the report and listed in the volumes of the regions."""
_NAME, _SHORT, _LONG = 2.6, 1.5, 4.2
_TYPED = "de"


def register_chapter(wording: Wording, report: Report, place: Place | None = None) -> list[Block]:
    """The chapter of the report, or of a region; empty where no register was delivered."""
    return list(_Chapter(wording, report, place).blocks())


class _Chapter:
    """The registers of all regions, or of one."""

    def __init__(self, wording: Wording, report: Report, place: Place | None) -> None:
        self.wording, self.report, self.place = wording, report, place
        self.view, self.targets = RecordView(wording, report), TargetsView(wording, report)
        self.registers, self.kinds = report.registers, report.framework.registers

    @cached_property
    def pages(self) -> list[RegisterPage]:
        """Subjects of which a register was delivered."""
        return [page for page in self.report.framework.register_pages.values() if any(map(self._delivered, page.parts))]

    def blocks(self) -> Iterator[Block]:
        """Heading, table of what there is, and a section for each subject."""
        t = self.wording
        if not self.pages:
            return
        yield from (
            new_page(),
            heading(1, t("programme.heading"), mark="programme"),
            paragraph(t("programme.lead"), "lead"),
        )
        if self.place is None:
            yield self._counts()
        for page in self.pages:
            yield heading(2, own(t, page, "title"), mark=f"p-{page.slug}")
            yield paragraph(own(t, page, "intro"))
            if t.plain(page, "note"):
                yield paragraph(own(t, page, "note"), "note")
            for part in page.parts:
                yield from self._part(part)
            yield paragraph(t("pdf.register_more", address=self._address(page)), "note")

    def _delivered(self, part: Part) -> bool:
        return any(
            code == part.records and self.place in (None, *(p for p in self.registers.places if p.code == region))
            for region, code in self.registers.delivered
        )

    def _rows(self, part: Part) -> Sequence[Row]:
        return (
            self.registers.all(part.records) if self.place is None else self.registers.of(self.place.code, part.records)
        )

    def _address(self, page: RegisterPage) -> str:
        name = self.place.slug if self.place else "index"
        return address_of(self.report, f"{self.wording.lang}/{page.slug}/{name}.html")

    def _counts(self) -> Block:
        """Regions in rows, subjects in columns: how many rows are public."""
        t = self.wording
        lines = []
        for place in self.registers.places:
            cells = []
            for page in self.pages:
                codes = {part.records for part in page.parts}
                some = any((place.code, code) in self.registers.delivered for code in codes)
                number = sum(len(self.registers.of(place.code, code)) for code in codes)
                cells.append(t.number(number) if some else t("programme.missing_short"))
            lines.append(Line(t.place(place), cells))
        columns = [Column(t.plain(page, "title")) for page in self.pages]
        return table(
            t("programme.by_region"), t("word.region"), columns, lines, note=t("programme.by_region_note"), breaks=True
        )

    def _part(self, part: Part) -> Iterator[Block]:
        """The rows of one register; only counted where there are too many of them."""
        t, register, rows = self.wording, self.kinds[part.records], self._rows(part)
        if self.place is None and part.detail:
            return
        title = t.plain(register)
        if not rows:
            said = "programme.empty" if self._delivered(part) else "programme.not_delivered"
            said = "programme.none" if self.place is None else said
            yield paragraph(t(said), "body", title)
        elif self.place is None and len(rows) > MOST_LISTED:
            yield paragraph(t.count("pdf.register_many", len(rows)), "body", title)
        else:
            yield self._table(part, register, rows)

    def _table(self, part: Part, register: Register, rows: Sequence[Row]) -> Block:
        t = self.wording
        chosen = [field for code in part.beside if (field := register.field(code)) is not None]
        above = register.field(part.under or "")
        badge = register.field(part.badge.field) if part.badge else None
        lead = register.field(part.lead or "")
        columns = [Column(t("word.region"), _SHORT, left=True)] if self.place is None else []
        columns += [Column(t.plain(field), _SHORT, left=True) for field in chosen]
        columns += [Column(t.plain(above), _SHORT, left=True)] if above else []
        columns += [Column(t.plain(badge), _SHORT, left=True)] if badge else []
        columns += [Column(t("pdf.register_numbers"), _LONG, left=True)] if register.target else []
        columns += [Column(t.plain(lead), _LONG, left=True)] if lead and self.place else []
        lines = []
        for row in rows:
            cells: list[Text] = [self._region(row)] if self.place is None else []
            cells += [self._value(row, field) for field in chosen]
            cells += [self._value(row, above)] if above else []
            cells += [self._standing(part, row, badge)] if badge else []
            cells += [self._numbers(register, row)] if register.target else []
            cells += [self._value(row, lead)] if lead and self.place else []
            lines.append(Line(self._typed(self._name(part, row)), cells))
        head = register.field(register.title)
        corner = t.plain(head) if head else t.plain(register)
        columns = columns or [Column(t.plain(register), _SHORT, left=True)]
        return table(
            t.plain(register),
            corner,
            columns,
            [_filled(line, len(columns)) for line in lines],
            first=_NAME,
            breaks=True,
        )

    def _region(self, row: Row) -> str:
        place = next((place for place in self.registers.places if place.code == row.region), None)
        return self.wording.place(place) if place else row.region

    def _name(self, part: Part, row: Row) -> str:
        """The name of a row, and that it is over or was not confirmed."""
        t = self.wording
        marks = [t("programme.stale")] if self.view.stale(row) else []
        marks += [t("programme.ended")] if part.badge is None and self.view.ended(row) else []
        return f"{self.view.name(row)} ({', '.join(marks)})" if marks else self.view.name(row)

    def _standing(self, part: Part, row: Row, badge: RecordField) -> Text:
        """Where a row stands, since when."""
        said = " ".join(self.view.texts(row, badge)) if badge.code in row.values else ""
        day = row.values.get(part.badge.day, "") if part.badge and part.badge.day else ""
        return f"{said}, {self.wording('programme.since', day=self.wording.day(day))}" if said and day else said

    def _numbers(self, register: Register, row: Row) -> str:
        """What the numbers say of a target."""
        rule = register.target
        if rule is None:
            return ""
        indicator = row.values.get(rule.indicator, "")
        return self.targets.told_of_record(row.region, row.id, indicator, rule.value in row.values)

    def _value(self, row: Row, field: RecordField) -> Text:
        if field.code not in row.values:
            return ""
        said = " ".join(", ".join(self.view.texts(row, field)).split())
        return self._typed(said) if field.type in TEXTS else said

    def _typed(self, text: str) -> Text:
        """What the regions typed, marked as German in the volumes of another language."""
        return text if self.wording.lang == _TYPED else {"t": text, "lang": _TYPED}


def _filled(line: Line, columns: int) -> Line:
    return line if len(line.cells) == columns else Line(line.head, [*line.cells, *[""] * (columns - len(line.cells))])
