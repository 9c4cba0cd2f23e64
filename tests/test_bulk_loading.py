"""Many deliveries at once leave the warehouse as one after the other does: every row of every table, moments included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import warehouse.loading
from schemas.framework_model import Framework
from schemas.shapes import CheckedDelivery, Finding, Observation, Record, Severity, Submission, Verdict
from warehouse.access import Connection, rows
from warehouse.bulk_loading import Tables, load_prepared, prepare
from warehouse.loading import load_deliveries, load_together
from warehouse.store import Writer, writer
from warehouse.stored import LoadResult, vocabulary_of

NOW = datetime(2026, 11, 23, 2, 0)
REGIONS = ("06531", "06631", "06411")
STORED = ("submission", "finding", "observation_version", "register_version", "record_version")
STATUSES = {"ok": Decimal("7.5"), "not_delivered": None}
Row = tuple[Any, ...]


def delivery(framework: Framework, number: int, what: dict[str, Any]) -> CheckedDelivery:
    """A delivery with at most two variables, two years, a register, a nil return, a finding: whatever `what` says."""
    region, year = what["region"], what["year"]
    submission = Submission(
        id=f"2026-{region}-{number:04d}",
        sha256=f"{what.get('same', number):064x}",
        file_name="bogen.xlsx",
        sender=region,
        received_at=NOW,
        region=region,
        year=year,
        framework_version=framework.version,
        layout=what["layout"],
        verdict=what["verdict"],
        nil_return=what["nil"],
    )
    variables = list(framework.variables)[:2]
    sex = next(iter(framework.dimension_order))
    seen = [
        Observation(region, about, variable, members, STATUSES[status], status, "Daten", f"C{place}", "7,5")
        for place, (variable, about, member, status) in enumerate(sorted(what["cells"]))
        for members in (((sex, next(iter(framework.dimensions[sex].members))),) if member else (),)
        for variable in (variables[variable],)
        for about in (year - about,)
    ]
    register = what["register"]
    return CheckedDelivery(
        submission,
        observations=() if what["nil"] else tuple(seen),
        findings=(Finding("X1", Severity.WARNING, "Satz.", "Abhilfe."),) if what["found"] else (),
        registers=("REG",) if register else (),
        records=tuple(Record(region, year, "REG", f"R{n}", {"NAME": "a"}, "Blatt", n) for n in range(register or 0)),
    )


def stored(opened: Writer) -> dict[str, list[Row]]:
    return {name: rows(opened.connection, f"SELECT * FROM {name} ORDER BY ALL") for name in STORED}


def one_by_one(opened: Writer, deliveries: Sequence[CheckedDelivery]) -> LoadResult:
    return load_deliveries(opened.connection, deliveries, NOW, "run")


def at_once(opened: Writer, deliveries: Sequence[CheckedDelivery]) -> LoadResult:
    prepared = prepare(deliveries, vocabulary_of(opened.connection))
    assert not prepared.failed
    return load_prepared(opened.connection, prepared.tables, NOW, "run")


def emptied(opened: Writer) -> Writer:
    for name in STORED:
        opened.connection.execute(f"DELETE FROM {name}")
    return opened


@pytest.fixture(scope="module")
def two(tiny: Framework, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Two warehouses of the tiny framework, opened for writing; in both a variable is counted from a register."""
    roots: list[Path] = [tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("many")]
    with writer(roots[0], tiny) as one, writer(roots[1], tiny) as many:
        for opened in (one, many):
            counted = [list(tiny.variables)[1]]
            opened.connection.execute("UPDATE variable SET register = 'REG' WHERE code = ?", counted)
        yield one, many


CELL = st.tuples(st.integers(0, 1), st.integers(0, 1), st.booleans(), st.sampled_from(sorted(STATUSES)))
DELIVERY = st.fixed_dictionaries(
    {
        "region": st.sampled_from(REGIONS[:2]),
        "year": st.sampled_from([2025, 2025, 2024]),
        "layout": st.sampled_from(["form", "foreign"]),
        "verdict": st.sampled_from(
            [Verdict.ACCEPTED, Verdict.ACCEPTED, Verdict.ACCEPTED_WITH_REMARKS, Verdict.RETURNED]
        ),
        "nil": st.sampled_from([False, False, False, True]),
        "cells": st.sets(CELL, min_size=1, max_size=4).map(lambda cells: {cell[:3]: cell for cell in cells}.values()),
        "register": st.sampled_from([None, 0, 2]),
        "found": st.booleans(),
    },
    optional={"same": st.integers(900, 901)},
)


@settings(max_examples=25, deadline=None)
@given(asked=st.lists(st.lists(DELIVERY, min_size=1, max_size=5), min_size=1, max_size=3))
def test_many_at_once_equal_one_after_the_other(
    two: tuple[Writer, Writer], tiny: Framework, asked: list[list[dict[str, Any]]]
) -> None:
    """Corrections, other layouts, nil returns, registers, duplicates, returned ones, over several loads."""
    one, many = map(emptied, two)
    number = 0
    for batch in asked:
        deliveries = [delivery(tiny, number + place, what) for place, what in enumerate(batch, start=1)]
        number += len(batch)
        assert at_once(many, deliveries) == one_by_one(one, deliveries)
        assert stored(many) == stored(one)
    again = at_once(many, deliveries)
    assert again.loaded == []
    assert stored(many) == stored(one)


def test_in_one_load_a_later_delivery_replaces_an_earlier_one(two: tuple[Writer, Writer], tiny: Framework) -> None:
    """The first is stored and closed at the moment of the second, which is closed by the nil return after it."""
    one, many = map(emptied, two)
    what = {"region": REGIONS[0], "year": 2025, "layout": "form", "verdict": Verdict.ACCEPTED, "nil": False}
    what |= {"register": None, "found": False, "cells": [(0, 0, False, "ok")]}
    batch = [delivery(tiny, number, what | {"nil": number == 3}) for number in (1, 2, 3)]
    assert at_once(many, batch) == one_by_one(one, batch)
    query = "SELECT submission_id, valid_from, valid_to FROM observation_version ORDER BY ALL"
    first, second = rows(many.connection, query)
    assert (first[2], second[2] > second[1]) == (second[1], True)
    assert stored(many) == stored(one)


def test_a_failing_load_leaves_nothing(two: tuple[Writer, Writer], tiny: Framework) -> None:
    _, many = map(emptied, two)
    cells = [(0, 0, False, "ok")]
    what = {"year": 2025, "layout": "form", "verdict": Verdict.ACCEPTED, "nil": False, "register": None, "found": True}
    good = [delivery(tiny, n, what | {"region": region, "cells": cells}) for n, region in enumerate(REGIONS)]
    prepared = prepare(good, vocabulary_of(many.connection))
    broken = prepared.tables["observation_version"].append_column("nowhere", [[1] * 3])
    with pytest.raises(Exception, match="nowhere"):
        load_prepared(many.connection, prepared.tables | {"observation_version": broken}, NOW, "run")
    assert all(not found for found in stored(many).values())


def test_what_cannot_be_stored_is_named_and_the_others_pass(two: tuple[Writer, Writer], tiny: Framework) -> None:
    _, many = map(emptied, two)
    what = {"year": 2025, "layout": "form", "verdict": Verdict.ACCEPTED, "nil": False, "register": None, "found": False}
    good = delivery(tiny, 1, what | {"region": REGIONS[0], "cells": [(0, 0, False, "ok")]})
    seen = good.observations[0]
    twice = CheckedDelivery(
        delivery(tiny, 2, what | {"region": REGIONS[1], "cells": []}).submission, (seen, seen._replace(cell="C9"))
    )
    prepared = prepare([twice, good], vocabulary_of(many.connection))
    assert list(prepared.failed) == [twice.submission.id]
    assert load_prepared(many.connection, prepared.tables, NOW, "run").loaded == [good.submission.id]


@pytest.mark.parametrize("whole", [True, False])
def test_when_one_load_breaks_the_deliveries_go_in_one_by_one(
    two: tuple[Writer, Writer], tiny: Framework, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    one, many = map(emptied, two)
    what = {"year": 2025, "layout": "form", "verdict": Verdict.ACCEPTED, "nil": False, "register": 1, "found": True}
    good = [delivery(tiny, n, what | {"region": r, "cells": [(0, 0, False, "ok")]}) for n, r in enumerate(REGIONS)]
    seen = good[1].observations[0]
    sent = [good[0], replace(good[1], observations=(seen, seen._replace(cell="C9"))), good[2]]
    if not whole:

        def full(connection: Connection, tables: Tables, *others: Any) -> LoadResult:
            if "submission" in tables and tables["submission"].num_rows > 1:
                raise OSError("no space left")
            return load_prepared(connection, tables, *others)

        monkeypatch.setattr(warehouse.loading, "load_prepared", full)
    result = load_together(many.connection, sent, NOW, "run")
    assert list(result.failed) == [good[1].submission.id]
    assert result.loaded == one_by_one(one, sent).loaded == [good[0].submission.id, good[2].submission.id]
    assert stored(many) == stored(one)


def test_one_on_which_our_code_breaks_does_not_stop_the_others(two: tuple[Writer, Writer], tiny: Framework) -> None:
    """A text that no table can hold, in the second of three; a fault of the disk would concern them all."""
    one, many = map(emptied, two)
    what = {"year": 2025, "layout": "form", "verdict": Verdict.ACCEPTED, "nil": False, "register": 1, "found": True}
    sent = [delivery(tiny, n, what | {"region": r, "cells": [(0, 0, False, "ok")]}) for n, r in enumerate(REGIONS)]
    sent[1] = replace(sent[1], submission=replace(sent[1].submission, file_name="\udcff.xlsx"))
    result = load_together(many.connection, sent, NOW, "run")
    assert result.failed == {sent[1].submission.id: "UnicodeEncodeError"}
    assert result.loaded == [sent[0].submission.id, sent[2].submission.id]
    one_by_one(one, [sent[0], sent[2]])
    assert stored(many) == stored(one)


def test_a_disk_that_refuses_is_no_fault_of_a_delivery(
    two: tuple[Writer, Writer], tiny: Framework, monkeypatch: pytest.MonkeyPatch
) -> None:
    what = {"year": 2025, "layout": "form", "verdict": Verdict.ACCEPTED, "nil": True, "register": 0, "found": False}
    sent = delivery(tiny, 1, what | {"region": REGIONS[0], "cells": []})

    def full(*_: Any) -> LoadResult:
        raise duckdb.IOException("IO Error: No space left on device")

    monkeypatch.setattr(warehouse.loading, "load_prepared", full)
    with pytest.raises(duckdb.IOException):
        load_together(emptied(two[0]).connection, [sent], NOW, "run")
