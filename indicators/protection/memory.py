"""What earlier nights found out, by the content of the question: the same program has the same answer.

The caller keeps it from night to night, together with a fingerprint of code and engines. An answer is found under a digest
of everything that decides it, in numbers that mean nothing outside the question, and it is checked like one that was just
worked out. So whether there is a memory changes how long a protection takes, never what it hides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Steps = npt.NDArray[np.int32]
"""Rows of (table, place of the atom in the question, step): table 0 is the upper one, table 1 the lower one."""
NO_ANSWER: Steps = np.full((1, 3), -1, dtype=np.int32)
"""The question was asked, and there is no witness."""


class Memory:
    """Answers by digest. `used` is what the present protection needed: that alone is worth keeping."""

    def __init__(self, answers: Mapping[bytes, Steps] | None = None) -> None:
        self.answers = dict(answers or {})
        self.used: dict[bytes, Steps] = {}
        self.asked = 0

    def recall(self, question: bytes) -> Steps | None:
        """The answer to a question, None when it is new."""
        return self.used.get(question, self.answers.get(question))

    def keep(self, question: bytes, answer: Steps, *, new: bool) -> None:
        """Note an answer that was used."""
        self.used[question] = answer
        self.asked += new


def question(*parts: npt.NDArray[Any]) -> bytes:
    """Digest of the arrays that decide an answer."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(f"{part.dtype.str}{len(part)};".encode())
        digest.update(np.ascontiguousarray(part).data)
    return digest.digest()
