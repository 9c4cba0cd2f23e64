"""Names of forms that hold for ever: what the ledger writes and later releases read again.

`2*06411+06412/2025/UNEMP[GRP=A] - 06411/2024/UNEMP[GRP=A]` is twice the sum of two regions' cells minus another cell. A name
speaks of delivered cells, not of atoms, so it outlives every change of tables and indicators.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction

Cell = tuple[str, int, str, str]
"""region, year, variable, member key"""
Combination = Mapping[Cell, Fraction]

_TERM = re.compile(
    r"(?P<sign>^-? ?| [+-] )(?:(?P<factor>[0-9]+(?:/[0-9]+)?)\*)?(?P<regions>[^/\[\]*]+)/(?P<year>[0-9]+)/"
    r"(?P<variable>[A-Z][A-Z0-9_]*)\[(?P<key>[^\]]*)\]"
)


def name_of(combination: Combination) -> str:
    """The one name of a combination of cells."""
    together: dict[tuple[int, str, str, Fraction], list[str]] = {}
    for (region, year, variable, key), factor in combination.items():
        together.setdefault((year, variable, key, factor), []).append(region)
    terms = []
    for (year, variable, key, factor), regions in sorted(together.items(), key=lambda item: (item[0], item[1])):
        size = "" if abs(factor) == 1 else f"{abs(factor)}*"
        terms.append(("- " if factor < 0 else "+ ") + f"{size}{'+'.join(sorted(regions))}/{year}/{variable}[{key}]")
    return " ".join(terms).removeprefix("+ ")


def read_name(name: str) -> Combination:
    """The combination that a name stands for; ValueError when the text is no name."""
    found: dict[Cell, Fraction] = {}
    end = 0
    while end < len(name):
        match = _TERM.match(name, end)
        if match is None:
            raise ValueError(f"not the name of a form: {name!r} at {end}")
        factor = Fraction(match["factor"] or 1) * (-1 if "-" in match["sign"] else 1)
        for region in match["regions"].split("+"):
            cell = (region, int(match["year"]), match["variable"], match["key"])
            found[cell] = found.get(cell, Fraction(0)) + factor
        end = match.end()
    return found
