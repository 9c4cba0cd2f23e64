"""Names of forms that hold for ever: what the ledger writes and later releases read again.

`2*06411+06412/2025/UNEMP[GRP=A] - 06411/2024/UNEMP[GRP=A]` is twice the sum of two regions' cells minus another cell. A name
speaks of delivered cells, not of atoms, so it outlives every change of tables and indicators.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

Cell = tuple[str, int, str, str]
"""region, year, variable, member key"""
Combination = Mapping[Cell, Fraction]

_TERM = re.compile(
    r"(?P<sign>^-? ?| [+-] )(?:(?P<factor>[0-9]+(?:/[0-9]+)?)\*)?(?P<regions>[^/\[\]*]+)/(?P<year>[0-9]+)/"
    r"(?P<variable>[A-Z][A-Z0-9_]*)\[(?P<key>[^\]]*)\]"
)


@dataclass(frozen=True, slots=True)
class Term:
    """A term of a name: the same multiple of the same cell of some regions, in the order of the name."""

    negative: bool
    factor: Fraction
    regions: str
    year: int
    variable: str
    key: str


def name_of(combination: Combination) -> str:
    """The one name of a combination of cells."""
    together: dict[tuple[int, str, str, Fraction], list[str]] = {}
    for (region, year, variable, key), factor in combination.items():
        together.setdefault((year, variable, key, factor), []).append(region)
    return joined(
        Term(factor < 0, abs(factor), "+".join(sorted(regions)), year, variable, key)
        for (year, variable, key, factor), regions in sorted(together.items(), key=lambda item: (item[0], item[1]))
    )


def joined(terms: Iterable[Term]) -> str:
    """The name that some terms make up."""
    texts = []
    for term in terms:
        size = "" if term.factor == 1 else f"{term.factor}*"
        sign = "- " if term.negative else "+ "
        texts.append(f"{sign}{size}{term.regions}/{term.year}/{term.variable}[{term.key}]")
    return " ".join(texts).removeprefix("+ ")


def terms_of(name: str) -> list[Term]:
    """The terms of a name; ValueError when the text is no name."""
    found, end = [], 0
    while end < len(name):
        match = _TERM.match(name, end)
        if match is None:
            raise ValueError(f"not the name of a form: {name!r} at {end}")
        sign, factor, regions, year, variable, key = match.groups()
        found.append(Term("-" in sign, _factor(factor or "1"), regions, int(year), variable, key))
        end = match.end()
    return found


@lru_cache(maxsize=256)
def _factor(text: str) -> Fraction:
    return Fraction(text)


def read_name(name: str) -> Combination:
    """The combination that a name stands for; ValueError when the text is no name."""
    found: dict[Cell, Fraction] = {}
    for term in terms_of(name):
        factor = -term.factor if term.negative else term.factor
        for region in term.regions.split("+"):
            cell = (region, term.year, term.variable, term.key)
            found[cell] = found[cell] + factor if cell in found else factor
    return found
