"""What the attack asks of a database is what the tables say, and what is made at once is what each would be alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import product
from types import SimpleNamespace
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stored_results import warehouse

from flows.auditing import _edition, _truth
from indicators.audit.asking import FIGURES, figures
from indicators.audit.audit import audit
from indicators.audit.delivered import Delivered
from indicators.audit.evidence import Evidence, Index, read_edition
from indicators.audit.facts import Facts
from indicators.audit.forms import Forms
from indicators.audit.ledger import Records
from indicators.audit.making import hanging_together
from indicators.audit.program import Contradiction, Rows, Solver
from indicators.audit.relations import Relations
from indicators.audit.system import System
from indicators.audit.targets import Truth
from indicators.audit.versions import TODAY, Versions
from indicators.compute import Results, compute
from schemas.framework_model import Framework
from schemas.shapes import Slice
from schemas.tables_asked import TablesAsked
from warehouse.access import lent
from warehouse.results import Completed

YEARS, REGIONS, CORRECTED = (2018, 2023, 2024, 2025), ("06411", "06412", "06413", "06414"), "06413"
INDICATOR = "ARB-05"


def cells(further: int = 0) -> dict[tuple[object, ...], int]:
    """Unemployed of two groups, some of them few."""
    found: dict[tuple[object, ...], int] = {}
    for (place, region), year, (number, group) in product(enumerate(REGIONS), YEARS, enumerate("AD")):
        found[region, year, "UNEMP", group] = 900 + 31 * place + 17 * number + year - 2018 + further
        found[region, year, "UNEMP_LT", group] = 2 if (place + year + number) % 3 == 0 else 300 + 7 * place + number
    return found


@pytest.fixture(scope="module")
def made(framework: Framework) -> Results:
    with warehouse(framework, cells(), {}) as connection:
        return compute(connection, framework, "observation", codes=[INDICATOR])


@pytest.fixture(scope="module")
def asked(framework: Framework, made: Results) -> Iterator[tuple[duckdb.DuckDBPyConnection, Completed]]:
    """The same tables, of which those of one region come tonight and all others are stored, beside what is old."""
    old = {name: table for name, table in made.tables.items() if "region" in table.column_names}
    with warehouse(framework, cells(), {}) as connection, warehouse(framework, cells(5), {}) as before:
        wrong = compute(before, framework, "observation", codes=[INDICATOR]).tables
        for name, table in old.items():
            stands = table.filter(pc.not_equal(table["region"], CORRECTED))
            gone = wrong[name].filter(pc.equal(wrong[name]["region"], CORRECTED))
            with lent(connection, {"before": pa.concat_tables([stands, gone.select(stands.column_names)])}):
                connection.execute(f"CREATE TABLE {name} AS FROM before")
        new = {name: table.filter(pc.equal(table["region"], CORRECTED)) for name, table in old.items()}
        connection.execute("CREATE VIEW observation_history AS SELECT *, TIMESTAMP '2026-01-01' AS valid_from, "
                           "CAST(NULL AS TIMESTAMP) AS valid_to FROM observation")  # fmt: skip
        whole = Completed(connection, new, dict.fromkeys(new, Slice(regions=frozenset({CORRECTED}))))
        with lent(connection, {FIGURES: figures(framework)}):
            yield connection, whole


def test_the_numbered_tables_are_read_as_the_tables_themselves(
    framework: Framework, made: Results, asked: tuple[duckdb.DuckDBPyConnection, Completed]
) -> None:
    connection, whole = asked
    forms, tables = Forms.of(framework), _edition(framework, whole)
    index = Index(framework, forms, [tables])
    plainly = Index(framework, forms, [made.tables])
    assert (index.regions, index.years) == (plainly.regions, plainly.years)
    one, other = (read_edition(framework, forms, index, edition) for edition in (tables, made.tables))
    for field in fields(Evidence):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        assert np.array_equal(mine, theirs, equal_nan=field.name not in ("state", "reported", "secret", "careless"))
    truth = _truth(framework, connection, whole)
    assert truth.observations is not None
    assert truth.values is not None
    assert 0 < truth.values.num_rows < made.values.num_rows
    plain = connection.sql("FROM observation").to_arrow_table()
    one_sent = Delivered.read(framework, forms, index, truth.observations, truth.cells)
    other_sent = Delivered.read(framework, forms, index, plain)
    assert one_sent.kinds == other_sent.kinds
    assert {*zip(*_columns(one_sent), strict=True)} == {*zip(*_columns(other_sent), strict=True)}
    assert len(one_sent.value) == len(other_sent.value) == len(cells())


def _columns(sent: Delivered) -> list[list[float]]:
    return [column.tolist() for column in (sent.region, sent.year, sent.kind, sent.value)]


@pytest.mark.parametrize("leaky", [False, True])
def test_what_is_asked_of_the_database_is_attacked_as_the_tables_are(
    framework: Framework, made: Results, asked: tuple[duckdb.DuckDBPyConnection, Completed], leaky: bool
) -> None:
    """The same verdicts, also where a hidden number is printed tonight."""
    connection, whole = asked
    plain = connection.sql("FROM observation").to_arrow_table()
    tables, new = dict(made.tables), {name: whole._tables[name] for name in whole}
    if leaky:
        tables, new = _shown(made, tables), _shown(made, new)
    edition = _edition(framework, Completed(connection, new, whole._partial))
    wanted = audit(framework, [tables], Truth(made.values, plain))
    found = audit(framework, [edition], _truth(framework, connection, whole))
    assert found.table.equals(wanted.table)
    assert (found.judged, found.verdicts) == (wanted.judged, wanted.verdicts)
    assert (found.leaks > 0) == leaky
    assert found.judged > 10


def _shown(made: Results, tables: dict[str, pa.Table]) -> dict[str, pa.Table]:
    """With every number of the corrected region as it is."""
    keys = [name for name in made.values.column_names if name in tables["indicator_published"].column_names]
    names = ("value", "numerator", "denominator", "status")
    places = [name for name in keys if name not in (*names, "lower", "upper", "cases", "flags", "method", "n_reported")]
    true = {tuple(row[key] for key in places): row for row in made.values.to_pylist() if row["region"] == CORRECTED}
    table = tables["indicator_published"]
    rows = [
        {**row, **{name: own[name] for name in names}} if (own := true.get(tuple(row[k] for k in places))) else row
        for row in table.to_pylist()
    ]
    return {**tables, "indicator_published": pa.Table.from_pylist(rows, schema=table.schema)}


@given(
    pairs=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=40), alone=st.sets(st.integers(0, 40))
)
def test_what_hangs_together_is_found_at_once(pairs: list[tuple[int, int]], alone: set[int]) -> None:
    groups = {number: {number} for number in {*alone, *(end for pair in pairs for end in pair)}}
    for one, other in pairs:
        both = groups[one] | groups[other]
        groups |= dict.fromkeys(both, both)
    one, other = np.array(pairs, np.int64).reshape(-1, 2).T
    names, first = hanging_together(np.array([*alone, *alone], np.int64), one, other)
    assert names.tolist() == sorted(groups)
    assert first.tolist() == [min(groups[number]) for number in sorted(groups)]


def test_equations_that_are_made_together_are_those_of_each_part(
    framework: Framework, made: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of them contradict themselves in the same way: a row that lost all of its terms stays with its part."""
    systems: list[System] = []
    found: list[Any] = []
    parts_of = System.parts

    def noted(system: System, targets: Any) -> Any:
        systems.append(system)
        found.extend(parts_of(system, targets))
        return found

    with warehouse(framework, cells(), {}) as connection, monkeypatch.context() as patched:
        patched.setattr(System, "parts", noted)
        audit(framework, [made.tables], Truth(made.values, connection.sql("FROM observation").to_arrow_table()))
    (system,), parts = systems, found
    assert len(parts) > 3
    place = [np.unravel_index(part.families[0], system.shape) for part in parts]
    own = [int(np.flatnonzero(system.variable_of_node == variable)[0]) for *_, variable in place]
    size = len(system.relations)
    for number in (1, 3):  # twice the same node, which cancels out
        region, year, _ = place[number]
        at = [np.full(2, int(one)) for one in (region, year, own[number])]
        zero = Relations(np.ones(1), np.ones(1), np.zeros(2, np.int64), np.array([1.0, -1.0]), *at)
        system.relations = Relations.joined([system.relations, zero])
        system.moment, system.doubtful = np.append(system.moment, TODAY), np.append(system.doubtful, False)
        parts[number] = replace(parts[number], relations=np.append(parts[number].relations, size))
        size += 1
    alone = [system.pieces([part])[0] for part in parts]
    for one, other in zip(system.pieces(parts), alone, strict=True):
        assert one.targets == other.targets
        for name in ("places", "doubtful"):
            assert np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("starts", "columns", "values", "low", "high"):
            assert np.array_equal(getattr(one.rows, name), getattr(other.rows, name))
    assert [number for number, one in enumerate(alone) if (np.diff(one.rows.starts) == 0).any()] == [1, 3]


def test_the_ledger_keeps_back_only_what_the_newest_edition_says_and_never_changed(framework: Framework) -> None:
    """Men are printed today, women are not; of the table of a year before anything changed."""
    forms = Forms.of(framework)
    index: Any = SimpleNamespace(region={"06413": 0}, year={2023: 0, 2024: 1})
    told = [f"06413/{year}/NATZ[SEX={sex}]" for year, sex in product((2023, 2024), "MW")]
    sums = [*told, "06413/2024/NATZ[SEX=M] + 06413/2024/NATZ[SEX=W]"]
    ledger = pa.table({"cell": sums, "value": [1.0, 2.0, 3.0, 4.0, 7.0], "state": ["shown"] * 5})
    records = Records.read(forms, index, ledger)
    nodes = np.full((1, 2, len(forms.nodes)), np.nan)
    nodes[0, :, forms.node("NATZ", {"SEX": "M"})] = 1.0
    variable, none = np.zeros(len(forms.nodes), np.int64), np.zeros(0, np.int64)
    family = np.array([[[0], [-1]]])
    versions = Versions([], np.zeros((1, 2, 0)), variable, variable, family, np.zeros((1, 0), np.int64),
                        none, none, np.zeros(0))  # fmt: skip
    found = records.told(versions, Facts(nodes))
    assert (found.relations.low.tolist(), set(found.moment.tolist())) == ([7.0, 4.0], {TODAY})
    unknown = records.told(versions, Facts(np.full_like(nodes, np.nan)))
    assert unknown.relations.low.tolist() == [7.0, 4.0, 3.0]


def test_a_row_of_one_unknown_is_a_bound() -> None:
    """2 <= x0 <= 5, -2 x1 >= -6, x0 + x1 <= 7; what contradicts itself by rows stays rows, and does not hold."""
    rows = [
        ({0: 1.0}, 2.0, 9.0),
        ({0: 2.0}, -math.inf, 10.0),
        ({1: -2.0}, -6.0, math.inf),
        ({0: 1.0, 1: 1.0}, 0.0, 7.0),
    ]
    left, least, most = Rows.of(3, rows).bounded()
    assert (len(left), least.tolist(), most.tolist()) == (1, [2.0, 0.0, 0.0], [5.0, 3.0, math.inf])
    solver = Solver(Rows.of(3, rows))
    assert [solver.solve(np.array([1.0, 1.0, 0.0]), most=most) for most in (True, False)] == [7.0, 2.0]
    assert solver.solve(np.array([0.0, 0.0, 1.0]), most=True) == math.inf
    nearly = Rows.of(1, [({0: 1.0}, -math.inf, 2.0), ({0: 1.0}, 2.0 + 1e-9, math.inf)])
    assert len(nearly.bounded()[0]) == 2
    assert Solver(nearly).solve(np.ones(1), most=True) == pytest.approx(2.0)
    for wrong in ([({0: 1.0}, -math.inf, 2.0), ({0: 1.0}, 3.0, math.inf)], [({0: 1.0}, -math.inf, -1.0)]):
        with pytest.raises(Contradiction):
            Solver(Rows.of(1, wrong)).solve(np.ones(1), most=True)


# --- one table at a time ---------------------------------------------------------------------------------------------


def test_a_table_is_asked_for_when_it_is_read_and_let_go_with_the_next() -> None:
    asked: list[str] = []

    def ask(name: str) -> pa.Table:
        asked.append(name)
        return pa.table({name: [1]})

    tables = TablesAsked(("one", "two"), ask)
    assert ("one" in tables, "three" in tables, list(tables), len(tables), asked) == (
        True,
        False,
        ["one", "two"],
        2,
        [],
    )
    assert tables["one"] is tables["one"]
    assert tables["two"].column_names == ["two"]
    assert tables["one"].column_names == ["one"]
    assert asked == ["one", "two", "one"]
    with pytest.raises(KeyError):
        tables["three"]
