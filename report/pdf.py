"""The report as a publication: one volume for all regions and one for each, in every language, tagged PDF (PDF/UA-1)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from report.content import Report, reason_of
from report.numbers import THIN_SPACE
from report.pdf_blocks import Missing
from report.pdf_kept import Kept
from report.pdf_volumes import Volume, volumes

TEMPLATE = Path(__file__).resolve().parent / "typst" / "volume.typ"
MODULE = "report.typesetting"
UNBROKEN_SPACE = "\u202f"
"""A thin space at which no line ends: keeps the thousands of a number together."""
PARALLEL, SECONDS = 2, 600
"""Volumes that are typeset at the same time, and how long one may take."""


@contextmanager
def volumes_beside(
    report: Report, folder: Path, langs: Sequence[str], progress: Callable[[str], None], kept: Kept | None = None
) -> Iterator[Callable[[], dict[str, str]]]:
    """Write `folder/<lang>/bericht.pdf` and `folder/<lang>/regionen/<region>.pdf` while the rest of the report is
    written: typesetting is the work of other processes. What `kept` has is taken over.

    Gives a function that waits for the volumes and returns what could not be made, with the reason: a volume by its
    path, a part of one by path and place. One volume never stops another. Whoever leaves early stops them.
    """
    chosen = list(volumes(report, langs))
    if chosen:
        progress(f"PDF: {len(chosen)} Bände")
    workers = ThreadPoolExecutor(PARALLEL)
    waiting = [workers.submit(_write, volume, folder, kept) for volume in chosen]

    def failures() -> dict[str, str]:
        found = {place: reason for each in waiting for place, reason in each.result().items()}
        for place, reason in found.items():
            progress(f"PDF {place}: {reason}")
        return found

    try:
        yield failures
    finally:
        workers.shutdown(cancel_futures=True)


def _write(volume: Volume, folder: Path, kept: Kept | None) -> Mapping[str, str]:
    """Write one volume; returns its failures."""
    found, target = Missing(), folder / volume.path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        content = volume.content(found)
        if kept is None or not kept.take(volume.path, _text(content), _day(content), target):
            typeset(content, target)
    except Exception as problem:
        if kept is not None:
            kept.forget(volume.path)
        target.unlink(missing_ok=True)
        return {volume.path: reason_of(problem)}
    return {f"{volume.path} {place}": reason for place, reason in found.reasons.items()}


def typeset(content: Mapping[str, object], target: Path) -> None:
    """Typeset in a process of its own; raises RuntimeError with the message of typst."""
    with tempfile.TemporaryDirectory(prefix="volume-") as scratch:
        source = Path(scratch) / "volume.json"
        source.write_text(_text(content), encoding="utf-8")
        shutil.copyfile(TEMPLATE, source.with_name(TEMPLATE.name))
        command = [sys.executable, "-m", MODULE, str(source), str(target.resolve()), _day(content)]
        path = os.pathsep.join(filter(None, [str(TEMPLATE.parents[2]), os.environ.get("PYTHONPATH")]))
        done = subprocess.run(
            command,
            cwd=scratch,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise RuntimeError(lines[-1])


def _text(content: Mapping[str, object]) -> str:
    """The content as the template reads it."""
    text = json.dumps({**content, "marks": marks(content)}, ensure_ascii=False)
    return text.replace(THIN_SPACE, UNBROKEN_SPACE)


def marks(content: Mapping[str, object]) -> list[str]:
    """What links of a volume can lead to."""
    blocks = content["blocks"]
    assert isinstance(blocks, list)
    return sorted({block["mark"] for block in _headings(blocks) if block["mark"]})


def _headings(blocks: Sequence[Mapping[str, object]]) -> Iterator[Mapping[str, str]]:
    for block in blocks:
        if block["kind"] == "heading":
            yield {"mark": str(block["mark"])}
        inner = block.get("blocks", ())
        assert isinstance(inner, list | tuple)
        yield from _headings(inner)


def _day(content: Mapping[str, object]) -> str:
    date = content["date"]
    assert isinstance(date, list)
    year, month, day = date
    return f"{year:04d}-{month:02d}-{day:02d}"
