"""Plausibility rules as data of the framework, and their place in life."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from schemas.entry import Code, Dated, Entry, Text
from schemas.shapes import Severity

RuleState = Literal["draft", "shadow", "warning", "blocking"]


class Rule(Dated):
    """A plausibility rule: one comparison, tried for the total and every member of `for_each`.

    `state` is its place in life: a draft is not tried; a shadow is tried and recorded, but no sender sees it and no
    verdict follows from it; a warning asks, whatever the severity; blocking means what the severity says.
    """

    code: Code
    category: Literal["additive", "subset", "cross_source", "temporal"]
    severity: Severity
    expression: Text
    for_each: list[Code]
    tolerance: Annotated[Decimal, Field(ge=0)] | Literal["round"]
    why_de: str = ""
    why_en: Text
    remedy_de: str = ""
    state: RuleState = "blocking"

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)

    def tried_in(self, year: int) -> bool:
        """Is the rule tried on deliveries of this reporting year?"""
        return self.state != "draft" and self.valid_in(year)

    @property
    def shown(self) -> bool:
        """Do senders see what it notices?"""
        return self.state in ("warning", "blocking")

    @property
    def weight(self) -> Severity:
        """How bad a violation is: the severity, as far as the state lets it count."""
        stronger = self.severity in (Severity.FATAL, Severity.ERROR)
        return Severity.WARNING if stronger and self.state == "warning" else self.severity


Share = Annotated[float, Field(ge=0, le=1)]


class RuleReview(Entry):
    """When the experience with a rule asks for a decision.

    `deliveries`, `hits`: below these nothing is proposed. `confirmed`: share of hits that senders confirmed as correct
    from which on a rule asks in vain. `noisy`: share of deliveries hit from which on a rule on trial would ask too often.
    """

    deliveries: Annotated[int, Field(ge=1)] = 10
    hits: Annotated[int, Field(ge=1)] = 5
    confirmed: Share = 0.5
    noisy: Share = 0.25
