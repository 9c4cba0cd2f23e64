"""The sender's own workbook back: cells coloured and commented, and a sheet „Prüfprotokoll“ in front of the eyes.

Formulas, drop-downs, styles, widths, hidden keys, protection and pictures stay, because only the places that change are
changed in the parts of the package. What cannot be marked that way gets its protocol as a workbook of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from intake.annotate_cells import Place, SheetPart, merge_anchor, merged_ranges, place_of, unselected
from intake.annotate_comments import change_comments, comment_text
from intake.annotate_package import OFFICE, SHEET_TYPE, STYLES_TYPE, Package, mentions
from intake.annotate_sheet import protocol_part, write_protocol_workbook
from intake.annotate_styles import COLOURS, EMPTY_STYLES, Originals, StyleSheet
from intake.annotate_xml import (
    Edits,
    Element,
    NotAnnotatable,
    elements,
    prefix_of,
    well_formed,
    with_attribute,
    written,
)
from intake.protocol import (
    FILLS_MARK,
    PROTOCOL_NAME,
    LastYear,
    Protocol,
    comment_lines,
    kind_of,
    protocol,
    protocol_name,
)
from intake.reading import UnreadableFile, Workbook, read_workbook
from intake.reasons import PROTOCOL_MARK, compare, find_protocol, read_reasons
from schemas.framework_model import Framework
from schemas.shapes import CheckedDelivery, Finding, FindingState, Verdict

_SHEET_KINDS = ("worksheet", "chartsheet", "dialogsheet")
_BEFORE_NAMES = ("sheets", "functionGroups", "externalReferences")
_OF_THE_OLD_SHEET = ("_xlnm._FilterDatabase", "_xlnm.Print_Titles", "_xlnm.Print_Area")
_RANK = {kind: rank for rank, kind in enumerate(COLOURS)}


def write_checked(
    source: Path,
    target: Path,
    framework: Framework,
    delivery: CheckedDelivery,
    previous: Sequence[Finding] = (),
    last_year: LastYear | None = None,
    *,
    answered: bool | None = None,
) -> Path | None:
    """Write the checked workbook to `target`, or beside it a protocol workbook where `source` cannot be marked.

    `previous` are the findings of the delivery before this one (what is gone is listed as fixed), `last_year` the values
    of last year. `answered`: does `source` hold our answer to an earlier one, None where nobody has looked. Returns what
    was written; None where there is nothing to answer: a refused file, or nothing noticed.
    """
    if delivery.submission.verdict is Verdict.REFUSED:
        return None
    noticed = bool(delivery.findings or previous)
    if not noticed and not (mentions(source, PROTOCOL_MARK) if answered is None else answered):
        return None
    package, old = _opened(source, answered)
    if not (noticed or old):
        return None
    fixed = compare(previous, [replace(found, state=FindingState.OPEN) for found in delivery.findings]).fixed
    reasons = read_reasons(old) if old else ()
    try:
        if package is None:
            raise NotAnnotatable("another format")
        content = protocol(framework, delivery, fixed, last_year, reasons)
        _Answer(package, delivery.findings, content, old).write(target)
    except (NotAnnotatable, ValueError, LookupError):
        content = protocol(framework, delivery, fixed, last_year, reasons, separate=True)
        name = protocol_name(delivery.submission.file_name or source.name)
        return write_protocol_workbook(target.with_name(name), content)
    return target


def _opened(source: Path, answered: bool | None) -> tuple[Package | None, Workbook | None]:
    """The parts of the workbook where it can be marked; and its cells where it is one that we checked before."""
    package = None
    if source.suffix.lower() == ".xlsx":
        try:
            package = Package(source)
        except NotAnnotatable:
            return None, None
    if answered is False or (package is not None and not package.mentions(PROTOCOL_MARK)):
        return package, None
    try:
        workbook = read_workbook(source)
    except UnreadableFile:
        return package, None
    return package, workbook if find_protocol(workbook) else None


@dataclass
class _Marks:
    """What happens to one cell: the colour of its worst finding, and the texts of all."""

    kind: str
    lines: list[str] = field(default_factory=list)


class _Answer:
    """One workbook on its way back."""

    def __init__(self, package: Package, findings: Sequence[Finding], content: Protocol, old: Workbook | None) -> None:
        self.package = package
        self.findings = findings
        self.content = content
        self.sheets = _sheet_parts(package)
        self.styles_part = package.related(package.workbook, "styles")
        if not self.styles_part:
            self.styles_part = "xl/styles.xml"
            if package.has(self.styles_part):
                raise NotAnnotatable("styles that do not belong to the workbook")
            package.add(self.styles_part, EMPTY_STYLES.encode(), STYLES_TYPE)
            package.relate(package.workbook, "styles", self.styles_part)
        self.styles = StyleSheet(package.read(self.styles_part))
        sheet = find_protocol(old) if old else None
        self.old_name = sheet.name if sheet else ""
        texts = [cell.text for cell in sheet.cells.values()] if sheet else []
        looks = next((text for text in texts if text.startswith(FILLS_MARK)), "")
        self.before = Originals.from_text(looks.removeprefix(FILLS_MARK))
        self.now = Originals()
        known = range(len(self.styles.entries["cellXfs"]))
        self.marked = {n for n in known if self.styles.mark_of(n) is not None} if sheet else set()

    def write(self, target: Path) -> None:
        marks = self._marks()
        for name, part in self.sheets.items():
            if name != self.old_name:
                self._mark_sheet(part, marks.get(name, {}))
        self._protocol_sheet()
        self.package.replace(self.styles_part, self.styles.result())
        for data in self.package.changed.values():
            well_formed(data)  # still, every part
        self.package.write(target)

    def _marks(self) -> dict[str, dict[Place, _Marks]]:
        found: dict[str, dict[Place, _Marks]] = {}
        for entry in self.findings:
            place = place_of(entry.cell)
            if place is None or not entry.sheet:
                continue
            mark = found.setdefault(entry.sheet, {}).setdefault(place, _Marks(kind_of(entry)))
            mark.kind = min(mark.kind, kind_of(entry), key=_RANK.__getitem__)
            mark.lines += ["", *comment_lines(entry)] if mark.lines else comment_lines(entry)
        return found

    def _mark_sheet(self, part: str, marks: dict[Place, _Marks]) -> None:
        data = unselected(self.package.read(part))
        merged = merged_ranges(data) if marks else []
        at = {merge_anchor(merged, place): mark for place, mark in marks.items()}
        if not (at or self.marked or (self.old_name and self.package.related(part, "comments"))):
            self.package.replace(part, data)
            return
        sheet = SheetPart(data, set(at), self.marked)
        painters = {place: self._painter(mark.kind) for place, mark in at.items()}
        sheet.restyle(lambda style: self.styles.unmarked(style, self.before) if self.old_name else style, painters)
        texts = {place: comment_text(mark.lines) for place, mark in at.items()}
        change_comments(self.package, part, sheet, texts)
        self.package.replace(part, sheet.edits.result())

    def _painter(self, kind: str) -> Callable[[int], int]:
        return lambda style: self.styles.marked(style, kind, self.now)

    def _protocol_sheet(self) -> None:
        """The protocol takes the place of an old one, or becomes the last sheet; the workbook opens with it."""
        package = self.package
        data = protocol_part(self.content, self.styles, self.now.as_text())
        if self.old_name:
            part = self.sheets[self.old_name]
            package.remove_relationships(part)
            package.replace(part, data)
            relation = ""
        else:
            part = package.free_name("xl/worksheets/sheet{}.xml")
            package.add(part, data, SHEET_TYPE)
            relation = package.relate(package.workbook, "worksheet", part)
        package.replace(package.workbook, self._workbook(relation))

    def _workbook(self, relation: str) -> bytes:
        data = self.package.read(self.package.workbook)
        found = elements(data, lambda depth, name, _: depth <= 2)
        sheets = [element for element in found if element.name == "sheet" and element.depth == 2]
        names = [element.attributes.get("name", "") for element in sheets]
        edits = Edits(data)
        prefix = prefix_of(data)
        index = names.index(self.old_name) if self.old_name else len(sheets)
        own_name = _free(names) if relation else self.old_name
        if relation:
            number = max((int(element.attributes.get("sheetId", 0)) for element in sheets), default=0) + 1
            attributes = f'name="{_quoted(own_name)}" sheetId="{number}" xmlns:r="{OFFICE}" r:id="{relation}"'
            edits.append_to(_one(found, "sheets"), f"<{prefix}sheet {attributes}/>".encode())
        _name_filter(edits, found, index, f"'{own_name.replace(chr(39), chr(39) * 2)}'!{self.content.filter_range}")
        views = [element for element in found if element.name == "workbookView"]
        if views:
            tag = with_attribute(data[views[0].start : views[0].open_end], "activeTab", str(index))
            edits.replace(views[0].start, views[0].open_end, tag)
        else:
            view = f'<{prefix}bookViews><{prefix}workbookView activeTab="{index}"/></{prefix}bookViews>'
            edits.insert(_one(found, "sheets").start, view.encode())
        return edits.result()


def _sheet_parts(package: Package) -> dict[str, str]:
    """Names of the sheets and their parts, in order."""
    targets = {r.id: r.target for r in package.relationships(package.workbook) if r.kind in _SHEET_KINDS}
    found = elements(package.read(package.workbook), lambda depth, name, _: depth == 2 and name == "sheet")
    parts = {}
    for element in found:
        relation = next((v for k, v in element.attributes.items() if k.endswith(":id")), "")
        if targets.get(relation) and package.has(targets[relation]):
            parts[element.attributes.get("name", "")] = targets[relation]
    if not parts:
        raise NotAnnotatable("no sheets")
    return parts


def _free(names: Sequence[str]) -> str:
    """A name for the protocol that no sheet of the sender has (names differ in more than case)."""
    taken = {name.strip().casefold() for name in names}
    candidates = [PROTOCOL_NAME, *(f"{PROTOCOL_NAME} ({number})" for number in range(2, len(names) + 3))]
    return next(name for name in candidates if name.casefold() not in taken)


def _name_filter(edits: Edits, found: Sequence[Element], index: int, where: str) -> None:
    """Excel keeps the range of a filter under a hidden name; what names said about an old protocol goes."""
    prefix = prefix_of(edits.data)
    name = f'<{prefix}definedName name="_xlnm._FilterDatabase" localSheetId="{index}" hidden="1">{written(where)}'
    text = f"{name}</{prefix}definedName>"
    for element in found:
        own = element.name == "definedName" and element.attributes.get("localSheetId") == str(index)
        if own and element.attributes.get("name") in _OF_THE_OLD_SHEET:
            edits.replace(element.start, element.end, b"")
    names = next((element for element in found if element.name == "definedNames" and element.depth == 1), None)
    if names is not None:
        edits.append_to(names, text.encode())
        return
    before = [element for element in found if element.depth == 1 and element.name in _BEFORE_NAMES]
    edits.insert(before[-1].end, f"<{prefix}definedNames>{text}</{prefix}definedNames>".encode())


def _quoted(text: str) -> str:
    return written(text).replace('"', "&quot;")


def _one(found: Sequence[Element], name: str) -> Element:
    for element in found:
        if element.name == name:
            return element
    raise NotAnnotatable(f"no {name}")
