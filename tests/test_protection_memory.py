"""What a protection remembers of the last one: it is faster with it, and hides the same."""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_protection import problem_of, tables

from flows.remembering_proofs import FILE, keep_proofs, recall_proofs
from indicators.protection.memory import NO_ANSWER, Memory, Steps
from indicators.protection.problem import Cap
from indicators.protection.protect import protect
from indicators.protection.verify import verify
from schemas.loading import load_framework

TABLE = np.array([[1, 30, 40, 2], [20, 50, 60, 70], [70, 2, 90, 80]])


def remembered(table: np.ndarray, frozen: tuple[str, ...] = ()) -> Memory:
    """What a protection of the table leaves."""
    memory = Memory()
    protect(problem_of(table, frozen=frozen), memory=memory)
    return Memory(memory.used)


@settings(max_examples=12, derandomize=True, deadline=None)
@given(table=tables, data=st.data())
def test_a_memory_never_changes_what_is_hidden(table: np.ndarray, data: st.DataObject) -> None:
    """Neither its own, nor that of a table in which a cell was another one, nor that of another ledger."""
    bare = protect(problem_of(table))
    own = remembered(table)
    assert protect(problem_of(table), memory=own) == bare
    assert own.asked == 0
    other = table.copy()
    other.ravel()[data.draw(st.integers(0, table.size - 1))] += data.draw(st.sampled_from([1, 2, 40]))
    assert protect(problem_of(table), memory=remembered(other)) == bare
    assert protect(problem_of(table), memory=remembered(table, frozen=("+,+,+",))) == bare


def test_limits_and_empty_neighbours_are_part_of_the_question() -> None:
    """An answer where more was possible, or less, may hold here, too, and be another one."""
    plain = [problem_of(table) for table in (TABLE, np.where(TABLE == 30, 3, TABLE))]
    capped = [replace(one, caps=tuple(Cap(n, 3) for n in range(len(one.forms)))) for one in plain]
    for problem in (*plain, *capped):
        for other in (*plain, *capped):
            memory = Memory()
            protect(other, memory=memory)
            assert protect(problem, memory=Memory(memory.used)) == protect(problem)


def test_what_did_not_change_is_not_asked_again() -> None:
    """Of a large count one more is no other question, of a small one it is."""
    for step, anew in ((1, False), (-29, True)):
        table = TABLE.copy()
        table[0, 1] += step
        memory = remembered(TABLE)
        assert memory.answers
        assert protect(problem_of(table), memory=memory) == protect(problem_of(table))
        assert (memory.asked > 0) is anew


@pytest.mark.parametrize(
    "forge",
    [
        lambda steps: steps * np.array([1, 1, -1]),
        lambda steps: steps + np.array([0, 1000, 0]),
        lambda steps: steps - np.array([0, 1000, 0]),
        lambda steps: steps + np.array([7, 0, 0]),
        lambda steps: steps[:0],
    ],
)
def test_a_forged_answer_is_not_believed(forge: Callable[[Steps], Steps]) -> None:
    forged = {
        which: steps if np.array_equal(steps, NO_ANSWER) else forge(steps).astype(np.int32)
        for which, steps in remembered(TABLE).answers.items()
    }
    memory = Memory(forged)
    mask = protect(problem_of(TABLE), memory=memory)
    assert mask == protect(problem_of(TABLE))
    assert verify(problem_of(TABLE), mask) == []
    assert memory.asked


def test_the_file_of_the_house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the house alone, of one framework and code, and not read when it is damaged."""
    framework = load_framework()
    assert not recall_proofs(tmp_path, framework).answers
    memory = Memory()
    protect(problem_of(TABLE), memory=memory)
    path = keep_proofs(tmp_path, framework, memory)
    assert (path, stat.S_IMODE(path.stat().st_mode)) == (tmp_path / FILE, 0o600)
    found = recall_proofs(tmp_path, framework)
    assert found.answers.keys() == memory.used.keys()
    assert protect(problem_of(TABLE), memory=found) == protect(problem_of(TABLE))
    assert found.asked == 0
    whole = path.read_bytes()
    entry = whole.index(b"PK\x01\x02")  # of the directory: its flags say that it is encrypted, its method is unknown
    flipped = (whole[: entry + n] + bytes([whole[entry + n] ^ 1]) + whole[entry + n + 1 :] for n in (8, 10))
    for damaged in (whole[:-40], whole[:200] + b"x" + whole[201:], b"", b"nothing of the kind", *flipped):
        path.write_bytes(damaged)
        assert not recall_proofs(tmp_path, framework).answers
    path.write_bytes(whole)
    monkeypatch.setattr("flows.remembering.code_of", lambda: "other code")
    assert not recall_proofs(tmp_path, framework).answers
    keep_proofs(tmp_path, framework, Memory())
    assert not recall_proofs(tmp_path, framework).answers
