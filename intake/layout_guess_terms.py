"""Which variable and which members of the framework a header or a label may mean, by overlap of words."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from math import log

from intake.layout_guess_words import Interval, intervals, is_share, is_total, stems
from schemas.framework_model import Framework, Members
from schemas.shapes import TOTAL

LEAST = 0.4
SURE = 0.6
_QUALIFIER = 0.35
_PREPOSITION = re.compile(r"\b(?:am|an|auf|aus|bei|im|in|laut|mit|nach|ohne|über|von|zu|zum|zur)\b|[(]")


@dataclass(frozen=True, slots=True)
class Placement:
    """A proposal for a column or label: `score` between 0 and about 1, `others` are variables nearly as likely."""

    variable: str
    members: Members
    score: float
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Terms:
    """The names of the framework as words, weighted by how rare a word is."""

    framework: Framework

    @cached_property
    def _names(self) -> dict[str, dict[str, float]]:
        """Words of each variable's name; what follows a preposition only qualifies the rest."""
        found: dict[str, dict[str, float]] = {}
        for code, variable in self.framework.variables.items():
            cut = _PREPOSITION.search(variable.name_de)
            core = stems(variable.name_de[: cut.start()]) if cut and cut.start() else stems(variable.name_de)
            found[code] = {word: 1.0 if word in core else _QUALIFIER for word in stems(variable.name_de)}
        return found

    @cached_property
    def _rarity(self) -> dict[str, float]:
        variables = self.framework.variables
        counts = Counter(word for code in variables for word in self._explained(code))
        return {word: log(1 + len(variables) / count) for word, count in counts.items()}

    def _explained(self, code: str) -> frozenset[str]:
        return frozenset(self._names[code]) | stems(self.framework.variables[code].definition_de)

    def likeness(self, code: str, header: frozenset[str], context: frozenset[str]) -> float:
        """How much of the variable's name is said by the header, or less weightily by the titles around it."""
        weights = {word: self._rarity[word] * weight for word, weight in self._names[code].items()}
        said = sum(w * (1 if word in header else 0.8 if word in context else 0) for word, w in weights.items())
        told = [word for word in header | context if word in self._rarity]
        known = sum(self._rarity[word] for word in told if word in self._explained(code))
        all_told = sum(self._rarity[word] for word in told)
        cover = said / sum(weights.values()) if weights else 0.0
        return 0.8 * cover + 0.2 * (known / all_told if all_told else 0.0) if cover else 0.0

    def candidates(self, header: frozenset[str], context: frozenset[str]) -> dict[str, float]:
        """Variables that header and titles may mean."""
        variables = self.framework.variables
        scores = {code: self.likeness(code, header, context) * self._apt(code) for code in variables}
        return {code: score for code, score in scores.items() if score >= LEAST}

    def _apt(self, code: str) -> float:
        """A variable that exists only by parts of a region is the less likely reading."""
        dimensions, tables = self.framework.dimensions, self.framework.variables[code].tables
        return 0.6 if all(any(dimensions[d].dynamic for d in table) for table in tables) else 1.0

    def place(self, text: str, code: str, context: frozenset[str], *, exclusive: bool = False) -> Members | None:
        """Members that a text names for this variable; None when a word or an age remains unexplained."""
        words, ages = set(stems(text)), list(intervals(text, exclusive=exclusive))
        found: dict[str, str] = {}
        if is_share(text) and self.framework.variables[code].type != "measure":
            return None
        for dimension, member, label in self._labels(code):
            if dimension in found:
                continue
            if isinstance(label, tuple):
                if label in ages:
                    ages.remove(label)
                    found[dimension] = member
            elif label <= words:
                words -= label
                found[dimension] = member
        name = self.framework.variables[code].name_de
        told = {*intervals(name), *intervals(self.framework.variables[code].definition_de)}
        rest = {w for w in words if not is_total(w) and w not in self._explained(code) and w not in context}
        if rest or any(age not in told for age in ages):
            return None
        return tuple((d, found[d]) for d in self.framework.dimension_order if found.get(d, TOTAL) != TOTAL)

    def _labels(self, code: str) -> list[tuple[str, str, frozenset[str] | Interval]]:
        """Members of a variable with their ages or words; whoever says more comes first."""
        listed: list[tuple[str, str, frozenset[str] | Interval]] = []
        for dimension in self.framework.variable_dimensions(code):
            for member in self.framework.members(code, dimension):
                names = self.framework.dimensions[dimension].members.get(member)
                if names is None:
                    continue
                if ages := intervals(names.de):
                    listed.append((dimension, member, ages[0]))
                elif member != TOTAL and stems(names.de):
                    listed.append((dimension, member, stems(names.de)))
        return sorted(listed, key=lambda entry: -len(entry[2]) if isinstance(entry[2], frozenset) else -99)

    def named(self, text: str) -> str:
        """The one variable that a text names by itself, empty when there is none."""
        scores = sorted(
            ((self.likeness(code, stems(text), frozenset()), code) for code in self.framework.variables), reverse=True
        )
        clear = scores and scores[0][0] >= SURE and (len(scores) == 1 or scores[0][0] > scores[1][0])
        return scores[0][1] if clear else ""
