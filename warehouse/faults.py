"""Say in German what the disk refuses; DuckDB and the system say it in many ways."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

_SENTENCES = {
    errno.ENOSPC: "Auf dem Datenträger ist kein Platz mehr. Bitte Platz schaffen und den Lauf wiederholen.",
    errno.EDQUOT: "Das Kontingent auf dem Datenträger ist ausgeschöpft. Bitte Platz schaffen und den Lauf wiederholen.",
    errno.EROFS: "Der Datenträger ist schreibgeschützt. Bitte Einbindung und Rechte prüfen.",
    errno.EACCES: "Hier fehlen die Schreibrechte. Bitte die Rechte des Ordners prüfen.",
    errno.EPERM: "Hier fehlen die Schreibrechte. Bitte die Rechte des Ordners prüfen.",
}
_SIGNS = {
    "no space left on device": errno.ENOSPC,
    "disk quota exceeded": errno.EDQUOT,
    "read-only file system": errno.EROFS,
    "permission denied": errno.EACCES,
}


class StorageFault(OSError):
    """The disk refused; nothing published has changed. The text is for people."""


@contextmanager
def told_plainly() -> Iterator[None]:
    """Turn an error of the disk, wherever it comes from, into a StorageFault. Any other error stays as it is."""
    try:
        yield
    except StorageFault:
        raise
    except (OSError, duckdb.Error) as error:
        number = _number(error)
        if number is None:
            raise
        raise StorageFault(number, f"{_SENTENCES[number]} ({error})") from error


def _number(error: Exception) -> int | None:
    if isinstance(error, OSError) and error.errno in _SENTENCES:
        return error.errno
    text = str(error).lower()
    return next((number for sign, number in _SIGNS.items() if sign in text), None) if _of_disk(error) else None


def concerns_all(error: Exception) -> bool:
    """Is it the disk that refuses, and not what should be stored?"""
    return isinstance(error, OSError) or _of_disk(error)


def _of_disk(error: Exception) -> bool:
    """A database error about files; anything else may hold such words in a value."""
    return isinstance(error, duckdb.IOException | duckdb.TransactionException | duckdb.FatalException)
