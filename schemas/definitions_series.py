"""Series in time as data of the framework: breaks, flags, and what change, trend and convergence are measured with."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.entry import Code, Entry, EntryCode, Text, Year

Cause = Literal["definition", "source", "basis", "territory", "subareas", "coverage"]
"""Why values before and after are not comparable: what is counted, who counts it, on which population, where, in which
sub-areas, over which of the members."""
Count = Annotated[int, Field(ge=1)]


class Wording(Entry):
    """A sentence in both languages; placeholders in braces."""

    de: Text
    en: Text


class SeriesRules(Entry):
    """With what change, trend and convergence are measured.

    `long_years`: distance of the second comparison beside the one with last year. `trend_min_years`, `trend_max_years`:
    values that a trend needs, years that it looks back. `rate_base`: base below which a count gets no change rate.
    `min_regions`: regions that a measure of convergence needs. `reference_days`: days between the reference days of
    numerator and denominator beyond which they count as mixed. `wording`: the sentence of a break that follows from the
    data, by cause.
    """

    long_years: Annotated[int, Field(ge=2)]
    trend_min_years: Annotated[int, Field(ge=3)]
    trend_max_years: Annotated[int, Field(ge=3)]
    rate_base: Annotated[float, Field(gt=0)]
    min_regions: Annotated[int, Field(ge=3)]
    reference_days: Count
    wording: dict[Literal["territory", "members", "subareas", "basis"], Wording]


class Break(Entry):
    """From `year` on the series is a new one: for the indicators of the named indicators, variables and sources, in the
    named regions (none: everywhere)."""

    code: EntryCode
    year: Year
    cause: Cause
    indicators: list[EntryCode] = []
    variables: list[Code] = []
    sources: list[Code] = []
    regions: list[Text] = []
    text_de: Text
    text_en: Text


class Flag(Entry):
    """What a reader must know beside a value that stands: a sign of its own, and what it means."""

    code: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]*$")]
    sign: Text
    letter: Text
    name_de: Text
    name_en: Text
    meaning_de: Text
    meaning_en: Text
