"""Files in the inbox that nobody takes: outside a sender's folder, or in a folder below it. Named, never touched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from flows.wording import counted, text
from intake.inbox import misplaced_in, readable


def misplaced_files(root: Path) -> list[str]:
    """Their names below the inbox of a data root, in order; a hidden folder with files in it ends with a slash."""
    inbox = root / "raw" / "inbox"
    return [_name(inbox, path) for path in misplaced_in(inbox)]


def _name(inbox: Path, path: Path) -> str:
    return readable(path.relative_to(inbox).as_posix()) + "/" * path.is_dir()


def misplaced_lines(names: Sequence[str]) -> list[str]:
    """What to do, then every file; empty when there is none."""
    if not names:
        return []
    return [counted("run.misplaced", len(names)), *(f"  {name}" for name in names)]


def misplaced_folders(names: Sequence[str]) -> dict[str, int]:
    """How many lie in which folder, for pages that do not name files."""
    return dict(Counter(name.rpartition("/")[0] or text("run.here") for name in names))
