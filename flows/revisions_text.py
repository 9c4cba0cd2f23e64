"""What changed in the published numbers, and why: in words. Values of single cells are never told here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime

import duckdb

from flows.wording import count
from indicators.compute import compute
from schemas.framework_model import Framework
from warehouse.access import connect, rows, utc
from warehouse.cell_changes import CORRECTION, DECLARED, LATE, WITHDRAWAL, CellChange
from warehouse.loading import as_of
from warehouse.places import Places
from warehouse.revisions import (
    CAUSES,
    CONFIDENTIALITY,
    DEFINITION,
    TERRITORY,
    UNEXPLAINED,
    Edition,
    Revision,
    Shown,
    edition_at,
    edition_of,
    revisions,
)
from warehouse.snapshot import Snapshot

_WORDS = {
    DEFINITION: "Definition oder Formel geändert",
    TERRITORY: "Gebietszuschnitt geändert",
    WITHDRAWAL: "Lieferung zurückgenommen",
    DECLARED: "erklärte Berichtigung",
    CORRECTION: "Korrektur durch neue Lieferung",
    LATE: "Nachlieferung",
    CONFIDENTIALITY: "Geheimhaltung anders entschieden",
    UNEXPLAINED: "nicht erklärt, bitte prüfen",
}
_MOST = 3


def edition_as_of(
    connection: duckdb.DuckDBPyConnection, framework: Framework, moment: datetime, label: str = ""
) -> Edition:
    """The edition of an earlier moment, recomputed from what was valid then."""
    with duckdb.connect(":memory:") as memory:
        memory.register("earlier", as_of(connection, moment))
        results = compute(memory, framework, "earlier")
        return edition_at(framework, moment, results.values, results.published, label)


def published_at(snapshot: Snapshot, framework: Framework, moment: datetime) -> Edition:
    """What was published at a moment, as far as its generation is still kept: with its own definitions and territories.

    Otherwise it is recomputed from what was valid then, with those of `framework`; the label says so.
    """
    query = "SELECT number FROM meta_generation WHERE published_at <= ? ORDER BY number DESC LIMIT 1"
    places = Places(snapshot.path.parents[2])
    for (number,) in rows(snapshot.connection, query, [utc(moment)]):
        if number == snapshot.generation:
            return edition_of(snapshot.connection, f"Datenbestand {number}")
        with suppress(duckdb.IOException), connect(places.generation(number), read_only=True) as older:
            return edition_of(older, f"Datenbestand {number}")
    label = f"Stand {moment:%d.%m.%Y, %H:%M}, nachgerechnet mit heutigen Definitionen und Gebieten"
    return edition_as_of(snapshot.connection, framework, moment, label)


def revisions_since(snapshot: Snapshot, framework: Framework, moment: datetime) -> tuple[str, list[Revision]]:
    """What differs between what was published at a moment and now, and with what it was compared."""
    before = published_at(snapshot, framework, moment)
    after = edition_of(snapshot.connection, f"Datenbestand {snapshot.generation}")
    found = revisions(snapshot.connection, framework, before, after)
    return f"Verglichen: {before.label}; {after.label}.", found


def revisions_between(older: Snapshot, newer: Snapshot, framework: Framework) -> list[Revision]:
    """What differs between two generations."""
    before, after = (edition_of(one.connection, f"Datenbestand {one.generation}") for one in (older, newer))
    return revisions(newer.connection, framework, before, after)


def as_text(framework: Framework, found: Sequence[Revision]) -> str:
    """Counts by cause, then every number with what it was, what it is and why."""
    return "\n".join(_lines(framework, found))


def _lines(framework: Framework, found: Sequence[Revision]) -> Iterator[str]:
    if not found:
        yield "Keine veröffentlichte Zahl hat sich geändert."
        return
    numbers = count(len(found), "veröffentlichte Zahl hat", "veröffentlichte Zahlen haben")
    yield f"{numbers} sich geändert."
    by_cause = Counter(revision.cause for revision in found)
    yield from (f"  {_WORDS[cause]}: {by_cause[cause]}" for cause in CAUSES if by_cause[cause])
    for cause in CAUSES:
        chosen = [revision for revision in found if revision.cause == cause]
        if chosen:
            yield ""
            yield f"{_WORDS[cause]}:"
        for revision in chosen:
            yield from _revision(framework, revision)


def _revision(framework: Framework, revision: Revision) -> Iterator[str]:
    where = [_region(framework, revision.region), str(revision.year)]
    for pair in revision.members.split(",") if revision.members else ():
        dimension, member = pair.split("=", 1)
        where.append(framework.label(dimension, member) if dimension in framework.dimensions else pair)
    decimals = framework.indicators[revision.indicator].decimals if revision.indicator in framework.indicators else 1
    change = f"{_shown(revision.before, decimals)} → {_shown(revision.after, decimals)}"
    if revision.before and revision.after and _shown(revision.before, decimals) == _shown(revision.after, decimals):
        change += " (Grundlage geändert)"
    yield f"  {revision.indicator}, {', '.join(where)}: {change}"
    others = [_WORDS[cause] for cause in revision.causes[1:]]
    if others:
        yield f"    außerdem: {', '.join(others)}"
    yield from (f"    {_cell(framework, change)}" for change in revision.cells[:_MOST])
    if len(revision.cells) > _MOST:
        yield f"    und {count(len(revision.cells) - _MOST, 'weitere Zelle', 'weitere Zellen')}"


def _cell(framework: Framework, change: CellChange) -> str:
    members = f"[{change.members}]" if change.members else ""
    parts = [f"{_region(framework, change.region)} {change.year}, {change.variable}{members}: {_WORDS[change.kind]}"]
    for word, side in (("vorher", change.before), ("jetzt", change.after)):
        if side is not None:
            place = f"{side.submission_id} „{side.sheet}“ {side.cell}" if side.submission_id else "ohne Lieferung"
            parts.append(f"{word} {place}" + (f" (Berichtigung {side.correction})" if side.correction else ""))
    return "; ".join(parts)


def _region(framework: Framework, code: str) -> str:
    try:
        return framework.territory.unit_name(code)
    except KeyError:
        return code


def _shown(shown: Shown | None, decimals: int) -> str:
    if shown is None:
        return "nicht veröffentlicht"
    if shown.value is None:
        return f"„{shown.sign}“" if shown.sign else "ohne Wert"
    number = f"{shown.value:,.{decimals}f}".replace(",", "\u202f").replace(".", ",")
    return f"{number} {shown.sign}".rstrip()
