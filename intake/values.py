"""What a cell says: a number, a table sign, or something that the sender has to be asked about."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from math import isfinite, nan

from intake.reading import Cell, CellValue
from schemas.definitions import SignProfile

LARGEST = Decimal(10) ** 12
LONGEST = 80
_MOST_READINGS = 1 << 15
_SPACES = re.compile(r"[\s\u00a0\u2007\u2009\u200b\u202f\u2060\ufeff]+")
_DASHES = "-−–—‐‑"
_MINUS = str.maketrans(dict.fromkeys(_DASHES, "-") | dict.fromkeys("’ʼ´`", "'"))
_THOUSANDS = re.compile(r"^\d{1,3}(?:[.']\d{3})+$")
_PLAIN = re.compile(r"^\d+$")
_DECIMAL_COMMA = re.compile(r"^(?:\d+|\d{1,3}(?:\.\d{3})+),\d+$")
_DECIMAL_POINT = re.compile(r"^(?:\d+|\d{1,3}(?:,\d{3})+)\.\d+$")


_DATE = re.compile(r"(?:\d{1,2}\.\d{1,2}\.(?:\d{2}|\d{4})?|\d{4}-\d{2}-\d{2})(?:T?\d{1,2}:\d{2}(?::\d{2})?)?")
_ABOUT = re.compile(
    r"(?:ca\.?|circa|etwa|rd\.?|rund|ungefähr|ungef\.?|geschätzt|knapp|über|unter|mehrals|wenigerals|mind\.?|mindestens"
    r"|max\.?|maximal|höchstens|bis|[~≈<>≤≥±]=?)-?\d.*|\d[\d.,]*(?:-|bis)\d[\d.,]*|\d[\d.,]*\+",
    re.IGNORECASE,
)
_MARKED = re.compile(r"\(?-?\d[\d.,']*\)?(?:\*+|[¹²³⁰⁴-⁹]+\)?|[1-9]\)|\[\w{1,3}\]|[†‡#])|\*+\)?")
_NON_VALUES = {
    "not_delivered": "ka kangabe keineangabe keineangaben oa oangabe ohneangabe keinedaten nichtgeliefert nichterhoben"
    " nichterfasst wirdnichterfasst wirdnichterhoben",
    "not_available_at_level": "nv nichtverfügbar nichtvorhanden nichtermittelbar na nn #nv #na nb nichtbekannt",
    "not_applicable": "entf entfällt entfaellt nichtzutreffend trifftnichtzu nz nichtrelevant gesperrt",
    "unknown_or_secret": "unbekannt unbek",
    "secret": "geheim geheimhaltung gesperrtwegengeheimhaltung datenschutz anonymisiert",
    "pending": "folgt wirdnachgereicht liegtnochnichtvor nochnichtbekannt offen inarbeit",
    "zero": "keine keiner keines null nichts kein 0fälle",
}
_MEANT = {word: status for status, words in _NON_VALUES.items() for word in words.split()}
_INSTEAD = {"unknown_or_secret": "secret", "secret": "unknown_or_secret"}
_PUNCTUATION = re.compile(r"[.\-/_()\[\]]+")


_ORDINARY = Cell(0, 0, None)[3:]
"""What a cell says beside its place and value when there is nothing to say."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """Value and status of a cell, or the code of the finding that says why there is none.

    `details` fill the placeholders of the finding's message. A finding may stand beside a value (V08).
    """

    value: Decimal | None = None
    status: str = ""
    problem: str = ""
    details: dict[str, str] = field(default_factory=dict)


def parse_cell(cell: Cell, profile: SignProfile, *, integer: bool) -> Parsed:
    """Read a number cell in the habit of one office (`profile`); `integer` says that only whole numbers make sense.

    What the sender sees counts: a value that the number format hides is secret, one in brackets is of limited
    reliability. A cell has one finding, the gravest; that it is hidden is said only where there is nothing else.
    """
    value = cell.value
    if type(value) is float and 0 <= value < 1e12 and value.is_integer() and cell[3:] == _ORDINARY:
        return Parsed(*whole(value)[:2])
    parsed = _seen(cell, profile, integer=integer)
    if parsed.problem not in ("", "V18") or not parsed.status:
        return parsed
    if cell.hidden:
        return replace(parsed, problem="V19", details={"found": _short(cell.text)})
    if cell.under_merge:
        return replace(parsed, problem="V23", details={"found": _short(cell.text)})
    return parsed


class Readings(dict[CellValue, tuple[Decimal | None, str, str, float]]):
    """Value, status and text of ordinary cells by the number or text in them, and the value as a floating-point number (`nan`
    where there is none): most were read before, in this workbook or in another one. KeyError where there is more to say than
    that. Not for bool, which Python takes for a number."""

    def __init__(self, profile: SignProfile, *, integer: bool) -> None:
        self.profile, self.integer = profile, integer

    def __missing__(self, value: CellValue) -> tuple[Decimal | None, str, str, float]:
        found = self._read(value)
        if len(self) >= _MOST_READINGS:
            self.clear()
        self[value] = found
        return found

    def _read(self, value: CellValue) -> tuple[Decimal | None, str, str, float]:
        if type(value) is float and 0 <= value < 1e12 and value.is_integer():
            number = int(value)  # as `whole`, which keeps some; here they are kept already
            return Decimal(number), "ok" if number else "zero", str(number), value
        cell = Cell(0, 0, value)
        parsed = parse_cell(cell, self.profile, integer=self.integer)
        if parsed.problem:
            raise KeyError(value)
        return parsed.value, parsed.status, cell.text, nan if parsed.value is None else float(parsed.value)


@lru_cache(maxsize=1 << 14)
def whole(value: float) -> tuple[Decimal, str, str]:
    """Value, status and text of an ordinary whole number from zero to below a million millions, as most values are."""
    number = int(value)
    return Decimal(number), "ok" if number else "zero", str(number)


def _seen(cell: Cell, profile: SignProfile, *, integer: bool) -> Parsed:
    """The cell as the sender sees it: through its number format."""
    if cell.masked is not None and not cell.error and cell.value is not None:
        if cell.value == 0 and cell.masked and set(cell.masked) <= set(_DASHES):
            return Parsed(Decimal(0), "zero")
        return Parsed(None, "secret", "V17", {"found": _short(cell.masked) or "(leer)"})
    if not isinstance(cell.value, float) or isinstance(cell.value, bool):
        return _stored(cell, profile, integer=integer)
    if cell.percent and integer:
        return Parsed(problem="V16", details={"found": f"{german(round(cell.value * 100, 6))}\u202f%"})
    if not cell.bracketed:
        return _stored(cell, profile, integer=integer)
    parsed = _stored(cell._replace(value=abs(cell.value)), profile, integer=integer)
    if parsed.problem or parsed.value is None:
        return parsed
    return Parsed(parsed.value, profile.brackets, "V18", {"found": f"({german(parsed.value)})"})


def _stored(cell: Cell, profile: SignProfile, *, integer: bool) -> Parsed:
    """The cell as the file stores it."""
    if cell.uncalculated:
        return Parsed(problem="V06")
    if cell.error:
        return Parsed(problem="V07", details={"found": _short(cell.error)})
    value = cell.value
    if isinstance(value, bool):
        return Parsed(problem="V12", details={"found": "WAHR" if value else "FALSCH"})
    if isinstance(value, date | datetime | time | timedelta):
        return Parsed(problem="V09", details={"found": _date_text(value)})
    if isinstance(value, float) and isfinite(value):
        number = Decimal(int(value)) if value.is_integer() else Decimal(repr(value))
        return _number(number, "ok", integer=integer)
    return _text(str(value), profile, integer=integer)


def _text(raw: str, profile: SignProfile, *, integer: bool) -> Parsed:
    shown = unicodedata.normalize("NFC", raw[: LONGEST * 2]).strip()
    text = _SPACES.sub("", shown)
    if len(shown) > LONGEST:
        return Parsed(problem="V03", details={"found": _short(shown)})
    for status, variants in profile.signs.items():
        if shown in variants or text in variants:
            return Parsed(Decimal(0) if status in ("zero", "rounded_to_zero") else None, status)
    status = "ok"
    if text.startswith("(") and text.endswith(")"):
        text, status = text[1:-1], profile.brackets
    for suffix, marked in profile.suffixes.items():
        if len(text) > 1 and text.endswith(suffix) and text[-2].isdigit():
            text, status = text[: -len(suffix)], marked
    if text.endswith("%"):
        return Parsed(problem="V16", details={"found": shown})
    number = numeral(text.translate(_MINUS).removeprefix("'"), integer=integer)
    if number is None:
        return _no_number(shown, text, profile)
    parsed = _number(number, status, integer=integer)
    if not integer and not parsed.problem and _THOUSANDS.match(text) and text.count(".") == 1:
        return Parsed(parsed.value, parsed.status, "V08", {"found": shown, "expected": german(number)})
    return parsed


def _no_number(shown: str, text: str, profile: SignProfile) -> Parsed:
    """The finding for a text that is neither number nor sign: as specific as the text allows."""
    details = {"found": shown, "allowed": allowed_signs(profile)}
    meant = _MEANT.get(_PUNCTUATION.sub("", text).casefold())
    sign = next((profile.signs[s][0] for s in (meant, _INSTEAD.get(meant or "")) if s in profile.signs), "")
    if sign:
        return Parsed(problem="V22", details={**details, "expected": sign})
    if _DATE.fullmatch(text):
        return Parsed(problem="V09", details=details)
    if _MARKED.fullmatch(text):
        return Parsed(problem="V21", details={**details, "expected": _secret_sign(profile)})
    if _ABOUT.fullmatch(text.translate(_MINUS)):
        return Parsed(problem="V20", details={**details, "expected": _secret_sign(profile)})
    sign_like = len(text) <= 5 and not any(character.isdigit() for character in text)
    return Parsed(problem="V10" if sign_like else "V03", details=details)


def _secret_sign(profile: SignProfile) -> str:
    """The sign for a value that must be kept secret."""
    signs = profile.signs
    return next(
        (signs[status][0] for status in ("secret", "unknown_or_secret", "not_delivered") if status in signs), ""
    )


def numeral(text: str, *, integer: bool) -> Decimal | None:
    """A numeral in German or English notation, or None. `1.234` is a thousand wherever only whole numbers make sense."""
    negative = text.startswith("-")
    body = text[1:] if negative else text
    if _PLAIN.match(body):
        number = Decimal(body)
    elif _THOUSANDS.match(body):
        number = Decimal(re.sub(r"[.']", "", body))
    elif _DECIMAL_COMMA.match(body):
        if integer and re.fullmatch(r"\d{1,3}(?:,\d{3})+", body):
            number = Decimal(body.replace(",", ""))
        else:
            number = Decimal(body.replace(".", "").replace(",", "."))
    elif _DECIMAL_POINT.match(body):
        number = Decimal(body.replace(",", ""))
    else:
        return None
    return -number if negative else number


_UNIT, _FINEST = Decimal(1), Decimal("0.0001")


def _number(number: Decimal, status: str, *, integer: bool) -> Parsed:
    whole = number.to_integral_value()
    problem = "V04" if number < 0 else "V05" if integer and number != whole else "V14" if number >= LARGEST else ""
    if problem:
        return Parsed(problem=problem, details={"found": _short(german(number))})
    value = number.quantize(_UNIT) if number == whole else number.quantize(_FINEST)
    return Parsed(value, "zero" if value == 0 and status == "ok" else status)


def allowed_signs(profile: SignProfile) -> str:
    """The signs of a profile as a German list, the first variant of each."""
    return ", ".join(f"„{variants[0]}“" for variants in profile.signs.values())


def german(number: Decimal | float | None, decimals: int | None = None) -> str:
    """German number format: decimal comma, thousands set off by a thin no-break space; None gives an empty text."""
    if number is None:
        return ""
    exact = number if isinstance(number, Decimal) else Decimal(str(number))
    if decimals is None:
        decimals = max(0, -int(exact.normalize().as_tuple().exponent)) if exact.is_finite() else 0
    return f"{exact:,.{decimals}f}".replace(",", "\u202f").replace(".", ",").replace("-", "−")


def _short(text: str) -> str:
    """A text as it can stand in a sentence."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _date_text(value: date | datetime | time | timedelta) -> str:
    if isinstance(value, date):
        return value.strftime("%d.%m.%Y")
    return str(value)
