"""Our form comes back: whatever was done around the keys, the values are found; whatever does not fit has its place.

Every defect is one small edit of a completely filled form that has no finding at all. All edited forms are checked as
one batch, because that is how a night works and because it is quick.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import date, time
from datetime import datetime as moment
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl import Workbook
from openpyxl.cell import Cell
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from flows.demo.deliveries import entries
from flows.demo.world import World
from intake.checking import Past
from intake.form import write_form
from intake.form_request import CoverAnswers, FormRequest
from schemas.framework_model import Framework
from schemas.shapes import CheckedDelivery, Finding, Severity, Verdict, member_key
from schemas.tables import entry_tables

REGION, YEAR = "06414", 2021
Key = tuple[str, str]
KEPT = ("BEV", "ARB", "SIC", "GES", "IDE", "ANG")
"""The forms to be edited hold these fields; the others are declared nil, and their sheets and those of the registers are
gone: quicker to save."""
WITHOUT_VALUES = ("Deckblatt", "Erläuterungen", "Auswahllisten")

WOMEN: Key = ("POP", "GRP=A,SEX=W,AGE=A25_34")
NO_BREAK = "\u202f"


class Form:
    """An opened form, its entry cells by key, and the column of the notes on every sheet."""

    def __init__(self, book: Workbook, cells: dict[Key, Cell]) -> None:
        self.book = book
        self.cells = cells

    def put(self, value: Any, key: Key = WOMEN) -> str:
        """Enter a value; returns where."""
        self.cells[key].value = value
        return self.place(key)

    def place(self, key: Key = WOMEN) -> str:
        return f"{self.cells[key].parent.title}!{self.cells[key].coordinate}"

    def sheet(self, code: str) -> Worksheet:
        return next(sheet for sheet in self.book.worksheets if sheet.title.startswith(f"{code} "))

    def table_row(self, table: str) -> tuple[Worksheet, int]:
        for sheet in self.book.worksheets:
            for cell in sheet["A"]:
                if cell.value == f"#TABLE {table}":
                    return sheet, cell.row
        raise AssertionError(table)

    def note(self, key: Key) -> Cell:
        """The note cell of the row of an entry cell."""
        cell = self.cells[key]
        sheet = cell.parent
        marks = [c for row in sheet.iter_rows(max_row=cell.row) for c in row if c.value == "#NOTE"]
        return sheet.cell(cell.row, marks[-1].column)

    def answer(self, name: str, value: Any) -> str:
        """Enter an answer on the cover; returns where."""
        cover = self.book["Deckblatt"]
        row = next(cell.row for cell in cover["A"] if cell.value == f"#COVER {name}")
        cover.cell(row, 3).value = value
        return f"Deckblatt!C{row}"


@dataclass(frozen=True)
class Defect:
    """What is done to the form, and what the sender must then read.

    `edit` returns the place (`sheet!cell`) of the first finding of this code. `also` are codes that come with it.
    """

    name: str
    edit: Callable[[Form], str]
    code: str
    message: str
    count: int = 1
    times: int = 1
    also: frozenset[str] = frozenset()


def insert_rows(sheet: Worksheet, row: int, amount: int = 1) -> None:
    """As a spreadsheet program does it: rows that are hidden stay hidden. openpyxl moves the cells only."""
    hidden = [number for number, shape in sheet.row_dimensions.items() if shape.hidden]
    sheet.insert_rows(row, amount)
    for number in hidden:
        sheet.row_dimensions[number].hidden = False
    for number in hidden:
        sheet.row_dimensions[number + (amount if number >= row else 0)].hidden = True


# --- edits -----------------------------------------------------------------------------------------------------------


def entered(value: Any, key: Key = WOMEN) -> Callable[[Form], str]:
    return lambda form: form.put(value, key)


def untouched(variable: str) -> Callable[[Form], str]:
    def edit(form: Form) -> str:
        own = [cell for (name, _), cell in form.cells.items() if name == variable]
        for cell in own:
            cell.value = None
        return f"{own[0].parent.title}!B{min(cell.row for cell in own)}"

    return edit


def row_inserted(form: Form) -> str:
    sheet, row = form.cells[WOMEN].parent, form.cells[WOMEN].row
    insert_rows(sheet, row)
    sheet.cell(row, 2).value = "davon Geflüchtete"
    sheet.cell(row, 4).value = 12
    sheet.cell(row, 5).value = 13
    return f"{sheet.title}!D{row}"


def column_inserted(form: Form) -> str:
    cell = form.cells[WOMEN]
    sheet, row, column = cell.parent, cell.row, cell.column
    sheet.insert_cols(column)
    sheet.cell(row, column).value = 12
    sheet.cell(row + 1, column).value = 13
    return f"{sheet.title}!{get_column_letter(column)}{row}"


def row_copied(form: Form) -> str:
    # Excel's “copy and insert cells” takes the hidden key along
    cell = form.cells[WOMEN]
    sheet, row = cell.parent, cell.row
    insert_rows(sheet, row + 1)
    for column in range(1, 23):
        sheet.cell(row + 1, column).value = sheet.cell(row, column).value
    return f"{sheet.title}!C{row + 1}"


def row_below_the_last_table(form: Form) -> str:
    sheet = form.sheet("BEV")
    end = next(cell.row for cell in sheet["A"] if cell.value == "#END")
    insert_rows(sheet, end)
    sheet.cell(end, 2).value = "weitere"
    sheet.cell(end, 3).value = 17
    return f"{sheet.title}!C{end}"


def value_in_the_closing_row(form: Form) -> str:
    # directly below the last row stands the hidden closing mark; for people it is the next empty row
    sheet = form.sheet("BEV")
    end = next(cell.row for cell in sheet["A"] if cell.value == "#END")
    sheet.cell(end, 2).value = "weitere"
    sheet.cell(end, 3).value = 17
    return f"{sheet.title}!C{end}"


def blocked_cell_filled(form: Form) -> str:
    cells = (cell for sheet in form.book.worksheets for row in sheet.iter_rows() for cell in row)
    cell = next(cell for cell in cells if cell.value == "s. oben")
    cell.value = 41
    return f"{cell.parent.title}!{cell.coordinate}"


def sheet_added(form: Form) -> str:
    form.book.create_sheet("Rechnung", 2)["B2"] = 5
    return "Rechnung!"


def sheet_copied(form: Form) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # openpyxl's own name for the copy is too long
        copied = form.book.copy_worksheet(form.sheet("ANG"))
    copied.title = "ANG Angebote (2)"
    return f"{copied.title}!B{form.table_row('ANG:PILOT')[1] + 1}"


def sheet_deleted(form: Form) -> str:
    form.book.remove(form.sheet("SIC"))
    return "!"


def table_deleted(form: Form) -> str:
    sheet, row = form.table_row("BEV:BIRTHS")
    sheet.delete_rows(row, 5)
    return "!"


def table_mark_changed(form: Form) -> str:
    sheet, row = form.table_row("ANG:PILOT")
    sheet.cell(row, 1).value = "#TABLE ANG:UNBEKANNT"
    return f"{sheet.title}!A{row}"


def row_deleted(form: Form) -> str:
    sheet, row = form.table_row("SIC:TV_RES")
    number = form.cells["VICT", "GRP=A,SEX=M"].row
    sheet.delete_rows(number)
    return f"{sheet.title}!B{row}"


def row_without_its_key(form: Form) -> str:
    cell = form.cells["VICT", "GRP=A,SEX=M"]
    cell.parent.cell(cell.row, 1).value = None
    return f"{cell.parent.title}!C{cell.row}"


def nil_with_values(form: Form) -> str:
    form.answer("nil:SIC", "Fehlanzeige")
    return form.place(min((k for k in form.cells if k[0] == "TV_RES"), key=lambda k: form.cells[k].column))


def nil_for_all_with_values(form: Form) -> str:
    form.answer("nil", "Fehlanzeige")
    return form.place(min((k for k in form.cells if k[0] == "PILOT"), key=lambda k: _order(form.cells[k])))


def _order(cell: Cell) -> tuple[int, int]:
    return cell.row, cell.column


ALLOWED_SIGN = "„?“ ist kein Zeichen des gewählten Zeichenprofils."
WEIGHTED: Key = ("SV_VALID", "GRP=OMH,SEX=M,ITEM=VOL")
DEFECTS = [
    Defect("a text", entered("viele Personen"), "V03", "„viele Personen“ ist keine Zahl."),
    Defect("two numbers in one cell", entered("12 und 13"), "V03", "„12 und 13“ ist keine Zahl."),
    Defect("digits with a letter inside", entered("1O2"), "V03", "„1O2“ ist keine Zahl."),
    Defect("an unknown sign", entered("?"), "V10", ALLOWED_SIGN),
    Defect("a sign of another profile", entered("k"), "V10", ALLOWED_SIGN.replace("?", "k")),
    Defect("a negative number", entered(-5), "V04", "Der Wert −5 ist negativ; erwartet wird eine Anzahl."),
    Defect("a negative text", entered("−1 204"), "V04", "Der Wert −1\u202f204 ist negativ; erwartet wird eine Anzahl."),
    Defect(
        "half a person",
        entered(12.5),
        "V05",
        "Der Wert 12,5 hat Nachkommastellen; erwartet wird eine ganze Zahl.",
    ),
    Defect(
        "a share instead of a count",
        entered(0.184),
        "V05",
        "Der Wert 0,184 hat Nachkommastellen; erwartet wird eine ganze Zahl.",
    ),
    Defect("a percentage", entered("18,4 %"), "V16", "„18,4 %“ ist ein Prozentwert; erwartet wird die Anzahl."),
    Defect(
        "a date",
        entered(date(2021, 2, 1)),
        "V09",
        "In dieser Zelle steht ein Datum (01.02.2021) statt einer Zahl.",
    ),
    Defect(
        "a date with a time",
        entered(moment(2021, 12, 31, 8, 30)),
        "V09",
        "In dieser Zelle steht ein Datum (31.12.2021) statt einer Zahl.",
    ),
    Defect("true", entered(True), "V12", "In dieser Zelle steht „WAHR“ (Wahrheitswert) statt einer Zahl."),
    Defect("false", entered(False), "V12", "In dieser Zelle steht „FALSCH“ (Wahrheitswert) statt einer Zahl."),
    Defect("a division by zero", entered("#DIV/0!"), "V07", "In dieser Zelle steht der Excel-Fehler #DIV/0!."),
    Defect("a lost reference", entered("#REF!"), "V07", "In dieser Zelle steht der Excel-Fehler #REF!."),
    Defect("a lookup without a result", entered("#N/A"), "V07", "In dieser Zelle steht der Excel-Fehler #N/A."),
    Defect(
        "a formula never calculated",
        entered("=1+1"),
        "V06",
        "Die Formel in dieser Zelle hat keinen gespeicherten Wert.",
    ),
    Defect(
        "a number too large",
        entered(10**12),
        "V14",
        "Der Wert 1\u202f000\u202f000\u202f000\u202f000 ist größer, als eine Anzahl hier sein kann.",
    ),
    Defect(
        "an empty cell",
        entered(None),
        "V01",
        "Hier fehlt ein Wert (Bevölkerung am Ort der Hauptwohnung, 25 bis 34 Jahre, Ausländerinnen und Ausländer / weiblich).",
    ),
    Defect(
        "only blanks",
        entered("   "),
        "V01",
        "Hier fehlt ein Wert (Bevölkerung am Ort der Hauptwohnung, 25 bis 34 Jahre, Ausländerinnen und Ausländer / weiblich).",
    ),
    Defect(
        "a measured value with two readings",
        entered("1.234", WEIGHTED),
        "V08",
        f"„1.234“ kann zwei Zahlen bedeuten. Wir haben 1{NO_BREAK}234 gelesen.",
        also=frozenset({"doubt"}),
    ),
    Defect(
        "an untouched variable of one row",
        untouched("HATE_OFF"),
        "V02",
        "Zu „{HATE_OFF}“ wurde nichts eingetragen; das gilt als nicht geliefert.",
    ),
    Defect(
        "an untouched variable of several rows",
        untouched("SEU_UBOOK"),
        "V02",
        "Zu „{SEU_UBOOK}“ wurde nichts eingetragen; das gilt als nicht geliefert.",
        count=9,
    ),
    Defect(
        "a foreign sheet", sheet_added, "S04", "Das Blatt „Rechnung“ gehört nicht zur Vorlage und wurde nicht gelesen."
    ),
    Defect(
        "a copied sheet",
        sheet_copied,
        "S05",
        "Der Wert für „{ANG:PILOT}“ steht mehrfach in der Lieferung (auch in einem anderen Blatt).",
    ),
    Defect(
        "values in an inserted row",
        row_inserted,
        "S02",
        "In dieser Zeile stehen Werte, die keiner Zeile der Vorlage zugeordnet werden können.",
        count=2,
    ),
    Defect(
        "values in an inserted column",
        column_inserted,
        "S03",
        "In dieser Spalte stehen Werte, die keiner Spalte der Vorlage zugeordnet werden können.",
        count=2,
    ),
    Defect(
        "a row copied with its key",
        row_copied,
        "S02",
        "In dieser Zeile stehen Werte, die keiner Zeile der Vorlage zugeordnet werden können.",
        count=16,
    ),
    Defect(
        "values in a row inserted below the last table",
        row_below_the_last_table,
        "S02",
        "In dieser Zeile stehen Werte, die keiner Zeile der Vorlage zugeordnet werden können.",
    ),
    Defect(
        "values in the row of the closing mark",
        value_in_the_closing_row,
        "S02",
        "In dieser Zeile stehen Werte, die keiner Zeile der Vorlage zugeordnet werden können.",
    ),
    Defect(
        "a row that lost its key",
        row_without_its_key,
        "S02",
        "In dieser Zeile stehen Werte, die keiner Zeile der Vorlage zugeordnet werden können.",
        count=9,
        also=frozenset({"V02"}),
    ),
    Defect(
        "a number over what is asked for further up",
        blocked_cell_filled,
        "S11",
        "In dieser gesperrten Zelle („s. oben“) steht ein Eintrag; er wurde nicht gelesen, weil die Angabe weiter oben"
        " gefragt ist.",
    ),
    Defect("a deleted sheet", sheet_deleted, "S01", "Im Erhebungsbogen fehlt die Tabelle „{SIC:TV_RES}“.", times=2),
    Defect("a deleted table", table_deleted, "S01", "Im Erhebungsbogen fehlt die Tabelle „{BEV:BIRTHS}“."),
    Defect(
        "an unknown table",
        table_mark_changed,
        "V15",
        "Die Angabe „ANG:UNBEKANNT“ gehört nicht zu dem, was der Indikatorenrahmen für dieses Berichtsjahr vorsieht.",
        also=frozenset({"S01"}),
    ),
    Defect(
        "a deleted row",
        row_deleted,
        "V02",
        "Zu „{VICT}“ wurde nichts eingetragen; das gilt als nicht geliefert.",
        count=9,
    ),
    Defect(
        "nothing to report for a field, but values",
        nil_with_values,
        "V11",
        "Für das Feld „Sicherheit“ ist Fehlanzeige angekreuzt, hier steht aber ein Wert.",
        count=19,
    ),
    Defect(
        "nothing to report at all, but values",
        nil_for_all_with_values,
        "V11",
        "Für das Feld „Angebote und Vernetzung“ ist Fehlanzeige angekreuzt, hier steht aber ein Wert.",
        count=2,
        times=len(KEPT),
    ),
]


# --- edits that are no defects ---------------------------------------------------------------------------------------


def sheets_renamed(form: Form) -> None:
    for number, sheet in enumerate(form.book.worksheets):
        sheet.title = f"Tabelle{number}"


def sheets_reordered(form: Form) -> None:
    form.book._sheets.reverse()


def labels_retyped(form: Form) -> None:
    for sheet in form.book.worksheets:
        for row in sheet.iter_rows(min_col=2):
            mark = str(sheet.cell(row[0].row, 1).value or "")
            for cell in row:
                if mark in ("#HEAD", "#TEXT") and cell.value and cell.value != "monitor-form/1":
                    cell.value = "Überschrift"
        if sheet.title != "Deckblatt":
            for cell in sheet["B"]:
                if cell.value and not str(cell.value).startswith("#"):
                    cell.value = "geändert"


def labels_deleted(form: Form) -> None:
    for sheet in form.book.worksheets:
        for cell in sheet["B"]:
            cell.value = None


def rows_inserted(form: Form) -> None:
    for sheet in form.book.worksheets:
        for row in (30, 12, 5, 1):
            insert_rows(sheet, row, 2)


def columns_inserted(form: Form) -> None:
    for sheet in form.book.worksheets:
        for column in (5, 3, 2, 1):
            sheet.insert_cols(column)


def empty_sheet_added(form: Form) -> None:
    form.book.create_sheet("Tabelle1", 0)


def text_in_an_inserted_row(form: Form) -> None:
    sheet, row = form.cells[WOMEN].parent, form.cells[WOMEN].row
    insert_rows(sheet, row)
    sheet.cell(row, 2).value = "hier beginnt die zweite Seite"


def guide_deleted(form: Form) -> None:
    form.book.remove(form.book["Erläuterungen"])


def rows_sorted(form: Form) -> None:
    # a table sorted by hand: the keys travel with their rows
    rows = sorted({cell.row for (variable, _), cell in form.cells.items() if variable == "POP"})
    sheet = form.cells[WOMEN].parent
    content = [[copy(cell.value) for cell in sheet[row]] for row in rows]
    for row, values in zip(rows, reversed(content), strict=True):
        for column, value in enumerate(values, start=1):
            sheet.cell(row, column).value = value


def everything_at_once(form: Form) -> None:
    labels_retyped(form)
    rows_inserted(form)
    columns_inserted(form)
    sheets_renamed(form)
    sheets_reordered(form)


HARMLESS = [
    sheets_renamed,
    sheets_reordered,
    labels_retyped,
    labels_deleted,
    rows_inserted,
    columns_inserted,
    empty_sheet_added,
    text_in_an_inserted_row,
    guide_deleted,
    rows_sorted,
    everything_at_once,
]


# --- one batch -------------------------------------------------------------------------------------------------------

Edited = tuple[CheckedDelivery, str]


@pytest.fixture(scope="module")
def base(framework: Framework, world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A filled form of some fields that has no finding."""
    path = tmp_path_factory.mktemp("base") / "base.xlsx"
    values = {
        key: value
        for key, value in entries(framework, world, REGION, YEAR).items()
        if framework.variable_field[key[0]] in KEPT
    }
    nil = tuple(code for code in framework.fields if code not in KEPT)
    cover = CoverAnswers(population_basis="EMR", nil_fields=nil)
    write_form(path, framework, FormRequest(REGION, YEAR, values=values, cover=cover))
    book = openpyxl.load_workbook(path)
    for sheet in book.worksheets:
        if sheet.title.split(" ")[0] not in (*KEPT, *WITHOUT_VALUES):
            book.remove(sheet)
    book.save(path)
    return path


@pytest.fixture(scope="module")
def opened(base: Path, entry_cells: Callable[..., dict[Key, Cell]]) -> Callable[[], Form]:
    def open_form() -> Form:
        book = openpyxl.load_workbook(base)
        return Form(book, entry_cells(book))

    return open_form


@pytest.fixture(scope="module")
def batch(
    opened: Callable[..., Form],
    check: Callable[..., list[CheckedDelivery]],
    filled: Callable[[str, int], Path],
    base: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Edited]:
    """Every edited form, checked together: name -> (what the check says, where the edit was)."""
    folder = tmp_path_factory.mktemp("edited")
    names, places, paths = ["complete", "untouched"], ["", ""], [filled(REGION, YEAR), base]
    for name, edit in [*((d.name, d.edit) for d in DEFECTS), *((e.__name__, e) for e in HARMLESS)]:
        form = opened()
        places.append(edit(form) or "")
        names.append(name)
        paths.append(folder / f"{len(paths)}.xlsx")
        form.book.save(paths[-1])
    checked = check(paths)
    return {name: (delivery, place) for name, delivery, place in zip(names, checked, places, strict=True)}


@pytest.fixture(scope="module")
def intact(batch: dict[str, Edited]) -> dict[Key, tuple[Decimal | None, str, str]]:
    return said(batch["untouched"][0])


def said(delivery: CheckedDelivery) -> dict[Key, tuple[Decimal | None, str, str]]:
    """What a delivery says, wherever it stands."""
    return {(o.variable, member_key(o.members)): (o.value, o.status, o.text) for o in delivery.observations}


def spelled_out(framework: Framework, text: str) -> str:
    """`{CODE}` stands for the name of a variable, `{TABLE}` for the title of a table."""
    names = {f"{{{code}}}": variable.name_de for code, variable in framework.variables.items()}
    names |= {f"{{{table.id}}}": table.title for table in entry_tables(framework, REGION, YEAR)}
    for mark, name in names.items():
        text = text.replace(mark, name)
    return text


def test_a_complete_form_has_no_finding(framework: Framework, batch: dict[str, Edited]) -> None:
    delivery = batch["complete"][0]
    assert delivery.submission.verdict is Verdict.ACCEPTED
    assert delivery.findings == ()
    assert batch["untouched"][0].findings == ()
    assert delivery.submission.layout == "form"
    assert (delivery.submission.region, delivery.submission.year) == (REGION, YEAR)
    assert delivery.read_cells == len(delivery.observations) >= delivery.expected_cells > 1000


@pytest.mark.parametrize("edit", HARMLESS, ids=lambda edit: edit.__name__)
def test_nothing_is_lost_and_nothing_found_after_a_harmless_edit(
    batch: dict[str, Edited], intact: dict[Key, Any], edit: Callable[[Form], None]
) -> None:
    delivery = batch[edit.__name__][0]
    assert [(f.code, f.sheet, f.cell) for f in delivery.findings] == []
    assert delivery.submission.verdict is Verdict.ACCEPTED
    assert said(delivery) == intact


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_defect_is_named_with_its_cell_and_a_sentence(
    framework: Framework, batch: dict[str, Edited], assert_sentence: Callable[[str], None], defect: Defect
) -> None:
    delivery, place = batch[defect.name]
    own = [found for found in delivery.findings if found.code == defect.code]
    assert own, [(f.code, f.sheet, f.cell, f.message) for f in delivery.findings][:5]
    assert len(own) == defect.times, [(f.code, f.sheet, f.cell, f.message) for f in own]
    first = own[0]
    assert first.message == spelled_out(framework, defect.message)
    assert f"{first.sheet}!{first.cell}" == place
    if defect.count:
        assert first.count == defect.count
    for found in delivery.findings:
        assert_sentence(found.message)
        assert_sentence(found.remedy)
    # nothing else is claimed, but what the edit brings with it: a rule or a question of plausibility about the value
    doubts = {found.code for found in delivery.findings if found.code in framework.rules or found.code[0] in "MP"}
    others = {"doubt" if found.code in doubts else found.code for found in delivery.findings}
    assert others - {defect.code} <= defect.also
    worst = {found.severity for found in delivery.findings}
    expected = Verdict.RETURNED if Severity.ERROR in worst else Verdict.ACCEPTED_WITH_REMARKS
    assert delivery.submission.verdict is expected


@pytest.mark.parametrize("defect", [d for d in DEFECTS if d.code in ("V03", "V04", "V05", "V09", "V10", "V12", "V16")])
def test_an_unreadable_cell_gives_no_value_and_leaves_all_others(
    batch: dict[str, Edited], intact: dict[Key, Any], defect: Defect
) -> None:
    now = said(batch[defect.name][0])
    assert {key: value for key, value in intact.items() if key != WOMEN} == now


def test_a_cell_finding_names_row_column_region_and_variable(batch: dict[str, Edited]) -> None:
    (found,) = batch["a negative number"][0].findings
    assert (found.region, found.variable, found.members) == (REGION, *WOMEN)
    assert found.row_label == "25 bis 34 Jahre"
    assert found.column_label == "Ausländerinnen und Ausländer / weiblich"
    assert found.found == "−5"


def test_fifty_defects_are_fifty_findings(
    opened: Callable[..., Form], check: Callable[..., list[CheckedDelivery]], tmp_path: Path
) -> None:
    # a capped or merged list costs the sender another round; equal texts are told apart by their cells
    form = opened()
    keys = [key for key in form.cells if key[0] == "POP"][:50]
    places = {form.put("viele Personen", key) for key in keys}
    form.book.save(tmp_path / "many.xlsx")
    (delivery,) = check([tmp_path / "many.xlsx"])
    unreadable = [found for found in delivery.findings if found.code == "V03"]
    assert {f"{found.sheet}!{found.cell}" for found in unreadable} == places
    assert len(unreadable) == 50


# --- rules -----------------------------------------------------------------------------------------------------------


def test_a_part_larger_than_the_whole_names_both_cells_and_both_numbers(
    opened: Callable[..., Form],
    check: Callable[..., list[CheckedDelivery]],
    assert_sentence: Callable[[str], None],
    framework: Framework,
    tmp_path: Path,
) -> None:
    form = opened()
    key = ("SVB_RES", "GRP=A,SEX=W")
    form.put(form.cells[key].value * 10, key)
    form.book.save(tmp_path / "large.xlsx")
    (delivery,) = check([tmp_path / "large.xlsx"])
    own = [f for f in delivery.findings if f.code in framework.rules and form.cells[key].coordinate in f.remedy]
    assert own
    for found in own:
        assert_sentence(found.message)
        assert_sentence(found.remedy)
        assert "Beteiligte Zellen: „ARB Arbeit“" in found.remedy


def test_a_jump_against_last_year_is_asked_about(
    world: World,
    opened: Callable[..., Form],
    check: Callable[..., list[CheckedDelivery]],
    intact: dict[Key, Any],
    assert_sentence: Callable[[str], None],
    base: Path,
) -> None:
    # one variable was a quarter of what it is now, as if a new service had been opened; the rest is as it was
    known = world.values(REGION, YEAR - 1)
    quarter = {key: value // 4 for key, (value, _, _) in intact.items() if value is not None and key[0] == "VICT"}
    before = {key: (Decimal(quarter.get(key, value)), "ok") for key, value in known.items()}
    past = Past(values=lambda region, year: before if (region, year) == (REGION, YEAR - 1) else {})
    (delivery,) = check([base], past=past)
    asked = [found for found in delivery.findings if found.code == "M15"]
    assert {found.variable for found in asked} == {"VICT"}
    first = asked[0]
    assert first.severity is Severity.WARNING
    assert_sentence(first.message)
    now, then = intact["VICT", first.members][0], before["VICT", first.members][0]
    assert first.previous_value == german(then)
    assert f"{german(now)} nach {german(then)} im Vorjahr (+" in first.message
    form = opened()
    assert f"{first.sheet}!{first.cell}" == form.place(("VICT", first.members))


def german(number: Decimal) -> str:
    return f"{int(number):,}".replace(",", NO_BREAK)


# --- notes, signs, optional cells ------------------------------------------------------------------------------------


def test_a_note_is_kept_with_the_values_of_its_row(
    opened: Callable[..., Form], check: Callable[..., list[CheckedDelivery]], tmp_path: Path
) -> None:
    form = opened()
    form.note(WOMEN).value = "Umstellung des Verfahrens im Mai"
    form.book.save(tmp_path / "note.xlsx")
    (delivery,) = check([tmp_path / "note.xlsx"])
    assert delivery.findings == ()
    noted = {o.cell for o in delivery.observations if o.note == "Umstellung des Verfahrens im Mai"}
    row = form.cells[WOMEN].row
    assert form.cells[WOMEN].coordinate in noted
    assert {int(cell.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")) for cell in noted} == {row}


def test_residual_cells_may_stay_empty(
    framework: Framework,
    opened: Callable[..., Form],
    check: Callable[..., list[CheckedDelivery]],
    tmp_path: Path,
) -> None:
    form = opened()
    residual = {f"{d}={m}" for d, dim in framework.dimensions.items() for m in dim.members if dim.is_residual(m)}
    emptied = 0
    for (_, members), cell in form.cells.items():
        if residual & set(members.split(",")) and cell.value in (None, 0):
            cell.value = None
            emptied += 1
    assert emptied
    form.book.save(tmp_path / "residual.xlsx")
    (delivery,) = check([tmp_path / "residual.xlsx"])
    assert [f.code for f in delivery.findings if f.code.startswith("V")] == []


@pytest.mark.parametrize("nil", ["field", "all"])
def test_nothing_to_report_silences_the_questions_for_missing_values(
    framework: Framework,
    world: World,
    check: Callable[..., list[CheckedDelivery]],
    tmp_path: Path,
    nil: str,
) -> None:
    values = entries(framework, world, REGION, YEAR) if nil == "field" else {}
    silent = {"SIC", "GES"} if nil == "field" else set(framework.fields)
    values = {key: value for key, value in values.items() if framework.variable_field[key[0]] not in silent}
    cover = CoverAnswers(population_basis="EMR", nil=nil == "all", nil_fields=("SIC", "GES") if nil == "field" else ())
    path = write_form(tmp_path / "nil.xlsx", framework, FormRequest(REGION, YEAR, values=values, cover=cover))
    (delivery,) = check([path])
    assert delivery.submission.verdict is Verdict.ACCEPTED
    assert delivery.findings == ()
    assert set(delivery.nil_fields) == silent
    assert delivery.submission.nil_return is (nil == "all")


def test_nothing_to_report_for_every_single_field_is_an_answer(
    framework: Framework, check: Callable[..., list[CheckedDelivery]], tmp_path: Path
) -> None:
    # the message C09 would say that there is no Fehlanzeige, which is not true here
    cover = CoverAnswers(population_basis="EMR", nil_fields=tuple(framework.fields))
    path = write_form(tmp_path / "nil.xlsx", framework, FormRequest(REGION, YEAR, cover=cover))
    (delivery,) = check([path])
    assert [found.code for found in delivery.findings] == []


def test_a_prefilled_sign_of_a_nil_field_is_no_contradiction(
    framework: Framework, check: Callable[..., list[CheckedDelivery]], tmp_path: Path
) -> None:
    cover = CoverAnswers(population_basis="EMR", nil=True)
    path = write_form(tmp_path / "nil.xlsx", framework, FormRequest("06532023", YEAR, cover=cover))
    (delivery,) = check([path])
    assert [found.code for found in delivery.findings] == []


def test_an_untouched_variable_of_two_tables_is_not_asked_about_twice_in_the_same_words(
    opened: Callable[..., Form], check: Callable[..., list[CheckedDelivery]], tmp_path: Path
) -> None:
    form = opened()
    untouched("UNEMP")(form)
    form.book.save(tmp_path / "untouched.xlsx")
    (delivery,) = check([tmp_path / "untouched.xlsx"])
    assert {found.code for found in delivery.findings} == {"V02"}
    messages = [found.message for found in delivery.findings]
    assert len(messages) == len(set(messages))
    assert sum(found.count for found in delivery.findings) == 36


def test_a_value_untouched_in_one_table_does_not_claim_that_nothing_was_entered(
    opened: Callable[..., Form], check: Callable[..., list[CheckedDelivery]], framework: Framework, tmp_path: Path
) -> None:
    # unemployment is asked for in two tables; one is filled in, so “nothing was entered” would be wrong
    form = opened()
    sheet, row = form.table_row("ARB:UNEMP:2")
    for (variable, _), cell in form.cells.items():
        if variable == "UNEMP" and cell.row > row:
            cell.value = None
    form.book.save(tmp_path / "half.xlsx")
    (delivery,) = check([tmp_path / "half.xlsx"])
    assert {f.sheet for f in delivery.findings} == {sheet.title}
    said_nothing = [
        f.message for f in delivery.findings if f"„{framework.variables['UNEMP'].name_de}“ wurde nichts" in f.message
    ]
    assert said_nothing == []


# --- saved by another program ----------------------------------------------------------------------------------------


def test_a_form_saved_by_libreoffice_says_the_same(
    libreoffice: Callable[[Sequence[Path], str], list[Path]],
    opened: Callable[..., Form],
    check: Callable[..., list[CheckedDelivery]],
    base: Path,
    intact: dict[Key, Any],
    tmp_path: Path,
) -> None:
    form = opened()
    everything_at_once(form)
    form.book.save(tmp_path / "moved.xlsx")
    wrong = opened()
    place = wrong.put(-5)
    wrong.book.save(tmp_path / "wrong.xlsx")
    originals = [base, tmp_path / "moved.xlsx", tmp_path / "wrong.xlsx"]
    saved = libreoffice(originals, "xlsx")
    plain, moved, damaged = check(saved)
    for delivery in (plain, moved):
        assert [(f.code, f.sheet, f.cell) for f in delivery.findings] == []
        assert _values(said(delivery)) == _values(intact)
    (found,) = damaged.findings
    assert (found.code, f"{found.sheet}!{found.cell}") == ("V04", place)


@pytest.mark.thorough
def test_a_form_saved_as_opendocument_says_the_same(
    libreoffice: Callable[[Sequence[Path], str], list[Path]],
    check: Callable[..., list[CheckedDelivery]],
    base: Path,
    intact: dict[Key, Any],
) -> None:
    (delivery,) = check(libreoffice([base], "ods"))
    assert [(f.code, f.sheet, f.cell, f.message) for f in delivery.findings] == []
    assert _values(said(delivery)) == _values(intact)


def _values(content: dict[Key, tuple[Decimal | None, str, str]]) -> dict[Key, tuple[Decimal | None, str]]:
    return {key: (value, status) for key, (value, status, _) in content.items()}


@pytest.mark.thorough
def test_formulas_calculated_by_libreoffice_count_with_their_value(
    libreoffice: Callable[[Sequence[Path], str], list[Path]],
    opened: Callable[..., Form],
    check: Callable[..., list[CheckedDelivery]],
    intact: dict[Key, Any],
    tmp_path: Path,
) -> None:
    form = opened()
    form.put(f"={int(intact[WOMEN][0])}-7+7")
    form.book.save(tmp_path / "formula.xlsx")
    (delivery,) = check(libreoffice([tmp_path / "formula.xlsx"], "xlsx"))
    assert [f.code for f in delivery.findings if f.severity is not Severity.INFO] == []
    assert said(delivery)[WOMEN][0] == intact[WOMEN][0]


def test_a_time_of_day_is_no_number(
    opened: Callable[..., Form], check: Callable[..., list[CheckedDelivery]], tmp_path: Path
) -> None:
    # Excel turns “8:30” into a time
    form = opened()
    place = form.put(time(8, 30))
    form.book.save(tmp_path / "time.xlsx")
    (delivery,) = check([tmp_path / "time.xlsx"])
    found: Finding = delivery.findings[0]
    assert (found.code, f"{found.sheet}!{found.cell}") == ("V09", place)
