"""`monitor layout suggest`: a layout for a foreign workbook, proposed from its header texts for an expert to edit.

Every guess carries a comment, everything that could not be placed is listed. Only this proposal compares by similarity;
reading never does. What it wrote is loaded and tried at once, so that the expert knows how far it carries.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from intake.layout_guess_proposal import Proposal, Proposer
from intake.layout_guess_region import RegionColumn, Regions
from intake.layout_guess_table import find_tables
from intake.layout_guess_terms import Terms
from intake.layout_guess_yaml import layout_text, line_of
from intake.layouts import extract, load_layouts, recognise
from intake.reading import Workbook
from schemas.framework_model import Framework
from schemas.yaml_source import FrameworkError

MOST_NAMED, MOST_REGIONS = 40, 12


@dataclass(frozen=True)
class Suggestion:
    """The proposed layout as YAML text, what found no place in it, and what the expert should know."""

    yaml_text: str
    unplaced: tuple[str, ...]
    notes: tuple[str, ...]


def suggest(workbook: Workbook, framework: Framework) -> Suggestion:
    """Propose a layout for a workbook. Never fails on a workbook that could be read."""
    proposer = Proposer(Terms(framework), Regions(framework.territory), (_spaced(workbook.file_name),))
    proposals = [proposer.propose(table) for sheet in workbook.sheets for table in find_tables(sheet)]
    useful = [proposal for proposal in proposals if proposal.values]
    text = layout_text(workbook, framework, useful, [p for p in proposals if not p.values])
    notes = [*_counts(workbook, proposals, useful), *_hints(useful, framework), *_trial(workbook, framework, text)]
    return Suggestion(text, tuple(_unplaced(workbook, proposals, useful)), tuple(notes))


def as_text(suggestion: Suggestion) -> str:
    """What the command says beside the layout: counts first, then what is left to do."""
    lines = list(suggestion.notes)
    if suggestion.unplaced:
        lines += ["", f"Nicht zugeordnet ({len(suggestion.unplaced)}):"]
        lines += [f"  {text}" for text in suggestion.unplaced[:MOST_NAMED]]
        more = len(suggestion.unplaced) - MOST_NAMED
        lines += [f"  … und {more} weitere, siehe die Kommentare im Vorschlag"] if more > 0 else []
    return "\n".join(lines)


def _spaced(name: str) -> str:
    return re.sub(r"[_\W]+", " ", name)


def _unplaced(workbook: Workbook, proposals: Sequence[Proposal], useful: Sequence[Proposal]) -> Iterator[str]:
    for proposal in useful:
        sheet = proposal.table.sheet.name
        for column, why in proposal.rest:
            yield f"Blatt „{sheet}“, Spalte {column.letters} „{line_of(column.header)}“: {why}."
        for group in proposal.labels:
            for text in (text for text, entry in group.entries.items() if entry is None):
                yield f"Blatt „{sheet}“, Zeilentext „{line_of(text)}“ in Spalte {group.column.letters}."
        if proposal.region:
            yield from _regions_left(sheet, proposal.region)
    for sheet in _sheets_left(workbook, useful):
        found = any(proposal.table.sheet.name == sheet for proposal in proposals)
        yield f"Blatt „{sheet}“: {'eine Tabelle, aber keine passende Angabe' if found else 'keine Tabelle erkannt'}."


def _regions_left(sheet: str, region: RegionColumn) -> Iterator[str]:
    """Unknown regions, in one line where the table reaches far beyond the framework."""
    place = f"in Spalte {region.column.letters}"
    if len(region.other) > MOST_REGIONS:
        some = ", ".join(f"„{line_of(text)}“" for text in region.other[:3])
        yield f"Blatt „{sheet}“, {len(region.other)} Gebiete {place}, zum Beispiel {some}."
        return
    for text in region.other:
        yield f"Blatt „{sheet}“, Gebiet „{line_of(text)}“ {place}."


def _sheets_left(workbook: Workbook, useful: Sequence[Proposal]) -> list[str]:
    read = {proposal.table.sheet.name for proposal in useful}
    return [sheet.name for sheet in workbook.sheets if sheet.cells and sheet.name not in read]


def _counts(workbook: Workbook, proposals: Sequence[Proposal], useful: Sequence[Proposal]) -> Iterator[str]:
    columns = sum(len(proposal.table.columns) for proposal in useful)
    placed = columns - sum(len(proposal.rest) for proposal in useful)
    entries = [entry for p in useful for group in p.labels for entry in group.entries.values()]
    yield (
        f"Blätter: {len(workbook.sheets)}, Tabellen erkannt: {len(proposals)}, davon mit passenden Angaben:"
        f" {len(useful)}."
    )
    yield f"Spalten zugeordnet: {placed} von {columns}; Zeilentexte: {sum(map(bool, entries))} von {len(entries)}."


def _hints(useful: Sequence[Proposal], framework: Framework) -> Iterator[str]:
    for proposal in useful:
        sheet, region = proposal.table.sheet.name, proposal.region
        if proposal.table.thousands:
            yield f"Blatt „{sheet}“: die Zahlen stehen wohl in Tausend; das kann ein Tabellenaufbau nicht umrechnen."
        if region is not None:
            how = "fehlende führende Stellen ergänzt" if region.prefix or region.pad else "wie geschrieben"
            told = f"{region.found} von {region.different} Texten bekannt"
            what = "Gebietsnamen" if region.by == "name" else f"Gebietsschlüssel ({how})"
            yield f"Blatt „{sheet}“: {what} in Spalte {region.column.letters}, {told}."
        elif proposal.region_code:
            name = framework.territory.unit_name(proposal.region_code)
            yield f"Blatt „{sheet}“: Gebiet aus den Überschriften: {name} ({proposal.region_code})."
        else:
            yield f"Blatt „{sheet}“: kein Gebiet erkannt; angenommen wird der Ordner des Absenders."
        if proposal.year == "unknown":
            yield f"Blatt „{sheet}“: kein Berichtsjahr erkannt, bitte eintragen (JJJJ)."


def _trial(workbook: Workbook, framework: Framework, text: str) -> Iterator[str]:
    """Load what was written and read the workbook with it."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "vorschlag.yaml").write_text(text, encoding="utf-8")
        tried = replace(framework, layouts_folder=Path(folder))
        try:
            layouts = load_layouts(tried)
        except FrameworkError as error:
            yield f"Probe: Der Vorschlag lässt sich so noch nicht laden ({len(error.problems)} Stellen)."
            return
    if recognise(workbook, layouts) is None:
        yield "Probe: Der Vorschlag lädt, erkennt die Arbeitsmappe aber noch nicht wieder."
        return
    senders = framework.territory.reporters(date.today())
    found = extract(workbook, layouts[0], framework, folder_region=senders[0] if senders else None)
    yield (
        f"Probe: Der Vorschlag lädt und liest {len(found.observations)} von {found.expected_cells} Werten"
        f" mit {len(found.findings)} Beanstandungen."
    )
