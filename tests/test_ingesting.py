"""One pass over the inbox: every file is filed, stored and answered, whatever it is, and whenever the machine dies.

The tiny framework keeps it quick; what needs the shipped one says so.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

import flows.ingesting
import flows.known_past
import intake.checking
from flows.demo.world import World
from flows.ingesting import IngestResult, ingest
from flows.settings import Settings
from intake.form import write_form
from intake.form_request import CoverAnswers, FormRequest
from intake.inbox import Inbox
from intake.layout_sample import write_sample
from intake.layouts import load_layouts
from schemas.framework_model import Framework
from schemas.loading import load_framework
from schemas.shapes import CheckedDelivery, Submission, Verdict
from warehouse.places import Places
from warehouse.store import writer

REPOSITORY = Path(__file__).resolve().parents[1]
CITY, OTHER, THIRD, FOURTH = "06414", "06413", "06411", "06611"
Drop = Callable[..., Path]
Values = Callable[..., dict[tuple[str, str], Any]]
Night = Callable[..., IngestResult]


@pytest.fixture
def night(tiny: Framework, tmp_path: Path) -> Night:
    """Work through the inbox once."""

    def run(using: Framework | None = None, **options: Any) -> IngestResult:
        return one_night(tmp_path, using or tiny, **options)

    return run


def one_night(root: Path, framework: Framework, **options: Any) -> IngestResult:
    settings = Settings(root, **{"settle_seconds": 0, **options})
    with writer(root, framework) as store:
        return ingest(settings, framework, store, "run", lambda text: None)


def rows(root: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(Places(root).work_file), read_only=True) as connection:
        found: list[tuple[Any, ...]] = connection.execute(query).fetchall()
        return found


def current(root: Path, region: str, year: int) -> dict[tuple[str, str, str], Decimal]:
    query = f"SELECT variable, sex, age, value FROM observation WHERE region = '{region}' AND year = {year}"
    return {(variable, sex, age): value for variable, sex, age, value in rows(root, query)}


def people(root: Path, region: str, year: int = 2021) -> Decimal | None:
    return current(root, region, year).get(("EW", "T", "T"))


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def reply(root: Path, sender: str, number: str, suffix: str = "txt") -> str:
    path = root / "outbox" / sender / f"Eingangsbestaetigung_{number}.{suffix}"
    return path.read_text(encoding="utf-8")


def numbers(result: IngestResult) -> dict[str, str]:
    """File name -> submission number."""
    return {d.submission.file_name: d.submission.id for d in result.deliveries}


def wrong(values: dict[tuple[str, str], Any]) -> dict[tuple[str, str], Any]:
    """The sexes no longer add up to the total: the one rule of the tiny framework."""
    return {**values, ("EW", "SEX=M"): values["EW", "SEX=M"] + 7}


def assert_done(root: Path) -> None:
    """Nothing is waiting and nothing is half done."""
    assert list((root / "raw" / "claims").iterdir()) == []
    assert files(root / "raw" / "inbox") == []
    assert [name for name in files(root) if name.endswith(".tmp")] == []


def assert_answered(root: Path, delivery: CheckedDelivery) -> None:
    submission = delivery.submission
    base = f"{submission.sender}/Eingangsbestaetigung_{submission.id}"
    assert {f"{base}.{suffix}" for suffix in ("html", "txt", "json")} <= set(files(root / "outbox"))


# --- one file of each kind -------------------------------------------------------------------------------------------


def test_an_accepted_delivery_is_stored_archived_and_answered(
    tmp_path: Path, drop: Drop, night: Night, tiny_values: Values
) -> None:
    content = drop(tmp_path, CITY, "Bogen.xlsx").read_bytes()
    result = night()
    (delivery,) = result.deliveries
    assert delivery.submission.verdict is Verdict.ACCEPTED
    assert not result.needs_eye
    stored = {("EW", "T", "T"): 1000, ("EW", "M", "T"): 400, ("EW", "W", "T"): 600, ("EW", "T", "K"): 200}
    stored |= {("EW", "T", "E"): 800, ("FL", "T", "T"): Decimal("12.5"), ("DICHTE", "T", "T"): 83}
    assert current(tmp_path, CITY, 2021) == stored
    assert (result.values, delivery.observations) == (len(stored), ())  # the result of a night holds no values
    (archived,) = files(tmp_path / "raw" / "archive")
    path = tmp_path / "raw" / "archive" / archived
    assert archived == f"2021/{CITY}/{delivery.submission.sha256}.xlsx"
    assert path.read_bytes() == content
    assert stat.S_IMODE(path.stat().st_mode) == 0o440
    assert_answered(tmp_path, delivery)
    assert reply(tmp_path, CITY, delivery.submission.id).startswith("Ergebnis: Keine Beanstandungen.")
    assert_done(tmp_path)


def test_every_value_keeps_its_cell(tmp_path: Path, drop: Drop, night: Night) -> None:
    drop(tmp_path, CITY, "Bogen.xlsx")
    night()
    places = rows(tmp_path, "SELECT DISTINCT sheet FROM observation")
    assert places == [("GEB Gebiet und Bevölkerung",)]
    cells = [cell for (cell,) in rows(tmp_path, "SELECT cell FROM observation")]
    assert len(set(cells)) == 7
    assert all(re.fullmatch(r"[A-Z]+[0-9]+", cell) for cell in cells)


def test_a_returned_delivery_is_archived_and_answered_but_its_values_do_not_count(
    tmp_path: Path, drop: Drop, night: Night, tiny_values: Values
) -> None:
    drop(tmp_path, CITY, "gut.xlsx")
    night()
    drop(tmp_path, CITY, "schlecht.xlsx", values=wrong(tiny_values(2000)))
    result = night()
    (delivery,) = result.deliveries
    assert delivery.submission.verdict is Verdict.RETURNED
    assert result.needs_eye
    assert people(tmp_path, CITY) == 1000  # the state before goes on to count
    assert len(files(tmp_path / "raw" / "archive")) == 2
    assert_answered(tmp_path, delivery)
    assert reply(tmp_path, CITY, delivery.submission.id).startswith("Ergebnis: Korrektur erforderlich – 1 Fehler")
    stored = rows(tmp_path, f"SELECT code, sheet, cell FROM finding WHERE submission_id = '{delivery.submission.id}'")
    assert stored == [("G001", "GEB Gebiet und Bevölkerung", delivery.findings[0].cell)]
    assert_done(tmp_path)


def test_an_unreadable_file_is_put_aside_with_the_reason_and_answered(tmp_path: Path, night: Night) -> None:
    path = tmp_path / "raw" / "inbox" / CITY / "kaputt.xlsx"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PK\x03\x04 broken on its way")
    result = night()
    (delivery,) = result.deliveries
    assert delivery.submission.verdict is Verdict.REFUSED
    assert result.needs_eye
    folder = tmp_path / "raw" / "quarantine" / delivery.submission.sha256
    assert sorted(p.name for p in folder.iterdir()) == ["file.xlsx", "reason.json"]
    reason = json.loads((folder / "reason.json").read_text(encoding="utf-8"))
    assert reason["file_name"] == "kaputt.xlsx"
    assert [entry["message"] for entry in reason["reasons"]] == [delivery.findings[0].message]
    assert files(tmp_path / "raw" / "archive") == []
    assert rows(tmp_path, "SELECT verdict, region FROM submission") == [("refused", "")]
    assert delivery.submission.id.split("-")[1] == CITY  # numbered by the folder: the file itself says nothing
    assert_answered(tmp_path, delivery)
    assert_done(tmp_path)


def test_a_nil_return_is_accepted_and_replaces_what_was_there(tmp_path: Path, drop: Drop, night: Night) -> None:
    drop(tmp_path, CITY, "erst.xlsx")
    night()
    drop(tmp_path, CITY, "nichts.xlsx", values={}, nil=True)
    (delivery,) = night().deliveries
    assert delivery.submission.verdict is Verdict.ACCEPTED
    assert current(tmp_path, CITY, 2021) == {}
    assert reply(tmp_path, CITY, delivery.submission.id).startswith("Ergebnis: Fehlanzeige angenommen.")


def test_a_foreign_layout_is_recognised_stored_and_answered(
    tmp_path: Path, framework: Framework, world: World, night: Night
) -> None:
    _foreign(tmp_path, framework, world, CITY)
    (delivery,) = night(framework).deliveries
    assert delivery.submission.verdict in (Verdict.ACCEPTED, Verdict.ACCEPTED_WITH_REMARKS)
    assert (delivery.submission.layout, delivery.submission.region) == ("WI-BEV", CITY)
    assert rows(tmp_path, "SELECT DISTINCT variable, region, year FROM observation") == [("POP", CITY, 2021)]
    assert_answered(tmp_path, delivery)
    assert_done(tmp_path)


def test_a_foreign_layout_in_the_folder_of_another_town_is_noticed(
    tmp_path: Path, framework: Framework, world: World, night: Night
) -> None:
    # the layout belongs to one town; values from somebody else's folder must not replace that town's values unasked
    _foreign(tmp_path, framework, world, OTHER)
    (delivery,) = night(framework).deliveries
    assert "C04" in {found.code for found in delivery.findings}
    assert rows(tmp_path, "SELECT count(*) FROM observation") == [(0,)]


def _foreign(root: Path, framework: Framework, world: World, folder: str) -> None:
    layout = next(found for found in load_layouts(framework) if found.code == "WI-BEV")
    values = {key: value for key, value in world.values(CITY, 2021).items() if key[0] == "POP"}
    path = root / "raw" / "inbox" / folder / "Einwohner.xlsx"
    path.parent.mkdir(parents=True)
    write_sample(path, layout, framework, values, 2021)


def test_a_framework_of_a_single_dimension_is_checked_like_any_other(tmp_path: Path) -> None:
    # the framework is data: how many dimensions it has is its own affair
    directory = load_framework(REPOSITORY / "tests" / "frameworks" / "gemeinden")
    values = {("EW", ""): 1000, ("EW", "SEX=M"): 407, ("EW", "SEX=W"): 600, ("FL", ""): 12, ("DICHTE", ""): 83}
    request = FormRequest(CITY, 2021, values=values, cover=CoverAnswers(population_basis="FORT"))
    write_form(tmp_path / "raw" / "inbox" / CITY / "Bogen.xlsx", directory, request)
    result = one_night(tmp_path, directory)
    assert result.broken == {}
    assert [found.code for found in result.deliveries[0].findings] == ["G001"]


# --- again -----------------------------------------------------------------------------------------------------------


def test_the_same_file_again_is_answered_with_the_first_number_and_changes_nothing(
    tmp_path: Path, drop: Drop, night: Night
) -> None:
    content = drop(tmp_path, CITY, "a.xlsx").read_bytes()
    (first,) = night().deliveries
    before = rows(tmp_path, "SELECT * FROM observation_history")
    drop(tmp_path, CITY, "b.xlsx").write_bytes(content)
    result = night()
    assert result.deliveries == []
    assert [d.submission.id for d in result.duplicates] == [first.submission.id]
    assert not result.needs_eye
    assert rows(tmp_path, "SELECT count(*) FROM submission") == [(1,)]
    assert rows(tmp_path, "SELECT * FROM observation_history") == before
    told = [path.read_text(encoding="utf-8") for path in (tmp_path / "outbox" / CITY).glob("*.txt")]
    assert any(text.startswith(f"Ergebnis: Bereits eingegangen unter {first.submission.id}") for text in told)
    assert len(files(tmp_path / "raw" / "archive")) == 1
    assert_done(tmp_path)


def test_the_answer_to_a_repeated_file_leaves_the_first_answer_as_it_was(
    tmp_path: Path, drop: Drop, night: Night, tiny_values: Values
) -> None:
    # the first answer says what to correct; it must not turn into “you need do nothing”
    content = drop(tmp_path, CITY, "a.xlsx", values=wrong(tiny_values())).read_bytes()
    (first,) = night().deliveries
    before = {suffix: reply(tmp_path, CITY, first.submission.id, suffix) for suffix in ("txt", "html", "json")}
    drop(tmp_path, CITY, "b.xlsx").write_bytes(content)
    night()
    after = {suffix: reply(tmp_path, CITY, first.submission.id, suffix) for suffix in ("txt", "html", "json")}
    assert after == before


def test_a_returned_file_dropped_again_is_not_told_that_all_is_done(
    tmp_path: Path, drop: Drop, night: Night, tiny_values: Values
) -> None:
    content = drop(tmp_path, CITY, "a.xlsx", values=wrong(tiny_values())).read_bytes()
    night()
    known = {path: path.read_text(encoding="utf-8") for path in (tmp_path / "outbox" / CITY).glob("*.txt")}
    drop(tmp_path, CITY, "b.xlsx").write_bytes(content)
    night()
    now = {path: path.read_text(encoding="utf-8") for path in (tmp_path / "outbox" / CITY).glob("*.txt")}
    fresh = [text for path, text in now.items() if known.get(path) != text]
    assert len(fresh) == 1
    assert "Sie müssen nichts weiter tun" not in fresh[0]


def test_the_same_bytes_twice_in_one_night_count_once(tmp_path: Path, drop: Drop, night: Night) -> None:
    content = drop(tmp_path, CITY, "a.xlsx").read_bytes()
    drop(tmp_path, CITY, "b.xlsx").write_bytes(content)
    result = night()
    assert len(result.deliveries) == 1
    assert len(result.duplicates) == 1
    stored = [name for (name,) in rows(tmp_path, "SELECT id FROM submission")]
    assert stored == [result.deliveries[0].submission.id]
    # a number in an answer that nobody can look up would be worse than none
    answered = {name.partition("Eingangsbestaetigung_")[2] for name in files(tmp_path / "outbox")} - {""}
    assert {name[: len(stored[0])] for name in answered} == {stored[0]}
    texts = [path.read_text(encoding="utf-8") for path in (tmp_path / "outbox" / CITY).glob("*.txt")]
    assert sum(text.startswith(f"Ergebnis: Bereits eingegangen unter {stored[0]}") for text in texts) == 1


def test_the_same_bytes_from_another_sender_say_nothing_about_the_first_one(
    tmp_path: Path, drop: Drop, night: Night
) -> None:
    content = drop(tmp_path, CITY, "a.xlsx").read_bytes()
    (first,) = night().deliveries
    drop(tmp_path, OTHER, "a.xlsx").write_bytes(content)
    (second,) = night().deliveries
    assert second.submission.verdict is Verdict.RETURNED
    assert [found.code for found in second.findings] == ["C04"]
    assert first.submission.id not in reply(tmp_path, OTHER, second.submission.id)


def test_a_correction_supersedes_with_history(tmp_path: Path, drop: Drop, night: Night, tiny_values: Values) -> None:
    drop(tmp_path, CITY, "Bogen.xlsx")
    (first,) = night().deliveries
    drop(tmp_path, CITY, "Bogen.xlsx", values=tiny_values(1100))
    (second,) = night().deliveries
    assert first.submission.id.endswith("-0001")
    assert second.submission.id.endswith("-0002")
    assert people(tmp_path, CITY) == 1100
    query = "SELECT value, submission_id, valid_to IS NULL FROM observation_history WHERE variable = 'EW'"
    history = rows(tmp_path, f"{query} AND sex = 'T' AND age = 'T' ORDER BY valid_from")
    assert history == [(1000, first.submission.id, False), (1100, second.submission.id, True)]
    supersedes = dict(rows(tmp_path, "SELECT id, supersedes FROM submission"))
    assert supersedes[second.submission.id] == first.submission.id
    assert not supersedes[first.submission.id]
    assert len(files(tmp_path / "raw" / "archive")) == 2
    assert_answered(tmp_path, first)
    assert_answered(tmp_path, second)


def test_other_regions_and_years_are_untouched_by_a_correction(
    tmp_path: Path, drop: Drop, night: Night, tiny_values: Values
) -> None:
    drop(tmp_path, CITY, "2021.xlsx")
    drop(tmp_path, CITY, "2022.xlsx", year=2022, values=tiny_values(1010))
    drop(tmp_path, OTHER, "2021.xlsx", values=tiny_values(2000))
    night()
    drop(tmp_path, CITY, "2021_neu.xlsx", values=tiny_values(1005))
    night()
    assert [people(tmp_path, CITY, 2021), people(tmp_path, CITY, 2022), people(tmp_path, OTHER, 2021)] == [
        1005,
        1010,
        2000,
    ]


def test_an_empty_inbox_changes_nothing(tmp_path: Path, drop: Drop, night: Night) -> None:
    drop(tmp_path, CITY, "a.xlsx")
    night()
    before = rows(tmp_path, "SELECT * FROM observation_history"), files(tmp_path)
    result = night()
    assert (result.deliveries, result.duplicates, result.broken) == ([], [], {})
    assert (rows(tmp_path, "SELECT * FROM observation_history"), files(tmp_path)) == before


def test_a_file_that_is_still_being_written_is_named_and_left(tmp_path: Path, drop: Drop, night: Night) -> None:
    path = drop(tmp_path, CITY, "a.xlsx")
    result = night(settle_seconds=600)
    assert result.waiting == [f"{CITY}/a.xlsx"]
    assert path.exists()
    assert files(tmp_path / "outbox") == []


# --- together --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_files", [200, 1], ids=["one batch", "batches of one"])
def test_the_year_before_in_the_same_inbox_is_known_to_the_rules_of_the_next(
    tmp_path: Path, drop: Drop, night: Night, tiny_values: Values, batch_files: int
) -> None:
    # the later year comes first in the folder
    drop(tmp_path, CITY, "a_2022.xlsx", year=2022, values=tiny_values(5000))
    drop(tmp_path, CITY, "b_2021.xlsx", year=2021)
    result = night(batch_files=batch_files)
    later = next(d for d in result.deliveries if d.submission.year == 2022)
    asked = [
        found for found in later.findings if found.code == "M15" and found.members == "" and found.variable == "EW"
    ]
    assert [(found.found, found.previous_value) for found in asked] == [("5\u202f000", "1\u202f000")]


def test_a_returned_year_is_not_what_the_next_one_is_compared_with(
    tmp_path: Path, drop: Drop, night: Night, tiny_values: Values
) -> None:
    drop(tmp_path, CITY, "2021.xlsx", values=wrong(tiny_values()))
    drop(tmp_path, CITY, "2022.xlsx", year=2022, values=tiny_values(5000))
    result = night()
    later = next(d for d in result.deliveries if d.submission.year == 2022)
    assert later.findings == ()


def test_small_batches_give_what_one_large_batch_gives(
    tmp_path: Path, tiny: Framework, drop: Drop, tiny_values: Values
) -> None:
    outcomes = []
    for size in (1, 2, 200):
        root = tmp_path / str(size)
        for number, region in enumerate((CITY, OTHER, THIRD, FOURTH)):
            values = tiny_values(1000 + number)
            drop(root, region, "a.xlsx", values=wrong(values) if number == 2 else values)
        result = one_night(root, tiny, batch_files=size)
        outcomes.append((facts(root), {d.submission.id: d.submission.verdict for d in result.deliveries}))
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert len(outcomes[0][1]) == 4


def test_the_past_is_read_once_and_not_kept_when_nobody_asks_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each year looks back to the two before it; what was loaded is read again, what is too old is given up."""
    read: list[int] = []
    monkeypatch.setattr(flows.known_past, "values_of_year", lambda _, year, moment: read.append(year) or {"06": {}})
    known = flows.known_past.KnownPast(None)  # type: ignore[arg-type]
    for year in (2021, 2022, 2023):
        for region in ("06411", "06412"):
            for back in (0, 1, 2):
                known.past.values(region, year - back)
        sent = Submission("1", "", "", "06411", datetime(2026, 1, 1), "06411", year)
        known.forget([CheckedDelivery(sent)])
        assert set(known.values) == {year - 1, year - 2}
    assert read == [2021, 2020, 2019, 2022, 2021, 2023, 2022]


def test_for_few_deliveries_the_past_of_a_region_is_read_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What all regions said of a year serves, once somebody needs it; after a load nothing of it is believed."""
    read: list[object] = []
    year_of = {"06411": {("A", ""): (None, "ok")}}
    monkeypatch.setattr(flows.known_past, "values_of_year", lambda _, year, moment: read.append(year) or year_of)
    region_of = {2021: year_of["06411"]}
    monkeypatch.setattr(flows.known_past, "values_of_region", lambda _, place, moment: read.append(place) or region_of)
    known = flows.known_past.KnownPast(None, few=True)  # type: ignore[arg-type]
    assert [known.past.values("06411", year) for year in (2021, 2021, 2020)] == [region_of[2021], region_of[2021], {}]
    assert known.past.peers("06412", 2022) == [year_of["06411"]]
    assert known.past.values("06411", 2022) == year_of["06411"]
    assert known.past.values("06412", 2022) == {}
    known.forget([])
    assert known.past.values("06411", 2021) == region_of[2021]
    assert read == ["06411", 2022, "06411"]


# --- finished by the next run -----------------------------------------------------------------------------------------


def dead(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def test_a_delivery_is_answered_later_with_the_questions_that_are_stored(
    tmp_path: Path, drop: Drop, night: Night, tiny_values: Values, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of a year are loaded together and the run dies. The year before comes meanwhile: they were not asked about it."""
    drop(tmp_path, CITY, "2022.xlsx", year=2022, values=tiny_values(5000))
    drop(tmp_path, OTHER, "2022.xlsx", year=2022)
    with monkeypatch.context() as patch:
        patch.setattr(flows.ingesting, "write_reply", dead)
        with pytest.raises(KeyboardInterrupt):
            night()
    query = "SELECT submission_id, code, message FROM finding ORDER BY ALL"
    assert [number for number, *_ in rows(tmp_path, "SELECT id FROM submission")]
    assert rows(tmp_path, query) == []
    drop(tmp_path, CITY, "2021.xlsx", year=2021)
    drop(tmp_path, CITY, "2022 neu.xlsx", year=2022, values=tiny_values(5010))
    result = night()
    found = {d.submission.file_name: {f.code for f in d.findings} for d in result.deliveries}
    asked = found.pop("2022 neu.xlsx")
    assert "M15" in asked, "who comes now is compared with what counts now"
    assert found == {"2022.xlsx": set(), "2021.xlsx": set()}
    (first,) = rows(tmp_path, f"SELECT id FROM submission WHERE region = '{CITY}' ORDER BY checked_at LIMIT 1")
    assert reply(tmp_path, CITY, first[0]).startswith("Ergebnis: Keine Beanstandungen.")
    assert_done(tmp_path)


# --- one that breaks our own code ------------------------------------------------------------------------------------


def test_a_delivery_that_breaks_the_check_does_not_stop_the_others_and_is_tried_again(
    tmp_path: Path, drop: Drop, night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    for region in (CITY, OTHER, THIRD):
        drop(tmp_path, region, f"{region}.xlsx")
    sound = flows.ingesting.check_read

    def check(framework: Framework, deliveries: Sequence[Any], past: Any) -> list[CheckedDelivery]:
        if any(delivery.submission.file_name == f"{OTHER}.xlsx" for delivery in deliveries):
            raise ZeroDivisionError("our own fault")
        return sound(framework, deliveries, past)

    with monkeypatch.context() as patch:
        patch.setattr(flows.ingesting, "check_read", check)
        result = night()
    assert sorted(numbers(result)) == [f"{THIRD}.xlsx", f"{CITY}.xlsx"]
    assert list(result.broken) == [f"{OTHER}/{OTHER}.xlsx"]
    assert result.needs_eye
    assert [people(tmp_path, region) for region in (CITY, OTHER, THIRD)] == [1000, None, 1000]
    (claim,) = Inbox(tmp_path).claims()
    assert claim.sender == OTHER
    assert not (tmp_path / "outbox" / OTHER).exists()  # it is not the sender's fault
    again = night()
    assert numbers(again) == {f"{OTHER}.xlsx": claim.submission_id}
    assert people(tmp_path, OTHER) == 1000
    assert_answered(tmp_path, again.deliveries[0])
    assert_done(tmp_path)


def test_one_that_breaks_the_rules_leaves_the_findings_of_the_others_single(
    tmp_path: Path, drop: Drop, night: Night, monkeypatch: pytest.MonkeyPatch, tiny_values: Values
) -> None:
    # the batch is tried, breaks half way, and is tried again one by one
    drop(tmp_path, CITY, "a.xlsx", year=2020, population_basis="EMR")
    night()
    drop(tmp_path, OTHER, "bad.xlsx")
    drop(tmp_path, CITY, "good.xlsx", values={**tiny_values(), ("EW", "SEX=M"): 407})
    sound = intake.checking.check_rules

    def rules(framework: Framework, inputs: Sequence[Any]) -> Any:
        if any(item.region == OTHER for item in inputs):
            raise ZeroDivisionError("our own fault")
        return sound(framework, inputs)

    monkeypatch.setattr(intake.checking, "check_rules", rules)
    result = night()
    (delivery,) = result.deliveries
    assert list(result.broken) == [f"{OTHER}/bad.xlsx"]
    assert sorted(found.code for found in delivery.findings) == ["C08", "G001"]


def test_a_file_that_breaks_the_reader_does_not_stop_the_others(
    tmp_path: Path, drop: Drop, night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(tmp_path, CITY, "good.xlsx")
    drop(tmp_path, OTHER, "bad.xlsx")
    sound = flows.ingesting.read_deliveries

    def read(framework: Framework, received: Sequence[Any], *further: Any) -> Any:
        if received[0].sender == OTHER:
            raise RuntimeError("our own fault")
        return sound(framework, received, *further)

    with monkeypatch.context() as patch:
        patch.setattr(flows.ingesting, "read_deliveries", read)
        result = night()
    assert list(numbers(result)) == ["good.xlsx"]
    assert list(result.broken) == [f"{OTHER}/bad.xlsx"]
    assert list(numbers(night())) == ["bad.xlsx"]
    assert_done(tmp_path)


# --- kill -9 at every step -------------------------------------------------------------------------------------------

BEFORE = {"_claim": 1, "_freeze": 1, "remember": 1, "archive_file": 1, "quarantine_file": 1}
AFTER = {"_claim": 2, "_freeze": 2, "remember": 2, "archive_file": 2, "quarantine_file": 1}
THRICE = ("load_together", "write_reply", "release")
"""Where most is at stake; the first answer and release of the night are those of a file that is known already.
The second load is that of a year, with the correction: its answer speaks of the delivery before."""

STEPS = [
    *((name, "before", occurrence) for name, occurrence in BEFORE.items()),
    *((name, "after", occurrence) for name, occurrence in AFTER.items()),
    *((name, when, n) for name in THRICE for when, n in (("before", 1), ("before", 2), ("after", 2))),
]


def facts(root: Path) -> dict[str, Any]:
    """Everything that must be the same whenever the machine died; only the clock and the names of claims may differ."""
    query = (
        "SELECT id, sha256, sender, region, year, file_name, verdict, layout, supersedes FROM submission ORDER BY ALL"
    )
    seen: dict[str, Any] = {
        "submissions": rows(root, query),
        "findings": rows(root, "SELECT submission_id, code, sheet, cell, message FROM finding ORDER BY ALL"),
        "observations": rows(root, "SELECT * FROM observation ORDER BY ALL"),
        "versions": rows(
            root, "SELECT submission_id, variable, value, valid_to IS NULL FROM observation_history ORDER BY ALL"
        ),
        "claims": [path.name for path in (root / "raw" / "claims").iterdir()],
        "temporary": [name for name in files(root) if name.endswith(".tmp")],
    }
    for folder in ("raw/inbox", "raw/archive", "raw/quarantine", "outbox"):
        seen[folder] = {name: _content(root / folder / name) for name in files(root / folder)}
    return json.loads(json.dumps(seen, default=str))  # type: ignore[no-any-return]


def _content(path: Path) -> str:
    if path.suffix in (".txt", ".html", ".json"):
        text = path.read_text(encoding="utf-8")
        text = re.sub(r"\d\d\.\d\d\.\d{4}, \d\d:\d\d Uhr", "<time>", text)
        return re.sub(r'"time": "[^"]*"', '"time": ""', text)
    # a workbook that we write may name the time; one that came in must be what it was
    return hashlib.sha256(path.read_bytes()).hexdigest() if "outbox" not in path.parts else ""


def deadly(original: Callable[..., Any], when: str, occurrence: int) -> Callable[..., Any]:
    calls = [0]

    def call(*arguments: Any, **options: Any) -> Any:
        calls[0] += 1
        if calls[0] == occurrence and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        found = original(*arguments, **options)
        if calls[0] == occurrence:
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    return call


def in_a_process(work: Callable[[], None]) -> int:
    """Do it in a process of its own; its exit status, negative for the signal that killed it.

    Forked from a process that has imported everything and opened nothing, because importing takes longer than the work.
    """
    child = os.fork()
    if child == 0:
        status = 1
        try:
            signal.alarm(60)
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_and_run_again(framework_folder: str, base: str, work: str, out: str) -> None:
    """Runs in a process of its own: every step once the last one of a night, then another night."""
    framework = load_framework(Path(framework_folder))
    found = {}
    os.fsync = lambda handle: None  # nothing here cuts the power
    for number, (name, when, occurrence) in enumerate([("", "", 0), *STEPS]):
        root = Path(work) / str(number)
        shutil.copytree(base, root)
        target = Inbox if hasattr(Inbox, name) else flows.ingesting
        reports = root / "facts.json"

        def dying(
            root: Path = root, target: Any = target, name: str = name, when: str = when, occurrence: int = occurrence
        ) -> None:
            if name:
                setattr(target, name, deadly(getattr(target, name), when, occurrence))
            one_night(root, framework)

        def recovering(root: Path = root, reports: Path = reports) -> None:
            one_night(root, framework)
            reports.write_text(json.dumps(facts(root)))

        died, again = in_a_process(dying), in_a_process(recovering)
        content = json.loads(reports.read_text()) if reports.exists() else None
        found[f"{name} {when} {occurrence}"] = {"died": died, "again": again, "facts": content}
        shutil.rmtree(root)
    Path(out).write_text(json.dumps(found))


@pytest.fixture(scope="module")
def nights(
    tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path, tiny: Framework, drop: Drop, tiny_values: Values
) -> dict[str, Any]:
    """What is there after a night that died at a step and the one after it, for every step and for none."""
    folder = tmp_path_factory.mktemp("killed")
    base = folder / "base"
    content = drop(base, FOURTH, "alt.xlsx").read_bytes()
    one_night(base, tiny)
    drop(base, CITY, "angenommen.xlsx")
    drop(base, OTHER, "zurückgegeben.xlsx", values=wrong(tiny_values()))
    drop(base, FOURTH, "bekannt.xlsx").write_bytes(content)
    drop(base, FOURTH, "berichtigt.xlsx", values=tiny_values(1100))
    unreadable = base / "raw" / "inbox" / THIRD / "unlesbar.xlsx"
    unreadable.parent.mkdir()
    unreadable.write_bytes(b"PK\x03\x04 broken")
    out = folder / "out.json"
    arguments = [str(tiny_folder), str(base), str(folder), str(out)]
    code = "import sys; from test_ingesting import killed_and_run_again; killed_and_run_again(*sys.argv[1:])"
    quiet = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'tests'}"}
    subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=REPOSITORY, env={**os.environ, **quiet}, check=True, timeout=300
    )
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def test_the_undisturbed_night_has_one_of_each_kind(nights: dict[str, Any]) -> None:
    whole = nights["  0"]
    assert (whole["died"], whole["again"]) == (0, 0)
    seen = whole["facts"]
    assert sorted(row[6] for row in seen["submissions"]) == ["accepted", "accepted", "accepted", "refused", "returned"]
    assert (seen["claims"], seen["temporary"], seen["raw/inbox"]) == ([], [], {})
    assert len(seen["raw/archive"]) == 4
    assert len(seen["raw/quarantine"]) == 2
    assert len(seen["outbox"]) >= 5 * 3


@pytest.mark.parametrize(("step", "when", "occurrence"), STEPS)
def test_a_night_killed_at_any_step_ends_like_an_undisturbed_one(
    nights: dict[str, Any], step: str, when: str, occurrence: int
) -> None:
    found, whole = nights[f"{step} {when} {occurrence}"], nights["  0"]
    assert found["died"] == -signal.SIGKILL
    assert found["again"] == 0
    for part, expected in whole["facts"].items():
        assert found["facts"][part] == expected, part


def test_the_year_of_a_number_is_that_of_its_receipt(tmp_path: Path, drop: Drop, night: Night) -> None:
    drop(tmp_path, CITY, "a.xlsx")
    (delivery,) = night().deliveries
    year = delivery.submission.received_at.year
    assert delivery.submission.id == f"{year}-{CITY}-0001"
    assert abs(year - date.today().year) <= 1
