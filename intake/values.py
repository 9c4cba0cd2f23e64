"""What a cell says: a number, a table sign, or something that the sender has to be asked about."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from intake.reading import Cell
from schemas.definitions import SignProfile

LARGEST = Decimal(10) ** 12
_SPACES = re.compile(r"[\s\u00a0\u2007\u2009\u202f]+")
_MINUS = str.maketrans({"−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-"})
_THOUSANDS = re.compile(r"^\d{1,3}(?:[.']\d{3})+$")
_PLAIN = re.compile(r"^\d+$")
_DECIMAL_COMMA = re.compile(r"^(?:\d+|\d{1,3}(?:\.\d{3})+),\d+$")
_DECIMAL_POINT = re.compile(r"^(?:\d+|\d{1,3}(?:,\d{3})+)\.\d+$")


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
    """Read a number cell in the habit of one office (`profile`); `integer` says that only whole numbers make sense."""
    if cell.uncalculated:
        return Parsed(problem="V06")
    if cell.error:
        return Parsed(problem="V07", details={"found": cell.error})
    value = cell.value
    if isinstance(value, bool):
        return Parsed(problem="V12", details={"found": "WAHR" if value else "FALSCH"})
    if isinstance(value, date | datetime | time | timedelta):
        return Parsed(problem="V09", details={"found": _date_text(value)})
    if isinstance(value, float):
        number = Decimal(int(value)) if value.is_integer() else Decimal(repr(value))
        return _number(number, "ok", integer=integer)
    return _text(str(value), profile, integer=integer)


def _text(raw: str, profile: SignProfile, *, integer: bool) -> Parsed:
    shown = unicodedata.normalize("NFC", raw).strip()
    text = _SPACES.sub("", shown)
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
    number = _numeral(text.translate(_MINUS), integer=integer)
    if number is None:
        sign_like = len(text) <= 5 and not any(character.isdigit() for character in text)
        return Parsed(
            problem="V10" if sign_like else "V03", details={"found": shown, "allowed": allowed_signs(profile)}
        )
    parsed = _number(number, status, integer=integer)
    if not integer and not parsed.problem and _THOUSANDS.match(text) and text.count(".") == 1:
        return Parsed(parsed.value, parsed.status, "V08", {"found": shown, "expected": german(number)})
    return parsed


def _numeral(text: str, *, integer: bool) -> Decimal | None:
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


def _number(number: Decimal, status: str, *, integer: bool) -> Parsed:
    details = {"found": german(number)}
    if number < 0:
        return Parsed(problem="V04", details=details)
    if integer and number != number.to_integral_value():
        return Parsed(problem="V05", details=details)
    if number >= LARGEST:
        return Parsed(problem="V14", details=details)
    value = number.quantize(Decimal(1)) if number == number.to_integral_value() else number.quantize(Decimal("0.0001"))
    return Parsed(value, "zero" if value == 0 and status == "ok" else status)


def allowed_signs(profile: SignProfile) -> str:
    """The signs of a profile as a German list, the first variant of each."""
    return ", ".join(f"„{variants[0]}“" for variants in profile.signs.values())


def german(number: Decimal | float | None, decimals: int | None = None) -> str:
    """German number format: decimal comma, thousands set off by a thin no-break space; None gives an empty text."""
    if number is None:
        return ""
    exact = Decimal(str(number))
    if decimals is None:
        decimals = max(0, -int(exact.normalize().as_tuple().exponent)) if exact.is_finite() else 0
    return f"{exact:,.{decimals}f}".replace(",", "\u202f").replace(".", ",").replace("-", "−")


def _date_text(value: date | datetime | time | timedelta) -> str:
    if isinstance(value, date):
        return value.strftime("%d.%m.%Y")
    return str(value)
