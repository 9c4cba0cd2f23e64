"""What changed in the published numbers, and why: in words. Values of single cells are never told here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime

import duckdb

from flows.wording import counted, language, number, place, text
from indicators.compute import compute
from schemas.framework_model import Framework
from warehouse.access import connect, rows, utc
from warehouse.cell_changes import CellChange
from warehouse.loading import as_of
from warehouse.places import Places
from warehouse.revisions import CAUSES, Edition, Revision, Shown, edition_at, edition_of, revisions
from warehouse.snapshot import Snapshot

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
    for (found,) in rows(snapshot.connection, query, [utc(moment)]):
        if found == snapshot.generation:
            return edition_of(snapshot.connection, _generation(found))
        with suppress(duckdb.IOException), connect(places.generation(found), read_only=True) as older:
            return edition_of(older, _generation(found))
    label = text("revision.recomputed", day=moment.date(), time=f"{moment:%H:%M}")
    return edition_as_of(snapshot.connection, framework, moment, label)


def revisions_since(snapshot: Snapshot, framework: Framework, moment: datetime) -> tuple[str, list[Revision]]:
    """What differs between what was published at a moment and now, and with what it was compared."""
    before = published_at(snapshot, framework, moment)
    after = edition_of(snapshot.connection, _generation(snapshot.generation))
    found = revisions(snapshot.connection, framework, before, after)
    return text("revision.compared", before=before.label, after=after.label), found


def as_text(framework: Framework, found: Sequence[Revision]) -> str:
    """Counts by cause, then every number with what it was, what it is and why."""
    return "\n".join(_lines(framework, found))


def _lines(framework: Framework, found: Sequence[Revision]) -> Iterator[str]:
    if not found:
        yield text("revision.nothing")
        return
    yield counted("revision.changed", len(found))
    by_cause = Counter(revision.cause for revision in found)
    yield from (f"  {_cause(cause)}: {by_cause[cause]}" for cause in CAUSES if by_cause[cause])
    for cause in CAUSES:
        chosen = [revision for revision in found if revision.cause == cause]
        if chosen:
            yield ""
            yield f"{_cause(cause)}:"
        for revision in chosen:
            yield from _revision(framework, revision)


def _revision(framework: Framework, revision: Revision) -> Iterator[str]:
    where = [_region(framework, revision.region), str(revision.year)]
    for pair in revision.members.split(",") if revision.members else ():
        dimension, member = pair.split("=", 1)
        known = dimension in framework.dimensions
        where.append(framework.label(dimension, member, language()) if known else pair)
    decimals = framework.indicators[revision.indicator].decimals if revision.indicator in framework.indicators else 1
    before, after = _shown(revision.before, decimals), _shown(revision.after, decimals)
    change = f"{before} → {after}"
    if revision.before and revision.after and before == after:
        change += text("revision.basis")
    yield f"  {revision.indicator}, {', '.join(where)}: {change}"
    if others := [_cause(cause) for cause in revision.causes[1:]]:
        yield text("revision.also", causes=", ".join(others))
    yield from (f"    {_cell(framework, cell)}" for cell in revision.cells[:_MOST])
    if len(revision.cells) > _MOST:
        yield counted("revision.cells", len(revision.cells) - _MOST)


def _cell(framework: Framework, change: CellChange) -> str:
    members = f"[{change.members}]" if change.members else ""
    parts = [f"{_region(framework, change.region)} {change.year}, {change.variable}{members}: {_cause(change.kind)}"]
    for key, side in (("revision.before", change.before), ("revision.now", change.after)):
        if side is not None:
            sheet = text("why.quoted", what=side.sheet)
            where = f"{side.submission_id} {sheet} {side.cell}" if side.submission_id else text("why.no_delivery")
            mark = text("revision.correction", name=side.correction) if side.correction else ""
            parts.append(text(key, where=where) + mark)
    return "; ".join(parts)


def _cause(code: str) -> str:
    return text(f"cause.{code}")


def _generation(found: int) -> str:
    return text("revision.generation", number=found)


def _region(framework: Framework, code: str) -> str:
    try:
        return place(framework, code)
    except KeyError:
        return code


def _shown(shown: Shown | None, decimals: int) -> str:
    if shown is None:
        return text("revision.not_published")
    if shown.value is None:
        return text("why.quoted", what=shown.sign) if shown.sign else text("revision.no_value")
    return f"{number(shown.value, decimals)} {shown.sign}".rstrip()
