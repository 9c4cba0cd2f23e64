"""framework.yaml: identity of a framework, and what applies to everything in it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.definitions_intervals import Intervals
from schemas.definitions_rules import RuleReview
from schemas.entry import Code, Entry, EntryCode, Text, Year


class Confidentiality(Entry):
    """Thresholds below which nothing is published."""

    suppress_counts_below: int
    min_denominator_rate: int
    min_denominator_mark: int
    survey_min_n: int
    survey_mark_below: int
    secondary_suppression: bool


class PopulationBasis(Entry):
    """A population basis that the cover of a delivery can name."""

    code: Code
    name_de: Text
    name_en: Text


class Deadline(Entry):
    """Day until which a reporting year is to be delivered."""

    years_after: int
    month: Annotated[int, Field(ge=1, le=12)]
    day: Annotated[int, Field(ge=1, le=31)]


class Delivery(Entry):
    """What applies to deliveries."""

    first_year: Year
    deadline: Deadline
    contact: Text
    population_bases: list[PopulationBasis]


class Parts(Entry):
    """Folders of the parts that may lie elsewhere, relative to framework.yaml."""

    catalogue: str = "catalogue"
    regions: str = "regions"
    layouts: str = "layouts"


class Head(Entry):
    """framework.yaml: identity of the framework and what applies everywhere."""

    code: EntryCode
    version: Text
    date: Text
    title_de: Text
    title_en: Text
    disclaimer_de: str = ""
    disclaimer_en: str = ""
    parts: Parts = Parts()
    breakdown_pairs: list[list[Code]] = []
    levels: dict[Code, Text]
    confidentiality: Confidentiality
    intervals: Intervals = Intervals()
    delivery: Delivery
    rule_review: RuleReview = RuleReview()
