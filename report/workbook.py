"""The workbook of tables (Excel): one file per language, the same numbers as the pages, the same bytes for the same input."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from xlsxwriter import Workbook

from report.content import Report
from report.data_wording import DataWording
from report.opendata.edition import Edition, edition_of
from report.workbook_frame import Sheets
from report.workbook_sheets import write_sheets
from report.workbook_styles import styles

FOLDER = "tabellen"


def write_workbooks(report: Report, folder: Path, langs: Sequence[str]) -> list[Path]:
    """Write `<folder>/integrationsmonitoring-<year>-<lang>.xlsx` for every language and return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    wordings = {lang: DataWording(lang, report.framework) for lang in ("de", "en")}
    edition = edition_of(report, {lang: t("site.full", year=report.year) for lang, t in wordings.items()})
    return [_write(report, edition, wordings[lang], folder) for lang in langs]


def _write(report: Report, edition: Edition, t: DataWording, folder: Path) -> Path:
    path = folder / f"{edition.identifier}-{t.lang}.xlsx"
    with Workbook(
        str(path), {"strings_to_numbers": False, "strings_to_formulas": False, "strings_to_urls": False}
    ) as book:
        title = edition.title_de if t.lang == "de" else edition.title_en
        publisher = edition.publication.publisher if edition.publication else None
        name = (publisher.name_de if t.lang == "de" else publisher.name_en) if publisher else ""
        book.set_properties(
            {
                "title": f"{title} – {t('book.subtitle', year=edition.year)}",
                "subject": t("book.subject"),
                "author": name,
                "company": name,
                "keywords": t("book.keywords"),
                "created": edition.created.replace(tzinfo=None),
            }
        )
        book.set_size(1920, 1080)
        write_sheets(Sheets(book, styles(book), report, edition, t))
    return path
