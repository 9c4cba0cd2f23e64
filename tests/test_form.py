"""The delivery workbook as it is sent out: complete, protected, readable for people and for the machine."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import product
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook
from openpyxl.cell import Cell
from openpyxl.worksheet.worksheet import Worksheet

from flows.demo.deliveries import entries
from flows.demo.world import World
from intake.checking import Received, read_deliveries
from intake.deliveries import latest_year
from intake.form import write_form
from intake.form_request import CoverAnswers, Entry, FormRequest
from intake.sandbox import ReaderPool
from schemas.framework_model import Framework
from schemas.shapes import member_key

CITY, TOWN, YEAR = "06414", "06532023", 2021
"""A kreisfreie Stadt and a town inside a Kreis; a year of an election, in which every variable is asked for."""

Key = tuple[str, str]
EntryCells = Callable[..., dict[Key, Cell]]


@pytest.fixture(scope="module")
def city_form(framework: Framework, world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A form as it is sent out: no values, but those of the year before beside the entry cells."""
    path = tmp_path_factory.mktemp("form") / "city.xlsx"
    return write_form(path, framework, FormRequest(CITY, YEAR, previous=entries(framework, world, CITY, YEAR - 1)))


@pytest.fixture(scope="module")
def city(city_form: Path) -> Workbook:
    return openpyxl.load_workbook(city_form)


@pytest.fixture(scope="module")
def town(framework: Framework, tmp_path_factory: pytest.TempPathFactory) -> Workbook:
    path = tmp_path_factory.mktemp("form") / "town.xlsx"
    write_form(path, framework, FormRequest(TOWN, YEAR, cover=CoverAnswers(sign_profile="DIN")))
    return openpyxl.load_workbook(path)


def asked(framework: Framework, region: str, year: int) -> Iterator[Key]:
    """Every cell that the framework asks of a region, from the definitions of the variables alone."""
    for code, variable in framework.variables.items():
        if not variable.valid_in(year) or variable.computed_from is not None:
            continue
        for table in variable.tables:
            if any(variable.asked_since.get(dimension, year) > year for dimension in table):
                continue
            dimensions = [dimension for dimension in framework.dimension_order if dimension in table]
            members = [
                tuple(framework.territory.subareas(region, date(year, 12, 31)))
                if framework.dimensions[dimension].dynamic
                else framework.entry_members(code, dimension)
                for dimension in dimensions
            ]
            for combination in product(*members):
                yield code, member_key(zip(dimensions, combination, strict=True))


def field_sheets(book: Workbook) -> list[Worksheet]:
    marks = {sheet.title: [str(c.value) for c in sheet["A"] if str(c.value).startswith("#TABLE")] for sheet in book}
    return [sheet for sheet in book.worksheets if [m for m in marks[sheet.title] if "REGISTER:" not in m]]


def cover_cell(book: Workbook, name: str) -> Cell:
    cover = book["Deckblatt"]
    row = next(cell.row for cell in cover["A"] if cell.value == f"#COVER {name}")
    return cover.cell(row, 3)


def choices(book: Workbook, cell: Cell) -> list[str]:
    """What the drop-down of a cell offers."""
    rules = [rule for rule in book["Deckblatt"].data_validations.dataValidation if cell.coordinate in rule.sqref]
    assert [rule.type for rule in rules] == ["list"], cell.coordinate
    return rules[0].formula1.strip('"').split(",")


# --- the same for everybody ------------------------------------------------------------------------------------------


def test_the_same_request_gives_the_same_bytes(framework: Framework, city_form: Path, tmp_path: Path) -> None:
    request = FormRequest(CITY, YEAR, values={("POP", ""): 5}, previous={("POP", ""): 7}, sample=True)
    first = write_form(tmp_path / "a" / "one.xlsx", framework, request)
    second = write_form(tmp_path / "b" / "other name.xlsx", framework, request)
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes() != city_form.read_bytes()


def test_writing_a_form_warns_of_nothing(framework: Framework, tmp_path: Path) -> None:
    # xlsxwriter only warns and leaves out what Excel would not accept, for instance a list that is too long
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for profile in framework.sign_profiles:
            cover = CoverAnswers(sign_profile=profile)
            write_form(tmp_path / f"{profile}.xlsx", framework, FormRequest(CITY, YEAR, cover=cover))


# --- complete --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "region"), [("city", CITY), ("town", TOWN)])
def test_every_asked_cell_has_one_unlocked_entry_cell_with_its_key(
    framework: Framework, entry_cells: EntryCells, form: str, region: str, request: pytest.FixtureRequest
) -> None:
    cells = entry_cells(request.getfixturevalue(form))
    assert set(cells) == set(asked(framework, region, YEAR))
    assert len({(cell.parent.title, cell.coordinate) for cell in cells.values()}) == len(cells)
    assert [key for key, cell in cells.items() if cell.protection.locked] == []


def test_what_is_not_an_entry_an_answer_or_a_note_is_locked(city: Workbook, entry_cells: EntryCells) -> None:
    entry = {(cell.parent.title, cell.coordinate) for cell in entry_cells(city).values()}
    for sheet in field_sheets(city):
        open_cells = {c.coordinate for row in sheet.iter_rows() for c in row if not c.protection.locked}
        other = open_cells - {coordinate for title, coordinate in entry if title == sheet.title}
        notes = {c.column for row in sheet.iter_rows() for c in row if c.value == "#NOTE"}
        assert {sheet[coordinate].column for coordinate in other} <= notes
        assert {sheet[coordinate].value for coordinate in other} == {None}


def test_every_field_has_its_own_sheet_in_reading_order(framework: Framework, city: Workbook) -> None:
    wanted = [code for code in framework.fields if framework.variables_of(code, YEAR)]
    sheets = field_sheets(city)
    assert [sheet.title.split(" ")[0] for sheet in sheets] == wanted
    assert all(len(sheet.title) <= 31 for sheet in sheets)
    registers = [register.sheet for register in framework.registers_in(YEAR)]
    first = ["Deckblatt", *(sheet.title for sheet in sheets)]
    assert city.sheetnames == [*first, *registers, "Erläuterungen", "Auswahllisten"]
    for sheet, code in zip(sheets, wanted, strict=True):
        assert sheet["B1"].value == f"{framework.fields[code].name_de} – Wiesbaden, Berichtsjahr {YEAR}"


def test_every_row_and_column_is_labelled_and_every_table_explained(framework: Framework, city: Workbook) -> None:
    for sheet in field_sheets(city):
        key_rows = [cell.row for cell in sheet["A"] if str(cell.value or "").startswith("#TABLE")]
        for row in key_rows:
            assert sheet.row_dimensions[row].hidden  # the keys are for the machine
            columns = [cell for cell in sheet[row][2:] if cell.value and not cell.value.startswith("#")]
            below = sheet.cell(row + 1, 1)
            assert below.value == "#HEAD"
            assert all(sheet.cell(row + 1, cell.column).value for cell in columns)
        for cell in sheet["A"]:
            if cell.value and not cell.value.startswith("#"):
                assert sheet.cell(cell.row, 2).value
        assert sheet.column_dimensions["A"].hidden
    # definition, source and who delivers it stand above a table of one variable, or as a comment at the row
    said = {str(c.value) for s in field_sheets(city) for c in s["B"]}
    said |= {c.comment.text for s in field_sheets(city) for c in s["B"] if c.comment}
    for variable in framework.variables.values():
        if variable.computed_from is not None:
            assert not any(variable.definition_de in text for text in said), variable.code
            continue
        if not variable.valid_in(YEAR):
            continue
        assert any(text.startswith(f"{variable.definition_de} Quelle: ") for text in said), variable.code


def test_the_guide_names_every_variable_with_its_definition(framework: Framework, city: Workbook) -> None:
    guide = city["Erläuterungen"]
    told = {(row[2].value, row[3].value) for row in guide.iter_rows(min_row=2)}
    typed = [v for v in framework.variables.values() if v.valid_in(YEAR) and v.computed_from is None]
    assert told == {(v.name_de, v.definition_de) for v in typed}


def test_a_cell_that_another_table_asks_for_says_see_above_and_is_locked(
    framework: Framework, city: Workbook, entry_cells: EntryCells
) -> None:
    blocked = [c for s in field_sheets(city) for row in s.iter_rows() for c in row if c.value == "s. oben"]
    # a cell of two tables of one variable is asked for once: as many cells are blocked as there are repetitions
    repeated = len(list(asked(framework, CITY, YEAR))) - len(set(asked(framework, CITY, YEAR)))
    assert len(blocked) == repeated > 0
    assert all(cell.protection.locked for cell in blocked)


# --- help for filling in ---------------------------------------------------------------------------------------------


def test_the_cover_names_region_year_version_and_deadline(framework: Framework, city: Workbook) -> None:
    told = {name: cover_cell(city, name).value for name in ("region", "region_name", "year", "version", "deadline")}
    assert told == {
        "region": CITY,
        "region_name": "Wiesbaden, Landeshauptstadt",
        "year": str(YEAR),
        "version": framework.version,
        "deadline": "31.10.2022",
    }
    # the code is text: a number would lose its leading zero
    assert cover_cell(city, "region").data_type == "s"
    assert all(cover_cell(city, name).protection.locked for name in told)


def test_the_cover_has_drop_downs_for_every_choice(framework: Framework, city: Workbook) -> None:
    bases = [basis.name_de for basis in framework.head.delivery.population_bases]
    assert choices(city, cover_cell(city, "population_basis")) == bases
    profiles = [f"{profile.code} – {profile.name_de}" for profile in framework.sign_profiles.values()]
    assert choices(city, cover_cell(city, "sign_profile")) == profiles
    assert choices(city, cover_cell(city, "nil")) == ["Fehlanzeige"]
    for code in framework.fields:
        if framework.variables_of(code, YEAR):
            assert choices(city, cover_cell(city, f"nil:{code}")) == ["Fehlanzeige"]
    for name in ("population_basis", "sign_profile", "nil", "contact_name", "contact_mail", "unit", "remarks"):
        assert not cover_cell(city, name).protection.locked


def test_the_legend_shows_every_sign_of_the_chosen_profile(framework: Framework, town: Workbook) -> None:
    profile = framework.sign_profiles["DIN"]
    assert cover_cell(town, "sign_profile").value == f"DIN – {profile.name_de}"
    shown = {row[1].value: row[2].value for row in town["Deckblatt"].iter_rows()}
    for status, variants in profile.signs.items():
        assert shown[variants[0]] == framework.statuses[status].meaning_de


def test_excel_warns_of_anything_but_a_count_or_a_sign_in_every_entry_cell(
    framework: Framework, city: Workbook, entry_cells: EntryCells
) -> None:
    signs = [variants[0] for variants in next(iter(framework.sign_profiles.values())).signs.values()]
    checked: set[tuple[str, str]] = set()
    for sheet in field_sheets(city):
        for rule in sheet.data_validations.dataValidation:
            assert rule.type == "custom"
            assert rule.errorStyle == "warning"  # a municipality may know better
            assert all(f'"{sign}"' in rule.formula1 for sign in signs)
            checked |= {(sheet.title, cell.coordinate) for span in rule.sqref.ranges for cell in _cells(sheet, span)}
    assert {(c.parent.title, c.coordinate) for c in entry_cells(city).values()} <= checked


def _cells(sheet: Worksheet, span: object) -> Iterator[Cell]:
    found = sheet[str(span)]
    if isinstance(found, Cell):
        yield found
    else:
        for row in found:
            yield from row


def test_every_sheet_is_protected_without_a_password(city: Workbook) -> None:
    for sheet in city.worksheets:
        assert sheet.protection.sheet, sheet.title
        assert not sheet.protection.password  # structure is guarded against slips, not against the sender


def test_the_values_of_last_year_stand_beside_the_entry_cells(
    framework: Framework, world: World, city: Workbook
) -> None:
    known = entries(framework, world, CITY, YEAR - 1)
    shown: dict[Key, Entry | None] = {}
    for sheet in field_sheets(city):
        columns: dict[int, str] = {}
        note = 0
        for row in sheet.iter_rows():
            mark = str(row[0].value or "")
            if mark.startswith("#TABLE"):
                columns = {c.column: c.value[6:] for c in row if str(c.value or "").startswith("#PREV ")}
                note = next(c.column for c in row if c.value == "#NOTE")
            if mark == "#HEAD" and columns:
                labels = [sheet.cell(row[0].row, c).value for c in range(3, note)]
                assert [sheet.cell(row[0].row, c).value for c in sorted(columns)] == labels
            if not mark or mark.startswith("#"):
                continue
            for column, key in columns.items():
                assert column > note
                cell = sheet.cell(row[0].row, column)
                assert cell.protection.locked
                variable, _, own = mark.partition("|")
                pairs = [tuple(p.split("=")) for p in f"{own},{key}".split(",") if "=" in p]
                pairs.sort(key=lambda pair: framework.dimension_order.index(pair[0]))
                shown.setdefault((variable, member_key(pairs)), cell.value)
    assert {key: value for key, value in shown.items() if value is not None} == {
        key: float(value) if isinstance(value, Decimal) else value for key, value in known.items()
    }
    assert any(cell.value == f"Vorjahr {YEAR - 1}" for sheet in field_sheets(city) for r in sheet for cell in r)


def test_a_form_without_known_values_has_no_column_for_last_year(town: Workbook) -> None:
    texts = {str(c.value) for s in field_sheets(town) for row in s.iter_rows() for c in row if c.value is not None}
    assert not [text for text in texts if text.startswith(("Vorjahr ", "#PREV"))]


def test_a_town_below_the_kreis_finds_what_only_the_kreis_can_know_prefilled(
    framework: Framework, town: Workbook, entry_cells: EntryCells
) -> None:
    levels = {code: variable.lowest_level for code, variable in framework.variables.items()}
    assert {"G", "K"} <= set(levels.values())
    optional = {(d, m) for d, dim in framework.dimensions.items() for m in dim.members if dim.is_residual(m)}
    for (variable, members), cell in entry_cells(town).items():
        residual = any(tuple(pair.split("=")) in optional for pair in members.split(",") if pair)
        expected = "n/v" if levels[variable] in ("K", "L") and not residual else None
        assert cell.value == expected, (variable, members)


def test_a_kreis_finds_nothing_prefilled(framework: Framework, city: Workbook, entry_cells: EntryCells) -> None:
    # prefilled signs would be taken for answers
    above = {code for code, variable in framework.variables.items() if variable.lowest_level == "L"}
    assert {cell.value for (variable, _), cell in entry_cells(city).items() if variable not in above} == {None}


def test_an_own_value_wins_over_the_prefilled_sign(
    framework: Framework, entry_cells: EntryCells, tmp_path: Path
) -> None:
    key = next(k for k in asked(framework, TOWN, YEAR) if framework.variables[k[0]].lowest_level == "K")
    path = write_form(tmp_path / "own.xlsx", framework, FormRequest(TOWN, YEAR, values={key: 12}))
    assert entry_cells(openpyxl.load_workbook(path))[key].value == 12


def test_sample_data_say_so_on_every_sheet_that_holds_values(
    framework: Framework, city: Workbook, tmp_path: Path
) -> None:
    path = write_form(tmp_path / "sample.xlsx", framework, FormRequest(CITY, YEAR, sample=True))
    book = openpyxl.load_workbook(path)
    for sheet in [book["Deckblatt"], *field_sheets(book)]:
        assert sheet["B2"].value == "Musterdaten – keine echten Werte", sheet.title
    real = {str(c.value) for s in city.worksheets for row in s.iter_rows() for c in row}
    assert not [text for text in real if "Muster" in text]


def test_texts_that_look_like_formulas_stay_texts(framework: Framework, tmp_path: Path) -> None:
    cover = CoverAnswers(contact_name="=1+1", remarks="+49 611 1", unit="https://example.org")
    path = write_form(tmp_path / "odd.xlsx", framework, FormRequest(CITY, YEAR, cover=cover))
    book = openpyxl.load_workbook(path)
    assert cover_cell(book, "contact_name").data_type == "s"
    assert not [c for s in book.worksheets for row in s.iter_rows() for c in row if c.data_type == "f"]
    assert not book["Deckblatt"]._hyperlinks


# --- LibreOffice -----------------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_libreoffice_opens_the_form_and_keeps_keys_locks_and_drop_downs(
    libreoffice: Callable[[Sequence[Path], str], list[Path]], city_form: Path, city: Workbook, entry_cells: EntryCells
) -> None:
    (converted,) = libreoffice([city_form], "xlsx")
    book = openpyxl.load_workbook(converted)
    assert book.sheetnames == city.sheetnames
    before, after = entry_cells(city), entry_cells(book)
    assert set(after) == set(before)
    assert [key for key, cell in after.items() if cell.protection.locked] == []
    assert all(sheet.protection.sheet for sheet in book.worksheets)
    assert choices(book, cover_cell(book, "nil")) == ["Fehlanzeige"]
    for sheet in field_sheets(book):
        assert sheet.column_dimensions["A"].hidden


@pytest.mark.thorough
def test_libreoffice_prints_the_form(libreoffice: Callable[[Sequence[Path], str], list[Path]], city_form: Path) -> None:
    (printed,) = libreoffice([city_form], "pdf")
    assert printed.read_bytes().startswith(b"%PDF-")
    assert printed.stat().st_size > 20_000


# --- there and back --------------------------------------------------------------------------------------------------


@st.composite
def fillings(draw: st.DrawFn, framework: Framework) -> tuple[str, dict[Key, tuple[Entry, Decimal | None, str]]]:
    """A sign profile and what is entered: cell -> (entry, value expected, status expected)."""
    profile = framework.sign_profiles[draw(st.sampled_from(sorted(framework.sign_profiles)))]
    keys = sorted(set(asked(framework, CITY, YEAR)))
    picked = draw(st.lists(st.sampled_from(keys), min_size=1, max_size=60, unique=True))
    found = {}
    for key in picked:
        kind = draw(st.sampled_from(["number", "sign", "bracket", "suffix", "german", "measured"]))
        count = draw(st.integers(0, 10**9))
        plain = "ok" if count else "zero"
        if kind == "sign":
            status = draw(st.sampled_from(sorted(profile.signs)))
            value = Decimal(0) if status in ("zero", "rounded_to_zero") else None
            found[key] = (draw(st.sampled_from(profile.signs[status])), value, status)
        elif kind == "bracket":
            found[key] = (f"({count})", Decimal(count), profile.brackets)
        elif kind == "suffix":
            suffix = draw(st.sampled_from(sorted(profile.suffixes)))
            found[key] = (f"{count} {suffix}", Decimal(count), profile.suffixes[suffix])
        elif kind == "german" and count >= 1000:
            space = draw(st.sampled_from([" ", "\u00a0", "\u202f"]))
            found[key] = (f"{count:,}".replace(",", space), Decimal(count), plain)
        elif kind == "measured" and not framework.is_integer(key[0]):
            number = draw(st.decimals(0, 10**6, places=4))
            found[key] = (number, number, "ok" if number else "zero")
        else:
            found[key] = (count, Decimal(count), plain)
    return profile.code, found


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_is_entered_comes_back_with_value_and_status(
    framework: Framework, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    profile, filling = data.draw(fillings(framework))
    path = tmp_path_factory.mktemp("random") / "form.xlsx"
    cover = CoverAnswers(population_basis="EMR", sign_profile=profile)
    values = {key: entry for key, (entry, _, _) in filling.items()}
    write_form(path, framework, FormRequest(CITY, YEAR, values=values, cover=cover))
    received = Received(path, path.name, CITY, "0" * 64, datetime(2022, 1, 1))
    (read,) = read_deliveries(framework, [received])
    back = {(o.variable, member_key(o.members)): (o.value, o.status) for o in read.observations}
    assert back == {key: (value, status) for key, (_, value, status) in filling.items()}
    assert {(o.region, o.year) for o in read.observations} == {(CITY, YEAR)}


def test_the_year_is_known_from_the_cover_wherever_it_stands(framework: Framework, tmp_path: Path) -> None:
    path = write_form(tmp_path / "form.xlsx", framework, FormRequest(CITY, YEAR))
    moved, book = tmp_path / "moved.xlsx", openpyxl.load_workbook(path)
    book.move_sheet(book.sheetnames[0], offset=len(book.sheetnames) - 1)
    book.save(moved)
    other = tmp_path / "other.csv"
    other.write_text("Region;Wert\n06413;7\n", encoding="utf-8")
    with ReaderPool() as pool:
        read = [Received(file, file.name, CITY, "0" * 64, datetime(2022, 1, 1)) for file in (path, moved, other)]
        assert [latest_year(framework, received, pool) for received in read] == [YEAR, YEAR, 0]
        first = pool.read(path, sheets=1)
    assert len(first.sheets) == 1
