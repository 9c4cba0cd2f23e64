"""The inbox as a state machine: wait, claim, freeze, hand over, file away. A crash at any step is repaired by running again.

    inbox/<sender>/x.xlsx   the sender may still be writing: left alone until it has not changed for a while
    claims/<uuid>/          claimed: taken out of the inbox by one atomic rename, with meta.json beside it
    claims/<uuid>/frozen…   a copy on a new inode, read-only, fingerprinted: a sender with an open file cannot change it
    archive/<year>/<region>/<sha256><ext>   every readable delivery, for ever, unchanged
    quarantine/<sha256>/    what was refused, with the reason beside it

Names given by senders never become paths.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import time
import unicodedata
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path

_IGNORED_PREFIXES = ("~$", ".", "._")
_IGNORED_SUFFIXES = (".tmp", ".part", ".filepart", ".crdownload", ".partial", ".download", ".lnk")
_IGNORED_NAMES = ("thumbs.db", "desktop.ini")
STALE_LOCK_SECONDS = 24 * 3600
_DONE = "done-"
_LONGEST_SUFFIX = 12
MAX_BYTES = 200 * 1024 * 1024


@dataclass(frozen=True)
class Claim:
    """A file taken out of the inbox. `path` is the frozen copy; everything else is remembered in meta.json."""

    folder: Path
    file_name: str
    sender: str
    received_at: datetime
    sha256: str = ""
    submission_id: str = ""

    @property
    def path(self) -> Path:
        """The frozen copy."""
        suffix = Path(self.file_name).suffix.lower()
        return self.folder / f"frozen{suffix if len(suffix) <= _LONGEST_SUFFIX else ''}"


_KEPT = tuple(entry.name for entry in fields(Claim) if entry.name != "folder")


class Inbox:
    """The folders of one data root. All of them lie on one file system, so a rename is atomic."""

    def __init__(self, root: Path, settle_seconds: float = 60.0) -> None:
        self.raw = root / "raw"
        self.inbox = self.raw / "inbox"
        self.claims_folder = self.raw / "claims"
        self.archive = self.raw / "archive"
        self.quarantine = self.raw / "quarantine"
        self.settle_seconds = settle_seconds
        for folder in (self.inbox, self.archive):
            folder.mkdir(parents=True, exist_ok=True)
        for folder in (self.claims_folder, self.quarantine):  # nobody but the run has business here
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def waiting(self) -> Iterator[Path]:
        """Files in sender folders that are complete: settled, no temporary name, not open in Excel."""
        for folder in sender_folders(self.inbox):
            for path in sorted(folder.iterdir()):
                if _is_candidate(path) and self._settled(path) and not _open_in_office(path):
                    yield path

    def unsettled(self) -> list[Path]:
        """Files that look like deliveries but are not complete yet; named in the run report so that none is forgotten."""
        ready = set(self.waiting())
        return sorted(
            p for folder in sender_folders(self.inbox) for p in folder.iterdir() if _is_candidate(p) and p not in ready
        )

    def claim_all(self) -> list[Claim]:
        """Claim every waiting file; returns these and all claims that an earlier, interrupted run left behind."""
        for path in self.waiting():
            self._claim(path)
        return self.claims()

    def claims(self) -> list[Claim]:
        """Open claims, oldest first, each with its frozen copy in place."""
        found = []
        for folder in sorted(self.claims_folder.iterdir()):
            if folder.name.startswith(_DONE):
                shutil.rmtree(folder, ignore_errors=True)
                continue
            claim = _read_meta(folder)
            if claim is None:
                self._without_origin(folder)
                continue
            frozen = self._freeze(claim)
            if frozen is not None:
                found.append(frozen)
        return sorted(found, key=lambda claim: (claim.received_at, claim.sender, claim.file_name))

    def remember(self, claim: Claim, submission_id: str) -> Claim:
        """Give a claim its number; kept on disk so that a repeated run uses the same one."""
        numbered = replace(claim, submission_id=submission_id)
        _write_meta(numbered)
        return numbered

    def archive_file(self, claim: Claim, year: int | None, region: str) -> Path:
        """File the frozen copy in the archive, read-only; the same content is kept once."""
        folder = self.archive / (str(year) if year else "ohne-jahr") / (region or "ohne-region")
        target = folder / f"{claim.sha256}{claim.path.suffix}"
        _copy_once(claim.path, target)
        return target

    def quarantine_file(self, claim: Claim, reason: dict[str, object]) -> Path:
        """Put a refused file aside, the reason first, so that no file ever lies there unexplained."""
        folder = self.quarantine / claim.sha256
        folder.mkdir(parents=True, exist_ok=True)
        _write_json(folder / "reason.json", {**reason, "file_name": claim.file_name, "sender": claim.sender})
        target = folder / f"file{claim.path.suffix}"
        _copy_once(claim.path, target)
        return target

    def release(self, claim: Claim) -> None:
        """Everything is done: the claim goes away, in one step, so that a crash leaves no half of it."""
        done = claim.folder.with_name(f"{_DONE}{claim.folder.name}")
        os.rename(claim.folder, done)
        shutil.rmtree(done)

    def _without_origin(self, folder: Path) -> None:
        """A claim whose meta.json is gone cannot be answered; what it holds is put aside, not lost."""
        original = folder / "original"
        if original.exists():
            claim = Claim(folder, "unbekannt", "", datetime.now(UTC).replace(tzinfo=None))
            frozen = self._freeze(claim)
            if frozen is not None:
                self.quarantine_file(frozen, {"reasons": ["Herkunft unbekannt: Die Begleitangaben fehlen."]})
        shutil.rmtree(folder, ignore_errors=True)

    def _settled(self, path: Path) -> bool:
        try:
            return time.time() - path.lstat().st_mtime >= self.settle_seconds
        except FileNotFoundError:  # the sender took it back
            return False

    def _claim(self, path: Path) -> None:
        folder = self.claims_folder / uuid.uuid4().hex
        folder.mkdir(mode=0o700)
        name = readable(path.name)
        claim = Claim(folder, name, path.parent.name, datetime.now(UTC).replace(tzinfo=None))
        _write_meta(claim)
        try:
            os.rename(path, folder / "original")
        except FileNotFoundError:  # another run was faster, or the sender took it back
            shutil.rmtree(folder, ignore_errors=True)
            return
        _sync_folder(folder)
        _sync_folder(path.parent)

    def _freeze(self, claim: Claim) -> Claim | None:
        original = claim.folder / "original"
        if not original.exists():
            shutil.rmtree(
                claim.folder, ignore_errors=True
            )  # the crash came before the rename: the file is in the inbox
            return None
        if claim.sha256 and claim.path.exists():
            return claim
        if original.stat().st_size > MAX_BYTES:
            os.truncate(original, MAX_BYTES)
        temporary = claim.folder / "frozen.tmp"
        temporary.unlink(missing_ok=True)
        shutil.copyfile(original, temporary)
        os.chmod(temporary, 0o440)
        os.replace(temporary, claim.path)
        frozen = replace(claim, sha256=_sha256(claim.path))
        _write_meta(frozen)
        return frozen


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
            found += [path for path in map(here.joinpath, names) if _is_candidate(path)]
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
    return any(_is_candidate(Path(here, name)) for here, _, names in os.walk(folder) for name in names)


def readable(name: str) -> str:
    """The file name as text that can be stored and shown: composed umlauts, undecodable bytes replaced."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return unicodedata.normalize("NFC", text)


def _is_candidate(path: Path) -> bool:
    name = path.name.lower()
    if name.startswith(_IGNORED_PREFIXES) or name.endswith(_IGNORED_SUFFIXES) or name in _IGNORED_NAMES:
        return False
    try:
        facts = path.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISREG(facts.st_mode) and facts.st_nlink == 1 and facts.st_size > 0


def _open_in_office(path: Path) -> bool:
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


def _read_meta(folder: Path) -> Claim | None:
    try:
        data = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        if not (folder / "original").exists():
            shutil.rmtree(folder, ignore_errors=True)
        return None
    data["received_at"] = datetime.fromisoformat(data["received_at"])
    return Claim(folder=folder, **data)


def _write_meta(claim: Claim) -> None:
    data: dict[str, object] = {name: getattr(claim, name) for name in _KEPT}
    data["received_at"] = claim.received_at.isoformat()
    _write_json(claim.folder / "meta.json", data)


def _write_json(path: Path, data: dict[str, object]) -> None:
    temporary = path.with_suffix(".tmp")
    with temporary.open("w", encoding="utf-8") as stream:
        json.dump(data, stream, ensure_ascii=False, indent=1)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(temporary, path)
    _sync_folder(path.parent)


def _copy_once(source: Path, target: Path) -> None:
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.tmp")
    temporary.unlink(missing_ok=True)
    shutil.copyfile(source, temporary)
    with temporary.open("rb") as stream:
        os.fsync(stream.fileno())
    os.chmod(temporary, 0o440)
    os.replace(temporary, target)
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
