"""The offline check finds exactly what the server finds. The built program is tried only where it has been built."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from hashlib import sha256
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from intake.checking import Past, Received, check_deliveries
from intake.form import write_form
from intake.form_request import FormRequest
from intake.layout_loading import combine
from intake.layout_sample import write_sample
from intake.layouts import load_layouts
from intake.reply import as_text, machine_twin, receipt
from schemas.framework_model import Framework
from schemas.loading import load_framework
from schemas.shapes import CheckedDelivery, Record, member_key

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = ROOT / "dist" / ("monitor-check.exe" if os.name == "nt" else "monitor-check")
REAL = ROOT.parent / "shared" / "realdata"
YEAR = 2024
Values = Mapping[tuple[str, str], int]


@cache
def framework() -> Framework:
    return load_framework()


@cache
def app() -> ModuleType:
    """packaging/check_app.py; the folder is no package, because a package of that name exists already."""
    found = importlib.util.spec_from_file_location("check_app", ROOT / "packaging" / "check_app.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def delivery(path: Path, year: int = YEAR, **changed: int) -> Path:
    """A workbook of the shipped layout; `changed` replaces the value of a member key written with underscores."""
    layout = next(entry for entry in load_layouts(framework()) if entry.code == "WI-BEV")
    sheet = layout.sheets[0]
    columns = [column for column in sheet.columns if column.value and not column.optional]
    keys = [combine(framework(), (c.value, label)) for label, c in product(sheet.labels[0].values, columns) if c.value]
    values = {(variable, member_key(members)): 40 + number for number, (variable, members) in enumerate(keys)}
    values |= {("POP", key.replace("__", ",").replace("_eq_", "=")): value for key, value in changed.items()}
    write_sample(path, layout, framework(), values, year)
    return path


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """A form, a foreign table that does not add up, a file that is none."""
    form = write_form(tmp_path / "Erhebungsbogen Maß.xlsx", framework(), FormRequest("06414", YEAR))
    broken = tmp_path / "kaputt.xlsx"
    broken.write_bytes(b"PK\x03\x04 not a workbook")
    return [str(form), str(delivery(tmp_path / "fremd.xlsx")), str(broken)]


def on_the_server(files: list[str], past: Past | None = None) -> list[CheckedDelivery]:
    """What `monitor check` does without a snapshot."""
    now = datetime.now(UTC).replace(tzinfo=None)
    received = [
        Received(
            Path(name), Path(name).name, "", sha256(Path(name).read_bytes()).hexdigest(), now, f"PRUEFUNG-{number}"
        )
        for number, name in enumerate(files, start=1)
    ]
    return check_deliveries(framework(), received, past)


def timeless(twins: Any) -> Any:
    """Machine twins without the moment of the check."""
    for twin in twins:
        for entry in twin["validations"]:
            entry["event"].pop("time")
    return json.loads(json.dumps(twins))


# --- the same findings -------------------------------------------------------------------------------------------------


def test_the_program_finds_what_the_server_finds(files: list[str]) -> None:
    mine, theirs = app().check(framework(), files), on_the_server(files)
    assert [d.findings for d in mine] == [d.findings for d in theirs]
    assert [d.submission.verdict for d in mine] == [d.submission.verdict for d in theirs]
    assert timeless(app().twins(framework(), mine)) == timeless([machine_twin(framework(), d) for d in theirs])
    assert sum(len(d.findings) for d in mine) > 10


@pytest.mark.thorough
def test_the_same_texts_up_to_the_time(files: list[str]) -> None:
    def text(checked: CheckedDelivery) -> list[str]:
        lines = as_text(receipt(framework(), checked)).splitlines()
        return [line for line in lines if not line.startswith("  Eingegangen:")]

    mine, theirs = app().check(framework(), files), on_the_server(files)
    assert [text(d) for d in mine] == [text(d) for d in theirs]


@pytest.mark.thorough
def test_json_of_both_commands_in_processes_of_their_own(files: list[str], tmp_path: Path) -> None:
    environment = {**os.environ, "MONITOR_DATA": str(tmp_path / "empty"), "PYTHONPATH": str(ROOT)}
    environment.pop("MONITOR_FRAMEWORK", None)
    outputs = []
    for command in ([str(ROOT / "packaging" / "check_app.py")], ["-m", "flows", "check"]):
        found = subprocess.run(
            [sys.executable, *command, "--json", *files], env=environment, cwd=ROOT, capture_output=True, check=False
        )
        outputs.append((found.returncode, timeless(json.loads(found.stdout))))
    assert outputs[0] == outputs[1]
    assert outputs[0][0] == 2
    assert {twin["framework"]["hash"] for twin in outputs[0][1]} == {framework().content_hash}


@pytest.mark.thorough
def test_frozen_it_reads_in_its_own_process_and_finds_the_same(
    files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from intake import sandbox

    expected = [d.findings for d in on_the_server(files)]
    monkeypatch.setattr(sandbox.ReaderPool, "read", sandbox.ReaderPool.read)  # put back at the end
    monkeypatch.setattr(sandbox.subprocess, "Popen", lambda *_, **__: pytest.fail("a child was started"))
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert [d.findings for d in app().check(framework(), files)] == expected


# --- last year ---------------------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_last_years_own_file_is_what_the_warehouse_would_know(tmp_path: Path) -> None:
    now, before = delivery(tmp_path / "neu.xlsx"), delivery(tmp_path / "alt.xlsx", YEAR - 1, GRP_eq_A=900)
    (old,) = on_the_server([str(before)])
    known = {(o.variable, member_key(o.members)): (o.value, o.status) for o in old.observations}
    past = Past(values=lambda region, year: known if (region, year) == ("06414", YEAR - 1) else {})
    (mine,) = app().check(framework(), [str(now)], previous=[str(before)])
    (theirs,) = on_the_server([str(now)], past)
    (without,) = on_the_server([str(now)])
    assert known["POP", "GRP=A"][0] == Decimal(900)
    assert mine.findings == theirs.findings
    assert mine.findings != without.findings


def test_a_previous_file_that_cannot_be_read_is_refused(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert app().main([files[1], "--previous", files[2]]) == 2
    assert "Die Vorjahresdatei „kaputt.xlsx“ kann nicht gelesen werden." in capsys.readouterr().err


# --- what the coordinator gets -------------------------------------------------------------------------------------------


def test_the_answer_lies_beside_the_file(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert app().main([files[1]]) == 1
    shown = capsys.readouterr().out
    base = Path(files[1]).with_name("fremd_Pruefung")
    html, text = (base.with_name(base.name + suffix).read_text("utf-8") for suffix in (".html", ".txt"))
    assert text.startswith("Ergebnis: Korrektur erforderlich")
    assert text.splitlines()[0] in shown
    for content in (html, text):
        assert "es wurde nichts eingereicht" in content
        assert framework().content_hash in content
    assert f"Geschrieben: {base}.html" in shown
    assert not list(Path(files[1]).parent.glob("*.json"))


def test_two_files_of_one_name_do_not_share_an_answer() -> None:
    names = [path.name for path in app()._base_names(["a/x.xlsx", "a/x.xls", "b/x.xls"])]
    assert names == ["x.xlsx_Pruefung", "x.xls_Pruefung", "x_Pruefung"]


@pytest.mark.thorough
def test_where_nothing_can_be_written_the_answer_is_shown(
    files: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Keine Berechtigung")

    monkeypatch.setattr(app(), "write_answer", refuse)
    assert app().main([files[1]]) == 1
    shown = capsys.readouterr().out
    assert "Neben der Datei kann nicht geschrieben werden (Keine Berechtigung)" in shown
    assert "Was ist zu tun?" in shown


def test_without_files_there_is_help_in_german(capsys: pytest.CaptureFixture[str]) -> None:
    assert app().main([]) == 0
    shown = capsys.readouterr().out
    assert "Ziehen Sie Ihre Excel-Datei" in shown
    assert framework().content_hash in shown


def test_a_missing_file_is_refused_in_german(capsys: pytest.CaptureFixture[str]) -> None:
    assert app().main(["gibt-es-nicht.xlsx"]) == 2
    assert "Die Datei „gibt-es-nicht.xlsx“ gibt es nicht." in capsys.readouterr().err


def test_it_never_starts_itself_as_an_interpreter() -> None:
    assert app().main(["-I", "-c", "print(1)"]) == 3


def test_neither_flows_nor_prefect_nor_the_warehouse_are_loaded(files: list[str]) -> None:
    code = (
        "import runpy, sys; sys.argv = ['check_app.py', '--json', sys.argv[1]]\n"
        "try: runpy.run_path('packaging/check_app.py', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "print({name.split('.')[0] for name in sys.modules} & {'flows', 'prefect', 'warehouse', 'report'}, file=sys.stderr)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, files[1]], cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=True
    )
    assert found.stderr.strip() == "set()"


# --- the built program -----------------------------------------------------------------------------------------------------

built = pytest.mark.skipif(not PROGRAM.is_file(), reason="not built (make check-app)")


def run_built(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """The program with nothing around it: no environment, so no Python and no path to one."""
    kept = {name: os.environ[name] for name in ("SYSTEMROOT", "TEMP") if name in os.environ and os.name == "nt"}
    return subprocess.run([str(PROGRAM), *arguments], env=kept, capture_output=True, check=False)


@built
def test_the_built_program_finds_what_the_server_finds(files: list[str]) -> None:
    version = run_built("--version").stdout.decode()
    if framework().content_hash not in version:
        pytest.skip("built from another framework; build it again")
    found = run_built("--json", *files)
    theirs = [machine_twin(framework(), checked) for checked in on_the_server(files)]
    assert timeless(json.loads(found.stdout)) == timeless(theirs)
    assert found.returncode == 2


@built
@pytest.mark.skipif(not REAL.is_dir(), reason="the hostile files are not here")
def test_the_built_program_survives_hostile_files() -> None:
    names = sorted(str(path) for path in (REAL / "hostile").iterdir())
    found = run_built("--json", *names)
    twins = json.loads(found.stdout)
    assert found.returncode == 2
    assert len(twins) == len(names)
    assert {twin["verdict"] for twin in twins} <= {"refused", "returned"}


def test_the_entries_of_the_registers_are_compared_with_last_years_own_workbook(tmp_path: Path) -> None:
    def register(name: str, year: int, *names: str) -> str:
        kept = [
            Record("06414", year, "ORGANISATION", f"O-{n}", {"NAME": found, "ACTIVE": "yes"}, "", 0)
            for n, found in enumerate(names, start=1)
        ]
        request = FormRequest("06414", year, records={"ORGANISATION": kept}, registers_only=True)
        return str(write_form(tmp_path / name, framework(), request))

    before = register("vorher.xlsx", YEAR - 1, "Haus der Kulturen", "Verein Brücke")
    now = register("jetzt.xlsx", YEAR, "Haus der Kulturen")
    (alone,), (compared,) = (app().check(framework(), [now], previous=past) for past in ([], [before]))
    assert [found.code for found in alone.findings] == []
    assert [found.code for found in compared.findings] == ["E26"]
    assert "Verein Brücke (O-2)" in compared.findings[0].message
