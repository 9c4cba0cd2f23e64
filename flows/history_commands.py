"""The commands about the history and the safety of the warehouse: withdraw, revisions, backup, restore.

Imports stand inside the functions, as in `commands`.
"""

from __future__ import annotations

from argparse import Namespace
from datetime import datetime
from pathlib import Path

from flows.settings import InputRefused, load_settings
from flows.wording import say, text


def run_withdraw(options: Namespace) -> int:
    """Withdraw a delivery, then compute and publish."""
    from datetime import UTC

    from flows import cycle
    from schemas.loading import load_framework
    from warehouse.store import exclusive, writer
    from warehouse.withdrawals import withdraw

    framework, settings = load_framework(), load_settings()
    night = cycle.Night(kind="withdraw")
    with exclusive(settings.root, wait_seconds=settings.lock_wait_seconds) as lock:
        with writer(settings.root, framework, lock=lock) as store:
            done = withdraw(store.connection, options.submission, options.reason, options.who, datetime.now(UTC))
        numbers = {"closed": done.values_closed, "reopened": done.values_reopened}
        say(text("say.withdrawn", submission=options.submission, **numbers))
        cycle.compute_indicators(settings, framework, night, lock, say)
        cycle.publish_snapshot(settings, framework, night, lock, say)
    for line in cycle.correction_lines(night):
        say(line)
    return night.exit_code


def run_revisions(options: Namespace) -> int:
    """What changed in the published numbers since a moment, and why."""
    from flows.revisions_text import as_text, revisions_since
    from schemas.loading import load_framework
    from warehouse.snapshot import open_snapshot

    framework = load_framework()
    with open_snapshot(load_settings().root) as snapshot:
        compared, found = revisions_since(snapshot, framework, moment_of(options.since))
    say(compared)
    say(as_text(framework, found))
    return 0


def run_backup(options: Namespace) -> int:
    """A consistent copy of the warehouse with a manifest of checksums."""
    from datetime import UTC

    from warehouse.backup import backup

    settings = load_settings()
    target = Path(options.folder) / f"monitor-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    made = backup(settings.root, target, keep=settings.keep_backups)
    say(text("say.backup", path=target))
    if made.removed:
        say(text("say.backup_removed", names=", ".join(path.name for path in made.removed)))
    return 0


def run_restore(options: Namespace) -> int:
    """The warehouse as a backup holds it; the replaced state stays beside it."""
    from schemas.loading import load_framework
    from warehouse.restoring import restore

    settings = load_settings()
    done = restore(settings.root, Path(options.folder), load_framework(), keep=settings.keep_replaced)
    say(text("say.restored", moment=done.created_at, folder=done.replaced))
    return 0


def moment_of(typed: str) -> datetime:
    """A moment as it is typed; without zone it is UTC."""
    try:
        return datetime.fromisoformat(typed)
    except ValueError as error:
        raise InputRefused(text("refused.moment", typed=typed)) from error
