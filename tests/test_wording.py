"""The English voice of the commands: nothing German on the terminal, German in what is kept, the sentences of the rooms below."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from flows.cli import main
from flows.heartbeat import Beat, write_beat
from flows.wording import ANSWERS, again, answered, catalogue, day, moment, number, speaking, text
from schemas.loading import load_framework

REPOSITORY = Path(__file__).resolve().parents[1]
CITY, OTHER = "06414", "06413"
Drop = Callable[..., Path]
Values = Callable[..., dict[tuple[str, str], Any]]

GERMAN_WORDS = re.compile(
    "aber|alle|als|am|angenommen|auf|aus|bei|bis|bitte|das|dem|den|der|des|die|durch|ein|eine|einem|einen|einer|erwartet|"
    "fehlen|fehlt|frei|gebiet|gebiete|geliefert|gibt|hat|haben|ist|kein|keine|lauf|lieferung|lieferungen|mit|nach|nicht|"
    "noch|nur|oder|ordner|regel|schon|seit|sich|sind|stand|tage|uhr|und|vom|von|vor|werden|wert|wird|zelle|zellen|zu|zum|zur"
)


@cache
def names() -> list[str]:
    """Names of sheets, files and places stay what they are."""
    places = {unit.name_en for unit in load_framework().territory.units()} - {""}
    return sorted({"GEB Gebiet und Bevölkerung", "-Tage-vorher_", *places}, key=len, reverse=True)


def german_in(said: str) -> set[str]:
    """Words of a text that only German has; umlauts and German quotation marks count as such."""
    for name in names():
        said = said.replace(name, "")
    words = re.findall(r"[^\W\d_]+|„", said)
    return {word for word in words if GERMAN_WORDS.fullmatch(word.lower()) or re.search("[äöüÄÖÜß„]", word)}


@pytest.fixture(scope="module")
def busy_root(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path, drop: Drop) -> Iterator[Path]:
    """A data root with one accepted delivery, computed and published."""
    root = tmp_path_factory.mktemp("english") / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MONITOR_DATA", str(root))
        patch.setenv("MONITOR_FRAMEWORK", str(tiny_folder))
        drop(root, CITY, "Bogen.xlsx")
        (root / "settings.toml").write_text("settle_seconds = 0\n", encoding="utf-8")
        assert main(["ingest"]) == 0
        assert main(["compute"]) == 0
        yield root


@pytest.fixture
def ask(
    busy_root: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """What a command prints in English on the busy data root."""
    monkeypatch.setenv("MONITOR_DATA", str(busy_root))
    monkeypatch.setenv("MONITOR_FRAMEWORK", str(tiny_folder))

    def run(*arguments: str, code: int = 0) -> str:
        assert main([*arguments, "--lang", "en"]) == code, capsys.readouterr()
        told = capsys.readouterr()
        return told.out + told.err

    return run


def test_no_command_speaks_german_when_english_was_asked(
    ask: Callable[..., str], busy_root: Path, tmp_path: Path, drop: Drop, tiny_values: Values
) -> None:
    inbox = busy_root / "raw" / "inbox"
    before = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    drop(busy_root, OTHER, "Bogen.xlsx", values={**tiny_values(), ("EW", "SEX=M"): 407})
    drop(busy_root, CITY, "bogen.xlsx", values={**tiny_values(1100), ("EW", "AGE=K"): None, ("EW", "AGE=E"): None})
    (inbox / ".hidden").mkdir()
    (inbox / "nobody.xlsx").write_bytes(b"x")
    (busy_root / "corrections.yaml").write_text(
        f"- {{id: K1, who: Amt, when: 2026-11-01, region: '{CITY}', year: 2021, variable: FL, old: 12.5, new: 13.5,"
        " reason: Zahlendreher, expected: {status: ok}}\n"
        f"- {{id: K2, who: Amt, when: 2026-11-01, region: '{CITY}', year: 2021, variable: EW, old: 7, new: 8,"
        " reason: Zahlendreher, expected: {status: ok}}\n",
        encoding="utf-8",
    )
    (busy_root / "waivers.yaml").write_text(
        f"- {{region: '{OTHER}', year: 2021, approved_by: Amt, approved_on: 2021-01-01, reason: Amt, expires: 2021-02-01}}\n",
        encoding="utf-8",
    )
    told = {"ingest": ask("ingest", code=1), "compute": ask("compute", code=1)}
    told |= {
        "why": ask("why", "GV-1", CITY, "2021"),
        "revisions": ask("revisions", "--since", before),
        "revisions of nothing": ask("revisions", "--since", "2999-01-01"),
        "status": ask("status"),
        "board": ask("board"),
        "doctor": ask("doctor", code=1),
        "alive": ask("alive"),
        "remind": ask("remind", "--date", "2022-06-10", code=1),
        "rules": ask("rules"),
        "changes": ask("changes", "--from", "2020", "--to", "2021"),
        "audit": ask("audit"),
        "backup": ask("backup", str(tmp_path / "backups")),
    }
    (backup,) = (tmp_path / "backups").iterdir()
    told["restore"] = ask("restore", str(backup))
    (number,) = re.findall(r"submission (\S+)", told["why"])[:1]
    told["withdraw"] = ask("withdraw", number, "--reason", "Amt", "--who", "Amt", code=1)
    told["form"] = ask("form", "--region", CITY, "--year", "2021", "-o", str(tmp_path / "Bogen.xlsx"))
    (busy_root / "state" / "last_run.json").unlink()
    told["alive without a run"] = ask("alive", code=1)
    page = (busy_root / "reports" / "board.html").read_text(encoding="utf-8")
    told["page"] = re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL)
    found = {command: german_in(said) for command, said in told.items()}
    assert not {command: words for command, words in found.items() if words}
    assert all(told.values())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["why", "X", CITY, "2021"], "The indicator X is not known."),
        (["why", "GV-1", "99999", "2021"], "The region 99999 is not known."),
        (["why", "GV-1", CITY, "2021", "SEX=M"], "GV-1 is not computed by SEX=M (breakdowns: none)."),
        (["why", "GV-1", CITY, "2021", "SEX"], "“SEX” must have the form DIM=MEMBER, for instance GRP=A."),
        (["withdraw", "1", "--reason", "Amt", "--who", "Amt"], "The delivery 1 is not known."),
        (["withdraw", "1", "--reason", " ", "--who", "Amt"], "A withdrawal needs a reason and a name."),
        (["restore", "/nowhere"], "/nowhere is no complete backup: manifest.json is missing or cannot be read."),
        (["report", "--year", "2021", "--as-of", "x"], "“x” is no moment (expected for instance 2026-03-31T12:00)."),
        (["remind", "--date", "x"], "“x” is no day (expected for instance 2026-10-10)."),
        (["check", "nowhere.xlsx"], "There is no file “nowhere.xlsx”."),
        (
            ["form", "--region", "06435014", "--year", "2026", "-o", "x.xlsx"],
            "Code 06435014 is valid until 31.12.2025. Hanau has had the code 06415 since 01.01.2026.",
        ),
    ],
)
def test_a_refusal_is_english_too(ask: Callable[..., str], arguments: list[str], sentence: str) -> None:
    assert ask(*arguments, code=2) == f"Not possible: {sentence}\n"


def test_every_sentence_of_the_rooms_below_stands_in_their_code() -> None:
    rooms = ("warehouse", "schemas", "report", "intake")
    source = "\n".join(path.read_text("utf-8") for room in rooms for path in (REPOSITORY / room).rglob("*.py"))
    whole = re.sub(r'"\n\s*f?"', "", source)
    for key, sentence in catalogue("de").items():
        parts = re.split(r"{\w+}", sentence.removeprefix("[Errno {number}] ")) if key.startswith(ANSWERS) else []
        told = [part.strip(" .:()[]") for part in parts if len(part) > 12]
        assert [part for part in told if part not in whole] == [], key


def test_what_a_room_below_says_is_found_by_its_sentence() -> None:
    german = "Der Wert steht in GEB!C5 der Lieferung L-1, erwartet war die Lieferung L-2."
    assert answered(german) == german
    with speaking("en"):
        assert answered(german) == "The value stands in GEB!C5 of the delivery L-1, the delivery L-2 was expected."
        assert answered("Das kennt niemand.") == "Das kennt niemand."


def test_numbers_days_and_moments_follow_the_language() -> None:
    at = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
    german = [number(Decimal("1234.5")), number(1234.5, 0), number(None), day(date(2026, 3, 1)), moment(at)]
    assert german == ["1\u202f234,5", "1\u202f234", "–", "01.03.2026", "02.07.2026, 00:30 Uhr"]
    with speaking("en"):
        english = [number(Decimal("1234.5")), number(1234.5, 0), number(None), day(date(2026, 3, 1)), moment(at)]
    assert english == ["1,234.5", "1,234", "–", "1 March 2026", "2 July 2026, 00:30"]


def test_a_text_can_be_said_again_in_the_other_language_with_all_that_fills_it() -> None:
    with speaking("en"):
        line = text("alive.fine", at=datetime(2026, 1, 2, 3, 4), outcome=text("outcome.failed"))
    assert line == "All is well. Last run: 2 January 2026, 04:04, failed."
    assert again(line, "de") == "In Ordnung. Letzter Lauf: 02.01.2026, 04:04 Uhr, gescheitert."
    assert again("what a person wrote", "de") == "what a person wrote"


def test_alarms_and_machines_get_german_whatever_was_asked(ask: Callable[..., str], busy_root: Path) -> None:
    shutil.rmtree(busy_root / "state" / "alarms", ignore_errors=True)  # the same alarm is sent once a day
    write_beat(busy_root, Beat(datetime.now(UTC) - timedelta(hours=50), "ok", "abc", "nightly"))
    assert ask("alive", code=1).startswith("Please check the schedule: no run has come to its end for 50 hours.")
    kept = [json.loads(path.read_text("utf-8")) for path in (busy_root / "state" / "alarms" / "spool").glob("*.json")]
    (silence,) = [entry for entry in kept if "50 Stunden" in entry["todo"]]
    assert silence["todo"] == "Bitte den Zeitplan prüfen: Seit 50 Stunden ist kein Lauf zu Ende gegangen."
    assert silence["details"][0].startswith("Letzter Lauf: ")
    assert silence["details"][0].endswith(" Uhr")
    found = {check["name"]: check for check in json.loads(ask("doctor", "--json", code=1))}
    assert found["Sperre"]["message_de"] == "frei"
    assert found["Lebenszeichen"]["message_de"] == silence["todo"]
    assert found["Alarmwege"]["remedy_de"].startswith("In settings.toml unter [alarm] ")


def test_the_answer_of_a_check_is_english_around_the_findings(
    ask: Callable[..., str], tmp_path: Path, drop: Drop, tiny_values: Values
) -> None:
    wrong = drop(tmp_path, OTHER, "falsch.xlsx", values={**tiny_values(), ("EW", "SEX=M"): 407})
    clean = drop(tmp_path, OTHER, "gut.xlsx", year=2022, values=tiny_values())
    (tmp_path / "kaputt.xlsx").write_bytes(b"PK\x03\x04 broken")
    told = ask("check", str(wrong), str(clean), str(tmp_path / "kaputt.xlsx"), code=2)
    returned, accepted, refused = told.split("Result: ")[1:]
    assert returned.startswith("Correction needed – errors: 1.\n")
    assert "1. [must] sheet “GEB Gebiet und Bevölkerung”, " in returned
    assert accepted.startswith("No objections.\n7 values taken over, ")
    assert refused.startswith("File cannot be read\n")
    findings = [line for line in told.splitlines() if re.match(r"  \d+\. \[|     \S", line)]
    around = "\n".join(line for line in told.splitlines() if line not in findings)
    contact = load_framework().head.delivery.contact
    german = {line.strip() for line in around.replace(contact, "").splitlines() if german_in(line)}
    german -= {line for line in german if any(line.removeprefix("1. ") in found for found in findings)}  # a remedy
    named = {  # the checked workbook, its sheets and marks have German names
        "1. Open the returned workbook “…_geprueft”, and there the sheet “Prüfprotokoll” (protocol of the check).",
        "2. Correct the red cells (“Muss”: must).",
        "Region: Offenbach am Main (06413)",
    }
    assert german - named == set()


def test_the_notes_beside_a_proposed_layout_are_english(ask: Callable[..., str], tmp_path: Path) -> None:
    book = Workbook()
    for row in (["Kreis", "Einwohner 2021", "Unsinn"], ["Wiesbaden", 1000, 1], ["Frankfurt am Main", 2000, 2]):
        book.worksheets[0].append(row)
    book.save(tmp_path / "fremd.xlsx")
    said = ask("layout", "suggest", str(tmp_path / "fremd.xlsx"), "-o", str(tmp_path / "out.yaml"), code=1)
    beside = said.replace("Kreis", "").replace("Einwohner", "").replace("Unsinn", "")
    assert german_in(beside) <= {"JJJJ"}, said
    assert "Sheets: 1, tables found: " in said
