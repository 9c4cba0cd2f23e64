"""Read the registers of a framework and their code lists; a framework may have none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.definitions import Dimension, ReportField
from schemas.definitions_registers import FIELDS, Codelist, CodelistEntry, Register, RegisterGroup
from schemas.entry_reading import EntryReader
from schemas.shapes import TOTAL
from schemas.yaml_source import Problem

FOLDER = "registers"
CODELISTS = "codelists.yaml"


@dataclass
class Kept:
    """What was read: registers in the order of their groups, the group of each, and the code lists with entries."""

    registers: dict[str, Register] = field(default_factory=dict)
    groups: dict[str, RegisterGroup] = field(default_factory=dict)
    group_of: dict[str, str] = field(default_factory=dict)
    codelists: dict[str, Codelist] = field(default_factory=dict)


def read_registers(reader: EntryReader, fields: Mapping[str, ReportField], dimensions: Mapping[str, Dimension]) -> Kept:
    """Registers and code lists of the reader's folder; what does not fit becomes a problem of the reader."""
    kept = Kept()
    for code, entry in reader.entries(CODELISTS, Codelist, required=False).items():
        kept.codelists[code] = _filled(entry, fields, dimensions)
    found: dict[str, Register] = {}
    for path in sorted((reader.folder / FOLDER).glob("*.yaml")):
        source = reader.read(path)
        if not isinstance(source.data, dict):
            reader.problems.append(Problem(source.name, 1, "Hier werden die Schlüssel group und registers erwartet."))
            continue
        reader.problems += [
            Problem(source.name, source.line((key,)), f"Der Schlüssel „{key}“ ist hier nicht bekannt.")
            for key in source.data
            if key not in ("group", "registers")
        ]
        group = reader.model(source, ("group",), source.data.get("group"), RegisterGroup)
        if group is not None:
            kept.groups[path.stem] = group
        for code, register in reader.section(source, "registers", Register).items():
            if code in found:
                reader.duplicate(reader.where[f"{Register.__name__}:{code}"], code)
            found[code] = register
            kept.group_of[code] = path.stem
    kept.groups = dict(sorted(kept.groups.items(), key=lambda item: item[1].position))
    order = list(kept.groups)
    kept.registers = dict(
        sorted(found.items(), key=lambda item: order.index(at) if (at := kept.group_of[item[0]]) in order else -1)
    )
    return kept


def _filled(entry: Codelist, fields: Mapping[str, ReportField], dimensions: Mapping[str, Dimension]) -> Codelist:
    """The list with the entries that it takes from elsewhere; as it is when there is nothing to take."""
    if entry.entries or entry.origin is None:
        return entry
    if entry.origin == FIELDS:
        names = {code: (found.name_de, found.name_en) for code, found in fields.items()}
    elif entry.origin in dimensions:
        members = dimensions[entry.origin].members
        names = {code: (found.de, found.en) for code, found in members.items() if code != TOTAL}
    else:
        return entry
    taken = [CodelistEntry(code=code, name_de=de, name_en=en) for code, (de, en) in names.items()]
    return entry.model_copy(update={"entries": taken})
