"""Do the pages of the registers name registers and fields that exist and fit?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from schemas.definitions_register_pages import Part, RegisterPage
from schemas.definitions_registers import CODED, REFERRING, Register
from schemas.yaml_source import Located, Problem

_AREAS = ("area", "areas")


def register_page_problems(
    pages: Mapping[str, RegisterPage], registers: Mapping[str, Register], where: Mapping[str, Located]
) -> Iterator[Problem]:
    """All problems of register_pages.yaml; each register and each folder may be used once."""
    shown: dict[str, str] = {}
    slugs: dict[str, str] = {}
    for code, page in pages.items():
        at = where[f"RegisterPage:{code}"]
        if slugs.setdefault(page.slug, code) != code:
            yield at.problem(f"Den Ordner „{page.slug}“ hat schon die Seite {slugs[page.slug]}.", "slug")
        for number, part in enumerate(page.parts):
            if part.records not in registers:
                yield at.problem(f"Das Register „{part.records}“ gibt es nicht.", "parts", number, "records")
                continue
            if shown.setdefault(part.records, code) != code:
                said = f"Das Register {part.records} steht schon auf der Seite {shown[part.records]}."
                yield at.problem(said, "parts", number, "records")
            for said in _part(part, page, registers):
                yield at.problem(said, "parts", number)


def _part(part: Part, page: RegisterPage, registers: Mapping[str, Register]) -> Iterator[str]:
    register = registers[part.records]
    for name in part.named:
        field = register.field(name)
        if field is None:
            yield f"Das Register {register.code} hat kein Feld „{name}“."
        elif not field.public:
            yield f"Das Feld {name} ist nicht öffentlich."
    kinds = {entry.code: entry.type for entry in register.fields}
    if part.group and kinds.get(part.group) not in CODED:
        yield f"group: {part.group} ist kein Feld mit Codes."
    if part.places and kinds.get(part.places) not in _AREAS:
        yield f"places: {part.places} nennt keine Gebiete."
    for name in part.filters:
        if kinds.get(name) not in (*CODED, *_AREAS, "yes_no"):
            yield f"filters: Nach {name} lässt sich nicht auswählen."
    parent = register.field(part.under) if part.under else None
    if parent is not None:
        before = [entry.records for entry in page.parts[: page.parts.index(part)]]
        if parent.type not in REFERRING or parent.several or parent.refers_to not in before:
            yield f"under: {part.under} verweist auf kein Register, das vorher auf der Seite steht."
