"""The demographic profile of a region: population, its structure and development, continued by a supplied projection.

What it consists of is declared in profile.yaml (`schemas.definitions_profile`). Groups of units and the Land are sums
over all of their members; where one is missing there is no figure. The published twin hides small counts, and what the
protection of the whole release hides beside them.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa

from indicators.window import listed
from schemas import sql
from schemas.definitions_profile import Measure
from schemas.framework_model import Framework
from schemas.shapes import TOTAL
from schemas.yaml_source import FrameworkError, Problem

PROJECTION_FILE = "projection.csv"
PROJECTION = pa.schema(
    [("region", pa.string()), ("year", pa.int32()), ("value", pa.float64()), ("source", pa.string())]
)
"""Shape of a projection: the population of a region at the end of a year, and who made it."""


_SECRET = "secret"


class ProjectionError(FrameworkError):
    """The file of the projection cannot be used; carries every problem that was found."""


def read_projection(path: Path, framework: Framework) -> pa.Table:
    """Rows of a projection.csv, none when there is no file. Raises ProjectionError."""
    rows: list[dict[str, object]] = []
    problems: list[Problem] = []
    if path.exists():
        places = {group.code for group in framework.territory.groups()}
        places |= {unit.code for unit in framework.territory.units()}
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if list(reader.fieldnames or ()) != PROJECTION.names:
                expected = f"Erwartet werden die Spalten {', '.join(PROJECTION.names)}."
                raise ProjectionError([Problem(path.name, 1, expected)])
            for row in reader:
                said = list(_wrong(row, places))
                problems += [Problem(path.name, reader.line_num, text) for text in said]
                if not said:
                    rows.append({**row, "year": int(row["year"]), "value": float(row["value"])})
    if problems:
        raise ProjectionError(problems)
    return pa.Table.from_pylist(rows, schema=PROJECTION)


def _wrong(row: Mapping[str, str], places: Collection[str]) -> Iterator[str]:
    if None in row or None in row.values():
        yield "Die Zeile hat nicht vier Spalten (ein Text mit Komma steht in Anführungszeichen)."
        return
    if row["region"] not in places:
        yield f"Das Gebiet „{row['region']}“ gibt es nicht."
    if not row["source"]:
        yield "Die Quelle fehlt."
    try:
        sound = 1900 <= int(row["year"]) <= 2200 and 0 <= float(row["value"]) < math.inf
    except (ValueError, TypeError):
        sound = False
    if not sound:
        yield "Jahr und Wert sind Zahlen."


def profile_statements(
    framework: Framework, breaks: str = "calc_series_break", protected: str | None = None, cells: str = "calc_cell"
) -> Iterator[str]:
    """SQL that makes `calc_profile_value` and `calc_published_profile` from the relation `cells`, `calc_member`,
    `calc_status`, `calc_projection` (shape `PROJECTION`) and the breaks in series.

    Columns: region, year, measure, member (row of the measure, T without rows), value (persons, percent, or first year
    = 100), status, projected, source. `protected`: relation of further rows that stay in the house (region, year,
    measure, member).
    """
    yield _counts(framework, cells)
    yield _hidden(framework)
    if protected:
        yield f"INSERT INTO calc_profile_hidden SELECT DISTINCT region, year, measure, member FROM {protected}"
    yield _figures(framework, "calc_profile_value", breaks, published=False)
    yield _figures(framework, "calc_published_profile", breaks, published=True)


def hidden_before(protected: str, years: Iterable[int]) -> str:
    """SQL that adds to the relation `protected` what the result table hides in other years than these."""
    return f"""
INSERT INTO {protected} BY NAME
SELECT DISTINCT region, year, measure, member FROM published_profile
WHERE status = '{_SECRET}' AND NOT projected AND year NOT IN {listed(years)}"""


def _declared(framework: Framework) -> str:
    """position, measure, figure, variable, band, the members of a cell, is it optional, breaks_of, projected."""
    rows: list[tuple[object, ...]] = []
    for position, measure in enumerate(framework.profile.measures):
        for band, member in _parts(measure):
            members = (member if code == measure.dimension else TOTAL for code in framework.dimension_order)
            optional = measure.dimension is not None and framework.dimensions[measure.dimension].is_residual(member)
            named = (position, measure.code, measure.figure, measure.variable, band, *members, optional)
            rows.append((*named, measure.breaks_of or "", measure.projected))
    dims = " ".join(sql.dimension_columns(framework))
    columns = f"position:INTEGER measure figure variable band {dims} optional:BOOLEAN breaks_of projected:BOOLEAN"
    return sql.listed(columns, rows)


def _parts(measure: Measure) -> Iterator[tuple[str, str]]:
    yield TOTAL, TOTAL
    for band in measure.bands:
        for member in band.parts:
            yield band.code, member


def _counts(framework: Framework, cells: str) -> str:
    """`calc_profile_count`: the number behind every row and the total of its variable, for units and aggregates."""
    kind = ", ".join(["variable", *sql.dimension_columns(framework)])
    return f"""
CREATE OR REPLACE TEMP TABLE calc_profile_count AS
WITH declared AS MATERIALIZED ({_declared(framework)}),
needed AS (SELECT measure, band, count(*) FILTER (NOT optional) AS needed FROM declared GROUP BY ALL),
unit AS (
    SELECT c.region, c.year, d.measure, d.band, sum(c.value) AS count, max(c.rank) AS rank
    FROM {cells} c JOIN declared d USING ({kind}) JOIN needed n
      ON n.measure = d.measure AND n.band = d.band
    GROUP BY c.region, c.year, d.measure, d.band, n.needed
    HAVING count(*) FILTER (NOT d.optional) = n.needed AND count(*) = count(c.value)
), every AS (
    FROM unit UNION ALL BY NAME
    SELECT m.aggregate AS region, u.year, u.measure, u.band, sum(u.count) AS count, max(u.rank) AS rank
    FROM unit u JOIN calc_member m ON m.member = u.region AND m.year = u.year
    GROUP BY m.aggregate, u.year, u.measure, u.band HAVING count(*) = any_value(m.n_members)
)
SELECT e.*, t.count AS total, d.figure, d.variable, d.breaks_of, d.projected, d.position
FROM every e JOIN (SELECT DISTINCT measure, figure, variable, breaks_of, projected, position FROM declared) d
  USING (measure)
JOIN every t ON t.region = e.region AND t.year = e.year AND t.measure = e.measure AND t.band = '{TOTAL}'
WHERE e.measure <> ''"""


def _hidden(framework: Framework) -> str:
    """`calc_profile_hidden`: rows that stay in the house.

    A count from 1 up to below the threshold is hidden, and with it the next larger rows of the measure until two rows
    and at least the threshold are hidden: otherwise the total would give it back. Nothing of a small population.
    """
    rules = framework.head.confidentiality
    small, least = rules.suppress_counts_below, rules.min_denominator_rate
    return f"""
CREATE OR REPLACE TEMP TABLE calc_profile_hidden AS
WITH ordered AS (
    SELECT *, count > 0 AND count < {small} AS primary_rule,
           row_number() OVER size AS place, coalesce(sum(count) OVER (size ROWS BETWEEN UNBOUNDED PRECEDING
                                                     AND 1 PRECEDING), 0) AS below,
           bool_or(count > 0 AND count < {small}) OVER (PARTITION BY region, year, measure, band = '{TOTAL}') AS any_small
    FROM calc_profile_count
    WINDOW size AS (PARTITION BY region, year, measure, band = '{TOTAL}', count = 0 ORDER BY count, band)
)
SELECT region, year, measure, band FROM ordered
WHERE total < {least} OR primary_rule
   OR (any_small AND band <> '{TOTAL}' AND count > 0 AND (place <= 2 OR below < {small}))"""


def _figures(framework: Framework, target: str, breaks: str, *, published: bool) -> str:
    hidden = "h.region IS NOT NULL" if published else "false"
    sources = [(code, framework.variables[code].source) for code in sorted(framework.profile.variables())]
    return f"""
CREATE OR REPLACE TEMP TABLE {target} AS
WITH origin AS ({sql.listed("variable source", sources)}),
stretch AS (
    SELECT c.*, {hidden} AS secret, o.source,
           coalesce((SELECT max(b.year) FROM {breaks} b WHERE b.indicator = c.breaks_of AND b.region = c.region
                     AND b.year <= c.year), 0) AS part
    FROM calc_profile_count c JOIN origin o USING (variable)
    LEFT JOIN (SELECT DISTINCT * FROM calc_profile_hidden) h USING (region, year, measure, band)
), based AS (
    SELECT *, first_value(CASE WHEN NOT secret THEN count END) OVER (
        PARTITION BY region, measure, band, part ORDER BY year) AS base FROM stretch
), last AS (
    SELECT region, measure, max(year) AS year, max_by(base, year) AS base, any_value(figure) AS figure,
           any_value(position) AS position
    FROM based WHERE band = '{TOTAL}' AND projected GROUP BY ALL
), ahead AS (
    FROM calc_projection UNION ALL BY NAME
    SELECT m.aggregate AS region, p.year, sum(p.value) AS value, min(p.source) AS source
    FROM calc_projection p JOIN calc_member m ON m.member = p.region AND m.year = (SELECT max(year) FROM calc_member)
    WHERE NOT EXISTS (SELECT 1 FROM calc_projection own WHERE own.region = m.aggregate)
    GROUP BY m.aggregate, p.year HAVING count(*) = any_value(m.n_members)
), shown AS (
    SELECT region, year, measure, position, band AS member,
           CASE WHEN NOT secret THEN CASE figure
               WHEN 'count' THEN CAST(count AS DOUBLE)
               WHEN 'share' THEN 100 * CAST(count AS DOUBLE) / nullif(total, 0)
               WHEN 'index' THEN 100 * CAST(count AS DOUBLE) / nullif(base, 0) END END AS value,
           CASE WHEN secret THEN '{_SECRET}' WHEN count = 0 THEN 'zero' ELSE s.code END AS status,
           false AS projected, source
    FROM based LEFT JOIN calc_status s ON s.rank = based.rank AND s.code <> 'zero'
    WHERE figure <> 'share' OR band <> '{TOTAL}'
    UNION ALL BY NAME
    SELECT p.region, p.year, l.measure, l.position, '{TOTAL}' AS member,
           CASE l.figure WHEN 'index' THEN 100 * p.value / nullif(l.base, 0) ELSE p.value END AS value,
           'estimated' AS status, true AS projected, p.source
    FROM ahead p JOIN last l ON l.region = p.region AND p.year > l.year
)
SELECT region, year, measure, member, value,
       CASE WHEN value IS NULL AND status <> '{_SECRET}' THEN 'not_computable' ELSE status END AS status, projected, source
FROM shown ORDER BY region, position, year, member"""
