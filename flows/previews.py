"""After acceptance: the sender sees which indicators follow from the delivery, beside last year, Kreis and Land."""

from __future__ import annotations

from collections.abc import Sequence

from flows.settings import Settings
from indicators.compute import Results
from intake.preview import own_frame, reference_frame, write_preview
from schemas.framework_model import Framework
from schemas.shapes import Submission


def write_previews(settings: Settings, framework: Framework, accepted: Sequence[Submission], results: Results) -> int:
    """Write a preview for each of the deliveries; all speak of a region and a year. Returns their number."""
    if not accepted:
        return 0
    values, published = results.values.to_pandas(), results.published.to_pandas()
    for submission in accepted:
        assert submission.year is not None
        own = own_frame(framework, values, submission.region, submission.year)
        reference = reference_frame(framework, published, submission.region, submission.year)
        write_preview(framework, submission, own, reference, settings.outbox, sample=settings.sample)
    return len(accepted)
