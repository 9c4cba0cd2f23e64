"""CSVW: metadata beside every CSV file (W3C Tabular Metadata), and one file for all tables with their foreign keys."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from typing import Any

from report.opendata.edition import Edition
from report.opendata.table import CODE_LISTS, Column, Table

GROUP = "csv-metadata.json"
_CONTEXT = ["http://www.w3.org/ns/csvw", {"@language": "de"}]
_DATATYPES: Mapping[str, Any] = {
    "code": "string",
    "text": "string",
    "year": {"base": "integer", "minimum": 1900, "maximum": 2200},
    "integer": "integer",
    "decimal": {"base": "decimal", "format": {"decimalChar": "."}},
}


def table_metadata(edition: Edition, table: Table) -> dict[str, Any]:
    """Content of `<file>.csv-metadata.json`, beside its file."""
    return {"@context": _CONTEXT, **_described(edition, table, posixpath.basename(table.name))}


def group_metadata(edition: Edition, tables: Iterable[Table]) -> dict[str, Any]:
    """All tables of the folder with their references to the code lists."""
    all_tables = list(tables)
    known = {table.name for table in all_tables}
    described = []
    for table in all_tables:
        entry = _described(edition, table, table.name)
        foreign = [
            {
                "columnReference": column.name,
                "reference": {"resource": f"{code_list(column)}.csv", "columnReference": "code"},
            }
            for column in table.columns
            if column.codes and code_list(column) in known
        ]
        entry["tableSchema"] |= {"foreignKeys": foreign} if foreign else {}
        described.append(entry)
    return {
        "@context": _CONTEXT,
        "dc:title": {"de": edition.title_de, "en": edition.title_en},
        **_rights(edition),
        "tables": described,
    }


def code_list(column: Column) -> str:
    """Name of the table that explains the codes of a column."""
    return f"{CODE_LISTS}/{column.codes}"


def _described(edition: Edition, table: Table, name: str) -> dict[str, Any]:
    return {
        "url": f"{name}.csv",
        "dc:title": {"de": table.title_de, "en": table.title_en},
        "dc:modified": {"@value": edition.created.date().isoformat(), "@type": "xsd:date"},
        **_rights(edition),
        "dialect": {"encoding": "utf-8", "delimiter": ",", "header": True, "lineTerminators": ["\n"]},
        "tableSchema": {
            "columns": [_column(column, column.name in table.key) for column in table.columns],
            "primaryKey": list(table.key),
        },
    }


def _column(column: Column, required: bool) -> dict[str, Any]:
    return {
        "name": column.name,
        "titles": column.name,
        "dc:title": {"de": column.title_de, "en": column.title_en},
        "dc:description": {"de": column.text_de, "en": column.text_en},
        "datatype": _DATATYPES[column.kind],
        "required": required,
        "null": [""],
    }


def _rights(edition: Edition) -> dict[str, Any]:
    licence = edition.licence
    return {"dc:license": {"@id": licence.url}, "dc:rights": licence.attribution_de} if licence else {}
