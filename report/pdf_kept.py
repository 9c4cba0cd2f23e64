"""Volumes of an earlier report that say the same: they are taken over, because typesetting is the dearest part of a report.

The same content gives the same bytes. So a volume is taken over when its content, the template, the fonts and the
typesetter are what they were, and when the file still is what the manifest says.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from functools import cache
from importlib.metadata import version
from pathlib import Path

ROOM = Path(__file__).resolve().parent
_MADE_BY = ("typst", "pikepdf")
CONTENTS = "volumes"
"""Key of the manifest: the fingerprint of the content of each volume, by its path in the report."""


class Kept:
    """What the report that lies in `folder` holds, and the contents of the one that is made now."""

    def __init__(self, folder: Path, part: str) -> None:
        self.folder = folder / part
        self.contents: dict[str, str] = {}
        self._known: dict[str, tuple[str, str]] = {}
        try:
            manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
            files = {entry["path"]: entry["sha256"] for entry in manifest["files"]}
            for path, content in manifest[CONTENTS].items():
                self._known[path] = (content, files[f"{part}/{path}"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            self._known = {}  # none, an older one, or one that somebody changed: everything is made anew

    def take(self, path: str, text: str, day: str, target: Path) -> bool:
        """Copy the earlier volume to `target` if it says the same; notes what this one says."""
        content = hashlib.sha256("\x00".join((text, day, _tools())).encode()).hexdigest()
        self.contents[path] = content
        earlier = self.folder / path
        before, fingerprint = self._known.get(path, ("", ""))
        if before != content or not earlier.is_file():
            return False
        if hashlib.sha256(earlier.read_bytes()).hexdigest() != fingerprint:
            return False
        shutil.copyfile(earlier, target)
        return True

    def forget(self, path: str) -> None:
        """The volume could not be made."""
        self.contents.pop(path, None)


@cache
def _tools() -> str:
    """Everything beside the content that decides how a volume looks."""
    files = [
        *sorted((ROOM / "typst").iterdir()),
        *sorted((ROOM / "fonts").iterdir()),
        ROOM / "typesetting.py",
        ROOM / "pdf_compact.py",
    ]
    digest = hashlib.sha256(" ".join(f"{name} {version(name)}" for name in _MADE_BY).encode())
    for path in files:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
