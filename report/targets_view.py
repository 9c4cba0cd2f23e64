"""Targets on the pages: a table with symbol, word, growth, direction and former symbols; the track of one target."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from markupsafe import Markup, escape

from report import weather
from report.content import IndicatorContent, Report
from report.derived import Aim
from report.places import Place, slug
from report.svg import Frame, Point
from report.tables import table
from report.wording import Wording
from schemas.register_targets import target_id

CLEAR, NOISE = "clear", "within_noise"
FEW_TARGETS = 8
"""So many targets stand on the page of a region; where there are more, all of them have a page of their own."""
_Found = tuple[IndicatorContent, Place, Aim]


class TargetsView:
    """Targets of regions and indicators in one language."""

    def __init__(self, wording: Wording, report: Report) -> None:
        self.wording = wording
        self.report = report
        self.rules = report.framework.targets

    @property
    def note(self) -> str:
        """What a symbol is, and what it is not."""
        return self.wording.plain(self.rules, "note")

    def of_region(self, place: Place) -> Markup:
        """All targets of a region, in the order of the fields; empty without any."""
        caption = self.wording("target.table_region", region=self.wording.place(place), year=self.report.year)
        return self._table(caption, self._of(place), self.wording("target.name"), self._indicator)

    def count(self, place: Place) -> int:
        """How many targets a region has."""
        return len(self._of(place))

    def next_of_region(self, place: Place) -> Markup:
        """The targets of a region that are due next, in short: target, value, symbol."""
        t, year = self.wording, self.report.year
        due = [each for each in self._of(place) if each[2].target_year is None or each[2].target_year >= year]
        due.sort(key=lambda each: each[2].target_year or 9999)
        heads = [t("word.target"), t("word.value"), t("target.symbol")]
        rows = [
            (self._indicator(*each), self._short(each[0], each[2]), each[1].reference) for each in due[:FEW_TARGETS]
        ]
        caption = t("target.table_next", region=t.place(place))
        return (
            weather.definitions() + table(escape(caption), t("target.name"), heads, rows, "targets few")
            if rows
            else Markup("")
        )

    def _of(self, place: Place) -> list[_Found]:
        return [
            (content, place, aim)
            for entry in self.report.indicators()
            if (content := self.report.content(entry.code)) is not None
            for aim in content.aims(place.code)
        ]

    def of_indicator(self, content: IndicatorContent) -> Markup:
        """The targets of all regions for one indicator, alphabetical; empty without any."""
        found = [(content, place, aim) for place in self.report.places for aim in content.aims(place.code)]
        name = self.wording.plain(content.entry)
        caption = self.wording("target.table_indicator", name=name, year=self.report.year)
        return self._table(caption, found, self.wording("word.region"), self._region)

    def track(self, content: IndicatorContent, place: Place) -> list[tuple[str, Markup]]:
        """Title and track of each target of a region that has a start, a value and a target."""
        drawn = []
        for number, aim in enumerate(content.aims(place.code)):
            if aim.baseline is None or aim.value is None or aim.target is None or aim.baseline == aim.target:
                continue
            names = (
                str(aim.baseline_year or ""),
                str(aim.value_year or ""),
                str(aim.target_year or self.wording("word.target")),
            )
            frame = Frame(
                f"t-{slug(content.code)}-{place.slug}-{number}",
                f"{self.wording.plain(aim, 'title')}: {self.wording.place(place)}",
                self.sentence(content, aim),
            )
            text = partial(self.wording.number, decimals=content.entry.decimals)
            cell = content.cell(place.code, aim.value_year or self.report.year, aim.members)
            now = Point(aim.value, lower=cell.lower if cell else None, upper=cell.upper if cell else None)
            drawn.append((frame.title, weather.track(frame, aim.baseline, now, aim.target, _needed(aim), names, text)))
        return drawn

    def of_record(self, region: str, id_: str, indicator: str, has_value: bool) -> Markup:
        """What the numbers say of a target that a region keeps in its register: value, target, symbol; or that there is
        no number. `has_value`: the register names a value to be reached."""
        content = self.report.content(indicator)
        badge = Markup('<span class="state">{}</span> ').format(self.wording("target.without_number"))
        if content is None:
            return Markup("") if has_value else badge
        aim = self._aim(content, region, id_)
        link = Markup('<a href="../indikatoren/{}.html">{}</a>').format(
            slug(indicator), self._name(content, aim) if aim else self.wording.plain(content.entry)
        )
        symbol = Markup(" {}").format(self._symbol(aim)) if aim is not None and aim.symbol else Markup("")
        if not has_value:
            return badge + link + symbol
        if aim is None:
            return link + ": " + escape(self.wording("target.not_computed"))
        return link + ": " + escape(self.sentence(content, replace(aim, symbol=""))) + symbol

    def told_of_record(self, region: str, id_: str, indicator: str, has_value: bool) -> str:
        """The same in words alone."""
        t, content = self.wording, self.report.content(indicator)
        if content is None or not has_value:
            return "" if has_value else t("target.without_number")
        aim = self._aim(content, region, id_)
        name = self._name(content, aim) if aim else t.plain(content.entry)
        if aim is None:
            return f"{name}: {t('target.not_computed')}"
        doubt = f" ({t('target.noise')})" if aim.symbol and aim.certainty == NOISE else ""
        return f"{name}: {self.sentence(content, aim)}{doubt}"

    def _aim(self, content: IndicatorContent, region: str, id_: str) -> Aim | None:
        return next((aim for aim in content.aims(region) if aim.id == target_id(region, id_)), None)

    def sentence(self, content: IndicatorContent, aim: Aim) -> str:
        """Target, value and symbol in words."""
        entry, t = content.entry, self.wording
        if aim.target is None or aim.value is None:
            return t("target.no_number")
        measured = partial(t.measured, decimals=entry.decimals, unit=entry.unit)
        said = t("target.sentence", target=measured(aim.target), now=measured(aim.value), value_year=aim.value_year)
        by = t("target.by", year=aim.target_year) if aim.target_year else ""
        symbol = t("target.word", word=self._word(aim)) if aim.symbol else ""
        return " ".join(part for part in (said, by, symbol) if part)

    def _table(self, caption: str, found: Iterable[_Found], corner: str, head: object) -> Markup:
        t = self.wording
        heads = [t("word.target"), t("word.value"), t("target.projection"), t("target.symbol"), t("target.growth")]
        heads += [t("target.direction"), t("target.earlier")]
        assert callable(head)
        rows = [
            (head(content, place, aim), self._cells(content, aim), place.reference) for content, place, aim in found
        ]
        return weather.definitions() + table(escape(caption), corner, heads, rows, "targets") if rows else Markup("")

    def _indicator(self, content: IndicatorContent, place: Place, aim: Aim) -> Markup:
        link = Markup('{}<br><a href="../indikatoren/{}.html">{}</a>')
        return link.format(self.wording.own(aim, "title"), slug(content.code), self._name(content, aim))

    def _region(self, content: IndicatorContent, place: Place, aim: Aim) -> Markup:
        link = Markup('<a href="../regionen/{}.html">{}</a><br>{}')
        return link.format(place.slug, self.wording.place(place), self.wording.own(aim, "title"))

    def _name(self, content: IndicatorContent, aim: Aim) -> str:
        name = self.wording.plain(content.entry)
        return f"{name} ({self.wording.members(aim.members)})" if aim.members else name

    def _goal(self, content: IndicatorContent, aim: Aim) -> Markup:
        """Cell with the value, the span or the kind of a target."""
        t, by = self.wording, f" ({aim.target_year})" if aim.target_year else ""
        if aim.target is None:
            return Markup("<td>{}</td>").format(t.choice("target.kind", aim.kind))
        if aim.upper is None:
            return self._shown(content, aim.target, aim.target_year)
        low, high = (t.number(each, content.entry.decimals) for each in (aim.target, aim.upper))
        return Markup('<td class="n">{}–{}{}</td>').format(low, high, by)

    def _shown(self, content: IndicatorContent, value: float | None, year: int | None) -> Markup:
        """Cell with a value and its year."""
        if value is None:
            return Markup("<td></td>")
        text = self.wording.measured(value, content.entry.decimals, content.entry.unit, "short")
        return Markup('<td class="n">{}{}</td>').format(text, f" ({year})" if year else "")

    def _short(self, content: IndicatorContent, aim: Aim) -> list[Markup]:
        symbol = Markup("<td>{}</td>").format(self._symbol(aim))
        return [self._goal(content, aim), self._shown(content, aim.value, aim.value_year), symbol]

    def _cells(self, content: IndicatorContent, aim: Aim) -> list[Markup]:
        t, growth = self.wording, self._growth(aim)
        projected = self._shown(content, aim.projection, aim.target_year)
        cells = [self._goal(content, aim), self._shown(content, aim.value, aim.value_year), projected]
        words = (self._symbol(aim), growth, t.choice("target.way", aim.direction) if aim.direction else "")
        cells += [Markup("<td>{}</td>").format(each) for each in words]
        return [*cells, Markup("<td>{}</td>").format(self._earlier(aim))]

    def _word(self, aim: Aim) -> str:
        if not aim.symbol:
            return self.wording.choice("target.reason", aim.reason.partition(" ")[0]) if aim.reason else ""
        names = self.rules.symbols.get(aim.symbol)  # type: ignore[call-overload]
        return self._in_language(names) if names else aim.symbol

    def _symbol(self, aim: Aim) -> Markup:
        if not aim.symbol:
            return escape(self._word(aim) or "–")
        drawn = weather.symbol(aim.symbol, self._word(aim), grey=aim.certainty == NOISE)
        notes = [self.wording("target.noise")] if aim.certainty == NOISE else []
        notes += [self.wording("target.jumping")] if aim.stability == "jumping" else []
        return drawn + Markup(" <span class=dim>{}</span>").format("; ".join(notes)) if notes else drawn

    def _growth(self, aim: Aim) -> Markup:
        names = self.rules.growth_classes.get(aim.growth)  # type: ignore[call-overload]
        word = self._in_language(names) if names else ""
        rate = self.wording("target.cagr", value=self.wording.number(aim.cagr, 1)) if aim.cagr is not None else ""
        return escape("; ".join(part for part in (word, rate) if part))

    def _earlier(self, aim: Aim) -> Markup:
        drawn = []
        for year, code in sorted(aim.earlier.items()):
            names = self.rules.symbols.get(code)  # type: ignore[call-overload]
            word = self._in_language(names) if names else code
            mark = "*" if year in aim.recomputed else ""
            drawn.append(Markup("<li>{}{} {}</li>").format(year, mark, weather.symbol(code, word, small=True)))
        if not drawn:
            return Markup("")
        note = Markup(" <span class=dim>* {}</span>").format(self.wording("target.recomputed"))
        shown = Markup('<ol class="earlier">{}</ol>').format(Markup("").join(drawn))
        return shown + note if aim.recomputed else shown

    def _in_language(self, names: object) -> str:
        return str(getattr(names, self.wording.lang, "") or getattr(names, "de", ""))


def _needed(aim: Aim) -> float | None:
    """Where the value would have to stand now on a straight way from start to target."""
    years = (aim.baseline_year, aim.value_year, aim.target_year)
    if any(year is None for year in years) or aim.baseline is None or aim.target is None:
        return None
    start, now, end = (int(year) for year in years if year is not None)
    if not start < end:
        return None
    return aim.baseline + (aim.target - aim.baseline) * min(max((now - start) / (end - start), 0.0), 1.0)
