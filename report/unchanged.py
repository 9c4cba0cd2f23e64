"""Is the report that lies there the one that would be made now? Decided before anything is rendered.

The fingerprint covers everything a report is made of: the frames, the framework with all its texts, year, languages,
parts, outlines, and the programs. The report of before is taken only if it was whole and no file of it was touched.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AnySet
from dataclasses import fields, is_dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel

from report.data import ReportData
from schemas.framework_model import Framework

_MANIFEST = "manifest.json"
_ROOT = Path(__file__).resolve().parent.parent
_ROOMS = (("report", "*"), ("schemas", "*.py"))
"""What else stands in the room of the definitions is in the loaded framework."""
_LIBRARIES = ("jinja2", "markupsafe", "numpy", "pandas", "pikepdf", "pyarrow", "typst", "xlsxwriter")
_LEFT_OUT = {".pyc", ".pyo"}


def fingerprint(
    data: ReportData, framework: Framework, year: int, langs: Sequence[str], parts: Sequence[str], geometry: Path | None
) -> str:
    """SHA-256 of all inputs; the order of the rows of a frame does not count."""
    digest = hashlib.sha256(_programs().encode())
    for each in fields(data):
        value = getattr(data, each.name)
        digest.update(f"\n{each.name} ".encode())
        digest.update(_of_frame(value) if isinstance(value, pd.DataFrame) else repr(value).encode())
    for part in _canonical(framework):
        digest.update(part.encode())
    digest.update(repr((year, list(langs), sorted(parts))).encode())
    digest.update(geometry.read_bytes() if geometry is not None and geometry.is_file() else b"")
    return digest.hexdigest()


def note_of(folder: Path) -> Path:
    """Where it is noted what the report in `folder` was made of.

    Beside the folder, so that nobody publishes it with the report: the inputs hold what is not published, such as why a
    value is hidden.
    """
    whole = folder.resolve()
    return whole.with_name(f".{whole.name}.inputs.json")


def note(folder: Path, inputs: str) -> None:
    """Remember what the report in `folder` was made of."""
    manifest = hashlib.sha256((folder / _MANIFEST).read_bytes()).hexdigest()
    note_of(folder).write_text(json.dumps({"inputs": inputs, "manifest": manifest}) + "\n", encoding="utf-8")


def is_whole(folder: Path, inputs: str) -> bool:
    """Was the report in `folder` made of these inputs without a failure, and is every file of it what it was?"""
    try:
        known, text = json.loads(note_of(folder).read_text(encoding="utf-8")), (folder / _MANIFEST).read_bytes()
        manifest = json.loads(text)
        if known != {"inputs": inputs, "manifest": hashlib.sha256(text).hexdigest()} or manifest["failures"]:
            return False
        listed = {entry["path"]: (entry["bytes"], entry["sha256"]) for entry in manifest["files"]}
        parts = {path.partition("/")[0] for path in listed}
        found = {path.relative_to(folder).as_posix() for part in parts for path in _files(folder / part)}
        return found == set(listed) and all(_same(folder / path, *known) for path, known in listed.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False  # none, an older one, or one that somebody changed: it is made anew


def _same(path: Path, size: int, sha256: str) -> bool:
    return path.stat().st_size == size and hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _of_frame(frame: pd.DataFrame) -> bytes:
    """Names, types and rows of a frame; equal for the same rows in another order."""
    head = repr([(name, str(kind)) for name, kind in frame.dtypes.items()]).encode()
    rows = pd.util.hash_pandas_object(frame, index=False).sort_values().to_numpy()
    return head + hashlib.sha256(rows.tobytes()).digest()


def _canonical(value: Any) -> Iterator[str]:
    """A value and everything in it as text, the same in every process; sets in the order of their members. What does not
    count when two values are compared is no content: answers that are kept for the next who asks."""
    if isinstance(value, BaseModel):
        value = (type(value).__name__, value.__dict__)
    elif is_dataclass(value) and not isinstance(value, type):
        own = {each.name: getattr(value, each.name, None) for each in fields(value) if each.compare}
        value = (type(value).__name__, own)
    if isinstance(value, str | int | float | bool | type(None)):
        yield repr(value)
    elif isinstance(value, Path):
        yield value.name  # where the house lies is no content
    elif isinstance(value, Mapping):
        yield "{"
        for key, each in value.items():
            yield from _canonical(key)
            yield ":"
            yield from _canonical(each)
            yield ","
        yield "}"
    elif isinstance(value, AnySet):
        yield repr(sorted(map(repr, value)))
    elif isinstance(value, Sequence):
        yield "["
        for each in value:
            yield from _canonical(each)
            yield ","
        yield "]"
    else:
        yield repr(value)


@cache
def _programs() -> str:
    """Sources of the rooms that make a report, and the libraries they use."""
    digest = hashlib.sha256(sys.version.encode())
    for name in _LIBRARIES:
        digest.update(f"{name} {version(name)}\n".encode())
    for room, pattern in _ROOMS:
        for path in sorted((_ROOT / room).rglob(pattern)):
            if path.is_file() and path.suffix not in _LEFT_OUT:
                digest.update(path.relative_to(_ROOT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()
