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
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from intake.inbox_files import is_candidate, open_in_office, readable, sender_folders

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
        self.numbers: set[str] = set()
        """The numbers of the claims that were seen here."""
        for folder in (self.inbox, self.archive):
            folder.mkdir(parents=True, exist_ok=True)
        for folder in (self.claims_folder, self.quarantine):  # nobody but the run has business here
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def waiting(self) -> Iterator[Path]:
        """Files in sender folders that are complete: settled, no temporary name, not open in Excel."""
        for folder in sender_folders(self.inbox):
            for path in sorted(folder.iterdir()):
                if is_candidate(path) and self._settled(path) and not open_in_office(path):
                    yield path

    def unsettled(self) -> list[Path]:
        """Files that look like deliveries but are not complete yet; named in the run report so that none is forgotten."""
        ready = set(self.waiting())
        return sorted(
            p for folder in sender_folders(self.inbox) for p in folder.iterdir() if is_candidate(p) and p not in ready
        )

    def claim_all(self) -> list[Claim]:
        """Claim every waiting file; returns these and all claims that an earlier, interrupted run left behind."""
        # each is asked whether it is complete just before it is taken: a sender may open it while others are taken
        taken = [(self._claim(path), path.parent) for path in self.waiting()]
        for folder in (*(claim for claim, _ in taken), *dict.fromkeys(sender for _, sender in taken)):
            if folder.exists():
                _sync_folder(folder)
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
        self.numbers |= {claim.submission_id for claim in found if claim.submission_id}
        return sorted(found, key=lambda claim: (claim.received_at, claim.sender, claim.file_name))

    def remember(self, claim: Claim, submission_id: str) -> Claim:
        """Give a claim its number; kept on disk so that a repeated run uses the same one, for the same content."""
        numbered = replace(claim, submission_id=submission_id)
        _write_json(claim.folder / "meta.json", _meta(numbered))
        self.numbers.add(submission_id)
        return numbered

    def archive_file(self, claim: Claim, year: int | None, region: str) -> Path:
        """File the frozen copy in the archive, read-only; the same content is kept once."""
        folder = self.archive / (str(year) if year else "ohne-jahr") / (region or "ohne-region")
        target = folder / f"{claim.sha256}{claim.path.suffix}"
        _keep_once(claim.path, target)
        return target

    def quarantine_file(self, claim: Claim, reason: dict[str, object]) -> Path:
        """Put a refused file aside, the reason first, so that no file ever lies there unexplained."""
        folder = self.quarantine / claim.sha256
        folder.mkdir(parents=True, exist_ok=True)
        _write_json(folder / "reason.json", {**reason, "file_name": claim.file_name, "sender": claim.sender})
        target = folder / f"file{claim.path.suffix}"
        _keep_once(claim.path, target)
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

    def _claim(self, path: Path) -> Path:
        """Take a file out of the inbox; whoever calls sees to it that this lasts. Returns the folder of the claim."""
        folder = self.claims_folder / uuid.uuid4().hex
        folder.mkdir(mode=0o700)
        claim = Claim(folder, readable(path.name), path.parent.name, datetime.now(UTC).replace(tzinfo=None))
        with (folder / "meta.json").open(
            "w", encoding="utf-8"
        ) as stream:  # nobody looks for it before the file is there
            _write_down(stream, _meta(claim))
        _sync_folder(folder)
        try:
            os.rename(path, folder / "original")
        except FileNotFoundError:  # another run was faster, or the sender took it back
            shutil.rmtree(folder, ignore_errors=True)
        return folder

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
        return replace(claim, sha256=_sha256(claim.path))


def _read_meta(folder: Path) -> Claim | None:
    try:
        data = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # cut off, even inside of a letter
        if not (folder / "original").exists():
            shutil.rmtree(folder, ignore_errors=True)
        return None
    data["received_at"] = datetime.fromisoformat(data["received_at"])
    return Claim(folder=folder, **data)


def _meta(claim: Claim) -> dict[str, object]:
    data: dict[str, object] = {name: getattr(claim, name) for name in _KEPT}
    return data | {"received_at": claim.received_at.isoformat()}


def _write_json(path: Path, data: dict[str, object]) -> None:
    temporary = path.with_suffix(".tmp")
    with temporary.open("w", encoding="utf-8") as stream:
        _write_down(stream, data)
    os.replace(temporary, path)
    _sync_folder(path.parent)


def _write_down(stream: TextIO, data: dict[str, object]) -> None:
    stream.write(json.dumps(data, ensure_ascii=False, indent=1))
    stream.flush()
    os.fsync(stream.fileno())


def _keep_once(frozen: Path, target: Path) -> None:
    """File a frozen copy, which nobody can change any more, under another name; a copy of it where there are no links."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    _sync(frozen)
    try:
        os.link(frozen, target)
    except FileExistsError:
        return
    except OSError:
        temporary = target.with_name(f".{target.name}.tmp")
        temporary.unlink(missing_ok=True)
        shutil.copyfile(frozen, temporary)
        _sync(temporary)
        os.chmod(temporary, 0o440)
        os.replace(temporary, target)
    _sync_folder(target.parent)


def _sync(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
