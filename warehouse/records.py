"""Rows of registers in the warehouse: what counts, what counted at a moment, and how a delivery replaces what was there.

A register counts as a whole: the rows of the newest accepted delivery that brought it and was not withdrawn. What is
replaced is closed and stays; snapshots of earlier versions of this code have no registers at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from schemas.shapes import Record, Registers
from warehouse.access import VALID_THEN, Connection, has_table, lent, rows, utc

VERSIONS = ("register_version", "record_version")
_PLACE = "region, year, register"
Asked = Sequence[Any] | Mapping[str, Any]


# --- reading ----------------------------------------------------------------------------------------------------------


def has_records(connection: Connection) -> bool:
    """Snapshots of earlier versions have no registers."""
    return has_table(connection, "record_version")


def records_of(connection: Connection, region: str, year: int) -> list[Record]:
    """The rows that count for a region and year: by register, in the order of the sheet."""
    return _records(connection, "record", "region = ? AND year = ?", [region, year])


def records_of_year(connection: Connection, year: int, moment: datetime | None = None) -> dict[str, list[Record]]:
    """`records_of` of every region for a year, where there are any; with a moment what counted then."""
    found: dict[str, list[Record]] = {}
    if moment is None:
        known = _records(connection, "record", "year = ?", [year])
    else:
        then = {"year": year, "moment": utc(moment)}
        known = _records(connection, "record_version", f"year = $year AND {VALID_THEN}", then)
    for record in known:
        found.setdefault(record.region, []).append(record)
    return found


def registers_of(connection: Connection, region: str, year: int) -> tuple[str, ...]:
    """Codes of the registers that were delivered for a region and year, the empty ones included."""
    return tuple(code for place, about, code in _places(connection) if (place, about) == (region, year))


def sources_of(connection: Connection, region: str, year: int) -> dict[str, str]:
    """The registers that count for a region and year, each with the delivery that brought it."""
    query = "SELECT register, submission_id FROM delivered_register WHERE region = ? AND year = ? ORDER BY register"
    return dict(rows(connection, query, [region, year]))


def records_behind(connection: Connection, submission_id: str) -> list[Record]:
    """The rows of all registers as one delivery brought them, whether they count today or not."""
    return _records(connection, "record_version", "submission_id = ?", [submission_id])


def all_registers(connection: Connection, moment: datetime | None = None) -> Registers:
    """All registers and rows that count now, or counted at a moment."""
    if moment is None:
        return Registers(_places(connection), tuple(_records(connection, "record", "true", [])))
    at = {"moment": utc(moment)}
    records = _records(connection, "record_version", VALID_THEN, at)
    return Registers(_places(connection, "register_version", VALID_THEN, at), tuple(records))


def _places(
    connection: Connection, relation: str = "delivered_register", where: str = "true", asked: Asked = ()
) -> tuple[tuple[str, int, str], ...]:
    if not has_records(connection):
        return ()
    query = f"SELECT DISTINCT {_PLACE} FROM {relation} WHERE {where} ORDER BY ALL"
    return tuple((region, year, code) for region, year, code in rows(connection, query, asked))


def _records(connection: Connection, relation: str, where: str, asked: Asked) -> list[Record]:
    if not has_records(connection):
        return []
    query = f"""
        SELECT DISTINCT region, year, register, id, field, value, sheet, sheet_row, cell FROM {relation}
        WHERE {where} ORDER BY region, year, register, sheet, sheet_row, id, field"""
    values: dict[str, str] = {}
    cells: dict[str, str] = {}
    found: list[Record] = []
    last: tuple[Any, ...] = ()
    for region, year, register, id_, field, value, sheet, row, cell in rows(connection, query, asked):
        if (region, year, register, id_) != last:
            last, values, cells = (region, year, register, id_), {}, {}
            found.append(Record(region, year, register, id_, values, sheet, row, cells))
        values[field], cells[field] = value, cell
    return found


# --- replacing --------------------------------------------------------------------------------------------------------


def settle_registers(connection: Connection, scope: pa.Table, moment: datetime) -> None:
    """Let exactly those registers of some regions and years (columns region, year) count whose delivery is the newest
    that stands; inside a transaction of the caller."""
    newest = """
        SELECT v.region, v.year, v.register, arg_max(v.submission_id, s.checked_at) AS submission_id
        FROM register_version v SEMI JOIN register_scope w ON w.region = v.region AND w.year = v.year
        JOIN submission s ON s.id = v.submission_id
        WHERE starts_with(s.verdict, 'accepted') AND s.withdrawn_at IS NULL GROUP BY ALL"""
    key = f"{_PLACE}, submission_id"
    with lent(connection, {"register_scope": scope}):
        connection.execute(f"CREATE OR REPLACE TEMP TABLE counting_register AS {newest}")
        for table in VERSIONS:
            close = f"""
                UPDATE {table} SET valid_to = $moment WHERE valid_to IS NULL AND rowid IN (
                    SELECT old.rowid FROM {table} old
                    SEMI JOIN register_scope w ON w.region = old.region AND w.year = old.year
                    ANTI JOIN counting_register new USING ({key}))"""
            reopen = f"""
                INSERT INTO {table} BY NAME
                SELECT DISTINCT v.* EXCLUDE (valid_from, valid_to), CAST($moment AS TIMESTAMP) AS valid_from
                FROM {table} v SEMI JOIN counting_register USING ({key})
                ANTI JOIN (SELECT * FROM {table} WHERE valid_to IS NULL) open USING ({key})"""
            connection.execute(close, {"moment": moment})
            connection.execute(reopen, {"moment": moment})
    connection.execute("DROP TABLE counting_register")


def register_places(connection: Connection, submission_id: str) -> Iterable[tuple[str, int]]:
    """Regions and years about which a delivery brought registers."""
    query = "SELECT DISTINCT region, year FROM register_version WHERE submission_id = ?"
    return [(region, year) for region, year in rows(connection, query, [submission_id])]
