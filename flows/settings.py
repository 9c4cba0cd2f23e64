"""Where things lie and how the house runs: environment and one settings file, read once."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

from flows.wording import text

TABLES = ("alarm", "reminders")
"""Tables of the settings file that `flows.alarm_settings` reads."""


_AT_LEAST_ONE = ("batch_files", "keep_backups", "keep_replaced")


class SettingsError(ValueError):
    """The settings file cannot be used; the message says why."""


class InputRefused(ValueError):
    """The command cannot be carried out with this input; the message says why."""


@dataclass(frozen=True)
class Settings:
    """`<data root>/settings.toml` may set every value below `root`; the defaults suit one machine.

    settle_seconds: a file in the inbox is left alone until it has not changed for so long.
    batch_files: so many deliveries are read and checked together; bounds the memory of a run.
    sample: the data root holds sample data; every page of the report says so.
    keep_backups: so many good backups of this data root stay in a folder of backups.
    keep_replaced: so many former states stay beside the warehouse after a restore.
    workers: address of a Dask scheduler whose workers read, check and answer; empty: this machine does.
    run_hours: a run that takes longer is ended (exit code 3), so that it cannot hold the lock for ever; 0: no limit.
    exchange: folder or `s3://bucket/prefix` that this machine and the workers see (docs/scaling.md).
    """

    root: Path
    settle_seconds: float = 60.0
    batch_files: int = 200
    sample: bool = False
    lock_wait_seconds: float = 0.0
    prefect_start_seconds: int = 300
    keep_backups: int = 14
    keep_replaced: int = 3
    run_hours: float = 5.0
    workers: str = ""
    exchange: str = ""

    @property
    def outbox(self) -> Path:
        """Replies to the senders."""
        return self.root / "outbox"

    @property
    def reports(self) -> Path:
        """One folder per reporting year."""
        return self.root / "reports"


def load_settings() -> Settings:
    """Settings of the data root `MONITOR_DATA` (default `data`); raises SettingsError naming key and file."""
    root = Path(os.environ.get("MONITOR_DATA") or "data").resolve()
    path = root / "settings.toml"
    if not path.exists():
        return Settings(root)
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(text("settings.unreadable", path=path, why=error)) from error
    for table in TABLES:
        given.pop(table, None)
    known = {
        field.name: type(getattr(Settings(root), field.name)) for field in fields(Settings) if field.name != "root"
    }
    for name, value in given.items():
        if name not in known:
            raise SettingsError(text("settings.unknown", path=path, name=name, known=", ".join(known)))
        if type(value) is not known[name] and not (known[name] is float and type(value) is int):
            raise SettingsError(text("settings.type", path=path, name=name))
        if known[name] in (int, float) and (value < 0 or (name in _AT_LEAST_ONE and value < 1)):
            raise SettingsError(text("settings.small", path=path, name=name))
    return Settings(root, **given)
