"""What a volume tells of one region beside its sheets: overview, deliveries, targets, population."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from report import sentences
from report.content import IndicatorContent, Report
from report.data import as_text, records
from report.derived import Aim
from report.pdf_blocks import Block, Column, Line, own, paragraph, table
from report.pdf_sheets import mark
from report.pdf_tables import YEARS_BESIDE, Marks, PrintTables
from report.places import Place
from report.wording import Wording
from schemas.definitions import Indicator, ReportField
from schemas.definitions_profile import Measure
from schemas.shapes import TOTAL

_SYMBOLS: dict[str, str] = {
    "sun": "pdf.symbol_sun",
    "partly_cloudy": "pdf.symbol_partly_cloudy",
    "cloud": "pdf.symbol_cloud",
    "thunderstorm": "pdf.symbol_thunderstorm",
}
PROJECTED = 3
"""Years to come that are shown of a projection."""


def overview(wording: Wording, report: Report, place: Place, entries: Sequence[Indicator], caption: str) -> Block:
    """One row for each indicator: value, year before, change, gap, references."""
    t, year = wording, report.year
    beside = [other for other in report.references if other != place]
    columns = [Column(t("word.unit"), 0.9, left=True), Column(str(year), 0.75), Column(str(year - 1), 0.75)]
    columns += [Column(t("word.change"), 1.1), Column(t("word.gap"), 0.75)]
    columns += [Column(t.place(other), 1.0) for other in beside]
    marks = Marks(t)
    lines = [_overview_line(wording, report, place, entry, beside, marks) for entry in entries]
    return table(caption, t("word.indicator"), columns, lines, first=4.4, note=marks.note())


def _overview_line(
    wording: Wording, report: Report, place: Place, entry: Indicator, beside: Sequence[Place], marks: Marks
) -> Line:
    unit, content = wording.unit(entry.unit), report.content(entry.code)
    if content is None:
        return Line(own(wording, entry), [wording("region.failed"), *[""] * (4 + len(beside))], mark=mark(entry.code))
    tables = PrintTables(wording, report, content)
    years = (report.year, report.previous_year)
    cells = [marks.text(content.cell(place.code, each), entry.decimals) for each in years]
    cells += [tables.change(place), tables.gap(marks, place, report.year) if entry.gap else ""]
    cells += [marks.text(content.cell(other.code, report.year), entry.decimals) for other in beside]
    return Line(own(wording, entry), [unit, *cells], mark=mark(entry.code))


def field_overview(wording: Wording, report: Report, place: Place, field: ReportField) -> Block:
    """The overview of one field."""
    entries = [entry for entry in report.framework.indicators_of(field.code) if entry.valid_in(report.year)]
    caption = wording("region.table", field=wording.plain(field), region=wording.place(place), year=report.year)
    return overview(wording, report, place, entries, caption)


def standing(wording: Wording, report: Report, place: Place) -> list[Block]:
    """How many indicators have a value, why the others have none, and what was delivered."""
    counts: Counter[str] = Counter()
    for entry in report.indicators():
        content = report.content(entry.code)
        cell = content.cell(place.code, report.year) if content else None
        why = "" if cell and cell.value is not None else wording.status(cell.status) if cell else ""
        counts[why if cell else wording("region.failed" if content is None else "word.no_row")] += 1
    shown = counts.pop("", 0)
    lead = wording("region.lead", year=report.year, shown=shown, all=len(report.indicators()))
    rest = [
        wording.count("region.missing", n, status=why)
        for why, n in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    ]
    blocks = [paragraph(" ".join([lead, *(f"{text}." for text in rest)]))]
    return [*blocks, paragraph(_delivered(wording, report, place), "body", wording("region.deliveries"))]


def _delivered(wording: Wording, report: Report, place: Place) -> str:
    received = report.deliveries.of(place.code, report.year)
    if place.aggregate:
        return wording("region.aggregate")
    if not received:
        return wording("region.no_delivery", year=report.year)
    texts = []
    for entry in received:
        text = f"{wording.day(entry.received_at)}: {wording('verdict.' + entry.outcome)}"
        texts.append(f"{text} ({wording('status.used')})" if entry.used else text)
    return "; ".join(texts) + "."


def key_findings(
    wording: Wording, report: Report, place: Place | None, chosen: Sequence[IndicatorContent], *, gap: bool = True
) -> list[tuple[str, str, str]]:
    """For each chosen indicator: name, sentence (value, change and, if asked for, gap), mark of its sheet."""
    found = []
    for content in chosen:
        where = place or content.main
        if where is None:
            text = sentences.regions_range(wording, report, content)
        else:
            parts = [sentences.value_and_change(wording, report, content, where)]
            parts += [sentences.gap(wording, report, content, where)] if gap else []
            text = " ".join(part for part in parts if part)
        found.append((wording.plain(content.entry), text, mark(content.code)))
    return found


# --- targets and population: shown where the snapshot has them --------------------------------------------------------


def targets(wording: Wording, report: Report, place: Place | None) -> list[Block]:
    """Targets of the report year with value, projection and symbol; of all regions when no place is given."""
    t, shown = wording, [place] if place else report.places
    lines = [
        _target_line(t, content, each, aim, named=place is None)
        for entry in report.indicators()
        if (content := report.content(entry.code)) is not None
        for each in shown
        for aim in content.aims(each.code)
    ]
    if not lines:
        return []
    columns = [] if place else [Column(t("word.region"), 1.6, left=True)]
    columns += [Column(t("pdf.target"), 1.0), Column(t("pdf.target_year"), 0.9), Column(t("word.value"), 1.0)]
    columns += [Column(t("pdf.projection"), 1.2), Column(t("pdf.symbol"), 1.5, left=True)]
    columns += [Column(t("pdf.earlier"), 2.0, left=True)]
    caption = t("pdf.table_targets", year=report.year)
    return [table(caption, t("word.indicator"), columns, lines, first=3.0), paragraph(t("pdf.target_note"), "note")]


def _target_line(t: Wording, content: IndicatorContent, place: Place, aim: Aim, *, named: bool) -> Line:
    decimals, unit = content.entry.decimals, t.unit(content.entry.unit)
    goal, upper = t.number(aim.target, decimals), t.number(aim.upper, decimals)
    numbers = [f"{goal}–{upper}" if upper else goal, str(aim.target_year or "")]
    numbers += [t.number(aim.value, decimals), t.number(aim.projection, decimals)]
    earlier = ", ".join(
        f"{year}{'*' if year in aim.recomputed else ''}: {_symbol(t, symbol)}"
        for year, symbol in sorted(aim.earlier.items())
    )
    earlier += f" (* {t('target.recomputed')})" if aim.recomputed else ""
    words = [_symbol(t, aim.symbol) or "–", earlier]
    group = f", {t.members(aim.members)}" if aim.members else ""
    name = f"{t.plain(content.entry)}{group} ({unit}): {t.plain(aim, 'title')}"
    return Line(name, [*([t.place(place)] if named else []), *numbers, *words], mark=mark(content.code))


def _symbol(wording: Wording, code: str) -> str:
    return wording(_SYMBOLS[code]) if code in _SYMBOLS else code


def population(wording: Wording, report: Report, place: Place) -> list[Block]:
    """The demographic profile: one table for each measure, its rows below each other, the latest years beside."""
    frame, profile = report.data.profile, report.framework.profile
    if frame.empty:
        return []
    rows = frame[(frame["region"] == place.code) & ((frame["year"] <= report.year) | frame["projected"].eq(True))]
    found = [(measure, rows[rows["measure"] == measure.code]) for measure in profile.measures]
    blocks = [_measure(wording, report, measure, part) for measure, part in found if not part.empty]
    ahead = bool(rows["projected"].eq(True).any())
    note = wording.plain(profile, "projection_note") if ahead else ""
    sources = ", ".join(dict.fromkeys(text for each in rows["source"] if (text := as_text(each))))
    blocks += [paragraph(note, "note")] if note else []
    return blocks + ([paragraph(sources, "note", wording("pdf.sources"))] if sources and blocks else [])


def _measure(wording: Wording, report: Report, measure: Measure, rows: pd.DataFrame) -> Block:
    decimals = 0 if measure.figure == "count" else 1
    ahead = {int(year) for year in rows.loc[rows["projected"].eq(True), "year"]}
    years = [year for year in sorted({int(year) for year in rows["year"]}) if year not in ahead][-YEARS_BESIDE:]
    years += sorted(ahead)[:PROJECTED]
    cells: dict[str, dict[int, str]] = {band.code: {} for band in measure.bands}
    for member, year, value, status in records(rows, ["member", "year", "value", "status"]):
        known = report.framework.statuses.get(as_text(status))
        hidden = as_text(value) == "" or (known is not None and not known.has_value)
        text = (known.sign if known else ".") if hidden else wording.number(float(str(value)), decimals)
        cells.setdefault(as_text(member), {})[int(str(year))] = text
    lines = [
        Line(_band(wording, report, measure, code), [by_year.get(year, "") for year in years])
        for code, by_year in cells.items()
        if by_year
    ]
    columns = [Column(wording("pdf.projected", year=year) if year in ahead else str(year)) for year in years]
    return table(wording.plain(measure), wording("word.group"), columns, lines, first=2.4)


def _band(wording: Wording, report: Report, measure: Measure, code: str) -> str:
    """Name of a row: its own, or that of the member; the total has its own word."""
    if code in ("", TOTAL) or measure.dimension is None:
        return wording("word.total")
    return report.framework.profile.label(measure.code, code, wording.lang) or wording.member(measure.dimension, code)
