"""The tables of variables with their atoms, read for all years at once: what has to be found out of a table is the same in
every year."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain

import duckdb

from indicators.protection.lattice import Key, Lattice, lattices
from indicators.protection.policy import Policy
from indicators.protection.tables import Cells, Codes, Table, read_table
from indicators.remembered import remembered

_TABLES = 1_000
"""Variables whose tables are kept for the next night, some of them by the sub-areas of regions."""
Span = int | None
"""The year by itself, None where tables of several years belong together."""
Delivered = dict[tuple[str, Span], list[tuple[list[Lattice], list[Table]]]]
"""By variable and span: the tables of regions with the same members of their own, and what each of them has there."""


def span_of(home: Collection[tuple[str, int]]) -> Span:
    """The year of variables and years, None where there are several."""
    years = {year for _, year in home}
    return min(years) if len(years) == 1 else None


def read_delivered(
    connection: duckdb.DuckDBPyConnection,
    policy: Policy,
    keys: Mapping[str, Iterable[Key]],
    secret_ranks: Collection[int],
    years: Collection[int] | None = None,
    *,
    apart: bool = False,
) -> Delivered:
    """The tables of the variables in `keys` (what may be published of each) from the numbered cells, of some years or of
    all.

    Years are taken together or, with `apart`, each by itself: which members of its own (districts) a region has is asked of
    all of them, or of each year.
    """
    found: Delivered = {}
    cells = Cells(connection, keys, policy.framework.dimension_order, years)
    for variable in sorted(keys):
        for own_keys, rows, dynamic in _dynamic_groups(cells, policy, variable, keys[variable], apart=apart):
            made = _lattices(policy, variable, own_keys, dynamic)
            tables = [read_table(cells, lattice, rows, secret_ranks) for lattice in made]
            for span, own in _by_span(tables, apart=apart):
                found.setdefault((variable, span), []).append((made, own))
    return found


def _by_span(tables: list[Table], *, apart: bool) -> Iterator[tuple[Span, list[Table]]]:
    if not apart:
        yield None, tables
        return
    found: dict[int, list[Table]] = {}
    for number, table in enumerate(tables):
        for place, one in table.items():
            found.setdefault(place[1], [{} for _ in tables])[number][place] = one
    yield from found.items()


def _lattices(policy: Policy, variable: str, keys: list[Key], dynamic: dict[str, list[str]]) -> list[Lattice]:
    """The tables of a variable, which are the same in every year."""
    own = tuple((dimension, tuple(members)) for dimension, members in sorted(dynamic.items()))
    return remembered(
        policy.framework,
        lambda: lattices(policy.framework, variable, keys, dynamic, policy.rules.open_members),
        "lattices",
        variable,
        tuple(keys),
        own,
        most=_TABLES,
    )


def _dynamic_groups(
    cells: Cells, policy: Policy, variable: str, keys: Iterable[Key], *, apart: bool
) -> Iterator[tuple[list[Key], Codes | None, dict[str, list[str]]]]:
    """Places with the same members of their own, with the keys that concern them."""
    framework = policy.framework
    listed = sorted(keys)
    own = [
        d for d in framework.dimension_order if framework.dimensions[d].dynamic and any(d in dict(k) for k in listed)
    ]
    if not own:
        yield listed, None, {}
        return
    asked: dict[tuple[tuple[int, str], ...], list[int]] = {}
    for place, key in enumerate(listed):
        asked.setdefault(tuple((own.index(d), member) for d, member in key if d in own), []).append(place)
    for members, places in sorted(cells.places_by_members(variable, own, apart=apart).items()):
        dynamic = dict(zip(own, (list(m) for m in members), strict=True))
        there = [set(m) for m in members]
        mine = [numbers for pairs, numbers in asked.items() if all(member in there[n] for n, member in pairs)]
        yield [listed[number] for number in sorted(chain.from_iterable(mine))], places, dynamic
