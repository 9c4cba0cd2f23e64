"""The inbox: nothing is taken too early, nothing is lost, nothing is taken twice, and no name ever becomes a path."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.heartbeat import stuck_in_inbox
from intake.inbox import Claim, Inbox
from intake.inbox_files import hidden_folders, misplaced_in

REPOSITORY = Path(__file__).resolve().parents[1]
SENDER = "06414"
KINDS = "rename replace chmod fsync copyfile rmtree unlink mkdir rmdir"
"""What changes something on disk or makes a change last: a process can die before and after each of them."""


def put(root: Path, name: str, content: bytes = b"values", sender: str = SENDER) -> Path:
    path = root / "raw" / "inbox" / sender / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then), follow_symlinks=False)


def names(inbox: Inbox) -> list[str]:
    return [path.name for path in inbox.waiting()]


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path, settle_seconds=0)


# --- complete before claimed -----------------------------------------------------------------------------------------


def test_a_file_that_just_changed_is_left_alone_until_it_has_settled(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path, settle_seconds=60)
    path = put(tmp_path, "x.xlsx")
    assert names(inbox) == []
    assert inbox.claim_all() == []
    assert inbox.unsettled() == [path]
    age(path, 61)
    assert names(inbox) == ["x.xlsx"]
    assert inbox.unsettled() == []


def test_a_file_that_grows_again_waits_again(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path, settle_seconds=60)
    path = put(tmp_path, "x.xlsx")
    age(path, 300)
    assert names(inbox) == ["x.xlsx"]
    with path.open("ab") as stream:
        stream.write(b"more")
    assert names(inbox) == []


@pytest.mark.parametrize(
    "name",
    [
        "~$x.xlsx",
        ".~lock.x.xlsx#",
        ".x.xlsx",
        "._x.xlsx",
        ".DS_Store",
        "x.xlsx.part",
        "x.xlsx.filepart",
        "x.xlsx.crdownload",
        "x.xlsx.PARTIAL",
        "x.tmp",
        "X.TMP",
        "x.xlsx.download",
        "Thumbs.db",
        "desktop.ini",
        "Verknüpfung.lnk",
    ],
)
def test_temporary_names_and_lock_files_are_no_deliveries(tmp_path: Path, inbox: Inbox, name: str) -> None:
    put(tmp_path, name)
    assert names(inbox) == []
    assert inbox.unsettled() == []


def test_only_plain_files_with_content_are_taken(tmp_path: Path, inbox: Inbox) -> None:
    folder = put(tmp_path, "good.xlsx").parent
    put(tmp_path, "empty.xlsx", b"")
    outside = tmp_path / "outside.xlsx"
    outside.write_bytes(b"secret")
    (folder / "link.xlsx").symlink_to(outside)
    (folder / "dangling.xlsx").symlink_to(tmp_path / "nowhere")
    os.link(outside, folder / "hard.xlsx")  # a second name: an upload that is just being renamed, or a trick
    (folder / "folder.xlsx").mkdir()
    os.mkfifo(folder / "pipe.xlsx")  # opening it would hang for ever
    (folder.parent / "linked").symlink_to(tmp_path)
    assert names(inbox) == ["good.xlsx"]
    assert [claim.file_name for claim in inbox.claim_all()] == ["good.xlsx"]
    assert outside.read_bytes() == b"secret"


@pytest.mark.parametrize("lock", ["~$Bogen.xlsx", "~$gen.xlsx", ".~lock.Bogen.xlsx#"])
def test_a_book_that_is_open_in_an_office_program_waits(tmp_path: Path, inbox: Inbox, lock: str) -> None:
    path = put(tmp_path, "Bogen.xlsx")
    marker = put(tmp_path, lock)
    assert names(inbox) == []
    assert inbox.unsettled() == [path]
    marker.unlink()
    assert names(inbox) == ["Bogen.xlsx"]


def test_a_forgotten_lock_file_does_not_block_for_ever(tmp_path: Path, inbox: Inbox) -> None:
    put(tmp_path, "Bogen.xlsx")
    age(put(tmp_path, "~$Bogen.xlsx"), 25 * 3600)
    assert names(inbox) == ["Bogen.xlsx"]


def test_a_file_taken_back_while_we_look_does_not_stop_the_others(
    tmp_path: Path, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, stays = put(tmp_path, "a.xlsx"), put(tmp_path, "b.xlsx")
    looked = Path.lstat

    def lstat(path: Path) -> os.stat_result:
        found = looked(path)
        if path == gone:
            gone.unlink()  # the sender deletes it right after the first look
        return found

    monkeypatch.setattr(Path, "lstat", lstat)
    assert list(inbox.waiting()) == [stays]


# --- claimed, frozen, filed ------------------------------------------------------------------------------------------


def test_a_file_that_is_opened_while_others_are_taken_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, later = (put(tmp_path, name) for name in ("1.xlsx", "2.xlsx"))
    for path in (first, later):
        age(path, 100)
    rename = os.rename

    def somebody_saves(path: Path, target: Path) -> None:
        rename(path, target)
        if path == first:
            later.write_bytes(b"half")

    monkeypatch.setattr(os, "rename", somebody_saves)
    claims = Inbox(tmp_path, settle_seconds=60).claim_all()
    assert [claim.file_name for claim in claims] == ["1.xlsx"]
    assert later.read_bytes() == b"half"


def test_a_note_that_was_cut_inside_of_a_letter_stops_nobody(tmp_path: Path, inbox: Inbox) -> None:
    cut = inbox.claims_folder / "0"
    cut.mkdir()
    (cut / "meta.json").write_bytes('{"file_name": "Wö'.encode()[:-1])
    age(put(tmp_path, "a.xlsx"), 100)
    assert [claim.file_name for claim in inbox.claim_all()] == ["a.xlsx"]
    assert not cut.exists(), "its file never left the inbox"


def test_a_claim_takes_the_file_out_and_remembers_where_it_came_from(tmp_path: Path, inbox: Inbox) -> None:
    path = put(tmp_path, "Bogen.XLSX", b"content")
    (claim,) = inbox.claim_all()
    assert not path.exists()
    assert (claim.file_name, claim.sender) == ("Bogen.XLSX", SENDER)
    assert claim.path.read_bytes() == b"content"
    assert claim.path.suffix == ".xlsx"
    assert re.fullmatch(r"[0-9a-f]{64}", claim.sha256)
    assert Inbox(tmp_path).claims() == [claim]


def test_the_frozen_copy_is_a_new_file_that_nobody_can_change(tmp_path: Path, inbox: Inbox) -> None:
    path = put(tmp_path, "x.xlsx", b"first")
    before = path.stat().st_ino
    with path.open("r+b") as still_open:  # the sender's program keeps writing
        (claim,) = inbox.claim_all()
        still_open.write(b"OTHER")
        still_open.flush()
        assert claim.path.read_bytes() == b"first"
    assert claim.path.stat().st_ino != before
    assert stat.S_IMODE(claim.path.stat().st_mode) == 0o440


def test_a_number_is_kept_with_the_claim(tmp_path: Path, inbox: Inbox) -> None:
    put(tmp_path, "x.xlsx")
    (claim,) = inbox.claim_all()
    numbered = inbox.remember(claim, "2026-06414-0001")
    assert numbered.submission_id == "2026-06414-0001"
    assert Inbox(tmp_path).claims() == [numbered]


def test_the_archive_keeps_the_same_content_once_and_read_only(tmp_path: Path, inbox: Inbox) -> None:
    put(tmp_path, "x.xlsx", b"same")
    put(tmp_path, "y.xlsx", b"same")
    first, second = inbox.claim_all()
    target = inbox.archive_file(first, 2025, SENDER)
    assert target == tmp_path / "raw" / "archive" / "2025" / SENDER / f"{first.sha256}.xlsx"
    assert stat.S_IMODE(target.stat().st_mode) == 0o440
    before = target.stat()
    assert inbox.archive_file(second, 2025, SENDER) == target
    assert (target.stat().st_ino, target.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert target.read_bytes() == b"same"
    unknown = inbox.archive_file(first, None, "")
    assert unknown.is_relative_to(tmp_path / "raw" / "archive")
    assert len(unknown.relative_to(tmp_path / "raw" / "archive").parts) == 3


@pytest.mark.parametrize("links", [True, False])
def test_what_is_filed_lasts_without_the_claim_and_without_links(
    tmp_path: Path, inbox: Inbox, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    put(tmp_path, "x.xlsx", b"kept")
    (claim,) = inbox.claim_all()

    def refused(*_: Any) -> None:
        raise OSError(95, "Operation not supported")

    if not links:
        monkeypatch.setattr(os, "link", refused)
    target = inbox.archive_file(claim, 2025, SENDER)
    assert (target.stat().st_ino == claim.path.stat().st_ino) is links
    inbox.release(claim)
    assert (target.read_bytes(), stat.S_IMODE(target.stat().st_mode)) == (b"kept", 0o440)
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_a_claim_without_a_number_is_frozen_again_by_the_next_run(tmp_path: Path, inbox: Inbox) -> None:
    put(tmp_path, "x.xlsx", b"first")
    (claim,) = inbox.claim_all()
    (claim.folder / "original").write_bytes(b"last")  # the sender's program went on writing, and nothing was made of it
    (again,) = Inbox(tmp_path).claims()
    assert again.path.read_bytes() == b"last"
    assert again.sha256 != claim.sha256
    numbered = inbox.remember(again, "N-1")
    (claim.folder / "original").write_bytes(b"too late")
    assert Inbox(tmp_path).claims() == [numbered]
    assert numbered.path.read_bytes() == b"last"


def test_quarantine_holds_the_file_with_the_reason_beside_it(tmp_path: Path, inbox: Inbox) -> None:
    put(tmp_path, "x.xls", b"broken")
    (claim,) = inbox.claim_all()
    target = inbox.quarantine_file(claim, {"reasons": ["F01"]})
    assert target.read_bytes() == b"broken"
    reason = json.loads((target.parent / "reason.json").read_text(encoding="utf-8"))
    assert reason == {"reasons": ["F01"], "file_name": "x.xls", "sender": SENDER}


def test_a_released_claim_is_gone(tmp_path: Path, inbox: Inbox) -> None:
    put(tmp_path, "x.xlsx")
    (claim,) = inbox.claim_all()
    inbox.release(claim)
    assert inbox.claims() == []
    assert list((tmp_path / "raw" / "claims").iterdir()) == []


def test_claims_come_in_the_order_in_which_they_were_received(tmp_path: Path, inbox: Inbox) -> None:
    put(tmp_path, "z.xlsx", b"1", sender="06633")
    first = inbox.claim_all()
    put(tmp_path, "a.xlsx", b"2", sender="06411")
    both = inbox.claim_all()
    assert both[0] == first[0]
    assert [claim.file_name for claim in both] == ["z.xlsx", "a.xlsx"]


# --- names -----------------------------------------------------------------------------------------------------------

LONG = "x" * 245 + ".xlsx"
ODD_NAMES = [
    "a\\..\\..\\windows.xlsx",
    "%2e%2e%2fx.xlsx",
    "quo\"te's.xlsx",
    "new\nline.xlsx",
    "<script>alert(1)</script>.xlsx".replace("/", "⁄"),
    "; rm -rf $HOME `id` .xlsx",
    "-rf.xlsx",
    "{braces}%s%n.xlsx",
    "right\u202eto left.xlsx",
    "Übersicht 2025.xlsx",
    "no suffix",
    "ends with a dot.",
    "x.xlsx.. ",
    "🙂.xlsx",
]
UNUSUAL_BUT_LEGAL = [LONG, "x." + "y" * 253, os.fsdecode(b"M\xfcnchen.xlsx")]
"""As long as a name may be; nearly nothing but a suffix; written by a program that knows Latin-1 only."""


@pytest.mark.parametrize("name", ODD_NAMES, ids=lambda name: ascii(name)[:40])
def test_a_name_never_becomes_a_path(tmp_path: Path, inbox: Inbox, name: str) -> None:
    put(tmp_path, name)
    before = {path for path in tmp_path.rglob("*") if "raw" not in path.parts}
    (claim,) = inbox.claim_all()
    assert claim.path.read_bytes() == b"values"
    archived = inbox.archive_file(claim, 2025, SENDER)
    quarantined = inbox.quarantine_file(claim, {"reasons": []})
    for path in (claim.path, archived, quarantined):
        assert path.resolve().is_relative_to(tmp_path / "raw")
        assert Path(name).stem not in path.name
    parts = {part for p in (claim.path, archived, quarantined) for part in p.relative_to(tmp_path / "raw").parts[:-1]}
    assert all(re.fullmatch(r"claims|archive|quarantine|2025|06414|[0-9a-f]{32}|[0-9a-f]{64}", part) for part in parts)
    inbox.release(claim)
    assert {path for path in tmp_path.rglob("*") if "raw" not in path.parts} == before


@pytest.mark.parametrize("name", UNUSUAL_BUT_LEGAL, ids=["very long", "long suffix", "latin-1"])
def test_an_unusual_name_does_not_stop_the_others(tmp_path: Path, inbox: Inbox, name: str) -> None:
    put(tmp_path, name, b"odd")
    put(tmp_path, "good.xlsx", b"good")
    claims = inbox.claim_all()
    assert {claim.path.read_bytes() for claim in claims} == {b"odd", b"good"}
    for claim in claims:
        inbox.quarantine_file(inbox.remember(claim, "N-1"), {"reasons": []})
        assert inbox.archive_file(claim, 2025, SENDER).read_bytes() == claim.path.read_bytes()
        inbox.release(claim)


def test_composed_and_decomposed_letters_are_one_name_but_two_files(tmp_path: Path, inbox: Inbox) -> None:
    composed = unicodedata.normalize("NFC", "Fläche.xlsx")
    put(tmp_path, composed, b"one")
    put(tmp_path, unicodedata.normalize("NFD", composed), b"two")
    claims = inbox.claim_all()
    assert [claim.file_name for claim in claims] == [composed, composed]
    assert {claim.path.read_bytes() for claim in claims} == {b"one", b"two"}


# --- two at once -----------------------------------------------------------------------------------------------------

RACE = """
import sys, time
from pathlib import Path
from intake.inbox import Inbox
root, me = Path(sys.argv[1]), sys.argv[2]
inbox = Inbox(root, settle_seconds=0)
(root / f"ready-{me}").touch()
while not (root / "go").exists():
    time.sleep(0.001)
for path in sorted((root / "raw" / "inbox" / "06414").iterdir(), reverse=me == "b"):
    inbox._claim(path)
"""


def test_two_processes_claim_every_file_once(tmp_path: Path) -> None:
    contents = {f"{number:03d}".encode() for number in range(120)}
    for content in contents:
        put(tmp_path, f"{content.decode()}.xlsx", content)
    racers = [
        subprocess.Popen([sys.executable, "-c", RACE, str(tmp_path), me], cwd=REPOSITORY, stderr=subprocess.PIPE)
        for me in "ab"
    ]
    while not all((tmp_path / f"ready-{me}").exists() for me in "ab"):
        assert all(racer.poll() is None for racer in racers)
        time.sleep(0.005)
    (tmp_path / "go").touch()
    complaints = [racer.communicate(timeout=60)[1].decode() for racer in racers]
    assert complaints == ["", ""]
    claims = Inbox(tmp_path, settle_seconds=0).claims()
    assert sorted(claim.path.read_bytes() for claim in claims) == sorted(contents)
    assert list((tmp_path / "raw" / "inbox" / SENDER).iterdir()) == []
    assert len(list((tmp_path / "raw" / "claims").iterdir())) == len(contents)


def test_another_run_in_the_middle_of_a_claim_takes_the_file_once(
    tmp_path: Path, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the first run has made its claim folder and not yet moved the file, when a second one works through the inbox
    put(tmp_path, "x.xlsx", b"once")
    other = Inbox(tmp_path, settle_seconds=0)
    moved, taken = os.rename, []

    def rename(source: Any, target: Any) -> None:
        monkeypatch.setattr(os, "rename", moved)
        taken.extend(other.claim_all())
        moved(source, target)

    monkeypatch.setattr(os, "rename", rename)
    inbox.claim_all()
    assert [claim.path.read_bytes() for claim in taken] == [b"once"]
    assert [claim.path.read_bytes() for claim in Inbox(tmp_path).claims()] == [b"once"]


# --- a crash at every step -------------------------------------------------------------------------------------------


class Crash(BaseException):
    """The process dies; nothing may catch it."""


class Steps:
    """Counts the steps on disk and lets one of them be the last, before or after it is done."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count, self.last, self.done = 0, 0, False
        self.active = False
        for kind in KINDS.split():
            module = shutil if kind in ("copyfile", "rmtree") else os
            monkeypatch.setattr(module, kind, self._watched(kind, getattr(module, kind)))

    def _watched(self, kind: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if kind == "copyfile" and _read_only(Path(arguments[1])):
                # what a user without root's rights meets when a copy goes over a read-only file
                raise PermissionError(13, "Permission denied", str(arguments[1]))
            if not self.active:
                return original(*arguments, **options)
            self.count += 1
            own = self.count
            if own == self.last and not self.done:
                raise Crash(kind)
            try:
                # nothing here cuts the power, so waiting for the disk would only take time
                return None if kind == "fsync" else original(*arguments, **options)
            finally:
                if own == self.last:
                    raise Crash(kind)

        return call

    @contextmanager
    def dying_at(self, number: int, *, done: bool) -> Iterator[None]:
        self.count, self.last, self.done, self.active = 0, number, done, True
        try:
            yield
        finally:
            self.active = False


def _read_only(path: Path) -> bool:
    return path.exists() and not path.stat().st_mode & stat.S_IWUSR


CONTENTS = {"a.xlsx": b"accepted", "b.xlsx": b"refused"}


def whole_walk(root: Path) -> None:
    """What a night does with the files: claim, number, file away, release."""
    inbox = Inbox(root, settle_seconds=0)
    for claim in inbox.claim_all():
        numbered = claim if claim.submission_id else inbox.remember(claim, f"N-{claim.file_name}")
        _file(inbox, numbered)
        inbox.release(numbered)


def _file(inbox: Inbox, claim: Claim) -> None:
    if claim.file_name.startswith("b"):
        inbox.quarantine_file(claim, {"reasons": ["F01"]})
    else:
        inbox.archive_file(claim, 2025, SENDER)


def state(root: Path) -> dict[str, bytes]:
    """All files below the data root by path; claims are named by chance, so none may be left."""
    found = {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}
    return found | {p.relative_to(root).as_posix(): b"" for p in (root / "raw" / "claims").iterdir()}


def fresh(root: Path) -> Path:
    Inbox(root)  # the folders; a crash before they exist loses nothing
    for name, content in CONTENTS.items():
        put(root, name, content)
    return root


def steps_of_a_walk(steps: Steps, root: Path) -> int:
    with steps.dying_at(0, done=False):
        whole_walk(root)
        return steps.count


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
def test_a_crash_at_any_step_loses_nothing_and_the_next_run_completes_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, done: bool
) -> None:
    steps = Steps(monkeypatch)
    undisturbed = fresh(tmp_path / "undisturbed")
    total = steps_of_a_walk(steps, undisturbed)
    assert total > 30
    expected = state(undisturbed)
    assert len(expected) == 3  # the archived file, the refused one and its reason
    broken: dict[int, str] = {}
    for number in range(1, total + 1):
        root = fresh(tmp_path / str(number))
        with steps.dying_at(number, done=done), pytest.raises(Crash) as died:
            whole_walk(root)
        there = set(state(root).values())
        if not set(CONTENTS.values()) <= there:
            broken[number] = f"{died.value}: lost"
            continue
        try:
            whole_walk(root)
        except OSError as error:
            broken[number] = f"{died.value}: the next run stops with {type(error).__name__}"
            continue
        if state(root) != expected:
            broken[number] = f"{died.value}: {sorted(set(state(root)) ^ set(expected))}"
    assert broken == {}


def test_a_release_that_was_cut_short_leaves_no_claim_for_ever(tmp_path: Path, inbox: Inbox) -> None:
    # a folder is emptied file by file, in no fixed order; meta.json may be the first to go
    put(tmp_path, "x.xlsx", b"once")
    (claim,) = inbox.claim_all()
    inbox.archive_file(claim, 2025, SENDER)
    (claim.folder / "meta.json").unlink()
    again = Inbox(tmp_path, settle_seconds=0)
    assert again.claim_all() or list((tmp_path / "raw" / "claims").iterdir()) == []


def test_a_disk_error_leaves_the_file_in_the_inbox(
    tmp_path: Path, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path, "x.xlsx")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            inbox.claim_all()
    assert path.read_bytes() == b"values"
    (claim,) = Inbox(tmp_path, settle_seconds=0).claim_all()
    assert claim.path.read_bytes() == b"values"
    assert len(list((tmp_path / "raw" / "claims").iterdir())) == 1


# --- hidden folders --------------------------------------------------------------------------------------------------


def test_a_hidden_folder_is_no_sender_and_is_named_once(tmp_path: Path, inbox: Inbox) -> None:
    put(tmp_path, "x.xlsx")
    put(tmp_path, "files/a.xlsx", sender=".Trash-1000")
    put(tmp_path, "b.xlsx", sender=".Trash-1000")
    put(tmp_path, "c.xlsx", sender=f"{SENDER}/.old")
    put(tmp_path, "state.tmp", sender=".sync")
    assert names(inbox) == ["x.xlsx"]
    assert [claim.sender for claim in inbox.claim_all()] == [SENDER]
    assert inbox.unsettled() == []
    there = tmp_path / "raw" / "inbox"
    assert misplaced_in(there) == [there / ".Trash-1000", there / SENDER / ".old"]
    assert hidden_folders(there) == [there / ".Trash-1000", there / ".sync", there / SENDER / ".old"]
    stuck = list(stuck_in_inbox(tmp_path, 0, datetime.now(UTC) + timedelta(minutes=1)))
    assert [(found.folder, found.count) for found in stuck] == [
        ("unmittelbar im Eingangsordner", 1),
        (f"Ordner {SENDER}", 1),
    ]
