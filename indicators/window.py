"""Which years a computation has to look at when only some of them changed.

A formula may look back some years (`lag`), and what it says in one year is one of the pieces that protect another one. From
the years that changed follows, step by step, which figures may be others than before, which parts of the release have to be
decided, and what has to be read so that all of this comes out as if everything were computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import duckdb

_LEAST = 4
"""Below one year in so many that stays outside a window is not worth what it costs."""
_GAP_BEFORE = 1
"""A gap stands beside that of the year before (`indicators.gaps`)."""

Years = frozenset[int]


class TooNarrow(Exception):
    """Something outside the window turned out to be concerned: everything has to be computed."""


@dataclass(frozen=True)
class Window:
    """`changed`: years of which anything that was delivered is not as it was; `lag`: how far back any formula looks."""

    changed: Years
    lag: int
    changeable: Years = field(init=False)
    """Years of parts of the release of which anything may be told or decided otherwise."""
    made: Years = field(init=False)
    """Years whose figures and gaps are made again, complete and protected; of all others the stored rows stay."""
    decided: Years = field(init=False)
    """Years of parts whose decisions say what is hidden of these figures."""
    told: Years = field(init=False)
    """Years of the figures that enter these decisions."""
    read: Years = field(init=False)
    """Years of the cells that these figures are made of."""

    def __post_init__(self) -> None:
        def note(name: str, years: Years) -> Years:
            object.__setattr__(self, name, years)
            return years

        taking = _around(self.changed, after=self.lag)
        changeable = note("changeable", _around(taking, before=self.lag))
        hidden = _around(changeable, after=self.lag)
        made = note("made", _around(hidden, before=_GAP_BEFORE, after=_GAP_BEFORE))
        decided = note("decided", _around(made, before=self.lag))
        told = note("told", _around(decided, after=self.lag))
        note("read", _around(told, before=self.lag))

    @property
    def beside(self) -> Years:
        """The years of `made` whose gaps are complete: the first one lacks the year before it."""
        return frozenset(year for year in self.made if year - _GAP_BEFORE in self.made)


def window_of(changed: Years | None, years: Iterable[int], lag: int) -> Window | None:
    """The window for years of the data; None where all have to be computed, or nearly all."""
    known = frozenset(years)
    if changed is None or not known or not known.issuperset(changed):
        return None
    found = Window(changed or frozenset([max(known)]), lag)
    return found if len(known - found.read) * _LEAST >= len(known) else None


def listed(years: Iterable[int]) -> str:
    """SQL list of years."""
    return f"({', '.join(map(str, sorted(years))) or 'NULL'})"


def with_stored(
    connection: duckdb.DuckDBPyConnection, name: str, years: Iterable[int], columns: Sequence[str] = ()
) -> str:
    """SQL of a result table as it will be: what was computed of the years (`calc_<name>`), of all others what is stored.
    `columns`: these alone."""
    if not columns:
        columns = [column for column, *_ in connection.execute(f"DESCRIBE FROM calc_{name}").fetchall()]
    chosen, inside = ", ".join(f'"{column}"' for column in columns), f"IN {listed(years)}"
    return (
        f"(SELECT {chosen} FROM calc_{name} WHERE year {inside}"
        f" UNION ALL SELECT {chosen} FROM {name} WHERE year NOT {inside})"
    )


def _around(years: Years, *, before: int = 0, after: int = 0) -> Years:
    return frozenset(year + step for year in years for step in range(-before, after + 1))
