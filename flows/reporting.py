"""The yearly report from the snapshot: any time, also while the nightly run is writing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import duckdb
import pandas as pd

from flows.settings import InputRefused, Settings
from indicators.compute import compute
from report.build import build_report
from report.data import ReportData
from schemas.framework_model import Framework
from warehouse.loading import as_of
from warehouse.snapshot import Snapshot, open_snapshot


def make_report(
    settings: Settings,
    framework: Framework,
    year: int,
    *,
    moment: datetime | None = None,
    out: Path | None = None,
    progress: Callable[[str], None] = print,
) -> Path:
    """Build the report of a year into `out` (default `<data root>/reports/<year>`); returns its start page.

    `moment` (UTC without zone) rebuilds the report from what was valid then.
    """
    with open_snapshot(settings.root) as snapshot:
        data = report_data(settings, framework, snapshot, year, moment)
    return build_report(data, framework, year, out or settings.reports / str(year), progress=progress)


def report_data(
    settings: Settings, framework: Framework, snapshot: Snapshot, year: int, moment: datetime | None = None
) -> ReportData:
    """The frames of the report; only what may leave the house."""
    if moment is None:
        published = snapshot.frame("SELECT * FROM indicator_published WHERE year <= ?", [year])
        gaps = snapshot.frame("SELECT * FROM indicator_gap WHERE year <= ?", [year])
    else:
        published, gaps = _earlier(framework, snapshot, year, moment)
    submissions = snapshot.frame(
        "SELECT * FROM submission WHERE received_at <= ? ORDER BY received_at, id", [moment or datetime.max]
    )
    created = moment or snapshot.frame("SELECT max(published_at) AS at FROM meta_generation")["at"].iloc[0]
    seen = tuple(dict.fromkeys(published["region"])) or ("",)
    marks = ", ".join("?" for _ in seen)
    return ReportData(
        published=published,
        gaps=publishable_gaps(framework, gaps, published),
        submissions=submissions,
        regions=snapshot.frame(
            f"SELECT code, name, level, kind, parent, aggregate FROM region WHERE code IN ({marks}) ORDER BY code",
            list(seen),
        ).drop_duplicates("code", keep="last"),
        findings=snapshot.frame("SELECT submission_id, code, severity FROM finding"),
        generation=str(snapshot.generation),
        created_at=pd.Timestamp(created).isoformat(timespec="seconds"),
        sample=settings.sample,
    )


def _earlier(
    framework: Framework, snapshot: Snapshot, year: int, moment: datetime
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Results recomputed from the values that were valid at a moment."""
    with duckdb.connect(":memory:") as connection:
        known = as_of(snapshot.connection, moment)
        if known.num_rows == 0:
            raise InputRefused(f"Am {moment:%d.%m.%Y, %H:%M} (UTC) lagen noch keine Werte vor.")
        connection.register("earlier_observation", known)
        results = compute(connection, framework, "earlier_observation")
        published, gaps = results.published.to_pandas(), results.gaps.to_pandas()
    return published[published["year"] <= year], gaps[gaps["year"] <= year]


def publishable_gaps(framework: Framework, gaps: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Gaps of which both sides are shown; the others would give a hidden side back."""
    if gaps.empty:
        return gaps
    dims = [dimension.lower() for dimension in framework.dimension_order]
    shown = published[published["value"].notna()]
    visible = set(shown[["region", "year", "indicator", *dims]].itertuples(index=False, name=None))
    entries = {code: entry.gap.dimension.lower() for code, entry in framework.indicators.items() if entry.gap}

    def both(row: pd.Series) -> bool:
        own = entries[row["indicator"]]
        keys = [
            (row["region"], row["year"], row["indicator"], *(member if dim == own else row[dim] for dim in dims))
            for member in (row["focus"], row["reference"])
        ]
        return all(key in visible for key in keys)

    return gaps[gaps.apply(both, axis=1)]
