"""Write proposals as a layout file: strict YAML for what is guessed, comments for what is left to the expert."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from intake.layout_guess_proposal import Labels, Proposal
from intake.layout_guess_table import Column, Table
from intake.layout_guess_terms import SURE, Placement
from intake.layout_guess_words import YEAR, years
from intake.layout_model import normalised, normalised_header
from intake.reading import Workbook
from schemas.framework_model import Framework

CHECK = "# Vorschlag: bitte prüfen"
OPEN = "# nicht zugeordnet:"
WHY = "bitte begründen"
MOST_ROWS = 60
_DATED = re.compile(r"\d{1,2}\.\s*\d{1,2}\.\s*\d{4}|(?<!\d)(?:19|20)\d{2}(?!\d)")
_HEAD = f"""\
# Vorgeschlagen von `monitor layout suggest` aus den Überschriften der Arbeitsmappe. Nichts davon ist geprüft:
# „{CHECK[2:]}“ steht bei jeder Vermutung, „{OPEN[2:]}“ bei allem, was keinen Platz gefunden hat.
# Was die Schlüssel bedeuten, steht in der README dieses Ordners. Danach: monitor check DATEI"""


def layout_text(
    workbook: Workbook, framework: Framework, useful: Sequence[Proposal], others: Sequence[Proposal]
) -> str:
    """The whole file."""
    blocks: dict[str, str] = {}
    for proposal in useful:
        text = "\n".join(_sheet(proposal))
        blocks.setdefault(text, _name(proposal))
    names = list(dict.fromkeys(blocks.values()))
    lines = [_HEAD, f"code: {_code(workbook.file_name)}", f"name_de: {_quoted(PurePath(workbook.file_name).stem)}"]
    lines += [f"sign_profile: {_profile(framework, useful)}  {CHECK}", "", "recognise:"]
    lines += _recognise(names, useful)
    lines += ["", "sheets:", *blocks]
    if not useful:
        largest = max(others, key=lambda proposal: len(proposal.table.columns), default=None)
        lines.append(f"  {OPEN} keine Tabelle passt zu den Angaben des Rahmens")
        lines += [f"  # {line}" for line in _sheet(largest)] if largest else []
    read = {proposal.table.sheet.name for proposal in useful}
    left = [sheet for sheet in workbook.sheets if sheet.cells and sheet.name not in read]
    if left:
        lines += ["", "ignore_sheets:"]
    for sheet in left:
        lines += _headers_left([p for p in others if p.table.sheet.name == sheet.name])
        lines.append(f"  - {{name: {_quoted(sheet.name)}, why: {WHY}}}")
    return "\n".join(lines) + "\n"


def line_of(text: str) -> str:
    """A text on one line without marks that cannot be seen."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text.replace("\u00ad", "")).split())


def _quoted(text: str) -> str:
    return "'" + line_of(text).replace("'", "''") + "'"


def _code(file_name: str) -> str:
    words = re.findall(r"[A-Z0-9]+", PurePath(file_name).stem.upper().translate(str.maketrans("ÄÖÜ", "AOU")))
    return "-".join(["VORSCHLAG", *words])[:60]


def _profile(framework: Framework, useful: Sequence[Proposal]) -> str:
    """The profile that knows most of the signs among the numbers."""
    cells = [cell for p in useful for column, _ in p.values for cell in column.cells]
    texts = {cell.text for cell in cells if isinstance(cell.value, str)}
    known = {
        code: sum(text in variants for text in texts for variants in profile.signs.values())
        for code, profile in framework.sign_profiles.items()
    }
    return max(known, key=lambda code: known[code])


def _recognise(names: Sequence[str], useful: Sequence[Proposal]) -> Iterator[str]:
    if not names:
        yield f"  sheets: []  {OPEN} Blatt oder Text, an dem die Arbeitsmappe erkannt wird"
        return
    yield f"  sheets: [{', '.join(_quoted(name) for name in names)}]  {CHECK}"
    titled = next((p for p in useful if p.table.titles), None)
    if titled:
        title = next((t for t in titled.table.titles if len(t) > 12), titled.table.titles[0])
        yield "  texts:"
        yield f"    - {{sheet: {_quoted(_name(titled))}, text: {_quoted(_undated(title))}}}  {CHECK}"


def _name(proposal: Proposal) -> str:
    name = line_of(proposal.table.sheet.name)
    return YEAR.sub("{year}", name, count=1) if proposal.year == "sheet" else name


def _undated(text: str) -> str:
    """A text without what changes every year."""
    found = years(text)
    if len(set(found)) == 1 and len(YEAR.findall(line_of(text))) == 1:
        return YEAR.sub("{year}", line_of(text))
    plain = _DATED.sub("{*}", line_of(text))
    return plain if re.search(r"\w", plain.replace("{*}", "")) else line_of(text)


def _sheet(proposal: Proposal) -> Iterator[str]:
    table = proposal.table
    yield f"  - name: {_quoted(_name(proposal))}"
    yield f"    header: {{{', '.join(_header(table))}}}  {CHECK}"
    yield from _region(proposal)
    yield from _year(proposal)
    yield "    columns:"
    yield from _columns(proposal)
    if proposal.labels:
        yield "    labels:"
        for group in proposal.labels:
            yield from _labels(group)
    yield from _rows(proposal)


def _header(table: Table) -> Iterator[str]:
    yield f"anchor: {_quoted(_templated(table.anchor))}"
    if table.contains:
        yield f"contains: [{', '.join(map(_quoted, table.contains))}]"
    yield f"rows: {table.header_rows}"
    if table.drop:
        yield f"drop: [{', '.join(map(_quoted, table.drop))}]"


def _region(proposal: Proposal) -> Iterator[str]:
    region = proposal.region
    if region is None:
        said = f"fixed: '{proposal.region_code}'" if proposal.region_code else "folder: true"
        yield f"    region: {{{said}}}  {CHECK}"
        return
    yield f"    region:  {CHECK}"
    yield "      keys: [gebiet]"
    if region.by == "name":
        yield "      by: name"
    if region.prefix:
        yield f"      prefix: '{region.prefix}'"
    if region.pad:
        yield f"      pad: {region.pad}"
    if region.names:
        yield "      map:"
        yield from (f"        {_quoted(text)}: '{code}'  {CHECK}" for text, code in region.names.items())
    for text in region.other[:MOST_ROWS]:
        yield f"      {OPEN} {line_of(text)}"


def _year(proposal: Proposal) -> Iterator[str]:
    if proposal.year == "key":
        yield f"    year: {{key: jahr}}  {CHECK}"
    elif proposal.year == "title":
        yield f"    year: {{text: {_quoted(_undated(proposal.year_text))}}}  {CHECK}"
    elif proposal.year == "unknown":
        yield f"    year: {{fixed: JJJJ}}  {OPEN} das Berichtsjahr, bitte eintragen"


def _columns(proposal: Proposal) -> Iterator[str]:
    if proposal.region:
        yield _key(proposal.region.column, "gebiet")
    if proposal.year_column:
        yield _key(proposal.year_column, "jahr")
    for group in proposal.labels:
        yield _key(group.column, group.key, fill_down=group.fill_down)
    written = set[str]()
    for column, placement in proposal.values:
        header = _templated(column.header) if proposal.year == "header" else line_of(column.header)
        if normalised_header(header) not in written:
            yield f"      - header: {_quoted(header)}"
            yield f"        value: {_value(placement)}  {_doubt(placement)}"
        written.add(normalised_header(header))
    for column, why in proposal.ignored:
        yield f"      - {{header: {_quoted(column.header)}, ignore: {_quoted(why)}}}  {CHECK}"
    for column, why in proposal.rest:
        yield f"      {OPEN} Spalte {column.letters}, {why}"
        if column.header:
            yield f"      # - {{header: {_quoted(column.header)}, ignore: {WHY}}}"


def _key(column: Column, key: str, *, fill_down: bool = False) -> str:
    down = ", fill_down: true" if fill_down else ""
    return f"      - {{header: {_quoted(column.header)}, key: {key}{down}}}  {CHECK}"


def _value(placement: Placement) -> str:
    parts = [f"variable: {placement.variable}"] if placement.variable else []
    if placement.members:
        parts.append(f"members: {{{', '.join(f'{d}: {m}' for d, m in placement.members)}}}")
    return f"{{{', '.join(parts)}}}"


def _doubt(placement: Placement) -> str:
    told = ["unsicher"] if placement.score < SURE else []
    told += [f"auch möglich: {', '.join(placement.others)}"] if placement.others else []
    return f"{CHECK} ({'; '.join(told)})" if told else CHECK


def _labels(group: Labels) -> Iterator[str]:
    yield f"      - key: {group.key}"
    yield "        values:"
    for text, entry in group.entries.items():
        if entry is None:
            yield f"          {OPEN} Zeilentext in Spalte {group.column.letters}"
            yield f"          # - {{text: {_quoted(text)}, members: {{}}}}"
        else:
            said = _value(entry)[1:-1]
            yield f"          - {{text: {_quoted(text)}{f', {said}' if said else ''}}}  {CHECK}"


def _rows(proposal: Proposal) -> Iterator[str]:
    labels = {normalised(text) for group in proposal.labels for text in group.entries}
    texts = [text for text in proposal.table.notes if normalised(text) not in labels]
    said = [text for text in texts if re.search(r"[^\W\d]", text)]
    if said:
        yield "    ignore_rows:"
    for text in dict.fromkeys(map(_undated, said[:MOST_ROWS])):
        why = "Quellenangabe" if normalised(text).startswith("quelle") else "Fußnote oder Zwischenzeile"
        yield f"      - {{text: {_quoted(text)}, why: {why}}}  {CHECK}"
    for text in [text for text in texts if text not in said][:MOST_ROWS]:
        yield f"      {OPEN} Zeile „{line_of(text)}“"


def _headers_left(proposals: Sequence[Proposal]) -> Iterator[str]:
    """The headers of a table of which nothing could be placed."""
    for proposal in proposals[:1]:
        headers = [line_of(column.header) for column in proposal.table.columns if column.header]
        more = f" … und {len(headers) - 12} weitere" if len(headers) > 12 else ""
        yield f"  {OPEN} Tabelle ab Zeile {proposal.table.top} mit den Überschriften {'; '.join(headers[:12])}{more}"


def _templated(header: str) -> str:
    """A header with its year as placeholder; a footnote mark at the year is left out."""
    plain = line_of(header)
    if not YEAR.search(plain) and years(header):
        plain = normalised_header(header)
    return YEAR.sub("{year}", plain) if len(set(years(header))) == 1 else plain
