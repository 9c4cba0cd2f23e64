"""What the protection of the last night found, kept for the next one: as with the attack (`remembering`), a file of the house.

A file that is missing, damaged, too large or from other code only costs the protection its memory: what it hides depends
on values and ledger alone.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from flows.remembering import DAMAGED, Arrays, digests, read_arrays, write_arrays
from indicators.protection.memory import Memory
from schemas.framework_model import Framework

FILE = Path("state") / "protection.npz"
"""Witnesses say by how much secret counts may differ, and digests of them could be tried out: for the house alone."""
_SHAPE = 3


def recall_proofs(root: Path, framework: Framework) -> Memory:
    """What the last protection found, or nothing."""
    try:
        kept = read_arrays(root / FILE, framework)
        questions = [question.tobytes() for question in kept["questions"]]
        steps = kept["steps"].reshape(-1, _SHAPE).astype(np.int32, casting="equiv")
        answers = np.split(steps, np.cumsum(kept["sizes"])[:-1]) if questions else []
        return Memory(dict(zip(questions, answers, strict=True)))
    except DAMAGED:
        return Memory()


def keep_proofs(root: Path, framework: Framework, memory: Memory) -> Path:
    """Write what this protection needed, for the house alone."""
    answers = list(memory.used.values())
    arrays: Arrays = {
        "questions": digests(memory.used),
        "sizes": np.array([len(answer) for answer in answers], np.int64),
        "steps": np.concatenate([*answers, np.empty((0, _SHAPE), np.int32)]),
    }
    return write_arrays(root / FILE, framework, arrays)
