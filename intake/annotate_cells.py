"""Change the style of single cells in a worksheet part; cells that do not exist yet are put in at their place."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping

from intake.annotate_package import OFFICE
from intake.annotate_xml import Edits, Element, NotAnnotatable, elements, prefix_of, with_attribute
from intake.reading import column_letters, column_number

Place = tuple[int, int]
_ADDRESS = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_MERGED = re.compile(rb"""<(?:\w+:)?mergeCell\s[^>]*?ref\s*=\s*["']([A-Z]+\d+):([A-Z]+\d+)["']""")
_AFTER_LEGACY_DRAWING = {
    "legacyDrawingHF",
    "drawingHF",
    "picture",
    "oleObjects",
    "controls",
    "webPublishItems",
    "tableParts",
    "extLst",
}


def place_of(address: str) -> Place | None:
    """(row, column) of an address such as `D7`, None for anything else."""
    found = _ADDRESS.fullmatch(address)
    return (int(found.group(2)), column_number(found.group(1))) if found else None


def merged_ranges(data: bytes) -> list[tuple[Place, Place]]:
    """First and last cell of each merged range."""
    corners = [[place_of(corner.decode()) for corner in match.groups()] for match in _MERGED.finditer(data)]
    return [(first, last) for first, last in corners if first and last]


def merge_anchor(merged: Iterable[tuple[Place, Place]], place: Place) -> Place:
    """The cell that shows what is written: the top left one of a merged range, else the cell itself."""
    for first, last in merged:
        if first[0] <= place[0] <= last[0] and first[1] <= place[1] <= last[1]:
            return first
    return place


class SheetPart:
    """A worksheet part with what is needed to change the cells at `places` and all cells of the styles `marked`."""

    def __init__(self, data: bytes, places: set[Place], marked: set[int]) -> None:
        self.data = data
        self.edits = Edits(data)
        self.prefix = prefix_of(data)
        self.places = places
        scan = _Scan(places, marked)
        found = elements(data, scan)
        self.top = {element.name: element for element in found if element.depth == 1}
        self.order = [element for element in found if element.depth <= 1]
        self.columns = [element for element in found if element.depth == 2 and element.name == "col"]
        self.rows = {int(e.attributes["r"]): e for e in found if e.depth == 2 and e.name == "row"}
        self.cells: dict[Place, Element] = {}
        for element in found:
            if element.depth == 3 and (place := place_of(element.attributes["r"])):
                self.cells[place] = element
        if "sheetData" not in self.top:
            raise NotAnnotatable("a sheet without data")

    def restyle(self, clean: Callable[[int], int], marks: Mapping[Place, Callable[[int], int]]) -> None:
        """Take old marks off (`clean`) and put new ones on; both turn the number of a style into another one."""
        missing: dict[int, dict[int, int]] = {}
        for place, element in self.cells.items():
            old = _style(element)
            new = clean(old)
            if place in marks:
                new = marks[place](new)
            if new != old:
                tag = with_attribute(self.data[element.start : element.open_end], "s", str(new))
                self.edits.replace(element.start, element.open_end, tag)
        for place in sorted(marks.keys() - self.cells.keys()):
            row, column = place
            missing.setdefault(row, {})[column] = marks[place](clean(self._inherited(row, column)))
        at_end = b"".join(self._add_cells(row, styles) for row, styles in missing.items())
        if at_end:
            self.edits.append_to(self.top["sheetData"], at_end)

    def legacy_drawing(self) -> str:
        """Relationship id of the drawing that holds the boxes of comments, empty when there is none."""
        element = self.top.get("legacyDrawing")
        return next((v for k, v in element.attributes.items() if k.endswith(":id")), "") if element else ""

    def set_legacy_drawing(self, relation: str) -> None:
        """Refer to such a drawing, at the place that the order of elements demands."""
        root = self.order[0]
        seen_data = False
        position = root.close_start(self.data)
        for element in self.order[1:]:
            later = element.name in _AFTER_LEGACY_DRAWING or (seen_data and element.name == "AlternateContent")
            if later:
                position = element.start
                break
            seen_data = seen_data or element.name == "sheetData"
        self.edits.insert(position, f'<{self.prefix}legacyDrawing xmlns:r="{OFFICE}" r:id="{relation}"/>'.encode())

    def width(self, column: int) -> int:
        """Width of a column in pixels, as far as the sheet says."""
        for element in self.columns:
            a = element.attributes
            if int(a.get("min", 0)) <= column <= int(a.get("max", 0)):
                return 0 if a.get("hidden") in ("1", "true") else int(float(a.get("width", 8.43)) * 7 + 5)
        return 64

    def _inherited(self, row: int, column: int) -> int:
        """Style of a cell that is not written: that of its row, else of its column."""
        element = self.rows.get(row)
        if element is not None and element.attributes.get("customFormat") in ("1", "true"):
            return int(element.attributes.get("s", 0))
        for candidate in self.columns:
            if int(candidate.attributes.get("min", 0)) <= column <= int(candidate.attributes.get("max", 0)):
                return int(candidate.attributes.get("style", 0))
        return 0

    def _add_cells(self, row: int, styles: dict[int, int]) -> bytes:
        """Put cells into their row; returns a new row that belongs behind all others."""
        texts = {c: f'<{self.prefix}c r="{column_letters(c)}{row}" s="{s}"/>' for c, s in sorted(styles.items())}
        element = self.rows.get(row)
        if element is None:
            later = [e for number, e in sorted(self.rows.items()) if number > row]
            whole = f'<{self.prefix}row r="{row}">{"".join(texts.values())}</{self.prefix}row>'.encode()
            if not later:
                return whole
            self.edits.insert(later[0].start, whole)
            return b""
        tag = with_attribute(self.data[element.start : element.open_end], "spans", None)
        if element.empty:
            name = f"{self.prefix}row"
            whole = tag[:-2].rstrip() + b">" + "".join(texts.values()).encode() + f"</{name}>".encode()
            self.edits.replace(element.start, element.end, whole)
            return b""
        self.edits.replace(element.start, element.open_end, tag)
        there = sorted((place[1], cell) for place, cell in self.cells.items() if place[0] == row)
        for column, text in texts.items():
            right = next((cell.start for number, cell in there if number > column), element.close_start(self.data))
            self.edits.insert(right, text.encode())
        return b""


class _Scan:
    """Chooses the elements to remember, and gives rows and cells without an address the one they stand at."""

    def __init__(self, places: set[Place], marked: set[int]) -> None:
        self.rows = sorted({row for row, _ in places})
        self.targets = set(self.rows)
        self.marked = {str(style) for style in marked}
        self.row = 0
        self.column = 0
        self.in_data = False

    def __call__(self, depth: int, name: str, attributes: dict[str, str]) -> bool:
        if depth <= 1:
            self.in_data = name == "sheetData"
            return True
        if not self.in_data:
            return depth == 2 and name == "col"
        if depth == 2 and name == "row":
            before, self.row, self.column = self.row, int(attributes.get("r", self.row + 1)), 0
            attributes["r"] = str(self.row)
            return bisect_right(self.rows, self.row) > bisect_right(self.rows, before)
        if depth == 3 and name == "c":
            return self._cell(attributes)
        return False

    def _cell(self, attributes: dict[str, str]) -> bool:
        if self.row not in self.targets and attributes.get("s", "0") not in self.marked:
            if "r" not in attributes:
                self.column += 1
            elif self.marked:
                self.column = column_number(attributes["r"].rstrip("0123456789"))
            return False
        if "r" in attributes:
            self.column = column_number(attributes["r"].rstrip("0123456789"))
        else:
            self.column += 1
            attributes["r"] = f"{column_letters(self.column)}{self.row}"
        return True


def _style(element: Element) -> int:
    return int(element.attributes.get("s", 0) or 0)


def unselected(data: bytes) -> bytes:
    """A sheet that is not selected: with two selected sheets every entry would go into both."""
    if b"tabSelected" not in data:  # as in nearly all
        return data
    return re.sub(rb"""(\stabSelected\s*=\s*)(["'])(?:1|true)\2""", rb"\1\g<2>0\2", data, count=1)
