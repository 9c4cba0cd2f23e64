"""The annex of a volume: signs, methods, glossary, sources."""

from __future__ import annotations

from collections.abc import Callable

from report.content import Report
from report.pdf_blocks import Block, Column, Line, Text, bullets, heading, new_page, own, paragraph, table, terms
from report.wording import Wording


def annex(wording: Wording, report: Report) -> list[Block]:
    """All parts of the annex as one chapter."""
    return _chapter(wording, report, _signs, _methods, _glossary, _concepts, _sources)


def short_annex(wording: Wording, report: Report) -> list[Block]:
    """Methods and terms; the signs stand at the beginning, the sources with each indicator."""
    return _chapter(wording, report, _methods, _glossary)


def _chapter(wording: Wording, report: Report, *parts: Callable[[Wording, Report], list[Block]]) -> list[Block]:
    blocks = [new_page(), heading(1, wording("pdf.annex"), mark="annex")]
    for part in parts:
        blocks += part(wording, report)
    return blocks


def short_signs(wording: Wording) -> Block:
    """The legend of the signs as a table, with the letters that stand for them where a sign cannot be read."""
    lines = [
        Line(sign, [", ".join(letters), "; ".join(_plain(meaning) for meaning in meanings)])
        for sign, letters, meanings in wording.signs()
    ]
    columns = [Column(wording("word.letter"), 0.9, left=True), Column(wording("word.meaning"), 5.1, left=True)]
    return table("", wording("word.sign"), columns, lines, first=0.7)


def _plain(text: object) -> str:
    """Markup of a legend as text; the language of foreign parts is that of the page."""
    return str(getattr(text, "striptags", lambda: text)())


def _signs(wording: Wording, report: Report) -> list[Block]:
    return [heading(2, wording("methods.signs")), paragraph(wording("methods.signs_note")), short_signs(wording)]


def _methods(wording: Wording, report: Report) -> list[Block]:
    t, head = wording, report.framework.head
    rules = head.confidentiality
    texts = [
        t("methods.conf_1", n=rules.suppress_counts_below),
        t("methods.conf_2", n=rules.min_denominator_rate, mark=rules.min_denominator_mark),
        t("methods.conf_3", n=rules.survey_min_n, mark=rules.survey_mark_below),
        *([t("methods.conf_4")] if rules.secondary_suppression else []),
        t("methods.conf_5"),
    ]
    blocks = [heading(2, t("nav.methods")), paragraph(f"{t.plain(head, 'title')}, {head.version}.")]
    blocks += [paragraph(own(t, head, "disclaimer"))] if t.plain(head, "disclaimer") else []
    blocks += [heading(3, t("methods.confidentiality")), bullets(texts), heading(3, t("methods.calculation"))]
    return [*blocks, bullets(t(f"methods.calc_{number}") for number in range(1, 5))]


def _glossary(wording: Wording, report: Report) -> list[Block]:
    entries = report.framework.glossary.values()
    pairs = [(own(wording, entry), own(wording, entry, "text")) for entry in entries]
    return [heading(2, wording("pdf.glossary")), terms(sorted(pairs, key=lambda pair: str(pair[0]).lower()))]


def _concepts(wording: Wording, report: Report) -> list[Block]:
    entries = report.framework.concepts.values()
    pairs = [(own(wording, entry), own(wording, entry, "meaning")) for entry in entries]
    return [heading(2, wording("methods.concepts")), terms(pairs)]


def _sources(wording: Wording, report: Report) -> list[Block]:
    t, framework = wording, report.framework
    columns = [Column(t("methods.lowest"), 1.6, left=True), Column(t("word.concept"), 2.0, left=True)]
    columns.append(Column(t("word.rounding"), 1.2, left=True))
    lines = []
    for entry in framework.sources.values():
        level: Text = entry.lowest_level if t.lang == "de" else {"t": entry.lowest_level, "lang": "de"}
        rounding = t("methods.rounded", n=entry.rounding) if entry.rounding else "–"
        lines.append(Line(own(t, entry), [level, own(t, framework.concepts[entry.mh_concept]), rounding]))
    blocks = [
        heading(2, t("methods.sources")),
        table("", t("word.source"), columns, lines, first=2.4),
    ]
    blocks += [heading(3, t("methods.periods")), bullets(own(t, entry) for entry in framework.periods.values())]
    return blocks
