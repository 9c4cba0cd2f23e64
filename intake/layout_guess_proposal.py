"""What the columns and rows of a foreign table may mean: a proposal with everything that could not be placed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from intake.layout_guess_region import RegionColumn, Regions
from intake.layout_guess_table import Column, Table, is_year
from intake.layout_guess_terms import Placement, Terms
from intake.layout_guess_words import is_share, stems, years
from intake.layout_loading import combine
from intake.layout_model import SEPARATOR, Value, normalised, normalised_header
from schemas.framework_model import Members

NEARLY = 0.2
HALF = 0.5


@dataclass
class Labels:
    """A column whose texts say members (or variables) of the rows; a text without proposal has None."""

    key: str
    column: Column
    entries: dict[str, Placement | None]
    fill_down: bool

    @property
    def placed(self) -> dict[str, Placement]:
        return {text: entry for text, entry in self.entries.items() if entry is not None}


@dataclass
class Proposal:
    """What a table may say. `year` is one of key, header, sheet, title, unknown; `rest` says why a column is left."""

    table: Table
    year: str = "unknown"
    year_text: str = ""
    year_column: Column | None = None
    region: RegionColumn | None = None
    region_code: str = ""
    labels: list[Labels] = field(default_factory=list)
    values: list[tuple[Column, Placement]] = field(default_factory=list)
    ignored: list[tuple[Column, str]] = field(default_factory=list)
    rest: list[tuple[Column, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Proposer:
    """Proposes tables of one workbook; `titles` are texts that speak of the whole workbook (its file name)."""

    terms: Terms
    regions: Regions
    titles: tuple[str, ...] = ()

    def propose(self, table: Table) -> Proposal:
        """Roles of all columns of a table."""
        result = Proposal(table)
        columns = _addressable(table, result)
        columns = self._places(columns, result)
        context = stems(" ".join((*table.titles, table.sheet.name)))
        labels = [column for column in columns if not column.numeric]
        values = [column for column in columns if column.numeric and column.cells]
        result.ignored += [(column, "keine Angaben") for column in columns if not column.cells]
        self._values(values, labels, context, result)
        _consistent(self.terms, result)
        _year(result)
        return result

    def _places(self, columns: list[Column], result: Proposal) -> list[Column]:
        """Take out the columns that say year and region."""
        told = [c for c in columns if c.cells and sum(map(is_year, c.cells)) > 0.8 * len(c.cells)]
        if told:
            result.year, result.year_column = "key", told[0]
        others = [column for column in columns if column is not result.year_column]
        names = self.regions.name_column(others)
        result.region = self.regions.key_column(others) or names
        if result.region is None:
            result.region_code = self.regions.mentioned((*result.table.titles, result.table.sheet.name, *self.titles))
            return others
        if names and names is not result.region:
            result.ignored.append((names.column, "Name des Gebiets, der Schlüssel steht daneben"))
        taken = {result.region.column.number, names.column.number if names else 0}
        return [column for column in others if column.number not in taken]

    def _values(self, values: list[Column], labels: list[Column], context: frozenset[str], result: Proposal) -> None:
        """Variable and members of the value columns, members of the label columns."""
        spoken = _completed(values)
        placements = {column.number: self._candidates(column, spoken[column.number], context) for column in values}
        sums: dict[str, float] = {}
        for entry in (entry for found in placements.values() for entry in found):
            sums[entry.variable] = sums.get(entry.variable, 0.0) + entry.score
        for code in sums:
            matched = sum(self._matching(column, code, context) for column in labels)
            sums[code] *= 1 + matched / max(1, len(labels))
        main = max(sums, key=lambda code: sums[code], default="")
        for column in labels:
            self._label_column(column, main, context, result)
        named = [label for label in result.labels if any(entry.variable for entry in label.placed.values())]
        for column in values:
            best = self._members_only(column, named[0], context) if named else None
            best = best or _best(placements[column.number], sums)
            if best is None:
                result.rest.append((column, _why(column)))
            else:
                result.values.append((column, best))

    def _candidates(self, column: Column, header: str, context: frozenset[str]) -> list[Placement]:
        found = []
        for code, score in self.terms.candidates(stems(header), context).items():
            if column.share and self.terms.framework.variables[code].type != "measure":
                continue
            members = self.terms.place(header, code, context)
            if members is not None:
                found.append(Placement(code, members, score))
        return found

    def _matching(self, column: Column, code: str, context: frozenset[str]) -> float:
        """Share of the texts of a label column that are members of a variable."""
        texts = column.texts[:60]
        placed = [self._member(text, column, code, context) for text in texts]
        return sum(members is not None for members in placed) / max(1, len(texts))

    def _member(self, text: str, column: Column, code: str, context: frozenset[str]) -> Members | None:
        exclusive = "unter" in normalised(column.header)
        return self.terms.place(text, code, context | stems(column.header), exclusive=exclusive)

    def _label_column(self, column: Column, main: str, context: frozenset[str], result: Proposal) -> None:
        texts = list({normalised(text): text for text in reversed(column.texts)}.values())[::-1]
        entries: dict[str, Placement | None] = {}
        if main and self._matching(column, main, context) >= HALF:
            for text in texts:
                members = self._member(text, column, main, context)
                entries[text] = None if members is None else Placement("", members, 1.0)
        elif sum(bool(self.terms.named(text)) for text in texts[:60]) >= HALF * len(texts[:60]):
            for text in texts:
                code = self.terms.named(text)
                entries[text] = Placement(code, self.terms.place(text, code, context) or (), 1.0) if code else None
        if not any(entry and (entry.members or entry.variable) for entry in entries.values()):
            result.rest.append((column, "die Texte passen zu keinem Merkmal des Rahmens"))
            return
        filled = {cell.row for cell in column.cells}
        rows = {cell.row for other in result.table.columns if other.numeric for cell in other.cells}
        key = f"merkmal_{len(result.labels) + 1}"
        result.labels.append(Labels(key, column, entries, len(rows - filled) > len(filled) / 4))

    def _members_only(self, column: Column, named: Labels, context: frozenset[str]) -> Placement | None:
        """Where the rows name the variables, a column names members only, the same for all of them."""
        codes = {entry.variable for entry in named.placed.values()}
        if column.share:
            return None
        found = {self.terms.place(column.header, code, context | stems(column.header)) for code in codes}
        members = found.pop() if len(found) == 1 else None
        return None if members is None else Placement("", members, 1.0)


def _completed(columns: Sequence[Column]) -> dict[int, str]:
    """Headers as they are meant: a “mit” or “ohne” beside “ohne / Migrationshintergrund” borrows the last part."""
    spoken = {column.number: column.header for column in columns}
    for column, *others in _with_neighbours(columns):
        parts = column.header.split(SEPARATOR)
        for other in others:
            longer = other.header.split(SEPARATOR)
            if normalised(parts[-1]) in ("mit", "ohne") and len(longer) == len(parts) + 1:
                spoken[column.number] = f"{column.header} {longer[-1]}"
                break
    return spoken


def _with_neighbours(columns: Sequence[Column]) -> Iterator[Sequence[Column]]:
    for number, column in enumerate(columns):
        yield [column, *columns[max(0, number - 1) : number], *columns[number + 1 : number + 2]]


def _addressable(table: Table, result: Proposal) -> list[Column]:
    """Columns that a layout can name: with a header that no other column has."""
    seen = set[str]()
    kept = []
    for column in table.columns:
        header = normalised_header(column.header)
        if not header:
            result.rest.append((column, "sie hat keine Überschrift; ein Tabellenaufbau kann sie nicht benennen"))
        elif header in seen:
            result.rest.append((column, "die Überschrift kommt mehrfach vor"))
        else:
            kept.append(column)
        seen.add(header)
    return kept


def _best(found: Sequence[Placement], sums: Mapping[str, float]) -> Placement | None:
    """The likeliest variable of a column; what suits the other columns too is preferred."""
    most = max(sums.values(), default=1.0) or 1.0
    ranked = sorted(found, key=lambda entry: -(entry.score + 0.4 * sums[entry.variable] / most))
    if not ranked:
        return None
    first = ranked[0]
    near = tuple(entry.variable for entry in ranked[1:4] if entry.score > first.score - NEARLY)
    return Placement(first.variable, first.members, first.score, near)


def _why(column: Column) -> str:
    if column.share or is_share(column.header):
        return "Anteile werden aus den Anzahlen berechnet; ignorieren, wenn die Anzahlen auch geliefert werden"
    return "keine Angabe des Rahmens passt zur Überschrift"


def _consistent(terms: Terms, result: Proposal) -> None:
    """Drop labels and columns whose members do not go together, so that the proposal can be loaded."""
    values = [_value(placement) for _, placement in result.values]
    for group in result.labels:
        for text, entry in group.placed.items():
            if values and not any(_fits(terms, (value, _value(entry))) for value in values):
                group.entries[text] = None
    empty = [group for group in result.labels if not group.placed]
    result.rest += [(group.column, "die Texte passen nicht zu den Angaben der Spalten") for group in empty]
    result.labels = [group for group in result.labels if group.placed]
    kept = []
    for column, placement in result.values:
        value = _value(placement)
        texts = [[_value(entry) for entry in group.placed.values()] for group in result.labels]
        if all(_fits(terms, (value, label)) for group in texts for label in group) or _only_named(terms, value, texts):
            kept.append((column, placement))
        else:
            result.rest.append((column, "sie passt nicht zu den Merkmalen der Zeilen"))
    result.values = kept if _product_fits(terms, kept, result.labels) else []
    if kept and not result.values:
        result.rest += [(column, "Zeilen und Spalten zusammen ergeben keine Angabe des Rahmens") for column, _ in kept]


def _only_named(terms: Terms, value: Value, groups: Sequence[Sequence[Value]]) -> bool:
    """Rows name variables in one column and members in another: tried together only."""
    return not value.variable and bool(groups)


def _product_fits(terms: Terms, values: Sequence[tuple[Column, Placement]], labels: Sequence[Labels]) -> bool:
    groups = [[_value(entry) for entry in group.placed.values()] for group in labels]
    return all(_fits(terms, (_value(p), *parts)) for _, p in values for parts in product(*groups))


def _fits(terms: Terms, parts: Sequence[Value]) -> bool:
    try:
        combine(terms.framework, parts)
    except ValueError:
        return False
    return True


def _value(placement: Placement) -> Value:
    return Value(variable=placement.variable or None, members=dict(placement.members))


def _year(result: Proposal) -> None:
    """Where the year comes from, unless a column says it."""
    if result.year == "key":
        return
    dated = [(column, placement) for column, placement in result.values if years(column.header)]
    if dated:
        undated = [column for column, _ in result.values if not years(column.header)]
        result.rest += [(column, "das Jahr fehlt in der Überschrift") for column in undated]
        result.values, result.year = dated, "header"
    elif years(result.table.sheet.name):
        result.year = "sheet"
    else:
        titles = [text for text in result.table.titles if len(set(years(text))) == 1]
        if titles:
            result.year, result.year_text = "title", titles[0]
