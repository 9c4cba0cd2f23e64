"""The rows of several previews, put together column by column: what many rows have in common is written once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from intake.page_templates import template
from intake.preview_figures import Figures, Numbers, Objects, Shown, distinct, numbers, texts
from schemas.definitions import Indicator
from schemas.framework_model import Framework
from schemas.territory import reference_day

_UNITS = {
    "percent": "Prozent",
    "per_1000": "je 1\u202f000",
    "per_10000": "je 10\u202f000",
    "ratio": "Verhältnis",
    "index_0_100": "Index 0 bis 100",
    "sqm": "Quadratmeter",
    "count": "Anzahl",
}
_TEXT = "text"
Place = tuple[str, int]
"""Region and year."""


class PreviewRow(NamedTuple):
    """One figure: texts as they are shown. `group` is empty for the total."""

    name: str
    group: str
    value: str
    previous: str
    change: str
    others: tuple[str, ...]


class Others(NamedTuple):
    """What stands beside an own figure: texts, the signs in them, and the end of the line in the page."""

    texts: tuple[str, ...]
    signs: tuple[str, ...]
    end: str


class AllOthers(dict[tuple[str, str], Others]):
    """What the others have for a figure, by indicator and members."""

    def __init__(self, regions: Sequence[str], published: Mapping[tuple[str, str, str], Shown], nothing: Shown) -> None:
        self._regions, self._published, self._nothing = regions, published, nothing
        self._opening, self._closing = _around("cell")
        self._between = f"{self._closing}{self._opening}"

    def __missing__(self, figure: tuple[str, str]) -> Others:
        shown = [self._published.get((*figure, region), self._nothing) for region in self._regions]
        signs = tuple(dict.fromkeys([sign for one in shown for sign in one.signs]))
        cells = self._between.join([one.escaped for one in shown])
        end = f"{self._opening}{cells}{self._closing}</tr>\n" if shown else "</tr>\n"
        found = self[figure] = Others(tuple([one.text for one in shown]), signs, end)
        return found


class Rows:
    """The rows of some pages, one of each place: by page, by indicator in the order of `entries`, the total first, single
    breakdowns before combined ones. `pages` and `entries` say of each row to which it belongs."""

    def __init__(
        self,
        framework: Framework,
        entries: Sequence[Indicator],
        places: Sequence[tuple[Place, AllOthers]],
        own: pd.DataFrame,
        figures: Figures,
    ) -> None:
        self._framework, self.known = framework, entries
        self._places, self._others = [place for place, _ in places], [others for _, others in places]
        pages = _pages(self._places, own)
        own, pages = own[pages >= 0], pages[pages >= 0]
        rank = {entry.code: number for number, entry in enumerate(entries)}
        coded, codes = pd.factorize(_objects(texts(own["indicator"])))
        keyed, self._keys = pd.factorize(_objects(texts(own["members"])))
        of = np.array([rank.get(code, -1) for code in codes], np.int64)[coded]
        depth = np.array([2 * key.count("=") + (key != "") for key in self._keys], np.int64)[keyed]
        order = np.lexsort((depth, of, pages))
        order = order[of[order] >= 0]
        self.pages, self.entries, self._members = pages[order], of[order], keyed[order]
        self._read_figures(own, order, figures)
        self._read_heads()
        self._read_beside()
        self._pieces = self._in_the_page()

    def text(self, start: int, end: int) -> str:
        """Some of the rows as they stand in the page, those of an indicator together."""
        return "".join(self._pieces[start:end].ravel().tolist())

    def rows(self, start: int, end: int) -> tuple[PreviewRow, ...]:
        """Some of the rows as texts."""
        return tuple(
            PreviewRow(
                self.known[self.entries[row]].name_de,
                self._groups[self._head[row]],
                self._shown[self._now[row]].text,
                self._shown[self._before[row]].text,
                self._changes[self._change[row]],
                self._beside[self._figure[row]].texts,
            )
            for row in range(start, end)
        )

    def signs(self) -> list[set[str]]:
        """The signs that occur on each page."""
        shown = [one.signs for one in self._shown]
        beside = [one.signs for one in self._beside]
        changes = [(text,) if text == self._nothing else () for text in self._changes]
        found: list[set[str]] = [set() for _ in self._places]
        told = ((shown, self._now), (shown, self._before), (changes, self._change), (beside, self._figure))
        for says, which in told:
            numbered = {signs: number for number, signs in enumerate(dict.fromkeys(says))}
            coded = np.array([numbered[signs] for signs in says], np.int64)[which]
            different = list(numbered)
            for pair in np.unique(self.pages * len(different) + coded).tolist():
                page, number = divmod(pair, len(different))
                found[page].update(different[number])
        return found

    def _read_figures(self, own: pd.DataFrame, order: Numbers, figures: Figures) -> None:
        """What the figures, those of the year before and the changes say."""
        decimals = np.array([entry.decimals for entry in self.known], np.int64)[self.entries]
        values = np.concatenate([numbers(own[name])[order] for name in ("value", "previous")])
        statuses = np.concatenate([own[name].to_numpy(object)[order] for name in ("status", "previous_status")])
        self._shown, which = figures.of_status(values, statuses, np.concatenate([decimals, decimals]))
        self._now, self._before = which[: len(order)], which[len(order) :]
        self._change, first = distinct(self._now, self._before, decimals)
        pairs = zip(*(column[first].tolist() for column in (self._now, self._before, decimals)), strict=True)
        self._nothing = figures.nothing
        told = (figures.change(self._shown[now], self._shown[before], places) for now, before, places in pairs)
        self._changes = [change or self._nothing for change in told]

    def _read_heads(self) -> None:
        """What a row begins with. What parts of a town are called is its own."""
        own = np.array([_own_label(self._framework, key) for key in self._keys], bool)[self._members]
        self._head, first = distinct(self.entries, self._members, np.where(own, self.pages + 1, 0))
        labels = [_Labels(self._framework, region, year) for region, year in self._places]
        of = zip(self.pages[first].tolist(), self._members[first].tolist(), strict=True)
        self._groups = [labels[page][self._keys[members]] for page, members in of]
        entries = [self.known[entry] for entry in self.entries[first].tolist()]
        self._heads = [
            _head(entry.name_de, group, unit_of(entry), entry.code)
            for entry, group in zip(entries, self._groups, strict=True)
        ]

    def _read_beside(self) -> None:
        """What stands beside a figure: the same on all pages that are put beside the same."""
        numbered = {id(others): number for number, others in enumerate(self._others)}
        like = np.array([numbered[id(others)] for others in self._others], np.int64)[self.pages]
        self._figure, first = distinct(self.entries, self._members, like)
        of = zip(*(column[first].tolist() for column in (self.entries, self._members, like)), strict=True)
        self._beside = [self._others[page][self.known[entry].code, self._keys[members]] for entry, members, page in of]

    def _in_the_page(self) -> Objects:
        """The rows as pieces that follow each other."""
        (opening, closing), (own, end), (cell, close) = map(_around, ("body", "own", "cell"))
        begins = np.diff(self.pages * len(self.known) + self.entries, prepend=-1) != 0
        columns = (
            (["", opening], begins.astype(np.int64)),
            ([f"{head}{own}" for head in self._heads], self._head),
            ([f"{one.escaped}{end}{cell}" for one in self._shown], self._now),
            ([f"{one.escaped}{close}{cell}" for one in self._shown], self._before),
            ([f"{change}{close}" for change in self._changes], self._change),
            ([one.end for one in self._beside], self._figure),
            (["", closing], np.append(begins[1:], True)[: len(begins)].astype(np.int64)),
        )
        return np.column_stack([_objects(told)[which] for told, which in columns])


class _Labels(dict[str, str]):
    """What groups are called in a region and year, by their members; the total has no name."""

    def __init__(self, framework: Framework, region: str, year: int) -> None:
        self.framework, self.region, self.day = framework, region, reference_day(year)

    def __missing__(self, members: str) -> str:
        label = self[members] = ", ".join([self._label(dimension, member) for dimension, member in _pairs(members)])
        return label

    def _label(self, dimension: str, member: str) -> str:
        return self.framework.label(dimension, member, region=self.region, day=self.day)


def _pages(places: Sequence[Place], own: pd.DataFrame) -> Numbers:
    """Of which of the places each row is, -1 for none of them."""
    numbered = {place: number for number, place in enumerate(places)}
    which, first = distinct(pd.factorize(own["region"])[0], pd.factorize(own["year"])[0])
    told = zip(own["region"].iloc[first].tolist(), own["year"].iloc[first].tolist(), strict=True)
    return np.array([numbered.get(place, -1) for place in told], np.int64)[which]


def unit_of(entry: Indicator) -> str:
    """How the unit of an indicator is written."""
    return _UNITS.get(entry.unit, entry.unit)


def _own_label(framework: Framework, members: str) -> bool:
    """May a region call this group otherwise than another region?"""
    return any(member not in framework.dimensions[dimension].members for dimension, member in _pairs(members))


def _pairs(members: str) -> list[tuple[str, str]]:
    parts = (part.partition("=") for part in members.split(",") if part)
    return [(dimension, member) for dimension, _, member in parts]


@lru_cache(1 << 12)
def _head(name: str, group: str, unit: str, code: str) -> str:
    """The head of a row, escaped. Pages have the same ones."""
    return _piece("head", name, group, unit, code)


@cache
def _around(macro: str) -> tuple[str, str]:
    """What stands before and behind a text, which is escaped."""
    opening, _, closing = _piece(macro, _TEXT).partition(_TEXT)
    return opening, closing


def _piece(macro: str, *texts: str) -> str:
    return str(getattr(template("preview_row.html").module, macro)(*texts))


def _objects(told: Sequence[str]) -> Objects:
    found = np.empty(len(told), object)
    found[:] = told
    return found
