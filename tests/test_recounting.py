"""Figures counted across registers: who comes with one of them alone changes what the rows of the other say."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import test_warehouse as t
from test_warehouse import NOON, UNIT_X, load
from test_warehouse_history import HOUR, entry
from test_warehouse_records import brought, row

from flows.corrections import correct
from flows.why_text import as_text as why_text
from schemas.framework_model import Framework
from schemas.shapes import CheckedDelivery, Observation, Record, Verdict
from warehouse.access import rows
from warehouse.corrections import apply_corrections
from warehouse.lineage import why
from warehouse.loading import as_of
from warehouse.recounting import across, recount
from warehouse.store import Writer
from warehouse.withdrawals import withdraw

framework, empty, opened = t.framework, t.empty, t.opened
SEATS, BODIES = "PARTICIPATION", "ORGANISATION"
FIGURE = "MO_BODY"
Lists = Mapping[str, Mapping[str, str]]
"""Register -> what each of its rows says: the organisation of a seat, whether an organisation is active."""


def delivered(number: int, lists: Lists, **more: Any) -> CheckedDelivery:
    """A delivery of these registers; counted when it was checked if both are there."""
    said = {SEATS: ("ORGANISATION", {"BODY": "G-1", "ROLE": "MEMBER"}), BODIES: ("ACTIVE", {"NAME": "Verein"})}
    records: list[Record] = []
    for code, entries in lists.items():
        name, rest = said[code]
        records += [row(code, id_, n + 7, **{name: text, **rest}) for n, (id_, text) in enumerate(entries.items())]
    sent = brought(number, records, list(lists), layout="form", **more)
    if len(lists) < 2:
        return sent
    figure = Observation(UNIT_X, 2025, FIGURE, (), Decimal(seated(lists)), "ok", "Blatt", "A7", "")
    return replace(sent, observations=(figure,))


def seated(lists: Lists) -> int:
    """Active organisations with a seat."""
    return len({body for body in lists[SEATS].values() if lists[BODIES].get(body) == "yes"})


def current(target: Writer) -> list[tuple[int, str]]:
    query = "SELECT CAST(value AS INTEGER), submission_id FROM observation WHERE variable = ?"
    return [(value, number[-1]) for value, number in rows(target.connection, query, [FIGURE])]


def then(target: Writer, moment: datetime) -> list[int]:
    """The figure as it was at a moment."""
    return [int(each["value"]) for each in as_of(target.connection, moment).to_pylist() if each["variable"] == FIGURE]


def test_the_shipped_framework_has_one(framework: Framework) -> None:
    assert across(framework) == {FIGURE: (SEATS, BODIES)}


def test_who_delivers_one_register_alone_renews_the_figure(opened: Writer, framework: Framework) -> None:
    """Also where the register with the rows comes alone, and where one is withdrawn."""
    both: Lists = {SEATS: {"S-1": "O-1", "S-2": "O-2"}, BODIES: {"O-1": "yes", "O-2": "yes"}}
    load(opened, delivered(1, both))
    assert recount(opened.connection, framework, NOON).opened == 0, "it was counted when it was checked"
    assert current(opened) == [(2, "1")]
    steps: tuple[tuple[Lists, list[tuple[int, str]]], ...] = (
        ({BODIES: {"O-1": "yes", "O-2": "no"}}, [(1, "1")]),
        ({SEATS: {"S-1": "O-2", "S-3": "O-1", "S-4": "O-1"}}, [(1, "3")]),
        ({BODIES: {"O-1": "no", "O-2": "no"}}, [(0, "3")]),
    )
    for number, (lists, expected) in enumerate(steps, 2):
        load(opened, delivered(number, lists), now=NOON + number * HOUR)
        recount(opened.connection, framework, NOON + number * HOUR + timedelta(minutes=1))
        assert current(opened) == expected
        assert recount(opened.connection, framework, NOON + number * HOUR).opened == 0, "nothing changed"
    for number, expected in ((4, [(1, "3")]), (2, [(2, "3")]), (3, [(2, "1")]), (1, [])):
        withdraw(opened.connection, f"2026-{UNIT_X}-000{number}", "Grund", "Amt", NOON + (10 - number) * HOUR)
        recount(opened.connection, framework, NOON + (10 - number) * HOUR)
        assert current(opened) == expected, number
    assert [then(opened, NOON + hour * HOUR + timedelta(minutes=30)) for hour in range(5)] == [[2], [2], [1], [1], [0]]


def test_a_correction_stays_until_the_register_comes_again(opened: Writer, framework: Framework) -> None:
    load(opened, delivered(1, {SEATS: {"S-1": "O-1"}, BODIES: {"O-1": "yes"}}))
    apply_corrections(opened.connection, [entry(FIGURE, 1, 5)], NOON + HOUR, "r")
    load(opened, delivered(2, {BODIES: {"O-1": "no"}}), now=NOON + 2 * HOUR)
    recount(opened.connection, framework, NOON + 2 * HOUR)
    assert current(opened) == [(5, "1")]
    correct(opened.root, framework, opened, NOON + 3 * HOUR, "r")
    assert current(opened) == [(0, "1")], (
        "there is no file of corrections: the declared one ended, and what holds is counted"
    )
    load(opened, delivered(3, {SEATS: {"S-1": "O-1"}}), now=NOON + 4 * HOUR)
    assert current(opened) == []
    correct(opened.root, framework, opened, NOON + 5 * HOUR, "r")
    assert current(opened) == [(0, "3")]


def test_why_names_the_rows_and_both_deliveries(opened: Writer, framework: Framework) -> None:
    load(opened, delivered(1, {SEATS: {"S-1": "O-1", "S-2": "O-2"}, BODIES: {"O-1": "yes", "O-2": "yes"}}))
    load(opened, delivered(2, {BODIES: {"O-1": "yes", "O-2": "no"}}), now=NOON + HOUR)
    recount(opened.connection, framework, NOON + HOUR)
    indicator = next(code for code in framework.indicators if FIGURE in framework.indicator_variables(code))
    found = why(opened.connection, framework, indicator, UNIT_X, 2025, {})
    (term,) = (term for term in found["terms"] if term["variable"] == FIGURE)
    ((behind,), (cell,)) = term["records"], term["cells"]
    assert (cell["value"], cell["submission_id"][-1], cell["cell"]) == (1, "1", "C7:E8")
    assert [each["id"] for each in behind["rows"]] == ["S-1"]
    assert [(each["register"], each["submission_id"][-1]) for each in behind["beside"]] == [(BODIES, "2")]
    assert f"mit ausgewertet: {framework.registers[BODIES].name_de}, Eingang 2026-{UNIT_X}-0002" in why_text(
        framework, found
    )


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.thorough) for seed in (1, 2))])
def test_it_is_what_a_plain_replay_says(opened: Writer, framework: Framework, seed: int) -> None:
    """Deliveries of one, both or none of the registers, withdrawals, and a clock that sometimes stands still."""
    dice = random.Random(seed)
    events: dict[str, Lists] = {}
    states: list[tuple[datetime, list[int]]] = []
    for step in range(1, 25):
        now = NOON + timedelta(minutes=step - step % 3)
        if dice.random() < 0.7 or not events:
            organisations = [f"O-{n}" for n in range(1, 4)]
            made = {
                SEATS: {f"S-{n}": dice.choice(organisations) for n in range(dice.randint(0, 3))},
                BODIES: {name: dice.choice(("yes", "no")) for name in organisations if dice.random() < 0.8},
            }
            lists = {code: made[code] for code in (SEATS, BODIES) if dice.random() < 0.6}
            verdict = dice.choice((Verdict.ACCEPTED, Verdict.ACCEPTED, Verdict.RETURNED))
            sent = delivered(step, lists, verdict=verdict)
            load(opened, sent, now=now)
            if verdict is Verdict.ACCEPTED:
                events[sent.submission.id] = lists
        else:
            name = dice.choice(list(events))
            withdraw(opened.connection, name, "Grund", "Amt", now)
            del events[name]
        recount(opened.connection, framework, now)
        standing: dict[str, Mapping[str, str]] = {}
        for lists in events.values():
            standing |= lists
        expected = [seated(standing)] if len(standing) == 2 else []
        assert [value for value, _ in current(opened)] == expected, (seed, step)
        ((moment,),) = rows(
            opened.connection,
            "SELECT max(greatest(valid_from, coalesce(valid_to, valid_from))) FROM observation_version",
        )
        if moment is not None:
            states.append((moment, expected))
    for moment, expected in states:
        assert then(opened, moment) == expected
    empty_versions = "SELECT count(*) FROM observation_version WHERE valid_to <= valid_from"
    assert rows(opened.connection, empty_versions) == [(0,)]
