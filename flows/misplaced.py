"""Files in the inbox that nobody takes: outside a sender's folder, or in a folder below it. Named, never touched.

A hidden folder (the trash of a file server, say) may be one that nobody here can empty. A run says so once; afterwards the
status names it, and no later run ends with findings because of it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from flows.run_log import durable_write, read_json, state_folder
from flows.wording import counted, text
from intake.inbox_files import misplaced_in, readable


def misplaced_files(root: Path) -> list[str]:
    """Their names below the inbox of a data root, in order; a hidden folder with files in it ends with a slash."""
    inbox = root / "raw" / "inbox"
    return [_name(inbox, path) for path in misplaced_in(inbox)]


def untold_files(root: Path) -> list[str]:
    """The same without the hidden folders that an earlier run has named."""
    told = told_folders(root)
    return [name for name in misplaced_files(root) if name not in told]


def told_folders(root: Path) -> frozenset[str]:
    """The hidden folders that a run has named, each below the inbox and with a slash at its end."""
    return frozenset((read_json(_note(root)) or {}).get("hidden", ()))


def note_told(root: Path, names: Iterable[str]) -> None:
    """Remember the hidden folders among the names that a run has told; one that has gone is new when it comes back."""
    known = told_folders(root)
    kept = {name for name in {*known, *names} if name.endswith("/")} & set(misplaced_files(root))
    if kept != known:
        durable_write(_note(root), json.dumps({"hidden": sorted(kept)}, ensure_ascii=False))


def _note(root: Path) -> Path:
    return state_folder(root) / "misplaced.json"


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
