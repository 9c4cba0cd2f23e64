"""How the figures of a preview are shown: rounded half up, with their signs, and the change that follows from what is shown."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from intake.values import german
from schemas import definitions as d

if TYPE_CHECKING:
    import pandas as pd

_FIGURES = 1 << 12
"""How many texts of figures are kept: what stands on one page, and once more on the next as last year's."""


class Shown(NamedTuple):
    """A figure as it is shown: its text, the signs in it, and the rounded number, None where there is none."""

    text: str
    signs: tuple[str, ...]
    rounded: Decimal | None


class Figures:
    """The figures of one page after the other: one that comes again is not written again."""

    def __init__(self, statuses: Mapping[str, d.Status]) -> None:
        self.nothing = (statuses["not_computable"].sign if "not_computable" in statuses else "") or "."
        self._signs: dict[object, str] = {code: entry.sign for code, entry in statuses.items()}
        self._kept = lru_cache(_FIGURES)(self._shown)
        self._changes = lru_cache(_FIGURES)(_signed)

    def of_status(self, value: float | None, status: object, decimals: int) -> Shown:
        """A value with the sign of its status."""
        return self.shown(value, self._signs.get(status, ""), decimals)

    def shown(self, value: float | None, sign: str, decimals: int) -> Shown:
        """A value with its sign, or the sign alone; an empty cell would be a question."""
        # what is kept does not tell 0 from -0
        return self._kept(value, sign, decimals) if value else self._shown(value, sign, decimals)

    def change(self, now: Shown, before: Shown, decimals: int) -> str:
        """Difference to last year as it follows from the shown values, with its sign; empty when there is none."""
        if now.rounded is None or before.rounded is None:
            return ""
        difference = now.rounded - before.rounded
        return self._changes(difference, decimals) if difference else _signed(difference, decimals)

    def _shown(self, value: float | None, sign: str, decimals: int) -> Shown:
        if value is None:
            return Shown(sign, _signs(sign), None) if sign else Shown(self.nothing, (self.nothing,), None)
        rounded = Decimal(str(value)).quantize(_step(decimals), ROUND_HALF_UP)
        if not sign:
            return Shown(german(rounded, decimals), (), rounded)
        if value == 0:
            return Shown(sign, _signs(sign), rounded)
        text, (_, closing, letter) = german(rounded, decimals), sign.partition(")")
        text = f"({text}) {letter.strip()}" if closing else f"{text} {sign}"
        return Shown(text.strip(), _signs(sign), rounded)


@cache
def _signs(text: str) -> tuple[str, ...]:
    """The single signs of what stands for a status: “( ) p” is two, limited and provisional."""
    brackets, closing, letter = text.partition(")")
    parts = (brackets + closing, letter.strip()) if closing else (text,)
    return tuple(part for part in parts if part)


@cache
def _step(decimals: int) -> Decimal:
    return Decimal(1).scaleb(-decimals)


def _signed(difference: Decimal, decimals: int) -> str:
    text = german(difference, decimals)
    return f"+{text}" if difference > 0 else text


def numbers(column: pd.Series) -> list[float | None]:
    """The numbers of a column, None where there is none."""
    found = column.to_numpy(dtype=float, na_value=math.nan).tolist()
    return [None if math.isnan(number) else number for number in found]


def texts(column: pd.Series) -> list[str]:
    """The texts of a column, empty where there is none."""
    return [text if isinstance(text, str) else "" for text in column.tolist()]
