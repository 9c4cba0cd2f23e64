"""The rules for small numbers, once for every table of figures: why a figure may not be shown, and with which sign.

As SQL over columns of a figure: `indicator`, `year`, `value`, `numerator`, `denominator` and `base`, the number of cases
that it rests on (`base_of`).
"""

from __future__ import annotations

from indicators.protection.policy import Policy
from schemas.framework_model import Framework
from schemas.supports import cases_since

SECRET_REASON = "secret"
"""The one public reason: it tells a small count neither from its complement nor from a cell that only protects another."""
REMAINDER, NUMERATOR, DENOMINATOR, RESPONDENTS = (
    "small_remainder",
    "small_numerator",
    "small_denominator",
    "few_respondents",
)
SECRET_REASONS = f"('{NUMERATOR}', '{REMAINDER}')"
"""Reasons of the house that stand for secret persons, as SQL list; the others only make a figure unreliable."""


def base_of(framework: Framework, denominator: str = "denominator") -> str:
    """Number of cases of a figure: the unweighted one where it is declared (unknown is none), else the denominator.

    Before the first year of a case number the forms did not ask for it: what stands then is judged as it always was.
    """
    counted = {
        code: cases_since(framework, code) for code, entry in framework.indicators.items() if entry.cases is not None
    }
    later = " ".join(f"WHEN '{code}' THEN {since}" for code, since in counted.items() if since is not None)
    asked = f"year >= CASE indicator {later} ELSE 0 END" if later else "true"
    return f"CASE WHEN indicator IN ({_list(list(counted))}) AND {asked} THEN coalesce(cases, 0) ELSE {denominator} END"


def hidden_reason(framework: Framework, threshold: str | None = None) -> str:
    """Why a figure may not be shown, empty where it may. `threshold`: SQL of the smallest count that is no secret, where
    it is not that of the house.

    A numerator from 1 up to below the threshold is secret, and so is a remainder (denominator minus numerator) of that
    size where the numerator is a part of the denominator: both give single persons back. A denominator below the
    minimum makes the figure unreliable, and that comes first: the sign of a figure on few cases says nothing about its
    numerator.
    """
    rules, policy = framework.head.confidentiality, Policy(framework)
    shares = _list([code for code in framework.indicators if policy.is_share(code)])
    counts = f"indicator NOT IN ({_indices(framework)})"
    small = threshold or str(rules.suppress_counts_below)
    return f"""CASE
    WHEN value IS NULL OR denominator IS NULL THEN ''
    WHEN base < {rules.survey_min_n} AND indicator IN ({_surveys(framework)}) THEN '{RESPONDENTS}'
    WHEN base < {rules.min_denominator_rate} AND {counts} THEN '{DENOMINATOR}'
    WHEN numerator > 0 AND numerator < {small} AND {counts} THEN '{NUMERATOR}'
    WHEN denominator - numerator > 0 AND denominator - numerator < {small} AND indicator IN ({shares})
        THEN '{REMAINDER}'
    ELSE '' END"""


def strictest_threshold(framework: Framework) -> str:
    """The smallest count that is no secret, by indicator: the strictest rule of house, sources and variables."""
    policy = Policy(framework)
    house = framework.head.confidentiality.suppress_counts_below
    strict = {
        code: max((policy.threshold(each) for each in framework.indicator_variables(code)), default=house)
        for code in framework.indicators
    }
    cases = " ".join(f"WHEN '{code}' THEN {count}" for code, count in strict.items() if count > house)
    return f"CASE indicator {cases} ELSE {house} END" if cases else str(house)


def public_sign(framework: Framework, own: str) -> str:
    """Sign of a figure whose `reason` is the public one: `own` is the SQL of the sign of its status.

    A bracketed figure keeps its own letter: `( ) p` is a provisional figure on few cases.
    """
    rules, statuses = framework.head.confidentiality, framework.statuses
    letters = [code for code, status in statuses.items() if status.has_value and status.sign.isalpha()]
    return f"""CASE WHEN reason = '{SECRET_REASON}' THEN '{statuses["secret"].sign}'
            WHEN reason <> '' THEN '{statuses["unreliable"].sign}'
            WHEN value IS NOT NULL AND indicator NOT IN ({_indices(framework)})
                 AND base < CASE WHEN indicator IN ({_surveys(framework)}) THEN {rules.survey_mark_below}
                            ELSE {rules.min_denominator_mark} END
                THEN concat_ws(' ', '{statuses["limited"].sign}', CASE WHEN status IN ({_list(letters)}) THEN {own} END)
            WHEN value IS NOT NULL AND status IN ('ok', 'zero') THEN ''
            ELSE {own} END"""


def public_status(status: str = "status") -> str:
    """Status of a figure whose `reason` is the public one; its own where it is shown."""
    return f"CASE WHEN reason = '{SECRET_REASON}' THEN 'secret' WHEN reason <> '' THEN 'unreliable' ELSE {status} END"


def _indices(framework: Framework) -> str:
    """Indicators that are no quotient of counts: their sides are no numbers of persons."""
    policy = Policy(framework)
    return _list([code for code in framework.indicators if policy.is_index(code)])


def _surveys(framework: Framework) -> str:
    return _list([code for code, entry in framework.indicators.items() if entry.tier == "survey"])


def _list(codes: list[str]) -> str:
    return ", ".join(f"'{code}'" for code in codes) or "''"
