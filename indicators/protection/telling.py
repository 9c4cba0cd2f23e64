"""What figures of the same sides and regions tell, worked out once for all years of a layout and read for many at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from indicators.protection.figure import Figure
from indicators.protection.forms import Linear
from indicators.protection.lattice import Array
from indicators.protection.layout import Layout, Spoken
from indicators.protection.problem import Whole, spans

SIDE, ZERO, REST, BELOW, TURNED = range(5)
"""Why a figure speaks of a form: as a side; as a side turned round of which everybody knows whether it is zero; as the remainder
of a share; as the same turned round; as a side turned round of a share whose remainder lies in several parts."""
QUOTIENT = 2
"""Sides of a quotient. A figure that tells more of them than that has parts, or strata."""
_NOT_COUNTED = -1
Values = npt.NDArray[Any]
"""Whole numbers; where some are none, whole numbers and fractions as objects."""


class Telling(NamedTuple):
    """What there is of the sides (`spoken`; nothing where only parts are told), the forms that are told, each once, and the form
    and scale of the remainder of a share. `number`: its place among all."""

    number: int
    sides: tuple[Linear, ...]
    spoken: Spoken
    told: tuple[int, ...]
    rest: int | None
    scale: int


class Entry(NamedTuple):
    """A form that a figure speaks of, with its scale. `back`: how many entries before it stands the form whose value decides
    whether it is spoken of. `whole`: its value is that of the side. `threshold`: from which count on it is no secret."""

    form: int
    scale: int
    side: int
    kind: int
    back: int = 0
    whole: bool = False
    threshold: int = _NOT_COUNTED


@dataclass
class Tellings:
    """All that figures tell by the forms of one layout; the sides of figures are told by identity."""

    layout: Layout
    entries: list[Entry] = field(default_factory=list)
    starts: list[int] = field(default_factory=lambda: [0])
    _found: dict[tuple[object, ...], Telling] = field(default_factory=dict)
    _rows: Whole = field(default_factory=lambda: np.empty((0, len(Entry._fields)), dtype=np.int64))

    def of(self, figure: Figure, year: int) -> Telling:
        """What the figure tells in a year of the layout."""
        which = (id(figure.sides), figure.regions, year, figure.share, figure.counted)
        found = self._found.get(which)
        if found is None:
            found = self._found[which] = self._telling(figure, year)
        return found

    def columns(self) -> tuple[Whole, Whole]:
        """Where the entries of each telling start (and where the last ends), and a row of numbers for each entry."""
        new = np.array(self.entries[len(self._rows) :], dtype=np.int64).reshape(-1, len(Entry._fields))
        if len(new):
            self._rows = np.concatenate([self._rows, new])
        return np.array(self.starts), self._rows

    def _telling(self, figure: Figure, year: int) -> Telling:
        layout = self.layout
        spoken: Spoken = ()
        if figure.counted or len(figure.sides) <= QUOTIENT:
            spoken = layout.spoken(figure.sides, figure.regions, year)
            own = [
                self._entry(
                    side.form, n, SIDE, whole=side.whole, threshold=side.threshold if figure.counted else _NOT_COUNTED
                )
                for n, side in enumerate(spoken)
                if side.form is not None
            ]
        else:
            parts = layout.told_parts(figure.sides, figure.regions, year)
            own = [self._entry(form, 0, SIDE) for form in parts]
        told = tuple(dict.fromkeys(entry.form for entry in own))
        if figure.counted and layout.policy.rules.zeros == "published":
            for entry in own.copy():
                turned = layout.turned(figure.sides[entry.side], figure.regions, year)
                own.append(self._entry(turned, entry.side, ZERO, back=len(own) - own.index(entry)))
        rest, scale = None, 1
        if figure.share and len(figure.sides) == QUOTIENT:
            left = layout.rest(figure.sides, spoken, figure.regions, year)
            rest, scale = left.form, left.scale
            if rest is not None:
                own.append(self._entry(rest, 0, REST, threshold=max(side.threshold for side in spoken)))
                own.append(self._entry(left.below, 0, BELOW, back=1))
            own += [self._entry(form, n, TURNED) for n, form in enumerate(left.turned) if form is not None]
        self.entries += own
        self.starts.append(len(self.entries))
        return Telling(len(self.starts) - 2, figure.sides, spoken, told, rest, scale)

    def _entry(self, form: int | None, side: int, kind: int, **more: Any) -> Entry:
        assert form is not None
        return Entry(form, self.layout.forms[form].scale, side, kind, **more)


class Said:
    """Everything that some figures speak of, figure after figure. `number`: of the form in the order in which figures come to
    speak of it, -1 where none does; `truth`: its value; `forms` and `truths`: the same of each form once, in that order.

    `figure`: whose entry it is; `own` and `there`: the value of its side and whether it has one; `left`: what the
    denominator has more than the numerator. The value of a form is what the first figure says that has all of it, else
    what the start table says.
    """

    def __init__(self, tellings: Tellings, figures: Sequence[Figure], told: Sequence[Telling], start: Array) -> None:
        starts, entries = tellings.columns()
        numbers = np.fromiter((one.number for one in told), np.int64, len(told))
        begin, end = starts[numbers], starts[numbers + 1]
        form, scale, self.side, self.kind, back, whole, self.threshold = entries[spans(begin, end)].T
        self.figure = np.repeat(np.arange(len(figures)), end - begin)
        self._read(figures)
        forms, first, place = np.unique(form, return_index=True, return_inverse=True)
        side, below = self.kind == SIDE, self.kind == BELOW
        value = np.where(side, self.own, np.where(below, -self.left, self.left))
        given = np.where(side, self.there & (whole > 0), below | (self.kind == REST))[first]
        truth = value[first] * scale[first]
        truth[~given] = _sums(tellings.layout, forms[~given], start)
        self.truth = truth[place]
        spoken = self._spoken(self.truth[np.arange(len(form)) - back])
        seen = np.full(len(forms), len(form))
        seen[place[spoken[::-1]]] = spoken[::-1]  # of all places of a form the first is written last
        order = np.argsort(seen)[: np.count_nonzero(seen < len(form))]
        number = np.full(len(forms), -1)
        number[order] = np.arange(len(order))
        self.number = number[place]
        self.forms: list[int] = forms[order].tolist()
        self.truths: list[Any] = truth[order].tolist()

    def _read(self, figures: Sequence[Figure]) -> None:
        values = [value for figure in figures for value in figure.values]
        sizes = np.fromiter((len(figure.values) for figure in figures), np.int64, len(figures))
        first = (np.cumsum(sizes) - sizes)[self.figure]
        there = np.array([value is not None for value in values], dtype=bool)
        number: Values = np.array([value or 0 for value in values])
        self.own, self.there = number[first + self.side], there[first + self.side]
        self.left = number[np.minimum(first + 1, len(number) - 1)] - number[first]

    def _spoken(self, decides: Values) -> Whole:
        """Entries of which the figures do speak: of a remainder only where there is one, of a side above zero where it is."""
        total = np.where(self.there, self.own, decides)
        never = (self.kind == BELOW) & (decides < 0) | (self.kind == TURNED) & (self.left < 0)
        return np.flatnonzero(~(never | (self.kind == ZERO) & (total <= 0)).astype(bool))

    def of(self, chosen: npt.NDArray[np.bool_]) -> list[int]:
        """The chosen entries that are spoken of."""
        found: list[int] = np.flatnonzero(chosen.astype(bool)).tolist()
        return found


def _sums(layout: Layout, forms: Whole, start: Array) -> Whole:
    """What the start table says of forms of the layout."""
    own = [layout.forms[n].form for n in forms.tolist()]
    if not own:
        return np.empty(0, dtype=np.int64)
    sizes = np.fromiter((len(form.atoms) for form in own), np.int64, len(own))
    values = start[np.concatenate([form.atoms for form in own])] * np.concatenate([form.factors for form in own])
    return np.add.reduceat(values, np.cumsum(sizes) - sizes).astype(np.int64)
