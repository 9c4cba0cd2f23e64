"""A made-up published snapshot over the real framework: random numbers, hidden values, deliveries. No real data."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pandas as pd

from report.build import ReportData
from schemas.framework_model import Framework, Members
from schemas.shapes import TOTAL

YEAR = 2025
YEARS = range(2020, YEAR + 1)
_RANGE = {"percent": (8.0, 78.0), "per_1000": (2.0, 60.0), "per_10000": (1.0, 30.0), "ratio": (0.3, 1.1)}


def sample_regions(framework: Framework) -> tuple[list[str], list[str]]:
    """Codes of the reporting regions (members of the first comparison group) and of two aggregates."""
    aggregates = framework.territory.aggregates(YEAR)
    group = next(row for row in aggregates if row.kind == "comparison")
    land = next(row for row in aggregates if framework.territory.known(row.code))
    return list(group.members), [group.code, land.code]


def few_indicators(whole: Framework) -> Framework:
    """Indicators with a gap, with two breakdowns, without any, and with other decimals: what tables can differ in."""
    entries = whole.indicators.values()
    chosen = {next(e.code for e in entries if e.gap), next(e.code for e in entries if len(e.breakdowns) > 1)}
    chosen |= {next(e.code for e in entries if not e.breakdowns), next(e.code for e in entries if e.decimals == 2)}
    return replace(whole, indicators={code: e for code, e in whole.indicators.items() if code in chosen})


def sample_data(framework: Framework) -> ReportData:
    """Six regions and two aggregates, six years, about one value in twelve hidden."""
    chance = random.Random(20251122)
    regions, aggregates = sample_regions(framework)
    rows: list[dict[str, object]] = []
    for code in framework.indicators:
        rows += _indicator_rows(framework, code, regions, aggregates, chance)
    published = pd.DataFrame(rows)
    return ReportData(
        published=published,
        gaps=pd.DataFrame(_gap_rows(framework, rows)),
        submissions=pd.DataFrame(_submissions(regions, chance)),
        regions=pd.DataFrame(_regions(framework, regions, aggregates)),
        findings=pd.DataFrame(
            [{"submission_id": f"{r}-{YEAR}", "code": "X", "severity": s} for r in regions for s in ("warning", "info")]
        ),
        generation="sample-0001",
        created_at="2026-11-22T03:15:00+01:00",
        sample=True,
    )


def with_rows(data: ReportData, published: pd.DataFrame) -> ReportData:
    """The same data with other published rows."""
    return replace(data, published=published)


def _indicator_rows(
    framework: Framework, code: str, regions: list[str], aggregates: list[str], chance: random.Random
) -> list[dict[str, object]]:
    entry = framework.indicators[code]
    low, high = _RANGE.get(entry.unit, (20.0, 60.0))
    points = list(framework.breakdown_points(code))
    shift = {point: 0.0 if not point else chance.uniform(-0.15, 0.15) * (high - low) for point in points}
    rows = []
    for region in (*regions, *aggregates):
        base, slope = chance.uniform(low + 0.2 * (high - low), high - 0.2 * (high - low)), chance.uniform(-0.02, 0.02)
        for year in YEARS:
            for point in points:
                value = (
                    base + slope * (high - low) * (year - 2020) + shift[point] + chance.gauss(0, 0.01 * (high - low))
                )
                value = min(max(value, low / 2), high)
                rows.append(_row(framework, region, year, code, point, value, aggregates, chance))
    return rows


def _row(
    framework: Framework,
    region: str,
    year: int,
    code: str,
    point: Members,
    value: float,
    aggregates: list[str],
    chance: random.Random,
) -> dict[str, object]:
    status = "ok"
    draw = chance.random()
    if region == aggregates[1]:
        status = "not_computable" if draw < 0.8 else "ok"
    elif region == aggregates[0]:
        status = "partial" if year < 2022 else "ok"
    elif draw < 0.08:
        status = ("secret", "not_delivered", "unreliable", "not_available_at_level")[int(draw * 50)]
    elif draw < 0.12:
        status = "limited" if draw < 0.1 else "provisional"
    known = framework.statuses[status]
    hidden = not known.has_value
    base = chance.randint(60, 180_000)
    chosen = dict(point)
    return {
        "region": region,
        "year": year,
        "indicator": code,
        **{dim.lower(): chosen.get(dim, TOTAL) for dim in framework.dimension_order},
        "value": float("nan") if hidden else value,
        "sign": known.sign,
        "status": status,
        "reason": {"secret": "small_numerator", "unreliable": "small_denominator"}.get(status, ""),
        "numerator": float("nan") if hidden else float(round(base * value / 100)),
        "denominator": float("nan") if hidden else float(base),
        "n_reported": 5 if status == "partial" else 1,
        "n_members": 6 if region == aggregates[0] else 1,
    }


def _gap_rows(framework: Framework, rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """Gaps of the total population where both groups are shown."""
    dims = [dim.lower() for dim in framework.dimension_order]
    values = {}
    for row in rows:
        others = tuple(dim for dim in dims if row[dim] != TOTAL)
        if len(others) == 1:
            values[(row["region"], row["year"], row["indicator"], others[0], row[others[0]])] = row["value"]
    found = []
    for code, entry in framework.indicators.items():
        if entry.gap is None:
            continue
        dim = entry.gap.dimension.lower()
        for region, year in {(row["region"], row["year"]): None for row in rows if row["indicator"] == code}:
            focus = float(str(values[(region, year, code, dim, entry.gap.focus)]))
            reference = float(str(values[(region, year, code, dim, entry.gap.reference)]))
            if not math.isnan(focus) and not math.isnan(reference):
                found.append(
                    {
                        "region": region,
                        "year": year,
                        "indicator": code,
                        **dict.fromkeys(dims, TOTAL),
                        "focus": entry.gap.focus,
                        "reference": entry.gap.reference,
                        "difference": focus - reference,
                        "ratio": focus / reference,
                        "status": "ok",
                    }
                )
    return found


def _submissions(regions: list[str], chance: random.Random) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for region in regions:
        for year in YEARS:
            verdict = "accepted" if chance.random() < 0.7 else "accepted_with_remarks"
            verdict = "returned" if (region, year) == (regions[-1], YEAR) else verdict
            rows.append(
                {
                    "id": f"{region}-{year}",
                    "region": region,
                    "year": year,
                    "received_at": f"{year + 1}-09-{chance.randint(1, 28):02d}T08:00:00+02:00",
                    "file_name": "sample.xlsx",
                    "sha256": f"{chance.getrandbits(256):064x}",
                    "verdict": verdict,
                    "layout": "form",
                    "framework_version": "2026.1",
                    "supersedes": "",
                    "nil_return": False,
                }
            )
    return rows


def _regions(framework: Framework, regions: list[str], aggregates: list[str]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for code in regions:
        unit = framework.territory.unit(code)
        rows.append({"code": code, "name": unit.label, "level": unit.level, "kind": unit.kind, "parent": unit.parent})
    for row in framework.territory.aggregates(YEAR):
        if row.code in aggregates or row.kind == "programme_region":
            level = "land" if framework.territory.known(row.code) else "group"
            rows.append({"code": row.code, "name": row.name_de, "level": level, "kind": row.kind, "parent": None})
    return [{**row, "aggregate": row["code"] not in regions} for row in rows]
