"""Made-up derived figures beside the made-up snapshot: changes, breaks, targets, population, last values, intervals."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
from report_sample import YEAR, YEARS, sample_regions

from report.build import ReportData
from schemas.framework_model import Framework
from schemas.shapes import TOTAL


def with_derived(framework: Framework, data: ReportData) -> ReportData:
    """The same snapshot with made-up derived figures: changes, breaks, targets, population, last values, intervals.

    Changes follow from the published totals; everything else is only there to be shown.
    """
    published = _with_intervals(data.published)
    totals = _totals(framework, published)
    return replace(
        data,
        published=published,
        gaps=data.gaps.assign(lower=data.gaps["difference"] - 1.5, upper=data.gaps["difference"] + 1.5),
        standardised=data.gaps.assign(difference=data.gaps["difference"] * 0.8, standardised=True),
        trends=pd.DataFrame(_trend_rows(framework, totals)),
        breaks=pd.DataFrame(_break_rows(framework, totals)),
        targets=pd.DataFrame(_target_rows(framework, totals)),
        profile=pd.DataFrame(_profile_rows(framework)),
        last=pd.DataFrame(_last_rows(framework, totals)),
        convergence=pd.DataFrame(_spread_rows(framework)),
        today=_today(framework, published),
        trends_today=pd.DataFrame(_trend_rows(framework, totals)),
    )


def _with_intervals(published: pd.DataFrame) -> pd.DataFrame:
    every_third = published["indicator"].map({c: n % 3 == 0 for n, c in enumerate(published["indicator"].unique())})
    shown = published["value"].where(every_third)
    flags = pd.Series("", index=published.index)
    flags[(published.index % 29 == 0) & published["value"].notna()] = "mixed_concept"
    return published.assign(lower=shown * 0.94, upper=shown * 1.05, flags=flags)


def _totals(framework: Framework, published: pd.DataFrame) -> dict[tuple[str, str], dict[int, float]]:
    dims = [dim.lower() for dim in framework.dimension_order]
    rows = published[(published[dims] == TOTAL).all(axis=1) & published["value"].notna()]
    found: dict[tuple[str, str], dict[int, float]] = {}
    for indicator, region, year, value in zip(
        rows["indicator"], rows["region"], rows["year"], rows["value"], strict=True
    ):
        found.setdefault((str(indicator), str(region)), {})[int(year)] = float(value)
    return found


def _total_row(framework: Framework, indicator: str, region: str, year: int) -> dict[str, object]:
    dims = {dim.lower(): TOTAL for dim in framework.dimension_order}
    return {"region": region, "year": year, "indicator": indicator, **dims}


def _broken(framework: Framework) -> tuple[str, ...]:
    """Every seventh indicator begins a new series in the report year, every seventh other one two years before."""
    return tuple(framework.indicators)[3::7]


def _trend_rows(framework: Framework, totals: dict[tuple[str, str], dict[int, float]]) -> list[dict[str, object]]:
    rows = []
    for (indicator, region), values in totals.items():
        cut = indicator in _broken(framework)
        for period, start in (("year", YEAR - 1), ("five_years", YEAR - 5), ("trend", min(values))):
            if YEAR not in values or start not in values or start == YEAR:
                continue
            change = values[YEAR] - values[start]
            change = change / (YEAR - start) if period == "trend" else change
            way = "steady" if abs(change) < 0.05 else "rising" if change > 0 else "falling"
            known = {"change": None, "direction": "", "status": "break"} if cut else {}
            row = {"change": change, "direction": way, "status": "ok", "from_year": start, "period": period} | known
            rows.append({**_total_row(framework, indicator, region, YEAR), **row, "method": "difference", "reason": ""})
    return rows


def _break_rows(framework: Framework, totals: dict[tuple[str, str], dict[int, float]]) -> list[dict[str, object]]:
    text = {"text_de": "Seitdem wird anders gezählt.", "text_en": "The count has changed."}
    shifted = dict.fromkeys(_broken(framework), YEAR) | dict.fromkeys(tuple(framework.indicators)[1::7], YEAR - 2)
    return [
        {"region": region, "year": shifted[indicator], "indicator": indicator, "reason": "definition", **text}
        for indicator, region in totals
        if indicator in shifted
    ]


def _target_rows(framework: Framework, totals: dict[tuple[str, str], dict[int, float]]) -> list[dict[str, object]]:
    rows = []
    names = [*framework.targets.symbols, ""]
    kinds = ("value", "value", "interval", "direction")
    judged = [key for key in totals if framework.indicators[key[0]].tier == "core"]
    for number, (indicator, region) in enumerate(judged[::5]):
        values, symbol, kind = totals[(indicator, region)], names[number % len(names)], kinds[number % 4]
        now, start = max(values), min(values)
        goal = values[now] * 1.2
        row = {
            "target_id": f"Z{number}",
            "title_de": f"Ziel {number} des Plans",
            "title_en": f"Target {number}",
            "kind": kind,
        }
        row |= {
            "target": None if kind == "direction" else goal,
            "target_upper": goal * 1.1 if kind == "interval" else None,
        }
        row |= {"target_year": None if kind == "direction" else 2030, "baseline": values[start], "baseline_year": start}
        row |= {"value": values[now], "value_year": now, "projection": goal * 0.97, "symbol": symbol, "cagr": 0.021}
        row |= {"certainty": ("clear", "within_noise")[number % 2] if symbol else "", "cagr_symbol": "on_track"}
        row |= {
            "direction": ("improving", "worsening", "steady")[number % 3],
            "stability": "jumping" if number % 2 else "",
        }
        row |= {"recomputed": "2023" if number % 2 else ""}
        row |= {"earlier": '{"2023": "cloud", "2024": "sun"}', "reason": "" if symbol else "too_few_points"}
        rows.append({**_total_row(framework, indicator, region, YEAR), **row})
    return rows


def _profile_rows(framework: Framework) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    regions, aggregates = sample_regions(framework)
    for place, region in enumerate((*regions, aggregates[0])):
        for measure in framework.profile.measures:
            bands = [band.code for band in measure.bands] or [TOTAL]
            ahead = (YEAR + 5, YEAR + 10) if measure.projected else ()
            for year in (*YEARS, *ahead):
                for number, band in enumerate(bands):
                    base = {"count": 81_234.0 + 1_000 * place, "share": 100 / len(bands), "index": 100.0}[
                        measure.figure
                    ]
                    hidden = measure.figure == "share" and place == 1 and number < 2
                    value = None if hidden else base + (year - 2020) * (310 if measure.figure == "count" else 0.4)
                    rows.append(
                        {
                            "region": region,
                            "year": year,
                            "measure": measure.code,
                            "member": band,
                            "value": value,
                            "status": "secret" if hidden else "estimated" if year > YEAR else "ok",
                            "projected": year > YEAR,
                            "source": "Vorausschätzung des Landes" if year > YEAR else "EMR",
                        }
                    )
    return rows


def _last_rows(framework: Framework, totals: dict[tuple[str, str], dict[int, float]]) -> list[dict[str, object]]:
    return [
        {**_total_row(framework, indicator, region, YEAR), "value_year": max(values), "value": values[max(values)]}
        for (indicator, region), values in totals.items()
        if max(values) < YEAR
    ]


def _spread_rows(framework: Framework) -> list[dict[str, object]]:
    ways = ("converging", "diverging", "steady")
    scope = sample_regions(framework)[1][0]
    return [
        {
            "indicator": code,
            "year": YEAR,
            "scope": scope,
            "measure": "sigma_sd",
            "direction": ways[n % 3],
            "status": "ok",
        }
        for n, code in enumerate(framework.indicators)
    ]


def _today(framework: Framework, published: pd.DataFrame) -> pd.DataFrame:
    region = sample_regions(framework)[0][0]
    rows = published[(published["region"] == region) & (published["year"] < YEAR - 2)]
    return rows.assign(value=rows["value"] * 1.01)
