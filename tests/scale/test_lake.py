"""The lake holds what the embedded file holds, row for row: loads, corrections, registers, withdrawals, as of any moment."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from services import Services
from test_bulk_loading import NOW, REGIONS, at_once, delivery, one_by_one, stored

from schemas.framework_model import Framework
from schemas.shapes import CheckedDelivery, Slice, Verdict
from warehouse.access import rows
from warehouse.bulk_loading import load_prepared, prepare
from warehouse.delivery_tables import Vocabulary
from warehouse.lake import VARIABLE, LakeRefused, chosen, refuse_for_lake, tidy
from warehouse.loading import as_of
from warehouse.moving import move_in, move_out
from warehouse.places import Places
from warehouse.publishing import publish
from warehouse.results import replace_all_results
from warehouse.snapshot import open_snapshot
from warehouse.store import Writer, writer
from warehouse.stored import vocabulary_of
from warehouse.withdrawals import withdraw

pytestmark = pytest.mark.scale

DELIVERIES, CELLS = 400, 500

HOME, OTHER = REGIONS[:2]
PLAIN: dict[str, Any] = {
    "region": HOME,
    "year": 2025,
    "layout": "form",
    "verdict": Verdict.ACCEPTED,
    "nil": False,
    "cells": [(0, 0, False, "ok"), (0, 0, True, "ok"), (1, 1, False, "not_delivered")],
    "register": 2,
    "found": True,
}
FIRST = (
    {},
    {"region": OTHER},
    {"layout": "foreign", "cells": [(0, 0, False, "ok")], "register": None},
    {"verdict": Verdict.RETURNED},
    {"cells": [(0, 0, False, "not_delivered")], "register": 1},
)
SECOND = ({"region": OTHER, "nil": True, "register": None}, {"year": 2024}, {"register": 0, "cells": []}, {})


@pytest.fixture
def both(services: Services, tiny: Framework, tmp_path: Path) -> Iterator[tuple[Writer, Writer]]:
    """A warehouse in a file and one in a lake, opened for writing."""
    with writer(tmp_path / "file", tiny) as file, services.lake(), writer(tmp_path / "lake", tiny) as lake:
        yield file, lake


def deliveries(framework: Framework, first: int, asked: tuple[dict[str, Any], ...]) -> list[CheckedDelivery]:
    return [delivery(framework, number, PLAIN | what) for number, what in enumerate(asked, start=first)]


def test_history_is_the_same(both: tuple[Writer, Writer], tiny: Framework) -> None:
    """One by one and at once, with what is replaced, taken back and delivered again; and as of every moment."""
    file, lake = both
    for load, asked, first in ((one_by_one, FIRST, 1), (at_once, SECOND, 10), (at_once, SECOND, 10)):
        batch = deliveries(tiny, first, asked)
        assert load(lake, batch) == load(file, batch)
        assert stored(lake) == stored(file)
    for number in ("2026-06531-0005", "2026-06631-0010", "2026-06531-0013"):
        told = [withdraw(w.connection, number, "Irrtum", "Amt", NOW + timedelta(hours=1)) for w in both]
        assert told[0] == told[1]
        assert stored(lake) == stored(file)
    moments = {row[0] for row in rows(file.connection, "SELECT valid_from FROM observation_version")}
    moments |= {
        row[0]
        for row in rows(file.connection, "SELECT valid_to FROM observation_version WHERE valid_to > '2026-01-01'")
    }
    assert len(moments) > 5
    for moment in sorted(moments):
        seen = [sorted(map(str, as_of(w.connection, moment).to_pylist())) for w in both]
        assert seen[0] == seen[1]
    again = replace(deliveries(tiny, 20, ({},))[0])
    assert one_by_one(lake, [again]) == one_by_one(file, [again])
    assert stored(lake) == stored(file)


def test_results_adjusted_in_part_are_the_same(both: tuple[Writer, Writer]) -> None:
    """Rows that say something else, rows that say the same, rows that are told twice."""
    for regions, values in (
        (None, (1.0, 2.0)),
        ([HOME], (1.0, 3.0)),
        ([HOME, OTHER], (4.0, 3.0)),
        ([OTHER], (3.0, 3.0)),
    ):
        for warehouse in both:
            shape = warehouse.connection.sql("FROM indicator_value LIMIT 0").to_arrow_table().schema
            told = [{"region": region, "year": 2025, "value": value} for region in (HOME, OTHER) for value in values]
            rows_alone = {} if regions is None else {"indicator_value": Slice(frozenset(regions))}
            replace_all_results(
                warehouse.connection, {"indicator_value": pa.Table.from_pylist(told, shape)}, rows_alone
            )
        seen = [rows(w.connection, "SELECT region, value FROM indicator_value ORDER BY ALL") for w in both]
        assert seen[0] == seen[1]
        assert [value for region, value in seen[0] if regions is None or region in regions] == sorted(values) * len(
            regions or (HOME, OTHER)
        )


def test_moved_into_a_lake_tidied_and_moved_back(services: Services, tiny: Framework, tmp_path: Path) -> None:
    one, two, three = tmp_path / "one", tmp_path / "two", tmp_path / "three"
    with writer(one, tiny) as file:
        one_by_one(file, deliveries(tiny, 1, FIRST))
        before = stored(file)
    move_out(one, tiny, tmp_path / "out")
    with services.lake():
        assert move_in(two, tiny, tmp_path / "out").new
        lake = chosen()
        assert lake
        tidy(lake, Places(two))
        with open_snapshot(two) as snapshot:
            assert {name: rows(snapshot.connection, f"SELECT * FROM {name} ORDER BY ALL") for name in before} == before
        move_out(two, tiny, tmp_path / "back")
    move_in(three, tiny, tmp_path / "back")
    with writer(three, tiny) as file:
        assert stored(file) == before


def test_what_a_lake_cannot_do_is_said(services: Services, tiny: Framework, tmp_path: Path) -> None:
    with services.lake() as named, pytest.MonkeyPatch.context() as patch:
        with writer(tmp_path, tiny):
            pass
        with pytest.raises(LakeRefused, match="nur für die eingebettete Datei"):
            refuse_for_lake("Eine Sicherung")
        for elsewhere, why in (
            (named + "-elsewhere", "lässt sich nicht öffnen"),
            ("postgresql://monitor@127.0.0.1:1/x s3://monitor/x", "nicht zu erreichen"),
        ):
            patch.setenv(VARIABLE, elsewhere)
            with pytest.raises(LakeRefused, match=why), writer(tmp_path, tiny):
                pass


def many(framework: Framework, vocabulary: Vocabulary, turn: int) -> dict[str, pa.Table]:
    """Prepared rows of many deliveries, made from those of one; each turn is delivered anew."""
    (one,) = deliveries(framework, 1, ({"register": None, "found": False},))
    rows_of = prepare([one], vocabulary).tables
    ledger, value = rows_of["submission"], rows_of["observation_version"].slice(0, 1)
    regions = [f"{place:05d}" for place in range(DELIVERIES)]
    ids = [f"2026-{region}-{turn:04d}" for region in regions]
    sent = {"id": ids, "region": regions, "sender": regions, "sha256": [f"{turn}{name}" for name in regions]}
    said = {
        "submission_id": [name for name in ids for _ in range(CELLS)],
        "region": [name for name in regions for _ in range(CELLS)],
        "variable": [f"V{place}" for _ in range(DELIVERIES) for place in range(CELLS)],
    }
    return {
        "submission": _spread(ledger, DELIVERIES, sent),
        "observation_version": _spread(value, DELIVERIES * CELLS, said),
    }


def _spread(row: pa.Table, number: int, columns: dict[str, list[str]]) -> pa.Table:
    table = row.take(pa.array([0] * number))
    for name, column in columns.items():
        table = table.set_column(table.schema.get_field_index(name), name, pa.array(column))
    return table


def test_what_a_lake_costs(services: Services, tiny: Framework, tmp_path: Path) -> None:
    """Printed for docs/scaling.md: the one who loads, a correction of everything, and the publication."""
    print(f"\n{DELIVERIES} deliveries of {CELLS} values, {DELIVERIES * CELLS} rows, load {os.getloadavg()[0]:.1f}")
    with ExitStack() as stack:
        for place in ("file", "lake"):
            if place == "lake":
                stack.enter_context(services.lake())
            seconds = {}
            with writer(tmp_path / place, tiny) as opened:
                vocabulary = vocabulary_of(opened.connection)
                for turn, step in enumerate(("load", "correct all of it"), start=1):
                    coming = many(tiny, vocabulary, turn)
                    begun = time.monotonic()
                    result = load_prepared(opened.connection, coming, NOW, "run")
                    seconds[step] = time.monotonic() - begun
                    assert len(result.accepted) == DELIVERIES
                assert result.values_closed == DELIVERIES * CELLS
                begun = time.monotonic()
                ((current,),) = rows(opened.connection, "SELECT count(*) FROM observation")
                seconds["read what counts"] = time.monotonic() - begun
                assert current == DELIVERIES * CELLS
            begun = time.monotonic()
            assert publish(tmp_path / place, tiny).new
            seconds["publish"] = time.monotonic() - begun
            print(f"  {place}: " + ", ".join(f"{step} {value:.1f} s" for step, value in seconds.items()))
