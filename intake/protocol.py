"""What the sheet „Prüfprotokoll“ says: one line per finding, the message early, the code last, a column for reasons."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from pathlib import PurePath

from intake.deadlines import deadline_told, local_time
from intake.form_request import TEXT_MARK
from intake.reading import column_letters
from intake.reasons import KEY_MARK, PROTOCOL_MARK, Reason, machine_key
from intake.reply import URGENCY, receipt, register_lines
from intake.values import german
from schemas.framework_model import Framework
from schemas.observations import Observations
from schemas.shapes import CheckedDelivery, Finding, FindingState, Severity, Verdict

PROTOCOL_NAME = "Prüfprotokoll"
FILLS_MARK = "#FILLS "
COLUMNS = (
    "Nr.",
    "Dringlichkeit",
    "Blatt",
    "Zelle",
    "Zeile",
    "Spalte",
    "Was ist aufgefallen",
    "Was ist zu tun",
    "Ihr Wert",
    "Erwartet",
    "Vorjahr",
    "Begründung",
    "Status",
    "Regel",
)
REASON, URGENCY_COLUMN, CELL_COLUMN = COLUMNS.index("Begründung"), 1, 3
_WIDTHS = ((5, 5), (13, 13), (10, 26), (7, 8), (12, 32), (10, 28), (40, 58), (40, 58), (10, 18), (10, 18), (9, 14))
_LAST_WIDTHS = ((38, 38), (11, 11), (8, 14))
OPEN, FIXED, CONFIRMED, NOTED = "offen", "behoben", "bestätigt", "–"
_NUMBERS = re.compile(r"^(?:\d{4}-\d{2,12}-\d{4,}_)+")
CHECKED_ENDING, PROTOCOL_ENDING = "_geprueft", "_Pruefprotokoll"

LastYear = Mapping[tuple[str, str], tuple[Decimal | None, str]]
"""Values of last year as the rules know them: (variable, member key) -> (value, status)."""


@dataclass(frozen=True)
class ProtocolLine:
    """One line: the texts of the columns, the colour, the cell to go to, and the hidden key."""

    texts: tuple[str, ...]
    kind: str
    sheet: str = ""
    cell: str = ""
    key: str = TEXT_MARK
    answerable: bool = False


@dataclass(frozen=True)
class Protocol:
    """The content of the sheet."""

    head: tuple[str, ...]
    lines: tuple[ProtocolLine, ...]
    mark: str

    @cached_property
    def widths(self) -> list[int]:
        """Column widths in characters, fitted to the content within bounds."""
        bounds = (*_WIDTHS, *_LAST_WIDTHS)
        longest = [
            max((len(part) for line in self.lines for part in line.texts[i].splitlines()), default=0)
            for i in range(len(bounds))
        ]
        return [min(max(low, wide + 2), high) for (low, high), wide in zip(bounds, longest, strict=True)]

    @property
    def filter_range(self) -> str:
        """The lines with their header, hidden key included: it is sorted with them."""
        first = len(self.head) + 1
        last = max(first + len(self.lines), first + 1)
        return f"$A${first}:${column_letters(len(COLUMNS) + 1)}${last}"

    def height(self, line: ProtocolLine) -> int:
        """Height of a line in points, so that wrapped texts are seen whole."""
        rows = [
            sum(-(-len(part) // max(width - 2, 3)) for part in text.splitlines())
            for text, width in zip(line.texts, self.widths, strict=True)
        ]
        return min(13 * max(1, *rows) + 3, 400)

    def hidden(self, looks: str = "") -> tuple[str, ...]:
        """Texts of the hidden column beside the head lines and the header; `looks` is kept there, too."""
        texts = [self.mark, f"{FILLS_MARK}{looks}" if looks else TEXT_MARK]
        texts += [TEXT_MARK] * (len(self.head) - len(texts))
        return (*texts, KEY_MARK)


def protocol(
    framework: Framework,
    delivery: CheckedDelivery,
    fixed: Sequence[Finding] = (),
    last_year: LastYear | None = None,
    given: Iterable[Reason] = (),
    *,
    separate: bool = False,
) -> Protocol:
    """Lines for all findings, then for what the previous delivery had and this one has not (`fixed`).

    `given` are the reasons that came with the delivery: they stay in their line, also where they had no effect.
    `separate` says that the protocol is a workbook of its own and the delivered file is not marked.
    """
    reasons = {machine_key(_finding_of(reason)): reason.text for reason in given}
    before = _values_before(delivery, last_year or {})
    lines = [_line(number, found, before, reasons) for number, found in enumerate(delivery.findings, start=1)]
    lines += [_fixed_line(len(lines) + number, found) for number, found in enumerate(fixed, start=1)]
    head = (*_head(framework, delivery), _what_to_do(framework, delivery, separate=separate))
    return Protocol(head, tuple(lines), f"{PROTOCOL_MARK} monitor-protocol/1 {delivery.submission.id}")


def kind_of(found: Finding) -> str:
    """Colour of a finding; a confirmed question is only a note."""
    return "note" if found.state is FindingState.CONFIRMED else URGENCY[found.severity][1]


def comment_lines(found: Finding) -> list[str]:
    """What the comment at the cell says."""
    urgency = URGENCY[found.severity][0]
    lines = [f"{urgency}: {_message(found)}", found.remedy]
    if found.state is FindingState.CONFIRMED:
        lines = [f"{urgency} (bestätigt): {_message(found)}", f"Ihre Begründung: {found.reason}"]
    return [line for line in lines if line]


def checked_name(file_name: str) -> str:
    """Name under which the sender's own workbook comes back."""
    return f"{_stem(file_name)}{CHECKED_ENDING}.xlsx"


def protocol_name(file_name: str) -> str:
    """Name of the separate protocol of a file that cannot be marked."""
    return f"{_stem(file_name)}{PROTOCOL_ENDING}.xlsx"


def plain_name(file_name: str) -> str:
    """The name a file had before our answer gave it another one: without our number in front and our ending."""
    path = PurePath(PurePath(file_name).name)
    return f"{_stem(path.name)}{path.suffix}"


def _stem(file_name: str) -> str:
    stem = PurePath(PurePath(file_name).name).stem.removesuffix(CHECKED_ENDING)
    return _NUMBERS.sub("", stem) or "Lieferung"


def _values_before(delivery: CheckedDelivery, last_year: LastYear) -> dict[tuple[str, str], str]:
    """Last year's value by sheet and cell, where something was noticed. A finding may be about several figures; the cell
    is about one."""
    known = {}
    noticed: dict[str, set[str]] = {}
    for found in delivery.findings:
        noticed.setdefault(found.sheet, set()).add(found.cell)
    for part in Observations.of(delivery.observations).stretches:
        cells = noticed.get(part.sheet, ())
        for cell, figure in zip(part.places.cells, part.places.keys, strict=True) if cells else ():
            if cell in cells and (value := last_year.get(figure, (None, ""))[0]) is not None:
                known[part.sheet, cell] = german(value)
    return known


def _line(
    number: int, found: Finding, values_before: Mapping[tuple[str, str], str], reasons: Mapping[str, str]
) -> ProtocolLine:
    key = machine_key(found)
    status = CONFIRMED if found.state is FindingState.CONFIRMED else NOTED if found.severity is Severity.INFO else OPEN
    before = found.previous_value or values_before.get((found.sheet, found.cell), "")
    texts = _texts(number, found, before, found.reason or reasons.get(key, ""), status)
    return ProtocolLine(texts, kind_of(found), found.sheet, found.cell, key, found.severity is Severity.WARNING)


def _fixed_line(number: int, found: Finding) -> ProtocolLine:
    return ProtocolLine(_texts(number, found, found.previous_value, found.reason, FIXED), "done")


def _texts(number: int, found: Finding, before: str, reason: str, status: str) -> tuple[str, ...]:
    place = (found.sheet, found.cell, found.row_label, found.column_label)
    urgency = URGENCY[found.severity][0]
    says = (_message(found), found.remedy, found.found, found.expected, before)
    return (str(number), urgency, *place, *says, reason, status, found.code)


def _message(found: Finding) -> str:
    return found.message + (f" ({found.count} Zellen)" if found.count > 1 else "")


def _head(framework: Framework, delivery: CheckedDelivery) -> tuple[str, ...]:
    submission = delivery.submission
    content = receipt(framework, delivery)
    received = f"{local_time(submission.received_at):%d.%m.%Y, %H:%M} Uhr"
    facts = [
        f"Eingangsnummer {submission.id or '(noch keine)'}",
        f"eingegangen {received}",
        f"Datei „{submission.file_name}“",
    ]
    if submission.region:
        facts.append(f"{framework.territory.unit_name(submission.region)} ({submission.region})")
    if submission.year:
        facts.append(f"Berichtsjahr {submission.year}")
    registers = "; ".join(f"{name}: {told}" for name, told in register_lines(framework, delivery))
    rules = f"{framework.code}, Fassung {framework.version}, Prüfsumme des Regelwerks {framework.content_hash[:12]}"
    return (
        f"Prüfprotokoll – Ergebnis: {content.headline}",
        " · ".join(facts),
        f"Indikatorenrahmen {rules}; {delivery.rules_run} Prüfregeln angewendet",
        *([f"Register – {registers}"] if registers else []),
    )


def _what_to_do(framework: Framework, delivery: CheckedDelivery, *, separate: bool) -> str:
    contact = framework.head.delivery.contact
    if delivery.submission.verdict is Verdict.ACCEPTED:
        return f"Sie müssen nichts weiter tun. Fragen: {contact}."
    steps = (
        "1. Rote Zellen (Muss) berichtigen. 2. Gelbe Zellen (Rückfrage) berichtigen oder hier in der gelben Spalte"
        " „Begründung“ kurz bestätigen. 3. Diese Datei speichern und wieder in den Eingangsordner legen."
    )
    if separate:
        steps = (
            "1. In Ihrer Datei berichtigen, was mit „Muss“ bezeichnet ist. 2. Rückfragen dort berichtigen oder hier in der"
            " gelben Spalte „Begründung“ kurz bestätigen und dieses Blatt in Ihre Arbeitsmappe kopieren. 3. Ihre Datei"
            " speichern und wieder in den Eingangsordner legen."
        )
    return " ".join((steps, *deadline_told(framework, delivery.submission), f"Fragen: {contact}."))


def _finding_of(reason: Reason) -> Finding:
    """The finding whose key a reason carries."""
    blank = Finding(reason.code, Severity.INFO, "", "")
    return replace(
        blank,
        sheet=reason.sheet,
        cell=reason.cell,
        region=reason.region,
        variable=reason.variable,
        members=reason.members,
        found=reason.found,
        expected=reason.expected,
    )
