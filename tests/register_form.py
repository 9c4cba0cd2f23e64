"""A workbook with a few good entries in every kind of register, and edits of its cells without a spreadsheet program."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from intake.checking import Past, check_deliveries
from intake.deliveries import Received
from intake.form import write_form
from intake.form_request import CoverAnswers, FormRequest
from intake.reading import Cell, CellValue, Sheet, Workbook, column_letters, read_workbook
from schemas.framework_model import Framework
from schemas.shapes import CheckedDelivery, Record

REGION, YEAR = "06411", 2024
Rows = Mapping[str, Mapping[str, Mapping[str, str]]]

GOOD: Rows = {
    "CONCEPT": {"K-1": {"TITLE": "Integrationskonzept 2030", "VALID_FROM": "2023-01-01", "FIELDS": "SPR;ARB"}},
    "TARGET": {
        "Z-1": {"TITLE": "Mehr Einbürgerungen", "CONCEPT": "K-1", "FIELD": "REC", "INDICATOR": "REC-01",
                "TARGET_VALUE": "5.5", "TARGET_DATE": "2030-12-31", "STATUS": "RUNNING"},
    },
    "MEASURE": {
        "M-1": {"TITLE": "Einbürgerungslotsen", "TARGET": "Z-1", "KIND": "PROJECT", "START": "2024-01-01",
                "STATUS": "RUNNING", "BUDGET": "98765.5", "OFFERS": "A-1;A-2",
                "MILESTONES": "Mai 2024 Schulung\nJanuar 2026 Bilanz"},
    },
    "OFFER": {
        "A-1": {"TITLE": "Sprachcafé Nord", "FIELDS": "SPR;TEI", "SERVICE": "ENCOUNTER", "FORM": "REGULAR",
                "PROVIDER": "Haus der Kulturen e. V.", "PROVIDER_TYPE": "MIGRANT_ORGANISATION",
                "MO_INVOLVED": "PROVIDER", "PARTNERS": "O-1", "LANGUAGES": "DE;AR", "AREAS": "06411",
                "START": "2020-01-01", "CAPACITY": "20", "PARTICIPANTS": "15", "EVALUATED": "yes", "LISTED": "yes",
                "URL": "https://www.example.org/cafe?a=1&b=2", "EMAIL": "cafe@example.org",
                "LAST_CHECKED": "2024-05-01"},
        "A-2": {"TITLE": "Beratung zur Anerkennung", "FIELDS": "ARB", "SERVICE": "COUNSELLING", "FORM": "REGULAR",
                "PROVIDER": "Integrationsbüro", "PROVIDER_TYPE": "MUNICIPALITY", "MO_INVOLVED": "NONE",
                "START": "2019-07-01", "EVALUATED": "no", "LISTED": "no", "LAST_CHECKED": "2024-03-01"},
    },
    "ORGANISATION": {
        "O-1": {"NAME": "Haus der Kulturen e. V.", "ACTIVE": "yes", "FOUNDED": "1998", "EMAIL": "info@example.org"},
        "O-2": {"NAME": "Frauen für Frauen", "ACTIVE": "no"},
    },
    "PARTICIPATION": {"T-1": {"ORGANISATION": "O-1", "BODY": "G-1", "ROLE": "MEMBER"}},
    "BODY": {"G-1": {"NAME": "Runder Tisch Integration", "KIND": "ROUND_TABLE"}},
    "MEETING": {"N-1": {"BODY": "G-1", "HELD_ON": "2024-03-04", "TOPICS": "Wohnen", "PARTICIPANTS": "24"}},
    "OFFICE": {"B-1": {"NAME": "Büro für Integration", "EMAIL": "buero@example.org", "PHONE": "06151 13-0"}},
}  # fmt: skip


def as_records(rows: Rows, year: int = YEAR) -> dict[str, list[Record]]:
    """Entries as records of no workbook yet."""
    return {
        code: [Record(REGION, year, code, number, dict(values), "", 0) for number, values in entries.items()]
        for code, entries in rows.items()
    }


def known(rows: Rows, year: int) -> Past:
    """A past that knows these entries of one year and nothing else."""
    found = [record for entries in as_records(rows, year).values() for record in entries]
    return Past(records=lambda region, asked: found if (region, asked) == (REGION, year) else [])


def write(path: Path, framework: Framework, rows: Rows = GOOD, nil: Iterable[str] = ()) -> Path:
    """The workbook of the registers alone; what has no entries is declared nil when it is named."""
    cover = CoverAnswers(contact_name="Integrationsbüro", nil_registers=tuple(nil))
    request = FormRequest(REGION, YEAR, records=as_records(rows), registers_only=True, cover=cover)
    return write_form(path, framework, request)


def check(
    framework: Framework, books: Mapping[str, Workbook], past: Past | Mapping[str, Past] | None = None, sender: str = ""
) -> dict[str, CheckedDelivery]:
    """The full check of workbooks by name, as one batch, without a child process."""
    moment = datetime(2025, 5, 1)
    files = {name: Received(Path(f"{n}.xlsx"), f"{n}.xlsx", sender, f"{n:064x}", moment, f"P-{n}")
             for n, name in enumerate(books)}  # fmt: skip
    by_path = {files[name].path: book for name, book in books.items()}
    checked = check_deliveries(framework, list(files.values()), past, by_path.__getitem__)  # type: ignore[arg-type]
    return dict(zip(books, checked, strict=True))


@dataclass
class Editor:
    """The cells of a workbook that was read, to be changed as a coordinator would."""

    framework: Framework
    sheets: dict[str, dict[tuple[int, int], Cell]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, framework: Framework, book: Workbook) -> Editor:
        return cls(framework, {s.name: dict(s.cells) for s in book.sheets}, {s.name: s.name for s in book.sheets})

    def book(self) -> Workbook:
        """The workbook as it is now."""
        return Workbook("x.xlsx", tuple(Sheet(self.names[name], False, cells) for name, cells in self.sheets.items()))

    def sheet(self, register: str) -> str:
        return self.framework.registers[register].sheet

    def column(self, register: str, code: str) -> int:
        cells = self.sheets[self.sheet(register)]
        return next(c for (_, c), cell in cells.items() if cell.value == code and self._is_key(register, cell))

    def _is_key(self, register: str, cell: Cell) -> bool:
        return cell.row == self.mark(register).row

    def mark(self, register: str) -> Cell:
        wanted = f"#TABLE REGISTER:{register}"
        return next(cell for cell in self.sheets[self.sheet(register)].values() if cell.value == wanted)

    def row(self, register: str, entry: int = 1) -> int:
        """Row of an entry, counted from 1."""
        return self.mark(register).row + 2 + entry

    def put(self, register: str, code: str, value: CellValue, entry: int = 1, **more: object) -> str:
        """Enter a value; returns `sheet!cell`."""
        row, column = self.row(register, entry), self.column(register, code)
        cells = self.sheets[self.sheet(register)]
        cells.pop((row, column), None)
        if value is not None or more:
            cells[row, column] = Cell(row, column, value, **more)  # type: ignore[arg-type]
        return f"{self.sheet(register)}!{column_letters(column)}{row}"

    def add(self, register: str, entry: int, values: Mapping[str, CellValue]) -> str:
        """Fill a row; returns the place of its first field."""
        places = [self.put(register, code, value, entry) for code, value in values.items()]
        return places[0]

    def move(self, register: str, shift: Callable[[int, int], tuple[int, int]]) -> None:
        """Move every cell of a sheet."""
        name = self.sheet(register)
        moved = {}
        for place, cell in self.sheets[name].items():
            row, column = shift(*place)
            moved[row, column] = cell._replace(row=row, column=column)
        self.sheets[name] = moved

    def answer(self, name: str, value: str | None) -> str:
        """Answer on the cover; returns where."""
        cells = self.sheets["Deckblatt"]
        row = next(cell.row for cell in cells.values() if cell.value == f"#COVER {name}")
        cells.pop((row, 3), None)
        if value is not None:
            cells[row, 3] = Cell(row, 3, value)
        return f"Deckblatt!C{row}"


def opened(framework: Framework, path: Path) -> Workbook:
    """A workbook of ours in this process."""
    return replace(read_workbook(path), notices=())


def values_of(delivery: CheckedDelivery, register: str) -> dict[str, dict[str, str]]:
    """Values of the records of a register by id."""
    return {record.id: dict(record.values) for record in delivery.records if record.register == register}


def codes(delivery: CheckedDelivery) -> Sequence[str]:
    """Codes of the findings that are more than a note, sorted."""
    return sorted(found.code for found in delivery.findings if found.severity != "info")
