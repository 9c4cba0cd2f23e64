"""What a cell of a register says: canonical text by the type of its field, or the code of the finding why there is none.

Canonical text is what `schemas.shapes.Record` holds: dates `YYYY-MM-DD`, numbers with a point, `yes`/`no`, codes, several
entries separated by `;`. What a field refers to in another register is settled later, when all rows have their ids.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from urllib.parse import urlsplit

from intake.reading import Cell
from intake.register_choices import Choices, listed
from intake.values import LARGEST, german, numeral
from schemas.definitions_registers import NUMBERS, REFERRING, SEPARATOR, WHOLE, RecordField

TOO_LONG, UNKNOWN, BAD_DATE, BAD_NUMBER, OUT_OF_BOUNDS = "E03", "E04", "E05", "E06", "E07"
BAD_URL, BAD_MAIL, BAD_PHONE, FORMULA_SIGN, NOT_READ = "E08", "E09", "E10", "E11", "E12"
UNKNOWN_REFERENCE = "E13"

LONGEST = {"long_text": 4000, "url": 1000, "email": 254, "phone": 60}
LONGEST_TEXT = 500
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2200, 12, 31)
DATE_FORM = "TT.MM.JJJJ, zum Beispiel 01.09.2025"
_SERIALS = (20_000, 80_000)
"""Serial numbers of days that were typed into cells without a date format: 1954 to 2119."""

_EXCEL_ZERO = date(1899, 12, 30)
_MONTHS = ["jan", "feb", "mär", "apr", "mai", "jun", "jul", "aug", "sep", "okt", "nov", "dez"]
_DAY = re.compile(r"(\d{1,2})\.\s*(\d{1,2})\.\s*(\d{4}|\d{2})(?:[ T]+0?0:00(?::00)?)?")
_DAY_MONTH = re.compile(r"(\d{1,2})\.?\s*([a-zä]{3,9})\.?\s*(\d{4})", re.IGNORECASE)
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T]\d{2}:\d{2}(?::\d{2})?)?")
_BREAKS = re.compile(r"[;\n|]+")
_BLANKS = re.compile(r"[^\S\n]+")
_FORMULA = "=+-@"
_NOT_SHOWN = ("Cc", "Cf", "Cs", "Co", "Cn")
_EMPTY = frozenset("-–—−/.…") | {"...", "--"}
_CURRENCY = re.compile(r"€|eur(?:o)?\b|,-{1,2}$|,–$", re.IGNORECASE)
_MAIL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._%+'-]*@[A-Za-z0-9ÄÖÜäöüß-]+(?:\.[A-Za-z0-9ÄÖÜäöüß-]+)*\.[A-Za-z]{2,}")
_PHONE = re.compile(r"\+?[\d ()/.–-]{5,40}")
_HOST = re.compile(r"(?:[\wäöüß-]{1,63}\.)+[a-z]{2,}\.?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Value:
    """Canonical text, or the code of a finding; a finding may stand beside a text. `pieces`: references, as typed."""

    text: str = ""
    problem: str = ""
    details: dict[str, str] = field(default_factory=dict)
    pieces: tuple[str, ...] = ()


def read_value(cell: Cell, entry: RecordField, choices: Choices | None) -> Value:
    """Read one cell; an empty `Value` for a cell that says nothing (blanks or a lone dash)."""
    if cell.error or cell.uncalculated:
        return Value(problem=NOT_READ, details={"found": cell.error or "Formel ohne Ergebnis"})
    text = clean(cell.text, several_lines=entry.several or entry.type == "long_text")
    if not text or text in _EMPTY:
        return Value()
    longest = entry.max_length or LONGEST.get(entry.type, LONGEST_TEXT)
    if len(text) > longest and entry.type not in NUMBERS:
        details = {"found": f"{german(len(text))} Zeichen", "expected": f"höchstens {german(longest)} Zeichen"}
        return Value(text[:longest], TOO_LONG, details)
    if entry.type == "date":
        return _date(cell, text)
    if entry.type in NUMBERS:
        return _number(cell, text, entry)
    if entry.type in REFERRING:
        return Value(pieces=_pieces(text) if entry.several else (text,))
    if choices is not None:
        return _chosen(cell, text, entry, choices)
    return _text(text, entry)


def clean(text: str, *, several_lines: bool = False) -> str:
    """A text without control and format characters and with single blanks; line breaks only where they are meant."""
    normal = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    blanked = "".join(" " if unicodedata.category(c) == "Cc" and c != "\n" else c for c in normal)
    kept = "".join(c for c in blanked if unicodedata.category(c) not in _NOT_SHOWN or c == "\n")
    if not several_lines:
        kept = kept.replace("\n", " ")
    lines = [_BLANKS.sub(" ", line).strip() for line in kept.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _text(text: str, entry: RecordField) -> Value:
    if entry.type == "url":
        return _url(text)
    if entry.type == "email":
        if _MAIL.fullmatch(text):
            return Value(text)
        return Value(problem=BAD_MAIL, details={"found": text, "expected": "name@beispiel.de"})
    if entry.type == "phone":
        digits = sum(character.isdigit() for character in text)
        if _PHONE.fullmatch(text) and 4 <= digits <= 18:
            return Value(text)
        return Value(problem=BAD_PHONE, details={"found": text, "expected": "0611 123-45"})
    bare = text.lstrip(_FORMULA + " ")
    if bare == text:
        return Value(text)
    # a text that a spreadsheet program would take for a formula must not leave the house in a table
    return Value(bare, FORMULA_SIGN, {"found": text[: len(text) - len(bare)].strip()})


def _url(text: str) -> Value:
    """A web address, checked by its form alone: nothing is ever fetched. A missing `https://` is added."""
    full = (
        text if "://" in text or text.casefold().startswith(("mailto:", "javascript:", "data:")) else f"https://{text}"
    )
    wrong = Value(problem=BAD_URL, details={"found": text, "expected": "https://www.beispiel.de/seite"})
    try:
        parts = urlsplit(full)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return wrong
    strange = any(character.isspace() or character in '<>"{}|\\^`' for character in full)
    if strange or parts.scheme not in ("http", "https") or "@" in parts.netloc or not _HOST.fullmatch(host):
        return wrong
    return Value(full)


def _date(cell: Cell, text: str) -> Value:
    day = _day(cell, text)
    if day is not None and FIRST_DAY <= day <= LAST_DAY:
        return Value(day.isoformat())
    return Value(problem=BAD_DATE, details={"found": text, "expected": DATE_FORM})


def _day(cell: Cell, text: str) -> date | None:
    value = cell.value
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if isinstance(value, float) and value.is_integer() and _SERIALS[0] <= value <= _SERIALS[1]:
        return _EXCEL_ZERO + timedelta(days=int(value))
    try:
        if found := _DAY.fullmatch(text):
            year = int(found[3])
            return date(year if year > 99 else year + (2000 if year < 70 else 1900), int(found[2]), int(found[1]))
        if found := _ISO.fullmatch(text):
            return date(int(found[1]), int(found[2]), int(found[3]))
        if (found := _DAY_MONTH.fullmatch(text)) and found[2][:3].casefold().replace("mrz", "mär") in _MONTHS:
            month = _MONTHS.index(found[2][:3].casefold().replace("mrz", "mär")) + 1
            return date(int(found[3]), month, int(found[1]))
    except ValueError:
        return None
    return None


def _number(cell: Cell, text: str, entry: RecordField) -> Value:
    whole = entry.type in WHOLE
    number = _decimal(cell, text, entry, whole=whole)
    if number is None or (whole and number != number.to_integral_value()) or abs(number) >= LARGEST:
        expected = "eine ganze Zahl" if whole else "eine Zahl"
        return Value(problem=BAD_NUMBER, details={"found": text, "expected": _bounds(entry) or expected})
    low, high = entry.minimum, entry.maximum
    if (low is not None and number < low) or (high is not None and number > high):
        shown = str(number) if entry.type == "year" else german(number)
        return Value(problem=OUT_OF_BOUNDS, details={"found": shown, "expected": _bounds(entry)})
    return Value(canonical_number(number, places=2 if entry.type == "money" else 4))


def _decimal(cell: Cell, text: str, entry: RecordField, *, whole: bool) -> Decimal | None:
    value = cell.value
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, date):
        return Decimal(value.year) if entry.type == "year" else None
    if not isinstance(value, str):
        return None
    bare = _CURRENCY.sub("", text) if entry.type == "money" else text
    return numeral(re.sub(r"\s+", "", bare).replace("−", "-").replace("–", "-"), integer=whole)


def _bounds(entry: RecordField) -> str:
    def shown(bound: int) -> str:
        return str(bound) if entry.type == "year" else german(bound)

    if entry.minimum is not None and entry.maximum is not None:
        return f"{shown(entry.minimum)} bis {shown(entry.maximum)}"
    if entry.minimum is not None:
        return f"mindestens {shown(entry.minimum)}"
    return f"höchstens {shown(entry.maximum)}" if entry.maximum is not None else ""


def canonical_number(number: Decimal, places: int = 4) -> str:
    """A number as the data hold it: rounded to `places`, with a point, without zeros at the end."""
    text = f"{round(number, places):f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) if number else "0"


def _pieces(text: str) -> tuple[str, ...]:
    return tuple(piece for piece in (part.strip() for part in _BREAKS.split(text)) if piece)


def _chosen(cell: Cell, text: str, entry: RecordField, choices: Choices) -> Value:
    if isinstance(cell.value, bool):
        text = "ja" if cell.value else "nein"
    if not entry.several:
        code = choices.code(text)
        return Value(code) if code else _unknown((text,), choices)
    pieces = _pieces(text)
    if len(pieces) == 1 and not choices.code(text) and "," in text:
        split = tuple(part.strip() for part in text.split(",") if part.strip())
        pieces = split if all(choices.code(part) for part in split) else pieces
    strange = tuple(piece for piece in pieces if not choices.code(piece))
    if strange:
        return _unknown(strange, choices)
    return Value(SEPARATOR.join(dict.fromkeys(choices.code(piece) for piece in pieces)))


def _unknown(pieces: tuple[str, ...], choices: Choices) -> Value:
    near = list(dict.fromkeys(filter(None, (choices.nearest(piece) for piece in pieces))))
    expected = listed(near or choices.listed)
    offer = f"meinten Sie {expected}?" if near else f"möglich ist: {expected}."
    return Value(problem=UNKNOWN, details={"found": "; ".join(pieces), "expected": expected, "offer": offer})
