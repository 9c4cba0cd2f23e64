"""What changed since the last edition: value by value, as a table and as a sentence.

A value that is no longer shown is named without what it was: an edition must not repeat what has become confidential.
Rows of years, indicators and regions that only one of the two editions has are counted, not listed.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from report.opendata.table import Row, Table
from report.wording import Wording
from schemas.shapes import TOTAL

Change = Literal["revised", "newly_shown", "no_longer_shown", "status_changed", "added", "removed"]
CHANGES: tuple[Change, ...] = ("revised", "newly_shown", "no_longer_shown", "status_changed", "added", "removed")
TABLE, INDEX = "alle-werte", "index.json"
_AXES = ("year", "indicator", "region")
_Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Earlier:
    """An edition as it was published: the bytes of its value table and what it says about itself."""

    table: bytes
    edition: Mapping[str, Any]
    changes: Mapping[str, bytes]


@dataclass(frozen=True)
class EditionDiff:
    """Changed rows, and the years, indicators and regions that only one edition has with the number of their rows."""

    earlier: Mapping[str, Any] | None
    rows: tuple[Row, ...]
    gained: Mapping[str, tuple[str, ...]]
    lost: Mapping[str, tuple[str, ...]]
    rows_gained: int
    rows_lost: int

    @property
    def counts(self) -> dict[str, int]:
        """Number of rows by kind of change, every kind named."""
        place = len(self.rows[0]) - 5 if self.rows else 0
        found = Counter(str(row[place]) for row in self.rows)
        return {change: found.get(change, 0) for change in CHANGES}


def read_earlier(folder: Path, names: Iterable[str]) -> Earlier | None:
    """The edition whose open data lie in `folder`; None when there is none or it cannot be read.

    `names` are the files of its own list of changes, kept for an edition that is built again.
    """
    try:
        table = (folder / f"{TABLE}.csv").read_bytes()
        edition = json.loads((folder / INDEX).read_text(encoding="utf-8"))["edition"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    kept = {name: (folder / name).read_bytes() for name in names if (folder / name).is_file()}
    return Earlier(table, edition if isinstance(edition, dict) else {}, kept)


def edition_diff(table: Table, dimensions: list[str], earlier: Earlier | None) -> EditionDiff:
    """Compare the value table with that of an earlier edition, which may have other dimensions and decimals."""
    if earlier is None:
        return EditionDiff(None, (), {}, {}, 0, 0)
    new = _by_key(csv.DictReader(io.StringIO(table.csv())), dimensions)
    old = _by_key(csv.DictReader(io.StringIO(earlier.table.decode("utf-8"))), dimensions)
    own, other = _axes(new), _axes(old)
    gained = {axis: tuple(sorted(own[axis] - other[axis])) for axis in _AXES}
    lost = {axis: tuple(sorted(other[axis] - own[axis])) for axis in _AXES}
    rows = [
        row
        for key in sorted(new.keys() | old.keys())
        if not _outside(key, gained) and not _outside(key, lost)
        for row in _changed(key, new.get(key), old.get(key), dimensions)
    ]
    return EditionDiff(
        earlier.edition,
        tuple(rows),
        gained,
        lost,
        sum(_outside(key, gained) for key in new),
        sum(_outside(key, lost) for key in old),
    )


def summary(wording: Wording, diff: EditionDiff) -> str:
    """One or a few sentences on what changed."""
    if diff.earlier is None:
        return wording("changes.first")
    day = wording.day(str(diff.earlier.get("created_at", "")))
    parts = [wording.count(f"changes.{change}", number) for change, number in diff.counts.items() if number]
    since = wording("changes.since", year=diff.earlier.get("year", ""), day=day)
    said = [since, wording("changes.list", parts=", ".join(parts)) if parts else wording("changes.none")]
    for axis in _AXES:
        for kind, found in (("gained", diff.gained), ("lost", diff.lost)):
            if found[axis]:
                said.append(wording(f"changes.{kind}.{axis}", codes=", ".join(found[axis])))
    return " ".join(said)


def diff_json(diff: EditionDiff, wordings: Iterable[Wording]) -> dict[str, Any]:
    """What is known about the changes without the rows."""
    return {
        "compared_with": None if diff.earlier is None else dict(diff.earlier),
        "summary": {wording.lang: summary(wording, diff) for wording in wordings},
        "counts": diff.counts,
        "gained": {axis: list(codes) for axis, codes in diff.gained.items()},
        "lost": {axis: list(codes) for axis, codes in diff.lost.items()},
        "rows_gained": diff.rows_gained,
        "rows_lost": diff.rows_lost,
    }


def _by_key(rows: Iterable[Mapping[str, str]], dimensions: list[str]) -> dict[_Key, Mapping[str, str]]:
    """Rows by year, indicator, region and the member of every dimension; an unknown dimension stands at its total."""
    return {
        (*(row.get(axis, "") for axis in _AXES), *(row.get(dim) or TOTAL for dim in dimensions)): row for row in rows
    }


def _axes(rows: Iterable[_Key]) -> dict[str, set[str]]:
    keys = list(rows)
    return {axis: {key[place] for key in keys} for place, axis in enumerate(_AXES)}


def _outside(key: _Key, codes: Mapping[str, tuple[str, ...]]) -> bool:
    return any(key[place] in codes[axis] for place, axis in enumerate(_AXES))


def _changed(
    key: _Key, new: Mapping[str, str] | None, old: Mapping[str, str] | None, dimensions: list[str]
) -> Iterator[Row]:
    change = _change(new, old)
    if change is None:
        return
    year, indicator, region = key[: len(_AXES)]
    name = (new or old or {}).get("region_name") or None
    shown = new is not None and new.get("value", "") != ""
    before = _number(old) if shown else None
    statuses = tuple((row or {}).get("status") or None for row in (old, new))
    yield (indicator, region, name, int(year), *key[len(_AXES) :], change, before, _number(new), *statuses)


def _change(new: Mapping[str, str] | None, old: Mapping[str, str] | None) -> Change | None:
    if new is None:
        return "removed"
    if old is None:
        return "added"
    value, before = _number(new), _number(old)
    if value is None or before is None:
        if value is not None:
            return "newly_shown"
        if before is not None:
            return "no_longer_shown"
    elif value != before:
        return "revised"
    return "status_changed" if new.get("status") != old.get("status") else None


def _number(row: Mapping[str, str] | None) -> Decimal | None:
    text = (row or {}).get("value", "")
    return Decimal(text) if text else None
