"""Where a rule fails: the delivered cells behind a point, and which findings only follow from others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from schemas.framework_model import Framework
from schemas.plan import Lookup, Point
from schemas.shapes import TOTAL, Finding, Observation

CellKey = tuple[str, str]


def split_key(key: str) -> list[tuple[str, str]]:
    """`GRP=A,SEX=W` -> [("GRP", "A"), ("SEX", "W")]."""
    return [(part.partition("=")[0], part.partition("=")[2]) for part in key.split(",") if part]


def has_delivered_cell(point: Point, addresses: Mapping[CellKey, Observation]) -> bool:
    parts = (part for parts in point.sums.values() for part in parts)
    lookups = [*point.lookups.values(), *(look for part in parts for look in part.lookups)]
    return any(look.lag == 0 and (look.variable, look.key) in addresses for look in lookups)


def without_consequences(framework: Framework, findings: list[Finding], computed: set[int]) -> list[Finding]:
    """Drop what only follows: where a part breaks a rule, so does the computed sum; there is nothing to mend in it.

    `computed` holds the numbers of the findings at points without any delivered cell.
    """
    keys: dict[str, list[dict[str, str]]] = defaultdict(list)
    for found in findings:
        keys[found.code].append(dict(split_key(found.members)))
    return [
        found
        for number, found in enumerate(findings)
        if number not in computed
        or not any(_is_part(framework, part, dict(split_key(found.members))) for part in keys[found.code])
    ]


def _is_part(framework: Framework, part: Mapping[str, str], whole: Mapping[str, str]) -> bool:
    """Does `part` differ from `whole` only by leaves where `whole` has an aggregate or the total?"""
    if part == whole:
        return False
    dims = {*part, *whole}
    return all(_below(framework, d, part.get(d, TOTAL), whole.get(d, TOTAL)) for d in dims)


def _leaves(framework: Framework, dimension: str, member: str) -> set[str]:
    entry = framework.dimensions[dimension]
    schemes = [*entry.schemes.values()] or [entry.scheme(None)]
    return {leaf for scheme in schemes for leaf in scheme.aggregates.get(member, ())}


def involved(framework: Framework, point: Point, addresses: Mapping[CellKey, Observation]) -> list[Observation]:
    """Delivered cells of this year that the point looks at; for a computed one the cells that it is computed from."""
    lookups: list[Lookup] = []
    for slot in sorted({*point.lookups, *point.sums}):
        if slot in point.lookups:
            lookups.append(point.lookups[slot])
        else:
            lookups += [look for part in point.sums[slot] for look in part.lookups]
    found: list[Observation] = []
    for look in lookups:
        if look.lag == 0:
            exact = addresses.get((look.variable, look.key))
            found += [exact] if exact else _parts_of(framework, look, addresses)
    return list(dict.fromkeys(found))


def _parts_of(framework: Framework, look: Lookup, addresses: Mapping[CellKey, Observation]) -> list[Observation]:
    """Delivered cells below a total or aggregate that was not delivered itself."""
    wanted = dict(split_key(look.key))
    parts = []
    for (variable, _), observation in addresses.items():
        if variable == look.variable:
            given = dict(observation.members)
            dims = framework.variable_dimensions(variable)
            if all(_below(framework, d, given.get(d, TOTAL), wanted.get(d, TOTAL)) for d in dims):
                parts.append(observation)
    return parts


def _below(framework: Framework, dimension: str, member: str, whole: str) -> bool:
    return member == whole or member in _leaves(framework, dimension, whole)


def cell_list(observations: Sequence[Observation]) -> str:
    shown = [
        f"„{o.sheet}“ {o.cell}" if i == 0 or o.sheet != observations[0].sheet else o.cell
        for i, o in enumerate(observations)
    ]
    more = f" und {len(shown) - 8} weitere" if len(shown) > 8 else ""
    return ", ".join(shown[:8]) + more


def cells_sentence(observations: Sequence[Observation]) -> str:
    return f"Beteiligte Zellen: {cell_list(observations)}." if observations else ""
