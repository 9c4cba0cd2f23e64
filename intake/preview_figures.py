"""How the figures of a preview are shown: rounded half up, with their signs, and the change that follows from what is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from intake.values import german
from schemas import definitions as d

if TYPE_CHECKING:
    import pandas as pd

_FIGURES = 1 << 14
"""How many texts of figures are kept: shares have few different ones."""
_NEAR = 1e-5
"""So near to half a step the multiplied number need not say on which side the figure itself lies."""
_LARGEST = 1e9
Real = npt.NDArray[np.float64]


class Shown(NamedTuple):
    """A figure as it is shown: its text, the signs in it, the rounded number, None where there is none, and the text as it
    stands in a page."""

    text: str
    signs: tuple[str, ...]
    rounded: Decimal | None
    escaped: str


class Figures:
    """The figures of one page after the other: one that comes again is not written again."""

    def __init__(self, statuses: Mapping[str, d.Status]) -> None:
        self.nothing = (statuses["not_computable"].sign if "not_computable" in statuses else "") or "."
        self._signs: dict[object, str] = {code: entry.sign for code, entry in statuses.items()}
        self._kept: dict[tuple[float, bool, str, int], Shown] = {}
        self._changes = lru_cache(_FIGURES)(_signed)
        self._missing = lru_cache(_FIGURES)(lambda sign: self._shown(None, sign, 0))

    def of_status(self, values: Real, statuses: Sequence[object], decimals: Sequence[int]) -> list[Shown]:
        """Values (not a number where there is none) with the signs of their statuses."""
        return self.shown(values, [self._signs.get(status, "") for status in statuses], decimals)

    def shown(self, values: Real, signs: Sequence[str], decimals: Sequence[int]) -> list[Shown]:
        """Values with their signs, or the sign alone where there is none; an empty cell would be a question.

        Those that are the same number of steps of their last decimal are written once.
        """
        if len(self._kept) > _FIGURES:
            self._kept.clear()
        multiplied = values * np.power(10.0, decimals)
        steps = np.rint(multiplied)
        half = np.abs(np.abs(multiplied - np.floor(multiplied)) - 0.5) < _NEAR
        unsure = half | (np.abs(multiplied) > _LARGEST) | ((steps == 0) & np.signbit(values))
        steps[unsure] = np.inf
        found = []
        told = zip(values.tolist(), steps.tolist(), signs, decimals, strict=True)
        for value, step, sign, places in told:
            if step != step:  # not a number
                found.append(self._missing(sign))
            elif step == np.inf:
                found.append(self._shown(value, sign, places))
            else:
                key = (step, value == 0, sign, places)
                one = self._kept.get(key)
                if one is None:
                    one = self._kept[key] = self._shown(value, sign, places)
                found.append(one)
        return found

    def change(self, now: Shown, before: Shown, decimals: int) -> str:
        """Difference to last year as it follows from the shown values, with its sign; empty when there is none."""
        if now.rounded is None or before.rounded is None:
            return ""
        difference = now.rounded - before.rounded
        return self._changes(difference, decimals) if difference else _signed(difference, decimals)

    def _shown(self, value: float | None, sign: str, decimals: int) -> Shown:
        if value is None:
            return _of(sign, _signs(sign), None) if sign else _of(self.nothing, (self.nothing,), None)
        rounded = Decimal(str(value)).quantize(_step(decimals), ROUND_HALF_UP)
        if not sign:
            return _of(german(rounded, decimals), (), rounded)
        if value == 0:
            return _of(sign, _signs(sign), rounded)
        text, (_, closing, letter) = german(rounded, decimals), sign.partition(")")
        text = f"({text}) {letter.strip()}" if closing else f"{text} {sign}"
        return _of(text.strip(), _signs(sign), rounded)


def _of(text: str, signs: tuple[str, ...], rounded: Decimal | None) -> Shown:
    from markupsafe import escape  # with the templates

    return Shown(text, signs, rounded, str(escape(text)))


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


def numbers(column: pd.Series) -> Real:
    """The numbers of a column, not a number where there is none."""
    return column.to_numpy(dtype=float, na_value=np.nan)


def texts(column: pd.Series) -> list[str]:
    """The texts of a column, empty where there is none."""
    return [text if isinstance(text, str) else "" for text in column.tolist()]
