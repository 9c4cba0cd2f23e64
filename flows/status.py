"""Who has delivered what: expected against received against accepted, per reporting year.

What is owed are the figures; a workbook with registers alone is no delivery in this sense.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from flows.run_log import german_day
from flows.wording import GERMAN, catalogue, counted, day, place, text
from intake.form_request import REGISTER_FORM
from schemas.framework_model import Framework
from warehouse.access import Connection, ledger, rows


@dataclass(frozen=True)
class Standing:
    """The newest delivery of one region for one year."""

    year: int
    region: str
    name: str
    state: str
    submission: str
    received: str
    days_before_deadline: int | None
    errors: int
    questions: int


_NEWEST = f"""
SELECT s.region, s.id, s.verdict, s.received_at, s.nil_return,
       count(*) FILTER (f.severity IN ('fatal', 'error') AND f.state = 'open'),
       count(*) FILTER (f.severity = 'warning' AND f.state = 'open')
FROM {ledger()} s LEFT JOIN finding f ON f.submission_id = s.id
WHERE s.year = ? AND s.region <> '' AND s.withdrawn_at IS NULL AND s.layout <> '{REGISTER_FORM}'
GROUP BY ALL ORDER BY s.received_at, s.id"""

_CODES = ("accepted", "accepted_with_remarks", "returned", "refused", "nil", "absent")
_WORDS = {code: catalogue(GERMAN)[f"status.{code}"] for code in _CODES}
"""The states as machines get them, in German."""
_TEXTS = {word: f"status.{code}" for code, word in _WORDS.items()}
_NIL, _ABSENT = _WORDS["nil"], _WORDS["absent"]


def standings(connection: Connection, framework: Framework, year: int) -> list[Standing]:
    """One line for every unit that reports on the year, delivered or not, and for any other that did deliver."""
    day = date(year, 12, 31)
    deadline = framework.deadline(year)
    newest = {row[0]: row for row in rows(connection, _NEWEST, [year])}
    expected = framework.territory.reporters(day)
    found = []
    for region in dict.fromkeys((*expected, *sorted(newest))):
        row = newest.get(region)
        state = _ABSENT if row is None else _NIL if row[4] and row[2].startswith("accepted") else _WORDS[row[2]]
        found.append(
            Standing(
                year=year,
                region=region,
                name=framework.territory.unit_name(region),
                state=state,
                submission=row[1] if row else "",
                received=f"{german_day(row[3]):%d.%m.%Y}" if row else "",
                days_before_deadline=(deadline - german_day(row[3])).days if row else None,
                errors=row[5] if row else 0,
                questions=row[6] if row else 0,
            )
        )
    return found


def years_with_deliveries(connection: Connection) -> list[int]:
    """Reporting years for which anything was received, oldest first."""
    query = "SELECT DISTINCT year FROM submission WHERE year IS NOT NULL ORDER BY year"
    return [year for (year,) in rows(connection, query)]


def as_text(found: list[Standing], framework: Framework | None = None) -> str:
    """A readable table; regions without a delivery are summed up in one line. The framework knows their English names."""
    if not found:
        return text("status.nothing")
    there = [standing for standing in found if standing.state != _ABSENT]
    names = {entry.region: place(framework, entry.region) if framework else entry.name for entry in found}
    missing = [names[standing.region] for standing in found if standing.state == _ABSENT]
    absent = counted("status.absent", len(missing))
    lines: list[str] = [counted("status.first", len(there), year=found[0].year, absent=absent)]
    for standing in there:
        days = standing.days_before_deadline or 0
        when = counted("status.before" if days >= 0 else "status.after", abs(days))
        where = f"{standing.region:<9} {names[standing.region]:<28} {text(_TEXTS[standing.state]):<29}"
        received = day(datetime.strptime(standing.received, "%d.%m.%Y"))
        lines.append(f"  {where} {standing.submission:<20} {received}  {when}")
    if missing:
        lines.append(text("status.missing", names=", ".join(missing)))
    return "\n".join(lines)


def as_records(found: list[Standing]) -> list[dict[str, Any]]:
    """The same for machines."""
    return [asdict(standing) for standing in found]
