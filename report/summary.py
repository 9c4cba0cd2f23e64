"""The state of affairs in sentences: what was delivered, what moved, what is not comparable or not shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from report.content import IndicatorContent, Report
from report.numbers import quantized
from report.wording import Wording

MORE, LESS, SAME = "more", "less", "same"


@dataclass(frozen=True, slots=True)
class Facts:
    """Numbers about the edition itself."""

    delivered: int
    expected: int
    with_values: int
    shown: int
    hidden: int


def facts(report: Report) -> Facts:
    """Deliveries, indicators with a value, published and hidden cells of the report year (regions only)."""
    own = {place.code for place in report.regions}
    shown = hidden = with_values = 0
    for entry in report.indicators():
        content = report.content(entry.code)
        table = content.values.cells if content else {}
        cells = [years[report.year] for (region, _), years in table.items() if region in own and report.year in years]
        values = sum(cell.value is not None for cell in cells)
        shown, hidden, with_values = shown + values, hidden + len(cells) - values, with_values + bool(values)
    due = report.deliveries
    return Facts(len(due.accepted(report.year)), len(due.expected[report.year]), with_values, shown, hidden)


@dataclass(frozen=True)
class Movement:
    """How figures of the leading reference moved since the year before, counted."""

    values: Counter[str]
    gaps: Counter[str]
    regions: Counter[str]
    breaks: tuple[IndicatorContent, ...]


def movement(report: Report) -> Movement:
    """Values and sizes of gaps against the year before; an indicator with a break in between is not counted."""
    values: Counter[str] = Counter()
    gaps: Counter[str] = Counter()
    regions: Counter[str] = Counter()
    breaks = []
    for content in _contents(report):
        place = content.main
        if place is None:
            continue
        if not content.comparable(place.code, report.previous_year, report.year):
            breaks.append(content)
            continue
        decimals = content.entry.decimals
        cells = [content.cell(place.code, year) for year in (report.previous_year, report.year)]
        known = [cell.value for cell in cells if cell is not None and cell.value is not None]
        if len(known) == len(cells):
            values[_way(known[1] - known[0], decimals)] += 1
        pair = [content.gap(place.code, year) for year in (report.previous_year, report.year)]
        sizes = [abs(gap.difference) for gap in pair if gap is not None and gap.difference is not None]
        if len(sizes) == len(pair):
            gaps[_way(sizes[1] - sizes[0], decimals)] += 1
        if together := content.derived.spread.get(place.code, ""):
            regions[together] += 1
    return Movement(values, gaps, regions, tuple(breaks))


def _way(step: float, decimals: int) -> str:
    known = quantized(step, decimals)
    return SAME if known == 0 else MORE if known > 0 else LESS


def edition_sentences(wording: Wording, report: Report) -> list[str]:
    """What was delivered."""
    known = facts(report)
    return [wording.count("summary.delivered", known.delivered, all=wording.number(known.expected), year=report.year)]


def movement_sentences(wording: Wording, report: Report, moved: Movement) -> list[str]:
    """How values, gaps and regions moved since the year before; never why."""
    said = []
    for key, counted in (("values", moved.values), ("gaps", moved.gaps)):
        if total := sum(counted.values()):
            parts = {way: wording.number(counted[way]) for way in (MORE, LESS, SAME)}
            said.append(wording.count(f"summary.{key}_moved", total, year=report.previous_year, **parts))
    if moved.regions:
        closer, apart = (wording.number(moved.regions[way]) for way in ("converging", "diverging"))
        said.append(wording("summary.regions", closer=closer, apart=apart))
    return said


def quality_sentences(wording: Wording, report: Report, moved: Movement) -> list[str]:
    """What a reader must know before using the numbers: breaks, older values, flags."""
    said = []
    if moved.breaks:
        said.append(wording.count("summary.breaks", len(moved.breaks), year=report.year))
    older = sum(any(report.year > year for year in c.derived.last.values()) for c in _contents(report))
    if older:
        said.append(wording.count("summary.older", older, year=report.year))
    for code, number in sorted(_flagged(report).items()):
        flag = report.framework.flags[code]
        said.append(wording.count("summary.flag", number, flag=wording.plain(flag, "meaning")))
    return said


def _flagged(report: Report) -> Counter[str]:
    """Shown total values of the regions by flag; breaks are told apart."""
    counted: Counter[str] = Counter()
    for content in _contents(report):
        for place in report.regions:
            cell = content.cell(place.code, report.year)
            codes = cell.flags.split(",") if cell is not None and cell.value is not None and cell.flags else []
            counted.update(code for code in codes if code in report.framework.flags and code != "break")
    return counted


def target_sentence(wording: Wording, report: Report) -> str:
    """How many targets have which symbol; empty without targets."""
    counted = Counter(
        aim.symbol
        for content in _contents(report)
        for place in report.places
        for aim in content.aims(place.code)
        if aim.symbol
    )
    names = report.framework.targets.symbols
    parts = [
        f"{wording.number(counted[code])} × {getattr(names[code], wording.lang)}" for code in names if counted[code]
    ]
    return wording.count("summary.targets", sum(counted.values()), parts=", ".join(parts)) if parts else ""


def _contents(report: Report) -> Iterable[IndicatorContent]:
    return (content for entry in report.indicators() if (content := report.content(entry.code)) is not None)
