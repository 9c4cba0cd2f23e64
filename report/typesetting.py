"""Typeset one volume: `python -m report.typesetting volume.json volume.pdf`.

A process of its own for each volume, so that memory is freed and a crash costs one volume only. typst writes a tagged
PDF (PDF/UA-1) or refuses; it cannot mark the first cell of a row as its heading, that is done afterwards.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pikepdf
import typst

from report.pdf_compact import compact_pages

ROOM = Path(__file__).resolve().parent
TEMPLATE = ROOM / "typst" / "volume.typ"


def typeset(volume: Path, day: datetime) -> bytes:
    """The PDF of a volume that lies beside a copy of the template; raises RuntimeError with typst's message."""
    return bytes(
        typst.compile(
            str(volume.with_name(TEMPLATE.name)),
            root=str(volume.parent),
            font_paths=[str(ROOM / "fonts")],
            ignore_system_fonts=True,
            format="pdf",
            sys_inputs={"volume": volume.name},
            pdf_standards=["ua-1"],
            timestamp=int(day.timestamp()),
        )
    )


def with_row_headers(content: bytes, target: Path) -> int:
    """Make the first cell of each body row the heading of its row; writes the file, returns how many there were.

    typst lists the column heading in every cell, which would hide the row headings from assistive technology. The scope
    of the headings says the same for rows and columns; the lists and the attributes for the look of cells are dropped.
    """
    changed = 0
    pikepdf.settings.set_flate_compression_level(9)
    with pikepdf.open(BytesIO(content)) as pdf:
        waiting = [pdf.Root.StructTreeRoot]
        while waiting:
            kids = _children(waiting.pop())
            for node in kids:
                if node.S == "/TR":
                    changed += _scope(_children(node), body=node.P.S == "/TBody")
            waiting += [node for node in kids if node.S != "/TR"]
            waiting += [cell for node in kids if node.S == "/TR" for cell in _children(node)]
        compact_pages(pdf)
        packed = pikepdf.ObjectStreamMode.generate
        pdf.save(target, deterministic_id=True, object_stream_mode=packed, recompress_flate=True)
    return changed


def _scope(cells: list[pikepdf.Object], *, body: bool) -> int:
    """Scope of the headings of one row; returns the number of new headings."""
    new = 0
    for number, cell in enumerate(cells):
        if "/A" in cell:
            del cell.A
        if body and number == 0:
            cell.S = pikepdf.Name.TH
            new += 1
        if cell.S == "/TH":
            scope = pikepdf.Name.Row if body else pikepdf.Name.Column
            cell.A = pikepdf.Dictionary(O=pikepdf.Name.Table, Scope=scope)
    return new


def _children(node: pikepdf.Object) -> list[pikepdf.Object]:
    """Structure elements below an element."""
    kids = node.get("/K", pikepdf.Array())
    listed = list(kids) if isinstance(kids, pikepdf.Array) else [kids]
    return [kid for kid in listed if isinstance(kid, pikepdf.Dictionary) and "/S" in kid]


def main(volume: Path, target: Path, day: str) -> None:
    """Typeset, add the row headings, write."""
    content = typeset(volume, datetime.fromisoformat(day).replace(tzinfo=UTC))
    with_row_headers(content, target)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
