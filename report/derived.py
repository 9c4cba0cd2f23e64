"""Derived figures of one indicator as the pages show them: changes, breaks, targets, last values, today's territory.

A second gate, as for the values themselves: a figure is kept only where the published values that it speaks of are shown.
Frames that a snapshot does not have are empty, and so is everything made from them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from report.data import ReportData, as_text, records
from report.numbers import rounded
from report.values import Cell, IndicatorValues, as_members, as_number, read_cells
from schemas.definitions import Indicator
from schemas.framework_model import Framework, Members

YEARLY, LONG, TREND = "year", "five_years", "trend"
"""Periods of a change: against last year, over some years, slope per year of the unbroken series."""
SEVERAL = "several"
FRAMES = ("trends", "convergence", "breaks", "targets", "today", "trends_today", "last", "standardised")


@dataclass(frozen=True, slots=True)
class Trend:
    """A change in the unit of the indicator (of a count: in percent, `rate`); `status` says why there is none."""

    change: float | None
    direction: str
    from_year: int | None
    rate: bool
    status: str


@dataclass(frozen=True, slots=True)
class Break:
    """From `year` on the values are not comparable with earlier ones."""

    year: int
    text_de: str
    text_en: str


@dataclass(frozen=True, slots=True)
class Aim:
    """Where a figure stands on its way to a target. Numbers are in the unit of the indicator, rounded.

    `earlier`: symbols of former years as they were published; those of `recomputed` years no edition showed.
    """

    id: str
    members: Members
    title_de: str
    title_en: str
    kind: str
    target: float | None
    upper: float | None
    target_year: int | None
    baseline: float | None
    baseline_year: int | None
    value: float | None
    value_year: int | None
    projection: float | None
    symbol: str
    certainty: str
    growth: str
    cagr: float | None
    direction: str
    earlier: Mapping[int, str]
    stability: str
    reason: str
    recomputed: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Derived:
    """Derived figures by region; of trends and last values only those of the report year."""

    trends: Mapping[tuple[str, Members, str], Trend] = field(default_factory=dict)
    breaks: Mapping[str, tuple[Break, ...]] = field(default_factory=dict)
    aims: Mapping[str, tuple[Aim, ...]] = field(default_factory=dict)
    last: Mapping[tuple[str, Members], int] = field(default_factory=dict)
    today: Mapping[tuple[str, Members], Mapping[int, Cell]] = field(default_factory=dict)
    trends_today: Mapping[tuple[str, Members, str], Trend] = field(default_factory=dict)
    spread: Mapping[str, str] = field(default_factory=dict)
    year: int = 0


NOTHING = Derived()


def frames_by_indicator(data: ReportData) -> Mapping[str, Mapping[str, pd.DataFrame]]:
    """The derived frames split once: name of the frame -> indicator -> rows."""
    return {
        name: {}
        if (frame := getattr(data, name)).empty
        else {str(code): rows for code, rows in frame.groupby("indicator", sort=False)}
        for name in FRAMES
    }


def derived(
    framework: Framework,
    entry: Indicator,
    values: IndicatorValues,
    frames: Mapping[str, Mapping[str, pd.DataFrame]],
    year: int,
) -> Derived:
    """Everything derived of one indicator up to the report year."""
    rows = {name: found[entry.code] for name, found in frames.items() if entry.code in found}
    today = read_cells(framework, entry, rows["today"], year) if "today" in rows else {}
    return Derived(
        trends=_trends(framework, entry, values.cells, rows.get("trends"), year),
        breaks=_breaks(rows.get("breaks"), year),
        aims=_aims(framework, entry, values, rows.get("targets"), year),
        last=_last(framework, values, rows.get("last"), year),
        today=today,
        trends_today=_trends(framework, entry, today, rows.get("trends_today"), year),
        spread=_spread(rows.get("convergence"), year),
        year=year,
    )


def _of_year(rows: pd.DataFrame | None, year: int) -> pd.DataFrame | None:
    found = None if rows is None else rows[rows["year"] == year]
    return None if found is None or found.empty else found


def _trends(
    framework: Framework,
    entry: Indicator,
    cells: Mapping[tuple[str, Members], Mapping[int, Cell]],
    rows: pd.DataFrame | None,
    year: int,
) -> dict[tuple[str, Members, str], Trend]:
    found: dict[tuple[str, Members, str], Trend] = {}
    if (rows := _of_year(rows, year)) is None:
        return found
    columns = ["region", "period", "change", "direction", "from_year", "method", "status"]
    for members, row in zip(as_members(framework, rows), records(rows, columns), strict=True):
        region, period = str(row[0]), str(row[1])
        start, change = as_number(row[4]), as_number(row[2])
        known = cells.get((region, members), {})
        if not _shown(known.get(year)) or (period != TREND and start is not None and not _shown(known.get(int(start)))):
            continue
        rate = as_text(row[5]) == "rate"
        found[(region, members, period)] = Trend(
            None if change is None else rounded(change, 1 if rate else entry.decimals),
            as_text(row[3]),
            None if start is None else int(start),
            rate,
            as_text(row[6]),
        )
    return found


def _shown(cell: Cell | None) -> bool:
    return cell is not None and cell.value is not None


def _breaks(rows: pd.DataFrame | None, year: int) -> dict[str, tuple[Break, ...]]:
    found: dict[str, dict[int, Break]] = {}
    if rows is None:
        return {}
    for row in records(rows, ["region", "year", "text_de", "text_en"]):
        begins = int(str(row[1]))
        if begins <= year:
            german, english = as_text(row[2]), as_text(row[3])
            by_year = found.setdefault(str(row[0]), {})
            known = by_year.get(begins)
            if known is None:
                by_year[begins] = Break(begins, german, english)
            elif german not in known.text_de:
                by_year[begins] = Break(begins, f"{known.text_de} {german}", f"{known.text_en} {english}")
    return {region: tuple(by_year[each] for each in sorted(by_year)) for region, by_year in found.items()}


def _last(
    framework: Framework, values: IndicatorValues, rows: pd.DataFrame | None, year: int
) -> dict[tuple[str, Members], int]:
    """Year of the last value where the report year has none; the value itself is the published one of that year."""
    found: dict[tuple[str, Members], int] = {}
    if (rows := _of_year(rows, year)) is None:
        return found
    for members, row in zip(as_members(framework, rows), records(rows, ["region", "value_year"]), strict=True):
        key, at = (str(row[0]), members), as_number(row[1])
        known = values.cells.get(key, {})
        if at is not None and int(at) < year and not _shown(known.get(year)) and _shown(known.get(int(at))):
            found[key] = int(at)
    return found


def _spread(rows: pd.DataFrame | None, year: int) -> dict[str, str]:
    """Scope -> did the values of its regions move together (converging, diverging, steady) since last year."""
    if (rows := _of_year(rows, year)) is None:
        return {}
    columns = ["scope", "measure", "direction", "status"]
    return {
        str(row[0]): str(row[2]) for row in records(rows, columns) if row[1] == "sigma_sd" and row[3] == "ok" and row[2]
    }


_AIM_COLUMNS = [
    *("region", "title_de", "title_en", "kind", "target", "target_upper", "target_year", "baseline", "baseline_year"),
    *("value_year", "projection", "symbol", "certainty", "cagr_symbol", "cagr", "direction", "earlier", "stability"),
    *("reason", "target_id", "recomputed"),
]


def _aims(
    framework: Framework, entry: Indicator, values: IndicatorValues, rows: pd.DataFrame | None, year: int
) -> dict[str, tuple[Aim, ...]]:
    found: dict[str, tuple[Aim, ...]] = {}
    if (rows := _of_year(rows, year)) is None:
        return found
    if "recomputed" not in rows:  # an older snapshot does not tell
        rows = rows.assign(recomputed="")
    for members, row in zip(as_members(framework, rows), records(rows, _AIM_COLUMNS), strict=True):
        known = dict(zip(_AIM_COLUMNS, row, strict=True))
        region = str(known["region"])
        at = _whole(known["value_year"])
        cell = values.cell(region, members, at) if at is not None else None
        if known["kind"] == SEVERAL or (at is not None and not _shown(cell)):
            continue
        found[region] = (*found.get(region, ()), _aim(entry, members, known, cell))
    return found


def _aim(entry: Indicator, members: Members, row: Mapping[str, object], cell: Cell | None) -> Aim:
    def number(name: str) -> float | None:
        value = as_number(row[name])
        return None if value is None else rounded(value, entry.decimals)

    growth_rate = as_number(row["cagr"])
    return Aim(
        id=as_text(row["target_id"]),
        members=members,
        title_de=as_text(row["title_de"]),
        title_en=as_text(row["title_en"]) or as_text(row["title_de"]),
        kind=as_text(row["kind"]),
        target=number("target"),
        upper=number("target_upper"),
        target_year=_whole(row["target_year"]),
        baseline=number("baseline"),
        baseline_year=_whole(row["baseline_year"]),
        value=cell.value if cell else None,
        value_year=_whole(row["value_year"]),
        projection=number("projection"),
        symbol=as_text(row["symbol"]),
        certainty=as_text(row["certainty"]),
        growth=as_text(row["cagr_symbol"]),
        cagr=None if growth_rate is None else rounded(100 * growth_rate, 1),
        direction=as_text(row["direction"]),
        earlier={int(each): str(symbol) for each, symbol in json.loads(as_text(row["earlier"]) or "{}").items()},
        stability=as_text(row["stability"]),
        reason=as_text(row["reason"]),
        recomputed=frozenset(int(each) for each in as_text(row["recomputed"]).split(",") if each),
    )


def _whole(value: object) -> int | None:
    number = as_number(value)
    return None if number is None else int(number)
