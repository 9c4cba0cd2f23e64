"""`monitor doctor` finds every planted problem, and says what to do about it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows import doctor, doctor_files
from flows.doctor_files import Check
from flows.heartbeat import Beat, write_beat
from flows.settings import Settings
from schemas.framework_model import Framework
from warehouse.places import Places
from warehouse.publishing import publish
from warehouse.store import writer

REPOSITORY = Path(__file__).resolve().parents[1]
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("MONITOR_", "PREFECT_")):
            monkeypatch.delenv(name)


@pytest.fixture
def healthy(tmp_path: Path, framework: Framework) -> Iterator[Path]:
    """A data root as the installation makes it, with one published generation."""
    mask = os.umask(0o027)
    try:
        for name in (*doctor_files.OWN_FOLDERS, "raw/archive", "raw/inbox/06414", "raw/inbox/hanau"):
            (tmp_path / name).mkdir(parents=True, exist_ok=True)
        for name in doctor_files.CLOSED:
            (tmp_path / name).mkdir(parents=True, mode=0o700)
            (tmp_path / name).chmod(0o700)
        tmp_path.chmod(0o751)
        with writer(tmp_path, framework):
            pass
        publish(tmp_path, framework)
        settings = tmp_path / "settings.toml"
        settings.write_text('[alarm]\nmail_to = ["a@example.org"]\nsmtp_host = "localhost"\nmin_free_mb = 1\n')
        write_beat(tmp_path, Beat(datetime.now(UTC), "ok", "abc", "nightly"))
        yield tmp_path
    finally:
        os.umask(mask)


def bad(found: Iterable[Check]) -> dict[str, Check]:
    return {check.name: check for check in found if not check.ok}


def test_a_healthy_root_passes_everything_but_what_this_machine_lacks(
    healthy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(doctor, "PROJECT", healthy)  # packages and scheduler are looked at in tests of their own
    found = doctor.checks(Settings(healthy))
    assert set(bad(found)) <= {"Prefect-Zeitplan"}, bad(found)
    assert len(found) >= 30
    assert all(check.message_de for check in found)
    assert doctor.as_records(found)[0]["name"] == "Python"


def test_every_planted_problem_is_found(healthy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = healthy / "raw" / "inbox"
    (inbox / "Irgendwer").mkdir()
    (inbox / "06414").chmod(0o777)
    (healthy / "raw" / "quarantine").chmod(0o750)
    (healthy / "settings.toml").chmod(0o644)
    places = Places(healthy)
    next(places.generations.glob("*.duckdb")).chmod(0o640)
    (places.generations / "monitor-1.duckdb.wal").write_bytes(b"x")
    (places.work / "warehouse.duckdb.wal").write_bytes(b"x")
    old = healthy / "raw" / "archive" / ".abc.xlsx.tmp"
    old.write_bytes(b"x")
    os.utime(old, (0, 0))
    claim = healthy / "raw" / "claims" / "0123"
    claim.mkdir()
    os.utime(claim, (0, 0))
    (healthy / "state" / "alarms" / "spool").mkdir()
    (healthy / "state" / "alarms" / "spool" / "x.json").write_text("{}")
    (healthy / "state" / "last_run.json").unlink()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    os.umask(0o022)
    everything = doctor.checks(Settings(healthy))
    found = bad(everything)
    assert set(found) - {"Prefect-Zeitplan", "Pakete"} == {
        "Absenderordner",
        "Fremde Schreibrechte",
        "Geschlossene Ordner",
        "Einstellungen",
        "Veröffentlichter Stand",
        "Protokolle",
        "Arbeitsdatei",
        "Unfertige Dateien",
        "Übernahmen",
        "Alarme",
        "Lebenszeichen",
        "Benutzer",
        "umask",
    }
    assert "Irgendwer" in found["Absenderordner"].message_de
    assert "raw/inbox/06414" in found["Fremde Schreibrechte"].message_de
    assert all(check.remedy_de for check in found.values())
    text = doctor.as_text(everything)
    assert text.startswith("Bitte beheben: ")
    assert doctor.exit_code(list(found.values())) == 1


def test_missing_root_and_closed_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(bad(doctor_files.folders(tmp_path / "none"))) == {"Datenordner"}
    (tmp_path / "raw").mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert set(bad(doctor_files.folders(tmp_path))) == {"Ordner", "Schreibrecht"}


def test_packages_are_compared_with_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("pandas==0.0.1 \\\n    --hash=sha256:00\nduckdb==99.0 ; python_version > '3'\nnicht-da==1.0\n")
    (check,) = bad(doctor.packages(lock)).values()
    assert "pandas" in check.message_de
    assert "statt 0.0.1" in check.message_de
    assert "duckdb" in check.message_de
    assert "nicht-da" not in check.message_de
    assert not bad(doctor.packages(tmp_path / "none"))


def test_disk_and_clock(healthy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (healthy / "settings.toml").write_text("[alarm]\nmin_free_mb = 999999999\n")
    assert "Plattenplatz" in bad(doctor_files.disk(healthy))
    assert set(bad(doctor_files.clock(healthy, datetime.now(UTC) + timedelta(hours=1)))) == {"Uhr"}
    assert set(bad(doctor_files.clock(healthy, datetime(2001, 1, 1, tzinfo=UTC)))) == {"Uhr", "Datum"}
    assert not bad(doctor_files.clock(healthy, datetime.now(UTC)))


def test_different_disks_and_a_remote_warehouse(healthy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_files, "_kind_of_file_system", lambda path: "nfs4")
    found = bad(doctor_files.file_system(healthy))
    assert set(found) == {"Art des Datenträgers"}
    real = Path.stat

    def stat(path: Path, **options: bool) -> os.stat_result:
        facts = real(path, **options)
        if path.name == "claims":
            return os.stat_result((*facts[:2], facts.st_dev + 1, *facts[3:]))
        return facts

    monkeypatch.setattr(Path, "stat", stat)
    assert "raw/claims" in bad(doctor_files.file_system(healthy))["Datenträger Eingang"].message_de


def test_who_holds_the_lock(healthy: Path) -> None:
    program = "import sys; from pathlib import Path; from warehouse.store import exclusive\n"
    program += "with exclusive(Path(sys.argv[1])): print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", program, str(healthy)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        holder.stdout.readline()
        (check,) = doctor.lock(healthy, datetime.now(UTC))
        assert check.ok
        assert str(holder.pid) in check.message_de
        assert bad(doctor.lock(healthy, datetime.now(UTC) + timedelta(hours=7)))
        holder.stdin.close()


def test_snapshot_that_points_nowhere(healthy: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert not bad(doctor.snapshot(healthy))
    next(Places(healthy).generations.glob("*.duckdb")).unlink()
    assert "ins Leere" in bad(doctor.snapshot(healthy))["Datenbestand"].message_de
    assert not bad(doctor.snapshot(tmp_path_factory.mktemp("fresh")))


def test_framework_waivers_and_contacts_are_read(healthy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not bad(doctor.framework(healthy))
    (healthy / "waivers.yaml").write_text(
        "- {region: '06412', year: 2025, approved_by: Amt, approved_on: 2020-01-01, reason: x, expires: 2020-02-01}\n"
    )
    assert set(bad(doctor.framework(healthy))) == {"Ausnahmen"}
    (healthy / "contacts.yaml").write_text("'99999': a@example.org\n")
    assert "contacts.yaml:1" in bad(doctor.framework(healthy))["Rahmen"].message_de
    monkeypatch.setenv("MONITOR_FRAMEWORK", str(healthy))
    assert set(bad(doctor.framework(healthy))) == {"Rahmen"}


def test_prefect_is_patient_local_and_reachable(healthy: Path) -> None:
    def names(**environment: str) -> set[str]:
        return set(bad(doctor.prefect(Settings(healthy), environment))) - {"Prefect-Zeitplan"}

    assert names() == set()
    assert names(PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS="20") == {"Prefect-Start"}
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert names(PREFECT_API_URL=f"http://127.0.0.1:{port}/api") == set()
    assert names(PREFECT_API_URL=f"http://127.0.0.1:{port}/api") == {"Prefect-Server"}
    home = healthy / "prefect"
    home.mkdir()
    (home / "profiles.toml").write_text(
        f'active = "here"\n[profiles.here]\nPREFECT_API_URL = "http://localhost.localdomain:{port}/api"\n'
    )
    assert "Prefect-Zugang" in names()


def test_a_scheduler_that_plans_nothing_is_found(healthy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.metadata

    for version, fine in (("2.1.9", False), ("2.0.58", True)):
        monkeypatch.setattr(importlib.metadata, "version", lambda name, found=version: found)
        assert ("Prefect-Zeitplan" not in bad(doctor.prefect(Settings(healthy), {}))) is fine


def test_a_check_that_breaks_counts_as_not_passed(healthy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(root: Path) -> Iterator[Check]:
        raise ValueError("4711")

    monkeypatch.setattr(doctor_files, "folders", broken)
    found = bad(doctor.checks(Settings(healthy)))["Ordner"]
    assert "ValueError" in found.message_de
    assert "4711" not in found.message_de
    (healthy / "settings.toml").write_text("[alarm]\nmail = 1\n")
    assert "Alarme" in bad(doctor.checks(Settings(healthy)))
