"""No secret number leaves the house, in whatever form.

The threshold is set to 1,000, so that secrets are numbers that nothing else has. Two worlds differ in secrets alone: what
is published must be the same to the last byte, which covers what no search for numbers can see: the height of a bar, the
end of an axis, the order of rows.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from leak_scan import Secret, findings, forms
from openpyxl import Workbook
from report_sample import sample_data

from flows.previews import write_previews
from flows.settings import Settings
from indicators.audit.audit import AuditReport, audit
from indicators.audit.targets import Truth
from indicators.compute import Results, compute
from report.build import build_report
from report.data import DERIVED, ReportData
from report.data_parts import DATA_PARTS
from schemas.framework_model import Framework
from schemas.shapes import Submission

INDICATOR, CASES, BASE = "ARB-05", "UNEMP_LT", "UNEMP"
YEARS = (2023, 2024, 2025)
SECRETS = {("A", "M"): 797, ("A", "W"): 853, ("D", "M"): 761, ("D", "W"): 887}
MOVED = {("A", "M"): 20, ("A", "W"): -20, ("D", "M"): -20, ("D", "W"): 20}
"""Another world with the same sums."""


@dataclass(frozen=True)
class World:
    """What the house knows and what it publishes."""

    framework: Framework
    region: str
    observations: pa.Table
    results: Results


@pytest.fixture(scope="module")
def strict(framework: Framework) -> Framework:
    """The shipped framework with a threshold of 1,000."""
    limits = framework.head.confidentiality.model_copy(update={"suppress_counts_below": 1000})
    return replace(framework, head=framework.head.model_copy(update={"confidentiality": limits}))


@pytest.fixture(scope="module")
def make(strict: Framework) -> Callable[[bool], World]:
    def world(moved: bool) -> World:
        regions = strict.territory.members("MODELL", YEARS[-1])
        dims = [d.lower() for d in strict.dimension_order]
        rows = []
        for place, region in enumerate(regions):
            for year in YEARS:
                for number, (group, sex) in enumerate(SECRETS):
                    base = 9100 + 310 * place + 170 * number + 40 * (year - YEARS[0])
                    count = 4200 + 270 * place + 130 * number + 30 * (year - YEARS[0])
                    if (place, year) == (0, YEARS[-1]):
                        count = SECRETS[group, sex] + (MOVED[group, sex] if moved else 0)
                    for variable, value in ((CASES, count), (BASE, base)):
                        members = {**dict.fromkeys(dims, "T"), "grp": group, "sex": sex}
                        place_of = {"region": region, "year": year, "variable": variable}
                        rows.append({**place_of, **members, "value": value, "status": "ok"})
        texts = [(name, pa.string()) for name in dims]
        keys = [("region", pa.string()), ("year", pa.int32()), ("variable", pa.string())]
        schema = pa.schema([*keys, *texts, ("value", pa.decimal128(24, 4)), ("status", pa.string())])
        observations = pa.Table.from_pylist(rows, schema=schema)
        with duckdb.connect(":memory:") as connection:
            connection.register("observation", observations)
            results = compute(connection, strict, "observation", codes=[INDICATOR])
        return World(strict, regions[0], observations, results)

    return world


@pytest.fixture(scope="module")
def first(make: Callable[[bool], World]) -> World:
    return make(False)


@pytest.fixture(scope="module")
def second(make: Callable[[bool], World]) -> World:
    return make(True)


def write(world: World, folder: Path, parts: tuple[str, ...]) -> Path:
    """Everything that leaves the house: the report, and the preview of another sender."""
    tables = world.results.tables
    sample = sample_data(world.framework)
    gaps = tables["published_gap"].to_pandas()
    gaps = gaps[gaps["difference"].notna()]
    published = tables["indicator_published"].to_pandas()
    data = ReportData(
        published=published,
        gaps=gaps[~gaps["standardised"].astype(bool)],
        standardised=gaps[gaps["standardised"].astype(bool)],
        submissions=sample.submissions,
        regions=sample.regions[sample.regions["code"].isin(published["region"])],
        findings=sample.findings,
        generation="1",
        created_at="2026-11-22T03:15:00+01:00",
        sample=True,
        **{name: tables[table].to_pandas() for name, table in DERIVED.items()},
    )
    build_report(data, world.framework, YEARS[-1], folder / "report", parts=parts)
    other = world.framework.territory.members("MODELL", YEARS[-1])[1]
    number = {"id": "P-1", "sha256": "f" * 64, "file_name": "x.xlsx", "sender": other, "region": other}
    sent = Submission(received_at=datetime(2026, 1, 1), year=YEARS[-1], **number)  # type: ignore[arg-type]
    assert write_previews(Settings(folder), world.framework, [sent], world.results) == 1
    log = {"verdicts": dict(_audit(world).verdicts), "given_away": len(world.results.protection.incidents)}
    (folder / "run.json").write_text(json.dumps(log), encoding="utf-8")
    return folder


def _audit(world: World) -> AuditReport:
    tables = world.results.tables
    return audit(world.framework, [tables], Truth(tables["indicator_value"], world.observations))


def secrets(world: World) -> list[Secret]:
    """Every hidden number of the planted region in every derived form, unless it is printed elsewhere by right."""
    values = world.results.values.to_pandas()
    published = world.results.published.to_pandas()
    numbers = pd.concat([published["numerator"], published["denominator"]]).dropna().astype(int)
    printed = set(numbers) | set(published["value"].dropna())
    hidden = values.merge(published[published["status"] == "secret"], on=["region", "year", "grp", "sex"])
    planted = hidden[(hidden["region"] == world.region) & (hidden["year"] == YEARS[-1])]
    found = []
    for row in planted.itertuples():
        found += forms(
            int(row.numerator_x), int(row.denominator_x), sorted(set(numbers) & {1650, 1648, 3298, 1558, 1740})
        )
    return [secret for secret in found if secret.value not in printed]


def test_the_planted_numbers_are_secret_and_safe(first: World) -> None:
    """The test is about something: all four are hidden, their sums are printed, the attacker finds nothing."""
    published = first.results.published.to_pandas()
    here = published[(published["region"] == first.region) & (published["year"] == YEARS[-1])]
    state = {(row.grp, row.sex): row.status for row in here.itertuples()}
    assert {state[key] for key in SECRETS} == {"secret"}
    assert {secret.value for secret in secrets(first)} >= set(SECRETS.values())
    report = _audit(first)
    assert report.passed, report.verdicts
    assert report.judged >= len(SECRETS)


def test_no_file_holds_a_secret_in_any_form(first: World, tmp_path: Path) -> None:
    folder = write(first, tmp_path, ("site", *DATA_PARTS))
    assert sum(1 for path in folder.rglob("*") if path.is_file()) > 50
    assert findings(folder, secrets(first)) == []


def test_nothing_that_leaves_the_house_depends_on_a_secret(first: World, second: World, tmp_path: Path) -> None:
    """Geometry, order, axis limits, file properties, sizes: the same bytes whatever the secrets are."""
    for name in first.results.tables:
        if "published" in name or name == "series_break":
            one, other = (sorted(map(str, w.results.tables[name].to_pylist())) for w in (first, second))
            assert one == other, name
    assert not first.results.values.equals(second.results.values)
    folders = [write(world, tmp_path / name, ("site",)) for world, name in ((first, "a"), (second, "b"))]
    contents = [{p.relative_to(f): p.read_bytes() for p in f.rglob("*") if p.is_file()} for f in folders]
    assert contents[0].keys() == contents[1].keys()
    assert [str(name) for name in contents[0] if contents[0][name] != contents[1][name]] == []


@pytest.mark.thorough
def test_the_printed_volumes_hold_no_secret(first: World, tmp_path: Path) -> None:
    assert findings(write(first, tmp_path, ("pdf",)), secrets(first)) == []


# --- the search itself finds what is there ------------------------------------------------------------------------------


def _html(path: Path, text: str) -> None:
    path.with_suffix(".html").write_text(f"<html><body>{text}</body></html>", encoding="utf-8")


def _workbook(path: Path, text: str) -> None:
    book = Workbook()
    book.active["B7"] = float(text)  # type: ignore[index]
    book.active.sheet_state, book.create_sheet("x").title = "hidden", "seen"  # type: ignore[union-attr]
    book.save(path.with_suffix(".xlsx"))


def _parquet(path: Path, text: str) -> None:
    pq.write_table(pa.table({"x": [1.0, float(text)]}), path.with_suffix(".parquet"))


def _archive(path: Path, text: str) -> None:
    path.with_suffix(".csv").write_text(f"a;b\nx;{text}\n", encoding="utf-8")
    shutil.make_archive(str(path), "zip", path.parent, path.with_suffix(".csv").name)
    path.with_suffix(".csv").unlink()


PLANTED: Mapping[str, tuple[Callable[[Path, str], None], str]] = {
    "text": (_html, "<p>Es waren 797 Fälle.</p>"),
    "thousands": (_html, "<p>Übrige: 8.303</p>"),
    "alternative text": (_html, '<img alt="Balken: 797">'),
    "share": (_html, "<td>8,758 %</td>"),
    "tooltip": (_html, '<rect data-value="8.7582418" height="3"/>'),
    "hidden sheet": (_workbook, "797"),
    "parquet": (_parquet, "8.758241758241759"),
    "archive": (_archive, "0,0876"),
    "ratio": (_html, "<td>Verhältnis 0,483</td>"),
}


@pytest.mark.parametrize("case", PLANTED)
def test_the_search_finds_what_was_planted(case: str, tmp_path: Path) -> None:
    plant, text = PLANTED[case]
    plant(tmp_path / "file", text)
    assert findings(tmp_path, forms(797, 9100, [1650]))


def test_the_search_is_not_alarmed_by_other_numbers(tmp_path: Path) -> None:
    _html(
        tmp_path / "file",
        '<p>1.797 Fälle, 8,7 %, 79,7 %, Nr. 7970</p><svg><path d="M797 8.758"/></svg><b id="x797"></b>',
    )
    assert findings(tmp_path, forms(797, 9100, [1650])) == []
