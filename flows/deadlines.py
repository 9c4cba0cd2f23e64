"""Dates of a reporting year, and waivers: who need not deliver what, approved by whom, until when.

The dates stand in `calendar.yaml` of the framework, which is loaded with it. The waivers stand in
`<data root>/waivers.yaml`, read strictly: an unknown key, region or field is an error with file and line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from flows.wording import text
from schemas.entry import Entry, Text, Year
from schemas.entry_reading import model_of
from schemas.framework_model import Framework
from schemas.yaml_source import FrameworkError, Problem, SourceFile, read_yaml

WAIVERS = "waivers.yaml"
GRACE_DAYS = 14
"""So long the last reminder of a year may still be written when no run took place on its day."""


class Waiver(Entry):
    """One entry of waivers.yaml: what a region need not deliver for a year. Without field and variable: anything."""

    region: Text
    year: Year
    field: str = ""
    variable: str = ""
    approved_by: Text
    approved_on: date
    reason: Text
    expires: date

    def holds(self, today: date) -> bool:
        """Not expired yet; the last day counts."""
        return today <= self.expires


@dataclass(frozen=True)
class YearDates:
    """The days of one reporting year. Without a correction calendar the deadline is the end."""

    year: int
    opens: date
    deadline: date
    reminder_days: tuple[int, ...]
    provisional: date
    corrections_until: date
    final: date
    note: str = ""

    def phase(self, today: date) -> str:
        """Where the year stands on a day, in words."""
        if today < self.opens:
            return text("phase.before")
        if today <= self.deadline:
            return text("phase.open")
        if today < self.provisional:
            return text("phase.late")
        if today <= self.corrections_until:
            return text("phase.provisional")
        return text("phase.closed") if today < self.final else text("phase.final")

    def occasion(self, today: date) -> int | None:
        """The reminder that is due: the newest whose day has come, unless the time of the last one is over.

        A machine that was off on the very day still writes the reminder.
        """
        passed = [days for days in self.reminder_days if self.reminder(days) <= today]
        if not passed:
            return None
        newest = min(passed)
        over = newest == min(self.reminder_days) and today > self.reminder(newest) + timedelta(GRACE_DAYS)
        return None if over else newest

    def reminder(self, days: int) -> date:
        """The day of a reminder."""
        return self.deadline - timedelta(days)

    def steps(self) -> tuple[tuple[str, date], ...]:
        """The calendar for display."""
        names = ("opens", "deadline", "provisional", "corrections_until", "final")
        return tuple((text(f"step.{name}"), getattr(self, name)) for name in names)


@dataclass(frozen=True)
class Calendar:
    """The calendar of a framework."""

    framework: Framework

    def dates(self, year: int) -> YearDates:
        """The days of a reporting year."""
        rules = self.framework.calendar
        days, other = rules.days(self.framework.head.delivery.deadline, year), rules.years.get(year)
        return YearDates(
            year=year,
            opens=days.opens,
            deadline=days.deadline,
            reminder_days=tuple(sorted(rules.reminder_days, reverse=True)),
            provisional=days.provisional,
            corrections_until=days.corrections_until,
            final=days.final,
            note=other.reason_de if other else "",
        )

    def open_years(self, today: date) -> tuple[int, ...]:
        """Reporting years that are collected or corrected on a day, oldest first."""
        first = max(self.framework.head.delivery.first_year, today.year - 4)
        found = (self.dates(year) for year in range(first, today.year + 1))
        return tuple(dates.year for dates in found if dates.opens <= today < dates.final)


def load_waivers(root: Path, framework: Framework) -> tuple[Waiver, ...]:
    """All waivers of a data root, expired ones too; raises FrameworkError with file and line."""
    path = root / WAIVERS
    if not path.exists():
        return ()
    problems: list[Problem] = []
    source = read_yaml(path, root, problems)
    found = []
    entries = source.data if source.data is not None else []
    if not isinstance(entries, list):
        problems.append(Problem(source.name, 1, text("file.list")))
        entries = []
    for number, raw in enumerate(entries):
        waiver = model_of(source, (number,), raw, Waiver, problems)
        if waiver is not None:
            problems += _strange(waiver, framework, source, number)
            found.append(waiver)
    if problems:
        raise FrameworkError(problems)
    return tuple(found)


def waived_variables(
    framework: Framework, waivers: Iterable[Waiver], region: str, year: int, today: date
) -> Mapping[str, Waiver]:
    """Variables that a region need not deliver on that day, with the waiver that says so."""
    found: dict[str, Waiver] = {}
    for waiver in waivers:
        if (waiver.region, waiver.year) == (region, year) and waiver.holds(today):
            for code in framework.variables:
                whole = not waiver.field and not waiver.variable
                if whole or code == waiver.variable or framework.variable_field[code] == waiver.field:
                    found.setdefault(code, waiver)
    return found


def _strange(waiver: Waiver, framework: Framework, source: SourceFile, number: int) -> Iterator[Problem]:
    known: tuple[tuple[str, bool], ...] = (
        ("region", framework.territory.known(waiver.region)),
        ("field", not waiver.field or waiver.field in framework.fields),
        ("variable", not waiver.variable or waiver.variable in framework.variables),
        ("expires", waiver.expires >= waiver.approved_on),
    )
    for name, fits in known:
        if not fits:
            value = getattr(waiver, name)
            yield Problem(source.name, source.line((number, name)), text("file.strange", name=name, value=value))
