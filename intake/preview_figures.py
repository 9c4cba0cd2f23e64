"""How the figures of a preview are shown: rounded half up, with their signs, and the change that follows from what is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from intake.values import german
from schemas import definitions as d

_FIGURES = 1 << 14
"""How many texts of figures are kept: shares have few different ones."""
_NEAR = 1e-5
"""So near to half a step the multiplied number need not say on which side the figure itself lies."""
_LARGEST = 1e9
_STEPS, _ITSELF, _NONE = range(3)
"""What a figure is known by: the steps of its last decimal, the number itself, or that there is none."""
Real = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]
Objects = npt.NDArray[np.object_]


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
        self._kept: dict[tuple[float, int, bool, str, int], Shown] = {}
        self._changes = lru_cache(_FIGURES)(_signed)

    def of_status(self, values: Real, statuses: Objects, decimals: Numbers) -> tuple[list[Shown], Numbers]:
        """The different figures among values (not a number where there is none) with the signs of their statuses, and
        which of them stands in each place."""
        coded, different = pd.factorize(statuses, use_na_sentinel=False)
        return self._different(values, coded, [self._signs.get(status, "") for status in different], decimals)

    def shown(self, values: Real, signs: Sequence[str], decimals: Sequence[int]) -> list[Shown]:
        """Values with their signs, or the sign alone where there is none; an empty cell would be a question."""
        coded, different = pd.factorize(np.array(signs, object))
        shown, which = self._different(values, coded, different.tolist(), np.array(decimals, np.int64))
        return [shown[number] for number in which.tolist()]

    def _different(
        self, values: Real, coded: Numbers, signs: Sequence[str], decimals: Numbers
    ) -> tuple[list[Shown], Numbers]:
        """Those that are the same number of steps of their last decimal are written once."""
        if len(self._kept) > _FIGURES:
            self._kept.clear()
        multiplied = values * np.power(10.0, decimals)
        steps = np.rint(multiplied)
        half = np.abs(np.abs(multiplied - np.floor(multiplied)) - 0.5) < _NEAR
        unsure = half | (np.abs(multiplied) > _LARGEST) | ((steps == 0) & np.signbit(values))
        kind = np.where(np.isnan(values), _NONE, np.where(unsure, _ITSELF, _STEPS))
        number = np.select([kind == _STEPS, kind == _ITSELF], [steps, values], 0.0)
        which, first = distinct(pd.factorize(number)[0], kind, values == 0, coded, decimals)
        columns = (column[first].tolist() for column in (number, kind, values == 0, decimals, coded, values))
        found = []
        for steps_or_value, how, zero, places, sign, value in zip(*columns, strict=True):
            key = (steps_or_value, how, zero, signs[sign], places)
            one = self._kept.get(key)
            if one is None:
                one = self._kept[key] = self._shown(None if how == _NONE else value, signs[sign], places)
            found.append(one)
        return found, which

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


def distinct(*columns: npt.NDArray[np.integer | np.bool_]) -> tuple[Numbers, Numbers]:
    """For each row the number of what the columns, codes from zero on, say together; and where each number comes first."""
    together = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        together = pd.factorize(together * (int(column.max(initial=0)) + 1) + column)[0]
    return together, np.unique(together, return_index=True)[1]


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
