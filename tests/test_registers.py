"""Registers in the delivery workbook: written, filled in by people, read back, checked and answered.

Every defect is one small edit of a workbook without findings. All edited workbooks are checked as one batch.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pytest
from register_form import (
    GOOD,
    YEAR,
    Editor,
    as_records,
    check,
    codes,
    known,
    opened,
    values_of,
    write,
)

from intake.checking import Past
from intake.personal_fields import personal_words
from intake.reading import Cell, Workbook, column_letters
from intake.reasons import reason_of
from intake.register_content import carried_over
from intake.reply import as_text, receipt
from schemas.framework_model import Framework
from schemas.shapes import CheckedDelivery, FindingState, Severity, Verdict

ALL_NIL = ("MEMBERSHIP", "COOPERATION", "PAGE", "PUBLICATION", "EVENT", "GOOD_PRACTICE")
NEW_OFFER: Mapping[str, object] = {
    "TITLE": "Nähtreff", "FIELDS": "Sprache", "SERVICE": "Begegnung und Kultur", "FORM": "Regelangebot",
    "PROVIDER": "Stadtteilbüro", "PROVIDER_TYPE": "Kommune", "MO_INVOLVED": "nicht beteiligt", "START": date(2024, 2, 1),
    "EVALUATED": "nein", "LISTED": "ja", "LAST_CHECKED": date(2024, 6, 1),
}  # fmt: skip


@pytest.fixture(scope="module")
def good(framework: Framework, tmp_path_factory: pytest.TempPathFactory) -> Workbook:
    path = write(tmp_path_factory.mktemp("registers") / "good.xlsx", framework, nil=ALL_NIL)
    return opened(framework, path)


# --- what is right ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def clean(framework: Framework, good: Workbook) -> CheckedDelivery:
    return check(framework, {"good": good})["good"]


def test_a_good_workbook_comes_back_as_it_was_written(clean: CheckedDelivery) -> None:
    assert clean.findings == ()
    assert clean.submission.verdict is Verdict.ACCEPTED
    assert {code: values_of(clean, code) for code in GOOD} == GOOD
    assert sorted(clean.registers) == sorted((*GOOD, *ALL_NIL))


def test_every_filled_field_has_its_cell(framework: Framework, good: Workbook, clean: CheckedDelivery) -> None:
    editor = Editor.of(framework, good)
    for record in clean.records:
        assert record.cells.keys() == record.values.keys()
        for code, address in record.cells.items():
            assert address == f"{column_letters(editor.column(record.register, code))}{record.row}"
            assert (record.row, editor.column(record.register, code)) in editor.sheets[record.sheet]


def test_what_is_counted_goes_the_way_of_typed_values(framework: Framework, clean: CheckedDelivery) -> None:
    counted = {o.variable: o for o in clean.observations}
    assert counted["OFFER"].value == 2
    assert counted["OFFER_MO"].value == 1
    assert counted["OFFER"].sheet == "Angebote"
    assert all(framework.variables[code].computed_from for code in counted)
    assert clean.read_cells == clean.expected_cells == 0


def test_the_answer_tells_what_was_read(framework: Framework, good: Workbook) -> None:
    last = {**GOOD, "OFFER": {"A-1": {**GOOD["OFFER"]["A-1"], "CAPACITY": "30"},
                              "A-7": {**GOOD["OFFER"]["A-2"], "TITLE": "Hofpause", "END": "2024-04-30"}}}  # fmt: skip
    delivery = check(framework, {"good": good}, known(last, YEAR - 1))["good"]
    text = as_text(receipt(framework, delivery))
    assert "Register „Angebotsregister“: 2 Einträge gelesen; gegenüber dem Vorjahr 1 neu, 1 geändert, 1 beendet" in text
    assert "Register „Handlungskonzepte“: 1 Eintrag gelesen; gegenüber dem Vorjahr 0 neu, 0 geändert, 0 beendet" in text
    assert "Register „Veranstaltungen“: Fehlanzeige" in text
    assert text.startswith("Ergebnis: Keine Beanstandungen.")
    assert "11 Einträge übernommen" in text


# --- tolerance: what people do and is understood --------------------------------------------------------------------


def _offer(editor: Editor, **changed: object) -> None:
    for code, value in changed.items():
        editor.put("OFFER", code, value)  # type: ignore[arg-type]


def _renamed(editor: Editor) -> None:
    editor.names[editor.sheet("OFFER")] = "Unsere Angebote"


def _column_inserted(editor: Editor) -> None:
    editor.move("OFFER", lambda row, column: (row, column + (column > 5)))


def _columns_swapped(editor: Editor) -> None:
    title, provider = editor.column("OFFER", "TITLE"), editor.column("OFFER", "PROVIDER")
    swap = {title: provider, provider: title}
    editor.move("OFFER", lambda row, column: (row, swap.get(column, column)))


def _rows_inserted(editor: Editor) -> None:
    above, between = editor.mark("OFFER").row, editor.row("OFFER", 2)
    editor.move("OFFER", lambda row, column: (row + 2 * (row >= above) + 3 * (row >= between), column))


def _key_lost(editor: Editor) -> None:
    cells = editor.sheets[editor.sheet("OFFER")]
    del cells[editor.mark("OFFER").row, editor.column("OFFER", "PROVIDER")]


def _texts(editor: Editor) -> None:
    _offer(editor, START=" 1.1.2020 ", LAST_CHECKED="1. Mai 2024", CAPACITY="20", PARTICIPANTS=" 15 ")
    _offer(editor, EVALUATED="X", LISTED=True, SERVICE="begegnung und  KULTUR", PROVIDER_TYPE="MIGRANT_ORGANISATION")
    _offer(editor, FIELDS="sprache ;  TEI;", LANGUAGES="arabisch\nDeutsch", URL="www.example.org/cafe?a=1&b=2")
    _offer(editor, TITLE="  Sprachcafé\u00a0 Nord\u200b ", PARTNERS="haus der kulturen e.V.", AREAS="Darmstadt")


def _serial_number(editor: Editor) -> None:
    _offer(editor, START=43831.0, CAPACITY=20.0, EVALUATED=1.0)


def _commas(editor: Editor) -> None:
    _offer(editor, FIELDS="Sprache, TEI")
    editor.put("MEASURE", "BUDGET", "98.765,50 €")
    editor.put("MEASURE", "OFFERS", "Sprachcafé Nord; A-2")
    editor.put("TARGET", "INDICATOR", "rec 01")


def _dashes(editor: Editor) -> None:
    editor.put("OFFER", "CAPACITY", "–", 2)
    editor.put("OFFER", "URL", " - ", 2)


TOLERATED: dict[str, Callable[[Editor], None]] = {
    "sheet renamed": _renamed,
    "column inserted": _column_inserted,
    "columns moved": _columns_swapped,
    "rows inserted": _rows_inserted,
    "key of a column lost": _key_lost,
    "texts instead of values": _texts,
    "serial number of a day": _serial_number,
    "German numbers and commas": _commas,
    "dashes in empty cells": _dashes,
}


@pytest.fixture(scope="module")
def tolerated(framework: Framework, good: Workbook) -> dict[str, CheckedDelivery]:
    books = {}
    for name, edit in TOLERATED.items():
        editor = Editor.of(framework, good)
        edit(editor)
        books[name] = editor.book()
    return check(framework, books)


@pytest.mark.parametrize("name", TOLERATED)
def test_what_people_do_is_understood(tolerated: dict[str, CheckedDelivery], name: str) -> None:
    delivery = tolerated[name]
    assert [(f.code, f.cell, f.message) for f in delivery.findings] == []
    expected = {code: dict(entries) for code, entries in GOOD.items()}
    if name == "texts instead of values":
        expected["OFFER"] = {**expected["OFFER"], "A-1": {**expected["OFFER"]["A-1"], "LANGUAGES": "AR;DE"}}
    assert {code: values_of(delivery, code) for code in GOOD} == expected


# --- ids -------------------------------------------------------------------------------------------------------------


def test_new_entries_get_ids_that_go_on_from_the_highest_known(framework: Framework, good: Workbook) -> None:
    editor = Editor.of(framework, good)
    editor.add("OFFER", 5, NEW_OFFER)  # type: ignore[arg-type]
    editor.add("OFFER", 9, {**NEW_OFFER, "TITLE": "Kochen", "PROVIDER": "Caritasverband"})  # type: ignore[dict-item]
    editor.put("MEASURE", "OFFERS", "Nähtreff; Kochen")  # named before they have an id
    past = known({"OFFER": {"A-11": {**GOOD["OFFER"]["A-1"], "END": "2023-03-31", "TITLE": "Altes"}}}, YEAR - 1)
    alone, later = check(framework, {"a": editor.book()})["a"], check(framework, {"a": editor.book()}, past)["a"]
    assert codes(alone) == codes(later) == []
    assert list(values_of(alone, "OFFER")) == ["A-1", "A-2", "A-3", "A-4"]
    assert list(values_of(later, "OFFER")) == ["A-1", "A-2", "A-12", "A-13"]
    assert values_of(later, "MEASURE")["M-1"]["OFFERS"] == "A-12;A-13"


def test_an_entry_that_was_delivered_before_without_an_id_keeps_the_one_it_got(
    framework: Framework, good: Workbook
) -> None:
    editor = Editor.of(framework, good)
    editor.add("OFFER", 3, {**NEW_OFFER, "TITLE": "Davor eingefügt"})  # type: ignore[dict-item]
    editor.add("OFFER", 4, NEW_OFFER)  # type: ignore[arg-type]
    earlier = {**GOOD, "OFFER": {**GOOD["OFFER"], "A-3": {"TITLE": "Nähtreff", "PROVIDER": "Stadtteilbüro"}}}
    delivery = check(framework, {"a": editor.book()}, known(earlier, YEAR))["a"]
    titles = {code: values["TITLE"] for code, values in values_of(delivery, "OFFER").items()}
    assert titles == {
        "A-1": "Sprachcafé Nord",
        "A-2": "Beratung zur Anerkennung",
        "A-4": "Davor eingefügt",
        "A-3": "Nähtreff",
    }


# --- defects ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Defect:
    """What is done, the finding that follows, and words of its message. `edit` returns `sheet!cell` of the finding."""

    name: str
    edit: Callable[[Editor], str]
    code: str
    words: str
    severity: Severity = Severity.ERROR
    past: Past | None = None
    times: int = 1


def put(register: str, code: str, value: object, entry: int = 1, **more: object) -> Callable[[Editor], str]:
    return lambda editor: editor.put(register, code, value, entry, **more)  # type: ignore[arg-type]


def _same_id(editor: Editor) -> str:
    return _id(editor, "O-1", 2, "ORGANISATION")


def _id(editor: Editor, text: str, entry: int, register: str = "OFFER") -> str:
    row = editor.row(register, entry)
    editor.sheets[editor.sheet(register)][row, 2] = Cell(row, 2, text)
    return f"{editor.sheet(register)}!B{row}"


def _twin(editor: Editor) -> str:
    for code, value in GOOD["OFFER"]["A-2"].items():
        editor.put("OFFER", code, value, 3)
    editor.put("OFFER", "TITLE", "BERATUNG zur Anerkennung ", 3)
    _id(editor, "A-3", 3)
    return f"Angebote!C{editor.row('OFFER', 3)}"


def _emptied(editor: Editor) -> str:
    row = editor.row("ORGANISATION", 2)
    cells = editor.sheets["Migrantenorganisationen"]
    for place in [place for place in cells if place[0] == row and place[1] > 2]:
        del cells[place]
    return f"Migrantenorganisationen!B{row}"


def _whole_row_gone(editor: Editor) -> str:
    _emptied(editor)
    row = editor.row("ORGANISATION", 2)
    del editor.sheets["Migrantenorganisationen"][row, 2]
    return f"Migrantenorganisationen!B{editor.mark('ORGANISATION').row + 1}"


def _below(editor: Editor) -> str:
    cells = editor.sheets["Angebote"]
    end = next(cell.row for cell in cells.values() if cell.value == "#END")
    cells[end + 2, 3] = Cell(end + 2, 3, "Noch ein Angebot")
    return f"Angebote!C{end + 2}"


def _strange_column(editor: Editor) -> str:
    row, column = editor.row("OFFER"), len(editor.framework.registers["OFFER"].fields) + 3
    editor.sheets["Angebote"][row, column] = Cell(row, column, "nur für uns")
    return f"Angebote!{column_letters(column)}{row}"


def _column_gone(editor: Editor) -> str:
    gone = editor.column("OFFER", "PROVIDER")
    cells = editor.sheets["Angebote"]
    for place in [place for place in cells if place[1] == gone]:
        del cells[place]
    return f"Angebote!B{editor.mark('OFFER').row + 1}"


def _sheet_twice(editor: Editor) -> str:
    editor.sheets["Kopie"] = dict(editor.sheets["Angebote"])
    editor.names["Kopie"] = "Angebote (2)"
    return f"Angebote (2)!B{editor.mark('OFFER').row + 1}"


def _nil_with_entries(editor: Editor) -> str:
    editor.answer("nil_register:OFFER", "Fehlanzeige")
    return f"Angebote!C{editor.row('OFFER')}"


def _unmeasured(editor: Editor) -> str:
    editor.put("TARGET", "GROUP", "mit Migrationshintergrund")
    return f"Ziele!H{editor.row('TARGET')}"


LAST = known(GOOD, YEAR - 1)
W, INFO = Severity.WARNING, Severity.INFO
DEFECTS = (
    Defect("required field empty", put("OFFER", "PROVIDER", None), "E01", "Pflichtangabe „Träger“"),
    Defect("id twice", _same_id, "E02", "O-1 steht zweimal"),
    Defect("text too long", put("OFFER", "TITLE", "x" * 201), "E03", "201 Zeichen"),
    Defect("unknown code, one near", put("OFFER", "SERVICE", "Sprachkurse"), "E04", "meinten Sie „Sprachkurs“?"),
    Defect("unknown code, none near", put("OFFER", "FORM", "qqq"), "E04", "„Regelangebot“, „Projekt auf Zeit“"),
    Defect("one of several unknown", put("OFFER", "LANGUAGES", "Deutsch; Klingonisch"), "E04", "„Klingonisch“"),
    Defect("not a date", put("OFFER", "START", "Frühjahr 2024"), "E05", "Frühjahr 2024"),
    Defect("impossible date", put("OFFER", "START", "31.02.2024"), "E05", "31.02.2024"),
    Defect("not a number", put("OFFER", "CAPACITY", "ca. 20"), "E06", "ca. 20"),
    Defect("half a place", put("OFFER", "CAPACITY", 20.5), "E06", "20.5"),
    Defect("out of bounds", put("OFFER", "CAPACITY", 0.0), "E07", "(0)"),
    Defect("negative", put("OFFER", "PARTICIPANTS", "−3"), "E07", "(−3)"),
    Defect("link to a script", put("OFFER", "URL", "javascript:alert(1)"), "E08", "javascript"),
    Defect("link with blanks", put("OFFER", "URL", "https://www.example.org/a b"), "E08", "a b"),
    Defect("link without a domain", put("OFFER", "URL", "siehe Rathaus"), "E08", "siehe Rathaus"),
    Defect("link with a password", put("OFFER", "URL", "https://me:secret@example.org"), "E08", "keine vollständige"),
    Defect("not an e-mail", put("OFFER", "EMAIL", "cafe(at)example.org"), "E09", "cafe(at)example.org"),
    Defect("not a telephone number", put("OFFICE", "PHONE", "nach Vereinbarung"), "E10", "nach Vereinbarung"),
    Defect("formula as text", put("OFFER", "DESCRIPTION", '=HYPERLINK("http://x","y")'), "E11", "beginnt mit „=“", INFO),
    Defect("error value", put("OFFER", "TITLE", None, error="#REF!"), "E12", "#REF!"),
    Defect("formula never calculated", put("OFFER", "START", None, uncalculated=True), "E12", "ohne Ergebnis"),
    Defect("unknown reference", put("OFFER", "PARTNERS", "O-9"), "E13", "„O-9“"),
    Defect("reference misspelt", put("MEASURE", "TARGET", "Mehr Einbürgerung"), "E13", "meinten Sie „Mehr Einbürgerungen“?"),
    Defect("unknown indicator", put("TARGET", "INDICATOR", "REC-91"), "E14", "Indikator „REC-91“"),
    Defect("end before start", put("OFFER", "END", date(2019, 1, 1)), "E15", "(01.01.2019)"),
    Defect("the same twice", _twin, "E16", "steht zweimal", W),
    Defect("a person", put("OFFER", "PROVIDER", "Frau Anna Schmidt"), "E17", "Frau Anna Schmidt"),
    Defect("a person's mailbox", put("OFFER", "EMAIL", "anna.schmidt@gmail.com"), "E17", "anna.schmidt"),
    Defect("maybe a person", put("OFFER", "DESCRIPTION", "Treff mit Anna Schmidt im Hof"), "E18", "Anna Schmidt", W),
    Defect("private mailbox", put("OFFER", "EMAIL", "sprachcafe@gmx.de"), "E19", "privates E-Mail-Postfach", W),
    Defect("mobile number", put("OFFICE", "PHONE", "0171 1234567"), "E19", "Mobilfunknummer", W),
    Defect("nil with entries", _nil_with_entries, "E20", "Fehlanzeige angekreuzt"),
    Defect("rows below the table", _below, "E21", "bis Zeile"),
    Defect("own column", _strange_column, "E22", "gehört nicht zum Register", W),
    Defect("column gone", _column_gone, "E23", "fehlt die Spalte „Träger“"),
    Defect("sheet twice", _sheet_twice, "E24", "mehrfach"),
    Defect("last year's entry emptied", _emptied, "E26", "Frauen für Frauen (O-2)", W, LAST),
    Defect("last year's entry gone", _whole_row_gone, "E26", "Frauen für Frauen (O-2)", W, LAST),
    Defect("id of last year changed", lambda e: _id(e, "O-77", 2, "ORGANISATION"), "E27", "O-2, jetzt steht hier O-77",
           past=LAST),
    Defect("no id", lambda e: _id(e, "neu!", 2, "ORGANISATION"), "E28", "„neu!“"),
    Defect("not checked for a year", put("OFFER", "LAST_CHECKED", date(2023, 11, 1)), "E29", "01.11.2023", INFO),
    Defect("more participants than places", put("OFFER", "PARTICIPANTS", 25.0), "OFFER-CAPACITY", "mehr Personen", W),
    Defect("target that cannot be measured", _unmeasured, "E32", "nicht messen", W),
    Defect("target without a number", put("TARGET", "TARGET_VALUE", None), "TARGET-NUMBER", "keinen Indikator", INFO),
)  # fmt: skip


@pytest.fixture(scope="module")
def defective(framework: Framework, good: Workbook) -> dict[str, tuple[str, CheckedDelivery]]:
    """Where each finding must stand, and the checked delivery."""
    places: dict[str, str] = {}
    books: dict[Past | None, dict[str, Workbook]] = {}
    for defect in DEFECTS:
        editor = Editor.of(framework, good)
        places[defect.name] = defect.edit(editor)
        books.setdefault(defect.past, {})[defect.name] = editor.book()
    checked: dict[str, CheckedDelivery] = {}
    for past, own in books.items():
        checked |= check(framework, own, past)
    return {name: (places[name], delivery) for name, delivery in checked.items()}


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_every_defect_is_named_at_its_cell(
    framework: Framework,
    defective: dict[str, tuple[str, CheckedDelivery]],
    assert_sentence: Callable[[str], None],
    defect: Defect,
) -> None:
    place, delivery = defective[defect.name]
    expected = {"error": Verdict.RETURNED, "warning": Verdict.ACCEPTED_WITH_REMARKS, "info": Verdict.ACCEPTED}
    assert [(f.code, f"{f.sheet}!{f.cell}", f.severity) for f in delivery.findings] == [
        (defect.code, place, defect.severity)
    ]
    found = delivery.findings[0]
    assert defect.words in found.message
    assert_sentence(found.message)
    assert_sentence(found.remedy)
    assert delivery.submission.verdict is expected[defect.severity]
    assert found.region or found.code in ("E20", "E21", "E22", "E23", "E24")


def test_every_message_about_registers_is_tried(framework: Framework) -> None:
    tried = {defect.code for defect in DEFECTS} | {"E25", "E30", "E31", "E33"}  # these have tests of their own
    assert {code for code in framework.messages if re.fullmatch(r"E\d+", code)} == {
        code for code in tried if re.fullmatch(r"E\d+", code)
    }


def test_many_entries_that_nobody_checked_are_one_note(framework: Framework, good: Workbook) -> None:
    editor = Editor.of(framework, good)
    for entry in range(3, 8):
        editor.add("OFFER", entry, {**NEW_OFFER, "TITLE": f"Kurs {entry}", "LAST_CHECKED": "1.2.2023"})  # type: ignore[dict-item]
    (found,) = check(framework, {"a": editor.book()})["a"].findings
    assert (found.code, found.count, found.cell) == ("E33", 5, f"Z{editor.row('OFFER', 3)}")
    assert "„Kurs 3“, „Kurs 4“" in found.message


def test_a_formula_leaves_nothing_behind_that_a_spreadsheet_would_run(
    defective: dict[str, tuple[str, CheckedDelivery]],
) -> None:
    _, delivery = defective["formula as text"]
    assert values_of(delivery, "OFFER")["A-1"]["DESCRIPTION"] == 'HYPERLINK("http://x","y")'


def test_an_empty_register_without_a_word_is_not_delivered_and_asked_about_when_there_was_one(
    framework: Framework, good: Workbook
) -> None:
    editor = Editor.of(framework, good)
    editor.answer("nil_register:MEMBERSHIP", None)
    last = known({"MEMBERSHIP": {"S-1": {"BODY": "G-1", "MEMBER": "Jobcenter", "SECTOR": "LABOUR"}}}, YEAR - 1)
    silent, asked = check(framework, {"a": editor.book()})["a"], check(framework, {"a": editor.book()}, last)["a"]
    assert "MEMBERSHIP" not in silent.registers
    assert silent.findings == ()
    assert [(f.code, f.sheet, f.severity) for f in asked.findings] == [("E25", "Mitglieder der Gremien", W)]


def test_a_workbook_without_entries_and_without_a_word_comes_back(framework: Framework, tmp_path: Path) -> None:
    book = opened(framework, write(tmp_path / "empty.xlsx", framework, {}))
    delivery = check(framework, {"empty": book})["empty"]
    assert codes(delivery) == ["E31"]
    declared = Editor.of(framework, book)
    declared.answer("nil_register:EVENT", "Fehlanzeige")
    delivery = check(framework, {"nil": declared.book()})["nil"]
    assert delivery.findings == ()
    assert delivery.registers == ("EVENT",)
    assert receipt(framework, delivery).headline == "Fehlanzeige angenommen."


def test_a_register_declared_empty_says_zero_and_one_without_a_word_says_nothing(
    framework: Framework, tmp_path: Path
) -> None:
    book = opened(framework, write(tmp_path / "empty.xlsx", framework, {}, nil=["OFFER"]))
    (delivery,) = check(framework, {"nil": book}).values()
    counted = {o.variable: (o.value, o.status) for o in delivery.observations}
    assert counted["OFFER"] == (0, "zero")
    assert "MO_ACTIVE" not in counted


# --- questions can be answered ----------------------------------------------------------------------------------------


def test_a_question_about_an_entry_is_closed_by_a_reason_and_stays_closed_when_the_row_moves(
    framework: Framework, good: Workbook
) -> None:
    editor = Editor.of(framework, good)
    editor.put("OFFER", "PARTICIPANTS", 25.0)
    first = check(framework, {"a": editor.book()})["a"]
    (question,) = first.findings
    reason = reason_of(question)
    confirmed = replace(reason, text="wechselnde Gruppen")
    editor.move("OFFER", lambda row, column: (row + 4 * (row >= editor.row("OFFER")), column))
    past = Past(reasons=lambda region, year: [confirmed] if year == YEAR else [])
    again = check(framework, {"a": editor.book()}, past)["a"]
    (answered,) = again.findings
    assert answered.cell != question.cell
    assert (answered.state, answered.reason) == (FindingState.CONFIRMED, "wechselnde Gruppen")
    assert again.submission.verdict is Verdict.ACCEPTED


def test_what_a_region_kept_last_year_is_not_told_to_another_sender(framework: Framework, good: Workbook) -> None:
    editor = Editor.of(framework, good)
    _whole_row_gone(editor)
    delivery = check(framework, {"a": editor.book()}, LAST, sender="06412")["a"]
    assert codes(delivery) == ["C04"]
    assert not any(change.known for change in delivery.register_changes.values())


def test_a_list_of_people_in_a_register_is_refused_and_names_nobody(framework: Framework, good: Workbook) -> None:
    editor = Editor.of(framework, good)
    for number, surname in enumerate(["Adler", "Bach", "Conrad", "Decker", "Ebert", "Fuchs", "Graf", "Hahn"], start=3):
        editor.put("ORGANISATION", "NAME", f"Anna {surname}", number)
    delivery = check(framework, {"a": editor.book()})["a"]
    assert [found.code for found in delivery.findings] == ["F11"]
    assert delivery.submission.verdict is Verdict.REFUSED
    assert delivery.records == ()
    assert "Adler" not in delivery.findings[0].message


def test_addresses_of_many_organisations_are_no_list_of_people(framework: Framework, good: Workbook) -> None:
    editor = Editor.of(framework, good)
    for number in range(3, 20):
        values = {"NAME": f"Verein Brücke {number}", "ACTIVE": "ja", "EMAIL": f"kontakt@verein{number}.example.org"}
        editor.add("ORGANISATION", number, values)
    delivery = check(framework, {"a": editor.book()})["a"]
    assert delivery.findings == ()
    assert len(values_of(delivery, "ORGANISATION")) == 19


def test_records_of_last_year_are_carried_over_unless_they_ended_or_happened_on_a_day(framework: Framework) -> None:
    last = as_records({**GOOD, "OFFER": {**GOOD["OFFER"], "A-3": {**GOOD["OFFER"]["A-2"], "END": "2023-06-30"},
                                         "A-4": {**GOOD["OFFER"]["A-2"], "END": "2024-01-01"}}}, YEAR - 1)  # fmt: skip
    kept = carried_over(framework, last, YEAR)
    assert [record.id for record in kept["OFFER"]] == ["A-1", "A-2", "A-4"]
    expired = {
        **GOOD,
        "CONCEPT": {code: {**GOOD["CONCEPT"]["K-1"], "VALID_TO": "2022-12-31"} for code in ("K-1", "K-2")},
    }
    kept = carried_over(framework, as_records(expired, YEAR - 1), YEAR)
    assert [record.id for record in kept["CONCEPT"]] == ["K-1"]  # a target refers to it
    assert "MEETING" not in kept
    assert [record.id for record in kept["TARGET"]] == ["Z-1"]


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("Anna Schmidt", "name"),
        ("Schmidt, Anna", "name"),
        ("Ansprechpartnerin: Maria Weber", "name"),
        ("Herr Dr. Mustafa Yilmaz", "name"),
        ("Integrationsbüro, Frau Yildiz", "name"),
        ("maria.weber@gmx.de", "name"),
        ("Kochen mit Maria Weber im Hof", "maybe_name"),
        ("verein@gmx.de", "private_mail"),
        ("maria.weber@stadt.example.org", "own_mail"),
        ("+49 (0)171 1234567", "mobile"),
        ("Anne-Frank-Schule", ""),
        ("Maria Ward Gymnasium", ""),
        ("Martin-Luther-Haus", ""),
        ("Kulturverein Brücke e. V.", ""),
        ("Frau und Beruf", ""),
        ("Von Frau zu Frau", ""),
        ("Caritasverband Darmstadt", ""),
        ("Mo. bis Fr. 9 bis 12 Uhr", ""),
        ("integration@stadt.example.org", ""),
        ("06151 13-0", ""),
    ],
)
def test_persons_are_told_from_organisations(framework: Framework, text: str, sign: str) -> None:
    assert personal_words(framework).sign(text)[0] == sign
