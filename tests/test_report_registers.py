"""Registers in the report: pages, filters, pictures, open data; nothing that is not public, nothing typed becomes markup."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from urllib.parse import unquote, urlsplit

import frictionless
import openpyxl
import page as validator
import pandas as pd
import pytest
import register_sample as sample
from csvw import CSVW, TableGroup
from report_sample import YEAR, sample_data
from report_sample_derived import with_derived

from indicators.registers import published_registers
from report.build import build_report
from report.content import Report, build_content
from report.data import ReportData
from report.data_parts import DATA, TABLES
from report.network import bipartite, circle
from report.pdf import typeset
from report.pdf_blocks import Missing
from report.pdf_registers import register_chapter
from report.pdf_volumes import Volume
from report.places import Place, slug
from report.record_view import RecordView, months_before
from report.svg import Frame
from report.wording import Wording
from schemas.addresses import is_email_address, is_web_address
from schemas.framework_model import Framework
from schemas.loading import load_framework
from schemas.shapes import Record, Registers
from schemas.yaml_source import FrameworkError

PARTS = ("site", DATA)


@pytest.fixture(scope="module")
def framework() -> Framework:
    """The shipped registers beside few indicators: those with a target, and one without."""
    whole = load_framework()
    chosen = [entry.code for entry in whole.indicators.values() if entry.tier == "core"][:4]
    return replace(whole, indicators={code: whole.indicators[code] for code in chosen})


@pytest.fixture(scope="module")
def data(framework: Framework) -> ReportData:
    """Two years, and no other derived figures than the targets."""
    whole = sample_data(framework)
    bare = replace(
        whole,
        **{name: rows[rows["year"] >= YEAR - 1] for name, rows in vars(whole).items() if name in ("published", "gaps")},
    )
    return sample.with_registers(framework, replace(bare, targets=with_derived(framework, whole).targets))


@pytest.fixture(scope="module")
def out(framework: Framework, data: ReportData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("registers")
    build_report(data, framework, YEAR, folder, parts=PARTS)
    assert json.loads((folder / "manifest.json").read_text("utf-8"))["failures"] == {}
    return folder


def page(out: Path, path: str) -> str:
    return (out / "site" / path).read_text("utf-8")


def article(text: str, anchor: str) -> str:
    """The markup of a row, without the rows below it."""
    found = re.search(rf'<article class="entry" id="{anchor}">(.*?)(<article|</article>)', text, re.DOTALL)
    assert found is not None, anchor
    return found[1]


def own_pages(out: Path, framework: Framework) -> list[Path]:
    slugs = [each.slug for each in framework.register_pages.values()]
    site = out / "site"
    found = [path for lang in ("de", "en") for name in slugs for path in sorted((site / lang / name).glob("*.html"))]
    return [*found, *(site / lang / "programm.html" for lang in ("de", "en"))]


# --- pages ------------------------------------------------------------------------------------------------------------


def test_every_subject_has_a_page_over_all_regions_and_one_for_each_that_delivered(
    out: Path, framework: Framework
) -> None:
    for entry in framework.register_pages.values():
        names = {path.name for path in (out / "site" / "de" / entry.slug).iterdir()}
        assert {"index.html", f"{sample.CITY}.html"} <= names, entry.code
    assert not (out / "site" / "de" / "netzwerk" / f"{sample.TOWN}.html").exists(), "it delivered nothing of it"
    assert "nicht geliefert" in page(out, "de/programm.html")
    hub = "programm.html"
    assert f'href="./{hub}"' in page(out, "de/index.html")
    assert f'href="../angebote/{sample.CITY}.html"' in page(out, f"de/regionen/{sample.CITY}.html")


def test_every_link_of_these_pages_leads_somewhere(out: Path, framework: Framework) -> None:
    anchors: dict[Path, set[str]] = {}
    for path in own_pages(out, framework):
        for href in re.findall(r'href="([^"]+)"', path.read_text("utf-8")):
            parts = urlsplit(href.replace("&amp;", "&"))
            if parts.scheme or parts.netloc:
                assert parts.scheme in ("https", "mailto"), href
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.is_file(), (path.name, href)
            if parts.fragment and target.suffix == ".html":
                known = anchors.setdefault(target, set(re.findall(r'\bid="([^"]+)"', target.read_text("utf-8"))))
                assert parts.fragment in known, (path.name, href)


def test_ids_are_unique_and_external_links_say_nothing_of_the_reader(out: Path, framework: Framework) -> None:
    for path in own_pages(out, framework):
        text = path.read_text("utf-8")
        ids = re.findall(r'\bid="([^"]+)"', text)
        assert len(ids) == len(set(ids)), path
        for tag in re.findall(r'<a [^>]*href="https:[^>]*>', text):
            assert "noopener" in tag, tag


def test_a_plan_hangs_together_and_shows_what_the_numbers_say(
    out: Path, framework: Framework, data: ReportData
) -> None:
    text = page(out, f"de/handlungskonzept/{sample.CITY}.html")
    order = [text.index(f'id="{anchor}"') for anchor in ("concept-k-1", "target-z-1", "measure-m-1", "target-z-2")]
    assert order == sorted(order), "the measure stands below its target"
    numbered, bare = article(text, "target-z-1"), article(text, "target-z-2")
    row = data.targets[data.targets["target_id"] == f"{sample.CITY}.Z-1"].iloc[0]
    assert f"indikatoren/{slug(row['indicator'])}.html" in numbered
    assert "Ziel ohne Zahl" not in numbered
    assert "Ziel ohne Zahl" in bare
    assert "verfehlt" in bare
    assert "Stand 30.06.2025" in bare
    assert "Die Stelle war unbesetzt." in bare
    assert "keine politische Bewertung" in text
    assert "<li>Mai 2024 Schulung</li><li>Januar 2026 Bilanz</li>" in article(text, "measure-m-1")
    assert "keinem anderen Eintrag" in text[text.index('id="s-measure"') : text.index('id="measure-m-2"')]


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2026, 11, 22), 12, date(2025, 11, 22)),
        (date(2024, 2, 29), 12, date(2023, 2, 28)),
        (date(2026, 1, 31), 2, date(2025, 11, 30)),
        (date(2026, 3, 31), 3, date(2025, 12, 31)),
    ],
)
def test_months_are_counted_back(day: date, months: int, expected: date) -> None:
    assert months_before(day, months) == expected


@pytest.mark.parametrize(("edition", "stale"), [("2025-05-01", False), ("2025-05-02", True)])
def test_what_was_not_checked_for_a_year_is_marked_by_the_day_of_the_edition(
    framework: Framework, data: ReportData, out: Path, edition: str, stale: bool
) -> None:
    then = replace(data, created_at=f"{edition}T03:15:00+00:00")
    report = build_content(then, framework, YEAR, lambda _: None)
    row = report.registers.find(sample.CITY, "OFFER", "A-2")
    assert row is not None
    assert row.values["LAST_CHECKED"] == "2024-05-01"
    assert RecordView(Wording("de", framework), report).stale(row) == stale
    text = page(out, f"de/angebote/{sample.CITY}.html")
    assert ["nicht bestätigt" in article(text, anchor) for anchor in ("offer-a-1", "offer-a-2")] == [False, True]


def test_a_list_can_be_narrowed_by_what_stands_in_it(out: Path, framework: Framework) -> None:
    text = page(out, "de/angebote/index.html")
    options = set(re.findall(r'<option value="([^"]+)"', text))
    keys = {key for found in re.findall(r'data-k="([^"]*)"', text) for key in found.split()}
    assert options
    assert options <= keys
    assert options >= {"0-spr", "0-sch", f"r-{sample.CITY}", f"r-{sample.TOWN}"}
    assert text.index("<form class=") < text.index("assets/filter.js") < text.index("data-k=")
    assert 'lang="de"' not in text.split("<main", 1)[1]
    english = page(out, "en/angebote/index.html")
    assert '<span lang="de">Sprachcafé im Stadtteil</span>' in english
    assert re.findall(r'data-k="([^"]*)"', english) == re.findall(r'data-k="([^"]*)"', text)


def test_places_lead_to_the_services_there(out: Path) -> None:
    text = page(out, "de/angebote/index.html")
    (target,) = re.findall(
        r'href="\./([^"#]*angebote[^"]*|\.\./angebote[^"]*)">Südstadt|href="([^"]+)">Südstadt', text
    )[0][1:]
    anchor = target.partition("#")[2]
    found = page(out, f"de/angebote/{sample.CITY}.html")
    assert re.search(rf'<dt id="{anchor}">Südstadt</dt><dd><a href="[^"]*#offer-a-1">', found)


def test_examples_are_found_under_every_field_they_name(out: Path, framework: Framework) -> None:
    text = page(out, "de/gute-beispiele/index.html")
    groups = dict(re.findall(r'<h3 id="[^"]*">([^<]*)</h3>\s*<ul class="lines">(.*?)</ul>', text, re.DOTALL))
    names = {code: entry.name_de for code, entry in framework.fields.items()}
    assert set(groups) == {names["SPR"], names["TEI"]}
    assert "zum Nachmachen" in groups[names["SPR"]]
    assert "zum Nachmachen" in groups[names["TEI"]]


def test_a_picture_has_the_same_facts_in_its_table(out: Path, framework: Framework) -> None:
    text = page(out, f"de/netzwerk/{sample.CITY}.html")
    drawn = text[text.index('class="chart network"') : text.index("</svg>", text.index('class="chart network"'))]
    table = text[text.index("Dasselbe als Tabelle</caption>") :]
    rows = re.findall(r'<tr><th scope="row">([^<]*)</th><td>([^<]*)</td>', table)
    pairs = {(a, b) for a, b in rows}
    expected = {("Runder Tisch Integration", "Haus der Kulturen e. V."), ("Steuerungsgruppe", "Frauen für Frauen")}
    expected |= {("Runder Tisch Integration", "Jobcenter"), ("Steuerungsgruppe", "Jobcenter")}
    assert pairs == expected | {("Steuerungsgruppe", "Schulamt")}
    assert drawn.count('class="edge') == len(pairs)
    assert {name for pair in pairs for name in pair} == set(re.findall(r'class="who"[^>]*>([^<]*)<', drawn))
    between = page(out, "de/netzwerk/index.html")
    assert re.search(r'<th scope="row">Kassel</th><td>Wetzlar</td><td><a [^>]*>Gemeinsamer Sprachmittlerpool', between)


def test_lines_of_a_picture_do_not_cross_without_need() -> None:
    """Names on the right stand in the order of those on the left that they are joined with."""
    joined = [("A", "z", 0), ("B", "y", 0), ("C", "x", 1)]
    drawn = str(bipartite(Frame("n", "t", "d"), joined))
    assert re.findall(r'class="who"[^>]*>(\w)<', drawn) == ["A", "B", "C", "z", "y", "x"]
    assert drawn == str(bipartite(Frame("n", "t", "d"), joined))
    ring = str(circle(Frame("n", "t", "d"), [("A", "B"), ("B", "A"), ("A", "C")]))
    assert ring.count("<path") == 2, "one line for a pair, in whichever direction it is told"
    assert 'class="edge w2"' in ring


def test_without_registers_there_is_no_page_and_no_link(framework: Framework, data: ReportData, tmp_path: Path) -> None:
    bare = replace(data, registers=pd.DataFrame(), records=pd.DataFrame())
    build_report(bare, framework, YEAR, tmp_path, langs=("de",), parts=PARTS)
    assert not (tmp_path / "site" / "de" / "programm.html").exists()
    assert "programm.html" not in page(tmp_path, "de/index.html")
    assert not (tmp_path / DATA / "register").exists()
    assert "register/" not in (tmp_path / DATA / "LIESMICH.md").read_text("utf-8")


def test_the_same_input_gives_the_same_bytes(framework: Framework, data: ReportData, out: Path, tmp_path: Path) -> None:
    shuffled = replace(data, records=data.records.sample(frac=1, random_state=1))
    build_report(shuffled, framework, YEAR, tmp_path, parts=("site",))
    for path in own_pages(out, framework):
        assert path.read_bytes() == (tmp_path / path.relative_to(out)).read_bytes(), path


# --- nothing typed becomes markup, nothing that is not public is told -------------------------------------------------


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("https://www.example.org/a?b=1", True),
        ("http://example.org", True),
        (sample.EVIL, False),
        ("JavaScript:alert(1)", False),
        ("java\tscript:alert(1)", False),
        ("data:text/html,x", False),
        ("//example.org", False),
        ("https://", False),
        ("https://user@example.org", False),
        ("https://example.org/\nx", False),
        ("http://[::1", False),
    ],
)
def test_only_web_addresses_become_links(address: str, good: bool) -> None:
    assert is_web_address(address) == good


def test_an_address_with_parameters_is_no_plain_one() -> None:
    assert is_email_address("amt@example.org")
    assert not is_email_address("amt@example.org?bcc=x@example.org")
    assert not is_email_address('"><script>@example.org')


def test_typed_text_stays_text(framework: Framework, data: ReportData, tmp_path: Path) -> None:
    """Even where a bad row reached the snapshot: every text field is an attack."""
    attack = '"><script>alert(1)</script><a href="javascript:alert(2)">'
    records = data.records.copy()
    types = {(code, f.code): f.type for code, register in framework.registers.items() for f in register.fields}
    kinds = [types[register, name] for register, name in zip(records["register"], records["field"], strict=True)]
    hit = [kind in ("text", "long_text", "url", "email", "phone", "date", "area", "areas", "year") for kind in kinds]
    assert sum(hit) > 40
    records.loc[hit, "value"] = attack
    records["id"] = records["id"] + '"><b>'
    evil = replace(data, records=records)
    build_report(evil, framework, YEAR, tmp_path, parts=PARTS)
    for path in own_pages(tmp_path, framework):
        text = path.read_text("utf-8")
        assert "<script>alert" not in text, path
        assert 'href="javascript' not in text, path
        assert "<b>" not in text.split("<main", 1)[1].split("</main>")[0], path


def canaries(framework: Framework) -> tuple[Registers, dict[str, str]]:
    """Every register with a row whose fields that are not public hold a text of their own, and for every register with a
    rule for its list a row that is not listed; the texts by the place they were put."""
    planted: dict[str, str] = {}
    records: list[Record] = []
    known = {(record.register, record.id): record for record in sample.records(framework)}
    number = 7_310_001
    for code, register in framework.registers.items():
        base = next((dict(record.values) for (name, _), record in known.items() if name == code), {})
        for field in register.fields:
            if not field.public:
                number += 17
                planted[f"{code}.{field.code}"] = base[field.code] = str(number)
        records.append(Record(sample.CITY, YEAR, code, f"{register.id_prefix}-1", base, register.sheet, 7))
        if register.listed:
            hidden = dict(base)
            for field in register.fields:
                if field.type in ("text", "long_text"):
                    number += 17
                    planted[f"{code}.{field.code} (nicht gezeigt)"] = hidden[field.code] = f"Kanarie {number}"
                elif field.type == "yes_no":
                    hidden[field.code] = "no"
            records.append(Record(sample.CITY, YEAR, code, f"{register.id_prefix}-2", hidden, register.sheet, 8))
    return Registers(tuple((sample.CITY, YEAR, code) for code in framework.registers), tuple(records)), planted


def texts(folder: Path) -> dict[str, str]:
    """Everything that was written, workbooks unpacked."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            if path.suffix == ".xlsx":
                with zipfile.ZipFile(io.BytesIO(content)) as book:
                    content = b"\n".join(book.read(name) for name in book.namelist())
            found[path.relative_to(folder).as_posix()] = content.decode("utf-8", "replace")
    return found


def test_what_is_not_public_stands_in_no_file(framework: Framework, data: ReportData, tmp_path: Path) -> None:
    registers, planted = canaries(framework)
    assert len(planted) >= 6
    tables = published_registers(framework, registers)
    frames = {"registers": tables["published_register"].to_pandas(), "records": tables["published_record"].to_pandas()}
    build_report(replace(data, **frames), framework, YEAR, tmp_path, parts=("site", DATA, TABLES))
    written = texts(tmp_path)
    assert any("Sprachcafé" in text for text in written.values()), "the registers are there at all"
    told = {name: where for where, canary in planted.items() for name, text in written.items() if canary in text}
    assert told == {}


# --- PDF --------------------------------------------------------------------------------------------------------------


def chapter(report: Report, lang: str, place: Place | None = None) -> str:
    return json.dumps(register_chapter(Wording(lang, report.framework), report, place), ensure_ascii=False)


def test_the_volume_of_a_region_names_every_row_that_the_pages_show(framework: Framework, data: ReportData) -> None:
    report = build_content(data, framework, YEAR, lambda _: None)
    view, told = RecordView(Wording("de", framework), report), 0
    for place in report.registers.places:
        text = chapter(report, "de", place)
        for register in view.pages:
            for row in report.registers.of(place.code, register):
                assert json.dumps(view.name(row), ensure_ascii=False)[1:-1] in text, (place.code, register)
                told += 1
    assert told > 20
    assert '"lang": "de"' in chapter(report, "en", report.registers.places[0]), (
        "what a region typed is marked as German"
    )


def test_a_long_register_is_counted_in_the_report(
    framework: Framework, data: ReportData, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = build_content(data, framework, YEAR, lambda _: None)
    parts = [part for page in framework.register_pages.values() for part in page.parts if not part.detail]
    rows = max((report.registers.all(part.records) for part in parts), key=len)
    names = [RecordView(Wording("de", framework), report).name(row) for row in rows]
    assert all(name in chapter(report, "de") for name in names)
    monkeypatch.setattr("report.pdf_registers.MOST_LISTED", len(rows) - 1)
    counted = register_chapter(Wording("de", framework), report)
    assert any(str(block.get("text", "")).startswith(f"{len(rows)} öffentliche Einträge") for block in counted)


def test_a_chapter_of_registers_can_be_typeset_and_conforms(
    framework: Framework, data: ReportData, tmp_path: Path
) -> None:
    report = build_content(data, framework, YEAR, lambda _: None)
    place = report.registers.places[0]
    volume = Volume(Wording("en", framework), report, place)
    content = {**volume.content(Missing()), "blocks": register_chapter(volume.wording, report, place)}
    typeset(content, tmp_path / "volume.pdf")
    found = validator.validate_pdf(tmp_path / "volume.pdf", profile=validator.ValidationProfile.PDF_UA_1)
    assert found.is_compliant, [(each.rule_id, each.message) for each in found.failures[:3]]


def test_what_is_not_public_stands_in_no_volume(framework: Framework, data: ReportData) -> None:
    registers, planted = canaries(framework)
    tables = published_registers(framework, registers)
    frames = {"registers": tables["published_register"].to_pandas(), "records": tables["published_record"].to_pandas()}
    report = build_content(replace(data, **frames), framework, YEAR, lambda _: None)
    text = "".join(chapter(report, "de", place) for place in (None, *report.registers.places))
    assert "Sprachcafé" in text
    assert [name for name, canary in planted.items() if canary in text] == []


def test_without_registers_there_is_no_chapter(framework: Framework, data: ReportData) -> None:
    bare = build_content(replace(data, registers=data.registers.iloc[:0]), framework, YEAR, lambda _: None)
    assert register_chapter(Wording("de", framework), bare) == []


# --- open data --------------------------------------------------------------------------------------------------------


def table(folder: Path, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((folder / f"{name}.csv").read_text("utf-8"))))


def test_open_data_hold_every_published_field(out: Path, framework: Framework, data: ReportData) -> None:
    folder = out / DATA
    expected = {
        (row.region, row.register, row.id, row.field): row.value
        for row in data.records.itertuples()
        if row.year <= YEAR
    }
    whole = table(folder, "alle-registereintraege")
    assert {
        (row["region"], row["register"], row["record_id"], row["record_field"]): row["record_value"] for row in whole
    } == expected
    wide: dict[tuple[str, str, str, str], str] = {}
    for code, register in framework.registers.items():
        rows = table(folder, f"register/{slug(code)}")
        for row in rows:
            for field in register.fields:
                name = field.code.lower() if field.code.lower() != "year" else "year_value"
                if row.get(name):
                    wide[row["region"], code, row["record_id"], field.code] = row[name]
        told = json.loads((folder / f"register/{slug(code)}.json").read_text("utf-8"))
        assert len(told["rows"]) == len(rows)
        assert {each["code"] for each in told["fields"]} == {field.code for field in register.fields if field.public}
    assert wide == expected
    index = json.loads((folder / "index.json").read_text("utf-8"))
    assert [each["code"] for each in index["registers"]] == list(framework.registers)
    assert table(folder, "register/publication") == [], "delivered and empty: a table with a header"


def test_open_data_of_registers_are_read_by_tools_of_others(out: Path) -> None:
    folder = out / DATA
    report = frictionless.validate(str(folder / "datapackage.json"))
    assert report.valid, report.flatten(["type", "message"])[:3]
    assert {"alle-registereintraege", "register-offer"} <= {task.name for task in report.tasks}
    for name in ("offer", "publication", "page"):  # the second one is empty
        path = folder / "register" / f"{name}.csv"
        assert CSVW(str(path), md_url=f"{path}-metadata.json", validate=True).is_valid, path.name
    assert TableGroup.from_file(folder / "csv-metadata.json").check_referential_integrity()
    assert "alle-registereintraege.csv" in (folder / "dcat.jsonld").read_text("utf-8")


def test_a_typed_formula_is_a_text(framework: Framework, data: ReportData, tmp_path: Path) -> None:
    records = data.records.copy()
    typed: Mapping[str, str] = {"TITLE": "=1+1", "PROVIDER": "@cmd", "DESCRIPTION": "-2+3+cmd|' /C calc'!A0"}
    for name, text in typed.items():
        records.loc[(records["register"] == "OFFER") & (records["field"] == name), "value"] = text
    records.loc[records["field"] == "PHONE", "value"] = "+49 611 12-0"
    build_report(replace(data, records=records), framework, YEAR, tmp_path, langs=("de",), parts=(DATA,))
    row = next(row for row in table(tmp_path / DATA, "register/offer") if row["description"])
    assert (row["title"], row["provider"], row["description"]) == tuple(f"'{text}" for text in typed.values())
    assert table(tmp_path / DATA, "register/office")[-1]["phone"] == "+49 611 12-0"


def test_the_workbook_has_a_sheet_for_every_register_with_rows(
    framework: Framework, data: ReportData, tmp_path: Path
) -> None:
    build_report(data, framework, YEAR, tmp_path, langs=("de", "en"), parts=(TABLES,))
    german, english = (openpyxl.load_workbook(path) for path in sorted((tmp_path / TABLES).glob("*.xlsx")))
    filled = [register for code, register in framework.registers.items() if (data.records["register"] == code).any()]
    assert german.sheetnames[-len(filled) :] == [register.sheet for register in filled]
    assert len(english.sheetnames) == len(german.sheetnames)
    sheet = german[framework.registers["OFFER"].sheet]
    (area,) = sheet.tables.values()
    head, *rows = sheet[area.ref]
    names = [cell.value for cell in head]
    assert len(set(names)) == len(names)
    cafe = next(row for row in rows if row[2].value == "A-1" and row[0].value == sample.CITY)
    told = {name: cell.value for name, cell in zip(names, cafe, strict=True)}
    assert told["Sprachen"] == "Deutsch, Arabisch, Ukrainisch"
    assert told["Beteiligte Migrantenorganisationen"] == "Haus der Kulturen e. V."
    assert told["Plätze"] == 40
    assert told["Kurzbeschreibung"].startswith("Üben bei Kaffee & Tee <ohne>")
    assert all(cell.value is not None for row in rows for cell in row)
    contents = german["Inhalt"]
    links = {cell.value: cell.hyperlink.location for cell in contents["A"] if cell.hyperlink}
    assert f"'{sheet.title}'!A1" == links[sheet.title]


# --- the declaration of the pages -------------------------------------------------------------------------------------


MISTAKES = {
    "records: CONCEPT": ("records: NOWHERE", "„NOWHERE“ gibt es nicht"),
    "lead: DESCRIPTION": ("lead: PARTICIPANTS", "PARTICIPANTS ist nicht öffentlich"),
    "places: AREAS": ("places: FIELDS", "FIELDS nennt keine Gebiete"),
    "under: TARGET": ("under: FIELDS", "FIELDS verweist auf kein Register"),
    "lead: TASKS": ("lead: NOTHING", "kein Feld „NOTHING“"),
    "group: FIELDS": ("group: PROBLEM", "PROBLEM ist kein Feld mit Codes"),
    "filters: [FIELDS, KIND]": ("filters: [FIELDS, TITLE]", "Nach TITLE lässt sich nicht auswählen"),
    "slug: netzwerk": ("slug: angebote", "hat schon die Seite services"),
    "records: EVENT": ("records: OFFER", "steht schon auf der Seite services"),
}


def test_mistakes_in_the_pages_are_named_with_their_lines(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[1] / "schemas" / "framework"
    for path in shipped.iterdir():
        if path.name != "register_pages.yaml":
            (tmp_path / path.name).symlink_to(path)
    text = (shipped / "register_pages.yaml").read_text("utf-8")
    for old, (new, _) in MISTAKES.items():
        assert old in text
        text = text.replace(old, new, 1)
    (tmp_path / "register_pages.yaml").write_text(text, "utf-8")
    with pytest.raises(FrameworkError) as caught:
        load_framework(tmp_path)
    told = [each for each in caught.value.problems if each.file.endswith("register_pages.yaml")]
    for old, (new, said) in MISTAKES.items():
        (line,) = {each.line for each in told if said in each.message} or {0}
        assert line > 1, (old, new)
