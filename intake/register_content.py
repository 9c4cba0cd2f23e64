"""What a delivery says in its registers, put together: records, what is counted from them, findings, what has changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from intake.personal_fields import NAME, personal_words
from intake.register_checking import check_registers
from intake.register_reading import RegisterSheets
from intake.register_records import Before, Row, dating, records, settle
from schemas.conditions import entries
from schemas.counting import counted
from schemas.definitions_registers import REFERRING, TEXTS, Register
from schemas.framework_model import Framework
from schemas.shapes import Finding, Observation, Record, RegisterChange

LIST_OF_PEOPLE = 8
"""So many names of persons in one column are a list of people."""


@dataclass(frozen=True)
class RegisterContent:
    """Delivered registers and their records, the observations counted from them, findings, and changes by register."""

    registers: tuple[str, ...] = ()
    records: tuple[Record, ...] = ()
    observations: tuple[Observation, ...] = ()
    findings: tuple[Finding, ...] = ()
    changes: Mapping[str, RegisterChange] = field(default_factory=dict)


def register_content(
    framework: Framework, sheets: RegisterSheets, before: Before, region: str, year: int
) -> RegisterContent:
    """Settle, check and count the registers of a delivery of one region and year."""
    settled = settle(framework, sheets, before, region, year)
    found = tuple(record for rows in settled.values() for record in records(rows, region, year))
    findings = (*sheets.findings, *check_registers(framework, sheets, settled, before, region, year))
    observations = counted(framework, region, year, sheets.delivered, found)
    changes = {
        code: _change(framework.registers[code], rows, before.last.get(code, ()), year)
        for code, rows in settled.items()
    }
    return RegisterContent(sheets.delivered, found, tuple(observations), findings, changes)


def people_listed(framework: Framework, sheets: RegisterSheets) -> tuple[str, str] | None:
    """Sheet and first cell of a column that lists persons where entries are expected; None when there is none."""
    words = personal_words(framework)
    for sheet in sheets.sheets.values():
        for entry in sheet.register.fields if sheet.rows else ():
            if entry.type not in TEXTS:
                continue
            cells = [row.cells[entry.code] for row in sheet.rows if entry.code in row.cells]
            named = [cell for cell in cells if words.sign(cell.text)[0] == NAME]
            if len({cell.text for cell in named}) >= LIST_OF_PEOPLE:
                return sheet.sheet, named[0].address
    return None


def carried_over(framework: Framework, last: Mapping[str, Sequence[Record]], year: int) -> dict[str, list[Record]]:
    """Last year's records that belong into the form of this year: those that go on, and those that these refer to."""
    registers = {register.code: register for register in framework.registers_in(year)}
    known = {(r.register, r.id): r for code in registers for r in last.get(code, ())}
    kept = {place for place, record in known.items() if _goes_on(registers[record.register], record, year)}
    fresh = kept
    while fresh:
        named = {place for kept_place in fresh for place in _references(registers, known[kept_place])}
        fresh = (named & known.keys()) - kept
        kept = kept | fresh
    found = {code: [r for r in last.get(code, ()) if (code, r.id) in kept] for code in registers}
    return {code: records_now for code, records_now in found.items() if records_now}


def _references(registers: Mapping[str, Register], record: Record) -> Iterator[tuple[str, str]]:
    for entry in registers[record.register].fields:
        if entry.type in REFERRING and entry.refers_to:
            yield from ((entry.refers_to, part) for part in entries(record.values.get(entry.code, "")))


def by_register(known: Sequence[Record]) -> dict[str, list[Record]]:
    """Records by the code of their register, in their order."""
    found: dict[str, list[Record]] = {}
    for record in known:
        found.setdefault(record.register, []).append(record)
    return found


def _goes_on(register: Register, record: Record, year: int) -> bool:
    if register.span is not None:
        return (record.values.get(register.span.end) or "9999") >= f"{year}-01-01"
    return not dating(register)


def _change(register: Register, rows: Sequence[Row], last: Sequence[Record], year: int) -> RegisterChange:
    known = {record.id: dict(record.values) for record in last}
    now = {row.id: row.texts() for row in rows}
    changed = sum(1 for code, texts in now.items() if code in known and texts != known[code])
    new = sum(1 for code in now if code not in known)
    return RegisterChange(len(rows), new, changed, sum(_endings(register, known, now, year)), bool(last))


def _endings(
    register: Register, known: Mapping[str, Mapping[str, str]], now: Mapping[str, Mapping[str, str]], year: int
) -> Iterator[bool]:
    """Which of last year's entries no longer run at the end of the year: ended in it, or gone without an end."""
    end = register.span.end if register.span else ""
    for code, texts in known.items():
        if dating(register):
            continue
        before = texts.get(end, "9999")
        after = now[code].get(end, "9999") if code in now else f"{year}-01-01"
        yield before >= f"{year}-01-01" and after <= f"{year}-12-31"
