"""Registers as data of the framework: what a region keeps beside its numbers, and how figures are counted from it.

A *register* is a list of records of one kind (offers, targets, bodies); a *record* is one row with an id that stays the
same over the years; a *record field* is one column. Ids are no field: every register has them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from schemas.entry import Code, Dated, Entry, Text
from schemas.shapes import Severity

FieldType = Literal[
    "text",
    "long_text",
    "code",
    "codes",
    "date",
    "year",
    "integer",
    "decimal",
    "money",
    "url",
    "yes_no",
    "ref",
    "refs",
    "indicator",
    "area",
    "areas",
    "email",
    "phone",
]
SEVERAL: frozenset[FieldType] = frozenset({"codes", "refs", "areas"})
"""Types whose fields hold several entries, separated by `SEPARATOR`."""
CODED: frozenset[FieldType] = frozenset({"code", "codes"})
REFERRING: frozenset[FieldType] = frozenset({"ref", "refs"})
NUMBERS: frozenset[FieldType] = frozenset({"year", "integer", "decimal", "money"})
WHOLE: frozenset[FieldType] = frozenset({"year", "integer"})
TEXTS: frozenset[FieldType] = frozenset({"text", "long_text"})
SEPARATOR = ";"
YES, NO = "yes", "no"
"""Canonical text of a yes_no field."""
FIELDS = "fields"
"""Origin of a code list whose entries are the fields of the framework."""

IdPrefix = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9]{0,7}$")]
SheetName = Annotated[str, StringConstraints(pattern=r"^[^\[\]:*?/\\']{1,31}$")]


class CodelistEntry(Dated):
    """One entry of a code list, valid for some reporting years."""

    code: Code
    name_de: Text
    name_en: Text


class Codelist(Dated):
    """A code list. `origin`: the entries are not written here but taken from the fields of the framework (`fields`) or
    from the members of a dimension (its code); loading fills `entries`."""

    code: Code
    name_de: Text
    name_en: Text
    origin: Literal["fields"] | Code | None = None
    entries: list[CodelistEntry] = []

    def valid(self, year: int) -> tuple[CodelistEntry, ...]:
        """Entries that can be chosen in a reporting year, in the order of the list."""
        return tuple(entry for entry in self.entries if entry.valid_in(year))

    def entry(self, code: str) -> CodelistEntry | None:
        """The entry of a code, whatever the year."""
        return next((entry for entry in self.entries if entry.code == code), None)


class RecordField(Dated):
    """One column of a register. `public`: may leave the house. `minimum`, `maximum`: bounds of a number or year.

    `codelist` belongs to the types code and codes, `refers_to` (a register) to ref and refs.
    """

    code: Code
    name_de: Text
    name_en: Text
    hint_de: Text
    type: FieldType
    required: bool = False
    public: bool
    codelist: Code | None = None
    refers_to: Code | None = None
    minimum: int | None = None
    maximum: int | None = None
    max_length: Annotated[int, Field(ge=1)] | None = None

    @property
    def several(self) -> bool:
        """Does the field hold several entries?"""
        return self.type in SEVERAL


class RecordSpan(Entry):
    """The fields that say from when until when a record holds; an empty end is open."""

    start: Code
    end: Code


class Freshness(Entry):
    """The field that says when a record was last checked; older than these months it counts as not confirmed."""

    field: Code
    stale_after_months: Annotated[int, Field(ge=1)]


class RecordCheck(Entry):
    """What is expected of a record, as a condition (`schemas.conditions`); a finding where it does not hold.

    A condition that cannot be decided because a field is empty gives no finding. `field`: the one whose cell is named.
    """

    code: Code
    severity: Severity
    field: Code
    expects: Text
    message_de: Text
    remedy_de: Text

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class RecordLink(Entry):
    """A record joins what two fields name; without `left` it joins the region itself with `right`."""

    left: Code | None = None
    right: Code


class TargetFields(Entry):
    """Which fields of a register make a target of an indicator (`schemas.definitions_targets.Target`).

    `directions`: what the codes of `direction` mean. `members`: field that names the member, by dimension. `dropped`:
    condition under which a target is no longer pursued and no longer judged.
    """

    title: Code
    indicator: Code
    value: Code
    date: Code
    baseline_value: Code | None = None
    baseline_year: Code | None = None
    direction: Code | None = None
    directions: dict[Code, Literal["at_least", "at_most"]] = {}
    members: dict[Code, Code] = {}
    dropped: Text | None = None


class Register(Dated):
    """A list of records of one kind.

    `title`: the field that names a record to readers. `listed`: condition under which a record is shown in public at all,
    without it always. `link`: an edge of the network. `sheet`: title of its sheet in the workbook.
    """

    code: Code
    name_de: Text
    name_en: Text
    one_de: Text
    one_en: Text
    purpose_de: Text
    purpose_en: Text
    sheet: SheetName
    id_prefix: IdPrefix
    title: Code
    span: RecordSpan | None = None
    checked: Freshness | None = None
    listed: Text | None = None
    link: RecordLink | None = None
    target: TargetFields | None = None
    checks: list[RecordCheck] = []
    fields: Annotated[list[RecordField], Field(min_length=1)]

    def field(self, code: str) -> RecordField | None:
        """The field of a code, whatever the year."""
        return next((entry for entry in self.fields if entry.code == code), None)

    def fields_in(self, year: int) -> tuple[RecordField, ...]:
        """Columns of a reporting year, in the order of the sheet."""
        return tuple(entry for entry in self.fields if entry.valid_in(year))


class RegisterGroup(Entry):
    """Registers that belong together; its code is the name of the file. `position`: place in the workbook and report."""

    name_de: Text
    name_en: Text
    position: int


class ComputedFrom(Entry):
    """How a variable is worked out from the `records` of a register: their number, the sum of a field, or the number of
    different entries of a field. `where`: which records count (`schemas.conditions`), all of them without."""

    records: Code
    count: Literal[True] | None = None
    sum: Code | None = None
    count_distinct: Code | None = None
    where: Text | None = None
