"""What an open snapshot knows about the deliveries of a year: the facts behind the board."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flows.deadlines import YearDates
from warehouse.access import Connection, ledger, records, rows


class Facts:
    """What the snapshot knows about a year, read with one query each."""

    def __init__(self, connection: Connection, year: int) -> None:
        self.deliveries: dict[str, list[dict[str, Any]]] = {}
        query = f"""
            SELECT id, region, verdict, layout, nil_return, nil_fields, received_at, contact FROM {ledger()}
            WHERE year = ? AND region <> '' AND withdrawn_at IS NULL ORDER BY received_at, id"""
        for row in records(connection, query, [year]):
            self.deliveries.setdefault(row["region"], []).append(row)
        self.accepted: dict[str, set[str]] = {}
        query = "SELECT DISTINCT region, variable FROM observation WHERE year = ?"
        for region, variable in rows(connection, query, [year]):
            self.accepted.setdefault(region, set()).add(variable)
        self.findings: dict[str, list[tuple[str, str, str, str, int]]] = {}
        query = """
            SELECT f.submission_id, f.code, f.severity, f.state, f.variable, count(*)
            FROM finding f JOIN submission s ON s.id = f.submission_id WHERE s.year = ? AND f.state <> 'shadow' GROUP BY ALL"""
        for number, *rest in rows(connection, query, [year]):
            self.findings.setdefault(number, []).append((rest[0], rest[1], rest[2], rest[3], rest[4]))
        query = f"""
            SELECT o.region, min(s.received_at) FROM observation_history o JOIN {ledger()} s ON s.id = o.submission_id
            WHERE o.year = ? AND s.year IS NULL AND s.withdrawn_at IS NULL GROUP BY o.region"""
        self.several_years: dict[str, datetime] = dict(rows(connection, query, [year]))


def unassigned(connection: Connection, dates: YearDates) -> dict[str, int]:
    """Deliveries that tell neither region nor year, received between the opening and the final results."""
    query = """
        SELECT sender, count(*) FROM submission
        WHERE year IS NULL AND verdict = 'refused' AND received_at BETWEEN ? AND ? GROUP BY sender ORDER BY sender"""
    return dict(rows(connection, query, [dates.opens, dates.final]))
