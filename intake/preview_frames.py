"""The two frames that a preview is made of, from the computed tables (pandas).

`own`        region, year, indicator, members, value, status, previous, previous_status: one row per figure of a region and
             year.
`reference`  region, region_name, indicator, members, value, sign: published figures of other regions, in the order in
             which their columns shall stand (for instance Kreis, model regions, Land).

`members` is the key of `schemas.shapes.member_key`, empty for the total. `value` and `previous` are numbers or missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from intake.preview_figures import Numbers, distinct
from schemas.framework_model import Framework
from schemas.shapes import member_key
from schemas.territory import reference_day

OWN_COLUMNS = ("region", "year", "indicator", "members", "value", "status", "previous", "previous_status")
REFERENCE_COLUMNS = ("region", "region_name", "indicator", "members", "value", "sign")
DEEPEST = 1
"""So many dimensions a figure of a preview may be broken down by."""
_COMPARISON_GROUPS = "comparison"
_FIGURE = ["region", "year", "indicator", "members"]


def own_frame(framework: Framework, values: pd.DataFrame) -> pd.DataFrame:
    """`own` from rows of `indicator_value` (design 3.4: one column per dimension, value, status).

    Totals, and single breakdowns for which there is a value now or the year before.
    """
    keyed = _keyed(framework, values)
    keyed = keyed.loc[keyed["depth"] <= DEEPEST, [*_FIGURE, "value", "status"]]
    before = _year_before(keyed)
    told = keyed.take(np.maximum(before, 0)) if len(keyed) else keyed
    both = keyed.assign(
        previous=told["value"].where(before >= 0).to_numpy(),
        previous_status=told["status"].where(before >= 0).to_numpy(),
    )
    both = both[(both["members"] == "") | both["value"].notna() | both["previous"].notna()]
    return _as_objects(both[list(OWN_COLUMNS)], "region", "indicator", "members", "status", "previous_status")


def _year_before(keyed: pd.DataFrame) -> Numbers:
    """For each figure the place of that of the year before, -1 where there is none."""
    series, _ = distinct(*(pd.factorize(keyed[name])[0] for name in ("region", "indicator", "members")))
    years = keyed["year"].to_numpy(np.int64) - int(keyed["year"].min() if len(keyed) else 0)
    places = np.full((int(series.max(initial=-1)) + 1, int(years.max(initial=-1)) + 2), -1, np.int64)
    places[series, years + 1] = np.arange(len(keyed))
    before: Numbers = places[series, years]
    return before


def compared_with(framework: Framework, region: str, year: int) -> dict[str, str]:
    """What a region is put beside: code and name of what lies above it, groups for comparison in between, in order."""
    territory = framework.territory
    above = territory.ancestors(region, reference_day(year))
    groups = {a.code: a.name_de for a in territory.aggregates(year) if a.kind == _COMPARISON_GROUPS}
    lands = {a.code: a.name_de for a in territory.aggregates(year) if a.code in above}
    return {code: territory.unit_name(code) for code in above if code not in lands} | groups | lands


def reference_frames(
    framework: Framework, published: pd.DataFrame, names: Mapping[int, Sequence[Mapping[str, str]]]
) -> dict[tuple[int, tuple[str, ...]], pd.DataFrame]:
    """`reference` from rows of `indicator_published` (value and sign), for what stands beside others (see `compared_with`).

    `names`: year -> the different sets of regions. By year and codes; only those that have figures.
    """
    rows = published[published["year"].isin(list(names))]
    codes = {code for sets in names.values() for one in sets for code in one}
    rows = _keyed(framework, rows[rows["region"].isin(codes)])
    rows = _as_objects(
        rows.loc[rows["depth"] <= DEEPEST].assign(region_name=""), "region", "region_name", "indicator", "sign"
    )
    apart = dict(tuple(rows.groupby(["region", "year"], sort=False, observed=True)[list(REFERENCE_COLUMNS)]))
    none = rows[list(REFERENCE_COLUMNS)].iloc[:0]
    found = {}
    for year, sets in names.items():
        named = {code: name for one in sets for code, name in one.items()}
        here = {c: apart[c, year].assign(region_name=name) for c, name in named.items() if (c, year) in apart}
        for one in sets:
            parts = [here[code] for code in one if code in here]
            found[year, tuple(one)] = pd.concat(parts) if parts else none
    return found


def _as_objects(rows: pd.DataFrame, *names: str) -> pd.DataFrame:
    """The rows with plain objects in columns that are read text by text: those of an Arrow column are made each time."""
    return rows.astype(dict.fromkeys(names, object))


def _keyed(framework: Framework, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with a column `members` made from the columns of the dimensions, and how many they name (`depth`).

    Few different ones stand in many rows: each is made once.
    """
    codes = framework.dimension_order
    number = np.zeros(len(rows), np.int64)
    for code in codes:
        coded, different = pd.factorize(rows[code.lower()])
        if len(different) > 1:
            number = pd.factorize(number * len(different) + coded)[0]
    first = np.unique(number, return_index=True)[1]
    columns = (rows[code.lower()].take(first) for code in codes)
    keys = np.empty(len(first), object)
    keys[:] = [member_key(zip(codes, found, strict=True)) for found in zip(*columns, strict=True)]
    depths = np.array([key.count("=") for key in keys], np.int64)
    return rows.assign(members=pd.Series(keys[number], index=rows.index, dtype=object), depth=depths[number])
