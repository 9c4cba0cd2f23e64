"""Limits of the plausibility checks: `plausibility.yaml` of the framework, read strictly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from schemas import definitions as d
from schemas.entry_reading import model_of
from schemas.formula import FormulaError, parse_rule, rule_terms
from schemas.framework_model import Framework
from schemas.loading import DEFAULT_FOLDER
from schemas.yaml_source import FrameworkError, Problem, SourceFile, read_yaml

FILE = "plausibility.yaml"
Share = Annotated[float, Field(gt=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Some = Annotated[int, Field(ge=1)]


class _Limits(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class YearOnYear(_Limits):
    """A count outside `lower` to `upper` times the year before, and more than `z` away on the scale of chance; `alone`
    is the distance for cells that are part of no sum."""

    lower: Share
    upper: Annotated[float, Field(gt=1)]
    z: Positive
    alone: Positive

    def usual(self, now: Any, before: Any) -> Any:
        """Inside the bounds? Of one value, or of many at once."""
        return (before * self.lower <= now) & (now <= before * self.upper)


class Tenfold(_Limits):
    """Decimal logarithm of a change that one digit too many or too few explains."""

    low: Positive = Field(alias="from")
    high: Positive = Field(alias="to")


class Outlier(_Limits):
    """Modified Z against the region's own past."""

    z: Positive
    floor: Positive
    past_values: Some
    past_years: Some

    def usual(self, now: Any, before: Any) -> Any:
        """So near to last year's value that the years before it need no look? Of one value, or of many at once."""
        return abs(now - before) <= self.z * np.maximum(self.floor * before, np.sqrt(before + 0.375))


class Peers(_Limits):
    """Modified Z of shares and rates against other regions."""

    z: Positive
    floor: Positive
    regions: Some
    minimum: Positive
    without_sources: list[str] = []


class Copied(_Limits):
    """When values count as those of last year."""

    minimum: Positive
    cells: Some
    share: Share


class Factor(_Limits):
    """When a group of values counts as shifted by a power of ten; `powers` have their names."""

    powers: dict[int, str]
    cells: Some
    minimum: Positive
    share: Share
    width: Positive


class Swapped(_Limits):
    """When two rows or columns count as exchanged."""

    minimum: Positive
    cells: Some
    own: Positive
    cross: Positive


class Percent(_Limits):
    """When a table of counts counts as given in percent."""

    codes: list[str]
    cells: Some
    share: Share
    tolerance: Positive
    before: Positive


class Size(_Limits):
    """Which variable tells the size of a region, and which kinds of units inside it may be forgotten or added."""

    variable: str
    part_kinds: list[str]
    tolerance: Share
    change: Share


class Suspect(_Limits):
    """How far from and how near to last year's value a suspected cell lies before and after it is mended; and how many
    suspected cells of one delivery are tried out at most."""

    apart: Positive
    near: Positive
    trials: Some


class ValueRule(d.Rule):
    """A rule of the plausibility file: its finding has a message of its own."""

    message: str
    relation: str = ""


class Limits(_Limits):
    """The whole file."""

    year_on_year: YearOnYear
    tenfold: Tenfold
    outlier: Outlier
    peers: Peers
    copied: Copied
    factor: Factor
    swapped: Swapped
    percent: Percent
    suspect: Suspect
    size: Size | None = None
    rules: list[ValueRule] = []


def load_limits(framework: Framework) -> Limits:
    """The limits of a framework; raises FrameworkError with every problem. Without a file of its own: no names."""
    own = framework.folder / FILE
    problems: list[Problem] = []
    path = own if own.exists() else DEFAULT_FOLDER / FILE
    source = read_yaml(path, path.parent, problems)
    limits = model_of(source, (), source.data, Limits, problems)
    if limits is None or problems:
        raise FrameworkError(problems)
    if path != own:
        peers = limits.peers.model_copy(update={"without_sources": []})
        return limits.model_copy(update={"size": None, "rules": [], "peers": peers})
    problems += _unknown_names(framework, limits, source)
    if problems:
        raise FrameworkError(problems)
    return limits


def _unknown_names(framework: Framework, limits: Limits, source: SourceFile) -> list[Problem]:
    found = []
    if limits.size and limits.size.variable not in framework.variables:
        found.append((("size",), f"Die Variable „{limits.size.variable}“ ist nicht bekannt."))
    for code in limits.peers.without_sources:
        if code not in framework.sources:
            found.append((("peers",), f"Die Quelle „{code}“ ist nicht bekannt."))
    for code in limits.percent.codes:
        if code not in framework.messages:
            found.append((("percent",), f"Die Meldung „{code}“ ist nicht bekannt."))
    problems = [Problem(source.name, source.line(place), text) for place, text in found]
    for number, rule in enumerate(limits.rules):
        line = source.line(("rules", number))
        problems += [Problem(source.name, line, text) for text in _rule_problems(framework, rule)]
    return problems


def _rule_problems(framework: Framework, rule: ValueRule) -> list[str]:
    try:
        used = rule_terms(parse_rule(rule.expression))
    except FormulaError as error:
        return [str(error)]
    named: list[tuple[str, Mapping[str, object]]] = [(term.variable, framework.variables) for term in used]
    named += [(dimension, framework.dimensions) for dimension in rule.for_each]
    named.append((rule.message, framework.messages))
    return [f"„{name}“ ist nicht bekannt." for name, known in named if name not in known]
