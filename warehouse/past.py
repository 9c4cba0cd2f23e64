"""What earlier deliveries said, for the checks that look back and for the answer to the sender.

A withdrawn delivery says nothing any more. Questions with a `moment` (UTC) are answered as they would have been then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from schemas.shapes import Finding, FindingState, Severity, member_key
from warehouse.access import (
    VALID_THEN,
    Connection,
    arrow,
    dimension_codes,
    dimension_names,
    ledger,
    lent,
    records,
    rows,
    utc,
)
from warehouse.history import TICK

if TYPE_CHECKING:
    import pyarrow as pa

_PLACE, _CELL, _SAID = "known_place", "known_cell", "known_said"
"""Tables of what was told apart; their numbers have the same names."""
Values = Mapping[tuple[str, str], tuple[Decimal | None, str]]
"""(variable, member key) -> (value, status)."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """The delivery before: its number, when it came, and what was noticed."""

    id: str
    received_at: datetime
    findings: tuple[Finding, ...]


def values_of_year(connection: Connection, year: int, moment: datetime | None = None) -> dict[str, Values]:
    """Values of every region that count for a year, read in one pass; equal cells of the regions share their key."""
    counting = "observation WHERE" if moment is None else f"observation_history WHERE {VALID_THEN} AND"
    return _values(connection, f"{counting} year = $year", _asked(moment, year=year))


def values_of_region(connection: Connection, region: str, moment: datetime | None = None) -> dict[int, Values]:
    """Values of one region that count for each year, read in one pass."""
    counting = "observation WHERE" if moment is None else f"observation_history WHERE {VALID_THEN} AND"
    return _values(connection, f"{counting} region = $region", _asked(moment, region=region), by="year")


def previous_values(connection: Connection, region: str, year: int) -> Values:
    """Values of one region that count for a year."""
    found = _values(connection, "observation WHERE region = $region AND year = $year", {"region": region, "year": year})
    return found.get(region, {})


def _values(connection: Connection, source: str, asked: Mapping[str, Any], by: str = "region") -> dict[Any, Values]:
    """By region or year. The database tells the places, cells and values apart, so that each text is read once and not
    with every value: a year of 10,700 regions has 16 million of these.
    """
    import numpy as np  # not with the module: commands that only ask the warehouse do without

    from schemas.known_values import NOWHERE, KnownTable

    codes = dimension_codes(connection)
    columns = {_PLACE: (by,), _CELL: ("variable", *dimension_names(connection)), _SAID: ("value", "status")}
    apart: dict[str, pa.Table] = {}
    for number, listed in columns.items():
        apart[number] = _told_apart(connection, source, asked, number, listed)
        if not apart[number].num_rows:  # as of most years before those that came
            return {}
    joins = " ".join(f"JOIN {number} ON {_same('o', number, listed)}" for number, listed in columns.items())
    with lent(connection, apart):
        read = arrow(connection, f"SELECT {', '.join(columns)} FROM (FROM {source}) o {joins}", asked)
    places, cells, said = (list(zip(*apart[n].drop_columns([n]).to_pydict().values(), strict=True)) for n in columns)
    cells_told = [(variable, member_key(zip(codes, members, strict=True))) for variable, *members in cells]
    every = np.full((len(places), len(cells)), NOWHERE, np.int32)
    every[tuple(read[number].to_numpy() for number in (_PLACE, _CELL))] = read[_SAID].to_numpy()
    return dict(zip((place for (place,) in places), KnownTable(cells_told, said, every).values(), strict=True))


def _same(one: str, other: str, columns: Sequence[str]) -> str:
    return " AND ".join(f"{one}.{name} IS NOT DISTINCT FROM {other}.{name}" for name in columns)


def _told_apart(
    connection: Connection, source: str, asked: Mapping[str, Any], number: str, columns: Sequence[str]
) -> pa.Table:
    """The different rows of some columns, and behind them their numbers from 0."""
    import pyarrow as pa

    found = arrow(connection, f"SELECT DISTINCT {', '.join(columns)} FROM {source} ORDER BY ALL", asked)
    return found.append_column(number, pa.array(range(found.num_rows), pa.int32()))


def population_bases(connection: Connection, year: int, moment: datetime | None = None) -> dict[str, str]:
    """Population basis that the newest accepted delivery of each region declared for a year, where one did."""
    query = f"""
        SELECT region, arg_max(population_basis, checked_at) FROM {ledger()}
        WHERE year = $year AND population_basis <> '' AND {_counting(moment)} GROUP BY region"""
    return {region: str(basis) for region, basis in rows(connection, query, _asked(moment, year=year))}


def deliveries_before(connection: Connection, ids: Sequence[str]) -> dict[str, Earlier]:
    """For each of these stored deliveries the newest one that was stored before it and is of the same sender, region,
    year and layout, accepted or not."""
    query = f"""
        WITH known AS (SELECT * FROM {ledger()})
        SELECT own.id, arg_max(other.id, other.checked_at), arg_max(other.received_at, other.checked_at)
        FROM known own JOIN known other USING (sender, region, year, layout)
        WHERE own.id IN (SELECT unnest(CAST(? AS VARCHAR[]))) AND own.region <> ''
          AND other.checked_at < own.checked_at AND other.withdrawn_at IS NULL
        GROUP BY own.id"""
    return {
        own: Earlier(number, received_at, findings_of(connection, number))
        for own, number, received_at in rows(connection, query, [list(ids)])
    }


def moments_before(connection: Connection, ids: Sequence[str]) -> dict[str, datetime]:
    """For each of these deliveries that is stored, the last moment before the load that stored it.

    What is loaded together is checked together before, and gets moments that follow one another tick by tick.
    """
    query = """
        WITH stored AS (
            SELECT id, checked_at, lag(checked_at) OVER run AS last FROM submission
            WINDOW run AS (PARTITION BY run_id ORDER BY checked_at)
        ), loaded AS (
            SELECT id, max(checked_at) FILTER (last IS NULL OR checked_at - last > $tick) OVER (ORDER BY checked_at) AS begun
            FROM stored
        )
        SELECT id, begun FROM loaded WHERE id IN (SELECT unnest($ids))"""
    return {name: begun - TICK for name, begun in rows(connection, query, {"ids": list(ids), "tick": TICK})}


def known_contents(connection: Connection, fingerprints: Sequence[str]) -> set[str]:
    """Which of these bytes the ledger knows at all, from whatever sender."""
    query = "SELECT DISTINCT sha256 FROM submission WHERE sha256 IN (SELECT unnest(CAST(? AS VARCHAR[])))"
    return {sha256 for (sha256,) in rows(connection, query, [list(fingerprints)])}


def verdict_of_submission(connection: Connection, submission_id: str) -> str:
    """Stored verdict of a delivery, empty when it is not known or withdrawn."""
    found = rows(connection, f"SELECT verdict FROM {ledger()} WHERE id = ? AND withdrawn_at IS NULL", [submission_id])
    return next((str(verdict) for (verdict,) in found), "")


def findings_of(connection: Connection, submission_id: str) -> tuple[Finding, ...]:
    """Stored findings of a delivery."""
    return tuple(
        _finding(entry)
        for entry in records(connection, _FINDINGS + " WHERE submission_id = ? AND state <> 'shadow'", [submission_id])
    )


def confirmed_findings(connection: Connection, year: int, moment: datetime | None = None) -> dict[str, list[Finding]]:
    """Warnings of the accepted deliveries of each region for a year that the sender confirmed with a reason."""
    accepted, asked = f"{ledger()} WHERE year = $year AND {_counting(moment)}", _asked(moment, year=year)
    query = f"{_FINDINGS} WHERE state = 'confirmed' AND submission_id IN (SELECT id FROM {accepted})"
    entries = records(connection, query, asked)
    regions = dict(rows(connection, f"SELECT id, region FROM {accepted}", asked)) if entries else {}
    found: dict[str, list[Finding]] = {}
    for entry in entries:
        found.setdefault(regions[str(entry["submission"])], []).append(_finding(entry))
    return found


def _counting(moment: datetime | None) -> str:
    """Condition: a delivery was accepted and not withdrawn, now or until a moment."""
    if moment is None:
        return "starts_with(verdict, 'accepted') AND withdrawn_at IS NULL"
    standing = "checked_at <= $moment AND (withdrawn_at IS NULL OR withdrawn_at > $moment)"
    return f"starts_with(verdict, 'accepted') AND {standing}"


def _asked(moment: datetime | None, **known: Any) -> dict[str, Any]:
    return known if moment is None else known | {"moment": utc(moment)}


_COLUMNS = (
    "code, severity, message, remedy, sheet, cell, row_label, column_label, region, variable, members, found, expected,"
    " previous_value, reason, state"
)
_FINDINGS = f"SELECT submission_id AS submission, {_COLUMNS} FROM finding"


def _finding(entry: dict[str, object]) -> Finding:
    texts = {name: "" if value is None else str(value) for name, value in entry.items()}
    severity, state = Severity(texts.pop("severity")), FindingState(texts.pop("state"))
    return Finding(severity=severity, state=state, **texts)  # type: ignore[arg-type]
