"""Deliveries into the warehouse, each as a whole or not at all, and the questions about what is stored.

Bitemporal: `year` says what a value is about, `valid_from`/`valid_to` (UTC) since when the warehouse held it for true.
A value is never overwritten; its version is closed and a new one stored. System time only moves forward: every stored
delivery gets a moment (`checked_at`) later than all before it, whatever the clock says.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

import pyarrow as pa

from schemas.shapes import CheckedDelivery, Submission, Verdict, member_key
from warehouse.access import (
    Connection,
    arrow,
    dimension_codes,
    dimension_names,
    ledger,
    lent,
    rows,
    transaction,
    utc,
)
from warehouse.delivery_tables import (
    ACCEPTED,
    LoadError,
    Vocabulary,
    finding_table,
    observation_table,
    record_table,
    register_table,
    submission_table,
)
from warehouse.history import TICK, last_moment, scope_table
from warehouse.records import close_replaced_registers

UNKNOWN_REGION = "00000"


@dataclass(slots=True)
class LoadResult:
    """What a load did. `loaded` are the stored submissions (any verdict), `accepted` those whose values now count.

    `duplicates` maps a submission that changed nothing to the one stored earlier, `failed` one that could not be
    stored to the reason: our fault, to be reported, never the sender's.
    """

    loaded: list[str] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    duplicates: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    values_added: int = 0
    values_closed: int = 0


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
    """
    result = LoadResult()
    if not deliveries:
        return result
    vocabulary = vocabulary_of(connection)
    ledger = StoredDeliveries.read(connection, deliveries)
    for delivery in deliveries:
        submission = delivery.submission
        if earlier := ledger.stored_as(submission):
            result.duplicates[submission.id] = earlier
            continue
        moment = ledger.next_moment(now)
        supersedes = ledger.superseded(submission)
        try:
            tables = tables_of(delivery, vocabulary, supersedes, moment, run_id)
        except LoadError as error:
            result.failed[submission.id] = str(error)
            continue
        closed = _store(connection, delivery, tables, moment)
        ledger.add(submission, moment)
        result.loaded.append(submission.id)
        if submission.verdict in ACCEPTED:
            result.accepted.append(submission.id)
            result.values_added += len(delivery.observations)
            result.values_closed += closed
    return result


def previous_values(
    connection: Connection, region: str, year: int
) -> dict[tuple[str, str], tuple[Decimal | None, str]]:
    """Current values of a region and year: (variable, member key) -> (value, status)."""
    codes, names = dimension_codes(connection), dimension_names(connection)
    listed = "".join(f"{name}, " for name in names)
    query = f"SELECT variable, {listed} value, status FROM observation WHERE region = ? AND year = ?"
    return {
        (variable, member_key(zip(codes, members, strict=True))): (value, status)
        for variable, *members, value, status in rows(connection, query, [region, year])
    }


def population_basis(connection: Connection, region: str, year: int) -> str:
    """Population basis that the newest accepted delivery of a region and year declared; empty when there is none."""
    query = f"""
        SELECT population_basis FROM {ledger()}
        WHERE region = ? AND year = ? AND starts_with(verdict, 'accepted') AND population_basis <> ''
          AND withdrawn_at IS NULL
        ORDER BY checked_at DESC LIMIT 1"""
    return next((str(found) for (found,) in rows(connection, query, [region, year])), "")


def current_observations(connection: Connection) -> pa.Table:
    """Columns of the view `observation`, in no particular order."""
    return arrow(connection, "SELECT * FROM observation")


def as_of(connection: Connection, moment: datetime) -> pa.Table:
    """What the view `observation` showed at a moment, in no particular order."""
    query = """
        SELECT * EXCLUDE (valid_from, valid_to) FROM observation_history
        WHERE valid_from <= $moment AND (valid_to IS NULL OR valid_to > $moment)"""
    return arrow(connection, query, {"moment": utc(moment)})


def submissions(connection: Connection, *, region: str | None = None, year: int | None = None) -> pa.Table:
    """Submissions in the order in which they were stored."""
    query = """
        SELECT * FROM submission WHERE ($region IS NULL OR region = $region) AND ($year IS NULL OR year = $year)
        ORDER BY checked_at"""
    return arrow(connection, query, {"region": region, "year": year})


def vocabulary_of(connection: Connection) -> Vocabulary:
    statuses = dict(rows(connection, "SELECT code, conf_status FROM status"))
    counted = dict(rows(connection, "SELECT code, register FROM variable WHERE register IS NOT NULL"))
    return Vocabulary(dimension_codes(connection), statuses, counted)


@dataclass(slots=True)
class StoredDeliveries:
    """What is stored already and concerns the deliveries of one load; kept up to date while it goes on."""

    ids: set[str] = field(default_factory=set)
    contents: dict[tuple[str, str], str] = field(default_factory=dict)
    counting: dict[tuple[str, int | None, str], str] = field(default_factory=dict)
    last: datetime = datetime.min

    @classmethod
    def read(cls, connection: Connection, deliveries: Sequence[CheckedDelivery]) -> StoredDeliveries:
        ledger = cls(last=last_moment(connection))
        query = """
            SELECT id, sha256, sender, region, year, layout, verdict, checked_at, withdrawn_at FROM submission
            WHERE id IN (SELECT unnest($ids)) OR sha256 IN (SELECT unnest($contents))
               OR region IN (SELECT unnest($regions))
            ORDER BY checked_at"""
        coming = [delivery.submission for delivery in deliveries]
        parameters = {
            "ids": [submission.id for submission in coming],
            "contents": [submission.sha256 for submission in coming],
            "regions": [submission.region for submission in coming],
        }
        for name, sha256, sender, region, year, layout, verdict, moment, gone in rows(connection, query, parameters):
            if gone is not None:
                ledger.ids.add(name)
                continue
            ledger._note(name, (sha256, sender), (region, year, layout), Verdict(verdict), moment)
        return ledger

    def add(self, stored: Submission, moment: datetime) -> None:
        place = (stored.region, stored.year, stored.layout)
        self._note(stored.id, (stored.sha256, stored.sender), place, stored.verdict, moment)

    def stored_as(self, submission: Submission) -> str | None:
        """The stored submission with this id, or with these bytes from this sender."""
        if submission.id in self.ids:
            return submission.id
        return self.contents.get((submission.sha256, submission.sender))

    def superseded(self, submission: Submission) -> str:
        """The accepted submission of the same region, year and layout that counts until now."""
        if submission.verdict not in ACCEPTED or submission.year is None:
            return ""
        return self.counting.get((submission.region, submission.year, submission.layout), "")

    def next_moment(self, now: datetime) -> datetime:
        """Now, or just after the last stored moment when the clock stands still or went back."""
        return max(utc(now), self.last + TICK)

    def _note(
        self,
        name: str,
        content: tuple[str, str],
        place: tuple[str, int | None, str],
        verdict: Verdict,
        moment: datetime,
    ) -> None:
        self.ids.add(name)
        self.contents[content] = name
        if verdict in ACCEPTED:
            self.counting[place] = name
        self.last = max(self.last, moment)


def tables_of(
    delivery: CheckedDelivery, vocabulary: Vocabulary, supersedes: str, moment: datetime, run_id: str
) -> dict[str, pa.Table]:
    """Target table -> rows to add. Values only of an accepted delivery."""
    tables = {"submission": submission_table(delivery, supersedes, moment, run_id)}
    if delivery.findings or delivery.shadow:
        tables["finding"] = finding_table(delivery)
    if delivery.submission.verdict in ACCEPTED:
        tables["observation_version"] = observation_table(delivery, vocabulary, moment)
        tables["register_version"] = register_table(delivery, moment)
        tables["record_version"] = record_table(delivery, moment)
    return tables


def _store(connection: Connection, delivery: CheckedDelivery, tables: Mapping[str, pa.Table], moment: datetime) -> int:
    """One delivery in one transaction; how many versions of values it closed."""
    closed = 0
    with lent(connection, {f"new_{name}": table for name, table in tables.items()}), transaction(connection):
        if "observation_version" in tables:
            closed = _close_replaced(connection, delivery, tables, moment)
            close_replaced_registers(connection, moment)
        for name, table in tables.items():
            if table.num_rows:
                connection.execute(f"INSERT INTO {name} BY NAME SELECT * FROM new_{name}")
    return closed


def _close_replaced(
    connection: Connection, delivery: CheckedDelivery, tables: Mapping[str, pa.Table], moment: datetime
) -> int:
    """End the versions that the lent `new_observation_version` and `new_register_version` replace; how many."""
    submission = delivery.submission
    new, registers = tables["observation_version"], tables["register_version"]
    scope = set(zip(new["region"].to_pylist(), new["year"].to_pylist(), strict=True))
    scope |= set(zip(registers["region"].to_pylist(), registers["year"].to_pylist(), strict=True))
    if submission.nil_return and submission.year is not None:
        scope.add((submission.region, submission.year))
    if not scope or not _any_current(connection, scope):
        return 0
    same = " AND ".join(
        f"old.{name} = new.{name}" for name in ("region", "year", "variable", *dimension_names(connection))
    )
    query = f"""
        WITH current AS (
            SELECT old.rowid AS id, old.*, sent.layout FROM observation_version old
            SEMI JOIN new_scope scope ON scope.region = old.region AND scope.year = old.year
            LEFT JOIN submission sent ON sent.id = old.submission_id
            WHERE old.valid_to IS NULL
        ), spoken AS (
            SELECT region, year FROM new_observation_version WHERE register IS NULL
            UNION SELECT $region, $year WHERE $nil_return
        ), replaced AS (
            SELECT id FROM current SEMI JOIN spoken USING (region, year) WHERE register IS NULL AND layout = $layout
            UNION SELECT id FROM current SEMI JOIN new_register_version USING (region, year, register)
            UNION SELECT old.id FROM current old SEMI JOIN new_observation_version new ON {same}
        )
        UPDATE observation_version SET valid_to = $moment
        WHERE valid_to IS NULL AND rowid IN (SELECT id FROM replaced)"""
    asked = {name: getattr(submission, name) for name in ("region", "year", "layout", "nil_return")}
    with lent(connection, {"new_scope": scope_table(scope)}):
        ((closed,),) = rows(connection, query, asked | {"moment": moment})
    return int(closed)


def _any_current(connection: Connection, scope: set[tuple[str, int]]) -> bool:
    """A cheap look whether anything can be replaced at all; most deliveries are the first of their region and year."""
    regions, years = sorted({region for region, _ in scope}), sorted({year for _, year in scope})
    query = """
        SELECT 1 FROM observation_version
        WHERE region BETWEEN ? AND ? AND year BETWEEN ? AND ? AND valid_to IS NULL LIMIT 1"""
    return bool(rows(connection, query, [regions[0], regions[-1], years[0], years[-1]]))
