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
from flows.wording import answered, text
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
    say(text("demo.first", regions=len(world.regions), years=len(world.years)))
    say(text("demo.files", count=write_first_night(framework, world, story, inbox), folder=inbox))
    say(text("demo.night"))
    _night(settings)
    say(text("demo.corrected"))
    write_second_night(framework, world, story, inbox)
    say(text("demo.second"))
    code = _night(settings)
    year = max(world.years)
    say(text("demo.report", year=year))
    from flows.reporting import make_report

    start = make_report(settings, framework, year, progress=lambda line: say(f"    {answered(line)}"))
    say(f"\n{text('demo.done', seconds=f'{time.monotonic() - started:.0f}')}")
    say(text("demo.see_report", path=start))
    say(text("demo.see_replies", path=settings.outbox))
    say(text("demo.see_returned", path=settings.outbox / story.wrong["region"]))
    say(text("demo.see_warehouse", path=settings.root / "warehouse" / "monitor.duckdb"))
    say(text("demo.see_status", year=year))
    say(text("demo.see_why", indicator=next(iter(framework.indicators)), region=world.regions[0], year=year))
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
        raise InputRefused(text("refused.demo", root=settings.root))
    for path in there:
        shutil.rmtree(path)
    settings.root.mkdir(parents=True, exist_ok=True)
    (settings.root / "settings.toml").write_text(_SETTINGS, encoding="utf-8")
    for name in _BESIDE:
        shutil.copyfile(WORLD.with_name(name), settings.root / name)


def _holds_data(path: Path) -> bool:
    return path.is_dir() and any(child.name != ".gitkeep" for child in path.iterdir())
