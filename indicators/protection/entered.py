"""What enters the parts of a release: tables that say which part is told of what, and a digest of all that decides each.

Tables of the connection: `calc_home` (variable, year, part, guarded), `calc_touch` (point, year, part, above, below): figures
with pieces in a part, and whether the numbers above and below decide anything there, `calc_before` (cell, value, state, batch,
parts): the ledger's longer names with the parts of their cells, `calc_record` (part, cell, value, state, batch): names that
tell something of one part alone. A batch are the records of one release.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from indicators.protection import ledger
from indicators.protection.decision import table_of
from indicators.protection.figures import small
from indicators.protection.forms import Sides
from indicators.protection.naming import terms_of
from indicators.protection.parting import Home, Where, is_share, names_by_home
from indicators.protection.policy import Policy
from schemas import sql
from schemas.plan import Plan

MOMENT = "published_at"
"""Column of the ledger by which the records of one release are told from those of others."""
_YEAR = "try_cast(split_part(cell, '/', 2) AS INTEGER)"
_VARIABLE = "split_part(split_part(cell, '/', 3), '[', 1)"
_TERM = "/([0-9]+)/([A-Z][A-Z0-9_]*)\\["
_LONG = "(contains(cell, ' ') OR contains(cell, '*'))"
_SHORT_NAMES = f"""
    SELECT part, cell, value, state, batch FROM (
        SELECT cell, value, state, batch, {_YEAR} AS year, {_VARIABLE} AS variable
        FROM calc_ledger WHERE NOT {_LONG} AND {{within}}
    ) JOIN calc_home USING (variable, year) WHERE guarded"""
_LONG_NAMES = f"""
    WITH long AS (
        FROM calc_ledger WHERE {_LONG} AND {{within}}
    ), term AS (
        SELECT DISTINCT cell, unnest(regexp_extract_all(cell, '{_TERM}', 1)) AS year,
               unnest(regexp_extract_all(cell, '{_TERM}', 2)) AS variable FROM long
    ), several AS (
        SELECT cell, list(DISTINCT part ORDER BY part) FILTER (guarded) AS parts
        FROM term t JOIN calc_home p ON p.year = CAST(t.year AS INTEGER) AND p.variable = t.variable GROUP BY cell
    )
    SELECT cell, value, state, batch, parts FROM long JOIN several USING (cell) WHERE len(parts) > 0"""
"""A name of one term is cut; only longer ones are searched. What nobody protects decides nothing."""
_ONE_PART = "SELECT parts[1] AS part, cell, value, state, batch FROM ({}) WHERE len(parts) = 1"
"""Who knows a name of several parts knows its pieces by names of their own (see `tied_before`)."""
_NONE = (0, 0, 0)
_TOUCH = pa.schema(
    [*((n, pa.int32()) for n in ("point", "year", "part")), ("above", pa.bool_()), ("below", pa.bool_())]
)
Sums = dict[int, tuple[int, ...]]
"""Number and sums of fingerprints of the rows of each part."""


def present(connection: duckdb.DuckDBPyConnection) -> list[Where]:
    """Variables and years of which anything was delivered (`calc_present`)."""
    rows = connection.execute("FROM calc_present ORDER BY ALL")
    return [(variable, year) for variable, year in rows.fetchall()]


def number_parts(connection: duckdb.DuckDBPyConnection, policy: Policy, parts: Sequence[Home]) -> dict[Where, int]:
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
                "guarded": pa.array([policy.protects(v) for v, _ in number], pa.bool_()),
            }
        ),
    )
    return number


def read_before(connection: duckdb.DuckDBPyConnection, earlier: pa.Table, years: Iterable[int] | None = None) -> int:
    """Make `calc_before` and `calc_record` from the ledger (names that speak of some `years` alone); returns the number of the
    batch that this release will add. Without moments of releases all is one batch."""
    moments = earlier.column(MOMENT) if MOMENT in earlier.schema.names else None
    batch = np.ones(earlier.num_rows) if moments is None else pc.rank(moments, tiebreaker="dense")
    _register(connection, earlier, pa.array(batch, pa.int32()))
    within = (
        "true" if years is None else " OR ".join(f"contains(cell, '/{year}/')" for year in sorted(years)) or "false"
    )
    short, long = (text.format(within=f"({within})") for text in (_SHORT_NAMES, _LONG_NAMES))
    connection.execute(f"CREATE OR REPLACE TEMP TABLE calc_before AS {long}")
    both = f"{short} UNION ALL {_ONE_PART.format('FROM calc_before')}"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE calc_record AS {both}")
    return 1 + (pc.max(batch).as_py() or 0) if moments is not None else 1


def read_additions(connection: duckdb.DuckDBPyConnection, records: pa.Table, batch: int) -> set[int]:
    """Make `calc_added` from the records of this release, as `calc_record`; returns the parts that they speak of."""
    _register(connection, records, pa.array(np.full(records.num_rows, batch), pa.int32()))
    short, long = (text.format(within="true") for text in (_SHORT_NAMES, _LONG_NAMES))
    connection.execute(f"CREATE OR REPLACE TEMP TABLE calc_added AS {short} UNION ALL {_ONE_PART.format(long)}")
    return {part for (part,) in connection.execute("SELECT DISTINCT part FROM calc_added").fetchall()}


def _register(connection: duckdb.DuckDBPyConnection, records: pa.Table, batch: pa.Array) -> None:
    connection.register("calc_ledger", records.select(ledger.SCHEMA.names).append_column("batch", batch))


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
        "SELECT DISTINCT cell FROM calc_ledger SEMI JOIN calc_wanted USING (cell) WHERE state = ?", [ledger.SHOWN]
    ).fetchall()
    connection.unregister("calc_wanted")
    return {name for (name,) in rows}


def touch(
    connection: duckdb.DuckDBPyConnection,
    policy: Policy,
    plan: Plan,
    sides: Sequence[Sides],
    number: Mapping[Where, int],
) -> dict[tuple[int, int], tuple[int, ...]]:
    """Make `calc_touch`; returns the parts by point and year.

    The number of a side decides something in a part that has a protected piece of it, or where it leaves a remainder. Where
    nothing is protected it stands for itself: the names of the part are told anew when it changes.
    """
    guarded = {part for (variable, _), part in number.items() if policy.protects(variable)}
    years = [year for (year,) in connection.execute("SELECT DISTINCT year FROM calc_told ORDER BY year").fetchall()]
    found: dict[tuple[int, int], tuple[int, ...]] = {}
    rows: list[tuple[object, ...]] = []
    for n, (point, told) in enumerate(zip(plan.points, sides, strict=True)):
        bases = {(variable, lag) for form in told.all() for variable, _, lag in form}
        weighty = [
            {(variable, lag) for variable, _, lag in form or () if policy.protects(variable)}
            for form in (told.numerator, told.denominator)
        ]
        share = is_share(policy, point.owner)
        for year in years:
            own = {number.get((variable, year - lag), -1) for variable, lag in bases}
            found[n, year] = tuple(sorted(own - {-1}))
            weighs = [{number.get((variable, year - lag), -1) for variable, lag in side} for side in weighty]
            for part in found[n, year]:
                rows.append((n, year, part, *(share or part in side or part not in guarded for side in weighs)))
    store(connection, "calc_touch", table_of(rows, _TOUCH))
    return found


class Entered:
    """Everything that decides what is hidden in each part, beside framework, code and engines; `groups` says who belongs
    to the aggregates of each year."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        policy: Policy,
        plan: Plan,
        parts: Sequence[Home],
        groups: Mapping[int, str],
    ) -> None:
        self.connection = connection
        points = repr([(point.owner, point.key) for point in plan.points])
        self.points = (policy.hash, hashlib.blake2b(points.encode(), digest_size=16).hexdigest())
        self.parts = parts
        self.groups = groups
        dims = ", ".join(f"c.{name}" for name in sql.dimension_columns(policy.framework))
        self.delivered = [
            self._summed("calc_told o JOIN calc_touch p USING (point, year)",
                         "o.region, o.year, o.point, o.members, o.reason, CASE WHEN p.above THEN o.numerator END,"
                         f" CASE WHEN p.below THEN o.denominator END, {small('o', policy)}"),
            self._cells(f"c.region, c.year, c.variable, c.value, c.rank, {dims}"),
        ]  # fmt: skip
        self.before = self._records("calc_record")

    def digests(self, added: str | None = None) -> list[bytes]:
        """A digest for each part. `added`: as it will be once the ledger has these records, too."""
        later = self._records(added) if added else {}
        found = []
        for n, part in enumerate(self.parts):
            years = sorted({year for _, year in part})
            told = tuple(map(sum, zip(self.before.get(n, _NONE), later.get(n, _NONE), strict=True)))
            said = (self.points, sorted(part), [self.groups.get(year) for year in years], told,
                    [one.get(n) for one in self.delivered])  # fmt: skip
            found.append(hashlib.blake2b(repr(said).encode(), digest_size=16).digest())
        return found

    def _records(self, table: str) -> Sums:
        return self._summed(f"{table} p", "cell, value, state, batch")

    def _cells(self, columns: str) -> Sums:
        """The same of the guarded cells: a variable of a year is of one part, so that its sums make up those of the part."""
        rows = self.connection.execute(f"""
            SELECT part, sum(number), sum(first), sum(second) FROM (
                SELECT variable, year, count(*) AS number, sum(CAST(mark AS HUGEINT)) AS first,
                       sum(CAST(hash(mark) AS HUGEINT)) AS second
                FROM (SELECT variable, year, hash({columns}) AS mark FROM calc_cell c) GROUP BY variable, year
            ) JOIN (FROM calc_home WHERE guarded) USING (variable, year) GROUP BY part""").fetchall()
        return {part: tuple(sums) for part, *sums in rows}

    def _summed(self, source: str, columns: str) -> Sums:
        """Number and sums of two fingerprints of all rows, for each part; the order of rows does not matter."""
        rows = self.connection.execute(f"""
            SELECT part, count(*), sum(CAST(mark AS HUGEINT)), sum(CAST(hash(mark) AS HUGEINT))
            FROM (SELECT p.part, hash({columns}) AS mark FROM {source}) GROUP BY part""").fetchall()
        return {part: tuple(sums) for part, *sums in rows}


def forget(connection: duckdb.DuckDBPyConnection) -> None:
    """Give the tables up: the ledger is the larger part of them."""
    connection.unregister("calc_ledger")
    for name in ("calc_home", "calc_touch", "calc_before", "calc_record", "calc_added"):
        connection.execute(f"DROP TABLE IF EXISTS {name}")


def store(connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    """Make a table of the connection."""
    connection.register("calc_stored", table)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM calc_stored")
    connection.unregister("calc_stored")
