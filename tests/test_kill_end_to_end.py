"""kill -9 at random moments of a whole run, from the migration of the warehouse to the published snapshot.

After the next run everything must be as after an undisturbed one: the tables, the snapshot, the archive and every reply;
and every delivery that went back is named by the report of some run. How it is killed and compared: `kill_theatre`.

Here it dies four times; the long form (`make thorough`) kills a hundred times, five of them with the shipped framework.
`MONITOR_KILLS` sets that number, `MONITOR_KILL_SEED` the moments.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from kill_theatre import STAGES, Outcome
from openpyxl import Workbook

from flows.demo.deliveries import entries
from flows.demo.world import World
from intake.form import write_form
from intake.form_request import CoverAnswers, FormRequest
from schemas.framework_model import Framework
from schemas.loading import load_framework
from warehouse.places import Places

REPOSITORY = Path(__file__).resolve().parents[1]
KILLS = int(os.environ.get("MONITOR_KILLS", "100"))
SHIPPED = KILLS // 20
"""Kills with the shipped framework, whose nights take ten times as long."""
SEED = int(os.environ.get("MONITOR_KILL_SEED", "20261122"))
FEW = 4
CITY, OTHER, THIRD, FOURTH, FIFTH = "06414", "06413", "06411", "06611", "06412"
Drop = Callable[..., Path]
Values = Callable[..., dict[tuple[str, str], Any]]


# --- the stories ------------------------------------------------------------------------------------------------------


def correction(region: str, year: int, variable: str, old: int) -> str:
    return (
        f"- {{id: K1, who: Amt, when: 2026-11-01, region: '{region}', year: {year}, variable: {variable}, old: {old},"
        f" new: {old + 1}, reason: Zahlendreher, expected: {{status: ok}}}}\n"
    )


def persons(path: Path) -> None:
    """A list of persons: refused, and not kept."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.append(["Nachname", "Vorname", "Geburtsdatum"])
    for number in range(1, 20):
        sheet.append([f"Muster{number}", "Eva", f"{number:02d}.03.1984"])
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)


def unreadable(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"PK\x03\x04 broken")


@dataclass(frozen=True)
class Story:
    """A data root before the run, what is delivered then, and by whose rules; `old` are those of the night before."""

    framework: Path
    base: Path
    second: Path
    old: Path | None = None


@pytest.fixture
def tiny_story(tmp_path: Path, tiny_folder: Path, drop: Drop, tiny_values: Values) -> Story:
    """One delivery of every kind, for a warehouse that the framework without its second dimension wrote."""
    old = tmp_path / "framework"
    shutil.copytree(tiny_folder, old)
    known = yaml.safe_load((old / "dimensions.yaml").read_text(encoding="utf-8"))
    (old / "dimensions.yaml").write_text(yaml.safe_dump([d for d in known if d["code"] != "AGE"]), encoding="utf-8")
    path = old / "variables" / "GEB.yaml"
    path.write_text(path.read_text("utf-8").replace("tables: [[SEX], [AGE]]", "tables: [[SEX]]"), encoding="utf-8")
    base, second = tmp_path / "base", tmp_path / "second"
    inbox = second / "raw" / "inbox"
    values = {key: value for key, value in tiny_values().items() if not key[1].startswith("AGE")}
    for region, year in ((CITY, 2020), (FOURTH, 2021)):
        cover = CoverAnswers(population_basis="FORT", contact_name="Statistikstelle")
        request = FormRequest(region, year, values=values, cover=cover)
        write_form(base / "raw" / "inbox" / region / "alt.xlsx", load_framework(old), request)
    content = (base / "raw" / "inbox" / FOURTH / "alt.xlsx").read_bytes()
    second.mkdir()
    (second / "corrections.yaml").write_text(correction(CITY, 2020, "EW", 1000), encoding="utf-8")
    drop(second, CITY, "angenommen.xlsx", values=tiny_values(1100))
    drop(second, OTHER, "zurückgegeben.xlsx", values={**tiny_values(), ("EW", "SEX=M"): 407})
    drop(second, FOURTH, "bekannt.xlsx").write_bytes(content)
    drop(second, FOURTH, "berichtigt.xlsx", values=tiny_values(1200))
    twice = drop(second, FIFTH, "erst.xlsx", values=tiny_values(900)).read_bytes()
    (inbox / FIFTH / "noch einmal.xlsx").write_bytes(twice)
    drop(second, THIRD, "Fehlanzeige.xlsx", values={}, nil=True)
    unreadable(inbox / THIRD / "unlesbar.xlsx")
    persons(inbox / OTHER / "Liste.xlsx")
    return Story(tiny_folder, base, second, old)


@pytest.fixture
def shipped_story(tmp_path: Path, framework: Framework, world: World) -> Story:
    """The shipped framework and a warehouse that the first version of this program wrote."""
    base, second = tmp_path / "base", tmp_path / "second"
    inbox = second / "raw" / "inbox"
    places = Places(base)
    places.make()
    with duckdb.connect(str(places.work_file)) as connection:
        connection.execute((REPOSITORY / "tests" / "warehouse_versions" / "0001.sql").read_text("utf-8"))
    shutil.copyfile(places.work_file, places.generation(1))
    places.link.symlink_to("generations/monitor-1.duckdb")
    for region, year, change in (("06414", 2024, 0), ("06413", 2024, 7), ("06611", 2024, 0), ("06414", 2025, 0)):
        values = entries(framework, world, region, year)
        values["POP", ""] = int(str(values["POP", ""])) + change
        cover = CoverAnswers(population_basis="EMR", contact_name="Integrationsbüro")
        write_form(inbox / region / f"{year}.xlsx", framework, FormRequest(region, year, values=values, cover=cover))
    unreadable(inbox / THIRD / "unlesbar.xlsx")
    return Story(REPOSITORY / "schemas" / "framework", base, second)


def played(story: Story, folder: Path, kills: int) -> Outcome:
    """Play a story in a process of its own."""
    folder.mkdir()
    code = "import sys; from kill_theatre import play; play(*sys.argv[1:])"
    quiet = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'tests'}"}
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MONITOR_", "PREFECT_"))}
    told = (story.framework, story.old or "", story.base, story.second, folder, kills, SEED)
    subprocess.run(
        [sys.executable, "-c", code, *map(str, told)], cwd=REPOSITORY, env={**clean, **quiet}, check=True, timeout=3000
    )
    outcome = Outcome(**json.loads((folder / "outcome.json").read_text()))
    print(f"\n{len(outcome.killed)} kills (seed {SEED}) in {outcome.seconds:.0f} s: {outcome.in_stage}", end="")
    print(f", {outcome.twice} of them killed again in the next run; {outcome.late} moments came too late")
    print("; ".join(outcome.killed))
    return outcome


def assert_whole(outcome: Outcome, kills: int) -> None:
    assert not outcome.wrong, "\n".join(outcome.wrong)
    assert len(outcome.killed) == kills
    assert set(outcome.in_stage) == set(STAGES)


@pytest.mark.parametrize("kills", [FEW, pytest.param(KILLS - SHIPPED, marks=pytest.mark.thorough)])
def test_a_run_killed_at_any_moment_ends_like_an_undisturbed_one(tiny_story: Story, tmp_path: Path, kills: int) -> None:
    outcome = played(tiny_story, tmp_path / "theatre", kills)
    assert_whole(outcome, kills)
    whole = outcome.expected
    assert len(whole["snapshot: submission"]) == 9, "the repeated files have no row of their own"
    assert whole["claims"] == []
    assert not [name for name in whole["raw"] if "/inbox/" in name]
    answers = [name for name in whole["outbox"] if name.endswith(".txt")]
    assert len(answers) == 11, "nine deliveries and two files that were known already"
    previews = [name for name in whole["outbox"] if "Vorschau_" in name]
    assert len(previews) == 5, "one for every accepted form with values"
    assert len(whole["snapshot: correction"]) == 1


@pytest.mark.thorough
def test_the_same_with_the_shipped_framework_and_a_warehouse_of_the_first_version(
    shipped_story: Story, tmp_path: Path
) -> None:
    outcome = played(shipped_story, tmp_path / "theatre", SHIPPED)
    assert len(outcome.expected["snapshot: indicator_value"]) > 1000
    assert_whole(outcome, SHIPPED)
