"""Who has delivered: expected against received against accepted, in words and for machines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from flows.status import Standing, as_records, as_text, standings, years_with_deliveries
from schemas.framework_model import Framework
from schemas.shapes import CheckedDelivery, Finding, Observation, Severity, Submission, verdict_of
from warehouse.access import Connection
from warehouse.loading import load_deliveries
from warehouse.store import writer
from warehouse.withdrawals import withdraw

CITY, OTHER, TOWN = "06414", "06413", "06532023"
YEAR = 2021
DEADLINE = date(2022, 6, 30)
Deliver = Callable[..., None]


@pytest.fixture
def connection(tiny: Framework, tmp_path: Path) -> Iterator[Connection]:
    with writer(tmp_path, tiny) as opened:
        yield opened.connection


@pytest.fixture
def deliver(connection: Connection) -> Deliver:
    """Store a delivery with findings of these severities."""
    count = [0]

    def run(
        *severities: Severity,
        region: str = CITY,
        year: int | None = YEAR,
        days_late: int = -10,
        nil: bool = False,
        hour: float = 12,
    ) -> None:
        count[0] += 1
        findings = tuple(Finding("V03", severity, "Etwas.", "Bitte prüfen.", cell="C9") for severity in severities)
        received = datetime(2022, 6, 30) + timedelta(days=days_late, hours=hour)
        submission = Submission(
            id=f"{received.year}-{region or '00000'}-{count[0]:04d}",
            sha256=f"{count[0]:064x}",
            file_name="Bogen.xlsx",
            sender=region,
            received_at=received,
            region=region,
            year=year,
            layout="form",
            verdict=verdict_of(findings),
            nil_return=nil,
        )
        value = Observation(region, year or 0, "EW", (), Decimal(1000), "ok", "GEB", "C8", "1000")
        checked = CheckedDelivery(submission, () if nil else (value,), findings)
        moment = datetime.now(UTC).replace(tzinfo=None)
        assert load_deliveries(connection, [checked], moment, "run").loaded == [submission.id]

    return run


def standing(connection: Connection, framework: Framework, region: str = CITY) -> Standing:
    (found,) = [line for line in standings(connection, framework, YEAR) if line.region == region]
    return found


@pytest.mark.parametrize(
    ("severities", "state", "errors", "questions"),
    [
        ((), "angenommen", 0, 0),
        ((Severity.INFO,), "angenommen", 0, 0),
        ((Severity.WARNING, Severity.WARNING), "angenommen, Rückfragen offen", 0, 2),
        ((Severity.ERROR, Severity.ERROR, Severity.WARNING), "zurückgegeben", 2, 1),
        ((Severity.FATAL,), "nicht lesbar", 1, 0),
    ],
)
def test_the_state_follows_from_the_newest_delivery(
    tiny: Framework,
    connection: Connection,
    deliver: Deliver,
    severities: tuple[Severity, ...],
    state: str,
    errors: int,
    questions: int,
) -> None:
    deliver(*severities)
    found = standing(connection, tiny)
    assert (found.state, found.errors, found.questions) == (state, errors, questions)
    assert found.submission == "2022-06414-0001"
    assert found.name == "Wiesbaden"


def test_a_nil_return_is_an_answer(tiny: Framework, connection: Connection, deliver: Deliver) -> None:
    deliver(nil=True)
    assert standing(connection, tiny).state == "Fehlanzeige"


def test_a_returned_nil_return_is_not_accepted(tiny: Framework, connection: Connection, deliver: Deliver) -> None:
    deliver(Severity.ERROR, nil=True)
    assert standing(connection, tiny).state == "zurückgegeben"


def test_the_newest_delivery_counts(tiny: Framework, connection: Connection, deliver: Deliver) -> None:
    deliver(Severity.ERROR, days_late=-10)
    deliver(days_late=-3)
    found = standing(connection, tiny)
    assert (found.state, found.errors, found.submission) == ("angenommen", 0, "2022-06414-0002")
    assert len([line for line in standings(connection, tiny, YEAR) if line.region == CITY]) == 1


def test_a_withdrawn_delivery_does_not_count(tiny: Framework, connection: Connection, deliver: Deliver) -> None:
    deliver()
    deliver(Severity.WARNING)
    for number, state in (("0002", "angenommen"), ("0001", "fehlt")):
        withdraw(connection, f"2022-06414-{number}", "falsche Datei", "Amt 33", datetime.now(UTC))
        assert standing(connection, tiny).state == state


def test_everybody_who_reports_is_expected_once(tiny: Framework, connection: Connection, deliver: Deliver) -> None:
    deliver()
    found = standings(connection, tiny, YEAR)
    assert [line.region for line in found] == list(dict.fromkeys(line.region for line in found))
    expected = set(tiny.territory.reporters(date(YEAR, 12, 31)))
    assert {line.region for line in found} == expected
    missing = [line for line in found if line.region != CITY]
    assert {(line.state, line.submission, line.received, line.days_before_deadline) for line in missing} == {
        ("fehlt", "", "", None)
    }


def test_who_reports_without_being_expected_is_shown_too(
    tiny: Framework, connection: Connection, deliver: Deliver
) -> None:
    unexpected = next(
        unit.code
        for unit in tiny.territory.valid_units(date(YEAR, 12, 31))
        if unit.code not in tiny.territory.reporters(date(YEAR, 12, 31))
    )
    deliver(region=unexpected)
    assert standing(connection, tiny, unexpected).state == "angenommen"


def test_hanau_is_expected_under_the_code_of_the_year(tiny: Framework, connection: Connection) -> None:
    before = {line.region for line in standings(connection, tiny, 2025)}
    after = {line.region for line in standings(connection, tiny, 2026)}
    assert {"06435014", "06415"} & before == {"06435014"}
    assert {"06435014", "06415"} & after == {"06415"}


def test_the_day_is_that_of_the_german_calendar(tiny: Framework, connection: Connection, deliver: Deliver) -> None:
    """Half past midnight after the deadline is still the day of the deadline in UTC."""
    deliver(days_late=0, hour=22.5)
    found = standing(connection, tiny)
    assert (found.days_before_deadline, found.received) == (-1, f"{DEADLINE + timedelta(days=1):%d.%m.%Y}")


@pytest.mark.parametrize(
    ("days_late", "words"),
    [
        (-10, "10 Tage vor der Frist"),
        (-1, "1 Tag vor der Frist"),
        (0, "0 Tage vor der Frist"),
        (1, "1 Tag nach der Frist"),
        (12, "12 Tage nach der Frist"),
    ],
)
def test_days_early_and_late_are_counted_in_words(
    tiny: Framework, connection: Connection, deliver: Deliver, days_late: int, words: str
) -> None:
    deliver(days_late=days_late)
    assert tiny.deadline(YEAR) == DEADLINE
    found = standings(connection, tiny, YEAR)
    assert standing(connection, tiny).days_before_deadline == -days_late
    (line,) = [line for line in as_text(found).splitlines() if "Wiesbaden" in line]
    assert line.endswith(words)
    assert f"{DEADLINE + timedelta(days=days_late):%d.%m.%Y}" in line


def test_the_first_line_counts_with_the_right_plural(tiny: Framework, connection: Connection, deliver: Deliver) -> None:
    deliver()
    all_of_them = len(standings(connection, tiny, YEAR))
    first = as_text(standings(connection, tiny, YEAR)).splitlines()[0]
    assert first == f"Berichtsjahr 2021: 1 Gebiet hat geliefert, {all_of_them - 1} fehlen."
    deliver(region=OTHER)
    first = as_text(standings(connection, tiny, YEAR)).splitlines()[0]
    assert first == f"Berichtsjahr 2021: 2 Gebiete haben geliefert, {all_of_them - 2} fehlen."


def test_one_missing_region_is_one() -> None:
    line = Standing(YEAR, CITY, "Wiesbaden", "fehlt", "", "", None, 0, 0)
    assert as_text([line]) == "Berichtsjahr 2021: 0 Gebiete haben geliefert, 1 fehlt.\n  fehlt: Wiesbaden"
    assert as_text([]) == "Keine Gebiete."


def test_the_missing_are_named(tiny: Framework, connection: Connection, deliver: Deliver) -> None:
    deliver()
    last = as_text(standings(connection, tiny, YEAR)).splitlines()[-1]
    assert last.startswith("  fehlt: ")
    assert "Offenbach am Main" in last
    assert "Wiesbaden" not in last


def test_machines_get_the_same(tiny: Framework, connection: Connection, deliver: Deliver) -> None:
    deliver(Severity.WARNING)
    found = standings(connection, tiny, YEAR)
    records = json.loads(json.dumps(as_records(found)))
    assert len(records) == len(found)
    (own,) = [record for record in records if record["region"] == CITY]
    assert own == {
        "year": YEAR,
        "region": CITY,
        "name": "Wiesbaden",
        "state": "angenommen, Rückfragen offen",
        "submission": "2022-06414-0001",
        "received": "20.06.2022",
        "days_before_deadline": 10,
        "errors": 0,
        "questions": 1,
    }


def test_only_years_with_deliveries_are_listed_oldest_first(
    tiny: Framework, connection: Connection, deliver: Deliver
) -> None:
    assert years_with_deliveries(connection) == []
    for year in (2023, 2021, None, 2023):
        deliver(year=year, region=OTHER if year else "", nil=year is None)
    assert years_with_deliveries(connection) == [2021, 2023]


def test_an_unreadable_file_does_not_hide_the_delivery_before_it(
    tiny: Framework, connection: Connection, deliver: Deliver
) -> None:
    # it has neither region nor year, and belongs to no line
    deliver()
    deliver(Severity.FATAL, region="", year=None)
    assert standing(connection, tiny).state == "angenommen"
