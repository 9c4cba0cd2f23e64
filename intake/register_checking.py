"""Check the entries of the registers: each cell, each entry, entries against each other and against last year.

Every finding names sheet and cell, the title of the entry as its row and the field as its column. `variable` is
`REGISTER.FIELD` and `members` the id, so that the reason a sender gave is found again when the row has moved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from intake.messages import finding
from intake.personal_fields import MAYBE_NAME, MOBILE, NAME, OWN_MAIL, PRIVATE_MAIL, personal_words
from intake.register_choices import listed, plain
from intake.register_reading import RegisterSheet, RegisterSheets
from intake.register_records import Before, Row, dating, records, repeats
from intake.register_values import UNKNOWN
from intake.values import german
from schemas.conditions import holds
from schemas.definitions_registers import NUMBERS, REFERRING, TEXTS, RecordField, Register
from schemas.framework_model import Framework
from schemas.register_targets import target_faults
from schemas.shapes import Finding, Record

REQUIRED, SAME_ID, UNKNOWN_INDICATOR, END_BEFORE_START, SAME_CONTENT = "E01", "E02", "E14", "E15", "E16"
PERSON, MAYBE_PERSON, PRIVATE, EMPTY, REMOVED, CHANGED_ID, BAD_ID = "E17", "E18", "E19", "E25", "E26", "E27", "E28"
STALE, NO_TARGET, MANY_STALE = "E29", "E32", "E33"
_SIGNS = {NAME: PERSON, MAYBE_NAME: MAYBE_PERSON, PRIVATE_MAIL: PRIVATE, OWN_MAIL: PRIVATE, MOBILE: PRIVATE}
_KIND = {
    PRIVATE_MAIL: "ein privates E-Mail-Postfach",
    OWN_MAIL: "die E-Mail-Adresse einer Person",
    MOBILE: "eine Mobilfunknummer",
}
_LONGEST = 80
_NAMED_ONE_BY_ONE = 3


def check_registers(
    framework: Framework,
    sheets: RegisterSheets,
    settled: Mapping[str, Sequence[Row]],
    before: Before,
    region: str,
    year: int,
) -> list[Finding]:
    """All findings about the registers of a delivery, in the order of the sheets."""
    checker = _Checker(framework, settled, before, region, year)
    found: list[Finding] = []
    for code, sheet in sheets.sheets.items():
        if code in settled:
            found += checker.register(sheet, settled[code])
        else:
            found += checker.empty(sheet)
    return found


class _Checker:
    def __init__(
        self, framework: Framework, settled: Mapping[str, Sequence[Row]], before: Before, region: str, year: int
    ) -> None:
        self.framework = framework
        self.before = before
        self.region = region
        self.year = year
        self.words = personal_words(framework)
        self.texts = {(code, row.id): row.texts() for code, rows in settled.items() for row in rows}

    def find(self, register: str, record_id: str) -> Mapping[str, str] | None:
        """Values of a record that a condition looks into."""
        own = self.texts.get((register, record_id))
        known = (record.values for record in self.before.known(register) if record.id == record_id)
        return own if own is not None else next(known, None)

    def empty(self, sheet: RegisterSheet) -> Iterator[Finding]:
        """A register without entries for which nothing was declared: taken as not delivered."""
        expected = self.before.last.get(sheet.register.code, ())
        if expected or sheet.emptied:
            details = {"register": sheet.register.name_de, "found": str(len(expected) or len(sheet.emptied))}
            yield finding(self.framework, EMPTY, details, sheet=sheet.sheet, cell=sheet.top)

    def register(self, sheet: RegisterSheet, rows: Sequence[Row]) -> Iterator[Finding]:
        """Findings of one register."""
        for row in rows:
            yield from self._cells(row)
            yield from self._entry(row)
        yield from self._unchecked(sheet.register, [found for row in rows for found in self._stale(row)])
        yield from self._ids(sheet.register, rows)
        yield from self._twins(sheet.register, rows)
        yield from self._removed(sheet, rows)

    # --- one entry ----------------------------------------------------------------------------------------------

    def _cells(self, row: Row) -> Iterator[Finding]:
        for entry in row.sheet.register.fields_in(self.year):
            value = row.values.get(entry.code)
            if value is not None and value.problem:
                details = dict(value.details)
                details["found"] = _short(details.get("found", ""))
                code = UNKNOWN_INDICATOR if value.problem == UNKNOWN and entry.type == "indicator" else value.problem
                yield self._at(code, row, entry, details)
            elif entry.required and not row.text(entry.code) and entry.code in row.sheet.columns:
                yield self._at(REQUIRED, row, entry, {})
            if entry.public and (entry.type in TEXTS or entry.type in ("email", "phone")):
                sign, words = self.words.sign(row.text(entry.code))
                if sign:
                    yield self._at(_SIGNS[sign], row, entry, {"found": words, "kind": _KIND.get(sign, "")})

    def _entry(self, row: Row) -> Iterator[Finding]:
        register = row.sheet.register
        if span := register.span:
            start, end = row.text(span.start), row.text(span.end)
            entry = register.field(span.end)
            if start and end and end < start and entry:
                yield self._at(
                    END_BEFORE_START, row, entry, {"found": _shown(end), "expected": f"nicht vor dem {_shown(start)}"}
                )
        unread = any(value.problem and not value.text for value in row.values.values())
        for check in () if unread else register.checks:  # what follows from a cell that could not be read is no news
            condition = self.framework.condition(register.code, check.expects)
            entry = register.field(check.field)
            if entry and holds(condition, row.texts(), self.year, self.find) is False:
                place = self._place(row, entry)
                found = shown_value(entry, row.text(entry.code))
                code = f"{register.code}-{check.code}"
                yield Finding(code, check.severity, check.message_de, check.remedy_de, found=found, **place)
        if register.target and not unread:
            yield from self._target(row, register.target.indicator)

    def _target(self, row: Row, indicator: str) -> Iterator[Finding]:
        """What keeps a target from being judged by its indicator."""
        entry = row.sheet.register.field(indicator)
        for record in records([row], self.region, self.year):
            for why in target_faults(self.framework, record):
                if entry is not None:
                    yield self._at(NO_TARGET, row, entry, {"why": why, "found": row.text(indicator)})

    def _stale(self, row: Row) -> Iterator[Finding]:
        register = row.sheet.register
        if register.checked is None or _ended(row.texts(), register, f"{self.year}-01-01"):
            return
        entry = register.field(register.checked.field)
        last = row.text(register.checked.field)
        if entry and last and last < _months_before(self.year, register.checked.stale_after_months):
            months = str(register.checked.stale_after_months)
            yield self._at(STALE, row, entry, {"found": _shown(last), "months": months})

    def _unchecked(self, register: Register, stale: Sequence[Finding]) -> Iterator[Finding]:
        """Entries that nobody has checked for long: each at its cell, many of them as one."""
        if len(stale) <= _NAMED_ONE_BY_ONE or register.checked is None:
            yield from stale
            return
        names = listed((found.row_label for found in stale), 5)
        details = {"names": names, "months": str(register.checked.stale_after_months), "register": register.name_de}
        first = stale[0]
        place = {name: getattr(first, name) for name in ("region", "sheet", "cell", "column_label", "variable")}
        yield finding(self.framework, MANY_STALE, details, count=len(stale), **place)

    # --- entries against each other and against last year ------------------------------------------------------------

    def _ids(self, register: Register, rows: Sequence[Row]) -> Iterator[Finding]:
        first: dict[str, Row] = {}
        known = {record.id for record in self.before.known(register.code)}
        taken = {row.id for row in rows}
        for row in rows:
            place = {**self._place(row), "cell": row.id_address(), "column_label": "Kennung"}
            if row.bad_id:
                details = {"found": _short(row.bad_id), "expected": f"{register.id_prefix}-12"}
                yield finding(self.framework, BAD_ID, details, **place)
            elif row.id in first:
                details = {"found": row.id, "other": first[row.id].id_address()}
                yield finding(self.framework, SAME_ID, details, **place)
            elif row.at.id_text and row.id not in known:
                lost = [r for r in self.before.last.get(register.code, ()) if r.id not in taken]
                same = next((record for record in lost if repeats(row, record, register)), None)
                if same is not None:
                    yield finding(self.framework, CHANGED_ID, {"found": row.id, "expected": same.id}, **place)
            first.setdefault(row.id, row)

    def _twins(self, register: Register, rows: Sequence[Row]) -> Iterator[Finding]:
        """Entries that say the same under two ids: the same required texts and the same references, at the same time."""
        title = register.field(register.title)
        linking = title is not None and title.type in REFERRING  # such an entry has no name of its own
        names = [e.code for e in register.fields if e.type == "ref" or (e.type == "text" and (e.required or linking))]
        fixed = (*dict.fromkeys((register.title, *names)), *dating(register))
        earlier: dict[tuple[str, ...], list[Row]] = {}
        for row in rows:
            same = earlier.setdefault(tuple(plain(row.text(code)) for code in fixed), [])
            other = next((one for one in same if one.id != row.id and _meet(one, row, register)), None)
            if other is not None and row.title and title is not None:
                details = {"found": _short(row.title), "other": other.address(title.code), "other_id": other.id}
                yield self._at(SAME_CONTENT, row, title, details)
            same.append(row)

    def _removed(self, sheet: RegisterSheet, rows: Sequence[Row]) -> Iterator[Finding]:
        """Last year's entries that are gone although they had no end. What happened on one day ends by itself."""
        register = sheet.register
        if dating(register):
            return
        here = {row.id for row in rows}
        changed = [row for row in rows if row.at.id_text]
        for record in self.before.last.get(register.code, ()):
            if record.id in here or (register.span and record.values.get(register.span.end)):
                continue
            if any(repeats(row, record, register) for row in changed):
                continue  # there is a finding about its id
            title = self._title_of(register, record)
            place = {"sheet": sheet.sheet, "cell": sheet.emptied.get(record.id, sheet.top)}
            place |= {"region": self.region, "variable": register.code, "members": record.id, "row_label": title}
            details = {"found": f"{_short(title)} ({record.id})", "one": register.one_de}
            yield finding(self.framework, REMOVED, details, **place)

    def _title_of(self, register: Register, record: Record) -> str:
        entry = register.field(register.title)
        text = record.values.get(register.title, record.id)
        if entry is None or entry.type not in REFERRING:
            return text
        other = self.framework.registers[entry.refers_to or ""]
        return (self.find(other.code, text) or {}).get(other.title, text)

    # --- places -------------------------------------------------------------------------------------------------

    def _at(self, code: str, row: Row, entry: RecordField, details: Mapping[str, str]) -> Finding:
        register = row.sheet.register
        named = {"field": entry.name_de, "one": register.one_de, "register": register.name_de, **details}
        return finding(self.framework, code, named, **self._place(row, entry))

    def _place(self, row: Row, entry: RecordField | None = None) -> dict[str, Any]:
        register = row.sheet.register
        return {
            "region": self.region,
            "sheet": row.sheet.sheet,
            "cell": row.address(entry.code if entry else ""),
            "row_label": _short(row.title or row.id),
            "column_label": entry.name_de if entry else "",
            "variable": f"{register.code}.{entry.code}" if entry else register.code,
            "members": row.id,
        }


def shown_value(entry: RecordField, text: str) -> str:
    """Canonical text of a field as people read it."""
    if entry.type == "date":
        return _shown(text) if text else ""
    if entry.type in NUMBERS and entry.type != "year":
        return german(Decimal(text)) if text else ""
    return _short(text)


def _ended(texts: Mapping[str, str], register: Register, day: str) -> bool:
    end = texts.get(register.span.end, "") if register.span else ""
    return bool(end) and end < day


def _meet(one: Row, other: Row, register: Register) -> bool:
    """Do the spans of two entries overlap? Without a span they do."""
    if register.span is None:
        return True
    start, end = register.span.start, register.span.end
    return not any(_ended(a.texts(), register, b.text(start)) for a, b in ((one, other), (other, one)) if a.text(end))


def _months_before(year: int, months: int) -> str:
    """The day that lies so many months before the end of the reporting year."""
    number = year * 12 + 11 - months
    first_after = date((number + 1) // 12, (number + 1) % 12 + 1, 1)
    return date.fromordinal(first_after.toordinal() - 1).isoformat()


def _shown(day: str) -> str:
    return f"{date.fromisoformat(day):%d.%m.%Y}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
