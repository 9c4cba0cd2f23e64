"""What a sender is told of the days of his reporting year when something is left for him to do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from schemas.framework_model import Framework
from schemas.shapes import Submission

_ZONE = ZoneInfo("Europe/Berlin")


def local_time(moment: datetime) -> datetime:
    """A moment of the system (UTC without zone) in German time."""
    return moment.replace(tzinfo=UTC).astimezone(_ZONE)


def deadline_told(framework: Framework, submission: Submission) -> Iterator[str]:
    """The deadline; before it, that it has passed, if so, and what a correction is still good for. Nothing without a year."""
    if not submission.year:
        return
    days = framework.calendar.days(framework.head.delivery.deadline, submission.year)
    received = local_time(submission.received_at).date()
    if received > days.deadline:
        yield _passed(received, days.corrections_until)
    yield f"Frist: {days.deadline:%d.%m.%Y}."


def _passed(received: date, corrections_until: date) -> str:
    if received <= corrections_until:
        return f"Die Frist ist vorbei. Was bis {corrections_until:%d.%m.%Y} eingeht, zählt noch in den endgültigen Ergebnissen."
    return "Die Frist ist vorbei. Bitte senden Sie die Berichtigung so bald wie möglich."
