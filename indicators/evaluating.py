"""Evaluate every formula for every region, year and delivered breakdown, aggregates among them: values with their terms, and
how certain they are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

import duckdb
import pyarrow as pa

from indicators.coded import INDICATOR, REGION, UNIT, member_type, plan_types, type_statement
from indicators.comparability import convert_lags, delivered_places, lags_of, make_comparable
from indicators.crosswalks import Lags
from indicators.intervals import interval_statements
from indicators.planned import indicator_table, plans, status_table
from indicators.remembered import remembered
from indicators.standardised import standardised_statements, support_statement
from indicators.window import Years, listed, window_of
from schemas import plan_sql, sql
from schemas.framework_model import Framework
from schemas.shapes import TOTAL

PROFILE_CELLS = "calc_profile_cell"
"""The cells of the profile, of all years."""
_CELLS = ("calc_cell", PROFILE_CELLS)


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
        connection, framework, run.places, run.plan, framework.indicators if codes is None else codes, run.window
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
        self.places = delivered_places(connection, source)
        self.years = sorted({year for _, year in self.places})
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
        register("calc_status", remembered(framework, lambda: status_table(framework), "statuses"))
        lags = lags_of(self.framework, self.places, self.whole)
        self._cells()
        self._code(lags)
        self.connection.execute(plan_sql.keyed_cells(self.framework, "calc_", self._within("p.year", "read")))
        convert_lags(self.connection, lags)
        for statement in plan_sql.slot_values(self.whole, "calc_"):
            self.connection.execute(statement)
        self.forget("keyed")

    def _cells(self) -> None:
        """`calc_cell`: what the source says, with the totals and aggregates that nobody delivered. With a window its years
        are asked for, and, as the profile is told from its first year on, `calc_profile_cell` has them all."""
        profile = self.framework.profile.variables()
        wanted = self.whole.variables() | profile
        there = f"SELECT DISTINCT variable, year FROM {self.source} WHERE variable IN ({_quoted(wanted)})"
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE calc_present AS {there}")
        for statement in sql.numbering(
            self.framework,
            "calc_",
            f"""
            SELECT '' AS unit, o.region, o.year, o.variable, {", ".join("o." + name for name in self.dims)},
                   CASE WHEN s.has_value THEN o.value END AS value, s.rank
            FROM {self.source} o JOIN calc_status s ON s.code = o.status WHERE o.variable IN ({_quoted(wanted)})
              AND ({self._within("o.year", "read")} OR o.variable IN ({_quoted(profile)}))""",
        ):
            self.connection.execute(statement)
        self.connection.execute("""
            CREATE OR REPLACE TEMP TABLE calc_state AS
            SELECT p.region, p.year, k.variable, count(n.value) AS valued, min(n.rank) AS low, max(n.rank) AS high
            FROM calc_numbered n JOIN calc_place p USING (place) JOIN calc_kind k USING (kind) GROUP BY ALL""")
        asked = self.connection.execute(sql.broken_down(self.framework, "calc_")).fetchall()[0]
        present = [code for code, there in zip(self.framework.dimension_order, asked, strict=True) if there]
        for statement in sql.completion(self.framework, "calc_", "calc_leaves", present, numbered=True):
            self.connection.execute(statement)

    def _code(self, lags: Lags) -> None:
        """Regions, indicators and members as numbers (`indicators.coded`) from here on: `calc_member`, `calc_members` (of
        points) and `calc_indicator`; the views of cells are for others and tell texts."""
        member = self._member_table(lags.joint)
        places = self.connection.execute("SELECT DISTINCT region FROM calc_place").fetchall()
        regions = {region for (region,) in places}.union(lags.regions, member["aggregate"].to_pylist())
        for statement in (
            type_statement(REGION, regions.union(member["member"].to_pylist())),
            type_statement(UNIT, {"", *lags.joint.values()}),
            *plan_types(self.framework, self.whole),
        ):
            self.connection.execute(statement)
        self.connection.register("calc_member_rows", member)
        self.connection.execute(f"""
            CREATE OR REPLACE TEMP TABLE calc_member AS
            SELECT * REPLACE (CAST(aggregate AS {REGION}) AS aggregate, CAST(member AS {REGION}) AS member,
                              CAST(unit AS {UNIT}) AS unit) FROM calc_member_rows""")
        members = ", ".join(self._member_column(dimension) for dimension in self.framework.dimension_order)
        self.connection.execute(f"""
            CREATE OR REPLACE TEMP TABLE calc_members AS
            SELECT point, {members}, dense_rank() OVER (ORDER BY owner) AS owner_place,
                   dense_rank() OVER (ORDER BY key) AS key_place FROM calc_point""")
        indicators = remembered(self.framework, lambda: indicator_table(self.framework), "indicators")
        self.connection.register("calc_indicator_rows", indicators)
        self.connection.execute(f"""
            CREATE OR REPLACE TEMP TABLE calc_indicator AS
            SELECT * REPLACE (CAST(code AS {INDICATOR}) AS code) FROM calc_indicator_rows""")
        self.connection.execute(f"ALTER TABLE calc_place ALTER region TYPE {REGION}")
        self.connection.execute(f"ALTER TABLE calc_place ALTER unit TYPE {UNIT}")
        profile = _quoted(self.framework.profile.variables())
        for view, asked_for in zip(_CELLS, (self._within("p.year", "read"), f"k.variable IN ({profile})"), strict=True):
            self.connection.execute(sql.cell_view(self.framework, view, "calc_", asked_for))

    def aggregate(self) -> None:
        """Terms of aggregates: sums over the members that have all terms of the formula."""
        self.connection.execute(plan_sql.pivoted(self.whole, "calc_"))
        self.forget("slot_value")
        self.connection.execute("""
            CREATE OR REPLACE TEMP TABLE calc_reported AS
            SELECT s.unit, s.region, s.year, s.point FROM calc_pivoted s JOIN calc_point p USING (point)
            WHERE s.known = p.slots""")
        self.connection.execute("""
            CREATE OR REPLACE TEMP TABLE calc_coverage AS
            SELECT m.aggregate AS region, m.year, r.point, count(*) AS n_reported, any_value(m.n_members) AS n_members,
                   any_value(m.complete_only) AS complete_only
            FROM calc_member m JOIN calc_reported r ON r.region = m.member AND r.year = m.year AND r.unit = m.unit
            JOIN calc_point p USING (point) WHERE p.additive OR m.n_members = 1 GROUP BY ALL""")
        self.connection.execute(f"""
            INSERT INTO calc_pivoted BY NAME
            SELECT '' AS unit, m.aggregate AS region, m.year, s.point, {plan_sql.summed_slots(self.whole, "s", "s.region")},
                   any_value(s.known) AS known, any_value(s.present) AS present, max(s.rank) AS rank
            FROM calc_pivoted s JOIN calc_member m ON m.member = s.region AND m.year = s.year AND m.unit = s.unit
            JOIN calc_point p ON p.point = s.point AND s.known = p.slots AND (p.additive OR m.n_members = 1)
            GROUP BY m.aggregate, m.year, s.point""")
        # what a member has together with others was there for the aggregates alone
        self.connection.execute("DELETE FROM calc_pivoted WHERE unit <> ''")

    def evaluate(self) -> None:
        """`calc_indicator_value`: divide last, and say why where nothing can be computed."""
        told = self._within("year", "told")  # figures of the first years lack what they look back to
        self.connection.execute(plan_sql.evaluated(self.whole, "calc_", "calc_pivoted", told))
        self.forget("pivoted")
        self.connection.execute(f"""
            CREATE OR REPLACE TEMP TABLE calc_asked AS
            WITH here AS (
                WITH delivered AS (SELECT region, year FROM calc_place WHERE {told})
                FROM delivered UNION SELECT DISTINCT m.aggregate, m.year FROM calc_member m
                JOIN delivered c ON c.region = m.member AND c.year = m.year
            )
            SELECT region, year, point, left_value, right_value, rank, present = slots AS whole
            FROM calc_evaluated WHERE year IN (SELECT year FROM calc_place)
            UNION ALL BY NAME
            SELECT h.region, h.year, p.point, false AS whole FROM here h CROSS JOIN (FROM calc_point WHERE key = '') p
            ANTI JOIN calc_evaluated e ON e.region = h.region AND e.year = h.year AND e.point = p.point""")
        self.connection.execute(self._reasons())
        self.connection.execute(f"""
            CREATE OR REPLACE TEMP TABLE calc_indicator_value AS
            WITH raw AS (
                SELECT a.*, i.code AS indicator, p.key, i.multiplier, i.quotient, w.reason, c.n_reported, m.n_members,
                       m.n_members IS NOT NULL AND m.complete_only AND coalesce(c.n_reported, 0) < m.n_members AS short,
                       m.n_members IS NOT NULL AND coalesce(c.n_reported, 0) < m.n_members AS partial
                FROM calc_asked a JOIN calc_point p USING (point) JOIN calc_indicator i ON i.code = p.owner
                    AND a.year BETWEEN coalesce(i.since, a.year) AND coalesce(i.until, a.year)
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
            FROM valued JOIN calc_members d USING (point)
            ORDER BY d.owner_place, region, year, d.key_place  -- as by indicator, region, year and key, in half the time""")
        self.forget("asked", "reason")

    def uncertainty(self) -> None:
        """Case numbers and confidence limits beside the values, and the standardised rates."""
        self.connection.execute(support_statement(self.framework))
        for statement in (*interval_statements(self.framework), *standardised_statements(self.framework)):
            self.connection.execute(statement)

    def forget(self, *names: str) -> None:
        """Give up tables that nothing asks any more: they are the larger part of the memory of a run."""
        for name in names:
            self.connection.execute(f"DROP TABLE IF EXISTS calc_{name}")

    def forget_cells(self) -> None:
        """Give up the cells and what they are made of."""
        for view in _CELLS:
            self.connection.execute(f"DROP VIEW IF EXISTS {view}")
        self.forget(*sql.COMPLETION_TABLES)

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
                WHERE NOT a.whole AND coalesce(s.valued, 0) = 0
            )
            SELECT region, year, point, any_value(t.code) AS reason
            FROM missing JOIN calc_status t ON t.rank = missing.rank
            GROUP BY region, year, point HAVING count(DISTINCT missing.rank) = 1"""

    def _member_column(self, dimension: str) -> str:
        pattern = f"(?:^|,){dimension}=([^,]*)"
        text = f"coalesce(nullif(regexp_extract(key, '{pattern}', 1), ''), '{TOTAL}')"
        return f"CAST({text} AS {member_type(dimension)}) AS {sql.column(dimension)}"

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
