"""What the demographic profile of an edition tells: counts, and shares of a printed total, as sums of nodes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from indicators.audit.evidence import Index
from indicators.audit.forms import Forms
from indicators.audit.relations import Relations
from indicators.audit.sides import Side
from schemas.shapes import TOTAL

_COLUMNS = ("region", "year", "measure", "member", "value")
Cells = tuple[str, tuple[tuple[str, str], ...]]
"""A variable, and what is added up of it: dimension and member; nothing: the total."""
Told = tuple[str, int, float]
"""Region, year, count."""


def of_profile(
    forms: Forms, index: Index, members: dict[tuple[int, int], tuple[int, ...]], table: pa.Table | None
) -> Iterator[Relations]:
    """Relations between nodes; `members` of an aggregate and year, as numbers."""
    for (variable, cells), told in _told(forms, table).items():
        rows = [
            (members.get((index.region[region], index.year[year]), (index.region[region],)), index.year[year], count)
            for region, year, count in told
            if region in index.region and year in index.year
        ]
        if not rows or not forms.tracked(variable):
            continue
        regions, years, counts = zip(*rows, strict=True)
        sizes = np.array([len(one) for one in regions])
        zeros, ends, blur = np.zeros(int(sizes.sum())), np.array(counts, float), forms.spread(variable)
        side = Side(tuple((0, forms.node(variable, dict(cell)), 1.0) for cell in [[one] for one in cells] or [[]]))
        region = np.array([code for one in regions for code in one], np.int64)
        one = Relations.of_side(side, region, np.repeat(np.array(years, np.int64), sizes), zeros, zeros)
        yield one.summed(np.repeat(np.arange(len(rows)), sizes), ends - blur, ends + blur)


def _told(forms: Forms, table: pa.Table | None) -> dict[Cells, list[Told]]:
    """Rows by what they add up, in their order."""
    found: dict[Cells, list[Told]] = defaultdict(list)
    if table is None or not table.num_rows:
        return found
    measures = {measure.code: measure for measure in forms.framework.profile.measures}
    bands = {code: {band.code: band.parts for band in measure.bands} for code, measure in measures.items()}
    kept = table.filter(pc.and_(pc.is_valid(table["value"]), pc.invert(table["projected"])))
    rows = list(zip(*(kept[name].to_pylist() for name in _COLUMNS), strict=True))
    totals = {
        (region, year, measures[measure].variable): value
        for region, year, measure, member, value in rows
        if measures[measure].figure == "count" and member == TOTAL
    }
    total = np.array([totals.get((region, year, measures[code].variable), np.nan) for region, year, code, _, _ in rows])
    value = np.array([row[-1] for row in rows], float)
    figure = np.array([measures[row[2]].figure for row in rows])
    count = np.where(figure == "count", value, np.round(value * total / 100))
    told = (figure == "count") | ((figure == "share") & ~np.isnan(total))
    cells: dict[tuple[str, str], Cells] = {}
    for row, number in zip((rows[place] for place in np.flatnonzero(told)), count[told].tolist(), strict=True):
        region, year, code, member, _ = row
        if (code, member) not in cells:
            dimension = measures[code].dimension
            parts = bands[code].get(member, ()) if dimension else ()
            cells[code, member] = measures[code].variable, tuple((dimension or "", part) for part in parts)
        found[cells[code, member]].append((region, year, number))
    return found
