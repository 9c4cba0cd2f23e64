"""Regions, indicators and members as numbers: whoever reads them gets the texts, in the order of texts."""

from __future__ import annotations

from pathlib import Path
from random import Random

import duckdb
import pyarrow as pa
from stored_results import warehouse
from test_standing import CODES, delivered

from indicators.coded import coded, of_few, plan_types, type_statement
from indicators.compute import compute
from indicators.laying_down import laying_down
from schemas.framework_model import Framework
from schemas.plan import indicator_plan
from schemas.shapes import TOTAL
from schemas.tables_asked import as_they_lie


def test_numbers_are_ordered_as_their_texts() -> None:
    texts = ["b", "Ä", "a", "B", "O'Brien", "", "a"]
    with duckdb.connect() as connection:
        connection.execute(type_statement("code_word", texts))
        connection.execute("CREATE TEMP TABLE words AS SELECT CAST(unnest(?) AS code_word) AS word", [texts])
        told = [word for (word,) in connection.execute("SELECT word FROM words ORDER BY word").fetchall()]
        as_texts = connection.execute("SELECT CAST(word AS VARCHAR) FROM words ORDER BY ALL").fetchall()
        few = connection.execute(
            f"SELECT {of_few('unnest(?)', 'b', 'a')} AS word ORDER BY word", [["b", "a"]]
        ).fetchall()
    assert told == [word for (word,) in as_texts] == sorted(texts)
    assert few == [("a",), ("b",)]


def test_what_has_no_number_stands_beside_no_figure(framework: Framework) -> None:
    """A stored break of a region that no figure speaks of any more."""
    with duckdb.connect() as connection:
        connection.execute(type_statement("code_region", ["06411"]))
        for statement in plan_types(framework, indicator_plan(framework, {}, CODES)):
            connection.execute(statement)
        given = pa.table({"region": ["06411", "06999"], "indicator": [CODES[0], CODES[0]], "year": [2024, 2024]})
        connection.register("given", given)
        found = connection.execute(f"FROM {coded(framework, 'given')} ORDER BY year, region NULLS LAST").fetchall()
        none = pa.table({"indicator": ["NONE"]} | {name.lower(): [TOTAL] for name in framework.dimension_order})
        connection.register("points", none)
        points = connection.execute(f"FROM {coded(framework, 'points', dimensions=True)}").fetchall()
    assert found == [("06411", CODES[0], 2024), (None, CODES[0], 2024)]
    assert points == [(None, *(TOTAL for _ in framework.dimension_order))]


def test_laid_down_tables_say_what_those_in_memory_say(framework: Framework, tmp_path: Path) -> None:
    """Numbers lie in the files; texts are all that others see, and nothing of it stays in the database."""
    cells = delivered(framework, Random(7))
    with warehouse(framework, cells, {}) as connection:
        texts = compute(connection, framework, "observation", CODES).tables
        with laying_down(tmp_path) as files:
            laid = compute(connection, framework, "observation", CODES, into=files).tables
            assert pa.types.is_dictionary(files.coded("indicator_trend")["region"].type)
            assert as_they_lie(laid, "indicator_trend") == files.coded("indicator_trend")
            assert as_they_lie(texts, "indicator_trend") is texts["indicator_trend"]
            assert not any(pa.types.is_dictionary(field.type) for table in texts.values() for field in table.schema)
            for name, table in texts.items():
                assert laid[name].equals(table), name
        kept = connection.execute("SELECT DISTINCT database_name FROM duckdb_types() WHERE type_name LIKE 'code_%'")
        assert kept.fetchall() == [("temp",)]


def test_what_is_fingerprinted_is_text(framework: Framework) -> None:
    """A number says something else where there are other regions: what a decision was made of would be mistaken."""
    with warehouse(framework, delivered(framework, Random(7)), {}) as connection:
        views: dict[str, list[str]] = {}
        real = duckdb.DuckDBPyConnection.execute

        class Watched:
            """Notes the columns that are numbers in what is fingerprinted."""

            def __getattr__(self, name: str) -> object:
                return getattr(connection, name)

            def execute(self, query: str, *given: object) -> duckdb.DuckDBPyConnection:
                if "hash(" in query and "calc_" in query:
                    for relation in ("calc_cell", "calc_told"):
                        if relation in query:
                            told = real(connection, f"DESCRIBE FROM {relation}").fetchall()
                            views[relation] = [column for column, kind, *_ in told if kind.startswith("ENUM")]
                return real(connection, query, *given)

        compute(Watched(), framework, "observation", CODES)  # type: ignore[arg-type]
    assert views == {"calc_cell": [], "calc_told": []}
