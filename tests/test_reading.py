"""Reading: every format through the same shapes, and what the sender sees of a cell. Each case builds its own file."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from workbooks import cell, ods, sheet_data, write_zip, xls, xlsb, xlsx

from intake.delimited import decode, find_separator
from intake.display import Look, built_in_format, number_format
from intake.messages import finding
from intake.personal import NOT_KEPT, personal_rows
from intake.reading import (
    Cell,
    CellValue,
    Sheet,
    UnreadableFile,
    Workbook,
    column_letters,
    column_number,
    read_workbook,
)
from intake.sandbox import read_safely
from schemas.framework_model import Framework

PROJECT = Path(__file__).resolve().parents[1]
REAL = PROJECT.parent / "shared" / "realdata"
real_files = pytest.mark.skipif(not REAL.is_dir(), reason="the real files are not here")


def values(workbook: Workbook, sheet: int = 0) -> dict[str, CellValue]:
    return {cell.address: cell.value for cell in workbook.sheets[sheet].cells.values()}


def one(path: Path, address: str) -> Cell:
    """The cell of that address on the first sheet."""
    return next(cell for cell in read_workbook(path).sheets[0].cells.values() if cell.address == address)


def row(*cells: str, number: int = 1, more: str = "") -> str:
    return f'<sheetData><row r="{number}"{more}>{"".join(cells)}</row></sheetData>'


# --- one shape for all formats ---------------------------------------------------------------------------------------


def test_an_xlsx_gives_typed_cells_with_addresses(tmp_path: Path) -> None:
    workbook = read_workbook(xlsx(tmp_path / "a.xlsx", sheet_data([["05111000", 12, 1.5], [None, True]])))
    assert values(workbook) == {"A1": "05111000", "B1": 12.0, "C1": 1.5, "B2": True}
    assert [type(value) for value in values(workbook).values()] == [str, float, float, bool]
    assert workbook.file_name == "a.xlsx"
    assert workbook.notices == ()


def test_an_old_xls_gives_the_same_cells_and_knows_its_merges(tmp_path: Path) -> None:
    path = xls(tmp_path / "a.xls", [["Name", 1, 2.5], [None, "ü"]], merges=[(0, 1, 1, 2)])
    assert values(read_workbook(path)) == {"A1": "Name", "B1": 1.0, "C1": 2.5, "B2": "ü"}
    assert [c.address for c in read_workbook(path).sheets[0].cells.values() if c.under_merge] == ["C1", "B2"]


def test_an_xlsb_gives_the_same_cells(tmp_path: Path) -> None:
    assert values(read_workbook(xlsb(tmp_path / "a.xlsb", [[None], ["Name", 1, 2.5]]))) == {
        "A2": "Name",
        "B2": 1.0,
        "C2": 2.5,
    }


def test_an_ods_gives_the_same_cells_where_leading_rows_and_columns_are_empty(tmp_path: Path) -> None:
    rows = (
        '<table:table-row table:number-rows-repeated="3"><table:table-cell/></table:table-row>'
        '<table:table-row><table:table-cell table:number-columns-repeated="2"/>'
        '<table:table-cell office:value-type="float" office:value="5"><text:p>5</text:p></table:table-cell>'
        '<table:table-cell office:value-type="string"><text:p>Köln</text:p></table:table-cell></table:table-row>'
    )
    assert values(read_workbook(ods(tmp_path / "a.ods", rows))) == {"C4": 5.0, "D4": "Köln"}


def test_delimited_text_gives_text_cells(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("AGS;Wert\n06411;1.234\n06412;\n", "utf-8")
    assert values(read_workbook(path)) == {"A1": "AGS", "B1": "Wert", "A2": "06411", "B2": "1.234", "A3": "06412"}


def test_the_child_gives_exactly_what_this_process_gives(tmp_path: Path) -> None:
    cells = [
        cell(f"{letter}1", value, style=n)
        for n, (letter, value) in enumerate(zip("ABCDEF", [3, 45000, 1.5, 0.5, -7, "x"], strict=True), start=1)
    ]
    formats = ('[<5]"/";0', "dd.mm.yyyy", "[h]:mm", "hh:mm", "0;(0)")
    path = xlsx(tmp_path / "a.xlsx", row(*reversed(cells)), states={1: "hidden"}, formats=formats)
    assert read_safely(path) == read_workbook(path)
    assert {type(value) for value in values(read_safely(path)).values()} >= {float, str, date, timedelta, time}


# --- what spreadsheet programs write ---------------------------------------------------------------------------------


def test_strict_office_open_xml_is_read(tmp_path: Path) -> None:
    content = row(
        '<c r="A1" t="d"><v>2024-03-01</v></c>', '<c r="B1" t="d"><v>2024-03-01T10:30:00Z</v></c>', cell("C1", 7)
    )
    found = values(read_workbook(xlsx(tmp_path / "a.xlsx", content, strict=True)))
    assert found == {"A1": date(2024, 3, 1), "B1": datetime(2024, 3, 1, 10, 30), "C1": 7.0}


@pytest.mark.parametrize(("date1904", "day"), [(False, date(2023, 3, 15)), (True, date(2027, 3, 16))])
def test_days_are_counted_from_1900_or_1904(tmp_path: Path, date1904: bool, day: date) -> None:
    path = xlsx(tmp_path / "a.xlsx", row(cell("A1", 45000, style=1)), formats=["dd/mm/yyyy"], date1904=date1904)
    assert one(path, "A1").value == day


@pytest.mark.parametrize(
    ("serial", "code", "expected"),
    [
        (1.0, "#14", date(1900, 1, 1)),
        (59.0, "#14", date(1900, 2, 28)),
        (61.0, "#14", date(1900, 3, 1)),
        (45000.75, "#22", datetime(2023, 3, 15, 18, 0)),
        (0.5, "hh:mm", time(12)),
        (1.25, "[hh]:mm", timedelta(hours=30)),
        (-3.0, "dd.mm.yyyy", -3.0),
        (1e9, "dd.mm.yyyy", 1e9),
        (45000.0, '0 "Tage"', 45000.0),
        (45000.0, "[$-407]General", 45000.0),
        (45000.0, "[$-407]d. mmmm yyyy", date(2023, 3, 15)),
    ],
)
def test_a_number_is_a_day_when_its_format_says_so(
    tmp_path: Path, serial: float, code: str, expected: CellValue
) -> None:
    assert one(xlsx(tmp_path / "a.xlsx", row(cell("A1", serial, style=1)), formats=[code]), "A1").value == expected


def test_shared_strings_join_rich_text_and_leave_out_phonetic_guides(tmp_path: Path) -> None:
    rich = "<r><t>Kreis </t></r><r><t>Fulda</t></r><rPh><t>フルダ</t></rPh>"
    content = row('<c r="A1" t="s"><v>1</v></c>', '<c r="B1" t="s"><v>0</v></c>')
    found = values(read_workbook(xlsx(tmp_path / "a.xlsx", content, strings=["<t>a_x000D_b_x005F_x</t>", rich])))
    assert found == {"A1": "Kreis Fulda", "B1": "a\rb_x"}


def test_a_reference_beyond_the_shared_strings_is_a_damaged_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile) as refused:
        read_workbook(xlsx(tmp_path / "a.xlsx", row('<c r="A1" t="s"><v>9</v></c>'), strings=["<t>a</t>"]))
    assert refused.value.code == "F01"


def test_inline_strings_win_over_a_value_beside_them(tmp_path: Path) -> None:
    content = row('<c r="A1" t="inlineStr"><v>alt</v><is><r><t>ne</t></r><r><t>u</t></r></is></c>')
    assert values(read_workbook(xlsx(tmp_path / "a.xlsx", content))) == {"A1": "neu"}


def test_cells_without_addresses_follow_each_other(tmp_path: Path) -> None:
    first = "<row/><row><c><v>1</v></c><c/><c><v>3</v></c></row>"
    content = f'<sheetData>{first}<row r="9"><c r="B9"><v>4</v></c><c><v>5</v></c></row></sheetData>'
    assert values(read_workbook(xlsx(tmp_path / "a.xlsx", content))) == {"A2": 1.0, "C2": 3.0, "B9": 4.0, "C9": 5.0}


def test_elements_may_carry_a_name_space_prefix(tmp_path: Path) -> None:
    data = '<x:sheetData><x:row r="1"><x:c r="A1"><x:v>5</x:v></x:c></x:row></x:sheetData>'
    part = f'<x:worksheet xmlns:x="urn:x">{data}</x:worksheet>'
    path = xlsx(tmp_path / "a.xlsx", "", extra={"xl/worksheets/sheet1.xml": part})
    assert values(read_workbook(path)) == {"A1": 5.0}


def test_formulas_give_their_stored_value_and_a_missing_one_is_noticed(tmp_path: Path) -> None:
    content = row(
        '<c r="A1"><f>1+1</f><v>2</v></c>',
        '<c r="B1"><f>1+1</f></c>',
        '<c r="C1"><f>1+1</f><v/></c>',
        '<c r="D1" t="str"><f>""</f><v></v></c>',
        '<c r="E1" t="str"><f>"a"</f><v>a</v></c>',
        '<c r="F1" t="e"><f>1/0</f><v>#DIV/0!</v></c>',
    )
    path = xlsx(tmp_path / "a.xlsx", content)
    assert values(read_workbook(path)) == {"A1": 2.0, "B1": None, "C1": None, "E1": "a", "F1": None}
    assert one(path, "B1").uncalculated
    assert one(path, "C1").uncalculated
    assert one(path, "F1").error == one(path, "F1").text == "#DIV/0!"


@pytest.mark.parametrize("content", ["nan", "inf", "1_000", "1e999", "zwölf"])
def test_what_is_no_number_stays_text(tmp_path: Path, content: str) -> None:
    assert one(xlsx(tmp_path / "a.xlsx", row(f'<c r="A1"><v>{content}</v></c>')), "A1").value == content


def test_names_of_parts_ignore_case_and_the_direction_of_slashes(tmp_path: Path) -> None:
    path = xlsx(tmp_path / "a.xlsx", sheet_data([[1]]))
    with zipfile.ZipFile(path) as archive:
        parts = {name.replace("xl/", "XL\\"): archive.read(name) for name in archive.namelist()}
    assert values(read_workbook(write_zip(tmp_path / "b.xlsx", parts))) == {"A1": 1.0}


def test_only_worksheets_are_read_and_states_are_known(tmp_path: Path) -> None:
    path = xlsx(
        tmp_path / "a.xlsx",
        sheet_data([[1]]),
        sheet_data([[2]]),
        sheet_data([[3]]),
        names=["a", " b ", "c"],
        states={2: "hidden", 3: "veryHidden"},
    )
    sheets = read_workbook(path).sheets
    assert [(sheet.name, sheet.hidden) for sheet in sheets] == [("a", False), (" b ", True), ("c", True)]
    assert read_workbook(path).sheet("b") == sheets[1]
    assert sheets[1].at(1, 1) == Cell(1, 1, 2.0, hidden=True)


# --- what the sender sees --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "where", ['<cols><col min="2" max="3" hidden="1"/></cols>', '<cols><col min="2" max="9" width="0"/></cols>']
)
def test_cells_of_hidden_columns_are_marked(tmp_path: Path, where: str) -> None:
    path = xlsx(tmp_path / "a.xlsx", where + sheet_data([[1, 2]]))
    assert (one(path, "A1").hidden, one(path, "B1").hidden) == (False, True)


def test_cells_of_hidden_rows_are_marked(tmp_path: Path) -> None:
    assert one(xlsx(tmp_path / "a.xlsx", row(cell("A1", 1), more=' hidden="1"')), "A1").hidden
    assert not one(xlsx(tmp_path / "b.xlsx", row(cell("A1", 1), more=' hidden="0"')), "A1").hidden
    assert one(xlsx(tmp_path / "c.xlsx", '<sheetFormatPr zeroHeight="1"/>' + row(cell("A1", 1))), "A1").hidden


def test_cells_under_a_merged_cell_are_marked(tmp_path: Path) -> None:
    merged = '<mergeCells><mergeCell ref="A1:B2"/><mergeCell ref="C1:C1048576"/></mergeCells>'
    path = xlsx(tmp_path / "a.xlsx", sheet_data([["a", "b", "c"], [1, 2, 3], [4, 5, 6]]) + merged)
    covered = [c.address for c in read_workbook(path).sheets[0].cells.values() if c.under_merge]
    assert covered == ["B1", "A2", "B2", "C2", "C3"]


def test_number_formats_that_hide_or_bracket_a_value_are_seen(tmp_path: Path) -> None:
    formats = ['[<5]"/";[<10]\\(0.0\\);#\\ ###.0', "#,##0.0\\ ;\\(#,##0.0\\)", "0%", ";;;"]
    cells = [
        ("A1", 3, 1),
        ("B1", 7, 1),
        ("C1", 20, 1),
        ("D1", -1.1, 2),
        ("E1", 0.12, 3),
        ("F1", 8, 4),
        ("G1", "Text", 4),
    ]
    path = xlsx(tmp_path / "a.xlsx", row(*(cell(a, v, style=s) for a, v, s in cells)), formats=formats)
    found = {c.address: (c.masked, c.bracketed, c.percent) for c in read_workbook(path).sheets[0].cells.values()}
    assert found == {
        "A1": ("/", False, False),
        "B1": (None, True, False),
        "C1": (None, False, False),
        "D1": (None, True, False),
        "E1": (None, False, True),
        "F1": ("", False, False),
        "G1": ("", False, False),
    }
    assert values(read_workbook(path))["A1"] == 3.0


MASKED, SHOWN, BRACKETED = Look(masked="/"), Look(), Look(bracketed=True)


@pytest.mark.parametrize(
    ("code", "value", "expected"),
    [
        ('[<5]"/";[<10]\\(0.0\\);#\\ ###.0', 4.9, MASKED),
        ('[<5]"/";[<10]\\(0.0\\);#\\ ###.0', 5, BRACKETED),
        ('[<5]"/";[<10]\\(0.0\\);#\\ ###.0', 10, SHOWN),
        ('[<5]"/";[<10]\\(0.0\\);#\\ ###.0', -1.1, MASKED),
        ('[<5000]"/";[<10000]\\(#\\ ###.0\\);###\\ ###\\ ###.0', 4999, MASKED),
        ('[<5]"-";[<10]\\(0.0\\);#\\ ###.0', 3, Look(masked="-")),
        ('[<5]"/";[<10]\\(0\\)', 20, SHOWN),
        ('[<=4]"/";0', 4, MASKED),
        ('[>=5]0;"/"', 4, MASKED),
        ('[=0]"-";0', 0, Look(masked="-")),
        ('[<>0]0;"/"', 0, MASKED),
        ('[Rot][<5]"/";[Blue]0', 3, MASKED),
        ("[<5]/;0", 3, MASKED),
        ("[<5]\\x;0", 3, Look(masked="x")),
        ('[<5]". ";0', 3, Look(masked=".")),
        ('"geheim"', 12, Look(masked="geheim")),
        (";;;", 12, Look(masked="")),
        (";;", -12, Look(masked="")),
        ("\\(0.0\\)", -1.1, BRACKETED),
        ('"("0")"', 7, BRACKETED),
        ("0;(0)", -7, BRACKETED),
        ("0;(0)", 7, SHOWN),
        ("#,##0.00_);(#,##0.00)", 7, SHOWN),
        ('0" (vorläufig)"', 7, SHOWN),
        ('* "["#0"]"', 7, SHOWN),
        ("0%", 0.5, Look(percent=True)),
        ('0"%"', 50, SHOWN),
        ("0.0\\%", 50, SHOWN),
        ("General", 5, SHOWN),
        ("Standard", 5, SHOWN),
        ("", 5, SHOWN),
        ("@", 5, SHOWN),
        ("0.00E+00", 5, SHOWN),
        ("# ?/?", 0.5, SHOWN),
        ("###\\ ###\\ ##0", 5, SHOWN),
        ("\\+0.0;\\-0.0;0.0", 0, SHOWN),
        ("0;-0;;@", 0, SHOWN),
        ("* #,##0;* \\-#,##0;\\-", 0, Look(masked="-")),
        ('_-* #,##0\\ _€_-;\\-* #,##0\\ _€_-;_-* "-"\\ _€_-;_-@_-', 0, Look(masked="-")),
        ('_-* #,##0\\ _€_-;\\-* #,##0\\ _€_-;_-* "-"\\ _€_-;_-@_-', 5, SHOWN),
        ("[$€-407] #,##0.00", 5, SHOWN),
        ('0,,"Mio"', 5, SHOWN),
        ("dd/mm/yyyy", 45000, SHOWN),
        ('[<5]"/', 3, MASKED),
        ('"/"', 3, MASKED),
    ],
)
def test_what_a_number_format_shows(code: str, value: float, expected: Look) -> None:
    assert number_format(code).look(value) == expected


@pytest.mark.parametrize("number", [37, 38, 39, 40])
def test_built_in_brackets_are_a_minus_sign_in_german_excel(number: int) -> None:
    assert number_format(built_in_format(number)).look(-5) == SHOWN


@given(st.text(alphabet='0#?.,;[]<>=()"\\/_*@%yEd -x5', max_size=30), st.floats(allow_nan=False))
def test_every_number_format_can_be_taken_apart(code: str, value: float) -> None:
    look = number_format(code).look(value)
    assert look.masked is None or not (look.bracketed or look.percent)


@given(st.text(max_size=8).filter(lambda text: '"' not in text), st.integers(1, 100), st.floats(0, 200))
def test_a_threshold_hides_what_is_below_and_nothing_else(sign: str, limit: int, value: float) -> None:
    look = number_format(f'[<{limit}]"{sign}";0').look(value)
    hidden = value < limit and not (value == 0 and not sign.strip())
    assert look == (Look(masked=sign.strip()) if hidden else SHOWN)


# --- delimited text --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize(("separator", "suffix"), [(";", ".csv"), (",", ".csv"), ("\t", ".tsv"), ("|", ".csv")])
def test_encoding_and_separator_are_found(tmp_path: Path, encoding: str, separator: str, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    lines = [
        "Titel der Tabelle",
        separator.join(["Gemeinde", "männlich", "Anteil"]),
        separator.join(["Büdingen", "12", "€"]),
    ]
    path.write_bytes("\r\n".join(lines).encode(encoding))
    workbook = read_workbook(path)
    assert values(workbook)["A3"] == "Büdingen"
    assert values(workbook)["C3"] == "€"
    assert workbook.notices == ()


def test_decimal_commas_do_not_make_a_comma_the_separator() -> None:
    assert find_separator("Kreis;2022;2023\nA;1,5;2,5\nB;3,5;4,5\n") == ";"


def test_quoted_separators_and_line_breaks_stay_within_their_cell(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('"a;b";"x\ny"\n1;2\n', "utf-8", newline="")
    assert values(read_workbook(path)) == {"A1": "a;b", "B1": "x\ny", "A2": "1", "B2": "2"}


def test_next_line_and_other_unicode_separators_do_not_split_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("a\u0085b;1\nc\u2028d;2\n".encode())
    assert values(read_workbook(path)) == {"A1": "a\u0085b", "B1": "1", "A2": "c\u2028d", "B2": "2"}


def test_the_mark_of_excel_names_the_separator(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("sep=|\na;1|b;2\n", "utf-8")
    assert values(read_workbook(path)) == {"A1": "a;1", "B1": "b;2"}


def test_a_single_column_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a:1\nb:2\n", "utf-8")
    assert read_workbook(path).notices == (("F14", {"file": "a.csv"}),)


def test_damaged_umlauts_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("Büdingen;1\n".encode().decode("cp1252") + "x;2\n", "utf-8")
    assert read_workbook(path).notices == (("F13", {"file": "a.csv", "found": "Ã¼"}),)


def test_bytes_that_windows_does_not_use_are_kept() -> None:
    assert decode(b"a\x81\xfc;1") == "a\x81ü;1"


@pytest.mark.parametrize("content", [b"a;b\n\0\1\2", b'"a;b\n' + b"x" * 200_000])
def test_what_is_no_table_of_text_is_a_damaged_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(UnreadableFile) as refused:
        read_workbook(tmp_path / "a.csv")
    assert refused.value.code == "F01"


# --- personal data ---------------------------------------------------------------------------------------------------

PEOPLE = [["Muster", "Eins", f"{day:02}.0{day}.19{50 + day}"] for day in range(1, 7)]


def table(*rows: list[CellValue], above: int = 0) -> Workbook:
    cells = {
        (r, c): Cell(r, c, value)
        for r, line in enumerate(rows, start=1 + above)
        for c, value in enumerate(line, start=1)
        if value is not None
    }
    return Workbook("a.xlsx", (Sheet("Tabelle1", False, {}), Sheet("Tabelle2", False, cells)))


@pytest.mark.parametrize(
    "header",
    [
        ["Nachname", "Vorname", "Geburtsdatum"],
        ["NAME", "Geb.-Datum", "Staatsangehörigkeit"],
        ["AZR-Nummer", "Staatsangehörigkeit", "Wohnort"],
        ["Name", "Straße", "IBAN"],
        ["Familienname", "E-Mail", "Telefon"],
        ["Aktenzeichen", "Name, Vorname", "Status"],
    ],
)
def test_a_list_of_people_is_noticed_by_its_headers(header: list[CellValue]) -> None:
    found = personal_rows(table(header, *[["a", "b", "c"]] * 5, above=3))
    assert found is not None
    assert (found.sheet_number, found.rows, found.cell[1:]) == (2, 5, "4")


@pytest.mark.parametrize(
    "rows",
    [
        [["Staatsangehörigkeit", "männlich", "weiblich"], *[["Türkei", 1.0, 2.0]] * 50],
        [["Name", "Schlüssel", "Einwohner"], *[["Fulda", "06631", 5.0]] * 50],
        [["Ansprechperson", "Vorname Nachname"], ["Telefon", "0"], ["E-Mail", "amt@example.org"]],
        [["Name", "Vorname", "Geburtsdatum"]],
        [["Stichtag", "Wert"], *[[date(2000 + n, 12, 31), 1.0] for n in range(25)]],
        [["Kreis"], *[[f"Kassel {n}, Landkreis"] for n in range(30)]],
        [["Land"], *[[name] for name in ("Costa Rica", "Sri Lanka", "Burkina Faso", "Sierra Leone", "Türkei", "Syrien")]],
        [["Gruppe"], *[[f"{a} {b}"] for a in ("Deutsche", "Andere") for b in ("Männer", "Frauen", "Kinder", "Alte", "Junge")]],
    ],
)  # fmt: skip
def test_statistics_are_no_list_of_people(rows: list[list[CellValue]]) -> None:
    assert personal_rows(table(*rows)) is None


SYLLABLES = ("Ba", "Ke", "Lo", "Mi", "Nu", "Ra", "Si", "To", "Wa", "Ze")


@pytest.mark.parametrize(
    ("kind", "column"),
    [
        ("Kontaktdaten", [f"person{n}@example.org" for n in range(6)]),
        ("Geburtsdaten", [date(1950 + n * 7 % 50, n % 12 + 1, n * 5 % 28 + 1) for n in range(12)]),
        ("Geburtsdaten", [f"{n * 5 % 28 + 1:02}.{n % 12 + 1:02}.{1950 + n * 7 % 50}" for n in range(12)]),
        ("Namen", [f"{a}mer, {b}lin" for a, b in zip(SYLLABLES, reversed(SYLLABLES), strict=True)]),
        ("Namen", [f"{a}lin {b}mer" for a, b in zip(SYLLABLES, reversed(SYLLABLES), strict=True)]),
    ],
)
def test_a_list_of_people_is_noticed_by_its_values(kind: str, column: list[CellValue]) -> None:
    found = personal_rows(table(["Spalte"], *[[value] for value in column]))
    assert found is not None
    assert found.kinds == (kind,)


def test_the_finding_says_where_and_what_but_repeats_nothing() -> None:
    found = personal_rows(table(["Nachname", "Vorname", "Geburtsdatum"], *PEOPLE))
    assert found is not None
    assert found.details == {"found": "Namen, Geburtsdaten", "place": "2. Blatt, ab Zelle A1"}
    assert "F11" in NOT_KEPT


def test_our_own_form_is_no_list_of_people(filled: Callable[[str, int], Path]) -> None:
    assert personal_rows(read_workbook(filled("06414", 2024))) is None


@pytest.mark.parametrize(
    ("code", "details", "message"),
    [
        ("F09", {}, "Die Datei „a.xlsx“ enthält Makros; sie wurden nicht ausgeführt."),
        (
            "F10",
            {"suffix": ".xls", "found": "eine HTML-Seite"},
            "Die Datei „a.xlsx“ hat die Endung „.xls“, enthält aber eine HTML-Seite.",
        ),
        (
            "F11",
            {"found": "Namen, Geburtsdaten", "place": "2. Blatt, ab Zelle A1"},
            "Die Datei „a.xlsx“ enthält offenbar Angaben zu einzelnen Personen (Namen, Geburtsdaten, 2. Blatt, ab Zelle A1);"
            " sie wurde nicht übernommen und nicht aufbewahrt.",
        ),
        ("F13", {"found": "Ã¼"}, "In der Textdatei „a.xlsx“ sind Umlaute beschädigt (zum Beispiel „Ã¼“)."),
        (
            "F14",
            {},
            "In der Textdatei „a.xlsx“ ließ sich kein Trennzeichen erkennen; sie wurde als eine einzige Spalte gelesen.",
        ),
    ],
)
def test_the_sentences_about_files_are_complete(
    framework: Framework, code: str, details: dict[str, str], message: str
) -> None:
    assert finding(framework, code, {"file": "a.xlsx", **details}).message == message


@pytest.mark.thorough
@real_files
def test_real_statistics_are_no_lists_of_people() -> None:
    files = [path for folder in ("niedersachsen", "bund", "odd") for path in sorted((REAL / folder).iterdir())]
    assert [path.name for path in files if personal_rows(read_workbook(path))] == []


# --- real files ------------------------------------------------------------------------------------------------------


@real_files
def test_real_workbooks_hide_values_by_format_rows_and_sheets() -> None:
    cells = [cell for sheet in read_workbook(REAL / "odd" / "2019_C1.xlsx").sheets for cell in sheet.cells.values()]
    assert sum(cell.masked == "/" for cell in cells) == 80
    assert sum(cell.bracketed for cell in cells) == 104
    cells = [cell for sheet in read_workbook(REAL / "odd" / "2019_A10.xlsx").sheets for cell in sheet.cells.values()]
    assert sum(cell.hidden for cell in cells) > 1_000


@real_files
@pytest.mark.thorough
def test_own_reader_and_calamine_agree_on_real_workbooks() -> None:
    """Two independent readers: the same sheets and values, but for errors, formulas and blanks around texts."""
    import python_calamine as calamine

    checked = 0
    for path in sorted(REAL.rglob("*.xls[xm]")):
        try:
            workbook = read_workbook(path)
        except UnreadableFile:
            continue
        book = calamine.CalamineWorkbook.from_path(str(path))
        names = [m.name for m in book.sheets_metadata if m.typ == calamine.SheetTypeEnum.WorkSheet]
        assert names == [sheet.name for sheet in workbook.sheets]
        for sheet in workbook.sheets:
            rows = book.get_sheet_by_name(sheet.name).to_python(skip_empty_area=False)
            theirs = {
                (r, c): plain(v) for r, line in enumerate(rows, 1) for c, v in enumerate(line, 1) if plain(v) != ""
            }
            ours = {place: plain(c.value) for place, c in sheet.cells.items() if not c.error and not c.uncalculated}
            if "inlineStr_with_value" not in path.name:
                assert ours == theirs, path.name
            checked += len(ours)
    assert checked > 500_000


def plain(value: CellValue | int) -> CellValue:
    if isinstance(value, bool):
        return value
    return value.strip() if isinstance(value, str) else float(value) if isinstance(value, int) else value


@pytest.mark.parametrize(("number", "text"), [(1, "A"), (26, "Z"), (27, "AA"), (16384, "XFD")])
def test_columns_have_letters(number: int, text: str) -> None:
    assert column_letters(number) == text
    assert column_number(text) == number


def test_a_column_that_is_none_is_an_error() -> None:
    with pytest.raises(ValueError, match="is no column"):
        column_number("a1")
