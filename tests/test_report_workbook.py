"""The workbook read back with other programs: the published numbers, built so that a screen reader can follow it."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pandas as pd
import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.worksheet.worksheet import Worksheet
from report_sample import YEAR, YEARS, few_indicators, sample_data, sample_regions

from report.build import build_report
from report.data import ReportData
from report.data_parts import TABLES
from report.workbook_frame import sheet_name
from schemas.framework_model import Framework
from schemas.loading import load_framework
from schemas.shapes import TOTAL

FRONT = {"de": ["Deckblatt", "Inhalt", "Hinweise", "Zeichen"], "en": ["Cover", "Contents", "Notes", "Signs"]}
SECRETS = (9173.9218, 913572.0, 864213.0)


@pytest.fixture(scope="module")
def framework() -> Framework:
    return few_indicators(load_framework())


@pytest.fixture(scope="module")
def data(framework: Framework) -> ReportData:
    """Three regions and two aggregates; a hidden row still has its numbers, and one row is missing altogether."""
    whole = sample_data(framework)
    regions, aggregates = sample_regions(framework)
    kept = {*regions[:3], *aggregates}
    published = whole.published[whole.published["region"].isin(kept)].reset_index(drop=True)
    hidden = published.index[(published["status"] == "secret") & (published["year"] < YEAR)][0]
    published.loc[hidden, ["value", "numerator", "denominator"]] = list(SECRETS)
    gone = published.index[(published["status"] == "ok") & (published["year"] == YEARS[0])][0]
    gaps = whole.gaps[whole.gaps["region"].isin(kept)]
    regions_kept = whole.regions[whole.regions["code"].isin(kept)]
    return replace(whole, published=published.drop(index=gone), gaps=gaps, regions=regions_kept)


@pytest.fixture(scope="module")
def folder(framework: Framework, data: ReportData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report")
    build_report(data, framework, YEAR, out, parts=(TABLES,))
    return out / TABLES


def in_reading_order(framework: Framework) -> list[str]:
    return [entry.code for field in framework.fields for entry in framework.indicators_of(field)]


def path_of(folder: Path, lang: str) -> Path:
    return folder / f"integrationsmonitoring-{YEAR}-{lang}.xlsx"


@pytest.fixture(scope="module")
def books(folder: Path) -> dict[str, Workbook]:
    return {lang: load_workbook(path_of(folder, lang)) for lang in ("de", "en")}


def table_of(sheet: Worksheet) -> list[list[object]]:
    """Cells of the only table of a sheet, header row first."""
    (table,) = sheet.tables.values()
    return [[cell.value for cell in row] for row in sheet[table.ref]]


def expected_cells(framework: Framework, data: ReportData, code: str) -> dict[tuple[str, ...], dict[int, object]]:
    """Number or sign by region name and member labels, then year, straight from the frame."""
    rows = data.published[data.published["indicator"] == code]
    dims = [dim for dim in framework.dimension_order if (rows[dim.lower()] != TOTAL).any()]
    exponent = Decimal(1).scaleb(-framework.indicators[code].decimals)
    found: dict[tuple[str, ...], dict[int, object]] = {}
    for row in rows.to_dict("records"):
        members = [row[dim.lower()] for dim in dims]
        labels = ("insgesamt" if m == TOTAL else framework.label(d, m) for d, m in zip(dims, members, strict=True))
        number = Decimal(repr(float(row["value"]))) if framework.statuses[row["status"]].has_value else None
        cell = row["sign"] if number is None else float(number.quantize(exponent, ROUND_HALF_UP))
        found.setdefault((row["region"], *labels), {})[row["year"]] = cell
    return found


def test_every_indicator_has_a_sheet_with_its_numbers(
    framework: Framework, data: ReportData, books: dict[str, Workbook]
) -> None:
    book = books["de"]
    assert book.sheetnames == [*FRONT["de"], *in_reading_order(framework)]
    missing = 0
    for code, entry in framework.indicators.items():
        head, *rows = table_of(book[code])
        first = head.index(str(YEARS[0]))
        expected = expected_cells(framework, data, code)
        assert len(rows) == len(expected), code
        for row in rows:
            cells = expected[(str(row[0]), *map(str, row[2:first]))]
            for year, cell in zip(YEARS, row[first : first + len(YEARS)], strict=True):
                missing += year not in cells
                assert cell == cells.get(year, "[k. A.]"), (code, row, year)
        formats = {
            cell.number_format for line in book[code].iter_rows() for cell in line if isinstance(cell.value, float)
        }
        if entry.decimals:
            assert "#,##0." + "0" * entry.decimals in formats
    assert missing == 1


def test_counts_of_the_report_year_stand_beside(
    framework: Framework, data: ReportData, books: dict[str, Workbook]
) -> None:
    dims = [dim.lower() for dim in framework.dimension_order]
    totals = data.published[(data.published["year"] == YEAR) & (data.published[dims] == TOTAL).all(axis=1)]
    for row in totals.to_dict("records"):
        head, *rows = table_of(books["de"][row["indicator"]])
        line = next(line for line in rows if line[0] == row["region"])
        written = (line[head.index(f"Zähler {YEAR}")], line[head.index(f"Nenner {YEAR}")])
        hidden = pd.isna(row["value"])
        assert written == ((row["sign"],) * 2 if hidden else (row["numerator"], row["denominator"]))


def test_remarks_say_in_words_what_the_sign_means(framework: Framework, books: dict[str, Workbook]) -> None:
    seen = set()
    for code in framework.indicators:
        for line in table_of(books["de"][code])[1:]:
            remark = str(line[-1])
            assert remark == "keine" or re.fullmatch(r"((\d{4}, )*\d{4}: [^\[\]]+ \[[a-z]\](; )?)+", remark), remark
            seen |= set(re.findall(r"\[([a-z])\]", remark))
    letters = {entry.letter for entry in framework.statuses.values() if entry.sign}
    assert seen <= letters
    assert len(seen) >= 4
    explained = {str(line[1]) for line in table_of(books["de"]["Zeichen"])[1:]}
    assert explained == {f"[{letter}]" for letter in letters} | {"[k. A.]"}
    assert len(letters) == len([entry for entry in framework.statuses.values() if entry.sign])


@pytest.mark.parametrize("lang", ["de", "en"])
def test_sheets_can_be_followed_by_a_screen_reader(books: dict[str, Workbook], lang: str) -> None:
    """The checklist of accessible spreadsheets: a title in A1, one real table with one header row, nothing merged,
    nothing hidden, no blank row, no empty cell in a table, columns wide enough, panes frozen below the header."""
    names: list[str] = []
    for sheet in books[lang].worksheets:
        assert sheet["A1"].value, sheet.title
        assert not sheet.merged_cells.ranges
        assert sheet.sheet_state == "visible"
        assert not any(row.hidden for row in sheet.row_dimensions.values())
        assert all(any(cell.value is not None for cell in row) for row in sheet.iter_rows()), sheet.title
        assert sheet.column_dimensions["A"].width >= 8
        if sheet.title == FRONT[lang][0]:
            assert not sheet.tables
            continue
        head, *rows = table_of(sheet)
        names += list(sheet.tables)
        assert all(isinstance(name, str) and name for name in head)
        assert len(set(head)) == len(head)
        assert rows
        assert all(cell not in (None, "") for row in rows for cell in row), sheet.title
        (table,) = sheet.tables.values()
        top = int(re.sub(r"\D", "", table.ref.partition(":")[0]))
        assert sheet.freeze_panes == f"A{top + 1}"
        assert table.autoFilter is not None
    assert len(names) == len(set(names))


@pytest.mark.parametrize("lang", ["de", "en"])
def test_contents_lead_to_every_sheet_and_back(framework: Framework, books: dict[str, Workbook], lang: str) -> None:
    book = books[lang]
    contents = FRONT[lang][1]
    targets = [cell.hyperlink.location for cell in book[contents]["A"] if cell.hyperlink]
    assert targets == [f"'{name}'!A1" for name in (*FRONT[lang][2:], *in_reading_order(framework))]
    for code in framework.indicators:
        back = [cell.hyperlink.location for cell in book[code]["A"] if cell.hyperlink]
        assert back == [f"'{contents}'!A1"]


def test_properties_and_cover(framework: Framework, data: ReportData, books: dict[str, Workbook]) -> None:
    assert framework.publication is not None
    for lang, book in books.items():
        assert str(YEAR) in book.properties.title
        assert book.properties.creator == getattr(framework.publication.publisher, f"name_{lang}")
        assert book.properties.created == datetime.fromisoformat(data.created_at).replace(tzinfo=None)
        cover = [cell.value for row in book.worksheets[0].iter_rows() for cell in row]
        assert framework.publication.licence.url in cover
        assert any("Musterdaten" in str(text) or "Sample data" in str(text) for text in cover)


def test_hidden_numbers_occur_nowhere(folder: Path) -> None:
    for path in folder.iterdir():
        with zipfile.ZipFile(path) as package:
            text = "".join(package.read(name).decode("utf-8") for name in package.namelist())
        for secret in ("9173", "913572", "864213"):
            assert secret not in text


def test_the_same_input_gives_the_same_bytes(
    framework: Framework, data: ReportData, folder: Path, tmp_path: Path
) -> None:
    shuffled = replace(data, published=data.published.sample(frac=1, random_state=1))
    build_report(shuffled, framework, YEAR, tmp_path, parts=(TABLES,))
    for path in folder.iterdir():
        assert (tmp_path / TABLES / path.name).read_bytes() == path.read_bytes()


def test_a_failing_workbook_is_named(
    framework: Framework, data: ReportData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("no style today")

    monkeypatch.setattr("report.workbook.styles", refuse)
    build_report(data, framework, YEAR, tmp_path, parts=(TABLES,))
    manifest = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["failures"], manifest["files"]) == ({TABLES: "RuntimeError: no style today"}, [])


def test_a_code_becomes_a_name_of_a_sheet() -> None:
    assert sheet_name("A/1:b") == "A_1_b"
    assert len(sheet_name("X" * 40)) == 31


def test_another_spreadsheet_program_reads_the_same(
    framework: Framework,
    folder: Path,
    books: dict[str, Workbook],
    tmp_path: Path,
    libreoffice: Callable[[Sequence[Path], str], list[Path]],
) -> None:
    """Opened and saved by LibreOffice every table still holds the same cells, numbers as numbers."""
    source = tmp_path / "again.xlsx"
    source.write_bytes(path_of(folder, "de").read_bytes())
    (saved,) = libreoffice([source], "xlsx")
    again = load_workbook(saved)
    assert again.sheetnames == books["de"].sheetnames
    for sheet in books["de"].worksheets[1:]:
        (table,) = sheet.tables.values()
        assert [[cell.value for cell in row] for row in again[sheet.title][table.ref]] == table_of(sheet)
