"""The receipt: what the sender reads, as content, as text for a mail, and its machine twin. The first line is the verdict."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Protocol

from intake.deadlines import deadline_told, local_time
from intake.form_request import OUR_FORM, REGISTER_FORM
from intake.reasons import compare, previous_line
from intake.values import german
from schemas.framework_model import Framework
from schemas.observations import Observations
from schemas.remembered import remembered
from schemas.shapes import CheckedDelivery, Finding, FindingState, RegisterChange, Severity, Verdict

URGENCY = {
    Severity.FATAL: ("Muss", "must"),
    Severity.ERROR: ("Muss", "must"),
    Severity.WARNING: ("Rückfrage", "ask"),
    Severity.INFO: ("Hinweis", "note"),
}


@dataclass(frozen=True)
class Receipt:
    """Everything that the receipt says, ready for display."""

    number: str
    verdict: str
    headline: str
    meaning: str
    steps: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    findings: tuple[dict[str, str], ...]
    control_sums: tuple[tuple[str, str], ...]
    contact: str


def receipt(
    framework: Framework, delivery: CheckedDelivery, duplicate_of: str = "", before: EarlierDelivery | None = None
) -> Receipt:
    """The content of the answer; `duplicate_of` names the earlier delivery with the same bytes."""
    submission = delivery.submission
    counts = _counts(delivery.findings)
    verdict = submission.verdict
    headline, meaning = _headline(framework, delivery, counts, duplicate_of)
    return Receipt(
        number=submission.id,
        verdict=str(verdict),
        headline=headline,
        meaning=meaning,
        steps=tuple(_steps(framework, delivery, counts, duplicate_of)),
        facts=(*_facts(framework, delivery), *_comparison(framework, delivery, before)),
        findings=tuple(_row(found) for found in delivery.findings),
        control_sums=tuple(
            (framework.variables[code].name_de, german(value))
            for code, value in delivery.control_sums.items()
            if code in framework.variables
        ),
        contact=framework.head.delivery.contact,
    )


class EarlierDelivery(Protocol):
    """The delivery before this one, as the warehouse knows it."""

    @property
    def id(self) -> str: ...
    @property
    def received_at(self) -> datetime: ...
    @property
    def findings(self) -> tuple[Finding, ...]: ...


def _comparison(
    framework: Framework, delivery: CheckedDelivery, before: EarlierDelivery | None
) -> Iterable[tuple[str, str]]:
    if before is not None:
        line = previous_line(
            framework, before.id, local_time(before.received_at), compare(before.findings, delivery.findings)
        )
        yield "Vorige Lieferung", line.removeprefix("Vorige Lieferung").strip()


def as_text(content: Receipt) -> str:
    """The receipt as plain text for a mail."""
    lines = [f"Ergebnis: {content.headline}", content.meaning, "", "Was ist zu tun?"]
    lines += [f"  {number}. {step}" for number, step in enumerate(content.steps, start=1)]
    lines += ["", "Ihre Lieferung", *(f"  {name}: {value}" for name, value in content.facts)]
    if content.findings:
        lines += ["", "Was aufgefallen ist"]
        for number, found in enumerate(content.findings, start=1):
            place = ", ".join(filter(None, (f"Blatt „{found['sheet']}“" if found["sheet"] else "", found["cell"])))
            lines.append(f"  {number}. [{found['urgency']}] {place + ': ' if place else ''}{found['message']}")
            lines.append(f"     {found['remedy']} (Regel {found['code']})")
    lines += ["", f"Fragen: {content.contact}. Bitte nennen Sie die Eingangsnummer {content.number}.", ""]
    return "\n".join(lines)


def machine_twin(framework: Framework, delivery: CheckedDelivery) -> dict[str, Any]:
    """The findings in the structure of the ESS validation report (id, event, rule, data, value), for machines."""
    submission = delivery.submission
    severities = {Severity.FATAL: "error", Severity.ERROR: "error", Severity.WARNING: "warning"}
    return {
        "submission": submission.id,
        "sha256": submission.sha256,
        "verdict": str(submission.verdict),
        "framework": {"code": framework.code, "version": framework.version, "hash": framework.content_hash},
        "read_cells": delivery.read_cells,
        "expected_cells": delivery.expected_cells,
        "rules_run": delivery.rules_run,
        "registers": {code: asdict(change) for code, change in delivery.register_changes.items()},
        "validations": [
            {
                "id": f"{submission.id}#{number}",
                "event": {
                    "time": submission.received_at.isoformat(),
                    "actor": "",
                    "agent": "monitor",
                    "trigger": "delivery",
                },
                "rule": {
                    "language": "framework",
                    "expression": _expression(framework, found.code),
                    "severity": severities.get(found.severity, "information"),
                    "code": found.code,
                },
                "data": {
                    "source": submission.file_name,
                    "target": [found.sheet, found.cell, found.variable, found.members],
                },
                "value": "0",
                "message": found.message,
                "remedy": found.remedy,
                "found": found.found,
                "expected": found.expected,
            }
            for number, found in enumerate(delivery.findings, start=1)
        ],
    }


def _expression(framework: Framework, code: str) -> str:
    return framework.rules[code].expression if code in framework.rules else ""


def _counts(findings: Iterable[Finding]) -> dict[str, int]:
    counts = {"must": 0, "ask": 0, "note": 0}
    for found in findings:
        if found.state is FindingState.OPEN:
            counts[URGENCY[found.severity][1]] += 1
    return counts


def _number(count: int, one: str, many: str) -> str:
    return f"{german(count)} {one if count == 1 else many}"


def _headline(
    framework: Framework, delivery: CheckedDelivery, counts: dict[str, int], duplicate_of: str
) -> tuple[str, str]:
    verdict = delivery.submission.verdict
    errors, questions = _number(counts["must"], "Fehler", "Fehler"), _number(counts["ask"], "Rückfrage", "Rückfragen")
    if duplicate_of:
        return (
            f"Bereits eingegangen unter {duplicate_of}",
            "Eine Datei mit demselben Inhalt liegt uns schon vor. Es wurde nichts geändert.",
        )
    if verdict is Verdict.REFUSED:
        return (
            "Datei nicht lesbar",
            "Ihre Datei ist angekommen, konnte aber nicht gelesen werden. Nichts wurde übernommen.",
        )
    if verdict is Verdict.RETURNED:
        also = f", {questions}" if counts["ask"] else ""
        return (
            f"Korrektur erforderlich – {errors}{also}.",
            "Ihre Daten sind eingegangen, aber noch nicht übernommen. Der bisherige Stand gilt weiter.",
        )
    taken = _taken(framework, delivery)
    if not taken:
        return "Fehlanzeige angenommen.", "Ihre Fehlanzeige ist vermerkt."
    done = f"{taken} übernommen, {_number(delivery.rules_run, 'Regel', 'Regeln')} geprüft"
    if verdict is Verdict.ACCEPTED_WITH_REMARKS:
        return f"Angenommen – {questions} offen.", f"Ihre Daten sind übernommen ({done})."
    return "Keine Beanstandungen.", f"{done[0].upper()}{done[1:]}."


def _taken(framework: Framework, delivery: CheckedDelivery) -> str:
    """Typed values and entries of registers; what is counted from the entries is not told twice."""
    counted = remembered(framework, lambda: _counted(framework), "counted from entries")
    values = sum(
        len(part)
        if part.places.named.isdisjoint(counted)
        else sum(variable not in counted for variable in part.places.variables)
        for part in Observations.of(delivery.observations).stretches
    )
    parts = [_number(values, "Wert", "Werte")] if values else []
    parts += [_number(len(delivery.records), "Eintrag", "Einträge")] if delivery.records else []
    return " und ".join(parts)


def _counted(framework: Framework) -> frozenset[str]:
    return frozenset(code for code, entry in framework.variables.items() if entry.computed_from is not None)


def register_lines(framework: Framework, delivery: CheckedDelivery) -> Iterable[tuple[str, str]]:
    """Name of every delivered register, how many entries were read, and how it differs from last year's."""
    for code in delivery.registers:
        change = delivery.register_changes.get(code, RegisterChange(0))
        told = f"{_number(change.entries, 'Eintrag', 'Einträge')} gelesen" if change.entries else "Fehlanzeige"
        if change.known:
            told += f"; gegenüber dem Vorjahr {change.new} neu, {change.changed} geändert, {change.ended} beendet"
        yield framework.registers[code].name_de, told


def _steps(framework: Framework, delivery: CheckedDelivery, counts: dict[str, int], duplicate_of: str) -> Iterable[str]:
    waiting = delivery.submission.verdict in (Verdict.RETURNED, Verdict.REFUSED)
    if duplicate_of and waiting:
        yield f"Die Lieferung {duplicate_of} wartet noch auf Ihre Korrektur; was zu tun ist, steht in der Antwort dazu."
        yield "Legen Sie die berichtigte Datei wieder in denselben Eingangsordner."
        return
    if duplicate_of or delivery.submission.verdict is Verdict.ACCEPTED:
        yield "Sie müssen nichts weiter tun."
        return
    if delivery.submission.verdict is Verdict.REFUSED:
        for found in delivery.findings:
            if found.severity is Severity.FATAL:
                yield found.remedy
        return
    yield "Öffnen Sie die zurückgegebene Arbeitsmappe „…_geprueft“ und dort das Blatt „Prüfprotokoll“."
    if counts["must"]:
        yield "Berichtigen Sie die roten Zellen („Muss“)."
    if counts["ask"]:
        yield "Berichtigen Sie die gelben Zellen („Rückfrage“) oder bestätigen Sie den Wert in der Spalte „Begründung“."
    yield "Legen Sie diese Datei wieder in denselben Eingangsordner; die neue Fassung ersetzt die alte."
    yield from deadline_told(framework, delivery.submission)


def _facts(framework: Framework, delivery: CheckedDelivery) -> Iterable[tuple[str, str]]:
    submission = delivery.submission
    yield "Eingangsnummer", submission.id
    yield "Eingegangen", f"{local_time(submission.received_at):%d.%m.%Y, %H:%M} Uhr"
    yield "Datei", f"„{_one_line(submission.file_name)}“"
    yield "Prüfsumme (SHA-256)", submission.sha256
    if submission.region:
        yield "Gebiet", f"{framework.territory.unit_name(submission.region)} ({submission.region})"
    if submission.year:
        yield "Berichtsjahr", str(submission.year)
    if submission.layout:
        kind = {OUR_FORM: "Erhebungsbogen", REGISTER_FORM: "Arbeitsmappe der Register"}.get(submission.layout)
        ours = f"{kind}, Fassung {submission.framework_version}"
        yield "Erkannt als", ours if kind else f"hinterlegter Tabellenaufbau „{submission.layout}“"
    if submission.sign_profile:
        yield "Zeichenprofil", submission.sign_profile
    if delivery.nil_fields:
        yield "Fehlanzeige", ", ".join(framework.fields[code].name_de for code in delivery.nil_fields)
    if submission.layout and submission.layout != REGISTER_FORM:
        yield (
            "Gelesen",
            f"{german(delivery.read_cells)} Werte; erwartet werden {german(delivery.expected_cells)} Pflichtangaben",
        )
    yield from ((f"Register „{name}“", told) for name, told in register_lines(framework, delivery))
    if submission.layout:
        yield "Prüfregeln", f"{delivery.rules_run} angewendet, {delivery.rules_not_evaluable} nicht anwendbar"
        yield "Regelwerk", f"{framework.code} {framework.version}, Prüfsumme {framework.content_hash[:12]}"


def _one_line(text: str) -> str:
    """Text of a sender without line breaks or control characters: it must not forge a line of the answer."""
    return "".join(character if character.isprintable() else " " for character in text)


def _row(found: Finding) -> dict[str, str]:
    urgency, style = URGENCY[found.severity]
    if found.state is FindingState.CONFIRMED:
        urgency, style = "bestätigt", "note"
    return {
        "urgency": urgency,
        "style": style,
        "sheet": found.sheet,
        "cell": found.cell,
        "row_label": found.row_label,
        "column_label": found.column_label,
        "message": found.message + (f" ({found.count} Zellen)" if found.count > 1 else ""),
        "remedy": found.remedy,
        "code": found.code,
    }
