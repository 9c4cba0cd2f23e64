"""A small copy of the warehouse with what some deliveries may have to do with, under the same names.

Whoever checks or answers deliveries asks the same functions on it as on the warehouse itself. It answers in no time
whatever the warehouse is, and it can be sent to other machines (docs/scaling.md).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from schemas.framework_model import Framework
from warehouse.access import VALID_THEN, Connection, arrow, connect, lent, utc
from warehouse.migrations import create_views

Tables = Mapping[str, pa.Table]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Deliveries of these senders, or about these regions; values of these regions in every year, and of every region
    in these years."""

    senders: Collection[str] = ()
    regions: Collection[str] = ()
    years: Collection[int] = field(default=())


def copied(connection: Connection, wanted: Wanted, moment: datetime | None = None) -> dict[str, pa.Table]:
    """Table -> the rows wanted. Deliveries without a region are all there: their numbers must not be given twice.

    `moment`: versions that counted then are the ones that count in the copy; deliveries and withdrawals that came later
    are not there.
    """
    now = "valid_to IS NULL" if moment is None else VALID_THEN
    known = "true" if moment is None else "checked_at <= $moment"
    sent = "(sender IN (SELECT unnest($senders)) OR region IN (SELECT unnest($regions)) OR region = '')"
    sent += f" AND {known}"
    about = f"{now} AND region IN (SELECT unnest($regions))"
    chosen = {
        "dimension": "true",
        "submission": sent,
        "finding": f"submission_id IN (SELECT id FROM submission WHERE {sent})",
        "observation_version": f"{now} AND (region IN (SELECT unnest($regions)) OR year IN (SELECT unnest($years)))",
        "register_version": about,
        "record_version": about,
    }
    asked: dict[str, Any] = {
        "senders": sorted(wanted.senders) or [None],
        "regions": sorted(wanted.regions) or [None],
        "years": sorted(wanted.years) or [None],
    }
    later: dict[str, str] = {}
    if moment is not None:
        asked["moment"] = utc(moment)
        open_end = "REPLACE (CAST(NULL AS TIMESTAMP) AS valid_to)"
        later = {name: open_end for name in chosen if name.endswith("_version")}
        later["submission"] = "REPLACE (CASE WHEN withdrawn_at <= $moment THEN withdrawn_at END AS withdrawn_at)"
    queries = {name: f"SELECT * {later.get(name, '')} FROM {name} WHERE {where}" for name, where in chosen.items()}
    return {
        name: arrow(connection, query, {key: value for key, value in asked.items() if f"${key}" in query})
        for name, query in queries.items()
    }


def laid(tables: Tables, framework: Framework, folder: Path) -> Connection:
    """The copy as a database in memory, with the views of the warehouse. Temporary files go into `folder`."""
    connection = connect(Path(":memory:"), temporary=folder)
    with lent(connection, {f"copied_{name}": table for name, table in tables.items()}):
        for name in tables:
            connection.execute(f"CREATE TABLE {name} AS FROM copied_{name}")
    create_views(connection, framework)
    return connection
