"""Digests of all that enters a year of the attack, taken before its equations are made: the same digest, the same parts with the
same targets, so what was found of them stands.

What lies in a year alone is decided by what is known and true of it and of the years as near as anything looks back: a figure
or a rule of the next year may speak of it, and whether a rule tells anything depends on what is known of the year before.
"""

from __future__ import annotations

import numpy as np

from indicators.audit.entering import digest_of, said, text_of
from indicators.audit.given import Given
from indicators.audit.numbering import real
from indicators.audit.relations import Real, Whole
from indicators.audit.targets import small_rows


def blocks(given: Given, *further: object) -> list[bytes]:
    """One for each year. `further`: whatever else decides."""
    common, lag = _common(given, further), given.lag
    sent, values = _sent(given), _values(given)
    own = [_of_year(given, number, sent, values) for number in range(len(given.index.years))]
    near = [b"".join(own[max(0, number - lag) : number + lag + 1]) for number in range(len(own))]
    return [digest_of([_bytes(common), np.array([number]), _bytes(one)]) for number, one in enumerate(near)]


def _common(given: Given, further: tuple[object, ...]) -> bytes:
    """What enters every year: framework, regions and years, what atoms and nodes are, kinds of delivered cells."""
    index, atoms, forms = given.index, given.atoms, given.forms
    sizes, flat = atoms.of_nodes(np.arange(len(atoms.of_node)))
    made_of = sorted({aggregate for _, aggregate, _ in given.where.aggregates})
    framework = (forms.framework.content_hash, forms.framework.confidentiality)
    names = (*framework, index.regions, index.years, index.figures, atoms.variables, made_of, further)
    kinds = () if given.sent is None else ((one.variable, *one.members.values()) for one in given.sent.kinds)
    return digest_of([sizes, flat, text_of(forms.nodes), text_of(names), text_of(kinds), text_of([given.sent is None])])


def _of_year(given: Given, number: int, sent: tuple[Whole | Real, ...], values: tuple[Whole | Real, ...]) -> bytes:
    """What is known, told, printed, true and held in a year."""
    known, told = given.known, given.known.told
    speaking = np.unique(told.relations.owner[told.relations.year == number])
    aggregates = [one for one in given.where.aggregates if one[0] == number]
    complete = sorted(place for place in given.complete if place[1] == number)
    held = (sorted(given.nested.get(number, {}).items()), complete, aggregates)
    true = [column[mine] for own in (sent, values) for mine in [own[0] == number] for column in own]
    return digest_of(
        [
            known.nodes[:, number],
            known.doubtful_nodes[:, number],
            *said(told.relations, told.moment, known.doubtful, given.atoms, given.versions, speaking),
            given.state[:, number],
            text_of(held),
            *true,
        ]
    )


def _sent(given: Given) -> tuple[Whole | Real, ...]:
    """Year, region, kind and value, in order, of the delivered counts that can be secret themselves and of units that hold
    others or lie in them."""
    sent = given.sent
    if sent is None:
        return (np.zeros(0, np.int64),)
    threshold = np.array([given.forms.threshold(kind.variable) for kind in sent.kinds], np.int64)
    tied = np.zeros((len(given.index.regions), len(given.index.years)), bool)
    for year, units in given.nested.items():
        tied[[unit for above, below in units.items() for unit in (above, *below)], year] = True
    small = (sent.value >= 1) & (sent.value < threshold[sent.kind]) if len(sent.kind) else np.zeros(0, bool)
    chosen = np.flatnonzero(small | tied[sent.region, sent.year])
    order = chosen[np.lexsort((sent.value[chosen], sent.kind[chosen], sent.region[chosen]))]
    return sent.year[order], sent.region[order], sent.kind[order], sent.value[order]


def _values(given: Given) -> tuple[Whole | Real, ...]:
    """Year, region, figure and both sides, in order, of the true values."""
    if given.values is None:
        return (*np.zeros((3, 0), np.int64), *np.zeros((2, 0)))
    rows, region, year, figure = given.index.rows(small_rows(given.forms, given.values), ["numerator", "denominator"])
    sides = [real(rows[name]) for name in ("numerator", "denominator")]
    order = np.lexsort((*sides, figure, region))
    return tuple(column[order] for column in (year, region, figure, *sides))


def _bytes(digest: bytes) -> np.ndarray:
    return np.frombuffer(digest, np.uint8)
