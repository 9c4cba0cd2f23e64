"""Declared corrections: entries of a file that people keep, put into force as versions of values and taken back again.

What the file says is compared with what counts: an entry in force is left alone, a new one is applied when the state it
expects is found, one that is no longer in the file ends. All in one transaction, and nothing at all when nothing changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from schemas.shapes import TOTAL
from warehouse.access import Connection, dimension_codes, dimension_names, lent, records, rows, transaction
from warehouse.history import Scope, next_moment, settle, work_out

Key = tuple[Any, ...]
"""Region, year, variable, and one member for each dimension of the warehouse."""


@dataclass(frozen=True, slots=True)
class Held:
    """A value and its status; an empty status is any status."""

    value: Decimal | None
    status: str = ""


@dataclass(frozen=True, slots=True)
class Correction:
    """One declared correction. `old` is None when there must be no cell yet.

    `expected_submission` and `expected_status` name more of the state that must be found; empty: not asked.
    """

    id: str
    who: str
    when: date
    region: str
    year: int
    variable: str
    members: tuple[tuple[str, str], ...]
    old: Held | None
    new: Held
    reason: str
    expected_submission: str = ""
    expected_status: str = ""

    @property
    def content(self) -> str:
        """Fingerprint of everything the entry says."""
        return hashlib.sha256(json.dumps(asdict(self), default=str, sort_keys=True).encode()).hexdigest()


@dataclass(slots=True)
class CorrectionResult:
    """Identifiers of entries; `mismatched` says in a German sentence, without values, why an entry was not applied."""

    applied: list[str] = field(default_factory=list)
    already: list[str] = field(default_factory=list)
    mismatched: dict[str, str] = field(default_factory=dict)
    reverted: list[str] = field(default_factory=list)


def apply_corrections(
    connection: Connection, entries: Sequence[Correction], now: datetime, run_id: str
) -> CorrectionResult:
    """Let the corrections of the file, and no others, be in force as far as they match.

    An entry whose content changed is taken back and tried anew. One that a later delivery overtook is applied again
    only if the state it expects is there again. Expects one entry for a cell at most.
    """
    result = CorrectionResult()
    stored = {entry["id"]: entry for entry in records(connection, "SELECT * FROM correction WHERE ended_at IS NULL")}
    declared = {entry.id: entry for entry in entries}
    unlike = [name for name in stored if name not in declared or declared[name].content != stored[name]["content"]]
    in_force = _in_force(connection) - set(unlike)
    pending = [entry for entry in entries if entry.id not in in_force]
    result.already = [entry.id for entry in entries if entry.id in in_force]
    result.reverted = sorted(name for name in unlike if name not in declared)
    if not unlike and not pending:
        return result
    scope = {(stored[name]["region"], stored[name]["year"]) for name in unlike}
    scope |= {(entry.region, entry.year) for entry in pending}
    moment = next_moment(connection, now)
    with transaction(connection):
        for name in unlike:
            _end(connection, name, "changed" if name in declared else "removed", moment)
        chosen = _matching(connection, pending, scope, result)
        for entry, _ in chosen:
            _end(connection, entry.id, "renewed", moment)
        _insert(connection, chosen, moment, run_id)
        if chosen or unlike:
            settle(connection, scope, moment)
    result.applied = [entry.id for entry, _ in chosen]
    return result


def _in_force(connection: Connection) -> set[str]:
    """Corrections whose version counts at present."""
    query = (
        "SELECT DISTINCT correction_id FROM observation_version WHERE correction_id IS NOT NULL AND valid_to IS NULL"
    )
    return {name for (name,) in rows(connection, query)}


def _end(connection: Connection, name: str, why: str, moment: datetime) -> None:
    query = "UPDATE correction SET ended_at = ?, ended_why = ? WHERE id = ? AND ended_at IS NULL"
    connection.execute(query, [moment, why, name])


def _matching(
    connection: Connection, pending: Iterable[Correction], scope: Scope, result: CorrectionResult
) -> list[tuple[Correction, Mapping[str, Any]]]:
    """Entries that find what they expect, each with the cell it corrects; the others are noted in the result."""
    codes, names = dimension_codes(connection), dimension_names(connection)
    work_out(connection, scope)
    cells = {
        (cell["region"], cell["year"], cell["variable"], *(cell[name.strip('"')] for name in names)): cell
        for cell in records(connection, "SELECT * FROM counting")
    }
    chosen: list[tuple[Correction, Mapping[str, Any]]] = []
    for entry in pending:
        found = cells.get(_key(entry, codes))
        if problem := _mismatch(entry, found):
            result.mismatched[entry.id] = problem
        else:
            chosen.append((entry, found or {}))
    return chosen


def _key(entry: Correction, codes: Sequence[str]) -> Key:
    members = dict(entry.members)
    return (entry.region, entry.year, entry.variable, *(members.get(code, TOTAL) for code in codes))


def _mismatch(entry: Correction, found: Mapping[str, Any] | None) -> str:
    """Why the entry does not fit to what counts at its cell; empty when it does."""
    if found is None:
        return "" if entry.old is None else "Die Zelle, die berichtigt werden soll, ist nicht (mehr) vorhanden."
    where = f"{found['sheet']}!{found['cell']} der Lieferung {found['submission_id']}"
    if _holds(entry.new, found):
        return f"Der neue Wert gilt bereits ({where}); der Eintrag kann entfallen."
    if entry.old is None:
        return f"Die Zelle sollte fehlen, ist aber geliefert ({where})."
    if not _holds(entry.old, found):
        return f"Es gilt ein anderer Wert als der alte des Eintrags ({where})."
    if entry.expected_status and entry.expected_status != found["status"]:
        return f"Die Zelle hat den Status {found['status']}, erwartet war {entry.expected_status} ({where})."
    if entry.expected_submission and entry.expected_submission != found["submission_id"]:
        return f"Der Wert steht in {where}, erwartet war die Lieferung {entry.expected_submission}."
    return ""


def _holds(held: Held, found: Mapping[str, Any]) -> bool:
    return bool(held.value == found["value"] and held.status in ("", found["status"]))


def _insert(
    connection: Connection, chosen: Sequence[tuple[Correction, Mapping[str, Any]]], moment: datetime, run_id: str
) -> None:
    if not chosen:
        return
    conf_status = dict(rows(connection, "SELECT code, conf_status FROM status"))
    codes = dimension_codes(connection)
    entries = [_row(entry, cell, codes) | {"applied_at": moment, "run_id": run_id} for entry, cell in chosen]
    for entry in entries:
        entry["conf_status"] = conf_status[entry["status"]]
    kinds = {"old_value": pa.decimal128(24, 4), "value": pa.decimal128(24, 4), "applied_at": pa.timestamp("us")}
    kinds |= {"declared_on": pa.date32(), "year": pa.int32()}
    columns = {name: pa.array([entry[name] for entry in entries], kinds.get(name, pa.string())) for name in entries[0]}
    with lent(connection, {"new_correction": pa.table(columns)}):
        connection.execute("INSERT INTO correction BY NAME SELECT * FROM new_correction")


def _row(entry: Correction, cell: Mapping[str, Any], codes: Sequence[str]) -> dict[str, Any]:
    members = dict(entry.members)
    expected = {"submission": entry.expected_submission, "status": entry.expected_status}
    return {
        "id": entry.id,
        "who": entry.who,
        "declared_on": entry.when,
        "reason": entry.reason,
        "expected": json.dumps({name: said for name, said in expected.items() if said}),
        "content": entry.content,
        "old_value": entry.old.value if entry.old else None,
        "old_status": entry.old.status if entry.old else None,
        "region": entry.region,
        "year": entry.year,
        "variable": entry.variable,
        **{code.lower(): members.get(code, TOTAL) for code in codes},
        "value": entry.new.value,
        "status": entry.new.status,
        "submission_id": cell.get("submission_id", ""),
        "sheet": cell.get("sheet", ""),
        "cell": cell.get("cell", ""),
        "register": cell.get("register"),
    }
