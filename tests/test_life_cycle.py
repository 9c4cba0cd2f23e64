"""The life of a framework: entries come and go with the years, rules are tried before they count, and a new indicator is
an entry of a file and nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from report_sample import YEAR as REPORT_YEAR
from report_sample import sample_data

from flows.cli import main
from flows.framework_changes import as_markdown
from flows.rule_review import KEEP_TRYING, RELEASE, RETIRE, reviews
from indicators.compute import compute
from intake.reply import as_text, machine_twin, receipt
from report.build import SITE, build_report
from schemas.changes import State
from schemas.contract import allowed_cells
from schemas.framework_model import Framework
from schemas.loading import load_framework
from schemas.shapes import CheckedDelivery, FindingState, Severity, Verdict
from schemas.tables import entry_tables
from warehouse.loading import load_deliveries
from warehouse.past import findings_of
from warehouse.rule_hits import RuleHits, deliveries_by_year, rule_hits
from warehouse.store import writer

Check = Callable[..., list[CheckedDelivery]]
REGION = "06434001"

NEW_VARIABLE = """
- code: HH
  name_de: Haushalte
  name_en: Households
  definition_de: Private Haushalte am 31. Dezember.
  type: count
  source: GV
  period: D3112
  tables: [[]]
  lowest_level: G
  delivered_by: Statistikstelle
  since: 2022
"""
NEW_INDICATOR = """
- code: GV-2
  tier: core
  name_de: Haushaltsgröße
  name_en: Size of households
  definition_de: Personen je Haushalt.
  definition_en: Persons per household.
  formula: EW / HH
  unit: ratio
  decimals: 2
  breakdowns: []
  direction: neutral
  period: D3112
  since: 2022
"""
NEW_RULE = """
- code: G002
  category: subset
  severity: error
  expression: HH <= EW
  for_each: []
  tolerance: 0
  why_en: Nobody lives in two households.
  why_de: In einem Haushalt lebt mindestens eine Person.
  since: 2022
"""


def copied(source: Path, target: Path, **added: str) -> Path:
    """A copy of a framework with entries added to the files of its only field."""
    shutil.copytree(source, target)
    for part, text in added.items():
        path = next((target / part).glob("*.yaml"))
        path.write_text(path.read_text(encoding="utf-8").rstrip("\n") + "\n" + text, encoding="utf-8")
    return target


def with_state(folder: Path, state: str) -> Framework:
    """The copied framework with its first rule in another state."""
    path = next((folder / "rules").glob("*.yaml"))
    path.write_text(path.read_text(encoding="utf-8").rstrip("\n") + f"\n  state: {state}\n", encoding="utf-8")
    return load_framework(folder)


@pytest.fixture
def grown(tiny_folder: Path, tmp_path: Path) -> Path:
    return copied(tiny_folder, tmp_path / "grown", variables=NEW_VARIABLE, catalogue=NEW_INDICATOR, rules=NEW_RULE)


# --- a new indicator ------------------------------------------------------------------------------------------------


def test_a_new_indicator_is_an_entry_and_nothing_else(
    grown: Path, tmp_path: Path, write: Callable[..., Path], check: Check
) -> None:
    framework = load_framework(grown)
    asked = {key for table in entry_tables(framework, REGION, 2022) for _, _, key in table.cells()}
    before = {key for table in entry_tables(framework, REGION, 2021) for _, _, key in table.cells()}
    assert asked - before == {("HH", "")}
    assert "HH|" in allowed_cells(framework)
    (good,) = check([write(framework, 2022, HH=400)], REGION, using=framework)
    assert good.submission.verdict is Verdict.ACCEPTED
    (bad,) = check([write(framework, 2022, HH=1400)], REGION, using=framework)
    assert {found.code for found in bad.findings} == {"G002"}
    values = computed(framework, good)
    assert values["GV-2", 2022] == pytest.approx(1000 / 400)
    data = sample_data(framework)
    columns = ["region", "year", "indicator", "focus", "reference", "difference", "ratio", "status", "sex", "age"]
    data = replace(data, gaps=pd.DataFrame(columns=columns))  # no indicator of this framework compares groups
    start = build_report(data, framework, REPORT_YEAR, tmp_path / "report", langs=("de",), parts=(SITE,))
    page = (start.parent / "indikatoren" / "gv-2.html").read_text(encoding="utf-8")
    assert "Haushaltsgröße" in page
    assert "Personen je Haushalt" in page


def computed(framework: Framework, delivery: CheckedDelivery) -> dict[tuple[str, int], float]:
    rows = [
        {"region": o.region, "year": year, "variable": o.variable, "value": o.value, "status": o.status}
        | {code.lower(): dict(o.members).get(code, "T") for code in framework.dimension_order}
        for o in delivery.observations
        for year in (2021, o.year)
    ]
    with duckdb.connect(":memory:", config={"threads": "1"}) as connection:
        connection.register("observation", pa.Table.from_pylist(rows))
        found = compute(connection, framework, "observation").values.to_pylist()
    return {(row["indicator"], row["year"]): row["value"] for row in found if row["region"] == REGION}


def test_an_indicator_is_computed_in_its_years_only(grown: Path, write: Callable[..., Path], check: Check) -> None:
    framework = load_framework(grown)
    (delivery,) = check([write(framework, 2022, HH=400)], REGION, using=framework)
    years = {(code, year) for code, year in computed(framework, delivery)}
    assert ("GV-1", 2021) in years
    assert ("GV-2", 2022) in years
    assert ("GV-2", 2021) not in years


@pytest.fixture
def write(tmp_path: Path, drop: Callable[..., Path], tiny_values: Callable[..., dict[Any, Any]]) -> Callable[..., Path]:
    """A filled form of a copied framework; keywords are values of variables without dimensions."""
    from intake.form import write_form
    from intake.form_request import CoverAnswers, FormRequest

    def make(framework: Framework, year: int, **values: int) -> Path:
        filled = tiny_values() | {(code, ""): value for code, value in values.items()}
        cover = CoverAnswers(population_basis="FORT", contact_name="Statistikstelle")
        path = tmp_path / f"{year}_{'_'.join(f'{k}{v}' for k, v in values.items())}.xlsx"
        return write_form(path, framework, FormRequest(REGION, year, values=filled, cover=cover))

    return make


# --- states of a rule -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "verdict", "seen", "shadows"),
    [
        ("draft", Verdict.ACCEPTED, [], 0),
        ("shadow", Verdict.ACCEPTED, [], 1),
        ("warning", Verdict.ACCEPTED_WITH_REMARKS, [Severity.WARNING], 0),
        ("blocking", Verdict.RETURNED, [Severity.ERROR], 0),
    ],
)
def test_a_rule_counts_as_far_as_its_state_lets_it(
    tiny_folder: Path,
    tmp_path: Path,
    write: Callable[..., Path],
    check: Check,
    state: str,
    verdict: Verdict,
    seen: list[Severity],
    shadows: int,
) -> None:
    folder = copied(tiny_folder, tmp_path / state, variables=NEW_VARIABLE, catalogue=NEW_INDICATOR, rules=NEW_RULE)
    framework = with_state(folder, state)
    (found,) = check([write(framework, 2022, HH=1400)], REGION, using=framework)
    assert (found.submission.verdict, [f.severity for f in found.findings]) == (verdict, seen)
    assert [(f.code, f.state) for f in found.shadow] == [("G002", FindingState.SHADOW)] * shadows
    assert (found.rules_run, found.rules_not_evaluable) == ((2, 0) if state in ("warning", "blocking") else (1, 0))
    told = as_text(receipt(framework, found)) + str(machine_twin(framework, found))
    assert ("G002" in told) == bool(seen)


def test_a_rule_is_tried_in_its_years_only(grown: Path, write: Callable[..., Path], check: Check) -> None:
    text = next((grown / "rules").glob("*.yaml"))
    text.write_text(text.read_text(encoding="utf-8").replace("since: 2022", "since: 2023"), encoding="utf-8")
    framework = load_framework(grown)
    early, late = check([write(framework, 2022, HH=1400), write(framework, 2023, HH=1400)], REGION, using=framework)
    assert (early.submission.verdict, early.rules_run, early.rules_not_evaluable) == (Verdict.ACCEPTED, 1, 0)
    assert (late.submission.verdict, late.rules_run, late.rules_not_evaluable) == (Verdict.RETURNED, 2, 0)


def test_shadows_are_stored_and_told_to_nobody(
    tiny_folder: Path, tmp_path: Path, write: Callable[..., Path], check: Check
) -> None:
    folder = copied(tiny_folder, tmp_path / "trial", variables=NEW_VARIABLE, catalogue=NEW_INDICATOR, rules=NEW_RULE)
    framework = with_state(folder, "shadow")
    (found,) = check([write(framework, 2022, HH=1400)], REGION, using=framework)
    with writer(tmp_path / "root", framework) as store:
        load_deliveries(store.connection, [found], datetime(2026, 11, 22, tzinfo=UTC), "run")
        stored = store.connection.execute("SELECT code, state FROM finding").fetchall()
        assert stored == [("G002", "shadow")]
        assert findings_of(store.connection, found.submission.id) == ()
        assert rule_hits(store.connection)["G002"] == RuleHits(1, 1, 0, 0, 0)
        assert deliveries_by_year(store.connection) == {2022: 1}


# --- how rules prove themselves ---------------------------------------------------------------------------------------


def test_what_became_of_questions_is_counted(grown: Path, tmp_path: Path, check: Check) -> None:
    """Three deliveries of one region and year: the first asks twice, the second again once, the last confirms it."""
    framework = load_framework(grown)
    with writer(tmp_path / "root", framework) as store:
        run = store.connection.execute
        for number, verdict in enumerate(("returned", "returned", "accepted", "refused"), start=1):
            run(
                "INSERT INTO submission BY NAME SELECT ? AS id, ? AS verdict, '06434001' AS region, 2022 AS year,"
                " 'form' AS layout, TIMESTAMP '2026-01-01' + to_days(?) AS checked_at",
                [f"S{number}", verdict, number],
            )
        rows = [("S1", "a", "open"), ("S1", "b", "open"), ("S2", "b", "open"), ("S3", "b", "confirmed")]
        for name, members, state in rows:
            run(
                "INSERT INTO finding BY NAME SELECT ? AS submission_id, 'G001' AS code, 'EW' AS variable, ? AS members,"
                " ? AS state",
                [name, members, state],
            )
        assert rule_hits(store.connection) == {"G001": RuleHits(4, 3, 1, 1, 3)}
        assert deliveries_by_year(store.connection) == {2022: 3}


@pytest.mark.parametrize(
    ("state", "hits", "proposal"),
    [
        ("blocking", RuleHits(8, 8, 4, 1, 4), RETIRE),
        ("blocking", RuleHits(8, 8, 3, 1, 4), ""),
        ("blocking", RuleHits(4, 4, 4, 0, 0), ""),
        ("warning", RuleHits(8, 8, 8, 0, 0), RETIRE),
        ("shadow", RuleHits(4, 4, 0, 0, 0), KEEP_TRYING),
        ("shadow", RuleHits(2, 2, 0, 0, 0), RELEASE),
        ("draft", RuleHits(), ""),
    ],
)
def test_what_is_proposed(tiny_folder: Path, tmp_path: Path, state: str, hits: RuleHits, proposal: str) -> None:
    """Twelve deliveries, of which one was before the rule."""
    folder = copied(tiny_folder, tmp_path / "copy", variables=NEW_VARIABLE, catalogue=NEW_INDICATOR, rules=NEW_RULE)
    found = reviews(with_state(folder, state), {"G002": hits}, {2021: 1, 2022: 11})
    review = next(one for one in found if one.code == "G002")
    assert (review.tried, review.proposal) == (0 if state == "draft" else 11, proposal)
    few = reviews(load_framework(folder), {"G002": hits}, {2022: 9})
    assert next(one for one in few if one.code == "G002").proposal == ""


# --- the change note ----------------------------------------------------------------------------------------------


def test_note_between_two_years_of_a_framework(grown: Path) -> None:
    framework = load_framework(grown)
    note = as_markdown(State(framework, 2021), State(framework, 2022))
    for line in (
        "Indikatoren: 1 neu, 0 geändert, 0 entfallen.",
        "Zellen des Erhebungsbogens: 1 neu, 0 entfallen.",
        "- **GV-2** Haushaltsgröße",
        "  - Formel: `EW / HH`",
        "- **HH** Haushalte",
        "  - Wird gebraucht für: GV-2",
        "  - Regel: `HH <= EW`",
        "| HH Haushalte | 1 | 0 |",
    ):
        assert line in note
    back = as_markdown(State(framework, 2022), State(framework, 2021))
    assert "## Indikatoren: Entfallen" in back
    assert "| HH Haushalte | 0 | 1 |" in back
    assert "Es hat sich nichts geändert." in as_markdown(State(framework, 2022), State(framework, 2023))


def test_note_between_two_folders(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = copied(tiny_folder, tmp_path / "next")
    for part, old, new in (
        ("catalogue", "formula: EW / FL", "formula: 1000 * EW / FL"),
        ("variables", "tables: [[SEX], [AGE]]", "tables: [[SEX, AGE]]"),
        ("rules", "tolerance: 0", "tolerance: 2"),
    ):
        path = next((folder / part).glob("*.yaml"))
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
    monkeypatch.setenv("MONITOR_FRAMEWORK", str(folder))
    out = tmp_path / "note.md"
    assert main(["changes", "--from", "2021", "--to", "2022", "--against", str(tiny_folder), "-o", str(out)]) == 0
    note = out.read_text(encoding="utf-8")
    assert "  - Formel: `EW / FL` → `1000 * EW / FL`" in note
    assert "  - Toleranz: `0` → `2`" in note
    assert "  - Tabellen: `(SEX), (AGE)` → `(SEX, AGE)`" in note
    assert "| EW Bevölkerung | 4 | 0 |" in note
    assert main(["changes", "--from", "2021", "--to", "2022", "--against", str(tmp_path / "none")]) == 2
