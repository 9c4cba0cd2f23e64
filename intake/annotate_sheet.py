"""The sheet „Prüfprotokoll“ as a part of a workbook, and as a workbook of its own.

Every text is a text: no shared strings of the sender are touched, and nothing that a sender wrote becomes a formula.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from intake.annotate_package import DECLARATION, MAIN
from intake.annotate_styles import COLOURS, StyleSheet, solid_fill
from intake.annotate_xml import written
from intake.protocol import CELL_COLUMN, COLUMNS, PROTOCOL_NAME, REASON, URGENCY_COLUMN, Protocol, ProtocolLine
from intake.reading import column_letters

_PLAIN = {kind: "FF{:02X}{:02X}{:02X}".format(*colour) for kind, colour in COLOURS.items()}
_HEADER, _INPUT, _LINE, _LINK = "FFD5E5F0", "FFFFF2A8", "FF9AA5B1", "FF0B5A8A"
_KEY = column_letters(len(COLUMNS) + 1)


def link_target(line: ProtocolLine) -> str:
    """Where the link of a line leads inside the workbook, empty when it names no sheet."""
    return "'{}'!{}".format(line.sheet.replace("'", "''"), line.cell or "A1") if line.sheet else ""


def protocol_part(protocol: Protocol, styles: StyleSheet, looks: str) -> bytes:
    """The worksheet part; the cell styles it needs are added to `styles`."""
    return DECLARATION + "".join(_Part(protocol, _styles(styles), looks).pieces()).encode()


class _Part:
    def __init__(self, protocol: Protocol, styles: dict[str, int], looks: str) -> None:
        self.protocol = protocol
        self.styles = styles
        self.hidden = protocol.hidden(looks)
        self.header = len(protocol.head) + 1

    def pieces(self) -> Iterator[str]:
        first, last = self.header + 1, self.header + len(self.protocol.lines)
        yield f'<worksheet xmlns="{MAIN}"><sheetPr><pageSetUpPr fitToPage="1"/></sheetPr>'
        yield f'<dimension ref="A1:{_KEY}{last}"/><sheetViews><sheetView showGridLines="0" tabSelected="1" workbookViewId="0">'
        yield f'<pane ySplit="{self.header}" topLeftCell="A{first}" activePane="bottomLeft" state="frozen"/>'
        yield f'<selection pane="bottomLeft" activeCell="A{first}" sqref="A{first}"/></sheetView></sheetViews>'
        yield '<sheetFormatPr defaultRowHeight="15"/><cols>'
        for number, width in enumerate(self.protocol.widths, start=1):
            yield f'<col min="{number}" max="{number}" width="{width}" customWidth="1"/>'
        key = len(COLUMNS) + 1
        yield f'<col min="{key}" max="{key}" width="3" hidden="1" customWidth="1"/></cols><sheetData>'
        for number, text in enumerate(self.protocol.head, start=1):
            style = self.styles["title" if number == 1 else "text"]
            yield f'<row r="{number}">{_cell(1, number, text, style)}{self._hidden(number)}</row>'
        cells = "".join(_cell(c, self.header, text, self.styles["header"]) for c, text in enumerate(COLUMNS, start=1))
        yield f'<row r="{self.header}">{cells}{self._hidden(self.header)}</row>'
        for number, line in enumerate(self.protocol.lines, start=first):
            yield self._line(number, line)
        yield f'</sheetData><autoFilter ref="{self.protocol.filter_range.replace("$", "")}"/>{self._links(first)}'
        yield '<pageMargins left="0.4" right="0.4" top="0.5" bottom="0.5" header="0.3" footer="0.3"/>'
        yield '<pageSetup paperSize="9" orientation="landscape" fitToHeight="0"/></worksheet>'

    def _hidden(self, row: int) -> str:
        return _cell(len(COLUMNS) + 1, row, self.hidden[row - 1], self.styles["text"])

    def _line(self, row: int, line: ProtocolLine) -> str:
        cells = []
        for index, text in enumerate(line.texts):
            style = "cell"
            if index == URGENCY_COLUMN and line.kind in COLOURS:
                style = line.kind
            elif index == CELL_COLUMN and link_target(line) and text:
                style = "link"
            elif index == REASON and line.answerable:
                style = "input"
            cells.append(_cell(index + 1, row, text, self.styles[style]))
        key = _cell(len(COLUMNS) + 1, row, line.key, self.styles["text"])
        return f'<row r="{row}" ht="{self.protocol.height(line)}">{"".join(cells)}{key}</row>'

    def _links(self, first: int) -> str:
        column = column_letters(CELL_COLUMN + 1)
        links = [
            f'<hyperlink ref="{column}{row}" location="{_quoted(link_target(line))}" display="{line.cell}"/>'
            for row, line in enumerate(self.protocol.lines, start=first)
            if link_target(line) and line.cell
        ]
        return f"<hyperlinks>{''.join(links)}</hyperlinks>" if links else ""


def _cell(column: int, row: int, text: str, style: int) -> str:
    place = f'r="{column_letters(column)}{row}" s="{style}"'
    if not text:
        return f"<c {place}/>"
    return f'<c {place} t="inlineStr"><is><t xml:space="preserve">{written(text)}</t></is></c>'


def _quoted(text: str) -> str:
    return written(text).replace('"', "&quot;")


def _styles(sheet: StyleSheet) -> dict[str, int]:
    """The cell styles of the protocol by name; cells are formatted as text, so that an edited cell stays one."""

    def font(extra: str, colour: str = "FF1D2329", size: int = 10) -> int:
        return sheet.add("fonts", f'<font>{extra}<sz val="{size}"/><color rgb="{colour}"/><name val="Arial"/></font>')

    sides = "".join(
        f'<{side} style="thin"><color rgb="{_LINE}"/></{side}>' for side in ("left", "right", "top", "bottom")
    )
    box = sheet.add("borders", f"<border>{sides}<diagonal/></border>")
    none = sheet.add("borders", "<border><left/><right/><top/><bottom/><diagonal/></border>")
    clear = sheet.add("fills", '<fill><patternFill patternType="none"/></fill>')
    normal, bold = font(""), font("<b/>")

    def style(letters: int, fill: int = clear, border: int = box, wrap: int = 1) -> int:
        return sheet.add(
            "cellXfs",
            f'<xf numFmtId="49" fontId="{letters}" fillId="{fill}" borderId="{border}" xfId="0" applyNumberFormat="1"'
            ' applyFont="1" applyFill="1" applyBorder="1" applyAlignment="1" applyProtection="1">'
            f'<alignment vertical="top" wrapText="{wrap}"/><protection locked="0"/></xf>',
        )

    return {
        "title": style(font("<b/>", size=14), border=none, wrap=0),
        "text": style(normal, border=none, wrap=0),
        "header": style(bold, sheet.add("fills", solid_fill(_HEADER))),
        "cell": style(normal),
        "link": style(font("<u/>", _LINK)),
        "input": style(normal, sheet.add("fills", solid_fill(_INPUT))),
        **{kind: style(bold, sheet.add("fills", solid_fill(colour))) for kind, colour in _PLAIN.items()},
    }


def write_protocol_workbook(path: Path, protocol: Protocol) -> Path:
    """The protocol as a workbook of its own, for files that cannot be marked."""
    import xlsxwriter  # few nights have such files

    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(str(temporary), options)
    base: dict[str, Any] = {"font_name": "Arial", "font_size": 10, "valign": "top", "num_format": "@", "locked": False}
    boxed = {**base, "text_wrap": True, "border": 1, "border_color": f"#{_LINE[2:]}"}
    formats = {
        "title": book.add_format({**base, "bold": True, "font_size": 14}),
        "text": book.add_format(base),
        "header": book.add_format({**boxed, "bold": True, "bg_color": f"#{_HEADER[2:]}"}),
        "cell": book.add_format(boxed),
        "input": book.add_format({**boxed, "bg_color": f"#{_INPUT[2:]}"}),
        **{k: book.add_format({**boxed, "bold": True, "bg_color": f"#{colour[2:]}"}) for k, colour in _PLAIN.items()},
    }
    sheet = book.add_worksheet(PROTOCOL_NAME)
    header, key = len(protocol.head), len(COLUMNS)
    for number, width in enumerate(protocol.widths):
        sheet.set_column(number, number, width)
    sheet.set_column(key, key, 3, None, {"hidden": True})
    for row, text in enumerate(protocol.head):
        sheet.write_string(row, 0, text, formats["title" if row == 0 else "text"])
    for row, text in enumerate(protocol.hidden()):
        sheet.write_string(row, key, text, formats["text"])
    for column, text in enumerate(COLUMNS):
        sheet.write_string(header, column, text, formats["header"])
    for row, line in enumerate(protocol.lines, start=header + 1):
        sheet.set_row(row, protocol.height(line))
        for column, text in enumerate(line.texts):
            coloured = column == URGENCY_COLUMN and line.kind in COLOURS
            name = line.kind if coloured else "input" if column == REASON and line.answerable else "cell"
            sheet.write_string(row, column, text[:32000], formats[name])
        sheet.write_string(row, key, line.key, formats["text"])
    sheet.freeze_panes(header + 1, 0)
    sheet.autofilter(header, 0, max(header + len(protocol.lines), header + 1), key)
    sheet.hide_gridlines(2)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    book.close()
    os.replace(temporary, path)
    return path
