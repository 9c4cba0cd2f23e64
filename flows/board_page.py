"""The board as a page, in the language of the command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from flows.board import BACK, CODES, DONE, MISSING, NIL, PARTIAL, QUESTIONS, SIGNS, Board
from flows.run_log import durable_write, now_utc
from flows.wording import day, language, moment, named, place, text
from schemas.framework_model import Framework

_STYLES = {MISSING: "must", BACK: "must", PARTIAL: "ask", QUESTIONS: "ask", DONE: "good", NIL: "good"}


def write_page(
    boards: Sequence[Board],
    framework: Framework,
    path: Path,
    made: datetime | None = None,
    sample: bool = False,
    misplaced: Mapping[str, int] | None = None,
) -> Path:
    """The static page with one section per reporting year, newest first. `misplaced`: files by folder of the inbox."""
    folder = FileSystemLoader(Path(__file__).parent / "templates")
    environment = Environment(loader=folder, autoescape=True, trim_blocks=True)
    page = environment.get_template("board.html").render(
        boards=sorted(boards, key=lambda entry: -entry.dates.year),
        fields={code: named(entry) for code, entry in framework.fields.items()},
        signs=SIGNS,
        style=_STYLES,
        states={state: text(f"standing.{code}") for state, code in CODES.items()},
        made=moment(made or now_utc()),
        title=framework.head.title_en if language() == "en" else framework.head.title_de,
        lang=language(),
        day=day,
        place=lambda code: place(framework, code),
        text=text,
        sample=sample,
        misplaced=misplaced or {},
    )
    durable_write(path, page)
    return path
