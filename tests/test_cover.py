"""The cover says who delivers what: every wrong, missing or contradicting answer is noticed, at its cell, in German."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from intake.checking import Past
from intake.form import write_form
from intake.form_request import CoverAnswers, FormRequest
from schemas.framework_model import Framework
from schemas.shapes import CheckedDelivery, Finding, Severity, Verdict

CITY, OTHER_CITY, KREIS, TOWN, LAND = "06414", "06413", "06532", "06532023", "06"
HANAU_BEFORE, HANAU_SINCE = "06435014", "06415"
Check = Callable[..., CheckedDelivery]


class FixedDay(date):
    """The day of the check: the latest year that can be reported must not depend on the calendar of the machine."""

    @classmethod
    def today(cls) -> date:
        return date(2027, 2, 1)


@pytest.fixture(autouse=True)
def _fixed_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("intake.cover.date", FixedDay)


@pytest.fixture
def delivered(
    tiny: Framework,
    tiny_values: Callable[..., dict[Any, Any]],
    check: Callable[..., list[CheckedDelivery]],
    tmp_path: Path,
) -> Check:
    """Write a form, change answers on its cover, check it as it came from `sender`."""

    def run(
        answers: Mapping[str, Any] | None = None,
        *,
        region: str = CITY,
        year: int = 2025,
        sender: str = "",
        name: str = "Lieferung.xlsx",
        values: Mapping[Any, Any] | None = None,
        nil: bool = False,
        past: Past | None = None,
    ) -> CheckedDelivery:
        cover = CoverAnswers(population_basis="FORT", contact_name="Amt 12", contact_mail="amt12@example.org", nil=nil)
        request = FormRequest(region, year, values=tiny_values() if values is None else values, cover=cover)
        path = write_form(tmp_path / name, tiny, request)
        if answers:
            book = openpyxl.load_workbook(path)
            for answer, value in answers.items():
                book["Deckblatt"][_cell(book, answer)].value = value
            book.save(path)
        (found,) = check([path], sender=sender, past=past, using=tiny)
        return found

    return run


def _cell(book: openpyxl.Workbook, name: str) -> str:
    row = next(cell.row for cell in book["Deckblatt"]["A"] if cell.value == f"#COVER {name}")
    return f"C{row}"


@pytest.fixture(scope="module")
def places(tiny: Framework, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Where each answer stands on the cover."""
    path = write_form(tmp_path_factory.mktemp("cover") / "form.xlsx", tiny, FormRequest(CITY, 2025))
    cover = openpyxl.load_workbook(path)["Deckblatt"]
    marks = [(str(cell.value), cell.row) for cell in cover["A"]]
    return {mark.removeprefix("#COVER "): f"C{row}" for mark, row in marks if mark.startswith("#COVER ")}


@dataclass(frozen=True)
class Defect:
    """One wrong answer and what the sender reads about it."""

    name: str
    code: str
    message: str
    at: str
    answers: Mapping[str, Any] = field(default_factory=dict)
    how: Mapping[str, Any] = field(default_factory=dict)


NO_REGION = "Auf dem Deckblatt fehlt der Gebietsschlüssel oder er ist unbekannt."
NO_YEAR = "Das Berichtsjahr auf dem Deckblatt fehlt oder ist ungültig."
NO_BASIS = "Auf dem Deckblatt fehlt die Angabe, auf welcher Bevölkerungsgrundlage die Zahlen beruhen."
WRONG_FOLDER = "Die Datei lag im Eingangsordner von {}, der Erhebungsbogen nennt aber {}."
WIESBADEN, OFFENBACH = "„Wiesbaden“ (06414)", "„Offenbach am Main“ (06413)"
OTHER_YEAR = "Der Dateiname nennt das Jahr {}, das Deckblatt das Berichtsjahr 2025."
OTHER_CODE = "Der Dateiname nennt den Schlüssel {}, das Deckblatt den Schlüssel 06414."
DEFECTS = [
    Defect("no region", "C01", NO_REGION, "region", {"region": None}),
    Defect("an unknown region", "C01", NO_REGION, "region", {"region": "09999"}),
    Defect("a name instead of a code", "C01", NO_REGION, "region", {"region": "Wiesbaden"}),
    Defect(
        "Hanau's code of the Kreis after the change",
        "C02",
        "Schlüssel 06435014 gilt bis 31.12.2025. Hanau hat seit 01.01.2026 den Schlüssel 06415.",
        "region",
        {"region": HANAU_BEFORE, "year": "2026"},
    ),
    Defect(
        "Hanau's own code before the change",
        "C02",
        "Schlüssel 06415 gilt erst ab 01.01.2026. Hanau hat bis 31.12.2025 den Schlüssel 06435014.",
        "region",
        {"region": HANAU_SINCE, "year": "2025"},
    ),
    Defect("no year", "C03", NO_YEAR, "year", {"year": None}),
    Defect("a year with five digits", "C03", NO_YEAR, "year", {"year": "20255"}),
    Defect("a year in words", "C03", NO_YEAR, "year", {"year": "voriges Jahr"}),
    Defect("a span of years", "C03", NO_YEAR, "year", {"year": "2024/25"}),
    Defect("a year that has not come yet", "C03", NO_YEAR, "year", {"year": "2028"}),
    Defect("a year before the first one", "C03", NO_YEAR, "year", {"year": "1999"}),
    Defect("a date as the year", "C03", NO_YEAR, "year", {"year": date(2025, 12, 31)}),
    Defect(
        "the folder of another town",
        "C04",
        WRONG_FOLDER.format(OFFENBACH, WIESBADEN),
        "region",
        how={"sender": OTHER_CITY},
    ),
    Defect(
        "the folder of another town, by its name",
        "C04",
        WRONG_FOLDER.format(OFFENBACH, WIESBADEN),
        "region",
        how={"sender": "Offenbach am Main"},
    ),
    Defect(
        "a folder that stands for nobody",
        "C04",
        WRONG_FOLDER.format("„Neuer Ordner“", WIESBADEN),
        "region",
        how={"sender": "Neuer Ordner"},
    ),
    Defect("no population basis", "C05", NO_BASIS, "population_basis", {"population_basis": None}),
    Defect("an unknown population basis", "C05", NO_BASIS, "population_basis", {"population_basis": "Schätzung"}),
    Defect(
        "an unknown sign profile",
        "C06",
        "Das Zeichenprofil auf dem Deckblatt ist unbekannt.",
        "sign_profile",
        {"sign_profile": "XYZ – Hauszeichen"},
    ),
    Defect("another year in the file name", "C07", OTHER_YEAR.format(2024), "year", how={"name": "Bogen_2024.xlsx"}),
    Defect(
        "another code in the file name", "C07", OTHER_CODE.format("06413"), "region", how={"name": "06413 Bogen.xlsx"}
    ),
    Defect(
        "a municipality's code in the file name",
        "C07",
        OTHER_CODE.format("06532023"),
        "region",
        how={"name": "Bogen-06532023.xlsx"},
    ),
    Defect(
        "neither values nor a Fehlanzeige",
        "C09",
        "Die Lieferung enthält keinen einzigen Wert und keine Fehlanzeige.",
        "",
        how={"values": {}},
    ),
    Defect(
        "the form of another framework",
        "F07",
        "Der Erhebungsbogen gehört zum Indikatorenrahmen „NI-2019“, hier gilt „GV-TEST“.",
        "framework",
        {"framework": "NI-2019"},
    ),
    Defect(
        "no framework named",
        "F07",
        "Der Erhebungsbogen gehört zum Indikatorenrahmen „unbekannt“, hier gilt „GV-TEST“.",
        "framework",
        {"framework": None},
    ),
    Defect(
        "an older version of the form",
        "F08",
        "Sie haben die Vorlage 2019.2 benutzt, gültig ist 2024.1. Alle Werte wurden nach der gültigen Vorlage zugeordnet.",
        "version",
        {"version": "2019.2"},
    ),
]


def _only(delivery: CheckedDelivery, code: str) -> Finding:
    found = [entry for entry in delivery.findings if entry.code == code]
    assert len(found) == 1, [(entry.code, entry.message) for entry in delivery.findings]
    return found[0]


def test_a_complete_cover_has_no_finding(delivered: Check) -> None:
    found = delivered(sender=CITY, name="Erhebungsbogen_06414_2025.xlsx")
    assert found.findings == ()
    submission = found.submission
    assert submission.verdict is Verdict.ACCEPTED
    assert (submission.region, submission.year, submission.population_basis) == (CITY, 2025, "FORT")
    assert submission.contact == "Amt 12, amt12@example.org"


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_wrong_answer_is_named_with_its_cell_and_a_sentence(
    delivered: Check, places: dict[str, str], assert_sentence: Callable[[str], None], defect: Defect
) -> None:
    delivery = delivered(defect.answers, **defect.how)
    found = _only(delivery, defect.code)
    assert found.message == defect.message
    assert (found.sheet, found.cell) == (("Deckblatt", places[defect.at]) if defect.at else ("", ""))
    for entry in delivery.findings:
        assert_sentence(entry.message)
        assert_sentence(entry.remedy)
    expected = {
        Severity.FATAL: Verdict.REFUSED,
        Severity.ERROR: Verdict.RETURNED,
        Severity.WARNING: Verdict.ACCEPTED_WITH_REMARKS,
        Severity.INFO: Verdict.ACCEPTED,
    }
    assert delivery.submission.verdict is expected[found.severity]


@pytest.mark.parametrize(
    "defect", {d.code: d for d in DEFECTS if d.code != "C09"}.values(), ids=lambda defect: defect.name
)
def test_a_wrong_answer_on_the_cover_is_one_finding(delivered: Check, defect: Defect) -> None:
    # one cause, one finding: a form full of values does not become empty because its cover is wrong
    assert [found.code for found in delivered(defect.answers, **defect.how).findings] == [defect.code]


# --- what is forgiven ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["6414", 6414, " 06414 ", "06414"])
def test_a_code_that_lost_its_leading_zero_is_repaired(delivered: Check, written: object) -> None:
    delivery = delivered({"region": written}, sender=CITY)
    assert delivery.findings == ()
    assert delivery.submission.region == CITY
    assert {o.region for o in delivery.observations} == {CITY}


def test_the_code_of_a_town_that_lost_its_leading_zero_is_repaired(delivered: Check) -> None:
    delivery = delivered({"region": 6532023}, region=TOWN)
    assert delivery.findings == ()
    assert delivery.submission.region == TOWN


@pytest.mark.parametrize("written", [2025, "2025", " 2025 "])
def test_a_year_may_be_a_number_or_a_text(delivered: Check, written: object) -> None:
    delivery = delivered({"year": written})
    assert delivery.findings == ()
    assert delivery.submission.year == 2025


@pytest.mark.parametrize("written", ["FORT", "Bevölkerungsfortschreibung", "bevölkerungsfortschreibung "])
def test_the_population_basis_may_be_named_by_code_or_name(delivered: Check, written: str) -> None:
    delivery = delivered({"population_basis": written})
    assert delivery.findings == ()
    assert delivery.submission.population_basis == "FORT"


def test_without_a_sign_profile_the_first_one_counts(delivered: Check, tiny: Framework) -> None:
    delivery = delivered({"sign_profile": None})
    assert delivery.findings == ()
    assert delivery.submission.sign_profile == next(iter(tiny.sign_profiles))


@pytest.mark.parametrize(("region", "year"), [(HANAU_BEFORE, 2025), (HANAU_SINCE, 2026), (HANAU_BEFORE, 2021)], ids=str)
def test_hanau_delivers_under_the_code_of_the_reporting_year(delivered: Check, region: str, year: int) -> None:
    delivery = delivered(region=region, year=year, name=f"Hanau {region} {year}.xlsx")
    assert delivery.findings == ()
    assert (delivery.submission.region, delivery.submission.year) == (region, year)


@pytest.mark.parametrize(("region", "year"), [(HANAU_BEFORE, 2025), (HANAU_SINCE, 2026)])
def test_hanaus_folder_outlives_the_change_of_the_code(delivered: Check, region: str, year: int) -> None:
    assert delivered(region=region, year=year, sender="Hanau").findings == ()


@pytest.mark.parametrize("sender", [TOWN, KREIS, LAND])
def test_the_kreis_and_the_land_may_deliver_for_what_lies_in_them(delivered: Check, sender: str) -> None:
    assert delivered(region=TOWN, sender=sender).findings == ()


def test_a_town_may_not_deliver_for_its_kreis(delivered: Check) -> None:
    found = _only(delivered(region=KREIS, sender=TOWN), "C04")
    assert found.message == WRONG_FOLDER.format("„Wetzlar“ (06532023)", "„Lahn-Dill-Kreis“ (06532)")
    assert (found.found, found.expected) == (KREIS, TOWN)


@pytest.mark.parametrize("sender", ["wiesbaden", "Wiesbaden", "06414"])
def test_a_folder_may_be_called_by_name_or_code(delivered: Check, sender: str) -> None:
    assert delivered(sender=sender).findings == ()


@pytest.mark.parametrize(
    "name",
    [
        "Bogen 2025.xlsx",
        "Bogen 2024-2025.xlsx",  # one of the years fits
        "Bogen vom 12.03.20261.xlsx",  # no year of its own
        "06414_06413_Vergleich.xlsx",
        "Zeichen 12345.xlsx",  # five digits, but no region
        "6414.xlsx",
    ],
)
def test_a_file_name_that_does_not_contradict_is_left_alone(delivered: Check, name: str) -> None:
    assert delivered(name=name).findings == ()


def test_a_file_name_in_decomposed_letters_is_read_like_any_other(delivered: Check) -> None:
    # macOS writes ü as u and two dots
    found = _only(delivered(name=unicodedata.normalize("NFD", "Prüfung für 2023.xlsx")), "C07")
    assert found.message == OTHER_YEAR.format(2023)


# --- nil returns -----------------------------------------------------------------------------------------------------


def test_a_nil_return_needs_neither_values_nor_a_population_basis(delivered: Check) -> None:
    delivery = delivered({"population_basis": None}, values={}, nil=True)
    assert delivery.findings == ()
    assert delivery.submission.verdict is Verdict.ACCEPTED
    assert delivery.submission.nil_return


@pytest.mark.parametrize("answer", ["nein", "–"])
def test_no_is_not_taken_for_a_nil_return(delivered: Check, answer: str) -> None:
    # only the entry of the drop-down declares “nothing to report”; an accepted nil return replaces all values
    delivery = delivered({"nil": answer}, values={})
    assert not delivery.submission.nil_return
    assert delivery.submission.verdict is Verdict.RETURNED


# --- against last year -----------------------------------------------------------------------------------------------


def test_a_changed_population_basis_is_asked_about(delivered: Check, assert_sentence: Callable[[str], None]) -> None:
    before = {2024: "EMR", 2025: "EMR"}
    found = _only(delivered(past=Past(population_basis=lambda region, year: before.get(year, ""))), "C08")
    assert_sentence(found.message)
    assert found.severity is Severity.WARNING
    assert (found.found, found.expected) == ("FORT", "EMR")


@pytest.mark.parametrize("before", ["FORT", ""])
def test_the_same_or_no_known_population_basis_is_nothing_to_ask_about(delivered: Check, before: str) -> None:
    assert delivered(past=Past(population_basis=lambda region, year: before)).findings == ()


# --- nothing of others -----------------------------------------------------------------------------------------------


def test_a_form_in_the_wrong_folder_is_not_answered_with_the_values_of_the_region_it_names(
    delivered: Check, tiny_values: Callable[..., dict[Any, Any]]
) -> None:
    # whoever writes another region's code on the cover must not read that region's values of last year in the reply
    known = {key: (value, "ok") for key, value in tiny_values(7654321).items()}
    past = Past(values=lambda region, year: known if region == CITY else {})
    delivery = delivered(sender=OTHER_CITY, past=past)
    assert [found.code for found in delivery.findings if found.code == "C04"] == ["C04"]
    told = " ".join(f"{f.message} {f.remedy} {f.previous_value} {f.expected}" for f in delivery.findings)
    assert "7\u202f654\u202f321" not in told
