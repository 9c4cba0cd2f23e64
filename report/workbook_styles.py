"""Cell formats of the workbook. Contrast at least 4.5 : 1; nothing is told by colour alone."""

from __future__ import annotations

from dataclasses import dataclass

from xlsxwriter import Workbook
from xlsxwriter.format import Format

FONT = "Arial"
TABLE_STYLE = "Table Style Medium 2"
_INK, _LINK = "#1D2329", "#0B5A8A"


@dataclass(frozen=True)
class Styles:
    """Formats by purpose; `numbers` by decimals."""

    title: Format
    heading: Format
    head: Format
    figure_head: Format
    remark_head: Format
    remark: Format
    text: Format
    wrapped: Format
    link: Format
    sign: Format
    year: Format
    amount: Format
    numbers: tuple[Format, ...]


def styles(book: Workbook) -> Styles:
    """Add the formats to a workbook."""
    base = {"font_name": FONT, "font_size": 11, "font_color": _INK, "valign": "top"}
    head = {**base, "bold": True, "text_wrap": True, "valign": "vcenter", "font_color": "#FFFFFF", "bg_color": _LINK}
    return Styles(
        title=book.add_format({**base, "font_size": 16, "bold": True}),
        heading=book.add_format({**base, "bold": True}),
        head=book.add_format({**head, "align": "left"}),
        figure_head=book.add_format({**head, "align": "right"}),
        remark_head=book.add_format({**head, "align": "left", "indent": 1}),
        remark=book.add_format({**base, "align": "left", "indent": 1}),
        text=book.add_format(base),
        wrapped=book.add_format({**base, "text_wrap": True}),
        link=book.add_format({**base, "font_color": _LINK, "underline": 1}),
        sign=book.add_format({**base, "align": "right"}),
        year=book.add_format({**base, "num_format": "0"}),
        amount=book.add_format({**base, "num_format": "#,##0.########"}),
        numbers=tuple(
            book.add_format({**base, "num_format": "#,##0" + ("." + "0" * places if places else "")})
            for places in range(5)
        ),
    )
