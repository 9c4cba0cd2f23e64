"""The framework in memory: every definition once, by code, with the questions that the rooms ask of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from itertools import combinations, product
from pathlib import Path

from schemas import definitions as d
from schemas.calendar import CalendarRules
from schemas.condition_parsing import parse_condition
from schemas.conditions import Condition
from schemas.definitions_confidentiality import ConfidentialityRules
from schemas.definitions_head import Head
from schemas.definitions_profile import Profile
from schemas.definitions_register_pages import RegisterPage
from schemas.definitions_registers import Codelist, Register, RegisterGroup
from schemas.definitions_series import Break, Flag, SeriesRules
from schemas.definitions_site import GlossaryTerm, SitePage
from schemas.definitions_targets import TargetRules
from schemas.formula import Comparison, Expression, Ratio, Term, as_ratio, parse_expression, parse_rule, terms
from schemas.publication import Publication
from schemas.remembered import remembered
from schemas.shapes import TOTAL
from schemas.territory import Territory
from schemas.tiles import Tile

_MOST_KEPT = 1 << 12
"""Answers kept about variables and their dimensions."""

Members = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Framework:
    """A loaded, cross-checked framework. Built by `schemas.loading.load_framework` only.

    `indicator_field`, `variable_field` and `rule_field` follow from the file an entry stands in.
    """

    head: Head
    folder: Path
    layouts_folder: Path
    dimensions: Mapping[str, d.Dimension]
    sources: Mapping[str, d.Source]
    periods: Mapping[str, d.Period]
    concepts: Mapping[str, d.Concept]
    fields: Mapping[str, d.ReportField]
    pitfalls: Mapping[str, d.Pitfall]
    variables: Mapping[str, d.Variable]
    rules: Mapping[str, d.Rule]
    indicators: Mapping[str, d.Indicator]
    statuses: Mapping[str, d.Status]
    sign_profiles: Mapping[str, d.SignProfile]
    messages: Mapping[str, d.Message]
    delivery_rules: Mapping[str, d.DeliveryRule]
    flags: Mapping[str, Flag]
    breaks: Mapping[str, Break]
    series: SeriesRules
    variable_field: Mapping[str, str]
    rule_field: Mapping[str, str]
    indicator_field: Mapping[str, str]
    territory: Territory
    content_hash: str
    calendar: CalendarRules
    calendar_hash: str
    publication: Publication | None = None
    targets: TargetRules = field(default_factory=TargetRules)
    profile: Profile = field(default_factory=Profile)
    confidentiality: ConfidentialityRules = field(default_factory=ConfidentialityRules)
    tiles: tuple[Tile, ...] = ()
    glossary: Mapping[str, GlossaryTerm] = field(default_factory=dict)
    site_pages: Mapping[str, SitePage] = field(default_factory=dict)
    register_pages: Mapping[str, RegisterPage] = field(default_factory=dict)
    registers: Mapping[str, Register] = field(default_factory=dict)
    register_groups: Mapping[str, RegisterGroup] = field(default_factory=dict)
    register_group: Mapping[str, str] = field(default_factory=dict)
    codelists: Mapping[str, Codelist] = field(default_factory=dict)
    formulas: Mapping[str, Expression] = field(init=False)
    statements: Mapping[str, Comparison] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "formulas", {code: parse_expression(entry.formula) for code, entry in self.indicators.items()}
        )
        object.__setattr__(
            self, "statements", {code: parse_rule(entry.expression) for code, entry in self.rules.items()}
        )

    @property
    def code(self) -> str:
        return self.head.code

    @property
    def version(self) -> str:
        return self.head.version

    @cached_property
    def dimension_order(self) -> tuple[str, ...]:
        """Codes of all dimensions in framework order; column order of every observation table."""
        return tuple(self.dimensions)

    # --- variables ---------------------------------------------------------------------------------------------

    def variable_dimensions(self, variable: str) -> tuple[str, ...]:
        """Dimensions in which a variable is delivered, in framework order."""

        def made() -> tuple[str, ...]:
            used = {dimension for table in self.variables[variable].tables for dimension in table}
            return tuple(dimension for dimension in self.dimension_order if dimension in used)

        return remembered(self, made, "dimensions of a variable", variable, most=_MOST_KEPT)

    def scheme(self, variable: str, dimension: str) -> d.Scheme:
        """Leaves and aggregates of a dimension as this variable uses it.

        A variable that lists its members is delivered in these; only the aggregates that can be made of listed
        leaves remain (the total is delivered).
        """
        entry = self.variables[variable]
        scheme = self.dimensions[dimension].scheme(entry.schemes.get(dimension))
        listed = entry.members.get(dimension)
        if listed is None:
            return scheme
        possible = {
            aggregate: leaves
            for aggregate, leaves in scheme.aggregates.items()
            if aggregate not in listed and aggregate != TOTAL and set(leaves) <= set(listed)
        }
        return d.Scheme(leaves=list(listed), aggregates=possible)

    def members(self, variable: str, dimension: str) -> tuple[str, ...]:
        """Every member a cell of this variable can have: leaves (or listed members), aggregates, total."""

        def made() -> tuple[str, ...]:
            found = dict.fromkeys(self.scheme(variable, dimension).members())
            if self._has_total(variable, dimension):
                found[TOTAL] = None
            return tuple(found)

        return remembered(self, made, "members of a variable", variable, dimension, most=_MOST_KEPT)

    def entry_members(self, variable: str, dimension: str) -> tuple[str, ...]:
        """Members that the form asks for: leaves (or listed members), then the total where there is one.

        Empty for a dynamic dimension: its members come from the region.
        """
        if self.dimensions[dimension].dynamic:
            return ()
        leaves = tuple(self.scheme(variable, dimension).leaves)
        return (*leaves, TOTAL) if self._has_total(variable, dimension) else leaves

    def _has_total(self, variable: str, dimension: str) -> bool:
        entry = self.dimensions[dimension]
        if entry.dynamic:
            return True
        return TOTAL in entry.scheme(self.variables[variable].schemes.get(dimension)).aggregates

    def concept(self, variable: str) -> str:
        """Concept of migration background of a variable: its own, or that of its source."""
        entry = self.variables[variable]
        return entry.concept or self.sources[entry.source].mh_concept

    def compared(self, concept: str, other: str) -> d.ConceptComparison | None:
        """What is declared about two concepts of migration background in one quotient."""
        return self.concepts[concept].against.get(other) or self.concepts[other].against.get(concept)

    def concept_comparisons(self, indicator: str) -> tuple[d.ConceptComparison, ...]:
        """What is declared about the concepts of the variables of an indicator."""
        used = dict.fromkeys(self.concept(variable) for variable in self.indicator_variables(indicator))
        return tuple(said for pair in combinations(used, 2) if (said := self.compared(*pair)) is not None)

    def is_integer(self, variable: str) -> bool:
        """Counts are whole numbers; weighted sums and measures may have decimals."""
        return self.variables[variable].type == "count"

    def variables_of(self, field_code: str, year: int | None = None) -> tuple[d.Variable, ...]:
        """Variables of a field that are asked for, in file order, valid in `year` when given. What is counted from
        records is not asked for."""
        return tuple(
            entry
            for code, entry in self.variables.items()
            if self.variable_field[code] == field_code
            and entry.computed_from is None
            and (year is None or entry.valid_in(year))
        )

    # --- registers ----------------------------------------------------------------------------------------------

    def registers_in(self, year: int) -> tuple[Register, ...]:
        """Registers of a reporting year, in the order of workbook and report."""
        return tuple(entry for entry in self.registers.values() if entry.valid_in(year))

    def condition(self, register: str, text: str | None) -> Condition | None:
        """A condition about the records of a register, parsed once; None for none."""
        if text is None:
            return None
        key = (register, text)
        if key not in self._conditions:
            self._conditions[key] = parse_condition(text, self.registers[register], self.registers, self.codelists)
        return self._conditions[key]

    @cached_property
    def _conditions(self) -> dict[tuple[str, str], Condition]:
        return {}

    # --- indicators and rules -----------------------------------------------------------------------------------

    def indicators_of(self, field_code: str) -> tuple[d.Indicator, ...]:
        """Indicators of a field, in file order."""
        return tuple(e for code, e in self.indicators.items() if self.indicator_field[code] == field_code)

    def ratio(self, indicator: str) -> Ratio:
        """Multiplier, numerator and denominator of an indicator, read from its formula."""
        return as_ratio(self.formulas[indicator])

    def indicator_variables(self, indicator: str) -> tuple[str, ...]:
        """Base variables of an indicator, each once, in the order of the formula."""
        return tuple(dict.fromkeys(term.variable for term in terms(self.formulas[indicator])))

    def indicator_sources(self, indicator: str) -> tuple[str, ...]:
        """Sources of an indicator, each once."""
        return tuple(dict.fromkeys(self.variables[v].source for v in self.indicator_variables(indicator)))

    def used_by(self, variable: str) -> tuple[str, ...]:
        """Indicators whose formula contains the variable."""
        return tuple(code for code in self.indicators if variable in self.indicator_variables(code))

    def running_members(self, all_terms: tuple[Term, ...], dimension: str, *, residual: bool) -> tuple[str, ...]:
        """Members over which a breakdown or `for_each` runs: those that every term with this dimension knows.

        A term that selects a member explicitly, or lacks the dimension, does not take part. Residual members are
        left out unless asked for; the total comes first.
        """
        concerned = dict.fromkeys(
            term.variable
            for term in all_terms
            if dimension not in term.selected() and dimension in self.variable_dimensions(term.variable)
        )
        common: list[str] | None = None
        for variable in concerned:
            known = self.members(variable, dimension)
            common = list(known) if common is None else [member for member in common if member in known]
        entry = self.dimensions[dimension]
        kept = [m for m in common or [] if m != TOTAL and (residual or not entry.is_residual(m))]
        return (TOTAL, *kept)

    def breakdown_points(self, indicator: str) -> Iterator[Members]:
        """Members for which an indicator is computed: the total, each member of each breakdown, declared pairs.

        Yields only the members that differ from the total, in framework order; `()` is the grand total.
        """
        entry = self.indicators[indicator]
        all_terms = tuple(terms(self.formulas[indicator]))
        runs = {dim: self.running_members(all_terms, dim, residual=False)[1:] for dim in entry.breakdowns}
        yield ()
        for dimension in self._ordered(runs):
            for member in runs[dimension]:
                yield ((dimension, member),)
        for pair in self.head.breakdown_pairs:
            if set(pair) <= set(runs):
                dims = self._ordered(pair)
                for combination in product(*(runs[dimension] for dimension in dims)):
                    yield tuple(zip(dims, combination, strict=True))

    def rule_points(self, rule: str) -> Iterator[Members]:
        """Every combination of members of a rule's `for_each`, totals and residual members included."""
        statement = self.statements[rule]
        all_terms = (*terms(statement.left), *terms(statement.right))
        dims = self._ordered(self.rules[rule].for_each)
        runs = [self.running_members(all_terms, dimension, residual=True) for dimension in dims]
        for combination in product(*runs):
            yield tuple((dim, m) for dim, m in zip(dims, combination, strict=True) if m != TOTAL)

    def _ordered(self, dimensions: Iterator[str] | Mapping[str, object] | list[str]) -> tuple[str, ...]:
        wanted = set(dimensions)
        return tuple(dimension for dimension in self.dimension_order if dimension in wanted)

    # --- labels ---------------------------------------------------------------------------------------------------

    def label(self, dimension: str, member: str, lang: str = "de", region: str = "", day: date | None = None) -> str:
        """Label of a member; members of a dynamic dimension are looked up in the region's list."""
        names = self.dimensions[dimension].members.get(member)
        if names is not None:
            return names.en if lang == "en" else names.de
        if self.dimensions[dimension].dynamic and region:
            found = self.territory.subareas(region, day or date.today()).get(member)
            if found:
                return found
        return member

    def deadline(self, year: int) -> date:
        """Last day for deliveries of a reporting year."""
        return self.calendar.days(self.head.delivery.deadline, year).deadline
