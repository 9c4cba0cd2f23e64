"""What earlier nights found out, by the content of the question: the same program has the same answer, and so has a part
of the release into which nothing else enters than before (`parting`, `entered`).

The caller keeps it from night to night, together with a fingerprint of code and engines. An answer is found under a digest
of everything that decides it, in numbers that mean nothing outside the question, and it is checked like one that was just
worked out; what was decided of a whole part is taken over as it is. So whether there is a memory changes how long a protection
takes, never what it hides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Steps = npt.NDArray[np.int32]
"""Rows of (table, place of the atom in the question, step): table 0 is the upper one, table 1 the lower one."""
NO_ANSWER: Steps = np.full((1, 3), -1, dtype=np.int32)
"""The question was asked, and there is no witness."""


@dataclass(frozen=True)
class Part:
    """What was decided of a part of a release (`reporting.Decision.written`), the questions that it was made of, and the
    years that it speaks of."""

    text: bytes
    questions: tuple[bytes, ...]
    years: tuple[int, ...] = ()


class Memory:
    """Answers by digest. `used` is what the present protection needed: that alone is worth keeping. `parts` are those of
    whole parts of a release, `parts_used` those that this protection took over or found."""

    def __init__(self, answers: Mapping[bytes, Steps] | None = None, parts: Mapping[bytes, Part] | None = None) -> None:
        self.answers = dict(answers or {})
        self.used: dict[bytes, Steps] = {}
        self.parts = dict(parts or {})
        self.parts_used: dict[bytes, Part] = {}
        self.asked = 0
        self._noted: dict[bytes, None] = {}

    def recall(self, question: bytes) -> Steps | None:
        """The answer to a question, None when it is new."""
        return self.used.get(question, self.answers.get(question))

    def keep(self, question: bytes, answer: Steps, *, new: bool) -> None:
        """Note an answer that was used."""
        self.used[question] = answer
        self._noted[question] = None
        self.asked += new

    def noted(self) -> tuple[bytes, ...]:
        """The questions since this was last asked."""
        questions = tuple(self._noted)
        self._noted.clear()
        return questions

    def keep_part(self, part: bytes, found: Part) -> None:
        """Note what was decided of a part; its questions stay in memory, too, for the night in which it changes."""
        self.parts_used[part] = found
        self.used |= {which: self.answers[which] for which in found.questions if which in self.answers}

    def keep_others(self, years: Collection[int]) -> None:
        """Note what is known of the parts that speak of none of these years: nobody asked for them."""
        for which, part in self.parts.items():
            if part.years and not set(years).intersection(part.years):
                self.keep_part(which, part)


def question(*parts: npt.NDArray[Any]) -> bytes:
    """Digest of the arrays that decide an answer."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(f"{part.dtype.str}{len(part)};".encode())
        digest.update(np.ascontiguousarray(part).data)
    return digest.digest()
