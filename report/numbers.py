"""Numbers as people write them, in German and in English. Rounded half up, once, on the written decimal."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

THIN_SPACE = "\u2009"
MINUS = "\u2212"
_KNOWN = 1 << 16
"""So many numbers are remembered: rates repeat themselves all over a report."""


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """Decimal mark and thousands separator of a language."""

    decimal_mark: str
    thousands: str

    def text(self, value: float, decimals: int) -> str:
        """`-1234.5` -> `−1 234,5`. Only negative numbers carry a sign, and zero never does."""
        return _text(value, decimals, self.decimal_mark, self.thousands)


@lru_cache(_KNOWN)
def _text(value: float, decimals: int, decimal_mark: str, thousands: str) -> str:
    rounded = quantized(value, decimals)
    plain = f"{abs(rounded):,.{decimals}f}"
    marks = str.maketrans({",": thousands, ".": decimal_mark})
    return (MINUS if rounded < 0 else "") + plain.translate(marks)


FORMATS = {"de": NumberFormat(",", THIN_SPACE), "en": NumberFormat(".", ",")}


@lru_cache(_KNOWN)
def quantized(value: float, decimals: int) -> Decimal:
    """Half up on the decimal notation of the number, as in official statistics; 0.25 -> 0.3, not 0.2. Zero has no sign."""
    return Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP) + 0


@lru_cache(_KNOWN)
def exact(value: float | None) -> Decimal | None:
    """A count or sum as published, without an exponent and without zeros at the end of the decimals."""
    if value is None:
        return None
    number = Decimal(repr(float(value))) + 0
    whole = number.to_integral_value()
    return whole.quantize(Decimal(1)) if number == whole else number.normalize()


def rounded(value: float, decimals: int) -> float:
    """The number that a reader sees, as a float."""
    return float(quantized(value, decimals))


def with_sign(number: str, sign: str) -> str:
    """A number together with its table sign.

    `( )` brackets the number, a letter follows it (`( ) p` does both), and any other sign (nothing, rounded to zero)
    stands in its place.
    """
    if not sign:
        return number
    if is_bracket(sign):
        letter = sign.partition(")")[2].strip()
        return f"({number})\u00a0{letter}" if letter else f"({number})"
    return f"{number}\u00a0{sign}" if sign.isalpha() else sign


def is_bracket(sign: str) -> bool:
    """Is the sign a pair of brackets around the number, with or without a letter behind them?"""
    return sign.replace(" ", "").startswith("()")
