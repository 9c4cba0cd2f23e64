"""The catalogue record after DCAT-AP.de as JSON-LD: one dataset per edition, one distribution per format."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from report.opendata.edition import SERIES, Edition
from schemas.publication import Publication

FILE = "dcat.jsonld"
_FILE_TYPES = "http://publications.europa.eu/resource/authority/file-type/"
_MEDIA_TYPES = "https://www.iana.org/assignments/media-types/"
_LANGUAGES = [f"http://publications.europa.eu/resource/authority/language/{code}" for code in ("DEU", "ENG")]
_CONTEXT = {
    "adms": "http://www.w3.org/ns/adms#",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dcatap": "http://data.europa.eu/r5r/",
    "dcatde": "http://dcat-ap.de/def/dcatde/",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "spdx": "http://spdx.org/rdf/terms#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}


@dataclass(frozen=True, slots=True)
class Distribution:
    """A file of the edition in the words of a catalogue: `file_type` is a code of the EU list of file types."""

    path: str
    title_de: str
    title_en: str
    file_type: str
    media_type: str
    content: bytes


def catalogue_record(
    edition: Edition, publication: Publication, distributions: Iterable[Distribution]
) -> dict[str, Any]:
    """Content of dcat.jsonld. Every address is absolute and follows from the publication's base address."""
    files = list(distributions)
    publisher = _publisher(edition, publication)
    dataset = _dataset(edition, publication, files)
    catalogue = {
        "@id": f"{publication.base_url}#{SERIES}",
        "@type": "dcat:Catalog",
        "dct:title": _texts(publication.publisher.name_de, publication.publisher.name_en),
        "dct:description": _texts(publication.description_de, publication.description_en),
        "dct:publisher": {"@id": publisher["@id"]},
        "dct:language": _references(_LANGUAGES),
        "dcat:dataset": {"@id": dataset["@id"]},
    }
    graph = [catalogue, publisher, dataset, *(_distribution(edition, publication, file) for file in files)]
    return {"@context": _CONTEXT, "@graph": graph}


def _publisher(edition: Edition, publication: Publication) -> dict[str, Any]:
    entry = publication.publisher
    homepage = {"foaf:homepage": {"@id": entry.homepage}} if entry.homepage else {}
    return {
        "@id": f"{publication.base_url}#herausgeber",
        "@type": "foaf:Agent",
        "foaf:name": _texts(entry.name_de, entry.name_en),
        **homepage,
    }


def _dataset(edition: Edition, publication: Publication, files: list[Distribution]) -> dict[str, Any]:
    filed, entry = publication.catalogue, publication.publisher
    described: dict[str, Any] = {
        "@id": edition.address("daten/#datensatz"),
        "@type": "dcat:Dataset",
        "dct:identifier": edition.identifier,
        "dct:title": _texts(edition.title_de, edition.title_en),
        "dct:description": _texts(publication.description_de, publication.description_en),
        "dct:publisher": {"@id": f"{publication.base_url}#herausgeber"},
        "dcat:contactPoint": {
            "@type": "vcard:Organization",
            "vcard:fn": _texts(entry.contact_de, entry.contact_en),
            "vcard:hasEmail": {"@id": f"mailto:{entry.contact_email}"},
        },
        "dcat:keyword": [
            *({"@value": word, "@language": "de"} for word in filed.keywords_de),
            *({"@value": word, "@language": "en"} for word in filed.keywords_en),
        ],
        "dcat:theme": _references(filed.themes),
        "dcat:landingPage": {"@id": edition.address("")},
        "dct:language": _references(_LANGUAGES),
        "dct:issued": _typed(edition.created_at, "xsd:dateTime"),
        "dct:modified": _typed(edition.created_at, "xsd:dateTime"),
        "dct:temporal": {
            "@type": "dct:PeriodOfTime",
            "dcat:startDate": _typed(f"{edition.first_year}-01-01", "xsd:date"),
            "dcat:endDate": _typed(f"{edition.year}-12-31", "xsd:date"),
        },
        "dct:spatial": _references(filed.spatial),
        "dcatde:politicalGeocodingURI": _references(filed.political_geocoding),
        "dcatde:politicalGeocodingLevelURI": _references(filed.political_geocoding_level),
        "dcatde:contributorID": _references([filed.contributor_id] if filed.contributor_id else []),
        "dct:accrualPeriodicity": _references([filed.frequency] if filed.frequency else []),
        "dcat:distribution": [{"@id": _identity(edition, file)} for file in files],
    }
    return {name: value for name, value in described.items() if value != []}


def _distribution(edition: Edition, publication: Publication, file: Distribution) -> dict[str, Any]:
    availability = publication.catalogue.availability
    licence = publication.licence
    return {
        "@id": _identity(edition, file),
        "@type": "dcat:Distribution",
        "dct:title": _texts(file.title_de, file.title_en),
        "dcat:accessURL": {"@id": edition.address(file.path)},
        "dcat:downloadURL": {"@id": edition.address(file.path)},
        "dct:license": {"@id": licence.catalogue_uri},
        "dcatde:licenseAttributionByText": _texts(licence.attribution_de, licence.attribution_en),
        "dct:format": {"@id": f"{_FILE_TYPES}{file.file_type}"},
        "dcat:mediaType": {"@id": f"{_MEDIA_TYPES}{file.media_type}"},
        "dct:language": _references(_LANGUAGES),
        "dct:modified": _typed(edition.created_at, "xsd:dateTime"),
        "dcat:byteSize": _typed(str(len(file.content)), "xsd:nonNegativeInteger"),
        "spdx:checksum": {
            "@type": "spdx:Checksum",
            "spdx:algorithm": {"@id": "spdx:checksumAlgorithm_sha256"},
            "spdx:checksumValue": _typed(hashlib.sha256(file.content).hexdigest(), "xsd:hexBinary"),
        },
        **({"dcatap:availability": {"@id": availability}} if availability else {}),
    }


def _identity(edition: Edition, file: Distribution) -> str:
    return edition.address(f"{file.path}#datei")


def _texts(german: str, english: str) -> list[dict[str, str]]:
    return [{"@value": german, "@language": "de"}, {"@value": english, "@language": "en"}]


def _typed(value: str, kind: str) -> dict[str, str]:
    return {"@value": value, "@type": kind}


def _references(addresses: Iterable[str]) -> list[dict[str, str]]:
    return [{"@id": address} for address in addresses]
