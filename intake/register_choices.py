"""What can be chosen in a field of a register, and which choice a text means: names for people, codes in the data."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from functools import cached_property

from schemas.definitions_registers import CODED, NO, YES, RecordField
from schemas.framework_model import Framework
from schemas.territory import UNASSIGNED

_NOT_A_WORD = re.compile(r"[\W_]+")
_NEAR = 0.62
_MARKS = str.maketrans({"✓": "ja", "✔": "ja", "☑": "ja", "✗": "nein", "✘": "nein"})
_ANSWERS = {YES: "ja j y x 1 wahr true", NO: "nein n 0 falsch false"}
YES_NAME, NO_NAME = "ja", "nein"


@dataclass(frozen=True)
class Choices:
    """The entries of a field: code -> name as it is shown; `others`: further texts that mean a code.

    `offered`: the names that the form lists where these are not all.
    """

    names: Mapping[str, str]
    others: Mapping[str, str] = field(default_factory=dict)
    offered: tuple[str, ...] = ()

    @property
    def listed(self) -> tuple[str, ...]:
        """The names that people choose from."""
        return self.offered or tuple(self.names.values())

    def code(self, text: str) -> str:
        """The code that a text means, whatever its case, blanks and punctuation; empty when it means none."""
        return self._words.get(plain(text), "")

    def name(self, code: str) -> str:
        """The name of a code as the form shows it; the code itself where it is not known."""
        return self.names.get(code, code)

    def nearest(self, text: str) -> str:
        """The name of the choice that looks most like the text, empty when none does."""
        words = self._words
        found = get_close_matches(plain(text), words, n=1, cutoff=_NEAR)
        return self.name(words[found[0]]) if found else ""

    @cached_property
    def _words(self) -> dict[str, str]:
        words: dict[str, str] = {}
        for code, name in self.names.items():
            words.setdefault(plain(name), code)
        for text, code in self.others.items():
            words.setdefault(plain(text), code)
        words |= {plain(code): code for code in self.names}
        return {word: code for word, code in words.items() if word}


def choices(framework: Framework, entry: RecordField, region: str, year: int) -> Choices | None:
    """The choices of a field for a region and reporting year; None for a field that is not chosen or names a record."""
    if entry.type in CODED:
        valid = framework.codelists[entry.codelist or ""].valid(year)
        return Choices({e.code: e.name_de for e in valid}, {e.name_en: e.code for e in valid})
    if entry.type == "yes_no":
        others = {word: code for code, words in _ANSWERS.items() for word in words.split()}
        return Choices({YES: YES_NAME, NO: NO_NAME}, others)
    if entry.type == "indicator":
        named = {code: f"{code} {indicator.name_de}" for code, indicator in framework.indicators.items()}
        return Choices(named, {indicator.name_de: code for code, indicator in framework.indicators.items()})
    if entry.type in ("area", "areas"):
        return _areas(framework, region, year)
    return None


def plain(text: str) -> str:
    """A text without case, blanks and punctuation, to be compared."""
    return _NOT_A_WORD.sub("", unicodedata.normalize("NFKC", text.translate(_MARKS)).casefold())


def listed(names: Iterable[str], limit: int = 8) -> str:
    """Names as a German list; the rest of a long one is counted."""
    shown = [f"„{name}“" for name in names]
    more = len(shown) - limit
    return ", ".join(shown[:limit]) + (f" und {more} weitere" if more > 0 else "")


def _areas(framework: Framework, region: str, year: int) -> Choices:
    """The region itself and what lies in it (districts of a city, municipalities of a Kreis); then every other unit."""
    territory, day = framework.territory, date(year, 12, 31)
    own = {region: territory.unit_name(region)}
    own |= {code: name for code, name in territory.subareas(region, day).items() if code not in UNASSIGNED}
    others = {unit.code: territory.unit_name(unit.code) for unit in territory.valid_units(day) if unit.code not in own}
    taken = Counter([*own.values(), *others.values()])
    named = own | {code: name if taken[name] == 1 else f"{name} ({code})" for code, name in others.items()}
    return Choices(named, offered=tuple(own.values()))
