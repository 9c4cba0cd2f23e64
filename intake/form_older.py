"""Forms of earlier versions: figures that were typed then are counted from registers now."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from intake.form_blocks import Block
from intake.messages import finding
from intake.reading import Sheet, column_letters
from intake.register_choices import listed
from schemas.definitions import Variable
from schemas.framework_model import Framework
from schemas.shapes import Finding
from schemas.tables import EntryTable

TYPED_ALTHOUGH_COUNTED = "E30"


def older_table(
    framework: Framework, sheet: Sheet, block: Block, tables: Mapping[str, EntryTable], seen: Collection[str]
) -> EntryTable | None:
    """The table of today that a block of an older form stands for: beside rows that are counted now, it has its rows."""
    if not counted_rows(framework, sheet, block):
        return None
    keys = {sheet.text(row, block.key_column) for row in _rows(block)}
    return next((t for t in tables.values() if t.id not in seen and keys & {row.key for row in t.rows}), None)


def counted_rows(framework: Framework, sheet: Sheet, block: Block) -> list[Finding]:
    """What is said about every row of a block whose figure is counted now."""
    return [found for row in _rows(block) if (found := counted_row(framework, sheet, block, row))]


def counted_row(framework: Framework, sheet: Sheet, block: Block, row: int) -> Finding | None:
    """What is said about a figure that was typed although it is counted; None for any other row."""
    variable = framework.variables.get(sheet.text(row, block.key_column).partition("|")[0])
    if variable is None or variable.computed_from is None:
        return None
    column = min((c for k, c in block.columns.items() if not k.startswith("#")), default=block.label_column)
    place = {"sheet": sheet.name, "cell": f"{column_letters(column)}{row}", "variable": variable.code}
    return finding(framework, TYPED_ALTHOUGH_COUNTED, _details(framework, [variable]), **place)


def joined(framework: Framework, findings: Iterable[Finding]) -> list[Finding]:
    """One finding for all figures of a register that were typed in an older form: they have one cause."""
    kept: list[Finding] = []
    groups: dict[str, list[Finding]] = {}
    for found in findings:
        if found.code == TYPED_ALTHOUGH_COUNTED:
            said = framework.variables[found.variable].computed_from
            groups.setdefault(said.records if said else "", []).append(found)
        else:
            kept.append(found)
    for group in groups.values():
        first = group[0]
        told = finding(
            framework,
            TYPED_ALTHOUGH_COUNTED,
            _details(framework, [framework.variables[found.variable] for found in group]),
            sheet=first.sheet,
            cell=first.cell,
            variable=first.variable,
            count=len(group),
        )
        kept.append(told)
    return kept


def _details(framework: Framework, variables: Sequence[Variable]) -> dict[str, str]:
    said = variables[0].computed_from
    register = framework.registers[said.records].name_de if said else ""
    return {"label": listed((variable.name_de for variable in variables), 2), "register": register}


def _rows(block: Block) -> range:
    return range(block.first_row + 1, block.last_row + 1)
