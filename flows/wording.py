"""How the commands speak: fixed texts by key in the language asked for, German counts, lines that appear at once.

The texts stand in `templates/texts.<language>.yaml`. What is kept (run reports, alarms, the table of runs) is German
whatever language a command was asked for; findings, reasons and the names of things come from the framework.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any

import yaml

LANGUAGES = ("de", "en")
_FOLDER = Path(__file__).parent / "templates"
_language: ContextVar[str] = ContextVar("language", default=LANGUAGES[0])


def count(number: int, one: str, many: str) -> str:
    """`1 Lieferung`, `2 Lieferungen`."""
    return f"{number} {one if number == 1 else many}"


def say(text: str) -> None:
    """A line for the person at the terminal."""
    print(text, flush=True)


def asked_language(arguments: Sequence[str]) -> str:
    """The last `--lang` of a command line, else `MONITOR_LANG`, else German. What is no language is left to the parser."""
    given = [os.environ.get("MONITOR_LANG", "")]
    for word, after in zip(arguments, [*arguments[1:], ""], strict=False):
        if word == "--lang" or word.startswith("--lang="):
            given.append(word.partition("=")[2] or after)
    return given[-1] if given[-1] in LANGUAGES else LANGUAGES[0]


@contextmanager
def speaking(chosen: str) -> Iterator[None]:
    """Let texts be in a language for a while."""
    token = _language.set(chosen)
    try:
        yield
    finally:
        _language.reset(token)


def language() -> str:
    """The language in which texts are at present."""
    return _language.get()


def text(key: str, **values: Any) -> str:
    """A text such as `run.nothing`, filled in."""
    return catalogue(language())[key].format(**values)


def counted(key: str, number: int, **values: Any) -> str:
    """A text for one thing (`key_one`) or for none and several (`key_many`, with {count})."""
    return text(f"{key}_{'one' if number == 1 else 'many'}", count=number, **values)


@cache
def catalogue(chosen: str) -> dict[str, str]:
    """All texts of a language by `section.key`."""
    source = yaml.safe_load((_FOLDER / f"texts.{chosen}.yaml").read_text(encoding="utf-8"))
    return {f"{section}.{key}": entry for section, entries in source.items() for key, entry in entries.items()}
