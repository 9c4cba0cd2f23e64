"""The nightly Prefect flow with its own temporary server: what it leaves behind, night after night.

A server takes many seconds to start, so all nights run in one process that is started once.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.wording import catalogue
from warehouse.store import exclusive

pytestmark = pytest.mark.prefect

REPOSITORY = Path(__file__).resolve().parents[1]
CITY, OTHER, THIRD, FOURTH = "06414", "06413", "06411", "06611"
Drop = Callable[..., Path]


def environment(root: Path, framework_folder: Path) -> dict[str, str]:
    """Nothing of the machine's own Prefect: neither its profile nor a server that happens to run."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "MONITOR_"))}
    return {
        **clean,
        "HOME": str(root),
        "MONITOR_DATA": str(root),
        "MONITOR_FRAMEWORK": str(framework_folder),
        "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'tests'}",
    }


def several_nights(root: str, waiting: str, out: str) -> None:
    """Runs in a process of its own: a night, one with nothing to do, one with a new file, one that our code breaks."""
    import flows.ingesting
    from flows.cli import main
    from warehouse.snapshot import open_snapshot

    def night(*options: str) -> dict[str, Any]:
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            code = main(["nightly", *options])
            main(["status", "--json"])
        printed, _, status = said.getvalue().partition("[\n")
        with open_snapshot(Path(root)) as snapshot:
            values = snapshot.connection.execute("SELECT * FROM indicator_value ORDER BY ALL").fetchall()
            return {
                "code": code,
                "printed": printed,
                "status": json.loads("[" + status),
                "generation": snapshot.generation,
                "values": values,
            }

    def deliver(name: str) -> None:
        inbox = Path(root) / "raw" / "inbox" / name
        inbox.mkdir(parents=True, exist_ok=True)
        os.rename(Path(waiting) / f"{name}.xlsx", inbox / f"{name}.xlsx")

    nights = [night(), night("--lang", "en")]
    deliver(THIRD)
    nights.append(night())

    def broken(*_: Any) -> None:
        raise ZeroDivisionError("our own fault")

    flows.ingesting.check_read = broken  # type: ignore[assignment]
    deliver(FOURTH)
    nights.append(night())
    Path(out).write_text(json.dumps(nights, default=str))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nightly")
    (folder / "settings.toml").write_text("settle_seconds = 0\n")
    return folder


@pytest.fixture(scope="module")
def nights(
    root: Path,
    tmp_path_factory: pytest.TempPathFactory,
    tiny_folder: Path,
    drop: Drop,
    tiny_values: Callable[..., dict[Any, Any]],
) -> list[dict[str, Any]]:
    drop(root, CITY, "Bogen.xlsx")
    drop(root, OTHER, "Bogen.xlsx", values={**tiny_values(), ("EW", "SEX=M"): 407})
    waiting = tmp_path_factory.mktemp("waiting")
    for region in (THIRD, FOURTH):
        path = drop(waiting, region, f"{region}.xlsx", values=tiny_values(2400))
        os.rename(path, waiting / path.name)
    out = waiting / "out.json"
    code = "import sys; from test_nightly import several_nights; several_nights(*sys.argv[1:])"
    ran = subprocess.run(
        [sys.executable, "-c", code, str(root), str(waiting), str(out)],
        cwd=REPOSITORY,
        env=environment(root, tiny_folder),
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert ran.returncode == 0, _told(ran.stderr)
    (root / "terminal.log").write_text(ran.stderr)
    found: list[dict[str, Any]] = json.loads(out.read_text())
    return found


def _told(stderr: str) -> str:
    """The end of what a process complained about, without what DuckDB says about itself when it is torn down."""
    return "\n".join(line for line in stderr.splitlines() if "leaked" not in line)[-3000:]


def artifacts(root: Path) -> list[tuple[str, str]]:
    """Text and description of the run reports that Prefect shows, oldest first."""
    with contextlib.closing(sqlite3.connect(root / "prefect" / "prefect.db")) as connection:
        query = "SELECT data, description FROM artifact WHERE key = 'nightly-report' ORDER BY created"
        return [(json.loads(data), description) for data, description in connection.execute(query)]


def values(night: dict[str, Any], region: str) -> list[list[Any]]:
    return [row for row in night["values"] if row[0] == region]


def states(night: dict[str, Any]) -> dict[str, str]:
    return {line["region"]: line["state"] for line in night["status"] if line["state"] != "fehlt"}


def test_the_exit_code_says_what_happened(nights: list[dict[str, Any]]) -> None:
    # something was returned; nothing to do; all well; our own fault
    assert [night["code"] for night in nights] == [1, 0, 0, 3]


def test_the_first_night_computes_and_publishes(nights: list[dict[str, Any]]) -> None:
    first = nights[0]
    assert first["generation"] == 1
    (value,) = values(first, CITY)
    assert 80.0 in value  # 1000 people on 12.5 square kilometres
    assert values(first, OTHER) == []  # returned: its values do not count
    assert states(first) == {CITY: "angenommen", OTHER: "zurückgegeben"}


def test_a_second_night_changes_nothing(nights: list[dict[str, Any]]) -> None:
    first, second = nights[:2]
    assert second["generation"] == first["generation"]
    assert second["values"] == first["values"]
    assert second["status"] == first["status"]


def test_a_file_dropped_in_between_is_in_the_status_and_in_the_indicators(nights: list[dict[str, Any]]) -> None:
    _, second, third = nights[:3]
    assert THIRD not in states(second)
    assert states(third)[THIRD] == "angenommen"
    assert values(second, THIRD) == []
    (value,) = values(third, THIRD)
    assert 192.0 in value
    assert third["generation"] == second["generation"] + 1


def test_a_night_that_our_code_breaks_keeps_what_was_there(nights: list[dict[str, Any]], root: Path) -> None:
    third, fourth = nights[2:]
    assert fourth["values"] == third["values"]
    assert FOURTH not in states(fourth)
    assert len(list((root / "raw" / "claims").iterdir())) == 1  # the file is kept for the next night


def test_every_night_leaves_a_report_whose_first_line_says_what_to_do(nights: list[dict[str, Any]], root: Path) -> None:
    reports = artifacts(root)
    assert len(reports) == len(nights)
    firsts = [text.splitlines()[0] for text, _ in reports]
    assert firsts == [
        "# Bitte nachfassen: 1 Lieferung zurückgegeben, 0 nicht lesbar.",
        "# Nichts zu tun.",
        "# Nichts zu tun.",
        "# Bitte prüfen: 1 Datei konnte wegen eines Programmfehlers nicht verarbeitet werden.",
    ]
    assert [f"# {description}" for _, description in reports] == firsts
    printed = [first.removeprefix("# ") for first in firsts]
    printed[1] = "Nothing to do."  # asked for in English
    assert all(first in night["printed"] for first, night in zip(printed, nights, strict=True))
    assert "Datenbestand Nr. 1 (unverändert)" in reports[1][0]


def test_every_line_is_heard_once_in_the_language_of_the_command_and_kept_in_german(
    nights: list[dict[str, Any]], root: Path
) -> None:
    """Only the second night and the last one keep their values; the second one spoke English."""
    german, english = (catalogue(lang)["run.values_stand"].removeprefix("{count} ") for lang in ("de", "en"))
    assert [night["printed"].count(english) for night in nights] == [0, 1, 0, 0]
    assert (root / "terminal.log").read_text().count(german) == 1
    with contextlib.closing(sqlite3.connect(root / "prefect" / "prefect.db")) as connection:
        ((kept,),) = connection.execute("SELECT count(*) FROM log WHERE message LIKE ?", [f"%{german}"])
    assert kept == 2


def test_prefect_keeps_everything_below_the_data_root(nights: list[dict[str, Any]], root: Path) -> None:
    assert (root / "prefect" / "prefect.db").exists()
    assert not (root / ".prefect").exists()  # HOME of the process


def test_two_nights_at_once_the_second_names_the_first_and_ends_with_two(
    tmp_path: Path, tiny_folder: Path, drop: Drop
) -> None:
    path = drop(tmp_path, CITY, "Bogen.xlsx")
    (tmp_path / "settings.toml").write_text("settle_seconds = 0\n")
    started = time.monotonic()
    with exclusive(tmp_path):
        second = subprocess.run(
            [sys.executable, "-m", "flows", "nightly"],
            cwd=REPOSITORY,
            env=environment(tmp_path, tiny_folder),
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert second.returncode == 2, second.stderr
    assert second.stderr.startswith("Nicht möglich: Der Datenbestand wird gerade von Prozess ")
    assert f"Prozess {os.getpid()} auf " in second.stderr
    assert "Traceback" not in second.stderr
    assert path.exists()  # nothing done
    assert not (tmp_path / "prefect").exists()  # and no server started for it
    assert time.monotonic() - started < 60
