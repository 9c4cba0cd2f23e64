"""A report of the same inputs is left alone; whatever differs, in the inputs or in a file, has it made anew."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from report_sample import YEAR, few_indicators, sample_data

from report import build
from report.build import build_report
from report.data import ReportData
from report.data_parts import DATA
from report.unchanged import fingerprint, note_of
from schemas.framework_model import Framework
from schemas.loading import load_framework

PARTS = ("site", DATA)


@pytest.fixture(scope="module")
def framework() -> Framework:
    whole = few_indicators(load_framework())
    code = next(code for code, entry in whole.indicators.items() if entry.gap)
    return replace(whole, indicators={code: whole.indicators[code]})


@pytest.fixture(scope="module")
def data(framework: Framework) -> ReportData:
    return sample_data(framework)


@pytest.fixture(scope="module")
def out(framework: Framework, data: ReportData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    build_report(data, framework, YEAR, folder, langs=("de",), parts=PARTS)
    return folder


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each time that anything was rendered."""
    times: list[int] = []
    whole = build.build_content
    monkeypatch.setattr(build, "build_content", lambda *given: (times.append(1), whole(*given))[1])
    return times


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_report_of_the_same_inputs_is_left_as_it_is(
    framework: Framework, data: ReportData, out: Path, rendered: list[int]
) -> None:
    before = state(out)
    shuffled = replace(data, published=data.published.sample(frac=1, random_state=3))
    start = build_report(shuffled, framework, YEAR, out, langs=("de",), parts=PARTS)
    assert (rendered, state(out)) == ([], before)
    assert start.is_file()


def _touch(folder: Path) -> None:
    page = folder / "site/de/index.html"
    page.write_bytes(page.read_bytes() + b" ")


def _add(folder: Path) -> None:
    (folder / "site/de/foreign.html").write_text("?")


def _remove(folder: Path) -> None:
    (folder / "site/de/index.html").unlink()


def _forget(folder: Path) -> None:
    note_of(folder).unlink()


def _other_manifest(folder: Path) -> None:
    manifest = folder / "manifest.json"
    manifest.write_bytes(manifest.read_bytes() + b"\n")


@pytest.mark.parametrize("spoil", [_touch, _add, _remove, _forget, _other_manifest], ids=lambda spoil: spoil.__name__)
def test_a_report_that_was_touched_is_made_anew(
    spoil: Callable[[Path], None], framework: Framework, data: ReportData, out: Path, rendered: list[int]
) -> None:
    before = {path: content for path, (content, _) in state(out).items()}
    spoil(out)
    build_report(data, framework, YEAR, out, langs=("de",), parts=PARTS)
    assert rendered == [1]
    assert {path: content for path, (content, _) in state(out).items()} == before


def test_a_report_with_a_failure_is_tried_again(
    framework: Framework, data: ReportData, tmp_path: Path, rendered: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("report.opendata.files.write_open_data", lambda *_: 1 / 0)
        build_report(data, framework, YEAR, tmp_path, langs=("de",), parts=PARTS)
    build_report(data, framework, YEAR, tmp_path, langs=("de",), parts=PARTS)
    assert rendered == [1, 1]
    assert (tmp_path / DATA).is_dir()


def test_every_input_counts(framework: Framework, data: ReportData, tmp_path: Path) -> None:
    """Also what no reader sees, and what is no part of the fingerprint of the framework."""
    published = data.published
    term = next(iter(framework.glossary.values()))
    glossary = {**framework.glossary, term.code: term.model_copy(update={"text_en": "other"})}
    outlines = tmp_path / "outlines.json"
    outlines.write_text("{}")
    parts = ("de",), PARTS, None
    found = [
        fingerprint(data, framework, YEAR, *parts),
        fingerprint(replace(data, published=published.assign(reason="other")), framework, YEAR, *parts),
        fingerprint(replace(data, published=published.iloc[1:]), framework, YEAR, *parts),
        fingerprint(replace(data, generation="2"), framework, YEAR, *parts),
        fingerprint(replace(data, sample=not data.sample), framework, YEAR, *parts),
        fingerprint(data, replace(framework, glossary=glossary), YEAR, *parts),
        fingerprint(data, framework, YEAR - 1, *parts),
        fingerprint(data, framework, YEAR, ("de", "en"), PARTS, None),
        fingerprint(data, framework, YEAR, ("de",), ("site",), None),
        fingerprint(data, framework, YEAR, ("de",), PARTS, outlines),
    ]
    assert len(set(found)) == len(found)


def test_another_process_finds_the_same_fingerprint() -> None:
    """Sets have another order in each process; the fingerprint has not."""
    code = (
        "from report_sample import *; from report.unchanged import fingerprint; from schemas.loading import load_framework\n"
        "framework = few_indicators(load_framework())\n"
        "print(fingerprint(sample_data(framework), framework, YEAR, ('de',), ('site',), None))"
    )
    paths = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1])])
    environment = {**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": paths}
    command = [sys.executable, "-c", code]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()
    framework = few_indicators(load_framework())
    assert said == fingerprint(sample_data(framework), framework, YEAR, ("de",), ("site",), None)
