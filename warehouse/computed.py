"""Have these result tables been computed from exactly this state? Then a night with nothing new need not compute them again.

A run notes the fingerprint of everything that entered its computation and that of the tables that came out (`run.details`).
Both must be found again as they are: a run that was killed, or a table that somebody touched, only costs a computation.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from warehouse.access import Connection, rows
from warehouse.result_tables import RESULTS

NOTE = "computed"
"""Key of the note in `run.details`."""


def entered(connection: Connection, beside: Iterable[str]) -> str:
    """Fingerprint of the accepted values and rows of registers, of the ledger of releases, and of the texts of `beside`
    (rules, code, …)."""
    relations = ("observation", "delivered_register", "record", "release_ledger", "published_symbol")
    seen = [_content(connection, name) for name in relations]
    return hashlib.sha256(json.dumps([seen, list(beside)], default=str).encode()).hexdigest()


def note(connection: Connection, state: str, given_away: int, beside: str = "") -> dict[str, Any]:
    """What a run notes after it has written the results of `state` (see `entered`, asked after the ledger was written);
    `beside`: fingerprint of what decides the results beside what is stored."""
    return {"state": state, "beside": beside, "results": _results(connection), "given_away": given_away}


def computed_before(connection: Connection, state: str) -> dict[str, Any] | None:
    """The note of a run whose results, computed from `state`, stand in the result tables now; None when there is none."""
    query = "SELECT details FROM run WHERE contains(details, ?) ORDER BY started_at DESC LIMIT 1"
    for (details,) in rows(connection, query, [state]):
        found: dict[str, Any] = json.loads(details).get(NOTE) or {}
        if found.get("state") == state and found.get("results") == _results(connection):
            return found
    return None


def computed_beside(connection: Connection, beside: str) -> bool:
    """Were the results that stand in the result tables now computed beside the same (see `note`), from whatever values?"""
    query = "SELECT details FROM run WHERE contains(details, ?) ORDER BY started_at DESC LIMIT 1"
    for (details,) in rows(connection, query, [beside]):
        found: dict[str, Any] = json.loads(details).get(NOTE) or {}
        return found.get("beside") == beside and found.get("results") == _results(connection)
    return False


def _results(connection: Connection) -> str:
    seen = [_content(connection, name) for name in RESULTS]
    return hashlib.sha256(json.dumps(seen, default=str).encode()).hexdigest()


def _content(connection: Connection, name: str) -> list[Any]:
    """Rows of a relation, whatever their order."""
    query = f"SELECT count(*), sum(CAST(hash(t) AS HUGEINT)), bit_xor(hash(t)) FROM {name} t"
    return [name, *rows(connection, query)[0]]
