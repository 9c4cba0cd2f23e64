"""What follows from the values of a region alone stands while they are what they were: it need not be made again.

Trends and last values are by far the most rows of a computation, and a delivery changes those of its region and of what
the region lies in.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from indicators.window import TooNarrow, Window, Years, listed

_VALUES, _BREAKS = ("indicator_value", "indicator_published"), "series_break"
"""What trends and last values are made of, beside framework and crosswalk."""


@dataclass(frozen=True)
class Anew:
    """`regions` with a value, a published figure or a break that the stored result tables do not hold, or hold and should
    not, with the regions whose series at today's territory is made of theirs; the `years` of what differs."""

    regions: frozenset[str]
    years: Years


def what_is_anew(connection: duckdb.DuckDBPyConnection, window: Window | None = None) -> Anew | None:
    """What is not as the stored result tables have it.

    None when years have come or gone: the newest year is what today's territory means. With a `window` its years alone are
    compared. Raises TooNarrow when one of them has come or gone.
    """
    inside = "" if window is None else f"WHERE year IN {listed(window.made)}"
    if _years(connection, "calc_indicator_value", inside) != _years(connection, "indicator_value", inside):
        if window is not None:
            raise TooNarrow("years have come or gone")
        return None
    differing = differing_places(connection, f"calc_{_BREAKS}", _BREAKS)
    for name in _VALUES:
        differing |= differing_places(connection, f"calc_{name}", name, inside)
    found = {region for region, _ in differing}
    whole = connection.execute("SELECT DISTINCT region, part FROM calc_crosswalk").fetchall()
    found |= {region for region, part in whole if part in found}
    return Anew(frozenset(found), frozenset(year for _, year in differing))


def of_these(relation: str, anew: Anew) -> str:
    """SQL of the rows of a relation that speak of the regions whose trends and last values are made again."""
    named = ", ".join("'" + region.replace("'", "''") + "'" for region in sorted(anew.regions))
    return f"FROM {relation} WHERE region IN ({named or 'NULL'})"


def _years(connection: duckdb.DuckDBPyConnection, relation: str, inside: str) -> list[tuple[int]]:
    return connection.execute(f"SELECT DISTINCT year FROM {relation} {inside} ORDER BY year").fetchall()


def differing_regions(connection: duckdb.DuckDBPyConnection, new: str, stored: str) -> set[str]:
    """Regions whose rows of one relation are not those of another with the same columns, whatever their order."""
    return {region for region, _ in differing_places(connection, new, stored)}


def differing_places(
    connection: duckdb.DuckDBPyConnection, new: str, stored: str, inside: str = ""
) -> set[tuple[str, int]]:
    """Regions and years whose rows of one relation are not those of another, which has its columns and perhaps more."""
    told = connection.execute(f"DESCRIBE FROM {new}").fetchall()
    columns = ", ".join(  # what is a number in one of them is the text in the other
        f'CAST("{column}" AS VARCHAR)' if kind.startswith("ENUM") else f'"{column}"' for column, kind, *_ in told
    )
    rows = connection.execute(f"""
        SELECT region, year FROM ({_content(new, columns, inside)}) n
        FULL JOIN ({_content(stored, columns, inside)}) s USING (region, year)
        WHERE n.content IS DISTINCT FROM s.content""")
    return {(region, year) for region, year in rows.fetchall()}


def _content(relation: str, columns: str, inside: str) -> str:
    """Number and sums of two fingerprints of all rows of each region and year."""
    return f"""
        SELECT region, year, [count(*), sum(CAST(mark AS HUGEINT)), sum(CAST(hash(mark) AS HUGEINT))] AS content
        FROM (SELECT region, year, hash({columns}) AS mark FROM {relation} {inside}) GROUP BY region, year"""
