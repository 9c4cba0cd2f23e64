"""The open data folder: every file is made from the same tables, and written the same for the same input."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from report.content import Report
from report.data_wording import DataWording
from report.edition_diff import Earlier, EditionDiff, diff_json, edition_diff, read_earlier
from report.opendata import csvw, dcat, package, readme
from report.opendata.codelists import code_lists
from report.opendata.derived import derived_tables
from report.opendata.edition import Edition, edition_of
from report.opendata.endpoints import endpoint_files
from report.opendata.json_text import json_text
from report.opendata.parquet import parquet_bytes
from report.opendata.published import gap_tables, joined, value_tables
from report.opendata.registers import ALL, register_files, register_tables
from report.opendata.sdmx_data import sdmx_csv
from report.opendata.sdmx_structure import Structure
from report.opendata.table import Table, declared_table, dimension_columns
from report.places import slug

FOLDER = "daten"
CHANGES = ("aenderungen.csv", "aenderungen.json")
_LANGS = ("de", "en")


@dataclass
class _Files:
    """What has been written so far, by path below the folder."""

    folder: Path
    written: dict[str, bytes] = field(default_factory=dict)

    def write(self, path: str, content: str | bytes) -> None:
        data = content.encode("utf-8") if isinstance(content, str) else content
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        self.written[path] = data


def write_open_data(
    report: Report, folder: Path, earlier: Iterable[Path] = (), workbooks: Iterable[Path] = ()
) -> EditionDiff:
    """Fill `folder` with all open data files of a report and return what changed since the last edition.

    earlier: folders of reports, the first that holds open data is the edition to compare with.
    workbooks: files beside the folder that the catalogue record names as distributions.
    """
    wordings = [DataWording(lang, report.framework) for lang in _LANGS]
    edition = edition_of(report, {t.lang: t("site.full", year=report.year) for t in wordings})
    files = _Files(folder)
    values, gaps = value_tables(report), gap_tables(report)
    all_values, all_gaps = joined(report, "alle-werte", values), joined(report, "alle-abstaende", gaps)
    codes, derived = code_lists(report, values.values()), derived_tables(report)
    kept = register_tables(report)
    before = _earlier(earlier)
    diff = edition_diff(all_values, dimension_columns(report.framework), before)
    changes = declared_table(report.framework, "aenderungen").with_rows(diff.rows)
    tables = [all_values, all_gaps, *derived, changes, *codes, *kept.tables]
    for table in tables:
        files.write(f"{table.name}.csv", table.csv())
        files.write(f"{table.name}.csv-metadata.json", json_text(csvw.table_metadata(edition, table)))
    files.write(CHANGES[1], json_text(diff_json(diff, wordings)))
    if before is not None and before.table == files.written[f"{all_values.name}.csv"]:
        for (
            name,
            content,
        ) in before.changes.items():  # the same edition once more: it differs from the same one as before
            files.write(name, content)
    sentences: dict[str, str] = json.loads(files.written[CHANGES[1]])["summary"]
    for table in (all_values, all_gaps, *derived):
        files.write(f"{table.name}.parquet", parquet_bytes(table))
    for code, table in values.items():
        single = table.with_rows(table.rows, f"indikatoren/{slug(code)}")
        files.write(f"{single.name}.csv", single.csv())
        files.write(f"{single.name}.csv-metadata.json", json_text(csvw.table_metadata(edition, single)))
    for path, text in (*endpoint_files(report, edition, values, gaps, kept), *register_files(report, edition, kept)):
        files.write(path, text)
    structure = Structure(report.framework, edition, all_values, {table.name: table for table in codes})
    files.write("sdmx/werte.csv", sdmx_csv(structure))
    files.write("sdmx/struktur.json", json_text(structure.message()))
    files.write(csvw.GROUP, json_text(csvw.group_metadata(edition, tables)))
    files.write(package.FILE, json_text(package.data_package(edition, tables, files.written)))
    files.write(readme.FILE, readme.readme(edition, wordings, derived, sentences, registers=bool(kept.tables)))
    _catalogue(edition, files, tables, workbooks)
    return diff


def _earlier(folders: Iterable[Path]) -> Earlier | None:
    return next((found for folder in folders if (found := read_earlier(folder / FOLDER, CHANGES))), None)


def _catalogue(edition: Edition, files: _Files, tables: Iterable[Table], workbooks: Iterable[Path]) -> None:
    """The record names the files that hold all values; a file per indicator or region is no distribution of its own."""
    if edition.publication is None:
        return
    named = {table.name: (table.title_de, table.title_en) for table in tables}
    chosen = [
        ("alle-werte.csv", *named["alle-werte"], "CSV", "text/csv"),
        ("alle-werte.parquet", *named["alle-werte"], "PARQUET", "application/vnd.apache.parquet"),
        ("alle-abstaende.csv", *named["alle-abstaende"], "CSV", "text/csv"),
        ("sdmx/werte.csv", "Alle Werte als SDMX-CSV", "All values as SDMX-CSV", "CSV", "text/csv"),
        ("index.json", "Verzeichnis der JSON-Dateien", "Index of the JSON files", "JSON", "application/json"),
    ]
    found = [
        dcat.Distribution(f"{FOLDER}/{path}", german, english, kind, media, files.written[path])
        for path, german, english, kind, media in chosen
    ]
    if ALL in named:
        path = f"{ALL}.csv"
        german, english = named[ALL]
        found.append(dcat.Distribution(f"{FOLDER}/{path}", german, english, "CSV", "text/csv", files.written[path]))
    sheet = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    found += [
        dcat.Distribution(
            f"{path.parent.name}/{path.name}", "Tabellenband", "Workbook of tables", "XLSX", sheet, path.read_bytes()
        )
        for path in sorted(workbooks)
    ]
    files.write(dcat.FILE, json_text(dcat.catalogue_record(edition, edition.publication, found)))
