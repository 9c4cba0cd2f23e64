"""Of result tables that were made again in part only the rows are written that say something else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pytest

from schemas.framework_model import Framework
from schemas.shapes import Slice
from warehouse.contents import Contents
from warehouse.results import replace_all_results
from warehouse.store import Writer, writer

HERE, THERE = "06531", "06412"
Row = tuple[str, int, float | None, str]


@pytest.fixture
def opened(tmp_path: Path, framework: Framework) -> Iterator[Writer]:
    with writer(tmp_path, framework) as warehouse:
        yield warehouse


def whole_rows(opened: Writer, rows: list[dict[str, Any]]) -> pa.Table:
    """Rows of indicator_value with every column that the table has."""
    shape = opened.connection.sql("FROM indicator_value LIMIT 0").to_arrow_table().schema
    return pa.Table.from_pylist([{name: row.get(name) for name in shape.names} for row in rows], shape)


def test_rows_that_say_what_they_said_are_not_written_again(opened: Writer) -> None:
    def rows_of(changed: float) -> pa.Table:
        values = {2023: 1.0, 2024: changed, 2025: None}
        found = [{"region": HERE, "year": year, "value": value, "sex": "T"} for year, value in values.items()]
        return whole_rows(opened, found)

    place = "SELECT year, rowid FROM indicator_value ORDER BY year"
    replace_all_results(opened.connection, {"indicator_value": rows_of(1.0)})
    before = dict(opened.connection.execute(place).fetchall())
    replace_all_results(opened.connection, {"indicator_value": rows_of(2.0)}, {"indicator_value": Slice()})
    after = dict(opened.connection.execute(place).fetchall())
    assert [year for year in before if after[year] == before[year]] == [2023, 2025], "one without a value, too"
    found = opened.connection.execute("SELECT year, value FROM indicator_value ORDER BY year").fetchall()
    assert found == [(2023, 1.0), (2024, 2.0), (2025, None)]


@pytest.mark.parametrize("seed", range(8))
def test_whatever_was_stored_the_new_rows_stand_in_the_end(opened: Writer, seed: int) -> None:
    """Some are the same, some are told twice, some have no value; of another region and year everything stays."""
    dice = Random(seed)

    def some() -> list[Row]:
        places = [(region, year) for region in (HERE, THERE) for year in (2024, 2025)]
        told = [(*place, dice.choice([None, 1.0, 2.0]), dice.choice("TW")) for place in places]
        return told + dice.sample(told, dice.choice([0, 0, 2]))

    def table(told: list[Row]) -> pa.Table:
        return whole_rows(opened, [dict(zip(("region", "year", "value", "sex"), one, strict=True)) for one in told])

    for rows_alone in (Slice(), Slice(frozenset([HERE])), Slice(frozenset([HERE]), frozenset([2025]))):
        stored, new = some(), some()
        replace_all_results(opened.connection, {"indicator_value": table(stored)})
        replace_all_results(opened.connection, {"indicator_value": table(new)}, {"indicator_value": rows_alone})

        def inside(one: Row, rows_alone: Slice = rows_alone) -> bool:
            regions, years = rows_alone.regions, rows_alone.years
            return (regions is None or one[0] in regions) and (years is None or one[1] in years)

        wanted = [one for one in stored if not inside(one)] + [one for one in new if inside(one)]
        found = opened.connection.execute("SELECT region, year, value, sex FROM indicator_value").fetchall()
        assert Counter(found) == Counter(wanted)


@pytest.mark.parametrize("seed", range(6))
def test_what_a_table_holds_follows_from_what_was_written(opened: Writer, seed: int) -> None:
    """Beside reading it anew: rows that change, come and go, are told twice, have texts as numbers, or are all gone."""
    dice, seen, followed = Random(seed), Contents(opened.connection), list[bool]()

    def table(rows: int, twice: int) -> pa.Table:
        told = [(HERE, year, dice.choice([None, 0.0, 1.5]), dice.choice("TW")) for year in range(2020, 2020 + rows)]
        told += dice.sample(told, min(twice, rows))
        found = whole_rows(opened, [dict(zip(("region", "year", "value", "sex"), one, strict=True)) for one in told])
        return found.set_column(0, "region", found.column("region").dictionary_encode())

    for rows, twice, alone in ((4, 0, None), (5, 0, Slice()), (3, 2, Slice()), (4, 0, Slice()), (0, 0, Slice())):
        seen.of("indicator_value")
        changed = {} if alone is None else {"indicator_value": alone}
        written = replace_all_results(opened.connection, {"indicator_value": table(rows, twice)}, changed)
        seen.change(written)
        followed.append(written["indicator_value"] is not None)
        assert seen.of("indicator_value") == Contents(opened.connection).of("indicator_value")
    assert followed[:2] == [False, True], "one that is replaced as it is has to be read again"
