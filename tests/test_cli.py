"""The command `monitor`: what exists, what it answers, how it ends, and that it is quick to answer."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest

import flows.commands
from flows.cli import main, parser
from flows.heartbeat import stuck_in_inbox
from flows.run_log import now_utc, rule_set_hash
from flows.wording import catalogue
from intake.inbox_files import hidden_folders
from schemas.framework_model import Framework
from warehouse.places import Places

REPOSITORY = Path(__file__).resolve().parents[1]
COMMANDS = ["form", "check", "ingest", "compute", "nightly", "serve", "report", "status", "why", "demo"]
"""Design 3.1."""
MACHINE_READABLE = ["check", "status", "why"]
CITY, OTHER = "06414", "06413"
Drop = Callable[..., Path]
Values = Callable[..., dict[tuple[str, str], Any]]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_folder: Path) -> Path:
    """An empty data root with the tiny framework."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "settings.toml").write_text("settle_seconds = 0\n", encoding="utf-8")
    monkeypatch.setenv("MONITOR_DATA", str(data))
    monkeypatch.setenv("MONITOR_FRAMEWORK", str(tiny_folder))
    return data


@pytest.fixture(scope="module")
def published_root(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path, drop: Drop) -> Path:
    """One accepted delivery, computed and published; never to be changed."""
    data = tmp_path_factory.mktemp("published") / "data"
    drop(data, CITY, "Bogen.xlsx")
    (data / "settings.toml").write_text("settle_seconds = 0\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MONITOR_DATA", str(data))
        patch.setenv("MONITOR_FRAMEWORK", str(tiny_folder))
        assert main(["ingest"]) == 0
        assert main(["compute"]) == 0
    return data


@pytest.fixture
def published(root: Path, published_root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MONITOR_DATA", str(published_root))
    return published_root


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The sentence with which a command is refused."""
    assert main(list(arguments)) == 2
    said = capsys.readouterr()
    alarm, mark, sentence = said.err.partition("Nicht möglich: ")
    assert mark
    assert alarm == "" or alarm.startswith("ALARM ")  # a run that fails also calls the operator
    assert "Traceback" not in said.err
    assert said.out == ""
    return sentence.strip()


# --- what there is ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_in_german(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([command, "--help"])
    assert left.value.code == 0
    said = capsys.readouterr().out
    assert f"monitor {command}" in said
    assert "--lang" in said
    assert ("--json" in said) == (command in MACHINE_READABLE)


# --- the language ----------------------------------------------------------------------------------------------------


BY_CODE = {"status", "keys", "kind", "what", "state", "proposal", "how", "severity", "finding", "cause", "outcome"}
BY_CODE |= {"step", "standing", "answer"}
"""Sections whose texts are found by a code that is no text of the program."""


def test_texts_are_there_in_both_languages_and_say_the_same_things() -> None:
    german, english = catalogue("de"), catalogue("en")
    assert german.keys() == english.keys()
    places = [path for kind in ("**/*.py", "templates/*.html") for path in (REPOSITORY / "flows").glob(kind)]
    source = "\n".join(path.read_text() for path in places)
    for key in german:
        gaps = [sorted(re.findall(r"{(\w+)}", found[key])) for found in (german, english)]
        assert gaps[0] == gaps[1], key
        assert key.removesuffix("_one").removesuffix("_many") in source or key.split(".")[0] in BY_CODE, key


@pytest.mark.parametrize("way", ["after", "before", "equals", "environment"])
def test_commands_speak_english_when_asked(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    rest = ["form", "--region", CITY, "--year", "2021", "-o", str(tmp_path / "a.xlsx")]
    if way == "environment":
        monkeypatch.setenv("MONITOR_LANG", "en")
    arguments = {
        "after": [*rest, "--lang", "en"],
        "before": ["--lang", "en", *rest],
        "equals": [*rest, "--lang=en"],
        "environment": rest,
    }[way]
    assert main(arguments) == 0
    assert capsys.readouterr().out == f"Delivery workbook written: {tmp_path / 'a.xlsx'}\n"
    with pytest.raises(SystemExit):
        main([*(["--lang", "en"] if way != "environment" else []), "status", "--help"])
    assert "who has delivered" in capsys.readouterr().out
    assert main([*rest, "--lang", "de"]) == 0
    assert capsys.readouterr().out.startswith("Erhebungsbogen geschrieben")


def test_what_is_kept_is_german_in_whatever_language_the_command_was_asked(
    root: Path, drop: Drop, tiny_values: Values, capsys: pytest.CaptureFixture[str]
) -> None:
    drop(root, CITY, "Bogen.xlsx")
    drop(root, OTHER, "Bogen.xlsx", values={**tiny_values(), ("EW", "SEX=M"): 407})
    assert main(["ingest", "--lang", "en"]) == 1
    said = capsys.readouterr().out
    assert "Please follow up: 1 delivery returned, 0 not readable.\nAccepted: 1, returned: 1, not readable: 0" in said
    assert "“Bogen.xlsx” from 06413: 1 finding" in said
    (report,) = (root / "state" / "runs").glob("*.txt")
    assert report.read_text().startswith("Bitte nachfassen: 1 Lieferung zurückgegeben, 0 nicht lesbar.")
    assert main(["compute"]) == 0
    capsys.readouterr()
    assert main(["status", "--lang", "en"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Reporting year 2021: 2 regions have delivered, ")
    assert " returned " in said
    assert main(["why", "X", CITY, "2021", "--lang", "en"]) == 2
    assert capsys.readouterr().err.startswith("Not possible: ")


def test_help_lists_every_command_and_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    said = capsys.readouterr().out
    assert all(f"\n    {command} " in said for command in COMMANDS)
    assert "0 ohne Befund, 1 mit Befund, 2 Eingabe abgelehnt, 3 eigener Fehler" in " ".join(said.split())


def test_every_command_has_something_that_runs_it() -> None:
    (subcommands,) = (a for a in parser()._actions if a.dest == "command")
    assert set(COMMANDS) <= set(subcommands.choices or {})
    assert all(callable(getattr(flows.commands, f"run_{name}")) for name in subcommands.choices or {})


@pytest.mark.parametrize("arguments", [[], ["unknown"], ["form"], ["report"], ["report", "--year", "soon"]])
def test_an_incomplete_command_ends_with_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert capsys.readouterr().err


# --- form ------------------------------------------------------------------------------------------------------------


def test_form_writes_a_workbook_with_the_values_of_last_year(
    published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "Bogen.xlsx"
    assert main(["form", "--region", CITY, "--year", "2022", "-o", str(out)]) == 0
    assert capsys.readouterr().out == f"Erhebungsbogen geschrieben: {out} (7 Vorjahreswerte)\n"
    prefilled = out.read_bytes()
    assert main(["form", "--region", CITY, "--year", "2022", "--blank", "-o", str(out)]) == 0
    assert capsys.readouterr().out == f"Erhebungsbogen geschrieben: {out}\n"
    assert out.read_bytes() != prefilled


def test_form_works_before_anything_is_published(root: Path, tmp_path: Path) -> None:
    assert main(["form", "--region", CITY, "--year", "2021", "-o", str(tmp_path / "a.xlsx")]) == 0
    assert (tmp_path / "a.xlsx").stat().st_size > 5000


def test_a_form_of_the_registers_alone(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ["form", "--region", CITY, "--year", "2021", "--registers-only", "-o", str(tmp_path / "a.xlsx")]
    assert refused(capsys, *asked) == "Für das Jahr 2021 hat der Indikatorenrahmen keine Register."
    assert main([*asked, "--lang", "en"]) == 2
    assert capsys.readouterr().err == "Not possible: The framework has no registers for the year 2021.\n"
    monkeypatch.delenv("MONITOR_FRAMEWORK")
    assert main(asked) == 0
    assert capsys.readouterr().out == f"Erhebungsbogen geschrieben: {tmp_path / 'a.xlsx'}\n"
    assert "Angebote" in openpyxl.load_workbook(tmp_path / "a.xlsx", read_only=True).sheetnames


@pytest.mark.parametrize(
    ("region", "year", "sentence"),
    [
        ("99999", "2021", "Den Schlüssel „99999“ gibt es nicht."),
        ("Wiesbaden", "2021", "Den Schlüssel „Wiesbaden“ gibt es nicht."),
        ("06435014", "2026", "Schlüssel 06435014 gilt bis 31.12.2025. Hanau hat seit 01.01.2026 den Schlüssel 06415."),
        ("06415", "2025", "Schlüssel 06415 gilt erst ab 01.01.2026. Hanau hat bis 31.12.2025 den Schlüssel 06435014."),
    ],
)
def test_form_for_a_region_that_there_is_not_is_refused(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], region: str, year: str, sentence: str
) -> None:
    out = tmp_path / "a.xlsx"
    assert refused(capsys, "form", "--region", region, "--year", year, "-o", str(out)) == sentence
    assert not out.exists()


@pytest.mark.parametrize("year", ["1999", "99999"])
def test_form_for_a_year_that_cannot_be_delivered_is_refused(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], year: str
) -> None:
    # the check would return every form of such a year; better not to hand one out
    out = tmp_path / "a.xlsx"
    assert "Jahr" in refused(capsys, "form", "--region", CITY, f"--year={year}", "-o", str(out))
    assert not out.exists()


# --- check -----------------------------------------------------------------------------------------------------------


def test_check_finds_nothing_in_a_clean_file_and_stores_nothing(
    root: Path, tmp_path: Path, drop: Drop, capsys: pytest.CaptureFixture[str]
) -> None:
    path = drop(tmp_path, CITY, "Bogen.xlsx")
    before = contents(tmp_path)
    assert main(["check", str(path)]) == 0
    assert capsys.readouterr().out.startswith("Ergebnis: Keine Beanstandungen.")
    assert contents(tmp_path) == before


@pytest.mark.parametrize("kind", ["returned", "refused", "warned"])
def test_check_ends_with_the_code_of_the_verdict(
    root: Path, tmp_path: Path, drop: Drop, tiny_values: Values, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    if kind == "refused":
        path = tmp_path / "kaputt.xlsx"
        path.write_bytes(b"PK\x03\x04")
    else:
        values = {**tiny_values(), ("EW", "SEX=M"): 407} if kind == "returned" else None
        path = drop(tmp_path, CITY, "Bogen_2020.xlsx" if kind == "warned" else "Bogen.xlsx", values=values)
    before = contents(tmp_path)
    assert main(["check", str(path)]) == {"returned": 1, "refused": 2, "warned": 1}[kind]
    first = {
        "returned": "Korrektur erforderlich – 1 Fehler.",
        "refused": "Datei nicht lesbar",
        "warned": "Angenommen – ",
    }
    assert capsys.readouterr().out.startswith(f"Ergebnis: {first[kind]}")
    assert contents(tmp_path) == before


def test_check_speaks_to_machines(
    root: Path, tmp_path: Path, drop: Drop, tiny: Framework, tiny_values: Values, capsys: pytest.CaptureFixture[str]
) -> None:
    good = drop(tmp_path, CITY, "a.xlsx")
    bad = drop(tmp_path, CITY, "b.xlsx", values={**tiny_values(), ("EW", "SEX=M"): 407})
    assert main(["check", "--json", str(good), str(bad)]) == 1
    first, second = json.loads(capsys.readouterr().out)
    assert (first["verdict"], first["validations"]) == ("accepted", [])
    assert second["verdict"] == "returned"
    assert [entry["rule"]["code"] for entry in second["validations"]] == ["G001"]
    assert second["sha256"] == hashlib.sha256(bad.read_bytes()).hexdigest()
    # the same rules on both sides: a sender can prove it
    assert second["framework"] == {"code": tiny.code, "version": tiny.version, "hash": tiny.content_hash}


def test_check_knows_the_sender_and_the_published_year_before(
    published: Path, tmp_path: Path, drop: Drop, tiny_values: Values, capsys: pytest.CaptureFixture[str]
) -> None:
    path = drop(tmp_path, CITY, "Bogen.xlsx", year=2022, values=tiny_values(5000))
    assert main(["check", "--json", "--sender", OTHER, str(path)]) == 1
    (found,) = json.loads(capsys.readouterr().out)
    assert "C04" in {entry["rule"]["code"] for entry in found["validations"]}
    assert main(["check", "--json", "--sender", CITY, str(path)]) == 1
    (found,) = json.loads(capsys.readouterr().out)
    assert {entry["rule"]["code"] for entry in found["validations"]} == {"M15"}


def test_check_gives_the_findings_of_the_night(
    root: Path, tmp_path: Path, drop: Drop, tiny_values: Values, capsys: pytest.CaptureFixture[str]
) -> None:
    values = {**tiny_values(), ("EW", "SEX=M"): -3, ("FL", ""): "viel"}
    offline = drop(tmp_path, CITY, "Bogen.xlsx", values=values)
    drop(root, CITY, "Bogen.xlsx", values=values)
    main(["check", "--json", str(offline)])
    (checked,) = json.loads(capsys.readouterr().out)
    assert main(["ingest"]) == 1
    (stored,) = [json.loads(path.read_text(encoding="utf-8")) for path in (root / "outbox" / CITY).glob("*.json")]

    def said(twin: dict[str, Any]) -> list[Any]:
        return [(v["rule"]["code"], v["data"]["target"], v["message"], v["remedy"]) for v in twin["validations"]]

    assert said(checked) == said(stored)
    assert len(said(checked)) >= 2
    assert checked["framework"] == stored["framework"]
    assert checked["sha256"] == stored["sha256"]


def test_check_of_a_file_that_is_not_there_is_refused(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(capsys, "check", "nirgends.xlsx") == "Die Datei „nirgends.xlsx“ gibt es nicht."


# --- ingest, compute, status, why, report ----------------------------------------------------------------------------


def test_a_clean_night_ends_with_zero_a_returned_delivery_with_one(
    root: Path, drop: Drop, tiny_values: Values, capsys: pytest.CaptureFixture[str]
) -> None:
    drop(root, CITY, "Bogen.xlsx")
    assert main(["ingest"]) == 0
    assert (
        "Nichts zu tun.\nAngenommen: 1, zurückgegeben: 0, nicht lesbar: 0, schon bekannt: 0" in capsys.readouterr().out
    )
    drop(root, OTHER, "Bogen.xlsx", values={**tiny_values(), ("EW", "SEX=M"): 407})
    assert main(["ingest"]) == 1
    said = capsys.readouterr().out
    assert "Bitte nachfassen: 1 Lieferung zurückgegeben, 0 nicht lesbar." in said
    assert "„Bogen.xlsx“ von 06413: 1 Auffälligkeit" in said


def test_status_speaks_to_people_and_machines(published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status"]) == 0
    assert capsys.readouterr().out.startswith("Berichtsjahr 2021: 1 Gebiet hat geliefert, ")
    assert main(["status", "--year", "2021", "--json"]) == 0
    lines = json.loads(capsys.readouterr().out)
    there = [line for line in lines if line["state"] != "fehlt"]
    assert [(line["region"], line["year"], line["state"]) for line in there] == [(CITY, 2021, "angenommen")]
    assert len(lines) > 30  # everybody who is expected


def test_why_leads_from_a_number_to_its_cells(published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "GV-1", CITY, "2021"]) == 0
    said = capsys.readouterr().out
    assert "Wert: 80 (Status: " in said
    assert "Zähler: 1\u202f000, Nenner: 12,5" in said
    assert "Bogen.xlsx" in said
    assert main(["why", "GV-1", CITY, "2021", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {cell["file_name"] for term in found["terms"] for cell in term["cells"]} == {"Bogen.xlsx"}


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["why", "GIBTSNICHT", CITY, "2021"], "GIBTSNICHT"),
        (["why", "GV-1", "99999", "2021"], "99999"),
        (["why", "GV-1", CITY, "2021", "SEX"], "DIM=MERKMAL"),
        (["why", "GV-1", CITY, "2021", "SEX=Q"], "Q"),
        (["why", "GV-1", CITY, "2021", "XYZ=M"], "XYZ"),
    ],
)
def test_why_of_something_unknown_is_refused(
    published: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], word: str
) -> None:
    assert word in refused(capsys, *arguments)


@pytest.mark.parametrize(
    "arguments",
    [["status"], ["status", "--json"], ["report", "--year", "2021"], ["why", "GV-1", CITY, "2021"]],
    ids=lambda arguments: " ".join(arguments),
)
def test_without_a_snapshot_the_answer_says_what_to_do_first(
    root: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    sentence = refused(capsys, *arguments)
    assert sentence == "Es ist noch kein Datenbestand veröffentlicht. Bitte zuerst Lieferungen verarbeiten und rechnen."


def test_a_report_as_of_something_that_is_no_time_is_refused(
    published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "„gestern“ ist kein Zeitpunkt" in refused(capsys, "report", "--year", "2021", "--as-of", "gestern")


@pytest.mark.parametrize("year", ["0", "99999"])
def test_a_status_for_an_impossible_year_is_refused(
    published: Path, capsys: pytest.CaptureFixture[str], year: str
) -> None:
    assert "Jahr" in refused(capsys, "status", "--year", year)


def test_the_demo_does_not_touch_a_data_root_with_data_in_it(
    published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(published)
    assert "liegen schon Daten" in refused(capsys, "demo")
    assert contents(published) == before


CORRECTION = """
- {id: K1, who: Referat, when: 2022-07-01, region: '06414', year: 2021, variable: EW, members: {SEX: M}, old: 400,
   new: 410, reason: Zahlendreher, expected: {status: ok}}
- {id: K2, who: Referat, when: 2022-07-01, region: '06414', year: 2021, variable: EW, old: 999, new: 1, reason: Irrtum,
   expected: {status: ok}}
"""


def test_a_correction_that_does_not_fit_is_the_first_thing_a_run_says_and_stands_in_its_record(
    root: Path, drop: Drop, tiny: Framework, capsys: pytest.CaptureFixture[str]
) -> None:
    drop(root, CITY, "Bogen.xlsx")
    (root / "corrections.yaml").write_text(CORRECTION, encoding="utf-8")
    assert main(["ingest"]) == 0
    capsys.readouterr()
    assert main(["compute"]) == 1
    said = capsys.readouterr().out.splitlines()
    todo = "Bitte corrections.yaml berichtigen: K2 passt nicht mehr."
    assert said[-3:-1] == [todo, "  Berichtigung K2 passt nicht mehr: " + WHY]
    assert said[-1] == "  Berichtigungen angewendet: K1"
    (report,) = [path for path in (root / "state" / "runs").glob("*.txt") if todo in path.read_text()]
    assert report.read_text().splitlines()[0] == todo
    with duckdb.connect(str(Places(root).work_file), read_only=True) as connection:
        query = "SELECT * EXCLUDE (id, started_at, finished_at) FROM run ORDER BY finished_at"
        ingest, compute = connection.sql(query).to_arrow_table().to_pylist()
    assert (ingest["kind"], ingest["outcome"], ingest["message"]) == ("ingest", "clean", "Nichts zu tun.")
    assert (compute["kind"], compute["outcome"], compute["message"]) == ("compute", "findings", todo)
    for run in (ingest, compute):
        assert (run["framework_hash"], run["rules_hash"]) == (tiny.content_hash, rule_set_hash(tiny))
        assert run["code_version"]
        assert len(run["lock_hash"]) == 64
    assert json.loads(ingest["counts"])["accepted"] == 1
    assert json.loads(compute["counts"])["indicator_values"] > 0
    assert json.loads(ingest["seconds"])["ingest"] > 0
    assert json.loads(compute["seconds"]).keys() == {"compute", "publish"}
    assert json.loads(ingest["details"]) == {"calendar_hash": tiny.calendar_hash}
    assert json.loads(compute["details"])["corrections"] == {
        "applied": ["K1"], "already": [], "mismatched": {"K2": WHY}, "reverted": []
    }  # fmt: skip


WHY = (
    "Es gilt ein anderer Wert als der alte des Eintrags (GEB Gebiet und Bevölkerung!E7 der Lieferung 2026-06414-0001)."
)


def test_files_that_nobody_takes_are_named_everywhere_and_stay(
    root: Path, drop: Drop, capsys: pytest.CaptureFixture[str]
) -> None:
    drop(root, CITY, "Bogen.xlsx")
    inbox = root / "raw" / "inbox"
    lost = [".trash/", "06414/.hidden/", "06414/2021/neu/Bogen.xlsx", "06414/alt/Bogen.xlsx", "Bogen.xlsx"]
    hidden = (".trash/files/x.xlsx", ".trash/files/y.xlsx", "06414/.hidden/x.xlsx", ".sync/state.tmp")
    for name in (*lost[2:], *hidden, "06414/alt/~$Bogen.xlsx", "06414/alt/x.part"):
        (inbox / name).parent.mkdir(parents=True, exist_ok=True)
        (inbox / name).write_bytes(b"x")
    todo = "Bitte verschieben: 5 Dateien liegen nicht im Ordner eines Absenders."
    named = "\n".join([todo, *(f"  {name}" for name in lost)])
    assert main(["ingest"]) == 1, "somebody has to look"
    said = capsys.readouterr().out
    assert f"\n{todo}\nAngenommen: 1, " in said
    assert named in said
    (report,) = (root / "state" / "runs").glob("*.txt")
    assert report.read_text().splitlines()[0] == todo
    assert named in report.read_text()
    assert main(["compute"]) == 0
    capsys.readouterr()
    assert main(["status"]) == 0
    assert capsys.readouterr().out.endswith(f"{named}\n")
    assert main(["status", "--json"]) == 0
    told = capsys.readouterr()
    assert all(line["region"] for line in json.loads(told.out))
    assert named in told.err
    assert main(["board"]) == 0
    assert named in capsys.readouterr().out
    page = (root / "reports" / "board.html").read_text()
    assert "06414/2021/neu (1), 06414/alt (1), unmittelbar im Eingangsordner (1)." in page
    assert "Bogen.xlsx" not in page, "the page names no files"
    assert all((inbox / name).exists() for name in lost)
    assert [path.name for path in hidden_folders(inbox)] == [".sync", ".trash", ".hidden"], "the doctor names them all"
    # what people can move is named until it is gone, a hidden folder once: nobody here may be able to empty it
    assert main(["ingest"]) == 1
    assert "Bitte verschieben: 3 Dateien " in capsys.readouterr().out
    for name in lost[2:]:
        (inbox / name).unlink()
    assert main(["ingest"]) == 0
    assert capsys.readouterr().out.startswith("Nichts zu tun.")
    assert main(["status"]) == 0
    assert capsys.readouterr().out.endswith("  .trash/\n  06414/.hidden/\n")
    later = now_utc() + timedelta(days=30)
    assert sum(stuck.count for stuck in stuck_in_inbox(root, 1, later)) == 2, "2021 and alt, no hidden one"
    shutil.rmtree(inbox / ".trash")
    assert main(["ingest"]) == 0
    (inbox / ".trash").mkdir()
    (inbox / ".trash" / "z.xlsx").write_bytes(b"x")
    assert main(["ingest"]) == 1, "it had gone and is there again"
    for name in lost[:2]:
        shutil.rmtree(inbox / name)
    capsys.readouterr()
    assert main(["status"]) == 0
    assert "verschieben" not in capsys.readouterr().out


def test_what_a_killed_run_returned_is_named_by_the_next_until_one_came_through(
    root: Path, drop: Drop, tiny_values: Values, capsys: pytest.CaptureFixture[str]
) -> None:
    drop(root, CITY, "Bogen.xlsx")
    drop(root, OTHER, "Bogen.xlsx", values={**tiny_values(), ("EW", "SEX=M"): 407})
    assert main(["ingest"]) == 1
    (report,) = (root / "state" / "runs").glob("*.txt")
    named = next(line for line in report.read_text().splitlines() if "„Bogen.xlsx“ von 06413" in line)
    report.unlink()  # as if it had been killed before it could report
    mark = {"pid": 1, "born": "an earlier boot", "kind": "ingest", "at": "2026-01-01T00:00:00+00:00"}
    running = root / "state" / "running"
    running.mkdir(exist_ok=True)
    (running / f"{report.stem}.json").write_text(json.dumps(mark))
    capsys.readouterr()
    assert main(["ingest"]) == 1
    (report,) = (root / "state" / "runs").glob("*.txt")
    for said in (capsys.readouterr().out, report.read_text()):
        assert said.startswith(
            "Bitte nachfassen: 1 Lieferung zurückgegeben, 0 nicht lesbar.\n"
            "Angenommen: 0, zurückgegeben: 0, nicht lesbar: 0, schon bekannt: 0\n"
            "Aus einem abgebrochenen Lauf: 2 Lieferungen beantwortet, die noch in keinem Laufbericht stehen"
            " (davon 1 zurückgegeben, 0 nicht lesbar)\n"
            f"{named}\n"
        )
    assert main(["compute"]) == 0
    assert not list(running.iterdir()), "a run has come through to a published state"
    assert main(["ingest"]) == 0
    assert "abgebrochen" not in capsys.readouterr().out.rpartition("Nichts zu tun.")[2]


def test_unfinished_files_of_killed_runs_go_with_the_next_run(root: Path) -> None:
    state = root / "state"
    (state / "runs").mkdir(parents=True)
    gone, alive = 2**22 + 1, os.getpid()  # no process has a number beyond 2^22
    names = [f".last_run.json.{gone}.tmp", f"runs/.a.txt.{gone}.tmp", f".b.json.{alive}.tmp", ".c.tmp", f"d.{gone}.tmp"]
    young = f".e.json.{gone}.tmp"
    for name in (*names, young):
        (state / name).write_text("half")
    for name in names:
        os.utime(state / name, (0, 0))
    later = time.time() + 3600
    os.utime(state / young, (later, later))
    assert main(["ingest"]) == 0
    assert {path.relative_to(state).as_posix() for path in state.rglob("*.tmp")} == {*names[2:], young}


# --- what can be wrong around it -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"settle_seconds = ", "settings.toml"),
        (b"seconds = 5", "seconds"),
        (b'settle_seconds = "kurz"', "settle_seconds"),
        (b"sample = 1", "sample"),
        (b"batch_files = 2.5", "batch_files"),
        (b"batch_files = 0", "batch_files"),
        (b"batch_files = true", "batch_files"),
        (b"keep_backups = 0", "keep_backups"),
        (b"# f\xfcr den Betrieb\nsample = false", "settings.toml"),  # saved by an editor that knows Latin-1 only
    ],
    ids=["broken", "unknown", "text", "number", "half", "zero", "truth", "none", "latin-1"],
)
def test_a_settings_file_that_cannot_be_used_is_refused_by_name(
    root: Path, capsys: pytest.CaptureFixture[str], content: bytes, word: str
) -> None:
    (root / "settings.toml").write_bytes(content)
    assert word in refused(capsys, "ingest")


def test_a_framework_with_faults_is_refused_with_file_and_line(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "framework"
    broken.mkdir()
    (broken / "framework.yaml").write_text("code: X\nunbekannt: 1\n", encoding="utf-8")
    monkeypatch.setenv("MONITOR_FRAMEWORK", str(broken))
    assert "framework.yaml" in refused(capsys, "ingest")


def test_a_framework_folder_that_is_not_there_is_refused(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MONITOR_FRAMEWORK", str(tmp_path / "nirgends"))
    assert "nirgends" in refused(capsys, "ingest")


@pytest.mark.parametrize("command", ["ingest", "compute"])
def test_a_data_root_that_cannot_be_written_ends_with_three_and_names_it(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    # a path below a plain file: nobody can write there, not even root
    (tmp_path / "datei").write_text("x")
    monkeypatch.setenv("MONITOR_DATA", str(tmp_path / "datei" / "daten"))
    assert main([command]) == 3
    said = capsys.readouterr().err
    assert "Schreiben oder Lesen ist gescheitert: " in said
    assert "datei" in said
    assert "Der veröffentlichte Stand ist unverändert." in said
    assert "Traceback" not in said


def test_our_own_fault_ends_with_three_and_says_so(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(options: object) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(flows.commands, "run_compute", fail)
    assert main(["compute"]) == 3
    said = capsys.readouterr().err
    assert said.endswith("Das ist ein Fehler im Programm. Der veröffentlichte Stand ist unverändert.\n")
    assert "ZeroDivisionError" in said  # for whoever mends it


def test_an_interruption_ends_with_two(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(options: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(flows.commands, "run_ingest", stop)
    assert main(["ingest"]) == 2
    assert capsys.readouterr().err.startswith("Abgebrochen.")


def test_while_another_run_writes_the_command_names_it(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from warehouse.store import exclusive

    with exclusive(root):
        for command in ("ingest", "compute"):
            assert f"Prozess {os.getpid()} auf " in refused(capsys, command)


# --- quick to answer -------------------------------------------------------------------------------------------------

LOADED = """
import sys
from flows.cli import main
try:
    code = main(sys.argv[1:])
except SystemExit as left:
    code = left.code
print("\\nCODE", code, *sorted({name.partition(".")[0] for name in sys.modules}))
"""


def modules(root: Path, *arguments: str) -> set[str]:
    """Top-level packages that are loaded when a command is done."""
    ran = subprocess.run(
        [sys.executable, "-c", LOADED, *arguments], cwd=REPOSITORY, env=os.environ, capture_output=True, text=True
    )
    _, _, line = ran.stdout.rpartition("\nCODE ")
    code, *names = line.split()
    assert code == "0", ran.stderr
    return set(names)


def test_help_needs_none_of_the_heavy_packages(root: Path) -> None:
    assert not modules(root, "--help") & {"pandas", "duckdb", "prefect", "pyarrow", "openpyxl", "pandera", "numpy"}


def test_status_does_not_wait_for_what_it_does_not_need(published: Path) -> None:
    heavy = {"prefect", "pandera", "pandas", "numpy", "pyarrow", "jinja2", "openpyxl", "xlsxwriter", "python_calamine"}
    assert not modules(published, "status") & heavy


def test_the_module_is_the_command(root: Path) -> None:
    ran = subprocess.run([sys.executable, "-m", "flows", "status"], cwd=REPOSITORY, capture_output=True, text=True)
    assert ran.returncode == 2
    assert ran.stderr.startswith("Nicht möglich: Es ist noch kein Datenbestand veröffentlicht.")
