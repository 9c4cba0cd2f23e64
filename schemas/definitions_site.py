"""What the website explains beside the numbers: terms of the glossary and pages of plain text, as data of the framework.

Neither is part of the fingerprint of the framework: another wording changes no number and no definition.
"""

from __future__ import annotations

import string
from typing import Annotated

from pydantic import StringConstraints, ValidationInfo, field_validator

from schemas.entry import Entry, Text

GLOSSARY, PAGES = "glossary.yaml", "site_pages.yaml"
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
PLACEHOLDERS = frozenset({"publisher", "contact", "email", "licence", "attribution", "title", "year", "day"})
"""What a page of text may name in braces; filled from publication.yaml and the edition."""


class GlossaryTerm(Entry):
    """One term and what it means. `see`: codes of terms to read as well."""

    code: Slug
    name_de: Text
    name_en: Text
    text_de: Text
    text_en: Text
    see: list[Slug] = []


class SiteFact(Entry):
    """Something that only the publishing office knows, such as its address. `value` is empty until it is filled in.

    `open`: what stands on the page until then. `name`: what the log of a build calls it.
    """

    code: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]*$")]
    name_de: Text
    name_en: Text
    value_de: str = ""
    value_en: str = ""
    open_de: Text
    open_en: Text

    @property
    def known(self) -> bool:
        """Has it been filled in?"""
        return bool(self.value_de.strip() or self.value_en.strip())


class Section(Entry):
    """A heading and its paragraphs, in both languages; a section without a heading opens the page.

    A paragraph names in braces what it needs of `PLACEHOLDERS` and of the facts of its section.
    """

    heading_de: str = ""
    heading_en: str = ""
    facts: list[SiteFact] = []
    text_de: list[Text]
    text_en: list[Text]

    @field_validator("text_de", "text_en")
    @classmethod
    def _known_placeholders(cls, paragraphs: list[str], info: ValidationInfo) -> list[str]:
        known = PLACEHOLDERS | {fact.code for fact in info.data.get("facts", ())}
        for paragraph in paragraphs:
            named = {name for _, name, _, _ in string.Formatter().parse(paragraph) if name is not None}
            if unknown := sorted(named - known):
                raise ValueError(f"unbekannter Platzhalter {unknown[0]!r}, bekannt: {', '.join(sorted(known))}")
        return paragraphs


class SitePage(Entry):
    """A page of the website that is only text. `slug` is its file name; `easy` marks a text in easy-to-read language."""

    code: Slug
    slug: Slug
    title_de: Text
    title_en: Text
    easy: bool = False
    sections: list[Section]
