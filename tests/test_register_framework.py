"""Registers are data: loaded strictly, cross-checked, part of the content hash; and what is counted from their records
equals an independent count."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_framework_loading import Copy

from flows.demo.registers import load_registers
from schemas.changes import State, changes
from schemas.condition_parsing import parse_condition
from schemas.conditions import holds
from schemas.counting import counted
from schemas.crosscheck_registers import register_problems
from schemas.definitions import Variable
from schemas.definitions_registers import REFERRING
from schemas.entry_reading import EntryReader
from schemas.framework_model import Framework
from schemas.loading import DEFAULT_FOLDER, load_framework
from schemas.loading_registers import read_registers
from schemas.register_targets import register_targets, target_faults, target_of, with_registers
from schemas.shapes import Record
from schemas.targets import read_targets, target_schema
from schemas.yaml_source import FrameworkError, Problem

YEAR = 2025


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


def record(register: str, number: int, row: int = 0, **values: str) -> Record:
    cells = {code: f"{'ABCDEFGH'[place]}{row}" for place, code in enumerate(values)} if row else {}
    return Record("06413", YEAR, register, f"X-{number}", values, f"Blatt {register}", row, cells)


# --- one damage, one problem, at its line ---------------------------------------------------------------------------

OFFERS, TARGETS, PAGES = "registers/offers.yaml", "registers/action_plan.yaml", "registers/web_presence.yaml"
# file, text to replace, replacement, word of the replacement on whose line the problem stands, what must be said
DAMAGES: dict[str, tuple[str, str, str, str, str]] = {
    "unknown key of a register": (OFFERS, "    id_prefix: A", "    colour: blue\n    id_prefix: A", "colour", "„colour“ ist"),
    "unknown key of a field": (OFFERS, "type: yes_no, public", "kind: x, type: yes_no, public", "kind", "kind“ ist hier nicht"),
    "unknown type": (OFFERS, "type: email", "type: mail", "type", "type“: Diese Angabe passt nicht (Input"),
    "public not said": (OFFERS, "type: date, public: true,", "type: date,", "type", "public“ fehlt"),
    "unknown key beside group and registers": (OFFERS, "group:\n", "grupp: 1\ngroup:\n", "grupp", "„grupp“ ist hier nicht"),
    "field twice": (OFFERS, "{code: URL,", "{code: TITLE,", "{code", "Das Feld „TITLE“ steht zweimal da."),
    "no such code list": (OFFERS, "codelist: SERVICE,", "codelist: SERVICES,", "{code: SERVICE", "„SERVICES“ gibt es nicht."),
    "code without a list": (OFFERS, "codelist: SERVICE, ", "", "{code: SERVICE", "codelist gehört zu den Arten code und codes"),
    "no such register": (OFFERS, "refers_to: ORGANISATION", "refers_to: VEREIN", "refers_to", "„VEREIN“ gibt es nicht."),
    "bounds of a text": (OFFERS, "max_length: 150", "maximum: 9", "{code: PROVIDER", "Nur eine Zahl hat Grenzen"),
    "length of a number": (OFFERS, "minimum: 1, maximum: 100000", "max_length: 3", "{code: CAPACITY", "Nur ein Text hat"),
    "bounds crossed": (OFFERS, "minimum: 1, maximum: 100000", "minimum: 9, maximum: 1", "minimum", "über der oberen"),
    "title that is no field": (OFFERS, "title: TITLE", "title: TITEL", "title", "hat kein Feld „TITEL“"),
    "title that need not be given": (OFFERS, "title: TITLE", "title: DESCRIPTION", "title", "ist Pflicht und öffentlich"),
    "span of texts": (OFFERS, "start: START", "start: TITLE", "span", "hat nicht die Art date"),
    "condition with an unknown field": (OFFERS, "LISTED = yes", "LISTET = yes", "listed", "hat kein Feld „LISTET“"),
    "condition with an unknown code": (OFFERS, "LISTED = yes", "SERVICE = DANCE", "listed", "SERVICE kennt „DANCE“ nicht."),
    "condition that is none": (OFFERS, "LISTED = yes", "LISTED", "listed", "„LISTED“ ist keine Bedingung."),
    "condition that cannot be read": (OFFERS, "LISTED = yes", "LISTED = (yes", "listed", "nicht lesbar"),
    "condition that compares different things": (OFFERS, "LISTED = yes", "START = 7", "listed", "vergleicht Verschiedenes"),
    "check of an unknown field": (OFFERS, "field: PARTICIPANTS", "field: PERSONS", "field", "hat kein Feld „PERSONS“"),
    "check with a wrong condition": (
        OFFERS,
        "PARTICIPANTS <= CAPACITY",
        "PARTICIPANTS <= SEATS",
        "PARTICIPANTS",
        "hat kein Feld „SEATS“",
    ),
    "active without a span": (TARGETS, "STATUS = DROPPED", "active(year)", "active", "nennt keinen Zeitraum"),
    "direction that the list lacks": (TARGETS, "{UP: at_least", "{HIGH: at_least", "directions", "kennt „HIGH“ nicht"),
    "sheet of another register": (PAGES, "sheet: Internetseiten", "sheet: Angebote", "sheet", "hat schon dieselbe Angabe"),
    "prefix of another register": (PAGES, "id_prefix: W", "id_prefix: A", "id_prefix", "hat schon dieselbe Angabe"),
    "list without entries": ("codelists.yaml", "origin: GRP", "origin: GRQ", "origin", "weder fields noch eine Dimension"),
    "entry twice": ("codelists.yaml", "code: PARTLY", "code: MET", "code", "„MET“ steht zweimal da"),
    "counted from no register": ("variables/ANG.yaml", "{records: OFFER,", "{records: OFFR,", "{records", "„OFFR“ gibt es"),
    "counted in two ways": (
        "variables/ANG.yaml",
        "sum: CAPACITY",
        "count: true, sum: CAPACITY",
        "count",
        "Genau eines ist anzugeben",
    ),
    "sum of texts": ("variables/ANG.yaml", "sum: CAPACITY", "sum: TITLE", "sum", "Summiert werden ganze Zahlen"),
    "counted by an unknown field": ("variables/IKO.yaml", "sum: SERVICES,", "sum: SERVICE,", "sum", "kein Feld „SERVICE“"),
    "counted with a wrong condition": (
        "variables/TEI.yaml",
        "where: ACTIVE = yes",
        "where: ACTIVE = maybe",
        "where",
        "ACTIVE kennt „maybe“ nicht",
    ),
    "counted by members": (
        "variables/TEI.yaml",
        "tables: [[]]\n  lowest_level: G\n  delivered_by: Integrationsbüro\n  computed_from",
        "tables: [[SEX]]\n  lowest_level: G\n  delivered_by: Integrationsbüro\n  computed_from",
        "computed_from",
        "eine Anzahl ohne Gliederung",
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_reported_at_its_file_and_line(tmp_path: Path, framework: Framework, damage: str) -> None:
    name, old, new, word, sentence = DAMAGES[damage]
    for part in ("registers", "codelists.yaml", "variables"):
        source, to = DEFAULT_FOLDER / part, tmp_path / part
        shutil.copytree(source, to) if source.is_dir() else shutil.copyfile(source, to)
    text = (tmp_path / name).read_text(encoding="utf-8")
    start = text.index(old)
    text = text[:start] + new + text[start + len(old) :]
    (tmp_path / name).write_text(text, encoding="utf-8")
    at = start + new.index(word) if word in new else text.rindex(word, 0, start)
    found = {
        (problem.file, problem.line) for problem in problems_of(tmp_path, framework) if sentence in problem.message
    }
    assert found == {(name, text.count("\n", 0, at) + 1)}


def problems_of(folder: Path, framework: Framework) -> list[Problem]:
    """What loading says about registers, code lists and variables; the other parts are those of the framework."""
    reader = EntryReader(folder, folder)
    variables, _ = reader.by_field(folder / "variables", Variable)
    kept = read_registers(reader, framework.fields, framework.dimensions)
    return [*reader.problems, *register_problems(kept, framework.dimensions, variables, reader.where)]


def test_group_file_that_is_a_list_is_reported(copy: Copy) -> None:
    copy.path(PAGES).write_text("- code: PAGE\n", encoding="utf-8")
    assert ("registers/web_presence.yaml", 1) in {(file, line) for file, line, _ in copy.problems()}


def test_register_twice_in_two_files_is_reported(copy: Copy) -> None:
    line = copy.change(PAGES, "- code: EVENT", "- code: OFFER")
    assert any((at, "Die Kennung „OFFER“ ist doppelt vergeben.") == (line, said) for _, at, said in copy.problems())


def test_a_framework_may_have_no_registers(copy: Copy) -> None:
    """Then nothing can be counted from them, and what was counted is asked for again."""
    for path in (*(copy.folder / "registers").glob("*.yaml"), *copy.folder.glob("register*.yaml")):
        path.unlink()
    copy.path("codelists.yaml").unlink()
    for path in (copy.folder / "variables").glob("*.yaml"):
        text = re.sub(r"(?m)^  computed_from:.*\n(    .*\n)*", "", path.read_text(encoding="utf-8"))
        path.write_text(text, encoding="utf-8")
    framework = load_framework(copy.folder)
    assert (framework.registers, framework.codelists) == ({}, {})
    assert "OFFER" in {variable.code for variable in framework.variables_of("ANG")}


@pytest.mark.parametrize(
    ("name", "old", "new"), [(OFFERS, "Name des Angebots", "Der Name"), ("codelists.yaml", "offen", "o")]
)
def test_registers_and_code_lists_are_part_of_the_content_hash(
    copy: Copy, framework: Framework, name: str, old: str, new: str
) -> None:
    copy.change(name, old, new)
    assert load_framework(copy.folder).content_hash != framework.content_hash


# --- the shipped registers ------------------------------------------------------------------------------------------


def test_groups_stand_in_reading_order(framework: Framework) -> None:
    groups = ["action_plan", "offers", "migrant_organisations", "network", "web_presence", "coordination"]
    assert list(framework.register_groups) == groups
    assert list(dict.fromkeys(framework.register_group[code] for code in framework.registers)) == groups


def test_every_register_can_be_filled_in(framework: Framework) -> None:
    for register in framework.registers.values():
        assert 5 <= len(register.fields) <= 24
        assert all(field.hint_de != field.name_de for field in register.fields)
        for field in register.fields:
            assert not field.codelist or framework.codelists[field.codelist].valid(YEAR)


def test_a_code_list_takes_its_entries_from_where_they_are_defined(framework: Framework) -> None:
    taken = framework.codelists["FIELD"].entries
    assert [(e.code, e.name_de, e.name_en) for e in taken] == [
        (code, entry.name_de, entry.name_en) for code, entry in framework.fields.items()
    ]
    assert {entry.code for entry in framework.codelists["GROUP"].entries} == {*framework.dimensions["GRP"].members} - {
        "T"
    }


def test_what_is_counted_is_not_asked_for(framework: Framework) -> None:
    computed = {code for code, variable in framework.variables.items() if variable.computed_from is not None}
    asked = {variable.code for code in framework.fields for variable in framework.variables_of(code)}
    assert len(computed) == 17
    assert asked == set(framework.variables) - computed


def test_note_names_what_changed_in_registers(copy: Copy, framework: Framework) -> None:
    copy.change(OFFERS, "max_length: 800", "max_length: 900")
    copy.change(OFFERS, "{code: ACCESSIBLE,", "{code: ACCESSIBLE, until: 2024,")
    copy.change("codelists.yaml", "{code: FEES,", "{code: FEES, since: 2026,")
    copy.change("codelists.yaml", "- code: SIZE\n", "- code: SIZE\n  since: 2026\n")
    found = changes(State(framework, YEAR), State(load_framework(copy.folder), YEAR))
    said = {(c.kind, c.what, c.code, d.key, d.before, d.after) for c in found for d in c.differences}
    assert said == {
        ("register", "changed", "OFFER", "fields.DESCRIPTION.max_length", 800, 900),
        ("register", "changed", "OFFER", "fields.ACCESSIBLE", "Barrierefrei", None),
        ("codelist", "changed", "FUNDING", "entries.FEES", "Entgelte der Teilnehmenden", None),
    }
    assert [(c.kind, c.what) for c in found if not c.differences] == [("codelist", "removed")]


# --- conditions -----------------------------------------------------------------------------------------------------

VALUES = {"TITLE": "a", "START": "2024-03-01", "CAPACITY": "10", "PARTICIPANTS": "9", "TARGET_GROUPS": "WOMEN;YOUTH",
          "LISTED": "yes", "MO_INVOLVED": "NONE"}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("LISTED = yes", True),
        ("LISTED != yes", False),
        ("PARTICIPANTS <= CAPACITY", True),
        ("CAPACITY < 9.5", False),
        ("TARGET_GROUPS = YOUTH", True),
        ("TARGET_GROUPS != YOUTH", False),
        ("TARGET_GROUPS in (CHILDREN, WOMEN)", True),
        ("TARGET_GROUPS in (CHILDREN, SENIORS)", False),
        ("START >= '2024-03-01' and START <= year_end", True),
        ("START > year_start", False),
        ("given(END)", False),
        ("not given(END)", True),
        ("END >= START", None),
        ("not END >= START", None),
        ("EVALUATED = yes", None),
        ("EVALUATED = yes and LISTED = no", False),
        ("EVALUATED = yes or LISTED = yes", True),
        ("EVALUATED = yes and LISTED = yes", None),
        ("active(year)", True),
        ("active(year_end)", True),
    ],
)
def test_condition(framework: Framework, text: str, answer: bool | None) -> None:
    """Three values: what an empty field leaves undecided is neither true nor false."""
    parsed = parse_condition(text, framework.registers["OFFER"], framework.registers, framework.codelists)
    assert holds(parsed, VALUES, YEAR, lambda register, identifier: None) is answer


@pytest.mark.parametrize(
    ("start", "end", "year", "last_day"),
    [
        ("2024-05-01", "2024-05-31", False, False),
        ("2024-05-01", "2025-01-01", True, False),
        ("2025-12-31", "", True, True),
        ("2026-01-01", "", False, False),
        ("", "2025-12-30", True, False),
        ("", "", True, True),
    ],
)
def test_active(framework: Framework, start: str, end: str, year: bool, last_day: bool) -> None:
    values = {"START": start, "END": end}
    register = framework.registers["OFFER"]
    for text, answer in (("active(year)", year), ("active(year_end)", last_day)):
        parsed = parse_condition(text, register, framework.registers, framework.codelists)
        assert holds(parsed, values, YEAR, lambda register, identifier: None) is answer


# --- counting -------------------------------------------------------------------------------------------------------


def figures(framework: Framework, records: list[Record], *registers: str) -> dict[str, int]:
    found = counted(framework, "06413", YEAR, registers or framework.registers, records)
    assert all(o.value is not None and o.value == int(o.value) and o.members == () for o in found)
    assert all((o.status == "zero") == (o.value == 0) for o in found)
    return {o.variable: int(o.value or 0) for o in found}


def test_hand_written_registers(framework: Framework) -> None:
    offer = {
        "START": "2020-01-01",
        "MO_INVOLVED": "NONE",
        "EVALUATED": "no",
        "LISTED": "no",
        "LAST_CHECKED": "2025-02-01",
    }
    records = [
        record("OFFER", 1, **offer, CAPACITY="20", PARTICIPANTS="18", LANGUAGES="DE;TR"),
        record("OFFER", 2, **{**offer, "MO_INVOLVED": "PARTNER", "EVALUATED": "yes"}, CAPACITY="30", LANGUAGES="AR;DE"),
        record("OFFER", 3, **{**offer, "MO_INVOLVED": "PROVIDER", "LISTED": "yes"}, SERVICE="INTERPRETING", ASSIGNMENTS="70"),
        record("OFFER", 4, **{**offer, "LISTED": "yes", "LAST_CHECKED": "2024-12-31"}, END="2025-01-01"),
        record("OFFER", 5, **{**offer, "LISTED": "yes", "EVALUATED": "yes"}, END="2024-12-31"),
        record("OFFER", 6, **{**offer, "LISTED": "yes", "START": "2026-01-01"}, SERVICE="INTERPRETING", ASSIGNMENTS="900"),
        record("TARGET", 1, TARGET_DATE="2025-12-31", STATUS="MET"),
        record("TARGET", 2, TARGET_DATE="2025-01-01", STATUS="MISSED"),
        record("TARGET", 3, TARGET_DATE="2024-12-31", STATUS="MET"),
        record("TARGET", 4, STATUS="MET"),
        record("ORGANISATION", 1, ACTIVE="yes"),
        record("ORGANISATION", 2, ACTIVE="yes"),
        record("ORGANISATION", 3, ACTIVE="no"),
        record("PARTICIPATION", 1, ORGANISATION="X-1", BODY="X-1", ROLE="MEMBER"),
        record("PARTICIPATION", 2, ORGANISATION="X-1", BODY="X-2", ROLE="CO_CHAIR"),
        record("PARTICIPATION", 3, ORGANISATION="X-2", BODY="X-1", ROLE="ORGANISER"),
        record("PARTICIPATION", 4, ORGANISATION="X-2", BODY="X-1", ROLE="MEMBER", END="2025-11-30"),
        record("PARTICIPATION", 5, ORGANISATION="X-3", BODY="X-1", ROLE="MEMBER"),
        record("PARTICIPATION", 6, ORGANISATION="X-9", BODY="X-1", ROLE="MEMBER"),
        record("PAGE", 1, SERVICES="40", SERVICES_ML="12"),
        record("PAGE", 2, SERVICES="5"),
        record("PAGE", 3),
        record("PAGE", 4, SERVICES="100", SERVICES_ML="100", END="2025-06-30"),
    ]  # fmt: skip
    assert figures(framework, records) == {
        "OFFER": 4,  # 5 ended before the year, 6 begins after it
        "OFFER_MO": 2,
        "OFFER_EVAL": 1,
        "OFFER_WEB": 1,  # 4 was not confirmed since the year began
        "OFFER_PLACES": 20,  # of 2 the participants are not known
        "OFFER_PART": 18,
        "OFFER_CAPACITY": 50,
        "OFFER_LANGS": 3,
        "OFFER_NEW": 0,
        "OFFER_ENDED": 1,
        "TARGET_DUE": 2,
        "TARGET_MET": 1,
        "INTERP": 70,
        "MO_ACTIVE": 2,
        "MO_BODY": 1,  # 2 sits in no body at the end of the year, 3 is not active, 9 is not known
        "SERV_ALL": 45,
        "SERV_ML": 12,
    }


def test_nothing_is_not_zero(framework: Framework) -> None:
    """A register that was delivered empty counts zero; without the register nothing is said, nor with one of two."""
    assert set(figures(framework, []).values()) == {0}
    assert figures(framework, [], "TARGET") == {"TARGET_DUE": 0, "TARGET_MET": 0}
    assert figures(framework, [record("ORGANISATION", 1, ACTIVE="yes")], "ORGANISATION") == {"MO_ACTIVE": 1}
    assert figures(framework, [record("PARTICIPATION", 1)], "PARTICIPATION") == {}
    silent = [record("PAGE", 1), record("PAGE", 2)]
    assert figures(framework, silent, "PAGE") == {"SERV_ML": 0}  # no page says how many services it describes
    assert counted(framework, "06413", YEAR, (), silent) == ()


def test_only_the_records_of_region_and_year_count(framework: Framework) -> None:
    target = record("TARGET", 1, TARGET_DATE="2025-12-31", STATUS="OPEN")
    others = [replace(target, region="06414"), replace(target, year=2024)]
    assert figures(framework, [target, *others], "TARGET")["TARGET_DUE"] == 1


def test_origin_is_the_range_of_the_register(framework: Framework) -> None:
    rows = [record("TARGET", n, row=n + 6, TITLE="a", STATUS="MET", TARGET_DATE="2025-01-01") for n in (1, 2, 3)]
    due, _ = counted(framework, "06413", YEAR, ["TARGET"], rows)
    assert (due.variable, due.value, due.status, due.sheet, due.cell, due.text) == (
        "TARGET_DUE",
        Decimal(3),
        "ok",
        "Blatt TARGET",
        "A7:C9",
        "3",
    )
    zero, _ = counted(framework, "06413", YEAR, ["TARGET"], [])
    assert (zero.value, zero.status, zero.sheet, zero.cell) == (Decimal(0), "zero", "Ziele", "")


def reference(records: list[Record], year: int) -> dict[str, int]:
    """The same figures, register by register in plain loops, after the definitions of the variables."""
    result = dict.fromkeys(("OFFER", "OFFER_MO", "OFFER_EVAL", "OFFER_WEB", "OFFER_PLACES", "OFFER_PART"), 0)
    result |= dict.fromkeys(("TARGET_DUE", "TARGET_MET", "MO_ACTIVE", "OFFER_NEW", "OFFER_ENDED"), 0)
    languages: set[str] = set()
    places: list[str] = []
    interpreting: list[str] = []
    described: list[str] = []
    multilingual: list[str] = []
    active: set[str] = set()
    for one in records:
        said = one.values
        if one.register == "ORGANISATION" and said.get("ACTIVE") == "yes":
            result["MO_ACTIVE"] += 1
            active.add(one.id)
        if one.register == "TARGET" and said.get("TARGET_DATE", "").startswith(str(year)):
            result["TARGET_DUE"] += 1
            result["TARGET_MET"] += said["STATUS"] == "MET"
        if one.register == "OFFER":
            result["OFFER_NEW"] += said["START"].startswith(f"{year}-")
            result["OFFER_ENDED"] += said.get("END", "").startswith(f"{year}-")
        if one.register == "OFFER" and int(said["START"][:4]) <= year and int(said.get("END", "9999")[:4]) >= year:
            result["OFFER"] += 1
            languages |= set(said.get("LANGUAGES", "").split(";")) - {""}
            places.append(said.get("CAPACITY", ""))
            result["OFFER_MO"] += said["MO_INVOLVED"] != "NONE"
            result["OFFER_EVAL"] += said["EVALUATED"] == "yes"
            result["OFFER_WEB"] += said["LISTED"] == "yes" and int(said["LAST_CHECKED"][:4]) >= year
            if "CAPACITY" in said and "PARTICIPANTS" in said:
                result["OFFER_PLACES"] += int(said["CAPACITY"])
                result["OFFER_PART"] += int(said["PARTICIPANTS"])
            if said["SERVICE"] == "INTERPRETING":
                interpreting.append(said.get("ASSIGNMENTS", ""))
        if (
            one.register == "PAGE"
            and said.get("START", "0") <= f"{year}-12-31"
            and said.get("END", "9") > f"{year}-12-30"
        ):
            described.append(said.get("SERVICES", ""))
            if "SERVICES" in said:
                multilingual.append(said.get("SERVICES_ML", ""))
    seats = {
        one.values["ORGANISATION"]
        for one in records
        if one.register == "PARTICIPATION"
        and one.values["ROLE"] != "ORGANISER"
        and "BODY" in one.values
        and one.values.get("START", "0") <= f"{year}-12-31"
        and one.values.get("END", "9") >= f"{year}-12-31"
    }
    result["OFFER_LANGS"] = len(languages)
    result["MO_BODY"] = sum(1 for code in active if code in seats)
    for name, texts in (
        ("OFFER_CAPACITY", places),
        ("INTERP", interpreting),
        ("SERV_ALL", described),
        ("SERV_ML", multilingual),
    ):
        if not texts or any(texts):
            result[name] = sum(int(text) for text in texts if text)
    return result


@pytest.mark.parametrize("region", ["06413", "06532023"])
@pytest.mark.parametrize("year", [2024, 2025])
def test_sample_registers_count_as_the_reference_says(framework: Framework, region: str, year: int) -> None:
    records = list(chain.from_iterable(load_registers(framework).records(framework, region, year).values()))
    found = counted(framework, region, year, framework.registers, records)
    assert {o.variable: int(o.value or 0) for o in found} == reference(records, year)
    assert len(found) == 17


def day(first: int = 2023, last: int = 2027) -> st.SearchStrategy[str]:
    dates = st.tuples(st.integers(first, last), st.sampled_from(["01-01", "06-15", "12-30", "12-31"]))
    return dates.map(lambda pair: f"{pair[0]}-{pair[1]}")


def maybe(found: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(st.just(""), found)


NUMBER = st.integers(0, 500).map(str)
YES_NO = st.sampled_from(["yes", "no"])
SOME_ID = st.sampled_from(["X-0", "X-1", "X-2", "X-9"])
FORMS: Mapping[str, st.SearchStrategy[dict[str, str]]] = {
    "OFFER": st.fixed_dictionaries(
        {"START": day(), "END": maybe(day()), "MO_INVOLVED": st.sampled_from(["NONE", "PARTNER", "PROVIDER"]),
         "EVALUATED": YES_NO, "LISTED": YES_NO, "LAST_CHECKED": day(), "CAPACITY": maybe(NUMBER),
         "PARTICIPANTS": maybe(NUMBER), "LANGUAGES": st.sampled_from(["", "DE", "DE;TR", "AR;TR"]),
         "SERVICE": st.sampled_from(["INTERPRETING", "GUIDES"]), "ASSIGNMENTS": maybe(NUMBER)}
    ),
    "TARGET": st.fixed_dictionaries({"TARGET_DATE": maybe(day()), "STATUS": st.sampled_from(["MET", "MISSED", "OPEN"])}),
    "ORGANISATION": st.fixed_dictionaries({"ACTIVE": YES_NO}),
    "PARTICIPATION": st.fixed_dictionaries(
        {"ORGANISATION": SOME_ID, "BODY": maybe(SOME_ID), "ROLE": st.sampled_from(["MEMBER", "ADVISORY", "ORGANISER"]),
         "START": maybe(day()), "END": maybe(day())}
    ),
    "PAGE": st.fixed_dictionaries(
        {"SERVICES": maybe(NUMBER), "SERVICES_ML": maybe(NUMBER), "START": maybe(day()), "END": maybe(day())}
    ),
}  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(
    st.fixed_dictionaries({code: st.lists(form, max_size=4) for code, form in FORMS.items()}), st.integers(2024, 2026)
)
def test_any_registers_count_as_the_reference_says(
    framework: Framework, rows: dict[str, list[dict[str, str]]], year: int
) -> None:
    records = [
        replace(record(code, number, **{key: text for key, text in row.items() if text}), year=year)
        for code, found in rows.items()
        for number, row in enumerate(found)
    ]
    found = counted(framework, "06413", year, framework.registers, records)
    assert {o.variable: int(o.value or 0) for o in found} == reference(records, year)
    shuffled = counted(framework, "06413", year, framework.registers, records[::-1])
    assert [(o.variable, o.value) for o in shuffled] == [(o.variable, o.value) for o in found]


# --- the sample -----------------------------------------------------------------------------------------------------


def test_sample_fills_registers_as_they_ask(framework: Framework) -> None:
    """Required fields are filled, codes are of the lists, references resolve, checks hold, ids stay, some end, some begin."""
    sample = load_registers(framework)
    for region in sample.regions:
        ids: dict[int, set[tuple[str, str]]] = {}
        for year in sample.years:
            records = list(chain.from_iterable(sample.records(framework, region, year).values()))
            known = {(one.register, one.id): one.values for one in records}
            assert len(known) == len(records)
            assert {one.register for one in records} == set(framework.registers)
            ids[year] = set(known)
            for one in records:
                register = framework.registers[one.register]
                for field in register.fields_in(year):
                    text = one.values.get(field.code, "")
                    assert text or not field.required, (one.id, field.code)
                    parts = [part for part in text.split(";") if part]
                    if field.codelist:
                        listed = {entry.code for entry in framework.codelists[field.codelist].valid(year)}
                        assert set(parts) <= listed, (one.id, field.code, text)
                    if field.type in REFERRING:
                        assert all((field.refers_to, part) in known for part in parts), (one.id, field.code, text)
                    if field.type == "indicator" and text:
                        assert text in framework.indicators
                for check in register.checks:
                    expected = framework.condition(one.register, check.expects)
                    answer = holds(expected, one.values, year, lambda code, name: known.get((code, name)))  # noqa: B023
                    assert answer is not False or check.severity == "info", (one.id, check.code)
        first, last = (ids[year] for year in sample.years)
        assert all((first & last, first - last, last - first))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("TITLE: Brückenkita", "NAME: Brückenkita", "unknown field NAME"),
        ("  EVENT:", "  FAIR:", "unknown register FAIR"),
    ],
)
def test_faults_in_the_sample_are_named(framework: Framework, tmp_path: Path, old: str, new: str, said: str) -> None:
    text = (Path(__file__).parents[1] / "flows" / "demo" / "registers.yaml").read_text(encoding="utf-8")
    path = tmp_path / "registers.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(FrameworkError, match=said) as refused:
        load_registers(framework, path)
    changed = path.read_text(encoding="utf-8")
    line = changed[: changed.index(new)].count("\n") + 1
    assert any(line <= problem.line <= line + 2 for problem in refused.value.problems)


# --- targets --------------------------------------------------------------------------------------------------------

TARGET = {"TITLE": "Mehr Kinder in Tagesbetreuung", "INDICATOR": "FRB-01", "GROUP": "MMH", "BASELINE_YEAR": "2021",
          "BASELINE_VALUE": "21.4", "TARGET_VALUE": "30.5", "TARGET_DATE": "2030-06-30", "STATUS": "RUNNING"}  # fmt: skip


def test_a_record_becomes_a_row_of_the_table_of_targets(framework: Framework) -> None:
    table = register_targets(framework, [record("TARGET", 1, **TARGET)])
    assert table.schema == target_schema(framework)
    (row,) = table.to_pylist()
    said = {
        key: row[key] for key in ("target_id", "title_de", "region", "indicator", "grp", "sex", "kind", "direction")
    }
    assert said == {
        "target_id": "06413.X-1",
        "title_de": "Mehr Kinder in Tagesbetreuung",
        "region": "06413",
        "indicator": "FRB-01",
        "grp": "MMH",
        "sex": "T",
        "kind": "value",
        "direction": "at_least",
    }
    assert [row[key] for key in ("target", "target_year", "baseline", "baseline_year")] == [30.5, 2030, 21.4, 2021]


@pytest.mark.parametrize(
    ("change", "kind", "faults"),
    [
        ({"TARGET_DATE": ""}, "hold", 0),
        ({"TARGET_VALUE": "", "TARGET_DATE": ""}, "direction", 0),
        ({"INDICATOR": ""}, None, 0),
        ({"STATUS": "DROPPED"}, None, 0),
        ({"INDICATOR": "FRB-99"}, "value", 1),
        ({"INDICATOR": "IKO-06"}, "value", 2),
        ({"INDICATOR": "IKO-06", "GROUP": "", "DIRECTION": "DOWN"}, "value", 0),
        ({"BASELINE_YEAR": "2030"}, "value", 1),
        ({"TARGET_VALUE": "viel"}, None, 0),
    ],
)
def test_kinds_and_faults_of_targets(
    framework: Framework, change: dict[str, str], kind: str | None, faults: int
) -> None:
    one = record("TARGET", 1, **{key: text for key, text in (TARGET | change).items() if text})
    target = target_of(framework, one)
    assert (target.kind if target else None) == kind
    assert len(target_faults(framework, one)) == faults
    assert register_targets(framework, [one]).num_rows == (kind is not None and not faults)


def test_targets_are_those_of_the_newest_year(framework: Framework) -> None:
    old, new = record("TARGET", 1, **TARGET), record("TARGET", 2, **TARGET)
    rows = register_targets(framework, [replace(old, year=2024), new, replace(old, region="06414", year=2023)])
    assert rows.column("target_id").to_pylist() == ["06413.X-2", "06414.X-1"]


def test_the_register_of_a_region_wins_over_the_file(framework: Framework, tmp_path: Path) -> None:
    path = tmp_path / "targets.yaml"
    entry = "- {{id: {id}, title_de: Datei, regions: ['06413', '06414'], indicator: FRB-01, kind: hold, steps: [{{value: 5}}]}}\n"
    path.write_text(entry.format(id="X-1") + entry.format(id="X-2"), encoding="utf-8")
    rows = with_registers(read_targets(path, framework), register_targets(framework, [record("TARGET", 1, **TARGET)]))
    assert [(r["region"], r["target_id"]) for r in rows.to_pylist()] == [
        ("06414", "X-1"),
        ("06413", "X-2"),
        ("06414", "X-2"),
        ("06413", "06413.X-1"),
    ]
