"""How alarms go out and when: table `[alarm]` of `settings.toml`, and the environment."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flows import mail
from flows.settings import SettingsError
from flows.wording import text as told

_PREFIX = "MONITOR_ALARM_"


@dataclass(frozen=True)
class AlarmSettings:
    """Table `[alarm]` of `settings.toml`; each entry can also come from the environment as MONITOR_ALARM_<ENTRY>.

    The password may lie in `$CREDENTIALS_DIRECTORY/smtp-password` (systemd). The hours say when `monitor alive` alarms.
    """

    mail_to: tuple[str, ...] = ()
    mail_from: str = "monitor@localhost"
    smtp_host: str = ""
    smtp_port: int = 25
    smtp_encryption: str = "none"
    smtp_user: str = ""
    smtp_password: str = field(default="", repr=False)
    smtp_ca_file: str = ""
    webhook: str = field(default="", repr=False)
    system: str = "Integrationsmonitoring"
    timeout_seconds: float = 20.0
    repeat_hours: float = 24.0
    silence_hours: float = 26.0
    stuck_hours: float = 24.0
    claim_hours: float = 2.0
    hang_hours: float = 6.0
    min_free_mb: int = 2048

    @property
    def channels(self) -> tuple[str, ...]:
        """The ways on which an alarm goes out."""
        ways = (("mail", self.smtp_host and self.mail_to), ("webhook", self.webhook))
        return tuple(name for name, used in ways if used)

    @property
    def server(self) -> mail.Server:
        """The mail server."""
        return mail.Server(
            self.smtp_host,
            self.smtp_port,
            self.smtp_encryption,
            self.smtp_user,
            self.smtp_password,
            self.timeout_seconds,
            self.smtp_ca_file,
        )


def load_alarm_settings(root: Path, environment: Mapping[str, str] | None = None) -> AlarmSettings:
    """Settings from file and environment; raises SettingsError naming the entry."""
    given = os.environ if environment is None else environment
    values = settings_table(root, "alarm", AlarmSettings)
    for name, kind in _types(AlarmSettings).items():
        text = given.get(_PREFIX + name.upper())
        if text is not None:
            values[name] = _converted(name, text, kind)
    credential = Path(given.get("CREDENTIALS_DIRECTORY", "")) / "smtp-password"
    if "smtp_password" not in values and given.get("CREDENTIALS_DIRECTORY") and credential.is_file():
        values["smtp_password"] = credential.read_text(encoding="utf-8").strip()
    settings = AlarmSettings(**values)
    if settings.smtp_encryption not in mail.ENCRYPTIONS:
        raise SettingsError(told("settings.encryption", names=", ".join(mail.ENCRYPTIONS)))
    if settings.webhook and urlsplit(settings.webhook).scheme not in ("http", "https"):
        raise SettingsError(told("settings.webhook"))
    return settings


def settings_table(root: Path, table: str, model: type[Any]) -> dict[str, Any]:
    """The entries of one table of `settings.toml`, with the types of a settings class."""
    path = root / "settings.toml"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(told("settings.unreadable", path=path, why=error)) from error
    given = content.get(table, {})
    types = _types(model)
    if not isinstance(given, dict) or set(given) - set(types):
        raise SettingsError(told("settings.table", path=path, table=table, known=", ".join(types)))
    values: dict[str, Any] = {}
    for name, value in given.items():
        kind = types[name]
        if kind is tuple and isinstance(value, list) and all(isinstance(entry, str) for entry in value):
            values[name] = tuple(value)
        elif isinstance(value, bool) == (kind is bool) and isinstance(value, (int, float) if kind is float else kind):
            values[name] = kind(value)
        else:
            raise SettingsError(told("settings.table_type", path=path, table=table, name=name))
    return values


def _types(model: type[Any]) -> dict[str, type[Any]]:
    """The type of every entry of a settings class, told by its default."""
    return {entry.name: type(getattr(model(), entry.name)) for entry in fields(model)}


def _converted(name: str, text: str, kind: type[Any]) -> Any:
    if kind is tuple:
        return tuple(part for part in re.split(r"[,;\s]+", text) if part)
    try:
        return kind(text)
    except ValueError as error:
        raise SettingsError(told("settings.number", name=_PREFIX + name.upper(), text=text)) from error
