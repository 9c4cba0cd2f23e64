"""The formula language: what can be written, what it means, and what is said when it cannot be read."""

from __future__ import annotations

from fractions import Fraction

import pytest

from schemas.formula import (
    Comparison,
    Expression,
    FormulaError,
    Function,
    Number,
    Operation,
    Ratio,
    SumOver,
    Term,
    as_ratio,
    contains_sum,
    parse_expression,
    parse_rule,
    rule_terms,
    terms,
)
from schemas.loading import load_framework

A, B, C, D = Term("A"), Term("B"), Term("C"), Term("D")


def n(value: str) -> Number:
    return Number(Fraction(value))


def op(left: Expression, operator: str, right: Expression) -> Operation:
    return Operation(operator, left, right)


READ: list[tuple[str, Expression]] = [
    ("A", A),
    ("  A  ", A),
    ("A_2", Term("A_2")),
    # numbers are exact: 0.1 is one tenth
    ("7", n("7")),
    ("0.1", n("1/10")),
    ("1.05", n("21/20")),
    # multiplication before addition, left before right, brackets before all
    ("A + B * C", op(A, "+", op(B, "*", C))),
    ("A * B + C", op(op(A, "*", B), "+", C)),
    ("A - B - C", op(op(A, "-", B), "-", C)),
    ("A - (B - C)", op(A, "-", op(B, "-", C))),
    ("A / B / C", op(op(A, "/", B), "/", C)),
    ("100 * A / B", op(op(n("100"), "*", A), "/", B)),
    ("100 * (A / B)", op(n("100"), "*", op(A, "/", B))),
    ("(A + B) / (C + D)", op(op(A, "+", B), "/", op(C, "+", D))),
    ("-A", op(n("0"), "-", A)),
    # selectors: any blanks, any order, always kept in the same order
    ("A[SEX=W]", Term("A", (("SEX", "W"),))),
    ("A[ SEX = W ]", Term("A", (("SEX", "W"),))),
    ("A[SEX=W,GRP=MMH]", Term("A", (("GRP", "MMH"), ("SEX", "W")))),
    ("A[GRP=MMH, SEX=W]", Term("A", (("GRP", "MMH"), ("SEX", "W")))),
    ("A[DIST=06435001]", Term("A", (("DIST", "06435001"),))),
    # years: prev goes back one year in every term, avg2 is the mean of both years
    ("prev(A)", Term("A", lag=1)),
    ("prev(prev(A))", Term("A", lag=2)),
    ("prev(A[SEX=W] + 2 * B)", op(Term("A", (("SEX", "W"),), 1), "+", op(n("2"), "*", Term("B", lag=1)))),
    ("prev(7)", n("7")),
    ("prev(abs(A))", Function("abs", (Term("A", lag=1),))),
    ("prev(sum(A, SEX))", SumOver(Term("A", lag=1), "SEX")),
    ("avg2(A)", op(n("1/2"), "*", op(A, "+", Term("A", lag=1)))),
    ("prev(avg2(A))", op(n("1/2"), "*", op(Term("A", lag=1), "+", Term("A", lag=2)))),
    ("avg2(A + B)", op(n("1/2"), "*", op(op(A, "+", B), "+", op(Term("A", lag=1), "+", Term("B", lag=1))))),
    # functions
    ("abs(A - B)", Function("abs", (op(A, "-", B),))),
    ("max(A, B, 50)", Function("max", (A, B, n("50")))),
    ("min(A, max(B, C))", Function("min", (A, Function("max", (B, C))))),
    ("sum(A, SEX)", SumOver(A, "SEX")),
    ("50 * sum(abs(A - B), DIST)", op(n("50"), "*", SumOver(Function("abs", (op(A, "-", B),)), "DIST"))),
]


@pytest.mark.parametrize(("text", "meaning"), READ, ids=[text for text, _ in READ])
def test_formula_is_read_as_written_by_hand(text: str, meaning: Expression) -> None:
    assert parse_expression(text) == meaning


@pytest.mark.parametrize(
    ("text", "operator"), [("A = B", "="), ("A <= B", "<="), ("A >= B", ">="), ("A < B", "<"), ("A > B", ">")]
)
def test_rule_is_one_comparison(text: str, operator: str) -> None:
    assert parse_rule(text) == Comparison(operator, A, B)


def test_equals_sign_of_a_selector_is_not_the_comparison() -> None:
    assert parse_rule("A[SEX=T] = A[SEX=M] + A[SEX=W]") == Comparison(
        "=",
        Term("A", (("SEX", "T"),)),
        op(Term("A", (("SEX", "M"),)), "+", Term("A", (("SEX", "W"),))),
    )


def test_blanks_around_the_comparison_are_not_needed() -> None:
    assert parse_rule("A<=1.05*B") == Comparison("<=", A, op(n("1.05"), "*", B))


WRONG_FORMULAS = [
    ("A +", "Ab Stelle"),
    ("(A", "nicht lesbar"),
    ("", "nicht lesbar"),
    ("A[SEX=W", "nicht lesbar"),
    ("A B", "nicht lesbar"),
    ("A = B", "Ein Vergleich ist kein Wert"),
    ("A <= B", "Ein Vergleich ist kein Wert"),
    ("A[SEX]", "muss [DIM=MEMBER, ...] lauten, jede Gliederung einmal"),
    ("A[SEX=]", "muss [DIM=MEMBER, ...] lauten, jede Gliederung einmal"),
    ("A[]", "muss [DIM=MEMBER, ...] lauten, jede Gliederung einmal"),
    ("A[SEX=M,SEX=W]", "muss [DIM=MEMBER, ...] lauten, jede Gliederung einmal"),
    ("sqrt(A)", "Die Funktion „sqrt“ gibt es nicht (bekannt: abs, max, min, sum, prev, avg2)"),
    ("sum(A)", "sum nimmt einen Ausdruck und eine Gliederung"),
    ("sum(A, 7)", "sum nimmt einen Ausdruck und eine Gliederung"),
    ("sum(A, SEX, AGE)", "sum nimmt einen Ausdruck und eine Gliederung"),
    ("max(A)", "max nimmt zwei oder mehr Ausdrücke"),
    ("min()", "min nimmt zwei oder mehr Ausdrücke"),
    ("abs(A, B)", "abs nimmt einen Ausdruck"),
    ("prev(A, B)", "prev nimmt einen Ausdruck"),
    ("avg2()", "avg2 nimmt einen Ausdruck"),
    ("A ** 2", "„A ** 2“ gehört nicht zur Formelsprache"),
    ("A % B", "„A % B“ gehört nicht zur Formelsprache"),
    ("A if B else C", "gehört nicht zur Formelsprache"),
    ("A and B", "„A and B“ gehört nicht zur Formelsprache"),
    ("True", "„True“ gehört nicht zur Formelsprache"),
    ("'A'", "gehört nicht zur Formelsprache"),
    ("A.real", "„A.real“ gehört nicht zur Formelsprache"),
    ("__import__('os')", "Die Funktion „__import__“ gibt es nicht"),
    ("abs(x=A)", "gehört nicht zur Formelsprache"),
]


@pytest.mark.parametrize(("text", "message"), WRONG_FORMULAS, ids=[text or "empty" for text, _ in WRONG_FORMULAS])
def test_formula_that_cannot_be_read_is_refused_with_the_reason_and_the_text(text: str, message: str) -> None:
    with pytest.raises(FormulaError) as refused:
        parse_expression(text)
    assert message in str(refused.value)
    assert str(refused.value).endswith(text)


@pytest.mark.parametrize("text", ["A", "A = B = C", "A != B", "A <= B and B <= C", "A in B", "(A = B) + C = D"])
def test_rule_that_is_not_one_comparison_at_the_top_is_refused(text: str) -> None:
    with pytest.raises(FormulaError) as refused:
        parse_rule(text)
    assert str(refused.value).endswith(text)


def test_terms_come_in_reading_order_with_repetitions() -> None:
    found = terms(parse_expression("A / B - max(C, sum(D, SEX)) + A + prev(B) * 2"))
    assert list(found) == [A, B, C, D, A, Term("B", lag=1)]


def test_terms_of_a_rule_are_those_of_both_sides() -> None:
    assert rule_terms(parse_rule("A + 1 <= max(B, prev(C))")) == (A, B, Term("C", lag=1))


def test_selected_members_of_a_term_by_dimension() -> None:
    (term,) = terms(parse_expression("A[SEX=W,GRP=MMH]"))
    assert term.selected() == {"SEX": "W", "GRP": "MMH"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A + B", False),
        ("abs(A)", False),
        ("sum(A, SEX)", True),
        ("1 - abs(2 * sum(A, SEX))", True),
        ("max(A, sum(B, SEX))", True),
    ],
)
def test_sum_is_found_wherever_it_stands(text: str, expected: bool) -> None:
    assert contains_sum(parse_expression(text)) is expected


SPLIT = [
    ("100 * A / B", "100", A, B),
    ("A / B", "1", A, B),
    ("0.5 * A / B", "1/2", A, B),
    ("100 * (A + B) / C", "100", op(A, "+", B), C),
    ("1000 * (A - B) / avg2(C)", "1000", op(A, "-", B), parse_expression("avg2(C)")),
    ("100 * A / (A + B)", "100", A, op(A, "+", B)),
    ("(A / B) / (C / D)", "1", op(A, "/", B), op(C, "/", D)),
    ("50 * sum(A, SEX)", "50", SumOver(A, "SEX"), None),
    ("A", "1", A, None),
    ("A + B", "1", op(A, "+", B), None),
    # a mean of two is no quotient: the 2 is no number of persons
    ("(A + B) / 2", "1", op(op(A, "+", B), "/", n("2")), None),
    # only a leading number is the multiplier
    ("A * 100 / B", "1", op(A, "*", n("100")), B),
]


@pytest.mark.parametrize(("text", "multiplier", "top", "bottom"), SPLIT, ids=[case[0] for case in SPLIT])
def test_formula_splits_into_multiplier_numerator_and_denominator(
    text: str, multiplier: str, top: Expression, bottom: Expression | None
) -> None:
    assert as_ratio(parse_expression(text)) == Ratio(Fraction(multiplier), top, bottom)


def test_every_shipped_indicator_but_indices_and_counts_is_a_quotient() -> None:
    framework = load_framework()
    whole = [code for code in framework.indicators if framework.ratio(code).denominator is None]
    assert {framework.indicators[code].unit for code in whole} == {"index_0_100", "count"}
