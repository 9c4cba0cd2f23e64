"""The operation: sign of life, stuck files, runs under observation, watch mode, board, what is installed."""

from __future__ import annotations

import configparser
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from openpyxl import load_workbook

from flows import watching
from flows.alarm_settings import AlarmSettings
from flows.board import (
    BACK,
    DONE,
    MISSING,
    NIL,
    NOT_FILLED,
    PARTIAL,
    QUESTIONS,
    WAIVED,
    Board,
    RegionStanding,
    as_text,
    board,
)
from flows.board_page import write_page
from flows.cycle import Night
from flows.deadlines import Calendar, Waiver, load_waivers
from flows.heartbeat import Beat, check, mark_running, read_beat, report_alive, write_beat
from flows.run_log import describe, durable_write, german_day, german_time
from flows.settings import Settings
from flows.status import Standing, standings
from intake.form import write_form
from intake.form_request import CoverAnswers, FormRequest
from schemas.framework_model import Framework
from schemas.loading import load_framework
from schemas.shapes import CheckedDelivery, Finding, FindingState, Observation, Severity, Submission, Verdict
from schemas.territory import reference_day
from schemas.yaml_source import FrameworkError
from warehouse.loading import load_deliveries
from warehouse.publishing import publish
from warehouse.snapshot import open_snapshot
from warehouse.store import Locked, exclusive, writer
from warehouse.withdrawals import withdraw

REPOSITORY = Path(__file__).resolve().parents[1]
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TODAY = date(2026, 11, 22)
QUIET = AlarmSettings(min_free_mb=0)


def codes(root: Path, now: datetime = NOON) -> list[str]:
    return [alarm.code for alarm in check(root, QUIET, now).alarms]


def beat(hours_ago: float = 1, outcome: str = "ok", message: str = "Nichts zu tun.") -> Beat:
    return Beat(NOON - timedelta(hours=hours_ago), outcome, "abc", "nightly", 7, message)


# --- sign of life -----------------------------------------------------------------------------------------------------


def test_silence_is_an_alarm_after_26_hours(tmp_path: Path) -> None:
    assert codes(tmp_path) == ["STILLE"]
    write_beat(tmp_path, beat(25.9))
    alive = check(tmp_path, QUIET, NOON)
    assert alive.ok
    assert alive.text() == "In Ordnung. Letzter Lauf: 21.11.2026, 11:06 Uhr, ohne Befund."
    assert codes(tmp_path, NOON + timedelta(hours=0.2)) == ["STILLE"]
    assert check(tmp_path, replace(QUIET, silence_hours=50), NOON + timedelta(hours=20)).ok


def test_findings_are_no_alarm_a_failed_run_is(tmp_path: Path) -> None:
    write_beat(tmp_path, beat(outcome="findings"))
    assert codes(tmp_path) == []
    write_beat(tmp_path, beat(outcome="failed", message="Programmfehler: ValueError."))
    (alarm,) = check(tmp_path, QUIET, NOON).alarms
    assert (alarm.code, alarm.details[-1]) == ("LAUF", "Programmfehler: ValueError.")


def test_a_clock_that_ran_ahead_does_not_hide_silence(tmp_path: Path) -> None:
    write_beat(tmp_path, beat(-1000))
    assert codes(tmp_path) == ["UHR"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"at": "gestern"}', '{"at": "2026-11-22T12:00:00+00:00"}'])
def test_a_damaged_sign_of_life_counts_as_none(tmp_path: Path, text: str) -> None:
    durable_write(tmp_path / "state" / "last_run.json", text)
    assert read_beat(tmp_path) is None
    assert codes(tmp_path) == ["STILLE"]


def test_a_killed_run_is_told_from_one_that_works_and_from_one_that_hangs(tmp_path: Path) -> None:
    write_beat(tmp_path, beat())
    mark_running(tmp_path, "working", "nightly")
    now = datetime.now(UTC)
    write_beat(tmp_path, replace(beat(), at=now))
    assert codes(tmp_path, now) == []
    assert codes(tmp_path, now + timedelta(hours=7)) == ["HAENGT"]
    program = "import os, sys; from pathlib import Path; from flows.heartbeat import mark_running\n"
    program += "mark_running(Path(sys.argv[1]), 'killed', 'nightly'); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=REPOSITORY, check=False, timeout=30)
    assert codes(tmp_path, now) == ["ABBRUCH"]


def test_stuck_files_are_told_by_folder_never_by_name(tmp_path: Path) -> None:
    write_beat(tmp_path, beat())
    inbox = tmp_path / "raw" / "inbox"
    sender = inbox / "06414"
    (sender / "Unterordner").mkdir(parents=True)
    for name in ("Frau_Muster.xlsx", "x.xlsx.filepart", "Thumbs.db", "~$x.xlsx"):
        (sender / name).write_bytes(b"x")
    (inbox / "verirrt.xlsx").write_bytes(b"x")
    os.utime(sender / "Frau_Muster.xlsx", (0, 0))  # copied with its old date: it came now
    now = datetime.now(UTC)
    write_beat(tmp_path, replace(beat(), at=now))
    assert codes(tmp_path, now + timedelta(hours=23)) == []
    found = check(tmp_path, QUIET, now + timedelta(hours=25)).alarms
    assert {alarm.code for alarm in found} == {"EINGANG"}
    text = "\n".join(alarm.text("x") for alarm in found)
    for part in ("06414: nicht übernommen", "nicht abgeschlossen", "Sperrdatei", "Unterordner", "Absenders"):
        assert part in text
    assert "Muster" not in text
    assert "Thumbs" not in text


def test_an_old_claim_is_an_alarm(tmp_path: Path) -> None:
    write_beat(tmp_path, beat())
    claim = tmp_path / "raw" / "claims" / "0123"
    claim.mkdir(parents=True)
    claimed = (NOON - timedelta(hours=3)).replace(tzinfo=None).isoformat()
    (claim / "meta.json").write_text(json.dumps({"received_at": claimed}))
    assert codes(tmp_path) == ["UEBERNAHME"]
    write_beat(tmp_path, beat(2))
    assert codes(tmp_path, NOON - timedelta(hours=1.5)) == []
    (claim / "meta.json").unlink()  # the crash came before it was written
    now = datetime.now(UTC)
    write_beat(tmp_path, replace(beat(), at=now))
    assert codes(tmp_path, now + timedelta(hours=1)) == []
    assert codes(tmp_path, now + timedelta(hours=3)) == ["UEBERNAHME"]


def test_full_disk_and_silent_watcher_are_alarms(tmp_path: Path) -> None:
    write_beat(tmp_path, beat())
    assert [a.code for a in check(tmp_path, replace(QUIET, min_free_mb=10**12), NOON).alarms] == ["PLATTE"]
    sign = watching.watcher_sign(tmp_path)
    sign.touch()
    os.utime(sign, (NOON.timestamp() - 3600,) * 2)
    assert codes(tmp_path) == ["WAECHTER"]


def test_alive_raises_alarms_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(3):
        assert not report_alive(tmp_path, QUIET, NOON).ok
    assert capsys.readouterr().err.count("ALARM STILLE") == 1


def test_a_half_written_sign_of_life_never_replaces_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_beat(tmp_path, beat())
    before = read_beat(tmp_path)
    monkeypatch.setattr(os, "fsync", lambda handle: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        write_beat(tmp_path, beat(outcome="failed"))
    assert read_beat(tmp_path) == before
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["last_run.json"]


# --- runs under observation -------------------------------------------------------------------------------------------


def log_lines(root: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in (root / "state" / "log").glob("*.jsonl") for line in path.open()]


def test_a_run_leaves_log_report_and_sign_of_life(tmp_path: Path, framework: Framework) -> None:
    with watching.recorded(Settings(tmp_path), "nightly") as record:
        night = Night()
        record.uses(framework, night)
        with record.step("ingest"):
            time.sleep(0.01)
    start, step, end = log_lines(tmp_path)
    assert (start["event"], step["event"], end["event"]) == ("start", "step", "end")
    assert start["code"]
    assert len(start["lock"]) == 64
    assert step["seconds"] >= 0.01
    assert (end["outcome"], end["framework_hash"]) == ("ok", framework.content_hash)
    assert len(end["rules"]) == 64
    assert end["counts"]["accepted"] == 0
    report = (tmp_path / "state" / "runs" / f"{night.id}.txt").read_text()
    assert report.splitlines()[0] == "Nichts zu tun."
    assert "ohne Befund" in report
    found = read_beat(tmp_path)
    assert found is not None
    assert (found.outcome, found.run_id, found.kind) == ("ok", night.id, "nightly")
    assert not list((tmp_path / "state" / "running").iterdir())


def test_a_failing_run_is_recorded_and_the_error_goes_on(tmp_path: Path, framework: Framework) -> None:
    def fail() -> None:
        settings = Settings(tmp_path)
        with watching.guarded(settings, "nightly"), watching.recorded(settings, "nightly") as record:
            record.uses(framework, Night())
            with record.step("compute"):
                raise ValueError("could not convert 4711 of Frau Muster")

    with pytest.raises(ValueError, match="4711"):
        fail()
    found = read_beat(tmp_path)
    assert found is not None
    assert found.outcome == "failed"
    assert codes(tmp_path, datetime.now(UTC)) == ["LAUF"]
    kept = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
    everything = "\n".join(path.read_text() for path in kept)
    assert "ValueError (tests/test_operations.py:" in everything
    assert "4711" not in everything
    assert "Muster" not in everything
    assert len(list((tmp_path / "state" / "alarms" / "spool").iterdir())) == 1


def test_a_refused_run_gives_no_sign_of_life_and_no_alarm(tmp_path: Path) -> None:
    write_beat(tmp_path, beat())
    program = "import sys, time; from pathlib import Path; from warehouse.store import exclusive\n"
    program += "with exclusive(Path(sys.argv[1])): print(flush=True); time.sleep(30)"
    holder = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], cwd=REPOSITORY, stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(Locked), watching.recorded(Settings(tmp_path), "nightly"), exclusive(tmp_path):
            pass
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    assert read_beat(tmp_path) == beat()
    assert log_lines(tmp_path)[-1]["outcome"] == "refused"
    assert not (tmp_path / "state" / "alarms").exists()


OVERDUE = """
import sys, time
from pathlib import Path
from flows.settings import Settings
from flows.watching import recorded
from warehouse.store import exclusive

root = Path(sys.argv[1])
with recorded(Settings(root, run_hours=1.0 / 3600), "nightly"), exclusive(root):
    time.sleep(60)
"""


def test_a_run_that_does_not_end_is_ended_and_told(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", OVERDUE, str(tmp_path)], cwd=REPOSITORY, capture_output=True, text=True, timeout=50
    )
    assert ended.returncode == 3
    assert "Der Lauf wurde beendet" in ended.stderr
    found = read_beat(tmp_path)
    assert found is not None
    assert found.outcome == "failed"
    assert "beendet" in found.message
    assert codes(tmp_path, datetime.now(UTC)) == ["LAUF"]
    with exclusive(tmp_path):  # the lock is free
        pass


def test_a_run_in_time_is_left_alone(tmp_path: Path) -> None:
    before = threading.active_count()
    with watching.recorded(Settings(tmp_path), "ingest"):
        assert threading.active_count() == before + 1
    assert threading.active_count() == before
    with watching.recorded(Settings(tmp_path, run_hours=0), "ingest"):
        assert threading.active_count() == before
    found = read_beat(tmp_path)
    assert found is not None
    assert found.outcome == "ok"


def test_the_log_never_stops_a_run(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "log").write_text("a file where a folder should be")
    with watching.recorded(Settings(tmp_path), "ingest"):
        pass
    assert read_beat(tmp_path) is not None


def test_an_error_is_described_without_its_text() -> None:
    with pytest.raises(ValueError, match="Muster") as caught:
        int("Frau Muster")
    assert describe(caught.value).startswith("ValueError (tests/test_operations.py:")
    assert describe(ValueError("Frau Muster")) == "ValueError"


def test_german_times() -> None:
    assert german_time(datetime(2026, 7, 1, 22, 30)) == "02.07.2026, 00:30 Uhr"
    assert german_day(datetime(2026, 10, 31, 23, 30)) == date(2026, 11, 1)


# --- watch mode -------------------------------------------------------------------------------------------------------


class Watched:
    """The watch mode in a thread of its own, with fast looks."""

    def __init__(self, root: Path, run_once: Callable[[], object]) -> None:
        self.stop = watching.Stop()
        settings = Settings(root, settle_seconds=0.2)
        self.thread = threading.Thread(
            target=watching.watch, args=(settings, run_once), kwargs={"poll_seconds": 0.05, "stop": self.stop}
        )

    def __enter__(self) -> Watched:
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop.set()
        self.thread.join(20)
        assert not self.thread.is_alive()


def until(true: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def put(root: Path, name: str) -> Path:
    folder = root / "raw" / "inbox" / "06414"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"x")
    return folder / name


def test_watch_answers_a_drop_and_is_idle_otherwise(tmp_path: Path) -> None:
    ran: list[list[str]] = []

    def take() -> None:
        there = list((tmp_path / "raw" / "inbox").glob("*/*.xlsx"))
        ran.append([path.name for path in there])
        for path in there:
            path.unlink()

    with Watched(tmp_path, take):
        time.sleep(0.3)
        assert ran == []
        with exclusive(tmp_path):  # nobody holds the lock while it is idle
            pass
        assert watching.watcher_sign(tmp_path).exists()
        put(tmp_path, "a.xlsx")
        until(lambda: ran == [["a.xlsx"]])
        put(tmp_path, "b.xlsx")
        until(lambda: ran == [["a.xlsx"], ["b.xlsx"]])
    assert not watching.watcher_sign(tmp_path).exists()


def test_watch_survives_errors_and_does_not_hammer(tmp_path: Path) -> None:
    ran: list[int] = []

    def fail() -> None:
        ran.append(1)
        raise ValueError("Frau Muster")

    with Watched(tmp_path, fail):
        put(tmp_path, "a.xlsx")
        until(lambda: len(ran) == 1)
        time.sleep(0.4)
        assert len(ran) == 1  # tried again later, not at every look
        put(tmp_path, "b.xlsx")
        until(lambda: len(ran) == 2)
    (alarm,) = (tmp_path / "state" / "alarms" / "spool").iterdir()
    assert "ValueError" in alarm.read_text()
    assert "Muster" not in alarm.read_text()


def test_watch_waits_while_another_run_works(tmp_path: Path) -> None:
    ran: list[int] = []
    program = "import sys; from pathlib import Path; from warehouse.store import exclusive\n"
    program += "with exclusive(Path(sys.argv[1])): print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", program, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=REPOSITORY, **pipes) as holder:  # type: ignore[call-overload]
        holder.stdout.readline()
        put(tmp_path, "a.xlsx")
        with Watched(tmp_path, lambda: ran.append(1)):
            time.sleep(0.6)
            assert ran == []
            holder.stdin.close()
            until(lambda: ran == [1])


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Framework:
    """The smallest framework of the tests as the one in use."""
    folder = REPOSITORY / "tests" / "frameworks" / "gemeinden"
    monkeypatch.setenv("MONITOR_FRAMEWORK", str(folder))
    return load_framework(folder)


def test_watch_really_ingests(tmp_path: Path, framework: Framework) -> None:
    settings = Settings(tmp_path, settle_seconds=0.2)
    said: list[str] = []
    region, started = "06414", time.monotonic()
    with Watched(tmp_path, lambda: watching.run_once(settings, said.append)):
        cover = CoverAnswers(contact_name="Statistikstelle", nil=True)
        write_form(tmp_path / "raw" / "inbox" / region / "x.xlsx", framework, FormRequest(region, 2024, cover=cover))
        until(lambda: read_beat(tmp_path) is not None, 50)
    assert time.monotonic() - started < 60
    assert list((tmp_path / "outbox" / region).glob("*.html"))
    found = read_beat(tmp_path)
    assert found is not None
    assert (found.kind, found.generation) == ("watch", 1)
    assert log_lines(tmp_path)[-1]["counts"]["accepted"] == 1


def test_watch_mode_ends_on_sigterm(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from flows import watching; from flows.settings import Settings\n"
        "stop = watching.stop_on_signals(); print(flush=True)\n"
        "watching.watch(Settings(Path(sys.argv[1])), print, poll_seconds=60, stop=stop)"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], cwd=REPOSITORY, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    until(watching.watcher_sign(tmp_path).exists)
    process.terminate()
    assert process.wait(10) == 0
    process.stdout.close()


def test_a_signal_at_any_moment_of_a_wait_ends_it() -> None:
    program = (
        "import random, signal; from flows import watching\n"
        "for _ in range(500):\n"
        "    stop = watching.stop_on_signals()\n"
        "    signal.signal(signal.SIGALRM, lambda *asked: stop.set())\n"
        "    signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, 6e-5))\n"
        "    stop.wait(30); assert stop.is_set()"
    )
    subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, check=True, timeout=20)


# --- calendar, waivers, board -----------------------------------------------------------------------------------------


def test_calendar_of_a_year(framework: Framework) -> None:
    dates = Calendar(framework).dates(2025)
    assert dates.deadline == date(2026, 10, 31)
    assert [dates.occasion(date(2026, 10, day)) for day in (9, 10, 25, 26, 31)] == [None, 21, 21, 5, 5]
    assert [dates.occasion(date(2026, 11, day)) for day in (1, 15, 16)] == [-1, -1, None]
    phases = {day: dates.phase(date.fromisoformat(day)) for day in ("2026-08-31", "2026-10-31", "2026-11-01")}
    assert list(phases.values()) == ["noch nicht eröffnet", "Erhebung läuft", "Nachlieferung und Prüfung"]
    assert dates.phase(date(2027, 1, 31)) == "vorläufige Ergebnisse, Korrekturen möglich"
    assert dates.phase(date(2027, 3, 15)) == "endgültige Ergebnisse"
    assert Calendar(framework).open_years(TODAY) == (2025,)


def test_a_framework_without_calendar_has_its_deadline(small: Framework) -> None:
    dates = Calendar(small).dates(2024)
    assert (dates.deadline, dates.final) == (date(2025, 6, 30), date(2025, 6, 30))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("reminder_day: [1]\n", "calendar.yaml:1"),
        ("# x\nprovisional: {years_after: 1, month: 13, day: 1}\n", "calendar.yaml:2"),
        ("final: {years_after: 0, month: 1, day: 1}\n", "folgen nicht aufeinander"),
        ("years:\n  2025: {final: 2026-01-01, reason_de: x}\n", "2025 folgen nicht aufeinander"),
        ("years:\n  2025: {final: 2027-05-01}\n", "reason_de"),
        (
            "years:\n\n  2025: {deadline: 2025-12-01, reason_de: x}\n",
            "calendar.yaml:3: .* 2025 folgen nicht aufeinander",
        ),
        ("final: {years_after: 1, month: 2, day: 29}\n", "Berichtsjahres 2000 gibt es nicht"),
    ],
)
def test_a_wrong_calendar_is_refused_with_its_line(tmp_path: Path, tiny_folder: Path, text: str, why: str) -> None:
    folder = tmp_path / "framework"
    shutil.copytree(tiny_folder, folder)
    (folder / "calendar.yaml").write_text(text)
    with pytest.raises(FrameworkError, match=why):
        load_framework(folder)


def test_one_year_may_have_another_deadline_everywhere_and_no_number_changes(
    tmp_path: Path, tiny_folder: Path, tiny: Framework
) -> None:
    folder = tmp_path / "framework"
    shutil.copytree(tiny_folder, folder)
    (folder / "calendar.yaml").write_text("years:\n  2024: {deadline: 2025-07-31, reason_de: Hochwasser}\n")
    other = load_framework(folder)
    assert [other.deadline(year) for year in (2023, 2024)] == [date(2024, 6, 30), date(2025, 7, 31)]
    dates = Calendar(other).dates(2024)
    assert (dates.deadline, dates.final, dates.note) == (date(2025, 7, 31), date(2025, 7, 31), "Hochwasser")
    assert dates.reminder(21) == date(2025, 7, 10)
    (line, *_) = standings_of(tmp_path, other)
    assert line.days_before_deadline == 31
    assert other.content_hash == tiny.content_hash
    assert (len(other.calendar_hash), tiny.calendar_hash) == (64, "")
    path = write_form(tmp_path / "x.xlsx", other, FormRequest("06414", 2024))
    assert "31.07.2025" in "".join(str(cell.value) for row in load_workbook(path).worksheets[0].rows for cell in row)


def standings_of(root: Path, framework: Framework) -> list[Standing]:
    """One Fehlanzeige on the usual last day."""
    submission = Submission(
        "2025-06411-0001", "0" * 64, "x.xlsx", "06411", datetime(2025, 6, 30, 12), "06411", 2024, layout="form",
        verdict=Verdict.ACCEPTED, nil_return=True,
    )  # fmt: skip
    with writer(root, framework) as target:
        load_deliveries(target.connection, [CheckedDelivery(submission)], NOON, "run")
        return [line for line in standings(target.connection, framework, 2024) if line.submission]


WAIVER = """
- region: '06412'
  year: 2025
  approved_by: Geschäftsstelle
  approved_on: 2026-09-01
  reason: Umstellung des Verfahrens
  expires: 2026-11-22
"""


def test_waivers_are_strict_and_expire(tmp_path: Path, framework: Framework) -> None:
    path = tmp_path / "waivers.yaml"
    path.write_text(WAIVER)
    (waiver,) = load_waivers(tmp_path, framework)
    assert waiver.holds(TODAY)
    assert not waiver.holds(TODAY + timedelta(1))
    for old, new in (("'06412'", "'99999'"), ("  expires: 2026-11-22\n", ""), ("2026-11-22", "2026-08-01")):
        path.write_text(WAIVER.replace(old, new))
        with pytest.raises(FrameworkError, match=r"waivers\.yaml:\d"):
            load_waivers(tmp_path, framework)
    path.unlink()
    assert load_waivers(tmp_path, framework) == ()


def delivery(
    framework: Framework,
    region: str,
    number: int,
    day: date,
    *,
    without: tuple[str, ...] = (),
    verdict: Verdict = Verdict.ACCEPTED,
    findings: tuple[tuple[str, str, Severity, FindingState], ...] = (),
    nil: bool = False,
    nil_fields: tuple[str, ...] = (),
    year: int | None = 2025,
) -> CheckedDelivery:
    """One cell per variable of every field, except of the fields in `without` and `nil_fields`."""
    name = f"2026-{region or '00000'}-{number:04d}"
    moment = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    submission = Submission(
        name, f"{name:0<64}", "bogen.xlsx", region or "06611", moment, region, year, "2026.1", "form" if year else "",
        verdict, nil_return=nil, contact=f"Amt, amt{region}@example.org",
    )  # fmt: skip
    asked = [
        entry.code
        for entry in framework.variables.values()
        if entry.valid_in(2025) and framework.variable_field[entry.code] not in (*without, *nil_fields)
    ]
    cells = [
        Observation(region, 2025, code, (), None, "not_delivered", "Bogen", f"C{row}", "4711")
        for row, code in enumerate(asked, start=1)
    ]
    found = tuple(
        Finding(
            code, severity, "Der Wert 4711 fehlt.", "Bitte eintragen.", submission=name, variable=variable, state=state
        )
        for code, variable, severity, state in findings
    )
    counts = verdict.startswith("accepted") and not nil
    return CheckedDelivery(submission, tuple(cells) if counts else (), found, nil_fields)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, framework: Framework) -> Path:
    """A hand-made year: see `test_board_equals_a_hand_count`."""
    root = tmp_path_factory.mktemp("board")
    first, second, *_ = framework.fields
    variable = framework.variables_of(first, 2025)[0].code
    other = framework.variables_of(second, 2025)[0].code
    before, late = date(2026, 10, 21), date(2026, 11, 5)
    empty = tuple(
        (NOT_FILLED, entry.code, Severity.WARNING, FindingState.OPEN) for entry in framework.variables_of(second, 2025)
    )
    error = ("R001", variable, Severity.ERROR, FindingState.OPEN)
    asks = ("M15", variable, Severity.WARNING, FindingState.OPEN)
    answered = ("M15", other, Severity.WARNING, FindingState.CONFIRMED)
    back, remarks = Verdict.RETURNED, Verdict.ACCEPTED_WITH_REMARKS
    made = (
        delivery(framework, "06411", 1, before),
        delivery(framework, "06412", 1, before, verdict=back, findings=(error, error)),
        delivery(framework, "06412", 2, late, verdict=back, findings=(error,)),
        delivery(framework, "06413", 1, before, verdict=back, findings=(error,)),
        delivery(framework, "06413", 2, late, verdict=remarks, findings=(asks, answered)),
        delivery(framework, "06414", 1, before, without=(second,), verdict=remarks, findings=empty),
        delivery(framework, "06431", 1, late, nil=True),
        delivery(framework, "06432", 1, before, nil_fields=(second,)),
        delivery(framework, "", 1, late, verdict=Verdict.REFUSED, year=None),
    )
    with writer(root, framework) as target:
        for entry in made:
            load_deliveries(target.connection, [entry], entry.submission.received_at, "run")
    publish(root, framework)
    return root


def waive(region: str, field: str = "") -> Waiver:
    return Waiver(
        region=region, year=2025, field=field, approved_by="Geschäftsstelle", approved_on=date(2026, 9, 1),
        reason="Umstellung", expires=date(2026, 12, 31),
    )  # fmt: skip


@pytest.fixture(scope="module")
def found(published: Path, framework: Framework) -> Board:
    with open_snapshot(published) as snapshot:
        return board(
            snapshot.connection, framework, Calendar(framework), [waive("06433")], 2025, TODAY, snapshot.generation
        )


def test_board_equals_a_hand_count(found: Board, framework: Framework) -> None:
    regions = {region.region: region for region in found.regions}
    first, second, third, *_ = framework.fields
    assert {code: regions[code].state for code in ("06411", "06412", "06413", "06414", "06431", "06432", "06433")} == {
        "06411": DONE, "06412": BACK, "06413": QUESTIONS, "06414": PARTIAL, "06431": NIL, "06432": DONE, "06433": WAIVED,
    }  # fmt: skip
    reporters = framework.territory.reporters(reference_day(2025))
    assert len(found.regions) == len(reporters) == 33
    assert found.count(MISSING) == 33 - 7
    assert [(regions[c].rounds, regions[c].accepted_once, regions[c].days_early) for c in ("06411", "06412", "06413")] == [
        (1, True, 10), (2, False, -5), (2, True, -5),
    ]  # fmt: skip
    fields = {(r.region, f.field): f for r in found.regions for f in r.fields}
    assert (fields["06412", first].state, fields["06412", first].errors) == (BACK, 1)
    assert (fields["06413", first].questions, fields["06413", second].confirmed) == (1, 1)
    assert fields["06414", second].missing == len(framework.variables_of(second, 2025))
    assert fields["06432", second].state == NIL
    assert fields["06432", first].state == DONE
    assert fields["06414", third].state == DONE
    assert found.totals(first) == {"expected": 32, "received": 6, "accepted": 5, "confirmed": 4}
    assert found.totals(second) == {"expected": 32, "received": 5, "accepted": 4, "confirmed": 4}
    assert found.unassigned == {"06611": 1}
    assert "bestätigt 3, Rückfragen offen 1, unvollständig 1, zurückgegeben 1, fehlt 26" in as_text(found)


def test_waiver_of_one_field_takes_it_from_the_open_work(published: Path, framework: Framework) -> None:
    second = list(framework.fields)[1]
    with open_snapshot(published) as snapshot:
        calendar = Calendar(framework)
        kept = board(snapshot.connection, framework, calendar, [waive("06414", second)], 2025, TODAY)
        over = board(snapshot.connection, framework, calendar, [waive("06414", second)], 2025, date(2027, 1, 1))
    assert next(region.state for region in kept.regions if region.region == "06414") == DONE
    assert next(region.state for region in over.regions if region.region == "06414") == PARTIAL


def test_board_tells_a_declared_nil_field_from_silence_and_forgets_what_was_withdrawn(
    tmp_path: Path, framework: Framework
) -> None:
    first, second, *_ = framework.fields
    made = (
        delivery(framework, "06411", 1, TODAY, nil_fields=(second,)),
        delivery(framework, "06412", 1, TODAY, without=(second,)),  # an answer that the check would not let pass
        delivery(framework, "06413", 1, TODAY),
        delivery(framework, "06413", 2, TODAY, nil=True),
    )
    with writer(tmp_path, framework) as target:
        load_deliveries(target.connection, made, NOON, "run")

        def standing(region: str) -> RegionStanding:
            found = board(target.connection, framework, Calendar(framework), (), 2025, TODAY)
            return next(entry for entry in found.regions if entry.region == region)

        states = {region: {f.field: f.state for f in standing(region).fields} for region in ("06411", "06412")}
        assert (states["06411"][first], states["06411"][second]) == (DONE, NIL)
        assert (states["06412"][first], states["06412"][second]) == (DONE, MISSING)
        assert (standing("06413").state, standing("06413").deliveries) == (NIL, 2)
        withdraw(target.connection, "2026-06413-0002", "falsche Datei", "Amt 33", NOON)
        assert (standing("06413").state, standing("06413").deliveries) == (DONE, 1)
        withdraw(target.connection, "2026-06413-0001", "falsche Datei", "Amt 33", NOON)
        assert (standing("06413").state, standing("06413").deliveries) == (MISSING, 0)


class Page(HTMLParser):
    """What a screen reader needs: language, headings, header cells with scope."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.lang, self.levels, self.headers, self.words = "", [1], [], ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.lang = given.get("lang") or self.lang
        if tag in ("h1", "h2", "h3"):
            self.levels.append(int(tag[1]))
        if tag == "th":
            self.headers.append(given.get("scope"))

    def handle_data(self, data: str) -> None:
        self.words += data


def test_page_is_accessible_and_holds_no_value(tmp_path: Path, found: Board, framework: Framework) -> None:
    text = write_page([found], framework, tmp_path / "reports" / "board.html", NOON).read_text()
    page = Page(text)
    assert page.lang == "de"
    assert all(after <= before + 1 for before, after in zip(page.levels, page.levels[1:], strict=False))
    assert set(page.headers) <= {"col", "row"}
    for word in ("zurückgegeben", "Fehlanzeige", "Rückfragen offen", "Umstellung", "31.10.2026", "Darmstadt"):
        assert word in page.words
    assert "4711" not in text
    assert "@example.org" not in text
    assert "http" not in text.replace("http-equiv", "")


# --- what is installed ------------------------------------------------------------------------------------------------

SERVICES = sorted((REPOSITORY / "deploy").glob("*.service"))
HARDENED = {
    "User": "monitor-etl",
    "UMask": "0027",
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "ReadWritePaths": "/var/lib/monitor",
    "PrivateTmp": "yes",
    "IPAddressDeny": "any",
    "IPAddressAllow": "localhost",
    "CapabilityBoundingSet": "",
}


def unit(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(path.read_text())
    return parser


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_services_have_least_privilege(path: Path) -> None:
    service = unit(path)["Service"]
    assert {key: service.get(key) for key in HARDENED} == HARDENED
    assert service["MemoryMax"]
    assert service["ExecStart"].startswith("/opt/monitor/.venv/bin/")
    command = service["ExecStart"].split()
    if command[0].endswith("monitor"):
        from flows.cli import parser

        known = parser().format_help()
        assert command[1] in known or command[1] in ("alive", "watch", "board", "remind")


def test_timers_name_existing_services() -> None:
    timers = sorted((REPOSITORY / "deploy").glob("*.timer"))
    assert {path.stem for path in timers} >= {"monitor-nightly", "monitor-alive"}
    for path in timers:
        assert path.with_suffix(".service") in SERVICES
        assert unit(path)["Timer"]
    assert unit(REPOSITORY / "deploy" / "monitor-nightly.timer")["Timer"]["Persistent"] == "true"


def test_findings_are_no_failure_of_the_service() -> None:
    nightly = unit(REPOSITORY / "deploy" / "monitor-nightly.service")
    assert nightly["Service"]["SuccessExitStatus"] == "1"
    assert nightly["Unit"]["OnFailure"] == "monitor-alive.service"


def test_prefect_deployment_runs_one_at_a_time() -> None:
    (entry,) = yaml.safe_load((REPOSITORY / "prefect.yaml").read_text())["deployments"]
    path, _, name = entry["entrypoint"].partition(":")
    assert f"def {name}(" in (REPOSITORY / path).read_text()
    assert entry["concurrency_limit"] == {"limit": 1, "collision_strategy": "ENQUEUE"}
    assert entry["schedules"][0]["timezone"] == "Europe/Berlin"
    assert entry["work_pool"]["name"] == "monitor"


def test_every_alarm_has_a_section_in_the_runbook() -> None:
    source = "\n".join(path.read_text() for path in (REPOSITORY / "flows").glob("*.py"))
    told = set(re.findall(r'Alarm\(\s*"([A-Z]+)"', source))
    runbook = (REPOSITORY / "docs" / "runbook.md").read_text()
    assert told >= {"LAUF", "STILLE", "EINGANG", "UEBERNAHME", "ABBRUCH", "HAENGT", "WAECHTER", "UHR", "PLATTE"}
    assert {code for code in told if f"### {code}" not in runbook} == set()


@pytest.fixture(autouse=True)
def _no_alarm_leaves_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("MONITOR_"):
            monkeypatch.delenv(name)
