"""Which values count: worked out from all deliveries that stand and all corrections in force, for some region-years.

Loading closes versions as it goes; a withdrawal or a correction cannot, because what was replaced before may count again.
Both therefore ask here what counts now and store only the difference. The meaning is that of loading (decisions 5, 6): a
version counts unless something later speaks for its cell, or its layout was delivered again for its region and year. What
was counted from a register has the register in place of the layout.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa

from warehouse.access import Connection, dimension_names, lent, rows, utc

TICK = timedelta(microseconds=1)
Scope = Collection[tuple[str, int]]
"""Regions and years."""


@dataclass(frozen=True, slots=True)
class Settled:
    """How many versions were ended, and how many opened."""

    closed: int = 0
    opened: int = 0


def last_moment(connection: Connection) -> datetime:
    """The newest moment of system time at which anything was decided; the beginning of time in an empty warehouse."""
    query = """
        SELECT max(moment) FROM (
            SELECT max(checked_at) AS moment FROM submission UNION ALL SELECT max(withdrawn_at) FROM submission
            UNION ALL SELECT max(applied_at) FROM correction UNION ALL SELECT max(ended_at) FROM correction
            UNION ALL SELECT max(valid_from) FROM observation_version
            UNION ALL SELECT max(valid_to) FROM observation_version)"""
    ((found,),) = rows(connection, query)
    return found or datetime.min


def next_moment(connection: Connection, now: datetime) -> datetime:
    """Now, or just after the last moment when the clock stands still or went back."""
    return max(utc(now), last_moment(connection) + TICK)


def scope_table(scope: Scope) -> pa.Table:
    """Regions and years as a table."""
    ordered = sorted(set(scope))
    return pa.table(
        {
            "region": pa.array([region for region, _ in ordered], type=pa.string()),
            "year": pa.array([year for _, year in ordered], type=pa.int32()),
        }
    )


def work_out(connection: Connection, scope: Scope) -> None:
    """Make the temporary table `counting`: the versions of these regions and years that count from now on."""
    with lent(connection, {"wanted_scope": scope_table(scope)}):
        connection.execute(f"CREATE OR REPLACE TEMP TABLE counting AS {_counting(dimension_names(connection))}")


def settle(connection: Connection, scope: Scope, moment: datetime) -> Settled:
    """Let exactly those versions be current that count; inside a transaction of the caller."""
    work_out(connection, scope)
    keys = ("region", "year", "variable", *dimension_names(connection), "submission_id", "status")
    same = " AND ".join(f"old.{name} = new.{name}" for name in keys)
    same += " AND old.value IS NOT DISTINCT FROM new.value"
    same += " AND old.correction_id IS NOT DISTINCT FROM new.correction_id"
    current = "SELECT rowid AS number, * FROM observation_version SEMI JOIN wanted_scope USING (region, year)"
    close = f"""
        UPDATE observation_version SET valid_to = $moment WHERE valid_to IS NULL AND rowid IN (
            SELECT old.number FROM ({current} WHERE valid_to IS NULL) old ANTI JOIN counting new ON {same})"""
    reopen = f"""
        INSERT INTO observation_version BY NAME
        SELECT new.*, CAST($moment AS TIMESTAMP) AS valid_from
        FROM counting new ANTI JOIN ({current} WHERE valid_to IS NULL) old ON {same}"""
    with lent(connection, {"wanted_scope": scope_table(scope)}):
        ((closed,),) = rows(connection, close, {"moment": moment})
        ((opened,),) = rows(connection, reopen, {"moment": moment})
    connection.execute("DROP TABLE counting")
    return Settled(int(closed), int(opened))


def _counting(dimensions: list[str]) -> str:
    key = ", ".join(("region", "year", "variable", *dimensions))
    said = ", ".join("v." + name for name in key.split(", "))
    return f"""
        WITH sent AS (
            SELECT id AS submission_id, layout, region, year, nil_return, checked_at FROM submission
            WHERE starts_with(verdict, 'accepted') AND withdrawn_at IS NULL
        ), delivered AS (
            SELECT v.* EXCLUDE (valid_from, valid_to), s.layout, s.checked_at AS moment
            FROM observation_version v SEMI JOIN wanted_scope w ON w.region = v.region AND w.year = v.year
            JOIN sent s ON s.submission_id = v.submission_id
            WHERE v.correction_id IS NULL
            QUALIFY row_number() OVER (PARTITION BY {said}, v.submission_id ORDER BY v.valid_from DESC) = 1
        ), corrected AS (
            SELECT {", ".join("c." + name for name in key.split(", "))}, c.value, c.status, c.conf_status,
                   c.submission_id, c.sheet, c.cell, '' AS text, c.reason AS note, c.id AS correction_id, c.register,
                   s.layout, c.applied_at AS moment
            FROM correction c SEMI JOIN wanted_scope w ON w.region = c.region AND w.year = c.year
            LEFT JOIN sent s ON s.submission_id = c.submission_id
            WHERE c.ended_at IS NULL AND (c.submission_id = '' OR s.submission_id IS NOT NULL)
        ), repeated AS (
            SELECT region, year, layout, register, max(moment) AS last FROM (
                SELECT region, year, layout, CAST(NULL AS VARCHAR) AS register, moment FROM delivered
                WHERE register IS NULL
                UNION ALL SELECT region, year, layout, NULL, checked_at FROM sent WHERE nil_return
                UNION ALL SELECT v.region, v.year, NULL, v.register, s.checked_at
                FROM register_version v JOIN sent s USING (submission_id)
            ) GROUP BY ALL
        ), said AS (
            SELECT *, max(moment) OVER (PARTITION BY {key}) AS newest
            FROM (SELECT * FROM delivered UNION ALL BY NAME SELECT * FROM corrected)
        )
        SELECT s.* EXCLUDE (layout, moment, newest)
        FROM said s LEFT JOIN repeated r ON r.region = s.region AND r.year = s.year
          AND CASE WHEN s.register IS NULL THEN r.layout = s.layout ELSE r.register = s.register END
        WHERE s.moment = s.newest AND (r.last IS NULL OR s.moment >= r.last)"""
