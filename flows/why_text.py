"""The walk back from a number, in words: what `monitor why` prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from schemas.framework_model import Framework

_HOW = {
    "delivered": "geliefert",
    "computed": "aus Einzelwerten summiert",
    "summed": "über Gebiete summiert",
    "assumed_zero": "nicht geliefert, zählt als null",
    "missing": "fehlt",
}
_MOST = 12


def as_text(framework: Framework, found: Mapping[str, Any]) -> str:
    """Indicator, value, formula, then every term with the cells it comes from."""
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


def _term(framework: Framework, term: Mapping[str, Any]) -> Iterator[str]:
    name = framework.variables[term["variable"]].name_de
    yield ""
    how = _HOW.get(term["how"], term["how"])
    members = f"[{term['members']}]" if term["members"] else ""
    yield f"{term['variable']}{members} {term['year']} = {_number(term['value'])} ({how}) – {name}"
    cells = term["cells"]
    for cell in cells[:_MOST]:
        yield (
            f"    {_number(cell['value'])}  „{cell['sheet']}“ {cell['cell']}  {cell['file_name']}"
            f"  Eingang {cell['submission_id']}  SHA-256 {cell['sha256'][:16]}…"
        )
    if len(cells) > _MOST:
        yield f"    und {len(cells) - _MOST} weitere Zellen (alle mit --json)"


def _number(value: Any, decimals: int | None = None) -> str:
    if value is None:
        return "–"
    text = f"{value:,.{decimals}f}" if decimals is not None else f"{value:,.4f}".rstrip("0").rstrip(".")
    return text.replace(",", "\u202f").replace(".", ",")


def _status(framework: Framework, code: str) -> str:
    return framework.statuses[code].name_de if code in framework.statuses else code
