"""What the report is made of: data frames as read from the published snapshot, and the check that they are complete."""

from __future__ import annotations

import math
from dataclasses import dataclass

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


@dataclass(frozen=True)
class ReportData:
    """The published snapshot as plain frames.

    published: one row per region, year, indicator and member of each dimension (one lower-case column per dimension,
        `T` is the total). `value` is in the unit of the indicator, NaN when hidden; `sign` replaces or accompanies it.
    gaps: publishable differences (focus minus reference, unit of the indicator) and ratios, same keys.
    submissions: every received file. regions: every region and aggregate that occurs.
    findings: one row per finding; only counts are shown.
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
    return "" if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)) else str(value)
