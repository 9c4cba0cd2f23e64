"""What only the publishing office knows: its name, its address, who checked the pages. What is missing is an open point.

A page shows a sensible text in its place; the log of a build names every open point with the file to fill it in.
"""

from __future__ import annotations

from collections.abc import Iterator

from report.content import Report
from report.wording import Wording
from schemas.definitions_site import PAGES, Section
from schemas.framework_model import Framework
from schemas.publication import FILE

_RESERVED = ("example", "example.org", "example.com", "example.net", "invalid", "test")
"""Names that belong to nobody (RFC 2606): an address there stands for one that is not known yet."""


def placeholders(report: Report, wording: Wording) -> dict[str, str]:
    """What a text may name in braces, from publication.yaml and the edition."""
    known, unknown = report.framework.publication, wording("site.not_named")
    return {
        "publisher": wording.plain(known.publisher) if known else unknown,
        "contact": wording.plain(known.publisher, "contact") if known else unknown,
        "email": known.publisher.contact_email if known and not _reserved(known.publisher.contact_email) else unknown,
        "licence": wording.plain(known.licence) if known else unknown,
        "attribution": wording.plain(known.licence, "attribution") if known else unknown,
        "title": wording("site.full", year=report.year),
        "year": str(report.year),
        "day": wording.day(report.data.created_at),
    }


def facts(section: Section, wording: Wording) -> dict[str, str]:
    """The facts of a section: as filled in, or what stands there until then."""
    return {fact.code: wording.plain(fact, "value" if fact.known else "open") for fact in section.facts}


def open_points(framework: Framework) -> Iterator[str]:
    """What the publishing office still has to fill in, each with file and place."""
    known = framework.publication
    if known is None:
        yield f"{FILE} fehlt: Herausgeber, Kontakt und Lizenz sind nicht genannt"
    else:
        for key, text in (("base_url", known.base_url), ("publisher.contact_email", known.publisher.contact_email)):
            if _reserved(text):
                yield f"{FILE}, {key}: „{text}“ ist nur ein Beispiel"
    for page in framework.site_pages.values():
        for section in page.sections:
            for fact in section.facts:
                if not fact.known:
                    yield f"{PAGES}, {page.code}, {fact.code}: {fact.name_de} fehlt auf der Seite „{page.title_de}“"


def _reserved(address: str) -> bool:
    """Does an address or a mail address lie under a name that belongs to nobody?"""
    host = address.partition("://")[2].partition("/")[0] or address.rpartition("@")[2]
    return any(host == name or host.endswith(f".{name}") for name in _RESERVED)
