"""Thousands of delivered forms in seconds: one form of ours is written, the others differ in a few texts of its parts."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from schemas.framework_model import Framework

FIRST_YEAR = 2010
REGION, YEAR, PEOPLE = "06411000", 2021, 1000
SPOILED = 40
"""Every so many deliveries one says that the parts are more than the whole, and is returned."""


def places(framework: Framework, number: int) -> Iterator[tuple[str, int]]:
    """Regions and years: all municipalities in one year, then in the next."""
    codes = [unit.code for unit in framework.territory.units() if len(unit.code) == len(REGION)]
    for place in range(number):
        yield codes[place % len(codes)], FIRST_YEAR + place // len(codes)


def deliver(root: Path, framework: Framework, drop: Callable[..., Path], number: int) -> None:
    """Put so many deliveries into the inbox."""
    template = drop(root / "template", REGION, "a.xlsx", year=YEAR)
    with zipfile.ZipFile(template) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    for place, (region, year) in enumerate(places(framework, number)):
        folder = root / "raw" / "inbox" / region
        folder.mkdir(parents=True, exist_ok=True)
        people = 1000 + 7 * (place % 997) + (year - FIRST_YEAR)
        (folder / f"{year}.xlsx").write_bytes(_form(parts, region, year, people, spoiled=place % SPOILED == 1))


def _form(parts: dict[str, bytes], region: str, year: int, people: int, *, spoiled: bool) -> bytes:
    men, children = people * 2 // 5, people // 5
    texts = {f"<t>{REGION}</t>": f"<t>{region}</t>", f"<t>{YEAR}</t>": f"<t>{year}</t>"}
    numbers: dict[Any, Any] = {1000: people, 400: men, 600: people - men, 200: children, 800: people - children}
    numbers |= {83: people // 12}
    if spoiled:
        numbers[400] = people + 1
    changed = dict(parts)
    for name, found in parts.items():
        if name.startswith("xl/worksheets/sheet2"):
            for old, new in numbers.items():
                cell = f'"><v>{old}</v>'.encode()  # not the number of a text: those cells have t="s"
                found = found.replace(b's="10' + cell, f's="10"><v>@{new}</v>'.encode())
            changed[name] = found.replace(b"<v>@", b"<v>")
        if name == "xl/sharedStrings.xml":
            for old, new in texts.items():
                assert found.count(old.encode()) == 1, old
                found = found.replace(old.encode(), new.encode())
            changed[name] = found
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as package:
        for name, content in changed.items():
            package.writestr(name, content)
    return packed.getvalue()
