"""From the rows of the register sheets to records: ids are given, references settled, cells turned into values.

Ids stay the same over the years. A row without one takes that of the known record it repeats (this year's delivery
before, or last year's); a new one gets `<prefix>-<n>`, counted on from the highest id known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from intake.register_choices import Choices, choices, plain
from intake.register_reading import RegisterRow, RegisterSheet, RegisterSheets
from intake.register_values import UNKNOWN_REFERENCE, Value, read_value
from schemas.definitions_registers import REFERRING, SEPARATOR, Register
from schemas.framework_model import Framework
from schemas.shapes import Record

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,39}")
Records = Mapping[str, Sequence[Record]]
"""Records by register."""


@dataclass(frozen=True)
class Before:
    """What is known of the registers of a region: of the year before (`last`), and of this year until now (`now`)."""

    last: Records = field(default_factory=dict)
    now: Records = field(default_factory=dict)

    def known(self, register: str) -> tuple[Record, ...]:
        """Records that an id or a reference may mean, this year's first."""
        found = {record.id: record for record in (*self.last.get(register, ()), *self.now.get(register, ()))}
        return tuple(found.values())


@dataclass
class Row:
    """A row with its id, the values of its cells, and its title for readers.

    `key`: the title as a record holds it. `bad_id`: what was typed and is no id. `given`: the id is a new one.
    """

    at: RegisterRow
    sheet: RegisterSheet
    values: dict[str, Value]
    id: str = ""
    title: str = ""
    key: str = ""
    bad_id: str = ""
    given: bool = False

    def text(self, field_code: str) -> str:
        """Canonical text of a field, empty when there is none."""
        found = self.values.get(field_code)
        return found.text if found else ""

    def address(self, field_code: str) -> str:
        """The cell of a field in this row."""
        return self.sheet.address(field_code, self.at.number)

    def id_address(self) -> str:
        """The cell of the id."""
        return self.sheet.address("", self.at.number)

    def texts(self) -> dict[str, str]:
        """All filled fields, as a record holds them."""
        return {code: value.text for code, value in self.values.items() if value.text}


def settle(
    framework: Framework, sheets: RegisterSheets, before: Before, region: str, year: int
) -> dict[str, list[Row]]:
    """Rows of every delivered register with ids and values, in the order of the sheets."""
    offered: dict[tuple[str, str], Choices | None] = {}
    settled: dict[str, list[Row]] = {}
    delivered = {code: sheets.sheets[code] for code in sheets.delivered}
    lookups = {
        code: Lookup.of((), before.known(code), register.title)
        for code, register in framework.registers.items()
        if code not in delivered
    }
    for code in _order(framework, delivered):
        sheet = delivered[code]
        rows = []
        for at in sheet.rows:
            values = {}
            for name, cell in at.cells.items():
                entry = sheet.register.field(name)
                assert entry is not None
                key = (entry.type, entry.codelist or "")
                if key not in offered:
                    offered[key] = choices(framework, entry, region, year)
                values[name] = read_value(cell, entry, offered[key])
            if any(value != Value() for value in values.values()):
                rows.append(Row(at, sheet, values))
        for row in rows:
            row.title, row.key = _title(row, sheet.register, lookups)
        _give_ids(sheet, rows, before)
        lookups[code] = Lookup.of(rows, ())
        settled[code] = rows
    for rows in settled.values():
        for row in rows:
            _refer(row, lookups)
    return {code: settled[code] for code in delivered}


def records(rows: Iterable[Row], region: str, year: int) -> Iterator[Record]:
    """The rows as the shapes that leave this room."""
    for row in rows:
        texts = row.texts()
        cells = {code: row.at.cells[code].address for code in texts}
        register = row.sheet.register.code
        yield Record(region, year, register, row.id, texts, row.sheet.sheet, row.at.number, cells)


@dataclass(frozen=True)
class Lookup:
    """Which record of a register a reference means: by its id or by its title."""

    ids: Mapping[str, str]
    titles: Mapping[str, Sequence[str]]
    names: Mapping[str, str]

    @classmethod
    def of(cls, rows: Sequence[Row], known: Sequence[Record], title_field: str = "") -> Lookup:
        """From the rows of this delivery, or from known records where the register is not part of it."""
        named = [(row.id, row.title) for row in rows]
        named += [(record.id, record.values.get(title_field, "")) for record in known]
        titles: dict[str, list[str]] = {}
        for code, title in named:
            titles.setdefault(plain(title), []).append(code)
        return cls({plain(code): code for code, _ in named}, titles, dict(named))

    def choices(self) -> Choices:
        """The records as something to choose from."""
        return Choices({code: title or code for code, title in self.names.items()})

    def id_of(self, text: str) -> str:
        """The id that a text means: an id, an id with a title behind it, or a title; empty for none, or several."""
        word = plain(text)
        leading = plain(text.split(" ", 1)[0])
        if word in self.ids or leading in self.ids:
            return self.ids.get(word) or self.ids[leading]
        found = set(self.titles.get(word, ()))
        return found.pop() if len(found) == 1 else ""


def _order(framework: Framework, delivered: Mapping[str, RegisterSheet]) -> list[str]:
    """Registers that others refer to go first: the title of a row may be a reference."""
    graph: dict[str, set[str | None]] = {
        code: {e.refers_to for e in sheet.register.fields if e.refers_to in delivered} - {code}
        for code, sheet in delivered.items()
    }
    try:
        return [code for code in TopologicalSorter(graph).static_order() if code]
    except CycleError:
        return list(delivered)


def _title(row: Row, register: Register, lookups: Mapping[str, Lookup]) -> tuple[str, str]:
    """The title of a row as readers see it, and as a record holds it."""
    entry = register.field(register.title)
    value = row.values.get(register.title)
    if entry is None or value is None:
        return "", ""
    if entry.type in REFERRING and value.pieces:
        lookup = lookups.get(entry.refers_to or "")
        code = lookup.id_of(value.pieces[0]) if lookup else ""
        return (lookup.names[code] or code, code) if lookup and code else (value.pieces[0], value.pieces[0])
    return value.text, value.text


def _give_ids(sheet: RegisterSheet, rows: Sequence[Row], before: Before) -> None:
    register = sheet.register
    known = before.known(register.code)
    for row in rows:
        row.id = canonical_id(row.at.id_text, register)
        if row.id and not _ID.fullmatch(row.id):
            row.id, row.bad_id = "", row.id
    taken = {row.id for row in rows}
    numbers = [_number(code, register) for code in (*taken, *sheet.emptied, *(record.id for record in known))]
    free = max(numbers, default=0)
    for row in rows:
        if row.id:
            continue
        same = [record for record in known if record.id not in taken and repeats(row, record, register)]
        if same and not row.bad_id:
            row.id = max(same, key=lambda record: sum(row.text(f) == t for f, t in record.values.items())).id
        else:
            free += 1
            row.id, row.given = f"{register.id_prefix}-{free}", True
        taken.add(row.id)


def canonical_id(text: str, register: Register) -> str:
    """An id as it was given: `a 3` is A-3. Ids of another form stay as they are."""
    bare = re.sub(r"\s+", " ", text).strip()
    found = re.fullmatch(rf"{register.id_prefix}[ \-–—_]*0*(\d+)", bare, re.IGNORECASE)
    return f"{register.id_prefix}-{found[1]}" if found else bare


def _number(code: str, register: Register) -> int:
    found = re.fullmatch(rf"{register.id_prefix}-(\d{{1,9}})", code)
    return int(found[1]) if found else 0


def repeats(row: Row, record: Record, register: Register) -> bool:
    """Does a row say the same as a known record: the same title, and the same day or year where one is required?"""
    same = bool(row.key) and plain(record.values.get(register.title, "")) == plain(row.key)
    return same and all(row.text(code) == record.values.get(code, "") for code in dating(register))


def dating(register: Register) -> tuple[str, ...]:
    """Fields that set apart records of one name: the day or year of what happened, where no span says how long it held."""
    if register.span is not None:
        return ()
    return tuple(entry.code for entry in register.fields if entry.required and entry.type in ("date", "year"))


def _refer(row: Row, lookups: Mapping[str, Lookup]) -> None:
    """Turn the references of a row into ids."""
    for code, value in row.values.items():
        entry = row.sheet.register.field(code)
        if entry is None or entry.type not in REFERRING or not value.pieces:
            continue
        lookup = lookups[entry.refers_to or ""]
        pieces = value.pieces
        if entry.several and len(pieces) == 1 and not lookup.id_of(pieces[0]):
            split = tuple(part.strip() for part in pieces[0].split(",") if part.strip())
            pieces = split if split and all(lookup.id_of(part) for part in split) else pieces
        strange = [piece for piece in pieces if not lookup.id_of(piece)]
        if strange:
            row.values[code] = Value(problem=UNKNOWN_REFERENCE, details=_unknown(strange, lookup), pieces=pieces)
        else:
            row.values[code] = Value(SEPARATOR.join(dict.fromkeys(lookup.id_of(piece) for piece in pieces)))


def _unknown(pieces: Sequence[str], lookup: Lookup) -> dict[str, str]:
    near = lookup.choices().nearest(pieces[0])
    offer = f"meinten Sie „{near}“?" if near else "möglich sind Name oder Kennung eines Eintrags."
    return {"found": "; ".join(pieces), "expected": near, "offer": offer}
