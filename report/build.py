"""Build the yearly report: content, its parts (pages and downloads, PDF), manifest; swapped in as a whole."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from report.compare_pages import compare_pages
from report.content import Report, build_content, reason_of
from report.data import ReportData
from report.data_parts import DATA, DATA_PARTS, write_data_parts
from report.downloads import write_downloads
from report.edition_changes import Changes, edition_changes
from report.geometry import read_geometry
from report.indicator_pages import indicator_page
from report.overview_pages import directory_page, methods_page, search_index, status_page
from report.pages import field_page, missing_page
from report.pdf import volumes_beside
from report.pdf_kept import CONTENTS, Kept
from report.reference_pages import changes_page, glossary_page, maps_page, text_pages
from report.region_pages import region_page
from report.register_pages import register_pages
from report.site import Site
from report.site_facts import open_points
from report.start_page import start_page
from report.unchanged import fingerprint, is_whole, note
from schemas.framework_model import Framework

LANGUAGES = ("de", "en")
SITE, PDF, MANIFEST = "site", "pdf", "manifest.json"
PARTS = (SITE, PDF, *DATA_PARTS)
"""What a report consists of; each part is a folder of its own."""
_NEW, _OLD, _GONE = ".report-new-", ".report-old", ".report-gone"


def _silent(_: str) -> None:
    return None


def build_report(
    data: ReportData,
    framework: Framework,
    year: int,
    out: Path,
    *,
    langs: Sequence[str] = LANGUAGES,
    parts: Sequence[str] = PARTS,
    previous: Path | None = None,
    geometry: Path | None = None,
    progress: Callable[[str], None] = _silent,
) -> Path:
    """Write `out/<part>/...` and `out/manifest.json`; returns the start page of the first language, if there is one.

    The same input gives the same bytes, so a whole report of the same input that lies in `out` is left as it is. An
    indicator or a PDF that cannot be prepared is shown as missing and named in the manifest under `failures`. Nothing
    of an earlier report is lost before the new one is complete. Parts of an earlier report that are not asked for are
    removed: they would tell of other data.
    The values are compared with the report that lies in `out`, else with the one in `previous`. `geometry` names a file
    with outlines for the maps (`report.geometry`); raises GeometryError when it cannot be used.
    """
    data.check(framework)
    for point in open_points(framework):
        progress(f"Offener Punkt vor der Veröffentlichung: {point}")
    shapes = read_geometry(geometry) if geometry else None
    start = out / SITE / langs[0] / "index.html" if SITE in parts else out
    earlier = [out, *([previous] if previous else [])]
    out.mkdir(parents=True, exist_ok=True)
    _recover(out)
    inputs = fingerprint(data, framework, year, langs, parts, geometry)
    if is_whole(out, inputs):
        progress("Nichts hat sich geändert: der Bericht bleibt, wie er ist")
        return start
    with tempfile.TemporaryDirectory(prefix=_NEW, dir=out) as scratch, ExitStack() as beside:
        folder = Path(scratch)
        progress(f"Inhalte für {year} zusammenstellen")
        report = build_content(data, framework, year, progress)
        site = Site(report, folder / SITE, langs, shapes)
        if SITE in parts:  # first: only then is it known which indicators everything else must show as missing
            progress(f"Seiten für {len(report.indicators())} Indikatoren")
            _write_indicators(site, progress)
        kept = Kept(out, PDF)
        making = volumes_beside(report, folder / PDF, langs if PDF in parts else (), progress, kept)
        volumes = beside.enter_context(making)
        if SITE in parts:
            progress("Übersichten, Felder, Regionen")
            _write_site(site, earlier, progress)
        report.failures.update(write_data_parts(report, folder, langs, parts, earlier, progress))
        report.failures.update(volumes())
        (folder / MANIFEST).write_bytes(_manifest(report, folder, langs, kept).encode("utf-8"))
        _swap(folder, out)
        if DATA in parts:
            note(out, inputs)
    return start


def _write_site(site: Site, earlier: Sequence[Path], progress: Callable[[str], None]) -> None:
    """Everything but the pages of the indicators."""
    changes = _changes(site, earlier, progress)
    pages = (
        status_page,
        methods_page,
        directory_page,
        search_index,
        compare_pages,
        glossary_page,
        text_pages,
        maps_page,
    )
    for wording in site.wordings:
        for field in site.report.framework.fields.values():
            field_page(site, wording, field)
        for place in site.report.places:
            region_page(site, wording, place)
        for write in pages:
            write(site, wording)
        register_pages(site, wording)
        start_page(site, wording, changes)
        changes_page(site, wording, changes)
    write_downloads(site)
    site.assets()
    site.redirect()


def _changes(site: Site, earlier: Sequence[Path], progress: Callable[[str], None]) -> Changes | None:
    """What changed since the last edition; a comparison that fails is named and leaves the rest of the site whole."""
    try:
        return edition_changes(site.report, earlier, [wording.lang for wording in site.wordings])
    except Exception as problem:
        site.report.failures["aenderungen"] = reason_of(problem)
        progress(f"aenderungen: {site.report.failures['aenderungen']}")
        return None


def _write_indicators(site: Site, progress: Callable[[str], None]) -> None:
    report = site.report
    for entry in report.indicators():
        content = report.content(entry.code)
        if content is None:
            continue
        try:
            for wording in site.wordings:
                indicator_page(site, wording, content)
        except Exception as problem:
            report.failures[entry.code] = reason_of(problem)
            progress(f"{entry.code}: {report.failures[entry.code]}")
    for entry in report.indicators():
        if entry.code in report.failures:
            for wording in site.wordings:
                missing_page(site, wording, entry)


def _manifest(report: Report, folder: Path, langs: Sequence[str], kept: Kept) -> str:
    """What the report was made of and which files it consists of."""
    framework, data = report.framework, report.data
    used = [entry for entry in report.deliveries.received if entry.used]
    content = {
        "year": report.year,
        "languages": list(langs),
        "sample": data.sample,
        "generation": data.generation,
        "created_at": data.created_at,
        "framework": {
            "code": framework.code,
            "version": framework.version,
            "content_hash": framework.content_hash,
        },
        "submissions": [
            {
                "id": entry.id,
                "region": entry.region,
                "year": entry.year,
                "received_at": entry.received_at,
                "sha256": entry.sha256,
                "verdict": entry.verdict,
                "layout": entry.layout,
                "framework_version": entry.framework_version,
            }
            for entry in sorted(used, key=lambda entry: (entry.year, entry.region))
        ],
        "failures": dict(sorted(report.failures.items())),
        CONTENTS: dict(sorted(kept.contents.items())),
        "files": [
            {
                "path": path.relative_to(folder).as_posix(),
                "bytes": path.stat().st_size,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            }
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        ],
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def _swap(folder: Path, out: Path) -> None:
    """Put the new report in the place of the old one; the old one can be brought back until the new one stands."""
    old = out / _OLD
    old.mkdir()
    for name in (*PARTS, MANIFEST):
        if (out / name).exists():
            (out / name).rename(old / name)
    for name in (*PARTS, MANIFEST):
        if (folder / name).exists():
            (folder / name).rename(out / name)
    old.rename(out / _GONE)
    shutil.rmtree(out / _GONE, ignore_errors=True)


def _recover(out: Path) -> None:
    """Undo a swap that was interrupted: bring the old report back; remove what a finished one has left."""
    old = out / _OLD
    if old.exists():
        for path in old.iterdir():
            _remove(out / path.name)
            path.rename(out / path.name)
        old.rmdir()
    shutil.rmtree(out / _GONE, ignore_errors=True)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


__all__ = ["LANGUAGES", "PARTS", "ReportData", "build_report"]
