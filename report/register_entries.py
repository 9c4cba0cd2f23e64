"""What the page of a region says of each row of a register, and of the rows that hang below it. No markup of pages."""

from __future__ import annotations

from dataclasses import dataclass, field

from markupsafe import Markup

from report.content import Report
from report.places import Place
from report.record_view import Fact, RecordView
from report.registers import Row
from report.targets_view import TargetsView
from report.wording import Wording
from schemas.conditions import entries
from schemas.definitions_register_pages import Part, RegisterPage
from schemas.definitions_registers import Register

_MOST_LEVELS = 5


@dataclass(frozen=True)
class Entry:
    """A row on the page of its region, with the rows that hang below it. `level`: of its heading."""

    row: Row
    name: Markup
    level: int
    badge: str
    since: str
    reason: Markup
    stale: bool
    ended: bool
    lead: list[Markup]
    facts: list[Fact]
    number: Markup
    parts: list[Section] = field(default_factory=list)


@dataclass(frozen=True)
class Section:
    """The rows of one register, on a page or below a row. `state`: `empty` or `missing` where there is none."""

    part: Part
    register: Register
    entries: list[Entry]
    state: str = ""
    places: list[tuple[str, list[Markup]]] = field(default_factory=list)


class Entries:
    """The rows of the registers in one language, made ready for a page."""

    def __init__(self, wording: Wording, report: Report) -> None:
        self.wording, self.report, self.registers = wording, report, report.registers
        self.view, self.targets = RecordView(wording, report), TargetsView(wording, report)
        self.kinds = report.framework.registers

    def by_place(self, part: Part, place: Place) -> list[tuple[str, list[Markup]]]:
        """Places of a region with the rows that serve them, alphabetical."""
        found: dict[str, list[Markup]] = {}
        for row in self.registers.of(place.code, part.records):
            for code in entries(row.values.get(part.places or "", "")):
                found.setdefault(self.view.area(row.region, code), []).append(self.view.link(row))
        return sorted(found.items(), key=lambda pair: pair[0].lower())

    def section(self, page: RegisterPage, part: Part, place: Place) -> Section | None:
        """The rows of a register that hang below no other; None when all of them do."""
        register = self.kinds[part.records]
        rows = self.registers.of(place.code, part.records)
        shown = [self._entry(page, part, row, 3) for row in rows if self._parent(part, row) is None]
        if rows and not shown:
            return None
        state = "missing" if (place.code, part.records) not in self.registers.delivered else "" if rows else "empty"
        state = "loose" if part.under and shown else state
        return Section(part, register, shown, state, self.by_place(part, place) if part.places else [])

    def _parent(self, part: Part, row: Row) -> Row | None:
        named = self.kinds[part.records].field(part.under or "")
        return next(self.view.referred(row, named), None) if named is not None else None

    def _entry(self, page: RegisterPage, part: Part, row: Row, level: int) -> Entry:
        badge = part.badge
        below = [
            Section(each, self.kinds[each.records], found)
            for each in page.parts
            if each.under and level < _MOST_LEVELS + 1 and (found := self._below(page, each, row, level + 1))
        ]
        return Entry(
            row=row,
            name=self.view.typed(self.view.name(row)),
            level=min(level, 6),
            badge=self.badge(part, row),
            since=self.wording.day(row.values[badge.day]) if badge and badge.day and badge.day in row.values else "",
            reason=Markup(" ").join(self.view.paragraphs(row, badge.reason)) if badge else Markup(""),
            stale=self.view.stale(row),
            ended=self.ended(part, row),
            lead=self.view.paragraphs(row, part.lead),
            facts=self.view.facts(row, part),
            number=self._number(row),
            parts=below,
        )

    def _below(self, page: RegisterPage, part: Part, row: Row, level: int) -> list[Entry]:
        rows = self.registers.of(row.region, part.records)
        return [self._entry(page, part, each, level) for each in rows if self._parent(part, each) == row]

    def ended(self, part: Part, row: Row) -> bool:
        """Is the row over? Where the region says itself where it stands, that is enough."""
        return part.badge is None and self.view.ended(row)

    def badge(self, part: Part, row: Row) -> str:
        """Where a row stands, in words."""
        named = self.kinds[part.records].field(part.badge.field) if part.badge else None
        return " ".join(self.view.texts(row, named)) if named is not None and named.code in row.values else ""

    def _number(self, row: Row) -> Markup:
        """What the numbers say of a row that is a target."""
        rule = self.kinds[row.register].target
        if rule is None:
            return Markup("")
        return self.targets.of_record(row.region, row.id, row.values.get(rule.indicator, ""), rule.value in row.values)
