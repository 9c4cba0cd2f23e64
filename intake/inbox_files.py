"""What lies in the inbox: the senders' folders, and which of their files may be deliveries."""

from __future__ import annotations

import os
import stat
import time
import unicodedata
from pathlib import Path

_IGNORED_PREFIXES = ("~$", ".", "._")
_IGNORED_SUFFIXES = (".tmp", ".part", ".filepart", ".crdownload", ".partial", ".download", ".lnk")
_IGNORED_NAMES = ("thumbs.db", "desktop.ini")
STALE_LOCK_SECONDS = 24 * 3600


def misplaced_in(inbox: Path) -> list[Path]:
    """Files that look like deliveries but lie where nobody takes them: in no sender's folder, or in a folder below one.

    They are named, never touched: only people can tell whose they are. A hidden folder that holds such files (a trash,
    copies of a file server) stands for all of them. Links are not followed.
    """
    found = [folder for folder in hidden_folders(inbox) if holds_deliveries(folder)]
    for folder, below, names in os.walk(inbox):
        here = Path(folder)
        below[:] = [name for name in below if not name.startswith(".")]
        if here.parent != inbox:
            found += [path for path in map(here.joinpath, names) if is_candidate(path)]
    return sorted(found)


def sender_folders(inbox: Path) -> list[Path]:
    """The folders of the inbox that are read, in order: no links, no hidden ones."""
    there = (path for path in inbox.iterdir() if not path.name.startswith("."))
    return sorted(path for path in there if path.is_dir() and not path.is_symlink())


def hidden_folders(inbox: Path) -> list[Path]:
    """The hidden folders of the inbox and of its folders, in order. Nothing in them is ever taken."""
    found: list[Path] = []
    for folder, below, _ in os.walk(inbox):
        hidden = (Path(folder, name) for name in below if name.startswith("."))
        found += [path for path in hidden if not path.is_symlink()]
        below[:] = [name for name in below if not name.startswith(".")]
    return sorted(found)


def holds_deliveries(folder: Path) -> bool:
    """Does anything in this folder or below look like a delivery?"""
    return any(is_candidate(Path(here, name)) for here, _, names in os.walk(folder) for name in names)


def readable(name: str) -> str:
    """The file name as text that can be stored and shown: composed umlauts, undecodable bytes replaced."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return unicodedata.normalize("NFC", text)


def is_candidate(path: Path) -> bool:
    """Does this look like a delivery: an ordinary file with content, under a name that no program uses for itself?"""
    name = path.name.lower()
    if name.startswith(_IGNORED_PREFIXES) or name.endswith(_IGNORED_SUFFIXES) or name in _IGNORED_NAMES:
        return False
    try:
        facts = path.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISREG(facts.st_mode) and facts.st_nlink == 1 and facts.st_size > 0


def open_in_office(path: Path) -> bool:
    """Excel and LibreOffice put a lock file beside an open workbook; a forgotten one does not block for ever."""
    for lock in (
        path.with_name(f"~${path.name}"),
        path.with_name(f"~${path.name[2:]}"),
        path.with_name(f".~lock.{path.name}#"),
    ):
        try:
            if time.time() - lock.stat().st_mtime < STALE_LOCK_SECONDS:
                return True
        except OSError:  # no such file, or no name that a lock file could have
            continue
    return False
