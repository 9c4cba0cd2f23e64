"""The warehouse moves through a folder of Parquet files and is the same afterwards; nothing is filled twice or in part."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.ingesting import ingest
from flows.scaling.__main__ import main
from flows.settings import Settings
from indicators.compute import compute
from schemas.framework_model import Framework
from warehouse.access import rows
from warehouse.moving import LIST, MoveRefused, move_in, move_out
from warehouse.publishing import publish
from warehouse.results import replace_all_results
from warehouse.snapshot import open_snapshot
from warehouse.store import writer

CITY = "06414"
SHOWN = ("submission", "observation_version", "observation", "indicator_value", "run", "region", "release_ledger")


def content(root: Path) -> dict[str, list[tuple[Any, ...]]]:
    with open_snapshot(root) as snapshot:
        return {name: rows(snapshot.connection, f"SELECT * FROM {name} ORDER BY ALL") for name in SHOWN}


@pytest.fixture(scope="module")
def moved(tiny: Framework, drop: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A published warehouse with a delivery and its correction, and the folder it was written to."""
    root = tmp_path_factory.mktemp("moved")
    for name, density in (("a.xlsx", 80), ("b.xlsx", 81)):
        drop(root, CITY, name, year=2021, unit=str(density))
        with writer(root, tiny) as store:
            ingest(Settings(root, settle_seconds=0), tiny, store, name, lambda text: None)
    with writer(root, tiny) as store:
        replace_all_results(store.connection, compute(store.connection, tiny, "observation").tables)
    publish(root, tiny)
    move_out(root, tiny, root / "out")
    return root, root / "out"


def test_a_moved_warehouse_is_the_same(moved: tuple[Path, Path], tiny: Framework, tmp_path: Path) -> None:
    root, folder = moved
    generation = move_in(tmp_path, tiny, folder)
    assert content(tmp_path) == content(root)
    assert len(content(root)["observation_version"]) == 2 * len(content(root)["observation"]) > 0
    assert generation.new
    assert publish(tmp_path, tiny).number == generation.number
    with pytest.raises(MoveRefused, match="nur ein leerer"):
        move_in(tmp_path, tiny, folder)


def test_into_the_same_root_it_is_published_anew(moved: tuple[Path, Path], tiny: Framework, tmp_path: Path) -> None:
    """The generation that lies there was written by another version of the engine; the new one has the next number."""
    root, folder = moved
    with writer(tmp_path, tiny) as store:
        ((before,),) = rows(store.connection, "SELECT count(*) FROM meta_generation")
    assert before == 0
    publish(tmp_path, tiny)
    assert move_in(tmp_path, tiny, folder).number == 2
    assert content(tmp_path) == content(root)


def test_a_folder_that_does_not_fit_changes_nothing(moved: tuple[Path, Path], tiny: Framework, tmp_path: Path) -> None:
    root, folder = moved
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in folder.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    told = json.loads((copy / LIST).read_text())
    for spoiled, why in (
        (told | {"framework": "OTHER"}, "Rahmen OTHER"),
        (told | {"rows": {"submission": 2}}, "Tabellen passen nicht"),
        (told | {"rows": told["rows"] | {"submission": 99}}, "submission ist nicht vollständig"),
    ):
        (copy / LIST).write_text(json.dumps(spoiled))
        with pytest.raises(MoveRefused, match=why):
            move_in(tmp_path / "root", tiny, copy)
    (copy / LIST).unlink()
    with pytest.raises(MoveRefused, match="kein ausgelagerter"):
        move_in(tmp_path / "root", tiny, copy)
    with writer(tmp_path / "root", tiny) as store:
        assert rows(store.connection, "SELECT count(*) FROM submission") == [(0,)]
    with pytest.raises(MoveRefused, match="nicht leer"):
        move_out(root, tiny, folder)


def test_the_command_moves_and_refuses_in_the_language_asked_for(
    moved: tuple[Path, Path],
    tiny_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root, _ = moved
    monkeypatch.setenv("MONITOR_FRAMEWORK", str(tiny_folder))
    monkeypatch.setenv("MONITOR_DATA", str(root))
    assert main(["out", str(tmp_path / "folder"), "--lang", "en"]) == 0
    assert capsys.readouterr().out.endswith(f" rows written: {tmp_path / 'folder'}\n")
    assert main(["in", str(tmp_path / "folder"), "--lang", "en"]) == 2
    assert capsys.readouterr().err == "The warehouse holds deliveries already; only an empty one is filled.\n"
    monkeypatch.setenv("MONITOR_DATA", str(tmp_path / "new"))
    assert main(["in", str(tmp_path / "folder")]) == 0
    assert capsys.readouterr().out == "Datenbestand gefüllt und als Nr. 2 veröffentlicht.\n"


def test_what_stands_wrong_in_a_file_is_an_answer_and_no_fault(
    tmp_path: Path,
    tiny: Framework,
    tiny_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MONITOR_FRAMEWORK", str(tiny_folder))
    monkeypatch.setenv("MONITOR_DATA", str(tmp_path))
    (tmp_path / "settings.toml").write_text("unknown = 1")
    assert main(["out", str(tmp_path / "folder")]) == 2
    assert "„unknown“ ist keine Einstellung" in capsys.readouterr().err
    (tmp_path / LIST).write_text("[]")
    with pytest.raises(MoveRefused, match="kein ausgelagerter"):
        move_in(tmp_path / "root", tiny, tmp_path)
