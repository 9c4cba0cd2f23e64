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
no gap: `active` is always decided.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal

from schemas.definitions_registers import CODED, NO, NUMBERS, REFERRING, SEPARATOR, YES, Codelist, RecordField, Register

OPERATORS: Final = {ast.Eq: "=", ast.NotEq: "!=", ast.LtE: "<=", ast.GtE: ">=", ast.Lt: "<", ast.Gt: ">"}
_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_SINGLE_EQUALS = re.compile(r"(?<![<>=!])=(?!=)")
_DAY = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")

Kind = Literal["number", "date", "text"]
YearWord = Literal["year", "year_start", "year_end"]
Find = Callable[[str, str], Mapping[str, str] | None]
"""Values of the record of a register with an id, None when there is none."""


class ConditionError(ValueError):
    """The text is no condition of the language, or names what does not exist; the message is a German sentence."""


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


def parse_condition(
    text: str, register: Register, registers: Mapping[str, Register], codelists: Mapping[str, Codelist]
) -> Condition:
    """Parse a condition about the records of a register; raises ConditionError with a German sentence."""
    try:
        tree = ast.parse(_with_double_equals(text).strip(), mode="eval").body
    except SyntaxError as error:
        raise ConditionError(f"Die Bedingung ist ab Stelle {error.offset} nicht lesbar: {text}") from error
    return _Parser(register, registers, codelists).condition(tree)


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


def _with_double_equals(text: str) -> str:
    parts = re.split(r"('[^']*')", text)
    return "".join(part if part.startswith("'") else _SINGLE_EQUALS.sub("==", part) for part in parts)


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


class _Parser:
    def __init__(
        self, register: Register, registers: Mapping[str, Register], codelists: Mapping[str, Codelist]
    ) -> None:
        self.register = register
        self.registers = registers
        self.codelists = codelists

    def condition(self, node: ast.expr) -> Condition:
        match node:
            case ast.BoolOp(op=ast.And() | ast.Or() as joiner, values=parts):
                return Joined(isinstance(joiner, ast.And), tuple(self.condition(part) for part in parts))
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                return Not(self.condition(inner))
            case ast.Call(func=ast.Name(id="given"), args=[argument], keywords=[]):
                return Given(self._path(argument)[0])
            case ast.Call(func=ast.Name(id="active"), args=[ast.Name(id="year" | "year_end" as word)], keywords=[]):
                return self._active(word)
            case ast.Compare(left=left, ops=[ast.In()], comparators=[ast.Tuple(elts=codes)]):
                path, field = self._path(left)
                return Within(path, frozenset(self._code(field, code) for code in codes))
            case ast.Compare(left=left, ops=[sign], comparators=[right]) if type(sign) in OPERATORS:
                return self._comparison(OPERATORS[type(sign)], left, right)
        raise ConditionError(f"„{ast.unparse(node)}“ ist keine Bedingung.")

    def _active(self, word: str) -> Active:
        span = self.register.span
        if span is None:
            raise ConditionError(f"active: Das Register {self.register.code} nennt keinen Zeitraum (span).")
        return Active(span.start, span.end, word == "year_end")

    def _comparison(self, sign: str, left: ast.expr, right: ast.expr) -> Compare:
        path, field = self._path(left)
        if path.several and sign not in ("=", "!="):
            raise ConditionError(f"{field.code} hält mehrere Einträge und lässt sich nur mit = und != vergleichen.")
        other = self._value(path, field, right)
        kind = other.kind if isinstance(other, Path) else _kind_of(other)
        if isinstance(other, Path) and other.several:
            raise ConditionError(f"{other.field} hält mehrere Einträge und steht nur links vom Vergleich.")
        if kind != path.kind or (kind == "text" and sign not in ("=", "!=")):
            raise ConditionError(f"„{ast.unparse(left)} {sign} {ast.unparse(right)}“ vergleicht Verschiedenes.")
        return Compare(sign, path, other)

    def _value(self, path: Path, field: RecordField, node: ast.expr) -> Path | Constant | OfYear:
        match node:
            case ast.Constant(value=bool()):
                pass
            case ast.Constant(value=int() | float() as number):
                return Constant(Decimal(str(number)))
            case ast.Constant(value=str() as text):
                if path.kind == "date" and not _DAY.fullmatch(text):
                    raise ConditionError(f"„{text}“ ist kein Tag in der Form JJJJ-MM-TT.")
                return Constant(text)
            case ast.Name(id="year" | "year_start" | "year_end" as word):
                return OfYear(word)
            case ast.Name() if field.type in CODED or field.type == "yes_no":
                return Constant(self._code(field, node))
            case ast.Name() | ast.Attribute():
                return self._path(node)[0]
        raise ConditionError(f"„{ast.unparse(node)}“ ist kein Wert.")

    def _code(self, field: RecordField, node: ast.expr) -> str:
        """A code of the field's list, whatever year it is valid in."""
        if isinstance(node, ast.Name):
            if field.type == "yes_no" and node.id in (YES, NO):
                return node.id
            listed = self.codelists.get(field.codelist or "")
            if listed is not None and listed.entry(node.id):
                return node.id
        raise ConditionError(f"{field.code} kennt „{ast.unparse(node)}“ nicht.")

    def _path(self, node: ast.expr) -> tuple[Path, RecordField]:
        match node:
            case ast.Name(id=name):
                field = self._field(self.register, name)
                return Path(name, _kind(field), field.several), field
            case ast.Attribute(value=ast.Name(id=through), attr=name):
                referring = self._field(self.register, through)
                other = self.registers.get(referring.refers_to or "")
                if referring.type not in REFERRING or referring.several or other is None:
                    raise ConditionError(f"{through} verweist nicht auf einen einzelnen Eintrag.")
                field = self._field(other, name)
                return Path(name, _kind(field), field.several, through, other.code), field
        raise ConditionError(f"„{ast.unparse(node)}“ ist kein Feld.")

    @staticmethod
    def _field(register: Register, name: str) -> RecordField:
        field = register.field(name)
        if field is None:
            raise ConditionError(f"Das Register {register.code} hat kein Feld „{name}“.")
        return field


def _kind(field: RecordField) -> Kind:
    if field.type in NUMBERS:
        return "number"
    return "date" if field.type == "date" else "text"


def _kind_of(value: Constant | OfYear) -> Kind:
    if isinstance(value, OfYear):
        return "number" if value.word == "year" else "date"
    if isinstance(value.value, Decimal):
        return "number"
    return "date" if _DAY.fullmatch(value.value) else "text"
