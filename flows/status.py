"""Who has delivered what: expected against received against accepted, per reporting year."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from flows.wording import count
from schemas.framework_model import Framework
from warehouse.access import Connection, rows


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


_NEWEST = """
SELECT s.region, s.id, s.verdict, s.received_at, s.nil_return,
       count(*) FILTER (f.severity IN ('fatal', 'error') AND f.state = 'open'),
       count(*) FILTER (f.severity = 'warning' AND f.state = 'open')
FROM submission s LEFT JOIN finding f ON f.submission_id = s.id
WHERE s.year = ? AND s.region <> ''
GROUP BY ALL ORDER BY s.received_at, s.id"""

_WORDS = {
    "accepted": "angenommen",
    "accepted_with_remarks": "angenommen, Rückfragen offen",
    "returned": "zurückgegeben",
    "refused": "nicht lesbar",
}


def standings(connection: Connection, framework: Framework, year: int) -> list[Standing]:
    """One line for every unit that reports on the year, delivered or not, and for any other that did deliver."""
    day = date(year, 12, 31)
    deadline = framework.deadline(year)
    newest = {row[0]: row for row in rows(connection, _NEWEST, [year])}
    expected = framework.territory.reporters(day)
    found = []
    for region in dict.fromkeys((*expected, *sorted(newest))):
        row = newest.get(region)
        state = (
            "fehlt" if row is None else "Fehlanzeige" if row[4] and row[2].startswith("accepted") else _WORDS[row[2]]
        )
        found.append(
            Standing(
                year=year,
                region=region,
                name=framework.territory.unit_name(region),
                state=state,
                submission=row[1] if row else "",
                received=f"{row[3]:%d.%m.%Y}" if row else "",
                days_before_deadline=(deadline - row[3].date()).days if row else None,
                errors=row[5] if row else 0,
                questions=row[6] if row else 0,
            )
        )
    return found


def years_with_deliveries(connection: Connection) -> list[int]:
    """Reporting years for which anything was received, oldest first."""
    query = "SELECT DISTINCT year FROM submission WHERE year IS NOT NULL ORDER BY year"
    return [year for (year,) in rows(connection, query)]


def as_text(found: list[Standing]) -> str:
    """A readable table; regions without a delivery are summed up in one line."""
    if not found:
        return "Keine Gebiete."
    there = [standing for standing in found if standing.state != "fehlt"]
    missing = [standing.name for standing in found if standing.state == "fehlt"]
    delivered = count(len(there), "Gebiet hat", "Gebiete haben")
    absent = f"{len(missing)} {'fehlt' if len(missing) == 1 else 'fehlen'}"
    lines = [f"Berichtsjahr {found[0].year}: {delivered} geliefert, {absent}."]
    for standing in there:
        days = standing.days_before_deadline or 0
        span = count(abs(days), "Tag", "Tage")
        when = f"{span} vor der Frist" if days >= 0 else f"{span} nach der Frist"
        where = f"{standing.region:<9} {standing.name:<28} {standing.state:<29}"
        lines.append(f"  {where} {standing.submission:<20} {standing.received}  {when}")
    if missing:
        lines.append(f"  fehlt: {', '.join(missing)}")
    return "\n".join(lines)


def as_records(found: list[Standing]) -> list[dict[str, Any]]:
    """The same for machines."""
    return [asdict(standing) for standing in found]
