"""What became of the questions that each rule asked: hits, deliveries concerned, confirmed, corrected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from warehouse.access import Connection, ledger, rows


@dataclass(frozen=True, slots=True)
class RuleHits:
    """Findings of one code over all deliveries that could be read and were not withdrawn.

    `corrected`: findings that the next delivery of the same region, year and layout no longer has; `followed`: findings
    for which there is a next delivery. A shadow is never answered.
    """

    hits: int = 0
    deliveries: int = 0
    confirmed: int = 0
    corrected: int = 0
    followed: int = 0


_HITS = f"""
WITH sent AS (
    SELECT id, lead(id) OVER (PARTITION BY region, year, layout ORDER BY checked_at, id) AS next
    FROM {ledger()} WHERE verdict <> 'refused' AND withdrawn_at IS NULL
), noticed AS (
    SELECT f.submission_id, f.code, f.variable, f.members, f.state, s.next
    FROM finding f JOIN sent s ON s.id = f.submission_id
)
SELECT n.code, count(*), count(DISTINCT n.submission_id), count(*) FILTER (n.state = 'confirmed'),
       count(*) FILTER (n.next IS NOT NULL AND again.code IS NULL), count(n.next)
FROM noticed n LEFT JOIN (SELECT DISTINCT submission_id, code, variable, members FROM noticed) again
  ON again.submission_id = n.next AND again.code = n.code AND again.variable = n.variable AND again.members = n.members
GROUP BY n.code"""


def rule_hits(connection: Connection) -> Mapping[str, RuleHits]:
    """Hits by code of the finding."""
    return {code: RuleHits(*numbers) for code, *numbers in rows(connection, _HITS)}


def deliveries_by_year(connection: Connection) -> Mapping[int, int]:
    """Deliveries that could be read, by reporting year: so many a rule of that year was tried on."""
    query = f"""
        SELECT year, count(*) FROM {ledger()}
        WHERE verdict <> 'refused' AND withdrawn_at IS NULL AND year IS NOT NULL GROUP BY year"""
    return dict(rows(connection, query))
