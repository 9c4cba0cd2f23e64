"""Reasons close questions: read from a protocol in any shape, matched by place and value, remembered for next year."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from intake.annotate_sheet import write_protocol_workbook
from intake.protocol import COLUMNS, Protocol, protocol
from intake.reading import Workbook, read_workbook
from intake.reasons import (
    FROM_LAST_YEAR,
    Reason,
    apply_reasons,
    compare,
    find_protocol,
    machine_key,
    previous_line,
    read_reasons,
    reason_notes,
    reason_of,
    without_protocol,
)
from schemas.framework_model import Framework
from schemas.loading import load_framework
from schemas.shapes import CheckedDelivery, Finding, FindingState, Severity, Submission, Verdict

REASON, KEY = COLUMNS.index("Begründung") + 1, len(COLUMNS) + 1


@pytest.fixture(scope="module")
def framework() -> Framework:
    return load_framework()


def warning(code: str = "M15", **place: str) -> Finding:
    base = {"sheet": "BEV", "cell": "D7", "region": "06413", "variable": "POP", "members": "SEX=W", "found": "520"}
    return Finding(code, Severity.WARNING, f"Frage {code}.", "Bitte prüfen.", **{**base, **place})  # type: ignore[arg-type]


QUESTIONS = (
    warning(expected="190"),
    warning("V02", cell="B9", variable="BIRTHS", members="", found=""),
    warning("S04", sheet="Notizen", cell="", variable="", members="", found=""),
    warning("V08", cell="E8", found="1.234_x0041_ „ä“ \u202f" + "lang" * 90, expected="1\u202f234"),
)


def content(framework: Framework, findings: tuple[Finding, ...] = QUESTIONS) -> Protocol:
    submission = Submission("2026-1", "ab", "a.xlsx", "x", datetime(2026, 1, 1), verdict=Verdict.ACCEPTED_WITH_REMARKS)
    return protocol(framework, CheckedDelivery(submission, findings=findings))


def returned(framework: Framework, tmp_path: Path, change: Callable[[Any], None]) -> Workbook:
    """A protocol after the sender has worked on it."""
    path = write_protocol_workbook(tmp_path / "protocol.xlsx", content(framework))
    book = openpyxl.load_workbook(path)
    change(book.active)
    book.save(path)
    return read_workbook(path)


def fill(sheet: Any) -> None:
    for row in range(1, sheet.max_row + 1):
        if str(sheet.cell(row, KEY).value).startswith("#F "):
            sheet.cell(row, REASON).value = f"Grund {sheet.cell(row, COLUMNS.index('Regel') + 1).value}"


def sort_lines(sheet: Any) -> None:
    fill(sheet)
    first = next(row for row in range(1, 20) if sheet.cell(row, 1).value == "Nr.") + 1
    lines = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=first)]
    for row, line in enumerate(reversed(lines), start=first):
        for column, value in enumerate(line, start=1):
            sheet.cell(row, column).value = value


def rename(sheet: Any) -> None:
    fill(sheet)
    sheet.title = "Prüfprotokoll "


def insert_column(sheet: Any) -> None:
    fill(sheet)
    sheet.insert_cols(3)
    sheet.insert_rows(2)


def drop_keys(sheet: Any) -> None:
    fill(sheet)
    for row in range(6, sheet.max_row + 1):
        sheet.cell(row, KEY).value = None


@pytest.mark.parametrize("change", [fill, sort_lines, rename, insert_column])
def test_reasons_are_found_whatever_happened_to_the_sheet(
    framework: Framework, tmp_path: Path, change: Callable[[Any], None]
) -> None:
    workbook = returned(framework, tmp_path, change)
    confirmed = apply_reasons(QUESTIONS, read_reasons(workbook))
    assert [(found.state, found.reason) for found in confirmed] == [
        (FindingState.CONFIRMED, f"Grund {found.code}") for found in QUESTIONS
    ]
    assert find_protocol(workbook) is not None
    assert without_protocol(workbook).sheets == ()


def test_lines_without_their_key_are_understood_by_what_is_seen(framework: Framework, tmp_path: Path) -> None:
    confirmed = apply_reasons(QUESTIONS[:3], read_reasons(returned(framework, tmp_path, drop_keys)))
    assert [found.reason for found in confirmed] == ["Grund M15", "Grund V02", "Grund S04"]


def test_a_workbook_without_protocol_has_no_reasons(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Prüfprotokoll"
    book.active["A1"] = "Begründung"
    book.active["A2"] = "eigene Notiz"
    book.save(tmp_path / "own.xlsx")
    workbook = read_workbook(tmp_path / "own.xlsx")
    assert read_reasons(workbook) == ()
    assert without_protocol(workbook) == workbook


def test_broken_keys_do_no_harm(framework: Framework, tmp_path: Path) -> None:
    def change(sheet: Any) -> None:
        fill(sheet)
        for row, key in enumerate(["#F {", "#F [1]", '#F ["A","B","C","D","E","F","G","H","I","J"]', "#F 7"], start=6):
            sheet.cell(row, KEY).value = key

    assert all(
        found.state is FindingState.OPEN
        for found in apply_reasons(QUESTIONS, read_reasons(returned(framework, tmp_path, change)))
    )


def given(found: Finding, text: str = "Zuzug aus der Ukraine") -> Reason:
    return replace(reason_of(found), text=text)


def test_a_reason_never_closes_an_error() -> None:
    error = replace(warning("V03"), severity=Severity.ERROR)
    assert apply_reasons([error], [given(error)]) == [error]


@pytest.mark.parametrize(("text", "counts"), [("", False), ("ok", False), ("  x ", False), ("neu", True)])
def test_short_reasons_do_not_count(text: str, counts: bool) -> None:
    [found] = apply_reasons([warning()], [given(warning(), text)])
    assert (found.state is FindingState.CONFIRMED) is counts


@pytest.mark.parametrize("changed", [{"found": "521"}, {"expected": "191"}, {"cell": "D8", "members": "SEX=M"}])
def test_a_reason_counts_for_the_same_value_and_place_only(changed: dict[str, str]) -> None:
    asked = warning(expected="190")
    [found] = apply_reasons([replace(asked, **changed)], [given(asked)])  # type: ignore[arg-type]
    assert found.state is FindingState.OPEN


def test_a_figure_that_moved_keeps_its_reason() -> None:
    """Rows were inserted above, the sheet has another name; two alike figures would be ambiguous."""
    asked = warning()
    moved = replace(asked, sheet="BEV neu", cell="D12")
    assert apply_reasons([moved], [given(asked)])[0].state is FindingState.CONFIRMED
    twin = replace(moved, cell="D13")
    assert {found.state for found in apply_reasons([moved, twin], [given(asked)])} == {FindingState.OPEN}


@pytest.mark.parametrize(
    ("now", "holds"),
    [
        ("520", True),
        ("900", True),
        ("261", True),
        ("1\u202f041", False),
        ("259", False),
        ("0", False),
        ("k. A.", False),
    ],
)
def test_last_years_reason_holds_within_the_same_order(now: str, holds: bool) -> None:
    remembered = given(warning())
    [found] = apply_reasons([warning(found=now, cell="X99")], [], [remembered])
    assert (found.state is FindingState.CONFIRMED) is holds
    if holds:
        assert found.reason == f"{remembered.text}{FROM_LAST_YEAR}"
        again = apply_reasons([warning(found=now)], [], [reason_of(found)])
        assert again[0].reason == found.reason, "the addition does not pile up"


def test_last_years_reason_is_for_the_same_figure() -> None:
    remembered = given(warning())
    for other in (warning("V08"), warning(variable="BIRTHS"), warning(members=""), warning(region="06411")):
        assert apply_reasons([other], [], [remembered])[0].state is FindingState.OPEN
    sheet = warning("S04", sheet="Notizen", cell="", variable="", members="", found="")
    assert apply_reasons([sheet], [], [given(sheet)])[0].state is FindingState.CONFIRMED
    assert apply_reasons([replace(sheet, sheet="Neu")], [], [given(sheet)])[0].state is FindingState.OPEN


def test_todays_reason_goes_before_last_years() -> None:
    [found] = apply_reasons([warning()], [given(warning(), "heute")], [given(warning(), "gestern")])
    assert found.reason == "heute"


@pytest.mark.parametrize(
    ("found", "reason", "code", "words"),
    [
        (warning(), given(warning(), "ok"), "A01", "Die Begründung „ok“ ist zu kurz"),
        (replace(warning(), severity=Severity.ERROR), given(warning()), "A02", "kann nicht bestätigt werden"),
        (warning(found="530"), given(warning()), "A03", "galt für einen anderen Wert (520); jetzt steht hier 530"),
    ],
)
def test_reasons_without_effect_are_answered(
    framework: Framework, found: Finding, reason: Reason, code: str, words: str
) -> None:
    [note] = reason_notes(framework, apply_reasons([found], [reason]), [reason])
    assert (note.code, note.severity, note.sheet, note.cell) == (code, Severity.INFO, "BEV", "D7")
    assert words in note.message
    assert note.remedy.endswith((".", "!"))


def test_reasons_with_effect_or_without_a_finding_need_no_answer(framework: Framework) -> None:
    assert reason_notes(framework, apply_reasons([warning()], [given(warning())]), [given(warning())]) == []
    assert reason_notes(framework, [], [given(warning())]) == []


def test_key_is_text_that_no_program_changes() -> None:
    key = machine_key(QUESTIONS[3])
    assert key.isascii()
    assert "_" not in key
    assert len(key) < 1000


def test_comparison_with_the_delivery_before(framework: Framework) -> None:
    error = replace(warning("V03"), severity=Severity.ERROR)
    before = [error, replace(error, cell="D8", members=""), warning("C07", variable="", cell="C3")]
    now = [replace(error, cell="D9"), replace(error, code="V04"), replace(before[2], state=FindingState.CONFIRMED)]
    result = compare(before, now)
    assert [found.cell for found in result.still_open] == ["D9"], "moved, still the same figure"
    assert [found.code for found in result.new] == ["V04"]
    assert [(found.code, found.cell) for found in result.fixed] == [("V03", "D8"), ("C07", "C3")]
    assert result.counts(Severity.ERROR) == (1, 1, 1)
    assert result.counts() == (2, 1, 1)
    line = previous_line(framework, "2026-06413-0001", datetime(2026, 11, 15), result)
    assert line == "Vorige Lieferung 2026-06413-0001 vom 15.11.2026: 2 Fehler, davon 1 behoben, 1 neu."


def test_equal_findings_at_one_place_are_paired_one_by_one() -> None:
    twice = [warning(), warning()]
    assert compare(twice, twice).counts() == (0, 0, 2)
    assert compare(twice, twice[:1]).counts() == (1, 0, 1)
