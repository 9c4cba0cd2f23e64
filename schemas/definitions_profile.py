"""The demographic profile of a region, as data of the framework: which variable, which members, counted how."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.entry import Code, Entry, EntryCode, Text

Figure = Literal["count", "share", "index"]
"""The number itself, its share of the total in percent, or the first year of the unbroken series = 100."""


class Band(Entry):
    """One row of a measure: the members that are added up; without any, the member of the same code."""

    code: Code
    name_de: str = ""
    name_en: str = ""
    members: list[Code] = []

    @property
    def parts(self) -> tuple[str, ...]:
        """Members that are added up."""
        return tuple(self.members) or (self.code,)


class Measure(Entry):
    """One table of the profile. Without a dimension it is about the total of the variable.

    `breaks_of`: an indicator whose breaks in series interrupt this one too. `projected`: continued by the projection.
    """

    code: Code
    name_de: Text
    name_en: Text
    variable: Code
    figure: Figure
    dimension: Code | None = None
    bands: list[Band] = []
    breaks_of: EntryCode | None = None
    projected: bool = False


class Profile(Entry):
    """profile.yaml. The note stands with every projected figure."""

    measures: list[Measure] = Field(default_factory=list)
    projection_note_de: str = ""
    projection_note_en: str = ""

    def label(self, measure: str, band: str, lang: str = "de") -> str:
        """Name of a row, empty where the band has none of its own (then it is a member of the dimension)."""
        for one in self.measures:
            for row in one.bands if one.code == measure else ():
                if row.code == band:
                    return row.name_en if lang == "en" else row.name_de
        return ""

    def variables(self) -> frozenset[str]:
        """Variables that the profile is made from."""
        return frozenset(measure.variable for measure in self.measures)
