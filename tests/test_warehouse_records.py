"""Registers in the warehouse: versions of rows, what a delivery replaces, withdrawals, lineage, and what is published."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import register_sample as sample
import test_warehouse as t
from test_warehouse import NOON, UNIT_X, delivery, load
from test_warehouse_history import HOUR, entry

from flows.beside import beside
from flows.reporting import report_data
from flows.settings import Settings
from flows.why_text import as_text as why_text
from indicators.compute import compute
from indicators.registers import published_registers
from schemas.framework_model import Framework
from schemas.shapes import CheckedDelivery, Observation, Record, Registers, Verdict
from warehouse.access import rows
from warehouse.computed import entered
from warehouse.corrections import apply_corrections
from warehouse.lineage import why
from warehouse.loading import as_of
from warehouse.publishing import fingerprint, publish
from warehouse.records import all_registers, has_records, records_of, registers_of
from warehouse.results import replace_all_results
from warehouse.snapshot import open_snapshot
from warehouse.store import Writer, writer
from warehouse.withdrawals import withdraw

framework, empty, opened = t.framework, t.empty, t.opened
REGISTERS = ("OFFER", "BODY")


def row(register: str, id_: str, number: int = 7, region: str = UNIT_X, year: int = 2025, **values: str) -> Record:
    """A row whose fields stand beside each other from column C on."""
    cells = {name: f"{chr(67 + n)}{number}" for n, name in enumerate(values)}
    return Record(region, year, register, id_, values, f"Blatt {register}", number, cells)


def brought(number: int, rows_: Iterable[Record], registers: Sequence[str] = REGISTERS, **more: Any) -> CheckedDelivery:
    """A delivery of registers, with values beside them when asked for."""
    sent = delivery(number, more.pop("values", {}), layout=more.pop("layout", "registers"), **more)
    return replace(sent, registers=tuple(registers), records=tuple(rows_))


def ids(target: Writer, region: str = UNIT_X, year: int = 2025) -> list[str]:
    return [record.id for record in records_of(target.connection, region, year)]


def test_a_row_comes_back_as_it_was_delivered(opened: Writer) -> None:
    sent = (row("OFFER", "A-1", TITLE="Café & Co", FIELDS="SPR;ARB"), row("OFFER", "A-2", 8, TITLE="Zwei"))
    load(opened, brought(1, sent))
    assert records_of(opened.connection, UNIT_X, 2025) == list(sent)
    assert registers_of(opened.connection, UNIT_X, 2025) == ("BODY", "OFFER"), "the empty one is a statement, too"
    assert rows(opened.connection, "SELECT count(*) FROM record") == [(3,)]
    assert all_registers(opened.connection) == Registers(((UNIT_X, 2025, "BODY"), (UNIT_X, 2025, "OFFER")), sent)


def test_a_newer_delivery_replaces_exactly_the_registers_it_brings(opened: Writer) -> None:
    load(opened, brought(1, (row("OFFER", "A-1", TITLE="alt"), row("BODY", "G-1", NAME="Tisch"))))
    load(opened, brought(2, (row("OFFER", "A-2", TITLE="neu"),), ["OFFER"]), now=NOON + HOUR)
    assert ids(opened) == ["G-1", "A-2"]
    load(opened, brought(3, (), ["BODY"]), now=NOON + 2 * HOUR)
    assert ids(opened) == ["A-2"]
    assert registers_of(opened.connection, UNIT_X, 2025) == ("BODY", "OFFER")
    load(opened, brought(4, (row("OFFER", "A-9", year=2024, TITLE="Vorjahr"),), ["OFFER"], year=2024))
    assert ids(opened) == ["A-2"]
    then = {hour: [r.id for r in all_registers(opened.connection, NOON + hour * HOUR).records] for hour in (0, 1, 2)}
    assert then == {0: ["G-1", "A-1"], 1: ["G-1", "A-2"], 2: ["A-2"]}


def test_a_delivery_that_is_not_accepted_changes_no_row(opened: Writer) -> None:
    load(opened, brought(1, (row("OFFER", "A-1", TITLE="alt"),)))
    load(opened, brought(2, (row("OFFER", "A-2", TITLE="neu"),), verdict=Verdict.RETURNED))
    assert ids(opened) == ["A-1"]


def test_a_withdrawn_delivery_gives_the_rows_back(opened: Writer) -> None:
    load(opened, brought(1, (row("OFFER", "A-1", TITLE="alt"),)))
    load(opened, brought(2, (), ["OFFER"]), now=NOON + HOUR)
    assert ids(opened) == []
    withdraw(opened.connection, f"2026-{UNIT_X}-0002", "falsche Datei", "Amt", NOON + 2 * HOUR)
    assert records_of(opened.connection, UNIT_X, 2025) == [row("OFFER", "A-1", TITLE="alt")]
    withdraw(opened.connection, f"2026-{UNIT_X}-0001", "falsche Datei", "Amt", NOON + 3 * HOUR)
    assert (ids(opened), registers_of(opened.connection, UNIT_X, 2025)) == ([], ())
    assert [r.id for r in all_registers(opened.connection, NOON + 2 * HOUR).records] == ["A-1"]


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ((row("OFFER", "A-1", TITLE="a"), row("OFFER", "A-1", 9, TITLE="b")), "Zeile 9"),
        ((row("PAGE", "W-1", TITLE="a"),), "PAGE wurde nicht geliefert"),
    ],
)
def test_what_cannot_be_stored_is_our_fault_and_changes_nothing(
    opened: Writer, sent: tuple[Record, ...], said: str
) -> None:
    (why_not,) = load(opened, brought(1, sent)).failed.values()
    assert said in why_not
    assert rows(opened.connection, "SELECT count(*) FROM submission") == [(0,)]


def test_a_changed_row_is_a_new_state(opened: Writer, framework: Framework) -> None:
    load(opened, brought(1, (row("OFFER", "A-1", TITLE="alt"),)))
    before = fingerprint(opened.connection, framework), entered(opened.connection, [])
    load(opened, brought(2, (row("OFFER", "A-1", TITLE="neu"),)))
    after = fingerprint(opened.connection, framework), entered(opened.connection, [])
    assert before[0] != after[0]
    assert before[1] != after[1]


# --- values counted from rows -----------------------------------------------------------------------------------------


def counted_variable(framework: Framework) -> tuple[str, str]:
    """A variable that is counted, and its register."""
    code, made = next(
        (code, v.computed_from) for code, v in framework.variables.items() if v.computed_from and v.computed_from.count
    )
    return code, made.records


def typed_variable(framework: Framework) -> str:
    """A variable without breakdowns that somebody types."""
    return next(code for code in t.base(framework, 30) if framework.variables[code].computed_from is None)


def test_a_counted_value_comes_and_goes_with_its_register(opened: Writer, framework: Framework) -> None:
    plain = typed_variable(framework)
    counted, register = counted_variable(framework)
    load(
        opened,
        brought(
            1,
            (row(register, "X-1", START="2025-01-01"),),
            [register],
            values={(counted, ()): 1, (plain, ()): 5},
            layout="form",
        ),
    )
    load(opened, delivery(2, {(plain, ()): 6, (counted, ()): "not_delivered"}, layout="form"), now=NOON + HOUR)
    assert t.current(opened.connection) == {(UNIT_X, 2025, plain): 6, (UNIT_X, 2025, counted): 1}
    load(opened, brought(3, (), [register], values={(counted, ()): 0}), now=NOON + 2 * HOUR)
    assert t.current(opened.connection) == {(UNIT_X, 2025, plain): 6, (UNIT_X, 2025, counted): 0}
    withdraw(opened.connection, f"2026-{UNIT_X}-0003", "Grund", "Amt", NOON + 3 * HOUR)
    assert t.current(opened.connection) == {(UNIT_X, 2025, plain): 6, (UNIT_X, 2025, counted): 1}
    corrected = entry(counted, 1, 2)
    assert apply_corrections(opened.connection, [corrected], NOON + 4 * HOUR, "r").applied == [corrected.id]
    load(opened, delivery(4, {(plain, ()): 7}, layout="form"), now=NOON + 5 * HOUR)
    assert t.current(opened.connection)[UNIT_X, 2025, counted] == 2, "the form without the register leaves it alone"
    load(opened, brought(5, (), [register], values={(counted, ()): 0}), now=NOON + 6 * HOUR)
    assert t.current(opened.connection)[UNIT_X, 2025, counted] == 0


def test_why_names_the_rows_that_were_counted(opened: Writer, framework: Framework) -> None:
    code = next(
        code
        for code in framework.indicators
        if (used := framework.indicator_variables(code))
        and all((made := framework.variables[v].computed_from) and made.count for v in used)
    )
    (register,) = {framework.variables[v].computed_from.records for v in framework.indicator_variables(code)}  # type: ignore[union-attr]
    sent = tuple(replace(each, region=UNIT_X) for each in sample.records(framework) if each.region == sample.CITY)
    sheet = framework.registers[register].sheet
    counted = [
        Observation(UNIT_X, 2025, variable, (), Decimal(3), "ok", sheet, "A7:Z9", "3")
        for variable in framework.indicator_variables(code)
    ]
    load(opened, replace(brought(1, sent, list(framework.registers)), observations=tuple(counted)))
    found = why(opened.connection, framework, code, UNIT_X, 2025, {})
    for term in found["terms"]:
        (behind,) = term["records"]
        assert (behind["register"], behind["entries"]) == (register, 3)
        assert {each["sheet"] for each in behind["rows"]} <= {sheet}
    whole = max((term["records"][0]["rows"] for term in found["terms"]), key=len)
    assert [(each["id"], each["row"]) for each in whole] == [("A-1", 7), ("A-2", 8), ("A-3", 9)]
    text = why_text(framework, found)
    assert "3 von 3 Einträgen gezählt" in text
    assert f"A-1 „Sprachcafé im Stadtteil“  „{sheet}“ Zeile 7" in text


# --- a plain model of all of it ---------------------------------------------------------------------------------------


@dataclass
class Model:
    """Deliveries of registers replayed one by one."""

    events: list[tuple[str, tuple[str, int], Mapping[str, list[str]], dict[str, int]]] = field(default_factory=list)
    withdrawn: set[str] = field(default_factory=set)

    def state(self) -> tuple[dict[tuple[str, int, str], list[str]], dict[tuple[str, int], int]]:
        """Ids by region, year and register; the counted value by region and year."""
        found: dict[tuple[str, int, str], list[str]] = {}
        values: dict[tuple[str, int], int] = {}
        for name, place, registers, counted in self.events:
            if name not in self.withdrawn:
                found |= {(*place, code): names for code, names in registers.items()}
                if counted:
                    values[place] = counted["value"]
        return found, values


@pytest.mark.parametrize("seed", [*range(2), *(pytest.param(seed, marks=pytest.mark.thorough) for seed in range(2, 4))])
def test_the_warehouse_agrees_with_a_plain_replay(opened: Writer, framework: Framework, seed: int) -> None:
    dice, model = random.Random(seed), Model()
    counted, register = counted_variable(framework)
    other = next(code for code in framework.registers if code != register)
    plain = typed_variable(framework)
    states: list[Any] = []
    for step in range(1, 26):
        now = NOON + timedelta(minutes=step)
        if dice.random() < 0.7 or not model.events:
            place = (dice.choice((UNIT_X, t.FULDA)), dice.choice((2024, 2025)))
            codes = [code for code in (register, other) if dice.random() < 0.6]
            lists = {code: [f"X-{n}" for n in range(dice.randint(0, 2))] for code in codes}
            made = {"value": step} if register in codes else {}
            sent = brought(
                step,
                [row(c, i, n + 7, *place, TITLE=str(step)) for c, names in lists.items() for n, i in enumerate(names)],
                codes,
                region=place[0],
                year=place[1],
                values={(plain, ()): step} | ({(counted, ()): step} if made else {}),
                layout=dice.choice(("form", "other")),
            )
            load(opened, sent, now=now)
            model.events.append((sent.submission.id, place, lists, made))
        else:
            name = dice.choice(model.events)[0]
            withdraw(opened.connection, name, "Grund", "Amt", now)
            model.withdrawn.add(name)
        lists_now, values_now = model.state()
        seen: dict[tuple[str, int, str], list[str]] = {
            place: [] for place in all_registers(opened.connection).delivered
        }
        for record in all_registers(opened.connection).records:
            seen[record.region, record.year, record.register].append(record.id)
        assert seen == lists_now, (seed, step)
        query = "SELECT region, year, value FROM observation WHERE variable = ?"
        assert {r[:2]: r[2] for r in rows(opened.connection, query, [counted])} == values_now, (seed, step)
        states.append((now, all_registers(opened.connection), t.ordered(as_of(opened.connection, now))))
    for now, registers, values in states:
        assert all_registers(opened.connection, now) == registers
        assert t.ordered(as_of(opened.connection, now)) == values
    query = "SELECT count(*) FROM record_version WHERE valid_to <= valid_from"
    assert rows(opened.connection, query) == [(0,)]


# --- what may leave the house -----------------------------------------------------------------------------------------


def published(
    framework: Framework, *sent: Record, registers: Sequence[str] | None = None
) -> dict[tuple[str, str], str]:
    """(id, field) -> value of what is published of some rows."""
    places = tuple((UNIT_X, 2025, code) for code in registers or framework.registers)
    table = published_registers(framework, Registers(places, sent))["published_record"]
    return {(each["id"], each["field"]): each["value"] for each in table.to_pylist()}


def test_only_public_fields_of_listed_rows_are_published(framework: Framework) -> None:
    tables = published_registers(framework, sample.registers(framework))
    shown = tables["published_record"].to_pylist()
    public = {(code, f.code) for code, register in framework.registers.items() for f in register.fields if f.public}
    assert shown
    assert {(each["register"], each["field"]) for each in shown} <= public
    told = " ".join(each["value"] for each in shown)
    assert sample.HIDDEN not in told
    assert sample.UNLISTED not in told
    assert "31337" not in told
    counts = {(each["region"], each["register"]): each["entries"] for each in tables["published_register"].to_pylist()}
    assert counts[sample.CITY, "OFFER"] == 2
    assert counts[sample.TOWN, "EVENT"] == 0, "delivered and empty"
    assert (sample.TOWN, "TARGET") not in counts, "not delivered"


def test_nothing_points_to_a_row_that_stays(framework: Framework) -> None:
    hidden = sample.offer(3, "x", LISTED="no")
    offers = [Record(UNIT_X, 2025, *sample.offer(1, "y"), "s", 1), Record(UNIT_X, 2025, *hidden, "s", 2)]
    measure = row("MEASURE", "M-1", TITLE="m", OFFERS="A-1;A-3")
    assert published(framework, *offers, measure)["M-1", "OFFERS"] == "A-1"
    seat = row("PARTICIPATION", "T-1", ORGANISATION="O-1", BODY="G-1", ROLE="MEMBER")
    body, organisation = row("BODY", "G-1", NAME="g"), row("ORGANISATION", "O-1", NAME="o")
    assert ("T-1", "ROLE") in published(framework, seat, body, organisation)
    assert ("T-1", "ROLE") not in published(framework, seat, body), "its organisation is not there"
    assert ("T-1", "BODY") not in published(framework, seat, organisation)
    assert ("T-1", "ROLE") in published(framework, seat, organisation)


def test_the_report_reads_what_was_published_and_what_stood_at_a_moment(tmp_path: Path, framework: Framework) -> None:
    settings = Settings(tmp_path)
    values = {(typed_variable(framework), ()): 5}
    with writer(tmp_path, framework) as target:
        load(target, brought(1, (row("BODY", "G-1", NAME="alt"),), values=values))
        load(target, brought(2, (row("BODY", "G-1", NAME="neu"),), ["BODY"]), now=NOON + HOUR)
        known = beside(tmp_path, framework, all_registers(target.connection))
        tables = compute(
            target.connection, framework, "observation", codes=[next(iter(framework.indicators))], beside=known
        ).tables
        replace_all_results(target.connection, tables)
    publish(tmp_path, framework)
    with open_snapshot(tmp_path) as snapshot:
        now = report_data(settings, framework, snapshot, 2025)
        then = report_data(settings, framework, snapshot, 2025, (NOON + HOUR / 2).replace(tzinfo=None))
    assert now.records["value"].tolist() == ["neu"]
    assert then.records["value"].tolist() == ["alt"]
    assert set(now.registers["register"]) == set(REGISTERS)


def test_an_old_snapshot_has_no_registers(opened: Writer) -> None:
    opened.connection.execute("DROP VIEW record")
    opened.connection.execute("DROP TABLE record_version")
    assert not has_records(opened.connection)
    assert records_of(opened.connection, UNIT_X, 2025) == []
    assert all_registers(opened.connection) == Registers()
    opened.connection.execute("CREATE TABLE record_version (a INTEGER)")
