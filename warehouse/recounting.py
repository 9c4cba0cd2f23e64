"""Figures that are counted across registers: one register holds the rows, another decides which of them count.

A delivery that brings all of these registers has been counted when it was checked. Where they come from several deliveries
no check has seen them together; such a figure is counted here from the rows that stand, whenever one of its registers was
delivered again or withdrawn.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from schemas.counting import counted, looked_into
from schemas.framework_model import Framework
from schemas.shapes import Observation
from warehouse.access import Connection, lent, rows, transaction
from warehouse.delivery_tables import Said, version_table
from warehouse.history import Settled, next_moment
from warehouse.records import has_records, records_of
from warehouse.stored import vocabulary_of

Place = tuple[str, int]
"""Region and year."""
Figure = tuple[str, int, str]
"""Region, year and variable."""


@dataclass(slots=True)
class _Brought:
    """The registers of a place that stand, each with its delivery, and when anything about them changed last."""

    deliveries: dict[str, str] = field(default_factory=dict)
    changed: datetime = datetime.min


@dataclass(frozen=True, slots=True)
class _Stored:
    """The version of a figure that counts."""

    value: Decimal | None
    submission: str
    since: datetime
    corrected: bool


def recount(connection: Connection, framework: Framework, now: datetime) -> Settled:
    """Let every figure across registers be the one that follows from the rows that count; nothing when nothing changed.

    It is stored under the delivery of the register with the rows, like any figure counted from it. A declared correction
    stays until that register is delivered again.
    """
    needed = across(framework)
    if not needed or not has_records(connection):
        return Settled()
    ended: list[Figure] = []
    begun: list[tuple[str, str, Observation]] = []
    stored, unsure = _stored(connection, needed), _unsure(connection, needed)
    for place, brought in _brought(connection, needed).items():
        for variable in _stale(place, brought, needed, stored, unsure):
            register, old = needed[variable][0], stored.get((*place, variable))
            source = brought.deliveries.get(register, "")
            figure = _figure(connection, framework, variable, place, brought.deliveries)
            if old and figure and (old.value, old.submission) == (figure.value, source):
                continue
            if old:
                ended.append((*place, variable))
            if figure:
                begun.append((source, register, figure))
    if ended or begun:
        _store(connection, ended, begun, next_moment(connection, now))
    return Settled(len(ended), len(begun))


def across(framework: Framework) -> dict[str, tuple[str, ...]]:
    """Variables that are counted across registers: the one with the rows first, then those it looks into."""
    found = {}
    for code, variable in framework.variables.items():
        if (said := variable.computed_from) and (others := looked_into(framework, said)):
            found[code] = (said.records, *sorted(others))
    return found


def _brought(connection: Connection, needed: Mapping[str, tuple[str, ...]]) -> dict[Place, _Brought]:
    registers = sorted({register for codes in needed.values() for register in codes})
    query = """
        SELECT region, year, register, submission_id, valid_to IS NULL, coalesce(valid_to, valid_from)
        FROM register_version WHERE register IN (SELECT unnest(CAST(? AS VARCHAR[]))) ORDER BY ALL"""
    found: dict[Place, _Brought] = {}
    for region, year, register, submission, stands, changed in rows(connection, query, [registers]):
        brought = found.setdefault((region, year), _Brought())
        brought.changed = max(brought.changed, changed)
        if stands:
            brought.deliveries[register] = submission
    return found


def _stored(connection: Connection, needed: Mapping[str, object]) -> dict[Figure, _Stored]:
    query = """
        SELECT region, year, variable, value, submission_id, valid_from, correction_id IS NOT NULL
        FROM observation_version WHERE valid_to IS NULL AND variable IN (SELECT unnest(CAST(? AS VARCHAR[])))"""
    return {
        (region, year, variable): _Stored(*said)
        for region, year, variable, *said in rows(connection, query, [sorted(needed)])
    }


def _unsure(connection: Connection, needed: Mapping[str, object]) -> set[Place]:
    """Places where an older version may have come back: with a withdrawn delivery, or a correction of such a figure."""
    query = """
        SELECT DISTINCT v.region, v.year FROM register_version v JOIN submission s ON s.id = v.submission_id
        WHERE s.withdrawn_at IS NOT NULL
        UNION SELECT region, year FROM correction WHERE variable IN (SELECT unnest(CAST(? AS VARCHAR[])))"""
    return {(region, year) for region, year in rows(connection, query, [sorted(needed)])}


def _stale(
    place: Place,
    brought: _Brought,
    needed: Mapping[str, Sequence[str]],
    stored: Mapping[Figure, _Stored],
    unsure: Collection[Place],
) -> Iterator[str]:
    """Figures of a place that may no longer be what follows from the rows; never one that was corrected."""
    for variable, registers in needed.items():
        old = stored.get((*place, variable))
        if old is None:
            if brought.deliveries.keys() >= set(registers):
                yield variable
        elif not old.corrected and (old.since < brought.changed or place in unsure):
            yield variable


def _figure(
    connection: Connection, framework: Framework, variable: str, place: Place, registers: Collection[str]
) -> Observation | None:
    found = counted(framework, *place, registers, records_of(connection, *place))
    return next((observation for observation in found if observation.variable == variable), None)


def _store(
    connection: Connection, ended: Sequence[Figure], begun: Sequence[tuple[str, str, Observation]], moment: datetime
) -> None:
    vocabulary = vocabulary_of(connection)
    with transaction(connection):
        for figure in ended:
            connection.execute(
                "UPDATE observation_version SET valid_to = ? WHERE valid_to IS NULL AND region = ? AND year = ? AND variable = ?",
                [moment, *figure],
            )
        for submission, register, observation in begun:
            table = version_table(Said(submission, [register], [observation]), vocabulary, moment)
            with lent(connection, {"recounted": table}):
                connection.execute("INSERT INTO observation_version BY NAME SELECT * FROM recounted")
