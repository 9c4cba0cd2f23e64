"""Tables as markup: fast, semantic, every hidden value with its sign and, for screen readers, its meaning."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape

from report.content import FEW, IndicatorContent, Report
from report.derived import TREND, YEARLY, Trend
from report.places import Place
from report.values import Cell
from report.wording import Wording

_EMPTY = Markup("<td></td>")


class Tables:
    """The tables of one indicator in one language."""

    def __init__(self, wording: Wording, report: Report, content: IndicatorContent) -> None:
        self.wording = wording
        self.report = report
        self.content = content
        self.decimals = content.entry.decimals

    def cell(self, cell: Cell | None) -> Markup:
        """A cell with number, number and sign, or sign; the meaning of the sign is readable and heard."""
        if cell is None:
            return Markup('<td><span class="vh">{}</span></td>').format(self.wording("word.no_row"))
        text = self.wording.cell_text(cell, self.decimals)
        flags = self.wording.flags(cell)
        if not cell.sign and not flags:
            return Markup(f"<td>{escape(text)}</td>")
        meanings = [self.wording.sign_meaning(cell)] if cell.sign else []
        meaning = ", ".join([*meanings, *(self.wording.plain(flag) for flag in flags)])
        css = ' class="sign"' if cell.value is None else ""
        heard = meaning if cell.value is None else f"{self.number(cell.value)} ({meaning})"
        marks = f"<sup>{escape(''.join(flag.sign for flag in flags))}</sup>" if flags else ""
        seen = f'<span aria-hidden="true">{escape(text)}{marks}</span>'
        return Markup(f'<td{css} title="{escape(meaning)}">{seen}<span class="vh">{escape(heard)}</span></td>')

    def number(self, value: float | None, decimals: int | None = None) -> str:
        """A number with the decimals of the indicator."""
        return self.wording.number(value, self.decimals if decimals is None else decimals)

    def years(self) -> Markup:
        """Regions in rows, years in columns, total population."""
        caption = self._caption("indicator.table_years", "short")
        rows = [
            (self._name(place), [self.cell(self.content.cell(place.code, year)) for year in self.report.years], place)
            for place in self.report.places
        ]
        return self._table(caption, self.report.years, rows, self.wording("word.region"))

    def gaps(self) -> Markup:
        """Regions in rows, years in columns, gap."""
        declared = self.content.entry.gap
        if declared is None:
            return Markup("")
        sides = {
            side: self.wording.member(declared.dimension, getattr(declared, side)) for side in ("focus", "reference")
        }
        caption = self._caption("indicator.table_gap", "gap", **sides)
        rows = [
            (self._name(place), [self.gap(place, year) for year in self.report.years], place)
            for place in self.report.places
        ]
        return self._table(caption, self.report.years, rows, self.wording("word.region"))

    def gap(self, place: Place, year: int) -> Markup:
        """A cell with the gap, or the sign of the group that hides it."""
        found = self.content.gap(place.code, year)
        if found is not None and found.difference is not None:
            return Markup(f"<td>{escape(self.number(found.difference))}</td>")
        cells = [self.content.cell(place.code, year, series.members) for series in self.content.groups()]
        return self.cell(next((cell for cell in cells if cell is not None and cell.value is None), None))

    def groups(self) -> Markup:
        """Breakdown points in rows, places in columns, report year; empty without a breakdown.

        Of many regions only the references are shown: the file of the indicator has them all.
        """
        if len(self.content.points) < 2:
            return Markup("")
        shown = self.report.places if len(self.report.places) <= FEW else self.report.references
        caption = self._caption("indicator.table_groups", "short", year=self.report.year)
        rows = [
            (
                escape(self.wording.members(point)),
                [self.cell(self.content.cell(place.code, self.report.year, point)) for place in shown],
                None,
            )
            for point in self.content.points
        ]
        heads = [self.wording.place(place) for place in shown]
        return self._table(caption, heads, rows, self.wording("word.group"))

    def regions(self) -> Markup:
        """Regions in rows: groups, gap, ratio, change, numerator, denominator, coverage in the report year."""
        t, year, content = self.wording, self.report.year, self.content
        groups = [series for series in content.series if series.members]
        heads = [t("word.total"), *(t.members(series.members) for series in groups)]
        heads += [t("word.gap"), t("word.ratio")] if content.entry.gap else []
        heads += [f"{t('word.change')} {self.report.previous_year}", t("word.numerator"), t("word.denominator")]
        heads += [t("word.coverage")]
        rows = []
        for place in self.report.places:
            cell = content.cell(place.code, year)
            cells = [self.cell(cell), *(self.cell(content.cell(place.code, year, s.members)) for s in groups)]
            if content.entry.gap:
                gap = content.gap(place.code, year)
                cells += [self.gap(place, year), self._plain(t.number(gap.ratio if gap else None, 2))]
            cells += [self._plain(change_text(self, place)), *self._counts(cell)]
            rows.append((self._name(place), cells, place))
        caption = self._caption("indicator.table_regions", "short", year=year)
        return self._table(caption, heads, rows, t("word.region"))

    def series(self, place: Place) -> Markup:
        """Years in rows, series in columns: the numbers of a line chart, folded away."""
        content = self.content
        heads = [self.wording.members(series.members) for series in content.series]
        rows = [
            (escape(year), [self.cell(content.cell(place.code, year, s.members)) for s in content.series], None)
            for year in self.report.years
        ]
        name = f"{self.wording.plain(content.entry)}, {self.wording.place(place)}"
        return self._folded(self._table(escape(name), heads, rows, self.wording("word.year")))

    def today(self) -> Markup:
        """Regions whose territory has changed: the series at today's territory beside the one as reported; else empty."""
        cells, rows = self.content.derived.today, []
        for place in self.report.places:
            now = cells.get((place.code, ()), {})
            if not any(_differs(now.get(year), self.content.cell(place.code, year)) for year in self.report.years):
                continue
            told = [self.cell(self.content.cell(place.code, year)) for year in self.report.years]
            told += [self._trend(self.content.trend(place.code, period)) for period in (YEARLY, TREND)]
            here = [self.cell(now.get(year)) for year in self.report.years]
            here += [self._trend(self.content.trend_today(place.code, period)) for period in (YEARLY, TREND)]
            rows.append((self._with(place, "today.reported"), told, None))
            rows.append((self._with(place, "today.now"), here, None))
        caption, t = self._caption("today.table", "short"), self.wording
        heads = [*self.report.years, f"{t('word.change')} {self.report.previous_year}", t("today.trend")]
        return self._table(caption, heads, rows, t("word.region")) if rows else Markup("")

    def _trend(self, trend: Trend | None) -> Markup:
        """A change or slope; a dash where the series is interrupted or too short."""
        if trend is None or trend.change is None:
            return self._plain("–")
        return self._plain(f"{self.number(trend.change, 1)} %" if trend.rate else self.number(trend.change))

    def _with(self, place: Place, key: str) -> Markup:
        return escape(f"{self.wording.place(place)}, {self.wording(key)}")

    def gap_series(self, place: Place) -> Markup:
        """Years in rows: the numbers of the gap chart, folded away."""
        rows = [(escape(year), [self.gap(place, year)], None) for year in self.report.years]
        name = f"{self.wording.plain(self.content.entry)}, {self.wording.place(place)}"
        heads = [f"{self.wording('word.gap')} ({self.wording.unit(self.content.entry.unit, 'gap')})"]
        if any(self.content.standardised(place.code, year) for year in self.report.years):
            heads.append(self.wording("figure.adjusted"))
            rows = [(head, [*cells, self._adjusted(place, int(head))], None) for head, cells, _ in rows]
        return self._folded(self._table(escape(name), heads, rows, self.wording("word.year")))

    def _adjusted(self, place: Place, year: int) -> Markup:
        found = self.content.standardised(place.code, year)
        return self._plain(self.number(found.difference) if found else "")

    # --- parts ----------------------------------------------------------------------------------------------------

    def _caption(self, key: str, form: str, **parts: object) -> Markup:
        entry = self.content.entry
        return escape(
            self.wording(key, name=self.wording.plain(entry), unit=self.wording.unit(entry.unit, form), **parts)
        )

    def _name(self, place: Place) -> Markup:
        return Markup('<a href="../regionen/{}.html">{}</a>').format(place.slug, self.wording.place(place))

    def _plain(self, text: str) -> Markup:
        return Markup("<td>{}</td>").format(text) if text else _EMPTY

    def _counts(self, cell: Cell | None) -> list[Markup]:
        if cell is None:
            return [_EMPTY, _EMPTY, _EMPTY]
        covered = ""
        if cell.n_members is not None and cell.n_reported is not None:
            covered = self.wording("word.coverage_of", n=cell.n_reported, all=cell.n_members)
        amounts = (self.wording.amount(cell.numerator), self.wording.amount(cell.denominator))
        return [self._plain(text) for text in (*amounts, covered)]

    def _folded(self, table: Markup) -> Markup:
        pattern = Markup("<details><summary>{}</summary>{}</details>")
        return pattern.format(self.wording("figure.table"), table)

    def _table(
        self,
        caption: Markup,
        heads: Iterable[object],
        rows: Sequence[tuple[Markup, Sequence[Markup], Place | None]],
        corner: str,
    ) -> Markup:
        return table(caption, corner, heads, [(head, cells, bool(p and p.reference)) for head, cells, p in rows])


def _differs(now: Cell | None, told: Cell | None) -> bool:
    return now is not None and now.value is not None and (told is None or told.value != now.value)


def table(
    caption: Markup,
    corner: str,
    heads: Iterable[object],
    rows: Iterable[tuple[Markup, Sequence[Markup], bool]],
    css: str = "numeric",
) -> Markup:
    """A table in a box that scrolls on its own; reference rows (third item) are set apart."""
    top = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    body = "".join(
        f'<tr{" class=reference" if reference else ""}><th scope="row">{head}</th>{"".join(cells)}</tr>'
        for head, cells, reference in rows
    )
    return Markup(
        f'<div class="scroll" tabindex="0" role="group" aria-label="{caption}">'
        f'<table class="{css}"><caption>{caption}</caption>'
        f'<thead><tr><th scope="col">{escape(corner)}</th>{top}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def change_text(tables: Tables, place: Place) -> str:
    """Difference of the values shown in the report year and the year before; empty when one is missing."""
    report, content = tables.report, tables.content
    now, before = (content.cell(place.code, year) for year in (report.year, report.previous_year))
    if now is None or before is None or now.value is None or before.value is None:
        return ""
    if not content.comparable(place.code, report.previous_year, report.year):
        return ""
    return tables.number(now.value - before.value)
