"""From the text of a condition to its parts, checked against the registers and code lists it names.

The grammar, and what a condition means: `schemas.conditions`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from schemas.conditions import Active, Compare, Condition, Constant, Given, Joined, Kind, Not, OfYear, Path, Within
from schemas.definitions_registers import CODED, NO, NUMBERS, REFERRING, YES, Codelist, RecordField, Register

OPERATORS: Final = {ast.Eq: "=", ast.NotEq: "!=", ast.LtE: "<=", ast.GtE: ">=", ast.Lt: "<", ast.Gt: ">"}
_SINGLE_EQUALS = re.compile(r"(?<![<>=!])=(?!=)")
_DAY = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")


class ConditionError(ValueError):
    """The text is no condition of the language, or names what does not exist; the message is a German sentence."""


def parse_condition(
    text: str, register: Register, registers: Mapping[str, Register], codelists: Mapping[str, Codelist]
) -> Condition:
    """Parse a condition about the records of a register; raises ConditionError with a German sentence."""
    try:
        tree = ast.parse(_with_double_equals(text).strip(), mode="eval").body
    except SyntaxError as error:
        raise ConditionError(f"Die Bedingung ist ab Stelle {error.offset} nicht lesbar: {text}") from error
    return _Parser(register, registers, codelists).condition(tree)


def _with_double_equals(text: str) -> str:
    parts = re.split(r"('[^']*')", text)
    return "".join(part if part.startswith("'") else _SINGLE_EQUALS.sub("==", part) for part in parts)


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
