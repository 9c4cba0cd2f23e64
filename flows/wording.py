"""German counts in sentences: one thing, two things."""

from __future__ import annotations


def count(number: int, one: str, many: str) -> str:
    """`1 Lieferung`, `2 Lieferungen`."""
    return f"{number} {one if number == 1 else many}"
