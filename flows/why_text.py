"""The walk back from a number, in words: what `monitor why` prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flows.wording import count
from schemas.framework_model import Framework

_HOW = {
    "delivered": "geliefert",
    "computed": "aus Einzelwerten summiert",
    "summed": "über Gebiete summiert",
    "assumed_zero": "nicht geliefert, zählt als null",
    "missing": "fehlt",
}
_SEVERITIES = {"fatal": "nicht lesbar", "error": "Fehler", "warning": "Rückfrage", "info": "Hinweis"}
_STATES = {"open": "offen", "confirmed": "vom Absender bestätigt"}
_MOST = 12


def as_text(framework: Framework, found: Mapping[str, Any]) -> str:
    """Indicator, value, formula, every term with the cells it comes from, corrections, what the check said."""
    return "\n".join(_lines(framework, found))


def _lines(framework: Framework, found: Mapping[str, Any]) -> Iterator[str]:
    indicator, value = found["indicator"], found["value"]
    members = ", ".join(framework.label(dim, member) for dim, member in found["members"].items()) or "insgesamt"
    yield f"{indicator['code']} {indicator['name_de']}"
    yield f"{found['region']['name']} ({found['region']['code']}), {found['year']}, {members}"
    yield f"Formel: {indicator['formula']}"
    if value is None:
        yield "Für diese Gliederung ist kein Wert gespeichert."
    else:
        yield f"Wert: {_number(value['value'], indicator['decimals'])} (Status: {_status(framework, value['status'])})"
        yield f"Zähler: {_number(value['numerator'])}, Nenner: {_number(value['denominator'])}"
        yield f"Meldende Gebiete: {value['n_reported']} von {value['n_members']}"
    published = found["published"]
    if published is not None:
        shown = (
            _number(published["value"], indicator["decimals"]) if published["value"] is not None else published["sign"]
        )
        yield f"Veröffentlicht: {shown}" + (f" (Grund: {published['reason']})" if published["reason"] else "")
    for term in found["terms"]:
        yield from _term(framework, term)
    yield from _corrections(framework, found["corrections"])
    yield from _checks(found["checks"])


def _term(framework: Framework, term: Mapping[str, Any]) -> Iterator[str]:
    name = framework.variables[term["variable"]].name_de
    yield ""
    how = _HOW.get(term["how"], term["how"])
    members = f"[{term['members']}]" if term["members"] else ""
    yield f"{term['variable']}{members} {term['year']} = {_number(term['value'])} ({how}) – {name}"
    cells = term["cells"]
    yield from (_cell(cell) for cell in cells[:_MOST])
    if len(cells) > _MOST:
        yield f"    und {count(len(cells) - _MOST, 'weitere Zelle', 'weitere Zellen')} (alle mit --json)"


def _cell(cell: Mapping[str, Any]) -> str:
    mark = f"  Berichtigung {cell['correction']}" if cell["correction"] else ""
    if not cell["submission_id"]:
        return f"    {_number(cell['value'])}  ohne Lieferung{mark}"
    return (
        f"    {_number(cell['value'])}  „{cell['sheet']}“ {cell['cell']}  {cell['file_name']}"
        f"  Eingang {cell['submission_id']}  SHA-256 {cell['sha256'][:16]}…{mark}"
    )


def _corrections(framework: Framework, corrections: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Declared corrections behind the cells: what was, what is, who says so and why."""
    if corrections:
        yield ""
        yield "Berichtigungen:"
    for entry in corrections:
        before = _held(framework, entry["old_value"], entry["old_status"])
        change = f"{before} → {_held(framework, entry['value'], entry['status'])}"
        yield f"    {entry['id']}  {change}  {entry['who']}, {entry['declared_on']:%d.%m.%Y}: {entry['reason']}"


def _held(framework: Framework, value: Any, status: str | None) -> str:
    if value is not None:
        return _number(value)
    return f"„{_status(framework, status)}“" if status else "nicht geliefert"


def _checks(checks: Mapping[str, Any]) -> Iterator[str]:
    """Which rules looked at the cells, and every finding with its state; rules without one in one line."""
    rules, findings = checks["rules"], checks["findings"]
    if not rules and not findings:
        return
    yield ""
    looked = count(len(rules), "Regel hat", "Regeln haben")
    yield f"Prüfung: {looked} diese Zellen angesehen, {count(len(findings), 'Befund', 'Befunde')}."
    for entry in findings[:_MOST]:
        reason = f", „{entry['reason']}“" if entry["reason"] else ""
        state = f"{_SEVERITIES[entry['severity']]}, {_STATES[entry['state']]}{reason}"
        yield f"    {entry['code']} ({state})  „{entry['sheet']}“ {entry['cell']}  Eingang {entry['submission_id']}"
        yield f"        {entry['message']}"
    if len(findings) > _MOST:
        yield f"    und {count(len(findings) - _MOST, 'weiterer Befund', 'weitere Befunde')} (alle mit --json)"
    silent = [rule["code"] for rule in rules if not rule["findings"]]
    if silent:
        yield f"    ohne Befund: {', '.join(silent)}"


def _number(value: Any, decimals: int | None = None) -> str:
    if value is None:
        return "–"
    text = f"{value:,.{decimals}f}" if decimals is not None else f"{value:,.4f}".rstrip("0").rstrip(".")
    return text.replace(",", "\u202f").replace(".", ",")


def _status(framework: Framework, code: str) -> str:
    return framework.statuses[code].name_de if code in framework.statuses else code
