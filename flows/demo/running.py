"""The demo: two nights and a report on sample deliveries. Refuses to touch a data root that holds real data."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from flows.demo.deliveries import load_story, write_first_night, write_second_night
from flows.demo.world import load_world
from flows.settings import InputRefused, Settings
from schemas.framework_model import Framework

WORLD = Path(__file__).with_name("world.yaml")
_SETTINGS = """# Written by `monitor demo`: this data root holds sample data only.
sample = true
settle_seconds = 0
"""
_BESIDE = ("targets.yaml", "projection.csv")
"""Invented targets and an invented projection of the sample regions."""
_OWN = ("raw", "outbox", "warehouse", "reports", "prefect", "state")


def run(settings: Settings, framework: Framework, say: Callable[[str], None]) -> int:
    """Write sample deliveries, run two nights and the report; prints where to look."""
    started = time.monotonic()
    _fresh_root(settings)
    settings = replace(settings, sample=True, settle_seconds=0)
    world, story = load_world(WORLD, framework), load_story()
    inbox = settings.root / "raw" / "inbox"
    say(f"1/5 Musterlieferungen schreiben ({len(world.regions)} Gebiete, {len(world.years)} Jahre) ...")
    say(f"    {write_first_night(framework, world, story, inbox)} Dateien in {inbox}")
    say("2/5 Erste Nacht (Prefect startet seinen eigenen Server, das dauert einen Moment) ...")
    _night(settings)
    say("3/5 Die berichtigte Lieferung trifft ein ...")
    write_second_night(framework, world, story, inbox)
    say("4/5 Zweite Nacht ...")
    code = _night(settings)
    year = max(world.years)
    say(f"5/5 Bericht {year} ...")
    from flows.reporting import make_report

    start = make_report(settings, framework, year, progress=lambda text: say(f"    {text}"))
    say(f"\nFertig in {time.monotonic() - started:.0f} Sekunden. Hier lohnt ein Blick:")
    say(f"  Bericht              {start}")
    say(f"  Antworten            {settings.outbox}/<Gebiet>/Eingangsbestaetigung_*.html")
    say(f"  zurückgegeben wurde  {settings.outbox}/{story.wrong['region']}/")
    say(f"  Datenbestand         {settings.root}/warehouse/monitor.duckdb")
    say(f"  Überblick            monitor status --year {year}")
    say(f"  Herkunft einer Zahl  monitor why BEV-01 {world.regions[0]} {year}")
    return code


def _night(settings: Settings) -> int:
    from flows.prefect_home import prepare

    prepare(settings)
    from flows.nightly import nightly

    return int(nightly())


def _fresh_root(settings: Settings) -> None:
    """An empty data root that is marked as sample; an existing one is cleared only when it carries that mark."""
    there = [settings.root / name for name in _OWN if _holds_data(settings.root / name)]
    if there and not settings.sample:
        raise InputRefused(
            f"In {settings.root} liegen schon Daten. Die Musterdaten brauchen einen eigenen Ordner: MONITOR_DATA=<Ordner>."
        )
    for path in there:
        shutil.rmtree(path)
    settings.root.mkdir(parents=True, exist_ok=True)
    (settings.root / "settings.toml").write_text(_SETTINGS, encoding="utf-8")
    for name in _BESIDE:
        shutil.copyfile(WORLD.with_name(name), settings.root / name)


def _holds_data(path: Path) -> bool:
    return path.is_dir() and any(child.name != ".gitkeep" for child in path.iterdir())
