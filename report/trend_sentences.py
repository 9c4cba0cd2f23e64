"""Sentences on change over some years, direction, last available value and how the regions move together."""

from __future__ import annotations

from report.content import IndicatorContent, Report
from report.derived import LONG, TREND, YEARLY, Trend
from report.numbers import quantized
from report.places import Place
from report.wording import Wording


def development(wording: Wording, report: Report, content: IndicatorContent, place: Place) -> str:
    """Change over some years and direction of the unbroken series; empty where the snapshot says nothing."""
    said = _told(wording, content, content.trend(place.code, LONG), content.trend(place.code, TREND))
    stopped = [content.trend(place.code, period) for period in (YEARLY, LONG)]
    latest = max((each.year for each in content.breaks(place.code)), default=None)
    if latest is not None and not said and any(each is not None and each.status == "break" for each in stopped):
        now = _told(wording, content, content.trend_today(place.code, LONG), content.trend_today(place.code, TREND))
        today = wording("trend.today", said=" ".join(now)) if now else ""
        return " ".join(part for part in (wording("trend.break", year=latest), today) if part)
    return " ".join(said)


def _told(wording: Wording, content: IndicatorContent, long: Trend | None, trend: Trend | None) -> list[str]:
    said = (_over_years(wording, content, long), _direction(wording, content, trend))
    return [part for part in said if part]


def _amount(wording: Wording, content: IndicatorContent, trend: Trend) -> str:
    assert trend.change is not None
    if trend.rate:
        return wording.measured(abs(trend.change), 1, "percent")
    return wording.measured(abs(trend.change), content.entry.decimals, content.entry.unit, "gap")


def _over_years(wording: Wording, content: IndicatorContent, trend: Trend | None) -> str:
    if trend is None or trend.change is None or trend.from_year is None:
        return ""
    step = quantized(trend.change, 1 if trend.rate else content.entry.decimals)
    key = "same" if step == 0 else "more" if step > 0 else "less"
    return wording(f"trend.{key}", year=trend.from_year, change=_amount(wording, content, trend))


def _direction(wording: Wording, content: IndicatorContent, trend: Trend | None) -> str:
    if trend is None or trend.change is None or trend.from_year is None:
        return ""
    if trend.direction not in ("rising", "falling"):
        return wording("trend.open", year=trend.from_year)
    word = wording(f"word.{trend.direction}")
    if quantized(trend.change, 1 if trend.rate else content.entry.decimals) == 0:
        return wording("trend.slow", year=trend.from_year, direction=word)
    return wording("trend.direction", year=trend.from_year, direction=word, change=_amount(wording, content, trend))


def last_value(wording: Wording, report: Report, content: IndicatorContent, place: Place) -> str:
    """The last available value with its year, where the report year has none."""
    year = content.last_year(place.code)
    cell = content.cell(place.code, year) if year is not None else None
    if year is None or cell is None or cell.value is None:
        return ""
    value = wording.measured(cell.value, content.entry.decimals, content.entry.unit)
    return wording("sentence.last", value=value, year=year)


def spread(wording: Wording, report: Report, content: IndicatorContent, place: Place) -> str:
    """Did the values of the regions move together since the year before? No region is named."""
    direction = content.derived.spread.get(place.code, "")
    if direction not in ("converging", "diverging", "steady"):
        return ""
    return wording(f"sentence.{direction}", year=report.year, before=report.previous_year)
