"""The figures of a computation with the names of what they tell, set-wise: `calc_told` and what is read from it.

Tables of the connection: `calc_indicator_judged` (indicator_value with the `reason` for which another rule hides a figure),
`calc_point`, `calc_member`, `calc_reported`, `calc_evaluated`, `calc_published_standardised`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa

from indicators.protection.figure import Exact
from indicators.protection.forms import Linear, Sides
from indicators.protection.naming import name_of
from indicators.protection.policy import Policy
from schemas import sql
from schemas.framework_model import Framework
from schemas.plan import Plan

STANDARDISED = "standardised"
EMPTY = "empty"
"""Reason of a figure whose sign says that there is nothing to divide by: everybody knows that its denominator is zero."""
_PLACES = 8
"""Decimals of the numbers of `calc_told`."""
_LAG = "\x01{}\x02"
_REGION = "\x03"


class Told(NamedTuple):
    """A figure with a value: where it stands, whose point it is, the regions summed up, why another rule hides it."""

    region: str
    year: int
    point: int
    members: tuple[str, ...]
    numerator: Exact
    denominator: Exact | None
    reason: str


def tell(connection: duckdb.DuckDBPyConnection, framework: Framework, plan: Plan, sides: Sequence[Sides]) -> None:
    """Make `calc_told`: region, year, point, members, numerator, denominator, reason of every figure with a value.

    The strata of a standardised rate stand beside the figure that it belongs to: it is shown only when each may be.
    """
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE calc_told AS
        WITH places AS (
            SELECT m.aggregate AS region, m.year, r.point, array_to_string(list_sort(list(m.member)), '+') AS members
            FROM calc_member m JOIN calc_reported r ON r.region = m.member AND r.year = m.year
            JOIN calc_point p USING (point) WHERE p.additive OR m.n_members = 1 GROUP BY ALL
        ), figure AS (
            SELECT v.region, v.year, p.point, v.numerator, v.denominator,
                   CASE WHEN v.value IS NULL THEN '{EMPTY}' ELSE v.reason END AS reason
            FROM calc_indicator_judged v JOIN calc_point p ON p.owner = v.indicator
             AND p.key = {sql.key_expression(framework, "v")}
            WHERE v.value IS NOT NULL
               OR (v.status = 'not_applicable' AND v.denominator = 0 AND v.numerator IS NOT NULL)
            UNION ALL
            SELECT e.region, e.year, p.point, e.left_value, e.right_value, '{STANDARDISED}'
            FROM calc_published_standardised s JOIN calc_point p ON p.key = {sql.key_expression(framework, "s")}
             AND p.owner LIKE '%/%' AND split_part(p.owner, '/', 1) = s.indicator
             AND regexp_full_match(split_part(p.owner, '/', 2), '[0-9]+')
            JOIN calc_evaluated e ON e.point = p.point AND e.region = s.region AND e.year = s.year
            WHERE s.value IS NOT NULL
        )
        SELECT CAST(f.region AS VARCHAR) AS region, f.year, f.point, coalesce(c.members, f.region) AS members,
               CAST(f.numerator AS DECIMAL(30, {_PLACES})) AS numerator,
               CAST(f.denominator AS DECIMAL(30, {_PLACES})) AS denominator, f.reason
        FROM figure f LEFT JOIN places c ON c.region = f.region AND c.year = f.year AND c.point = f.point""")
    connection.register("calc_template", _templates(sides))


def _templates(sides: Sequence[Sides]) -> pa.Table:
    """point, side, text: the name of a linear side with marks for the region and the years."""
    rows = []
    for number, point in enumerate(sides):
        for side, form in (("numerator", point.numerator), ("denominator", point.denominator)):
            if form:
                rows.append({"point": number, "side": side, "text": _template(form)})
    schema = pa.schema([("point", pa.int32()), ("side", pa.string()), ("text", pa.string())])
    return pa.Table.from_pylist(rows, schema=schema)


def _template(form: Linear) -> str:
    latest = 9_000
    name = name_of({(_REGION, latest - lag, variable, key): f for (variable, key, lag), f in form.items()})
    for lag in {lag for _, _, lag in form}:
        name = name.replace(f"/{latest - lag}/", f"/{_LAG.format(lag)}/")
    return name


def named_sides(lags: int, touching: Sequence[int]) -> str:
    """SQL of the names of all linear sides of `calc_told`, as far as figures have pieces in some of the parts of
    `calc_touch` or in none: region, year, point, reason, name, value."""
    text = f"replace(t.text, '{_REGION}', o.members)"
    for lag in range(lags + 1):
        text = f"replace({text}, '{_LAG.format(lag)}', CAST(o.year - {lag} AS VARCHAR))"
    return f"""
        SELECT o.region, o.year, o.point, o.reason, {text} AS name,
               CASE t.side WHEN 'numerator' THEN o.numerator ELSE o.denominator END AS value
        FROM calc_told o JOIN calc_template t USING (point)
        ANTI JOIN (
            SELECT point, year FROM calc_touch GROUP BY point, year
            HAVING NOT bool_or(part IN ({", ".join(map(str, touching)) or "-1"}))
        ) other ON other.point = o.point AND other.year = o.year"""


def shown_sides(lags: int, touching: Sequence[int]) -> str:
    """SQL of `named_sides` without figures that another rule hides or rounds: region, year, point, indicator (a standardised
    figure by its own name), key, name, value."""
    return f"""
        SELECT t.region, t.year, t.point, p.key, t.name, t.value,
               CASE WHEN t.reason = '{STANDARDISED}' THEN split_part(p.owner, '/', 1) || '/{STANDARDISED}' ELSE p.owner END
                   AS indicator
        FROM ({named_sides(lags, touching)}) t JOIN calc_point p USING (point)
        ANTI JOIN calc_rounded r ON r.region = t.region AND r.year = t.year AND r.key = p.key
         AND r.indicator = split_part(p.owner, '/', 1)
        WHERE t.reason IN ('', '{STANDARDISED}')"""


def small(figure: str, policy: Policy) -> str:
    """SQL: is the figure of `calc_told` small, or a part or the rest of it?"""
    most = max((policy.threshold(variable) for variable in policy.framework.variables), default=0)
    above, below = f"{figure}.numerator", f"{figure}.denominator"
    return (
        f"(({above} >= 0 AND {above} < {most}) OR ({below} - {above} >= 0 AND {below} - {above} < {most})"
        f" OR ({below} > 0 AND {below} < {most}))"
    )


def told(
    connection: duckdb.DuckDBPyConnection, points: Sequence[int] | None = None, touching: Sequence[int] | None = None
) -> Iterator[Told]:
    """The figures (of some points, or with pieces in some of the parts of `calc_touch`), in a fixed order."""
    chosen = "" if points is None else f"WHERE point IN ({', '.join(map(str, points)) or 'NULL'})"
    if touching is not None:
        parts = ", ".join(map(str, touching)) or "NULL"
        chosen = f"SEMI JOIN (FROM calc_touch WHERE part IN ({parts})) t USING (point, year)"
    rows = connection.sql(
        f"SELECT region, year, point, members, reason, numerator, denominator FROM calc_told {chosen}"
        " ORDER BY year, point, region, reason"
    ).to_arrow_table()
    if rows.num_rows:
        members = _texts(rows.column(3), lambda text: tuple(text.split("+")))
        yield from map(
            Told,
            _texts(rows.column(0), str),
            rows.column(1).to_numpy().tolist(),
            rows.column(2).to_numpy().tolist(),
            members,
            _exact(rows.column(5)),
            _exact(rows.column(6)),
            _texts(rows.column(4), str),
        )


def _texts(column: pa.ChunkedArray, made: Callable[[str], Any]) -> list[Any]:
    """What is made of the texts of a column; few stand in it, each again and again."""
    coded = column.dictionary_encode().combine_chunks()
    found = [made(text) for text in coded.dictionary.to_pylist()]
    return [found[n] for n in coded.indices.to_numpy().tolist()]


def _exact(numbers: pa.ChunkedArray) -> list[Any]:
    """Numbers with `_PLACES` decimals as whole ones, and as fractions where they are none. They lie there as a long and a
    short half of what they are without the point: nearly all need the short one alone."""
    column = numbers.combine_chunks()
    halves = np.frombuffer(column.buffers()[1], np.int64)[2 * column.offset :][: 2 * len(column)].reshape(-1, 2)
    found: list[Any] = (halves[:, 0] // 10**_PLACES).tolist()
    plain = (halves[:, 1] == halves[:, 0] >> 63) & (halves[:, 0] % 10**_PLACES == 0)
    if column.null_count:
        plain &= column.is_valid().to_numpy(zero_copy_only=False)
    for place in np.flatnonzero(~plain).tolist():
        value = column[place].as_py()
        found[place] = value if value is None else int(value) if value == int(value) else Fraction(value)
    return found
