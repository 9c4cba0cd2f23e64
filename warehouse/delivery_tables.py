"""A checked delivery as Arrow tables in the form of the warehouse. Pure: no connection here."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Any

import pyarrow as pa

from schemas.shapes import TOTAL, CheckedDelivery, Finding, Observation, Record, Submission, Verdict
from warehouse.access import utc

_VALUE = pa.decimal128(24, 4)
_STEP = Decimal("0.0001")
_EXACT = Context(prec=24, rounding=ROUND_HALF_EVEN)
_FINDING_FIELDS = tuple(entry.name for entry in fields(Finding) if entry.name != "submission")
NOT_DELIVERED = "not_delivered"
ACCEPTED = (Verdict.ACCEPTED, Verdict.ACCEPTED_WITH_REMARKS)


class LoadError(ValueError):
    """This delivery cannot be stored; nothing of it was. The text holds codes and cell addresses, never values."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What the tables of this warehouse can hold: dimensions in order, statuses with their confidentiality, and the
    register of every variable that is counted from one."""

    dimensions: tuple[str, ...]
    conf_status: Mapping[str, str]
    counted: Mapping[str, str] = field(default_factory=dict)


def submission_table(delivery: CheckedDelivery, supersedes: str, moment: datetime, run_id: str) -> pa.Table:
    """One row."""
    submission = delivery.submission
    row: dict[str, Any] = {entry.name: getattr(submission, entry.name) for entry in fields(Submission)}
    row |= {
        "received_at": utc(submission.received_at),
        "verdict": submission.verdict.value,
        "supersedes": supersedes,
        "nil_fields": ",".join(delivery.nil_fields),
        "checked_at": moment,
        "run_id": run_id,
    }
    return pa.Table.from_pylist([row])


def finding_table(delivery: CheckedDelivery) -> pa.Table:
    """All findings of a delivery, also those of rules on trial; text columns also when there are none."""
    noticed = (*delivery.findings, *delivery.shadow)
    columns: dict[str, Any] = {
        name: [getattr(finding, name) for finding in noticed] for name in _FINDING_FIELDS if name != "count"
    }
    columns |= {name: [member.value for member in columns[name]] for name in ("severity", "state")}
    columns["submission_id"] = [delivery.submission.id] * len(noticed)
    arrays = {name: pa.array(values, type=pa.string()) for name, values in columns.items()}
    return pa.table(arrays | {"count": pa.array([finding.count for finding in noticed], type=pa.int32())})


def observation_table(delivery: CheckedDelivery, vocabulary: Vocabulary, moment: datetime) -> pa.Table:
    """The values of a delivery as versions that are valid from `moment`. Raises LoadError."""
    sent = delivery.submission.id
    return version_table(sent, delivery.registers, delivery.observations, vocabulary, moment)


def version_table(
    submission: str,
    brought: Collection[str],
    observations: Sequence[Observation],
    vocabulary: Vocabulary,
    moment: datetime,
) -> pa.Table:
    """Values under a submission that brought these registers, as versions valid from `moment`. Raises LoadError.

    What is counted from a register comes with the register alone: where the delivery does not bring it, the check says
    of these variables that they are missing, and that is no statement about what another delivery has counted.
    """
    registers = [_register(observation, brought, vocabulary) for observation in observations]
    kept = [i for i, o in enumerate(observations) if registers[i] is not None or not _missing(o, vocabulary)]
    seen = [observations[i] for i in kept]
    _refuse_duplicates(seen)
    size = len(seen)
    text = {
        name: pa.array([getattr(observation, name) for observation in seen], type=pa.string())
        for name in ("region", "variable", "status", "sheet", "cell", "text", "note")
    }
    dimensions = _dimension_columns(seen, vocabulary)
    return pa.table(
        text
        | {code.lower(): pa.array(values, type=pa.string()) for code, values in dimensions.items()}
        | {
            "submission_id": pa.array([submission] * size, type=pa.string()),
            "register": pa.array([registers[i] for i in kept], type=pa.string()),
            "year": pa.array([observation.year for observation in seen], type=pa.int32()),
            "value": pa.array([_stored(observation) for observation in seen], type=_VALUE),
            "conf_status": pa.array([_conf_status(o, vocabulary) for o in seen], type=pa.string()),
            "valid_from": pa.array([moment] * size, type=pa.timestamp("us")),
            "valid_to": pa.nulls(size, type=pa.timestamp("us")),
        }
    )


def register_table(delivery: CheckedDelivery, moment: datetime) -> pa.Table:
    """The registers of a delivery, for the region and year of the delivery and for those its rows name."""
    sent = delivery.submission
    places = {(record.region, record.year, record.register) for record in delivery.records}
    if sent.year is not None:
        places |= {(sent.region, sent.year, code) for code in delivery.registers}
    columns = list(zip(*sorted(places), strict=True)) or [(), (), ()]
    kinds = {"region": pa.string(), "year": pa.int32(), "register": pa.string()}
    arrays = {name: pa.array(column, kind) for (name, kind), column in zip(kinds.items(), columns, strict=True)}
    return _versions(arrays, len(places), sent.id, moment)


def record_table(delivery: CheckedDelivery, moment: datetime) -> pa.Table:
    """The rows of all registers of a delivery, one row for every filled field. Raises LoadError."""
    known: dict[tuple[str, int, str, str], Record] = {}
    for record in delivery.records:
        if record.register not in delivery.registers:
            raise LoadError(f"{_row_place(record)}: das Register {record.register} wurde nicht geliefert.")
        key = (record.region, record.year, record.register, record.id)
        if (other := known.setdefault(key, record)) is not record:
            raise LoadError(f"{_row_place(record)}: die Kennung steht schon in {_row_place(other)}.")
    filled = [(record, code, text) for record in delivery.records for code, text in record.values.items() if text]
    arrays = {
        name: pa.array([getattr(record, name) for record, _, _ in filled], pa.string())
        for name in ("region", "register", "id", "sheet")
    }
    arrays["year"] = pa.array([record.year for record, _, _ in filled], pa.int32())
    arrays["sheet_row"] = pa.array([record.row for record, _, _ in filled], pa.int32())
    arrays["field"] = pa.array([code for _, code, _ in filled], pa.string())
    arrays["value"] = pa.array([text for _, _, text in filled], pa.string())
    arrays["cell"] = pa.array([record.cells.get(code, "") for record, code, _ in filled], pa.string())
    return _versions(arrays, len(filled), delivery.submission.id, moment)


def _versions(arrays: Mapping[str, pa.Array], size: int, submission: str, moment: datetime) -> pa.Table:
    """Columns of a delivery, valid from a moment."""
    return pa.table(
        {
            **arrays,
            "submission_id": pa.array([submission] * size, type=pa.string()),
            "valid_from": pa.array([moment] * size, type=pa.timestamp("us")),
            "valid_to": pa.nulls(size, type=pa.timestamp("us")),
        }
    )


def _register(observation: Observation, brought: Collection[str], vocabulary: Vocabulary) -> str | None:
    """The register of this delivery from which a value was counted; None when it was not."""
    register = vocabulary.counted.get(observation.variable)
    return register if register in brought else None


def _missing(observation: Observation, vocabulary: Vocabulary) -> bool:
    return observation.variable in vocabulary.counted and observation.status == NOT_DELIVERED


def _dimension_columns(seen: Sequence[Observation], vocabulary: Vocabulary) -> dict[str, list[str]]:
    columns = {code: [TOTAL] * len(seen) for code in vocabulary.dimensions}
    for index, observation in enumerate(seen):
        for dimension, member in observation.members:
            if dimension not in columns:
                raise LoadError(f"{_where(observation)}: die Gliederung {dimension} ist nicht bekannt.")
            columns[dimension][index] = member
    return columns


def _refuse_duplicates(seen: Sequence[Observation]) -> None:
    known: dict[tuple[Any, ...], Observation] = {}
    for observation in seen:
        key = (observation.region, observation.year, observation.variable, frozenset(observation.members))
        if (other := known.setdefault(key, observation)) is not observation:
            raise LoadError(f"{_where(observation)} steht schon in {_where(other)}.")


def _stored(observation: Observation) -> Decimal | None:
    """Four decimals are kept, half to even; the delivered text stays beside the value."""
    if observation.value is None:
        return None
    try:
        return observation.value.quantize(_STEP, context=_EXACT)
    except InvalidOperation:
        raise LoadError(f"{_where(observation)}: die Zahl ist zu lang für den Datenbestand.") from None


def _conf_status(observation: Observation, vocabulary: Vocabulary) -> str:
    try:
        return vocabulary.conf_status[observation.status]
    except KeyError:
        raise LoadError(f"{_where(observation)}: der Status {observation.status} ist nicht bekannt.") from None


def _row_place(record: Record) -> str:
    return f"{record.register} ({record.sheet}, Zeile {record.row})"


def _where(observation: Observation) -> str:
    return f"{observation.variable} ({observation.sheet}!{observation.cell})"


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
