"""The quick ways of reading and checking say the same as the general ones."""

from __future__ import annotations

import json
import pickle
import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from xml.parsers import expat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.demo.deliveries import entries
from flows.demo.world import World
from intake.deliveries import Received, read_deliveries
from intake.display import number_format
from intake.equations import Equation, Equations
from intake.form import write_form
from intake.form_request import FormRequest
from intake.gate import UnreadableFile
from intake.package_xml import LimitBroken, parser, plain_strings
from intake.package_xml import _strings as strings_of
from intake.reader_answer import Heard, NotUnderstood, Told, decode, encode
from intake.reading import Cell, read_workbook
from intake.rule_cells import RuleInput
from intake.rule_places import Delivered
from intake.rule_sums import filled
from intake.sheet_events import Book, SheetReader
from intake.sheet_plain import plain_rows
from intake.sheet_quick import read_quickly
from intake.sheets import Sheet
from schemas.framework_model import Framework
from schemas.observations import Observations
from schemas.shapes import TOTAL, Observation, member_key
from schemas.tables import entry_tables

Found = list[tuple[tuple[int, int], Cell]]
CELLS = (
    '<c r="A1"/>', '<c r="B1" s="1"/>', '<c r="A1" t="s"><v>0</v></c>', '<c r="C1" s="1" t="s"><v>1</v></c>',
    '<c r="C2" t="s"><v>7</v></c>', '<c r="B2" s="1"><v>3</v></c>', '<c r="B2" s="2" t="n"><v>-1.5e3</v></c>',
    '<c r="D2" t="b"><v>1</v></c>', '<c r="D3" t="e"><v>#REF!</v></c>', '<c r="D3" t="e"/>', '<c r="E1" t="str"><v></v></c>',
    '<c r="E1" t="str"><f>A1</f><v></v></c>', '<c r="E2"><f>A1</f></c>', '<c r="E2"><f>A1</f><v/></c>', '<c r="E3"><v> </v></c>',
    '<c r="F1" t="d"><v>2025-12-31</v></c>', '<c r="XFE1"><v>1</v></c>', '<c r="A0"><v>1</v></c>', '<c><v>4</v></c>',
    '<c r="F2" t="inlineStr"><is><t>a</t></is></c>', '<c r="F3" t="str"><v>a&amp;b</v></c>', '<c r="F3" t="str"><v>ä</v></c>',
    '<c r="F4"><f t="shared" si="0"/><v>1</v></c>', '<c r="F5"><v>1</v>', '<!-- <c r="F6"><v>1</v></c> -->', " ", "&x;",
    '</row><row r="8" ht="3"/><row r="9">', '</row><row r="8" r="9"/><row>', '<c r="A9" t="s"><v>1</v></c><c r="B9"><v></v></c>',
    '<c r="A7" t="s"><v>2</v></c><c r="B7" t="s"><v>1</v></c><c r="C7"><v>1_0</v></c>', '<c r="A7" t="s"><v>2</v></c>',
    '<row r="3">', "</row>", "</sheetData>", "<sheetData>", '<c r="A9" r="A8"><v>1</v></c>',
)  # fmt: skip
ROWS = (
    "",
    ' r="1"',
    ' r="7"',
    ' r="9"',
    ' r="7" spans="1:3" ht="15.5"',
    ' hidden="1"',
    ' r="2" r="2"',
    ' x14ac:dyDescent="0.2"',
    " r='4'",
)
BEFORE = (
    "",
    '<cols><col min="2" max="3" hidden="1"/></cols>',
    '<sheetFormatPr zeroHeight="1"/>',
    "<!-- <sheetData> -->",
)
AFTER = ("", '<mergeCells><mergeCell ref="A1:B2"/></mergeCells>', "</x>", "<sheetData></sheetData>")


def book() -> Book:
    formats = {"1": number_format('[<5]"/";0'), "2": number_format("dd.mm.yyyy")}
    return Book(strings=["eins", " ", "#zwei"], formats=formats)


def general(content: bytes) -> Found:
    reader = SheetReader(book(), False)
    parser(reader.start, reader.end, reader.data).Parse(content, True)
    return list(reader.finished().items())


def quick(content: bytes) -> Found | None:
    sheet = read_quickly(book(), "a", False, content)
    return None if sheet is None else list(sheet.cells.items())


def outcome(read: Callable[[bytes], Found | None], content: bytes) -> Found | type[Exception] | None:
    """What a way of reading finds, or the kind of error that it ends with."""
    try:
        return read(content)
    except (LimitBroken, expat.ExpatError, ValueError, IndexError) as error:
        return type(error)


def sheet(rows: list[tuple[str, list[str]]], before: str = "", after: str = "") -> bytes:
    inside = "".join(f"<row{attributes}>{''.join(cells)}</row>" for attributes, cells in rows)
    return f"<worksheet>{before}<sheetData>{inside}</sheetData>{after}</worksheet>".encode()


@given(
    st.lists(st.tuples(st.sampled_from(ROWS), st.lists(st.sampled_from(CELLS), max_size=4)), max_size=4),
    st.sampled_from(BEFORE),
    st.sampled_from(AFTER),
)
def test_the_quick_way_reads_what_the_general_one_reads(
    rows: list[tuple[str, list[str]]], before: str, after: str
) -> None:
    content = sheet(rows, before, after)
    expected, said = outcome(general, content), outcome(quick, content)
    assert said is None or said == expected


@pytest.mark.parametrize("cell", CELLS[:16])
def test_ordinary_cells_are_read_the_quick_way(cell: str) -> None:
    if "<v>7<" not in cell:  # a text that is not there
        assert quick(sheet([(' r="1"', [cell])])) is not None


STRINGS = (
    "<si><t>a</t></si>", '<si><t xml:space="preserve"> b </t></si>', "<si><t></t></si>", "<si><t/></si>", "<si/>",
    "<si><t>&lt;&amp;&gt;&quot;&apos;</t></si>", "<si><t>&#65;</t></si>", "<si><t>&x;</t></si>", "<si><t>]]></t></si>",
    "<si><t>_x0041_\n\t</t></si>", "<si><t>\r\n</t></si>", "<si><t>\x01</t></si>", "<si><t>ä\ufffe</t></si>", "<si>",
    "<si><r><t>c</t></r><r><t>d</t></r></si>", "<si><t>e</t><rPh><t>f</t></rPh></si>", "<!-- <si><t>g</t></si> -->", " ",
    '<si><t>h xml:space="preserve"</t></si>', "<si><t>ü\u2028</t></si>", "<si><t>1</t></si><si><t>2</t></si>",
)  # fmt: skip


@given(st.lists(st.sampled_from(STRINGS), max_size=6), st.sampled_from(("", "</sst>", "<sst>", "\ufeff", " ")))
def test_texts_are_read_at_once_as_one_by_one(parts: list[str], after: str) -> None:
    start = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<sst xmlns="x" count="1" uniqueCount="1">'
    content = f"{start}{''.join(parts)}</sst>{after}".encode()
    said = plain_strings(content)
    assert said is None or said == strings_of(BytesIO(content))


def test_ordinary_texts_are_read_at_once() -> None:
    content = f'<sst xmlns="x">{"".join(STRINGS[:3])}{STRINGS[5]}{STRINGS[9]}</sst>'.encode()
    assert plain_strings(content) == ["a", " b ", "", "<&>\"'", "A\n\t"]


def test_rows_of_texts_are_said_once_and_shared(framework: Framework, tmp_path: Path) -> None:
    """The second workbook of the same form is a short answer, and says the same as if it were the first."""
    keys = [key for table in entry_tables(framework, "06411", 2025) for _, _, key in table.cells()][::7]
    paths = [
        write_form(tmp_path / f"{n}.xlsx", framework, FormRequest("06411", 2025, values=dict.fromkeys(keys, n)))
        for n in (3, 4)
    ]
    books = [read_workbook(path) for path in paths]
    told, heard = Told(), Heard()
    answers = [encode(book, told) for book in books]
    for book, answer, path in zip(books, answers, paths, strict=True):
        assert decode(json.loads(answer), path, heard) == book == decode(json.loads(encode(book)), path)
    assert len(answers[1]) * 3 < len(encode(books[1]))
    shared = {id(row) for sheet in books[0].sheets for row in sheet.rows.values()}
    assert any(id(row) in shared for sheet in books[1].sheets for row in sheet.rows.values())


def test_a_table_in_strips_says_what_its_rows_say_one_by_one(framework: Framework, tmp_path: Path) -> None:
    """Forms of two regions with numbers, signs, decimals where there must be none, and gaps; against their bare cells."""
    keys = [key for table in entry_tables(framework, "06411", 2025) for _, _, key in table.cells()]
    said = 0
    for number, special in enumerate(({}, {5: ".", 7: "-"}, {5: Decimal("2.5"), 7: "(3)", 9: None})):
        entered = {n: special.get(n % 400, n + number) for n in range(len(keys))}
        values = {keys[n]: value for n, value in entered.items() if value is not None}
        path = write_form(tmp_path / f"{number}.xlsx", framework, FormRequest("06411", 2023 + number, values=values))
        book = read_workbook(path)
        bare = replace(book, sheets=tuple(Sheet(s.name, s.hidden, s.cells) for s in read_workbook(path).sheets))
        received = Received(path, path.name, "06411", "", datetime(2026, 1, 1))
        quick, slow = (read_deliveries(framework, [received], lambda _, b=b: b)[0] for b in (book, bare))  # type: ignore[misc]
        assert quick.findings == slow.findings
        assert quick.observations == slow.observations
        said += sum(stretch.floats is not None for stretch in Observations.of(quick.observations).stretches)
        columns, single = (
            filled(framework, [RuleInput("", "06411", 2025, told)], frozenset(framework.variables), 1.0)
            for told in (quick.observations, [*slow.observations])
        )
        assert columns.rows == single.rows
        assert (columns.values == single.values).all()
        assert (columns.there == single.there).all()
        assert (columns.secret == single.secret).all()
    assert said > 40


def test_rows_that_are_blocked_as_a_whole_say_nothing(framework: Framework, world: World, tmp_path: Path) -> None:
    """A sender writes another note every year above such a row: the strip of the form is cut there, and one piece of it has
    nothing but blocked cells."""
    values = entries(framework, world, "06414", 2025)
    blank = write_form(tmp_path / "blank.xlsx", framework, FormRequest("06414", 2025, values=values, sample=True))
    told, heard, said = Told(), Heard(), []
    for number in (5, 6, 7):
        path = noted(blank, tmp_path / f"{number}.xlsx", "xl/worksheets/sheet3.xml", "G25", number)
        book = decode(json.loads(encode(read_workbook(path), told)), path, heard)
        received = Received(path, path.name, "06414", "", datetime(2026, 1, 1))
        delivery = read_deliveries(framework, [received], lambda _, b=book: b)[0]  # type: ignore[misc]
        said.append([observation._replace(note="") for observation in delivery.observations])
    assert len(said[0]) > 1000
    assert said[1] == said[2] == said[0]


def noted(source: Path, target: Path, part: str, cell: str, text: int) -> Path:
    """The same workbook with one of its texts, by its number, in an empty cell."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            if name == part:
                empty = re.compile(rf'<c r="{cell}"( s="\d+")/>'.encode())
                content, found = empty.subn(rf'<c r="{cell}"\1 t="s"><v>{text}</v></c>'.encode(), content)
                assert found == 1
            new.writestr(name, content)
    return target


def test_observations_as_columns_are_the_same_observations() -> None:
    members = ((), (("SEX", "W"),), (("SEX", "W"),))
    said = [
        Observation(region, year, variable, m, value, "ok", sheet, f"A{n}", str(value), "", "r", "c")
        for region, year, sheet in (("06411", 2025, "a"), ("06412", 2025, "a"), ("06411", 2025, "b"))
        for n, (variable, m, value) in enumerate(zip("XYX", members, (Decimal(1), None, Decimal("2.5")), strict=True))
    ]
    columns = Observations.of(said)
    assert columns == said
    assert [*columns] == said
    assert columns + said[:2] == [*said, *said[:2]]
    assert pickle.loads(pickle.dumps(columns)) == said
    assert columns.restricted(frozenset("Y")) == [o for o in said if o.variable == "Y"]
    assert columns.by_place[("06411", 2025)] == [o for o in said if o.region == "06411"]
    assert [*columns.totals()] == [(o.variable, o.value) for o in said if not o.members]
    assert [*columns.keys] == [(o.variable, member_key(o.members)) for o in said]
    assert columns != [*said[1:], said[0]]


@pytest.mark.parametrize(
    "said",
    [
        {"layouts": [[[1], [False]]], "rows": [[1, 0, [None]]], "sheets": [["a", False, [], [0]]]},
        {"layouts": [[[1], [False]]], "strips": [[[1, 0, [None]]]], "sheets": [["a", False, [], [-1]]]},
        {"layouts": [[[1], [False]]], "strips": [[[1, 0, [None]]]], "sheets": [["a", False, [], [[-1, "AAAA"]]]]},
        {"layouts": [[[1], [False]]], "strips": [[[1, 0, [None]]]], "sheets": [["a", False, [], [[-1, "A" * 22]]]]},
        {"layouts": [[[1], [False]]], "rows": [[1, 0, ["a", "b"]]]},
        {"layouts": [[[1], [False]]], "rows": [[1, 7, ["a"]]]},
        {"layouts": [[["x"], [False]]]},
        {"sheets": [["a", False, [], [3]]]},
        {"sheets": [["a", False, [], [[1, [[1], [False]], [{"exec": "x"}]]]]]},
        {"sheets": [["a", False, [], [["x", [[1], [False]], ["y"]]]]]},
        {"sheets": [["a", False, [], [None]]]},
    ],
)
def test_rows_that_were_never_said_are_not_believed(said: dict[str, object]) -> None:
    with pytest.raises(NotUnderstood):
        decode({"sheets": [], "notices": [], **said}, Path("a.xlsx"))


def test_rows_within_a_comment_are_no_rows() -> None:
    content = (
        b'<worksheet><sheetData ><!-- <sheetData><row r="1"><c r="A1"><v>1</v></c></row></sheetData> --></sheetData>'
    )
    assert general(content + b"</worksheet>") == []
    assert quick(content + b"</worksheet>") is None


def test_our_own_form_is_read_the_quick_way(framework: Framework, tmp_path: Path) -> None:
    write_form(tmp_path / "form.xlsx", framework, FormRequest("06411", 2025))
    with zipfile.ZipFile(tmp_path / "form.xlsx") as archive:
        parts = [
            archive.read(name) for name in archive.namelist() if "worksheets/sheet" in name and "_rels" not in name
        ]
    insides = [part.partition(b"<sheetData>")[2].partition(b"</sheetData>")[0] for part in parts]
    assert len(parts) > 3
    assert all(plain_rows(inside) for inside in insides)


@pytest.mark.parametrize("spoilt", ["content", "checksum"])
def test_a_part_that_is_known_is_not_believed_where_anything_of_it_differs(
    framework: Framework, tmp_path: Path, spoilt: str
) -> None:
    """Of a workbook that was read before, one byte of a sheet or of what the archive says about it is changed."""
    path = tmp_path / "form.xlsx"
    write_form(path, framework, FormRequest("06411", 2025))
    book = read_workbook(path)
    assert read_workbook(path) == book
    content = bytearray(path.read_bytes())
    name = b"xl/worksheets/sheet3.xml"
    directory = content.rindex(name) - 46
    place = {"content": content.index(name) + len(name) + 200, "checksum": directory + 16}
    content[place[spoilt]] ^= 1
    path.write_bytes(content)
    with pytest.raises(UnreadableFile):
        read_workbook(path)


NUMBERS = st.one_of(
    st.integers(0, 30), st.integers(10**15, 10**15 + 30), st.decimals(0, 30, places=1), st.decimals(0, 30, places=4)
)


@given(
    st.lists(NUMBERS, min_size=4, max_size=4),
    st.lists(
        st.tuples(
            st.lists(st.sampled_from([1, -1, 2, Decimal("0.5")]), min_size=4, max_size=4),
            st.sampled_from(["0", "0.5", "3", "2.0005"]),
        ),
        max_size=5,
    ),
)
def test_broken_sums_are_those_that_do_not_hold_one_by_one(
    numbers: list[int | Decimal], told: list[tuple[list[int | Decimal], str]]
) -> None:
    cells = [("X", f"A={n}") for n in range(4)]
    values = {cell: Decimal(number) for cell, number in zip(cells, numbers, strict=True)}
    equations = [
        Equation(tuple((c, Decimal(f)) for c, f in zip(cells, factors, strict=True)), Decimal(slack), "", "A", cells[0])
        for factors, slack in told
    ]
    assert Equations(cells, equations).broken(values) == [e for e in equations if not e.holds(values)]


def test_the_cells_below_a_total_are_those_with_leaves_in_its_place(framework: Framework) -> None:
    """Against the definition, cell by cell, for every total and aggregate of a form in which only leaves were filled."""
    asked = [(key, t.members[key]) for t in entry_tables(framework, "06411", 2025) for _, _, key in t.cells()]
    leaves = [(key, members) for key, members in asked if len(members) == len(framework.variable_dimensions(key[0]))]
    observations = [
        Observation("06411", 2025, variable, members, Decimal(1), "ok", "", f"A{number}", "1")
        for number, ((variable, _), members) in enumerate(leaves[::2])
    ]
    delivered = Delivered.of(framework, observations)

    def below(dimension: str, member: str, whole: str) -> bool:
        entry = framework.dimensions[dimension]
        schemes = [*entry.schemes.values()] or [entry.scheme(None)]
        return member == whole or any(member in scheme.aggregates.get(whole, ()) for scheme in schemes)

    found = 0
    for (variable, key), members in asked[::3]:
        wanted = dict(members)
        expected = [
            o
            for o in observations
            if o.variable == variable
            and all(
                below(d, dict(o.members).get(d, TOTAL), wanted.get(d, TOTAL))
                for d in framework.variable_dimensions(variable)
            )
        ]
        assert delivered.parts_of((variable, key)) == expected
        assert key == member_key(members)
        found += len(expected)
    assert found > 100
