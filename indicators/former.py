"""Former years' symbols of a target: as they were published, or recomputed and marked where no edition was kept."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import duckdb
import pyarrow as pa

from schemas.definitions_targets import TargetRules

SYMBOLS = pa.schema(
    [(name, pa.string()) for name in ("region", "indicator", "members", "target_id")]
    + [("year", pa.int32()), ("symbol", pa.string())]
)
"""What earlier releases showed for a year while it was the newest one; `members` is a member key, an empty symbol says
that none was shown."""

Figure = tuple[str, str, str, str]
"""Region, indicator, member key and target (empty: the row that sums up several)."""
Published = Mapping[Figure, Mapping[int, str]]


def published_symbols(connection: duckdb.DuckDBPyConnection, symbols: str) -> Published:
    """Symbols by figure and year from a relation with the columns of `SYMBOLS`."""
    found: dict[Figure, dict[int, str]] = {}
    query = f"SELECT region, indicator, members, target_id, year, symbol FROM {symbols}"
    for region, indicator, members, target, year, symbol in connection.execute(query).fetchall():
        found.setdefault((region, indicator, members, target), {})[year] = symbol
    return found


def tell_former(rows: Sequence[dict[str, Any]], published: Mapping[int, str], rules: TargetRules) -> None:
    """Write `earlier` (JSON: year -> symbol), `recomputed` (those of the years that no release showed, comma-separated)
    and `stability` of the rows of one target, which come by year."""
    known = {row["year"]: row["symbol"] for row in rows} | dict(published)
    for row in rows:
        before = {year: known[year] for year in sorted(known) if year < row["year"] and known[year]}
        row["earlier"] = json.dumps({str(year): symbol for year, symbol in before.items()})
        row["recomputed"] = ",".join(str(year) for year in before if year not in published)
        row["stability"] = _stability([*before.values(), row["symbol"]], rules)


def _stability(symbols: Iterable[str], rules: TargetRules) -> str:
    """Did the symbol stay, or change again and again? Empty while there are not two symbols."""
    *_, newest = given = list(symbols)
    known = [symbol for symbol in given if symbol][-rules.remembered :]
    if not newest or len(known) < 2:
        return ""
    changes = sum(before != now for before, now in pairwise(known))
    return "jumping" if changes >= rules.jumping else "stable"
