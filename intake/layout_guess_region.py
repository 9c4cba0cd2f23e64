"""Which region a foreign table is about: a column of keys (leading zeros may be lost), of names, or a title."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from intake.layout_guess_table import Column
from intake.layout_model import normalised
from schemas.territory import LAND, Territory, Unit

ENOUGH, MANY = 0.6, 20
_WORD = re.compile(r"[^\W_]+")
_KIND = re.compile(r"\b(?:land|kreis|landkreis|stadt|lhst|landeshauptstadt|region|kreisfreie|universitätsstadt)\b\.?")
_HINT = re.compile(r"schlüssel|ags\b|ars\b|gkz|kennziffer|gemeinde|kreis|region|gebiet|\bland\b|\bnr\b|code")


@dataclass(frozen=True, slots=True)
class RegionColumn:
    """A column that names regions; `found` of `different` texts are known, `other` texts are not."""

    column: Column
    by: str
    prefix: str = ""
    pad: int = 0
    names: dict[str, str] = field(default_factory=dict)
    other: tuple[str, ...] = ()
    found: int = 0

    @property
    def different(self) -> int:
        return len(self.column.texts)


@dataclass(frozen=True)
class Regions:
    """The regions of a framework by key and by name."""

    territory: Territory

    @cached_property
    def _units(self) -> tuple[Unit, ...]:
        """The newest version of every unit."""
        return tuple({unit.code: unit for unit in self.territory.units()}.values())

    @cached_property
    def _ways(self) -> tuple[tuple[str, int], ...]:
        """How a key may be written: whole, without leading zeros, without the digits of the state."""
        lengths = sorted({len(unit.code) for unit in self._units})
        lands = [unit.code for unit in self._units if unit.level == LAND]
        short = [(land, length - len(land)) for land in lands for length in lengths if length > len(land)]
        return (("", 0), *(("", length) for length in lengths if length > 1), *short)

    @cached_property
    def _names(self) -> dict[str, set[str]]:
        known: dict[str, set[str]] = {}
        for unit in self._units:
            for text in filter(None, (unit.name, unit.short_name)):
                known.setdefault(normalised(text), set()).add(unit.code)
        return known

    @cached_property
    def _bare_names(self) -> dict[str, set[str]]:
        known: dict[str, set[str]] = {}
        for text, codes in self._names.items():
            known.setdefault(_bare(text), set()).update(codes)
        return known

    def key_column(self, columns: Iterable[Column]) -> RegionColumn | None:
        """The column whose texts are keys of regions, with the way they are written."""
        return max(filter(None, map(self._as_keys, columns)), key=lambda found: found.found, default=None)

    def name_column(self, columns: Iterable[Column]) -> RegionColumn | None:
        """The column whose texts are names of regions."""
        return max(filter(None, map(self._as_names, columns)), key=lambda found: found.found, default=None)

    def mentioned(self, texts: Iterable[str]) -> str:
        """The one region that the first telling of the texts names; empty when none or several do."""
        for text in texts:
            words = _spaced(normalised(text))
            hits = {name for name in self._names if _spaced(name) in words}
            longest = [name for name in hits if not any(name != other and name in other for other in hits)]
            codes = {code for name in longest for code in self._names[name]}
            if code := self._one(codes):
                return code
        return ""

    def _one(self, codes: set[str]) -> str:
        """The only code, or the only one that delivers; empty when that does not settle it."""
        delivering = {code for code in codes if self.territory.unit(code).reports} or codes
        return next(iter(delivering)) if len(delivering) == 1 else ""

    def _as_keys(self, column: Column) -> RegionColumn | None:
        texts = [text for text in column.texts if text.isdecimal() and len(text) <= 12]
        if not texts or len(texts) * 2 < len(column.texts):
            return None
        hinted = bool(_HINT.search(normalised(column.header)))
        best = max(self._ways, key=lambda way: sum(self._known(text, way) for text in texts))
        known = [text for text in texts if self._known(text, best)]
        long = any(len(best[0]) + max(best[1], len(text)) > 3 for text in known)
        many = len(known) >= MANY and long and not best[0]
        rate = len(known) / len(column.texts)
        if not (many or (rate >= ENOUGH and hinted) or (rate >= 0.9 and len(known) > 4 and long)):
            return None
        other = tuple(text for text in column.texts if not self._known(text, best))
        return RegionColumn(column, "code", best[0], best[1], {}, other, len(known))

    def _known(self, text: str, way: tuple[str, int]) -> bool:
        return self.territory.known(way[0] + text.zfill(way[1]))

    def _as_names(self, column: Column) -> RegionColumn | None:
        if column.numeric:
            return None
        exact, guessed, other = 0, dict[str, str](), list[str]()
        for text in column.texts:
            codes = self._names.get(normalised(text), set())
            if len(codes) == 1:
                exact += 1
            elif code := self._one(codes or self._bare_names.get(_bare(normalised(text)), set())):
                guessed[text] = code
            else:
                other.append(text)
        found = exact + len(guessed)
        if not found or (found < MANY and found < ENOUGH * len(column.texts)):
            return None
        return RegionColumn(column, "name", "", 0, guessed, tuple(other), found)


def _spaced(text: str) -> str:
    """The words of a text, each between blanks."""
    return f" {' '.join(_WORD.findall(text))} "


def _bare(name: str) -> str:
    """A name without what kind of region it is: “Kassel, documenta-Stadt” and “Kassel”."""
    head = name.split(",")[0]
    return " ".join(_WORD.findall(_KIND.sub(" ", head)) or _WORD.findall(head))
