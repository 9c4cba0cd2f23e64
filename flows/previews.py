"""After acceptance: the sender sees which indicators follow from the delivery, beside last year, Kreis and Land."""

from __future__ import annotations

from flows.ingesting import IngestResult
from flows.settings import Settings
from indicators.compute import Results
from intake.preview import own_frame, reference_frame, write_preview
from schemas.framework_model import Framework
from schemas.shapes import Verdict


def write_previews(settings: Settings, framework: Framework, ingested: IngestResult, results: Results) -> int:
    """Write a preview for every delivery accepted in this run that speaks of one region and year; returns the number."""
    accepted = [
        delivery.submission
        for delivery in ingested.deliveries
        if delivery.submission.verdict in (Verdict.ACCEPTED, Verdict.ACCEPTED_WITH_REMARKS)
        and delivery.submission.region
        and delivery.submission.year
        and delivery.observations
    ]
    if not accepted:
        return 0
    values, published = results.values.to_pandas(), results.published.to_pandas()
    for submission in accepted:
        assert submission.year is not None
        own = own_frame(framework, values, submission.region, submission.year)
        reference = reference_frame(framework, published, submission.region, submission.year)
        write_preview(framework, submission, own, reference, settings.outbox, sample=settings.sample)
    return len(accepted)
