"""One cause, one finding: what goes away together is reported once, and nothing else disappears."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bench.detection import DESCRIPTION, Demo, check, damaged
from flows.demo.world import load_world
from intake.cause_outliers import History
from intake.causes import Grouped, explain, group
from intake.plausibility import check_plausibility
from intake.rules import RuleInput, check_rules
from schemas.framework_model import Framework
from schemas.loading import load_framework
from schemas.shapes import Finding, Observation, Severity

Cells = Mapping[str, Any]
DEPARTMENT = {"GRP=D,SEX=M": 300, "GRP=D,SEX=W": 200, "GRP=D": 500, "GRP=A,SEX=M": 120, "GRP=A,SEX=W": 80, "GRP=A": 200,
              "SEX=M": 420, "SEX=W": 280, "": 700}  # fmt: skip


@pytest.fixture(scope="module")
def framework() -> Framework:
    return load_framework()


@pytest.fixture(scope="module")
def demo(framework: Framework) -> Demo:
    return Demo(framework, load_world(DESCRIPTION, framework))


def item(now: Cells, before: Cells | None = None) -> RuleInput:
    """A delivery of `VARIABLE GRP=A,SEX=W` -> value; cells A1, A2, ... in the order given."""
    found = []
    for number, (name, value) in enumerate(now.items(), start=1):
        variable, _, key = name.partition(" ")
        members = tuple((part.split("=")[0], part.split("=")[1]) for part in key.split(",") if part)
        place = ("Blatt", f"A{number}", str(value), "", key, "")
        found.append(Observation("06413", 2024, variable, members, Decimal(str(value)), "ok", *place))
    known = {(n.partition(" ")[0], n.partition(" ")[2]): (Decimal(str(v)), "ok") for n, v in (before or {}).items()}
    return RuleInput("1", "06413", 2024, found, known)


def grouped(framework: Framework, delivery: RuleInput) -> Grouped:
    rules = {unit: result.findings for unit, result in check_rules(framework, [delivery]).items()}
    return explain(framework, [delivery], rules)["1"]


def table(variable: str, values: Cells, **changed: Any) -> dict[str, Any]:
    return {f"{variable} {key}".strip(): value for key, value in {**values, **changed}.items()}


# --- the guilty cell -----------------------------------------------------------------------------------------------


def test_the_cell_that_all_broken_sums_share_is_named_with_the_value_that_mends_them(framework: Framework) -> None:
    result = grouped(framework, item(table("APPL", DEPARTMENT, **{"GRP=A,SEX=W": 800})))
    found = result.findings[0]
    assert len(result.findings) == 1
    assert Counter(symptom.code for symptom in result.symptoms[0]) == {"P07": 2, "P06": 1}
    assert (found.code, found.cell, found.variable, found.members) == ("P07", "A5", "APPL", "GRP=A,SEX=W")
    assert (found.found, found.expected, found.count) == ("800", "80", 3)
    assert "Vermutlich liegt es am Wert 800 in dieser Zelle (" in found.message
    assert found.message.endswith("; stimmig wäre 80.")
    assert found.remedy.startswith("Berichtigen Sie zuerst diesen Wert. ")
    assert found.remedy.endswith(
        "Wenn Sie diesen Wert berichtigen, entfallen voraussichtlich 2 weitere Auffälligkeiten."
    )


def test_the_value_need_not_be_a_slipped_digit(framework: Framework) -> None:
    result = grouped(framework, item(table("APPL", DEPARTMENT, **{"GRP=D,SEX=M": 350})))
    found = result.findings[0]
    assert len(result.findings) == 1
    assert (found.cell, found.expected, found.count) == ("A1", "300", 2)
    assert found.remedy.endswith(
        "Wenn Sie diesen Wert berichtigen, entfällt voraussichtlich eine weitere Auffälligkeit."
    )


def test_the_worst_symptom_gives_code_and_severity(framework: Framework) -> None:
    """A subset rule (error) breaks together with the sums (warnings)."""
    now = table("APPL", DEPARTMENT) | table("APPL_OPEN", {key: value // 10 for key, value in DEPARTMENT.items()})
    result = grouped(framework, item(now | {"APPL_OPEN GRP=A,SEX=W": 800}))
    found = result.findings[0]
    assert len(result.findings) == 1
    assert (found.code, found.severity, found.variable, found.members) == (
        "R042", Severity.ERROR, "APPL_OPEN", "GRP=A,SEX=W"
    )  # fmt: skip
    assert Counter(symptom.code for symptom in result.symptoms[0]) == {"R042": 1, "P07": 2}
    assert found.expected == "8"


def test_one_broken_sum_alone_does_not_say_which_cell_it_is(framework: Framework) -> None:
    now = {"DENT_EXAM GRP=OMH": 400, "DENT_EXAM GRP=MMH": 300, "DENT_EXAM": 950}
    result = grouped(framework, item(now))
    assert [(found.code, found.cell) for found in result.findings] == [("P07", "A3")]
    assert "Vermutlich" not in result.findings[0].message
    assert not result.symptoms


def test_the_year_before_says_which_cell_of_one_sum_it_is(framework: Framework) -> None:
    now = {"DENT_EXAM GRP=OMH": 400, "DENT_EXAM GRP=MMH": 550, "DENT_EXAM": 700}
    before = {"DENT_EXAM GRP=OMH": 390, "DENT_EXAM GRP=MMH": 310, "DENT_EXAM": 700}
    result = grouped(framework, item(now, before))
    found = result.findings[0]
    assert len(result.findings) == 1
    assert (found.code, found.cell, found.expected, found.count, found.previous_value) == ("P07", "A2", "300", 1, "310")
    assert "weitere Auff" not in found.remedy


def test_two_errors_are_two_causes(framework: Framework) -> None:
    changed = {"GRP=A,SEX=W": 800, "GRP=D,SEX=M": 30}
    result = grouped(framework, item(table("APPL", DEPARTMENT, **changed)))
    assert sorted((found.cell, found.expected) for found in result.findings) == [("A1", "300"), ("A5", "80")]


def test_nothing_is_silently_corrected(framework: Framework) -> None:
    delivery = item(table("APPL", DEPARTMENT, **{"GRP=A,SEX=W": 800}))
    before = list(delivery.observations)
    grouped(framework, delivery)
    assert list(delivery.observations) == before


# --- other causes stay ---------------------------------------------------------------------------------------------


def test_a_jump_joins_the_rule_that_it_breaks(framework: Framework) -> None:
    result = grouped(framework, item({"OFFER": 100, "OFFER_EVAL": 105}, {"OFFER": 98, "OFFER_EVAL": 31}))
    found = result.findings[0]
    assert len(result.findings) == 1
    assert (found.code, found.severity, found.cell) == ("R068", Severity.ERROR, "A2")
    assert [symptom.code for symptom in result.symptoms[0]] == ["R068", "M15"]
    assert "105 nach 31 im Vorjahr (+239\u202f%)." in found.message
    assert "stimmig wäre" not in found.message, "last year's value is no suggestion"


def test_a_finding_with_another_cause_is_kept(framework: Framework) -> None:
    now = table("APPL", DEPARTMENT, **{"GRP=A,SEX=W": 800}) | {"OFFER": 20, "OFFER_WEB": 25, "REF_MUN": 400}
    result = grouped(framework, item(now, {"REF_MUN": 100}))
    assert [found.code for found in result.findings] == ["P07", "R069", "M15"]
    assert list(result.symptoms) == [0]


def test_two_rules_that_one_cell_does_not_explain_stay_two(framework: Framework) -> None:
    result = grouped(framework, item({"OFFER": 20, "OFFER_WEB": 25, "OFFER_MO": 26}, {"OFFER": 21}))
    assert [found.code for found in result.findings] == ["R067", "R069"]


# --- tables --------------------------------------------------------------------------------------------------------


def test_a_table_in_another_unit_swallows_what_follows_from_it(framework: Framework) -> None:
    before = table("APPL", DEPARTMENT) | table("APPL_OPEN", {key: value // 5 for key, value in DEPARTMENT.items()})
    now = {name: value * 10 if name.startswith("APPL_OPEN") else value * 11 // 10 for name, value in before.items()}
    now["APPL_OPEN GRP=D"] = 1005
    result = grouped(framework, item(now, before))
    found = result.findings[0]
    assert len(result.findings) == 1
    assert (found.code, found.severity, found.count) == ("P02", Severity.ERROR, len(result.symptoms[0]))
    assert {"P02", "P06", "R042"} <= {symptom.code for symptom in result.symptoms[0]}
    more = found.count - 1
    assert found.remedy.endswith(
        f"Wenn Sie dies berichtigen, entfallen voraussichtlich {more} weitere Auffälligkeiten."
    )


def test_a_percent_table_swallows_the_findings_of_reading_about_its_cells(framework: Framework) -> None:
    def read(code: str, cell: str, members: str) -> Finding:
        return Finding(
            code, Severity.ERROR, "-", "-", sheet="Blatt", cell=cell, variable="APPL", members=members, found="12,5"
        )

    odd = [read("V05", f"B{number}", key) for number, key in enumerate(list(DEPARTMENT)[:6], start=1)]
    other = [read("V03", "B9", ""), replace(read("V05", "C1", ""), variable="OFFER")]
    delivery = item({"REF_GU": 3})
    result = explain(framework, [delivery], {"1": [*odd, *other]})["1"]
    assert [found.code for found in result.findings] == ["P04", "V03", "V05"]
    assert result.findings[0].count == 7
    assert len(result.symptoms[0]) == 7


def test_a_kreis_without_its_town_explains_the_jumps_that_follow(framework: Framework, demo: Demo) -> None:
    delivery = demo.item("06435", 2024, "1")
    share = 1 - Decimal(101_364) / Decimal(demo.values["06435", 2024]["POP", ""])
    small = [
        o._replace(value=Decimal(round((o.value or 0) * share))) if framework.is_integer(o.variable) else o
        for o in delivery.observations
        if o.members == ()
    ]
    result = grouped(framework, replace(delivery, observations=small))
    assert [found.code for found in result.findings] == ["P05"]
    assert {"R103"} <= {symptom.code for symptom in result.symptoms[0]}


# --- all together --------------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_every_finding_is_kept_or_the_symptom_of_one_cause(framework: Framework, demo: Demo) -> None:
    items, _ = damaged(demo, 12, "conservation")
    mixed = [replace(entry, observations=[*entry.observations]) for entry in items]
    rules = {unit: result.findings for unit, result in check_rules(framework, mixed).items()}
    history = demo.history()
    noticed = check_plausibility(framework, mixed, history)
    result = group(framework, mixed, rules, noticed, history)
    for entry in mixed:
        original = [*rules[entry.unit], *noticed[entry.unit].findings]
        after = result[entry.unit]
        kept = [found for number, found in enumerate(after.findings) if number not in after.symptoms]
        symptoms = [found for listed in after.symptoms.values() for found in listed]
        assert Counter(map(id, original)) == Counter(map(id, [*kept, *symptoms]))
        for number, listed in after.symptoms.items():
            worst = min(listed, key=lambda found: list(Severity).index(found.severity))
            assert after.findings[number].severity is worst.severity
            assert after.findings[number].count == len(listed)


def test_one_slipped_digit_in_the_demo_is_one_finding_at_its_cell(framework: Framework, demo: Demo) -> None:
    items, errors = damaged(demo, 12, "one each")
    for unit, found in check(framework, items, demo.history()).items():
        error = next(entry for entry in errors if entry.unit == unit)
        assert [(entry.variable, entry.members) for entry in found.findings] == [error.cell], error


def test_without_history_nothing_fails(framework: Framework) -> None:
    assert grouped(framework, item({})).findings == []
    assert explain(framework, [], {}, History()) == {}
