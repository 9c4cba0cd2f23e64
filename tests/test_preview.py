"""The preview shows senders their own figures whole, and those of others only as published."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from intake.preview import Content, Preview, Previews, contents
from intake.preview_figures import Figures
from intake.preview_frames import OWN_COLUMNS, REFERENCE_COLUMNS, compared_with, own_frame, reference_frames
from intake.values import german
from schemas.framework_model import Framework
from schemas.loading import load_framework
from schemas.shapes import Submission, Verdict

FIGURE_COLUMNS = OWN_COLUMNS[2:]
"""The columns of `own` beside region and year."""
REGION, YEAR = "06532023", 2025
SUBMISSION = Submission(
    "2026-06532023-0001", "ab", "a.xlsx", REGION, datetime(2026, 5, 1), REGION, YEAR, verdict=Verdict.ACCEPTED
)


def content(framework: Framework, pages: Previews, own: pd.DataFrame) -> Content:
    """What one page says."""
    mine = own.assign(region=REGION, year=YEAR)
    return contents(framework, [((REGION, YEAR), pages)], mine)[0]


def write_preview(
    framework: Framework,
    submission: Submission,
    own: pd.DataFrame,
    reference: pd.DataFrame,
    outbox: Path,
    *,
    sample: bool = False,
) -> Path:
    """Write one preview."""
    pages = Previews(framework, reference)
    return pages.write(submission, content(framework, pages, own), outbox, sample=sample)


def preview(
    framework: Framework, submission: Submission, own: pd.DataFrame, reference: pd.DataFrame, *, sample: bool = False
) -> Preview:
    """The content of the page, from the two frames."""
    pages = Previews(framework, reference)
    return pages.page(submission, content(framework, pages, own), sample=sample)


def own_of(framework: Framework, values: pd.DataFrame, region: str, year: int) -> pd.DataFrame:
    """`own` of one region and year."""
    frame = own_frame(framework, values[values["region"] == region])
    return frame.loc[frame["year"] == year, list(FIGURE_COLUMNS)]


def reference_frame(framework: Framework, published: pd.DataFrame, region: str, year: int) -> pd.DataFrame:
    """`reference` of one region and year."""
    names = compared_with(framework, region, year)
    return reference_frames(framework, published, {year: [names]})[year, tuple(names)]


@pytest.fixture(scope="module")
def framework() -> Framework:
    return load_framework()


def own(*rows: tuple[str, str, float | None, str, float | None, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(FIGURE_COLUMNS))


def others(*rows: tuple[str, str, str, str, float | None, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(REFERENCE_COLUMNS))


OWN = own(
    ("BEV-01", "SEX=W", 40.16, "ok", None, ""),
    ("BEV-01", "", 40.449, "ok", 39.85, "ok"),
    ("ARB-01", "", None, "not_delivered", 12.0, "ok"),
    ("ARB-01", "GRP=A", 0.0, "zero", 0.5, "ok"),
)
OTHERS = others(
    ("06532", "Lahn-Dill-Kreis", "BEV-01", "", 30.04, ""),
    ("06532", "Lahn-Dill-Kreis", "BEV-01", "SEX=W", None, "."),
    ("06", "Hessen <&>", "BEV-01", "", 1234.56, "( )"),
)


def test_values_changes_and_signs(framework: Framework) -> None:
    page = preview(framework, SUBMISSION, OWN, OTHERS)
    assert page.references == ("Lahn-Dill-Kreis", "Hessen <&>")
    rows = {(i.code, r.group): r for f in page.fields for i in f.indicators for r in i.rows}
    total = rows[("BEV-01", "")]
    assert (total.value, total.previous, total.change) == ("40,4", "39,9", "+0,5")
    assert total.others == ("30,0", "(1\u202f234,6)")
    women = rows[("BEV-01", "weiblich")]
    assert (women.value, women.previous, women.change, women.others) == ("40,2", ".", ".", (".", "."))
    assert rows[("ARB-01", "")].value == framework.statuses["not_delivered"].sign
    zero = next(row for (code, group), row in rows.items() if code == "ARB-01" and group)
    assert (zero.value, zero.change) == (framework.statuses["zero"].sign, "−0,5")
    assert dict(page.signs).keys() == {".", "( )", "–", "n/g"}


def test_fields_in_the_order_of_the_framework_total_first(framework: Framework) -> None:
    page = preview(framework, SUBMISSION, OWN, OTHERS)
    assert [field.code for field in page.fields] == ["BEV", "ARB"]
    assert [row.group for row in page.fields[0].indicators[0].rows] == ["", "weiblich"]


class Outline(HTMLParser):
    """What the page is built of, and whether its tags match."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_page_is_accessible_and_says_what_it_is(framework: Framework, tmp_path: Path) -> None:
    path = write_preview(framework, SUBMISSION, OWN, OTHERS, tmp_path, sample=True)
    assert path == tmp_path / REGION / f"Vorschau_{REGION}_{YEAR}_{SUBMISSION.id}.html"
    assert [p.name for p in path.parent.iterdir()] == [path.name], "nothing half written stays"
    text = path.read_text(encoding="utf-8")
    outline = Outline()
    outline.feed(text)
    assert outline.open == []
    names = [tag for tag, _ in outline.tags]
    assert names.count("h1") == 1
    assert names.count("caption") == names.count("table") == 2
    assert all(attributes.get("scope") for tag, attributes in outline.tags if tag == "th")
    assert ("html", {"lang": "de"}) in outline.tags
    assert "Musterdaten" in text
    assert "Hessen &lt;&amp;&gt;" in text
    assert SUBMISSION.id in text
    assert "nan" not in text.lower().replace("finanz", "")


def test_without_figures_the_page_says_so(framework: Framework, tmp_path: Path) -> None:
    text = write_preview(framework, SUBMISSION, own(), others(), tmp_path).read_text(encoding="utf-8")
    assert "noch kein Indikator" in text
    assert "Musterdaten" not in text


class Cells(HTMLParser):
    """The texts of the cells of every row."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("th", "td"):
            self.rows[-1].append("")
            self.inside = True

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag not in ("th", "td")

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.rows[-1][-1] += data


def test_the_page_says_what_the_rows_say_also_where_it_has_to_be_escaped(framework: Framework, tmp_path: Path) -> None:
    frame = own(("BEV-01", "", 0.0, "ok", -0.04, "ok"), ("BEV-01", "GRP=<&\"'>", 1.0, "limited", 0.0, "ok"))
    told = others(("06", "Hessen", "BEV-01", "", None, "<&>"))
    page = preview(framework, SUBMISSION, frame, told)
    rows = [row for field in page.fields for indicator in field.indicators for row in indicator.rows]
    assert [(row.value, row.previous, row.change) for row in rows] == [("0,0", "−0,0", "0,0"), ("(1,0)", "0,0", "+1,0")]
    assert (rows[0].others, rows[1].others, rows[1].group) == (("<&>",), (".",), "<&\"'>")
    cells = Cells()
    cells.feed(write_preview(framework, SUBMISSION, frame, told, tmp_path).read_text(encoding="utf-8"))
    heads = [f"{rows[0].name} (Prozent; BEV-01)", f"{rows[1].name}: {rows[1].group}"]
    expected = [[head, row.value, row.previous, row.change, *row.others] for head, row in zip(heads, rows, strict=True)]
    assert cells.rows[1:] == expected


def test_pages_that_are_written_together_are_those_written_alone(framework: Framework, tmp_path: Path) -> None:
    frames = (OWN, OWN.iloc[:1], own(("BEV-01", "", 39.85, "ok", 40.449, "limited")), own(), OWN)
    references = (OTHERS, OTHERS, others(*OTHERS.iloc[2:].itertuples(index=False)), OTHERS, OTHERS.iloc[:0])
    regions = ("06532023", "06532", "06414", "06411", "06412")
    beside = {id(reference): Previews(framework, reference) for reference in references}
    pages = [((region, YEAR), beside[id(reference)]) for region, reference in zip(regions, references, strict=True)]
    whole = pd.concat([frame.assign(region=region, year=YEAR) for region, frame in zip(regions, frames, strict=True)])
    strangers = pd.concat([OWN.assign(region="06413", year=YEAR), OWN.assign(region=REGION, year=YEAR - 1)])
    mixed = pd.concat([whole, strangers]).sample(frac=1, random_state=1)
    for own_rows in (whole, mixed):
        told = contents(framework, pages, own_rows)
        for (place, previews), frame, reference, said in zip(pages, frames, references, told, strict=True):
            sent = replace(SUBMISSION, region=place[0], sender=place[0])
            page = previews.write(sent, said, tmp_path / "together").read_bytes()
            assert page == write_preview(framework, sent, frame, reference, tmp_path / "alone").read_bytes()


@given(st.lists(st.tuples(st.floats(-1e13, 1e13) | st.decimals(0, 400, places=3).map(float), st.integers(0, 3))))
@example(
    [(0.285, 2), (2.5, 0), (-2.5, 0), (1.005, 2), (-0.0, 1), (-0.04, 1), (0.04, 1), (0.0, 1), (1e12, 0), (0.35, 1)]
)
@settings(max_examples=60, deadline=None)
def test_figures_are_rounded_half_up_as_they_are_written(figures: list[tuple[float, int]]) -> None:
    values, decimals = [value for value, _ in figures], [places for _, places in figures]
    exact = [Decimal(str(v)).quantize(Decimal(1).scaleb(-p), ROUND_HALF_UP) for v, p in figures]
    page = Figures({})
    for _ in range(2):  # the second time they are known
        shown = page.shown(np.array(values, float), [""] * len(values), decimals)
        assert [(one.text, one.rounded) for one in shown] == [
            (german(one, p), one) for one, p in zip(exact, decimals, strict=True)
        ]
    limited = Figures({}).shown(np.array([*values, math.nan], float), ["( ) p"] * (len(values) + 1), [*decimals, 0])
    texts = [f"({german(one, p)}) p" if value else "( ) p" for one, (value, p) in zip(exact, figures, strict=True)]
    assert [one.text for one in limited] == [*texts, "( ) p"]
    assert {one.signs for one in limited} == {("( )", "p")}


def computed(framework: Framework, rows: list[tuple[str, int, str, dict[str, str], float | None, str]]) -> pd.DataFrame:
    """Rows as the computation gives them: one column per dimension."""
    codes = [code.lower() for code in framework.dimension_order]
    return pd.DataFrame(
        [
            {"region": region, "year": year, "indicator": code, "value": value, "status": says, "sign": says}
            | {name: members.get(name.upper(), "T") for name in codes}
            for region, year, code, members, value, says in rows
        ]
    )


def test_frames_from_the_computed_tables(framework: Framework) -> None:
    values = computed(
        framework,
        [
            (REGION, YEAR, "BEV-01", {}, 40.4, "ok"),
            (REGION, YEAR - 1, "BEV-01", {}, 39.8, "ok"),
            (REGION, YEAR, "BEV-01", {"SEX": "W"}, None, "not_computable"),
            (REGION, YEAR, "BEV-01", {"SEX": "W", "GRP": "A"}, 1.0, "ok"),
            ("06414", YEAR, "BEV-01", {}, 99.0, "ok"),
        ],
    )
    frame = own_of(framework, values, REGION, YEAR)
    assert frame.to_dict("records") == [dict(zip(FIGURE_COLUMNS, ("BEV-01", "", 40.4, "ok", 39.8, "ok"), strict=True))]
    published = computed(
        framework,
        [
            ("06", YEAR, "BEV-01", {}, 30.0, ""),
            ("06", YEAR - 1, "BEV-01", {}, 29.0, ""),
            ("MODELL", YEAR, "BEV-01", {}, None, "."),
            ("06532", YEAR, "BEV-01", {"SEX": "W"}, 28.0, ""),
            ("06414", YEAR, "BEV-01", {}, 99.0, ""),
        ],
    )
    reference = reference_frame(framework, published, REGION, YEAR)
    assert list(reference.columns) == list(REFERENCE_COLUMNS)
    assert reference["region"].tolist() == ["06532", "MODELL", "06"]
    assert reference["region_name"].tolist() == ["Lahn-Dill-Kreis", "Modellregionen", "Hessen"]
    assert reference["members"].tolist() == ["SEX=W", "", ""]
    assert "06414" not in set(reference["region"]), "never another municipality"


def test_what_stands_for_the_year_before_is_of_the_same_figure(framework: Framework) -> None:
    """Beside a join of the rows with themselves, over regions, gaps in the years and rows in any order."""
    rows = [
        (region, year, code, members, float(number), "ok")
        for number, (region, year, code, members) in enumerate(
            (region, year, code, members)
            for region in ("06411", "06412", REGION)
            for year in (2019, 2020, 2022, 2023, 2024)
            for code in ("BEV-01", "ARB-01")
            for members in ({}, {"SEX": "W"}, {"GRP": "A"})
        )
        if number % 7 and (region, year) != ("06412", 2023)
    ]
    values = computed(framework, rows).sample(frac=1, random_state=2)
    keys = ["region", "year", "indicator", "members"]
    plain = pd.DataFrame(
        [(r, y, c, "".join(f"{d}={m}" for d, m in said.items()), v) for r, y, c, said, v, _ in rows],
        columns=[*keys, "value"],
    )
    before = plain.assign(year=plain["year"] + 1).rename(columns={"value": "previous"})
    expected = plain.merge(before, on=keys, how="left").sort_values(keys)
    found = own_frame(framework, values).sort_values(keys)
    assert found[keys].to_numpy().tolist() == expected[keys].to_numpy().tolist()
    np.testing.assert_array_equal(found[["value", "previous"]].to_numpy(float), expected[["value", "previous"]])
    assert (found["previous_status"].notna() == found["previous"].notna()).all()
    assert own_frame(framework, values.iloc[:0]).empty
