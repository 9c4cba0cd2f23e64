"""Reasons of the sender: read from the sheet „Prüfprotokoll“ of a delivery, and matched with what was noticed.

A reason closes a question (a warning), never an error, and only for the value it was given for. What matches is decided
by a key that stands, hidden, beside every line of the protocol, so that lines may be sorted and sheets renamed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation

from intake.cells import Row
from intake.messages import finding
from intake.reading import Sheet, Workbook
from intake.sheets import Strip
from schemas.framework_model import Framework
from schemas.shapes import Finding, FindingState, Severity

PROTOCOL_MARK = "#PROTOKOLL"
KEY_MARK = "#KEY"
FINDING_MARK = "#F "
REASON_COLUMN = "Begründung"
_CODE_COLUMN = "Regel"
_PLACE_COLUMNS = (_CODE_COLUMN, "Blatt", "Zelle", "Ihr Wert", "Erwartet")
SHORTEST_REASON = 3
SAME_ORDER = Decimal(2)
"""A remembered reason holds as long as the new value is at most this many times as large or as small as the old one."""
FROM_LAST_YEAR = " (aus dem Vorjahr übernommen)"
_LONGEST_VALUE, _LONGEST_REASON = 200, 1000


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason with the place and the value it was given for."""

    code: str
    text: str
    sheet: str = ""
    cell: str = ""
    region: str = ""
    variable: str = ""
    members: str = ""
    found: str = ""
    expected: str = ""


def reason_of(found: Finding) -> Reason:
    """What a finding says that was confirmed: to be remembered."""
    text = found.reason.removesuffix(FROM_LAST_YEAR)
    place = (found.sheet, found.cell, found.region, found.variable, found.members)
    return Reason(found.code, text, *place, _value(found.found), _value(found.expected))


def machine_key(found: Finding) -> str:
    """The hidden key of a line of the protocol."""
    reason = reason_of(found)
    parts = [reason.code, reason.sheet, reason.cell, reason.region, reason.variable, reason.members]
    text = json.dumps([*parts, reason.found, reason.expected], separators=(",", ":"))
    return FINDING_MARK + text.replace("_", "\\u005f")  # spreadsheet programs take _x0041_ for a letter


def find_protocol(workbook: Workbook) -> Sheet | None:
    """Our protocol sheet, whatever it is called now."""
    return next((sheet for sheet in workbook.sheets if _marked(sheet)), None)


def without_protocol(workbook: Workbook) -> Workbook:
    """The workbook without our protocol sheets: what the sender delivers."""
    return replace(workbook, sheets=tuple(sheet for sheet in workbook.sheets if not _marked(sheet)))


def read_reasons(workbook: Workbook) -> tuple[Reason, ...]:
    """Every reason that was filled in, also those that are too short; of all protocol sheets of the workbook."""
    return tuple(reason for sheet in workbook.sheets if _marked(sheet) for reason in _sheet_reasons(sheet))


def _marked(sheet: Sheet) -> bool:
    if "protocol" not in sheet.derived:
        sheet.derived["protocol"] = any(map(_is_protocol, sheet.outlines))
    return bool(sheet.derived["protocol"])


def _is_protocol(said: Row | Strip) -> bool:
    if _is_protocol not in said.derived:
        said.derived[_is_protocol] = any(str(mark.value).startswith(PROTOCOL_MARK) for mark in said.find_marks())
    return bool(said.derived[_is_protocol])


def _sheet_reasons(sheet: Sheet) -> Iterator[Reason]:
    columns: dict[str, int] = {}
    for cell in sorted(sheet.cells.values(), key=lambda cell: (cell.row, cell.column)):
        if cell.text in (REASON_COLUMN, *_PLACE_COLUMNS):
            columns.setdefault(cell.text, cell.column)
    place = columns.get(REASON_COLUMN)
    if place is None:
        return
    keys = {c.row: c.text for c in sheet.cells.values() if isinstance(c.value, str) and c.text.startswith(FINDING_MARK)}
    header = next((c.row for c in sheet.cells.values() if c.text == REASON_COLUMN and c.column == place), 0)
    for (row, column), cell in sheet.cells.items():
        if column == place and row > header and cell.text:
            text = cell.text[:_LONGEST_REASON]
            reason = _keyed(keys[row], text) if row in keys else _visible(sheet, columns, row, text)
            if reason:
                yield reason


def _keyed(key: str, text: str) -> Reason | None:
    try:
        code, *place = (str(part) for part in json.loads(key.removeprefix(FINDING_MARK)))
        return Reason(code, text, *place)
    except (ValueError, TypeError):
        return None


def _visible(sheet: Sheet, columns: dict[str, int], row: int, text: str) -> Reason | None:
    """A line that lost its key is understood by what is seen of it."""
    said = [sheet.text(row, columns[name]) if name in columns else "" for name in _PLACE_COLUMNS]
    code, name, cell, found, expected = said
    return Reason(code, text, name, cell, found=_value(found), expected=_value(expected)) if code else None


def apply_reasons(
    findings: Iterable[Finding], reasons: Iterable[Reason], remembered: Iterable[Reason] = ()
) -> list[Finding]:
    """Confirm the warnings for which a reason was given now, or last year (`remembered`) for a value of the same order."""
    findings = list(findings)
    now = _Matcher(findings, [reason for reason in reasons if _counts(reason)])
    before = [reason for reason in remembered if _counts(reason)]
    confirmed = []
    for found in findings:
        if found.severity is Severity.WARNING and found.state is FindingState.OPEN:
            text = now.text(found)
            if not text and (kept := next((r for r in before if _still_holds(r, found)), None)):
                text = kept.text.removesuffix(FROM_LAST_YEAR) + FROM_LAST_YEAR
            if text:
                found = replace(found, state=FindingState.CONFIRMED, reason=text)
        confirmed.append(found)
    return confirmed


def reason_notes(framework: Framework, findings: Iterable[Finding], reasons: Iterable[Reason]) -> list[Finding]:
    """What has to be said about reasons without effect: too short, for an error, or for another value."""
    notes = {}
    by_place: dict[tuple[str, ...], list[Finding]] = {}
    for found in findings:
        if found.state is FindingState.OPEN and found.severity is not Severity.INFO:
            by_place.setdefault(_place(reason_of(found)), []).append(found)
    for reason in reasons:
        for found in by_place.get(_place(reason), ()):
            code = "A01"
            if found.severity is not Severity.WARNING:
                code = "A02"
            elif not _same_value(reason, reason_of(found)):
                code = "A03"
            elif _counts(reason):
                continue
            details = {"reason": reason.text[:_LONGEST_VALUE], "before": reason.found, "found": found.found}
            keep = ("sheet", "cell", "row_label", "column_label", "region", "variable", "members")
            notes[(code, found.code, _place(reason))] = finding(
                framework, code, details, **{name: getattr(found, name) for name in keep}
            )
    return list(notes.values())


@dataclass(frozen=True)
class Comparison:
    """Open findings against those of the previous delivery of the same region and year."""

    fixed: tuple[Finding, ...]
    new: tuple[Finding, ...]
    still_open: tuple[Finding, ...]

    def counts(self, *severities: Severity) -> tuple[int, int, int]:
        """How many are fixed, new, still open; of these severities only, of all when none is named."""
        fixed, new, still = (
            sum(1 for found in part if not severities or found.severity in severities)
            for part in (self.fixed, self.new, self.still_open)
        )
        return fixed, new, still


def compare(previous: Iterable[Finding], findings: Iterable[Finding]) -> Comparison:
    """What was fixed, is new, or is still open: the same code, figure and cell; or the same code and figure elsewhere.

    Only what was and what is open counts: a question that is confirmed now is fixed.
    """
    before = [found for found in previous if found.state is FindingState.OPEN]
    new = [found for found in findings if found.state is FindingState.OPEN]
    still: list[Finding] = []
    for identity in (_at_cell, _anywhere):
        waiting: dict[tuple[str, ...], list[Finding]] = {}
        for found in before:
            waiting.setdefault(identity(found), []).append(found)
        rest = []
        for found in new:
            same = waiting.get(identity(found))
            if same:
                same.pop(0)
                still.append(found)
            else:
                rest.append(found)
        before, new = [found for group in waiting.values() for found in group], rest
    return Comparison(tuple(before), tuple(new), tuple(still))


def previous_line(framework: Framework, number: str, received_at: datetime, comparison: Comparison) -> str:
    """The receipt's sentence about the delivery before this one."""
    fixed, new, still = comparison.counts(Severity.ERROR, Severity.FATAL)
    details = {"number": number, "date": f"{received_at:%d.%m.%Y}", "before": f"{fixed + still} Fehler"}
    return finding(framework, "A04", {**details, "fixed": str(fixed), "new": str(new)}).message


def _at_cell(found: Finding) -> tuple[str, ...]:
    return (found.code, found.variable, found.members, found.sheet, found.cell)


def _anywhere(found: Finding) -> tuple[str, ...]:
    """A figure may have moved; where none is named, the place is all there is."""
    return (found.code, found.variable, found.members) if found.variable else _at_cell(found)


class _Matcher:
    """Finds the reason for a finding: at the same cell, or for the same figure wherever it stands now."""

    def __init__(self, findings: Sequence[Finding], reasons: Sequence[Reason]) -> None:
        self.reasons = reasons
        self.alike = Counter(_figure(reason_of(found)) for found in findings)

    def text(self, found: Finding) -> str:
        own = reason_of(found)
        for reason in self.reasons:
            if reason.code != own.code or not _same_value(reason, own):
                continue
            if _place(reason) == _place(own) and reason.variable in ("", own.variable):
                return reason.text
            if own.variable and _figure(reason) == _figure(own) and self.alike[_figure(own)] == 1:
                return reason.text
        return ""


def _counts(reason: Reason) -> bool:
    return len(reason.text.strip()) >= SHORTEST_REASON


def _place(reason: Reason) -> tuple[str, ...]:
    return (reason.code, reason.sheet.strip(), reason.cell)


def _figure(reason: Reason) -> tuple[str, ...]:
    return (reason.code, reason.region, reason.variable, reason.members)


def _same_value(one: Reason, other: Reason) -> bool:
    return (_bare(one.found), _bare(one.expected)) == (_bare(other.found), _bare(other.expected))


def _still_holds(reason: Reason, found: Finding) -> bool:
    """Last year's reason for this year's value: the same figure, and each number within the same order."""
    own = reason_of(found)
    if _figure(reason) != _figure(own) or (not own.variable and _place(reason) != _place(own)):
        return False
    return _same_order(reason.found, own.found) and _same_order(reason.expected, own.expected)


def _same_order(before: str, now: str) -> bool:
    if _bare(before) == _bare(now):
        return True
    one, other = _number(before), _number(now)
    if one is None or other is None or one * other <= 0:
        return False
    return 1 / SAME_ORDER <= other / one <= SAME_ORDER


def _number(text: str) -> Decimal | None:
    """A number in German notation as findings write it."""
    bare = _bare(text).replace("−", "-")
    if not re.fullmatch(r"-?\d+(?:,\d+)?", bare):
        return None
    try:
        return Decimal(bare.replace(",", "."))
    except InvalidOperation:
        return None


def _value(text: str) -> str:
    """A value as the key holds it; a very long one as its beginning and its fingerprint."""
    if len(text) <= _LONGEST_VALUE:
        return text
    return f"{text[:80]}…{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:16]}"


def _bare(text: str) -> str:
    return re.sub(r"\s+", "", text)
