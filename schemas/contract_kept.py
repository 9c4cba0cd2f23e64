"""Is the contract kept? Said at once for whole deliveries, most of which keep it: their cells are those of a form that
many of them share, so only the values are looked at. What violates it, and where, says `schemas.contract` alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from schemas.contract import FIRST_YEAR, LAST_YEAR, allowed_cells, is_dynamic
from schemas.framework_model import Framework
from schemas.observations import Observations, Places
from schemas.remembered import remembered


@dataclass(frozen=True)
class _Terms:
    """What the contract asks of a single value: the cells that there are (of variables without sub-areas), statuses, and
    variables that are counted."""

    cells: frozenset[str]
    fixed: frozenset[str]
    counts: frozenset[str]
    statuses: frozenset[str]
    with_value: frozenset[str]

    @classmethod
    def of(cls, framework: Framework) -> _Terms:
        codes = frozenset(framework.variables)
        return cls(
            allowed_cells(framework),
            frozenset(code for code in codes if not is_dynamic(framework, code)),
            frozenset(code for code in codes if framework.is_integer(code)),
            frozenset(framework.statuses),
            frozenset(code for code, status in framework.statuses.items() if status.has_value),
        )


def keeps_contract(framework: Framework, deliveries: Sequence[Observations]) -> bool:
    """Does everything that the deliveries say keep the contract (`schemas.contract.contract`)? True only where the
    contract finds no violation; what is hard to say counts as one."""
    terms = remembered(framework, partial(_Terms.of, framework), "terms of the contract")
    return all(_keeps(framework, terms, said) for said in deliveries)


def _keeps(framework: Framework, terms: _Terms, said: Observations) -> bool:
    return (
        all(framework.territory.known(region) and FIRST_YEAR <= year <= LAST_YEAR for region, year in said.by_place)
        and all(terms.statuses.issuperset(stretch.statuses) for stretch in said.stretches)
        and all(_of_places(framework, terms, stretch.places)[0] for stretch in said.stretches)
        and all(own.each_once for own in said.by_place.values())
        and _values_fit(framework, terms, said)
    )


def _of_places(framework: Framework, terms: _Terms, places: Places) -> tuple[bool, NDArray[np.bool_]]:
    """May all these cells be delivered, and which of them are counted? Worked out once for a form."""
    key = "contract kept", framework.content_hash
    if key not in places.derived:
        allowed = all(
            code in framework.variables and (code not in terms.fixed or f"{code}|{cell}" in terms.cells)
            for code, cell in places.different
        )
        counted = np.array([code in terms.counts for code in places.variables], np.bool_)
        places.derived[key] = allowed, counted
    found: tuple[bool, NDArray[np.bool_]] = places.derived[key]
    return found


def _values_fit(framework: Framework, terms: _Terms, said: Observations) -> bool:
    """Are the values there where the status says so, none below zero, and whole where they are counted?"""
    if not len(said):
        return True
    numbers = said.numbers
    there = ~np.isnan(numbers)
    statuses = chain.from_iterable(stretch.statuses for stretch in said.stretches)
    wanted = np.fromiter(map(terms.with_value.__contains__, statuses), np.bool_, len(said))
    counted = np.concatenate([_of_places(framework, terms, stretch.places)[1] for stretch in said.stretches])
    whole = numbers[counted & there]
    return bool(np.array_equal(wanted, there) and not (numbers < 0).any() and not (whole % 1).any())
