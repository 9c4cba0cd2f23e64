"""Which edition the files belong to: year, data state, framework, licence and addresses, in the words of both languages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from report.content import Report
from schemas.publication import Licence, Publication

SERIES = "integrationsmonitoring"


@dataclass(frozen=True, slots=True)
class Edition:
    """What every file says about where it comes from. `publication` None: no licence is granted, no address is known."""

    year: int
    first_year: int
    title_de: str
    title_en: str
    framework: str
    framework_version: str
    content_hash: str
    generation: str
    created: datetime
    sample: bool
    publication: Publication | None

    @property
    def licence(self) -> Licence | None:
        """Licence of the data, None when none is declared."""
        return self.publication.licence if self.publication else None

    @property
    def identifier(self) -> str:
        """Name of the edition that stays the same."""
        return f"{SERIES}-{self.year}"

    @property
    def created_at(self) -> str:
        """Data state as ISO text."""
        return self.created.isoformat(timespec="seconds")

    def address(self, path: str) -> str:
        """Public address of a file of this edition; empty without a publication."""
        return f"{self.publication.base_url}{self.year}/{path}" if self.publication else ""

    def described(self) -> dict[str, Any]:
        """The edition as plain data, as it stands in the JSON files and is read back by the next edition."""
        licence = self.licence
        return {
            "year": self.year,
            "title_de": self.title_de,
            "title_en": self.title_en,
            "framework": self.framework,
            "framework_version": self.framework_version,
            "generation": self.generation,
            "created_at": self.created_at,
            "sample": self.sample,
            "licence": None if licence is None else {"code": licence.code, "name": licence.name_de, "url": licence.url},
            "attribution_de": licence.attribution_de if licence else "",
            "attribution_en": licence.attribution_en if licence else "",
        }


def edition_of(report: Report, titles: dict[str, str]) -> Edition:
    """The edition of a report; `titles` gives its title by language. Raises ValueError when the data state is no date."""
    created = datetime.fromisoformat(report.data.created_at)
    return Edition(
        year=report.year,
        first_year=report.years[0],
        title_de=titles["de"],
        title_en=titles["en"],
        framework=report.framework.code,
        framework_version=report.framework.version,
        content_hash=report.framework.content_hash,
        generation=report.data.generation,
        created=created if created.tzinfo else created.replace(tzinfo=UTC),
        sample=report.data.sample,
        publication=report.framework.publication,
    )
