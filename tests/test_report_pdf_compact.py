"""Page contents made shorter: the same letters at the same places, worked out by hand."""

from __future__ import annotations

import pytest

from report.pdf_compact import compact

WIDTHS = {b"/f1": {1: 500.0, 2: 250.0, 3: 1000.0}}


def glyph(
    x: str, code: str, *, y: str = "700", size: str = "10", colour: str = "0.1 0.2 0.3", font: str = "/f1"
) -> bytes:
    return (
        f"q 0.5 0 0 -0.5 {x} {y} cm/c0 cs {colour} scn\nBT 0 Tr{font} {size} Tf 1 0 0 -1 0 0 Tm({code})Tj\nET\nQ\n"
    ).encode()


def test_letters_of_a_line_become_one_run() -> None:
    """The size on the page is 5: advances are 2.5 and 1.25; the third letter stands 0.5 further than it would."""
    content = glyph("10", "\\000\\001") + glyph("12.5", "\\000\\002") + glyph("14.25", "\\000\\003")
    assert compact(content, WIDTHS) == (
        b"q 0.5 0 0 -0.5 10 700 cm/c0 cs 0.1 0.2 0.3 scn\n"
        b"BT 0 Tr/f1 10 Tf 1 0 0 -1 0 0 Tm[(\\000\\001\\000\\002)-100(\\000\\003)]TJ\nET\nQ\n"
    )


def test_rounding_does_not_add_up() -> None:
    """Ten letters, each 0.0004 of the size too far: the last one is corrected for all."""
    content = b"".join(glyph(f"{10 + n * 2.502:.3f}", "\\000\\001") for n in range(11))
    shown = compact(content, WIDTHS)
    corrections = [
        int(part) for part in shown.partition(b"[")[2].replace(b")", b"(").split(b"(")[2::2][:-1] if part.strip()
    ]
    assert sum(corrections) == -4
    assert shown.count(b"BT") == 1


@pytest.mark.parametrize(
    "other",
    [{"y": "690"}, {"size": "12"}, {"colour": "0 0 0"}, {"font": "/f9"}],
    ids=lambda other: next(iter(other)),
)
def test_another_look_is_another_run(other: dict[str, str]) -> None:
    first, second = glyph("10", "\\000\\001"), glyph("12.5", "\\000\\001", **other)
    assert compact(first + second, WIDTHS).count(b"BT") == 2


def test_what_stands_between_stays_between() -> None:
    between = b"/Span<</MCID 3>>BDC\n"
    shown = compact(glyph("10", "\\000\\001") + between + glyph("12.5", "\\000\\002"), WIDTHS)
    assert shown.index(b"\\000\\001") < shown.index(between) < shown.index(b"\\000\\002")
    assert shown.count(b"BT") == 2


def test_escaped_letters_are_found() -> None:
    """`\\000(` needs its escape: glyph 40."""
    content = glyph("10", "\\000\\(") + glyph("15", "\\000\\001")
    assert b"[(\\000\\(\\000\\001)]TJ" in compact(content, {b"/f1": {40: 1000.0, 1: 500.0}})


def test_shapes_of_one_colour_are_filled_at_once() -> None:
    head = b"q 0.5 0 0 -0.5 1 2 cm/c1 cs 0.2901961 scn "
    one, two = b"1 1 m 2 2 l 3 1 l\nh\n", b"5 1 m 6 2 l 7 1 l\nh\n"
    shown = compact(head + one + b"f\nQ\n" + head + two + b"f\nQ\nS\n", {})
    assert shown == head.replace(b"0.2901961", b"0.29") + one + two + b"f\nQ\nS\n"
    other = head.replace(b"c1", b"c0")
    assert compact(head + one + b"f\nQ\n" + other + two + b"f\nQ\n", {}).count(b"f\nQ\n") == 2


def test_numbers_lose_digits_and_texts_do_not() -> None:
    assert compact(b"12.34567 0 m (1.23456) Tj -0.999 3.10 l 2.005000 7", {}) == b"12.35 0 m (1.23456) Tj -1 3.10 l 2 7"


def test_the_text_alternative_is_not_repeated() -> None:
    assert compact(b"/Span<</MCID 9/Alt<FEFF0041>>>BDC", {}) == b"/Span<</MCID 9>>BDC"
