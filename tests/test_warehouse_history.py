"""What happens to values after they were delivered: withdrawn, corrected, revised, reproduced, backed up, migrated."""

from __future__ import annotations

import csv
import io
import json
import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import test_warehouse as t
from test_warehouse import FULDA, NOON, UNIT_X, delivery, load

from flows.board import board
from flows.corrections import CorrectionsError, read_corrections
from flows.corrections import summary as corrections_summary
from flows.deadlines import Calendar
from flows.reporting import report_data
from flows.revisions_text import as_text, edition_as_of, revisions_since
from flows.settings import Settings
from flows.status import standings
from flows.why_text import as_text as why_text
from indicators.compute import compute
from schemas.formula import terms
from schemas.framework_model import Framework
from schemas.loading import load_framework
from schemas.plan import rule_plan
from schemas.shapes import TOTAL, Finding, FindingState, Severity, Verdict
from warehouse import compacting, migrations
from warehouse.access import arrow, rows
from warehouse.backup import MANIFEST, WORK, BackupRefused, backup, read_manifest
from warehouse.compacting import compact
from warehouse.corrections import Correction, Held, apply_corrections
from warehouse.history import TICK
from warehouse.lineage import why
from warehouse.loading import as_of, known_sha
from warehouse.migrations import ForeignFramework, NewerWarehouse
from warehouse.past import (
    confirmed_findings,
    deliveries_before,
    moments_before,
    population_bases,
    previous_values,
    values_of_region,
    values_of_year,
    verdict_of_submission,
)
from warehouse.places import Places, wal_of
from warehouse.publishing import current_generation, fingerprint, publish
from warehouse.restoring import restore
from warehouse.results import Run, record_run, replace_all_results
from warehouse.revisions import edition_of, revisions
from warehouse.snapshot import open_snapshot
from warehouse.store import Writer, exclusive, writer
from warehouse.withdrawals import WithdrawalRefused, withdraw

VERSIONS = Path(__file__).parent / "warehouse_versions"
HOUR = timedelta(hours=1)
framework, empty, opened = t.framework, t.empty, t.opened


def at(hour: int) -> datetime:
    """A moment of system time, without zone."""
    return (NOON + hour * HOUR).replace(tzinfo=None)


def cells(target: Writer) -> dict[tuple[str, str], Any]:
    """Current values of the unit of most tests: (variable, correction) -> value."""
    found = rows(target.connection, "SELECT variable, coalesce(correction_id, ''), value FROM observation ORDER BY ALL")
    assert len(found) == len({row[:2] for row in found})
    return {(variable, correction): value for variable, correction, value in found}


# --- withdrawals ------------------------------------------------------------------------------------------------------


def test_what_a_withdrawn_delivery_had_replaced_counts_again(opened: Writer, framework: Framework) -> None:
    a, b, c = t.base(framework, 3)
    load(opened, delivery(1, {(a, ()): 1, (b, ()): 2}))
    load(opened, delivery(2, {(a, ()): 10, (c, ()): 3}), now=NOON + HOUR)
    done = withdraw(opened.connection, "2026-06531-0002", "falsche Datei", "Amt 33", NOON + 2 * HOUR)
    assert (done.values_closed, done.values_reopened, done.already) == (2, 2, False)
    assert cells(opened) == {(a, ""): 1, (b, ""): 2}
    (first, second) = t.submissions(opened.connection).to_pylist()
    assert first["withdrawn_at"] is None
    assert (second["withdrawn_by"], second["withdrawn_reason"], second["verdict"]) == (
        "Amt 33",
        "falsche Datei",
        "accepted",
    )
    assert second["withdrawn_at"] == at(2)
    for moment, expected in ((at(0), {1, 2}), (at(1), {10, 3}), (at(2), {1, 2})):
        assert set(as_of(opened.connection, moment)["value"].to_pylist()) == expected
    load(opened, delivery(3, {(a, ()): 5}), now=NOON + 3 * HOUR)
    assert t.submissions(opened.connection).to_pylist()[-1]["supersedes"] == "2026-06531-0001"
    assert cells(opened) == {(a, ""): 5}


def test_withdrawing_twice_equals_withdrawing_once(opened: Writer, framework: Framework) -> None:
    (a,) = t.base(framework, 1)
    load(opened, delivery(1, {(a, ()): 1}))
    first = withdraw(opened.connection, "2026-06531-0001", "Grund", "Amt", NOON)
    before = fingerprint(opened.connection, framework)
    again = withdraw(opened.connection, "2026-06531-0001", "anderer Grund", "Amt 2", NOON + HOUR)
    assert again.already
    assert again.withdrawn_at == first.withdrawn_at > at(0), "system time moves on although the clock stood still"
    assert fingerprint(opened.connection, framework) == before
    assert cells(opened) == {}


def test_withdrawing_what_no_longer_counts_changes_no_value(opened: Writer, framework: Framework) -> None:
    a, b = t.base(framework, 2)
    load(opened, delivery(1, {(a, ()): 1}), delivery(2, {(a, ()): 2, (b, ()): 3}))
    load(opened, delivery(3, {(b, ()): 30}, layout="foreign"))
    done = withdraw(opened.connection, "2026-06531-0001", "Grund", "Amt", NOON)
    assert (done.values_closed, done.values_reopened) == (0, 0)
    withdraw(opened.connection, "2026-06531-0003", "Grund", "Amt", NOON)
    assert cells(opened) == {(a, ""): 2, (b, ""): 3}
    withdraw(opened.connection, "2026-06531-0002", "Grund", "Amt", NOON)
    assert cells(opened) == {}, "the first one had been withdrawn before"


def test_a_withdrawn_nil_return_gives_the_values_back(opened: Writer, framework: Framework) -> None:
    (a,) = t.base(framework, 1)
    load(opened, delivery(1, {(a, ()): 1}), delivery(2, {}, nil_return=True))
    assert cells(opened) == {}
    withdraw(opened.connection, "2026-06531-0002", "Grund", "Amt", NOON)
    assert cells(opened) == {(a, ""): 1}


def test_a_withdrawn_file_may_come_again(opened: Writer, framework: Framework) -> None:
    (a,) = t.base(framework, 1)
    once = delivery(1, {(a, ()): 1})
    load(opened, once)
    withdraw(opened.connection, "2026-06531-0001", "Grund", "Amt", NOON)
    assert known_sha(opened.connection, once.submission.sha256, UNIT_X) is None
    assert load(opened, once).duplicates, "the same number is the same delivery"
    again = replace(once, submission=replace(once.submission, id="2026-06531-0002"))
    assert load(opened, again).accepted == ["2026-06531-0002"]
    assert cells(opened) == {(a, ""): 1}


@pytest.mark.parametrize(
    ("name", "reason", "who", "says"),
    [
        ("2026-06531-0099", "Grund", "Amt", "nicht bekannt"),
        ("2026-06531-0002", "Grund", "Amt", "nicht angenommen"),
        ("2026-06531-0001", " ", "Amt", "Begründung"),
        ("2026-06531-0001", "Grund", "", "Name"),
    ],
)
def test_what_cannot_be_withdrawn_is_said(
    opened: Writer, framework: Framework, name: str, reason: str, who: str, says: str
) -> None:
    (a,) = t.base(framework, 1)
    load(opened, delivery(1, {(a, ()): 1}), delivery(2, {(a, ()): 2}, verdict=Verdict.RETURNED))
    with pytest.raises(WithdrawalRefused, match=says):
        withdraw(opened.connection, name, reason, who, NOON)
    assert cells(opened) == {(a, ""): 1}


def test_the_basis_of_a_withdrawn_delivery_is_forgotten(opened: Writer) -> None:
    for number, basis in enumerate(("zensus", "register"), 1):
        one = delivery(number, {})
        load(opened, replace(one, submission=replace(one.submission, population_basis=basis)))
    assert population_bases(opened.connection, 2025) == {UNIT_X: "register"}
    withdraw(opened.connection, "2026-06531-0002", "Grund", "Amt", NOON)
    assert population_bases(opened.connection, 2025) == {UNIT_X: "zensus"}


def test_what_earlier_deliveries_said_is_not_asked_of_a_withdrawn_one(opened: Writer) -> None:
    said = Finding("M15", Severity.WARNING, "Satz.", "Abhilfe.", state=FindingState.CONFIRMED, reason="geprüft")
    load(opened, delivery(1, {}), delivery(2, {}, findings=(said,)))
    load(opened, delivery(3, {}, verdict=Verdict.RETURNED))
    own = "2026-06531-0003"
    for expected, verdict, reasons in (("0002", "accepted", ["geprüft"]), ("0001", "", [])):
        assert deliveries_before(opened.connection, [own])[own].id[-4:] == expected
        assert verdict_of_submission(opened.connection, "2026-06531-0002") == verdict
        confirmed = confirmed_findings(opened.connection, 2025).get(UNIT_X, [])
        assert [found.reason for found in confirmed] == reasons
        withdraw(opened.connection, "2026-06531-0002", "Grund", "Amt", NOON)
    withdraw(opened.connection, "2026-06531-0001", "Grund", "Amt", NOON)
    assert deliveries_before(opened.connection, [own]) == {}


def test_many_at_once_are_told_what_each_would_be_told(opened: Writer) -> None:
    said = Finding("M15", Severity.WARNING, "Satz.", "Abhilfe.", state=FindingState.CONFIRMED, reason="geprüft")
    load(opened, delivery(1, {}, findings=(said,)), delivery(2, {}), delivery(3, {}))
    ids = [f"2026-06531-000{number}" for number in (1, 2, 3)]
    before = deliveries_before(opened.connection, ids)
    assert {own[-1]: earlier.id[-1] for own, earlier in before.items()} == {"2": "1", "3": "2"}
    assert [found.reason for found in before[ids[1]].findings] == ["geprüft"]
    confirmed = confirmed_findings(opened.connection, 2025)
    assert {region: [found.submission for found in each] for region, each in confirmed.items()} == {UNIT_X: [ids[0]]}
    withdraw(opened.connection, ids[1], "Grund", "Amt", NOON)
    assert deliveries_before(opened.connection, ids)[ids[2]].id == ids[0]
    assert confirmed_findings(opened.connection, 2024) == {}


def test_what_was_known_before_a_load_is_asked_of_the_moment_before_it(opened: Writer, framework: Framework) -> None:
    """Two are loaded together, then each of the others alone; the first is withdrawn before the last comes."""
    (a,) = t.base(framework, 1)
    basis = iter(("zensus", "register", "zensus", "fort"))
    said = Finding("M15", Severity.WARNING, "Satz.", "Abhilfe.", state=FindingState.CONFIRMED, reason="geprüft")
    one, two, three, four = (
        replace(sent, submission=replace(sent.submission, population_basis=next(basis)))
        for sent in (delivery(n, {(a, ()): n}, findings=(said,)) for n in (1, 2, 3, 4))
    )
    load(opened, one, two)
    load(opened, three, now=NOON + HOUR)
    withdraw(opened.connection, three.submission.id, "Grund", "Amt", NOON + 2 * HOUR)
    load(opened, four, now=NOON + 3 * HOUR)
    ids = [sent.submission.id for sent in (one, two, three, four)]
    before = moments_before(opened.connection, [*ids, "2026-06531-0099"])
    assert before == {name: at(hour) - TICK for name, hour in zip(ids, (0, 0, 1, 3), strict=True)}
    for name, value, counting, reasons in ((0, None, None, 0), (2, 2, "register", 2), (3, 2, "register", 2)):
        moment = before[ids[name]]
        known = values_of_year(opened.connection, 2025, moment).get(UNIT_X, {})
        assert known.get((a, ""), (None,))[0] == value
        assert values_of_region(opened.connection, UNIT_X, moment).get(2025, {}) == known
        assert population_bases(opened.connection, 2025, moment).get(UNIT_X) == counting
        assert len(confirmed_findings(opened.connection, 2025, moment).get(UNIT_X, ())) == reasons
    then = before[ids[3]] - HOUR - HOUR + TICK + TICK  # the third one stood
    assert population_bases(opened.connection, 2025, then) == {UNIT_X: "zensus"}
    assert values_of_year(opened.connection, 2025, then)[UNIT_X][a, ""][0] == 3


def test_the_report_lists_what_stood_at_its_moment(tmp_path: Path, framework: Framework) -> None:
    """What had been dropped by then and was worked through later is not listed."""
    (a,) = t.base(framework, 1)
    publish(tmp_path, framework)
    early, late = delivery(1, {(a, ()): 1}), delivery(2, {(a, ()): 2})
    late = replace(late, submission=replace(late.submission, received_at=NOON - HOUR))
    with writer(tmp_path, framework) as target:
        load(target, early)
        withdraw(target.connection, "2026-06531-0001", "Grund", "Amt", NOON + HOUR)
        load(target, late, now=NOON + 2 * HOUR)
    publish(tmp_path, framework)
    with open_snapshot(tmp_path) as snapshot:
        for moment, expected in ((at(0), ["0001"]), (None, ["0002"])):
            data = report_data(Settings(tmp_path), framework, snapshot, 2025, moment)
            assert [name[-4:] for name in data.submissions["id"]] == expected


# --- declared corrections ---------------------------------------------------------------------------------------------


def entry(variable: str, old: int | str | None, new: int | str, **more: Any) -> Correction:
    """A declared correction of the unit and year of most tests; `old` None: there must be no cell."""

    def held(said: int | str, status: str) -> Held:
        return Held(None, said) if isinstance(said, str) else Held(Decimal(said), status)

    said: dict[str, Any] = {
        "id": "K1",
        "who": "Referat",
        "when": date(2026, 11, 1),
        "region": UNIT_X,
        "year": 2025,
        "variable": variable,
        "members": (),
        "old": None if old is None else held(old, ""),
        "new": held(new, "ok"),
        "reason": "Zahlendreher",
    }
    return Correction(**(said | more))


def correct(target: Writer, *entries: Correction, hour: int = 5) -> Any:
    return apply_corrections(target.connection, entries, NOON + hour * HOUR, "run-2")


def test_a_correction_is_applied_once_and_ends_with_its_entry(opened: Writer, framework: Framework) -> None:
    a, b = t.base(framework, 2)
    load(opened, delivery(1, {(a, ()): 12, (b, ()): 7}))
    change = entry(a, 12, 21)
    assert correct(opened, change).applied == ["K1"]
    assert cells(opened) == {(a, "K1"): 21, (b, ""): 7}
    before = fingerprint(opened.connection, framework)
    again = correct(opened, change, hour=6)
    assert (again.applied, again.already) == ([], ["K1"])
    assert fingerprint(opened.connection, framework) == before
    (row,) = opened.connection.sql("SELECT * FROM observation WHERE origin = 'correction'").fetchall()
    assert "2026-06531-0001" in row, "the version still names the delivered cell"
    gone = correct(opened, hour=7)
    assert gone.reverted == ["K1"]
    assert cells(opened) == {(a, ""): 12, (b, ""): 7}
    history = rows(
        opened.connection, "SELECT value FROM observation_history WHERE variable = ? ORDER BY valid_from", [a]
    )
    assert history == [(12,), (21,), (12,)]
    assert rows(opened.connection, "SELECT ended_why, run_id FROM correction") == [("removed", "run-2")]


def test_a_correction_that_does_not_match_is_listed_and_not_applied(opened: Writer, framework: Framework) -> None:
    a, b, c, d = t.base(framework, 4)
    load(opened, delivery(1, {(a, ()): 12, (b, ()): "secret", (c, ()): 21}))
    result = correct(
        opened,
        entry(a, 99, 21, id="value"),
        entry(b, "not_delivered", 3, id="status"),
        entry(c, 12, 21, id="done"),
        entry(d, 1, 2, id="none"),
        entry(a, None, 5, id="there", members=(("SEX", TOTAL),), year=2024),
        entry(c, 21, 22, id="other", expected_submission="2026-06531-0009", year=2025),
    )
    assert set(result.mismatched) == {"value", "status", "done", "none", "other"}
    assert result.applied == ["there"]
    assert "anderer Wert" in result.mismatched["value"]
    assert "kann entfallen" in result.mismatched["done"]
    assert "nicht (mehr) vorhanden" in result.mismatched["none"]
    assert "2026-06531-0009" in result.mismatched["other"]
    assert "Bogen!C5" in result.mismatched["value"]
    text = " ".join(result.mismatched.values())
    assert "12" not in text.replace("2026-06531-0001", "").replace("2026-06531-0009", ""), "no values in messages"
    assert any("passt nicht mehr" in line for line in corrections_summary(result))
    value = rows(opened.connection, "SELECT value, submission_id FROM observation WHERE year = 2024")
    assert value == [(5, "")]


def test_a_delivery_overtakes_a_correction(opened: Writer, framework: Framework) -> None:
    (a,) = t.base(framework, 1)
    change = entry(a, 12, 21)
    load(opened, delivery(1, {(a, ()): 12}))
    correct(opened, change)
    load(opened, delivery(2, {(a, ()): 30}), now=NOON + 6 * HOUR)
    assert cells(opened) == {(a, ""): 30}
    assert "anderer Wert" in correct(opened, change, hour=7).mismatched["K1"]
    assert cells(opened) == {(a, ""): 30}
    load(opened, delivery(3, {(a, ()): 12}), now=NOON + 8 * HOUR)
    assert correct(opened, change, hour=9).applied == ["K1"], "the sender repeated the old error"
    assert cells(opened) == {(a, "K1"): 21}
    named = replace(change, expected_submission="2026-06531-0001")
    result = correct(opened, named, hour=10)
    assert "K1" in result.mismatched, "an entry that names the delivery holds for this delivery only"
    assert cells(opened) == {(a, ""): 12}


def test_a_changed_entry_is_taken_back_and_tried_anew(opened: Writer, framework: Framework) -> None:
    (a,) = t.base(framework, 1)
    load(opened, delivery(1, {(a, ()): 12}))
    correct(opened, entry(a, 12, 21))
    assert correct(opened, entry(a, 12, 22), hour=6).applied == ["K1"]
    assert cells(opened) == {(a, "K1"): 22}
    count = "SELECT count(*) FROM observation_version"
    ((versions,),) = rows(opened.connection, count)
    assert correct(opened, entry(a, 12, 22, reason="besser begründet"), hour=7).applied == ["K1"]
    assert rows(opened.connection, count) == [(versions,)], "another reason is no other value"
    assert rows(opened.connection, "SELECT ended_why FROM correction ORDER BY applied_at") == [
        ("changed",),
        ("changed",),
        (None,),
    ]


def test_a_correction_falls_with_the_delivery_it_corrects(opened: Writer, framework: Framework) -> None:
    a, b = t.base(framework, 2)
    load(opened, delivery(1, {(a, ()): 1, (b, ()): 2}))
    load(opened, delivery(2, {(a, ()): 12}), now=NOON + HOUR)
    correct(opened, entry(a, 12, "secret"))
    assert cells(opened) == {(a, "K1"): None}
    withdraw(opened.connection, "2026-06531-0002", "Grund", "Amt", NOON + 6 * HOUR)
    assert cells(opened) == {(a, ""): 1, (b, ""): 2}
    assert list(correct(opened, entry(a, 12, "secret"), hour=7).mismatched) == ["K1"]


def test_why_names_the_correction(opened: Writer, framework: Framework) -> None:
    load(opened, delivery(1, {("POP", ()): 100, ("POP", (("GRP", "A"),)): 25}))
    correct(opened, entry("POP", 25, 52, members=(("GRP", "A"),)), entry("POP", 100, 200, id="K2"))
    found = why(opened.connection, framework, "BEV-02", UNIT_X, 2025, {})
    (cell,) = t.by_role(found, "numerator")["cells"]
    assert (cell["value"], cell["correction"], cell["cell"], cell["file_name"]) == (52, "K1", "C6", "bogen-1.xlsx")
    assert [(c["id"], c["who"], c["old_value"], c["value"]) for c in found["corrections"]] == [
        ("K1", "Referat", 25, 52),
        ("K2", "Referat", 100, 200),
    ]
    load(opened, delivery(1, {}, region=FULDA))
    correct(opened, entry("POP", None, 5, region=FULDA, id="K3"))
    cell = t.by_role(why(opened.connection, framework, "BEV-02", FULDA, 2025, {}), "denominator")["cells"][0]
    assert (cell["correction"], cell["submission_id"], cell["received_at"]) == ("K3", "", None)


def test_why_says_in_words_what_was_corrected_and_what_the_check_said(
    opened: Writer, framework: Framework, two_units: tuple[str, str]
) -> None:
    first, second = two_units
    leaf = (("GRP", "A"), ("SEX", "M"))
    rule = next(code for code in framework.rules if {"POP", "FOR"} == variables_of(framework, code))
    place = next(point for point in rule_plan(framework, {}, [rule]).points if looks_at(point, "POP", "GRP=A"))
    said = [
        Finding("M15", Severity.WARNING, "Große Änderung.", "Prüfen.", sheet="Bogen", cell="C9", region=first,
                reason="Zuzug", state=FindingState.CONFIRMED),
        Finding("M15", Severity.WARNING, "Anderswo.", "Prüfen.", sheet="Bogen", cell="C99", region=first),
        Finding(rule, Severity.WARNING, "Passt nicht.", "Prüfen.", sheet="Bogen", cell="D7", region=first,
                members=place.key),
        Finding(rule, Severity.WARNING, "Im anderen Gebiet.", "Prüfen.", region=second, members=place.key),
    ]  # fmt: skip
    load(opened, delivery(1, people(1), region=first, year=2026, findings=tuple(said)))
    load(opened, delivery(2, people(2), region=second, year=2026))
    correct(opened, entry("POP", 40, 28, region=first, year=2026, members=leaf))
    single = why(opened.connection, framework, "BEV-02", first, 2026, {})
    aggregate = why(opened.connection, framework, "BEV-02", "MKK-HU", 2026, {})
    for found, units in ((single, 1), (aggregate, 2)):
        checked = {entry["code"]: entry for entry in found["checks"]["rules"]}
        assert (checked[rule]["units"], checked[rule]["findings"]) == (units, 1)
        assert [(f["code"], f["state"], f["cell"]) for f in found["checks"]["findings"]] == [
            ("M15", "confirmed", "C9"),
            (rule, "open", "D7"),
        ]
    text = why_text(framework, aggregate)
    assert (
        f"    28  „Bogen“ C9  bogen-1.xlsx  Eingang 2026-{first}-0001  SHA-256 {first}00010000000…  Berichtigung K1"
        in text
    )
    assert "    K1  40 → 28  Referat, 01.11.2026: Zahlendreher" in text
    assert f"Prüfung: {len(checked)} Regeln haben diese Zellen angesehen, 2 Befunde." in text
    assert "    M15 (Rückfrage, vom Absender bestätigt, „Zuzug“)  „Bogen“ C9  Eingang 2026-" in text
    assert f"    {rule} (Rückfrage, offen)  „Bogen“ D7" in text
    assert "Anderswo" not in text
    assert rule not in text.partition("ohne Befund: ")[2]


def variables_of(framework: Framework, rule: str) -> set[str]:
    statement = framework.statements[rule]
    return {term.variable for side in (statement.left, statement.right) for term in terms(side)}


def looks_at(point: Any, variable: str, key: str) -> bool:
    return any((look.variable, look.key) == (variable, key) for look in point.lookups.values())


GOOD = """
- id: K1
  who: Referat II 3
  when: 2026-11-01
  region: '06531'
  year: 2025
  variable: POP
  members: {SEX: W, GRP: A}
  old: 12
  new: 21
  reason: Zahlendreher, bestätigt am Telefon
  expected: {status: ok, submission: 2026-06531-0001}
- {id: K2, who: R, when: 2026-11-01, region: '06531', year: 2025, variable: POP, old: secret,
   new: {value: 12.5, status: estimated}, reason: R, expected: {status: secret}}
- {id: K3, who: R, when: 2026-11-01, region: '06531', year: 2024, variable: POP, old: absent, new: not_applicable,
   reason: R, expected: absent}
"""


def test_the_file_of_corrections_is_read(tmp_path: Path, framework: Framework) -> None:
    path = tmp_path / "corrections.yaml"
    assert read_corrections(path, framework) == []
    path.write_text("# noch keine\n", "utf-8")
    assert read_corrections(path, framework) == []
    path.write_text(GOOD, "utf-8")
    first, second, third = read_corrections(path, framework)
    assert first.members == (("GRP", "A"), ("SEX", "W"))
    assert (first.old, first.new) == (Held(Decimal(12)), Held(Decimal(21), "ok"))
    assert (first.expected_submission, first.expected_status) == ("2026-06531-0001", "ok")
    assert (second.old, second.new) == (Held(None, "secret"), Held(Decimal("12.5"), "estimated"))
    assert (third.old, third.new) == (None, Held(None, "not_applicable"))


@pytest.mark.parametrize(
    ("was", "then", "line", "says"),
    [
        ("who: Referat II 3", "whom: Referat II 3", 2, "„who“ fehlt"),
        ("who: Referat II 3", "whom: Referat II 3", 3, "„whom“ ist hier nicht bekannt"),
        ("region: '06531'", "region: 6531", 5, "Anführungszeichen"),
        ("region: '06531'", "region: '99999'", 5, "gibt es nicht"),
        ("variable: POP", "variable: POPP", 7, "POPP"),
        ("{SEX: W, GRP: A}", "{SEX: Q}", 8, "Ausprägung"),
        ("{SEX: W, GRP: A}", "{ITEM: Q}", 8, "nicht nach ITEM"),
        ("old: 12", "old: zwölf", 9, "zwölf"),
        ("new: 21", "new: zero", 10, "gehört ein Wert"),
        ("new: 21", "new: 12", 10, "der alte"),
        ("new: 21", "new: 0.00001", 10, "Nachkommastellen"),
        ("reason: Zahlendreher, bestätigt am Telefon", "reason: ''", 11, "Text"),
        ("{status: ok, submission: 2026-06531-0001}", "{state: ok}", 12, "submission"),
        ("{status: ok, submission: 2026-06531-0001}", "absent", 12, "keinem von beiden"),
        ("when: 2026-11-01", "when: gestern", 4, "Tag"),
        ("id: K2", "id: K1", 13, "steht schon in Zeile 2"),
        ("year: 2024, variable: POP", "year: 2025, variable: POP", 15, "schon in Zeile 13"),
        ("id: K1", "id: K1\n  id: K2", 3, "doppelt"),
    ],
)
def test_a_wrong_file_of_corrections_names_the_line(
    tmp_path: Path, framework: Framework, was: str, then: str, line: int, says: str
) -> None:
    path = tmp_path / "corrections.yaml"
    assert was in GOOD
    path.write_text(GOOD.replace(was, then, 1), "utf-8")
    with pytest.raises(CorrectionsError) as refused:
        read_corrections(path, framework)
    found = [str(problem) for problem in refused.value.problems]
    assert any(text.startswith(f"corrections.yaml:{line}:") and says in text for text in found), found


# --- a plain model of all of it ---------------------------------------------------------------------------------------


@dataclass
class Model:
    """Deliveries, withdrawals and corrections replayed one by one, in plain Python."""

    events: list[tuple[Any, ...]] = field(default_factory=list)
    withdrawn: set[str] = field(default_factory=set)

    def state(self) -> dict[tuple[str, int, str], tuple[int, str, str]]:
        """(region, year, variable) -> (value, submission, correction)."""
        found: dict[tuple[str, int, str], tuple[int, str, str]] = {}
        layouts: dict[str, str] = {}
        for kind, name, *rest in self.events:
            if kind == "delivery" and name not in self.withdrawn:
                layout, place, nil_return, values = rest
                layouts[name] = layout
                if values or nil_return:
                    same = [k for k, v in found.items() if k[:2] == place and layouts.get(v[1]) == layout]
                    for key in same:
                        del found[key]
                found |= {(*place, variable): (value, name, "") for variable, value in values.items()}
            elif kind == "correction" and rest[1] not in self.withdrawn:
                key, origin, new = rest
                found[key] = (new, origin, name)
        return found


@pytest.mark.parametrize(
    "seed", [*range(4), *(pytest.param(seed, marks=pytest.mark.thorough) for seed in range(4, 10))]
)
def test_the_warehouse_agrees_with_a_plain_replay(opened: Writer, framework: Framework, seed: int) -> None:
    dice = random.Random(seed)
    variables, model = t.base(framework, 4), Model()
    declared: dict[str, Correction] = {}
    states = []
    for step in range(1, 31):
        now = NOON + timedelta(minutes=step)
        what = dice.choice(("delivery", "delivery", "delivery", "withdraw", "declare", "remove", "apply"))
        state = model.state()
        if what == "delivery":
            place = (dice.choice((UNIT_X, FULDA)), dice.choice((2024, 2025)))
            layout = dice.choice(("form", "foreign"))
            nil = dice.random() < 0.15
            values = {} if nil else {v: dice.randint(1, 4) for v in variables if dice.random() < 0.6}
            one = delivery(
                step,
                {(v, ()): n for v, n in values.items()},
                region=place[0],
                year=place[1],
                layout=layout,
                nil_return=nil,
            )
            load(opened, one, now=now)
            model.events.append(("delivery", one.submission.id, layout, place, nil, values))
        elif what == "withdraw":
            names = sorted(event[1] for event in model.events if event[0] == "delivery")
            if names:
                name = dice.choice(names)
                withdraw(opened.connection, name, "Grund", "Amt", now)
                model.withdrawn.add(name)
        elif what == "declare" and state:
            taken = {(one.region, one.year, one.variable) for one in declared.values()}
            key = dice.choice(sorted(state))
            if key not in taken:
                region, year, variable = key
                name = f"K{step}"
                declared[name] = entry(variable, state[key][0], 100 + step, id=name, region=region, year=year)
        elif what == "remove" and declared:
            del declared[dice.choice(sorted(declared))]
        if what in ("declare", "remove", "apply"):
            _model_corrections(model, declared)
            apply_corrections(opened.connection, list(declared.values()), now, "r")
        expected = {key: (Decimal(value), *rest) for key, (value, *rest) in model.state().items()}
        query = "SELECT region, year, variable, value, submission_id, coalesce(correction_id, '') FROM observation"
        found = rows(opened.connection, query)
        assert len(found) == len(expected)
        assert {row[:3]: row[3:] for row in found} == expected, (seed, step, what)
        states.append((now, t.ordered(arrow(opened.connection, "SELECT * FROM observation"))))
    for now, state_then in states:
        assert t.ordered(as_of(opened.connection, now)) == state_then
    empty_versions = "SELECT count(*) FROM observation_version WHERE valid_to <= valid_from"
    assert rows(opened.connection, empty_versions) == [(0,)]


def _model_corrections(model: Model, declared: dict[str, Correction]) -> None:
    """Entries that are gone end; entries not in force are tried against what counts then."""
    model.events = [event for event in model.events if event[0] != "correction" or event[1] in declared]
    state = model.state()
    in_force = {correction for _, _, correction in state.values()}
    for name, one in declared.items():
        key = (one.region, one.year, one.variable)
        found = state.get(key)
        if name not in in_force and found and one.old and found[0] == one.old.value != one.new.value:
            model.events = [event for event in model.events if event[:2] != ("correction", name)]
            model.events.append(("correction", name, key, found[1], int(one.new.value or 0)))


# --- editions: as-of and revisions ------------------------------------------------------------------------------------


def people(scale: int, *, groups: Sequence[str] = ("DOM", "DMM", "A")) -> dict[Any, int | str | None]:
    return dict(t.sexes("POP", groups, 40 * scale))


def night(root: Path, framework: Framework, work: Callable[[Writer], Any]) -> int:
    """One run: some work, all indicators, a publication; the number of the generation."""
    with writer(root, framework) as target:
        work(target)
        replace_all_results(target.connection, compute(target.connection, framework, "observation").tables)
    return publish(root, framework).number


def dump(table: pa.Table) -> bytes:
    """Sorted CSV of what was published, columns by name."""
    names = sorted(table.column_names)
    lines = sorted([["" if row[name] is None else repr(row[name]) for name in names] for row in table.to_pylist()])
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([names, *lines])
    return text.getvalue().encode()


@pytest.fixture(scope="module")
def two_units(framework: Framework) -> tuple[str, str]:
    first, second = framework.territory.members("MKK-HU", 2026)
    return first, second


@pytest.fixture(scope="module")
def years_of_work(
    tmp_path_factory: pytest.TempPathFactory, framework: Framework, two_units: tuple[str, str]
) -> tuple[Path, list[tuple[datetime, bytes, int]]]:
    """Publications: first, late, corrected, declared, withdrawn, without the declared correction, another year."""
    root = tmp_path_factory.mktemp("years")
    first, second = two_units
    change = entry("POP", 83, 38, region=first, year=2026, members=(("GRP", "A"), ("SEX", "W")))
    steps: list[Callable[[Writer], Any]] = [
        lambda w: load(w, delivery(1, people(1), region=first, year=2026), now=NOON),
        lambda w: load(w, delivery(2, people(2), region=second, year=2026), now=NOON + HOUR),
        lambda w: load(w, delivery(3, people(2) | {("POP", ()): 999}, region=first, year=2026), now=NOON + 2 * HOUR),
        lambda w: apply_corrections(w.connection, [replace(change, old=Held(Decimal(81)))], NOON + 3 * HOUR, "r"),
        lambda w: withdraw(w.connection, "2026-06415-0002", "Grund", "Amt", NOON + 4 * HOUR),
        lambda w: apply_corrections(w.connection, [], NOON + 5 * HOUR, "r"),
        lambda w: load(w, delivery(7, people(3), region=first, year=2027), now=NOON + 6 * HOUR),
    ]
    published = []
    for hour, step in enumerate(steps):
        number = night(root, framework, step)
        with open_snapshot(root) as snapshot:
            published.append((at(hour), dump(snapshot.table("SELECT * FROM indicator_published")), number))
    return root, published


def test_the_published_table_of_any_moment_is_reproduced_byte_for_byte(
    years_of_work: tuple[Path, list[tuple[datetime, bytes, int]]], framework: Framework
) -> None:
    root, published = years_of_work
    assert len({text for _, text, _ in published}) == len(published), "every step changed a published number"
    with open_snapshot(root) as snapshot:
        assert snapshot.generation == published[-1][2]
        for moment, text, _ in published:
            edition = edition_as_of(snapshot.connection, framework, moment + timedelta(minutes=30))
            assert dump(edition.published) == text


def test_revisions_between_generations_name_their_cause(
    years_of_work: tuple[Path, list[tuple[datetime, bytes, int]]], framework: Framework, two_units: tuple[str, str]
) -> None:
    root, published = years_of_work
    first, second = two_units
    expected = ["late", "correction", "declared_correction", "withdrawal", "declared_correction", "late"]
    editions = []
    for _, _, number in published:
        with duckdb.connect(str(Places(root).generation(number)), read_only=True) as connection:
            editions.append(edition_of(connection, str(number)))
    with open_snapshot(root) as snapshot:
        for cause, before, after in zip(expected, editions, editions[1:], strict=False):
            found = revisions(snapshot.connection, framework, before, after)
            assert found
            assert {revision.cause for revision in found} == {cause}, [r for r in found if r.cause != cause]
            assert found == revisions(snapshot.connection, framework, before, after), "the same every time"
            touched = {cell.region for revision in found for cell in revision.cells}
            late_year = {2027} == {revision.year for revision in found}
            assert touched == ({second} if cause in ("late", "withdrawal") and not late_year else {first})
            keys = [(r.indicator, r.region, r.year) for r in found]
            assert keys == sorted(keys)
        assert revisions(snapshot.connection, framework, editions[2], editions[2]) == []
        earliest = edition_as_of(snapshot.connection, framework, published[0][0])
        whole = revisions(snapshot.connection, framework, earliest, edition_of(snapshot.connection, "neu"))
        text = as_text(framework, whole)
    causes = {(revision.year, revision.cause) for revision in whole}
    assert causes == {(2026, "correction"), (2027, "late")}, "what came and went in between is no revision"
    assert "Korrektur durch neue Lieferung" in text
    assert "2026-06435-0003" in text


def test_a_number_that_appears_is_a_late_delivery_with_its_cell(
    years_of_work: tuple[Path, list[tuple[datetime, bytes, int]]], framework: Framework, two_units: tuple[str, str]
) -> None:
    root, published = years_of_work
    with open_snapshot(root) as snapshot:
        before, after = (edition_as_of(snapshot.connection, framework, published[n][0]) for n in (0, 1))
        found = revisions(snapshot.connection, framework, before, after)
    whole = [r for r in found if (r.indicator, r.region, r.members) == ("BEV-01", "MKK-HU", "")]
    assert len(whole) == 1
    assert {cell.members for cell in whole[0].cells} == {f"GRP={g},SEX={s}" for g in ("DOM", "DMM", "A") for s in "MW"}
    women = [r for r in found if (r.indicator, r.region, r.members) == ("BEV-01", two_units[1], "SEX=W")]
    assert {cell.members for cell in women[0].cells} == {f"GRP={g},SEX=W" for g in ("DOM", "DMM", "A")}
    text = as_text(framework, found)
    assert "Nachlieferung" in text
    assert f"2026-{two_units[1]}-0002 „Bogen“ C5" in text


def test_definition_confidentiality_and_territory_are_told_apart(
    years_of_work: tuple[Path, list[tuple[datetime, bytes, int]]], framework: Framework
) -> None:
    root, published = years_of_work
    moment = published[1][0]
    entries = dict(framework.indicators)
    entries["BEV-02"] = entries["BEV-02"].model_copy(update={"formula": "100 * POP[SEX=W] / POP"})
    other = replace(framework, indicators=entries, content_hash="formula")
    rules = framework.head.confidentiality.model_copy(update={"suppress_counts_below": 60})
    strict = replace(
        framework, head=framework.head.model_copy(update={"confidentiality": rules}), content_hash="threshold"
    )
    with open_snapshot(root) as snapshot:
        connection = snapshot.connection
        before = edition_as_of(connection, framework, moment)
        defined = revisions(connection, other, before, edition_as_of(connection, other, moment))
        hidden = revisions(connection, strict, before, edition_as_of(connection, strict, moment))
        smaller = {key: units for key, units in before.members.items() if key != ("MKK-HU", 2026)}
        smaller["MKK-HU", 2026] = frozenset(list(before.members["MKK-HU", 2026])[:1])
        column = before.published["value"].to_pylist()
        regions = before.published["region"].to_pylist()
        index = before.published.column_names.index("value")
        moved = [v + 1 if v is not None and r == "MKK-HU" else v for v, r in zip(column, regions, strict=True)]
        table = before.published.set_column(index, "value", pa.array(moved))
        cut = revisions(connection, framework, replace(before, members=smaller, published=table), before)
        unsaid = revisions(connection, framework, replace(before, published=table), before)
        lost = {code: item for code, item in entries.items() if code != "BEV-01"}
        without = replace(framework, indicators=lost, content_hash="lost")
        gone = revisions(connection, without, before, edition_as_of(connection, without, moment))
        assert "BEV-01" in as_text(without, gone)
    assert {(r.indicator, r.cause) for r in defined} == {("BEV-02", "definition")}
    assert hidden
    assert {r.cause for r in hidden} == {"confidentiality"}
    assert {(r.region, r.cause) for r in cut} == {("MKK-HU", "territory")}
    assert {r.cause for r in unsaid} == {"confidentiality"}, "the number itself is the same in both"
    assert ("BEV-01", "definition") in {(r.indicator, r.cause) for r in gone}
    assert as_text(framework, []) == "Keine veröffentlichte Zahl hat sich geändert."


@pytest.fixture(scope="module")
def other_territory(tmp_path_factory: pytest.TempPathFactory) -> Framework:
    """The shipped framework with another territory file: the town leaves its Kreis one year later."""
    folder = tmp_path_factory.mktemp("later")
    shutil.copytree(t.REPOSITORY / "schemas" / "framework", folder / "framework")
    shutil.copytree(t.REPOSITORY / "schemas" / "regions", folder / "regions")
    head = folder / "framework" / "framework.yaml"
    text = head.read_text("utf-8")
    for part in ("indicators/catalogue", "schemas/layouts"):
        was = "../../indicators/catalogue" if part.startswith("indicators") else "../layouts"
        text = text.replace(was, str(t.REPOSITORY / part))
    head.write_text(text, "utf-8")
    for name in ("units.csv", "groups.csv", "changes.csv"):
        path = folder / "regions" / name
        lines = [
            line.replace("2026-01-01", "2027-01-01").replace("2025-12-31", "2026-12-31")
            if any(code in line for code in ("06415", "06435014"))
            else line
            for line in path.read_text("utf-8").splitlines()
        ]
        path.write_text("\n".join(lines) + "\n", "utf-8")
    return load_framework(folder / "framework")


def test_another_territory_file_is_named_as_the_cause(
    tmp_path: Path, framework: Framework, other_territory: Framework, two_units: tuple[str, str]
) -> None:
    rest, town = two_units
    assert other_territory.territory.members("MKK-HU", 2026) == (rest,)
    places = Places(tmp_path)
    deliveries = [delivery(n, people(n), region=code, year=2026) for n, code in enumerate((rest, town, FULDA), 1)]
    first = night(tmp_path, other_territory, lambda w: load(w, *deliveries))
    second = night(tmp_path, framework, lambda w: None)
    again = delivery(4, people(4), region=rest, year=2026)
    third = night(tmp_path, framework, lambda w: load(w, again, now=NOON + HOUR))
    editions = []
    for number in (first, second, third):
        with duckdb.connect(str(places.generation(number)), read_only=True) as connection:
            editions.append(edition_of(connection, str(number)))
    with open_snapshot(tmp_path) as snapshot:
        only = revisions(snapshot.connection, framework, editions[0], editions[1])
        both = revisions(snapshot.connection, framework, editions[0], editions[2])
    assert {(r.region, r.causes) for r in only} == {("MKK-HU", ("territory",)), ("MODELL", ("territory",))}
    assert {(r.region, r.causes) for r in both} == {
        (rest, ("correction",)),
        ("MKK-HU", ("territory", "correction")),
        ("MODELL", ("territory", "correction")),
    }
    whole = next(r for r in only if (r.indicator, r.region, r.members) == ("BEV-01", "MKK-HU", ""))
    assert whole.before
    assert whole.after
    assert (whole.before.denominator, whole.after.denominator) == (243, 243 + 483)
    text = as_text(framework, both)
    assert "BEV-01, Main-Kinzig-Kreis mit Stadt Hanau, 2026: 66,7 → 66,7 (Grundlage geändert)" in text
    assert "    außerdem: Korrektur durch neue Lieferung" in text


def test_revisions_compare_with_what_was_really_published(
    tmp_path: Path, framework: Framework, other_territory: Framework, two_units: tuple[str, str]
) -> None:
    deliveries = [delivery(n, people(n), region=code, year=2026) for n, code in enumerate(two_units, 1)]
    first = night(tmp_path, other_territory, lambda w: load(w, *deliveries, now=datetime.now(UTC)))
    moment = datetime.now(UTC)
    second = night(tmp_path, framework, lambda w: None)
    with open_snapshot(tmp_path) as snapshot:
        compared, found = revisions_since(snapshot, framework, moment)
        assert compared == f"Verglichen: Datenbestand {first}; Datenbestand {second}."
        assert {r.cause for r in found} == {"territory"}
        assert revisions_since(snapshot, framework, datetime.now(UTC))[1] == []
        Places(tmp_path).generation(first).unlink()
        compared, found = revisions_since(snapshot, framework, moment)
        assert "nachgerechnet mit heutigen Definitionen und Gebieten" in compared
        assert found == []


def test_two_open_generations_are_compared(
    years_of_work: tuple[Path, list[tuple[datetime, bytes, int]]], framework: Framework, tmp_path: Path
) -> None:
    root, published = years_of_work
    places = Places(tmp_path)
    places.make()
    shutil.copyfile(Places(root).generation(published[0][2]), places.generation(1))
    places.link.symlink_to("generations/monitor-1.duckdb")
    with open_snapshot(tmp_path) as older, open_snapshot(root) as newer:
        before, after = (edition_of(one.connection, str(one.generation)) for one in (older, newer))
        found = revisions(newer.connection, framework, before, after)
    assert {revision.cause for revision in found} == {"correction", "late"}


# --- migrations from every earlier version ----------------------------------------------------------------------------


def build(version: Path, root: Path) -> None:
    """A data root as an earlier version left it: its work file, and the same published."""
    places = Places(root)
    places.make()
    with duckdb.connect(str(places.work_file)) as connection:
        connection.execute(version.read_text("utf-8"))
    shutil.copyfile(places.work_file, places.generation(1))
    places.link.symlink_to("generations/monitor-1.duckdb")


def form(connection: duckdb.DuckDBPyConnection) -> set[tuple[Any, ...]]:
    return set(rows(connection, "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal"))


def test_there_is_a_file_for_every_earlier_version() -> None:
    earlier = [f"{step.number:04d}.sql" for step in migrations.available()[:-1]]
    assert sorted(path.name for path in VERSIONS.glob("*.sql")) == earlier


@pytest.mark.parametrize("version", sorted(VERSIONS.glob("*.sql")), ids=lambda path: path.stem)
def test_every_earlier_version_is_migrated_with_its_data(
    tmp_path: Path, framework: Framework, empty: Path, version: Path
) -> None:
    build(version, tmp_path)
    with open_snapshot(tmp_path) as snapshot:  # published before the update, read after it
        old = snapshot.connection
        history = t.ordered(snapshot.table("SELECT * EXCLUDE (valid_from, valid_to) FROM observation_history"))
        assert previous_values(old, UNIT_X, 2025)["POP", "GRP=A"] == (Decimal(25), "ok")
        assert population_bases(old, 2025).get(UNIT_X, "") == ""
        assert as_of(old, at(0)).num_rows == 3
        assert t.by_role(why(old, framework, "BEV-02", UNIT_X, 2025, {}), "numerator")["value"] == 25
        assert len(edition_of(old, "alt").published) == 0
        assert [found.reason for found in confirmed_findings(old, 2025)[UNIT_X]] == ["geprüft"]
        assert deliveries_before(old, ["2026-06531-0002"])["2026-06531-0002"].id == "2026-06531-0001"
        assert verdict_of_submission(old, "2026-06531-0003") == "accepted"
        states = {line.region: line.state for line in standings(old, framework, 2025)}
        assert (states[UNIT_X], states[FULDA]) == ("angenommen", "zurückgegeben")
        shown = board(old, framework, Calendar(framework), (), 2025, date(2026, 11, 22))
        assert {region.region: region.deliveries for region in shown.regions}[UNIT_X] == 3
    with writer(tmp_path, framework) as target:
        connection = target.connection
        kept = set(history[0])
        now = connection.sql("SELECT * FROM observation_history").to_arrow_table().to_pylist()
        assert sorted(({k: row[k] for k in kept} for row in now), key=repr) == sorted(
            ({k: row[k] for k in kept} for row in history), key=repr
        )
        assert [row["id"][-4:] for row in t.submissions(connection).to_pylist()] == ["0001", "0002", "0003"] * 2
        assert rows(connection, "SELECT outcome, rules_hash FROM run") == [("clean", None)]
        assert rows(connection, "SELECT DISTINCT nil_fields FROM submission") == [(None,)]
        assert rows(connection, "SELECT value FROM indicator_value") == [(22.727272,)]
        assert len(rows(connection, "SELECT code FROM indicator")) == len(framework.indicators)
        with duckdb.connect(str(Places(empty).work_file), read_only=True) as fresh:
            assert form(connection) == form(fresh)
        withdraw(connection, "2026-06531-0002", "Grund", "Amt", NOON)
        assert previous_values(connection, UNIT_X, 2025)["POP", ""] == (Decimal(100), "ok")
        assert correct(target, entry("POP", 100, 101), hour=9).applied == ["K1"]
        load(target, replace(delivery(8, {}), nil_fields=("BEV", "SPR")), now=NOON + 10 * HOUR)
        assert rows(connection, "SELECT nil_fields FROM submission WHERE id = '2026-06531-0008'") == [("BEV,SPR",)]
    assert publish(tmp_path, framework).number == 2
    with writer(tmp_path, framework) as target:
        assert len(t.submissions(target.connection)) == 7


def test_a_run_keeps_its_details(opened: Writer) -> None:
    record_run(
        opened.connection, Run("r", NOON, "nightly", rules_hash="abc", seconds={"load": 1.5}, details={"a": ["b"]})
    )
    assert rows(opened.connection, "SELECT rules_hash, seconds, details FROM run") == [
        ("abc", '{"load": 1.5}', '{"a": ["b"]}')
    ]


# --- backup and restore -----------------------------------------------------------------------------------------------


@pytest.fixture
def kept(tmp_path: Path, framework: Framework) -> tuple[Path, Path]:
    """A data root with one published delivery, its archived file and a correction; and a backup of it."""
    root = tmp_path / "data"
    (a,) = t.base(framework, 1)
    first = delivery(1, {(a, ()): 1})
    archived = root / "raw" / "archive" / "2025" / UNIT_X / f"{first.submission.sha256}.xlsx"
    archived.parent.mkdir(parents=True)
    archived.write_bytes(b"bogen")
    refused = root / "raw" / "quarantine" / delivery(9, {}).submission.sha256
    refused.mkdir(parents=True)
    (refused / "reason.json").write_text("{}")
    (refused / "file.xlsx").write_bytes(b"kaputt")
    (root / "corrections.yaml").write_text("# noch keine\n")
    with writer(root, framework) as target:
        load(target, first, delivery(2, {}, region=FULDA), delivery(9, {}, verdict=Verdict.REFUSED))
    publish(root, framework)
    made = backup(root, tmp_path / "sicherung")
    assert (made.generation, made.submissions, made.missing) == (1, 3, ("2026-06631-0002",))
    return root, made.path


def value(root: Path, framework: Framework) -> list[Any]:
    with open_snapshot(root) as snapshot:
        return [row[0] for row in rows(snapshot.connection, "SELECT value FROM observation ORDER BY value")]


def test_a_backup_names_everything_it_holds(kept: tuple[Path, Path]) -> None:
    root, made = kept
    manifest = read_manifest(made)
    assert set(manifest["files"]) == {"warehouse.duckdb", "monitor-1.duckdb", "archive.json", "corrections.yaml"}
    assert {path.name for path in made.iterdir()} == {*manifest["files"], MANIFEST}
    ledger = json.loads((made / "archive.json").read_text("utf-8"))
    assert [entry["path"] and Path(entry["path"]).parts[1] for entry in ledger] == ["archive", None, "quarantine"]
    assert ledger[0]["bytes"] == 5
    with pytest.raises(BackupRefused, match="gibt es schon"):
        backup(root, made)
    with exclusive(root), pytest.raises(t.Locked):
        backup(root, made.with_name("zweite"))
    with pytest.raises(BackupRefused, match="noch keinen Datenbestand"):
        backup(root / "leer", made.with_name("dritte"))
    assert {path.name for path in made.parent.iterdir()} == {"data", "sicherung"}


def test_a_backup_comes_back_and_the_replaced_state_is_kept(kept: tuple[Path, Path], framework: Framework) -> None:
    root, made = kept
    (a,) = t.base(framework, 1)
    for number in (3, 4):
        with writer(root, framework) as target:
            load(target, delivery(number, {(a, ()): number}))
        publish(root, framework)
    assert value(root, framework) == [4]
    (root / "corrections.yaml").write_text("# später geschrieben\n")
    with open_snapshot(root) as reading:
        done = restore(root, made, framework)
        assert rows(reading.connection, "SELECT value FROM observation") == [(4,)], "an open reader goes on"
    assert done.generation == 4, "numbers are never given twice"
    assert value(root, framework) == [1]
    assert (root / "corrections.yaml").read_text() == "# später geschrieben\n"
    assert done.replaced is not None
    with duckdb.connect(str(done.replaced / "warehouse.duckdb"), read_only=True) as former:
        assert rows(former, "SELECT value FROM observation") == [(4,)]
    assert (done.replaced / "monitor-3.duckdb").exists()
    with writer(root, framework) as target:
        assert len(t.submissions(target.connection)) == 3
        load(target, delivery(5, {(a, ()): 5}))
    assert publish(root, framework).number == 5
    assert not (Places(root).work / ".restored").exists()


def test_a_backup_can_start_a_new_machine(kept: tuple[Path, Path], framework: Framework, tmp_path: Path) -> None:
    _, made = kept
    other = tmp_path / "neu"
    done = restore(other, made, framework)
    assert (done.replaced, done.generation) == (None, 1)
    assert value(other, framework) == [1]
    assert (other / "corrections.yaml").read_text() == "# noch keine\n"
    assert not publish(other, framework).new, "nothing has changed"


def test_a_crashed_or_damaged_work_file_is_replaced(kept: tuple[Path, Path], framework: Framework) -> None:
    root, made = kept
    places = Places(root)
    places.work_file.write_bytes(b"zerstoert" * 1000)
    wal_of(places.work_file).write_bytes(b"Protokoll")
    done = restore(root, made, framework)
    assert done.replaced is not None
    assert (done.replaced / "warehouse.duckdb").read_bytes().startswith(b"zerstoert")
    assert (done.replaced / "warehouse.duckdb.wal").exists()
    assert not wal_of(places.work_file).exists()
    with writer(root, framework) as target:
        assert len(t.submissions(target.connection)) == 3


def _shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        (WORK, _flip),
        ("monitor-1.duckdb", _flip),
        (WORK, _shorten),
        ("archive.json", Path.unlink),
        (MANIFEST, Path.unlink),
        (MANIFEST, _shorten),
    ],
)
def test_a_damaged_backup_is_refused_and_changes_nothing(
    kept: tuple[Path, Path], framework: Framework, name: str, damage: Callable[[Path], Any]
) -> None:
    root, made = kept
    damage(made / name)
    before = {path: path.stat().st_mtime_ns for path in Places(root).folder.rglob("*") if path.is_file()}
    with pytest.raises(BackupRefused, match=r"beschädigt|keine vollständige"):
        restore(root, made, framework)
    after = {path: path.stat().st_mtime_ns for path in Places(root).folder.rglob("*") if path.is_file()}
    assert before.keys() == after.keys()
    assert all(before[path] == after[path] for path in before if path.name != "lock")


def test_backups_do_not_grow_without_bound(kept: tuple[Path, Path], framework: Framework) -> None:
    root, made = kept
    folder = made.parent / "sicherungen"

    def age(path: Path, **changed: Any) -> Path:
        manifest = json.loads((path / MANIFEST).read_text("utf-8"))
        (path / MANIFEST).write_text(json.dumps(manifest | changed), "utf-8")
        return path

    days = [age(backup(root, folder / f"tag-{n}").path, created_at=f"2026-01-0{n}T02:00:00+00:00") for n in range(1, 6)]
    foreign = age(backup(root, folder / "fremd").path, root="another", created_at="2020-01-01T02:00:00+00:00")
    nameless = age(backup(root, folder / "alt").path, root=None, created_at="2020-01-01T02:00:00+00:00")
    (folder / "Notizen").mkdir()
    _shorten(days[4] / WORK)
    last = backup(root, folder / "uhr-ging-nach", keep=3)
    assert [path.name for path in last.removed] == ["tag-1", "tag-2"]
    stays = {days[2].name, days[3].name, days[4].name, foreign.name, nameless.name, "Notizen", "uhr-ging-nach"}
    assert {path.name for path in folder.iterdir()} == stays
    age(last.path, created_at="2019-01-01T02:00:00+00:00")
    only = backup(root, folder / "einzige", keep=1)
    assert {path.name for path in only.removed} == {"tag-3", "tag-4", "uhr-ging-nach"}
    assert read_manifest(only.path)


def test_former_states_do_not_grow_without_bound(kept: tuple[Path, Path], framework: Framework) -> None:
    root, made = kept
    places = Places(root)
    good = restore(root, made, framework, keep=2).replaced
    damaged = []
    for _ in range(3):
        places.work_file.write_bytes(b"zerstoert" * 1000)
        damaged.append(restore(root, made, framework, keep=2).replaced)
    assert sorted(places.folder.glob("replaced-*")) == [good, *damaged[1:]], "the last good one is never removed"
    newer = [restore(root, made, framework, keep=2).replaced for _ in range(2)]
    assert sorted(places.folder.glob("replaced-*")) == newer


def test_a_foreign_or_newer_backup_is_refused(kept: tuple[Path, Path], framework: Framework) -> None:
    root, made = kept
    with pytest.raises(ForeignFramework, match="gehört zum Rahmen"):
        restore(root, made, t.changed(framework, "OTHER"))
    manifest = json.loads((made / MANIFEST).read_text("utf-8"))
    manifest["migrations"].append([9999, "future"])
    (made / MANIFEST).write_text(json.dumps(manifest), "utf-8")
    with pytest.raises(NewerWarehouse, match="9999"):
        restore(root, made, framework)
    assert value(root, framework) == [1]


# --- size -------------------------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_two_hundred_replacing_loads_do_not_blow_up_the_file(tmp_path: Path, framework: Framework) -> None:
    values = {(variable, (("SEX", sex),)): 1 for variable in t.base(framework, 10) for sex in "MW"}
    table = t.value_table([{"region": UNIT_X, "year": 2025, "indicator": f"I{n}", "value": n / 7} for n in range(500)])
    file = Places(tmp_path).work_file
    sizes = []
    for number in range(1, 201):
        if number % 20 == 1:
            context = writer(tmp_path, framework)
            target = context.__enter__()
        load(target, delivery(number, values))
        replace_all_results(target.connection, {"indicator_value": table})
        target.connection.execute("CHECKPOINT")
        if number % 20 == 0:
            context.__exit__(None, None, None)
            compact(tmp_path, framework, smallest=0)
            sizes.append(file.stat().st_size)
    with writer(tmp_path, framework) as target:
        assert rows(target.connection, "SELECT count(*) FROM observation_version") == [(200 * 20,)]
    assert max(sizes) <= 2 * sizes[0], sizes
    assert sizes[-1] <= 1.5 * sizes[4], sizes


def test_waste_is_given_back_and_nothing_else_changes(tmp_path: Path, framework: Framework) -> None:
    (a,) = t.base(framework, 1)
    with writer(tmp_path, framework) as target:
        load(target, delivery(1, {(a, ()): 1}), delivery(2, {(a, ()): 2}))
        correct(target, entry(a, 2, 3))
        target.connection.execute("CREATE TABLE waste AS SELECT random() AS a, random() AS b FROM range(1500000)")
        target.connection.execute("CHECKPOINT")
        load(target, delivery(3, {(a, ()): 4}, region=FULDA))
        target.connection.execute("CHECKPOINT")
        target.connection.execute("DROP TABLE waste")
        before = fingerprint(target.connection, framework)
        content = t.ordered(target.connection.sql("SELECT * FROM observation_version").to_arrow_table())
    first = publish(tmp_path, framework)
    assert not compact(tmp_path, framework, smallest=1 << 40).done
    done = compact(tmp_path, framework, smallest=0, factor=1.2)
    assert done.done
    assert done.after < done.before / 2
    assert done.after == Places(tmp_path).work_file.stat().st_size
    with writer(tmp_path, framework) as target:
        assert fingerprint(target.connection, framework) == before
        assert t.ordered(target.connection.sql("SELECT * FROM observation_version").to_arrow_table()) == content
        assert list(cells(target)) == [(a, ""), (a, "K1")]
    assert not publish(tmp_path, framework).new
    assert current_generation(tmp_path) == replace(first, new=False)
    assert not compact(tmp_path, framework, smallest=0).done, "once is enough"


def test_a_copy_that_differs_is_not_used(tmp_path: Path, framework: Framework, monkeypatch: pytest.MonkeyPatch) -> None:
    with writer(tmp_path, framework) as target:
        load(target, delivery(1, {(t.base(framework, 1)[0], ()): 1}))
    before = Places(tmp_path).work_file.read_bytes()

    def differs(*_: Any) -> None:
        raise compacting.Unusable("weicht ab")

    with monkeypatch.context() as patched:
        patched.setattr(compacting, "_compare", differs)
        with pytest.raises(compacting.Unusable, match="weicht ab"):
            compact(tmp_path, framework, smallest=0, factor=0)
    assert not Places(tmp_path).next_file.exists()
    assert Places(tmp_path).work_file.read_bytes() == before
    assert compact(tmp_path, framework, smallest=0, factor=0).done
