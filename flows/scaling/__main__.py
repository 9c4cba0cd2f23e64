"""`python -m flows.scaling out FOLDER` writes the warehouse into a folder, `in FOLDER` fills an empty one from it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from flows.commands import refusals
from flows.settings import load_settings
from flows.wording import LANGUAGES, answered, asked_language, say, speaking, text
from schemas.loading import load_framework
from warehouse.moving import move_in, move_out


def main(arguments: Sequence[str] | None = None) -> int:
    """0 done, 2 refused."""
    with speaking(asked_language(sys.argv[1:] if arguments is None else arguments)):
        return _run(arguments)


def _run(arguments: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(prog="python -m flows.scaling", description=text("scaling.move"))
    parser.add_argument("direction", choices=["out", "in"], help=text("scaling.direction"))
    parser.add_argument("folder", type=Path, help=text("scaling.folder"))
    parser.add_argument("--lang", choices=LANGUAGES, default=None, help=text("help.lang"))
    asked = parser.parse_args(arguments)
    try:
        root, framework = load_settings().root, load_framework()
        if asked.direction == "out":
            counts = move_out(root, framework, asked.folder)
            say(text("scaling.moved_out", tables=len(counts), rows=sum(counts.values()), folder=asked.folder))
        else:
            generation = move_in(root, framework, asked.folder)
            say(text("scaling.moved_in", number=generation.number))
    except refusals() as error:
        print(answered(str(error)), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
