"""How small numbers are kept secret: what `confidentiality.yaml` of a framework may contain."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.entry import Code, Entry, EntryCode, Year

Mode = Literal["suppress", "round5", "controlled_rounding", "as_delivered"]
Positive = Annotated[float, Field(gt=0)]


class SourceRule(Entry):
    """What a supplier demands beyond the house rule; the stricter threshold of supplier, variable and house counts."""

    threshold: Annotated[int, Field(ge=0)] = 0
    mode: Mode | None = None
    why_de: str = ""


class TableOfCounts(Entry):
    """All cells of a variable by some of its dimensions, the others at their total."""

    variable: Code
    dimensions: list[Code] = []


class Costs(Entry):
    """What it costs to hide a figure: the dearer, the later it is chosen to protect another."""

    total: Positive = 8.0
    one_dimension: Positive = 3.0
    several_dimensions: Positive = 1.0
    aggregate_factor: Positive = 4.0
    tier_factor: dict[Literal["core", "extended", "programme", "survey"], Positive] = {}


class Dominance(Entry):
    """The (n,k) rule for magnitudes. It needs the largest contributions to a sum, and no delivery has them: naming a
    variable is refused when the framework is loaded, so that nobody relies on a rule that is not applied."""

    contributors: Annotated[int, Field(ge=1)] = 2
    percent: Annotated[int, Field(ge=1, le=100)] = 85
    variables: list[Code] = []


class ConfidentialityRules(Entry):
    """confidentiality.yaml. Without the file everything stands at its default.

    `margin`: an attacker's interval must reach threshold + margin and be as wide. `zeros`: whether a zero may be hidden
    to protect a neighbour (`usable`), may not (`published`), or is itself a secret of the indicators in
    `group_disclosure` (`sensitive`). `known` lists what other publishers print.
    `open_members` are members that describe nobody, such as “not stated”: an attacker is assumed to know them.
    """

    margin: Annotated[int, Field(ge=0)] = 1
    mode: Mode = "suppress"
    zeros: Literal["usable", "published", "sensitive"] = "usable"
    sources: dict[Code, SourceRule] = {}
    variables: dict[Code, SourceRule] = {}
    group_disclosure: list[EntryCode] = []
    index_rule: Literal["parts", "withhold"] = "parts"
    open_members: dict[Code, list[Code]] = {}
    known: list[TableOfCounts] = []
    history_start: Year = 1900
    costs: Costs = Costs()
    dominance: Dominance = Dominance()
