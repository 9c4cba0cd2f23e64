"""What depends on a framework alone is worked out once for each framework that is in use, and forgotten with it."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable
from typing import TypeVar

from schemas.crosswalk import Crosswalk
from schemas.framework_model import Framework

_MOST = 64
"""Answers kept for one question: plans depend on the sub-areas in the data, too."""
_ANSWERS: dict[int, dict[Hashable, dict[Hashable, object]]] = {}

Answer = TypeVar("Answer")


def remembered(framework: Framework, work: Callable[[], Answer], question: str, *further: Hashable) -> Answer:
    """The answer of `work` to the question, kept as long as the framework; `further` is whatever else it depends on.

    Answers are shared: nobody may change them. A framework does not change once it is loaded.
    """
    if id(framework) not in _ANSWERS:
        _ANSWERS[id(framework)] = {}
        weakref.finalize(framework, _ANSWERS.pop, id(framework))
    answers = _ANSWERS[id(framework)].setdefault(question, {})
    if further not in answers:
        if len(answers) >= _MOST:
            answers.pop(next(iter(answers)))
        answers[further] = work()
    return answers[further]  # type: ignore[return-value]


def crosswalk_of(framework: Framework) -> Crosswalk:
    """The one table of changes of a framework, with the answers that it has given so far."""
    return remembered(framework, lambda: Crosswalk(framework.territory), "crosswalk")
