"""Notice a sheet with one row per person before anything of it is kept.

Heuristics assist, they do not prove: the closed schema of form and layouts is what keeps such data out of the warehouse.
What is noticed here is not even archived. Two kinds of evidence: headers that only lists of people have, and columns of
many different birth dates, e-mail addresses or full names. The finding never repeats what it found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from intake.cells import Cell, Row, column_letters
from intake.reading import Workbook
from intake.sheets import Sheet

REFUSED = "F11"
NOT_KEPT = frozenset({REFUSED})
"""Codes of findings whose file is neither archived nor put into quarantine; only its checksum is kept."""

MIN_ROWS = 3
MIN_VALUES = 8
MIN_ADDRESSES = 5
MAX_HEADER_ROW = 200
ENOUGH = 3
LONGEST_HEADER = 60
LONGEST_KNOWN = 200

_LETTERS = re.compile(r"[^a-zäöüß]+")
_HEADERS = (
    ("Namen", 1, "name namen vollständigername"),
    (
        "Namen",
        2,
        "vorname vornamen rufname nachname familienname zuname geburtsname vorundnachname namevorname vornamename",
    ),
    ("Geburtsdaten", 2, "geburtsdatum gebdatum geburtstag geb gebdat datumdergeburt dateofbirth"),
    (
        "Anschriften",
        1,
        "straße strasse straßehausnummer straßeundhausnummer straßenr anschrift adresse wohnanschrift wohnort",
    ),
    ("Kontaktdaten", 1, "email emailadresse mail telefon telefonnummer tel handy mobil mobilnummer handynummer"),
    (
        "Kennnummern",
        2,
        "azr azrnummer azrnr aktenzeichen ausweisnummer passnummer reisepassnummer personenkennziffer personennummer"
        " steuerid steueridentifikationsnummer sozialversicherungsnummer svnummer rentenversicherungsnummer iban"
        " kundennummer fallnummer bgnummer versichertennummer",
    ),
    ("Staatsangehörigkeiten", 1, "staatsangehörigkeit staatsangehoerigkeit nationalität geburtsort geburtsland"),
)
_KINDS = {word: (kind, weight) for kind, weight, words in _HEADERS for word in words.split()}
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_WORD = r"[A-ZÄÖÜÇŞİ][a-zäöüßçşığéèáà]+(?:-[A-ZÄÖÜ][a-zäöüß]+)?"
_LAST_FIRST = re.compile(rf"(?P<last>{_WORD}(?: {_WORD})?), ?(?P<first>{_WORD}(?: {_WORD})?)")
_FIRST_LAST = re.compile(rf"(?P<first>{_WORD}) (?P<last>{_WORD})")
_DATE = re.compile(r"(\d{1,2})\.(\d{1,2})\.(19\d\d|20\d\d)|(19\d\d|20\d\d)-(\d\d)-(\d\d)")
_TERRITORY = re.compile(
    r"stadt|kreis|gemeinde|land|bezirk|region|markt|flecken|hanse|samt|insel|bad|sankt|republik|staat|königreich|union"
    r"|insgesamt|sonstige|übrige|männlich|weiblich|anteil|anzahl",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class PersonalData:
    """Where a list of people stands and what kinds of facts it holds; never a fact itself, nor the sheet's name."""

    sheet_number: int
    cell: str
    kinds: tuple[str, ...]
    rows: int

    @property
    def details(self) -> dict[str, str]:
        """What fills the message of the finding."""
        place = f"{self.sheet_number}. Blatt, ab Zelle {self.cell}"
        return {"found": ", ".join(self.kinds), "place": place}


def personal_rows(workbook: Workbook) -> PersonalData | None:
    """The first list of people in the workbook, hidden sheets included; None when there is none."""
    for number, sheet in enumerate(workbook.sheets, start=1):
        found = (_by_headers(number, sheet) or _by_values(number, sheet)) if _looks(sheet) else None
        if found:
            return found
    return None


def _by_headers(number: int, sheet: Sheet) -> PersonalData | None:
    """A row of headers of several kinds, at least one of which only a person has, and filled rows below it."""
    looks = _looks(sheet).items()
    headers = [(row, found) for row, (found, _) in looks if row <= MAX_HEADER_ROW and len(found) > 1]
    for row, columns in sorted(headers):
        weights: dict[str, int] = {}
        for kind, weight in columns.values():
            weights[kind] = max(weight, weights.get(kind, 0))
        names = sum(kind == "Namen" and weight == 2 for kind, weight in columns.values())
        score = sum(weights.values()) + (names > 1)
        if score >= ENOUGH and max(weights.values()) > 1:
            rows = _filled_below(sheet, row, columns)
            if rows >= MIN_ROWS:
                return PersonalData(number, f"{column_letters(min(columns))}{row}", tuple(weights), rows)
    return None


def _header_kind(text: str) -> tuple[str, int] | None:
    """What kind of facts a header announces, and how much that says."""
    return _KINDS.get(_LETTERS.sub("", text.casefold()))


def _filled_below(sheet: Sheet, header: int, columns: Mapping[int, object]) -> int:
    """Rows below the header that have texts or dates in at least two of the columns."""
    filled: dict[int, int] = {}
    for cell in sheet.cells.values():
        if cell.row > header and cell.column in columns:
            filled[cell.row] = filled.get(cell.row, 0) + 1
    return sum(count > 1 for count in filled.values())


def _by_values(number: int, sheet: Sheet) -> PersonalData | None:
    """A column of many different birth dates, e-mail addresses or full names."""
    wanted = _worth_a_look(sheet)
    if not wanted:
        return None
    columns: dict[int, list[Cell]] = {}
    for row in sheet.rows.values():
        for cell in row.cells:
            if cell.column in wanted and isinstance(cell.value, (str, date)):
                columns.setdefault(cell.column, []).append(cell)
    tests: tuple[tuple[str, Callable[[list[Cell]], int]], ...] = (
        ("Kontaktdaten", _mail_addresses),
        ("Geburtsdaten", _birth_dates),
        ("Namen", _full_names),
    )
    for cells in columns.values():
        if len(cells) < MIN_ADDRESSES:
            continue
        for kind, test in tests:
            rows = test(cells)
            if rows:
                first = min(cells, key=lambda cell: cell.row)
                return PersonalData(number, first.address, (kind,), rows)
    return None


def _worth_a_look(sheet: Sheet) -> set[int]:
    """Columns that have so many cells of one kind that the tests could find something; nearly all sheets have none."""
    counts: dict[tuple[int, str], int] = {}
    for _, signs in _looks(sheet).values():
        for sign in signs:
            counts[sign] = counts.get(sign, 0) + 1
    return {column for (column, kind), count in counts.items() if count >= _LEAST[kind]}


_LEAST = {"mail": MIN_ADDRESSES, "day": MIN_VALUES, "last_first": MIN_VALUES, "first_last": MIN_VALUES}
_Look = tuple[dict[int, tuple[str, int]], list[tuple[int, str]]]
"""Of one row: the kinds of facts that it announces, by column; column and kind of every cell that a test would count."""


def _looks(sheet: Sheet) -> dict[int, _Look]:
    """The rows that have anything of that, by number."""
    found: dict[int, _Look] | None = sheet.derived.get("looks")
    if found is None:
        found = sheet.derived["looks"] = {}
        for said in sheet.outlines:  # numbers announce nothing and are no days
            if isinstance(said, Row):
                if look := _look(said):
                    found[said.number] = look
            else:
                if "looks" not in said.derived:
                    rows = said.rows.values()
                    said.derived["looks"] = {row.number: look for row in rows if (look := _look(row))}
                found |= said.derived["looks"]
    return found


def _look(row: Row) -> _Look | None:
    """What one row has of that; of a row that many workbooks have it is known."""
    found: _Look | None = row.derived["look"] if "look" in row.derived else _new_look(row)
    return found


def _new_look(row: Row) -> _Look | None:
    headers: dict[int, tuple[str, int]] = {}
    signs: list[tuple[int, str]] = []
    said = [(c, v) for c, v in zip(row.layout.columns, row.values, strict=True) if type(v) is not float]
    for column, value in said:  # most cells of a form are numbers
        if isinstance(value, str):
            header, kinds = (_known_text if len(value) < LONGEST_KNOWN else _text)(value)
            if header and len(value) < LONGEST_HEADER:
                headers[column] = header
            signs += [(column, kind) for kind in kinds]
        elif isinstance(value, date):
            signs.append((column, "day"))
    look = (headers, signs) if headers or signs else None
    if row.common:
        row.derived["look"] = look
    return look


def _text(value: str) -> tuple[tuple[str, int] | None, tuple[str, ...]]:
    """What a text announces as a header, and what it may count as in a column."""
    text = value.strip()
    kinds = {
        "mail": "@" in text and bool(_MAIL.fullmatch(text.casefold())),
        "day": text[:1].isdigit() and bool(_DATE.fullmatch(text)),
        "last_first": "," in text and bool(_LAST_FIRST.fullmatch(text)) and not _TERRITORY.search(text),
        "first_last": " " in text and bool(_FIRST_LAST.fullmatch(text)) and not _TERRITORY.search(text),
    }
    return _header_kind(value), tuple(kind for kind, is_one in kinds.items() if is_one)


_known_text = lru_cache(maxsize=1 << 14)(_text)


def _mail_addresses(cells: list[Cell]) -> int:
    found = {cell.value.strip().casefold() for cell in cells if isinstance(cell.value, str) and "@" in cell.value}
    count = sum(bool(_MAIL.fullmatch(text)) for text in found)
    return count if count >= MIN_ADDRESSES else 0


def _birth_dates(cells: list[Cell]) -> int:
    """Days spread over many years, months and days and in no order; reference days and time series are none of it."""
    if sum(map(_may_be_day, cells)) < MIN_VALUES:
        return 0
    days = list(_days(cells))
    if len(days) < MIN_VALUES or len(set(days)) * 5 < len(days) * 4:
        return 0
    spread = max(days).year - min(days).year >= 10 and len({day.day for day in days}) >= min(len(days) // 2, 10)
    return len(days) if spread and days not in (sorted(days), sorted(days, reverse=True)) else 0


def _days(cells: Iterable[Cell]) -> Iterator[date]:
    for cell in sorted(filter(_may_be_day, cells), key=lambda cell: cell.row):
        if isinstance(cell.value, datetime):
            yield cell.value.date()
        elif isinstance(cell.value, date):
            yield cell.value
        elif isinstance(cell.value, str) and (found := _DATE.fullmatch(cell.value.strip())):
            day, month, year, year_first, month_first, day_first = (int(part or 0) for part in found.groups())
            try:
                yield date(year or year_first, month or month_first, day or day_first)
            except ValueError:
                continue


def _may_be_day(cell: Cell) -> bool:
    value = cell.value
    return value.lstrip()[:1].isdigit() if isinstance(value, str) else isinstance(value, date)


def _full_names(cells: list[Cell]) -> int:
    """“Last, First” or “First Last” in most cells of a column: varied on both sides, and no additions to place names."""
    texts = {cell.value.strip() for cell in cells if isinstance(cell.value, str)}
    for pattern, between, share in ((_LAST_FIRST, ",", 0.6), (_FIRST_LAST, " ", 0.9)):
        least = max(MIN_VALUES, share * (len(texts) - 1))
        possible = [text for text in texts if between in text]  # most columns have no two names in a cell
        if len(possible) < least:
            continue
        found = [match for text in possible if (match := pattern.fullmatch(text)) and not _TERRITORY.search(text)]
        varied = all(len({match[side] for match in found}) * 2 >= len(found) for side in ("first", "last"))
        if len(found) >= least and varied:
            return len(found)
    return 0
