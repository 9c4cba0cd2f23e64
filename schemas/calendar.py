"""The calendar of a framework: the days of every reporting year, counted from the year, with exceptions for single years.

The rule for the deadline stands in framework.yaml because it belongs to what is agreed; everything else, and every
exception, stands in calendar.yaml. The fingerprint of that file is kept apart from that of the framework: a postponed day
changes no number and must not look like a changed definition.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from schemas.definitions_head import Deadline
from schemas.entry import Entry, Text, Year
from schemas.yaml_source import Problem, SourceFile

FILE = "calendar.yaml"
_TRIED = (2000, 2001)
"""Rules are tried with a leap year and another one."""


class YearException(Entry):
    """Other days for one reporting year."""

    collection_opens: date | None = None
    deadline: date | None = None
    provisional: date | None = None
    corrections_until: date | None = None
    final: date | None = None
    reason_de: Text


class CalendarRules(Entry):
    """calendar.yaml. The defaults serve a framework without that file."""

    collection_opens: Deadline = Deadline(years_after=1, month=1, day=1)
    reminder_days: list[int] = [21, 5, -1]
    provisional: Deadline | None = None
    corrections_until: Deadline | None = None
    final: Deadline | None = None
    years: dict[Year, YearException] = {}

    def days(self, deadline: Deadline, year: int) -> Days:
        """The days of a reporting year; `deadline` is the rule for the usual one. Raises ValueError for a day that
        there is not."""
        other = self.years.get(year)

        def day(name: str, rule: Deadline | None, fallback: date | None) -> date:
            found = getattr(other, name, None) or (_counted(rule, year) if rule else fallback)
            assert found is not None
            return found

        end = day("deadline", deadline, None)
        provisional = day("provisional", self.provisional, end)
        corrections = day("corrections_until", self.corrections_until, provisional)
        opens = day("collection_opens", self.collection_opens, None)
        return Days(opens, end, provisional, corrections, day("final", self.final, corrections))


@dataclass(frozen=True, slots=True)
class Days:
    """The days of one reporting year. Without a correction calendar the deadline is the end."""

    opens: date
    deadline: date
    provisional: date
    corrections_until: date
    final: date

    @property
    def in_order(self) -> bool:
        """Does each day follow the one before?"""
        days = [self.opens, self.deadline, self.provisional, self.corrections_until, self.final]
        return days == sorted(days)


def calendar_hash(folder: Path) -> str:
    """Fingerprint of the calendar of a framework folder, empty when there is none."""
    path = folder / FILE
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def problems(calendar: CalendarRules, deadline: Deadline, source: SourceFile) -> Iterator[Problem]:
    """Days that there are not, and years whose days do not follow each other."""
    for year in (*_TRIED, *calendar.years):
        where: tuple[str | int, ...] = ("years", str(year)) if year in calendar.years else ()
        try:
            fits = calendar.days(deadline, year).in_order
        except ValueError:
            yield Problem(source.name, source.line(where), f"Einen Tag des Berichtsjahres {year} gibt es nicht.")
            continue
        if not fits:
            yield Problem(
                source.name, source.line(where), f"Die Tage des Berichtsjahres {year} folgen nicht aufeinander."
            )


def _counted(rule: Deadline, year: int) -> date:
    return date(year + rule.years_after, rule.month, rule.day)
