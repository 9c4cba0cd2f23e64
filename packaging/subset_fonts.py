"""Make the fonts of the PDF report from the npm package `source-sans` (Source Sans 3, SIL Open Font License 1.1).

    npm pack source-sans@3.52.0 && tar xzf source-sans-3.52.0.tgz
    python packaging/subset_fonts.py package report/fonts

Needs `fonttools`; run by hand when the fonts change, the results are committed. The licence reserves the name "Source"
for unmodified fonts, so the subsets carry a name of their own; the licence text is put beside them.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

FAMILY = "Monitor Sans"
FACES = {"Regular": ("Regular", 400), "Semibold": ("SemiBold", 600)}
RANGES = [(0x20, 0x7E), (0xA0, 0x17F), (0x2010, 0x2015), (0x2018, 0x201E), (0x2190, 0x2193)]
SINGLE = "ȘșȚțẞ\u2009\u202f†‡•…‰‹›⁄€№™−∕∞≈≠≤≥⅓⅔■▲▼◆●"
FEATURES = ["kern", "mark", "mkmk", "ccmp", "locl", "liga", "tnum", "lnum", "sups"]


def main(package: Path, target: Path) -> None:
    """Write one subset for each face, and the licence."""
    target.mkdir(parents=True, exist_ok=True)
    wanted = {code for first, last in RANGES for code in range(first, last + 1)} | {ord(char) for char in SINGLE}
    for face, (style, weight) in FACES.items():
        font = TTFont(package / "TTF" / f"SourceSans3-{face}.ttf", recalcTimestamp=False)
        options = subset.Options(
            layout_features=FEATURES, name_IDs=[0, 1, 2, 3, 4, 5, 6, 13, 14, 16, 17], hinting=False
        )
        tool = subset.Subsetter(options)
        tool.populate(unicodes=wanted)
        tool.subset(font)
        rename(font, style, weight)
        font.save(target / f"MonitorSans-{style}.ttf")
    shutil.copyfile(package / "LICENSE.md", target / "OFL.txt")


def rename(font: TTFont, style: str, weight: int) -> None:
    """Family and style under the new name; copyright and licence stay."""
    names = {1: FAMILY if weight == 400 else f"{FAMILY} {style}", 2: style if weight == 400 else "Regular"}
    names |= {4: f"{FAMILY} {style}", 6: f"{FAMILY.replace(' ', '')}-{style}", 16: FAMILY, 17: style}
    names[3] = names[6]
    table = font["name"]
    for record in list(table.names):
        if record.nameID in names:
            table.removeNames(record.nameID)
    for number, text in names.items():
        table.setName(text, number, 3, 1, 0x409)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
