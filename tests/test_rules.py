"""Every plausibility rule has a delivery that it accepts and one that it does not.

The accepted delivery is one region and year of the sample world in which everything was collected. For each rule one
delivered cell of it is changed; which cell and how is searched with the reference on paper (`reference.py`), so that
the test does not follow the code it tests.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from itertools import chain
from pathlib import Path

import duckdb
import pytest
from reference import Cells, Members, Reference, key_of, members_of, parsed

from flows.demo.registers import load_registers
from flows.demo.world import load_world
from intake.rules import RuleInput, RuleResult, check_rules
from schemas.counting import counted
from schemas.framework_model import Framework
from schemas.loading import load_framework
from schemas.shapes import Finding, Observation, Severity

DESCRIPTION = Path(__file__).resolve().parents[1] / "flows" / "demo" / "world.yaml"
REGION, YEAR = "06414", 2024
"""A town that delivers every variable, in a year in which the form asks for all of them: every rule can be tried."""
ELECTION = 2021
"""Year of the last election: what is asked of it alone is set beside the year looked at."""

FRAMEWORK = load_framework()
REFERENCE = Reference(FRAMEWORK)
CODES = sorted(FRAMEWORK.rules)


@dataclass(frozen=True)
class Changed:
    """The failing case of a rule: one cell of a clean delivery changed, and the point at which the rule then fails."""

    variable: str
    members: Members
    point: str
    involved: frozenset[tuple[str, Members]]
    delivery: RuleInput


# --- deliveries -----------------------------------------------------------------------------------------------------


def delivery(unit: str, cells: Cells, previous: Cells | None = None, framework: Framework = FRAMEWORK) -> RuleInput:
    """Cells as delivered in a form: one sheet for each field, one row for each cell."""
    observations = [
        Observation(
            region=REGION,
            year=YEAR,
            variable=variable,
            members=tuple((d, dict(members)[d]) for d in framework.dimensions if d in dict(members)),
            value=None if value is None else number(value),
            status="secret" if value is None else "ok",
            sheet=framework.fields[framework.variable_field[variable]].name_de,
            cell=f"D{row}",
            text="" if value is None else str(number(value)),
        )
        for row, ((variable, members), value) in enumerate(cells.items(), start=5)
    ]
    accepted = {
        (variable, key_of(framework, members)): (None if value is None else number(value), "ok")
        for (variable, members), value in (previous or {}).items()
    }
    return RuleInput(unit, REGION, YEAR, observations, accepted)


def number(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)


def written(**variables: Mapping[str, int | None] | int | None) -> Cells:
    """Cells written by hand: `written(FOR=10, PROT={"SEX=M": 3})`."""
    cells: Cells = {}
    for variable, found in variables.items():
        for key, value in (found if isinstance(found, Mapping) else {"": found}).items():
            cells[variable, members_of(key)] = None if value is None else Fraction(value)
    return cells


def result_of(cells: Cells, previous: Cells | None = None) -> RuleResult:
    return check_rules(FRAMEWORK, [delivery("one", cells, previous)])["one"]


def broken(cells: Cells, previous: Cells | None = None) -> list[tuple[str, str]]:
    """Rule and members of every finding. Only rules that have something to look at are tried, which is quicker."""
    there = {variable for variable, _ in cells}
    rules = {code: rule for code, rule in FRAMEWORK.rules.items() if there & REFERENCE.variables(rule.expression)}
    result = check_rules(replace(FRAMEWORK, rules=rules), [delivery("one", cells, previous)])["one"]
    return [(finding.code, finding.members) for finding in result.findings]


# --- the clean delivery ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sample() -> dict[int, Cells]:
    """What the sample world types, and what is counted from its registers."""
    world, registers = load_world(DESCRIPTION, FRAMEWORK), load_registers(FRAMEWORK)
    cells: dict[int, Cells] = {}
    for year in (YEAR - 1, YEAR):
        typed = world.values(REGION, ELECTION) | world.values(REGION, year)
        cells[year] = {(variable, members_of(key)): Fraction(value) for (variable, key), value in typed.items()}
        delivered = FRAMEWORK.registers if year in registers.years else ()
        records = chain.from_iterable(registers.records(FRAMEWORK, REGION, year).values())
        for o in counted(FRAMEWORK, REGION, year, delivered, records):
            cells[year][o.variable, members_of("")] = Fraction(o.value or 0)
    return cells


@pytest.fixture(scope="module")
def clean(sample: dict[int, Cells]) -> RuleResult:
    return result_of(sample[YEAR], sample[YEAR - 1])


@pytest.mark.parametrize("code", CODES)
def test_rule_accepts_the_clean_delivery(code: str, clean: RuleResult) -> None:
    assert clean.run == len(CODES)  # each of them could be tried
    assert clean.not_evaluable == 0
    assert [finding.message for finding in clean.findings if finding.code == code] == []


# --- one changed cell for each rule ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def changed(sample: dict[int, Cells]) -> dict[str, Changed]:
    found = {code: one_changed_cell(code, sample) for code in CODES}
    return {code: case for code, case in found.items() if case is not None}


@pytest.fixture(scope="module")
def results(changed: dict[str, Changed]) -> dict[str, RuleResult]:
    return check_rules(FRAMEWORK, [case.delivery for case in changed.values()])


def one_changed_cell(code: str, sample: dict[int, Cells]) -> Changed | None:
    """The first delivered cell, at the first point, with which the rule no longer holds on paper.

    Only the variables of the rule are delivered, to keep the cases small. Where the form asks for the parts only, and
    a change of a part cannot break the rule, the aggregate is delivered besides, as an office's own table may do.
    """
    text = FRAMEWORK.rules[code].expression
    used = REFERENCE.variables(text)
    before, now = ({k: v for k, v in sample[year].items() if k[0] in used} for year in (YEAR - 1, YEAR))
    place = {YEAR - 1: REFERENCE.complete(before), YEAR: REFERENCE.complete(now)}
    for running in sorted(REFERENCE.rule_points(code), key=len):
        if REFERENCE.verdict(code, place, YEAR, running) is None:
            continue
        cells = [c[:2] for c in REFERENCE.involved(parsed(text), place, YEAR, running) if c[2] == YEAR]
        have = [cell for cell in cells if place[YEAR].get(cell) is not None]
        for cell in sorted(have, key=lambda cell: cell not in now):
            for value in (place[YEAR][cell] * 100 + 1000, Fraction(0)):
                altered = {**now, cell: value}
                here = {**place, YEAR: REFERENCE.complete(altered)}
                if REFERENCE.verdict(code, here, YEAR, running) is False:
                    point = key_of(FRAMEWORK, running)
                    return Changed(*cell, point, frozenset(cells), delivery(code, altered, before))
    return None


@pytest.fixture
def finding(code: str, changed: dict[str, Changed], results: dict[str, RuleResult]) -> Finding:
    """The finding of the rule at the point where one cell was changed."""
    assert code in changed, "no single cell breaks this rule"
    (found,) = [f for f in results[code].findings if (f.code, f.members) == (code, changed[code].point)]
    return found


@pytest.mark.parametrize("code", CODES)
def test_rule_notices_one_changed_cell(code: str, finding: Finding) -> None:
    assert finding.severity == Severity(FRAMEWORK.rules[code].severity)
    assert finding.region == REGION


@pytest.mark.parametrize("code", CODES)
def test_finding_names_the_address_of_an_involved_cell(
    code: str, finding: Finding, changed: dict[str, Changed]
) -> None:
    case = changed[code]
    address = {(o.sheet, o.cell): (o.variable, frozenset(o.members)) for o in case.delivery.observations}
    assert address[finding.sheet, finding.cell] in case.involved
    assert finding.variable == address[finding.sheet, finding.cell][0]
    if len(case.involved) <= 8:  # a longer list is cut
        (cell,) = [place[1] for place, what in address.items() if what == (case.variable, case.members)]
        assert re.search(rf"\b{cell}\b", finding.remedy)


ENGLISH = re.compile(r"\b(the|of|is|are|and|not|than|sum|previous|year|greater|missing|value|total)\b", re.IGNORECASE)
LEFTOVER = re.compile(r"[{}]|\b(None|nan|inf|Infinity|Decimal|Fraction)\b|  |\.\.| ,|\(\)|„“", re.IGNORECASE)
CODED = re.compile(r"\b[A-Z]{2,}_[A-Z0-9_]+\b|\b[A-Z]+=[A-Z]")


@pytest.mark.parametrize("code", CODES)
def test_finding_is_written_in_german_for_the_sender(code: str, finding: Finding) -> None:
    assert finding.message.endswith(".")
    assert finding.remedy.endswith(".")
    name = FRAMEWORK.variables[finding.variable].name_de
    assert f"„{name}“" in finding.message
    for text in (finding.message, finding.remedy):
        assert not ENGLISH.search(text), text
        assert not LEFTOVER.search(text), text
        assert not CODED.search(text), text
        assert FRAMEWORK.rules[code].why_en not in text
    assert FRAMEWORK.rules[code].why_de in finding.remedy


@pytest.mark.parametrize("code", CODES)
def test_finding_shows_both_sides_in_german_numbers(code: str, finding: Finding) -> None:
    for side in (finding.found, finding.expected):
        assert re.fullmatch(r"[-−]?\d{1,3}(?:[.\u202f]\d{3})*(?:,\d+)?|[-−]?\d+(?:,\d+)?", side)
        assert side in finding.message
    assert finding.found != finding.expected


# --- tolerance ------------------------------------------------------------------------------------------------------

SIX_STATUSES = dict.fromkeys(("RES=EUF", "RES=UNB", "RES=BEF", "RES=GEST", "RES=DULD", "RES=SONST"), 100)
SIX_STAYS = dict.fromkeys(("STAY=S00_03", "STAY=S04", "STAY=S05_07", "STAY=S08_09", "STAY=S10_19", "STAY=S20_UP"), 100)

# rule, a delivery in which both sides are equal, the cell that is moved away, allowed difference, how it is made up
ROUNDED = [
    ("R008", {"FOR": {"": 600, **SIX_STATUSES}}, "FOR", 14, "a total and six parts, each rounded to 5: 7 x 2"),
    ("R009", {"FOR": {"": 600, **SIX_STAYS}}, "FOR", 14, "a total and six parts, each rounded to 5: 7 x 2"),
    ("R020", {"PROT": {"": 30, "PROTS=ANERK": 10, "PROTS=OFFEN": 10, "PROTS=ABGEL": 10}}, "PROT", 8, "4 x 2"),
    ("R017", {"UNEMP": {"": 200, "RK=SGB2": 150, "RK=SGB3": 50}}, "UNEMP", 3, "three annual means: 3 x 1"),
    ("R016", {"UNEMP": {"": 155, "GRP=D": 100, "GRP=A": 50, "GRP=U": 5}}, "UNEMP", 4, "four annual means: 4 x 1"),
    ("R018", {"SGB2_RLB": {"": 155, "GRP=D": 100, "GRP=A": 50, "GRP=U": 5}}, "SGB2_RLB", 4, "four annual means: 4 x 1"),
    (
        "R014",
        {"SVB_RES": {"": 400, "QUAL=OHNE": 100, "QUAL=BERUF": 100, "QUAL=AKAD": 100, "QUAL=UNBEK": 100}},
        "SVB_RES",
        0,
        "not rounded, no annual mean",
    ),
    ("R025", {"NATZ_ENT": 100, "NATZ": 100}, "NATZ_ENT", 0, "the source is not rounded, whatever the rule says"),
    ("R041", {"VOC_NOCONTR": 99, "VOC_PUP": 99}, "VOC_NOCONTR", 2, "rounded to 3, half of it rounded down: 1 + 1"),
    ("R049", {"SGB12_GSA": 40, "SGB12_GSI": 40}, "SGB12_GSA", 4, "2 + 2"),
    ("R061", {"PROT": 100, "FOR": 100}, "PROT", 4, "2 + 2"),
    ("R064", {"FOR_ASY8": {"AGE=A15_64": 50, "AGE=A00_64": 50}}, "FOR_ASY8 AGE=A15_64", 4, "delivered ages: 2 + 2"),
    ("R027", {"FOR_NATZ_ELIG": 400, "FOR": SIX_STAYS}, "FOR_NATZ_ELIG", 10, "one cell, and an aggregate of four: 5 x 2"),
    ("R090", {"SGB12_GSA": 40, "POP": {"AGE=A65_74": 20, "AGE=A75_UP": 20}}, "SGB12_GSA", 2, "the register is exact"),
    ("R099", {"SVB_ASY8": 40, "FOR_ASY8": {"AGE=A15_64": 40}}, "SVB_ASY8", 2, "only one side is rounded"),
    ("R100", {"SGB2_ASY8": 40, "FOR_ASY8": {"AGE=A00_64": 40}}, "SGB2_ASY8", 3, "an annual mean and a rounded cell"),
    (
        "R091",
        {"SGB2_RLB": 10, "SGB12_HLU": 10, "SGB12_GSI": 10, "ASYLBLG": 10, "POP": 40},
        "SGB2_RLB",
        7,
        "an annual mean and three rounded cells: 1 + 3 x 2",
    ),
    ("R067", {"OFFER_MO": 7, "OFFER": 7}, "OFFER_MO", 0, "the rule allows no difference"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "equal", "moved", "slack", "why"), ROUNDED, ids=[case[0] for case in ROUNDED])
def test_difference_up_to_the_tolerance_is_fine_and_one_more_is_a_finding(
    code: str, equal: dict[str, Mapping[str, int] | int], moved: str, slack: int, why: str
) -> None:
    cells = written(**equal)
    variable, _, key = moved.partition(" ")
    cell = variable, members_of(key)

    def codes_with(difference: int) -> set[str]:
        return {found for found, _ in broken({**cells, cell: cells[cell] + difference})}

    assert code not in codes_with(slack), why
    assert code in codes_with(slack + 1), why


def test_tolerance_works_on_both_sides_of_an_equation() -> None:
    cells = {"": 200, "RK=SGB2": 150, "RK=SGB3": 50}
    assert broken(written(UNEMP={**cells, "": 197})) == []
    assert broken(written(UNEMP={**cells, "": 196})) == [("R017", "")]


# --- where a term is missing ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cells",
    [written(OFFER_MO=9), written(OFFER_MO=9, OFFER=None), written(OFFER_MO=None, OFFER=7)],
    ids=["not delivered", "right side secret", "left side secret"],
)
def test_rule_with_a_missing_term_is_not_evaluable(cells: Cells) -> None:
    result = result_of(cells)
    assert (result.findings, result.run, result.not_evaluable) == ([], 0, len(CODES))


def test_rule_counts_as_tried_once_however_many_points_it_has() -> None:
    result = result_of(written(UNEMP_LT={"": 5, "SEX=M": 2, "SEX=W": 3}, UNEMP={"": 9, "SEX=M": 4, "SEX=W": 5}))
    assert (result.run, result.not_evaluable) == (1, len(CODES) - 1)


def test_rule_about_change_needs_the_previous_year() -> None:
    assert broken(written(PUP=9000)) == []
    assert broken(written(PUP=9000), previous=written(PUP=5000)) == [("R109", "")]
    assert broken(written(PUP=9000), previous=written(PUP=None)) == []


def test_previous_year_alone_is_not_checked() -> None:
    this_year, before = written(PILOT=1), written(OFFER_MO=9, OFFER=7)
    assert broken(this_year, previous=before) == []


def with_rule(expression: str, tolerance: int | str = 0, for_each: tuple[str, ...] = ()) -> Framework:
    """The framework with one rule instead of its own."""
    rule = FRAMEWORK.rules["R067"]
    changes = {"expression": expression, "tolerance": tolerance, "for_each": list(for_each)}
    return replace(FRAMEWORK, rules={"R067": rule.model_copy(update=changes)})


@pytest.mark.parametrize("right", ["max(50, OFFER_PLACES)", "max(50, 100 * OFFER_PLACES / OFFER_PART)"])
def test_missing_term_inside_max_makes_the_rule_not_evaluable(right: str) -> None:
    """The allowed value is not known, so 60 cannot be called too many (framework grammar: `rule_scope`)."""
    framework = with_rule(f"OFFER <= {right}")
    result = check_rules(framework, [delivery("one", written(OFFER=60), framework=framework)])["one"]
    assert (result.findings, result.run, result.not_evaluable) == ([], 0, 1)


# --- residual members -----------------------------------------------------------------------------------------------


def test_residual_member_that_is_named_counts_as_zero_when_absent() -> None:
    employees = {"": 150, "GRP=D": 100, "GRP=A": 50}
    assert broken(written(SVB_RES=employees)) == []
    assert broken(written(SVB_RES={**employees, "": 151})) == [("R015", "")]
    assert broken(written(SVB_RES={**employees, "": 151, "GRP=U": 1})) == []


def test_residual_member_that_is_named_and_secret_does_not_count_as_zero() -> None:
    assert broken(written(SVB_RES={"": 151, "GRP=D": 100, "GRP=A": 50, "GRP=U": None})) == []


def test_residual_part_of_a_sum_may_be_absent_but_an_ordinary_one_may_not() -> None:
    assert broken(written(POP={"": 11, "SEX=M": 5, "SEX=W": 5})) == [("R001", "")]
    assert broken(written(POP={"": 11, "SEX=M": 5, "SEX=W": 5, "SEX=X": 1})) == []
    assert broken(written(POP={"": 11, "SEX=M": 5, "SEX=X": 5})) == []


def test_running_residual_member_is_not_evaluable_where_one_side_lacks_it() -> None:
    unemployed = {"": 900, "GRP=D": 500, "GRP=A": 400}
    long_term = {"": 90, "GRP=D": 50, "GRP=A": 35, "GRP=U": 5}
    assert broken(written(UNEMP=unemployed, UNEMP_LT=long_term)) == []
    assert broken(written(UNEMP={**unemployed, "": 903, "GRP=U": 3}, UNEMP_LT=long_term)) == [("R043", "GRP=U")]


# --- members that run -----------------------------------------------------------------------------------------------


def test_rule_over_two_group_schemes_runs_over_the_members_that_both_know() -> None:
    """Unemployed are known by citizenship, the population also by background.

    At “with background” the unemployed are not known; their total must not be compared with a part of the population.
    """
    unemployed = {"": 110, "GRP=D": 90, "GRP=A": 20}
    grown_up = {"DOM": 70, "DMM": 10, "A": 60}
    cells = written(UNEMP=unemployed, POP={f"GRP={group},AGE=A15_UP": n for group, n in grown_up.items()})
    assert broken(cells) == [("R085", "GRP=D")]  # 90 of 80; not DOM, DMM, OMH, MMH


def test_rule_compares_the_listed_ages_of_one_variable_with_the_same_ages_of_another() -> None:
    cells = written(KITA_CH={"AGE=A03_05": 11, "": 20}, CARE_CH={"AGE=A03_05": 10, "AGE=A00_02": 2, "": 25})
    assert broken(cells) == [("R028", "AGE=A03_05")]


def test_finding_at_the_cell_is_not_repeated_for_the_computed_total() -> None:
    """The totals were not delivered: there is nothing to mend in them."""
    parts = {"GRP=D,SEX=M": 10, "GRP=D,SEX=W": 10, "GRP=A,SEX=M": 10, "GRP=A,SEX=W": 10}
    assert broken(written(UNEMP=parts, UNEMP_LT={**parts, "GRP=A,SEX=W": 50})) == [("R043", "GRP=A,SEX=W")]


def test_finding_at_a_computed_total_is_not_hidden_by_a_finding_somewhere_else() -> None:
    """The Germans were delivered by sex only, and no rule about change looks at the sexes: nothing else tells of them.

    All findings come in one pass (design, decision 2); a sender who mends one group must not learn of the other later.
    """
    before = written(UNEMP={"GRP=D,SEX=M": 500, "GRP=D,SEX=W": 500, "GRP=A": 1000})
    germans, foreigners = {"GRP=D,SEX=M": 100, "GRP=D,SEX=W": 100}, {"GRP=A": 100}
    assert broken(written(UNEMP=germans), before) == [("R108", "GRP=D")]
    assert sorted(broken(written(UNEMP={**germans, **foreigners}), before)) == [("R108", "GRP=A"), ("R108", "GRP=D")]


def test_deliveries_of_one_batch_do_not_see_each_other() -> None:
    units = [
        delivery("wrong", written(OFFER_MO=9, OFFER=7)),
        delivery("right", written(OFFER_MO=6, OFFER=7)),
        delivery("half", written(OFFER_MO=9)),
    ]
    found = check_rules(FRAMEWORK, units)
    assert {unit: [f.code for f in result.findings] for unit, result in found.items()} == {
        "wrong": ["R067"],
        "right": [],
        "half": [],
    }


def test_a_database_that_broke_is_asked_by_no_delivery_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a fatal error a database refuses everything; kept, it would refuse every delivery of the rest of the night."""
    framework, opened = replace(FRAMEWORK), []
    unit = delivery("wrong", written(OFFER_MO=9, OFFER=7), framework=framework)

    def open_and_note(*place: str, **settings: object) -> duckdb.DuckDBPyConnection:
        opened.append(connect(*place, **settings))
        return opened[-1]

    def breaks(*_: object) -> None:
        raise duckdb.FatalException("FATAL Error: the database has been invalidated")

    connect = duckdb.connect
    monkeypatch.setattr(duckdb, "connect", open_and_note)
    with monkeypatch.context() as at_work:
        at_work.setattr("intake.rules._count", breaks)
        with pytest.raises(duckdb.FatalException):
            check_rules(framework, [unit])
    assert [f.code for f in check_rules(framework, [unit])["wrong"].findings] == ["R067"]
    check_rules(framework, [unit])
    assert len(opened) == 2, "another one for the delivery after that, which is then kept"
