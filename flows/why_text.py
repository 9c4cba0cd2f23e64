"""The walk back from a number, in words: what `monitor why` prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flows.wording import counted, day, language, named, number, place, text
from schemas.framework_model import Framework

_MOST = 12


def as_text(framework: Framework, found: Mapping[str, Any]) -> str:
    """Indicator, value, formula, every term with the cells it comes from, corrections, what the check said."""
    return "\n".join(_lines(framework, found))


def _lines(framework: Framework, found: Mapping[str, Any]) -> Iterator[str]:
    indicator, value, region = found["indicator"], found["value"], found["region"]["code"]
    labels = (framework.label(dim, member, language()) for dim, member in found["members"].items())
    yield f"{indicator['code']} {named(indicator)}"
    yield f"{place(framework, region)} ({region}), {found['year']}, {', '.join(labels) or text('why.total')}"
    yield text("why.formula", formula=indicator["formula"])
    if value is None:
        yield text("why.nothing")
    else:
        shown = number(value["value"], indicator["decimals"])
        yield text("why.value", value=shown, status=_status(framework, value["status"]))
        yield text("why.parts", numerator=number(value["numerator"]), denominator=number(value["denominator"]))
        yield text("why.reported", reported=value["n_reported"], members=value["n_members"])
    published = found["published"]
    if published is not None:
        known = published["value"] is not None
        shown = number(published["value"], indicator["decimals"]) if known else published["sign"]
        key = "why.published_reason" if published["reason"] else "why.published"
        yield text(key, shown=shown, reason=published["reason"])
    for term in found["terms"]:
        yield from _term(framework, term)
    yield from _corrections(framework, found["corrections"])
    yield from _checks(found["checks"])


def _term(framework: Framework, term: Mapping[str, Any]) -> Iterator[str]:
    name = named(framework.variables[term["variable"]])
    yield ""
    how = text(f"how.{term['how']}")
    members = f"[{term['members']}]" if term["members"] else ""
    yield f"{term['variable']}{members} {term['year']} = {number(term['value'])} ({how}) – {name}"
    cells = term["cells"]
    yield from (_cell(cell) for cell in cells[:_MOST])
    if len(cells) > _MOST:
        yield counted("why.cells", len(cells) - _MOST)
    for register in term["records"]:
        yield from _register(framework, register)


def _cell(cell: Mapping[str, Any]) -> str:
    mark = text("why.correction", name=cell["correction"]) if cell["correction"] else ""
    value = number(cell["value"])
    if not cell["submission_id"]:
        return f"    {value}  {text('why.no_delivery')}{mark}"
    place_of = {"sheet": cell["sheet"], "cell": cell["cell"], "file": cell["file_name"]}
    sent = {"submission": cell["submission_id"], "sha": cell["sha256"][:16]}
    return text("why.cell", value=value, **place_of, **sent) + mark


def _register(framework: Framework, found: Mapping[str, Any]) -> Iterator[str]:
    """The rows of a register that were counted."""
    rows, where = found["rows"], place(framework, found["region"])
    said = {"rows": len(rows), "register": named(found), "place": where, "submission": found["submission_id"]}
    yield counted("why.register", found["entries"], **said)
    for other in found["beside"]:
        yield text("why.beside", register=named(other), submission=other["submission_id"])
    for row in rows[:_MOST]:
        value = f"  {row['value']}" if row["value"] else ""
        yield text("why.row", id=row["id"], title=row["title"], sheet=row["sheet"], row=row["row"]) + value
    if len(rows) > _MOST:
        yield counted("why.more_rows", len(rows) - _MOST)


def _corrections(framework: Framework, corrections: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Declared corrections behind the cells: what was, what is, who says so and why."""
    if corrections:
        yield ""
        yield text("why.corrections")
    for entry in corrections:
        before = _held(framework, entry["old_value"], entry["old_status"])
        change = f"{before} → {_held(framework, entry['value'], entry['status'])}"
        yield f"    {entry['id']}  {change}  {entry['who']}, {day(entry['declared_on'])}: {entry['reason']}"


def _held(framework: Framework, value: Any, status: str | None) -> str:
    if value is not None:
        return number(value)
    return text("why.quoted", what=_status(framework, status)) if status else text("why.not_delivered")


def _checks(checks: Mapping[str, Any]) -> Iterator[str]:
    """Which rules looked at the cells, and every finding with its state; rules without one in one line."""
    rules, findings = checks["rules"], checks["findings"]
    if not rules and not findings:
        return
    yield ""
    looked = counted("why.rules", len(rules))
    yield text("why.checked", rules=looked, findings=counted("why.findings", len(findings)))
    for entry in findings[:_MOST]:
        reason = f", {text('why.quoted', what=entry['reason'])}" if entry["reason"] else ""
        said = {"severity": text(f"severity.{entry['severity']}"), "state": text(f"finding.{entry['state']}")}
        where = {"sheet": entry["sheet"], "cell": entry["cell"], "submission": entry["submission_id"]}
        yield text("why.finding", code=entry["code"], reason=reason, **said, **where)
        yield f"        {entry['message']}"
    if len(findings) > _MOST:
        yield counted("why.more_findings", len(findings) - _MOST)
    silent = [rule["code"] for rule in rules if not rule["findings"]]
    if silent:
        yield text("why.silent", codes=", ".join(silent))


def _status(framework: Framework, code: str) -> str:
    return named(framework.statuses[code]) if code in framework.statuses else code
