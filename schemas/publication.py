"""How results are published as open data: by whom, under which licence, at which address, filed under what.

publication.yaml is optional: without it the files are written, but no licence is granted and no catalogue record is made.
It is no part of the fingerprint of the framework: another address changes no number and no definition.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from schemas.entry import Entry, Text

FILE = "publication.yaml"

Uri = Annotated[str, StringConstraints(pattern=r"^(https?|mailto):\S+$")]
Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]


class Publisher(Entry):
    """Who publishes, and who answers questions."""

    name_de: Text
    name_en: Text
    homepage: Uri | None = None
    contact_de: Text
    contact_en: Text
    contact_email: Annotated[str, StringConstraints(pattern=r"^\S+@\S+\.\S+$")]


class Licence(Entry):
    """The licence of the data; `catalogue_uri` is its entry in the list of licences of DCAT-AP.de."""

    code: Text
    name_de: Text
    name_en: Text
    url: Uri
    catalogue_uri: Uri
    attribution_de: Text
    attribution_en: Text


class CatalogueEntry(Entry):
    """What a data catalogue (DCAT-AP.de) files the data under. Every address is an entry of a public code list."""

    contributor_id: Uri | None = None
    themes: list[Uri] = []
    keywords_de: list[Text] = []
    keywords_en: list[Text] = []
    political_geocoding: list[Uri] = []
    political_geocoding_level: list[Uri] = []
    spatial: list[Uri] = []
    availability: Uri | None = None
    frequency: Uri | None = None


class Publication(Entry):
    """publication.yaml. `base_url` ends with a slash: the folder of an edition is found at `base_url` + year + slash.

    sdmx_agency: maintenance agency of the structures in SDMX files.
    """

    base_url: Annotated[str, StringConstraints(pattern=r"^https?://\S+/$")]
    sdmx_agency: Identifier
    description_de: Text
    description_en: Text
    publisher: Publisher
    licence: Licence
    catalogue: CatalogueEntry = CatalogueEntry()
