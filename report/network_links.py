"""What is joined with what: the rows of registers that name two ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from report.record_view import RecordView
from report.registers import Row
from schemas.conditions import entries
from schemas.definitions_registers import REFERRING, RecordField, Register


@dataclass(frozen=True)
class Edge:
    """Two names that a row joins; `kind` is what the row is, `style` the place of its register among those that join."""

    left: str
    right: str
    kind: str
    style: int
    row: Row
    link: Markup


def edges_of(view: RecordView, region: str) -> list[Edge]:
    """What is joined inside a region at the end of the reporting year, in the order of the registers and their rows."""
    found = []
    for style, register in enumerate(_joining(view, inside=True)):
        for row in filter(view.holds, view.report.registers.of(region, register.code)):
            lefts = _names(view, register, row, register.link.left if register.link else None)
            rights = _names(view, register, row, register.link.right if register.link else None)
            kind = view.wording.plain(register, "one")
            found += [Edge(a, b, kind, style, row, view.link(row)) for a in lefts for b in rights]
    return found


def edges_between_regions(view: RecordView) -> list[Edge]:
    """What joins the regions themselves with others at the end of the reporting year."""
    found = []
    for style, register in enumerate(_joining(view, inside=False)):
        for row in filter(view.holds, view.report.registers.all(register.code)):
            own = view.area("", row.region)
            rights = _names(view, register, row, register.link.right if register.link else None)
            kind = view.wording.plain(register, "one")
            found += [Edge(own, name, kind, style, row, view.link(row)) for name in rights if name != own]
    return found


def _joining(view: RecordView, *, inside: bool) -> Iterator[Register]:
    for register in view.report.framework.registers_in(view.report.year):
        if register.link is not None and (register.link.left is not None) == inside:
            yield register


def _names(view: RecordView, register: Register, row: Row, code: str | None) -> list[str]:
    field = register.field(code or "")
    if field is None or field.code not in row.values:
        return []
    return list(dict.fromkeys(_texts(view, row, field)))


def _texts(view: RecordView, row: Row, field: RecordField) -> list[str]:
    if field.type in REFERRING:
        return [view.name(other) for other in view.referred(row, field)]
    if field.type in ("area", "areas"):
        return [view.area(row.region, code) for code in entries(row.values[field.code])]
    return view.texts(row, field)
