"""The site as a whole: complete, true to the frames, silent about what is hidden, the same for the same input."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import pytest
from report_sample import YEAR, sample_data, sample_regions, with_rows

from report.build import SITE, ReportData, build_report
from report.numbers import MINUS, THIN_SPACE
from report.overview_pages import OVERVIEWS
from report.places import slug
from report.standalone import FOLDER
from report.wording import TEXTS, Wording, catalogue
from schemas.framework_model import Framework
from schemas.loading import load_framework
from schemas.shapes import TOTAL

build_site = partial(build_report, parts=(SITE,))
VOID = {"meta", "link", "input", "br", "hr", "img"}


class Page(HTMLParser):
    """Reads a page: balanced tags, links, ids, what is visible, cells of tables."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.problems: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.words: list[str] = []
        self.text = path.read_text(encoding="utf-8")
        self.feed(self.text)
        self.close()
        self.problems += [f"left open: {tag}" for tag in self.open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        if tag not in VOID:
            self.open.append(tag)
        self.links += [known[name] for name in ("href", "src", "action") if name in known]
        self.ids += [known["id"]] if "id" in known else []
        for name in ("aria-labelledby", "for"):
            self.references += known.get(name, "").split()
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")
        if tag == "svg" and "aria-hidden" not in known and known.get("role") not in ("img", "group"):
            self.problems.append("a figure without a name")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"closed out of order: {tag}")

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if ("td" in self.open or "th" in self.open) and self.tables:
            self.tables[-1][-1][-1] += data

    def has(self, text: str) -> bool:
        return " ".join(text.split()) in " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def framework() -> Framework:
    return load_framework()


@pytest.fixture(scope="module")
def data(framework: Framework) -> ReportData:
    return sample_data(framework)


@pytest.fixture(scope="module")
def site(framework: Framework, data: ReportData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_site(data, framework, YEAR, tmp_path_factory.mktemp("report")).parent.parent


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Page]:
    """Every page; of the many pages with a single chart each twentieth."""
    charts = sorted(site.rglob(f"{FOLDER}/*.html"))
    read = sorted(set(site.rglob("*.html")) - set(charts) | set(charts[::20]))
    return {path.relative_to(site).as_posix(): Page(path) for path in read}


def files(site: Path) -> Iterator[Path]:
    return (path for path in sorted(site.parent.rglob("*")) if path.is_file())


def small(framework: Framework, data: ReportData, *codes: str) -> ReportData:
    """Only the rows of some indicators, for tests that need a build of their own."""
    return with_rows(data, data.published[data.published["indicator"].isin(codes)].copy())


def with_gap(framework: Framework) -> str:
    return next(code for code, entry in framework.indicators.items() if entry.gap and entry.unit == "percent")


def test_every_indicator_has_its_page(framework: Framework, pages: dict[str, Page]) -> None:
    for lang in ("de", "en"):
        wording = Wording(lang, framework)
        for code, entry in framework.indicators.items():
            page = pages[f"{lang}/indikatoren/{slug(code)}.html"]
            assert page.has(wording.plain(entry)), code
            assert page.has(wording.plain(entry, "definition")), code
            assert page.has(entry.formula), code
            assert 'class="chart"' in page.text, code
            assert page.tables, code
            for source in framework.indicator_sources(code):
                assert page.has(wording.plain(framework.sources[source])), code
            for pitfall in entry.pitfalls:
                assert page.has(wording.plain(framework.pitfalls[pitfall], "text")), code
            assert (f'id="g-{slug(code)}-' in page.text) == (entry.gap is not None), code


def test_fields_regions_and_overviews_exist(framework: Framework, data: ReportData, pages: dict[str, Page]) -> None:
    regions, aggregates = sample_regions(framework)
    for lang in ("de", "en"):
        wording = Wording(lang, framework)
        for field, entry in framework.fields.items():
            page = pages[f"{lang}/felder/{slug(field)}.html"]
            assert all(page.has(wording.plain(e)) for e in framework.indicators_of(field)), field
            assert page.has(wording.plain(entry))
        for code in (*regions, *aggregates):
            page = pages[f"{lang}/regionen/{slug(code)}.html"]
            assert sum(len(table) - 1 for table in page.tables) >= len(framework.indicators)
        methods = pages[f"{lang}/methodik.html"]
        for status in framework.statuses.values():
            assert not status.sign or any(row[:1] == [status.sign] for row in methods.tables[0]), status.code
        for name in ("index.html", "verzeichnis.html", "meldestand.html"):
            assert f"{lang}/{name}" in pages


def test_an_aggregate_of_one_unit_is_not_told_twice(framework: Framework, data: ReportData, site: Path) -> None:
    regions, aggregates = sample_regions(framework)
    written = {path.stem for path in (site / "de" / "regionen").iterdir()}
    assert written == {slug(code) for code in (*regions, *aggregates)}
    assert len(data.regions) > len(written)


def german(value: float, decimals: int) -> str:
    text = f"{abs(value):,.{decimals}f}".replace(",", THIN_SPACE).replace(".", ",")
    return (MINUS if value < 0 and float(f"{value:.{decimals}f}") != 0 else "") + text


def test_numbers_of_the_year_table_equal_the_frame(
    framework: Framework, data: ReportData, pages: dict[str, Page]
) -> None:
    """Every total of every region and year, read back from the page; signs where the frame hides the value."""
    dims = [dim.lower() for dim in framework.dimension_order]
    totals = data.published[(data.published[dims] == TOTAL).all(axis=1)]
    names = dict(zip(data.regions["code"], data.regions["name"], strict=True))
    compared = 0
    for code, rows in totals.groupby("indicator"):
        page = pages[f"de/indikatoren/{slug(str(code))}.html"]
        table = next(t for t in page.tables if "2020" in t[0] and len(t[0]) == len(t[1]) and t[0][0] == "Region")
        shown = {
            (line[0], int(year)): cell for line in table[1:] for year, cell in zip(table[0][1:], line[1:], strict=True)
        }
        for row in rows.itertuples():
            cell = shown[(names[str(row.region)], int(str(row.year)))]
            value, sign = float(str(row.value)), str(row.sign)
            expected = sign if pd.isna(value) else german(value, framework.indicators[str(code)].decimals)
            assert expected in cell, (code, row.region, row.year, cell)
            compared += 1
    assert compared == len(framework.indicators) * 8 * 6


def test_gap_table_equals_the_frame(framework: Framework, data: ReportData, pages: dict[str, Page]) -> None:
    names = dict(zip(data.regions["code"], data.regions["name"], strict=True))
    for code, rows in data.gaps.groupby("indicator"):
        page = pages[f"de/indikatoren/{slug(str(code))}.html"]
        tables = [t for t in page.tables if "2020" in t[0] and t[0][0] == "Region"]
        shown = {
            (line[0], year): c for line in tables[1][1:] for year, c in zip(tables[1][0][1:], line[1:], strict=True)
        }
        decimals = framework.indicators[str(code)].decimals
        for row in rows.itertuples():
            assert shown[(names[str(row.region)], str(row.year))] == german(float(str(row.difference)), decimals)


def test_headline_names_the_published_numbers(framework: Framework, data: ReportData, pages: dict[str, Page]) -> None:
    code = with_gap(framework)
    gap = framework.indicators[code].gap
    assert gap is not None
    main = sample_regions(framework)[1][0]
    here = data.published[(data.published["indicator"] == code) & (data.published["region"] == main)]
    dims = [dim.lower() for dim in framework.dimension_order]
    level = here[(here["year"] == YEAR) & (here[dims] == TOTAL).all(axis=1)]["value"].iloc[0]
    gaps = data.gaps[(data.gaps["indicator"] == code) & (data.gaps["region"] == main) & (data.gaps["year"] == YEAR)]
    page = pages[f"de/indikatoren/{slug(code)}.html"]
    assert page.has(f"{YEAR}: {german(level, 1)} Prozent.")
    assert page.has(f"beträgt {german(gaps['difference'].iloc[0], 1)} Prozentpunkte.")


def test_hidden_numbers_occur_nowhere(framework: Framework, data: ReportData, tmp_path: Path) -> None:
    """A number that slipped through with a status that has no value appears in no file, nor does its gap."""
    code = with_gap(framework)
    gap = framework.indicators[code].gap
    assert gap is not None
    published = small(framework, data, code).published
    region = sample_regions(framework)[0][0]
    group = published[gap.dimension.lower()] == gap.focus
    others = [d.lower() for d in framework.dimension_order if d != gap.dimension]
    spot = (
        (published["region"] == region) & (published["year"] == YEAR) & group & (published[others] == TOTAL).all(axis=1)
    )
    assert spot.sum() == 1
    published.loc[spot, ["value", "numerator", "denominator"]] = [9173.9218, 913572.0, 864213.0]
    published.loc[spot, ["status", "sign"]] = ["secret", framework.statuses["secret"].sign]
    gaps = data.gaps.copy()
    leak = (gaps["region"] == region) & (gaps["year"] == YEAR) & (gaps["indicator"] == code)
    assert leak.sum() <= 1
    row = (
        gaps[gaps["indicator"] == code].iloc[[0]].assign(region=region, year=YEAR, difference=-8247.3158, ratio=0.6137)
    )
    gaps = pd.concat([gaps[~leak], row])
    build_site(replace(data, published=published, gaps=gaps), framework, YEAR, tmp_path)
    everything = "".join(path.read_text(encoding="utf-8") for path in files(tmp_path / "site"))
    everything = re.sub(r"\b[0-9a-f]{12,}\b", "", everything)  # checksums may contain any digits
    for secret in ("9173", f"9{THIN_SPACE}173", "9,173", "913572", f"913{THIN_SPACE}572", "864213", "8247", "8,247"):
        assert secret not in everything, secret
    page = Page(tmp_path / "site" / "de" / "indikatoren" / f"{slug(code)}.html")
    assert page.has(framework.statuses["secret"].name_de)


def test_reasons_of_confidentiality_read_the_same(framework: Framework, data: ReportData, tmp_path: Path) -> None:
    """Which hidden value is the small one and which only protects it must not be told."""
    code = with_gap(framework)
    published = small(framework, data, code).published
    secret = framework.statuses["secret"]
    written = []
    for reason in ("small_numerator", "small_remainder", "secondary"):
        changed = published.assign(status=secret.code, sign=secret.sign, value=float("nan"), reason=reason)
        build_site(with_rows(data, changed), framework, YEAR, tmp_path, langs=("de",))
        written.append([path.read_bytes() for path in files(tmp_path / "site")])
    assert written[0] == written[1] == written[2]


def test_shown_values_carry_no_more_digits_than_shown(framework: Framework, data: ReportData, site: Path) -> None:
    """An unrounded rate would give hidden counts away; downloads have the decimals of the page."""
    for code, entry in framework.indicators.items():
        rows = list(csv.DictReader(io.StringIO((site / "daten" / f"{slug(code)}.csv").read_text(encoding="utf-8"))))
        assert rows
        pattern = re.compile(rf"-?\d+\.\d{{{entry.decimals}}}") if entry.decimals else re.compile(r"-?\d+")
        for row in rows:
            assert (row["value"] == "" and row["sign"]) or pattern.fullmatch(row["value"]), (code, row)
            assert row["value"] or not (row["numerator"] or row["denominator"])


def test_no_page_needs_another_host(site: Path, pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        outside = [link for link in page.links if re.match(r"(?i)([a-z]+:)?//", link)]
        assert not outside, (name, outside)
    for name in ("site.css", "search.js"):
        assert "http" not in (site / "assets" / name).read_text(encoding="utf-8")


def test_links_lead_somewhere(site: Path, pages: dict[str, Page]) -> None:
    ids = {name: set(page.ids) for name, page in pages.items()}
    for name, page in pages.items():
        for link in set(page.links):
            target, _, anchor = link.partition("#")
            path = (site / name).parent / unquote(target) if target else site / name
            assert path.exists(), (name, link)
            if anchor and anchor.startswith("r-"):
                continue  # a region without any value has no figure; the page opens at its top
            if anchor:
                assert anchor in ids[path.resolve().relative_to(site.resolve()).as_posix()], (name, link)


def test_pages_are_well_formed(pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        assert not page.problems, (name, page.problems[:3])
        assert len(page.ids) == len(set(page.ids)), (name, [i for i in page.ids if page.ids.count(i) > 1][:3])
        assert set(page.references) <= set(page.ids), name
        assert f'<html lang="{name[:2] if "/" in name else "de"}"' in page.text, name
        assert page.text.count("<h1") == 1, name
        assert len(page.text.encode()) <= 100_000, name  # the budget for the first view of a page


def test_sample_data_says_so_on_every_page(pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        assert page.has(
            "Sample data – no real values" if name.startswith("en/") else "Musterdaten – keine echten Werte"
        )


def test_search_index_leads_to_every_page(site: Path, framework: Framework) -> None:
    for lang in ("de", "en"):
        text = (site / "assets" / f"search-{lang}.js").read_text(encoding="utf-8")
        entries = json.loads(text.removeprefix("window.SEARCH_INDEX=").rstrip().removesuffix(";"))
        texts = len(framework.glossary) + len(framework.site_pages) + len(OVERVIEWS)
        assert len(entries) == len(framework.indicators) + len(framework.fields) + 8 + texts
        assert all((site / lang / path.partition("#")[0]).exists() for _, path, _ in entries)


def test_texts_have_the_same_keys_and_are_all_used() -> None:
    german_texts, english_texts = catalogue("de"), catalogue("en")
    assert german_texts.keys() == english_texts.keys()
    for key, text in german_texts.items():
        assert set(re.findall(r"{(\w+)}", text)) == set(re.findall(r"{(\w+)}", english_texts[key])), key
    room = TEXTS.parent
    source = "".join(path.read_text(encoding="utf-8") for path in [*room.glob("*.py"), *room.glob("templates/*.html")])
    groups = (
        "unit.",
        "direction.",
        "tier.",
        "verdict.",
        "severity.",
        "reason.",
        "month.",
        "nav.",
        "formula.",
        "sentence.",
        "trend.",
        "summary.values_",
        "summary.gaps_",
        "target.kind.",
        "target.way.",
        "target.reason.",
        "changes_page.",
        "profile.more",
        "profile.less",
        "profile.same",
    )
    for key in german_texts:
        stem = key.removesuffix(".one").removesuffix(".other")
        numbered = stem.rstrip("0123456789")
        assert key.startswith(groups) or f"{stem}'" in source or f'{stem}"' in source or f"{numbered}'" in source, key


def test_the_same_input_gives_the_same_bytes(
    framework: Framework, data: ReportData, site: Path, tmp_path: Path
) -> None:
    shuffled = replace(data, published=data.published.sample(frac=1, random_state=1))
    build_site(shuffled, framework, YEAR, tmp_path)
    first = {path.relative_to(site.parent).as_posix(): path.read_bytes() for path in files(site)}
    second = {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in files(tmp_path / "site")}
    assert first == second


def test_manifest_lists_files_and_submissions(framework: Framework, data: ReportData, site: Path) -> None:
    manifest = json.loads((site.parent / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["framework"] == {
        "code": framework.code,
        "version": framework.version,
        "content_hash": framework.content_hash,
    }
    assert (manifest["generation"], manifest["failures"]) == (data.generation, {})
    listed = {entry["path"]: entry["sha256"] for entry in manifest["files"]}
    found = {p.relative_to(site.parent).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files(site)}
    found.pop("manifest.json")
    assert listed == found
    accepted = data.submissions[data.submissions["verdict"].str.startswith("accepted")]
    assert {entry["sha256"] for entry in manifest["submissions"]} == set(accepted["sha256"])


def test_a_broken_indicator_is_shown_as_missing(framework: Framework, data: ReportData, tmp_path: Path) -> None:
    broken, whole = list(framework.indicators)[:2]
    published = small(framework, data, broken, whole).published
    published["value"] = published["value"].astype(object)
    published.loc[published.index[published["indicator"] == broken][0], ["value", "status"]] = ["many", "ok"]
    start = build_site(with_rows(data, published), framework, YEAR, tmp_path)
    failures = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))["failures"]
    assert list(failures) == [broken]
    assert "many" in failures[broken]
    page = Page(start.parent / "indikatoren" / f"{slug(broken)}.html")
    assert page.has("Dieser Indikator fehlt")
    assert page.has(failures[broken])
    field = Page(start.parent / "felder" / f"{slug(framework.indicator_field[broken])}.html")
    assert field.has("Dieser Indikator fehlt in dieser Ausgabe.")
    assert 'class="chart"' in (start.parent / "indikatoren" / f"{slug(whole)}.html").read_text(encoding="utf-8")
    assert not (tmp_path / "site" / "daten" / f"{slug(broken)}.csv").exists()


def test_a_failing_page_is_replaced_too(
    framework: Framework, data: ReportData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = next(iter(framework.indicators))

    def refuse(wording: Wording, report: object, content: object) -> str:
        if getattr(content, "code", "") == victim:
            raise RuntimeError("no sentence today")
        return ""

    monkeypatch.setattr("report.sentences.headline", refuse)
    start = build_site(small(framework, data, victim), framework, YEAR, tmp_path)
    assert Page(start.parent / "indikatoren" / f"{slug(victim)}.html").has("RuntimeError: no sentence today")


def test_an_empty_snapshot_still_gives_a_report(framework: Framework, data: ReportData, tmp_path: Path) -> None:
    empty = replace(data, published=data.published.iloc[:0], gaps=data.gaps.iloc[:0], findings=data.findings.iloc[:0])
    start = build_site(replace(empty, submissions=data.submissions.iloc[:0]), framework, YEAR, tmp_path, langs=("de",))
    assert start.exists()
    assert not (tmp_path / "site" / "en").exists()


def test_values_of_later_years_stay_out(framework: Framework, data: ReportData, tmp_path: Path) -> None:
    code = with_gap(framework)
    start = build_site(small(framework, data, code), framework, YEAR - 2, tmp_path)
    table = next(t for t in Page(start.parent / "indikatoren" / f"{slug(code)}.html").tables if "2020" in t[0])
    assert table[0][-1] == str(YEAR - 2)
    later = {row["year"] for row in csv.DictReader((tmp_path / "site/daten/alle-werte.csv").open(encoding="utf-8"))}
    assert max(later) == str(YEAR - 2)


def test_a_new_report_replaces_the_old_one_and_nothing_else(
    framework: Framework, data: ReportData, tmp_path: Path
) -> None:
    one = small(framework, data, with_gap(framework))
    build_site(one, framework, YEAR, tmp_path)
    (tmp_path / "volume.pdf").write_text("of another room")
    (tmp_path / "site" / "stale.html").write_text("old")
    (tmp_path / ".report-old").mkdir()  # as if the last swap had been interrupted
    (tmp_path / "site").rename(tmp_path / ".report-old" / "site")
    (tmp_path / "site").mkdir()
    build_site(one, framework, YEAR, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["manifest.json", "site", "volume.pdf"]
    assert not (tmp_path / "site" / "stale.html").exists()


def test_missing_columns_are_named_all_at_once(framework: Framework, data: ReportData, tmp_path: Path) -> None:
    poor = replace(data, published=data.published.drop(columns=["sign"]), gaps=data.gaps.drop(columns=["ratio"]))
    with pytest.raises(ValueError, match=r"published\.sign.*gaps\.ratio"):
        build_site(poor, framework, YEAR, tmp_path)
