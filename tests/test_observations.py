"""Observations as columns: one by one they are the same, and nothing keeps them in memory but those who use them."""

from __future__ import annotations

import gc
import weakref
from decimal import Decimal
from math import nan

import pytest

from schemas.framework_model import Framework
from schemas.observations import Observations, Places, Stretch
from schemas.shapes import Observation
from warehouse.delivery_tables import Said, Vocabulary, value_table


def said(sheet: str, number: int) -> Observation:
    return Observation("06413", 2024, "EW", (), Decimal(number), "ok", sheet, f"B{number}", str(number), "", "", "")


ALL = [said("eins", 1), said("eins", 2), said("zwei", 3), said("drei", 4), said("drei", 5)]


@pytest.mark.parametrize("place", range(-len(ALL), len(ALL)))
def test_one_of_many_is_the_one_at_its_place(place: int) -> None:
    assert Observations.of(ALL)[place] == ALL[place]


@pytest.mark.parametrize("place", [len(ALL), -len(ALL) - 1])
def test_beyond_the_ends_there_is_none(place: int) -> None:
    with pytest.raises(IndexError):
        Observations.of(ALL)[place]


def test_they_go_with_the_last_who_uses_them() -> None:
    observations = Observations.of(ALL)
    (place,) = observations.by_place
    assert (place, len(observations.by_place[place])) == (("06413", 2024), len(ALL))
    seen = weakref.ref(observations)
    gc.disable()
    try:
        del observations
        assert seen() is None  # no ring has to be looked for
    finally:
        gc.enable()


def test_values_as_whole_numbers_are_the_values() -> None:
    """Exact for every value with four decimals that a form can hold; a hole is 0 and marked."""
    largest = Decimal("112589990684.2623")  # 2 ** 50 ten-thousandths are one more
    values = [
        Decimal(0),
        Decimal("0.0001"),
        Decimal("0.1"),
        None,
        Decimal("7.3333"),
        Decimal("123456789.9999"),
        largest,
    ]
    values += [Decimal(number) / 10_000 for number in range(10**14 + 1, 10**14 + 300)]
    whole = _known_as_floats(values).whole
    assert whole is not None
    low, none = whole
    assert none.tolist() == [value is None for value in values]
    assert low.tolist() == [0 if value is None else int(value * 10_000) for value in values]


def test_values_that_are_not_plainly_whole_numbers_are_none() -> None:
    assert Observations.of(ALL).whole is None  # whoever read them did not say that they have four decimals
    assert _known_as_floats([Decimal(1), Decimal(2) ** 50 / 10_000]).whole is None


def test_they_are_stored_as_the_values_would_be(framework: Framework) -> None:
    vocabulary = Vocabulary(framework.dimension_order, {"ok": "none", "secret": "secret"})
    observations = _known_as_floats([Decimal("0.5"), None, Decimal(12), Decimal("99999.9999")])
    one_by_one = Observations.of([*observations])
    stored, plain = (value_table([Said("1", (), own)], vocabulary) for own in (observations, one_by_one))
    assert (observations.whole is not None, one_by_one.whole) == (True, None)
    assert stored == plain
    both = value_table([Said("1", (), observations), Said("2", (), one_by_one)], vocabulary)
    assert both["value"].to_pylist() == [*plain["value"].to_pylist()] * 2


def _known_as_floats(values: list[Decimal | None]) -> Observations:
    many = len(values)
    cells = tuple(f"B{number}" for number in range(many))
    members = tuple((("DIST", f"{number:08d}"),) for number in range(many))
    places = Places(("POP_DIST",) * many, members, cells, ("",) * many, ("",) * many, ("",) * many)
    floats = [nan if value is None else float(value) for value in values]
    statuses = ["secret" if value is None else "ok" for value in values]
    return Observations([Stretch("06413", 2024, "eins", places, values, statuses, [""] * many, floats)])
