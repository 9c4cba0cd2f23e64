"""What depends on a framework alone is worked out once for each framework that is in use, and forgotten with it."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable
from typing import TypeVar

MOST = 64
"""Answers kept for one question: some depend on a year, a region or the sub-areas in the data, too."""
_ANSWERS: dict[int, dict[Hashable, dict[Hashable, object]]] = {}

Answer = TypeVar("Answer")


def remembered(
    framework: object, work: Callable[[], Answer], question: str, *further: Hashable, most: int = MOST
) -> Answer:
    """The answer of `work` to the question, kept as long as the framework; `further` is whatever else it depends on.

    Answers are shared: nobody may change them. Of the answers to one question the newest `most` are kept. A framework
    does not change once it is loaded.
    """
    if id(framework) not in _ANSWERS:
        _ANSWERS[id(framework)] = {}
        weakref.finalize(framework, _ANSWERS.pop, id(framework))
    answers = _ANSWERS[id(framework)].setdefault(question, {})
    if further not in answers:
        if len(answers) >= most:
            answers.pop(next(iter(answers)))
        answers[further] = work()
    return answers[further]  # type: ignore[return-value]


def forget(framework: object) -> None:
    """Give up all answers for a framework; whoever asks again has them worked out anew."""
    _ANSWERS.get(id(framework), {}).clear()
