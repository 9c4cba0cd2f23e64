"""What follows from a series is worked out once where the house and the published tables hold the same series.

Most figures are published as they are, so most published series agree with those of the house in every year. Everything
that is made of a series alone (changes, trend) is the same then, to the last digit, and is taken over.
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas.framework_model import Framework
from schemas.sql import dimension_columns


def same_series(framework: Framework, series: str, other: str, rest: str) -> Iterator[str]:
    """SQL that makes `series`_same (id, other) and the views `rest`_key, `rest`_point, `rest`_cut of all other series.

    Two series are the same when they have the same values in the same years and stretches, and the same interruptions
    with the same causes.
    """
    key = ", ".join(["region", "indicator", *dimension_columns(framework)])
    point, cut = (
        ("a.year = b.year", "a.value = b.value", "a.stretch = b.stretch"),
        ("a.year = b.year", "a.reason = b.reason"),
    )
    yield f"""
CREATE OR REPLACE TEMP TABLE {series}_same AS
WITH pair AS (
    SELECT k.id, o.id AS other FROM {series}_key k JOIN {other}_key o USING ({key})
), told AS (
    {_sizes(f"{series}_point", f"{other}_point", point)}
    UNION ALL {_sizes(f"{series}_cut", f"{other}_cut", cut)}
)
SELECT id, other FROM pair ANTI JOIN (SELECT id FROM told WHERE shared < own OR shared < others) USING (id)"""
    yield f"CREATE OR REPLACE TEMP VIEW {rest}_key AS FROM {series}_key"
    for part in ("point", "cut"):
        yield f"CREATE OR REPLACE TEMP VIEW {rest}_{part} AS FROM {series}_{part} ANTI JOIN {series}_same USING (id)"


def _sizes(one: str, other: str, same: tuple[str, ...]) -> str:
    """Of every pair with rows on either side: how many rows each has, and how many are in both."""
    return f"""
    SELECT id, sum(own) AS own, sum(others) AS others, sum(shared) AS shared FROM (
        SELECT id, 1 AS own, 0 AS others, 0 AS shared FROM {one}
        UNION ALL SELECT p.id, 0, 1, 0 FROM {other} b JOIN pair p ON p.other = b.id
        UNION ALL SELECT p.id, 0, 0, 1 FROM {one} a JOIN pair p ON p.id = a.id JOIN {other} b ON b.id = p.other
            AND {" AND ".join(same)}
    ) GROUP BY id"""


def joined_rows(own: str, others: str, same: str, target: str) -> str:
    """SQL that makes the view `target`: the rows `own`, and those of the other series that are the `same`, under the id of
    here."""
    return f"""
CREATE OR REPLACE TEMP VIEW {target} AS
FROM {own} UNION ALL BY NAME SELECT s.id, r.* EXCLUDE (id) FROM {others} r JOIN {same} s ON s.other = r.id"""
