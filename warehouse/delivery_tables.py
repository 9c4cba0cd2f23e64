"""A checked delivery as Arrow tables in the form of the warehouse. Pure: no connection here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Any

import pyarrow as pa

from schemas.shapes import TOTAL, CheckedDelivery, Finding, Observation, Submission, Verdict
from warehouse.access import utc

_VALUE = pa.decimal128(24, 4)
_STEP = Decimal("0.0001")
_EXACT = Context(prec=24, rounding=ROUND_HALF_EVEN)
_FINDING_FIELDS = tuple(field.name for field in fields(Finding) if field.name != "submission")
ACCEPTED = (Verdict.ACCEPTED, Verdict.ACCEPTED_WITH_REMARKS)


class LoadError(ValueError):
    """This delivery cannot be stored; nothing of it was. The text holds codes and cell addresses, never values."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What the tables of this warehouse can hold: dimensions in order, statuses with their confidentiality."""

    dimensions: tuple[str, ...]
    conf_status: Mapping[str, str]


def submission_table(delivery: CheckedDelivery, supersedes: str, moment: datetime, run_id: str) -> pa.Table:
    """One row."""
    submission = delivery.submission
    row: dict[str, Any] = {field.name: getattr(submission, field.name) for field in fields(Submission)}
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
    seen = delivery.observations
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
            "submission_id": pa.array([delivery.submission.id] * size, type=pa.string()),
            "year": pa.array([observation.year for observation in seen], type=pa.int32()),
            "value": pa.array([_stored(observation) for observation in seen], type=_VALUE),
            "conf_status": pa.array([_conf_status(o, vocabulary) for o in seen], type=pa.string()),
            "valid_from": pa.array([moment] * size, type=pa.timestamp("us")),
            "valid_to": pa.nulls(size, type=pa.timestamp("us")),
        }
    )


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


def _where(observation: Observation) -> str:
    return f"{observation.variable} ({observation.sheet}!{observation.cell})"
