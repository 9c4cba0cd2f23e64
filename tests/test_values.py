"""What a cell says: numbers in every notation, table signs, and what the sender has to be asked about."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.messages import finding
from intake.reading import Cell, CellValue
from intake.values import Parsed, german, parse_cell
from schemas.definitions import SignProfile
from schemas.framework_model import Framework

HSL = SignProfile(
    code="HSL",
    name_de="Hessen",
    signs={
        "zero": ["–", "-", "—", "−"],
        "unknown_or_secret": [".", "·"],
        "secret": ["g"],
        "pending": ["…", "..."],
        "unreliable": ["/"],
        "not_applicable": ["x", "X"],
        "not_available_at_level": ["n/v", "N/V"],
        "not_delivered": ["n/g"],
    },
    suffixes={"p": "provisional", "s": "estimated", "r": "revised"},
)
LSN = SignProfile(code="LSN", name_de="Reversed", signs={"zero": ["0"], "rounded_to_zero": ["k"], "secret": ["g"]})


def parse(value: CellValue, *, integer: bool = True, profile: SignProfile = HSL, **seen: object) -> Parsed:
    return parse_cell(Cell(1, 1, value)._replace(**seen), profile, integer=integer)


# --- numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("120", 120), (" 120 ", 120), ("1.234", 1234), ("1.234.567", 1234567), ("1 234", 1234), ("1\u202f234", 1234),
        ("1\u00a0234", 1234), ("1\u2009234", 1234), ("1'234", 1234), ("1’234", 1234), ("1´234", 1234), ("'120", 120),
        ("12,0", 12), ("1,234", 1234), ("12.00", 12), ("120\u200b", 120), ("\ufeff120", 120),
    ],
)  # fmt: skip
def test_whole_numbers_in_every_notation(written: str, value: int) -> None:
    assert parse(written) == Parsed(Decimal(value), "ok")


@pytest.mark.parametrize(
    ("written", "value"),
    [("1234,5", "1234.5"), ("1.234,5", "1234.5"), ("1,234.5", "1234.5"), ("0,25", "0.25"), ("7.5", "7.5")],
)
def test_decimal_numbers_in_german_and_english_notation(written: str, value: str) -> None:
    assert parse(written, integer=False) == Parsed(Decimal(value), "ok")


def test_a_thousands_point_is_asked_about_only_where_decimals_make_sense() -> None:
    assert parse("1.234").problem == ""
    asked = parse("1.234", integer=False)
    assert (asked.value, asked.problem, asked.details["expected"]) == (Decimal(1234), "V08", "1\u202f234")


@given(st.integers(0, 10**11), st.sampled_from(["", ".", "'", " ", "\u202f", "\u00a0", "’"]))
def test_every_whole_number_comes_back(number: int, thousands: str) -> None:
    parsed = parse(f"{number:,}".replace(",", thousands))
    assert (parsed.value, parsed.problem) == (Decimal(number), "")


@given(st.decimals(0, 10**9, places=2).filter(lambda number: number % 1))
def test_every_decimal_number_comes_back_from_german_notation(number: Decimal) -> None:
    assert parse(german(number, 2), integer=False) == Parsed(number.quantize(Decimal("0.0001")), "ok")


@given(st.one_of(st.text(max_size=40), st.text("0123456789.,'-()*% carbn", max_size=12), st.floats(), st.dates()))
def test_every_cell_has_a_value_a_status_or_a_finding(value: CellValue) -> None:
    for integer in (True, False):
        parsed = parse(value, integer=integer)
        assert parsed.problem or parsed.status
        assert parsed.value is None or 0 <= parsed.value < 10**12


def test_long_texts_are_shortened_in_the_finding() -> None:
    assert len(parse("x" * 30_000).details["found"]) == 80
    assert len(parse(1e300).details["found"]) == 80


# --- signs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "value", "status"),
    [
        ("–", 0, "zero"), (" - ", 0, "zero"), ("0", 0, "zero"), (".", None, "unknown_or_secret"), ("g", None, "secret"),
        ("...", None, "pending"), ("/", None, "unreliable"), ("X", None, "not_applicable"),
        ("n/v", None, "not_available_at_level"), ("n/g", None, "not_delivered"), ("(120)", 120, "limited"),
        ("120 p", 120, "provisional"), ("120s", 120, "estimated"), ("1.200 r", 1200, "revised"),
    ],
)  # fmt: skip
def test_signs_of_the_profile(written: str, value: int | None, status: str) -> None:
    assert parse(written) == Parsed(None if value is None else Decimal(value), status)


def test_a_profile_may_reverse_the_zero() -> None:
    assert parse("k", profile=LSN) == Parsed(Decimal(0), "rounded_to_zero")
    assert parse("0", profile=LSN) == Parsed(Decimal(0), "zero")
    assert parse("–", profile=LSN).problem == "V10"


# --- what is asked about ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "code", "found"),
    [
        ("etwa hundert", "V03", "etwa hundert"),
        ("1/2", "V03", "1/2"),
        ("120 Personen", "V03", "120 Personen"),
        (float("nan"), "V10", "nan"),
        (-3.0, "V04", "−3"),
        ("−3", "V04", "−3"),
        ("(-1,5)", "V04", "−1,5"),
        (12.5, "V05", "12,5"),
        (date(2024, 2, 1), "V09", "01.02.2024"),
        (datetime(2024, 2, 1, 10), "V09", "01.02.2024"),
        (time(12, 30), "V09", "12:30:00"),
        (timedelta(hours=30), "V09", "1 day, 6:00:00"),
        ("1.2.2024", "V09", "1.2.2024"),
        ("01.02.", "V09", "01.02."),
        ("2024-02-01", "V09", "2024-02-01"),
        ("Mio", "V10", "Mio"),
        (True, "V12", "WAHR"),
        (1e13, "V14", "10\u202f000\u202f000\u202f000\u202f000"),
        ("12 %", "V16", "12 %"),
    ],
)
def test_what_is_no_number_is_asked_about(value: CellValue, code: str, found: str) -> None:
    parsed = parse(value)
    assert (parsed.problem, parsed.details["found"], parsed.value, parsed.status) == (code, found, None, "")


@pytest.mark.parametrize(
    "written",
    ["ca. 120", "ca 120", "circa 120", "etwa 100", "rd. 1.200", "rund 1.200", "~120", "≈ 120", "< 5", "≤5", "> 10",
     "unter 5", "über 100", "mehr als 10", "weniger als 3", "mind. 5", "bis 5", "10-20", "10 – 20", "10 bis 20", "120+"],
)  # fmt: skip
def test_an_inexact_number_is_asked_about(written: str) -> None:
    parsed = parse(written)
    assert (parsed.problem, parsed.details["found"], parsed.details["expected"]) == ("V20", written, "g")


@pytest.mark.parametrize(
    "written", ["120*", "120 *", "1.234 **", "*", "**", "120¹", "120 ²)", "120 1)", "12,5 [u]", "120†"]
)
def test_a_marked_number_is_asked_about(written: str) -> None:
    parsed = parse(written)
    assert (parsed.problem, parsed.value, parsed.details["expected"]) == ("V21", None, "g")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("k. A.", "n/g"), ("k.A.", "n/g"), ("K. A", "n/g"), ("keine Angabe", "n/g"), ("keine Angaben", "n/g"),
        ("n. v.", "n/v"), ("nicht verfügbar", "n/v"), ("N/A", "n/v"), ("#NV", "n/v"), ("n.a.", "n/v"),
        ("entf.", "x"), ("entfällt", "x"), ("unbekannt", "."), ("geheim", "g"), ("folgt", "…"), ("keine", "–"),
    ],
)  # fmt: skip
def test_a_known_word_is_answered_with_the_sign_for_it(written: str, meant: str) -> None:
    parsed = parse(written)
    assert (parsed.problem, parsed.details["found"], parsed.details["expected"]) == ("V22", written, meant)


def test_a_profile_without_the_sign_names_the_nearest_or_none() -> None:
    assert parse("unbekannt", profile=LSN).details["expected"] == "g"
    assert parse("entfällt", profile=LSN).problem == "V03"


def test_formulas_without_value_and_errors_are_told_apart() -> None:
    assert parse(None, uncalculated=True).problem == "V06"
    assert parse(None, error="#DIV/0!").details == {"found": "#DIV/0!"}


# --- what the sender sees --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("masked", "found"), [("/", "/"), (".", "."), ("x", "x"), ("geheim", "geheim"), ("", "(leer)")]
)
def test_a_value_that_the_format_hides_is_secret(masked: str, found: str) -> None:
    assert parse(3.0, masked=masked) == Parsed(None, "secret", "V17", {"found": found})


@pytest.mark.parametrize("shown", ["-", "–", "—"])
def test_a_zero_shown_as_a_dash_is_a_zero_and_another_number_is_not(shown: str) -> None:
    assert parse(0.0, masked=shown) == Parsed(Decimal(0), "zero")
    assert parse(3.0, masked=shown).status == "secret"
    assert parse(0.0, masked="/").status == "secret"


def test_a_value_shown_in_brackets_is_of_limited_reliability() -> None:
    assert parse(7.0, bracketed=True) == Parsed(Decimal(7), "limited", "V18", {"found": "(7)"})
    share = parse(-1.1, bracketed=True, integer=False)
    assert share == Parsed(Decimal("1.1000"), "limited", "V18", {"found": "(1,1)"})


def test_a_count_shown_as_percentage_is_none() -> None:
    assert parse(0.12, percent=True) == Parsed(problem="V16", details={"found": "12\u202f%"})
    assert parse(0.07, percent=True).details == {"found": "7\u202f%"}
    assert parse(0.12, percent=True, integer=False) == Parsed(Decimal("0.12"), "ok")


@pytest.mark.parametrize(("seen", "code"), [("hidden", "V19"), ("under_merge", "V23")])
def test_a_value_that_cannot_be_seen_is_read_and_asked_about(seen: str, code: str) -> None:
    assert parse(5.0, **{seen: True}) == Parsed(Decimal(5), "ok", code, {"found": "5"})
    assert parse("120 p", **{seen: True}).status == "provisional"


def test_a_cell_has_the_gravest_finding() -> None:
    assert parse(-5.0, hidden=True).problem == "V04"
    assert parse(3.0, hidden=True, masked="/").problem == "V17"
    assert parse(7.0, hidden=True, bracketed=True).problem == "V19"
    assert parse("1.234", hidden=True, integer=False).problem == "V08"


# --- sentences -------------------------------------------------------------------------------------------------------

SENTENCES = {
    "V17": "Ihr Zahlenformat zeigt „/“ statt der Zahl; der Wert gilt als geheim und wird nicht veröffentlicht.",
    "V18": "Ihr Zahlenformat zeigt den Wert in Klammern, (7); er gilt als Wert mit eingeschränkter Aussage.",
    "V19": "Der Wert 5 steht in einer ausgeblendeten Zeile, einer ausgeblendeten Spalte oder einem ausgeblendeten Blatt"
    " und wurde gelesen.",
    "V20": "„ca. 120“ ist keine genaue Zahl.",
    "V21": "„120*“ trägt ein Zeichen (Stern oder Fußnote), dessen Bedeutung hier nicht bekannt ist.",
    "V22": "„k. A.“ ist weder eine Zahl noch ein Zeichen der Legende.",
    "V23": "Der Wert 5 liegt unter einer verbundenen Zelle, ist im Blatt nicht zu sehen und wurde gelesen.",
}
REMEDIES = {
    "V17": "Bestätigen Sie dies in der Spalte „Begründung“ oder stellen Sie das Zellformat auf „Zahl“, wenn der Wert verwendet"
    " werden darf.",
    "V20": "Tragen Sie die genaue Zahl ein, bei einer Schätzung mit „s“ hinter der Zahl; muss der Wert geheim bleiben, tragen"
    " Sie „g“ ein.",
    "V22": "Tragen Sie „n/g“ ein, wenn Sie das meinen; möglich sind: „–“, „.“, „g“, „…“, „/“, „x“, „n/v“, „n/g“.",
}


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        (Cell(1, 1, 3.0, masked="/"), "V17"),
        (Cell(1, 1, 7.0, bracketed=True), "V18"),
        (Cell(1, 1, 5.0, hidden=True), "V19"),
        (Cell(1, 1, "ca. 120"), "V20"),
        (Cell(1, 1, "120*"), "V21"),
        (Cell(1, 1, "k. A."), "V22"),
        (Cell(1, 1, 5.0, under_merge=True), "V23"),
    ],
)
def test_the_sentences_are_complete(framework: Framework, cell: Cell, code: str) -> None:
    parsed = parse_cell(cell, framework.sign_profiles["HSL"], integer=True)
    told = finding(framework, parsed.problem, parsed.details)
    assert (told.code, told.message) == (code, SENTENCES[code])
    assert told.remedy == REMEDIES.get(code, told.remedy)
    assert not re.search(r"[{}]|„“", told.message + told.remedy)
