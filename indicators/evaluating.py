"""Evaluate every formula for every region, year and delivered breakdown, aggregates among them: values with their terms, and
how certain they are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

import duckdb
import pyarrow as pa

from indicators.comparability import convert_lags, lags_of, make_comparable
from indicators.intervals import interval_statements
from indicators.planned import indicator_table, plans, status_table
from indicators.remembered import remembered
from indicators.standardised import standardised_statements, support_statement
from indicators.window import Years, listed, window_of
from schemas import plan_sql, sql
from schemas.framework_model import Framework
from schemas.shapes import TOTAL


def evaluated(
    connection: duckdb.DuckDBPyConnection,
    framework: Framework,
    source: str,
    codes: Sequence[str] | None,
    changed: Years | None = None,
) -> Evaluation:
    """`calc_indicator_value` of all indicators (or `codes`) from the relation `source`, and what it was made of.

    `changed`: years of the source that are not as they were when the result tables of the connection were computed, where
    these are believed: then, where it pays, only the years of a window are evaluated (`window.told` of them completely).
    """
    run = Evaluation(connection, framework, source, codes, changed)
    run.prepare()
    run.aggregate()
    run.evaluate()
    run.uncertainty()
    make_comparable(
        connection, framework, source, run.plan, framework.indicators if codes is None else codes, run.window
    )
    return run


class Evaluation:
    """The statements of one evaluation, in order. Their tables are `calc_...` of the connection."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        framework: Framework,
        source: str,
        codes: Sequence[str] | None,
        changed: Years | None = None,
    ) -> None:
        self.connection = connection
        self.framework = framework
        self.source = source
        self.dims = sql.dimension_columns(framework)
        self.plans = plans(framework, self._dynamic_members(), codes)
        self.plan, self.whole = self.plans.own, self.plans.whole
        years = connection.execute(f"SELECT DISTINCT year FROM {source} ORDER BY year").fetchall()
        self.years = [year for (year,) in years]
        self.window = window_of(changed, self.years, max(self.whole.lags(), default=0))

    def _dynamic_members(self) -> dict[str, list[str]]:
        found = {}
        for code, dimension in self.framework.dimensions.items():
            if dimension.dynamic:
                name = sql.column(code)
                rows = self.connection.execute(f"SELECT DISTINCT {name} FROM {self.source} WHERE {name} <> '{TOTAL}'")
                found[code] = [row[0] for row in rows.fetchall()]
        return found

    def prepare(self) -> None:
        """Cells with totals and aggregates, definitions, and the value of every term."""
        register = self.connection.register
        framework = self.framework
        register("calc_leaf_rows", remembered(framework, lambda: sql.leaf_table(framework), "leaves"))
        self.connection.execute("CREATE OR REPLACE TEMP TABLE calc_leaves AS FROM calc_leaf_rows")
        for name, table in self.plans.tables.items():
            register(f"calc_{name}", table)
        members = ", ".join(self._member_column(dimension) for dimension in framework.dimension_order)
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE calc_members AS SELECT point, {members} FROM calc_point")
        register("calc_indicator", remembered(framework, lambda: indicator_table(framework), "indicators"))
        register("calc_status", remembered(framework, lambda: status_table(framework), "statuses"))
        lags = lags_of(self.connection, self.framework, self.source, self.whole)
        register("calc_member", self._member_table(lags.joint))
        wanted = self.whole.variables() | framework.profile.variables()
        self._deliver("calc_", wanted, self._within("o.year", "read"))
        where = self.source if self.window is not None else "calc_cell"
        self.connection.execute(f"""
            CREATE OR REPLACE TEMP TABLE calc_present AS
            SELECT DISTINCT variable, year FROM {where} WHERE variable IN ({_quoted(wanted)})""")
        self.connection.execute("""
            CREATE OR REPLACE TEMP TABLE calc_state AS
            SELECT region, year, variable, count(value) AS valued, min(rank) AS low, max(rank) AS high
            FROM calc_cell GROUP BY ALL""")
        self._complete("calc_")
        self.connection.execute(plan_sql.keyed_cells(self.framework, "calc_"))
        convert_lags(self.connection, lags)
        for statement in plan_sql.slot_values(self.whole, "calc_"):
            self.connection.execute(statement)
        self.forget(*sql.COMPLETION_TABLES, "keyed")

    def look_back(self) -> None:
        """The cells of the profile in the years outside the window: it is told from its first year on."""
        if self.window is None:
            return
        self._deliver("calc_past_", self.framework.profile.variables(), f"NOT {self._within('o.year', 'read')}")
        self._complete("calc_past_")
        self.connection.execute("INSERT INTO calc_cell BY NAME FROM calc_past_cell")
        self.forget(*(f"past_{name}" for name in ("cell", *sql.COMPLETION_TABLES)))

    def _deliver(self, prefix: str, variables: Collection[str], condition: str) -> None:
        """`<prefix>cell`: what the source says of these variables, under a condition on its rows (`o`)."""
        self.connection.execute(sql.create_cell(self.framework, prefix))
        self.connection.execute(f"""
            INSERT INTO {prefix}cell BY NAME
            SELECT '' AS unit, o.region, o.year, o.variable, {", ".join("o." + name for name in self.dims)},
                   CASE WHEN s.has_value THEN o.value END AS value, s.rank
            FROM {self.source} o JOIN calc_status s ON s.code = o.status
            WHERE o.variable IN ({_quoted(variables)}) AND {condition}""")

    def _complete(self, prefix: str) -> None:
        """Add the totals and aggregates that nobody delivered."""
        asked = self.connection.execute(sql.broken_down(self.framework, prefix)).fetchall()[0]
        present = [code for code, there in zip(self.framework.dimension_order, asked, strict=True) if there]
        for statement in sql.completion(self.framework, prefix, "calc_leaves", present):
            self.connection.execute(statement)

    def aggregate(self) -> None:
        """Terms of aggregates: sums over the members that have all terms of the formula."""
        self.connection.execute("""
            CREATE OR REPLACE TEMP TABLE calc_reported AS
            SELECT s.unit, s.region, s.year, s.point FROM calc_slot_value s JOIN calc_point p USING (point)
            GROUP BY s.unit, s.region, s.year, s.point, p.slots HAVING count(s.value) = p.slots""")
        self.connection.execute("""
            CREATE OR REPLACE TEMP TABLE calc_coverage AS
            SELECT m.aggregate AS region, m.year, r.point, count(*) AS n_reported, any_value(m.n_members) AS n_members,
                   any_value(m.complete_only) AS complete_only
            FROM calc_member m JOIN calc_reported r ON r.region = m.member AND r.year = m.year AND r.unit = m.unit
            JOIN calc_point p USING (point) WHERE p.additive OR m.n_members = 1 GROUP BY ALL""")
        self.connection.execute("""
            INSERT INTO calc_slot_value BY NAME
            SELECT '' AS unit, m.aggregate AS region, m.year, s.point, s.slot, sum(s.value) AS value,
                   sum(s.real ORDER BY s.region) AS real,
                   max(s.rank) AS rank
            FROM calc_slot_value s JOIN calc_member m ON m.member = s.region AND m.year = s.year AND m.unit = s.unit
            JOIN calc_reported r ON r.region = s.region AND r.year = s.year AND r.point = s.point AND r.unit = s.unit
            JOIN calc_point p ON p.point = s.point AND (p.additive OR m.n_members = 1)
            GROUP BY m.aggregate, m.year, s.point, s.slot""")
        self.connection.execute("DELETE FROM calc_slot_value WHERE unit <> ''")  # were there for the aggregates alone

    def evaluate(self) -> None:
        """`calc_indicator_value`: divide last, and say why where nothing can be computed."""
        self.connection.execute(plan_sql.evaluated(self.whole, "calc_"))
        if self.window is not None:  # figures of the first years lack what they look back to
            self.connection.execute(f"DELETE FROM calc_evaluated WHERE NOT {self._within('year', 'told')}")
        self.connection.execute(f"""
            CREATE OR REPLACE TEMP TABLE calc_asked AS
            WITH here AS (
                WITH delivered AS (SELECT DISTINCT region, year FROM calc_cell WHERE {self._within("year", "told")})
                FROM delivered UNION SELECT DISTINCT m.aggregate, m.year FROM calc_member m
                JOIN delivered c ON c.region = m.member AND c.year = m.year
            )
            SELECT h.region, h.year, p.point FROM here h CROSS JOIN calc_point p
            WHERE p.key = ''
            UNION SELECT region, year, point FROM calc_evaluated WHERE year IN (SELECT DISTINCT year FROM calc_cell)""")
        self.connection.execute(self._reasons())
        self.connection.execute(f"""
            CREATE OR REPLACE TEMP TABLE calc_indicator_value AS
            WITH raw AS (
                SELECT a.region, a.year, a.point, p.owner AS indicator, p.key, e.left_value, e.right_value, e.rank,
                       e.present = e.slots AS whole,
                       i.multiplier, i.quotient, w.reason, c.n_reported, m.n_members,
                       m.n_members IS NOT NULL AND m.complete_only AND coalesce(c.n_reported, 0) < m.n_members AS short,
                       m.n_members IS NOT NULL AND coalesce(c.n_reported, 0) < m.n_members AS partial
                FROM calc_asked a JOIN calc_point p USING (point) JOIN calc_indicator i ON i.code = p.owner
                    AND a.year BETWEEN coalesce(i.since, a.year) AND coalesce(i.until, a.year)
                LEFT JOIN calc_evaluated e ON e.region = a.region AND e.year = a.year AND e.point = a.point
                LEFT JOIN calc_reason w ON w.region = a.region AND w.year = a.year AND w.point = a.point
                LEFT JOIN calc_coverage c ON c.region = a.region AND c.year = a.year AND c.point = a.point
                LEFT JOIN (SELECT aggregate AS region, year, any_value(n_members) AS n_members,
                                  any_value(complete_only) AS complete_only FROM calc_member GROUP BY ALL) m
                  ON m.region = a.region AND m.year = a.year
            ), valued AS (
                SELECT *, left_value IS NOT NULL AND right_value IS NOT NULL AND right_value <> 0 AND NOT short AS computed
                FROM raw
            )
            SELECT region, year, indicator, {", ".join(f"d.{name}" for name in self.dims)},
                   CASE WHEN computed THEN multiplier * CAST(left_value AS DOUBLE) / CAST(right_value AS DOUBLE) END AS value,
                   CASE WHEN computed AND partial THEN 'partial'
                        WHEN computed AND rank > 0 THEN (SELECT code FROM calc_status s WHERE s.rank = valued.rank LIMIT 1)
                        WHEN computed AND left_value = 0 THEN 'zero'
                        WHEN computed THEN 'ok'
                        WHEN whole AND NOT short THEN 'not_applicable'  -- all terms are there: a division by zero
                        WHEN n_members IS NOT NULL THEN 'not_computable'
                        ELSE coalesce(reason, 'not_computable') END AS status,
                   CASE WHEN NOT short THEN CAST(left_value AS DECIMAL(30, 8)) END AS numerator,
                   CASE WHEN NOT short AND quotient THEN CAST(right_value AS DECIMAL(30, 8)) END AS denominator,
                   CAST(NULL AS DOUBLE) AS lower, CAST(NULL AS DOUBLE) AS upper,
                   CAST(coalesce(n_reported, CASE WHEN n_members IS NULL AND computed THEN 1 ELSE 0 END) AS INTEGER)
                       AS n_reported,
                   CAST(coalesce(n_members, 1) AS INTEGER) AS n_members,
                   '{self.framework.version}' AS framework_version, CAST(NULL AS VARCHAR) AS method,
                   CAST(NULL AS VARCHAR) AS flags, CAST(NULL AS BIGINT) AS cases
            FROM valued JOIN calc_members d USING (point) ORDER BY indicator, region, year, key""")
        self.forget("slot_value", "asked", "reason")

    def uncertainty(self) -> None:
        """Case numbers and confidence limits beside the values, and the standardised rates."""
        self.connection.execute(support_statement(self.framework))
        for statement in (*interval_statements(self.framework), *standardised_statements(self.framework)):
            self.connection.execute(statement)

    def forget(self, *names: str) -> None:
        """Give up tables that nothing asks any more: they are the larger part of the memory of a run."""
        for name in names:
            self.connection.execute(f"DROP TABLE IF EXISTS calc_{name}")

    def _within(self, column: str, years: Literal["read", "told"]) -> str:
        """SQL condition: the column names a year of the window, or there is none."""
        return "true" if self.window is None else f"{column} IN {listed(getattr(self.window, years))}"

    def _reasons(self) -> str:
        """Why a point could not be computed: the status its variables share, when they share one."""
        return """
            CREATE OR REPLACE TEMP TABLE calc_reason AS
            WITH used AS (SELECT DISTINCT point, variable, lag FROM calc_lookup
                          UNION SELECT DISTINCT point, variable, lag FROM calc_part),
            missing AS (
                SELECT a.region, a.year, a.point, CASE WHEN s.variable IS NULL THEN
                           (SELECT rank FROM calc_status WHERE code = 'not_delivered')
                       WHEN s.low = s.high THEN s.low END AS rank
                FROM calc_asked a JOIN used u USING (point)
                LEFT JOIN calc_state s ON s.region = a.region AND s.year = a.year - u.lag AND s.variable = u.variable
                WHERE coalesce(s.valued, 0) = 0
            )
            SELECT region, year, point, any_value(t.code) AS reason
            FROM missing JOIN calc_status t ON t.rank = missing.rank
            GROUP BY region, year, point HAVING count(DISTINCT missing.rank) = 1"""

    def _member_column(self, dimension: str) -> str:
        pattern = f"(?:^|,){dimension}=([^,]*)"
        return f"coalesce(nullif(regexp_extract(key, '{pattern}', 1), ''), '{TOTAL}') AS {sql.column(dimension)}"

    def _member_table(self, joint: Mapping[tuple[str, int, str], str]) -> pa.Table:
        """aggregate, year, member, n_members, complete_only, unit for every year in the data.

        `unit` says which cells of the member count: its own (empty), or those of `crosswalks.Lags`.
        """
        rows: list[tuple[str, int, str, int, bool, str]] = []
        for year in self.years:
            for aggregate in self.framework.territory.aggregates(year):
                for member in aggregate.members:
                    size = len(aggregate.members)
                    unit = joint.get((aggregate.code, year, member), "")
                    rows.append((aggregate.code, year, member, size, aggregate.coverage == "complete", unit))
        columns = list(zip(*rows, strict=True)) if rows else [(), (), (), (), (), ()]
        kinds = (pa.string(), pa.int32(), pa.string(), pa.int32(), pa.bool_(), pa.string())
        names = ("aggregate", "year", "member", "n_members", "complete_only", "unit")
        return pa.table({n: pa.array(c, type=k) for n, c, k in zip(names, columns, kinds, strict=True)})


def _quoted(names: Collection[str]) -> str:
    return ", ".join(f"'{name}'" for name in sorted(names)) or "''"
