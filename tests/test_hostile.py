"""Hostile, broken and misnamed files: refused in seconds with a German sentence, and the next file is read.

The gate decides on the bytes, the child process contains what the gate cannot know.
"""

from __future__ import annotations

import io
import json
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from workbooks import ods, ole, sheet_data, write_zip, xls, xlsb, xlsx

from intake import sandbox
from intake.annotate_package import Package
from intake.annotate_xml import NotAnnotatable
from intake.gate import MAX_SHEETS
from intake.messages import finding
from intake.reader_answer import NotUnderstood, decode, encode
from intake.reading import Cell, CellValue, Sheet, UnreadableFile, Workbook, column_letters, read_workbook
from intake.sandbox import Limits, ReaderPool, read_safely
from schemas.framework_model import Framework

PROJECT = Path(__file__).resolve().parents[1]
CORPUS = PROJECT.parent / "shared" / "realdata" / "hostile"
ALL_REAL = CORPUS.parent
SECONDS_FOR_ALL = 60


def values(workbook: Workbook) -> dict[str, CellValue]:
    return {cell.address: cell.value for cell in workbook.sheets[0].cells.values()}


def row(*cells: str) -> str:
    return f'<sheetData><row r="1">{"".join(cells)}</row></sheetData>'


@pytest.fixture(scope="module")
def pool() -> Iterator[ReaderPool]:
    with ReaderPool() as readers:
        yield readers


def sentence(framework: Framework, error: UnreadableFile) -> str:
    """The message of a refusal; it must be complete and German."""
    found = finding(framework, error.code, error.details)
    for text in (found.message, found.remedy):
        assert re.fullmatch(r"[A-ZÄÖÜ].*[.]", text), text
        assert not re.search(r"[{}]|„“|\b(error|the|file|None|invalid)\b", text), text
    return found.message


# --- the gate --------------------------------------------------------------------------------------------------------


def code_of(path: Path) -> tuple[str, str]:
    """Code and reason of the refusal."""
    with pytest.raises(UnreadableFile) as refused:
        read_workbook(path)
    details = refused.value.details
    return refused.value.code, details.get("why", details.get("found", ""))


PLAIN = sheet_data([[1]])
TEXT_DOCUMENT = {
    "[Content_Types].xml": "<Types>application/vnd.openxmlformats-officedocument.wordprocessingml.document</Types>"
}
ENCRYPTED_ODS = {"META-INF/manifest.xml": "<manifest><encryption-data/></manifest>"}
DOCTYPE = '<!DOCTYPE x [<!ENTITY a "b">]><x/>'


@pytest.mark.parametrize(
    ("name", "write", "code", "why"),
    [
        ("a.doc", lambda p: p.write_bytes(b"x"), "F04", ""),
        ("a", lambda p: p.write_bytes(b"x"), "F04", ""),
        ("a.xlsx", lambda p: p.write_bytes(b""), "F01", "leer"),
        ("a.csv", lambda p: p.write_bytes(b"\n\n"), "F01", "leer"),
        ("a.xlsx", lambda p: p.write_bytes(b"%PDF-1.7 ..."), "F10", "PDF"),
        ("a.xls", lambda p: p.write_bytes(b"\n<HTML><table>"), "F10", "HTML"),
        ("a.xls", lambda p: p.write_bytes(b'\xef\xbb\xbf<?xml version="1.0"?><Workbook/>'), "F10", "XML"),
        ("a.csv", lambda p: p.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 99), "F10", "Bild"),
        ("a.xlsx", lambda p: p.write_bytes(b"a;b\n1;2\n"), "F10", "Text"),
        ("a.xls", lambda p: xlsx(p, PLAIN), "F10", ".xlsx"),
        ("a.csv", lambda p: xlsx(p, PLAIN), "F10", ".xlsx"),
        ("a.xlsx", lambda p: xls(p, [[1]]), "F10", "altem Format"),
        ("a.xlsx", lambda p: xlsb(p, [[1]]), "F10", ".xlsb"),
        ("a.xlsx", lambda p: ods(p, ""), "F10", ".ods"),
        ("a.xlsx", lambda p: write_zip(p, {"brief.txt": "x"}), "F10", "ZIP"),
        ("a.xlsx", lambda p: write_zip(p, TEXT_DOCUMENT), "F10", "Textdokument"),
        ("a.xls", lambda p: ole(p, {"WordDocument": b"x"}), "F10", "Textdokument"),
        ("a.xls", lambda p: ole(p, {"Inhalt": b"x"}), "F01", "keine Arbeitsmappe"),
        ("a.xls", lambda p: p.write_bytes(b"\x09\x04\x06\x00\x00\x00\x10\x00"), "F01", "vor 1995"),
        ("a.xlsx", lambda p: ole(p, {"EncryptedPackage": b"x"}), "F02", ""),
        ("a.xls", lambda p: xls(p, [[1]], password=True), "F02", ""),
        ("a.ods", lambda p: ods(p, "", extra=ENCRYPTED_ODS), "F02", ""),
        ("a.xlsx", lambda p: xlsx(p, PLAIN, extra={"../b.xml": "<x/>"}), "F05", "außerhalb"),
        ("a.xlsx", lambda p: xlsx(p, PLAIN, extra={"/etc/b.xml": "<x/>"}), "F05", "außerhalb"),
        ("a.xlsx", lambda p: xlsx(p, PLAIN, extra={"C:\\b.xml": "<x/>"}), "F05", "außerhalb"),
        ("a.xlsx", lambda p: xlsx(p, PLAIN, extra={"XL/workbook.xml": "<x/>"}), "F05", "doppelt"),
        ("a.xlsx", lambda p: xlsx(p, PLAIN, extra={"xl/vbaProject.bin": b"x"}), "F05", "Makros"),
        ("a.xlsx", lambda p: xlsx(p, PLAIN, extra={"b.xml": DOCTYPE}), "F05", "XML"),
        ("a.xlsx", lambda p: xlsx(p, PLAIN, extra={"b.xml": f"<!--{' ' * 99_000}-->{DOCTYPE}"}), "F05", "XML"),
        ("a.xlsx", lambda p: xlsx(p, PLAIN, extra={"b.xml": DOCTYPE.encode("utf-16")}), "F05", "XML"),
        ("a.xlsx", lambda p: xlsx(p), "F01", "kein Tabellenblatt"),
        ("a.xlsx", lambda p: xlsx(p, "<sheetData><row>"), "F01", "beschädigt"),
        ("a.xlsx", lambda p: xlsx(p, row('<c r="XFE1"><v>1</v></c>')), "F05", "außerhalb"),
        ("a.xlsx", lambda p: xlsx(p, row('<c r="A1048577"><v>1</v></c>')), "F05", "außerhalb"),
        ("a.xlsx", lambda p: xlsx(p, row('<c r="A0"><v>1</v></c>')), "F05", "außerhalb"),
    ],
)  # fmt: skip
def test_what_does_not_pass(tmp_path: Path, name: str, write: Callable[[Path], object], code: str, why: str) -> None:
    path = tmp_path / name
    write(path)
    found, reason = code_of(path)
    assert found == code
    assert why in reason


def test_macros_are_not_run_and_not_unnoticed(tmp_path: Path) -> None:
    macro = {"xl/vbaProject.bin": b"x"}
    assert read_workbook(xlsx(tmp_path / "a.xlsm", PLAIN, extra=macro)).notices == (("F09", {"file": "a.xlsm"}),)
    sheet = {"xl/macrosheets/sheet1.xml": "<x/>"}
    assert read_workbook(xlsx(tmp_path / "b.xlsx", PLAIN, extra=sheet)).notices == (("F09", {"file": "b.xlsx"}),)
    assert read_workbook(xlsx(tmp_path / "c.xlsm", PLAIN)).notices == ()
    assert read_safely(tmp_path / "a.xlsm").notices == (("F09", {"file": "a.xlsm"}),)


# --- bombs -----------------------------------------------------------------------------------------------------------


def stored_size(path: Path, part: str, size: int) -> Path:
    """The same archive, which says of a part that it has this size."""
    content = bytearray(path.read_bytes())
    for signature, field, name_at in ((b"PK\x03\x04", 22, 30), (b"PK\x01\x02", 24, 46)):
        place = 0
        while (place := content.find(signature, place)) >= 0:
            if content[place + name_at :].startswith(part.encode()):
                content[place + field : place + field + 4] = struct.pack("<I", size)
            place += 4
    path.write_bytes(content)
    return path


def streamed(path: Path, part: str, head: str, block: str, times: int, tail: str) -> Path:
    """A workbook with one part that is written block by block."""
    xlsx(path, "")
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist() if name != part}
    write_zip(path, parts)
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open(part, "w") as stream,
    ):
        stream.write(head.encode())
        for _ in range(times):
            stream.write(block.encode())
        stream.write(tail.encode())
    return path


SHEET = "xl/worksheets/sheet1.xml"


def ten_million_cells(path: Path) -> Path:
    cells = "".join(f'<c r="{column_letters(n)}1"><v>1</v></c>' for n in range(1, 1_001))
    return streamed(path, SHEET, "<worksheet><sheetData><row>", cells, 10_000, "</row></sheetData></worksheet>")


def four_hundred_megabytes_of_text(path: Path) -> Path:
    head, tail = '<worksheet><sheetData><row><c t="inlineStr"><is><t>', "</t></is></c></row></sheetData></worksheet>"
    return streamed(path, SHEET, head, "a" * 1_000_000, 400, tail)


def many_small_bombs(path: Path) -> Path:
    """Each part stays below every limit for one part; together they do not."""
    return xlsx(path, "", extra={f"xl/media/{n}.bin": bytes(8_000_000) for n in range(40)})


def billion_laughs(path: Path) -> Path:
    lines = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    part = f'<!DOCTYPE sst [<!ENTITY l0 "lol">{lines}]><sst><si><t>&l9;</t></si></sst>'
    return xlsx(path, row('<c r="A1" t="s"><v>0</v></c>'), strings=["x"], extra={"xl/sharedStrings.xml": part})


def external_entity(path: Path) -> Path:
    part = '<!DOCTYPE w [<!ENTITY x SYSTEM "file:///etc/passwd">]><worksheet><sheetData>&x;</sheetData></worksheet>'
    return xlsx(path, "", extra={SHEET: part})


def truncated(path: Path) -> Path:
    content = xlsx(path, sheet_data([[n] * 50 for n in range(200)])).read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


def damaged_bytes(path: Path) -> Path:
    content = bytearray(xlsx(path, sheet_data([[n] * 50 for n in range(200)])).read_bytes())
    start = content.find(b"sheet1.xml") + 200
    content[start : start + 100] = bytes(100)
    path.write_bytes(content)
    return path


def damaged_in_another_packing(path: Path) -> Path:
    """Excel packs by deflate alone, the archive may do otherwise."""
    content = xlsx(path, sheet_data([[n] * 50 for n in range(200)])).read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    repacked = bytearray(path.read_bytes())
    start = repacked.find(b"sheet1.xml") + 100
    repacked[start : start + 100] = bytes(100)
    path.write_bytes(repacked)
    return path


def lying_size(path: Path) -> Path:
    return stored_size(xlsx(path, sheet_data([["x" * 1_000] * 50])), SHEET, 100)


def many_sheets(path: Path) -> Path:
    return xlsx(path, *["<sheetData/>"] * 10_000)


def many_listed_sheets(path: Path) -> Path:
    """One part that is listed as a sheet again and again."""
    path = xlsx(path, sheet_data([[n] * 50 for n in range(200)]))
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheets = b"".join(b'<sheet name="s%d" sheetId="%d" r:id="rId1"/>' % (n, n) for n in range(1, 10_001))
    parts["xl/workbook.xml"] = re.sub(rb"<sheet .*/></sheets>", sheets + b"</sheets>", parts["xl/workbook.xml"])
    return write_zip(path, parts)


def one_string_for_all(path: Path) -> Path:
    """A string of 100,000 characters that many cells refer to."""
    cells = '<c t="s"><v>0</v></c>' * 1_000
    path = streamed(path, SHEET, "<worksheet><sheetData>", f"<row>{cells}</row>", 600, "</sheetData></worksheet>")
    text = "".join(chr(97 + n * n % 26) for n in range(100_000))
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    relations = parts["xl/_rels/workbook.xml.rels"]
    link = b'<Relationship Id="rIdT" Type="x/sharedStrings" Target="sharedStrings.xml"/></Relationships>'
    parts["xl/_rels/workbook.xml.rels"] = relations.replace(b"</Relationships>", link)
    return write_zip(path, {**parts, "xl/sharedStrings.xml": f"<sst><si><t>{text}</t></si></sst>"})


def zip_within_itself(path: Path) -> Path:
    """Two directory entries for one and the same compressed block."""
    content = xlsx(path, sheet_data([[1]]), sheet_data([[2]])).read_bytes()
    start, offsets = content.find(b"PK\x01\x02"), []
    while start >= 0:
        offsets.append(start)
        start = content.find(b"PK\x01\x02", start + 4)
    changed = bytearray(content)
    changed[offsets[1] + 42 : offsets[1] + 46] = content[offsets[0] + 42 : offsets[0] + 46]
    path.write_bytes(changed)
    return path


def nested_elements(path: Path) -> Path:
    return xlsx(path, "<a>" * 200_000 + "</a>" * 200_000)


def wide_merges(path: Path) -> Path:
    merges = "".join(f'<mergeCell ref="A{n}:XFD{n + 500}"/>' for n in range(1, 250_000))
    return xlsx(path, sheet_data([[1]]) + f"<mergeCells>{merges}</mergeCells>")


def archive_within(path: Path) -> Path:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("a.xlsx", b"x")
    return write_zip(path, {"a.zip": inner.getvalue()})


@pytest.mark.parametrize("damage", [damaged_bytes, damaged_in_another_packing])
def test_a_damaged_archive_is_not_annotated(tmp_path: Path, damage: Callable[[Path], Path]) -> None:
    with pytest.raises(NotAnnotatable):
        Package(damage(tmp_path / "a.xlsx"))


@pytest.mark.parametrize(
    ("bomb", "why"),
    [
        (ten_million_cells, "Zellen|ungewöhnlich groß|MB"),
        (four_hundred_megabytes_of_text, "MB|ungewöhnlich groß"),
        (many_small_bombs, "MB"),
        (billion_laughs, "XML"),
        (external_entity, "XML"),
        (truncated, "beschädigt"),
        (damaged_bytes, "beschädigt"),
        (damaged_in_another_packing, "beschädigt"),
        (lying_size, "beschädigt"),
        (many_sheets, "mehr als"),
        (many_listed_sheets, "mehr als"),
        (one_string_for_all, "Text"),
        (zip_within_itself, "beschädigt"),
        (wide_merges, "verbundene Zellen"),
        (archive_within, "ZIP-Archiv"),
    ],
)
def test_bombs_are_refused_within_seconds(
    tmp_path: Path, pool: ReaderPool, framework: Framework, bomb: Callable[[Path], Path], why: str
) -> None:
    path = bomb(tmp_path / "a.xlsx")
    start = time.perf_counter()
    with pytest.raises(UnreadableFile) as refused:
        pool.read(path)
    assert re.search(why, sentence(framework, refused.value))
    assert time.perf_counter() - start < 20


# --- strange but harmless --------------------------------------------------------------------------------------------


def test_the_last_cell_of_a_sheet_costs_one_cell(tmp_path: Path, pool: ReaderPool) -> None:
    path = xlsx(tmp_path / "a.xlsx", row('<c r="A1"><v>1</v></c>', '<c r="XFD1048576"><v>2</v></c>'))
    workbook = pool.read(path)
    assert values(workbook) == {"A1": 1.0, "XFD1048576": 2.0}
    assert (workbook.sheets[0].last_row, workbook.sheets[0].last_column) == (1_048_576, 16_384)


def test_a_million_empty_rows_hold_nothing(tmp_path: Path, pool: ReaderPool) -> None:
    rows = "".join(f'<row r="{n}" ht="15"><c r="A{n}" s="0"/></row>' for n in range(1, 1_000_001))
    path = xlsx(
        tmp_path / "a.xlsx", f'<sheetData>{rows}<row r="1048572"><c r="B1048572"><v>1</v></c></row></sheetData>'
    )
    assert values(pool.read(path)) == {"B1048572": 1.0}


def test_deep_nesting_does_no_harm(tmp_path: Path, pool: ReaderPool) -> None:
    assert pool.read(nested_elements(tmp_path / "a.xlsx")).sheets[0].cells == {}


def test_as_many_sheets_as_allowed_are_read(tmp_path: Path, pool: ReaderPool) -> None:
    assert len(pool.read(xlsx(tmp_path / "a.xlsx", *["<sheetData/>"] * MAX_SHEETS)).sheets) == MAX_SHEETS


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.binary(max_size=300), suffix=st.sampled_from([".xlsx", ".xls", ".ods", ".csv"]))
def test_any_bytes_are_a_workbook_or_refused(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    assert outcome(path) in ("read", "F01", "F02", "F05", "F10")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(place=st.floats(0, 1), noise=st.binary(min_size=1, max_size=8))
@pytest.mark.parametrize("suffix", [".xlsx", ".xls", ".xlsb", ".ods"])
def test_damaged_bytes_anywhere_are_read_or_refused(
    tmp_path: Path, pool: ReaderPool, suffix: str, place: float, noise: bytes
) -> None:
    path = tmp_path / f"a{suffix}"
    grid = [["Gemeinde", 1, 2.5], ["Fulda", None, 7]]
    cells = '<table:table-row><table:table-cell office:value-type="float" office:value="5"/></table:table-row>'
    writers: dict[str, Callable[[], Path]] = {
        ".xlsx": lambda: xlsx(path, sheet_data(grid), formats=["0%"], strings=["<t>a</t>"]),
        ".xls": lambda: xls(path, grid),
        ".xlsb": lambda: xlsb(path, grid),
        ".ods": lambda: ods(path, cells),
    }
    content = bytearray(writers[suffix]().read_bytes())
    start = int(place * (len(content) - 1))
    content[start : start + len(noise)] = noise
    path.write_bytes(content)
    assert outcome(path, pool.read) in ("read", "F01", "F02", "F05", "F10")


def outcome(path: Path, read: Callable[[Path], Workbook] = read_workbook) -> str:
    """`read`, or the code of the refusal."""
    try:
        read(path)
    except UnreadableFile as error:
        return error.code
    return "read"


# --- corpora ---------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not here")
def test_the_corpus_neither_crashes_nor_hangs(framework: Framework, capsys: pytest.CaptureFixture[str]) -> None:
    files = sorted(path for path in ALL_REAL.rglob("*") if path.is_file())
    read, refused, seconds, start = 0, 0, 0.0, time.perf_counter()
    with ReaderPool() as readers:
        for path in files:
            began = time.perf_counter()
            try:
                workbook = readers.read(path)
                assert workbook.sheets
                read += 1
            except UnreadableFile as error:
                sentence(framework, error)
                refused += 1
            seconds += time.perf_counter() - began if path.parent == CORPUS else 0
    with capsys.disabled():
        total = time.perf_counter() - start
        print(f"\n{read} read, {refused} refused; hostile corpus {seconds:.1f} s, all real files {total:.1f} s")
    assert seconds < SECONDS_FOR_ALL
    assert read > 50


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not here")
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("calamine__pass_protected.xlsx", "F02"),
        ("poi__password.xls", "F02"),
        ("poi__xor-encryption-abc.xls", "F02"),
        ("calamine__too_small.xls", "F10"),
        ("poi__invalid.xlsx", "F10"),
        ("poi__testEXCEL_4.xls", "F01"),
        ("poi__54764.xlsx", "F05"),
        ("poi__poc-xmlbomb.xlsx", "F05"),
        ("poi__poc-shared-strings.xlsx", "F05"),
    ],
)
def test_what_of_the_corpus_is_refused(pool: ReaderPool, name: str, code: str) -> None:
    with pytest.raises(UnreadableFile) as refused:
        pool.read(CORPUS / name)
    assert refused.value.code == code


# --- the child process -----------------------------------------------------------------------------------------------


def heavy(path: Path) -> Path:
    """A workbook of 600,000 cells, which takes some seconds to read."""
    row = "".join(f'<c r="{column_letters(n)}@"><v>{n}</v></c>' for n in range(1, 201))
    rows = "".join(f'<row r="{n}">{row}</row>'.replace("@", str(n)) for n in range(1, 3_001))
    return xlsx(path, f"<sheetData>{rows}</sheetData>")


def test_a_child_reads_many_files_and_is_replaced_after_a_while(tmp_path: Path) -> None:
    path = xlsx(tmp_path / "a.xlsx", PLAIN)
    with ReaderPool(limits=Limits(files_per_child=2)) as pool:
        children = []
        for _ in range(4):
            assert values(pool.read(path)) == {"A1": 1.0}
            children.append(process(pool))
    assert children[0] == children[1] != children[2] == children[3]


def process(pool: ReaderPool) -> int:
    """Process number of the idle child of a pool of one."""
    child = pool.slots.get()
    pool.slots.put(child)
    assert child is not None
    return child.process.pid


def test_a_killed_child_costs_nothing(tmp_path: Path) -> None:
    path = xlsx(tmp_path / "a.xlsx", PLAIN)
    with ReaderPool() as pool:
        pool.read(path)
        os.kill(process(pool), 9)
        assert values(pool.read(path)) == {"A1": 1.0}


def test_a_file_that_takes_too_long_is_refused_and_the_next_one_is_read(tmp_path: Path) -> None:
    slow, path = heavy(tmp_path / "slow.xlsx"), xlsx(tmp_path / "a.xlsx", PLAIN)
    with ReaderPool(limits=Limits(wall_seconds=0.6)) as pool, pytest.raises(UnreadableFile) as refused:
        pool.read(slow)
    assert (refused.value.code, refused.value.details["why"]) == ("F05", "das Einlesen dauerte zu lange")
    with ReaderPool(limits=Limits(cpu_seconds=0)) as pool:
        with pytest.raises(UnreadableFile) as refused:
            pool.read(slow)
        assert refused.value.details == {"file": "slow.xlsx", "why": "das Einlesen dauerte zu lange"}
        assert values(pool.read(path)) == {"A1": 1.0}


def test_a_file_that_takes_too_much_memory_is_refused_and_the_next_one_is_read(tmp_path: Path) -> None:
    greedy, path = heavy(tmp_path / "greedy.xlsx"), xlsx(tmp_path / "a.xlsx", PLAIN)
    with ReaderPool(limits=Limits(memory_bytes=160 << 20)) as pool:
        with pytest.raises(UnreadableFile) as refused:
            pool.read(greedy)
        assert refused.value.code == "F05"
        assert values(pool.read(path)) == {"A1": 1.0}


def test_an_abort_of_the_reader_is_refused_and_the_next_file_is_read(tmp_path: Path) -> None:
    endless = '<table:table-cell table:number-columns-repeated="16384" office:value-type="float" office:value="1"/>'
    rows = f'<table:table-row table:number-rows-repeated="1048576">{endless}</table:table-row>'
    with ReaderPool() as pool:
        with pytest.raises(UnreadableFile) as refused:
            pool.read(ods(tmp_path / "a.ods", rows))
        assert refused.value.code in ("F01", "F05")
        assert values(pool.read(xlsx(tmp_path / "b.xlsx", PLAIN))) == {"A1": 1.0}


def test_several_threads_may_read_at_once(tmp_path: Path) -> None:
    path = xlsx(tmp_path / "a.xlsx", PLAIN)
    found = []
    with ReaderPool(size=2) as pool:
        threads = [threading.Thread(target=lambda: found.append(pool.read(path))) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [read_workbook(path)] * 6


def test_a_child_that_ran_out_of_room_after_other_files_is_not_the_last_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It keeps what the next file may need; a file is refused only when a child that read nothing else gave up, too."""
    ordinary, asked = sandbox._Child.read, []

    def read(child: sandbox._Child, path: Path, sheets: int | None) -> object:
        asked.append(child.files)
        answer = ordinary(child, path, sheets)
        full = {"refused": "F05", "details": {"why": "sie braucht zu viel Speicher"}, "last": True}
        return full if child.files > 1 or path.name == "b.xlsx" else answer

    monkeypatch.setattr(sandbox._Child, "read", read)
    path, huge = xlsx(tmp_path / "a.xlsx", PLAIN), xlsx(tmp_path / "b.xlsx", PLAIN)
    with ReaderPool() as pool:
        assert pool.read(path) == pool.read(path) == read_workbook(path)
        assert asked == [0, 1, 0]
        with pytest.raises(UnreadableFile, match="F05"):
            pool.read(huge)


CHILD = "import sys; sys.path.insert(0, sys.argv[1]); from intake.reader_child import confine; "


def in_child(code: str, *arguments: str) -> str:
    command = [sys.executable, "-I", "-B", "-c", CHILD + code, str(PROJECT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env={}, check=False).stdout.strip()


def test_the_child_imports_neither_numpy_nor_pandas_nor_openpyxl() -> None:
    heavy_names = "{'numpy', 'pandas', 'openpyxl', 'pydantic', 'yaml', 'pyarrow'}"
    code = f"import intake.sheet_xml, intake.delimited; print(sorted({heavy_names} & set(sys.modules)))"
    assert in_child(code) == "[]"


@pytest.mark.skipif(sys.platform != "linux", reason="the limits are those of Linux")
def test_the_child_may_not_write_files(tmp_path: Path) -> None:
    code = "import os; confine(os.getppid(), 1 << 30); f = open(sys.argv[2], 'w'); f.write('x'); f.flush(); print('written')"
    target = tmp_path / "x"
    assert in_child(code, str(target)) == ""
    assert target.read_bytes() == b""


@pytest.mark.skipif(sys.platform != "linux", reason="the limits are those of Linux")
def test_the_child_has_no_network() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = (
            "import os, socket; confine(os.getppid(), 1 << 30); "
            "print(socket.socket().connect_ex(('127.0.0.1', int(sys.argv[2]))) == 0)"
        )
        answer = in_child(code, str(server.getsockname()[1]))
    if answer == "True":
        pytest.skip("this system does not allow a process to leave its network")
    assert answer == "False"


@pytest.mark.parametrize(
    "answer",
    [
        None, 7, [], {}, {"sheets": 1, "notices": []}, {"sheets": [["a"]], "notices": []},
        {"sheets": [["a", False, [[1, 1, {"exec": "x"}]]]], "notices": []},
        {"sheets": [["a", False, [[1, 1, [1]]]]], "notices": []},
        {"sheets": [["a", False, [[1, 1, 1.0, "", False, None, False, False, False, False, 9]]]], "notices": []},
        {"refused": "F01", "details": []},
    ],
)  # fmt: skip
def test_an_answer_of_another_shape_is_a_damaged_file(answer: object) -> None:
    with pytest.raises(NotUnderstood):
        decode(answer, Path("a.xlsx"))


@given(
    st.lists(
        st.one_of(
            st.text(),
            st.floats(allow_nan=False),
            st.booleans(),
            st.dates(),
            st.datetimes(),
            st.times(),
            st.timedeltas(timedelta(days=-100_000), timedelta(days=2_958_466)),  # what a sheet can hold
        ),
        max_size=8,
    )
)
def test_every_value_survives_the_way_from_the_child(found: list[CellValue]) -> None:
    cells = {(1, n): Cell(1, n, value) for n, value in enumerate(found, start=1)}
    workbook = Workbook("a.xlsx", (Sheet("a", False, cells),), (("F09", {"file": "a.xlsx"}),))
    back = decode(json.loads(encode(workbook)), Path("a.xlsx"))
    for mine, theirs in zip(cells.values(), back.sheets[0].cells.values(), strict=True):
        if isinstance(mine.value, timedelta):
            assert isinstance(theirs.value, timedelta)
            assert abs(mine.value - theirs.value) <= timedelta(milliseconds=1)
        else:
            assert mine == theirs
