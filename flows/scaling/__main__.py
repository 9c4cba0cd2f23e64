"""`python -m flows.scaling out FOLDER` writes the warehouse into a folder, `in FOLDER` fills an empty one from it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from flows.settings import load_settings
from schemas.loading import load_framework
from warehouse.moving import move_in, move_out
from warehouse.places import WarehouseError


def main() -> int:
    """0 done, 2 refused."""
    parser = argparse.ArgumentParser(
        prog="python -m flows.scaling", description="Datenbestand umziehen (docs/scaling.md)"
    )
    parser.add_argument("direction", choices=["out", "in"], help="out: in den Ordner schreiben; in: aus ihm füllen")
    parser.add_argument("folder", type=Path, help="Ordner mit Parquet-Dateien")
    asked = parser.parse_args()
    root, framework = load_settings().root, load_framework()
    try:
        if asked.direction == "out":
            counts = move_out(root, framework, asked.folder)
            print(f"{len(counts)} Tabellen mit {sum(counts.values())} Zeilen geschrieben: {asked.folder}")
        else:
            generation = move_in(root, framework, asked.folder)
            print(f"Datenbestand gefüllt und als Nr. {generation.number} veröffentlicht.")
    except WarehouseError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
