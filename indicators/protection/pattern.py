"""A side of figures worked out once: its name and its whole factors for any regions and any year."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import lcm

from indicators.protection.forms import Base, Linear


@dataclass(frozen=True, slots=True)
class Pattern:
    """`terms`: base cell and whole factor, `scale` times the factor of the side. `texts`: sign and size of each term, years
    to go back, what follows the year."""

    terms: tuple[tuple[Base, int], ...]
    scale: int
    texts: tuple[tuple[str, int, str], ...]
    variables: frozenset[str]

    def name(self, regions: Sequence[str], year: int) -> str:
        """The same as `naming.name_of` says of the cells."""
        where = "+".join(sorted(regions))
        return " ".join(f"{size}{where}/{year - lag}{rest}" for size, lag, rest in self.texts).removeprefix("+ ")


def pattern_of(side: Linear) -> Pattern:
    """The pattern of a side."""
    kept = [(base, factor) for base, factor in side.items() if factor]
    scale = lcm(*(factor.denominator for _, factor in kept)) if kept else 1
    ordered = sorted(kept, key=lambda item: (-item[0][2], item[0][0], item[0][1], item[1]))
    texts = []
    for (variable, key, lag), factor in ordered:
        size = "" if abs(factor) == 1 else f"{abs(factor)}*"
        texts.append((("- " if factor < 0 else "+ ") + size, lag, f"/{variable}[{key}]"))
    terms = tuple((base, int(factor * scale)) for base, factor in kept)
    return Pattern(terms, scale, tuple(texts), frozenset(variable for variable, _, _ in side))


@dataclass
class Patterns:
    """Patterns of sides that live as long as this does: a side is told by its identity. Sides alike have one pattern."""

    _known: dict[int, tuple[Linear, Pattern]] = field(default_factory=dict)
    _alike: dict[tuple[tuple[Base, int], ...], Pattern] = field(default_factory=dict)
    _rests: dict[tuple[int, int], tuple[Linear, Linear, Linear, Linear]] = field(default_factory=dict)
    _turned: dict[int, tuple[Linear, Linear]] = field(default_factory=dict)

    def of(self, side: Linear) -> Pattern:
        """The pattern of a side."""
        found = self._known.get(id(side))
        if found is None:
            made = pattern_of(side)
            found = self._known[id(side)] = (
                side,
                self._alike.setdefault((*made.terms, (("", "", 0), made.scale)), made),
            )
        return found[1]

    def rest(self, part: Linear, whole: Linear) -> tuple[Linear, Linear]:
        """What is left of the whole beside the part, and the same turned round."""
        which = (id(part), id(whole))
        if which not in self._rests:
            left = dict(whole)
            for base, factor in part.items():
                left[base] = left.get(base, Fraction(0)) - factor
            self._rests[which] = (part, whole, left, turned(left))
        return self._rests[which][2:]

    def turned(self, side: Linear) -> Linear:
        """The side with all signs turned round."""
        if id(side) not in self._turned:
            self._turned[id(side)] = (side, turned(side))
        return self._turned[id(side)][1]


def turned(side: Linear) -> Linear:
    """The side with all signs turned round."""
    return {base: -factor for base, factor in side.items()}
