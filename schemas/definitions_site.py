"""What the website explains beside the numbers: terms of the glossary and pages of plain text, as data of the framework.

Neither is part of the fingerprint of the framework: another wording changes no number and no definition.
"""

from __future__ import annotations

import string
from typing import Annotated

from pydantic import StringConstraints, field_validator

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


class Section(Entry):
    """A heading and its paragraphs, in both languages; a section without a heading opens the page."""

    heading_de: str = ""
    heading_en: str = ""
    text_de: list[Text]
    text_en: list[Text]

    @field_validator("text_de", "text_en")
    @classmethod
    def _known_placeholders(cls, paragraphs: list[str]) -> list[str]:
        for paragraph in paragraphs:
            named = {name for _, name, _, _ in string.Formatter().parse(paragraph) if name is not None}
            if unknown := sorted(named - PLACEHOLDERS):
                raise ValueError(f"unknown placeholder {unknown[0]!r}, known: {', '.join(sorted(PLACEHOLDERS))}")
        return paragraphs


class SitePage(Entry):
    """A page of the website that is only text. `slug` is its file name; `easy` marks a text in easy-to-read language."""

    code: Slug
    slug: Slug
    title_de: Text
    title_en: Text
    easy: bool = False
    sections: list[Section]
