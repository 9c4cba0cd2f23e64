"""What a layout may say: how a workbook that is not our form maps to variables, as strict data with file and line.

Texts of a layout are compared exactly after `normalised`; the placeholders `{year}` and `{*}` stand for a reporting
year and for any text. Where that is too weak (rows to ignore, units in a header), an entry says `pattern`: a regular
expression for the whole text. Columns are found by their header texts, never by their position.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import date
from functools import cache
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from schemas.definitions import Code, Entry, EntryCode, Text, Year

SEPARATOR = " / "
_FOOTNOTE = re.compile(r"(?<=[^\s(])\s*[1-9¹²³⁴-⁹]\)(?:\s*,\s*[1-9¹²³⁴-⁹]\))*")
_PROBE = "\u2603 7 probe"


def normalised(text: str) -> str:
    """A text as it is compared: one kind of blank, lower case, no soft hyphens, no footnote marks such as `1)`."""
    plain = " ".join(unicodedata.normalize("NFC", text).replace("\u00ad", "").split())
    kept, end = "", 0
    for mark in _FOOTNOTE.finditer(plain):
        before = kept + plain[end : mark.start()]
        if before.count("(") <= before.count(")"):  # “(unter 3)” is no footnote
            kept, end = before, mark.end()
    return " ".join((kept + plain[end:]).casefold().split())


def normalised_header(text: str) -> str:
    """The same for the joined texts of several header rows: each part on its own."""
    return SEPARATOR.join(filter(None, (normalised(part) for part in text.split(SEPARATOR))))


@cache
def template(text: str) -> re.Pattern[str]:
    """The pattern of a normalised text with placeholders; `{year}` becomes the group `year`."""
    pattern = re.escape(normalised_header(text)).replace(r"\{\*\}", ".*")
    pattern = pattern.replace(r"\{year\}", r"(?P<year>\d{4})", 1).replace(r"\{year\}", "(?P=year)")
    return re.compile(pattern, re.DOTALL)


def says(texts: Iterable[str], found: str) -> re.Match[str] | None:
    """The match of the first of the texts that a normalised text equals, or None."""
    return next(filter(None, (template(text).fullmatch(found) for text in texts)), None)


@cache
def whole(pattern: str) -> re.Pattern[str]:
    """A regular expression of a layout, case ignored."""
    return re.compile(pattern, re.IGNORECASE)


def _readable(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"is no regular expression ({error})") from error
    return pattern


def _specific(text: str) -> str:
    if template(text).fullmatch(_PROBE):
        raise ValueError("stands for every text; name what is meant")
    return text


Expression = Annotated[Text, AfterValidator(_readable)]
Words = Annotated[Text, AfterValidator(_specific)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


class Value(Entry):
    """What a number is: a variable and members; a row and a column may each say a part of it."""

    variable: Code | None = None
    members: dict[Code, Code] = {}


class Column(Entry):
    """A column by its header; it is either a key of the row, or holds values, or is ignored for a stated reason."""

    header: Words
    aliases: list[Words] = []
    optional: bool = False
    key: Name | None = None
    fill_down: bool = False
    value: Value | None = None
    ignore: Text | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """The header and its aliases."""
        return (self.header, *self.aliases)

    @model_validator(mode="after")
    def _one_role(self) -> Column:
        if sum(role is not None for role in (self.key, self.value, self.ignore)) != 1:
            raise ValueError("a column has exactly one of key, value, ignore")
        if self.fill_down and self.key is None:
            raise ValueError("fill_down is for key columns")
        return self


class Label(Value):
    """A text in a key column and what it says about the values of its row; it must occur unless `optional`."""

    text: Words
    aliases: list[Words] = []
    optional: bool = False

    @property
    def texts(self) -> tuple[str, ...]:
        """The text and its aliases."""
        return (self.text, *self.aliases)


class Labels(Entry):
    """All texts that a key column may hold."""

    key: Name
    values: Annotated[list[Label], Field(min_length=1)]


class RegionRule(Entry):
    """Where the region comes from: one fixed code, the sender's folder, or key columns of the row.

    The texts of several keys are joined (state, district, municipality). A text found in `map` has its code from there;
    otherwise `by: code` fills up to `pad` digits and puts `prefix` in front, `by: name` looks up the region's name.
    `as_of` is the day of the territory in which the whole table is told; without it each year has its own.
    """

    fixed: Text | None = None
    folder: bool = False
    keys: list[Name] = []
    fallback: Name | None = None
    by: Literal["code", "name"] = "code"
    prefix: str = ""
    pad: Annotated[int, Field(ge=0, le=12)] = 0
    map: dict[Text, Text] = {}
    as_of: date | None = None

    @model_validator(mode="after")
    def _one_source(self) -> RegionRule:
        if sum((self.fixed is not None, self.folder, bool(self.keys))) != 1:
            raise ValueError("a region has exactly one of fixed, folder, keys")
        return self


class YearRule(Entry):
    """Where the year comes from, unless sheet name or headers say it with `{year}`."""

    fixed: Year | None = None
    key: Name | None = None
    text: Words | None = None

    @model_validator(mode="after")
    def _one_source(self) -> YearRule:
        if sum(source is not None for source in (self.fixed, self.key, self.text)) != 1:
            raise ValueError("a year has exactly one of fixed, key, text")
        if self.text is not None and "{year}" not in self.text:
            raise ValueError("the text must contain {year}")
        return self


class HeaderRule(Entry):
    """The header starts in the row of the anchor text and spans `rows` rows; texts that match `drop` do not count.

    Where a sheet holds several tables under the same anchor, `contains` names texts that only this header has.
    """

    anchor: Words
    aliases: list[Words] = []
    contains: list[Words] = []
    rows: Annotated[int, Field(ge=1, le=12)] = 1
    drop: list[Expression] = []


class IgnoredRow(Entry):
    """Rows that hold no values: by the text of a key column, without `key` by the first text of the row."""

    key: Name | None = None
    text: Words | None = None
    pattern: Expression | None = None
    why: Text

    @model_validator(mode="after")
    def _one_text(self) -> IgnoredRow:
        if (self.text is None) == (self.pattern is None):
            raise ValueError("an ignored row has exactly one of text, pattern")
        if self.key is None and self.pattern is not None and whole(self.pattern).fullmatch(_PROBE):
            raise ValueError("the pattern stands for every row; name what is meant")
        return self


class SheetRule(Entry):
    """A table in a sheet, or in several sheets of one build when the name contains a placeholder.

    A sheet may be named by several entries: then it holds several tables below each other, and each of them ends where
    the header of the next one starts.
    """

    name: Text
    optional: bool = False
    header: HeaderRule
    region: RegionRule
    year: YearRule | None = None
    columns: Annotated[list[Column], Field(min_length=1)]
    labels: list[Labels] = []
    ignore_rows: list[IgnoredRow] = []


class IgnoredSheet(Entry):
    """A sheet that is not read, and why."""

    name: Text
    why: Text


class TextMark(Entry):
    """A text by which a workbook is known; it stands in the first rows of a sheet."""

    sheet: Text = "{*}"
    text: Words


class Recognise(Entry):
    """How a workbook is known: everything that is said here must hold."""

    file_name: Expression | None = None
    sheets: list[Text] = []
    texts: list[TextMark] = []

    @model_validator(mode="after")
    def _something(self) -> Recognise:
        if not self.sheets and not self.texts:
            raise ValueError("a workbook is known by sheets or texts; a file name alone is not enough")
        return self


class Layout(Entry):
    """One foreign workbook: how it is known, which sheets are read and how, which are not."""

    code: EntryCode
    name_de: Text
    sign_profile: Code
    recognise: Recognise
    sheets: Annotated[list[SheetRule], Field(min_length=1)]
    ignore_sheets: list[IgnoredSheet] = []
