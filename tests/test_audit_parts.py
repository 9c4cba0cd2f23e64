"""What the attacker remembers of whole parts: the same report with it and without, and nothing that changed goes unseen."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from audited_house import KREIS, REGIONS, TOWN, House, Place, after, same
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.remembering import keep, recall
from indicators.audit.cells import terms_of
from indicators.audit.delivered import Untrue
from indicators.audit.entering import Entering
from indicators.audit.evidence import Index
from indicators.audit.forms import Forms
from indicators.audit.memory import Memory
from indicators.audit.relations import Relations
from indicators.audit.sides import Side
from indicators.audit.system import System
from indicators.audit.targets import Target
from schemas.framework_model import Framework


def withdrawn(house: House) -> None:
    """A region takes its deliveries back."""
    house.numbers = {place: number for place, number in house.numbers.items() if place[0] != "06413"}


def stricter(house: House) -> None:
    """The house keeps a wider margin from now on."""
    limits = house.framework.confidentiality.model_copy(update={"margin": house.framework.confidentiality.margin + 1})
    house.framework = replace(house.framework, confidentiality=limits)


def told(house: House) -> None:
    """Something is printed that was kept back."""
    house.hidden.discard(min(house.hidden))


@pytest.mark.parametrize("seed", [pytest.param(n, marks=[pytest.mark.thorough] if n else []) for n in range(12)])
def test_the_same_is_found_with_what_is_remembered_of_parts(framework: Framework, seed: int, tmp_path: Path) -> None:
    house, memory, anew = House.of(framework, seed), Memory(), 0
    assert same(house.attack(memory), house.attack())
    steps: list[tuple[Callable[[House], None] | None, dict[Place, int]]] = [
        (None, {(TOWN, 2023, "W"): 3}),
        (told, {}),
        (withdrawn, {}),
        (stricter, {(KREIS, 2024, "M"): 4}),
    ]
    for change, numbers in steps:
        if change is not None:
            change(house)
        keep(tmp_path, framework, memory)
        memory = recall(tmp_path, framework)
        house.night(numbers=numbers)
        found = house.attack(memory)
        assert same(found, house.attack())
        anew += memory.attacked
    assert anew
    assert {*found.table["verdict"].to_pylist()} > {"ok"}, "a world without leaks shows nothing"


def test_only_what_a_correction_touches_is_attacked_anew(framework: Framework) -> None:
    house, memory = House.of(framework, 1).night().night(), Memory()
    house.attack(memory)
    again = after(memory)
    house.night().attack(again)
    assert (again.attacked, len(again.parts_used)) == (0, len(memory.parts_used))
    assert again.used.keys() == memory.used.keys(), "the night after may need it"
    third = after(again)
    house.night(numbers={("06414", 2024, "W"): 1}).attack(third)
    assert 0 < third.attacked < len(third.parts_used) / 3


@pytest.mark.parametrize("seed", [1, *(pytest.param(n, marks=pytest.mark.thorough) for n in range(2, 10))])
def test_what_was_told_once_is_no_new_question_the_night_after(framework: Framework, seed: int) -> None:
    """One edition and its records are two and the ledger a night later; a correction is one of its part alone."""
    house, memory = House.of(framework, seed), Memory()
    report = house.attack(memory, gate=True)
    again = after(memory)
    assert same(house.night().attack(again, gate=True), report)
    assert (again.asked, again.attacked) == (0, 0)
    third, after_it = after(again), Memory()
    place = ("06414", 2024, "W")
    found = house.night(numbers={place: 2 if house.numbers[place] == 1 else 1}).attack(third, gate=True)
    assert 0 < third.attacked < len(third.parts_used) / 3
    assert same(found, house.attack(gate=True))
    assert same(house.attack(after_it, gate=True), found)


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.thorough) for n in range(1, 10))])
def test_an_edition_is_what_it_says_anew_and_the_next_one_elsewhere(framework: Framework, seed: int) -> None:
    """The same equations, whether the last edition is read as a whole or where it says anything else."""
    house = House.of(framework, seed)
    for change, numbers in ((told, {}), (None, {(TOWN, 2023, "W"): 3, ("06413", 2022, "M"): 7}), (None, {})):
        if change is not None:
            change(house)
        house.night(numbers=numbers)
        whole, part, anew = Memory(), Memory(), house.anew()
        assert len(anew) < len(REGIONS)
        assert anew or not change
        assert same(house.attack(whole, gate=True), house.attack(part, gate=True, anew=anew))
        assert (whole.used.keys(), whole.parts_used.keys()) == (part.used.keys(), part.parts_used.keys())


def test_the_order_of_the_rows_is_no_new_question(framework: Framework) -> None:
    house, memory = House.of(framework, 0).night(numbers={("06414", 2024, "W"): 4}), Memory()
    first = house.attack(memory)
    again = after(memory)
    second = house.attack(again, shuffled=1)
    assert (again.asked, again.attacked) == (0, 0)
    assert first.table == second.table


@dataclass(frozen=True)
class Base:
    """A house of which everything is remembered, and what of it is sought: region and year."""

    house: House = field(repr=False)
    memory: Memory = field(repr=False)
    sought: set[tuple[str, int]] = field(repr=False)

    def told(self) -> list[dict[str, Any]]:
        """Rows of which something is asked, and that nothing else tells too: printed, delivered (small), of the ledger."""
        house = self.house
        printed = [
            row for row in house.editions[0] if row["status"] == "ok" and row["sex"] != "X"
        ]  # that is open anyway
        printed = [row for row in printed if (row["region"], row["year"]) in self.sought]
        delivered = [row for row in house.cells if row["until"] is None and 1 <= row["value"] <= 2]
        return [*printed, *delivered, *(row for row in house.ledger if row["cell"] == KEPT and row["state"] == "shown")]


KEPT = "06411/2022/NATZ[SEX=W]"


@pytest.fixture(scope="module")
def base(framework: Framework) -> Base:
    house, memory = House.of(framework, 2), Memory()
    house.hidden |= {("06411", 2022, "W"), ("06411", 2022, "T")}
    report = house.night(numbers={("06414", 2024, "W"): 4}).night().attack(memory)
    return Base(house, memory, {(row["region"], row["year"]) for row in report.table.to_pylist()})


@settings(max_examples=4, deadline=None)
@given(data=st.data())
def test_whatever_changes_is_seen(base: Base, data: st.DataObject) -> None:
    """One number printed, one small number delivered, or one record of what is kept back since is another one."""
    row = data.draw(st.sampled_from(base.told()))
    name = "numerator" if "numerator" in row else "value"
    was, seen = row[name], after(base.memory)
    try:
        row[name] = 3.0 - was if "variable" in row else was + 1
        found = base.house.attack(seen)
        assert 0 < seen.attacked < len(seen.parts_used)
        assert same(found, base.house.attack())
    finally:
        row[name] = was


def test_what_is_remembered_of_parts_comes_back_from_the_file(base: Base, tmp_path: Path) -> None:
    """As it was; and a part whose questions are gone is attacked anew."""
    keep(tmp_path, base.house.framework, base.memory)
    found = recall(tmp_path, base.house.framework)
    assert found.parts.keys() == base.memory.parts_used.keys()
    for part, one in base.memory.parts_used.items():
        other = found.parts[part]
        assert (one.ends.tolist(), one.names.tolist()) == (other.ends.tolist(), other.names.tolist())
        assert replace(one, ends=None, names=None) == replace(other, ends=None, names=None)
    without = Memory({}, None, found.parts)
    base.house.attack(without)
    assert without.attacked == sum(bool(one.questions) for one in found.parts.values()) > 0


@pytest.mark.parametrize(
    ("cell", "terms"),
    [
        ("06413/2024/NATZ[SEX=W]", [(1.0, 0, 1, "W")]),
        ("1/2*06413+06414/2023/NATZ[] - 06413/2024/NATZ[SEX=M]", [(0.5, 0, 0, ""), (0.5, 1, 0, ""), (-1.0, 0, 1, "M")]),
        ("- 06413/2024/NATZ[] + 2*06414/2024/NATZ[SEX=W]", [(-1.0, 0, 1, ""), (2.0, 1, 1, "W")]),
        ("+06413/2024/NATZ[]", [(1.0, 0, 1, "")]),
        ("06413/2024/NATZ[]  -  06414/2024/NATZ[]", [(1.0, 0, 1, ""), (-1.0, 1, 1, "")]),
        ("06413/2024/NATZ[] - 99999/2024/NATZ[]", []),
        ("06413/1999/NATZ[]", []),
        ("06413/2024/NOTHING[]", []),
        ("06413/2024/NATZ[] -", []),
        ("06413/24/NATZ[]", []),
        ("nobody knows", []),
        ("", []),
    ],
)
def test_a_cell_of_the_ledger_is_read(
    framework: Framework, cell: str, terms: list[tuple[float, int, int, str]]
) -> None:
    """Beside others that are read in their own way: none of them says anything of another one."""
    forms, index = Forms.of(framework), SimpleNamespace(region={"06413": 0, "06414": 1}, year={2023: 0, 2024: 1})
    cells = pa.array(["06414/2023/NATZ[]", cell, "06413/2023/NATZ[] - +", "06414/2024/NATZ[]"])
    found = [column.tolist() for column in terms_of(forms, index, cells)]  # type: ignore[arg-type]
    nodes = {sex: forms.node("NATZ", {"SEX": sex} if sex else {}) for sex in ("", "M", "W")}
    wanted = [(1, factor, region, year, nodes[sex]) for factor, region, year, sex in terms]
    assert list(zip(*found, strict=True)) == [(0, 1.0, 1, 0, nodes[""]), *wanted, (3, 1.0, 1, 1, nodes[""])]


def test_nothing_that_enters_a_part_is_left_out_of_its_digest(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever one part is made of is another one, thing by thing: its digest changes, those of others do not."""
    made: list[Any] = []
    enter, parts = Entering.__init__, System.parts
    with monkeypatch.context() as patched:
        patched.setattr(Entering, "__init__", lambda own, *given: (made.extend(given[:2]), enter(own, *given))[1])
        patched.setattr(System, "parts", lambda own, sought: parts(own, made.append(list(sought)) or made[-1]))
        base.house.attack()
    targets, system, index = made
    number, part = next((n, one) for n, one in enumerate(system.parts(targets)) if one.targets[0].region == KREIS)
    when = part.targets[0].year
    region, year, atom = next(iter(part.targets[0].touched))
    variable = system.variable_of_atom[atom]
    node = next(
        n for n in np.flatnonzero(system.variable_of_node == variable) if system.known.nodes[region, year, n] >= 0
    )
    sums = Relations.of_side(Side(((0, int(node), 1.0),)), np.array([region]), np.array([year]), [1.0], [1.0])
    place, held = (region, year, int(node)), (index.region[KREIS], index.year[when])

    def known(value: float, doubtful: bool = False) -> System:
        nodes, flags = system.known.nodes.copy(), system.known.doubtful_nodes.copy()
        nodes[place], flags[place] = value, doubtful
        return _with(system, known=replace(system.known, nodes=nodes, doubtful_nodes=flags))

    def told(relations: Relations, moment: int = -1, doubtful: bool = False) -> System:
        joined = Relations.joined([system.relations, relations])
        return _with(
            system,
            relations=joined,
            moment=np.append(system.moment, moment),
            doubtful=np.append(system.doubtful, doubtful),
        )

    def older(version: int) -> System:
        def at(moment: Any, regions: Any, years: Any, atom: Any) -> tuple[Any, Any]:
            own, value = system.versions.at(moment, regions, years, atom)
            return np.where((regions == region) & (years == year), version, own), value

        return _with(told(sums, moment=0), versions=SimpleNamespace(at=at))

    was = float(system.known.nodes[place])
    atoms = frozenset(np.flatnonzero(system.variable_of_atom == variable).tolist())
    changed = {
        "a number": known(was + 1),
        "nothing": known(np.nan),
        "a doubtful number": known(was, doubtful=True),
        "a sum": told(sums),
        "another sum": told(replace(sums, high=np.array([2.0]))),
        "a sum the other way": told(replace(sums, factor=np.array([-1.0]))),
        "a doubtful sum": told(sums, doubtful=True),
        "a sum of then": older(1),
        "a sum of before": older(2),
        "nothing beside the towns": _with(system, complete=system.complete ^ {held}),
        "what is not true": _with(system, untrue={**system.untrue, held: Untrue(atoms, frozenset())}),
    }
    found = {name: _digests(one, index, targets) for name, one in {"": system, **changed}.items()}
    for name, digests in found.items():
        others = {n for n, one in enumerate(digests) if one != found[""][n]} ^ ({number} if name else set())
        assert not others or name == "nothing beside the towns", name  # that is said of all variables
    assert len({digests[number] for digests in found.values()}) == len(found), "each is a question of its own"
    target = part.targets[0]
    for other in (
        replace(target, true=target.true + 1),
        replace(target, required=target.required + 1),
        replace(target, beyond=not target.beyond),
        replace(target, rounded=not target.rounded),
        replace(target, inside={}),
    ):
        digests = _digests(system, index, [other if one is target else one for one in targets])
        assert [n for n, one in enumerate(digests) if one != found[""][n]] == [number]


def _with(system: System, **changed: Any) -> System:
    other = copy(system)
    vars(other).update(changed)
    return other


def _digests(system: System, index: Index, targets: list[Target]) -> list[bytes]:
    entering = Entering(system, index, False)
    return [entering.digest(part) for part in system.parts(targets)]
