"""Foreign layouts: what is recognised and read, one case per defect, and the strictness of the layout files."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import cache
from itertools import product
from pathlib import Path

import pytest

from intake.layout_loading import combine
from intake.layout_model import Layout, normalised
from intake.layout_sample import write_sample
from intake.layouts import Extraction, LayoutError, extract, load_layouts, recognise
from intake.reading import Cell, CellValue, Sheet, Workbook, read_workbook
from schemas.framework_model import Framework
from schemas.loading import load_framework
from schemas.shapes import Severity, member_key
from schemas.yaml_source import FrameworkError

Grid = list[list[CellValue]]
YEAR = 2024
MISSING_ROW = ("S10", "S08")


@cache
def framework() -> Framework:
    return load_framework()


@cache
def city() -> Layout:
    return next(layout for layout in load_layouts(framework()) if layout.code == "WI-BEV")


def values() -> dict[tuple[str, str], int]:
    """A number for every cell of the city's layout."""
    sheet = city().sheets[0]
    cells = product(
        sheet.labels[0].values, (column for column in sheet.columns if column.value and not column.optional)
    )
    keys = [combine(framework(), (column.value, label)) for label, column in cells if column.value]
    return {(variable, member_key(members)): 10 + number for number, (variable, members) in enumerate(keys)}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sample") / "lieferung.xlsx"
    write_sample(path, city(), framework(), values(), YEAR)
    return path


@pytest.fixture
def grid(sample: Path) -> Grid:
    """The sample as rows of values, to be damaged."""
    sheet = read_workbook(sample).sheets[0]
    rows, columns = range(1, sheet.last_row + 1), range(1, sheet.last_column + 1)
    cells = [[sheet.at(row, column) for column in columns] for row in rows]
    return [[cell.value if cell else None for cell in row] for row in cells]


def sheet_of(name: str, grid: Grid) -> Sheet:
    cells = {(r, c): Cell(r, c, v) for r, row in enumerate(grid, 1) for c, v in enumerate(row, 1) if v is not None}
    return Sheet(name, False, cells)


def read(grid: Grid, *, name: str = "Bevölkerung") -> Extraction:
    workbook = Workbook("lieferung.xlsx", (sheet_of(name, grid),))
    return extract(workbook, city(), framework(), folder_region=None)


def numbers(extraction: Extraction) -> dict[tuple[str, str], int]:
    return {(o.variable, member_key(o.members)): int(o.value or 0) for o in extraction.observations}


def codes(extraction: Extraction) -> list[tuple[str, str]]:
    return [(finding.code, finding.cell) for finding in extraction.findings]


# --- what is written is read again -----------------------------------------------------------------------------------


def test_a_sample_is_recognised_and_gives_back_the_same_values(sample: Path) -> None:
    workbook = read_workbook(sample)
    assert recognise(workbook, load_layouts(framework())) == city()
    found = extract(workbook, city(), framework(), folder_region=None)
    assert found.findings == ()
    assert numbers(found) == values()
    assert found.expected_cells == len(values()) == 180
    assert {(o.region, o.year, o.sheet) for o in found.observations} == {("06414", YEAR, "Bevölkerung")}
    first = found.observations[0]
    assert (first.cell, first.members) == ("B5", (("SEX", "M"), ("AGE", "A00_02")))
    assert (first.row_label, first.column_label) == ("0 bis unter 3 Jahre", "Bevölkerung insgesamt / männlich")


def test_the_same_values_give_the_same_bytes(sample: Path, tmp_path: Path) -> None:
    write_sample(tmp_path / "again.xlsx", city(), framework(), values(), YEAR)
    assert (tmp_path / "again.xlsx").read_bytes() == sample.read_bytes()


def test_a_value_without_a_place_in_the_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no place for"):
        write_sample(tmp_path / "x.xlsx", city(), framework(), {("POP", "GRP=U"): 1}, YEAR)


@pytest.mark.parametrize("seed", range(20))
def test_columns_and_rows_in_another_order_give_the_same_values(grid: Grid, seed: int) -> None:
    """Whole groups change places, as their merged headers do; nothing depends on a position."""
    shuffled = random.Random(seed)
    groups, rows = [[1, 2, 3], [4, 5, 6], [7, 8, 9], [10, 11, 12]], grid[4:19]
    shuffled.shuffle(groups)
    shuffled.shuffle(rows)
    order = [0, *(column for group in groups for column in group)]
    moved = [[row[column] for column in order] for row in (*grid[2:4], *rows)]
    assert numbers(read([*grid[:2], *moved])) == values()
    inserted = [[None, *row] for row in ([], *grid[:2], [], *moved)]
    assert numbers(read(inserted)) == values()


# --- texts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "compared"),
    [
        ("  Deutsche\nmit  Migrations\u00adhintergrund1) ", "deutsche mit migrationshintergrund"),
        ("20191)", "2019"),
        ("Anteil 1), 2)", "anteil"),
        ("Kinder (unter 3)", "kinder (unter 3)"),
        ("Anteil (in %)2)", "anteil (in %)"),
        ("1) Quelle", "1) quelle"),
        ("A\u0308mter", "ämter"),
    ],
)
def test_texts_are_compared_without_blanks_case_and_footnote_marks(written: str, compared: str) -> None:
    assert normalised(written) == compared


def test_a_retyped_header_is_found(grid: Grid) -> None:
    grid[2][0], grid[3][1] = " ALTERS\u00adGRUPPE2) ", "Männlich\u00a0"
    assert read(grid).findings == ()


def test_an_alias_is_found_and_a_similar_text_is_not(grid: Grid) -> None:
    grid[2][10] = "Nichtdeutsche"
    assert read(grid).findings == ()
    grid[2][10] = "Ausländer/innen"
    found = read(grid)
    assert sorted({finding.code for finding in found.findings}) == ["S06", "S08"]
    assert len(found.observations) == 180 - 45


# --- closed world ----------------------------------------------------------------------------------------------------


def test_an_unknown_column_is_an_error(grid: Grid) -> None:
    for number, row in enumerate(grid):
        row.insert(4, None if number < 2 else "Staatenlose" if number == 2 else "zusammen" if number == 3 else 1.0)
    found = read(grid)
    assert codes(found) == [("S06", "E3")]
    assert "Staatenlose / zusammen" in found.findings[0].message
    assert found.findings[0].severity is Severity.ERROR
    assert numbers(found) == values()


def test_a_column_without_a_header_is_an_error(grid: Grid) -> None:
    grid[6].append(77.0)
    found = read(grid)
    assert codes(found) == [("S06", "N7")]
    assert "„N“" in found.findings[0].message


def test_a_repeated_header_is_not_guessed(grid: Grid) -> None:
    for row in grid[2:19]:
        row += row[1:2]
    grid[2][13] = "Bevölkerung insgesamt"
    assert codes(read(grid)) == [("S06", "N3")]


def test_an_unknown_row_is_an_error(grid: Grid) -> None:
    grid.insert(8, ["100 Jahre und älter", *[1.0] * 12])
    found = read(grid)
    assert codes(found) == [("S07", "A9")]
    assert "100 Jahre und älter" in found.findings[0].message
    assert numbers(found) == values()


def test_values_without_a_label_are_an_error(grid: Grid) -> None:
    grid[10][0] = None
    assert codes(read(grid))[0] == ("S07", "B11")


def test_an_unknown_footnote_is_an_error_and_a_known_one_is_not(grid: Grid) -> None:
    assert read([*grid, ["Quelle: Einwohnermelderegister, Stand 3.2.2025"]]).findings == ()
    assert codes(read([*grid, ["vorläufig"]])) == [("S07", f"A{len(grid) + 1}")]


def test_a_number_above_the_header_is_no_title(grid: Grid) -> None:
    grid[1] = [None, 12.0]
    assert codes(read(grid)) == [("S07", "B2")]


def test_a_missing_row_is_reported(grid: Grid) -> None:
    del grid[6]
    found = read(grid)
    assert [finding.row_label for finding in found.findings] == ["6 bis unter 10 Jahre"]
    assert found.findings[0].code in MISSING_ROW
    assert found.expected_cells == 168


def test_a_missing_column_is_reported_and_the_others_are_read(grid: Grid) -> None:
    for row in grid:
        del row[5:6]
    found = read(grid)
    assert [(f.code, f.column_label) for f in found.findings] == [
        ("S08", "Deutsche ohne Migrationshintergrund / weiblich")
    ]
    assert len(found.observations) == 165


def test_without_its_anchor_nothing_of_a_sheet_is_read(grid: Grid) -> None:
    grid[2][0] = "Jahre"
    found = read(grid)
    assert [finding.code for finding in found.findings] == ["S08"]
    assert found.observations == ()


def test_a_missing_sheet_is_fatal_and_another_one_is_noticed(grid: Grid) -> None:
    found = read(grid, name="Tabelle1")
    assert [(f.code, f.severity, f.sheet) for f in found.findings] == [
        ("S09", Severity.FATAL, "Bevölkerung"),
        ("S04", Severity.WARNING, "Tabelle1"),
    ]


def test_an_optional_ignored_column_may_be_there(grid: Grid) -> None:
    for number, row in enumerate(grid[2:19]):
        row.append("Anteil mit Migrationshintergrund in %" if number == 0 else None if number == 1 else 33.3)
    assert read(grid).findings == ()


@pytest.mark.parametrize("title", ["Bevölkerung", "Landeshauptstadt Wiesbaden: Bevölkerung am 31.12."])
def test_a_title_without_a_year_is_asked_about(grid: Grid, title: str) -> None:
    grid[0] = [title]
    found = read(grid)
    assert [finding.code for finding in found.findings] == ["C03"]
    assert found.observations == ()


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        ("k. A.", "V22", "k. A."),
        ("etwa hundert", "V03", "etwa hundert"),
        (-3.0, "V04", "−3"),
        (12.5, "V05", "12,5"),
        (datetime(2024, 3, 1), "V09", "01.03.2024"),
        (True, "V12", "WAHR"),
        ("12 %", "V16", "12 %"),
    ],
)
def test_an_unreadable_cell_is_reported_with_its_address(grid: Grid, value: CellValue, code: str, shown: str) -> None:
    grid[5][4] = value
    found = read(grid)
    assert [(f.code, f.sheet, f.cell, f.found) for f in found.findings] == [(code, "Bevölkerung", "E6", shown)]
    finding = found.findings[0]
    assert (finding.variable, finding.members, finding.region) == ("POP", "GRP=DOM,SEX=M,AGE=A03_05", "06414")
    assert (finding.row_label, finding.column_label) == (
        "3 bis unter 6 Jahre",
        "Deutsche ohne Migrationshintergrund / männlich",
    )
    assert len(found.observations) == 179


# --- other shapes of tables ------------------------------------------------------------------------------------------

SMALL = """\
code: {code}
name_de: Probe
sign_profile: {profile}
recognise: {{sheets: [{sheet!r}]}}
sheets:
  - name: {sheet!r}
    header: {{anchor: Wert}}
    region: {region}
    year: {year}
    columns: {columns}
    labels: {labels}
    ignore_rows: {ignore}
"""
Build = Callable[..., tuple[Framework, tuple[Layout, ...]]]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Write layout files and load them into the default framework."""
    folder = tmp_path / "layouts"
    folder.mkdir()

    def write(**parts: str) -> tuple[Framework, tuple[Layout, ...]]:
        known = {
            "code": "PROBE",
            "profile": "HSL",
            "sheet": "Daten",
            "region": "{fixed: '06414'}",
            "year": "{fixed: 2024}",
            "columns": "[{header: Wert, value: {variable: POP}}]",
            "labels": "[]",
            "ignore": "[]",
        } | parts
        text = SMALL.format_map(known)
        (folder / f"{known['code'].lower()}.yaml").write_text(text.replace("    year: -\n", ""), "utf-8")
        rules = replace(framework(), layouts_folder=folder)
        return rules, load_layouts(rules)

    return write


def run(built: tuple[Framework, tuple[Layout, ...]], grid: Grid, folder: str | None = None) -> Extraction:
    rules, layouts = built
    workbook = Workbook("probe.xlsx", (sheet_of("Daten", grid),))
    assert recognise(workbook, layouts) is layouts[0]
    return extract(workbook, layouts[0], rules, folder_region=folder)


KEYED = "[{header: AGS, key: ags}, {header: Wert, value: {variable: POP}}]"


def test_a_key_that_lost_its_state_digits_is_repaired_as_the_layout_says(build: Build) -> None:
    built = build(columns=KEYED, region="{keys: [ags], prefix: '06', pad: 3, map: {'0': '06'}}")
    found = run(built, [["AGS", "Wert"], [411.0, 1.0], ["412 ", 2.0], [0.0, 3.0]])
    assert [(o.region, int(o.value or 0)) for o in found.observations] == [("06411", 1), ("06412", 2), ("06", 3)]


def test_an_unknown_key_is_one_finding_however_often_it_occurs(build: Build) -> None:
    built = build(columns=KEYED, region="{keys: [ags], prefix: '06', pad: 3}")
    found = run(built, [["AGS", "Wert"], [999.0, 1.0], [999.0, 2.0], [411.0, 3.0]])
    assert [(f.code, f.cell, f.region, f.count) for f in found.findings] == [("C02", "A2", "06999", 2)]
    assert len(found.observations) == 1


def test_a_key_that_is_not_valid_yet_is_explained(build: Build) -> None:
    built = build(columns=KEYED, region="{keys: [ags]}", year="{fixed: 2025}")
    found = run(built, [["AGS", "Wert"], ["06415", 1.0]])
    assert [finding.code for finding in found.findings] == ["C02"]
    assert "gilt erst ab 01.01.2026" in found.findings[0].message
    later = build(columns=KEYED, region="{keys: [ags], as_of: 2026-12-31}", year="{fixed: 2025}")
    assert run(later, [["AGS", "Wert"], ["06415", 1.0]]).findings == ()


def test_regions_may_be_named(build: Build) -> None:
    built = build(columns=KEYED, region="{keys: [ags], by: name, map: {Bad Nauheim Stadt: '06440002'}}")
    found = run(built, [["AGS", "Wert"], ["Hochtaunuskreis", 1.0], ["Bad  Nauheim Stadt", 2.0], ["Atlantis", 3.0]])
    assert [o.region for o in found.observations] == ["06434", "06440002"]
    assert codes(found) == [("S07", "A4")]


def test_the_folder_may_say_the_region(build: Build) -> None:
    built = build(region="{folder: true}")
    assert run(built, [["Wert"], [1.0]], "06412").observations[0].region == "06412"
    assert [finding.code for finding in run(built, [["Wert"], [1.0]]).findings] == ["C01"]


def test_one_column_per_year(build: Build) -> None:
    built = build(year="-", columns="[{header: 'Wert {year}', value: {variable: POP}}, {header: Wert, ignore: leer}]")
    found = run(built, [["Wert", "Wert 2022", "Wert 20231)"], [None, 1.0, 2.0]])
    assert [(o.year, int(o.value or 0), o.cell) for o in found.observations] == [(2022, 1, "B2"), (2023, 2, "C2")]


def test_years_in_rows_and_labels_that_are_written_once(build: Build) -> None:
    built = build(
        year="{key: year}",
        columns="[{header: Geschlecht, key: sex, fill_down: true}, {header: Jahr, key: year},"
        " {header: Wert, value: {variable: POP}}]",
        labels="[{key: sex, values: [{text: Männer, members: {SEX: M}}, {text: Frauen, members: {SEX: W}}]}]",
        ignore="[{key: year, text: '0', why: leere Zeile}]",
    )
    rows: Grid = [["Männer", 2022.0, 1.0], [None, "2023", 2.0], ["Frauen", 2022.0, 3.0], [None, "?", 4.0], [None, 0.0]]
    found = run(built, [["Geschlecht", "Jahr", "Wert"], *rows])
    assert [(o.year, member_key(o.members), int(o.value or 0)) for o in found.observations] == [
        (2022, "SEX=M", 1),
        (2023, "SEX=M", 2),
        (2022, "SEX=W", 3),
    ]
    assert codes(found) == [("S07", "B5")]


def test_the_year_may_be_the_name_of_the_sheet(build: Build) -> None:
    rules, layouts = build(sheet="Daten {year}", year="-")
    sheets = tuple(sheet_of(f"Daten {year}", [["Wert"], [float(year)]]) for year in (2022, 2023))
    found = extract(Workbook("probe.xlsx", sheets), layouts[0], rules, folder_region=None)
    assert [(o.year, int(o.value or 0)) for o in found.observations] == [(2022, 2022), (2023, 2023)]


def test_the_signs_are_those_of_the_office(build: Build) -> None:
    """Lower Saxony writes 0 for exactly zero and k for rounded to zero; a bracket limits a value."""
    grid: Grid = [["AGS", "Wert"], ["06411", "0"], ["06412", "k"], ["06413", "(12)"], ["06414", "–"], ["06431", 0.0]]
    found = run(build(columns=KEYED, region="{keys: [ags]}", profile="LSN"), grid)
    assert [(o.region, o.value, o.status) for o in found.observations] == [
        ("06411", Decimal(0), "zero"),
        ("06412", Decimal(0), "rounded_to_zero"),
        ("06413", Decimal(12), "limited"),
        ("06431", Decimal(0), "zero"),
    ]
    assert codes(found) == [("V10", "B5")]
    hessian = run(build(columns=KEYED, region="{keys: [ags]}", profile="HSL"), grid)
    assert [finding.cell for finding in hessian.findings] == ["B3"]
    assert [o.status for o in hessian.observations if o.region == "06414"] == ["zero"]


def test_two_layouts_for_one_workbook_are_refused(build: Build) -> None:
    build(code="ONE")
    _, layouts = build(code="TWO")
    with pytest.raises(LayoutError, match="ONE, TWO"):
        recognise(Workbook("probe.xlsx", (sheet_of("Daten", [["Wert"]]),)), layouts)
    assert recognise(Workbook("probe.xlsx", (sheet_of("Andere", [["Wert"]]),)), layouts) is None


# --- strict loading --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "line", "problem"),
    [
        ({"columns": "[{header: Wert, position: 3, value: {variable: POP}}]"}, 10, "ist hier nicht bekannt"),
        ({"columns": "[{header: Wert}]"}, 10, "exactly one of key, value, ignore"),
        ({"columns": "[{header: Wert, value: {variable: NOPE}}]"}, 10, "Die Variable „NOPE“ gibt es nicht"),
        ({"columns": "[{header: Wert, value: {variable: OFFER}}]"}, 10, "OFFER wird aus dem Register"),
        ({"columns": "[{header: Wert, value: {}}]"}, 10, "Nichts sagt, welche Variable es ist"),
        ({"columns": "[{header: Wert, value: {variable: POP, members: {SEX: Q}}}]"}, 10, "keine Ausprägung SEX=Q"),
        ({"columns": "[{header: Wert, value: {variable: BIRTHS, members: {SEX: M}}}]"}, 10, "nicht nach SEX geliefert"),
        ({"columns": "[{header: '{*}', ignore: alles}, {header: Wert, value: {variable: POP}}]"}, 10, "every text"),
        ({"columns": "[{header: Wert, aliases: [WERT], value: {variable: POP}}]"}, 10, "„wert“ steht hier zweimal"),
        ({"columns": KEYED}, 10, "Nichts verwendet den Schlüssel „ags“"),
        ({"columns": KEYED, "region": "{keys: [kreis]}"}, 8, "Keine Spalte hat den Schlüssel „kreis“"),
        ({"region": "{fixed: '09999'}"}, 8, "Die Region „09999“ gibt es nicht"),
        ({"region": "{folder: true, fixed: '06414'}"}, 8, "exactly one of fixed, folder, keys"),
        ({"year": "-"}, 6, "Das Jahr kommt von genau einer Stelle"),
        ({"sheet": "Daten {year}"}, 6, "Das Jahr kommt von genau einer Stelle"),
        ({"ignore": "[{pattern: '.*', why: alles}]"}, 12, "stands for every row"),
        ({"ignore": "[{pattern: '(', why: kaputt}]"}, 12, "is no regular expression"),
        ({"profile": "XYZ"}, 3, "Das Zeichenprofil „XYZ“ gibt es nicht"),
    ],
)
def test_a_wrong_layout_is_named_with_file_and_line(
    build: Build, parts: dict[str, str], line: int, problem: str
) -> None:
    with pytest.raises(FrameworkError) as caught:
        build(**parts)
    assert next((p.file, p.line) for p in caught.value.problems) == ("layouts/probe.yaml", line)
    assert problem in str(caught.value)


def test_all_problems_of_all_files_are_named_at_once(build: Build) -> None:
    with pytest.raises(FrameworkError):
        build(code="ONE", profile="XYZ", region="{fixed: '09999'}")
    with pytest.raises(FrameworkError) as caught:
        build(code="TWO", columns="[{header: Wert, value: {variable: NOPE}}]")
    assert [(p.file, p.line) for p in caught.value.problems] == [
        ("layouts/one.yaml", 3),
        ("layouts/one.yaml", 8),
        ("layouts/two.yaml", 10),
    ]


def test_row_and_column_must_not_contradict_each_other(build: Build) -> None:
    with pytest.raises(FrameworkError, match="verschiedene Ausprägungen von SEX"):
        build(
            columns="[{header: S, key: sex}, {header: Wert, value: {variable: POP, members: {SEX: M}}}]",
            labels="[{key: sex, values: [{text: Frauen, members: {SEX: W}}]}]",
        )


def test_the_shipped_layouts_load() -> None:
    assert [layout.code for layout in load_layouts(framework())] == ["WI-BEV"]


def test_two_tables_below_each_other_are_told_apart_by_their_unit(tmp_path: Path) -> None:
    table = """
  - name: Daten
    header: {{anchor: Geschlecht, contains: [{unit}], rows: 2, drop: [{unit}]}}
    region: {{fixed: '06414'}}
    year: {{fixed: 2024}}
    columns: [{{header: Geschlecht, key: sex}}, {{header: Wert, value: {{variable: {variable}}}}}]
    labels: [{{key: sex, values: [{{text: insgesamt}}]}}]"""
    head = "code: TWO\nname_de: Probe\nsign_profile: HSL\nrecognise: {sheets: [Daten]}\nsheets:"
    text = head + table.format(unit="Personen", variable="POP") + table.format(unit="Geburten", variable="BIRTHS")
    (tmp_path / "two.yaml").write_text(text, "utf-8")
    rules = replace(framework(), layouts_folder=tmp_path)
    rows: Grid = [["Geschlecht", "Wert"], [None, "Geburten"], ["insgesamt", 1.0], ["Geschlecht", "Wert"]]
    rows += [[None, "Personen"], ["insgesamt", 2.0]]
    found = run((rules, load_layouts(rules)), rows)
    assert found.findings == ()
    assert [(o.variable, o.cell) for o in found.observations] == [("POP", "B6"), ("BIRTHS", "B3")]
