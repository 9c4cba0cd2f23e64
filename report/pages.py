"""Pages of fields, and of indicators that could not be prepared; what the other pages share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from report import sentences
from report.comparison import Row, comparison_chart
from report.content import IndicatorContent, Report
from report.deliveries import Delivery
from report.figures import Figures, cell_point
from report.places import slug
from report.site import Site
from report.svg import Frame, text_width
from report.trend_sentences import development
from report.wording import Wording
from schemas.definitions import Indicator, ReportField

SHARED_UNIT = "percent"
"""Indicators in this unit share one scale in the overview of a field."""


@dataclass(frozen=True)
class Item:
    """An indicator as it stands in a list."""

    entry: Indicator

    @property
    def slug(self) -> str:
        """File name of its page and of its download."""
        return slug(self.entry.code)


def missing_page(site: Site, wording: Wording, entry: Indicator) -> None:
    """What stands in place of an indicator that could not be prepared."""
    field = site.report.framework.indicator_field[entry.code]
    site.page(
        wording,
        f"indikatoren/{slug(entry.code)}.html",
        "missing.html",
        title=wording.plain(entry),
        entry=entry,
        field=site.report.framework.fields[field],
        field_slug=slug(field),
        reason=site.report.missing_reason(entry.code),
    )


def field_page(site: Site, wording: Wording, field: ReportField) -> None:
    """All indicators of a field with finding and a small chart."""
    report = site.report
    entries = [e for e in report.framework.indicators_of(field.code) if e.valid_in(report.year)]
    site.page(
        wording,
        f"felder/{slug(field.code)}.html",
        "field.html",
        title=wording.plain(field),
        field=field,
        items=[_field_item(wording, report, entry) for entry in entries],
        overview=_overview(wording, report, field, [c for e in entries if (c := report.content(e.code)) is not None]),
        beside=_beside(report, field),
    )


def _beside(report: Report, field: ReportField) -> tuple[ReportField | None, ReportField | None]:
    """The fields before and after."""
    fields = list(report.framework.fields.values())
    at = fields.index(field)
    return (fields[at - 1] if at else None), (fields[at + 1] if at + 1 < len(fields) else None)


def _overview(
    wording: Wording, report: Report, field: ReportField, contents: Sequence[IndicatorContent]
) -> dict[str, object]:
    """The groups of all rates of the field on one scale, for the reference that most of them have."""
    mains = [content.main for content in contents if content.main and content.entry.unit == SHARED_UNIT]
    place = max(mains, key=mains.count, default=None)
    shown = [c for c in contents if c.main == place and c.entry.unit == SHARED_UNIT and c.entry.gap] if place else []
    rows = []
    for content in shown if place else []:
        cells = [(s.role, content.cell(place.code, report.year, s.members)) for s in content.groups()] if place else []
        points = tuple((role, cell_point(cell)) for role, cell in cells)
        if any(point.value is not None for _, point in points):
            rows.append((content, Row(_short(wording.plain(content.entry)), points)))
    pairs = {tuple(s.members for s in content.groups()) for content, _ in rows}
    if len(rows) < 2 or len(pairs) != 1 or place is None:
        return {}
    first = rows[0][0]
    said = "; ".join(f"{wording.plain(c.entry)}: {sentences.gap(wording, report, c, place)}" for c, _ in rows)
    title = wording("field.overview", field=wording.plain(field), region=wording.place(place), year=report.year)
    frame = Frame(f"o-{slug(field.code)}", title, said)
    chart = comparison_chart(
        frame,
        [row for _, row in rows],
        lambda value: wording.number(value, first.entry.decimals),
        lambda value: wording.number(value, 0),
        100.0,
    )
    return {"title": title, "chart": chart, "key": Figures(wording, report, first).key()[1:], "unit": first.entry.unit}


def _short(name: str, width: float = 350.0) -> str:
    words = name.split()
    while text_width(" ".join(words)) > width and len(words) > 1:
        words.pop()
    text = " ".join(words)
    return text if text == name else f"{text.rstrip(',;:(–- ')} …"


def _field_item(wording: Wording, report: Report, entry: Indicator) -> dict[str, object]:
    content = report.content(entry.code)
    item: dict[str, object] = {"entry": entry, "slug": slug(entry.code), "chart": "", "missing": ""}
    if content is None:
        return {**item, "missing": report.missing_reason(entry.code)}
    said = [sentences.headline(wording, report, content)]
    said += [development(wording, report, content, content.main)] if content.main else []
    item["sentence"] = " ".join(part for part in said if part)
    if content.main:
        figures = Figures(wording, report, content)
        item["chart"] = figures.small_lines(content.main, alone=True)
        item["caption"] = f"{wording.place(content.main)} ({wording.unit(entry.unit)})"
        item["key"] = figures.key()
    return item


def findings_text(wording: Wording, entry: Delivery) -> str:
    """Numbers of findings by severity, worst first; nothing when there are none."""
    counted: Mapping[str, int] = entry.findings
    return ", ".join(wording.count(f"severity.{severity}", n) for severity, n in counted.items() if n) or "–"
