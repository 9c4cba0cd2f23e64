"""The note beside the files: what they are, what to bear in mind, and the licence. German first, English below."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from report.data_wording import DataWording
from report.opendata.edition import Edition
from report.opendata.table import Table

FILE = "LIESMICH.md"
_RULES = 4
_FILES = {
    "values": "alle-werte.csv, alle-werte.parquet",
    "gaps": "alle-abstaende.csv, alle-abstaende.parquet",
    "changes": "aenderungen.csv, aenderungen.json",
    "per_indicator": "indikatoren/…csv, indikatoren/…json",
    "per_region": "regionen/…json",
    "registers": "register/…csv, register/…json, alle-registereintraege.csv",
    "codes": "codelisten/…csv",
    "sdmx": "sdmx/werte.csv, sdmx/struktur.json",
    "csvw": "….csv-metadata.json, csv-metadata.json",
    "package": "datapackage.json",
    "dcat": "dcat.jsonld",
    "index": "index.json",
}


def readme(
    edition: Edition,
    wordings: Iterable[DataWording],
    derived: Iterable[Table],
    changes: dict[str, str],
    *,
    registers: bool,
) -> str:
    """Content of LIESMICH.md; `changes` holds the sentence on the last edition by language."""
    tables = list(derived)
    absent = {key for key, there in (("dcat", edition.publication is not None), ("registers", registers)) if not there}
    return "\n\n".join("\n".join(_part(edition, wording, tables, changes, absent)) for wording in wordings) + "\n"


def _part(
    edition: Edition, t: DataWording, derived: list[Table], changes: dict[str, str], absent: set[str]
) -> Iterator[str]:
    german = t.lang == "de"
    yield f"# {t('readme.title', title=edition.title_de if german else edition.title_en)}\n"
    if edition.sample:
        yield f"**{t('readme.sample')}**\n"
    yield f"{t('readme.about')}\n"
    yield f"## {t('readme.files')}\n"
    for key, files in _FILES.items():
        if key not in absent:
            yield f"- `{files}`: {t('readme.file.' + key)}"
    for table in derived:
        yield f"- `{table.name}.csv`: {t('readme.file.derived')} – {table.title_de if german else table.title_en}"
    yield f"\n## {t('readme.rules')}\n"
    yield from (f"- {t(f'readme.rule_{number}')}" for number in range(1, _RULES + 1))
    yield f"\n## {t('readme.changes')}\n\n{changes[t.lang]}"
    yield f"\n## {t('readme.licence')}\n\n{licence_note(edition, t)}"


def licence_note(edition: Edition, t: DataWording) -> str:
    """The licence with its source note, as the licence asks for: provider, licence with address, address of the data."""
    licence = edition.licence
    if licence is None:
        return t("readme.no_licence")
    german = t.lang == "de"
    return t(
        "readme.licence_text",
        name=licence.name_de if german else licence.name_en,
        url=licence.url,
        attribution=licence.attribution_de if german else licence.attribution_en,
        address=edition.address("daten/"),
    )
