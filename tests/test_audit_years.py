"""Years of the attack that nothing new enters: what was found of them stands without their equations, and nothing goes unseen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from audited_house import REGIONS, YEARS, House, after, same

from flows.remembering import FILE, keep, recall
from indicators.audit import attacking
from indicators.audit.delivered import Kind
from indicators.audit.given import Given
from indicators.audit.memory import Memory
from indicators.audit.relations import Relations
from indicators.audit.sides import Side
from indicators.audit.unchanged import blocks
from schemas.framework_model import Framework

PLACE = ("06414", 2024, "W")


@pytest.fixture
def apart(framework: Framework) -> Framework:
    """Without rules: some of them speak of two years."""
    return replace(framework, rules={})


@contextmanager
def equations_made(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[set[int]]]:
    """The years whose equations are made, attack by attack."""
    made: list[set[int]] = []
    plain = Given.equations

    def noted(own: Given, years: Any) -> Any:
        found = plain(own, years)
        made.append({own.index.years[number] for number in found.years})
        return found

    with monkeypatch.context() as patched:
        patched.setattr(Given, "equations", noted)
        yield made


def given_of(house: House, monkeypatch: pytest.MonkeyPatch) -> Given:
    """What tonight's attack is made of."""
    caught: list[Given] = []
    with monkeypatch.context() as patched:
        patched.setattr(attacking, "blocks", lambda own, *further: (caught.append(own), blocks(own, *further))[1])
        house.attack()
    return caught[0]


def test_equations_are_made_of_the_years_that_are_new_alone(
    apart: Framework, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Through the file: none in a night that says the same, those around a correction after one; the report is that of all."""
    house, memory = House.of(apart, 1), Memory()
    with equations_made(monkeypatch) as made:
        first = house.attack(memory, gate=True)
        keep(tmp_path, apart, memory)
        again = recall(tmp_path, apart)
        assert house.night().attack(again, gate=True).table == first.table
        assert set(YEARS) <= made.pop(0)
        assert not made, "nothing new needs no equations"
        keep(tmp_path, apart, again)
        third = recall(tmp_path, apart)
        found = house.night(numbers={PLACE: 7}).attack(third, gate=True)
        assert 2024 in made[0]
        assert 2022 not in made[0]
    assert same(found, house.attack(gate=True))
    assert found.table["year"].to_pylist() == sorted(found.table["year"].to_pylist())


@pytest.mark.parametrize("seed", [pytest.param(n, marks=[pytest.mark.thorough] if n else []) for n in range(12)])
def test_the_same_is_found_with_what_is_remembered_of_years(
    apart: Framework, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, seed: int
) -> None:
    """Corrections, a figure that is printed after all, a region that takes its deliveries of a year back; night after night."""
    house, memory = House.of(apart, seed), Memory()
    house.attack(memory, gate=True)
    with equations_made(monkeypatch) as made:
        for night in range(4):
            keep(tmp_path, apart, memory)
            memory = recall(tmp_path, apart)
            place = (REGIONS[night], YEARS[-1 - night % 2], "W")
            if night == 2:
                house.hidden.discard(max(house.hidden))
            if night == 3:
                house.numbers = {at: n for at, n in house.numbers.items() if at[:2] != ("06411", 2024)}
            found = house.night(numbers={place: house.numbers[place] + 1}).attack(memory, gate=True)
            assert len(made.pop()) < len(YEARS) + 1
            assert same(found, house.attack(gate=True))
            made.clear()


def test_a_stricter_house_believes_nothing_of_a_milder_one(apart: Framework) -> None:
    house, memory = House.of(apart, 1), Memory()
    house.attack(memory)
    limits = apart.confidentiality.model_copy(update={"margin": apart.confidentiality.margin + 1})
    house.framework = replace(apart, confidentiality=limits)
    assert same(house.attack(after(memory)), house.attack())


def test_nothing_that_enters_a_year_is_left_out_of_its_digest(
    apart: Framework, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thing by thing: the digest of that year changes, and none of a year that is farther away than anything looks back."""
    house = House.of(apart, 1).night(numbers={PLACE: 7})
    given = given_of(house, monkeypatch)
    year, last = given.index.year[2022], given.index.year[2024]
    assert given.sent is not None
    known, sent = given.known, given.sent
    where = next(place for place in np.argwhere(~np.isnan(known.nodes)) if place[1] == year)
    region, node = int(where[0]), int(where[2])
    sums = Relations.of_side(Side(((0, node, 1.0),)), np.array([region]), np.array([year]), [1.0], [1.0])
    nodes, flags, state = known.nodes.copy(), known.doubtful_nodes.copy(), given.state.copy()
    nodes[tuple(where)] += 1
    flags[tuple(where)] = True
    state[region, year] += 1
    told = replace(
        known.told,
        relations=Relations.joined([known.told.relations, sums]),
        moment=np.append(known.told.moment, -1),
    )
    small = np.flatnonzero((sent.year == year) & (sent.value == 1))[:1]
    value = sent.value.copy()
    value[small] = 2.0
    names = [name.lower() for name in apart.dimension_order]
    figure, key = given.index.figures[0]
    members = dict(part.split("=") for part in key.split(",") if part)
    row = {
        "region": given.index.regions[region],
        "year": 2022,
        "indicator": figure,
        "numerator": 1.0,
        "denominator": 9.0,
    }
    row |= {name: members.get(name.upper(), "T") for name in names}
    changed = {
        "a number": replace(given, known=replace(known, nodes=nodes)),
        "a doubtful number": replace(given, known=replace(known, doubtful_nodes=flags)),
        "a sum": replace(given, known=replace(known, told=told, doubtful=np.append(known.doubtful, False))),
        "a doubtful sum": replace(given, known=replace(known, told=told, doubtful=np.append(known.doubtful, True))),
        "a figure": replace(given, state=state),
        "a small count": replace(given, sent=replace(sent, value=value)),
        "a value": replace(given, values=pa.Table.from_pylist([row])),
        "towns": replace(given, nested={**given.nested, year: {region: (0,)}}),
        "nothing beside the towns": replace(given, complete=given.complete ^ {(region, year)}),
        "members": replace(
            given, where=replace(given.where, aggregates=((year, region, (0,)), *given.where.aggregates))
        ),
    }
    plain = blocks(given)
    assert blocks(given) == plain
    for name, other in changed.items():
        found = blocks(other)
        assert found[year] != plain[year], name
        assert name == "members" or found[last] == plain[last], name  # which regions have any is said of all years
    assert len({blocks(other)[year] for other in changed.values()}) == len(changed), "each is a question of its own"
    everywhere = {
        "how far": blocks(given, True),
        "regions": blocks(replace(given, index=_other(given.index, regions=[*given.index.regions[:-1], "99999"]))),
        "kinds": blocks(replace(given, sent=replace(sent, kinds=[*sent.kinds, Kind("NATZ", {}, ())]))),
        "nobody delivers": blocks(replace(given, sent=None)),
    }
    for name, found in everywhere.items():
        assert not set(found) & set(plain), name


def _other(one: Any, **changed: Any) -> Any:
    made = object.__new__(type(one))
    vars(made).update(vars(one), **changed)
    return made


def test_years_that_hang_together_are_made_together_and_not_believed_one_by_one(
    apart: Framework, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sum over two years of what is hidden in both ties them: they are made every night; whoever asks for one has all."""
    house = House.of(apart, 1)
    for year in (2023, 2024):
        house.hidden |= {("06414", year, key) for key in ("T", "M", "W")}
        house.numbers["06414", year, "W"] = 1
    house.editions.clear()
    house.cells.clear()
    house.ledger.clear()
    house.night()
    house.ledger.append(
        {"cell": "06414/2023/NATZ[SEX=W] + 06414/2024/NATZ[SEX=W]", "value": 2.0, "state": "shown", "published_at": 15}
    )
    house.night()
    memory = Memory()
    with equations_made(monkeypatch) as made:
        report = house.attack(memory)
        known = [year for year in memory.years_used.values() if year.told.num_rows]
        assert {row for year in known for row in year.told["year"].to_pylist()}.isdisjoint({2023, 2024})
        again = after(memory)
        assert same(house.attack(again), report)
        assert again.attacked == 0, "its parts are remembered all the same"
        assert made[1] == {2023, 2024}
    given = given_of(house, monkeypatch)
    assert given.equations({given.index.year[2024]}).years == frozenset(range(len(given.index.years)))
    assert given.equations({given.index.year[2022]}).years == {given.index.year[2022]}


def test_a_year_is_believed_with_all_of_its_parts_alone(apart: Framework, tmp_path: Path) -> None:
    house, memory = House.of(apart, 1), Memory()
    report = house.attack(memory)
    year = next(year for year in memory.years_used.values() if year.parts)
    gone = {part: one for part, one in memory.parts_used.items() if part != year.parts[0]}
    without = Memory(memory.used, memory.solved, gone, memory.years_used)
    assert same(house.attack(without), report)
    assert without.attacked == 1
    short = {question: replace(one, told=one.told.slice(1)) for question, one in memory.years_used.items()}
    assert same(house.attack(Memory(memory.used, memory.solved, memory.parts_used, short)), report)
    with pytest.raises(LookupError):
        Memory().again(b"nothing")


def test_a_file_with_other_years_than_were_written_is_not_read(apart: Framework, tmp_path: Path) -> None:
    house, memory = House.of(apart, 1), Memory()
    house.attack(memory)
    path = keep(tmp_path, apart, memory)
    assert recall(tmp_path, apart).years.keys() == memory.years_used.keys()
    with np.load(path) as kept:
        arrays = {name: kept[name] for name in kept.files}
    damages = {
        "told": arrays["told"][: len(arrays["told"]) // 2],
        "told_sizes": arrays["told_sizes"] + 1,
        "lying": arrays["lying"] - 1,
        "lying_sizes": arrays["lying_sizes"] - 1,
    }
    for name, array in damages.items():
        np.savez(tmp_path / FILE, **{**arrays, name: array})
        assert not recall(tmp_path, apart).years, name
    np.savez(tmp_path / FILE, **{name: array for name, array in arrays.items() if name != "years"})
    assert not recall(tmp_path, apart).parts
