"""What enters the parts of a release: tables that say which part is told of what, and a digest of all that decides each.

Tables of the connection: `calc_home` (variable, year, part), `calc_touch` (point, year, part): figures with pieces in a part,
`calc_before` (cell, value, state, parts): the ledger's names with the parts of their cells.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import duckdb
import pyarrow as pa

from indicators.protection import ledger
from indicators.protection.forms import Sides
from indicators.protection.naming import terms_of
from indicators.protection.parting import Home, Where, names_by_home
from indicators.protection.policy import Policy
from schemas import sql
from schemas.plan import Plan

_YEAR = "try_cast(split_part(cell, '/', 2) AS INTEGER)"
_VARIABLE = "split_part(split_part(cell, '/', 3), '[', 1)"
_TERM = "/([0-9]+)/([A-Z][A-Z0-9_]*)\\["
_IN_PARTS = f"""
    WITH simple AS (
        SELECT cell, value, state, {_YEAR} AS year, {_VARIABLE} AS variable FROM calc_ledger
        WHERE NOT contains(cell, ' ') AND NOT contains(cell, '*')
    ), term AS (
        SELECT DISTINCT cell, unnest(regexp_extract_all(cell, '{_TERM}', 1)) AS year,
               unnest(regexp_extract_all(cell, '{_TERM}', 2)) AS variable
        FROM calc_ledger WHERE contains(cell, ' ') OR contains(cell, '*')
    ), several AS (
        SELECT cell, list(DISTINCT part ORDER BY part) AS parts
        FROM term t JOIN calc_home p ON p.year = CAST(t.year AS INTEGER) AND p.variable = t.variable GROUP BY cell
    )
    SELECT cell, value, state, [part] AS parts FROM simple JOIN calc_home USING (variable, year)
    UNION ALL SELECT cell, value, state, parts FROM calc_ledger JOIN several USING (cell)"""
"""A name of one term is cut; only longer ones are searched."""


def present(connection: duckdb.DuckDBPyConnection) -> list[Where]:
    """Variables and years of which anything was delivered."""
    rows = connection.execute("SELECT DISTINCT variable, year FROM calc_cell ORDER BY ALL")
    return [(variable, year) for variable, year in rows.fetchall()]


def number_parts(connection: duckdb.DuckDBPyConnection, parts: Sequence[Home]) -> dict[Where, int]:
    """Make `calc_home`; returns it."""
    number = {where: n for n, part in enumerate(parts) for where in sorted(part)}
    store(
        connection,
        "calc_home",
        pa.table(
            {
                "variable": pa.array([v for v, _ in number], pa.string()),
                "year": pa.array([y for _, y in number], pa.int32()),
                "part": pa.array(number.values(), pa.int32()),
            }
        ),
    )
    return number


def read_before(connection: duckdb.DuckDBPyConnection, earlier: pa.Table) -> None:
    """Make `calc_before` from the ledger."""
    connection.register("calc_ledger", earlier.select(ledger.SCHEMA.names))
    connection.execute(f"CREATE OR REPLACE TEMP TABLE calc_before AS {_IN_PARTS}")
    connection.unregister("calc_ledger")


def parts_of(connection: duckdb.DuckDBPyConnection, records: pa.Table) -> set[int]:
    """The parts that some records of the ledger speak of."""
    connection.register("calc_ledger", records.select(ledger.SCHEMA.names))
    rows = connection.execute(f"SELECT DISTINCT unnest(parts) FROM ({_IN_PARTS})").fetchall()
    connection.unregister("calc_ledger")
    return {part for (part,) in rows}


def tied_before(connection: duckdb.DuckDBPyConnection, policy: Policy, number: Mapping[Where, int]) -> list[set[Where]]:
    """What earlier releases told of several parts at once without telling its pieces, as later ones do."""
    guarded = {where: part for where, part in number.items() if policy.protects(where[0])}
    names = [name for (name,) in connection.execute(
        "SELECT DISTINCT cell FROM calc_before WHERE len(parts) > 1 AND state = ? ORDER BY cell", [ledger.SHOWN]
    ).fetchall()]  # fmt: skip
    if not names:
        return []
    pieces = [names_by_home(name, guarded) for name in names]
    told = _told(connection, sorted({name for own in pieces for name in own}))
    return [
        {(term.variable, term.year) for term in terms_of(name)} & guarded.keys()
        for name, own in zip(names, pieces, strict=True)
        if len(own) > 1 and not told.issuperset(own)
    ]


def _told(connection: duckdb.DuckDBPyConnection, names: list[str]) -> set[str]:
    connection.register("calc_wanted", pa.table({"cell": pa.array(names, pa.string())}))
    rows = connection.execute(
        "SELECT DISTINCT cell FROM calc_before SEMI JOIN calc_wanted USING (cell) WHERE state = ?", [ledger.SHOWN]
    ).fetchall()
    connection.unregister("calc_wanted")
    return {name for (name,) in rows}


def touch(
    connection: duckdb.DuckDBPyConnection, sides: Sequence[Sides], number: Mapping[Where, int]
) -> dict[tuple[int, int], tuple[int, ...]]:
    """Make `calc_touch`; returns the parts by point and year."""
    years = [year for (year,) in connection.execute("SELECT DISTINCT year FROM calc_told ORDER BY year").fetchall()]
    found: dict[tuple[int, int], tuple[int, ...]] = {}
    for point, told in enumerate(sides):
        bases = {(variable, lag) for form in told.all() for variable, _, lag in form}
        for year in years:
            parts = {number.get((variable, year - lag), -1) for variable, lag in bases}
            found[point, year] = tuple(sorted(parts - {-1}))
    rows = [(point, year, part) for (point, year), parts in found.items() for part in parts]
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    names = ("point", "year", "part")
    store(connection, "calc_touch", pa.table({n: pa.array(c, pa.int32()) for n, c in zip(names, columns, strict=True)}))
    return found


def digests(
    connection: duckdb.DuckDBPyConnection, policy: Policy, plan: Plan, parts: Sequence[Home], groups: Mapping[int, str]
) -> list[bytes]:
    """Of everything that decides what is hidden in each part, beside framework, code and engines; `groups` says who
    belongs to the aggregates of each year."""
    points = repr([(point.owner, point.key) for point in plan.points])
    dims = ", ".join(f"c.{name}" for name in sql.dimension_columns(policy.framework))
    entered = [
        _summed(connection, "calc_told o JOIN calc_touch p USING (point, year)",
                "o.region, o.year, o.point, o.members, o.numerator, o.denominator, o.reason"),
        _summed(connection, "calc_cell c JOIN calc_home p USING (variable, year)",
                f"c.region, c.year, c.variable, c.value, c.rank, {dims}"),
        _summed(connection, "(SELECT cell, value, state, unnest(parts) AS part FROM calc_before) p",
                "cell, value, state"),
    ]  # fmt: skip
    found = []
    for n, part in enumerate(parts):
        years = sorted({year for _, year in part})
        said = (
            policy.hash,
            points,
            sorted(part),
            [groups.get(year) for year in years],
            [one.get(n) for one in entered],
        )
        found.append(hashlib.blake2b(repr(said).encode(), digest_size=16).digest())
    return found


def forget(connection: duckdb.DuckDBPyConnection) -> None:
    """Give the tables up: the ledger is the larger part of them."""
    for name in ("calc_home", "calc_touch", "calc_before"):
        connection.execute(f"DROP TABLE IF EXISTS {name}")


def _summed(connection: duckdb.DuckDBPyConnection, source: str, columns: str) -> dict[int, tuple[int, ...]]:
    """Number and sums of two fingerprints of all rows, for each part; the order of rows does not matter."""
    rows = connection.execute(f"""
        SELECT p.part, count(*), sum(CAST(hash({columns}) AS HUGEINT)), sum(CAST(hash('again', {columns}) AS HUGEINT))
        FROM {source} GROUP BY p.part""").fetchall()
    return {part: tuple(sums) for part, *sums in rows}


def store(connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    """Make a table of the connection."""
    connection.register("calc_stored", table)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM calc_stored")
    connection.unregister("calc_stored")
