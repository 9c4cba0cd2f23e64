"""Many observations as columns: what a form says of its cells is the same in every workbook, only the values are new.

Whoever wants observations one by one takes them as from any other sequence; they are made when somebody asks for them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from functools import cached_property
from itertools import accumulate, chain, compress, groupby, islice, repeat
from math import nan
from typing import TYPE_CHECKING, Any, overload

from schemas.shapes import Observation, member_key

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Members = tuple[tuple[str, str], ...]
_MOST_KEPT = 8
_PARTS = 10**4
_NEAR = 2.0**50 / _PARTS
"""Below this the whole number that a floating-point number with four decimals stands for is the nearest one."""


@dataclass(frozen=True, eq=False)
class Places:
    """Cells of a sheet: what they are of, and where they stand. All tuples have one entry for each cell. Shared between the
    workbooks of a form; `derived` is what others work out about them and ask for again, by name."""

    variables: tuple[str, ...]
    members: tuple[Members, ...]
    cells: tuple[str, ...]
    notes: tuple[str, ...]
    row_labels: tuple[str, ...]
    column_labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.variables)

    @cached_property
    def keys(self) -> tuple[tuple[str, str], ...]:
        """Variable and member key of each cell."""
        known = {members: member_key(members) for members in set(self.members)}
        return tuple((variable, known[members]) for variable, members in zip(self.variables, self.members, strict=True))

    @cached_property
    def different(self) -> frozenset[tuple[str, str]]:
        """The same, each once."""
        return frozenset(self.keys)

    @cached_property
    def named(self) -> frozenset[str]:
        """The variables."""
        return frozenset(self.variables)

    @cached_property
    def standing_at(self) -> frozenset[tuple[str, str]]:
        """The members, each with its dimension."""
        return frozenset(chain.from_iterable(set(self.members)))

    @cached_property
    def totals(self) -> tuple[int, ...]:
        """Which of the cells are the grand total of a variable."""
        return tuple(number for number, members in enumerate(self.members) if not members)

    @cached_property
    def derived(self) -> dict[Any, Any]:
        return {}

    def of(self, variables: frozenset[str]) -> tuple[Places, Sequence[bool]]:
        """Those of some variables, and which these are."""
        known: dict[frozenset[str], tuple[Places, Sequence[bool]]] = self.derived.setdefault("of", {})
        found = known.get(variables)
        if found is None:
            if len(known) >= _MOST_KEPT:
                known.clear()
            kept = [variable in variables for variable in self.variables]
            columns = (tuple(compress(getattr(self, column.name), kept)) for column in fields(self))
            found = known[variables] = Places(*columns), kept
        return found

    def __getstate__(self) -> dict[str, Any]:
        """Without what can be worked out again."""
        return {column.name: getattr(self, column.name) for column in fields(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


@dataclass(frozen=True, eq=False)
class Stretch:
    """What one sheet says of one region and year at some places; `values`, `statuses` and `texts` are in their order.

    `floats`: the values as floating-point numbers, `nan` where there is none, when whoever read them knows these; such
    values have no more than four decimals.
    """

    region: str
    year: int
    sheet: str
    places: Places
    values: Sequence[Decimal | None]
    statuses: Sequence[str]
    texts: Sequence[str]
    floats: Sequence[float] | None = None

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Observation]:
        places = self.places
        return map(
            Observation._make,
            zip(
                repeat(self.region),
                repeat(self.year),
                places.variables,
                places.members,
                self.values,
                self.statuses,
                repeat(self.sheet),
                places.cells,
                self.texts,
                places.notes,
                places.row_labels,
                places.column_labels,
                strict=False,
            ),
        )

    @property
    def numbers(self) -> Iterable[float]:
        """The values as floating-point numbers, `nan` where there is none."""
        if self.floats is not None:
            return self.floats
        return (nan if value is None else float(value) for value in self.values)

    def of(self, variables: frozenset[str]) -> Stretch:
        """What it says of some variables."""
        if self.places.named <= variables:
            return self
        places, kept = self.places.of(variables)
        values, statuses, texts = (
            tuple(compress(self.values, kept)),
            compress(self.statuses, kept),
            compress(self.texts, kept),
        )
        floats = None if self.floats is None else tuple(compress(self.floats, kept))
        return Stretch(self.region, self.year, self.sheet, places, values, tuple(statuses), tuple(texts), floats)


class Observations(Sequence[Observation]):
    """A sequence that does not change, held as `stretches`. Equal to any sequence of the same observations."""

    def __init__(self, stretches: Iterable[Stretch] = ()) -> None:
        self.stretches = tuple(stretches)

    @classmethod
    def of(cls, observations: Iterable[Observation]) -> Observations:
        """The same observations as columns."""
        return observations if isinstance(observations, cls) else cls(stretches_of(observations))

    @cached_property
    def _one_by_one(self) -> tuple[Observation, ...]:
        return tuple(chain.from_iterable(self.stretches))

    @cached_property
    def _length(self) -> int:
        return sum(map(len, self.stretches))

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Observation]:
        return iter(self._one_by_one)

    @overload
    def __getitem__(self, place: int) -> Observation: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Observation]: ...
    def __getitem__(self, place: int | slice) -> Observation | Sequence[Observation]:
        if isinstance(place, slice) or not 0 <= place < len(self):
            return self._one_by_one[place]
        stretch, number = self.place_of(place)
        return next(islice(stretch, number, None))

    def place_of(self, number: int) -> tuple[Stretch, int]:
        """In which stretch an observation stands, and as which of it; nobody has to make the others for that."""
        own = bisect_right(self._ends, number)
        return self.stretches[own], number - (self._ends[own - 1] if own else 0)

    @cached_property
    def _ends(self) -> Sequence[int]:
        return [*accumulate(map(len, self.stretches))]

    def __add__(self, others: Iterable[Observation]) -> Observations:
        return Observations((*self.stretches, *Observations.of(others).stretches))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Sequence) and not isinstance(other, str):
            return len(self) == len(other) and all(one == two for one, two in zip(self, other, strict=True))
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._one_by_one)

    def __repr__(self) -> str:
        return f"Observations.of({list(self)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Observations, (self.stretches,)

    @property
    def by_place(self) -> Mapping[tuple[str, int], Observations]:
        """What is said of each region and year. Not kept: what held itself would stay in memory for long."""
        found: dict[tuple[str, int], list[Stretch]] = {}
        for stretch in self.stretches:
            found.setdefault((stretch.region, stretch.year), []).append(stretch)
        return {place: self if len(found) == 1 else Observations(own) for place, own in found.items()}

    def restricted(self, variables: frozenset[str]) -> Observations:
        """What is said of some variables."""
        if all(stretch.places.named <= variables for stretch in self.stretches):
            return self
        kept = (stretch.of(variables) for stretch in self.stretches if not stretch.places.named.isdisjoint(variables))
        return Observations(kept)

    @cached_property
    def keys(self) -> Sequence[tuple[str, str]]:
        """Variable and member key of each observation."""
        return [*chain.from_iterable(stretch.places.keys for stretch in self.stretches)]

    @cached_property
    def each_once(self) -> bool:
        """Is no cell said twice? For what is said of one region and year."""
        return len(frozenset().union(*(stretch.places.different for stretch in self.stretches))) == len(self)

    @cached_property
    def values(self) -> Sequence[Decimal | None]:
        """The values alone."""
        return [*chain.from_iterable(stretch.values for stretch in self.stretches)]

    @cached_property
    def numbers(self) -> NDArray[np.float64]:
        """The same as floating-point numbers, `nan` where there is none. Shared: nobody may change them."""
        import numpy as np  # not with the module: commands that only ask the warehouse do without

        return np.fromiter(chain.from_iterable(stretch.numbers for stretch in self.stretches), float, len(self))

    @cached_property
    def whole(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]] | None:
        """The same as whole ten-thousandths, 0 where there is none, and where that is; None where that is not plain: one is
        not known to have at most four decimals, or too large for a floating-point number to say it."""
        import numpy as np

        if any(stretch.floats is None for stretch in self.stretches):
            return None
        none = np.isnan(self.numbers)
        numbers = np.where(none, 0, self.numbers)
        if not np.abs(numbers).max(initial=0) < _NEAR:
            return None
        return np.rint(numbers * _PARTS).astype(np.int64), none

    def totals(self) -> Iterator[tuple[str, Decimal | None]]:
        """Variable and value of every grand total."""
        for stretch in self.stretches:
            for number in stretch.places.totals:
                yield stretch.places.variables[number], stretch.values[number]


def stretches_of(observations: Iterable[Observation]) -> Iterator[Stretch]:
    """Those that follow each other on one sheet together."""
    for (region, year, sheet), found in groupby(observations, lambda o: (o.region, o.year, o.sheet)):
        _, _, variables, members, values, statuses, _, cells, texts, *rest = zip(*found, strict=True)
        yield Stretch(region, year, sheet, Places(variables, members, cells, *rest), values, statuses, texts)
