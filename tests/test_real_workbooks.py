"""Real workbooks of statistical offices come in through layouts, and what comes out equals what was published.

Two small frameworks under tests/frameworks prove that a framework is replaceable: nothing in the code knows them. The
files lie outside the project and are never copied into it; without them these tests are skipped.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest

from intake.layouts import Extraction, extract, load_layouts, recognise
from intake.reading import read_workbook
from schemas.contract import check_contract, observation_frame
from schemas.formula import Expression, Number, Operation, Term
from schemas.framework_model import Framework
from schemas.loading import load_framework
from schemas.shapes import Observation, member_key
from schemas.territory import UNINHABITED

REAL = Path(__file__).resolve().parents[2] / "shared" / "realdata"
FRAMEWORKS = Path(__file__).resolve().parent / "frameworks"
LAST_YEAR = 2019
pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason="the real workbooks are not here")

Key = tuple[str, int, str, str]
Row = Mapping[str, str]

CHILD_AGES = {"bis unter 3 Jahre": "A00_02", "3 bis unter 6 Jahre": "A03_05"}
WORK_AGES = {
    "15 – 25": "AGE=A15_24",
    "25 – 35": "AGE=A25_34",
    "35 – 45": "AGE=A35_44",
    "45 – 55": "AGE=A45_54",
    "55 – 65": "AGE=A55_64",
    "15 – 65": "",
}


@cache
def framework(name: str) -> Framework:
    return load_framework(FRAMEWORKS / name)


@cache
def extraction(name: str, file: str) -> Extraction:
    rules = framework(name)
    workbook = read_workbook(REAL / file)
    layout = recognise(workbook, load_layouts(rules))
    assert layout is not None, f"{file} is not recognised"
    return extract(workbook, layout, rules, folder_region=None)


@cache
def lower_saxony(file: str) -> dict[Key, Observation]:
    found = extraction("niedersachsen", f"niedersachsen/{file}").observations
    return {(o.region, o.year, o.variable, member_key(o.members)): o for o in found}


def published(indicator: str) -> Iterator[Row]:
    """Rows of a published table up to the last year of the workbooks."""
    with (REAL / "niedersachsen" / f"indicator_{indicator}.csv").open(encoding="utf-8-sig", newline="") as stream:
        yield from (row for row in csv.DictReader(stream) if int(row["Year"]) <= LAST_YEAR)


def region(row: Row) -> str:
    """Key of a published row. The table gives the merged district's code to the old one and none to Osterode."""
    if row["Gebietseinheit"] == "Osterode":
        return "03156"
    code = row["GeoCode"].removeprefix("K")
    if code == "03159" and int(row["Year"]) < 2016 and "Nationalität" in row:
        return "03152"
    return "03" if code == "030" else code


def population(row: Row) -> Key:
    return region(row), int(row["Year"]), "EW", ""


def day_care(row: Row) -> Key:
    land = {"Niedersachsen": "03", "Deutschland": "00"}[row["Gebietseinheit"]]
    age = next(
        age for age in CHILD_AGES if row["Kategorie"].endswith(age) and not row["Kategorie"].endswith(f"3 {age}")
    )
    group = row["Kategorie"].removesuffix(age).strip()
    group = {"Insgesamt": "", "Kinder mit Migrationshintergrund": "MIG=MMH,"}.get(group, "MIG=OMH,")
    return land, int(row["Year"]), "BQ", f"{group}AGE={CHILD_AGES[age]}"


def unemployed(row: Row) -> Key:
    group = {"ohne Migrationshintergrund": "MIG=OMH", "mit Migrationshintergrund": "MIG=MMH"}
    sex = {"Männer": "SEX=M", "Frauen": "SEX=W"}
    parts = (group.get(row["Migrationsstatus"]), sex.get(row["Geschlecht"]), WORK_AGES[row["Altersgruppe"]])
    return "03", int(row["Year"]), "ELA", ",".join(filter(None, parts))


def benefits(row: Row) -> Key:
    group = {"Insgesamt": "", "Deutsche": "NAT=D", "Ausländerinnen und Ausländer": "NAT=A"}[row["Nationalität"]]
    return region(row), int(row["Year"]), {"Anzahl": "MSE", "Quote": "MSE_QUOTE"}[row["Units"]], group


@pytest.mark.parametrize(
    ("file", "indicator", "key", "count"),
    [
        ("2020_1_1_1.xlsx", "1-1-1", population, 780),
        ("2020_3-1-1.xlsx", "3-1-1", day_care, 132),
        ("2019_6-2-1.xlsx", "6-2-1", benefits, 1890),
        ("2019_5-3-1.xlsx", "5-3-1", unemployed, 486),
    ],
)
def test_every_published_value_comes_out_of_the_workbook(
    file: str, indicator: str, key: Callable[[Row], Key], count: int
) -> None:
    found = lower_saxony(file)
    rows = list(published(indicator))
    wrong = [
        (key(row), row["Value"], found[key(row)].value if key(row) in found else None)
        for row in rows
        if key(row) not in found or found[key(row)].value != Decimal(row["Value"])
    ]
    print(f"{indicator}: {len(rows) - len(wrong)} of {len(rows)} published values up to {LAST_YEAR} equal")
    assert not wrong
    assert len({key(row) for row in rows}) == len(rows) == count


@pytest.mark.parametrize(
    ("file", "cells"),
    [
        ("2020_1_1_1.xlsx", 832),
        ("2020_3-1-1.xlsx", 144),
        ("2019_6-2-1.xlsx", 1890),
        ("2019_5-3-1.xlsx", 486),
        ("2020_4-1-1.xlsx", 4594),
        ("2019_4-1-5.xlsm", 432),
    ],
)
def test_the_workbook_is_explained_completely(file: str, cells: int) -> None:
    result = extraction("niedersachsen", f"niedersachsen/{file}")
    assert result.findings == ()
    assert len(result.observations) == len({o.key for o in result.observations}) == cells
    assert all(o.sheet and o.cell for o in result.observations)


def test_a_district_that_no_longer_exists_is_asked_about() -> None:
    """The sheet of shares still has a row for Osterode in 2016, with “-” that can only mean: not there any more."""
    result = extraction("niedersachsen", "niedersachsen/2020_1-3-1.xlsx")
    assert [(f.code, f.sheet, f.cell, f.region) for f in result.findings] == [
        ("C02", "2020_3-2-1_Download", "B224", "03156")
    ]
    assert "gilt bis 31.10.2016" in result.findings[0].message
    assert Counter(o.variable for o in result.observations) == {"KITA": 680, "KITA_MH": 2040, "KITA_ANT": 1346}


@pytest.mark.parametrize(
    "file", ["2020_1_1_1.xlsx", "2020_3-1-1.xlsx", "2019_5-3-1.xlsx", "2019_6-2-1.xlsx", "2020_4-1-1.xlsx"]
)
def test_the_observations_keep_the_contract(file: str) -> None:
    found = extraction("niedersachsen", f"niedersachsen/{file}").observations
    assert check_contract(framework("niedersachsen"), observation_frame(found, [file] * len(found))) == []


def compute(expression: Expression, values: Callable[[Term], Fraction]) -> Fraction:
    """A formula over single values, in exact fractions: what the warehouse does in SQL."""
    match expression:
        case Number(value):
            return value
        case Term():
            return values(expression)
        case Operation("*", left, right):
            return compute(left, values) * compute(right, values)
        case Operation("/", left, right):
            return compute(left, values) / compute(right, values)
    raise AssertionError(expression)


def rounded(value: Fraction, places: str = "1") -> Decimal:
    return (Decimal(value.numerator) / Decimal(value.denominator)).quantize(Decimal(places), ROUND_HALF_UP)


def recompute(name: str, indicator: str, found: Mapping[Key, Observation], code: str, year: int) -> Fraction:
    """An indicator of a framework for one region and year from the values of workbooks."""

    def value(term: Term) -> Fraction:
        number = found[code, year, term.variable, member_key(term.members)].value
        assert number is not None
        return Fraction(number)

    return compute(framework(name).formulas[indicator], value)


def test_the_published_rate_follows_from_the_counts_of_two_workbooks() -> None:
    """Indicator 6.2.1 by our formula: recipients from one workbook, inhabitants from another.

    The rates of 2011 and 2012 were made with the population before the census of 2011, which the other workbook has
    replaced since; they are the only ones that differ.
    """
    found = {**lower_saxony("2019_6-2-1.xlsx"), **lower_saxony("2020_1_1_1.xlsx")}
    equal, differing = 0, Counter[int]()
    for row in published("6-2-1"):
        code, year, variable, members = benefits(row)
        if variable == "MSE_QUOTE" and not members and (code, year, "EW", "") in found:
            if rounded(recompute("niedersachsen", "NI-6.2.1", found, code, year)) == Decimal(row["Value"]):
                equal += 1
            else:
                differing[year] += 1
    print(f"6-2-1: {equal} published rates recomputed from counts, differing {dict(differing)}")
    assert equal == 226
    assert set(differing) == {2011, 2012}


def test_shares_of_children_follow_from_the_counts_of_the_yearly_sheets() -> None:
    """From 2017 on every share of the download sheet is made of the counts in the sheet of its year."""
    found = lower_saxony("2020_1-3-1.xlsx")
    shares = [o for o in found.values() if o.variable == "KITA_ANT" and o.members == (("MERK", "HERK"),)]
    checked = [o for o in shares if o.year >= 2017 and (o.region, o.year, "KITA", "") in found]
    assert len(checked) == 204
    for share in checked:
        value = recompute("niedersachsen", "NI-3.1.2", found, share.region, share.year)
        assert rounded(value, "0.0001") == share.value, (share.sheet, share.cell)


def test_two_tables_below_each_other_agree_except_where_the_sender_slipped() -> None:
    """Shares and counts of vocational schools. The counts of 2018 stand in the columns of other school types (part-time
    school under basic year), five shares of 2014 are “-” beside a count: what an own plausibility rule would notice.
    """
    found = lower_saxony("2020_4-1-1.xlsx")
    equal, empty, differing = 0, 0, Counter[int]()
    for (code, year, variable, members), share in found.items():
        if variable != "ABG_ANT":
            continue
        if (code, year, "ABG", members) not in found:  # “-” among the shares, an empty cell among the counts
            empty += 1
            continue
        of_all = ",".join(part for part in members.split(",") if not part.startswith("ABS="))
        part, whole = found[code, year, "ABG", members].value, found[code, year, "ABG", of_all].value
        assert part is not None
        assert whole is not None
        expected = rounded(100 * Fraction(part) / Fraction(whole), "0.0001") if whole else Decimal(0)
        equal += expected == share.value
        differing[year] += expected != share.value
    print(f"4-1-1: {equal} shares recomputed from counts, differing {dict(+differing)}")
    assert (equal, empty, +differing) == (2134, 4, Counter({2018: 35, 2014: 5}))


# --- the federal municipality directory ------------------------------------------------------------------------------


def directory() -> Iterator[Row]:
    with (REAL / "bund" / "hessen_gemeinden_gvisys_2024-06-30.csv").open(encoding="utf-8-sig", newline="") as stream:
        yield from csv.DictReader(stream)


def test_the_municipality_directory_comes_in_through_a_layout() -> None:
    result = extraction("gemeinden", "bund/AuszugGV2QAktuell.xlsx")
    assert result.findings == ()
    found = {(o.region, o.variable, member_key(o.members)): o.value for o in result.observations}
    rows = list(directory())
    for row in rows:
        code = row["ags8"]
        assert found[code, "FL", ""] == Decimal(row["flaeche_km2"])
        assert found[code, "EW", ""] == Decimal(row["bevoelkerung_2022"])
        assert found[code, "EW", "SEX=M"] == Decimal(row["maennlich"])
        assert found[code, "EW", "SEX=W"] == Decimal(row["weiblich"])
    territory = framework("gemeinden").territory
    inhabited = [row["ags8"] for row in rows if territory.unit(row["ags8"]).kind != UNINHABITED]
    assert (len(inhabited), len(rows)) == (421, 425)
    assert {code for code, _, _ in found} == {row["ags8"] for row in rows}
    assert {o.year for o in result.observations} == {2022}


def test_the_population_density_follows_from_population_and_area() -> None:
    observations = extraction("gemeinden", "bund/AuszugGV2QAktuell.xlsx").observations
    found = {(o.region, o.year, o.variable, member_key(o.members)): o for o in observations}
    for row in directory():
        density = recompute("gemeinden", "GV-1", found, row["ags8"], 2022)
        assert rounded(density) == found[row["ags8"], 2022, "DICHTE", ""].value
