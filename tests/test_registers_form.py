"""The register sheets of the delivery workbook: what people see, what helps them, and that everything comes back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook as Book
from openpyxl.cell import Cell
from register_form import GOOD, REGION, YEAR, Rows, as_records, check, opened, values_of, write

from intake.checked_workbook import write_checked
from intake.checking import Received, check_deliveries
from intake.form import write_form
from intake.form_registers import FREE_ROWS
from intake.form_request import CoverAnswers, FormRequest
from intake.protocol import PROTOCOL_NAME
from intake.reading import read_workbook
from schemas.definitions_registers import NUMBERS, Register
from schemas.framework_model import Framework
from schemas.shapes import Verdict

EVIL = ["=1+1", '=HYPERLINK("http://x";"y")', "+1", "-1", "@SUM(A1)", "\t=1", "\r@x", "x\x00\x07y", "{=1}"]


@pytest.fixture(scope="module")
def path(framework: Framework, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("form") / "registers.xlsx", framework)


@pytest.fixture(scope="module")
def book(path: Path) -> Book:
    return openpyxl.load_workbook(path)


def heading(book: Book, register: Register) -> int:
    """Row of the names of the fields."""
    sheet = book[register.sheet]
    return next(c.row for c in sheet["A"] if c.value == f"#TABLE REGISTER:{register.code}") + 2


def rules(book: Book, cell: Cell) -> list[Any]:
    found = book[cell.parent.title].data_validations.dataValidation
    return [rule for rule in found if cell.coordinate in rule.sqref]


def test_every_register_has_its_sheet_its_fields_and_free_lines(framework: Framework, book: Book) -> None:
    assert book.sheetnames == ["Deckblatt", *(r.sheet for r in framework.registers.values()), "Auswahllisten"]
    assert book["Auswahllisten"].sheet_state == "hidden"
    for register in framework.registers.values():
        sheet, row = book[register.sheet], heading(book, register)
        names = [str(cell.value) for cell in sheet[row][1:] if cell.value]
        assert names[0] == "Kennung"
        for name, field in zip(names[1:], register.fields, strict=True):
            assert name == f"{field.name_de}{' *' * field.required}{'' if field.public else ' (intern)'}"
        entries = len(GOOD.get(register.code, {}))
        last = next(cell.row for cell in sheet["A"] if cell.value == "#END") - 1
        assert last - row == entries + FREE_ROWS
        fields = [sheet.cell(r, 3 + n) for r in (row + 1, last) for n in range(len(register.fields))]
        assert not [cell.coordinate for cell in fields if cell.protection.locked]
        assert all(sheet.cell(r, 2).protection.locked for r in (row + 1, last))
        assert sheet.row_dimensions[row - 2].hidden
        assert sheet.freeze_panes.endswith(str(row + 1))
        assert sheet.protection.sheet
        assert not sheet.protection.password


def test_people_see_names_and_days_never_codes(framework: Framework, book: Book) -> None:
    row = heading(book, framework.registers["OFFER"]) + 1
    shown = [cell.value for cell in book["Angebote"][row]][1:]
    assert shown[:3] == ["A-1", "Sprachcafé Nord", None]
    assert "Sprache; Gesellschaftliche Teilhabe und Partizipation" in shown
    assert "Deutsch; Arabisch" in shown
    assert "O-1 Haus der Kulturen e. V." in shown
    assert "Begegnung und Kultur" in shown
    assert "ja" in shown
    assert book["Angebote"].cell(row, 16).is_date
    assert not [text for text in shown if isinstance(text, str) and text.isupper() and len(text) > 4]


def test_every_field_is_helped_and_what_is_chosen_is_chosen_from_a_list(framework: Framework, book: Book) -> None:
    lists = {name: entry.attr_text for name, entry in book.defined_names.items()}
    for register in framework.registers.values():
        row = heading(book, register) + 1
        for number, field in enumerate(register.fields):
            (rule,) = rules(book, book[register.sheet].cell(row, 3 + number))
            assert rule.promptTitle
            if field.type in ("code", "yes_no", "indicator", "area"):
                place = lists[rule.formula1.lstrip("=")]
                sheet, cells = place.split("!")
                offered = [cell.value for (cell,) in book[sheet.strip("'")][cells.replace("$", "")]]
                codelist = framework.codelists.get(field.codelist or "")
                if codelist:
                    assert offered == [entry.name_de for entry in codelist.valid(YEAR)]
                assert all(offered)
            elif field.type == "ref":
                assert f"'{framework.registers[field.refers_to or ''].sheet}'!" in rule.formula1
                assert rule.errorStyle == "warning"
            elif field.type == "date" or field.type in NUMBERS:
                assert rule.type == {"date": "date", "year": "whole", "integer": "whole"}.get(field.type, "decimal")
            assert any(cell.value == (field.hint_de or " ") for cell in book[register.sheet][row - 2])


def test_the_cover_leads_to_every_register_and_asks_for_fehlanzeige(framework: Framework, book: Book) -> None:
    cover = book["Deckblatt"]
    keys = {str(cell.value): cell.row for cell in cover["A"]}
    for register in framework.registers.values():
        row = keys[f"#COVER nil_register:{register.code}"]
        assert cover.cell(row, 2).value == register.name_de
        assert cover.cell(row, 2).hyperlink.location == f"'{register.sheet}'!A1"
        assert [rule.formula1 for rule in rules(book, cover.cell(row, 3))] == ['"Fehlanzeige"']
    told = cover.cell(keys["#COVER nil_register:OFFER"], 4).value
    assert told == "2 Einträge vorausgefüllt"
    assert "#COVER population_basis" not in keys
    assert cover.cell(keys["#COVER scope"], 3).value == "Register"


def test_the_whole_form_holds_the_registers_behind_the_fields(
    framework: Framework, filled: Callable[[str, int], Path]
) -> None:
    form = read_workbook(filled("06414", YEAR))
    sheets = [sheet.name for sheet in form.sheets]
    first = sheets.index(next(iter(framework.registers.values())).sheet)
    assert sheets[first:] == [*(r.sheet for r in framework.registers.values()), "Erläuterungen", "Auswahllisten"]
    delivery = check(framework, {"form": form})["form"]
    assert delivery.submission.layout == "form"
    assert delivery.registers == ()
    assert not [found for found in delivery.findings if found.code.startswith("E")]


def test_a_form_from_before_the_registers_is_accepted_and_told_what_is_counted_now(
    framework: Framework, filled: Callable[[str, int], Path]
) -> None:
    form = read_workbook(filled("06414", YEAR))
    counted = {r.sheet for r in framework.registers.values()} | {"Auswahllisten"}
    sheets = []
    for sheet in form.sheets:
        cells = dict(sheet.cells)
        for place, cell in sheet.cells.items():
            if isinstance(cell.value, str) and cell.value.startswith("#COVER nil_register"):
                del cells[place]
            if cell.value == "PILOT":  # the line above was one for the number of offers
                row = next(r for r in range(place[0] - 1, 0, -1) if sheet.text(r, 1).startswith("#TABLE"))
                cells[row, 1] = sheet.cells[row, 1]._replace(value="#TABLE ANG:OFFER")
                cells[place[0] + 50, 1] = cell._replace(row=place[0] + 50, value="OFFER")
                cells[place[0] + 50, 3] = cell._replace(row=place[0] + 50, column=3, value=12.0)
                end = next(p for p, c in sheet.cells.items() if c.value == "#END")
                cells.pop(end)
                cells[place[0] + 60, 1] = cell._replace(row=place[0] + 60, value="#END")
        if sheet.name not in counted:
            sheets.append(type(sheet)(sheet.name, sheet.hidden, cells))
    before = check(framework, {"form": form})["form"]
    after = check(framework, {"old": type(form)("old.xlsx", tuple(sheets))})["old"]
    new = [found for found in after.findings if found.code not in {f.code for f in before.findings}]
    assert [(f.code, f.count, f.cell) for f in new] == [("E30", 1, f"C{new[0].cell[1:]}")]
    assert "Angebotsregister" in new[0].message
    assert after.submission.verdict is before.submission.verdict
    assert after.read_cells == before.read_cells
    assert "OFFER" not in {o.variable for o in after.observations}


# --- there and back ---------------------------------------------------------------------------------------------------

PLAIN = st.text(st.characters(whitelist_categories=("Lu", "Ll", "Nd"), max_codepoint=0x17F), min_size=1, max_size=12)
SENTENCE = st.lists(PLAIN, min_size=1, max_size=5).map(" ".join)


@st.composite
def entries(draw: st.DrawFn, framework: Framework, names: Sequence[str]) -> Rows:
    """Entries with any of their fields filled, in canonical form; references lead to entries that are there."""
    numbers = {name: [f"{framework.registers[name].id_prefix}-{n}" for n in range(1, draw(st.integers(2, 4)))]
               for name in names}  # fmt: skip
    found: dict[str, dict[str, dict[str, str]]] = {}
    for name in names:
        for number in numbers[name]:
            values = {}
            for field in framework.registers[name].fields_in(YEAR):
                if field.code == framework.registers[name].title or draw(st.booleans()):
                    text = draw(value(framework, field, numbers))
                    values |= {field.code: text} if text else {}
            found.setdefault(name, {})[number] = values
    return found


def value(framework: Framework, field: Any, numbers: dict[str, list[str]]) -> st.SearchStrategy[str]:
    several = lambda options: st.lists(st.sampled_from(options), min_size=1, max_size=3, unique=True).map(";".join)  # noqa: E731
    low, high = field.minimum if field.minimum is not None else -(10**6), field.maximum or 10**6
    if field.type in ("code", "codes"):
        options = [entry.code for entry in framework.codelists[field.codelist].valid(YEAR)]
        return several(options) if field.several else st.sampled_from(options)
    if field.type in ("ref", "refs"):
        options = numbers.get(field.refers_to, [])
        if not options:
            return st.just("")
        return several(options) if field.several else st.sampled_from(options)
    return {
        "text": SENTENCE,
        "long_text": st.lists(SENTENCE, min_size=1, max_size=3).map("\n".join),
        "date": st.dates(min_value=date(1990, 1, 1), max_value=date(2099, 12, 31)).map(str),
        "year": st.integers(max(low, 1900), min(high, 2100)).map(str),
        "integer": st.integers(low, high).map(str),
        "decimal": st.decimals(low, high, places=2).map(lambda d: f"{d.normalize():f}" if d else "0"),
        "money": st.decimals(max(low, 0), high, places=2).map(lambda d: f"{d.normalize():f}" if d else "0"),
        "yes_no": st.sampled_from(["yes", "no"]),
        "url": st.sampled_from(["https://www.example.org/a?b=1&c=ü", "http://example.org"]),
        "email": st.just("buero@example.org"),
        "phone": st.just("+49 6151 13-0"),
        "indicator": st.sampled_from(sorted(framework.indicators)),
        "areas": several([REGION, "06414", "06532023"]),
        "area": st.just(REGION),
    }[field.type]


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_is_written_comes_back(
    framework: Framework, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    names = ("CONCEPT", "TARGET", "MEASURE", "OFFER", "ORGANISATION", "BODY", "MEMBERSHIP", "OFFICE")
    rows = data.draw(entries(framework, names))
    written = write(tmp_path_factory.mktemp("random") / "form.xlsx", framework, rows)
    delivery = check(framework, {"a": opened(framework, written)})["a"]
    assert {name: values_of(delivery, name) for name in names} == rows


def test_texts_that_a_spreadsheet_would_run_stay_texts(framework: Framework, tmp_path: Path) -> None:
    rows = {"ORGANISATION": {f"O-{n}": {"NAME": text, "ACTIVE": "yes"} for n, text in enumerate(EVIL, start=1)}}
    path = write(tmp_path / "evil.xlsx", framework, rows)
    book = openpyxl.load_workbook(path)
    assert not [c.coordinate for sheet in book for row in sheet.iter_rows() for c in row if c.data_type == "f"]
    back = values_of(check(framework, {"a": opened(framework, path)})["a"], "ORGANISATION")
    for values in back.values():
        assert not values.get("NAME", "x").startswith(tuple("=+-@\t\r"))
        assert not any(ord(character) < 32 for text in values.values() for character in text)


# --- the answer ---------------------------------------------------------------------------------------------------------


def test_the_checked_workbook_is_marked_at_the_cell_and_can_be_dropped_again(
    framework: Framework, tmp_path: Path
) -> None:
    rows = {**GOOD, "OFFER": {**GOOD["OFFER"], "A-2": {**GOOD["OFFER"]["A-2"], "PROVIDER": "Frau Anna Schmidt"}}}
    source = write(tmp_path / "source.xlsx", framework, rows)
    (delivery,) = check_deliveries(framework, [_received(source)], reader=read_workbook)
    (found,) = delivery.findings
    marked = write_checked(source, tmp_path / "checked.xlsx", framework, delivery)
    assert marked == tmp_path / "checked.xlsx"
    book = openpyxl.load_workbook(marked)
    cell = book["Angebote"][found.cell]
    assert cell.value == "Frau Anna Schmidt"
    assert cell.comment.text.startswith("Prüfung – Muss: Die Angabe „Träger“ wird veröffentlicht")
    lines = [str(c.value) for c in book[PROTOCOL_NAME]["A"]]
    assert any(line.startswith("Register – Handlungskonzepte: 1 Eintrag gelesen; ") for line in lines)
    cell.value = "Integrationsbüro"
    book.save(tmp_path / "again.xlsx")
    (again,) = check_deliveries(framework, [_received(tmp_path / "again.xlsx")], reader=read_workbook)
    assert again.submission.verdict is Verdict.ACCEPTED
    assert values_of(again, "OFFER") == GOOD["OFFER"]


def _received(path: Path) -> Received:
    return Received(path, path.name, REGION, "0" * 64, datetime(2025, 5, 1), "P-1")


def test_last_years_entries_are_shown_in_the_form(framework: Framework, tmp_path: Path) -> None:
    request = FormRequest(REGION, YEAR, records=as_records(GOOD), cover=CoverAnswers(population_basis="EMR"))
    written = read_workbook(write_form(tmp_path / "form.xlsx", framework, request))
    delivery = check(framework, {"a": written})["a"]
    assert {code: values_of(delivery, code) for code in GOOD} == GOOD
