"""The attacker of the audit must break what is badly protected, case by case, and leave alone what is not.

All tables are written by hand: a row is printed, or marked secret; nothing is computed or protected by the code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.secrecy import primary_only, state
from flows.auditing import FILE, ReleaseBlocked, guard
from flows.remembering import keep, recall
from indicators.audit.areas import Map, decided
from indicators.audit.audit import AuditReport, audit
from indicators.audit.intervals import intervals
from indicators.audit.memory import Memory
from indicators.audit.mending import mended
from indicators.audit.piece import Draft, Piece
from indicators.audit.targets import Target, Truth
from indicators.audit.verdicts import Interval
from indicators.compute import compute
from schemas.definitions_confidentiality import SourceRule
from schemas.framework_model import Framework
from schemas.supports import CASES, supports

YEAR = 2024
Counts = Mapping[tuple[str, str], int]
"""(indicator, member key) -> printed number; the denominator stands under (indicator, key + "/")."""


def published(framework: Framework, rows: list[dict[str, Any]]) -> pa.Table:
    """`indicator_published` with the columns an attacker reads."""
    dims = [(d.lower(), pa.string()) for d in framework.dimension_order]
    numbers = [(name, pa.float64()) for name in ("value", "numerator", "denominator")]
    whole = [("n_reported", pa.int32()), ("n_members", pa.int32())]
    keys = [("region", pa.string()), ("year", pa.int32()), ("indicator", pa.string()), ("status", pa.string())]
    return pa.Table.from_pylist(rows, schema=pa.schema([*keys, *dims, *numbers, *whole]))


@pytest.fixture(scope="module")
def attack(framework: Framework) -> Any:
    """Rows by hand, cells by hand -> what the attacker finds."""

    class Case:
        def __init__(self) -> None:
            self.framework = framework
            self.cells: list[dict[str, Any]] = []
            self.was: list[dict[str, Any]] = []
            self.rows: list[list[dict[str, Any]]] = [[]]
            self.more: dict[str, list[dict[str, Any]]] = {}

        def cell(
            self, variable: str, key: str, value: int, region: str = "06413", year: int = YEAR, was: int | None = None
        ) -> Case:
            """`was`: another number was delivered before, when the earlier edition was made."""
            row = {**self._place(region, year, key), "variable": variable, "value": float(value), "status": "ok"}
            self.cells.append(row)
            self.was.append({**row, "since": 0 if was is None else 2, "until": None})
            if was is not None:
                self.was.append({**row, "value": float(was), "since": 0, "until": 2})
            return self

        def row(self, indicator: str, key: str, numerator: int | None, denominator: int | None, **more: Any) -> Case:
            secret = numerator is None and denominator is None and "value" not in more
            factor = float(framework.ratio(indicator).multiplier)
            value = None if secret or not numerator or not denominator else factor * numerator / denominator
            place = self._place(more.pop("region", "06413"), more.pop("year", YEAR), key)
            given = {
                "indicator": indicator, "value": value, "numerator": numerator, "denominator": denominator,
                "status": "secret" if secret else "ok", "n_reported": 1, "n_members": 1,
            }  # fmt: skip
            self.rows[-1].append({**place, **given, **more})
            return self

        def earlier(self) -> Case:
            """Rows that follow are those of an earlier edition."""
            self.rows.append([])
            return self

        def run(
            self, using: Framework | None = None, exact: bool = True, ledger: pa.Table | None = None
        ) -> AuditReport:
            used = using or framework
            dims = [(d.lower(), pa.string()) for d in framework.dimension_order]
            keys = [("region", pa.string()), ("year", pa.int32()), ("variable", pa.string()), ("status", pa.string())]
            cells = pa.Table.from_pylist(self.cells, schema=pa.schema([*keys, *dims, ("value", pa.float64())]))
            editions = [{"indicator_published": published(used, rows)} for rows in self.rows]
            for name, rows in self.more.items():
                editions[0][name] = pa.Table.from_pylist(rows)
            ages = [("since", pa.int64()), ("until", pa.int64())]
            corrected = {(row["region"], row["year"], row["variable"]) for row in self.was if row["until"]}
            was = [row for row in self.was if (row["region"], row["year"], row["variable"]) in corrected]
            history = pa.Table.from_pylist(was, schema=pa.schema([*cells.schema, *ages]))
            return audit(used, editions, Truth(None, cells, history), ledger, exact, moments=[1] * (len(editions) - 1))

        def _place(self, region: str, year: int, key: str) -> dict[str, Any]:
            members = dict(pair.split("=") for pair in key.split(",") if pair)
            dims = {d.lower(): members.get(d, "T") for d in framework.dimension_order}
            return {"region": region, "year": year, **dims}

    return Case


def verdict(report: AuditReport) -> str:
    """The verdict on the only small count of the case."""
    (row,) = report.table.to_pylist()
    return str(row["verdict"])


def test_a_wide_open_table_passes(attack: Any) -> None:
    case = attack().cell("LEAV", "GRP=A,DEG=OHNE", 2)
    case.row("SCH-03", "", 50, 900).row("SCH-03", "GRP=A", None, None).row("SCH-03", "GRP=D", None, None)
    report = case.run()
    assert report.passed
    assert report.judged == 1


def test_a_printed_secret_is_found(attack: Any) -> None:
    case = attack().cell("NATZ", "SEX=W", 2)
    assert verdict(case.row("REC-05", "SEX=W", 2, 900).run()) == "exact"


def test_nothing_published_is_nothing_to_attack(framework: Framework) -> None:
    """A first night with a Fehlanzeige alone: tables without a row."""
    empty = {"indicator_published": published(framework, [])}
    report = audit(framework, [empty], Truth(observations=None))
    assert (report.judged, report.leaks) == (0, 0)


def test_rate_with_a_known_denominator(attack: Any) -> None:
    """The number is hidden, the rate is not, and another indicator prints the base."""
    case = attack().cell("SEU_UFULL", "GRP=MMH", 2)
    case.row("GES-01", "GRP=MMH", None, None, value=100 * 2 / 250)
    assert verdict(case.row("GES-01", "GRP=OMH", 90, 100).run()) == "ok"  # the base is not known yet
    case.rows[0][0]["denominator"] = 250
    assert verdict(case.run()) == "exact"


def test_two_groups_and_a_total(attack: Any) -> None:
    case = attack().cell("LEAV", "GRP=A,DEG=OHNE_HSA", 2)
    case.row("SCH-03", "", 50, 900).row("SCH-03", "GRP=D", 48, 700).row("SCH-03", "GRP=A", None, None)
    assert verdict(case.run()) in ("exact", "below")


def test_a_row_with_one_hidden_cell(attack: Any) -> None:
    """Women and “diverse or not stated” make up the rest: women cannot be more than it."""
    case = attack().cell("NATZ", "SEX=W", 2)
    case.row("REC-05", "", 30, 900).row("REC-05", "SEX=M", 28, 500).row("REC-05", "SEX=W", None, None)
    assert verdict(case.run()) == "below"


def test_zeros_that_betray(attack: Any, framework: Framework) -> None:
    """Two blanks and a rest of two: where zeros are always printed, both are one."""
    case = attack().cell("BIZ_NEW", "GRP=D,SEX=W", 1).cell("BIZ_NEW", "GRP=A,SEX=W", 1)
    case.row("ARB-08", "", 120, 9000).row("ARB-08", "GRP=D", 70, 5000).row("ARB-08", "GRP=A", 50, 4000)
    case.row("ARB-08", "GRP=D,SEX=M", 69, 2500).row("ARB-08", "GRP=A,SEX=M", 49, 2000)
    case.row("ARB-08", "SEX=M", 118, 4500).row("ARB-08", "SEX=W", 2, 4500)
    case.row("ARB-08", "GRP=D,SEX=W", None, None).row("ARB-08", "GRP=A,SEX=W", None, None)
    assert {row["verdict"] for row in case.run().table.to_pylist()} == {"below", "exact"} or case.run().leaks == 2
    rules = framework.confidentiality.model_copy(update={"zeros": "published"})
    told = case.run(replace(framework, confidentiality=rules)).table.to_pylist()
    assert [(row["lower"], row["upper"]) for row in told] == [(1, 1), (1, 1)]


def test_town_in_its_kreis(attack: Any) -> None:
    """Kreis and town are both far above the threshold; what is left of the Kreis is not."""
    case = attack().cell("NATZ", "", 100, region="06532").cell("NATZ", "", 98, region="06532023")
    case.row("REC-05", "", 100, 9000, region="06532").row("REC-05", "", 98, 8000, region="06532023")
    (row,) = case.run().table.to_pylist()
    assert (row["side"], row["verdict"]) == ("rest", "exact")
    case.rows[0][1] = {**case.rows[0][1], "numerator": None, "value": None, "status": "secret", "denominator": None}
    assert case.run().passed


def test_what_is_not_true_proves_nothing(attack: Any) -> None:
    """The town delivered more men than its Kreis. That each Kreis holds its towns would bind the women of the rest to 3."""
    case, town, kreis = attack(), "06532023", "06532"
    for region, counts in ((kreis, (40, 6, 5)), (town, (41, 5, 2))):
        case.cell("NATZ", "", sum(counts), region=region).row("REC-05", "", sum(counts), 9000, region=region)
        for sex, count in zip("MWX", counts, strict=True):
            case.cell("NATZ", f"SEX={sex}", count, region=region)
            case.row("REC-05", f"SEX={sex}", None, None, region=region)
    women = ("rest", "SEX=W")
    found = {(row["side"], row["members"]): row for row in case.run().table.to_pylist()}
    assert (found[women]["verdict"], found[women]["true_count"]) == ("ok", 1)
    for region, count in ((kreis, 6), (town, 5)):  # the women themselves are held, and both are told now
        case.row("REC-05", "SEX=W", count, 9000, region=region)
    found = {(row["side"], row["members"]): row for row in case.run().table.to_pylist()}
    assert found[women]["verdict"] == "exact"


def test_a_region_under_two_names(attack: Any) -> None:
    """A programme region of one Kreis prints what the Kreis keeps secret."""
    case = attack().cell("NATZ", "SEX=W", 2, region="06434")
    case.row("REC-05", "SEX=W", None, None, region="06434")
    assert case.run().passed
    assert verdict(case.row("REC-05", "SEX=W", 2, 900, region="HTK").run()) == "exact"


def test_members_and_their_sum(attack: Any) -> None:
    """All regions of a group but one are printed, and so is the group."""
    members = attack().framework.territory.members("MODELL", YEAR)
    case = attack().cell("NATZ", "SEX=W", 2, region=members[0]).row("REC-05", "SEX=W", None, None, region=members[0])
    for region in members[1:]:
        case.row("REC-05", "SEX=W", 40, 900, region=region)
    assert case.run().passed
    total = 40 * (len(members) - 1) + 2
    case.row("REC-05", "SEX=W", total, 9000, region="MODELL", n_reported=len(members), n_members=len(members))
    assert verdict(case.run()) == "exact"


def test_overlapping_age_bands(attack: Any) -> None:
    """0 to 17 and 6 to 17 are printed: nobody printed 0 to 5."""
    case = attack().cell("POP", "GRP=MMH,AGE=A00_05", 2)
    case.row("BEV-01", "AGE=A00_17", 500, 900).row("BEV-01", "AGE=A06_17", 498, 800)
    case.row("BEV-01", "AGE=A00_05", None, None)
    assert verdict(case.run()) == "exact"


def test_the_remainder_of_a_share(attack: Any) -> None:
    """96 % of 50 tells of two others. The row itself is not small."""
    case = attack().row("SCH-03", "GRP=A", 48, 50)
    row = {**case.rows[0][0], "framework_version": ""}
    truth = Truth(values=published(case.framework, [{k: v for k, v in row.items() if k != "framework_version"}]))
    report = audit(case.framework, [{"indicator_published": published(case.framework, case.rows[0])}], truth)
    assert [(r["side"], r["verdict"]) for r in report.table.to_pylist()] == [("complement", "exact")]


def test_last_edition_minus_this_one(attack: Any) -> None:
    """Each edition alone is safe; the older one printed what the newer one keeps back."""
    case = attack().cell("NATZ", "SEX=W", 2).cell("NATZ", "SEX=X", 1)
    case.row("REC-05", "", None, None).row("REC-05", "SEX=M", 28, 500).row("REC-05", "SEX=W", None, None)
    assert case.run().passed
    case.earlier().row("REC-05", "", 31, 900)
    assert case.run().leaks == 2


def test_a_corrected_total(attack: Any) -> None:
    """A correction moves another group; what stayed is told by the old total and the new one together."""
    case = attack().cell("LEAV", "GRP=A,DEG=OHNE_HSA", 2).cell("LEAV", "DEG=OHNE_HSA", 52, was=50)
    case.cell("LEAV", "GRP=D,DEG=OHNE_HSA", 50, was=48)
    case.row("SCH-03", "", 52, 900).row("SCH-03", "GRP=D", 50, 700).row("SCH-03", "GRP=A", None, None)
    case.earlier().row("SCH-03", "", None, None).row("SCH-03", "GRP=D", 48, 700).row("SCH-03", "GRP=A", None, None)
    assert case.run().leaks == 1
    case.rows[0][0].update(value=None, numerator=None, denominator=None, status="secret")
    assert case.run().passed  # the new total was all that told it
    case.rows[1][0].update(value=5.55, numerator=50, denominator=900, status="ok")
    assert case.run().leaks == 1  # the old total does as well


def test_an_older_number_that_is_not_true_any_more_proves_nothing(attack: Any) -> None:
    """The older edition said 7 men of 10 people. Now they are 9 of 10: that one woman is left follows from neither."""
    case = attack().cell("NATZ", "SEX=W", 1, was=3).cell("NATZ", "SEX=M", 9, was=7).cell("NATZ", "", 10)
    case.row("REC-05", "", 10, 900).row("REC-05", "SEX=W", None, None).row("REC-05", "SEX=M", None, None)
    case.earlier().row("REC-05", "", 10, 900).row("REC-05", "SEX=M", 7, 500).row("REC-05", "SEX=W", None, None)
    report = case.run()
    assert (report.contradictions, report.passed) == (0, True)


def test_an_older_number_of_what_did_not_change_is_known(attack: Any) -> None:
    """Two men were added, and that is seen: the women of the older edition are those of today."""
    case = attack().cell("NATZ", "SEX=W", 1).cell("NATZ", "SEX=M", 9, was=7).cell("NATZ", "", 10, was=8)
    case.row("REC-05", "", None, None).row("REC-05", "SEX=W", None, None).row("REC-05", "SEX=M", 9, 500)
    assert case.run().passed
    case.earlier().row("REC-05", "", 8, 900).row("REC-05", "SEX=M", 7, 500).row("REC-05", "SEX=W", None, None)
    assert case.run().leaks == 1
    case.rows[0][2].update(value=None, numerator=None, denominator=None, status="secret")
    case.rows[0][0].update(value=900 / 10, numerator=10, denominator=900, status="ok")
    assert case.run().passed, "two more people: nobody outside the house can say which ones"


def in_two_editions(attack: Any, before: int | None, was: int) -> Any:
    """Two members keep a number back, one of them corrected it to 2; the sum over the group is printed both times."""
    members = attack().framework.territory.members("MODELL", YEAR)
    case = attack().cell("NATZ", "SEX=W", 2, region=members[0])
    reported = {"n_reported": len(members), "n_members": len(members)}
    for women, men, count in ((None, 28, 2), (before, 27, was)):
        own = women is None
        case.row("REC-05", "SEX=W", women, None if own else 900, region=members[0])
        case.row("REC-05", "SEX=M", men, 900, region=members[0]).row("REC-05", "SEX=W", None, None, region=members[1])
        for region in members[2:]:
            case.row("REC-05", "SEX=W", 40, 900, region=region)
        case.row("REC-05", "SEX=W", 40 * (len(members) - 1) + count, 9000, region="MODELL", **reported)
        if len(case.rows) == 1:
            case.earlier()
    return case


def test_a_sum_over_regions_moved_with_a_hidden_correction(attack: Any) -> None:
    """The old sum and the new one contradict each other as long as nothing hidden may have changed: no proof, no leak."""
    report = in_two_editions(attack, None, 3).run()
    assert report.contradictions == 1
    assert report.passed


def test_what_was_printed_before_the_correction_opens_the_new_sum(attack: Any) -> None:
    """The old edition tells the other hidden member, and that the new sum: of two numbers that contradict each other the
    attacker gives up the one that was corrected."""
    report = in_two_editions(attack, 30, 30).run()
    assert [(row["verdict"], row["lower"], row["upper"]) for row in report.table.to_pylist()] == [("exact", 2.0, 2.0)]


def test_rounding_plus_a_total(attack: Any, framework: Framework) -> None:
    """Every number rounded to five on its own: a count that must be there to fill the total is no longer maybe zero."""
    source = framework.variables["LEAV"].source
    rules = framework.confidentiality.model_copy(update={"sources": {source: SourceRule(mode="round5")}})
    rounded = replace(framework, confidentiality=rules)
    case = attack().cell("LEAV", "GRP=A,DEG=OHNE_HSA", 2)
    case.row("SCH-03", "", 10, 900).row("SCH-03", "GRP=D", 5, 700).row("SCH-03", "GRP=A", 0, 200)
    assert verdict(case.run(rounded)) == "narrow" or case.run(rounded).leaks == 1
    case.rows[0][0]["numerator"] = 5
    assert case.run(rounded).passed


def test_a_gap_gives_the_hidden_side_back(attack: Any) -> None:
    case = attack().cell("LEAV", "GRP=A,DEG=OHNE_HSA", 2)
    case.row("SCH-03", "GRP=D", 48, 700).row("SCH-03", "GRP=A", None, 200, value=None, status="ok")
    assert case.run().passed
    gap = {**case._place("06413", YEAR, ""), "indicator": "SCH-03", "focus": "A", "reference": "D"}
    case.more["published_gap"] = [
        {**gap, "difference": 100 * 2 / 200 - 100 * 48 / 700, "ratio": (2 / 200) / (48 / 700), "standardised": False}
    ]
    assert verdict(case.run()) == "exact"


def test_a_standardised_gap_gives_a_stratum_back(attack: Any) -> None:
    """The rate of a group weighs its age bands: with known bases and a known sum only one number of young persons fits."""
    case = attack().cell("UNEMP", "GRP=A,AGE=A15_24", 2).row("ARB-03", "GRP=A", 50, 1000)
    case.row("ARB-04", "GRP=A", None, 300, value=None, status="ok")
    assert case.run().passed
    young, older = (one.weight for one in supports(case.framework, ["ARB-03"]) if one.role != CASES)
    rate, other = 100 * (young * 2 / 300 + older * 48 / 700) / (young + older), 4.4
    gap = {**case._place("06413", YEAR, ""), "indicator": "ARB-03", "focus": "A", "reference": "D"}
    case.more["published_gap"] = [{**gap, "difference": rate - other, "ratio": rate / other, "standardised": True}]
    assert verdict(case.run()) == "exact"


def test_a_change_gives_last_year_back(attack: Any) -> None:
    case = attack().cell("LEAV", "GRP=A,DEG=OHNE_HSA", 2, year=YEAR - 1)
    case.row("SCH-03", "GRP=A", 10, 200).row("SCH-03", "GRP=A", None, 200, year=YEAR - 1, value=None, status="ok")
    assert case.run().passed
    place = {**case._place("06413", YEAR, "GRP=A"), "indicator": "SCH-03", "period": "year", "from_year": YEAR - 1}
    case.more["published_trend"] = [{**place, "change": 5.0 - 1.0}]
    assert verdict(case.run()) == "exact"


def test_a_row_that_is_marked_secret_and_prints(attack: Any) -> None:
    case = attack().row("SCH-03", "GRP=A", None, 200, status="secret")
    report = case.run()
    assert (report.verdicts["printed"], report.passed) == (1, False)


def house(framework: Framework, tables: Mapping[str, pa.Table], cells: pa.Table) -> duckdb.DuckDBPyConnection:
    """A work file that holds the last release (`tables`) and the delivered cells."""
    connection = duckdb.connect(":memory:")
    for name in ("indicator_published", "published_last", "published_gap", "published_trend", "published_profile"):
        table = tables.get(name, pa.table({"region": pa.array([], pa.string()), "year": pa.array([], pa.int32())}))
        connection.register(name, table)
    connection.register("observation", cells)
    ages = "CAST(NULL AS TIMESTAMP) AS valid_from, CAST(NULL AS TIMESTAMP) AS valid_to"
    connection.execute(f"CREATE VIEW observation_history AS SELECT *, {ages} FROM observation")
    return connection


def test_the_ledger_tells_each_cell_as_long_as_it_was_told_so(attack: Any) -> None:
    """Three releases: 8 people and 7 men, then 10 people, then all of it is kept back. Only the first one tells of a woman,
    and only as long as she is the same one."""
    for was, leaks in ((None, 1), (4, 0)):
        case = attack().cell("NATZ", "SEX=W", 1, was=was).cell("NATZ", "SEX=M", 9, was=7)
        case.cell("NATZ", "", 10, was=8 if was is None else 11)
        case.row("REC-05", "", None, None).row("REC-05", "SEX=W", None, None).row("REC-05", "SEX=M", None, None)
        told = [("", 8 if was is None else 11, 1), ("SEX=M", 7, 1), ("", 10, 3), ("SEX=M", None, 3), ("", None, 4)]
        ledger = pa.table(
            {
                "cell": [f"06413/{YEAR}/NATZ[{members}]" for members, _, _ in told],
                "value": pa.array([number and float(number) for _, number, _ in told], pa.float64()),
                "state": ["hidden" if number is None else "shown" for _, number, _ in told],
                "published_at": pa.array([moment for _, _, moment in told], pa.timestamp("us")),
            }
        )
        report = case.run(ledger=ledger)
        assert (report.leaks, report.contradictions) == (leaks, 0)


def test_one_person_is_never_little(attack: Any) -> None:
    """An old total that is off by one among a million is not true, and tells nothing of the two women."""
    case = attack().cell("NATZ", "SEX=W", 2).cell("NATZ", "SEX=M", 999_998).cell("NATZ", "SEX=X", 0)
    case.row("REC-05", "SEX=W", None, None).row("REC-05", "SEX=M", 999_998, None)
    told = {"cell": [f"06413/{YEAR}/NATZ[]"], "state": ["shown"]}
    verdicts = [verdict(case.run(ledger=pa.table({**told, "value": [total]}))) for total in (1_000_001.0, 1_000_000.0)]
    assert verdicts == ["ok", "below"]


def test_the_gate_blocks_a_leak_and_says_how_many_only(framework: Framework, attack: Any, tmp_path: Path) -> None:
    """Nothing that was safe before may be opened; what earlier releases opened on their own cannot be taken back."""
    case = attack().cell("NATZ", "SEX=W", 2).row("REC-05", "SEX=W", None, None)
    safe = {"indicator_published": published(framework, case.rows[0])}
    open_rows = attack().row("REC-05", "SEX=W", 2, 900).rows[0]
    leaky = {"indicator_published": published(framework, open_rows)}
    dims = {d.lower(): [case.cells[0][d.lower()]] for d in framework.dimension_order}
    cells = pa.table({"region": ["06413"], "year": [YEAR], "variable": ["NATZ"], **dims, "value": [2.0]})

    def run(
        new: Mapping[str, pa.Table], last: Mapping[str, pa.Table], ledger: pa.Table | None = None, **more: pa.Table
    ) -> AuditReport:
        tables = {**new, "indicator_value": leaky["indicator_published"]}
        return guard(framework, house(framework, last, cells), tables, ledger, tmp_path, **more)

    nothing = {"indicator_published": leaky["indicator_published"].slice(0, 0)}
    assert run(safe, nothing).passed
    with pytest.raises(ReleaseBlocked) as told:
        run(leaky, safe)
    assert "1 geheime" in str(told.value)
    assert "06413" not in str(told.value).replace(str(tmp_path), "")
    path = tmp_path / FILE
    assert pq.read_table(path).num_rows
    assert path.stat().st_mode & 0o077 == 0
    assert not run(safe, leaky).passed  # told by the last release alone: an incident, not a reason to stop
    ledger = pa.table({"cell": ["06413/2024/NATZ[SEX=W]"], "value": [2.0], "state": ["shown"]})
    assert not run(safe, nothing, ledger).passed
    assert run(safe, nothing, records=ledger).passed  # what is printed decides
    with pytest.raises(ReleaseBlocked):
        run(leaky, safe, records=ledger)
    halves = pa.table(
        {"cell": ["06413/2024/NATZ[]", "06413/2024/NATZ[SEX=M]"], "value": [30.0, 28.0], "state": ["shown", "hidden"]}
    )
    assert run(safe, nothing, halves).passed  # hidden records tell nothing
    men = attack().row("REC-05", "SEX=W", None, None).row("REC-05", "SEX=M", 28, 500).rows[0]
    with pytest.raises(ReleaseBlocked):  # the old total and the new part together
        run({"indicator_published": published(framework, men)}, nothing, halves)


def test_the_gate_reads_the_last_release_where_it_is_another_one(
    framework: Framework, attack: Any, tmp_path: Path
) -> None:
    """Two women were printed last night. Who says that nothing else was printed is believed, but for gaps, which are
    compared."""
    case = attack().cell("NATZ", "SEX=W", 2).row("REC-05", "SEX=W", None, None)
    last = attack().row("REC-05", "SEX=W", 2, 900)
    dims = {d.lower(): [case.cells[0][d.lower()]] for d in framework.dimension_order}
    cells = pa.table({"region": ["06413"], "year": [YEAR], "variable": ["NATZ"], **dims, "value": [2.0]})
    gap = {**case._place("06413", YEAR, ""), "indicator": "REC-05", "focus": "M", "reference": "W"}
    gaps = pa.Table.from_pylist([{**gap, "difference": None, "ratio": None, "standardised": False}])
    gaps = gaps.set_column(gaps.num_columns - 3, "difference", pa.array([1.5]))
    gaps = gaps.set_column(gaps.num_columns - 2, "ratio", pa.array([None], pa.float64()))
    further = pa.table({"region": pa.array([], pa.string()), "year": pa.array([], pa.int32())})

    def run(anew: frozenset[str], gap_before: pa.Table, gap_now: pa.Table) -> bool:
        old = {"indicator_published": published(framework, last.rows[0]), "published_gap": gap_before}
        new = {**dict.fromkeys(("published_last", "published_trend", "published_profile"), further),
               "indicator_published": published(framework, case.rows[0]), "published_gap": gap_now}  # fmt: skip
        tables = {**new, "indicator_value": published(framework, last.rows[0])}
        return guard(framework, house(framework, old, cells), tables, None, tmp_path, anew=anew).passed

    assert not run(frozenset({"06413"}), gaps, gaps)
    assert run(frozenset(), gaps, gaps)
    assert not run(frozenset(), gaps, gaps.set_column(gaps.num_columns - 3, "difference", pa.array([1.6])))


# --- large releases -----------------------------------------------------------------------------------------------------


def country(seed: int) -> Piece:
    """Six regions with a table of 3 x 4 each, some cells of it hidden, and the sum of all regions: a single piece."""
    dice = np.random.default_rng(seed)
    truth = dice.choice([0, 1, 2, 3, 8, 40], size=(6, 3, 4))
    piece = Draft()

    def printed(cells: list[tuple[int, int, int]]) -> None:
        value = float(sum(truth[cell] for cell in cells))
        piece.rows.append(({piece.column((0, r, 0, 4 * i + j)): 1.0 for r, i, j in cells}, value, value))

    for region in range(6):
        for row, column in product(range(3), range(4)):
            if truth[region, row, column] > 2 and dice.random() < 0.6:
                printed([(region, row, column)])
        for row in range(3):
            if dice.random() < 0.8:
                printed([(region, row, column) for column in range(4)])
        for column in range(4):
            if dice.random() < 0.8:
                printed([(region, row, column) for row in range(3)])
    for row, column in product(range(3), range(4)):
        printed([(region, row, column) for region in range(6)])
    for region, row, column in zip(*np.nonzero((truth > 0) & (truth < 3)), strict=True):
        sums = {(int(region), 0, int(4 * row + column)): 1.0}
        true = int(truth[region, row, column])
        piece.targets.append(Target(str(region), 0, "X", f"{row},{column}", "cell", true, 4, sums, sums))
    return piece.piece()


@pytest.mark.parametrize("seed", range(25))
def test_surroundings_say_what_the_whole_piece_says(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Targets that are judged from their region and its neighbours have the verdict that all equations give them."""
    piece = country(seed)
    whole = [one.verdict for one in intervals(piece)]
    monkeypatch.setattr("indicators.audit.intervals._LARGE", 0)
    asked: list[int] = []
    monkeypatch.setattr("indicators.audit.intervals.decided", lambda *of: _counted(asked, decided(*of)))
    assert [one.verdict for one in intervals(piece)] == whole
    assert asked[0], "nothing was decided in its surroundings"
    assert len(set(whole)) > 1, "a world without leaks shows nothing"


def _counted(asked: list[int], found: dict[int, Interval]) -> dict[int, Interval]:
    asked.append(len(found))
    return found


# --- memory -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("large", [0, 10**6])
def test_memory_changes_no_verdict(seed: int, large: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tonight's piece is last night's with one printed sum less: what is remembered of that says nothing wrong of this."""
    monkeypatch.setattr("indicators.audit.intervals._LARGE", large)
    piece, memory = country(seed), Memory()
    first = intervals(piece, memory=memory)
    again = Memory(memory.used, memory.solved)
    assert intervals(piece, memory=again) == first
    assert (again.asked, bool(again.used)) == (0, True)
    for row in np.random.default_rng(seed).permutation(len(piece.rows))[:6]:
        kept = np.arange(len(piece.rows)) != row
        changed = Piece(piece.places, piece.rows.kept(kept), piece.targets, piece.doubtful[kept])
        remembering = Memory(memory.used, memory.solved)
        known = [one.verdict for one in intervals(changed, memory=remembering)]
        assert known == [one.verdict for one in intervals(changed)]
        assert remembering.asked, "a changed piece is another question"


def test_a_changed_number_is_solved_where_it_stands() -> None:
    """Other regions keep yesterday's solution, so that their questions are the old ones; where none is near, none is made."""
    draft = Draft()
    for region in range(3):
        cells = {draft.column((0, region, 0, atom)): 1.0 for atom in range(3)}
        draft.rows.append((cells, 9.0 + region, 9.0 + region))
    draft.rows.append((dict.fromkeys(range(9), 1.0), 0.0, 33.0))
    piece = draft.piece()
    guess = np.array([3.0, 3, 3, 4, 3, 3, 4, 4, 3])
    rows = replace(piece.rows, low=np.array([9.0, 12, 11, 0]), high=np.array([9.0, 12, 11, 33]))
    found = mended(rows, Map.of(piece), guess)
    assert found is not None
    assert (found[[0, 1, 2, 6, 7, 8]] == guess[[0, 1, 2, 6, 7, 8]]).all()
    assert found[3:6].sum() == pytest.approx(12)
    assert mended(replace(rows, high=np.array([9.0, 12, 11, 31])), Map.of(piece), guess) is None


def test_the_file_of_the_memory_is_of_the_house_and_of_this_code(
    framework: Framework, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = Memory()
    memory.recall(b"a" * 16, lambda: np.array([[0.0, np.inf], [2.0, 7.0]]))
    memory.recall(b"b" * 16, lambda: np.ones(5))
    memory.solve(np.array([[0, 1, 2, 3]]), np.array([4.5]))
    path = keep(tmp_path, framework, memory)
    assert path.stat().st_mode & 0o077 == 0
    found = recall(tmp_path, framework)
    assert {key: value.tolist() for key, value in found.answers.items()} == {
        key: value.tolist() for key, value in memory.used.items()
    }
    guess = found.guess(np.array([[0, 1, 2, 3], [0, 1, 2, 4]]))
    assert guess is not None
    assert (guess[0], bool(np.isnan(guess[1]))) == (4.5, True)
    whole = path.read_bytes()
    for damaged in (whole[:-40], whole[:200] + b"x" + whole[201:], b""):
        path.write_bytes(damaged)
        assert not recall(tmp_path, framework).answers
    path.write_bytes(whole)
    monkeypatch.setattr("flows.remembering.code_of", lambda: "other code")
    assert not recall(tmp_path, framework).answers


@pytest.mark.thorough
def test_the_whole_state_over_two_years_is_safe_and_would_not_be_without_secondaries(framework: Framework) -> None:
    observations = state(framework, 2)
    with duckdb.connect(":memory:") as connection:
        connection.register("observation", observations)
        results = compute(connection, framework, "observation")
    truth = Truth(results.values, observations)
    report = audit(framework, [results.tables], truth)
    assert report.passed, report.verdicts
    assert (report.judged > 1000, report.largest > 6000) == (True, True)
    told = primary_only(framework, results)
    latest = told.filter(pc.equal(told["year"], pc.max(told["year"])))  # one of the years shows it
    assert audit(framework, [{"indicator_published": latest}], truth).recovered > 100


NUMBERS = st.lists(st.integers(0, 5), min_size=3, max_size=3)
STATES = st.lists(st.tuples(NUMBERS, st.sets(st.sampled_from(["", "SEX=M", "SEX=W", "SEX=X"]))), min_size=2, max_size=4)


@pytest.mark.thorough
@settings(max_examples=60, deadline=None)
@given(states=STATES, sums_only=st.booleans())
def test_what_is_true_is_never_ruled_out(framework: Framework, states: list[Any], sums_only: bool) -> None:
    """Whatever was delivered, corrected, printed and kept back: the true number lies in every interval of the attacker."""
    dims = {d.lower(): "T" for d in framework.dimension_order}
    history, ledger, last = [], [], {}
    for moment, (numbers, printed) in enumerate(states, start=1):
        told = dict(zip(("SEX=M", "SEX=W", "SEX=X"), numbers, strict=True)) | {"": sum(numbers)}
        until = 10 * moment + 10 if moment < len(states) else None
        for key, number in told.items():
            if not (sums_only and key == "SEX=W" and moment % 2):
                own = {**dims, "sex": key.removeprefix("SEX=") or "T"}
                times = {"since": 10 * moment, "until": until}
                history.append(
                    {"region": "06413", "year": YEAR, "variable": "NATZ", **own, "value": float(number), **times}
                )
            state = (number, "shown" if key in printed else "hidden")
            if last.get(key) != state and moment < len(states):
                record = {"cell": f"06413/{YEAR}/NATZ[{key}]", "value": float(number), "state": state[1]}
                ledger.append({**record, "published_at": 10 * moment + 5})
            last[key] = state
    numbers, printed = states[-1]
    told = dict(zip(("SEX=M", "SEX=W", "SEX=X"), numbers, strict=True)) | {"": sum(numbers)}
    place = {"region": "06413", "year": YEAR, "indicator": "REC-05", "n_reported": 1, "n_members": 1}
    rows = [
        {**place, **dims, "sex": key.removeprefix("SEX=") or "T", "numerator": number if key in printed else None,
         "denominator": None, "value": None, "status": "ok" if key in printed else "secret"}
        for key, number in told.items()
    ]  # fmt: skip
    past = pa.Table.from_pylist(history)
    today = past.filter(pc.is_null(past["until"]))
    records = pa.Table.from_pylist(ledger)
    if ledger:
        records = records.set_column(3, "published_at", records["published_at"].cast(pa.timestamp("us")))
    truth = Truth(None, today, past)
    report = audit(
        framework, [{"indicator_published": published(framework, rows)}], truth, records if ledger else None, True
    )
    for row in report.table.to_pylist():
        assert row["lower"] - 1e-6 <= row["true_count"] <= row["upper"] + 1e-6
    assert report.contradictions == 0
