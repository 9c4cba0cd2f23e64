"""The goals and what was measured against them, and the page that says so."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import ClassVar

from bench.speed.measuring import PROJECT, Measured

PAGE = PROJECT / "docs" / "performance.md"
BEGIN, END = "<!-- measured: written by `make bench` -->", "<!-- end of what was measured -->"


SKETCH = 5.2
"""CPU seconds of the sketch with 426 workbooks on the machine on which the goals in seconds were set."""
SECONDS = "CPU s"


def first_sentence(text: str) -> str:
    """What a stage said when it failed, without the name of the exception, and without any path that follows."""
    return re.sub(r"^[\w.]+: ", "", text).partition(". ")[0]


@dataclass(frozen=True)
class Goal:
    """What is wanted: a number that must not be more than `most` (or less than `least`).

    `pace`: how many processor seconds here are one where the goals were set. Goals in such seconds are judged in those of
    there, because the same work takes twice as many here when the machine is slow or busy.
    """

    what: str
    measured: float | None
    most: float | None = None
    least: float | None = None
    unit: str = ""
    pace: float = 1.0

    @property
    def _judged(self) -> float | None:
        return self.measured / self.pace if self.measured is not None and self.unit == SECONDS else self.measured

    @property
    def verdict(self) -> str:
        """reached, missed, or not measured."""
        if (judged := self._judged) is None:
            return "not measured"
        good = (self.most is None or judged <= self.most) and (self.least is None or judged >= self.least)
        return "reached" if good else "MISSED"

    @property
    def wanted(self) -> str:
        """The goal in words."""
        unit = f" {self.unit}" if self.unit else ""
        return f"at most {self.most:g}{unit}" if self.most is not None else f"at least {self.least:g}{unit}"

    @property
    def found(self) -> str:
        """The measured number in words; where it was converted, with what it was here."""
        if self.measured is None or self._judged is None:
            return "–"
        here = f" (here {self.measured:.2f})" if self._judged != self.measured else ""
        return f"{self._judged:.2f}{f' {self.unit}' if self.unit else ''}{here}"


@dataclass(frozen=True)
class Line:
    """A stage in the table: what was done, the stage, and beside which other one it is put as a ratio."""

    HEAD: ClassVar[tuple[str, ...]] = ("Stage", "CPU", "Ratio", "Peak memory", "Remark")

    what: str
    measured: Measured
    beside: Measured | None = None
    note: str = ""

    def cells(self) -> tuple[str, ...]:
        """Columns of the table."""
        if not self.measured.done:
            return self.what, "–", "–", "–", f"not measured: {first_sentence(self.measured.why)}"
        ratio = self.measured.cpu / self.beside.cpu if self.beside and self.beside.done else None
        sample = f"a sample, times {self.measured.scale:.1f}" if self.measured.scale > 1 else ""
        note = "; ".join(filter(None, (self.note, sample)))
        peak = f"{self.measured.peak:.0f} MB"
        return self.what, f"{self.measured.cpu:.1f} s", f"{ratio:.2f}" if ratio is not None else "", peak, note


@dataclass(frozen=True)
class Hidden:
    """A release, or the mask of one table, in the table of confidentiality: what is hidden and what an attacker makes of it.

    The facts are those of the stages `secrecy` and `masked`: counts, and processor seconds of the release and the attack.
    """

    HEAD: ClassVar[tuple[str, ...]] = (
        "Release",
        "Figures",
        "Hidden",
        "Attacked",
        "Recovered",
        "Too narrow",
        "CPU",
        "CPU of the attack",
        "Peak memory",
        "Remark",
    )

    what: str
    measured: Measured
    note: str = ""

    @property
    def leaks(self) -> int | None:
        """How many small numbers can be had, exactly or nearly; None when that was not measured."""
        facts = self.measured.facts
        return int(facts["recovered"]) + int(facts["narrow"]) if self.measured.done else None

    def cells(self) -> tuple[str, ...]:
        """Columns of the table."""
        if not self.measured.done:
            return self.what, *("–" for _ in self.HEAD[2:]), f"not measured: {first_sentence(self.measured.why)}"
        facts = self.measured.facts
        counts = (f"{facts[name]:,}" for name in ("attacked", "recovered", "narrow"))
        share = f"{100 * facts['hidden'] / max(1, facts['figures']):.1f} %"
        seconds = (f"{facts['seconds'][name]:.1f} s" for name in ("release", "attack"))
        return self.what, f"{facts['figures']:,}", share, *counts, *seconds, f"{self.measured.peak:.0f} MB", self.note


Tables = Sequence[tuple[str, Sequence[Line] | Sequence[Hidden]]]
"""Titles with lines of one kind."""


def page(tables: Tables, goals: Sequence[Goal], command: str) -> str:
    """The measured part of the page: goals with their verdicts, then the stages."""
    machine = (
        f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the end, Python {platform.python_version()}"
    )
    lines = [
        f"Measured {date.today().isoformat()} with `{command}` ({machine}). CPU seconds; the ratios are what to compare.",
        "",
    ]
    lines += _table(("Goal", "Wanted", "Measured", "Verdict"), [(g.what, g.wanted, g.found, g.verdict) for g in goals])
    for title, stages in tables:
        lines += ["", f"### {title}", ""]
        lines += _table(stages[0].HEAD, [line.cells() for line in stages])
    return "\n".join(lines) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def write(text: str, path: Path = PAGE) -> None:
    """Put the measured part between its marks; what people wrote around it stays. Raises ValueError without marks."""
    whole = path.read_text(encoding="utf-8")
    before, found, rest = whole.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not (found and ended):
        raise ValueError(f"{path} has no place for what was measured")
    path.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")
