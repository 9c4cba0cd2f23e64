"""After acceptance: the sender sees which indicators follow from the delivery, beside last year, Kreis and Land."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from flows.settings import Settings
from indicators.compute import Results
from intake.preview import own_frame, reference_frame, write_preview
from schemas.framework_model import Framework
from schemas.shapes import Submission
from schemas.territory import reference_day

if TYPE_CHECKING:
    import pandas as pd


def write_previews(settings: Settings, framework: Framework, accepted: Sequence[Submission], results: Results) -> int:
    """Write a preview for each of the deliveries; all speak of a region and a year. Returns their number."""
    if not accepted:
        return 0
    spoken = {submission.year for submission in accepted if submission.year is not None}
    near = spoken | {year - 1 for year in spoken}
    by_region = _parts(framework, results.values, near, "region")
    by_year = _parts(framework, results.published, spoken, "year")
    none = _frame(framework, results.values.slice(0, 0)), _frame(framework, results.published.slice(0, 0))
    references: dict[tuple[int, tuple[str, ...]], pd.DataFrame] = {}
    for submission in accepted:
        assert submission.year is not None
        region, year = submission.region, submission.year
        own = own_frame(framework, by_region.get(region, none[0]), region, year)
        # what a region is put beside follows from the year and from what it lies in: most lie in the Land alone
        beside = year, tuple(framework.territory.ancestors(region, reference_day(year)))
        if beside not in references:
            references[beside] = reference_frame(framework, by_year.get(year, none[1]), region, year)
        write_preview(framework, submission, own, references[beside], settings.outbox, sample=settings.sample)
    return len(accepted)


def _parts(framework: Framework, table: pa.Table, years: set[int], key: str) -> dict[object, pd.DataFrame]:
    """The rows of these years, apart for each value of a column."""
    wanted = table.filter(pc.is_in(table["year"], pa.array(sorted(years), table["year"].type)))
    return dict(tuple(_frame(framework, wanted).groupby(key)))


def _frame(framework: Framework, table: pa.Table) -> pd.DataFrame:
    """As pandas. Members are read one by one: as plain objects, because those of an Arrow column are made each time."""
    frame: pd.DataFrame = table.to_pandas().astype({code.lower(): object for code in framework.dimension_order})
    return frame
