"""Uncertainty, small numbers and the comparison of groups, as data of the framework."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.entry import Code, Entry, Text

Method = Literal["wilson", "byar", "weighted", "none"]
Tier = Literal["core", "extended", "programme", "survey"]
Positive = Annotated[float, Field(gt=0)]


class Note(Entry):
    """A sentence for readers in both languages."""

    de: Text
    en: Text


class IntervalRule(Entry):
    """Which method an indicator has that names none itself: all conditions that are given must hold.

    `pitfall`: the indicator names this pitfall, `counted_cases`: it declares its unweighted case number (`cases`).
    """

    tier: Tier | None = None
    units: list[str] = []
    pitfall: Code | None = None
    counted_cases: bool | None = None
    method: Method

    def holds(self, tier: str, unit: str, pitfalls: list[str], cases: str | None) -> bool:
        """Does the rule speak about an indicator of this kind?"""
        return (
            self.tier in (None, tier)
            and (not self.units or unit in self.units)
            and (self.pitfall is None or self.pitfall in pitfalls)
            and self.counted_cases in (None, cases is not None)
        )


class StandardPopulation(Entry):
    """A fixed standard population: the weight of each leaf member of a dimension. Only the proportions matter."""

    code: Code
    name_de: Text
    name_en: Text
    dimension: Code
    weights: dict[Code, Annotated[float, Field(ge=0)]]


class Intervals(Entry):
    """Confidence intervals: design effect of surveys, defaults (the first rule that holds) and notes.

    `z`: normal quantile of every interval of the framework, those of trends and of targets, too.

    `design_effect`: effective sample size = unweighted case number / design effect, because only sums of weights are
    delivered, not the single weights that Kish's formula needs.
    `min_cases_standardised`: below this number of cases a standardised rate is not given.
    `steady_steps`: a gap whose distance changes by less than this many steps of the last shown decimal is steady.
    """

    z: Positive = 1.959964
    design_effect: Annotated[float, Field(ge=1)] = 1.0
    min_cases_standardised: Annotated[int, Field(ge=1)] = 10
    steady_steps: Positive = 5.0
    defaults: list[IntervalRule] = []
    standards: list[StandardPopulation] = []
    notes: dict[Text, Note] = {}


class Band(Entry):
    """One stratum of a standardised rate: cases and base as formulas, weighted by the listed members of the standard."""

    members: Annotated[list[Code], Field(min_length=1)]
    cases: Text
    base: Text


class Standardise(Entry):
    """Direct standardisation of the groups of a gap. `interval`: limits after Dobson express chance in small counts."""

    standard: Code
    interval: Literal["dobson", "none"] = "none"
    bands: Annotated[list[Band], Field(min_length=2)]
