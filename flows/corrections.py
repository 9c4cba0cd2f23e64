"""`<data root>/corrections.yaml`: read strictly, every problem with file and line, and put into force.

An entry names one cell, its old and its new content, and the state that must be found (see docs/decisions/0006).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from flows.wording import answered, text
from schemas.framework_model import Framework
from schemas.shapes import TOTAL
from schemas.yaml_source import FrameworkError, Problem, SourceFile, read_yaml
from warehouse.corrections import Correction, CorrectionResult, Held, apply_corrections
from warehouse.recounting import recount
from warehouse.store import Writer

FILE = "corrections.yaml"
ABSENT = "absent"
_KEYS = ("id", "who", "when", "region", "year", "variable", "members", "old", "new", "reason", "expected")
_STEP = Decimal("0.0001")
_MOST = Decimal(10) ** 20


class CorrectionsError(FrameworkError):
    """The file of corrections cannot be used; carries every problem that was found."""


class _Wrong(ValueError):
    """One key of an entry is wrong; the text says why."""


def correct(root: Path, framework: Framework, writer: Writer, now: datetime, run_id: str) -> CorrectionResult:
    """Bring the warehouse to what the file says; without a file no correction is in force. Raises CorrectionsError.

    Before and after, because corrections may bring an older version back, what is counted across registers is renewed.
    """
    entries = read_corrections(root / FILE, framework)
    recount(writer.connection, framework, now)
    result = apply_corrections(writer.connection, entries, now, run_id)
    if result.applied or result.reverted:
        recount(writer.connection, framework, now)
    return result


def summary(result: CorrectionResult) -> list[str]:
    """Lines for the run report; empty when there is nothing to say."""
    mismatched = result.mismatched.items()
    lines: list[str] = [text("run.correction_mismatched", name=name, why=answered(why)) for name, why in mismatched]
    if result.applied:
        lines.append(text("run.corrections_applied", names=", ".join(result.applied)))
    if result.reverted:
        lines.append(text("run.corrections_reverted", names=", ".join(result.reverted)))
    return lines


def read_corrections(path: Path, framework: Framework) -> list[Correction]:
    """All entries of the file, none when there is no file. Raises CorrectionsError."""
    if not path.exists():
        return []
    problems: list[Problem] = []
    source = read_yaml(path, path.parent, problems)
    if problems:
        raise CorrectionsError(problems)
    data = source.data if source.data is not None else []
    if not isinstance(data, list):
        raise CorrectionsError([Problem(source.name, 1, text("correction.list"))])
    found: dict[int, Correction] = {}
    for index, raw in enumerate(data):
        entry = _Entry(source, index, raw, framework, problems).read()
        if entry is not None:
            found[index] = entry
    _refuse_repeated(source, found, problems)
    if problems:
        raise CorrectionsError(problems)
    return list(found.values())


def _refuse_repeated(source: SourceFile, found: Mapping[int, Correction], problems: list[Problem]) -> None:
    ids: dict[str, int] = {}
    cells: dict[tuple[Any, ...], int] = {}
    for index, entry in found.items():
        line = source.line((index,))
        first = ids.setdefault(entry.id, line)
        if first != line:
            problems.append(Problem(source.name, line, text("correction.repeated_id", id=entry.id, line=first)))
        first = cells.setdefault((entry.region, entry.year, entry.variable, frozenset(entry.members)), line)
        if first != line:
            problems.append(Problem(source.name, line, text("correction.repeated_cell", line=first)))


class _Entry:
    """Reads one entry key by key; every key that is wrong becomes a problem at its line."""

    def __init__(self, source: SourceFile, index: int, raw: Any, framework: Framework, problems: list[Problem]) -> None:
        self.source, self.index, self.raw = source, index, raw
        self.framework, self.problems = framework, problems

    def read(self) -> Correction | None:
        before = len(self.problems)
        if not isinstance(self.raw, dict):
            self._note((), text("correction.mapping"))
            return None
        for key in self.raw.keys() - set(_KEYS):
            self._note((key,), text("correction.unknown_key", name=key))
        for key in set(_KEYS) - {"members"} - self.raw.keys():
            self._note((), text("correction.missing_key", name=key))
        if len(self.problems) > before:
            return None
        read = {key: self._try(key) for key in _KEYS}
        if len(self.problems) > before:
            return None
        expected: dict[str, str] = read.pop("expected")
        entry = Correction(
            **read,
            expected_submission=expected.get("submission", ""),
            expected_status=expected.get("status", ""),
        )
        if (entry.old is None) != (expected == {ABSENT: ""}):
            self._note(("expected",), text("correction.absent"))
        elif entry.old and entry.old.value == entry.new.value and entry.old.status in ("", entry.new.status):
            self._note(("new",), text("correction.same"))
        return entry if len(self.problems) == before else None

    def _note(self, path: tuple[str | int, ...], message: str) -> None:
        where = f" ({self.raw['id']})" if isinstance(self.raw, dict) and self.raw.get("id") else ""
        line = self.source.line((self.index, *path))
        self.problems.append(Problem(self.source.name, line, message + where))

    def _try(self, key: str) -> Any:
        try:
            return getattr(self, f"_{key}")(self.raw.get(key))
        except _Wrong as wrong:
            self._note((key,), f"{key}: {wrong}")
            return None

    def _text(self, said: Any) -> str:
        if not isinstance(said, str) or not said.strip():
            raise _Wrong(text("correction.text"))
        return said.strip()

    _id = _who = _reason = _text

    def _when(self, said: Any) -> date:
        if isinstance(said, datetime) or not isinstance(said, date):
            raise _Wrong(text("correction.day"))
        return said

    def _year(self, said: Any) -> int:
        if not isinstance(said, int) or isinstance(said, bool):
            raise _Wrong(text("correction.year"))
        return said

    def _region(self, said: Any) -> str:
        if not self.framework.territory.known(self._text(said)):
            raise _Wrong(text("correction.region", code=said))
        return self._text(said)

    def _variable(self, said: Any) -> str:
        if self._text(said) not in self.framework.variables:
            raise _Wrong(text("correction.variable", code=said))
        return self._text(said)

    def _members(self, said: Any) -> tuple[tuple[str, str], ...]:
        given = {} if said is None else said
        if not isinstance(given, dict):
            raise _Wrong(text("correction.members"))
        variable = self.raw["variable"]
        if variable not in self.framework.variables:
            return ()
        known = self.framework.variable_dimensions(variable)
        if unknown := [str(code) for code in given if code not in known]:
            raise _Wrong(text("correction.not_by", variable=variable, dimensions=", ".join(unknown)))
        for code, member in given.items():
            if not isinstance(member, str) or not self._is_member(variable, code, member):
                raise _Wrong(text("correction.no_member", code=code, variable=variable, member=member))
        return tuple((code, given[code]) for code in known if given.get(code, TOTAL) != TOTAL)

    def _is_member(self, variable: str, dimension: str, member: str) -> bool:
        dynamic = self.framework.dimensions[dimension].dynamic
        return dynamic or member == TOTAL or member in self.framework.members(variable, dimension)

    def _old(self, said: Any) -> Held | None:
        return None if said == ABSENT else self._held(said, "")

    def _new(self, said: Any) -> Held:
        return self._held(said, "ok")

    def _held(self, said: Any, usual: str) -> Held:
        """A number, a status without a value, or both as `{value: 12, status: estimated}`."""
        if isinstance(said, dict):
            if said.keys() != {"value", "status"}:
                raise _Wrong(text("correction.value_and_status"))
            if not self._status(said["status"]):
                raise _Wrong(text("correction.no_value", status=said["status"]))
            return Held(self._number(said["value"]), said["status"])
        if not isinstance(said, str):
            return Held(self._number(said), usual)
        if self._status(said):
            raise _Wrong(text("correction.needs_value", status=said))
        return Held(None, said)

    def _status(self, said: Any) -> bool:
        """Does a value belong to this status?"""
        if not isinstance(said, str) or said not in self.framework.statuses:
            raise _Wrong(text("correction.status", status=said))
        return self.framework.statuses[said].has_value

    def _number(self, said: Any) -> Decimal:
        if isinstance(said, bool) or not isinstance(said, int | float):
            raise _Wrong(text("correction.number"))
        number = Decimal(str(said))
        if not number.is_finite() or abs(number) >= _MOST or number != number.quantize(_STEP):
            raise _Wrong(text("correction.too_long"))
        return number

    def _expected(self, said: Any) -> dict[str, str]:
        if said == ABSENT:
            return {ABSENT: ""}
        if not isinstance(said, dict) or not said or said.keys() - {"submission", "status"}:
            raise _Wrong(text("correction.expected"))
        if "status" in said:
            self._status(said["status"])
        return {name: self._text(value) for name, value in said.items()}
