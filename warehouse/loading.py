"""Deliveries into the warehouse, each as a whole or not at all, and the questions about what is stored.

Bitemporal: `year` says what a value is about, `valid_from`/`valid_to` (UTC) since when the warehouse held it for true.
A value is never overwritten; its version is closed and a new one stored. System time only moves forward: every stored
delivery gets a moment (`checked_at`) later than all before it, whatever the clock says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime

import duckdb
import pyarrow as pa

from schemas.shapes import CheckedDelivery
from warehouse.access import VALID_THEN, Connection, arrow, end_reading, rows, utc
from warehouse.bulk_loading import load_prepared, prepare
from warehouse.delivery_tables import Vocabulary
from warehouse.faults import concerns_all
from warehouse.stored import LoadResult, vocabulary_of

UNKNOWN_REGION = "00000"
JOURNAL = "64MB"
_SET = ("checkpoint_threshold", "threads")


def next_submission_id(connection: Connection, region: str, received_at: datetime, taken: Collection[str] = ()) -> str:
    """The next free id: year of receipt, region, running number. `taken`: ids given out but not stored yet."""
    prefix = f"{received_at.year}-{region or UNKNOWN_REGION}-"
    stored = rows(connection, "SELECT id FROM submission WHERE starts_with(id, ?)", [prefix])
    ends = [name.removeprefix(prefix) for name in (*(row[0] for row in stored), *taken) if name.startswith(prefix)]
    return f"{prefix}{max((int(end) for end in ends if end.isdecimal()), default=0) + 1:04d}"


def known_sha(connection: Connection, sha256: str, sender: str) -> str | None:
    """The submission, of whatever verdict, in which this sender delivered the same bytes before; the newest one.

    A withdrawn one does not count: the same file may be delivered again.
    """
    query = """
        SELECT id FROM submission WHERE sha256 = ? AND sender = ? AND withdrawn_at IS NULL
        ORDER BY checked_at DESC LIMIT 1"""
    return next((found for (found,) in rows(connection, query, [sha256, sender])), None)


def load_deliveries(
    connection: Connection, deliveries: Sequence[CheckedDelivery], now: datetime, run_id: str
) -> LoadResult:
    """Store deliveries in their order, one transaction each. Loading twice equals loading once.

    An accepted delivery replaces, for every region and year it speaks of, what the same layout said before, and any
    single value of another layout that it contradicts. A nil return replaces the values of its own region and year.
    A register, and with it what is counted from it, is replaced by the next delivery that brings it, and by no other.
    One on which our code breaks is told by the kind of error and does not stop the others; a disk that refuses does.
    """
    result, vocabulary = LoadResult(), vocabulary_of(connection) if deliveries else None
    for delivery in deliveries:
        assert vocabulary is not None
        try:
            result.add(_load(connection, [delivery], vocabulary, now, run_id))
        except Exception as error:
            if concerns_all(error):
                raise
            result.failed[delivery.submission.id] = type(error).__name__
    return result


@contextmanager
def loading_many(connection: Connection) -> Iterator[None]:
    """For many loads one after the other: what is committed stands in the journal for longer before it goes into the file,
    since with every turn the last rows there are packed again. One thread: a load is too small for more.
    """
    before = {name: rows(connection, f"SELECT current_setting('{name}')")[0][0] for name in _SET}
    connection.execute(f"SET checkpoint_threshold = '{JOURNAL}'")
    connection.execute("SET threads = 1")
    try:
        yield
    finally:
        end_reading(connection)
        for name, value in before.items():
            with suppress(duckdb.Error):  # in a transaction that is lost its own error is the one to tell
                connection.execute(f"SET {name} = '{value}'")


def load_together(
    connection: Connection, deliveries: Sequence[CheckedDelivery], now: datetime, run_id: str
) -> LoadResult:
    """What `load_deliveries` does, in one transaction; when that breaks, one delivery after the other."""
    try:
        return _load(connection, deliveries, vocabulary_of(connection), now, run_id)
    except Exception:  # nothing of it is stored: one that cannot be stored must not stop the others
        return load_deliveries(connection, deliveries, now, run_id)


def _load(
    connection: Connection, deliveries: Sequence[CheckedDelivery], vocabulary: Vocabulary, now: datetime, run_id: str
) -> LoadResult:
    prepared = prepare(deliveries, vocabulary)
    result = load_prepared(connection, prepared.tables, now, run_id)
    result.failed |= prepared.failed
    return result


def as_of(connection: Connection, moment: datetime) -> pa.Table:
    """What the view `observation` showed at a moment, in no particular order."""
    query = f"SELECT * EXCLUDE (valid_from, valid_to) FROM observation_history WHERE {VALID_THEN}"
    return arrow(connection, query, {"moment": utc(moment)})


def changed_values(connection: Connection, dimensions: Iterable[str]) -> pa.Table:
    """Every value that ever counted of each region, year and variable of which not all came at once and stayed.

    Region, year, variable, the named columns of dimensions, value, and from when to when it counted: `since`, `until`
    (microseconds; none when it still does).
    """
    query = f"""
        SELECT region, year, variable, {"".join(f"{name}, " for name in dimensions)} value,
               epoch_us(valid_from) AS since, epoch_us(valid_to) AS until
        FROM observation_history JOIN (
            SELECT region, year, variable FROM observation_history GROUP BY ALL
            HAVING count(valid_to) > 0 OR min(valid_from) < max(valid_from)
        ) USING (region, year, variable)"""
    return arrow(connection, query)
