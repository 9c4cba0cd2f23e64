"""Build the yearly report: content, pages, downloads, manifest; swapped in as a whole."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from report.content import Report, build_content, reason_of
from report.data import ReportData
from report.downloads import write_downloads
from report.overview_pages import directory_page, methods_page, search_index, start_page, status_page
from report.pages import field_page, indicator_page, missing_page, region_page
from report.site import Site
from schemas.framework_model import Framework

LANGUAGES = ("de", "en")
SITE, MANIFEST = "site", "manifest.json"
_OLD = ".site-old"


def _silent(_: str) -> None:
    return None


def build_report(
    data: ReportData,
    framework: Framework,
    year: int,
    out: Path,
    *,
    langs: Sequence[str] = LANGUAGES,
    progress: Callable[[str], None] = _silent,
) -> Path:
    """Write `out/site/...` and `out/manifest.json` and return the start page of the first language.

    The same input gives the same bytes. An indicator that cannot be prepared is shown as missing and named in the
    manifest under `failures`. Nothing of an earlier report is lost before the new one is complete.
    """
    data.check(framework)
    out.mkdir(parents=True, exist_ok=True)
    _recover(out)
    with tempfile.TemporaryDirectory(prefix=".site-new-", dir=out) as scratch:
        folder = Path(scratch) / SITE
        progress(f"Inhalte für {year} zusammenstellen")
        report = build_content(data, framework, year, progress)
        _write_site(Site(report, folder, langs), progress)
        manifest = Path(scratch) / MANIFEST
        manifest.write_bytes(_manifest(report, folder, langs).encode("utf-8"))
        _swap(folder, manifest, out)
    return out / SITE / langs[0] / "index.html"


def _write_site(site: Site, progress: Callable[[str], None]) -> None:
    """Indicators first: only then is it known which ones the other pages must show as missing."""
    progress(f"Seiten für {len(site.report.indicators())} Indikatoren")
    _write_indicators(site, progress)
    progress("Übersichten, Felder, Regionen")
    for wording in site.wordings:
        for field in site.report.framework.fields.values():
            field_page(site, wording, field)
        for place in site.report.places:
            region_page(site, wording, place)
        for write in (start_page, status_page, methods_page, directory_page, search_index):
            write(site, wording)
    write_downloads(site)
    site.assets()
    site.redirect()


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


def _manifest(report: Report, folder: Path, langs: Sequence[str]) -> str:
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
        "files": [
            {
                "path": f"{SITE}/{path.relative_to(folder).as_posix()}",
                "bytes": path.stat().st_size,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            }
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        ],
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def _swap(folder: Path, manifest: Path, out: Path) -> None:
    """Put the new site in the place of the old one; the old one stays until the new one stands."""
    target, old = out / SITE, out / _OLD
    if target.exists():
        target.rename(old)
    folder.rename(target)
    manifest.replace(out / MANIFEST)
    shutil.rmtree(old, ignore_errors=True)


def _recover(out: Path) -> None:
    """Undo a swap that was interrupted: bring the old site back, or remove what is left of it."""
    old, target = out / _OLD, out / SITE
    if old.exists() and not target.exists():
        old.rename(target)
    shutil.rmtree(old, ignore_errors=True)


__all__ = ["LANGUAGES", "ReportData", "build_report"]
