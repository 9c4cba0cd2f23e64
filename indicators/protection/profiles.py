"""The demographic profile as figures: each row of each measure tells counts, too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import partial

from indicators.protection.figure import PROFILE, Figure
from indicators.protection.forms import Linear
from indicators.protection.release import Release
from schemas.definitions_profile import Measure
from schemas.framework_model import Framework
from schemas.remembered import remembered
from schemas.shapes import member_key


def profile_cells(framework: Framework) -> Iterator[tuple[str, str]]:
    """Variable and member key of every cell that the profile is made from."""
    for measure in framework.profile.measures:
        for _, parts in _rows(measure):
            yield from ((measure.variable, key) for key in parts)
        yield measure.variable, ""


def profile_figures(release: Release, groups: Mapping[tuple[str, int], tuple[str, ...]]) -> Iterator[Figure]:
    """A figure for every row of the profile, for regions and for aggregates of which every member is there.

    A share tells its total as well. An index tells the total of its year; that of its first year is a row of its own.
    """
    places = {(region, year): (region,) for variable, region, year in release.blocks.parts}
    framework = release.policy.framework
    for number, measure in enumerate(framework.profile.measures):
        sides = remembered(framework, partial(_sides, measure), "profile", number)
        present = {(r, y) for v, r, y in release.blocks.parts if v == measure.variable}
        whole = {place: m for place, m in groups.items() if all((one, place[1]) in present for one in m)}
        for (region, year), members in sorted({**{p: places[p] for p in present}, **whole}.items()):
            if (measure.variable, year) not in release.active:
                continue
            for code, forms in sides:
                yield Figure(
                    (region, year, f"{PROFILE}{measure.code}", code),
                    members,
                    forms,
                    (None,) * len(forms),
                    share=False,
                    counted=True,
                    shown=True,
                    cost=release.policy.cost("", 1 if measure.dimension else 0, len(members) > 1),
                )


def _sides(measure: Measure) -> list[tuple[str, tuple[Linear, ...]]]:
    """Code of each row with what it tells."""
    total: Linear = {(measure.variable, "", 0): Fraction(1)}
    beside = (total,) if measure.figure == "share" else ()
    return [
        (code, ({(measure.variable, key, 0): Fraction(1) for key in parts}, *beside)) for code, parts in _rows(measure)
    ]


def _rows(measure: Measure) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Code of each row with the member keys that it adds up."""
    if measure.dimension is None:
        yield "", ("",)
        return
    for band in measure.bands:
        yield band.code, tuple(member_key(((measure.dimension, part),)) for part in band.parts)
