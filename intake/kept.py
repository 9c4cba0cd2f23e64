"""Answers that are kept for a while."""

from __future__ import annotations

from typing import TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class Kept(dict[Question, Answer]):
    """Answers by question, of which the newest `most` are kept."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def __setitem__(self, question: Question, answer: Answer) -> None:
        if len(self) >= self.most:
            del self[next(iter(self))]
        super().__setitem__(question, answer)
