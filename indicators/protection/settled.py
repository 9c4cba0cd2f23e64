"""What the ledger says of a part and of what was decided of it: the same release once more tells nothing more.

A decision is proved with everything taken for known that it shows, and everything kept that it hides. So it still is one,
unchanged, when the ledger has gained nothing but that: no form is known that was not, none has to stay hidden that did not.
A part therefore is decided with the ledger before the last releases, if what these added is what the decision tells and keeps.
That depends on values and ledger alone; a night that remembers the decision need not work it out to know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction

import duckdb
import pyarrow as pa

from indicators.protection import ledger
from indicators.protection.decision import HIDDEN, Decision, table_of
from indicators.protection.entered import store
from indicators.protection.figures import named_sides, shown_sides

_WANTED = pa.schema([("part", pa.int32()), ("upto", pa.int32()), ("busy", pa.bool_())])
_OWN = pa.schema([("part", pa.int32()), *ledger.SCHEMA])


def regarded(connection: duckdb.DuckDBPyConnection, lags: int, parts: Iterable[int]) -> dict[int, int]:
    """For each part the last batch of its records in which anything was shown with a value that it has no more: at least up
    to there the ledger has to be regarded. 0 where there is none."""
    found = dict.fromkeys(parts, 0)
    if not found or not connection.execute("SELECT 1 FROM calc_record LIMIT 1").fetchall():
        return found
    rows = connection.execute(f"""
        WITH record AS (
            SELECT part, batch, cell, value FROM calc_record
            WHERE state = '{ledger.SHOWN}' AND part IN ({", ".join(map(str, found))})
        ), changed AS (
            SELECT r.part, r.batch FROM record r JOIN ({named_sides(lags, list(found))}) n ON n.name = r.cell
            GROUP BY r.part, r.batch, r.cell, r.value HAVING NOT bool_or(n.value = r.value)
        )
        SELECT part, max(batch) FROM changed GROUP BY part""").fetchall()
    return found | dict(rows)


def not_said(
    connection: duckdb.DuckDBPyConnection,
    lags: int,
    decisions: Mapping[int, Decision],
    batches: Mapping[int, int],
    records: str = "calc_record",
) -> dict[int, int]:
    """The first batch of `records` behind that of each part in which there is anything that its decision neither tells nor
    keeps; only parts that have one."""
    if not decisions:
        return {}
    wanted = [(part, batches[part], decision.counts.num_rows > 0) for part, decision in decisions.items()]
    store(connection, "calc_upto", table_of(wanted, _WANTED))
    concerned = f"""
        SELECT part, cell, value, state, batch FROM {records} JOIN calc_upto USING (part)
        WHERE batch > upto AND (busy OR state = '{ledger.HIDDEN}')"""  # where nothing was small all is told
    parts = [
        part for (part,) in connection.execute(f"SELECT DISTINCT part FROM ({concerned}) ORDER BY part").fetchall()
    ]
    if not parts:
        return {}
    store(connection, "calc_said", _own({part: decisions[part] for part in parts}))
    store(connection, "calc_away", _away({part: decisions[part] for part in parts}))
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE calc_open AS
        SELECT r.part, r.cell, r.value, r.state, r.batch FROM ({concerned}) r
        ANTI JOIN calc_said s ON s.part = r.part AND s.cell = r.cell AND s.value = r.value AND s.state = r.state""")
    connection.execute(f"CREATE OR REPLACE TEMP TABLE calc_named AS {shown_sides(lags, parts)}")
    connection.execute(f"""
        INSERT INTO calc_said
        SELECT t.part, n.name, n.value, '{ledger.SHOWN}'
        FROM calc_named n JOIN calc_touch t ON t.point = n.point AND t.year = n.year
        ANTI JOIN calc_away h ON h.part = t.part AND h.region = n.region AND h.year = n.year AND h.key = n.key
         AND h.indicator = n.indicator""")
    rows = connection.execute("""
        SELECT part, min(batch) FROM calc_open r
        ANTI JOIN calc_said s ON s.part = r.part AND s.cell = r.cell AND s.value = r.value AND s.state = r.state
        GROUP BY part""").fetchall()
    for name in ("calc_upto", "calc_said", "calc_away", "calc_open", "calc_named"):
        connection.execute(f"DROP TABLE {name}")
    return dict(rows)


def exact(value: Fraction) -> Decimal | int:
    """A value as the ledger writes it."""
    if value.denominator == 1:
        return value.numerator
    return (Decimal(value.numerator) / Decimal(value.denominator)).quantize(Decimal("0.00000001"))


def _own(decisions: Mapping[int, Decision]) -> pa.Table:
    """What decisions keep, and what those of their figures tell, as far as they show them, that are no forms of it."""
    rows: list[tuple[object, ...]] = []
    for part, decision in decisions.items():
        away = set(zip(*(decision.hidden.column(name).to_pylist() for name in HIDDEN.names[:4]), strict=True))
        rows += [(part, name, exact(value), ledger.HIDDEN) for name, value in decision.kept.items()]
        for place, names in decision.told:
            if place not in away:
                rows += [(part, name, exact(value), ledger.SHOWN) for name, value in names.items()]
    return table_of(rows, _OWN)


def _away(decisions: Mapping[int, Decision]) -> pa.Table:
    """What decisions hide."""
    return pa.concat_tables(
        decision.hidden.append_column("part", pa.array([part] * decision.hidden.num_rows, pa.int32()))
        for part, decision in decisions.items()
    )
