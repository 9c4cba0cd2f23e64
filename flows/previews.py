"""After acceptance: the sender sees which indicators follow from the delivery, beside last year, Kreis and Land."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from flows.settings import Settings
from indicators.coded import plain
from indicators.compute import Results
from indicators.remembered import without_collecting
from intake.preview import Previews, contents
from intake.preview_figures import Figures
from intake.preview_frames import compared_with, own_frame, reference_frames
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
    sent: dict[int, dict[Place, list[Submission]]] = defaultdict(lambda: defaultdict(list))
    for submission in accepted:
        place = _place(submission)
        sent[place[1]][place].append(submission)
    with without_collecting():
        places, figures = [place for year in sent.values() for place in year], Figures(framework.statuses)
        whole = _own(framework, results.values, places)
        own, nothing = dict(tuple(whole.groupby("year"))), whole.iloc[:0]
        previews = _previews(framework, results.published, places, figures)
        for year, together in sent.items():
            pages = [(place, previews[_beside(framework, *place)]) for place in together]
            told = contents(framework, pages, own.get(year, nothing), figures)
            for (place, beside), content in zip(pages, told, strict=True):
                for submission in together[place]:
                    beside.write(submission, content, settings.outbox, sample=settings.sample)
    return len(accepted)


def _place(submission: Submission) -> Place:
    assert submission.year is not None
    return submission.region, submission.year


def _own(framework: Framework, values: pa.Table, places: Sequence[Place]) -> pd.DataFrame:
    """The figures of these regions, for each year in which one of them is looked at."""
    near = {at for _, year in places for at in (year, year - 1)}
    regions = {region for region, _ in places}
    return own_frame(framework, _frame(framework, values, regions, near, "value", "status"))


def _previews(
    framework: Framework, published: pa.Table, places: Sequence[Place], figures: Figures
) -> dict[Beside, Previews]:
    """The pages by what they are put beside."""
    like = {_beside(framework, region, year): (region, year) for region, year in sorted(places)}
    named = {beside: compared_with(framework, *place) for beside, place in like.items()}
    codes, years = {code for names in named.values() for code in names}, {year for year, _ in named}
    rows = _frame(framework, published, codes, years, "value", "sign")
    whole = {year: {c: n for (at, _), one in named.items() if at == year for c, n in one.items()} for year in years}
    references = reference_frames(framework, rows, {year: [names] for year, names in whole.items()})
    of_year = {year: Previews(framework, references[year, tuple(names)], figures) for year, names in whole.items()}
    return {beside: of_year[beside[0]].among(names) for beside, names in named.items()}


def _beside(framework: Framework, region: str, year: int) -> Beside:
    return year, tuple(framework.territory.ancestors(region, reference_day(year)))


def _frame(framework: Framework, table: pa.Table, regions: set[str], years: set[int], *columns: str) -> pd.DataFrame:
    """The rows of regions and years as pandas, with what a figure is of, and these columns."""
    dimensions = (code.lower() for code in framework.dimension_order)
    own = pc.is_in(table["region"], pa.array(sorted(regions), pa.string()))
    near = pc.is_in(table["year"], pa.array(sorted(years), table["year"].type))
    narrow = plain(table.select(["region", "year", "indicator", *dimensions, *columns]).filter(pc.and_(own, near)))
    coded = [column.dictionary_encode() if pa.types.is_string(column.type) else column for column in narrow.columns]
    frame: pd.DataFrame = pa.table(coded, narrow.column_names).to_pandas()
    return frame
