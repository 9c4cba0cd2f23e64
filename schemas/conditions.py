"""The condition language of registers: which records count, and what is expected of one.

Grammar (Python's own expression syntax, as for formulas):

    condition   comparison  or  not …  or  … and …  or  … or …  in parentheses where needed
    comparison  FIELD = VALUE   with = != <= >= < >     FIELD in (CODE, CODE)
    FIELD       a field of the register, or REF.FIELD: a field of the record that a ref field names
    VALUE       a code of the field's list, yes or no, a number, '2025-01-31', another field,
                year, year_start, year_end (the reporting year, its first and its last day)
    given(FIELD)      the field is filled
    active(year)      the span of the record meets the reporting year; active(year_end): it holds on the last day

A field with several entries meets `=` and `in` when at least one entry does. The answer has three values: what cannot
be decided because a field is empty is None, and None is neither counted nor complained about. An open end of a span is
no gap: `active` is always decided. Texts become conditions in `schemas.condition_parsing`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal

from schemas.definitions_registers import SEPARATOR

_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}

Kind = Literal["number", "date", "text"]
YearWord = Literal["year", "year_start", "year_end"]
Find = Callable[[str, str], Mapping[str, str] | None]
"""Values of the record of a register with an id, None when there is none."""


@dataclass(frozen=True, slots=True)
class Path:
    """A field of the record, or (`through` a ref field into `register`) of the record it names."""

    field: str
    kind: Kind
    several: bool = False
    through: str = ""
    register: str = ""


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, or a text: a code, yes, no or a day."""

    value: Decimal | str


@dataclass(frozen=True, slots=True)
class OfYear:
    """The reporting year, its first or its last day."""

    word: YearWord


@dataclass(frozen=True, slots=True)
class Compare:
    """`left operator right`."""

    operator: str
    left: Path
    right: Path | Constant | OfYear


@dataclass(frozen=True, slots=True)
class Within:
    """At least one entry of the field is one of the codes."""

    left: Path
    codes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Given:
    """The field is filled."""

    path: Path


@dataclass(frozen=True, slots=True)
class Active:
    """The span from `start` to `end` meets the year, or holds on its last day."""

    start: str
    end: str
    last_day: bool


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite; what is undecided stays undecided."""

    inner: Condition


@dataclass(frozen=True, slots=True)
class Joined:
    """All (`every`) or at least one of the parts."""

    every: bool
    parts: tuple[Condition, ...]


Condition = Compare | Within | Given | Active | Not | Joined


def holds(condition: Condition | None, values: Mapping[str, str], year: int, find: Find) -> bool | None:
    """Does the condition hold for a record (values by field, as in `Record.values`)? None when it cannot be decided."""
    match condition:
        case None:
            return True
        case Joined(every, parts):
            answers = [holds(part, values, year, find) for part in parts]
            if (not every) in answers:
                return not every
            return None if None in answers else every
        case Not(inner):
            answer = holds(inner, values, year, find)
            return None if answer is None else not answer
        case Given(path):
            return bool(_text(path, values, find))
        case Active(start, end, last_day):
            first = f"{year}-12-31" if last_day else f"{year}-01-01"
            return (values.get(start) or first) <= f"{year}-12-31" and (values.get(end) or first) >= first
        case Within(left, codes):
            text = _text(left, values, find)
            return not codes.isdisjoint(entries(text)) if text else None
        case Compare(sign, left, right):
            return _compare(sign, left, right, values, year, find)


def entries(text: str) -> tuple[str, ...]:
    """The entries of a field that holds several."""
    return tuple(part for part in (piece.strip() for piece in text.split(SEPARATOR)) if part)


def registers_of(condition: Condition | None) -> Iterator[str]:
    """Other registers that a condition looks into."""
    match condition:
        case Joined(_, parts):
            for part in parts:
                yield from registers_of(part)
        case Not(inner):
            yield from registers_of(inner)
        case Compare(_, left, right):
            yield from (path.register for path in (left, right) if isinstance(path, Path) and path.register)
        case Within(path, _) | Given(path):
            if path.register:
                yield path.register


def _compare(
    sign: str, left: Path, right: Path | Constant | OfYear, values: Mapping[str, str], year: int, find: Find
) -> bool | None:
    text = _text(left, values, find)
    other = _right(right, year) if not isinstance(right, Path) else _read(_text(right, values, find), right.kind)
    if not text or other is None:
        return None
    found = [_read(part, left.kind) for part in (entries(text) if left.several else (text,))]
    if None in found:
        return None
    if sign == "!=":
        return other not in found
    return any(_COMPARE[sign](value, other) for value in found)


def _text(path: Path, values: Mapping[str, str], find: Find) -> str:
    if not path.through:
        return values.get(path.field, "")
    named = values.get(path.through, "")
    other = find(path.register, named) if named else None
    return other.get(path.field, "") if other is not None else ""


def _read(text: str, kind: Kind) -> Decimal | str | None:
    if not text:
        return None
    if kind != "number":
        return text
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _right(right: Constant | OfYear, year: int) -> Decimal | str:
    if isinstance(right, Constant):
        return right.value
    return Decimal(year) if right.word == "year" else f"{year}-01-01" if right.word == "year_start" else f"{year}-12-31"
