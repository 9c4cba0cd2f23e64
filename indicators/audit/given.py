"""Everything that an attack is made of once editions, ledger and truth have come together, and the equations of some years."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from indicators.audit.atoms import Atoms
from indicators.audit.delivered import Delivered, Nested, rests, untrue
from indicators.audit.editions import Knowledge
from indicators.audit.evidence import Index
from indicators.audit.facts import Places
from indicators.audit.forms import Forms
from indicators.audit.system import Part, System
from indicators.audit.targets import Target, targets
from indicators.audit.versions import Versions


class Equations(NamedTuple):
    """The equations of some `years` (numbers): what hangs together in them with what is sought there, and of each the years
    that it lies in."""

    years: frozenset[int]
    system: System
    parts: list[Part]
    spans: list[frozenset[int]]


@dataclass(frozen=True)
class Given:
    """`state`: of each figure of the newest edition (see `evidence`); `sent`, `values`: what is true. `careless`: how many rows
    printed a secret; `contradictions`: how many were found up to here."""

    forms: Forms
    atoms: Atoms
    index: Index
    versions: Versions
    known: Knowledge
    nested: Nested
    complete: frozenset[tuple[int, int]]
    where: Places
    state: np.ndarray
    sent: Delivered | None
    values: pa.Table | None
    careless: int
    contradictions: int

    @property
    def lag(self) -> int:
        """How many years anything looks back at most."""
        sides = [side for one in self.forms.figures.values() for side in (one.numerator, one.denominator) if side]
        parts = [one.parts for one in sides] + [one.parts for one in self.forms.statements]
        return max((lag for own in parts for lag, _, _ in own), default=0)

    def equations(self, years: Set[int]) -> Equations:
        """The equations of what hangs together in some years (numbers): of these alone, if nothing in them hangs together with
        another year, else of all years."""
        every = frozenset(range(len(self.index.years)))
        for chosen in dict.fromkeys((frozenset(years), every)):
            system = self._system(chosen)
            parts = list(system.parts(self._targets(chosen)))
            spans = [_years_of(system, part) for part in parts]
            if all(map(chosen.issuperset, spans)):
                break
        return Equations(chosen, system, parts, spans)

    def _system(self, years: Set[int]) -> System:
        nested, sent = self._nested(years), self._sent(years)
        wrong = {} if sent is None else untrue(self.atoms, sent, rests(nested, sent), self.complete)
        return System(
            self.forms, self.atoms, self.versions, self.known, nested, self.complete, self.index.years, wrong, years
        )

    def _targets(self, years: Set[int]) -> list[Target]:
        """What is sought in these years; a figure of a later one may speak of them."""
        values = self.values
        if values is not None:
            reaching = {year + lag for year in years for lag in range(self.lag + 1)}
            told = [self.index.years[year] for year in sorted(reaching) if year < len(self.index.years)]
            values = values.filter(pc.is_in(values["year"], pa.array(told, values["year"].type)))
        found = targets(
            self.forms, self.atoms, self.index, self.state, self.where, self._nested(years), self._sent(years), values
        )
        return [one for one in found if any(year in years for _, year, _ in one.touched)]

    def _nested(self, years: Set[int]) -> Nested:
        return {year: units for year, units in self.nested.items() if year in years}

    def _sent(self, years: Set[int]) -> Delivered | None:
        sent = self.sent
        if sent is None or len(years) == len(self.index.years):
            return sent
        here = np.isin(sent.year, sorted(years))
        columns = {name: getattr(sent, name)[here] for name in ("region", "year", "kind", "value")}
        return replace(sent, **columns)


def _years_of(system: System, part: Part) -> frozenset[int]:
    return frozenset(np.unique(np.unravel_index(part.families, system.shape)[1]).tolist())
