"""What the site adds to the numbers: derived figures, sentences, maps, texts of the framework, files of the charts."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import report_sample
import report_sample_derived
from report_sample import YEAR, sample_data, sample_regions
from report_sample_derived import with_derived

from report import sentences, summary, trend_sentences
from report.build import SITE, ReportData, build_report
from report.content import Report, build_content
from report.geometry import GeometryError, read_geometry
from report.maps import classes, shade
from report.opendata.files import FOLDER
from report.places import slug
from report.profile_view import ProfileView
from report.region_pages import region_page
from report.site import Site
from report.site_facts import facts, open_points, placeholders
from report.targets_view import TargetsView
from report.wording import Wording, catalogue
from schemas.framework_model import Framework
from schemas.loading import DEFAULT_FOLDER, load_framework
from schemas.shapes import TOTAL
from schemas.territory import TerritoryError, reference_day
from schemas.tiles import read_tiles, tiles_on
from schemas.yaml_source import FrameworkError

CANARY = 7319.4682


@pytest.fixture(scope="module")
def framework() -> Framework:
    return load_framework()


@pytest.fixture(scope="module")
def data(framework: Framework) -> ReportData:
    return with_derived(framework, sample_data(framework))


@pytest.fixture(scope="module")
def report(framework: Framework, data: ReportData) -> Report:
    return build_content(data, framework, YEAR, str)


@pytest.fixture(scope="module")
def site(framework: Framework, data: ReportData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two fields and all that belongs to them, in German."""
    codes = [entry.code for field in list(framework.fields)[5:7] for entry in framework.indicators_of(field)]
    few = replace(data, published=data.published[data.published["indicator"].isin(codes)].copy())
    return build_report(
        few, framework, YEAR, tmp_path_factory.mktemp("site"), langs=("de",), parts=(SITE,)
    ).parent.parent


@pytest.mark.thorough
def test_pages_stay_light_with_every_reporter_and_fifteen_years(
    framework: Framework, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The field with the most gaps, all reporting regions: no page above 100 kB, all years on a page of their own."""
    aggregates = sample_regions(framework)[1]
    regions = list(framework.territory.reporters(reference_day(YEAR)))
    for module in (report_sample, report_sample_derived):
        monkeypatch.setattr(module, "YEARS", range(YEAR - 14, YEAR + 1))
        monkeypatch.setattr(module, "sample_regions", lambda _: (regions, aggregates))
    whole = with_derived(framework, sample_data(framework))
    fields = [[entry.code for entry in framework.indicators_of(field)] for field in framework.fields]
    codes = max(fields, key=lambda codes: sum(framework.indicators[code].gap is not None for code in codes))
    few = replace(whole, published=whole.published[whole.published["indicator"].isin(codes)].copy())
    start = build_report(few, framework, YEAR, tmp_path, langs=("de",), parts=(SITE,))
    heavy = {p.name: p.stat().st_size for p in start.parent.rglob("*.html") if p.stat().st_size > 100_000}
    assert heavy == {}
    page = (start.parent / f"indikatoren/{slug(codes[0])}.html").read_text(encoding="utf-8")
    assert f'href="../indikatoren/{slug(codes[0])}-jahre.html"' in page
    years = (start.parent / f"indikatoren/{slug(codes[0])}-jahre.html").read_text(encoding="utf-8")
    assert all(f'<th scope="col">{year}</th>' in years for year in range(YEAR - 14, YEAR + 1))
    assert all(f"../regionen/{region}.html" in years for region in regions)


# --- sentences --------------------------------------------------------------------------------------------------------


def generated(report: Report, lang: str) -> Iterator[str]:
    """Every kind of generated sentence, for every place and indicator until there are enough of each kind."""
    wording = Wording(lang, report.framework)
    targets = TargetsView(wording, report)
    for content in report.contents.values():
        for place in report.places:
            yield sentences.level(wording, report, content, place)
            yield sentences.gap(wording, report, content, place)
            yield trend_sentences.development(wording, report, content, place)
            yield trend_sentences.last_value(wording, report, content, place)
            yield trend_sentences.spread(wording, report, content, place)
            yield from (targets.sentence(content, aim) for aim in content.aims(place.code))
        yield sentences.regions_range(wording, report, content)
    moved = summary.movement(report)
    yield from summary.edition_sentences(wording, report)
    yield from summary.movement_sentences(wording, report, moved)
    yield from summary.quality_sentences(wording, report, moved)
    yield summary.target_sentence(wording, report)
    for place in report.places:
        yield from ProfileView(wording, report, place).sentences()


@pytest.mark.parametrize("lang", ["de", "en"])
def test_generated_sentences_are_well_written(report: Report, lang: str) -> None:
    """Rules that know nothing of how the sentences are made, on all of them (several thousand)."""
    texts = {text for text in generated(report, lang) if text}
    assert len(texts) > 200
    wrong_decimal = r"\d\.\d" if lang == "de" else r"\d,\d(?!\d\d)"
    singular = (
        r"(?<![\d.,\u2009])1 (Indikatoren|Werte|Abstände|Ziele|Regionen|Menschen|indicators|values|gaps|targets)\b"
    )
    causal = r"\b(weil|deshalb|dadurch|aufgrund|verursacht|bewirkt|führt zu|because|due to|causes?|leads to)\b"
    wrong = [
        wrong_decimal, singular, causal, r"  ", r"[{}]", r"\b(None|nan|NaN|inf)\b", r"\u22120([.,]0+)?(?![\d.,])",
        r"(?<!\d)-\d", r"\(\)", r" [.,;:]", r"\.\.", r"\. [a-zäöü]", r"\brund \d{1,3}\b(?![\u2009\d])",
    ]  # fmt: skip
    for text in texts:
        for rule in wrong:
            assert not re.search(rule, text), (rule, text)
        assert text.endswith("."), text
        assert text[0].isupper() or text[0].isdigit(), text
        assert text.count("(") == text.count(")"), text


def test_a_hidden_value_is_told_without_any_number(report: Report) -> None:
    """Secret, missing, not delivered: the status in words, and no digits beside the year."""
    wording, told = Wording("de", report.framework), 0
    for content in report.contents.values():
        for place in report.regions:
            cell = content.cell(place.code, YEAR)
            if cell is None or cell.value is not None:
                continue
            text = sentences.level(wording, report, content, place)
            assert wording.status(cell.status) in text
            assert re.findall(r"\d+", text.replace(wording.place(place), "")) == [str(YEAR)]
            told += 1
    assert told > 20


@pytest.mark.parametrize(
    ("value", "text"),
    [(7.0, "7"), (999.0, "999"), (1000.0, "1\u2009000"), (1234.0, "rund 1\u2009230"), (140942.0, "rund 141\u2009000")],
)
def test_large_counts_are_said_to_be_rounded(framework: Framework, value: float, text: str) -> None:
    assert Wording("de", framework).about(value) == text


def test_one_is_singular_and_none_is_plural(framework: Framework) -> None:
    wording = Wording("de", framework)
    said = [wording.count("summary.delivered", number, all="33", year=YEAR) for number in (0, 1, 2)]
    assert ["eine Lieferung von 33" in said[1], "sind 0 von 33" in said[0], "sind 2 von 33" in said[2]] == [True] * 3


# --- series, breaks, gates ----------------------------------------------------------------------------------------------


def test_nothing_is_compared_across_a_break(framework: Framework, report: Report) -> None:
    wording = Wording("de", framework)
    broken = [c for c in report.contents.values() if c.main and any(b.year == YEAR for b in c.breaks(c.main.code))]
    assert broken
    for content in broken:
        assert content.main is not None
        text = sentences.level(wording, report, content, content.main)
        assert "neue Zeitreihe" in text
        assert str(YEAR - 1) not in text
        assert not re.search(r"Im Jahr 20\d\d betrug", sentences.gap(wording, report, content, content.main))
        assert "Gegenüber" not in trend_sentences.development(wording, report, content, content.main)


def test_a_break_is_drawn_and_named(framework: Framework, report: Report, site: Path) -> None:
    entry = next(
        c for c in report.contents.values() if c.main and c.breaks(c.main.code) and (site / _page(c.code)).exists()
        and c.breaks(c.main.code)[0].year < YEAR and 'id="verlauf"' in (site / _page(c.code)).read_text()
    )  # fmt: skip
    text = (site / _page(entry.code)).read_text(encoding="utf-8")
    assert 'class="cut"' in text
    assert "Seitdem wird anders gezählt." in text
    assert "Brüche in der Zeitreihe:" in text


def _page(code: str) -> str:
    return f"de/indikatoren/{slug(code)}.html"


def test_derived_figures_of_hidden_values_occur_nowhere(framework: Framework, data: ReportData, tmp_path: Path) -> None:
    """A change, a target, a last value, a profile row, a value at today's territory that slipped through stays out."""
    code = next(code for code, entry in framework.indicators.items() if entry.gap)
    region, dims = sample_regions(framework)[0][0], [dim.lower() for dim in framework.dimension_order]
    published = data.published[data.published["indicator"] == code].copy()
    spot = (published["region"] == region) & (published[dims] == TOTAL).all(axis=1)
    published.loc[spot, ["status", "sign", "value", "lower", "upper"]] = ["secret", ".", CANARY, CANARY, CANARY]
    key = {"region": region, "year": YEAR, "indicator": code, **dict.fromkeys(dims, TOTAL)}
    change = {"change": CANARY, "period": "year", "direction": "rising", "method": "difference", "from_year": YEAR - 1}
    aim = (
        data.targets.iloc[0].to_dict()
        | key
        | {"value": CANARY, "target": 1.0, "projection": CANARY, "value_year": YEAR}
    )
    row = data.profile.iloc[0].to_dict() | {"region": region, "year": YEAR, "value": CANARY, "status": "secret"}
    leaky = replace(
        data,
        published=published,
        trends=pd.DataFrame([{**key, **change, "status": "ok"}]),
        targets=pd.DataFrame([aim]),
        last=pd.DataFrame([{**key, "value_year": YEAR - 1, "value": CANARY}]),
        profile=pd.DataFrame([row]),
        today=published[spot].assign(value=CANARY, status="secret"),
        trends_today=pd.DataFrame([{**key, **change, "status": "ok"}]),
    )
    build_report(leaky, framework, YEAR, tmp_path, langs=("de",), parts=(SITE,))
    everything = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "site").rglob("*") if path.is_file())
    for text in ("7319", "7\u2009319", "7,319"):
        assert text not in re.sub(r"\b[0-9a-f]{12,}\b", "", everything)


def test_the_table_of_today_stands_beside_the_reported_one(framework: Framework, site: Path) -> None:
    pages = [path.read_text(encoding="utf-8") for path in (site / "de/indikatoren").iterdir()]
    told = [page for page in pages if "heutiger Gebietsstand" in page]
    assert told
    assert all("wie geliefert" in page and "Trend je Jahr" in page for page in told)


def test_a_former_symbol_that_no_edition_showed_says_so(framework: Framework, report: Report) -> None:
    view = TargetsView(Wording("de", framework), report)
    pages = [str(view.of_region(place)) for place in report.places]
    aims = [aim for content in report.contents.values() for place in report.places for aim in content.aims(place.code)]
    assert {bool(aim.recomputed) for aim in aims} == {True, False}
    marked = sum(page.count("<li>2023* ") for page in pages)
    assert marked == sum(2023 in aim.recomputed for aim in aims) > 0
    assert sum(page.count("* nachberechnet, nicht veröffentlicht") for page in pages) == marked


# --- targets and profile ------------------------------------------------------------------------------------------------


def test_targets_have_symbol_word_and_the_sentence_on_judgement(
    framework: Framework, report: Report, data: ReportData
) -> None:
    view = TargetsView(Wording("de", framework), report)
    assert "weder eine politische Bewertung noch eine Vorhersage" in view.note
    shown = 0
    for place in report.places:
        markup = str(view.of_region(place))
        for content in report.contents.values():
            for aim in content.aims(place.code):
                shown += 1
                if aim.symbol:
                    assert framework.targets.symbols[aim.symbol].de in markup  # type: ignore[index]
                if aim.certainty == "within_noise":
                    assert "weather grey" in markup
    assert shown == len(data.targets[data.targets["value_year"].notna()])


def test_many_targets_have_a_page_of_their_own(
    framework: Framework, report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page of the region shows those that are due next; none is lost, and a region with few has no second page."""
    for module in ("report.targets_view", "report.region_pages"):
        monkeypatch.setattr(f"{module}.FEW_TARGETS", 2)
    site = Site(report, tmp_path, ("de",))
    seen = set()
    for place in report.places:
        region_page(site, site.wordings[0], place)
        found = [
            (content, aim)
            for entry in report.indicators()
            if (content := report.content(entry.code))
            for aim in content.aims(place.code)
        ]
        text = (tmp_path / f"de/regionen/{place.slug}.html").read_text("utf-8")
        beside = tmp_path / f"de/regionen/{place.slug}-ziele.html"
        assert beside.exists() == (f"{place.slug}-ziele.html" in text) == (len(found) > 2)
        seen.add(beside.exists())
        if beside.exists():
            shown = [aim for _, aim in found if f">{aim.title_de}<br>" in text]
            open_ = sorted(aim.target_year or 9999 for _, aim in found if (aim.target_year or 9999) >= YEAR)
            assert sorted(aim.target_year or 9999 for aim in shown) == open_[:2]
            whole = beside.read_text("utf-8")
            assert all(f">{aim.title_de}<br>" in whole for _, aim in found)
    assert True in seen


def test_what_only_the_office_knows_is_an_open_point_and_never_a_bracket(framework: Framework, report: Report) -> None:
    points = list(open_points(framework))
    known = [fact for page in framework.site_pages.values() for section in page.sections for fact in section.facts]
    assert len(points) == len(known) + 2, "every fact, and two example addresses of publication.yaml"
    assert any("publication.yaml, publisher.contact_email" in point for point in points)
    for wording in (Wording("de", framework), Wording("en", framework)):
        given = placeholders(report, wording)
        assert "example" not in given["email"]
        for page in framework.site_pages.values():
            for section in page.sections:
                for text in getattr(section, f"text_{wording.lang}"):
                    shown = text.format(**given, **facts(section, wording))
                    assert not re.search(r"[\[\]{}]|…", shown), shown
    imprint = framework.site_pages["imprint"]
    section = next(section for section in imprint.sections if section.facts)
    filled = section.facts[0].model_copy(update={"value_de": "Musterstraße 1, 65183 Wiesbaden"})
    whole = section.model_copy(update={"facts": [filled, *section.facts[1:]]})
    pages = {**framework.site_pages, "imprint": imprint.model_copy(update={"sections": [whole]})}
    assert facts(whole, Wording("en", framework))[filled.code] == "Musterstraße 1, 65183 Wiesbaden"
    left = list(open_points(replace(framework, site_pages=pages)))
    assert not any(f"imprint, {filled.code}:" in point for point in left)


def test_a_projection_is_marked_and_a_hidden_share_is_a_sign(framework: Framework, report: Report) -> None:
    second = sample_regions(framework)[0][1]
    place = next(place for place in report.places if place.code == second)
    parts = ProfileView(Wording("de", framework), report, place).parts()
    assert any("vorausgeschätzt" in str(part["chart"]) and f"{YEAR + 5} (V)" in str(part["table"]) for part in parts)
    assert any(f"<td>{framework.statuses['secret'].sign}</td>" in str(part["table"]) for part in parts)


# --- maps ---------------------------------------------------------------------------------------------------------------


def test_classes_hold_every_value_once_and_do_not_split_equal_ones() -> None:
    assert classes([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]) == ((1.0, 1.0), (2.0, 2.0), (3.0, 4.0), (5.0, 5.0), (6.0, 6.0))
    assert classes([7.0, 7.0, 7.0]) == ((7.0, 7.0),)
    assert classes([]) == ()
    found = classes([3.0, 1.0, 1.0, 9.0])
    assert [shade(value, found) for value in (1.0, 3.0, 9.0)] == [0, 2, 4]


def test_every_kreis_has_a_tile_in_every_year(framework: Framework) -> None:
    for year in range(2015, 2030):
        shown = {tile.code for tile in tiles_on(framework.tiles, reference_day(year))}
        units = {u.code for u in framework.territory.valid_units(reference_day(year)) if u.level == "kreis"}
        assert units <= shown, year
        assert shown <= set(framework.territory.reporters(reference_day(year))), year


def test_faults_of_tiles_are_named_with_their_line(framework: Framework, tmp_path: Path) -> None:
    head = "code,row,col,label,valid_from,valid_to\n"
    codes = [tile.code for tile in framework.tiles[:2]]
    (tmp_path / "tiles.csv").write_text(head + f"99999,0,0,x,,\n{codes[0]},1,a,y,,\n{codes[1]},0,0,,,\n")
    with pytest.raises(TerritoryError) as caught:
        read_tiles(tmp_path, framework.territory)
    said = "\n".join(caught.value.problems)
    assert "Zeile 2: Schlüssel 99999" in said
    assert "Zeile 3: col „a“" in said
    assert "Zeile 4: label ist leer" in said
    assert "Zeile 4: " in said.partition("demselben Platz")[0]


def test_outlines_follow_the_year_and_carry_their_credit(
    framework: Framework, data: ReportData, tmp_path: Path
) -> None:
    days = {year: reference_day(year) for year in (2025, 2026)}
    kreise = {y: [u.code for u in framework.territory.valid_units(d) if u.level == "kreis"] for y, d in days.items()}
    town = sample_regions(framework)[0][-1]
    shapes = {
        f"kreise{year}": {code: {"name": "x", "d": "M0 0l1 1z"} for code in codes} for year, codes in kreise.items()
    }
    path = tmp_path / "shapes.json"
    path.write_text(json.dumps({"w": 300, "h": 434, "quelle": "© Amt", **shapes, "orte": {town: {"d": "M1 1h2z"}}}))
    geometry = read_geometry(path)
    for year, codes in kreise.items():
        assert {outline.code for outline in geometry.outlines(framework.territory, year)} == {*codes, town}
    code = next(iter(framework.indicators))
    one = replace(data, published=data.published[data.published["indicator"] == code].copy())
    start = build_report(one, framework, YEAR, tmp_path / "out", langs=("de",), parts=(SITE,), geometry=path)
    assert "© Amt" in start.read_text(encoding="utf-8")
    assert 'class="chart map outlines"' in (start.parent / f"indikatoren/{slug(code)}.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text", ["", "[]", '{"w": 1, "h": 1, "quelle": ""}', '{"w":1,"h":1,"quelle":"","k":{"1":{"d":"<"}}}']
)
def test_a_file_without_outlines_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "shapes.json"
    path.write_text(text)
    with pytest.raises(GeometryError, match=r"shapes\.json"):
        read_geometry(path)


def test_a_map_shows_rates_only_and_every_area_says_its_name(framework: Framework, report: Report, site: Path) -> None:
    pages = [(site / _page(code)).read_text(encoding="utf-8") for code in report.contents]
    drawn = [page for page in pages if "chart map" in page]
    assert drawn
    for page in drawn:
        for label in re.findall(r'<a class="area [^"]*" href="[^"]*" aria-label="([^"]*)"', page):
            assert label.strip()


# --- files of the charts, texts of the framework ------------------------------------------------------------------------


def test_each_chart_is_a_file_with_its_numbers(report: Report, site: Path) -> None:
    """The SVG stands alone and links nowhere; the CSV holds what the page shows."""
    pictures = sorted((site / "de/grafik").glob("*.svg"))
    assert len(pictures) > 20
    for picture in pictures:
        text = picture.read_text(encoding="utf-8")
        assert "<title" in text
        assert "<style>" in text
        assert "href=" not in text
        assert "var(--" not in text
        assert "Musterdaten" in text
        assert picture.with_suffix(".csv").exists()
        assert picture.with_suffix(".html").exists()
    content = next(c for c in report.contents.values() if (site / f"de/grafik/{slug(c.code)}-verlauf.csv").exists())
    assert content.main is not None
    rows = [
        line.split(",") for line in (site / f"de/grafik/{slug(content.code)}-verlauf.csv").read_text().splitlines()[1:]
    ]
    shown = {(row[1], int(row[2])): row[4] for row in rows}
    for series in content.series:
        for year in report.years:
            cell = content.cell(content.main.code, year, series.members)
            known = "" if cell is None or cell.value is None else f"{cell.value:.{content.entry.decimals}f}"
            assert shown[(Wording("de", report.framework).members(series.members), year)] == known


def test_texts_of_the_framework_are_on_the_site(framework: Framework, site: Path) -> None:
    glossary = (site / "de/glossar.html").read_text(encoding="utf-8")
    for term in framework.glossary.values():
        assert f'id="{term.code}"' in glossary
    for page in framework.site_pages.values():
        text = (site / f"de/{page.slug}.html").read_text(encoding="utf-8")
        assert "{" not in text.partition("<main")[2].partition("</main>")[0]


def test_faults_of_texts_are_named_with_their_line(tmp_path: Path) -> None:
    shutil.copytree(DEFAULT_FOLDER, tmp_path / "framework")
    root = Path(DEFAULT_FOLDER).parent.parent
    shutil.copytree(root / "indicators/catalogue", tmp_path / "catalogue")
    for part in ("regions", "layouts"):
        shutil.copytree(root / "schemas" / part, tmp_path / part)
    head = tmp_path / "framework/framework.yaml"
    text = head.read_text(encoding="utf-8").replace("../../indicators/catalogue", "../catalogue")
    head.write_text(text, encoding="utf-8")
    (tmp_path / "framework/glossary.yaml").write_text(
        "- {code: a, name_de: A, name_en: A, text_de: A, text_en: A, see: [b]}\n- {code: a, name_de: '', name_en: A}\n"
    )
    (tmp_path / "framework/site_pages.yaml").write_text(
        "- code: p\n  slug: p\n  title_de: P\n  title_en: P\n  sections:\n  - {text_de: ['{who}'], text_en: [x]}\n"
    )
    with pytest.raises(FrameworkError) as caught:
        load_framework(tmp_path / "framework")
    said = str(caught.value)
    assert re.search(r"glossary\.yaml:1.*„b“ ist kein Begriff", said)
    assert "glossary.yaml:2" in said
    assert re.search(r"site_pages\.yaml:6.*unbekannter Platzhalter 'who'", said)


def test_the_page_of_changes_says_what_the_open_data_say(
    framework: Framework, data: ReportData, tmp_path: Path
) -> None:
    """First edition, a revised one, and the revised one once more: the page repeats what changed."""
    code = next(iter(framework.indicators))
    first = replace(data, published=data.published[data.published["indicator"] == code].copy())
    known = first.published.index[first.published["value"].notna() & (first.published["status"] == "ok")][0]
    published = first.published.copy()
    published.loc[known, "value"] += 2
    second, said = replace(first, published=published), []
    for edition in (first, second, second):
        build_report(edition, framework, YEAR, tmp_path, langs=("de",), parts=(SITE, FOLDER))
        said.append((tmp_path / "site/de/aenderungen.html").read_text(encoding="utf-8"))
    assert "erste Ausgabe" in said[0]
    assert "1 Wert berichtigt" in said[1]
    assert f"indikatoren/{slug(code)}.html" in said[1].partition("<tbody>")[2]
    assert said[2].partition("<main")[2] == said[1].partition("<main")[2]


# --- spelling -----------------------------------------------------------------------------------------------------------

SPELLER = shutil.which("hunspell")
KNOWN = frozenset(
    re.findall(
        r"\w+",
        """Altersstandardisiert CSV DDG Durchsetzungs English Gebärdensprache HVBIT HessBGG Indikatorseite Integrationsmonitoring
        Median Migrations Monitoring PNG SVG UTF WCAG Zitiervorschlag altersstandardisiert axe barriere core nachberechnet
        ungerundeten""",
    )
)
"""Words of the subject that a general dictionary lacks."""


def _words(text: str) -> set[str]:
    return set(re.findall(r"[A-Za-zÄÖÜäöüß]{3,}", re.sub(r"{\w+}", " ", text)))


@pytest.mark.thorough
@pytest.mark.skipif(SPELLER is None, reason="hunspell is not installed")
def test_german_texts_and_sentences_are_spelled_rightly(framework: Framework, report: Report) -> None:
    """Every word of the fixed texts, the glossary, the pages of text and the generated sentences, names left aside."""
    assert SPELLER is not None
    words = {word for text in catalogue("de").values() for word in _words(text)}
    for term in framework.glossary.values():
        words |= _words(f"{term.name_de} {term.text_de}")
    for page in framework.site_pages.values():
        for section in page.sections:
            words |= _words(" ".join([section.heading_de, *section.text_de, *(fact.open_de for fact in section.facts)]))
    names = {word for place in report.places for word in _words(place.name_de)}
    for dimension in framework.dimensions.values():
        names |= {word for member in dimension.members.values() for word in _words(member.de)}
    for told in (*framework.statuses.values(), *framework.flags.values()):
        names |= _words(f"{told.name_de} {told.meaning_de}")
    words |= {word for text in generated(report, "de") for word in _words(text)} - names
    command = [SPELLER, "-d", "de_DE", "-l", "-i", "utf-8"]
    checked = subprocess.run(command, input="\n".join(sorted(words)), capture_output=True, text=True)
    if "open" in checked.stderr:
        pytest.skip("hunspell has no German dictionary")
    assert set(checked.stdout.split()) <= KNOWN
    assert len(words) > 500
