"""Cell styles of the delivery workbook. Colour never stands alone: locked and optional cells differ in text, too."""

from __future__ import annotations

from typing import Any

import xlsxwriter
from xlsxwriter.format import Format

_BASE: dict[str, Any] = {"font_name": "Arial", "font_size": 10, "valign": "top"}
_BOX = {"border": 1, "border_color": "#9aa5b1"}


class Styles:
    """The formats of one workbook."""

    def __init__(self, book: xlsxwriter.Workbook) -> None:
        def style(**extra: Any) -> Format:
            return book.add_format({**_BASE, **extra})

        number = {"num_format": "#,##0", "align": "right"}
        self.title = style(bold=True, font_size=14)
        self.heading = style(bold=True, font_size=11, font_color="#0b5a8a")
        self.text = style(text_wrap=False)
        self.hint = style(italic=True, font_color="#4a5560")
        self.sample = style(bold=True, font_color="#a4480f")
        self.label = style(text_wrap=True, **_BOX)
        self.header = style(bold=True, text_wrap=True, bg_color="#d5e5f0", **_BOX)
        self.past_header = style(text_wrap=True, italic=True, bg_color="#eef1f4", font_color="#4a5560", **_BOX)
        self.fixed = style(bold=True, bg_color="#eef1f4", **_BOX)
        self.answer = style(locked=False, bg_color="#fffbe0", text_wrap=True, **_BOX)
        self.entry = style(locked=False, bg_color="#fffbe0", **number, **_BOX)
        entry = {"locked": False, "bg_color": "#fffbe0", "align": "right", **_BOX}
        self.entry_date = style(num_format="dd.mm.yyyy", **entry)
        self.entry_year = style(num_format="0", **entry)
        self.entry_count = style(num_format="#,##0", **entry)
        self.entry_measure = style(num_format="#,##0.####", **entry)
        self.column_hint = style(text_wrap=True, italic=True, font_size=8, font_color="#4a5560", valign="bottom")
        self.link = style(text_wrap=True, font_color="#0b5a8a", underline=1, **_BOX)
        self.optional = style(locked=False, bg_color="#f1f1f1", **number, **_BOX)
        self.blocked = style(font_color="#6b7680", bg_color="#dfe4e8", align="right", **_BOX)
        self.past = style(italic=True, font_color="#4a5560", **number, **_BOX)
        self.invisible = style(font_color="#ffffff")
