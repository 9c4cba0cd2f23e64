"""Words of headers and of the framework made comparable, for proposals only: stems, synonyms, ages, totals, years.

The reading of deliveries never uses any of this; it compares texts exactly (`layout_model.normalised`).
"""

from __future__ import annotations

import re
from functools import cache

from intake.layout_model import normalised

Interval = tuple[int, int | None]


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


YEAR = re.compile(r"(?<!\d)(?:19|20)\d{2}(?!\d)")
_FOLD = str.maketrans({"ä": "a", "ö": "o", "ü": "u", "ß": "ss"})
_BROKEN = re.compile(r"(?<=\w)-\s*(?=[a-zäöü])")
_DATE = re.compile(r"\d{1,2}\.\s*\d{1,2}\.(?:\s*\d{4})?|(?<!\d)(?:19|20)\d{2}(?!\d)")
_WORD = re.compile(r"[a-z0-9]+")
_SUFFIXES = ("innen", "ungen", "ung", "lich", "ern", "en", "er", "es", "in", "e", "n", "s")
_STOP = _set(
    "alle allen alter am an auf aus bei bis da das dem den der des die ein eine einer eines es fur im in innen ist je"
    " nach oder sowie uber um und vom von werden wird zu zum zur"
)
_GENERIC = _set("anzahl davon darunter person personen zahl wert werte stand stichtag jahr jahre jahren")
_TOTALS = _set("insgesamt zusammen gesamt gesamtzahl summe total")
_SAME = {
    "m": "mannlich",
    "w": "weiblich",
    "mann": "mannlich",
    "manner": "mannlich",
    "frau": "weiblich",
    "frauen": "weiblich",
    "einwohner": "bevolkerung",
    "einwohnerinnen": "bevolkerung",
    "einwohnerzahl": "bevolkerung",
    "mh": "migrationshintergrund",
}
_FOREIGN = re.compile(r"auslander(?:in|innen|n|s)?|auslandisch(?:e[mnrs]?)?|nichtdeutsche?[nr]?")
_DASH = r"(?:bis|–|-|‐)"
_INTERVALS = (
    (re.compile(rf"(\d+)\s*{_DASH}\s*unter\s*(\d+)(?:\s*jahren?)?"), -1),
    (re.compile(rf"(\d+)\s*{_DASH}\s*(\d+)(?:\s*jahren?)?"), 0),
    (re.compile(r"()(?:bis\s+)?unter\s*(\d+)(?:\s*jahren?)?"), -1),
    (re.compile(r"(\d+)(?:\s*jahren?)?\s*(?:und|oder)\s*(?:älter|mehr|länger|darüber)(?:\s*jahren?)?()"), 0),
    (re.compile(r"ab\s*(\d+)(?:\s*jahren?)?()"), 0),
    (re.compile(r"(\d+)\s*\+()"), 0),
)
_ONE_YEAR = re.compile(r"(\d+)\s*jahren?")
_SHARE = re.compile(r"%|prozent|anteil|quote|veränderung|\bje 1 ?0+\b|\bje km")


@cache
def stems(text: str) -> frozenset[str]:
    """The words of a text that carry meaning, reduced to stems; ages and stop words left out."""
    return frozenset(
        _stem(word) for word in _plain(_DATE.sub(" ", _without_intervals(text)[0])) if word not in _STOP | _GENERIC
    )


def is_total(word: str) -> bool:
    """Does the stem say that nothing is selected?"""
    return word in _TOTAL_STEMS


def intervals(text: str, *, exclusive: bool = False) -> tuple[Interval, ...]:
    """Ages or durations in full years, both ends included; `exclusive`: “15 – 25” means under 25."""
    return _without_intervals(text, exclusive)[1]


def is_share(text: str) -> bool:
    """Does the text say that numbers are shares or rates, not counts?"""
    return bool(_SHARE.search(normalised(text)))


def years(text: str) -> tuple[int, ...]:
    """Four-digit years in a text, footnote marks left out."""
    return tuple(int(found) for found in YEAR.findall(normalised(text)))


@cache
def _without_intervals(text: str, exclusive: bool = False) -> tuple[str, tuple[Interval, ...]]:
    rest, found = normalised(text), list[Interval]()
    for pattern, shift in _INTERVALS:
        while hit := pattern.search(rest):
            low, high = hit.group(1), hit.group(2)
            if high and low and int(high) <= int(low):
                break
            less = -1 if exclusive and low and high else shift
            found.append((int(low or 0), int(high) + less if high else None))
            rest = f"{rest[: hit.start()]} {rest[hit.end() :]}"
    if not found and (one := _ONE_YEAR.search(rest)):
        found.append((int(one.group(1)), int(one.group(1))))
        rest = f"{rest[: one.start()]} {rest[one.end() :]}"
    return rest, tuple(found)


def _plain(text: str) -> list[str]:
    return _WORD.findall(_BROKEN.sub("", normalised(text)).translate(_FOLD))


def _stem(word: str) -> str:
    if _FOREIGN.fullmatch(word):
        return "auslander"
    word = _SAME.get(word, word)
    for _ in range(2):
        suffix = next((end for end in _SUFFIXES if word.endswith(end) and len(word) - len(end) >= 4), "")
        word = word.removesuffix(suffix) if suffix else word
    return word


_TOTAL_STEMS = frozenset(map(_stem, _TOTALS))
