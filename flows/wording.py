"""How the commands speak: fixed texts by key in the language asked for, counts, numbers, dates, lines that appear at once.

The texts stand in `texts/<area>.<language>.yaml`. What is kept (run reports, alarms, the table of runs, letters to the
coordinators) is German whatever language a command was asked for; findings and reasons come from the framework, in
German. A text knows its key, so that what was said on the terminal in one language can be kept in the other.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import yaml

if TYPE_CHECKING:
    from schemas.framework_model import Framework

LANGUAGES = ("de", "en")
GERMAN = LANGUAGES[0]
ANSWERS = "answer."
"""Section of the sentences that rooms below the flows say in German."""
_FOLDER = Path(__file__).parent / "texts"
_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_ZONE = ZoneInfo("Europe/Berlin")
_INDENTED = re.compile(r"(?P<before>\s*(?:\d+\. )?)(?P<line>.*)")
_language: ContextVar[str] = ContextVar("language", default=GERMAN)


class Said(str):
    """A text of the catalogue, filled in, with its key and what fills it."""

    key: str
    values: Mapping[str, Any]


def count(number: int, one: str, many: str) -> str:
    """`1 Lieferung`, `2 Lieferungen`: for what is always German."""
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
    return given[-1] if given[-1] in LANGUAGES else GERMAN


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


def text(key: str, **values: Any) -> Said:
    """A text such as `run.nothing`, filled in. Days and moments among the values are written as the language does."""
    return _said(key, values, language())


def counted(key: str, number: int, **values: Any) -> Said:
    """A text for one thing (`key_one`) or for none and several (`key_many`, with {count})."""
    return text(f"{key}_{'one' if number == 1 else 'many'}", count=number, **values)


def again(line: str, chosen: str) -> str:
    """The same text in a language; what does not come from the catalogue stays as it is."""
    return _said(line.key, line.values, chosen) if isinstance(line, Said) else line


def answered(line: str) -> str:
    """What a room below says (it knows German only), in the language asked for where the catalogue has the sentence."""
    if language() == GERMAN or isinstance(line, Said):
        return line
    for key, pattern in _answers():
        if found := pattern.fullmatch(line):
            return text(key, **{name: answered(value) for name, value in found.groupdict().items()})
    return line


def answered_lines(lines: str) -> str:
    """The same for a text of several lines; their indentation and numbers stay."""
    parts = (_INDENTED.match(line) for line in lines.split("\n"))
    return "\n".join(f"{part['before']}{answered(part['line'])}" for part in parts if part)


@cache
def catalogue(chosen: str) -> dict[str, str]:
    """All texts of a language by `section.key`."""
    found: dict[str, str] = {}
    for path in sorted(_FOLDER.glob(f"*.{chosen}.yaml")):
        for section, entries in yaml.load(path.read_text(encoding="utf-8"), _Loader).items():
            found |= {f"{section}.{key}": entry for key, entry in entries.items()}
    return found


# --- numbers, days and names ------------------------------------------------------------------------------------------


def number(value: Any, decimals: int | None = None) -> str:
    """A number with its thousands marked; without `decimals` with up to four of them. `–` for none."""
    if value is None:
        return "–"
    plain = f"{value:,.{decimals}f}" if decimals is not None else f"{value:,.4f}".rstrip("0").rstrip(".")
    return plain.replace(",", "\u202f").replace(".", ",") if language() == GERMAN else plain


def day(value: date) -> str:
    """`31.03.2026`, `31 March 2026`."""
    return _day(value, language())


def moment(value: datetime) -> str:
    """A moment in German time: `31.03.2026, 14:00 Uhr`, `31 March 2026, 14:00`; without zone it is taken as UTC."""
    return _moment(value, language())


def named(entry: object) -> str:
    """The name of an entry of the framework in the language asked for, else its German one."""
    names = (
        entry.get(f"name_{lang}") if isinstance(entry, Mapping) else getattr(entry, f"name_{lang}", "")
        for lang in (language(), GERMAN)
    )
    return next((str(name) for name in names if name), "")


def place(framework: Framework, code: str) -> str:
    """The name of a region or programme region. Raises KeyError for unknown codes."""
    german = framework.territory.unit_name(code)
    if language() == GERMAN:
        return german
    groups = {group.code: group.name_en for group in framework.territory.groups()}
    return (groups[code] if code in groups else framework.territory.unit(code).name_en) or german


def _said(key: str, values: Mapping[str, Any], chosen: str) -> Said:
    said = Said(catalogue(chosen)[key].format(**{name: _written(value, chosen) for name, value in values.items()}))
    said.key, said.values = key, values
    return said


def _written(value: Any, chosen: str) -> Any:
    if isinstance(value, Said):
        return again(value, chosen)
    if isinstance(value, datetime):
        return _moment(value, chosen)
    return _day(value, chosen) if isinstance(value, date) else value


def _day(value: date, chosen: str) -> str:
    return f"{value:%d.%m.%Y}" if chosen == GERMAN else f"{value.day} {value:%B %Y}"


def _moment(value: datetime, chosen: str) -> str:
    here = (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(_ZONE)
    return f"{_day(here, chosen)}, {here:%H:%M}{' Uhr' if chosen == GERMAN else ''}"


@cache
def _answers() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """The German sentences of the rooms below, each as a pattern whose gaps bear the names of its placeholders."""
    german = catalogue(GERMAN)
    return tuple((key, _pattern(german[key])) for key in german if key.startswith(ANSWERS))


def _pattern(sentence: str) -> re.Pattern[str]:
    gaps = iter(re.split(r"{(\w+)}", sentence))
    found = re.escape(next(gaps))
    for name, after in zip(gaps, gaps, strict=True):
        found += f"(?P<{name}>.+?){re.escape(after)}"
    return re.compile(found, re.DOTALL)
