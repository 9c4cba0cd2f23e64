"""What the report is made of: data frames as read from the published snapshot, and the check that they are complete."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pandas as pd

from schemas.framework_model import Framework

_PUBLISHED = "region year indicator value sign status reason numerator denominator n_reported n_members"
_COLUMNS = {
    "published": _PUBLISHED,
    "gaps": "region year indicator focus reference difference ratio status",
    "submissions": "id region year received_at sha256 verdict layout framework_version supersedes nil_return",
    "regions": "code name level kind parent aggregate",
    "findings": "submission_id code severity",
}
_WITH_DIMENSIONS = ("published", "gaps")
DERIVED = {
    "trends": "published_trend",
    "convergence": "published_convergence",
    "breaks": "series_break",
    "targets": "published_target",
    "today": "published_today",
    "trends_today": "published_trend_today",
    "profile": "published_profile",
    "last": "published_last",
    "registers": "published_register",
    "records": "published_record",
}
"""Frames that may be empty, with the table of the snapshot they are read from."""


@dataclass(frozen=True)
class ReportData:
    """The published snapshot as plain frames.

    published: one row per region, year, indicator and member of each dimension (one lower-case column per dimension,
        `T` is the total). `value` is in the unit of the indicator, NaN when hidden; `sign` replaces or accompanies it.
    gaps: publishable differences (focus minus reference, unit of the indicator) and ratios, same keys.
    standardised: the same gaps after age standardisation, where the definition asks for it.
    submissions: every received file. regions: every region and aggregate that occurs.
    findings: one row per finding; only counts are shown.
    trends, convergence, breaks, targets, today, trends_today, profile, last: published figures derived from the published
        values (columns as in the tables published_trend, published_convergence, series_break, published_target,
        published_today, published_trend_today, published_profile, published_last); empty where the snapshot has none.
    registers, records: the registers that were delivered and what may be shown of their rows (columns as in the tables
        published_register, published_record); empty where the snapshot has none.
    generation, created_at: which snapshot this is and when it was made (ISO). sample: True marks every page.
    """

    published: pd.DataFrame
    gaps: pd.DataFrame
    submissions: pd.DataFrame
    regions: pd.DataFrame
    findings: pd.DataFrame
    generation: str
    created_at: str
    sample: bool
    standardised: pd.DataFrame = field(default_factory=pd.DataFrame)
    trends: pd.DataFrame = field(default_factory=pd.DataFrame)
    convergence: pd.DataFrame = field(default_factory=pd.DataFrame)
    breaks: pd.DataFrame = field(default_factory=pd.DataFrame)
    targets: pd.DataFrame = field(default_factory=pd.DataFrame)
    today: pd.DataFrame = field(default_factory=pd.DataFrame)
    trends_today: pd.DataFrame = field(default_factory=pd.DataFrame)
    profile: pd.DataFrame = field(default_factory=pd.DataFrame)
    last: pd.DataFrame = field(default_factory=pd.DataFrame)
    registers: pd.DataFrame = field(default_factory=pd.DataFrame)
    records: pd.DataFrame = field(default_factory=pd.DataFrame)

    def check(self, framework: Framework) -> None:
        """Raise ValueError naming every column that is missing, for all frames at once."""
        dimensions = [code.lower() for code in framework.dimension_order]
        missing: list[str] = []
        for name, columns in _COLUMNS.items():
            wanted = columns.split() + (dimensions if name in _WITH_DIMENSIONS else [])
            present = set(getattr(self, name).columns)
            missing += [f"{name}.{column}" for column in wanted if column not in present]
        if missing:
            raise ValueError("columns missing: " + ", ".join(missing))


def records(frame: pd.DataFrame, columns: list[str]) -> list[tuple[object, ...]]:
    """The rows of some columns as plain tuples: far faster than going through the frame row by row."""
    return list(zip(*(frame[column].tolist() for column in columns), strict=True))


def as_text(value: object) -> str:
    """Text of a cell; missing is the empty text."""
    if type(value) is str:
        return value
    return "" if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)) else str(value)
