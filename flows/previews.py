"""After acceptance: the sender sees which indicators follow from the delivery, beside last year, Kreis and Land."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from flows.settings import Settings
from indicators.compute import Results
from intake.preview import own_frame, reference_frame, write_preview
from schemas.framework_model import Framework
from schemas.shapes import Submission


def write_previews(settings: Settings, framework: Framework, accepted: Sequence[Submission], results: Results) -> int:
    """Write a preview for each of the deliveries; all speak of a region and a year. Returns their number."""
    if not accepted:
        return 0
    spoken = {submission.year for submission in accepted if submission.year is not None}
    values, published = results.values, results.published
    near = pa.array(sorted({*spoken, *(year - 1 for year in spoken)}), values["year"].type)
    by_region = dict(tuple(values.filter(pc.is_in(values["year"], near)).to_pandas().groupby("region")))
    now = pa.array(sorted(spoken), published["year"].type)
    by_year = dict(tuple(published.filter(pc.is_in(published["year"], now)).to_pandas().groupby("year")))
    none = values.slice(0, 0).to_pandas(), published.slice(0, 0).to_pandas()
    for submission in accepted:
        assert submission.year is not None
        region, year = submission.region, submission.year
        own = own_frame(framework, by_region.get(region, none[0]), region, year)
        reference = reference_frame(framework, by_year.get(year, none[1]), region, year)
        write_preview(framework, submission, own, reference, settings.outbox, sample=settings.sample)
    return len(accepted)
