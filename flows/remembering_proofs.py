"""What the protection of the last night found, kept for the next one: as with the attack (`remembering`), a file of the house.

A file that is missing, damaged, too large or from other code only costs the protection its memory: what it hides depends
on values and ledger alone.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from flows.remembering import DAMAGED, Arrays, cut, digests, read_arrays, write_arrays
from indicators.protection.memory import Memory, Part
from schemas.framework_model import Framework

FILE = Path("state") / "protection.npz"
"""Witnesses say by how much secret counts may differ, and digests of them could be tried out: for the house alone."""
NEXT = Path("state") / "protection.next.npz"
"""The same of a release that is not in the ledger yet: a decision that is remembered tells the ledger nothing more."""
_SHAPE = 3


def recall_proofs(root: Path, framework: Framework) -> Memory:
    """What the last protection found, or nothing."""
    try:
        kept = read_arrays(root / FILE, framework)
        questions = [question.tobytes() for question in kept["questions"]]
        steps = kept["steps"].reshape(-1, _SHAPE).astype(np.int32, casting="equiv")
        answers = np.split(steps, np.cumsum(kept["sizes"])[:-1]) if questions else []
        whole = [part.tobytes() for part in kept["parts"]]
        texts = [text.tobytes() for text in cut(kept["texts"], kept["text_sizes"])]
        if any(not 0 <= n < len(questions) for n in kept["asked"].tolist()):
            raise ValueError("not what was written")
        asked = [tuple(questions[n] for n in own.tolist()) for own in cut(kept["asked"], kept["asked_sizes"])]
        spoken = [tuple(own.tolist()) for own in cut(kept["years"], kept["year_sizes"])]
        parts = {one: Part(text, own, years) for one, text, own, years in zip(whole, texts, asked, spoken, strict=True)}
        return Memory(dict(zip(questions, answers, strict=True)), parts)
    except DAMAGED:
        return Memory()


def believe_next(root: Path) -> None:
    """Now the ledger has the records of the release: the next protection may believe what this one found."""
    os.replace(root / NEXT, root / FILE)


def keep_proofs(root: Path, framework: Framework, memory: Memory, file: Path = FILE) -> Path:
    """Write what this protection needed, for the house alone."""
    answers, parts = list(memory.used.values()), list(memory.parts_used.values())
    number = {question: n for n, question in enumerate(memory.used)}
    asked = [[number[question] for question in part.questions if question in number] for part in parts]
    arrays: Arrays = {
        "questions": digests(memory.used),
        "sizes": np.array([len(answer) for answer in answers], np.int64),
        "steps": np.concatenate([*answers, np.empty((0, _SHAPE), np.int32)]),
        "parts": digests(memory.parts_used),
        "texts": np.frombuffer(b"".join(part.text for part in parts), np.uint8),
        "text_sizes": np.array([len(part.text) for part in parts], np.int64),
        "asked": np.array([n for own in asked for n in own], np.int64),
        "asked_sizes": np.array([len(own) for own in asked], np.int64),
        "years": np.array([year for part in parts for year in part.years], np.int64),
        "year_sizes": np.array([len(part.years) for part in parts], np.int64),
    }
    return write_arrays(root / file, framework, arrays)
