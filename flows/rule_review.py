"""How the rules prove themselves: what each asked, what came of it, and what should be decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from flows.wording import text
from schemas.definitions import Rule
from schemas.definitions_rules import RuleReview
from schemas.framework_model import Framework
from warehouse.rule_hits import RuleHits

RETIRE, RELEASE, KEEP_TRYING = "retire", "release", "keep_trying"


@dataclass(frozen=True, slots=True)
class Review:
    """One rule. Shares are between 0 and 1, empty when there is nothing to divide by; `tried` counts deliveries."""

    code: str
    state: str
    severity: str
    tried: int
    hits: int
    deliveries: int
    confirmed: float | None
    corrected: float | None
    proposal: str


def reviews(framework: Framework, hits: Mapping[str, RuleHits], tried: Mapping[int, int]) -> list[Review]:
    """Every rule of the framework, in its order; `tried` counts the deliveries of each year."""
    found = []
    for code, rule in framework.rules.items():
        seen = hits.get(code, RuleHits())
        times = sum(number for year, number in tried.items() if rule.tried_in(year))
        confirmed, corrected = _share(seen.confirmed, seen.hits), _share(seen.corrected, seen.followed)
        proposal = _proposal(framework.head.rule_review, rule, seen, times)
        weight = rule.weight.value
        found.append(
            Review(code, rule.state, weight, times, seen.hits, seen.deliveries, confirmed, corrected, proposal)
        )
    return found


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _proposal(review: RuleReview, rule: Rule, seen: RuleHits, tried: int) -> str:
    if tried < review.deliveries:
        return ""
    if rule.state == "shadow":
        return KEEP_TRYING if seen.deliveries > review.noisy * tried else RELEASE
    in_vain = seen.hits >= review.hits and seen.confirmed >= review.confirmed * seen.hits
    return RETIRE if rule.shown and in_vain else ""


def as_records(found: Sequence[Review]) -> list[dict[str, Any]]:
    """For machines."""
    return [asdict(review) for review in found]


def as_text(found: Sequence[Review], deliveries: int) -> str:
    """A table of the rules that hit, are on trial or drafts."""
    heads = text("rules.heads").split("|")
    lines = [heads, *(_cells(review) for review in found if review.hits or review.state in ("shadow", "draft"))]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([text("rules.title", deliveries=deliveries), "", *table, "", text("rules.legend")])


def _cells(review: Review) -> list[str]:
    proposal = text(f"proposal.{review.proposal}") if review.proposal else ""
    numbers = [str(review.tried), str(review.hits), str(review.deliveries)]
    shares = ["–" if share is None else f"{share:.0%}" for share in (review.confirmed, review.corrected)]
    return [review.code, text(f"state.{review.state}"), *numbers, *shares, proposal]
