"""Numbers, scales and words on their own: cases that can be checked by hand."""

from __future__ import annotations

import pytest

from report.charts import Line, line_chart
from report.formula_text import formula_words
from report.numbers import FORMATS, exact, quantized, rounded, with_sign
from report.svg import Frame, Point, scale, spread, wrapped
from report.values import Cell
from report.wording import Wording
from schemas.loading import load_framework


@pytest.mark.parametrize(
    ("value", "decimals", "german", "english"),
    [
        (1234567.0, 0, "1\u2009234\u2009567", "1,234,567"),
        (-12.75, 1, "\u221212,8", "\u221212.8"),
        (0.25, 1, "0,3", "0.3"),
        (-0.04, 1, "0,0", "0.0"),
        (61.0, 2, "61,00", "61.00"),
    ],
)
def test_numbers_are_written_as_people_write_them(value: float, decimals: int, german: str, english: str) -> None:
    assert FORMATS["de"].text(value, decimals) == german
    assert FORMATS["en"].text(value, decimals) == english


@pytest.mark.parametrize(
    ("sign", "text"),
    [("", "12,3"), ("( )", "(12,3)"), ("p", "12,3\u00a0p"), ("( ) p", "(12,3)\u00a0p"), ("–", "–"), ("0", "0")],
)
def test_a_sign_brackets_follows_or_replaces_the_number(sign: str, text: str) -> None:
    assert with_sign("12,3", sign) == text


def test_rounding_is_half_up_on_the_written_decimal() -> None:
    assert [rounded(value, 1) for value in (0.05, 0.15, 2.675, -0.05)] == [0.1, 0.2, 2.7, -0.1]


@pytest.mark.parametrize("value", [-0.04, -0.0, 0.0])
def test_zero_has_no_sign_in_any_file(value: float) -> None:
    """Whichever of the two zeros was asked for first."""
    assert format(quantized(value, 1), "f") == f"{rounded(value, 1):.1f}" == "0.0"
    assert str(exact(round(value, 1))) == "0"


def test_a_scale_has_round_limits_and_starts_at_zero_when_that_is_cheap() -> None:
    assert scale([52.1, 57.3], 0, 1).ticks[0] == 52
    assert scale([12.0, 57.3], 0, 1).ticks == (0, 20, 40, 60)
    assert scale([-16.9, -13.4], 0, 1, zero=True).ticks == (-20, -15, -10, -5, 0)
    assert scale([71.0, 99.0], 0, 1, full=100.0).high == 100
    assert scale([5.0], 0, 1).low < 5 < scale([5.0], 0, 1).high


def test_labels_keep_their_distance_and_order() -> None:
    placed = spread([50.0, 52.0, 51.0], [10.0, 10.0, 10.0], 0.0, 100.0)
    assert placed[0] < placed[2] < placed[1]
    assert placed[1] - placed[2] >= 10
    assert placed[2] - placed[0] >= 10
    assert spread([99.0], [10.0], 0.0, 100.0) == [95.0]


def test_long_labels_wrap_at_words() -> None:
    assert wrapped("Ausländerinnen und Ausländer", 82) == ["Ausländerinnen", "und Ausländer"]


@pytest.mark.parametrize(
    ("status", "sign", "heard"),
    [
        ("ok", "", ""),
        ("ok", "( )", "Aussagewert eingeschränkt"),
        ("limited", "( )", "Aussagewert eingeschränkt"),
        ("provisional", "p", "vorläufig"),
        ("provisional", "( ) p", "Aussagewert eingeschränkt, vorläufig"),
        ("partial", "( ) t", "Aussagewert eingeschränkt, nur ein Teil der Gebiete"),
        ("secret", ".", "geheim zu halten"),
        ("ok", "?", "Wert"),
    ],
)
def test_a_sign_is_heard_with_all_that_it_says(status: str, sign: str, heard: str) -> None:
    value = None if sign == "." else 12.0
    assert Wording("de", load_framework()).sign_meaning(Cell(value, status, sign)) == heard


def test_a_hidden_value_breaks_the_line_and_shows_its_sign() -> None:
    points = (Point(10.0), Point(11.0), Point(None, "/"), Point(12.0), Point(13.0))
    drawn = line_chart(Frame("x", "Title & more", "Words"), range(2020, 2025), [Line("a", "focus", points)], str, str)
    assert drawn.count("<polyline") == 2
    assert ">/</text>" in drawn
    assert "Title &amp; more" in drawn
    assert "<desc" in drawn


def test_formulas_are_told_in_words() -> None:
    framework = load_framework()
    for lang in ("de", "en"):
        wording = Wording(lang, framework)
        for code in framework.indicators:
            words = formula_words(wording, code)
            assert words.numerator
            assert bool(words.denominator) == (framework.ratio(code).denominator is not None)
            for variable in framework.indicator_variables(code):
                assert wording.plain(framework.variables[variable]) in words.numerator + words.denominator
    mean = next(code for code, entry in framework.indicators.items() if "avg2" in entry.formula)
    text = formula_words(Wording("de", framework), mean)
    assert "Mittel aus Berichtsjahr und Vorjahr von" in text.numerator + text.denominator
