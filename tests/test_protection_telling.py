"""Figures are read all at once: figure by figure, as it is written down here, the same is hidden and noted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import pytest
from test_protection import Cells
from test_protection_parts import TOWN, delivered, night, same

from indicators.protection import deciding
from indicators.protection.figure import Exact, Figure
from indicators.protection.problem import Row, Whole
from indicators.protection.release import Release
from indicators.protection.telling import BELOW, REST, SIDE, TURNED, ZERO, Said, Values
from schemas.definitions_confidentiality import ConfidentialityRules
from schemas.framework_model import Framework
from schemas.loading import load_framework

CODES = ["ARB-01", "ARB-02", "SPR-04", "TEI-03"]


@pytest.fixture(scope="module")
def framework() -> Framework:
    return load_framework()


@dataclass(kw_only=True)
class OneByOne(Release):
    """The plain way: a figure after the other, exact numbers alone."""

    def add(self, figures: Sequence[Figure]) -> None:
        for figure in figures:
            self._one(figure)

    def _told(self, which: int | None, value: Exact | None = None) -> int:
        assert which is not None
        if which not in self._own:
            shape = self.layout.forms[which]
            self._own[which] = self._new(shape.form, shape.scale, value, shape)
        return self._own[which]

    def _one(self, figure: Figure) -> None:
        place, values, rules = (figure.regions, figure.place[1] - self.shift), figure.values, self.policy.rules
        if figure.counted or len(figure.sides) <= 2:
            spoken = self.layout.spoken(figure.sides, *place)
            sides = [
                None if one.form is None else self._told(one.form, value if one.whole else None)
                for one, value in zip(spoken, values, strict=True)
            ]
        else:
            spoken, sides = (), [self._told(one) for one in self.layout.told_parts(figure.sides, *place)]
        told = held = tuple(dict.fromkeys(number for number in sides if number is not None))
        for n, number in enumerate(sides if figure.counted else ()):
            if number is None:
                continue
            self._small(figure, number, spoken[n].threshold)
            total = self.truth[number] * spoken[n].step if values[n] is None else values[n]
            assert total is not None
            if rules.zeros == "published" and total == 0:
                self.known.add(number)
            elif rules.zeros == "published" and total > 0:
                least = Fraction(1, self.layout.patterns.of(figure.sides[n]).scale)
                turned = self._told(self.layout.turned(figure.sides[n], *place))
                self._at_most(turned, (total - least) / spoken[n].step)
        if figure.share and len(figure.sides) == 2:
            numerator, denominator = values
            assert numerator is not None
            assert denominator is not None
            left, rest = denominator - numerator, self.layout.rest(figure.sides, spoken, *place)
            if rest.form is not None:
                number = self._told(rest.form, left)
                held = (*told, number)
                if self.truth[number] >= 0:
                    self._small(figure, number, max(spoken[0].threshold, spoken[1].threshold))
                    self._at_most(self._told(rest.below, -left), left)
            for n, turned_side in enumerate(rest.turned if left >= 0 else ()):
                if turned_side is None:
                    continue
                form, below = self._told(spoken[n].form), self._told(turned_side)
                self._at_most(below if n else form, left / spoken[n].step)
                threshold = max(side.threshold for side in spoken)
                need = self.policy.required(threshold)
                bearer = self._bearer(numerator, spoken, need)
                if n == bearer and 0 < left * rest.scale < threshold and spoken[n].bears:
                    which = (form if n else below, int(left * rest.scale))
                    self.rests[which] = max(self.rests.get(which, 0), need)
        if figure.limit is not None and len(sides) == 2 and sides[1] is not None and values[1] is not None:
            self._at_most(sides[1], (figure.limit - values[1]) / spoken[1].step)
        if held and figure.shown:
            self.places.append(figure.place)
            size = abs(int(self.truth[held[0]]))
            self.rows.append(Row(told, held, figure.cost * (1 + math.log1p(size) / 100)))

    def _at_most(self, form: int, slack: Exact) -> None:
        self.caps[form] = min(math.floor(slack), self.caps.get(form, math.floor(slack)))

    def _small(self, figure: Figure, number: int, threshold: int) -> None:
        rules, value = self.policy.rules, self.truth[number]
        zero = value == 0 and rules.zeros == "sensitive" and figure.place[2] in rules.group_disclosure
        if 0 < value < threshold or zero:
            self.needs[number] = max(self.needs.get(number, 0), self.policy.required(threshold))


@pytest.mark.parametrize("zeros", ["usable", "published", "sensitive"])
def test_figures_say_together_what_each_says(framework: Framework, monkeypatch: pytest.MonkeyPatch, zeros: str) -> None:
    """Shares, means of two years, remainders of two years, figures that are no quotients, a part larger than its whole."""
    rules = ConfidentialityRules(zeros=zeros, group_disclosure=["ARB-02"])  # type: ignore[arg-type]
    strict = replace(framework, confidentiality=rules)
    cells: Cells = delivered() | {
        (TOWN, 2024, "UNEMP", "GRP=A,SEX=M"): 0,
        (TOWN, 2023, "UNEMP", "GRP=D,SEX=W"): 4900,
        (TOWN, 2024, "COUNCIL", ""): 45,
        (TOWN, 2024, "COUNCIL", "GRP=MMH"): 2,
        (TOWN, 2024, "IK_NEW", ""): 2,
    }
    for year in (2022, 2023, 2024):
        for key, people in (("", 5000), ("GRP=A", 9), ("AGE=A18_UP", 4000), ("GRP=MMH,AGE=A18_UP", 4)):
            cells[TOWN, year, "POP", key] = people + year - 2023
        for key, people in (("AGE=A15_64", 3009), ("GRP=D,AGE=A15_64", 3000), ("GRP=A,AGE=A15_64", 9)):
            cells[TOWN, year, "POP", key] = people
        for key, people in (("", 2007), ("GRP=D", 2000), ("GRP=A", 7)):
            cells[TOWN, year, "SVB_RES", key] = people
    kinds: set[int] = set()
    spoken = Said._spoken

    def noted(said: Said, decides: Values) -> Whole:
        kinds.update(said.kind.tolist())
        return spoken(said, decides)

    monkeypatch.setattr(Said, "_spoken", noted)
    together = night(strict, cells, CODES)
    assert kinds == {SIDE, REST, BELOW, TURNED} | ({ZERO} if zeros == "published" else set())
    monkeypatch.setattr(deciding, "Release", OneByOne)
    assert same(together, night(strict, cells, CODES))
    assert together.protection.counts["targets"] > 1
