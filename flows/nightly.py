"""The nightly Prefect flow: few, coarse tasks around plain functions. Prefect orchestrates, it computes nothing.

The rooms are imported inside the functions: Prefect keeps every flow function, and with it the globals of this module,
alive until the very end of the process, which DuckDB's modules do not survive quietly.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

ARTIFACT_KEY = "nightly-report"


def _logged() -> Callable[[str], None]:
    """The log of Prefect is kept, in German; the terminal hears every line once, in the language of the command."""
    from flows.wording import GERMAN, again, language, say

    logger, foreign = get_run_logger(), language() != GERMAN
    for handler in logging.getLogger().handlers:  # those of the terminal; what is kept goes another way
        handler.addFilter(_unsaid)

    def tell(line: str) -> None:
        logger.info(again(line, GERMAN), extra={"said": foreign})
        if foreign:
            say(line)

    return tell


def _unsaid(record: logging.LogRecord) -> bool:
    """Has the terminal not heard it in another language?"""
    return not getattr(record, "said", False)


@task(name="Eingang verarbeiten", cache_policy=NO_CACHE)
def ingest_task(settings: Any, framework: Any, night: Any, lock: Any) -> None:
    """Claim, read, check, load and answer everything in the inbox."""
    from flows import cycle

    cycle.ingest_inbox(settings, framework, night, lock, _logged())


@task(name="Indikatoren berechnen", cache_policy=NO_CACHE)
def compute_task(settings: Any, framework: Any, night: Any, lock: Any) -> None:
    """Recompute the indicator tables from the accepted values."""
    from flows import cycle

    cycle.compute_indicators(settings, framework, night, lock, _logged())


@task(name="Datenbestand veröffentlichen", cache_policy=NO_CACHE)
def publish_task(settings: Any, framework: Any, night: Any, lock: Any) -> None:
    """Swap the new snapshot in."""
    from flows import cycle

    cycle.publish_snapshot(settings, framework, night, lock, _logged())


@flow(name="nightly", validate_parameters=False)
def nightly() -> int:
    """One night; returns the exit code of the run. The file lock, not Prefect, keeps a second run out."""
    from flows import cycle
    from flows.run_log import report_lines
    from flows.settings import load_settings
    from flows.watching import recorded
    from flows.wording import language
    from schemas.loading import load_framework
    from warehouse.store import exclusive

    settings, night = load_settings(), cycle.Night()
    with recorded(settings, "nightly") as record:
        framework = load_framework()
        record.uses(framework, night)
        with exclusive(settings.root, wait_seconds=settings.lock_wait_seconds) as lock:
            with record.step("ingest"):
                ingest_task(settings, framework, night, lock)
            with record.step("compute"):
                compute_task(settings, framework, night, lock)
            with record.step("publish"):
                publish_task(settings, framework, night, lock)
    lines = report_lines(night)
    create_markdown_artifact(key=ARTIFACT_KEY, markdown=_markdown(lines), description=lines[0])
    print("\n".join(report_lines(night, language())), flush=True)
    return night.exit_code


def _markdown(lines: list[str]) -> str:
    return "\n".join([f"# {lines[0]}", "", *(f"- {line.strip()}" for line in lines[1:])])
