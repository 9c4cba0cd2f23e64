"""Progress towards the targets of the action plans, year by year, from the values of the indicators alone.

Targets are few and their rules are read by people, so they are judged one by one in plain functions
(`indicators.progress`); the values come in one query. A break in series interrupts: only the points behind the last
break count. Former years keep the symbols that were published (`indicators.former`); one that no release showed is judged
with the values up to that year.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import duckdb
import pyarrow as pa

from indicators.former import Figure, Published, published_symbols, tell_former
from indicators.progress import Aim, GrowthJudgement, Judgement, Point, certain, growth, reach_of_chance, weather
from schemas import sql
from schemas.definitions_targets import SYMBOLS, TargetRules
from schemas.framework_model import Framework
from schemas.shapes import member_key

CLEAR, NOISE, UNKNOWN = "clear", "within_noise", "unknown"
BREAK, TOO_FEW, NO_VALUE = "break", "too_few_points", "no_value"
SEVERAL = "several"
"""Kind of the row that sums up several targets of one figure: the worst symbol."""

Key = tuple[str, ...]
Row = dict[str, Any]


def make_targets(
    connection: duckdb.DuckDBPyConnection,
    framework: Framework,
    values: str,
    target: str,
    goals: str = "calc_target",
    breaks: str = "calc_series_break",
    symbols: str = "calc_symbol",
) -> None:
    """Create the temp table `target` (columns of `target_status`) from the relation `values` (`indicator_value` or
    `indicator_published`), the table of targets `goals` (`schemas.targets`), `breaks` (`series_break`) and the `symbols`
    that earlier releases showed (`indicators.former.SYMBOLS`)."""
    wanted = _goals(connection, framework, goals)
    series = _series(connection, framework, values, goals) if wanted else {}
    stops = _breaks(connection, breaks) if wanted else {}
    rows: list[Row] = []
    for (key, _), goal in wanted.items():
        data = series.get(key, _Series())
        data.breaks = stops.get(key[:2], {})
        rows += _Progress(framework, goal, data).rows()
    rows += _summed_up(framework, rows)
    _remember(framework, rows, published_symbols(connection, symbols))
    connection.register(f"{target}_rows", pa.Table.from_pylist(rows, schema=_schema(framework)))
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {target} AS FROM {target}_rows")
    connection.unregister(f"{target}_rows")


@dataclass
class _Series:
    """The points of a figure, the years in which it has a row at all, and the years from which a new series begins,
    each with the causes."""

    points: list[Point] = field(default_factory=list)
    years: set[int] = field(default_factory=set)
    breaks: Mapping[int, str] = field(default_factory=dict)

    def until(self, year: int) -> list[Point]:
        return [point for point in self.points if point.year <= year]

    def last_break(self, year: int) -> int | None:
        """The newest break up to the last value of the year, not counting one before all values."""
        known = self.until(year)
        if not known:
            return None
        return max((stop for stop in self.breaks if known[0].year < stop <= known[-1].year), default=None)


def _columns(framework: Framework) -> list[str]:
    return ["region", "indicator", *(code.lower() for code in framework.dimension_order)]


def _goals(connection: duckdb.DuckDBPyConnection, framework: Framework, goals: str) -> dict[tuple[Key, str], list[Row]]:
    """Rows of each target (its target years) by figure and id."""
    found: dict[tuple[Key, str], list[Row]] = {}
    query = f"FROM {goals} ORDER BY ALL"
    for row in connection.sql(query).to_arrow_table().to_pylist():
        found.setdefault((tuple(row[name] for name in _columns(framework)), row["target_id"]), []).append(row)
    return found


def _series(connection: duckdb.DuckDBPyConnection, framework: Framework, values: str, goals: str) -> dict[Key, _Series]:
    names = ["region", "indicator", *sql.dimension_columns(framework)]
    same = " AND ".join(f"g.{name} = v.{name}" for name in names)
    rows = connection.execute(f"""
        SELECT {", ".join("v." + name for name in names)}, v.year, v.value, v.lower, v.upper,
               CAST(v.numerator AS DOUBLE), CAST(v.denominator AS DOUBLE)
        FROM {values} v SEMI JOIN {goals} g ON {same} ORDER BY v.year""").fetchall()
    found: dict[Key, _Series] = {}
    for row in rows:
        key, (year, value, *limits) = row[: len(names)], row[len(names) :]
        series = found.setdefault(key, _Series())
        series.years.add(year)
        if value is not None:
            series.points.append(_point(framework, key[1], year, value, limits))
    return found


def _point(framework: Framework, indicator: str, year: int, value: float, limits: Sequence[float | None]) -> Point:
    """A value with its interval; without one, with what the test for small numbers says about counts."""
    lower, upper, numerator, denominator = limits
    if lower is None or upper is None:
        lower = upper = None
        ratio = framework.ratio(indicator)
        counts = all(framework.variables[v].type == "count" for v in framework.indicator_variables(indicator))
        base = denominator if ratio.denominator is not None else 1.0
        if counts and numerator is not None and numerator >= 0 and base is not None and base > 0:
            share = framework.indicators[indicator].unit == "percent" and numerator <= base
            lower, upper = reach_of_chance(numerator, base, share, float(ratio.multiplier), framework.head.intervals.z)
    return Point(year, value, lower, upper)


def _breaks(connection: duckdb.DuckDBPyConnection, breaks: str) -> dict[Key, dict[int, str]]:
    """Years with their causes (`series_break.reason`) by region and indicator."""
    rows = connection.execute(f"""
        SELECT region, indicator, year, string_agg(DISTINCT reason, ',' ORDER BY reason) FROM {breaks}
        GROUP BY ALL ORDER BY ALL""").fetchall()
    found: dict[Key, dict[int, str]] = {}
    for region, indicator, year, reason in rows:
        found.setdefault((region, indicator), {})[year] = reason
    return found


class _Progress:
    """One target of one region over all reporting years."""

    def __init__(self, framework: Framework, goal: Sequence[Row], series: _Series) -> None:
        self.framework = framework
        self.rules: TargetRules = framework.targets
        self.goal = goal
        self.first = goal[0]
        self.series = series

    def rows(self) -> Iterator[Row]:
        """One row for every reporting year that is judged, oldest first."""
        since = self.first["since"] or self.first["baseline_year"] or 0
        until = self.first["until"]
        for year in sorted(self.series.years):
            if since <= year and (until is None or year <= until):
                yield self._row(year)

    def _row(self, year: int) -> Row:
        step = self._step(year)
        aim = self._aim(step)
        known = self.series.until(year)
        stop = self.series.last_break(year)
        points = [point for point in known if stop is None or point.year >= stop]
        judged, rate, start = Judgement(), GrowthJudgement(), None
        if points:
            judged = weather(points, aim, self.rules.weather)
            start = self._start(points)
            rate = growth(start, points[-1], aim, self.rules.growth)
        given, at = self._baseline()
        return {name: self.first[name] for name in ("target_id", "title_de", "title_en", "kind")} | {
            **{name: self.first[name] for name in _columns(self.framework)},
            "year": year,
            **{name: step[name] for name in ("target", "target_upper", "target_year")},
            "baseline": given if given is not None else start.value if start and at in (None, start.year) else None,
            "baseline_year": at if at is not None else start.year if start else None,
            "from_year": start.year if start else None,
            "value": points[-1].value if points else None,
            "value_year": points[-1].year if points else None,
            "projection": judged.projection,
            "mean_change": judged.mean_change,
            "miss": judged.miss,
            "symbol": judged.symbol or "",
            "certainty": self._certainty(points, aim) if judged.symbol else "",
            "cagr": rate.rate,
            "cagr_ratio": rate.ratio,
            "cagr_symbol": rate.category or "",
            "direction": self._direction(start, points, aim),
            "reason": self._reason(known, stop, judged),
        }

    def _step(self, year: int) -> Row:
        """The nearest target year that has not passed; when all have, the last one."""
        ordered = sorted(self.goal, key=lambda row: row["target_year"] or 0)
        return next((row for row in ordered if row["target_year"] is None or row["target_year"] >= year), ordered[-1])

    def _aim(self, step: Row) -> Aim:
        demand, upper = step["target"], step["target_upper"]
        if upper is not None and step["direction"] == "at_most":
            demand = upper
        return Aim(step["kind"], step["direction"], demand, step["target_year"])

    def _baseline(self) -> tuple[float | None, int | None]:
        """The declared baseline; not where the values know the year and hold nothing for it (it may be confidential)."""
        year, value = self.first["baseline_year"], self.first["baseline"]
        computed = next((point.value for point in self.series.points if point.year == year), None)
        if year in self.series.years and computed is None:
            value = None
        return (value if value is not None else computed), year

    def _start(self, points: Sequence[Point]) -> Point:
        """Where growth is counted from: the computed value of the baseline year, else the declared one if it lies before
        all values, else the first value of the unbroken series."""
        declared, year = self._baseline()
        for point in points:
            if point.year == year:
                return point
        before_all = year is not None and year < self.series.points[0].year and points[0] == self.series.points[0]
        if (
            year is not None
            and declared is not None
            and before_all
            and not any(year < stop <= points[0].year for stop in self.series.breaks)
        ):
            return Point(year, declared)
        return points[0]

    def _certainty(self, points: Sequence[Point], aim: Aim) -> str:
        sure = certain(points, aim, self.rules.weather)
        return UNKNOWN if sure is None else CLEAR if sure else NOISE

    def _direction(self, start: Point | None, points: Sequence[Point], aim: Aim) -> str:
        """The simple view: better or worse than at the start, as far as the shown digits tell."""
        if start is None or start.year >= points[-1].year:
            return ""
        smallest = 0.5 * 10 ** -self.framework.indicators[self.first["indicator"]].decimals
        change = aim.sign * (points[-1].value - start.value)
        return "steady" if abs(change) < smallest else "improving" if change > 0 else "worsening"

    def _reason(self, known: Sequence[Point], stop: int | None, judged: Judgement) -> str:
        """Why there is no symbol."""
        if judged.symbol:
            return ""
        if not known:
            return NO_VALUE
        if stop is not None and len(known) >= self.rules.weather.fewest:
            return f"{BREAK} {stop} {self.series.breaks[stop]}"
        return TOO_FEW


def _summed_up(framework: Framework, rows: Iterable[Row]) -> list[Row]:
    """Where one figure has several targets, a row of kind `several` with the worst symbol."""
    grouped: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        grouped.setdefault((*(row[name] for name in _columns(framework)), row["year"]), []).append(row)
    return [_worst(framework, grouped[key]) for key in sorted(grouped) if len(grouped[key]) > 1]


def _remember(framework: Framework, rows: list[Row], published: Published) -> None:
    """Former symbols of every target."""

    def figure(row: Row) -> Figure:
        members = ((code, row[code.lower()]) for code in framework.dimension_order)
        return row["region"], row["indicator"], member_key(members), row["target_id"]

    rows.sort(key=lambda row: (figure(row), row["year"]))
    for key, own in groupby(rows, key=figure):
        tell_former(list(own), published.get(key, {}), framework.targets)


def _worst(framework: Framework, rows: Sequence[Row]) -> Row:
    judged = [row for row in rows if row["symbol"]]
    same: Mapping[str, Any] = {
        name: rows[0][name] for name in (*_columns(framework), "year", "value", "value_year", "mean_change")
    }
    empty = {"target_id": "", "kind": SEVERAL, "symbol": "", "certainty": "", "cagr_symbol": "", "direction": ""}
    if not judged:
        return {**empty, **same, "reason": rows[0]["reason"]}
    symbol = max((row["symbol"] for row in judged), key=SYMBOLS.index)
    certainties = {row["certainty"] for row in judged if row["symbol"] == symbol}
    certainty = next(known for known in (CLEAR, UNKNOWN, NOISE) if known in certainties)
    return {**empty, **same, "symbol": symbol, "certainty": certainty, "reason": ""}


def _schema(framework: Framework) -> pa.Schema:
    text, number, whole = pa.string(), pa.float64(), pa.int32()
    names = dict.fromkeys([*_columns(framework), "target_id", "title_de", "title_en", "kind"], text)
    names |= {"year": whole, "target": number, "target_upper": number, "target_year": whole, "baseline": number}
    names |= {"baseline_year": whole, "from_year": whole, "value": number, "value_year": whole, "projection": number}
    names |= {"mean_change": number, "miss": number, "symbol": text, "certainty": text, "cagr": number}
    names |= {"cagr_ratio": number, "cagr_symbol": text, "direction": text, "earlier": text, "stability": text}
    names |= {"recomputed": text}
    return pa.schema([*names.items(), ("reason", text)])
