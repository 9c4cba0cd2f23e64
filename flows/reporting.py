"""The yearly report from the snapshot: any time, also while the nightly run is writing."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import duckdb
import pandas as pd

from flows.beside import beside
from flows.settings import InputRefused, Settings
from flows.wording import text
from indicators.compute import Beside, compute, row_order
from report.build import build_report
from report.data import DERIVED, ReportData
from report.geometry import GeometryError
from schemas.framework_model import Framework
from warehouse.access import has_table, ledger
from warehouse.ledger import has_ledger, read_ledger
from warehouse.loading import as_of
from warehouse.records import all_registers
from warehouse.snapshot import Snapshot, open_snapshot
from warehouse.symbols import read_symbols

PROFILE = "published_profile"
GEOMETRY = "MONITOR_GEOMETRY"
"""Environment variable that names a file with outlines of the regions; without it the maps are made of tiles."""


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
    folder, previous = out or settings.reports / str(year), settings.reports / str(year - 1)
    named = os.environ.get(GEOMETRY)
    shapes = Path(named) if named else None
    try:
        return build_report(data, framework, year, folder, previous=previous, geometry=shapes, progress=progress)
    except GeometryError as error:
        raise InputRefused(str(error)) from error


def report_data(
    settings: Settings, framework: Framework, snapshot: Snapshot, year: int, moment: datetime | None = None
) -> ReportData:
    """The frames of the report; only what may leave the house."""
    if moment is None:
        published = _figures(framework, snapshot, "indicator_published", year)
        tables = {"gaps": "published_gap", **DERIVED}
        derived = {name: _figures(framework, snapshot, table, year) for name, table in tables.items()}
    else:
        known = beside(settings.root, framework, all_registers(snapshot.connection, moment))
        published, derived = _earlier(framework, snapshot, year, moment, known)
    gaps = derived.pop("gaps")
    gaps = gaps[gaps["difference"].notna()]
    standing = "withdrawn_at IS NULL OR withdrawn_at > $moment"
    query = f"SELECT * FROM {ledger()} WHERE checked_at <= $moment AND ({standing}) ORDER BY received_at, id"
    submissions = snapshot.frame(query, {"moment": moment or datetime.max})
    created = moment or snapshot.frame("SELECT max(published_at) AS at FROM meta_generation")["at"].iloc[0]
    seen = tuple(dict.fromkeys(published["region"])) or ("",)
    marks = ", ".join("?" for _ in seen)
    return ReportData(
        published=published,
        gaps=gaps[~gaps["standardised"]],
        standardised=gaps[gaps["standardised"]],
        **derived,
        submissions=submissions,
        regions=snapshot.frame(
            f"SELECT code, name, level, kind, parent, aggregate FROM region WHERE code IN ({marks}) ORDER BY code",
            list(seen),
        ).drop_duplicates("code", keep="last"),
        findings=snapshot.frame("SELECT submission_id, code, severity FROM finding WHERE state <> 'shadow'"),
        generation=str(snapshot.generation),
        created_at=pd.Timestamp(created).isoformat(timespec="seconds"),
        sample=settings.sample,
    )


def _figures(framework: Framework, snapshot: Snapshot, table: str, year: int) -> pd.DataFrame:
    """Figures up to the report year; no rows where an older snapshot lacks the table. In the order in which they are computed:
    a report of former values, computed anew, is the same to the byte."""
    known = has_table(snapshot.connection, table)
    if not known and table == "published_gap":  # an older snapshot knows gaps of the house only
        return snapshot.frame("SELECT *, false AS standardised FROM indicator_gap WHERE false")
    if not known:
        return pd.DataFrame()
    ahead = " OR projected" if table == PROFILE else ""  # a projection is about years to come
    return snapshot.frame(f"SELECT * FROM {table} WHERE year <= ?{ahead} {row_order(framework, table)}", [year])


def _earlier(
    framework: Framework, snapshot: Snapshot, year: int, moment: datetime, known_beside: Beside
) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """Results recomputed from the values that were valid at a moment."""
    with duckdb.connect(":memory:") as connection:
        known = as_of(snapshot.connection, moment)
        if known.num_rows == 0:
            raise InputRefused(text("refused.too_early", day=moment.date(), time=f"{moment:%H:%M}"))
        if has_ledger(snapshot.connection):  # the numbers that were secret then stay the same ones
            known_beside = replace(known_beside, ledger=read_ledger(snapshot.connection, moment))
        known_beside = replace(known_beside, symbols=read_symbols(snapshot.connection, moment))
        connection.register("earlier_observation", known)
        results = compute(connection, framework, "earlier_observation", beside=known_beside).tables
    frames = {name: table.to_pandas() for name, table in results.items()}
    frames = {
        name: frame[(frame["year"] <= year) | (frame["projected"] if name == PROFILE else False)]
        for name, frame in frames.items()
    }
    derived = {name: frames.get(table, pd.DataFrame()) for name, table in {"gaps": "published_gap", **DERIVED}.items()}
    return frames["indicator_published"], derived
