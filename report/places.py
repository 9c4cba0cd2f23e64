"""The regions of a report: which ones get a page, which ones serve as comparison."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from report.data import ReportData, as_text
from schemas.framework_model import Framework
from schemas.territory import LAND, Territory

COMPARISON = "comparison"
_UMLAUTS = {ord(umlaut): plain for umlaut, plain in zip("äöüß", ("a", "o", "u", "ss"), strict=True)}


@dataclass(frozen=True, slots=True)
class Place:
    """A region or an aggregate; `reference` ones are shown beside the others, never among them."""

    code: str
    name_de: str
    name_en: str
    aggregate: bool
    reference: bool

    @property
    def slug(self) -> str:
        """File name of its page."""
        return slug(self.code)


def slug(code: str) -> str:
    """Lower-case ascii words joined by hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", code.lower()).strip("-")


def places(data: ReportData, framework: Framework, years: Iterable[int]) -> tuple[Place, ...]:
    """Regions by name, then aggregates, then references (comparison groups first, the Land last).

    An aggregate of a single unit says the same as the unit and is left out, unless it has more members in some year.
    """
    rows = data.regions.to_dict("records")
    known = {str(row["code"]) for row in rows}
    unnamed = sorted({str(code) for code in data.published["region"].unique()} - known)
    rows += [{"code": code, "name": code, "level": "", "kind": "", "aggregate": False} for code in unnamed]
    found = [_place(framework.territory, {str(key): value for key, value in row.items()}) for row in rows]
    kept = [place for place in found if not (place.aggregate and _single(framework.territory, place.code, years))]
    levels = {str(row["code"]): as_text(row["level"]) for row in rows}
    return tuple(
        sorted(kept, key=lambda place: (place.reference, levels[place.code] == LAND, place.aggregate, _order(place)))
    )


def _place(territory: Territory, row: dict[str, object]) -> Place:
    code, aggregate = str(row["code"]), bool(row["aggregate"])
    reference = aggregate and (as_text(row["level"]) == LAND or as_text(row["kind"]) == COMPARISON)
    name = as_text(row["name"]) or code
    return Place(code, name, _english(territory, code) or name, aggregate, reference)


def _order(place: Place) -> str:
    """Alphabetical as in a German dictionary."""
    return place.name_de.lower().translate(_UMLAUTS)


def _english(territory: Territory, code: str) -> str:
    group = next((group.name_en for group in territory.groups() if group.code == code), "")
    return group or (territory.unit(code).name_en if territory.known(code) else "")


def _single(territory: Territory, code: str, years: Iterable[int]) -> bool:
    try:
        return all(len(territory.members(code, year)) == 1 for year in years)
    except KeyError:
        return False
