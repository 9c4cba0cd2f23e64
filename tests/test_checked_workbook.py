"""The sender's own workbook comes back marked, nothing else in it changes, and it can be dropped again."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import openpyxl
import pytest
from openpyxl.comments import Comment
from openpyxl.styles import Font, PatternFill

from flows.demo.deliveries import entries
from flows.demo.world import load_world
from intake.annotate_comments import COMMENT_START
from intake.annotate_styles import index_in_colour
from intake.annotate_xml import Edits, NotAnnotatable, elements, plain, with_attribute, written
from intake.checked_workbook import write_checked
from intake.checking import Past, Received, check_deliveries, read_deliveries
from intake.form import write_form
from intake.form_request import CoverAnswers, Entry, FormRequest
from intake.protocol import COLUMNS, PROTOCOL_NAME, checked_name, plain_name, protocol_name
from intake.reading import UnreadableFile, read_workbook
from intake.reasons import apply_reasons, find_protocol, read_reasons
from schemas.framework_model import Framework
from schemas.shapes import (
    CheckedDelivery,
    Finding,
    FindingState,
    Severity,
    Submission,
    Verdict,
    verdict_of,
)

ROOT = Path(__file__).resolve().parents[1]
REAL = ROOT.parent / "shared" / "realdata"
NUMBER = "2026-06413-0001"
BEFORE = datetime(2026, 11, 22, 13, 7)
REGION = "06413"
Cells = dict[tuple[str, str], Entry]

needs_office = pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")


@dataclass(frozen=True)
class Drop:
    """A filled form with damaged cells and what the check says about it."""

    framework: Framework
    source: Path
    delivery: CheckedDelivery
    past: Past
    good: Cells

    def recheck(self, path: Path) -> CheckedDelivery:
        return check(self.framework, path, self.past)

    def finding(self, code: str) -> Finding:
        return next(found for found in self.delivery.findings if found.code == code)


def check(framework: Framework, path: Path, past: Past) -> CheckedDelivery:
    """The check with the reasons of the workbook applied."""
    received = Received(path, path.name, REGION, "ab" * 32, BEFORE, NUMBER)
    [delivery] = check_deliveries(framework, [received], past)
    try:
        reasons = read_reasons(read_workbook(path))
    except UnreadableFile:
        return delivery
    findings = tuple(apply_reasons(delivery.findings, reasons))
    return replace(delivery, findings=findings, submission=replace(delivery.submission, verdict=verdict_of(findings)))


def damaged(values: Cells) -> Cells:
    """A text that looks like a formula, and an empty cell."""
    changed = dict(values)
    changed[("SEU_EXAM", "GRP=MMH")] = "=1+1"
    del changed[("UNEMP_LT", "GRP=A,SEX=M")]
    return changed


@pytest.fixture(scope="module")
def drop(framework: Framework, tmp_path_factory: pytest.TempPathFactory) -> Drop:
    world = load_world(ROOT / "flows" / "demo" / "world.yaml", framework)
    year = max(world.years)
    good = entries(framework, world, REGION, year)
    before = entries(framework, world, REGION, year - 1)
    numbers = {key: Decimal(value) for key, value in before.items() if not isinstance(value, str)}
    past = Past(values=lambda region, asked: {key: (value, "ok") for key, value in numbers.items()})
    source = tmp_path_factory.mktemp("drop") / f"Form_{REGION}_{year - 1}.xlsx"  # another year than the cover: C07
    cover = CoverAnswers(contact_name="Büro", population_basis="EMR")
    write_form(source, framework, FormRequest(REGION, year, values=damaged(good), previous=before, cover=cover))
    return Drop(framework, source, check(framework, source, past), past, good)


@pytest.fixture(scope="module")
def checked(drop: Drop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("outbox") / checked_name(drop.source.name)
    written_to = write_checked(drop.source, target, drop.framework, drop.delivery)
    assert written_to == target
    return target


def in_office(path: Path, folder: Path) -> Path:
    """The workbook opened and saved by LibreOffice."""
    folder.mkdir(exist_ok=True)
    command = ["soffice", f"-env:UserInstallation=file://{folder}/profile", "--headless", "--convert-to"]
    subprocess.run(
        [*command, "xlsx:Calc MS Excel 2007 XML", "--outdir", str(folder), str(path)],
        check=True,
        capture_output=True,
        timeout=180,
    )
    return folder / path.name


def by_openpyxl(path: Path, folder: Path) -> Path:
    """The workbook opened and saved by openpyxl."""
    folder.mkdir(exist_ok=True)
    openpyxl.load_workbook(path).save(folder / path.name)
    return folder / path.name


def parts(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def facts(sheet: Any) -> dict[str, Any]:
    """What must not change: everything but colours and our comments."""
    cells = [cell for row in sheet.iter_rows() for cell in row]
    return {
        "values": {c.coordinate: getattr(c.value, "text", c.value) for c in cells if c.value is not None},
        "formats": {
            c.coordinate: (c.number_format, c.protection.locked, c.alignment.wrap_text) for c in cells if c.value
        },
        "merged": sorted(map(str, sheet.merged_cells.ranges)),
        "drop_downs": sorted(f"{v.sqref} {v.formula1}" for v in sheet.data_validations.dataValidation),
        "widths": {key: (d.width, d.hidden) for key, d in sheet.column_dimensions.items()},
        "heights": {key: (d.height, d.hidden) for key, d in sheet.row_dimensions.items() if d.height or d.hidden},
        "protection": sheet.protection.sheet,
        "pictures": (len(sheet._images), len(sheet._charts)),
        "conditions": sorted(str(entry.sqref) for entry in sheet.conditional_formatting),
        "freeze": sheet.freeze_panes,
        "comments": {
            c.coordinate: c.comment.text for c in cells if c.comment and not c.comment.text.startswith(COMMENT_START)
        },
    }


def ours(path: Path) -> dict[tuple[str, str], str]:
    """Our comments by sheet and cell."""
    book = openpyxl.load_workbook(path)
    return {
        (sheet.title, cell.coordinate): cell.comment.text
        for sheet in book
        for row in sheet.iter_rows()
        for cell in row
        if cell.comment and cell.comment.text.startswith(COMMENT_START)
    }


def coloured(path: Path) -> set[tuple[str, str]]:
    book = openpyxl.load_workbook(path)
    return {
        (sheet.title, cell.coordinate)
        for sheet in book
        if sheet.title != PROTOCOL_NAME
        for row in sheet.iter_rows()
        for cell in row
        if index_in_colour(str(cell.fill.fgColor.rgb)) is not None
    }


def lines(path: Path) -> list[dict[str, str]]:
    """The lines of the protocol by column."""
    sheet = openpyxl.load_workbook(path)[PROTOCOL_NAME]
    rows = [[cell.value or "" for cell in row] for row in sheet.iter_rows()]
    header = next(number for number, row in enumerate(rows) if row[0] == "Nr.")
    return [dict(zip(rows[header][: len(COLUMNS)], row, strict=False)) for row in rows[header + 1 :]]


def places(delivery: CheckedDelivery) -> set[tuple[str, str]]:
    return {(found.sheet, found.cell) for found in delivery.findings if found.cell}


def test_the_damage_is_noticed(drop: Drop) -> None:
    assert drop.delivery.submission.verdict is Verdict.RETURNED
    assert {"V01", "V03", "C07"} == {found.code for found in drop.delivery.findings}


def test_every_finding_is_coloured_and_commented_and_nothing_else(drop: Drop, checked: Path) -> None:
    assert coloured(checked) == places(drop.delivery)
    assert set(ours(checked)) == places(drop.delivery)
    empty = drop.finding("V01")
    text = ours(checked)[(empty.sheet, empty.cell)]
    assert "Muss: " in text
    assert empty.message in text
    assert empty.remedy in text
    cell = openpyxl.load_workbook(checked)[empty.sheet][empty.cell]
    assert cell.value is None
    assert cell.protection.locked is False, "the cell can still be filled in"
    assert cell.number_format == "#,##0"


def test_the_colour_says_how_urgent(drop: Drop, checked: Path) -> None:
    book = openpyxl.load_workbook(checked)
    fills = {}
    for code in ("V03", "C07"):
        found = drop.finding(code)
        fills[code] = book[found.sheet][found.cell].fill.fgColor.rgb
    assert fills["V03"].startswith("FFFCB0B")
    assert fills["C07"].startswith("FFFCD86")


def test_the_rest_of_the_workbook_stays(drop: Drop, checked: Path) -> None:
    before, after = openpyxl.load_workbook(drop.source), openpyxl.load_workbook(checked)
    assert after.sheetnames == [*before.sheetnames, PROTOCOL_NAME]
    for name in before.sheetnames:
        assert facts(after[name]) == facts(before[name]), name
    old, new = parts(drop.source), parts(checked)
    marked = {f"xl/worksheets/sheet{before.sheetnames.index(sheet) + 1}.xml" for sheet, _ in places(drop.delivery)}
    changed = {name for name in old if new.get(name) != old[name]}
    allowed = {"[Content_Types].xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/styles.xml"}
    first = "xl/worksheets/sheet1.xml"  # is not selected any more
    assert {name for name in changed - allowed - marked - {first} if "/_rels/" not in name} <= {
        name for name in old if "omments" in name or "vmlDrawing" in name
    }


def test_parts_that_stay_are_copied_as_they_lie_packed(drop: Drop, tmp_path: Path) -> None:
    source, target = tmp_path / "source.xlsx", tmp_path / "target.xlsx"
    with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as loose:
        for name, data in parts(drop.source).items():
            loose.writestr(name, data)
    assert write_checked(source, target, drop.framework, drop.delivery) == target
    with zipfile.ZipFile(source) as before, zipfile.ZipFile(target) as after:
        assert after.testzip() is None
        old, new = ({i.filename: (i.CRC, i.compress_size) for i in archive.infolist()} for archive in (before, after))
    stayed = {name for name in old if old[name][0] == new[name][0]}
    assert len(stayed) > len(old) // 2
    assert all(old[name] == new[name] for name in stayed)


def test_marked_sheets_keep_everything_but_styles_of_marked_cells(drop: Drop, checked: Path) -> None:
    """Parts are compared as XML: drop-downs, protection, widths and conditions are equal to the last attribute."""
    old, new = parts(drop.source), parts(checked)
    for name in (name for name in old if re.fullmatch(r"xl/worksheets/sheet\d+\.xml", name)):
        before, after = ElementTree.fromstring(old[name]), ElementTree.fromstring(new[name])
        kinds = [child.tag.rpartition("}")[2] for child in after]
        assert [kind for kind in kinds if kind != "legacyDrawing"] == [
            kind for kind in (child.tag.rpartition("}")[2] for child in before) if kind != "legacyDrawing"
        ]
        for one, other in zip(
            [child for child in before if not child.tag.endswith(("}sheetData", "}legacyDrawing", "}sheetViews"))],
            [child for child in after if not child.tag.endswith(("}sheetData", "}legacyDrawing", "}sheetViews"))],
            strict=True,
        ):
            assert ElementTree.tostring(one) == ElementTree.tostring(other)


def test_only_the_protocol_is_selected(checked: Path) -> None:
    book = openpyxl.load_workbook(checked)
    assert book.active.title == PROTOCOL_NAME
    assert [sheet.title for sheet in book if sheet.sheet_view.tabSelected] == [PROTOCOL_NAME]


def test_protocol_lines_and_links(drop: Drop, checked: Path) -> None:
    said = lines(checked)
    assert [line["Regel"] for line in said] == [found.code for found in drop.delivery.findings]
    for line, found in zip(said, drop.delivery.findings, strict=True):
        assert (line["Blatt"], line["Zelle"], line["Ihr Wert"]) == (found.sheet, found.cell, found.found)
        assert line["Was ist aufgefallen"].startswith(found.message)
        assert line["Was ist zu tun"] == found.remedy
        assert line["Status"] == "offen"
    assert {line["Regel"]: line["Dringlichkeit"] for line in said} == {"V01": "Muss", "V03": "Muss", "C07": "Rückfrage"}
    sheet = openpyxl.load_workbook(checked)[PROTOCOL_NAME]
    first = next(row for row in range(1, 20) if sheet.cell(row, 1).value == "Nr.") + 1
    for row, found in enumerate(drop.delivery.findings, start=first):
        assert sheet.cell(row, 4).hyperlink.location == f"'{found.sheet}'!{found.cell}"
    assert sheet.freeze_panes == f"A{first}"
    assert sheet.auto_filter.ref.startswith(f"A{first - 1}:")
    assert sheet.column_dimensions["O"].hidden
    assert sheet["A1"].value.startswith("Prüfprotokoll – Ergebnis: Korrektur erforderlich")
    assert NUMBER in sheet["A2"].value
    assert drop.framework.code in sheet["A3"].value


def test_last_year_stands_beside_the_value(drop: Drop, tmp_path: Path) -> None:
    o = next(o for o in drop.delivery.observations if o.variable == "POP" and not o.members)
    found = Finding(
        "M15", Severity.WARNING, "Sprung.", "Prüfen.", sheet=o.sheet, cell=o.cell, variable="X", members="Y"
    )
    delivery = replace(drop.delivery, findings=(found,))
    last_year = {("POP", ""): (Decimal(12345), "ok"), ("X", "Y"): (Decimal(1), "ok")}
    answer = write_checked(drop.source, tmp_path / "answer.xlsx", drop.framework, delivery, last_year=last_year)
    assert answer is not None
    assert [line["Vorjahr"] for line in lines(answer)] == ["12\u202f345"]


def test_what_the_sender_wrote_never_becomes_a_formula(drop: Drop, checked: Path) -> None:
    book = openpyxl.load_workbook(checked)
    texts = [cell for row in book[PROTOCOL_NAME].iter_rows() for cell in row if str(cell.value).startswith("=")]
    assert [cell.value for cell in texts] == ["=1+1"]
    assert all(cell.data_type == "s" and cell.number_format == "@" for cell in texts)
    protocol_part = next(data for name, data in parts(checked).items() if b"#PROTOKOLL" in data)
    assert b"<f" not in re.sub(rb"<f(?:ont|ill)", b"", protocol_part)


def corrected(path: Path, drop: Drop, reason: str, code: str = "C07") -> None:
    """Correct the damage in the checked workbook and give a reason for the warning, as the sender would."""
    book = openpyxl.load_workbook(path)
    for found in drop.delivery.findings:
        if found.code == "V01":
            book[found.sheet][found.cell].value = drop.good[("UNEMP_LT", "GRP=A,SEX=M")]
        elif found.code == "V03":
            book[found.sheet][found.cell].value = drop.good[("SEU_EXAM", "GRP=MMH")]
    protocol = book[PROTOCOL_NAME]
    for row in range(1, protocol.max_row + 1):
        if protocol.cell(row, COLUMNS.index("Regel") + 1).value == code:
            protocol.cell(row, COLUMNS.index("Begründung") + 1).value = reason
    book.save(path)


SAVED_BY: list[Any] = [
    pytest.param(lambda path, folder: path, id="as it is"),
    pytest.param(by_openpyxl, id="openpyxl"),
    pytest.param(in_office, id="LibreOffice", marks=[needs_office, pytest.mark.thorough]),
]


@pytest.mark.parametrize("saved", SAVED_BY)
def test_correct_and_confirm_and_drop_again(
    drop: Drop, checked: Path, tmp_path: Path, saved: Callable[[Path, Path], Path]
) -> None:
    again = shutil.copy(checked, tmp_path / checked.name)
    corrected(again, drop, "Name blieb vom Vorjahr")
    again = saved(again, tmp_path / "saved")
    delivery = drop.recheck(again)
    assert [found.code for found in delivery.findings if found.state is FindingState.OPEN] == []
    assert delivery.submission.verdict is Verdict.ACCEPTED
    confirmed = [found for found in delivery.findings if found.state is FindingState.CONFIRMED]
    assert [found.code for found in confirmed] == ["C07"]
    assert confirmed[0].reason == "Name blieb vom Vorjahr"

    answer = write_checked(again, tmp_path / "second.xlsx", drop.framework, delivery, drop.delivery.findings)
    assert answer is not None
    said = lines(answer)
    assert [(line["Regel"], line["Status"], line["Begründung"]) for line in said if line["Status"] == "bestätigt"] == [
        ("C07", "bestätigt", "Name blieb vom Vorjahr")
    ]
    fixed = {line["Regel"] for line in said if line["Status"] == "behoben"}
    assert fixed == {found.code for found in drop.delivery.findings} - {"C07"}
    question = (confirmed[0].sheet, confirmed[0].cell)
    assert coloured(answer) == {question}, "old colours are gone"
    assert set(ours(answer)) == {question}, "old comments are gone"
    assert "Ihre Begründung: Name blieb vom Vorjahr" in ours(answer)[question]
    assert [s for s in openpyxl.load_workbook(answer).sheetnames if s.startswith(PROTOCOL_NAME)] == [PROTOCOL_NAME]


@pytest.mark.parametrize("saved", SAVED_BY)
def test_taking_all_marks_off_gives_the_original_looks_back(
    drop: Drop, checked: Path, tmp_path: Path, saved: Callable[[Path, Path], Path]
) -> None:
    again = saved(shutil.copy(checked, tmp_path / checked.name), tmp_path / "saved")
    clean = replace(drop.delivery, findings=(), submission=replace(drop.delivery.submission, verdict=Verdict.ACCEPTED))
    answer = write_checked(again, tmp_path / "clean.xlsx", drop.framework, clean)
    assert answer is not None
    assert not ours(answer)
    before, after = openpyxl.load_workbook(drop.source), openpyxl.load_workbook(answer)
    for sheet, cell in places(drop.delivery):
        assert after[sheet][cell].fill.fgColor.rgb == before[sheet][cell].fill.fgColor.rgb
    if again.parent == tmp_path:  # not saved by another program: the very same styles
        old, new = parts(drop.source), parts(answer)
        for name in (name for name in old if re.fullmatch(r"xl/worksheets/sheet\d+\.xml", name)):
            assert dict(re.findall(rb'<c r="(\w+)" s="(\d+)"', new[name])) == dict(
                re.findall(rb'<c r="(\w+)" s="(\d+)"', old[name])
            )


def test_second_round_is_stable(drop: Drop, checked: Path, tmp_path: Path) -> None:
    """Checked again without a change: the same marks, one protocol, no growing heap of styles."""
    answer = write_checked(checked, tmp_path / "again.xlsx", drop.framework, drop.delivery)
    assert answer is not None
    assert parts(answer).keys() == parts(checked).keys()
    assert parts(answer)["xl/styles.xml"] == parts(checked)["xl/styles.xml"]
    assert ours(answer) == ours(checked)
    assert coloured(answer) == coloured(checked)
    assert lines(answer) == lines(checked)


def test_own_sheet_of_that_name_is_left_alone(drop: Drop, tmp_path: Path) -> None:
    source = by_openpyxl(drop.source, tmp_path)
    book = openpyxl.load_workbook(source)
    book.create_sheet(PROTOCOL_NAME)["A1"] = "unser eigenes"
    book.save(source)
    answer = write_checked(source, tmp_path / "answer.xlsx", drop.framework, drop.delivery)
    assert answer is not None
    names = openpyxl.load_workbook(answer).sheetnames
    assert names[-2:] == [PROTOCOL_NAME, f"{PROTOCOL_NAME} (2)"]
    protocol = find_protocol(read_workbook(answer))
    assert protocol is not None
    assert protocol.name == f"{PROTOCOL_NAME} (2)"


def test_comments_of_the_sender_stay_behind_ours(drop: Drop, tmp_path: Path) -> None:
    found = drop.finding("V01")
    book = openpyxl.load_workbook(drop.source)
    book[found.sheet][found.cell].comment = Comment("Bitte noch klären & <prüfen>", "Amt 50")
    source = tmp_path / "commented.xlsx"
    book.save(source)
    answer = write_checked(source, tmp_path / "answer.xlsx", drop.framework, drop.delivery)
    assert answer is not None
    text = ours(answer)[(found.sheet, found.cell)]
    assert text.startswith(COMMENT_START)
    assert text.endswith("Bitte noch klären & <prüfen>")
    clean = replace(drop.delivery, findings=())
    back = write_checked(answer, tmp_path / "back.xlsx", drop.framework, clean)
    assert back is not None
    assert openpyxl.load_workbook(back)[found.sheet][found.cell].comment.text == "Bitte noch klären & <prüfen>"


def test_same_input_gives_the_same_bytes(drop: Drop, checked: Path, tmp_path: Path) -> None:
    answer = write_checked(drop.source, tmp_path / "b.xlsx", drop.framework, drop.delivery)
    assert answer is not None
    assert answer.read_bytes() == checked.read_bytes()


def test_whether_it_is_an_answer_is_known_from_reading(drop: Drop, checked: Path, tmp_path: Path) -> None:
    """The reader has seen whether our protocol is in it; asked again or not, the answer is the same."""
    for source, answered in ((drop.source, False), (checked, True)):
        received = Received(source, source.name, REGION, "", datetime(2026, 4, 1))
        assert read_deliveries(drop.framework, [received])[0].answered is answered
        for findings in (drop.delivery.findings, ()):
            delivery = replace(drop.delivery, findings=findings)
            looked = write_checked(source, tmp_path / "a.xlsx", drop.framework, delivery)
            known = write_checked(source, tmp_path / "b.xlsx", drop.framework, delivery, answered=answered)
            assert (looked and looked.read_bytes()) == (known and known.read_bytes())
            assert bool(known) is bool(findings or answered)


def test_nothing_to_answer(drop: Drop, tmp_path: Path) -> None:
    refused = replace(drop.delivery, submission=replace(drop.delivery.submission, verdict=Verdict.REFUSED))
    clean = replace(drop.delivery, findings=())
    assert write_checked(drop.source, tmp_path / "a.xlsx", drop.framework, refused) is None
    assert write_checked(drop.source, tmp_path / "a.xlsx", drop.framework, clean) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", ["xlsm", "xls", "xlsb", "ods", "csv"])
def test_other_formats_get_a_protocol_of_their_own(drop: Drop, tmp_path: Path, ending: str) -> None:
    name = f"Lieferung.{ending}"
    source = shutil.copy(drop.source, tmp_path / name)
    delivery = replace(drop.delivery, submission=replace(drop.delivery.submission, file_name=name))
    answer = write_checked(source, tmp_path / checked_name(name), drop.framework, delivery)
    assert answer == tmp_path / "Lieferung_Pruefprotokoll.xlsx"
    assert [line["Regel"] for line in lines(answer)] == [found.code for found in drop.delivery.findings]
    assert openpyxl.load_workbook(answer)[PROTOCOL_NAME].column_dimensions["O"].hidden
    assert find_protocol(read_workbook(answer)) is not None


def test_broken_package_gets_a_protocol_of_its_own(drop: Drop, tmp_path: Path) -> None:
    source = tmp_path / "kaputt.xlsx"
    source.write_bytes(b"PK\x03\x04 abgeschnitten")
    answer = write_checked(source, tmp_path / "kaputt_geprueft.xlsx", drop.framework, drop.delivery)
    assert answer is not None
    assert answer.name == protocol_name(drop.delivery.submission.file_name)


def test_names() -> None:
    assert checked_name("IntMon_Gießen_2025.xlsx") == "IntMon_Gießen_2025_geprueft.xlsx"
    assert checked_name("IntMon_Gießen_2025_geprueft.xlsx") == "IntMon_Gießen_2025_geprueft.xlsx"
    assert checked_name("2026-06531-0001_2025_geprueft.xlsx") == "2025_geprueft.xlsx", "numbers do not pile up"
    assert plain_name("2026-06531-0001_Lieferung_geprueft.xlsx") == "Lieferung.xlsx"
    assert plain_name("Lieferung.xlsx") == "Lieferung.xlsx"
    assert protocol_name("../../etc/x.xls") == "x_Pruefprotokoll.xlsx"


FOREIGN = sorted(p for folder in ("niedersachsen", "odd") for p in (REAL / folder).glob("*.xlsx"))


def fake(path: Path) -> tuple[CheckedDelivery, list[tuple[str, str]]]:
    """Findings at a filled cell, at an empty one, and on the last sheet."""
    workbook = read_workbook(path)
    sheet = next(sheet for sheet in workbook.sheets if sheet.cells)
    spots = [(sheet.name, next(iter(sheet.cells.values())).address), (sheet.name, "Q310")]
    spots.append((workbook.sheets[-1].name, "C9"))
    findings = tuple(
        Finding("S06", Severity.ERROR, f"Spalte <{n}> & „x“.", "Bitte prüfen.", sheet=name, cell=cell)
        for n, (name, cell) in enumerate(spots)
    )
    submission = Submission("2026-1", "ab", path.name, "x", BEFORE, layout="L", verdict=Verdict.RETURNED)
    return CheckedDelivery(submission, findings=findings), spots


@pytest.mark.skipif(not FOREIGN, reason="the real workbooks are not here")
@pytest.mark.parametrize("path", FOREIGN, ids=lambda path: path.name)
def test_foreign_workbooks_keep_everything(framework: Framework, tmp_path: Path, path: Path) -> None:
    delivery, spots = fake(path)
    answer = write_checked(path, tmp_path / checked_name(path.name), framework, delivery)
    assert answer == tmp_path / checked_name(path.name), "it can be marked"
    assert len(ours(answer)) == len(set(spots))
    before, after = openpyxl.load_workbook(path), openpyxl.load_workbook(answer)
    for sheet in before.worksheets:
        assert facts(after[sheet.title]) == facts(sheet), sheet.title
    old, new = parts(path), parts(answer)
    untouched = [
        name for name in old if not re.search(r"sheet\d*\.xml|styles|workbook|Content_Types|omments|vml", name)
    ]
    assert all(new[name] == old[name] for name in untouched), "charts, drawings, themes, links: byte for byte"


@needs_office
@pytest.mark.thorough
@pytest.mark.skipif(not FOREIGN, reason="the real workbooks are not here")
def test_foreign_workbooks_open_in_libreoffice(framework: Framework, tmp_path: Path) -> None:
    for path in FOREIGN[:2]:
        delivery, spots = fake(path)
        answer = write_checked(path, tmp_path / checked_name(path.name), framework, delivery)
        assert answer is not None
        saved = in_office(answer, tmp_path / "office")
        assert set(ours(saved)) == set(spots)
        assert openpyxl.load_workbook(saved).active.title == PROTOCOL_NAME


def test_a_form_with_namespace_prefixes_and_without_addresses(framework: Framework, tmp_path: Path) -> None:
    """Some programs write `<x:c>` and leave out where a cell stands."""
    book = openpyxl.Workbook()
    book.active.append(["a", 1, 2])
    book.active.append(["b", 3, 4])
    plain_path, source = tmp_path / "plain.xlsx", tmp_path / "prefixed.xlsx"
    book.save(plain_path)
    with zipfile.ZipFile(plain_path) as old, zipfile.ZipFile(source, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name in ("xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/styles.xml"):
                data = re.sub(rb"<(/?)(?=[a-zA-Z])(?!\w+:)", rb"<\1x:", data)
                data = data.replace(b"xmlns=", b"xmlns:x=", 1)
                data = re.sub(rb'(<x:(?:row|c)) r="[A-Z]*\d+"', rb"\1", data)
            new.writestr(name, data)
    findings = tuple(
        Finding("S06", Severity.WARNING, "Frage.", "Antwort.", sheet="Sheet", cell=cell) for cell in ("B2", "C1", "E7")
    )
    submission = Submission("1", "ab", "prefixed.xlsx", "x", BEFORE, layout="L", verdict=Verdict.ACCEPTED_WITH_REMARKS)
    delivery = CheckedDelivery(submission, findings=findings)
    answer = write_checked(source, tmp_path / "answer.xlsx", framework, delivery)
    assert answer == tmp_path / "answer.xlsx"
    assert coloured(answer) == {("Sheet", "B2"), ("Sheet", "C1"), ("Sheet", "E7")}
    assert [
        [cell.value for cell in row[:3]] for row in openpyxl.load_workbook(answer)["Sheet"].iter_rows(max_row=2)
    ] == [
        ["a", 1, 2],
        ["b", 3, 4],
    ]
    back = write_checked(answer, tmp_path / "back.xlsx", framework, replace(delivery, findings=()))
    assert back is not None
    assert coloured(back) == set()


def test_light_letters_become_dark_on_a_mark_and_light_again(framework: Framework, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active["B2"] = 5
    book.active["B2"].font = Font(color="FFFFFFFF")
    book.active["B2"].fill = PatternFill("solid", fgColor="FF202020")
    source = tmp_path / "dark.xlsx"
    book.save(source)
    finding = Finding("S06", Severity.ERROR, "Frage.", "Antwort.", sheet="Sheet", cell="B2")
    submission = Submission("1", "ab", "dark.xlsx", "x", BEFORE, layout="L", verdict=Verdict.RETURNED)
    delivery = CheckedDelivery(submission, findings=(finding,))
    answer = write_checked(source, tmp_path / "answer.xlsx", framework, delivery)
    assert answer is not None
    assert openpyxl.load_workbook(answer)["Sheet"]["B2"].font.color.rgb == "FF000000"
    back = write_checked(answer, tmp_path / "back.xlsx", framework, replace(delivery, findings=()))
    assert back is not None
    cell = openpyxl.load_workbook(back)["Sheet"]["B2"]
    assert (cell.font.color.rgb, cell.fill.fgColor.rgb) == ("FFFFFFFF", "FF202020")


def test_byte_edits() -> None:
    data = b'<a x="1 > 0"><b/><c k="v">t</c></a>'
    found = elements(data, lambda depth, name, _: True)
    assert [(e.name, e.depth, data[e.start : e.end]) for e in found] == [
        ("a", 0, data),
        ("b", 1, b"<b/>"),
        ("c", 1, b'<c k="v">t</c>'),
    ]
    edits = Edits(data)
    edits.append_to(found[1], b"<d/>")
    edits.append_to(found[2], b"u")
    edits.replace(found[2].start, found[2].open_end, with_attribute(b'<c k="v">', "k", "w"))
    assert edits.result() == b'<a x="1 > 0"><b><d/></b><c k="w">tu</c></a>'
    assert with_attribute(b'<c r="A1"/>', "s", "3") == b'<c r="A1" s="3"/>'
    assert with_attribute(b'<c s="1" r="A1">', "s", None) == b'<c r="A1">'
    assert plain('<?xml version="1.0" encoding="UTF-16"?><a>ü</a>'.encode("utf-16")).endswith("<a>ü</a>".encode())
    assert written("a_x0041_b\x00<") == "a_x005F_x0041_b&lt;"
    with pytest.raises(NotAnnotatable):
        elements(b'<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>', lambda depth, name, _: True)
