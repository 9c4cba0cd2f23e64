"""`monitor layout suggest`: what is proposed for a foreign workbook loads, reads and says what it could not place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path

import pytest

from intake.layout_guess_table import find_tables
from intake.layout_guess_words import intervals, stems
from intake.layout_loading import combine
from intake.layout_sample import write_sample
from intake.layout_suggest import as_text, suggest
from intake.layouts import Extraction, extract, load_layouts, recognise
from intake.reading import Cell, CellValue, Sheet, UnreadableFile, Workbook, read_workbook
from schemas.framework_model import Framework
from schemas.loading import load_framework
from schemas.shapes import member_key

REAL = Path(__file__).resolve().parents[2] / "shared" / "realdata"
FRAMEWORKS = Path(__file__).resolve().parent / "frameworks"
Grid = list[list[CellValue]]
YEAR = 2024


@cache
def framework(name: str = "") -> Framework:
    return load_framework(FRAMEWORKS / name if name else None)


def book(grid: Grid, *, name: str = "Tabelle1", file: str = "lieferung.xlsx") -> Workbook:
    cells = {(r, c): Cell(r, c, v) for r, row in enumerate(grid, 1) for c, v in enumerate(row, 1) if v is not None}
    return Workbook(file, (Sheet(name, False, cells),))


def read_with(text: str, workbook: Workbook, folder: Path, rules: Framework, region: str | None = None) -> Extraction:
    """Load what was proposed with the strict loader and read the workbook with it."""
    folder.mkdir(exist_ok=True)
    (folder / "vorschlag.yaml").write_text(text, encoding="utf-8")
    rules = replace(rules, layouts_folder=folder)
    layout = recognise(workbook, load_layouts(rules))
    assert layout is not None
    return extract(workbook, layout, rules, folder_region=region)


def placed(extraction: Extraction) -> dict[tuple[str, int, str, str], int]:
    return {(o.region, o.year, o.variable, member_key(o.members)): int(o.value or 0) for o in extraction.observations}


# --- our own sample ----------------------------------------------------------------------------------------------------


def sample(folder: Path) -> tuple[Workbook, Mapping[tuple[str, str], int]]:
    """The workbook of the shipped layout with a number in every cell."""
    layout = next(entry for entry in load_layouts(framework()) if entry.code == "WI-BEV")
    sheet = layout.sheets[0]
    columns = [column for column in sheet.columns if column.value and not column.optional]
    keys = [combine(framework(), (c.value, label)) for label, c in product(sheet.labels[0].values, columns) if c.value]
    values = {(variable, member_key(members)): 10 + number for number, (variable, members) in enumerate(keys)}
    write_sample(folder / "sample.xlsx", layout, framework(), values, YEAR)
    return read_workbook(folder / "sample.xlsx"), values


def test_the_proposal_for_a_sample_loads_and_reads_the_cells_right_without_edits(tmp_path: Path) -> None:
    workbook, values = sample(tmp_path)
    suggestion = suggest(workbook, framework())
    found = placed(read_with(suggestion.yaml_text, workbook, tmp_path / "layouts", framework()))
    right = sum(found.get(("06414", YEAR, *key)) == value for key, value in values.items())
    print(f"sample: {right} of {len(values)} cells right without edits")
    assert right >= 0.9 * len(values)
    assert right == len(found) == 180
    assert suggestion.unplaced == ()


def test_every_guess_is_marked(tmp_path: Path) -> None:
    workbook, _ = sample(tmp_path)
    lines = suggest(workbook, framework()).yaml_text.splitlines()
    guessed = [
        line for line in lines if any(mark in line for mark in ("value:", "text:", "key:", "region:", "anchor:"))
    ]
    unmarked = [
        line for line in guessed if "# Vorschlag: bitte prüfen" not in line and line.strip() != "- key: merkmal_1"
    ]
    assert len(guessed) > 30
    assert unmarked == []


def test_the_text_beside_it_counts_in_german(tmp_path: Path) -> None:
    workbook, _ = sample(tmp_path)
    text = as_text(suggest(workbook, framework()))
    assert "Blätter: 1, Tabellen erkannt: 1, davon mit passenden Angaben: 1." in text
    assert "Spalten zugeordnet: 13 von 13; Zeilentexte: 15 von 15." in text
    assert "Gebiet aus den Überschriften: Wiesbaden (06414)." in text
    assert "Probe: Der Vorschlag lädt und liest 180 von 180 Werten mit 0 Beanstandungen." in text


# --- shapes of tables ----------------------------------------------------------------------------------------------------

BY_SEX: Grid = [
    ["Arbeitslose im Jahr 2024"],
    [],
    ["Kreis", "Männer", "Frauen", "Staatenlose", "Anteil in %"],
    ["Hochtaunuskreis", 11.0, 12.0, 1.0, 4.5],
    ["Main-Taunus-Kreis", 13.0, 14.0, 2.0, 5.5],
    ["Quelle: Bundesagentur, Stand 1.2.2025"],
]


def test_what_has_no_place_is_listed_and_not_guessed(tmp_path: Path) -> None:
    suggestion = suggest(book(BY_SEX), framework())
    assert "variable: UNEMP, members: {SEX: W}" in suggestion.yaml_text
    assert [text for text in suggestion.unplaced if "Spalte D" in text or "Spalte E" in text] == [
        "Blatt „Tabelle1“, Spalte D „Staatenlose“: keine Angabe des Rahmens passt zur Überschrift.",
        "Blatt „Tabelle1“, Spalte E „Anteil in %“: Anteile werden aus den Anzahlen berechnet; ignorieren, wenn die"
        " Anzahlen auch geliefert werden.",
    ]
    assert "# - {header: 'Staatenlose', ignore: bitte begründen}" in suggestion.yaml_text
    found = read_with(suggestion.yaml_text, book(BY_SEX), tmp_path / "layouts", framework())
    assert placed(found) == {
        ("06434", 2024, "UNEMP", "SEX=M"): 11,
        ("06434", 2024, "UNEMP", "SEX=W"): 12,
        ("06436", 2024, "UNEMP", "SEX=M"): 13,
        ("06436", 2024, "UNEMP", "SEX=W"): 14,
    }
    assert sorted(finding.code for finding in found.findings) == ["S06", "S06"]


def test_after_the_minimal_edit_nothing_is_left(tmp_path: Path) -> None:
    text = suggest(book(BY_SEX), framework()).yaml_text.replace("      # - {header:", "      - {header:")
    assert read_with(text, book(BY_SEX), tmp_path / "layouts", framework()).findings == ()


def test_keys_that_lost_their_leading_zero_and_years_in_columns(tmp_path: Path) -> None:
    grid: Grid = [
        ["Einbürgerungen nach Kreisen"],
        ["Schlüssel", "Kreis", "Einbürgerungen", None],
        [None, None, 2022.0, 2023.0],
        [6411.0, "Darmstadt", 5.0, 6.0],
        [6412.0, "Frankfurt am Main", 7.0, 8.0],
    ]
    suggestion = suggest(book(grid), framework())
    assert "pad: 5" in suggestion.yaml_text
    assert "header: 'Einbürgerungen / {year}'" in suggestion.yaml_text
    assert "ignore: 'Name des Gebiets, der Schlüssel steht daneben'" in suggestion.yaml_text
    found = read_with(suggestion.yaml_text, book(grid), tmp_path / "layouts", framework())
    assert placed(found) == {
        ("06411", 2022, "NATZ", ""): 5,
        ("06411", 2023, "NATZ", ""): 6,
        ("06412", 2022, "NATZ", ""): 7,
        ("06412", 2023, "NATZ", ""): 8,
    }
    assert found.findings == ()


def test_keys_without_the_digits_of_the_state() -> None:
    rows: Grid = [[float(number), 10.0 + number] for number in (411, 412, 413, 414, 431, 432)]
    text = suggest(book([["AGS", "Einbürgerungen 2024"], *rows]), framework()).yaml_text
    assert "prefix: '06'" in text
    assert "pad: 3" in text


def test_rows_that_name_the_variables(tmp_path: Path) -> None:
    grid: Grid = [
        ["Kennzahlen der Stadt Darmstadt 2024"],
        ["Kennzahl", "insgesamt", "Frauen"],
        ["Einbürgerungen", 10.0, 6.0],
        ["Arbeitslose", 20.0, 9.0],
        ["Langzeitarbeitslose", 5.0, 2.0],
    ]
    suggestion = suggest(book(grid), framework())
    found = read_with(suggestion.yaml_text, book(grid), tmp_path / "layouts", framework())
    assert placed(found)["06411", 2024, "UNEMP", "SEX=W"] == 9
    assert {o.variable for o in found.observations} == {"NATZ", "UNEMP", "UNEMP_LT"}


def test_the_year_in_the_name_of_the_sheet(tmp_path: Path) -> None:
    grid: Grid = [["Geschlecht", "Arbeitslose"], ["Männer", 3.0], ["Frauen", 4.0], ["insgesamt", 7.0]]
    workbook = book(grid, name="Stand 2023")
    suggestion = suggest(workbook, framework())
    assert "- name: 'Stand {year}'" in suggestion.yaml_text
    found = read_with(suggestion.yaml_text, workbook, tmp_path / "layouts", framework(), "06412")
    assert placed(found)["06412", 2023, "UNEMP", "SEX=W"] == 4


def test_a_missing_year_is_asked_for_and_not_invented() -> None:
    suggestion = suggest(book([["Geschlecht", "Arbeitslose"], ["Männer", 3.0], ["Frauen", 4.0]]), framework())
    assert "year: {fixed: JJJJ}  # nicht zugeordnet" in suggestion.yaml_text
    assert any("kein Berichtsjahr erkannt" in note for note in suggestion.notes)
    assert any("lässt sich so noch nicht laden" in note for note in suggestion.notes)


def test_sheets_that_are_not_read_are_listed_with_a_placeholder(tmp_path: Path) -> None:
    words = Sheet("Hinweise", False, {(1, 1): Cell(1, 1, "Bitte beachten")})
    workbook = replace(book(BY_SEX), sheets=(*book(BY_SEX).sheets, words))
    suggestion = suggest(workbook, framework())
    assert "- {name: 'Hinweise', why: bitte begründen}" in suggestion.yaml_text
    assert suggestion.unplaced[-1] == "Blatt „Hinweise“: keine Tabelle erkannt."
    found = read_with(suggestion.yaml_text, workbook, tmp_path / "layouts", framework())
    assert "S04" not in {finding.code for finding in found.findings}


@pytest.mark.parametrize(
    "grid",
    [
        [],
        [["nur Text"]],
        [[1.0, 2.0], [3.0, 4.0]],
        [["{year}", "{*}", "'a': #"], ["x", 1.0, 2.0]],
        [["a", "a", "a"], [1.0, 2.0, 3.0]],
        [["Wert"], [True], [1.5]],
        [[2020.0, 2021.0], [2020.0, 2021.0]],
    ],
)
def test_odd_workbooks_give_a_proposal_and_no_crash(grid: Grid) -> None:
    suggestion = suggest(book(grid), framework())
    assert "sheets:" in suggestion.yaml_text
    assert as_text(suggestion)


# --- parts -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "ages"),
    [
        ("0 bis unter 3 Jahre", ((0, 2),)),
        ("3 bis 5 Jahre", ((3, 5),)),
        ("unter 4 Jahre", ((0, 3),)),
        ("75 Jahre und älter", ((75, None),)),
        ("75+", ((75, None),)),
        ("14 Jahre", ((14, 14),)),
        ("Deutsche", ()),
    ],
)
def test_ages_are_understood(text: str, ages: tuple[tuple[int, int | None], ...]) -> None:
    assert intervals(text) == ages


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Männer", "männlich"),
        ("Frauen", "weiblich"),
        ("Nichtdeutsche", "Ausländerinnen und Ausländer"),
        ("Einwohnerzahl am 31.12.2024", "Bevölkerung"),
    ],
)
def test_words_that_mean_the_same(one: str, other: str) -> None:
    assert stems(one) == stems(other)


def test_the_country_is_not_the_foreigners() -> None:
    assert stems("Zuzüge aus dem Ausland") != stems("Zuzüge der Ausländer")


def test_titles_column_numbers_and_units_are_told_from_the_header() -> None:
    grid: Grid = [
        ["Titel 2024"],
        [],
        ["Kreis", "Männer", None],
        [None, "ja", "nein"],
        [None, "Anzahl", None],
        [1.0, 2.0, 3.0],
        ["A", 10.0, 11.0],
        ["Quelle: Amt"],
    ]
    (table,) = find_tables(book(grid).sheets[0])
    assert (table.top, table.below, table.anchor) == (3, 7, "Kreis")
    assert [column.header for column in table.columns] == ["Kreis", "Männer / ja", "Männer / nein"]
    assert table.titles == ("Titel 2024",)
    assert table.notes == ("Quelle: Amt",)


# --- real workbooks --------------------------------------------------------------------------------------------------------

real = pytest.mark.skipif(not REAL.is_dir(), reason="the real workbooks are not here")
FOUND = sorted([*REAL.glob("niedersachsen/*.xls*"), *REAL.glob("bund/*"), *REAL.glob("odd/*")])
FILES = [
    pytest.param(path, marks=[pytest.mark.thorough] if path.stat().st_size > 200_000 else [], id=path.name)
    for path in FOUND
]


@real
@pytest.mark.parametrize("path", FILES)
def test_real_workbooks_never_crash(path: Path) -> None:
    try:
        workbook = read_workbook(path)
    except UnreadableFile as error:
        pytest.skip(f"not readable: {error.code}")
    suggestion = suggest(workbook, framework())
    print(path.name, *suggestion.notes[:2], suggestion.notes[-1])
    assert suggestion.notes[0].startswith("Blätter: ")


@real
@pytest.mark.parametrize(
    ("file", "least"),
    [
        ("2020_1_1_1.xlsx", 750),
        ("2020_3-1-1.xlsx", 144),
        ("2019_5-3-1.xlsx", 486),
        ("2019_4-1-5.xlsm", 432),
        ("2019_6-2-1.xlsx", 800),
        ("2020_1-3-1.xlsx", 1200),
        ("2020_4-1-1.xlsx", 0),
    ],
)
def test_the_proposal_agrees_with_the_layout_of_the_expert(file: str, least: int, tmp_path: Path) -> None:
    """Cell by cell: what is proposed is what the expert wrote, or nothing."""
    rules, workbook = framework("niedersachsen"), read_workbook(REAL / "niedersachsen" / file)
    layout = recognise(workbook, load_layouts(rules))
    assert layout is not None
    expert = extract(workbook, layout, rules, folder_region=None).observations
    text = suggest(workbook, rules).yaml_text.replace("JJJJ", "2019")
    found = read_with(text, workbook, tmp_path / "layouts", rules, "03").observations
    mine = {(o.sheet, o.cell): (o.key, o.value) for o in found}
    right = sum(mine.get((o.sheet, o.cell)) == (o.key, o.value) for o in expert)
    wrong = [o for o in expert if mine.get((o.sheet, o.cell), (o.key, o.value)) != (o.key, o.value)]
    print(f"{file}: {right} of {len(expert)} cells right without edits, {len(wrong)} wrong")
    assert wrong == []
    assert right >= least
