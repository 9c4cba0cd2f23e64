"""Read the rows of a table of our form: all filled cells of a row together where they are ordinary, else one by one."""

from __future__ import annotations

from dataclasses import dataclass, field

from intake import form_request as form
from intake.cells import Row as Filled
from intake.form_blocks import Block
from intake.form_plan import AtOnce, RowPlan
from intake.form_strips import StripPlan
from intake.messages import finding
from intake.reading import Sheet
from intake.sheets import FilledStrip
from intake.values import Parsed, Readings, parse_cell
from schemas.definitions import SignProfile
from schemas.framework_model import Framework
from schemas.observations import Observations, Stretch, stretches_of
from schemas.remembered import remembered
from schemas.shapes import Finding, Observation

_ORDINARY_TYPES = frozenset((str, float))


@dataclass
class FormContent:
    """What the tables of the form say: rows that were read together, and `single` observations since the last of these."""

    stretches: list[Stretch] = field(default_factory=list)
    single: list[Observation] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    expected_cells: int = 0

    def add(self, stretch: Stretch) -> None:
        """Note what was read together."""
        self.stretches += stretches_of(self.single)
        self.single.clear()
        self.stretches.append(stretch)

    @property
    def observations(self) -> Observations:
        """All that is said, in the order in which it was read."""
        return Observations([*self.stretches, *stretches_of(self.single)])


class FormRows:
    """What the rows of the tables of one form say is added to `content`."""

    def __init__(
        self, framework: Framework, region: str, year: int, profile: SignProfile, content: FormContent
    ) -> None:
        self.framework = framework
        self.region = region
        self.year = year
        self.profile = profile
        self.content = content
        self.readings = {integer: _readings(framework, profile, integer) for integer in (False, True)}

    def row(self, sheet: Sheet, block: Block, plan: RowPlan, filled: Filled) -> int:
        """Read one row; returns how many of its cells hold something."""
        note = filled.text(block.note_column) if block.note_column else ""
        together = plan.at_once(filled.layout) if filled.odd is None else None
        if together is not None and self._at_once(sheet, plan, filled, together, note):
            return len(together.places)
        return self._one_by_one(sheet, block, plan, filled, note)

    def strip(self, sheet: Sheet, block: Block, plan: StripPlan, filled: FilledStrip) -> None:
        """Read the rows of a table in a strip."""
        said = plan.read(filled.numbers, self.readings, self.region, self.year, sheet.name)
        if said is not None:
            self.content.add(said)
            return
        for entry, line in zip(plan.rows, plan.lines, strict=True):
            self.row(sheet, block, entry, filled.rows[line])

    def _at_once(self, sheet: Sheet, plan: RowPlan, filled: Filled, cells: AtOnce, note: str) -> bool:
        """Read a row of ordinary cells; False when there is anything to say about one of them."""
        values = [filled.values[place] for place in cells.places]
        if not _ORDINARY_TYPES.issuperset(map(type, values)):
            return False
        if any(filled.values[place] != form.BLOCKED for place in cells.blocked):
            return False
        try:
            read = [*map(self.readings[plan.integer].__getitem__, values)]
        except KeyError:
            return False
        row, region, year, name = plan.row, self.region, self.year, sheet.name
        self.content.single += [
            Observation._make(
                (region, year, row.variable, members, value, status, name, cell, text, note, row.label, heading)
            )
            for (value, status, text, _), members, cell, heading in zip(
                read, cells.members, cells.addresses(filled.number), cells.headings, strict=True
            )
            if status
        ]
        return True

    def _one_by_one(self, sheet: Sheet, block: Block, plan: RowPlan, filled: Filled, note: str) -> int:
        entered = 0
        row, variable, name = plan.row, plan.row.variable, sheet.name
        for place, heading, key, members, letters, _ in plan.asked(filled.layout):
            delivered, cell = filled.cells[place], f"{letters}{filled.number}"
            if key is None:
                if delivered.text.strip() != form.BLOCKED:
                    self.place("S11", sheet, cell, row_label=filled.text(block.label_column) or row.label)
                continue
            told = parse_cell(delivered, self.profile, integer=plan.integer)
            if told.problem:
                label = filled.text(block.label_column) or row.label
                self._problem(told, sheet, cell, variable, key[1], label, heading)
            entered += 1
            if told.status:
                place_in = (name, cell, delivered.text, note, row.label, heading)
                said = Observation(self.region, self.year, variable, members, told.value, told.status, *place_in)
                self.content.single.append(said)
        return entered

    def _problem(
        self, parsed: Parsed, sheet: Sheet, cell: str, variable: str, members: str, row: str, column: str
    ) -> None:
        self.content.findings.append(
            finding(
                self.framework,
                parsed.problem,
                parsed.details,
                sheet=sheet.name,
                cell=cell,
                row_label=row,
                column_label=column,
                region=self.region,
                variable=variable,
                members=members,
            )
        )

    def place(self, code: str, sheet: Sheet, address: str, row_label: str = "", count: int = 1) -> None:
        """Note a finding about a cell of the form."""
        self.content.findings.append(
            finding(
                self.framework,
                code,
                {},
                sheet=sheet.name,
                cell=address,
                row_label=row_label,
                region=self.region,
                count=count,
            )
        )


def _readings(framework: Framework, profile: SignProfile, integer: bool) -> Readings:
    """What was read in the habit of an office; it keeps its profile, so no other one can have that identity."""
    return remembered(framework, lambda: Readings(profile, integer=integer), "readings of cells", id(profile), integer)
