"""A release is protected part by part: nothing of it lies in no part, and a part that stayed as it was is not decided anew."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from test_protection import LABF, Cells, cross

from flows.remembering_proofs import keep_proofs, recall_proofs
from indicators.compute import Beside, Results, compute
from indicators.planned import plans
from indicators.protection import applying, deciding
from indicators.protection.decision import Decision, read_decision
from indicators.protection.memory import Memory, Part
from indicators.protection.naming import read_name
from indicators.protection.parting import Pieces, homes, names_by_home, shared
from indicators.protection.policy import Policy
from indicators.protection.problem import Mask, Problem
from indicators.protection.protect import protect
from indicators.protection.release import Release
from schemas.framework_model import Framework
from schemas.loading import load_framework

TOWN = "06413"


@pytest.fixture(scope="module")
def framework() -> Framework:
    return load_framework()


def night(
    framework: Framework, cells: Cells, codes: list[str], ledger: pa.Table | None = None, memory: Memory | None = None
) -> Results:
    """Indicators of delivered cells (region, year, variable, members)."""
    rows: list[dict[str, Any]] = []
    for (region, year, variable, key), value in cells.items():
        members = dict(part.split("=") for part in key.split(",") if part)
        row: dict[str, Any] = {d.lower(): members.get(d, "T") for d in framework.dimensions}
        rows.append(row | {"region": region, "year": year, "variable": variable, "value": value, "status": "ok"})
    table = pa.table(
        {
            name: pa.array(
                [Decimal(row[name]) if name == "value" else row[name] for row in rows],
                {"year": pa.int32(), "value": pa.decimal128(24, 4)}.get(name, pa.string()),
            )
            for name in rows[0]
        }
    )
    with duckdb.connect(":memory:", config={"threads": "1"}) as connection:
        connection.register("delivered", table)
        connection.execute("CREATE TABLE observation AS FROM delivered")
        return compute(connection, framework, "observation", codes, beside=Beside(ledger=ledger, proofs=memory))


def same(one: Results, other: Results) -> bool:
    """Is the same hidden, for the same reasons, and the same noted for ever?"""
    tables = ("indicator_published", "cell_protection", "published_profile")
    return (
        all(one.tables[name].equals(other.tables[name]) for name in tables)
        and one.protection.ledger.equals(other.protection.ledger)
        and one.protection.incidents == other.protection.incidents
        and one.protection.counts == other.protection.counts
    )


def delivered(women: int = 2) -> Cells:
    """Two topics, one of them in two years, and the population of three years ends, of which rates and means are made."""
    cells: Cells = {}
    for year in (2023, 2024):
        cells |= cross(TOWN, year, "UNEMP", {"DM": 200, "DW": 180, "AM": 40, "AW": women if year == 2024 else 50})
        cells |= cross(TOWN, year, "LABF", LABF)
        cells |= {(TOWN, year, "OFFER", ""): 60, (TOWN, year, "OFFER_MO", ""): 20}
    for year in (2022, 2023, 2024):
        for group, persons in (("D", 900), ("A", 302)):
            cells[TOWN, year, "POP", f"GRP={group},SEX=M,AGE=A15_64"] = persons
    return cells


CODES = ["ARB-02", "ANG-02", "BEV-04"]


@pytest.mark.parametrize("corrected", [False, pytest.param(True, marks=pytest.mark.thorough)])
def test_parts_of_several_years_share_their_forms_and_hide_the_same(
    framework: Framework, monkeypatch: pytest.MonkeyPatch, corrected: bool
) -> None:
    """Two years with the same tables and something small in each; `corrected`: beside a ledger that names what was hidden."""
    cells = delivered() | cross(TOWN, 2023, "UNEMP", {"DM": 200, "DW": 180, "AM": 40, "AW": 1})
    ledger = None
    if corrected:
        ledger = night(framework, cells, CODES).protection.ledger
        cells |= cross(TOWN, 2023, "UNEMP", {"DM": 200, "DW": 180, "AM": 40, "AW": 31})
    shifts = []

    def noted(**named: Any) -> Release:
        shifts.append(named["shift"])
        return Release(**named)

    monkeypatch.setattr(deciding, "Release", noted)
    together = night(framework, cells, CODES, ledger)
    assert any(shifts)
    monkeypatch.setattr(deciding, "signature", lambda *_: object())
    shifts.clear()
    assert same(together, night(framework, cells, CODES, ledger))
    assert shifts
    assert not any(shifts)
    assert together.protection.counts["secondary"] > 0


@pytest.mark.thorough
def test_nights_with_and_without_a_memory_are_the_same(framework: Framework) -> None:
    """A release, the same again, a correction, one that is taken back: each beside one that remembers nothing."""
    memory, ledger = Memory(), None
    anew = []
    for women in (2, 2, 2, 30, 30, 30, 2):
        memory = Memory(memory.used, memory.parts_used)
        before = set(memory.parts)
        with_memory = night(framework, delivered(women), CODES, ledger, memory)
        assert same(with_memory, night(framework, delivered(women), CODES, ledger))
        anew.append(len(set(memory.parts_used) - before))
        added = with_memory.protection.ledger
        ledger = added if ledger is None else pa.concat_tables([ledger, added.cast(ledger.schema)])
    first, second, third, fourth, fifth, sixth, _ = anew
    assert first > 1
    assert (second, third, sixth) == (0, 0, 0), "nothing has changed since"
    assert fourth == 0, "of what has changed the ledger knows more tomorrow"
    assert 0 < fifth < first, "the other parts were taken over"


def dated(records: pa.Table, day: int) -> pa.Table:
    """Records of the ledger with the moment of their release."""
    return records.append_column(
        "published_at", pa.array([datetime(2026, 1, day)] * records.num_rows, pa.timestamp("us"))
    )


@pytest.mark.thorough
def test_the_same_release_again_is_proved_already(framework: Framework, monkeypatch: pytest.MonkeyPatch) -> None:
    """The night after a release, and after a correction, decides nothing anew; without a memory it finds the same, and
    what was proved before the ledger had the records holds with them, too."""
    proved: list[Mask] = []

    def noted(problem: Problem, memory: Memory) -> Mask:
        proved.append(protect(problem, memory=memory))
        return proved[-1]

    monkeypatch.setattr(deciding, "protect", noted)
    memory, ledger = Memory(), None
    for day, (women, masks) in enumerate([(2, 1), (2, 0), (30, 1), (30, 0)], 1):
        proved.clear()
        memory = Memory(memory.used, memory.parts_used)
        found = night(framework, delivered(women), CODES, ledger, memory)
        assert len(proved) == masks
        added = dated(found.protection.ledger, day)
        ledger = added if ledger is None else pa.concat_tables([ledger, added])
    assert not added.num_rows
    proved.clear()
    assert same(night(framework, delivered(30), CODES, ledger), found)
    masks = list(proved)
    assert masks
    monkeypatch.setattr(deciding, "protect", lambda problem, memory: masks.pop(0))
    monkeypatch.setattr(applying, "regarded", lambda connection, lags, parts: dict.fromkeys(parts, 2))
    assert same(night(framework, delivered(30), CODES, ledger), found), "verified with all that the ledger tells"
    assert not masks


@pytest.mark.thorough
def test_a_part_is_decided_with_the_ledger_when_it_says_something_else(framework: Framework) -> None:
    """A record that the decision does not tell, one that it does not keep, and one of another number."""
    first = night(framework, delivered(30), CODES)
    kept = {row["cell"]: row for row in first.protection.ledger.to_pylist()}
    own = f"{TOWN}/2024/UNEMP[GRP=A,SEX=W]"
    assert own in kept
    assert kept[own]["state"] == "shown"
    ledger = pa.Table.from_pylist([{**kept[own], "state": "hidden"}], first.protection.ledger.schema)
    again = night(framework, delivered(30), CODES, ledger)
    assert hidden_of(again) > hidden_of(first)


def hidden_of(results: Results) -> int:
    """How many figures stay in the house."""
    return sum(results.protection.counts.get(cause, 0) for cause in ("primary", "secondary", "frozen", "withheld"))


def test_what_is_remembered_of_a_part_is_read_or_decided_anew(framework: Framework, tmp_path: Path) -> None:
    """A decision goes through the file; one that is no decision costs the time to make it."""
    ledger = night(framework, delivered(), CODES).protection.ledger
    memory = Memory()
    bare = night(framework, delivered(), CODES, ledger, memory)
    keep_proofs(tmp_path, framework, memory)
    found = recall_proofs(tmp_path, framework)
    assert found.parts == memory.parts_used
    assert any(part.text and part.questions for part in found.parts.values())
    assert same(night(framework, delivered(), CODES, ledger, found), bare)
    assert found.asked == 0
    assert found.used.keys() == memory.used.keys(), "what a part was made of is kept for the night in which it changes"
    broken = Memory(found.answers)
    for which, part in found.parts.items():
        broken.parts[which] = Part(part.text[:-200] or b"nothing of the kind", part.questions)
    assert same(night(framework, delivered(), CODES, ledger, broken), bare)
    assert broken.parts_used == memory.parts_used
    decision = read_decision(b"", framework.dimension_order)
    assert isinstance(decision, Decision)
    assert not decision.hidden.num_rows


def test_every_protected_cell_lies_in_one_part(framework: Framework) -> None:
    """Variables that one year's form ties are never parted; years are, where no earlier release ties them."""
    plan = plans(framework, {}, None)
    policy = Policy(framework)
    group = shared(policy, plan.whole, plan.sides)
    present = [(variable, year) for variable in sorted(framework.variables) for year in (2022, 2023)]
    parts = homes(group, present, ())
    assert sorted(where for part in parts for where in part) == sorted(present)
    for sides in plan.sides:
        for form in sides.all():
            for lag in {lag for _, _, lag in form}:
                assert len({group[v] for v, _, one in form if one == lag and policy.protects(v)}) <= 1
    tied = homes(group, present, [[("POP", 2022), ("POP", 2023)]])
    assert len(tied) == len(parts) - 1
    assert homes(group, present, [[("POP", 2022)]]) == parts


def test_pieces_make_up_their_side(framework: Framework) -> None:
    """The mean of two year ends: half of each, of which each part knows its own."""
    side = {("POP", "", 0): Fraction(1, 2), ("POP", "", 1): Fraction(1, 2), ("POP", "GRP=A", 1): Fraction(-3, 2)}
    policy = Policy(framework)
    here, before = (Pieces(policy, frozenset({("POP", year)})) for year in (2024, 2023))
    found = [pieces.of(side, 2024) for pieces in (here, before)]
    assert [(piece.factor, piece.whole) for piece in found if piece] == [(Fraction(1, 2), False)] * 2
    together = {base: factor * piece.factor for piece in found if piece for base, factor in piece.side.items()}
    assert together == side
    assert Pieces(policy, None).of(side, 2024) == replace(found[0], side=side, factor=Fraction(1), whole=True)  # type: ignore[type-var]
    assert here.of(side, 2020) is None
    assert [pieces.bears(side, 2024) for pieces in (here, before)] == [True, False]
    name = "1/2*A+B/2023/POP[] + 1/2*A+B/2024/POP[] - 3/2*A+B/2024/POP[GRP=A]"
    own = names_by_home(name, {("POP", 2023): 0, ("POP", 2024): 1})
    assert own == ["A+B/2023/POP[]", "A+B/2024/POP[] - 3*A+B/2024/POP[GRP=A]"]
    assert all(read_name(one) for one in own)


@pytest.mark.parametrize(("employed", "people"), [(300, 302), (7, 9)])
def test_a_small_rest_of_last_years_population_is_kept(
    framework: Framework, employed: int, people: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but two of group A have work, the two sides are of two years: total and other group must not give them back."""
    cells: Cells = {}
    for year, variable, key, others, group in (
        (2024, "SVB_RES", "", 5000, employed),
        (2023, "POP", "AGE=A15_64", 9000, people),
    ):
        ages = (key,) if key else ()
        cells[TOWN, year, variable, key] = others + group
        cells[TOWN, year, variable, ",".join(("GRP=D", *ages))] = others
        cells[TOWN, year, variable, ",".join(("GRP=A", *ages))] = group
    rules = framework.head.confidentiality.model_copy(update={"min_denominator_rate": 1})
    lenient = replace(framework, head=framework.head.model_copy(update={"confidentiality": rules}))

    def told() -> set[str]:
        results = night(lenient, cells, ["ARB-01"])
        assert not results.protection.counts["lost"]
        rows = (row for row in results.published.to_pylist() if row["numerator"] is not None)
        return {row["grp"] for row in rows if (row["region"], row["year"], row["sex"]) == (TOWN, 2024, "T")}

    assert len(told() | {"A"}) < 3, "one of total and other group is hidden with it"
    monkeypatch.setattr(Release, "_rest_of_parts", lambda *_: None)
    assert told() == {"T", "D"}, "the test would notice"
