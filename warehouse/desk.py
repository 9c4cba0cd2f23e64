"""A small copy of the warehouse with what some deliveries may have to do with, under the same names.

Whoever checks or answers deliveries asks the same functions on it as on the warehouse itself. It answers in no time
whatever the warehouse is, and it can be sent to other machines (docs/scaling.md).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from schemas.framework_model import Framework
from warehouse.access import Connection, arrow, connect, lent
from warehouse.migrations import create_views

Tables = Mapping[str, pa.Table]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Deliveries of these senders, or about these regions; values of these regions in every year, and of every region
    in these years."""

    senders: Collection[str] = ()
    regions: Collection[str] = ()
    years: Collection[int] = field(default=())


def copied(connection: Connection, wanted: Wanted) -> dict[str, pa.Table]:
    """Table -> the rows wanted. Deliveries without a region are all there: their numbers must not be given twice."""
    sent = "sender IN (SELECT unnest($senders)) OR region IN (SELECT unnest($regions)) OR region = ''"
    about = "valid_to IS NULL AND region IN (SELECT unnest($regions))"
    chosen = {
        "dimension": "true",
        "submission": sent,
        "finding": f"submission_id IN (SELECT id FROM submission WHERE {sent})",
        "observation_version": "valid_to IS NULL AND (region IN (SELECT unnest($regions))"
        " OR year IN (SELECT unnest($years)))",
        "register_version": about,
        "record_version": about,
    }
    asked = {
        "senders": sorted(wanted.senders),
        "regions": sorted(wanted.regions),
        "years": sorted(wanted.years),
    }
    return {
        name: arrow(
            connection,
            f"SELECT * FROM {name} WHERE {where}",
            {key: value or [None] for key, value in asked.items() if f"${key}" in where},
        )
        for name, where in chosen.items()
    }


def laid(tables: Tables, framework: Framework, folder: Path) -> Connection:
    """The copy as a database in memory, with the views of the warehouse. Temporary files go into `folder`."""
    connection = connect(Path(":memory:"), temporary=folder)
    with lent(connection, {f"copied_{name}": table for name, table in tables.items()}):
        for name in tables:
            connection.execute(f"CREATE TABLE {name} AS FROM copied_{name}")
    create_views(connection, framework)
    return connection
