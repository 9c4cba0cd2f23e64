"""How registers are shown on the website: which pages there are, which registers each shows, and how.

Like the other words for readers this is no part of the fingerprint of the framework: another arrangement changes no
record and no definition.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.definitions_site import Slug
from schemas.entry import Code, Entry, Text

REGISTER_PAGES = "register_pages.yaml"


class Badge(Entry):
    """The field that says where a record stands, with the day and the reason that belong to it."""

    field: Code
    day: Code | None = None
    reason: Code | None = None


class Part(Entry):
    """One register of a page: `records` is its code.

    `under`: the reference by which a record hangs below a record of another register of the page. `lead`: the text that
    opens a record. `beside`: fields named beside the title in lists. `filters`: fields by which the list of all regions
    can be narrowed. `group`: the field of codes by which that list is ordered, the region without it. `steps`: fields
    whose text is a list, separated by semicolons. `places`: the field of areas for which the page has a list of places.
    `detail`: shown on the pages of the regions alone. `brief`: below another record in one line.
    """

    records: Code
    under: Code | None = None
    lead: Code | None = None
    badge: Badge | None = None
    beside: list[Code] = []
    filters: list[Code] = []
    group: Code | None = None
    steps: list[Code] = []
    places: Code | None = None
    detail: bool = False
    brief: bool = False

    @property
    def named(self) -> tuple[str, ...]:
        """Every field that is named."""
        badge = (self.badge.field, self.badge.day, self.badge.reason) if self.badge else ()
        single = (self.under, self.lead, self.group, self.places, *badge)
        return (*(code for code in single if code), *self.beside, *self.filters, *self.steps)


class RegisterPage(Entry):
    """A page over all regions, and one for each region that delivered one of its registers.

    `slug` is the folder. `network`: the pages begin with a picture of the records that join two others. `note`: what a
    reader must know about what is said there.
    """

    code: Slug
    slug: Slug
    title_de: Text
    title_en: Text
    intro_de: Text
    intro_en: Text
    note_de: str = ""
    note_en: str = ""
    network: bool = False
    parts: Annotated[list[Part], Field(min_length=1)]
