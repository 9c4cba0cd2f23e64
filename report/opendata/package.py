"""The folder as a Frictionless data package: one resource per table, with its schema, size and checksum."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from report.opendata.csvw import code_list
from report.opendata.edition import Edition
from report.opendata.table import Column, Table

FILE = "datapackage.json"
_TYPES = {"code": "string", "text": "string", "year": "year", "integer": "integer", "decimal": "number"}


def data_package(edition: Edition, tables: Iterable[Table], written: Mapping[str, bytes]) -> dict[str, Any]:
    """Content of datapackage.json. `written` holds the bytes of the files by path."""
    licence, publication = edition.licence, edition.publication
    all_tables = list(tables)
    known = {table.name for table in all_tables}
    rights = {"name": licence.code, "title": licence.name_de, "path": licence.url} if licence else {}
    return {
        "profile": "tabular-data-package",
        "name": edition.identifier,
        "id": edition.address("daten/") or edition.identifier,
        "title": edition.title_de,
        "description": publication.description_de if publication else edition.title_de,
        "version": f"{edition.year}.{edition.generation}",
        "created": edition.created_at,
        "keywords": list(publication.catalogue.keywords_de) if publication else [],
        **({"licenses": [rights]} if rights else {}),
        **(
            {
                "contributors": [
                    {
                        "title": publication.publisher.name_de,
                        "email": publication.publisher.contact_email,
                        "role": "publisher",
                    }
                ],
                "homepage": edition.address(""),
            }
            if publication
            else {}
        ),
        "resources": [_resource(table, written[f"{table.name}.csv"], known) for table in all_tables],
    }


def resource_name(table: Table) -> str:
    """Name of the resource of a table: lower case, without slashes."""
    return table.name.replace("/", "-").lower()


def _resource(table: Table, content: bytes, known: set[str]) -> dict[str, Any]:
    keys = [
        {
            "fields": [column.name],
            "reference": {"resource": code_list(column).replace("/", "-").lower(), "fields": ["code"]},
        }
        for column in table.columns
        if column.codes and code_list(column) in known
    ]
    return {
        "profile": "tabular-data-resource",
        "name": resource_name(table),
        "path": f"{table.name}.csv",
        "title": table.title_de,
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": len(content),
        "hash": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "dialect": {"delimiter": ",", "lineTerminator": "\n", "header": True},
        "schema": {
            "fields": [_field(column, column.name in table.key) for column in table.columns],
            "missingValues": [""],
            "primaryKey": list(table.key),
            **({"foreignKeys": keys} if keys else {}),
        },
    }


def _field(column: Column, required: bool) -> dict[str, Any]:
    return {
        "name": column.name,
        "type": _TYPES[column.kind],
        "title": column.title_de,
        "description": column.text_de,
        **({"constraints": {"required": True}} if required else {}),
    }
