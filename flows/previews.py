"""After acceptance: the sender sees which indicators follow from the delivery, beside last year, Kreis and Land."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from flows.settings import Settings
from indicators.coded import plain
from indicators.compute import Results
from indicators.remembered import without_collecting
from intake.preview import Previews
from intake.preview_figures import Figures
from intake.preview_frames import OWN_COLUMNS, compared_with, own_frames, reference_frames
from schemas.framework_model import Framework
from schemas.shapes import Submission
from schemas.territory import reference_day

Place = tuple[str, int]
"""Region and year."""
Beside = tuple[int, tuple[str, ...]]
"""What a region is put beside follows from the year and from what it lies in: most lie in the Land alone."""


def write_previews(settings: Settings, framework: Framework, accepted: Sequence[Submission], results: Results) -> int:
    """Write a preview for each of the deliveries; all speak of a region and a year. Returns their number."""
    if not accepted:
        return 0
    places = {_place(submission) for submission in accepted}
    none = pd.DataFrame(columns=list(OWN_COLUMNS))
    with without_collecting():
        own = _own(framework, results.values, places)
        previews = _previews(framework, results.published, places)
        for submission in sorted(accepted, key=_place):  # what was said of a year stands beside the next
            region, year = _place(submission)
            pages = previews[_beside(framework, region, year)]
            pages.write(submission, own.get((region, year), none), settings.outbox, sample=settings.sample)
    return len(accepted)


def _place(submission: Submission) -> Place:
    assert submission.year is not None
    return submission.region, submission.year


def _own(framework: Framework, values: pa.Table, places: Iterable[Place]) -> dict[object, pd.DataFrame]:
    """The figures of these regions, for each year in which one of them is looked at."""
    near = {at for _, year in places for at in (year, year - 1)}
    regions = {region for region, _ in places}
    return own_frames(framework, _frame(framework, values, regions, near, "value", "status"))


def _previews(framework: Framework, published: pa.Table, places: Iterable[Place]) -> dict[Beside, Previews]:
    """The pages by what they are put beside."""
    like = {_beside(framework, region, year): (region, year) for region, year in sorted(places)}
    named = {beside: compared_with(framework, *place) for beside, place in like.items()}
    codes, years = {code for names in named.values() for code in names}, {year for year, _ in named}
    rows = _frame(framework, published, codes, years, "value", "sign")
    sets = {year: [names for (at, _), names in named.items() if at == year] for year in years}
    references, figures = reference_frames(framework, rows, sets), Figures(framework.statuses)
    return {
        beside: Previews(framework, references[beside[0], tuple(names)], figures) for beside, names in named.items()
    }


def _beside(framework: Framework, region: str, year: int) -> Beside:
    return year, tuple(framework.territory.ancestors(region, reference_day(year)))


def _frame(framework: Framework, table: pa.Table, regions: set[str], years: set[int], *columns: str) -> pd.DataFrame:
    """The rows of regions and years as pandas, with what a figure is of, and these columns."""
    dimensions = (code.lower() for code in framework.dimension_order)
    own = pc.is_in(table["region"], pa.array(sorted(regions), pa.string()))
    near = pc.is_in(table["year"], pa.array(sorted(years), table["year"].type))
    narrow = table.select(["region", "year", "indicator", *dimensions, *columns])
    frame: pd.DataFrame = plain(narrow.filter(pc.and_(own, near))).to_pandas()
    return frame
