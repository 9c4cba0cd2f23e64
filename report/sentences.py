"""Sentences made from the published numbers: what stands where, never why."""

from __future__ import annotations

from report.content import IndicatorContent, Report, Series
from report.numbers import quantized
from report.places import Place
from report.values import Cell
from report.wording import Wording


def headline(wording: Wording, report: Report, content: IndicatorContent) -> str:
    """The first sentence of an indicator page: level, groups, gap and its development, or the range of the regions."""
    if content.main is None:
        return regions_range(wording, report, content)
    return " ".join(
        part
        for part in (
            level(wording, report, content, content.main),
            gap(wording, report, content, content.main),
            regions_range(wording, report, content),
        )
        if part
    )


def level(wording: Wording, report: Report, content: IndicatorContent, place: Place) -> str:
    """Value of the report year, change against the year before, values of the groups."""
    year = report.year
    cell = content.cell(place.code, year)
    parts = [value_and_change(wording, report, content, place)]
    if cell is None or cell.value is None:
        return parts[0]
    listed = [
        _group(wording, content, series, content.cell(place.code, year, series.members)) for series in content.groups()
    ]
    named = [text for text in listed if text]
    if len(named) > 1:
        parts.append(wording("sentence.groups", groups=", ".join(named)))
    return " ".join(part for part in parts if part)


def value_and_change(wording: Wording, report: Report, content: IndicatorContent, place: Place) -> str:
    """Value of the report year and change against the year before, or that there is no value."""
    entry, cell = content.entry, content.cell(place.code, report.year)
    if cell is None or cell.value is None:
        return hidden(wording, report, place, cell)
    value = wording.measured(cell.value, entry.decimals, entry.unit)
    text = wording("sentence.level", region=wording.place(place), year=report.year, value=value)
    return f"{text} {change(wording, report, content, place)}".strip()


def hidden(wording: Wording, report: Report, place: Place, cell: Cell | None) -> str:
    """That there is no value, and why."""
    why = wording.status(cell.status) if cell else wording("word.no_row")
    return wording("sentence.hidden", region=wording.place(place), year=report.year, why=why)


def _group(wording: Wording, content: IndicatorContent, series: Series, cell: Cell | None) -> str:
    if not series.members or cell is None or cell.value is None:
        return ""
    value = wording.measured(cell.value, content.entry.decimals, content.entry.unit)
    return wording("sentence.group", group=wording.members(series.members), value=value)


def change(wording: Wording, report: Report, content: IndicatorContent, place: Place) -> str:
    """Difference to the year before, from the rounded published values so that readers can recompute it."""
    now, before = (content.cell(place.code, year) for year in (report.year, report.previous_year))
    if now is None or before is None or now.value is None or before.value is None:
        return ""
    if not content.comparable(place.code, report.previous_year, report.year):
        return wording("sentence.break_now", year=report.year)
    entry = content.entry
    step = now.value - before.value
    parts = {
        "year": report.previous_year,
        "before": wording.measured(before.value, entry.decimals, entry.unit),
        "change": wording.measured(abs(step), entry.decimals, entry.unit, "gap"),
    }
    rounded_step = quantized(step, entry.decimals)
    key = "same" if rounded_step == 0 else "more" if rounded_step > 0 else "less"
    return wording(f"sentence.{key}", **parts)


def gap(wording: Wording, report: Report, content: IndicatorContent, place: Place) -> str:
    """The gap of the report year and how its size compares with the first year that has one."""
    declared, entry = content.entry.gap, content.entry
    current = content.gap(place.code, report.year) if declared else None
    if declared is None or current is None or current.difference is None:
        return ""
    sides = [wording.member(declared.dimension, member) for member in (declared.focus, declared.reference)]
    size = wording.measured(current.difference, entry.decimals, entry.unit, "gap")
    text = wording("sentence.gap", focus=sides[0], reference=sides[1], value=size)
    parts = [text, _gap_since(wording, report, content, place, current.difference)]
    adjusted = content.standardised(place.code, report.year)
    if adjusted is not None and adjusted.difference is not None:
        value = wording.measured(adjusted.difference, entry.decimals, entry.unit, "gap")
        parts.append(wording("sentence.gap_standardised", value=value))
    return " ".join(part for part in parts if part)


def _gap_since(wording: Wording, report: Report, content: IndicatorContent, place: Place, now: float) -> str:
    entry = content.entry
    for year in report.years[:-1]:
        first = content.gap(place.code, year) if content.comparable(place.code, year, report.year) else None
        if first is None or first.difference is None:
            continue
        then = first.difference
        step = quantized(abs(now) - abs(then), entry.decimals)
        turned = now * then < 0
        key = "turned" if turned else "same" if step == 0 else "larger" if step > 0 else "smaller"
        return wording(
            f"sentence.gap_{key}",
            first=year,
            then=wording.measured(then, entry.decimals, entry.unit, "gap"),
            change=wording.measured(float(abs(step)), entry.decimals, entry.unit, "gap"),
            year=report.year,
        )
    return ""


def regions_range(wording: Wording, report: Report, content: IndicatorContent) -> str:
    """Smallest and largest value of the regions, without naming them: no ranking."""
    entry = content.entry
    cells = [content.cell(place.code, report.year) for place in report.regions]
    values = [cell.value for cell in cells if cell is not None and cell.value is not None]
    if not values:
        return wording("sentence.none", year=report.year)
    low, high = (wording.measured(each, entry.decimals, entry.unit) for each in (min(values), max(values)))
    if len(values) == 1:
        return wording("sentence.single", value=low, year=report.year)
    return wording("sentence.range", n=wording.number(len(values)), low=low, high=high, year=report.year)


def spoken_series(wording: Wording, report: Report, content: IndicatorContent, place: Place) -> str:
    """Text alternative of a line chart: first and last shown value of each series."""
    parts = []
    for series in content.series:
        shown = [
            (year, cell.value)
            for year in report.years
            if (cell := content.cell(place.code, year, series.members)) is not None and cell.value is not None
        ]
        name = wording.members(series.members)
        if not shown:
            parts.append(wording("alt.no_values", series=name))
            continue
        (first, start), (last, end) = shown[0], shown[-1]
        numbers = [wording.measured(value, content.entry.decimals, content.entry.unit) for value in (start, end)]
        parts.append(wording("alt.series", series=name, first=first, start=numbers[0], last=last, end=numbers[1]))
    return " ".join(parts)
