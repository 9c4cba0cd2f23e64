"""The rules of `confidentiality.yaml` and of the framework's head, resolved for variables and indicators."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

from schemas.definitions_confidentiality import ConfidentialityRules, Mode
from schemas.framework_model import Framework


@dataclass(frozen=True)
class Policy:
    """The confidentiality rules of one framework."""

    framework: Framework

    @property
    def rules(self) -> ConfidentialityRules:
        """confidentiality.yaml as it was loaded."""
        return self.framework.confidentiality

    def threshold(self, variable: str) -> int:
        """Counts from 1 up to below this number are secret: the strictest of house, source and variable."""
        return self._thresholds[variable]

    @cached_property
    def _thresholds(self) -> dict[str, int]:
        house, found = self.framework.head.confidentiality.suppress_counts_below, {}
        for variable, entry in self.framework.variables.items():
            stricter = (self.rules.sources.get(entry.source), self.rules.variables.get(variable))
            found[variable] = max([house, *(rule.threshold for rule in stricter if rule is not None)])
        return found

    def mode(self, variable: str) -> Mode:
        """What is done with the cells of a variable: its own rule, that of its source, that of the framework."""
        entry = self.framework.variables[variable]
        for rule in (self.rules.variables.get(variable), self.rules.sources.get(entry.source)):
            if rule is not None and rule.mode is not None:
                return rule.mode
        return self.rules.mode

    def protects(self, variable: str) -> bool:
        """Are the cells of the variable counts that suppression protects? Weighted sample figures are not."""
        return variable in self._protected

    @cached_property
    def _protected(self) -> frozenset[str]:
        variables = self.framework.variables
        return frozenset(v for v in variables if self.framework.is_integer(v) and self.mode(v) == "suppress")

    def required(self, threshold: int) -> int:
        """What an attacker's interval must reach, and how wide it must be."""
        return threshold + self.rules.margin

    def is_share(self, indicator: str) -> bool:
        """Is the numerator a part of the denominator, so that the remainder is a count of persons, too?"""
        return self.framework.indicators[indicator].unit == "percent"

    def is_index(self, indicator: str) -> bool:
        """Is the indicator no quotient of counts? Its sides are no numbers of persons, then."""
        return self.framework.indicators[indicator].unit in ("ratio", "index_0_100")

    def cost(self, indicator: str, depth: int, aggregate: bool) -> float:
        """What it costs to hide a figure of `depth` dimensions."""
        costs = self.rules.costs
        base = (costs.total, costs.one_dimension)[depth] if depth < 2 else costs.several_dimensions
        entry = self.framework.indicators.get(indicator)
        tier = costs.tier_factor.get(entry.tier, 1.0) if entry is not None else 1.0
        return base * tier * (costs.aggregate_factor if aggregate else 1.0)

    @cached_property
    def hash(self) -> str:
        """Fingerprint of everything that decides what is hidden."""
        text = self.rules.model_dump_json() + self.framework.head.confidentiality.model_dump_json()
        return hashlib.sha256(text.encode()).hexdigest()[:16]
