"""The volumes: accessible (PDF/UA-1), true to the frames, silent about what is hidden, the same for the same input."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import page
import pandas as pd
import pikepdf
import pytest
from pypdf import PdfReader
from report_sample import YEAR, YEARS, sample_data, sample_regions

from report.build import PDF, build_report
from report.chart_style import colours, drawing, fixed_rules
from report.content import Report, build_content
from report.data import ReportData
from report.numbers import MINUS, THIN_SPACE
from report.pdf import UNBROKEN_SPACE, typeset, volumes_beside
from schemas.framework_model import Framework
from schemas.loading import load_framework
from schemas.shapes import TOTAL

REGIONS = 2


@pytest.fixture(scope="module")
def framework() -> Framework:
    """Two indicators with a gap, one without, one without any breakdown: four kinds of sheet."""
    whole = load_framework()
    with_gap = [code for code, entry in whole.indicators.items() if entry.gap and entry.unit == "percent"][:2]
    without = [code for code, entry in whole.indicators.items() if not entry.gap and entry.breakdowns][:1]
    single = [code for code, entry in whole.indicators.items() if not entry.breakdowns][:1]
    chosen = [code for code in whole.indicators if code in {*with_gap, *without, *single}]
    return replace(whole, indicators={code: whole.indicators[code] for code in chosen})


@pytest.fixture(scope="module")
def data(framework: Framework) -> ReportData:
    return of_regions(framework, sample_data(framework), REGIONS)


def of_regions(framework: Framework, data: ReportData, number: int) -> ReportData:
    """Only some of the regions, and the aggregates."""
    regions, aggregates = sample_regions(framework)
    kept = {*regions[:number], *aggregates}
    frames = {name: getattr(data, name) for name in ("published", "gaps")}
    frames = {name: frame[frame["region"].isin(kept)] for name, frame in frames.items()}
    return replace(data, regions=data.regions[data.regions["code"].isin(kept)], **frames)


@pytest.fixture(scope="module")
def out(framework: Framework, data: ReportData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_report(data, framework, YEAR, tmp_path_factory.mktemp("report"), parts=(PDF,))


@pytest.fixture(scope="module")
def files(out: Path) -> dict[str, Path]:
    return {path.relative_to(out / PDF).as_posix(): path for path in sorted((out / PDF).rglob("*.pdf"))}


@pytest.fixture(scope="module")
def sheets(files: dict[str, Path]) -> dict[str, list[str]]:
    """The text layer of each page."""
    return {name: [each.extract_text() for each in PdfReader(path).pages] for name, path in files.items()}


@pytest.fixture(scope="module")
def words(sheets: dict[str, list[str]]) -> dict[str, str]:
    return {name: tidy(" ".join(pages)) for name, pages in sheets.items()}


def text_of(path: Path) -> str:
    """The text layer of all pages, cells of a row in their order, blanks made alike."""
    return tidy(" ".join(each.extract_text() for each in PdfReader(path).pages))


def tidy(text: str) -> str:
    return " ".join(text.replace(THIN_SPACE, "").replace(UNBROKEN_SPACE, "").replace("\u00a0", " ").split())


def elements(pdf: pikepdf.Pdf) -> Iterator[pikepdf.Object]:
    """Every element of the structure tree, in reading order."""
    waiting = [pdf.Root.StructTreeRoot]
    while waiting:
        node = waiting.pop()
        if "/S" in node:
            yield node
        kids = node.get("/K", [])
        kids = list(kids) if isinstance(kids, pikepdf.Array) else [kids]
        waiting += [kid for kid in reversed(kids) if isinstance(kid, pikepdf.Dictionary) and "/S" in kid]


def german(value: float, decimals: int) -> str:
    text = f"{abs(value):.{decimals}f}".replace(".", ",")
    return (MINUS if value < 0 and float(f"{value:.{decimals}f}") != 0 else "") + text


# --- accessible -------------------------------------------------------------------------------------------------------


def conforms(content: bytes) -> bool:
    return page.is_pdf_compliant_bytes(content, profile=page.ValidationProfile.PDF_UA_1)


def test_every_volume_conforms_to_pdf_ua(files: dict[str, Path], out: Path) -> None:
    assert len(files) == 2 * (1 + REGIONS)
    for name, path in files.items():
        found = page.validate_pdf(path, profile=page.ValidationProfile.PDF_UA_1)
        assert found.is_compliant, (name, [(each.rule_id, each.message) for each in found.failures[:3]])
        with pikepdf.open(path) as pdf:
            assert pdf.check_pdf_syntax() == [], name


def _without_language(pdf: pikepdf.Pdf) -> None:
    del pdf.Root.Lang


def _without_alternative(pdf: pikepdf.Pdf) -> None:
    del next(node for node in elements(pdf) if node.S == "/Figure").Alt


def _without_title(pdf: pikepdf.Pdf) -> None:
    with pdf.open_metadata(set_pikepdf_as_editor=False) as metadata:
        del metadata["dc:title"]


def _without_displayed_title(pdf: pikepdf.Pdf) -> None:
    del pdf.Root.ViewerPreferences


def _without_mark(pdf: pikepdf.Pdf) -> None:
    pdf.Root.MarkInfo.Marked = False


def _without_tree(pdf: pikepdf.Pdf) -> None:
    del pdf.Root.StructTreeRoot


def _without_identification(pdf: pikepdf.Pdf) -> None:
    with pdf.open_metadata(set_pikepdf_as_editor=False) as metadata:
        del metadata["pdfuaid:part"]


def _untagged_content(pdf: pikepdf.Pdf) -> None:
    first = pdf.pages[-1]
    first.contents_add(b"q 0 0 10 10 re f Q", prepend=False)


def _without_font(pdf: pikepdf.Pdf) -> None:
    for font in pdf.objects:
        if isinstance(font, pikepdf.Dictionary) and "/FontFile2" in font:
            del font.FontFile2


def _skipped_heading(pdf: pikepdf.Pdf) -> None:
    next(node for node in elements(pdf) if node.S == "/H2").S = pikepdf.Name.H5


BREAKS = [
    _without_language,
    _without_alternative,
    _without_title,
    _without_displayed_title,
    _without_mark,
    _without_tree,
    _without_identification,
    _untagged_content,
    _without_font,
    _skipped_heading,
]


@pytest.mark.parametrize("spoil", BREAKS, ids=lambda spoil: spoil.__name__.strip("_"))
def test_the_validator_notices_what_is_broken(files: dict[str, Path], spoil: object) -> None:
    assert callable(spoil)
    with pikepdf.open(next(path for name, path in files.items() if "regionen" in name)) as pdf:
        spoil(pdf)
        target = io.BytesIO()
        pdf.save(target)
    assert not conforms(target.getvalue())


def test_every_table_has_row_and_column_headings(files: dict[str, Path]) -> None:
    def scope(cell: pikepdf.Object) -> str:
        known = cell.get("/A", [])
        entries = list(known) if isinstance(known, pikepdf.Array) else [known]
        return next((str(entry.Scope) for entry in entries if "/Scope" in entry), "")

    for name, path in files.items():
        with pikepdf.open(path) as pdf:
            tables = [node for node in elements(pdf) if node.S == "/Table"]
            assert len(tables) >= 6, name
            for part in (node for node in elements(pdf) if node.S in ("/THead", "/TBody")):
                for row in part.K:
                    cells = list(row.K)
                    assert [cell.S for cell in cells[:1]] == ["/TH"]
                    wanted = "/Column" if part.S == "/THead" else "/Row"
                    heads = cells if part.S == "/THead" else cells[:1]
                    assert {scope(cell) for cell in heads} == {wanted}, name
                    assert all(cell.S == "/TD" for cell in cells[len(heads) :]), name


def test_language_title_bookmarks_and_fonts(framework: Framework, data: ReportData, files: dict[str, Path]) -> None:
    names = dict(zip(data.regions["code"], data.regions["name"], strict=True))
    for name, path in files.items():
        lang = name[:2]
        with pikepdf.open(path) as pdf:
            assert str(pdf.Root.Lang) == {"de": "de-DE", "en": "en-GB"}[lang]
            fonts = [font for font in pdf.objects if isinstance(font, pikepdf.Dictionary) and "/FontDescriptor" in font]
            assert fonts
            assert all("/FontFile2" in font.FontDescriptor for font in fonts), name
            assert all("MonitorSans" in str(font.BaseFont) for font in fonts), name
        reader = PdfReader(path)
        assert reader.metadata
        assert str(YEAR) in str(reader.metadata.title)
        assert Path(name).stem == "bericht" or names[Path(name).stem] in str(reader.metadata.title)
        chapters = [mark for mark in reader.outline if not isinstance(mark, list)]
        below = [mark for part in reader.outline if isinstance(part, list) for mark in part]
        marks = tidy(" | ".join(str(mark.title) for mark in chapters))
        inner = tidy(" | ".join(str(mark.title) for mark in below if not isinstance(mark, list)))
        for code, entry in framework.indicators.items():
            field = framework.fields[framework.indicator_field[code]]
            assert tidy(field.name_de if lang == "de" else field.name_en) in marks, (name, code)
            assert tidy(entry.name_de if lang == "de" else entry.name_en) in inner, (name, code)


# --- true to the frames -----------------------------------------------------------------------------------------------


def shown(framework: Framework, row: pd.Series, decimals: int) -> str:
    """A published cell as it must stand in a table: worked out from the frame alone."""
    value, sign = float(row["value"]), str(row["sign"])
    if pd.isna(value):
        return sign
    number = german(value, decimals)
    return f"({number})" if sign == "( )" else f"{number} {sign}" if sign else number


def test_every_number_of_the_year_tables_equals_the_frame(
    framework: Framework, data: ReportData, words: dict[str, str]
) -> None:
    """Each row of each regional table, read back from the text layer: total, groups, gap, references."""
    regions, aggregates = sample_regions(framework)
    dims = [dim.lower() for dim in framework.dimension_order]
    keyed = data.published.set_index(["indicator", "region", "year", *dims]).sort_index()
    gaps = data.gaps.set_index(["indicator", "region", "year"])["difference"]
    compared = 0
    for region in regions[:REGIONS]:
        text = words[f"de/regionen/{region}.pdf"]
        for code, entry in framework.indicators.items():
            dimension = entry.gap.dimension if entry.gap else next(iter(entry.breakdowns), "")
            members = [entry.gap.reference, entry.gap.focus] if entry.gap else []
            for year in YEARS:
                points = [{}, *({dimension.lower(): member} for member in members)]
                cells = [
                    shown(framework, keyed.loc[(code, region, year, *(p.get(d, TOTAL) for d in dims))], entry.decimals)
                    for p in points
                ]
                if entry.gap and (code, region, year) in gaps.index:
                    cells.append(german(gaps.loc[(code, region, year)], entry.decimals))
                if (entry.gap and (code, region, year) in gaps.index) or not entry.breakdowns:
                    cells += [
                        shown(framework, keyed.loc[(code, other, year, *[TOTAL] * len(dims))], entry.decimals)
                        for other in aggregates
                    ]
                assert f" {year} {' '.join(cells)} " in f"{text} ", (code, region, year, cells)
                compared += len(cells)
    assert compared > REGIONS * len(framework.indicators) * len(YEARS) * 2


def test_the_report_has_every_region_and_its_gap(framework: Framework, data: ReportData, words: dict[str, str]) -> None:
    names = dict(zip(data.regions["code"], data.regions["name"], strict=True))
    here = data.gaps[data.gaps["year"] == YEAR]
    assert len(here) >= REGIONS
    for row in here.to_dict("records"):
        number = german(row["difference"], framework.indicators[row["indicator"]].decimals)
        pattern = rf"{re.escape(tidy(names[row['region']]))}(?: \S+( [a-z/]+\b)?){{4,9}}? {re.escape(number)} "
        assert re.search(pattern, words["de/bericht.pdf"]), row


def test_alternative_texts_tell_the_published_numbers(
    framework: Framework, data: ReportData, files: dict[str, Path]
) -> None:
    """The last shown total of a region stands in the alternative text of its chart."""
    region = sample_regions(framework)[0][0]
    dims = [dim.lower() for dim in framework.dimension_order]
    totals = data.published[(data.published[dims] == TOTAL).all(axis=1) & (data.published["region"] == region)]
    with pikepdf.open(files[f"de/regionen/{region}.pdf"]) as pdf:
        told = [tidy(str(node.Alt)) for node in elements(pdf) if node.S == "/Figure"]
    for code, entry in framework.indicators.items():
        last = totals[(totals["indicator"] == code) & totals["value"].notna()].sort_values("year").iloc[-1]
        ending = f"{last['year']} {german(last['value'], entry.decimals)}"
        assert any(entry.name_de in alt and ending in alt for alt in told), (code, ending)


def test_sample_data_says_so_on_every_page_and_pages_are_numbered(sheets: dict[str, list[str]]) -> None:
    for name, pages in sheets.items():
        mark, word = ("Musterdaten", "Seite") if name.startswith("de") else ("Sample data", "Page")
        for number, text in enumerate(pages, 1):
            assert mark in text, (name, number)
            assert number == 1 or f"{word} {number}" in text, (name, number)


# --- single volumes ---------------------------------------------------------------------------------------------------


def volume(data: ReportData, framework: Framework, folder: Path, *, langs: tuple[str, ...] = ("de",)) -> Report:
    """Write the volumes of one indicator and one region."""
    report = build_content(data, framework, YEAR, lambda _: None)
    with volumes_beside(report, folder, langs, lambda _: None) as failures:
        report.failures.update(failures())
    return report


@pytest.fixture(scope="module")
def narrow(framework: Framework, data: ReportData) -> tuple[Framework, ReportData, str, str]:
    """One indicator with a gap, one region: framework, data, code, region."""
    code = next(code for code, entry in framework.indicators.items() if entry.gap)
    region = sample_regions(framework)[0][0]
    small = replace(framework, indicators={code: framework.indicators[code]})
    kept = {name: getattr(data, name) for name in ("published", "gaps")}
    kept = {name: frame[frame["indicator"] == code].copy() for name, frame in kept.items()}
    return small, of_regions(framework, replace(data, **kept), 1), code, region


def test_hidden_numbers_occur_nowhere(narrow: tuple[Framework, ReportData, str, str], tmp_path: Path) -> None:
    """A number that slipped through with a status that has no value: not in text, alternative text or properties."""
    framework, data, code, region = narrow
    gap = framework.indicators[code].gap
    assert gap is not None
    published, dims = data.published.copy(), [dim.lower() for dim in framework.dimension_order]
    others = [dim for dim in dims if dim != gap.dimension.lower()]
    spot = (published["region"] == region) & (published["year"] == YEAR) & (published[others] == TOTAL).all(axis=1)
    spot &= published[gap.dimension.lower()] == gap.focus
    assert spot.sum() == 1
    published.loc[spot, ["value", "numerator", "denominator"]] = [9173.9218, 913572.0, 864213.0]
    published.loc[spot, ["status", "sign"]] = ["secret", framework.statuses["secret"].sign]
    leak = data.gaps.iloc[[0]].assign(region=region, year=YEAR, difference=-8247.3158, ratio=0.6137)
    elsewhere = data.gaps[(data.gaps["region"] != region) | (data.gaps["year"] != YEAR)]
    gaps = pd.concat([elsewhere, leak])
    report = volume(replace(data, published=published, gaps=gaps), framework, tmp_path, langs=("de", "en"))
    assert report.failures == {}
    files = sorted(tmp_path.rglob("*.pdf"))
    assert len(files) == 4
    for path in files:
        with pikepdf.open(path) as pdf:
            told = [str(node.get(key, "")) for node in elements(pdf) for key in ("/Alt", "/ActualText", "/E")]
            told += [str(pdf.docinfo.get(key, "")) for key in pdf.docinfo]
        text = text_of(path) + tidy(" ".join(told))
        assert framework.statuses["secret"].sign in text
        for secret in ("9173", "9,173", "913572", "913,572", "864213", "8247", "8,247"):
            assert secret not in text, (path, secret)


def test_the_same_input_gives_the_same_bytes(narrow: tuple[Framework, ReportData, str, str], tmp_path: Path) -> None:
    framework, data, _, _ = narrow
    shuffled = replace(data, published=data.published.sample(frac=1, random_state=1))
    for folder, given in (("one", data), ("two", shuffled)):
        volume(given, framework, tmp_path / folder)
    written = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.pdf"))
    assert len(written) == 2
    for path in written:
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes(), path


def test_a_figure_that_fails_is_named_and_the_rest_is_there(
    narrow: tuple[Framework, ReportData, str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    framework, data, _, region = narrow

    def refuse(*_: object) -> None:
        raise RuntimeError("no chart today")

    monkeypatch.setattr("report.figures.Figures.gap", refuse)
    report = volume(replace(data, sample=False), framework, tmp_path)
    assert set(report.failures.values()) == {"RuntimeError: no chart today"}
    assert {place.split()[0] for place in report.failures} == {"de/bericht.pdf", f"de/regionen/{region}.pdf"}
    text = re.sub(r"(\w)- (\w)", r"\1\2", text_of(tmp_path / "de" / "bericht.pdf"))  # words divided at line ends
    assert "Dieser Teil fehlt in dieser Ausgabe. Grund: RuntimeError: no chart today" in text
    assert "Regionen im Berichtsjahr" in text
    assert "Musterdaten" not in text
    assert conforms((tmp_path / "de" / "bericht.pdf").read_bytes())


def test_a_volume_that_fails_stops_no_other(
    narrow: tuple[Framework, ReportData, str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text that the typesetter refuses, a broken indicator: both end up in the manifest."""
    framework, data, code, region = narrow
    published = data.published.copy()
    published["value"] = published["value"].astype(object)
    published.loc[published.index[0], ["value", "status"]] = ["many", "ok"]
    monkeypatch.setattr("report.pdf_volumes.colours", dict)
    out = build_report(replace(data, published=published), framework, YEAR, tmp_path, langs=("de",), parts=(PDF,))
    failures = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["failures"]
    assert set(failures) == {code, "de/bericht.pdf", f"de/regionen/{region}.pdf"}
    assert "many" in failures[code]
    assert not list(out.rglob("*.pdf"))


def test_a_volume_that_says_the_same_is_taken_over(
    narrow: tuple[Framework, ReportData, str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never one that was touched, and never one whose content changed."""
    framework, data, _, region = narrow
    made: list[str] = []
    monkeypatch.setattr(
        "report.pdf.typeset", lambda content, target: (made.append(target.name), typeset(content, target))
    )

    def build(given: ReportData) -> list[str]:
        made.clear()
        build_report(given, framework, YEAR, tmp_path, langs=("de",), parts=(PDF,))
        return sorted(made)

    everything = build(data)
    volumes = {path: path.read_bytes() for path in tmp_path.rglob("*.pdf")}
    assert everything == sorted(path.name for path in volumes) == sorted(["bericht.pdf", f"{region}.pdf"])
    assert build(data) == []
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.pdf")} == volumes
    touched = tmp_path / PDF / "de" / "bericht.pdf"
    touched.write_bytes(touched.read_bytes() + b" ")
    assert build(data) == ["bericht.pdf"]
    assert touched.read_bytes() == volumes[touched]
    assert build(replace(data, sample=not data.sample)) == everything
    assert touched.read_bytes() != volumes[touched]


def test_an_indicator_that_failed_is_shown_as_missing(
    narrow: tuple[Framework, ReportData, str, str], tmp_path: Path
) -> None:
    framework, data, code, region = narrow
    report = build_content(data, framework, YEAR, lambda _: None)
    report.failures[code] = "ValueError: something"
    with volumes_beside(report, tmp_path, ("de",), lambda _: None) as failures:
        assert failures() == {}
    text = text_of(tmp_path / "de" / "regionen" / f"{region}.pdf")
    assert "Grund: ValueError: something" in text


def test_targets_population_and_breaks_are_shown_when_there(
    narrow: tuple[Framework, ReportData, str, str], tmp_path: Path
) -> None:
    framework, data, code, region = narrow
    measure = next(each for each in framework.profile.measures if each.figure == "count")
    dims = dict.fromkeys((dim.lower() for dim in framework.dimension_order), TOTAL)
    shown = data.published[(data.published["region"] == region) & (data.published["indicator"] == code)]
    shown = shown[(shown[list(dims)] == TOTAL).all(axis=1) & shown["value"].notna()].sort_values("year").iloc[-1]
    target = {"region": region, "year": YEAR, "indicator": code, **dims, "target_id": "Z1"}
    target |= {"kind": "value", "target": 77.2}
    target |= {"title_de": "Handlungskonzept", "title_en": "Action plan", "target_year": 2030, "symbol": "sun"}
    target |= {"value_year": shown["year"], "projection": 63.7, "earlier": json.dumps({YEAR - 1: "cloud"})}
    target |= dict.fromkeys(["target_upper", "baseline", "baseline_year", "cagr"], None)
    target |= dict.fromkeys(["certainty", "cagr_symbol", "direction", "stability", "reason"], "")
    people = [
        {"region": region, "year": year, "measure": measure.code, "member": TOTAL, "value": 123456.0 + year}
        | {"status": "ok", "projected": year > YEAR, "source": "Register"}
        for year in (YEAR - 1, YEAR, YEAR + 5)
    ]
    broken = {"region": region, "year": 2023, "indicator": code, "reason": "census"}
    broken |= {"text_de": "Zensus 2022.", "text_en": "Census 2022."}
    full = replace(data, targets=pd.DataFrame([target]), profile=pd.DataFrame(people), breaks=pd.DataFrame([broken]))
    assert volume(full, framework, tmp_path).failures == {}
    text = text_of(tmp_path / "de" / "regionen" / f"{region}.pdf")
    decimals = framework.indicators[code].decimals
    assert f"{german(77.2, decimals)} 2030 {german(shown['value'], decimals)} {german(63.7, decimals)}" in text
    assert "weder eine politische Bewertung noch eine Vorhersage" in text
    assert "insgesamt " + " ".join(str(123456 + year) for year in (YEAR - 1, YEAR, YEAR + 5)) in text
    assert f"Sonne {YEAR - 1}: Wolke" in text
    assert "Quellen: Register" in text
    assert "Zensus 2022." in text


def test_charts_that_stand_alone_have_the_colours_of_the_page() -> None:
    rules = fixed_rules("Some Face")
    assert colours()["focus"] in rules
    assert "var(" not in rules
    assert "prefers" not in rules
    chart = '<svg viewBox="0 0 10 20"><title>A &amp; B</title><desc>1,5</desc><line class="grid"/></svg>'
    drawn = drawing(chart, "Some Face")
    assert drawn.words == "A & B. 1,5"
    assert 'width="10" height="20"' in drawn.svg
    assert "<title>" not in drawn.svg
