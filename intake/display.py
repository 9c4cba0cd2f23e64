"""What a number format shows of a number: the number, the number in brackets, or something else in its place.

Offices suppress values by display only: `[<5]"/";[<10]\\(0\\);0` shows “/” for 3 and “(7)” for 7, and the file still holds
3 and 7. Only this question is answered here; digits are not rendered. Sections and conditions follow Excel: without
conditions the sections stand for positive, negative, zero, text; a number that no section covers counts as shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.?)|(?P<pad>[_*].?)|\[(?P<bracket>[^\]]*)\]?'
    r"|(?P<general>general|standard)|(?P<ampm>am/pm|a/p)|(?P<char>.)",
    re.IGNORECASE | re.DOTALL,
)
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)\s*(-?\d+(?:[.,]\d+)?(?:E[+-]?\d+)?)", re.IGNORECASE)
_TESTS: Mapping[str, Callable[[float, float], bool]] = {
    "<": lambda value, limit: value < limit,
    "<=": lambda value, limit: value <= limit,
    ">": lambda value, limit: value > limit,
    ">=": lambda value, limit: value >= limit,
    "=": lambda value, limit: value == limit,
    "<>": lambda value, limit: value != limit,
}
_DIGITS = "0#?"
_DATE_LETTERS = "ymdhsbg"
_MAX_LENGTH = 1_000


@dataclass(frozen=True, slots=True)
class Look:
    """How a number is shown. `masked` is the text in its place, None when the number itself can be seen."""

    masked: str | None = None
    bracketed: bool = False
    percent: bool = False


PLAIN = Look()


@dataclass(frozen=True, slots=True)
class _Section:
    """One section of a format: literal texts before and after the digits, and what kind of digits there are."""

    before: str = ""
    after: str = ""
    digits: bool = False
    text: bool = False
    date: bool = False
    duration: bool = False
    percent: bool = False
    operator: str = ""
    limit: float = 0.0

    @property
    def bracketed(self) -> bool:
        """Do round brackets enclose the digits?"""
        return self.digits and self.before.strip().endswith("(") and self.after.strip().startswith(")")

    @property
    def look(self) -> Look:
        """What this section makes of a number."""
        if self.digits or self.text or self.date:
            return Look(bracketed=self.bracketed, percent=self.percent)
        return Look(masked=self.before.strip())


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """A number format, taken apart. `date` and `duration` say that numbers are shown as such."""

    sections: tuple[_Section, ...]
    text_section: _Section | None

    @property
    def date(self) -> bool:
        """Is a number shown as a date or a time of day?"""
        return any(section.date for section in self.sections)

    @property
    def duration(self) -> bool:
        """Is a number shown as elapsed time, such as `[h]:mm`?"""
        return any(section.duration for section in self.sections)

    @property
    def plain(self) -> bool:
        """Is every number shown as a number, without brackets or percent sign, and every text as it is?"""
        looks = all(section.look == PLAIN for section in self.sections)
        return looks and not self.date and self.masked_text is None

    @property
    def masked_text(self) -> str | None:
        """What stands in the place of a text; None when the text itself is shown, as nearly always."""
        if self.text_section is None or self.text_section.text:
            return None
        return self.text_section.before.strip()

    def look(self, value: float) -> Look:
        """How a number is shown. A zero that shows as nothing is the common way to leave out zeros, not a secret."""
        section = self._section(value)
        look = section.look if section else PLAIN
        if look.masked == "" and value == 0 and any(other.digits for other in self.sections):
            return PLAIN
        return look

    def _section(self, value: float) -> _Section | None:
        sections = self.sections
        if not any(section.operator for section in sections):
            if len(sections) > 2 and value == 0:
                return sections[2]
            return sections[1] if len(sections) > 1 and value < 0 else sections[0]
        for index, section in enumerate(sections[:3]):
            if _applies(section, value, index, len(sections)):
                return section
        return None


def _applies(section: _Section, value: float, index: int, count: int) -> bool:
    """Does a section of a format with conditions take this number? The last one takes the rest."""
    if section.operator:
        return _TESTS[section.operator](value, section.limit)
    if index == count - 1:
        return True
    return value > 0 if index == 0 else value < 0


@lru_cache(maxsize=4_096)
def number_format(code: str) -> NumberFormat:
    """Take a format code apart. Never fails: what is no valid format shows the number as it is."""
    sections = [_section(part) for part in _split(code[:_MAX_LENGTH].strip() or "General")]
    if len(sections) > 3:
        return NumberFormat(tuple(sections[:3]), sections[3])
    if len(sections) > 1 and sections[-1].text:
        return NumberFormat(tuple(sections[:-1]), sections[-1])
    return NumberFormat(tuple(sections), None)


def _split(code: str) -> list[str]:
    """The sections of a format; semicolons within quotes, brackets and after a backslash do not count."""
    parts, start = [], 0
    for token in _TOKEN.finditer(code):
        if token["char"] == ";":
            parts.append(code[start : token.start()])
            start = token.end()
    return [*parts, code[start:]]


def _section(code: str) -> _Section:
    literals = {False: "", True: ""}
    found = {"digits": False, "text": False, "date": False, "duration": False, "percent": False}
    operator, limit = "", 0.0
    for token in _TOKEN.finditer(code):
        literal = token["quoted"] or token["escaped"] or ""
        bracket = token["bracket"]
        if bracket is not None:
            condition = _CONDITION.fullmatch(bracket.strip())
            if condition:
                operator, limit = condition[1], float(condition[2].replace(",", "."))
            elif bracket.startswith("$"):
                literal = bracket[1:].partition("-")[0]
            elif re.fullmatch(r"h+|m+|s+", bracket, re.IGNORECASE):
                found["date"] = found["duration"] = True
        elif token["general"]:
            found["digits"] = True
        elif token["ampm"]:
            found["date"] = True
        elif character := token["char"]:
            literal = _note(character, found)
        literals[found["digits"]] += literal
    date = found["date"] and not found["digits"]
    return _Section(
        literals[False],
        literals[True],
        found["digits"],
        found["text"],
        date,
        date and found["duration"],
        found["percent"],
        operator,
        limit,
    )


def _note(character: str, found: dict[str, bool]) -> str:
    """Note what a bare character of a format means; returns it when it stands for itself."""
    if character in _DIGITS:
        found["digits"] = True
    elif character == "%":
        found["percent"] = True
        return "%"
    elif character == "@":
        found["text"] = True
    elif character.lower() in _DATE_LETTERS:
        found["date"] = True
    elif character not in ".,":
        return character
    return ""


_GERMAN_ACCOUNTING = '_-* #,##0.00_-;\\-* #,##0.00_-;_-* "-"??_-;_-@_-'
_BUILT_IN = {
    **dict.fromkeys((9, 10), "0%"),
    **dict.fromkeys((14, 15, 16, 17, 22, *range(27, 32), 36, *range(50, 55), 57, 58), "dd/mm/yyyy"),
    **dict.fromkeys((18, 19, 20, 21, 32, 33, 34, 35, 55, 56), "hh:mm:ss"),
    **dict.fromkeys((41, 42, 43, 44), _GERMAN_ACCOUNTING),
    45: "mm:ss",
    46: "[h]:mm:ss",
    47: "mm:ss.0",
    49: "@",
}


def built_in_format(number: int) -> str:
    """The code of a built-in format as far as it matters here.

    Formats 37 to 40 show negative numbers in brackets in American Excel only; German Excel shows a minus sign.
    """
    return _BUILT_IN.get(number, "General")
