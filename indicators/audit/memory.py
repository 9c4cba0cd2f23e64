"""What earlier attacks found, by the content of the question: the same equations, ends and targets have the same answer.

The caller keeps it from night to night, together with a fingerprint of code and engines. Nothing in it is believed that
the new release does not say itself: an answer is found under a digest of its whole question, and a remembered solution is
put into the new equations before it is used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from indicators.audit.program import Contradiction, Real, Rows, Whole

Names = npt.NDArray[np.uint64]
_DIGITS = 6
"""The attacker's own accuracy (see `verdicts`): ends of equations that differ by less are the same."""
_CONTRADICTION = np.array([np.nan])
_MIX = tuple(np.uint64(prime) for prime in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9))


@dataclass(frozen=True)
class Found:
    """What the attack on a part came to: by target the ends and the verdict, the number of unknowns, whether it contradicts
    itself; the questions that it asked, and the names of the unknowns of the solution that surrounds them."""

    ends: Real
    verdicts: tuple[str, ...]
    unknowns: int
    contradiction: bool
    questions: tuple[bytes, ...] = ()
    names: Names = field(default_factory=lambda: np.zeros(0, np.uint64))


@dataclass(frozen=True)
class Year:
    """The questions of the parts that lie in a year, and their targets (shape `attacking.TOLD`), part by part."""

    parts: tuple[bytes, ...]
    told: pa.Table


class Memory:
    """Answers by digest, a solution of the equations by the names of the unknowns, what was found of parts by digest, and
    which of them lie in a year, by digest of all that enters it. `used`, `solved`, `parts_used` and `years_used` are what the
    present attack needs: that alone is worth keeping."""

    def __init__(
        self,
        answers: Mapping[bytes, Real] | None = None,
        solution: tuple[Names, Real] | None = None,
        parts: Mapping[bytes, Found] | None = None,
        years: Mapping[bytes, Year] | None = None,
    ) -> None:
        self.answers, self.parts, self.years = dict(answers or {}), dict(parts or {}), dict(years or {})
        self.used: dict[bytes, Real] = {}
        self.parts_used: dict[bytes, Found] = {}
        self.years_used: dict[bytes, Year] = {}
        self.asked = self.attacked = 0
        self._solution = solution
        self._solved: list[tuple[Names, Real]] = []
        self._noted: list[bytes] = []
        self._regions: Names = np.zeros(0, np.uint64)
        self._years: Names = np.zeros(0, np.uint64)

    @property
    def solved(self) -> tuple[Names, Real]:
        """Names in order, each once, with their values: for the next attack."""
        if not self._solved:
            return np.zeros(0, np.uint64), np.zeros(0)
        names, values = (np.concatenate(column) for column in zip(*self._solved, strict=True))
        names, first = np.unique(names, return_index=True)
        return names, values[first]

    def part(self, question: bytes, attack: Callable[[], Found]) -> Found:
        """What is found of a part: attacked only when anything that enters it is new."""
        found = self.of_part(question)
        if found is not None:
            self._again(found)
        else:
            self.attacked += 1
            self._noted, before = [], len(self._solved)
            found = attack()
            names = [names for names, _ in self._solved[before:]]
            own = np.unique(np.concatenate([np.zeros(0, np.uint64), *names]))
            found = replace(found, questions=tuple(dict.fromkeys(self._noted)), names=own)
        self.parts_used[question] = found
        return found

    def of_part(self, question: bytes) -> Found | None:
        """What is known of a part, with an answer to every question that it needs; None of one that has to be attacked."""
        found = self.parts_used.get(question) or self.parts.get(question)
        known = found is not None and all(one in self.answers or one in self.used for one in found.questions)
        return found if known else None

    def of_year(self, question: bytes) -> Year | None:
        """What is known of a year, with what was found of each of its parts; None of one whose equations have to be made."""
        known = self.years_used.get(question) or self.years.get(question)
        found = [self.of_part(part) for part in known.parts] if known else []
        targets = sum(len(one.verdicts) for one in found if one is not None)
        return known if known and all(found) and targets == known.told.num_rows else None

    def again(self, question: bytes) -> list[Found]:
        """What was found of the parts of a year that is known."""
        known = self.of_year(question)
        if known is None:
            raise LookupError("nothing is known of the year")
        self.note(question, known)
        return [self.part(part, _never) for part in known.parts]

    def note(self, question: bytes, year: Year) -> None:
        """Keep what lies in a year."""
        self.years_used[question] = year

    def _again(self, found: Found) -> None:
        """The next attack may need what this one need not ask."""
        for question in found.questions:
            self.used.setdefault(question, self.answers.get(question, _CONTRADICTION))
        values = self._values(found.names)
        if values is not None:
            here = ~np.isnan(values)
            self._solved.append((found.names[here], values[here]))

    def speak_of(self, regions: Sequence[str], years: Iterable[int]) -> None:
        """Regions and years by their numbers in the attack that begins."""
        digests = (hashlib.blake2b(code.encode(), digest_size=8).digest() for code in regions)
        self._regions = np.array([int.from_bytes(digest, "little") for digest in digests], np.uint64)
        self._years = np.array(list(years), np.uint64)

    def recall(self, question: bytes, ask: Callable[[], Real]) -> Real:
        """The answer to a question, asked only when it is new. Raises Contradiction whenever `ask` did."""
        self._noted.append(question)
        found = self.used.get(question)
        if found is None:
            found = self.answers.get(question)
        if found is None:
            self.asked += 1
            try:
                found = ask()
            except Contradiction:
                found = _CONTRADICTION
        self.used[question] = found
        if found.ndim == 1 and np.isnan(found).any():
            raise Contradiction
        return found

    def guess(self, places: Whole) -> Real | None:
        """The remembered solution at some places (version, region, year, atom), NaN where there is none."""
        return self._values(self._names(places))

    def _values(self, wanted: Names) -> Real | None:
        if self._solution is None or not len(self._solution[0]):
            return None
        names, values = self._solution
        at = np.minimum(np.searchsorted(names, wanted), len(names) - 1)
        return np.where(names[at] == wanted, values[at], np.nan)

    def solve(self, places: Whole, solution: Real) -> None:
        """Keep a solution for the next attack; what was kept first stays."""
        self._solved.append((self._names(places), solution))

    def _names(self, places: Whole) -> Names:
        """A number for each place whatever its region is called; two that meet only make a bad guess."""
        version, region, year, atom = places.T
        mixed = _named(self._regions, region) + _named(self._years, year) * _MIX[0]
        return cast("Names", mixed ^ (atom.astype(np.uint64) * _MIX[1]) ^ (version.astype(np.uint64) * _MIX[2]))


def _never() -> Found:
    raise LookupError("nothing is known of the part")


def _named(names: Names, numbers: Whole) -> Names:
    found: Names = names[numbers] if len(names) else numbers.astype(np.uint64)
    return found


def question(rows: Rows, *further: npt.NDArray[Any]) -> bytes:
    """Digest of equations and of what else decides the answer."""
    digest = hashlib.blake2b(np.array([rows.size, len(rows)]).tobytes(), digest_size=16)
    parts: tuple[npt.NDArray[Any], ...] = (rows.starts, rows.columns, rows.values, rows.low, rows.high, *further)
    for part in parts:
        plain = np.round(part, _DIGITS) + 0.0 if part.dtype.kind == "f" else part.astype(np.int64)
        digest.update(len(plain).to_bytes(8, "little") + np.ascontiguousarray(plain).tobytes())
    return digest.digest()
