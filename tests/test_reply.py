"""The answer to the sender: the verdict first, then what to do; German, exact, and nothing of anybody else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from intake.answer import write_reply
from intake.deadlines import local_time
from intake.form import write_form
from intake.form_request import CoverAnswers, FormRequest
from intake.protocol import protocol
from intake.reply import as_text, machine_twin, receipt
from schemas.framework_model import Framework
from schemas.shapes import CheckedDelivery, Finding, FindingState, Observation, Severity, Submission, verdict_of

NAME = "2026-06414-0001"
OWN, OTHER = "06414", "06413"


def observation(number: int = 0) -> Observation:
    return Observation(OWN, 2021, "EW", (), Decimal(1000 + number), "ok", "GEB Gebiet", f"C{8 + number}", "1000")


def noticed(severity: Severity, *, cell: str = "C9", **details: Any) -> Finding:
    message, remedy = "„viele“ ist keine Zahl.", "Tragen Sie nur die Zahl ein."
    return Finding("V03", severity, message, remedy, sheet="GEB Gebiet", cell=cell, **details)


def delivery(*findings: Finding, values: int = 7, **details: Any) -> CheckedDelivery:
    submission = Submission(
        **{
            "id": NAME,
            "sha256": "ab" * 32,
            "file_name": "Bogen.xlsx",
            "sender": OWN,
            "received_at": datetime(2026, 11, 22, 13, 7),
            "region": OWN,
            "year": 2021,
            "framework_version": "2024.1",
            "layout": "form",
            "verdict": verdict_of(findings),
            "sign_profile": "GV",
            **details,
        }
    )
    return CheckedDelivery(
        submission,
        tuple(observation(number) for number in range(values)),
        findings,
        expected_cells=1418,
        read_cells=values,
        rules_run=12,
        rules_not_evaluable=2,
        control_sums={"EW": Decimal(187344)},
    )


def text(framework: Framework, checked: CheckedDelivery, duplicate_of: str = "") -> str:
    return as_text(receipt(framework, checked, duplicate_of))


def steps(framework: Framework, checked: CheckedDelivery, duplicate_of: str = "") -> list[str]:
    lines = text(framework, checked, duplicate_of).split("Was ist zu tun?\n")[1].split("\n\n")[0].splitlines()
    assert [line.split(".")[0].strip() for line in lines] == [str(n) for n in range(1, len(lines) + 1)]
    return [line.partition(". ")[2] for line in lines]


ERROR, WARNING, INFO, FATAL = Severity.ERROR, Severity.WARNING, Severity.INFO, Severity.FATAL


@pytest.mark.parametrize(
    ("findings", "first"),
    [
        ((), "Ergebnis: Keine Beanstandungen."),
        ((INFO,), "Ergebnis: Keine Beanstandungen."),
        ((WARNING,), "Ergebnis: Angenommen – 1 Rückfrage offen."),
        ((WARNING, WARNING), "Ergebnis: Angenommen – 2 Rückfragen offen."),
        ((ERROR,), "Ergebnis: Korrektur erforderlich – 1 Fehler."),
        ((ERROR, ERROR, WARNING), "Ergebnis: Korrektur erforderlich – 2 Fehler, 1 Rückfrage."),
        ((ERROR, WARNING, WARNING, INFO), "Ergebnis: Korrektur erforderlich – 1 Fehler, 2 Rückfragen."),
        ((FATAL,), "Ergebnis: Datei nicht lesbar"),
    ],
)
def test_the_first_line_is_the_verdict_with_the_right_plural(
    tiny: Framework, findings: tuple[Severity, ...], first: str
) -> None:
    assert text(tiny, delivery(*map(noticed, findings))).splitlines()[0] == first


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (1, "1 Wert übernommen, 12 Regeln geprüft."),
        (7, "7 Werte übernommen, 12 Regeln geprüft."),
        (1526, "1\u202f526 Werte übernommen, 12 Regeln geprüft."),
    ],
)
def test_a_clean_delivery_is_told_what_was_read(tiny: Framework, values: int, sentence: str) -> None:
    assert text(tiny, delivery(values=values)).splitlines()[1] == sentence


def test_one_rule_is_one_rule(tiny: Framework) -> None:
    assert "7 Werte übernommen, 1 Regel geprüft." in text(tiny, replace(delivery(), rules_run=1))


def test_a_nil_return_a_refusal_and_a_repetition_are_told_apart(tiny: Framework) -> None:
    nil = delivery(values=0, nil_return=True)
    assert text(tiny, nil).startswith("Ergebnis: Fehlanzeige angenommen.\n")
    assert "Nichts wurde übernommen." in text(tiny, delivery(noticed(FATAL)))
    again = text(tiny, delivery(), duplicate_of="2026-06414-0007")
    assert again.startswith("Ergebnis: Bereits eingegangen unter 2026-06414-0007\n")
    assert "Es wurde nichts geändert." in again


def test_numbers_and_times_are_german(tiny: Framework) -> None:
    said = text(tiny, replace(delivery(), read_cells=1412))
    assert "Gelesen: 1\u202f412 Werte; erwartet werden 1\u202f418 Pflichtangaben" in said
    assert "Eingegangen: 22.11.2026, 14:07 Uhr" in said  # winter: one hour ahead of UTC
    (sums,) = [value for name, value in receipt(tiny, delivery()).control_sums if name == "Bevölkerung"]
    assert sums == "187\u202f344"


def test_summer_time_is_two_hours_ahead() -> None:
    assert f"{local_time(datetime(2026, 7, 1, 23, 30)):%d.%m.%Y %H:%M}" == "02.07.2026 01:30"


def test_the_receipt_names_what_is_needed_to_find_the_delivery_again(tiny: Framework) -> None:
    said = text(tiny, delivery())
    for fact in (NAME, "„Bogen.xlsx“", "ab" * 32, "Wiesbaden (06414)", "Berichtsjahr: 2021", tiny.content_hash[:12]):
        assert fact in said
    assert "Erkannt als: Erhebungsbogen, Fassung 2024.1" in said
    assert "Prüfregeln: 12 angewendet, 2 nicht anwendbar" in said
    contact = f"Fragen: {tiny.head.delivery.contact}. Bitte nennen Sie die Eingangsnummer {NAME}."
    assert said.splitlines()[-1] == contact


# --- what to do ------------------------------------------------------------------------------------------------------


def test_a_clean_delivery_needs_nothing_more(tiny: Framework) -> None:
    assert steps(tiny, delivery()) == ["Sie müssen nichts weiter tun."]


def test_a_returned_delivery_gets_numbered_steps_and_the_deadline(tiny: Framework) -> None:
    told = steps(tiny, delivery(noticed(ERROR), noticed(WARNING)))
    assert any("„Muss“" in step for step in told)
    assert any("„Rückfrage“" in step for step in told)
    assert any("denselben Eingangsordner" in step for step in told)
    assert told[-1] == "Frist: 30.06.2022."
    only_errors = steps(tiny, delivery(noticed(ERROR)))
    assert not [step for step in only_errors if "Rückfrage" in step]


@pytest.mark.parametrize(
    ("received", "told"),
    [
        (datetime(2026, 10, 31, 22, 59), []),  # the last minute of the day in German time
        (datetime(2026, 10, 31, 23, 0), ["Was bis 31.01.2027 eingeht, zählt noch in den endgültigen Ergebnissen."]),
        (datetime(2027, 1, 31, 22, 59), ["Was bis 31.01.2027 eingeht, zählt noch in den endgültigen Ergebnissen."]),
        (datetime(2027, 1, 31, 23, 0), ["Bitte senden Sie die Berichtigung so bald wie möglich."]),
    ],
)
def test_who_is_late_is_told_so_and_what_a_correction_is_still_good_for(
    framework: Framework, received: datetime, told: list[str]
) -> None:
    late = delivery(noticed(ERROR), year=2025, received_at=received)
    *_, before, last = steps(framework, late)
    assert last == "Frist: 31.10.2026."
    assert [before.removeprefix("Die Frist ist vorbei. ")] * bool(told) == told
    assert before.startswith("Die Frist ist vorbei.") is bool(told)
    head = protocol(framework, late).head[-1]
    assert f"{' '.join((before,) * bool(told))} Frist: 31.10.2026. Fragen:".strip() in head


def test_an_unreadable_file_gets_the_remedy_as_its_step(tiny: Framework) -> None:
    assert steps(tiny, delivery(noticed(FATAL), year=None, region="")) == ["Tragen Sie nur die Zahl ein."]


def test_a_finding_is_listed_with_urgency_place_sentence_remedy_and_at_last_its_code(tiny: Framework) -> None:
    said = text(tiny, delivery(noticed(ERROR), noticed(WARNING, cell="D9", count=3), noticed(INFO, cell="")))
    lines = [line for line in said.splitlines() if line.startswith("  ") and "]" in line]
    assert lines == [
        "  1. [Muss] Blatt „GEB Gebiet“, C9: „viele“ ist keine Zahl.",
        "  2. [Rückfrage] Blatt „GEB Gebiet“, D9: „viele“ ist keine Zahl. (3 Zellen)",
        "  3. [Hinweis] Blatt „GEB Gebiet“: „viele“ ist keine Zahl.",
    ]
    assert said.count("     Tragen Sie nur die Zahl ein. (Regel V03)") == 3


def test_a_confirmed_question_is_no_longer_counted(tiny: Framework) -> None:
    confirmed = noticed(WARNING, state=FindingState.CONFIRMED, reason="Zuzug nach Eröffnung der Einrichtung")
    said = text(tiny, delivery(confirmed, noticed(WARNING, cell="D9")))
    assert said.startswith("Ergebnis: Angenommen – 1 Rückfrage offen.")
    assert "[bestätigt]" in said


# --- files -----------------------------------------------------------------------------------------------------------


class _Page(HTMLParser):
    """The texts and the tags of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        if tag not in ("meta", "br", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.texts.append(data)


def page(path: Path) -> _Page:
    found = _Page()
    found.feed(path.read_text(encoding="utf-8"))
    found.close()
    assert found.open == []
    return found


def flat(words: str) -> str:
    """With one blank for any white space."""
    return " ".join(words.split())


def test_an_answer_is_three_files_that_appear_whole(tiny: Framework, tmp_path: Path) -> None:
    paths = write_reply(tiny, delivery(noticed(ERROR)), tmp_path)
    assert {path.name for path in paths} == {f"Eingangsbestaetigung_{NAME}.{end}" for end in ("html", "txt", "json")}
    assert {path.parent for path in paths} == {tmp_path / OWN}
    assert set((tmp_path / OWN).iterdir()) == set(paths)  # no temporary file is left


def test_a_file_without_a_sender_is_answered_too(tiny: Framework, tmp_path: Path) -> None:
    paths = write_reply(tiny, delivery(sender=""), tmp_path)
    assert all(path.exists() and path.parent.parent == tmp_path for path in paths)


def test_the_page_says_what_the_text_says(tiny: Framework, tmp_path: Path) -> None:
    checked = delivery(noticed(ERROR, row_label="Bevölkerung", column_label="männlich"), noticed(WARNING, cell="D9"))
    html, plain, _ = write_reply(tiny, checked, tmp_path)
    found = page(html)
    shown = flat(" ".join(found.texts))
    content = receipt(tiny, checked)
    for sentence in (content.headline, content.meaning, *content.steps, content.contact):
        assert flat(sentence) in shown
    for name, value in content.facts:
        assert flat(f"{name} {value}") in shown
    for entry in checked.findings:
        assert entry.message in shown
    assert "Zeile „Bevölkerung“" in shown
    assert "Spalte „männlich“" in shown
    assert found.texts[[t.strip() != "" for t in found.texts].index(True)].startswith(content.headline)
    assert plain.read_text(encoding="utf-8") == as_text(content)
    # works offline and in the mail: nothing is fetched
    assert not re.search(r"https?://|<script|<link|<img", html.read_text(encoding="utf-8"))


def test_names_of_files_and_sheets_are_shown_not_run(tiny: Framework, tmp_path: Path) -> None:
    odd = '<script>alert(1)</script> & "x" <img src=y onerror=z>.xlsx'
    bad = Finding("V03", ERROR, f"„{odd}“ ist keine Zahl.", "Prüfen Sie.", sheet=odd, cell="A1", row_label=odd)
    html = write_reply(tiny, delivery(bad, file_name=odd), tmp_path)[0]
    found = page(html)
    assert not {"script", "img"} & set(found.tags)
    assert f"„{odd}“" in found.texts
    assert any(f"Blatt „{odd}“" in part for part in found.texts)


def test_a_line_break_in_a_file_name_cannot_forge_a_line_of_the_text(tiny: Framework) -> None:
    forged = delivery(noticed(ERROR), file_name="x\nErgebnis: Keine Beanstandungen.\ny.xlsx")
    assert "Ergebnis: Keine Beanstandungen." not in text(tiny, forged).splitlines()


# --- the machine twin ------------------------------------------------------------------------------------------------


def test_the_machine_twin_has_the_structure_of_the_validation_report(tiny: Framework, tmp_path: Path) -> None:
    rule = replace(noticed(ERROR), code="G001", variable="EW", members="SEX=M", found="407", expected="400")
    checked = delivery(rule, noticed(WARNING, cell="D9"), noticed(INFO, cell=""))
    path = next(p for p in write_reply(tiny, checked, tmp_path) if p.suffix == ".json")
    twin = json.loads(path.read_text(encoding="utf-8"))
    assert twin == json.loads(json.dumps(machine_twin(tiny, checked)))
    assert (twin["submission"], twin["sha256"], twin["verdict"]) == (NAME, "ab" * 32, "returned")
    assert (twin["read_cells"], twin["expected_cells"], twin["rules_run"]) == (7, 1418, 12)
    first, second, third = twin["validations"]
    assert set(first) >= {"id", "event", "rule", "data", "value", "message", "remedy"}
    assert first["id"] == f"{NAME}#1"
    assert first["event"]["time"] == "2026-11-22T13:07:00"
    assert first["rule"]["expression"] == tiny.rules["G001"].expression
    assert first["data"] == {"source": "Bogen.xlsx", "target": ["GEB Gebiet", "C9", "EW", "SEX=M"]}
    assert (first["found"], first["expected"]) == ("407", "400")
    assert [entry["rule"]["severity"] for entry in (first, second, third)] == ["error", "warning", "information"]


def test_the_twin_of_a_clean_delivery_lists_nothing(tiny: Framework) -> None:
    twin = machine_twin(tiny, delivery())
    assert (twin["verdict"], twin["validations"]) == ("accepted", [])


# --- nothing of anybody else -----------------------------------------------------------------------------------------


def test_an_answer_never_holds_values_or_names_of_another_region(
    tiny: Framework,
    tiny_values: Callable[..., dict[Any, Any]],
    check: Callable[..., list[CheckedDelivery]],
    tmp_path: Path,
) -> None:
    # both are checked in one batch and both break the same rule
    paths = []
    numbers = {OWN: 314159, OTHER: 271828}
    for region, people in numbers.items():
        values = {**tiny_values(people), ("EW", "SEX=M"): people // 3}
        request = FormRequest(region, 2021, values=values, cover=CoverAnswers(population_basis="FORT"))
        paths.append(write_form(tmp_path / f"{region}.xlsx", tiny, request))
    for checked, (own, other) in zip(check(paths, using=tiny), ((OWN, OTHER), (OTHER, OWN)), strict=True):
        assert [found.code for found in checked.findings] == ["G001"]
        said = text(tiny, checked) + json.dumps(machine_twin(tiny, checked), ensure_ascii=False)
        people = f"{numbers[own]:,}".replace(",", "\u202f")
        assert people in said
        strange = f"{numbers[other]:,}".replace(",", "\u202f")
        for secret in (strange, str(numbers[other]), other, tiny.territory.unit_name(other)):
            assert secret not in said
