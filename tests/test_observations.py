"""Observations as columns: one by one they are the same, and nothing keeps them in memory but those who use them."""

from __future__ import annotations

import gc
import weakref
from decimal import Decimal

import pytest

from schemas.observations import Observations
from schemas.shapes import Observation


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
