"""What was opened before its turn is held, as long as there is room for it."""

from __future__ import annotations

from concurrent.futures import Future
from datetime import datetime
from pathlib import Path

import pytest

import flows.reading_ahead
from flows.reading_ahead import Readers
from intake.deliveries import Received
from intake.reading import Cell, Sheet, Workbook


def opened(cells: int) -> Future[Workbook]:
    found: Future[Workbook] = Future()
    sheet = Sheet("Blatt", False, {(1, column): Cell(1, column, float(column)) for column in range(1, cells + 1)})
    found.set_result(Workbook("x.xlsx", (sheet,)))
    return found


@pytest.fixture
def received(tmp_path: Path) -> Received:
    path = tmp_path / "x.xlsx"
    path.write_bytes(b"packed")
    return Received(path, path.name, "06413", "0" * 64, datetime(2026, 1, 1))


def held(readers: Readers, received: Received, workbook: Future[Workbook]) -> bool:
    readers.hold(received, workbook)
    return workbook in readers.held.values()


def test_a_held_workbook_is_not_opened_again(received: Received) -> None:
    with Readers() as readers:
        workbook = opened(3)
        assert held(readers, received, workbook)
        assert list(readers.ahead([received])) == [(received, workbook)]
        assert not readers.held


def test_there_is_room_for_so_many_values(received: Received, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flows.reading_ahead, "HELD_VALUES", 5)
    with Readers() as readers:
        assert held(readers, received, opened(3))
        assert not held(readers, received, opened(3))
        assert held(readers, received, opened(2))


def test_a_large_file_is_not_held(received: Received, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flows.reading_ahead, "LARGEST_HELD", 5)
    with Readers() as readers:
        assert not held(readers, received, opened(1))
