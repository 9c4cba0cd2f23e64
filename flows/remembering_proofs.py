"""What the protection of the last night found, kept for the next one: a file of the house, of the same code and engines alone.

A file that is missing, damaged, too large or from other code only costs the protection its memory: what it hides depends
on values and ledger alone.
"""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np

from flows.remembering import MOST, fingerprint
from indicators.protection.memory import Memory
from schemas.framework_model import Framework

FILE = Path("state") / "protection.npz"
"""Witnesses say by how much secret counts may differ, and digests of them could be tried out: for the house alone."""
_SHAPE = 3


def recall_proofs(root: Path, framework: Framework) -> Memory:
    """What the last protection found, or nothing."""
    path = root / FILE
    try:
        if path.stat().st_size > MOST:
            return Memory()
        with np.load(path, allow_pickle=False) as kept:
            if str(kept["fingerprint"]) != fingerprint(framework):
                return Memory()
            questions = [question.tobytes() for question in kept["questions"]]
            steps = kept["steps"].reshape(-1, _SHAPE).astype(np.int32, casting="equiv")
            answers = np.split(steps, np.cumsum(kept["sizes"])[:-1]) if questions else []
            return Memory(dict(zip(questions, answers, strict=True)))
    except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile):
        return Memory()


def keep_proofs(root: Path, framework: Framework, memory: Memory) -> Path:
    """Write what this protection needed, for the house alone; all at once or not at all."""
    path = root / FILE
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    answers = list(memory.used.values())
    temporary.unlink(missing_ok=True)
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        np.savez(
            file,
            fingerprint=np.array(fingerprint(framework)),
            questions=np.frombuffer(b"".join(memory.used), np.uint8).reshape(len(answers), -1 if answers else 0),
            sizes=np.array([len(answer) for answer in answers], np.int64),
            steps=np.concatenate([*answers, np.empty((0, _SHAPE), np.int32)]),
        )
    os.replace(temporary, path)
    return path
