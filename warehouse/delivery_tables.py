"""A checked delivery as Arrow tables in the form of the warehouse. Pure: no connection here."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from itertools import chain
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas.observations import Observations, Places
from schemas.shapes import TOTAL, CheckedDelivery, Finding, Observation, Record, Submission, Verdict
from warehouse.access import utc

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_VALUE = pa.decimal128(24, 4)
_STEP = Decimal("0.0001")
_EXACT = Context(prec=24, rounding=ROUND_HALF_EVEN)
_TEXTS = ("region", "variable", "status", "sheet", "cell", "text", "note")
_SUBMISSION_FIELDS = tuple(entry.name for entry in fields(Submission) if entry.name != "supersedes")
_FINDING_FIELDS = tuple(entry.name for entry in fields(Finding) if entry.name != "submission")
Members = tuple[tuple[str, str], ...]
VALUES = "values"
"""How many values a delivery has said; a column of the prepared ledger that is not stored."""
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


@dataclass(frozen=True, slots=True)
class Said:
    """Values under a submission that brought these registers."""

    submission: str
    brought: Collection[str]
    observations: Sequence[Observation]


def tables_of(deliveries: Sequence[CheckedDelivery], vocabulary: Vocabulary) -> dict[str, pa.Table]:
    """Target table -> rows to add, as far as they follow from the deliveries alone. Values only of accepted deliveries.

    Raises LoadError when one of them cannot be stored.
    """
    tables = {"submission": submission_table(deliveries), "finding": finding_table(deliveries)}
    accepted = [delivery for delivery in deliveries if delivery.submission.verdict in ACCEPTED]
    said = [Said(sent.submission.id, sent.registers, sent.observations) for sent in accepted]
    tables["observation_version"] = value_table(said, vocabulary)
    registers = [(register_table(sent), record_table(sent)) for sent in accepted if sent.registers or sent.records]
    if registers:
        tables["register_version"], tables["record_version"] = map(pa.concat_tables, zip(*registers, strict=True))
    return {name: table for name, table in tables.items() if table.num_rows}


def submission_table(deliveries: Sequence[CheckedDelivery]) -> pa.Table:
    """One row for each, with how many values it has said; that is not stored."""
    entries = []
    for delivery in deliveries:
        submission = delivery.submission
        entry: dict[str, Any] = {name: getattr(submission, name) for name in _SUBMISSION_FIELDS}
        entry |= {
            "received_at": utc(submission.received_at),
            "verdict": submission.verdict.value,
            "nil_fields": ",".join(delivery.nil_fields),
            VALUES: len(delivery.observations),
        }
        entries.append(entry)
    return pa.Table.from_pylist(entries)


def finding_table(deliveries: Sequence[CheckedDelivery]) -> pa.Table:
    """All findings of deliveries, also those of rules on trial; text columns also when there are none."""
    noticed = [(sent.submission.id, found) for sent in deliveries for found in (*sent.findings, *sent.shadow)]
    columns: dict[str, Any] = {
        name: [getattr(finding, name) for _, finding in noticed] for name in _FINDING_FIELDS if name != "count"
    }
    columns |= {name: [member.value for member in columns[name]] for name in ("severity", "state")}
    columns["submission_id"] = [submission for submission, _ in noticed]
    arrays = {name: pa.array(values, type=pa.string()) for name, values in columns.items()}
    return pa.table(arrays | {"count": pa.array([finding.count for _, finding in noticed], type=pa.int32())})


def value_table(said: Sequence[Said], vocabulary: Vocabulary) -> pa.Table:
    """What deliveries have said, one after the other, as versions without the moments of their beginning and end.

    What is counted from a register comes with the register alone: where the delivery does not bring it, the check says
    of these variables that they are missing, and that is no statement about what another delivery has counted. Raises
    LoadError.
    """
    told, different = _told(said)
    told = _counted(told, said, vocabulary)
    _refuse_duplicates(told)
    columns = _dimension_columns(told, different, vocabulary)
    columns["submission_id"] = pa.array([one.submission for one in said], pa.string()).take(told["owner"])
    columns["conf_status"] = _conf_status(told, vocabulary)
    return pa.table({**{name: told[name] for name in (*_TEXTS, "year", "value", "register")}, **columns})


def version_table(said: Said, vocabulary: Vocabulary, moment: datetime) -> pa.Table:
    """The same as versions that are valid from `moment`. Raises LoadError."""
    table = value_table([said], vocabulary)
    table = table.append_column("valid_from", pa.array([moment] * table.num_rows, pa.timestamp("us")))
    return table.append_column("valid_to", pa.nulls(table.num_rows, pa.timestamp("us")))


def register_table(delivery: CheckedDelivery) -> pa.Table:
    """The registers of a delivery, for the region and year of the delivery and for those its rows name."""
    sent = delivery.submission
    places = {(record.region, record.year, record.register) for record in delivery.records}
    if sent.year is not None:
        places |= {(sent.region, sent.year, code) for code in delivery.registers}
    columns = list(zip(*sorted(places), strict=True)) or [(), (), ()]
    kinds = {"region": pa.string(), "year": pa.int32(), "register": pa.string()}
    arrays = {name: pa.array(column, kind) for (name, kind), column in zip(kinds.items(), columns, strict=True)}
    return pa.table({**arrays, "submission_id": pa.array([sent.id] * len(places), pa.string())})


def record_table(delivery: CheckedDelivery) -> pa.Table:
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
    return pa.table({**arrays, "submission_id": pa.array([delivery.submission.id] * len(filled), pa.string())})


def _told(said: Sequence[Said]) -> tuple[pa.Table, list[Members]]:
    """Everything that was said, row by row, with the number of who said it (`owner`) and of its `members`; and these.

    The cells of our form are the same in every workbook and share what they are of.
    """
    import numpy as np  # not with the module: see `warehouse.past`

    observed = [Observations.of(one.observations) for one in said]
    parts = [(number, part) for number, own in enumerate(observed) for part in own.stretches]
    stretches = [part for _, part in parts]
    which = pa.array(np.repeat(np.arange(len(parts), dtype=np.int32), [*map(len, stretches)]))
    columns = {"owner": pa.array([number for number, _ in parts], pa.int32()).take(which)}
    for name, kind in (("region", pa.string()), ("year", pa.int32()), ("sheet", pa.string())):
        columns[name] = pa.array([getattr(part, name) for part in stretches], kind).take(which)
    described = [_described(part.places) for part in stretches]
    for place, name in enumerate(("variable", "cell", "note")):
        columns[name] = pa.concat_arrays([found.texts[place] for found in described] or [pa.array([], pa.string())])
    for name, of in (("status", "statuses"), ("text", "texts")):
        columns[name] = pa.array([*chain.from_iterable(getattr(part, of) for part in stretches)], pa.string())
    different: dict[frozenset[tuple[str, str]], int] = {}
    numbers: dict[int, NDArray[np.int32]] = {}
    for found in described:
        if id(found) not in numbers:
            own = [different.setdefault(members, len(different)) for members in found.different]
            numbers[id(found)] = np.array(own, np.int32)[found.members]
    columns["members"] = pa.array(np.concatenate([np.empty(0, np.int32), *(numbers[id(found)] for found in described)]))
    table = pa.table(columns)
    return table.append_column("value", _values(observed, table)), [tuple(members) for members in different]


@dataclass(frozen=True, slots=True)
class _Described:
    """Variables, cells and notes of some places; their different members, and which of these each place has."""

    texts: tuple[pa.Array, pa.Array, pa.Array]
    different: Sequence[frozenset[tuple[str, str]]]
    members: NDArray[np.intp]


def _described(places: Places) -> _Described:
    """The same for all deliveries of a form: worked out once."""
    import numpy as np

    known: _Described | None = places.derived.get("stored")
    if known is None:
        different: dict[frozenset[tuple[str, str]], int] = {}
        members = [different.setdefault(frozenset(of), len(different)) for of in places.members]
        texts = [pa.array(column, pa.string()) for column in (places.variables, places.cells, places.notes)]
        known = _Described((texts[0], texts[1], texts[2]), list(different), np.array(members, np.intp))
        places.derived["stored"] = known
    return known


def _counted(told: pa.Table, said: Sequence[Said], vocabulary: Vocabulary) -> pa.Table:
    """With the register of the same delivery from which a value was counted; without what is missing only because the
    delivery does not bring its register."""
    variables = told["variable"].combine_chunks().dictionary_encode()
    of = [vocabulary.counted.get(variable) for variable in variables.dictionary.to_pylist()]
    if not any(of):
        return told.append_column("register", pa.nulls(told.num_rows, pa.string()))
    places = zip(variables.indices.to_pylist(), told["owner"].to_pylist(), strict=True)
    registers = [of[variable] if of[variable] in said[owner].brought else None for variable, owner in places]
    missing = pc.and_(pc.is_valid(pa.array(of).take(variables.indices)), pc.equal(told["status"], NOT_DELIVERED))
    told = told.append_column("register", pa.array(registers, pa.string()))
    return told.filter(pc.or_(pc.is_valid(told["register"]), pc.invert(missing)))


def _dimension_columns(told: pa.Table, different: Sequence[Members], vocabulary: Vocabulary) -> dict[str, pa.Array]:
    columns = {code: [TOTAL] * len(different) for code in vocabulary.dimensions}
    unknown = {}
    for number, members in enumerate(different):
        for dimension, member in members:
            if dimension in columns:
                columns[dimension][number] = member
            else:
                unknown[number] = dimension
    if unknown:
        for row, number in enumerate(told["members"].to_pylist()):
            if number in unknown:
                raise LoadError(f"{_where(told, row)}: die Gliederung {unknown[number]} ist nicht bekannt.")
    return {code.lower(): pa.array(members, pa.string()).take(told["members"]) for code, members in columns.items()}


def _refuse_duplicates(told: pa.Table) -> None:
    cells = told.select(["owner", "region", "year", "variable", "members"])
    if cells.group_by(cells.column_names, use_threads=False).aggregate([]).num_rows == told.num_rows:
        return
    known: dict[tuple[Any, ...], int] = {}
    for row, cell in enumerate(zip(*cells.to_pydict().values(), strict=True)):
        if (other := known.setdefault(cell, row)) != row:
            raise LoadError(f"{_where(told, row)} steht schon in {_where(told, other)}.")


def _values(observed: Sequence[Observations], told: pa.Table) -> pa.Array:
    """Four decimals are kept; what has no more goes in as it is."""
    whole = [own.whole for own in observed]
    plain = [found for found in whole if found is not None]
    if plain and len(plain) == len(whole):
        return _decimals(*plain)
    values = [*chain.from_iterable(own.values for own in observed)]
    try:
        return pa.array(values, _VALUE)
    except pa.ArrowInvalid:
        return pa.array([_stored(value, told, row) for row, value in enumerate(values)], _VALUE)


def _decimals(*whole: tuple[NDArray[np.int64], NDArray[np.bool_]]) -> pa.Array:
    """Whole ten-thousandths, and where there is none, as decimals."""
    import numpy as np

    low, none = map(np.concatenate, zip(*whole, strict=True))
    halves = np.stack([low, low >> 63], axis=1)
    there = pa.py_buffer(np.packbits(~none, bitorder="little"))
    return pa.Array.from_buffers(_VALUE, len(low), [there, pa.py_buffer(halves)])


def _stored(value: Decimal | None, told: pa.Table, row: int) -> Decimal | None:
    """Four decimals, half to even; the delivered text stays beside the value."""
    if value is None:
        return None
    try:
        return value.quantize(_STEP, context=_EXACT)
    except InvalidOperation:
        raise LoadError(f"{_where(told, row)}: die Zahl ist zu lang für den Datenbestand.") from None


def _conf_status(told: pa.Table, vocabulary: Vocabulary) -> pa.Array:
    statuses = told["status"].combine_chunks().dictionary_encode()
    known = [vocabulary.conf_status.get(status) for status in statuses.dictionary.to_pylist()]
    if None in known:
        row = statuses.indices.to_pylist().index(known.index(None))
        raise LoadError(f"{_where(told, row)}: der Status {told['status'][row]} ist nicht bekannt.")
    return pa.array(known, pa.string()).take(statuses.indices)


def _row_place(record: Record) -> str:
    return f"{record.register} ({record.sheet}, Zeile {record.row})"


def _where(told: pa.Table, row: int) -> str:
    return "{} ({}!{})".format(*(told[name][row] for name in ("variable", "sheet", "cell")))
