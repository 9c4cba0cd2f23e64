"""What a computation takes from the framework alone: the plan of the formulas, and the framework as small tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from indicators.protection.forms import Sides, point_sides
from indicators.remembered import remembered
from schemas import plan_sql
from schemas.framework_model import Framework
from schemas.plan import Plan, indicator_plan, with_supports
from schemas.supports import supports


@dataclass(frozen=True)
class Plans:
    """The plan of the indicators asked for, the same with what stands beside them, as tables, and as linear forms."""

    own: Plan
    whole: Plan
    tables: Mapping[str, pa.Table]
    sides: list[Sides]


def plans(framework: Framework, dynamic: Mapping[str, Sequence[str]], codes: Sequence[str] | None) -> Plans:
    """What the formulas ask for; `dynamic` lists the members of dimensions without a fixed list. Shared by all runs."""
    chosen = tuple(framework.indicators if codes is None else codes)

    def made() -> Plans:
        own = indicator_plan(framework, dynamic, chosen)
        whole = with_supports(own, framework, supports(framework, chosen), dynamic)
        return Plans(own, whole, plan_sql.plan_tables(whole), point_sides(framework, whole))

    members = tuple((dimension, tuple(sorted(found))) for dimension, found in sorted(dynamic.items()))
    return remembered(framework, made, "plans", chosen, members)


def indicator_table(framework: Framework) -> pa.Table:
    """code, multiplier, quotient (or a single form), since, until."""
    ratios = {code: framework.ratio(code) for code in framework.indicators}
    return pa.table(
        {
            "code": list(ratios),
            "multiplier": pa.array([float(ratio.multiplier) for ratio in ratios.values()], type=pa.float64()),
            "quotient": [ratio.denominator is not None for ratio in ratios.values()],
            "since": pa.array([framework.indicators[code].since for code in ratios], type=pa.int32()),
            "until": pa.array([framework.indicators[code].until for code in ratios], type=pa.int32()),
        }
    )


def status_table(framework: Framework) -> pa.Table:
    """code, has_value, rank, sign."""
    statuses = framework.statuses.values()
    return pa.table(
        {
            "code": [status.code for status in statuses],
            "has_value": [status.has_value for status in statuses],
            "rank": pa.array([status.rank for status in statuses], type=pa.int32()),
            "sign": [status.sign for status in statuses],
        }
    )
