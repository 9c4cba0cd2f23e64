"""What an entry of the framework may contain: strict models, unknown keys are errors."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.definitions_intervals import Method, Standardise
from schemas.definitions_registers import ComputedFrom
from schemas.definitions_rules import Rule
from schemas.entry import Code, Dated, Entry, EntryCode, Text, Year
from schemas.shapes import TOTAL


class MemberNames(Entry):
    """Labels of one member of a dimension; a residual member is optional and gets no indicator of its own.

    `by_concept`: who belongs to the member depends on the concept of migration background.
    """

    de: Text
    en: Text
    residual: bool = False
    by_concept: bool = False


class Scheme(Entry):
    """Leaves of a dimension and which leaves make up each aggregate."""

    leaves: list[Code]
    aggregates: dict[Code, list[Code]] = {}
    use_de: str = ""
    use_en: str = ""

    def members(self) -> tuple[str, ...]:
        """Leaves first, then aggregates."""
        return (*self.leaves, *self.aggregates)


class Dimension(Entry):
    """A dimension with one scheme, several named schemes, or members that each region brings itself (dynamic)."""

    code: Code
    name_de: Text
    name_en: Text
    axis: Literal["row", "column"] = "row"
    dynamic: bool = False
    leaves: list[Code] = []
    aggregates: dict[Code, list[Code]] = {}
    schemes: dict[Code, Scheme] = {}
    members: dict[Code, MemberNames]
    note_de: str = ""
    note_en: str = ""

    def scheme(self, name: str | None) -> Scheme:
        """The named scheme, or the only one; KeyError when the name is unknown."""
        if self.schemes:
            return self.schemes[name or ""]
        return self._only_scheme

    @cached_property
    def _only_scheme(self) -> Scheme:
        return Scheme(leaves=self.leaves, aggregates=self.aggregates)

    def is_residual(self, member: str) -> bool:
        """Does the member collect what could not be assigned?"""
        names = self.members.get(member)
        return names is not None and names.residual


class Source(Entry):
    """Where a variable comes from; `rounding` is the base to which the source rounds each cell on its own (0 = none).

    `delivered_basis`: the figures stand on the population basis that the cover of the delivery names.
    """

    code: Code
    name_de: Text
    name_en: str = ""
    rounding: Annotated[int, Field(ge=0)]
    lowest_level: Text
    mh_concept: Code
    delivered_basis: bool = False


class Period(Entry):
    """Reference day or period; an annual mean is rounded once more when it is formed.

    `day`: month and day (MM-DD) of a reference day. `yearly`: there is a new value every year; otherwise the last one is
    shown with its year.
    """

    code: Code
    name_de: Text
    name_en: str = ""
    annual_mean: bool = False
    day: Annotated[str, StringConstraints(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")] | None = None
    yearly: bool = True


class ConceptComparison(Entry):
    """What an expert says about a quotient of two concepts; a `comparable` pair gets no flag."""

    comparable: bool = False
    text_de: Text
    text_en: Text


class Concept(Entry):
    """A meaning of “migration background”. `against` compares it with other concepts; one of the two says it."""

    code: Code
    name_de: str = ""
    name_en: str = ""
    meaning_de: str = ""
    meaning_en: Text
    against: dict[Code, ConceptComparison] = {}


class ReportField(Entry):
    """A field (chapter) of the report and sheet of the form."""

    code: Code
    name_de: Text
    name_en: Text
    dimension: Text


class Pitfall(Entry):
    """A trap of interpretation, shown with the indicators that name it."""

    code: Code
    text_de: str = ""
    text_en: Text


class Variable(Dated):
    """A base variable: what a municipality delivers, in which tables, from which source.

    `computed_from`: nobody types it; it is counted from the records of a register that is delivered with it.
    `asked_since`: reporting year from which the form has the tables by a dimension; earlier years are complete without.
    """

    code: Code
    name_de: Text
    name_en: Text
    definition_de: Text
    definition_en: str = ""
    type: Literal["count", "weighted_count", "weighted_sum", "measure"]
    source: Code
    period: Code
    concept: Code | None = None
    schemes: dict[Code, Code] = {}
    members: dict[Code, list[Code]] = {}
    tables: list[list[Code]]
    lowest_level: Code
    delivered_by: Text
    asked_since: dict[Code, Year] = {}
    auxiliary: bool = False
    decimals: Annotated[int, Field(ge=0, le=4)] = 0
    computed_from: ComputedFrom | None = None

    def asked_in(self, year: int) -> list[list[Code]]:
        """The tables that the form of a reporting year has."""
        return [table for table in self.tables if all(self.asked_since.get(code, year) <= year for code in table)]


class Gap(Entry):
    """The comparison of two groups of one dimension."""

    dimension: Code
    focus: Code
    reference: Code
    types: list[Literal["diff_pp", "diff_abs", "ratio"]]


class Indicator(Dated):
    """An indicator. The formula is its definition; numerator, denominator and multiplier are read from it.

    `interval`: method of its confidence interval, where it differs from the default of the framework. `cases`: formula of
    the unweighted case number behind a weighted figure. `standardise`: the gap is given a second time, standardised.
    """

    code: EntryCode
    tier: Literal["core", "extended", "programme", "survey"]
    name_de: Text
    name_en: Text
    definition_de: Text
    definition_en: Text
    formula: Text
    unit: Code | Literal["percent", "per_1000", "per_10000", "ratio", "index_0_100", "sqm", "count"]
    decimals: Annotated[int, Field(ge=0, le=4)]
    breakdowns: list[Code]
    gap: Gap | None = None
    interval: Method | None = None
    cases: Text | None = None
    standardise: Standardise | None = None
    direction: Literal["higher_better", "lower_better", "neutral", "closer_to_1"]
    period: Code
    published_in: dict[str, str | list[str]] = {}
    pitfalls: list[Code] = []
    note_de: str = ""
    note_en: str = ""


class DeliveryRule(Entry):
    """A rule about a delivery as a whole, worked out in code; the text is what people read."""

    code: Code
    severity: Literal["fatal", "error", "warning", "info"]
    text_de: str = ""
    text_en: str = ""


class Status(Entry):
    """What stands beside, or instead of, a value."""

    code: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]*$")]
    has_value: bool
    rank: int
    sign: str
    letter: str
    obs_status: Code
    conf_status: Code
    name_de: Text
    name_en: Text
    meaning_de: Text


class SignProfile(Entry):
    """What a text in a number cell means, in the habit of one office."""

    code: Code
    name_de: Text
    signs: dict[str, list[str]]
    suffixes: dict[str, str] = {}
    brackets: str = "limited"


class Message(Entry):
    """The German sentence pair of a finding: what was noticed and what to do. Placeholders in braces."""

    code: EntryCode
    severity: Literal["fatal", "error", "warning", "info"]
    message_de: Text
    remedy_de: Text


__all__ = [
    "TOTAL",
    "Code",
    "Dated",
    "Dimension",
    "Entry",
    "EntryCode",
    "Indicator",
    "Rule",
    "Scheme",
    "Text",
    "Variable",
    "Year",
]
