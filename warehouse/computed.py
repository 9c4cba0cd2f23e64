"""Have these result tables been computed from exactly this state? Then a night with nothing new need not compute them again.

A run notes the fingerprint of everything that entered its computation and that of the tables that came out (`run.details`).
Both must be found again as they are: a run that was killed, or a table that somebody touched, only costs a computation.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from warehouse.access import Connection, rows
from warehouse.contents import Contents
from warehouse.result_tables import RESULTS

LEDGER = "release_ledger"
SYMBOLS = "published_symbol"
NOTE = "computed"
"""Key of the note in `run.details`."""


def results_fingerprint(connection: Connection, seen: Contents | None = None) -> str:
    """Of all result tables, whatever the order of their rows. `seen`, here and below: what the run has read of the tables
    and knows to be so still."""
    contents = seen or Contents(connection)
    told = [contents.of(name) for name in RESULTS]
    return hashlib.sha256(json.dumps(told, default=str).encode()).hexdigest()


def entered(connection: Connection, beside: Iterable[str], seen: Contents | None = None) -> str:
    """Fingerprint of the accepted values and rows of registers, of the ledger of releases, and of the texts of `beside`
    (rules, code, …)."""
    contents = seen or Contents(connection)
    relations = ("delivered_register", "record", LEDGER, SYMBOLS)
    told = [contents.years(), *(contents.of(name) for name in relations)]
    return hashlib.sha256(json.dumps([told, list(beside)], default=str).encode()).hexdigest()


def note(
    connection: Connection,
    state: str,
    given_away: int,
    beside: str = "",
    unsettled: Iterable[int] = (),
    seen: Contents | None = None,
) -> dict[str, Any]:
    """What a run notes after it has written the results of `state` (see `entered`, asked after the ledger was written);
    `beside`: fingerprint of what decides the results beside what is stored; `unsettled`: years that have to be looked at
    again even if nothing of them changes."""
    contents = seen or Contents(connection)
    return {
        "state": state,
        "beside": beside,
        "results": results_fingerprint(connection, contents),
        "given_away": given_away,
        "years": contents.years(),
        "ledger": contents.of(LEDGER),
        "unsettled": sorted(unsettled),
    }


def computed_before(connection: Connection, state: str, seen: Contents | None = None) -> dict[str, Any] | None:
    """The note of a run whose results, computed from `state`, stand in the result tables now; None when there is none."""
    query = "SELECT details FROM run WHERE contains(details, ?) ORDER BY started_at DESC LIMIT 1"
    for (details,) in rows(connection, query, [state]):
        found: dict[str, Any] = json.loads(details).get(NOTE) or {}
        if found.get("state") == state and found.get("results") == results_fingerprint(connection, seen):
            return found
    return None


def computed_beside(connection: Connection, beside: str, seen: Contents | None = None) -> dict[str, Any] | None:
    """The note of the run whose results stand in the result tables now, when they were computed beside the same, from
    whatever values; None when there is none."""
    query = "SELECT details FROM run WHERE contains(details, ?) ORDER BY started_at DESC LIMIT 1"
    for (details,) in rows(connection, query, [beside]):
        found: dict[str, Any] = json.loads(details).get(NOTE) or {}
        same = found.get("beside") == beside and found.get("results") == results_fingerprint(connection, seen)
        return found if same else None
    return None


def changed_years(
    connection: Connection, noted: Mapping[str, Any], seen: Contents | None = None
) -> frozenset[int] | None:
    """The years whose accepted values are not those that a run noted, and those that it left unsettled; None where years
    have come or gone, where a secret had been given away (each run says so anew), and where others wrote to the ledger."""
    contents = seen or Contents(connection)
    now, before = contents.years(), noted.get("years") or {}
    if noted["given_away"] or now.keys() != before.keys() or noted.get("ledger") != contents.of(LEDGER):
        return None
    return frozenset(int(year) for year in now if now[year] != before[year]) | frozenset(noted["unsettled"])
