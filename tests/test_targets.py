"""Targets: the published rules with their test vectors, an independent reading of them, files with faults."""

from __future__ import annotations

import shutil
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indicators.progress import Aim, Point, certain, growth, reach_of_chance, weather
from schemas.definitions_targets import SYMBOLS, Direction, Growth, Weather
from schemas.framework_model import Framework
from schemas.loading import load_framework
from schemas.targets import TargetsError, read_targets
from schemas.yaml_source import FrameworkError

RULES = Weather()


def series(*values: float | Fraction, last: int = 2025) -> list[Point]:
    return [Point(last - len(values) + 1 + place, float(value)) for place, value in enumerate(values)]


# --- the published test vectors (expectations.md 3.6) -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "symbol", "miss"),
    [(60, "sun", 0), (60.5, "partly_cloudy", Fraction(1, 11)), (64, "cloud", Fraction(4, 9))],
)
def test_weather_vector(target: float, symbol: str, miss: Fraction) -> None:
    found = weather(series(50, 51, 52, 53.5, 54, 55), Aim("value", "at_least", target, 2030), RULES)
    assert (found.symbol, found.mean_change, found.projection) == (symbol, 1.0, 60.0)
    assert found.miss == pytest.approx(float(miss))


def test_growth_vector() -> None:
    found = growth(Point(2020, 60), Point(2025, 64), Aim("value", "at_least", 70, 2030), Growth())
    assert found.rate == pytest.approx(0.012991, abs=5e-7)
    assert found.ratio == pytest.approx(0.8363, abs=5e-5)
    assert found.category == "acceleration_needed"


def test_chance_vectors() -> None:
    """5 -> 12 cases is no alarm (1.70), 500 -> 1200 is one (17.4)."""
    low, high = reach_of_chance(5, None, share=False, multiplier=1, z=1.959964)
    assert low < 5 < 12 < high
    low, high = reach_of_chance(500, None, share=False, multiplier=1, z=1.959964)
    assert high < 1200


def test_chance_looks_at_the_rarer_side_of_a_share() -> None:
    low, high = reach_of_chance(98, 100, share=True, multiplier=100, z=1.96)
    mirrored = reach_of_chance(2, 100, share=True, multiplier=100, z=1.96)
    assert (low, high) == pytest.approx((100 - mirrored[1], 100 - mirrored[0]))
    assert high <= 100


# --- the rules, read again from the text with exact numbers -----------------------------------------------------------


def by_the_text(values: list[Fraction], sign: int, target: Fraction | None, years: int | None) -> str:
    """Rules 1, 3 and 4 of the strategy; `years` from the last value to the target year, None to be held."""
    window = values[-6:]
    changes = [after - before for before, after in pairwise(window)]
    mean = sign * sum(changes, Fraction(0)) / len(changes)
    if target is None:
        good = {(True, True): 0, (True, False): 1, (False, True): 2, (False, False): 3}
        return SYMBOLS[good[mean > 0, sign * changes[-1] > 0]]
    here = sign * window[-1]
    goal = sign * target
    if years is None or years <= 0 or here >= goal:
        if here >= goal:
            return "sun" if mean >= 0 else "partly_cloudy"
        return "cloud" if mean > 0 else "thunderstorm"
    if mean <= 0:
        return "thunderstorm"
    missed = (goal - (here + mean * years)) / (goal - here)
    return "sun" if missed < Fraction(1, 20) else "partly_cloudy" if missed <= Fraction(1, 5) else "cloud"


tenths = st.integers(0, 300).map(lambda n: Fraction(n, 10))


@given(
    st.lists(tenths, min_size=4, max_size=9),
    st.sampled_from(["at_least", "at_most"]),
    st.none() | tenths,
    st.none() | st.integers(-1, 12),
)
def test_weather_agrees_with_the_text_in_exact_numbers(
    values: list[Fraction], direction: Direction, target: Fraction | None, years: int | None
) -> None:
    kind = "direction" if target is None else "hold" if years is None else "value"
    year = None if years is None or target is None else 2025 + years
    aim = Aim(kind, direction, None if target is None else float(target), year)
    expected = by_the_text(values, aim.sign, target, years)
    assert weather(series(*values), aim, RULES).symbol == expected


@given(st.lists(tenths, min_size=0, max_size=3))
def test_fewer_than_four_values_have_no_symbol(values: list[Fraction]) -> None:
    assert weather(series(*values), Aim("direction", "at_least"), RULES).symbol is None


@given(st.lists(tenths, min_size=4, max_size=7), tenths, st.integers(1, 8))
def test_asking_for_less_is_the_mirror_of_asking_for_more(values: list[Fraction], target: Fraction, years: int) -> None:
    more = weather(series(*values), Aim("value", "at_least", float(target), 2025 + years), RULES)
    mirrored = [-value for value in values]
    less = weather(series(*mirrored), Aim("value", "at_most", -float(target), 2025 + years), RULES)
    assert more.symbol == less.symbol


def test_certainty_asks_whether_the_symbol_would_change() -> None:
    aim = Aim("direction", "at_least")
    start = series(10, 11, 12, 13)
    assert certain(start, aim, RULES) is None
    assert certain([*start[:-1], Point(2025, 13, 12.5, 13.5)], aim, RULES) is True
    assert certain([*start[:-1], Point(2025, 13, 11.9, 14)], aim, RULES) is False


@given(st.lists(tenths.map(lambda n: n + 1), min_size=3, max_size=3, unique=True).map(sorted))
def test_growth_never_praises_a_missed_target_that_was_reached(numbers: list[Fraction]) -> None:
    now, goal, first = numbers
    found = growth(
        Point(2020, float(first)), Point(2025, float(now)), Aim("value", "at_least", float(goal), 2030), Growth()
    )
    assert found.category == "deterioration"


@pytest.mark.parametrize(("first", "now"), [(-1.0, 1.0), (1.0, -1.0)])
def test_growth_needs_one_sign_and_two_years(first: float, now: float) -> None:
    aim = Aim("value", "at_least", 5, 2030)
    assert growth(Point(2020, first), Point(2025, now), aim, Growth()).category is None
    assert growth(Point(2025, 2), Point(2025, 2), aim, Growth()).category is None


def test_growth_replaces_zero() -> None:
    found = growth(Point(2020, 0), Point(2021, 0.002), Aim("value", "at_least", 5, 2030), Growth())
    assert found.rate == pytest.approx(1.0)


# --- the file of the regions ------------------------------------------------------------------------------------------

SOUND = """
- id: A
  title_de: Ziel
  regions: ['06413']
  indicator: ARB-02
  kind: value
  steps: [{value: 4, year: 2030}]
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("ARB-02", "ARB-99", 5, "Den Indikator „ARB-99“ gibt es nicht"),
        ("'06413'", "'06999'", 4, "Das Gebiet „06999“ gibt es nicht"),
        ("  kind: value", "  kind: value\n  members: {AGE: A14}", 7, "nicht nach AGE gegliedert"),
        ("  kind: value", "  kind: value\n  members: {GRP: Z}", 7, "hat die Ausprägung „Z“ nicht"),
        ("steps: [{value: 4, year: 2030}]", "steps: []", 2, "fehlt der Zielwert"),
        (", year: 2030", "", 7, "eigenes Zieljahr"),
        ("kind: value", "kind: interval", 7, "obere Grenze (upper)"),
        ("kind: value", "kind: direction", 7, "hat keine Zielwerte"),
        ("kind: value", "kind: hold", 7, "kein Zieljahr"),
        ("value: 4", "value: 4, upper: 3", 7, "liegt über der unteren"),
        ("  kind: value", "  kind: value\n  baseline: {year: 2031}", 8, "nach dem Ausgangsjahr"),
        ("ARB-02", "BEV-02", 2, "direction ist anzugeben"),
        ("title_de: Ziel", "title: Ziel", 3, "„title“ ist hier nicht bekannt"),
        ("  regions: ['06413']\n", "", 2, "für wen das Ziel gilt"),
        ("  regions: ['06413']\n", "  kinds: [Mond]\n", 4, "Gebiete der Art „Mond“"),
    ],
)
def test_faults_of_a_file_are_told_with_their_line(
    framework: Framework, tmp_path: Path, old: str, new: str, line: int, said: str
) -> None:
    path = tmp_path / "targets.yaml"
    assert old in SOUND
    path.write_text(SOUND.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(TargetsError) as caught:
        read_targets(path, framework)
    assert any(said in problem.message and problem.line == line for problem in caught.value.problems), caught.value


def test_an_id_stands_once(framework: Framework, tmp_path: Path) -> None:
    path = tmp_path / "targets.yaml"
    path.write_text(SOUND + SOUND, encoding="utf-8")
    with pytest.raises(TargetsError, match="zweimal"):
        read_targets(path, framework)


def test_without_a_file_there_are_no_targets(framework: Framework, tmp_path: Path) -> None:
    assert read_targets(tmp_path / "targets.yaml", framework).num_rows == 0


def test_a_kind_of_regions_stands_for_each_of_them(framework: Framework, tmp_path: Path) -> None:
    kind = framework.territory.groups()[0].kind
    path = tmp_path / "targets.yaml"
    path.write_text(SOUND.replace("regions: ['06413']", f"kinds: [{kind}]"), encoding="utf-8")
    table = read_targets(path, framework)
    assert sorted(table["region"].to_pylist()) == sorted(g.code for g in framework.territory.groups() if g.kind == kind)
    assert set(table["direction"].to_pylist()) == {"at_most"}


def test_targets_of_the_programme_are_checked_with_the_framework(tiny_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "framework"
    shutil.copytree(tiny_folder, folder)
    text = "targets:\n- id: P1\n  title_de: Ziel\n  kinds: [Land]\n  indicator: NIX\n  kind: direction\n"
    (folder / "targets.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(FrameworkError, match=r"targets\.yaml:5: Den Indikator „NIX“"):
        load_framework(folder)


def test_the_page_says_what_a_symbol_is_not(framework: Framework) -> None:
    assert "weder eine politische Bewertung" in framework.targets.note_de
    assert tuple(framework.targets.symbols) == SYMBOLS
