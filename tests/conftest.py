"""What several tests share: the shipped framework and a tiny one, filled forms, LibreOffice."""

from __future__ import annotations

import gc
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from openpyxl import Workbook
from openpyxl.cell import Cell

from flows.demo.deliveries import entries
from flows.demo.world import World, load_world
from intake.checking import Past, Received, check_deliveries
from intake.form import write_form
from intake.form_request import CoverAnswers, FormRequest
from schemas.framework_model import Framework
from schemas.loading import load_framework
from schemas.shapes import CheckedDelivery, member_key

gc.set_threshold(
    100_000, 20, 100
)  # workbooks are many small objects that live on: a fifth of the time went into looking
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # dozens of processes import the program: it is compiled once for all
sys.dont_write_bytecode = False
REPOSITORY = Path(__file__).resolve().parents[1]
LONGEST_FIRST = (
    *("nightly", "warehouse_history", "indicators", "audit", "kill_end_to_end", "form_reading", "ingesting", "cli"),
    *(
        "hostile",
        "scaling",
        "warehouse",
        "framework_loading",
        "leaks",
        "warehouse_faults",
        "checked_workbook",
        "report",
    ),
    *("check_app", "report_unchanged", "warehouse_records", "protection"),
)
"""Files that take longest. Two workers share the files in order: one of these at the very end would leave one idle."""
Key = tuple[str, str]
_ENGLISH = re.compile(r"\b(the|and|is|not|value|row|column|file|error|invalid|missing|none|nan|nat|dtype|true|false)\b")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, the others as they come."""
    ranks = {f"test_{name}.py": rank for rank, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: ranks.get(item.path.name, len(ranks)))


@pytest.fixture(scope="session")
def framework() -> Framework:
    return load_framework(REPOSITORY / "schemas" / "framework")


@pytest.fixture(scope="session")
def world(framework: Framework) -> World:
    return load_world(REPOSITORY / "flows" / "demo" / "world.yaml", framework)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The municipality directory with an age dimension, on disk: a form of one sheet and seven cells, quick to check."""
    source = REPOSITORY / "tests" / "frameworks" / "gemeinden"
    folder = tmp_path_factory.mktemp("framework") / "tiny"
    shutil.copytree(source, folder)
    head = (folder / "framework.yaml").read_text(encoding="utf-8")
    regions = REPOSITORY / "schemas" / "regions"
    head = head.replace("../../../schemas/regions", str(regions)).rstrip()
    head += "\n    - {code: EMR, name_de: Einwohnermelderegister, name_en: population register}\n"  # a second basis
    (folder / "framework.yaml").write_text(head, encoding="utf-8")
    dimensions = yaml.safe_load((folder / "dimensions.yaml").read_text(encoding="utf-8"))
    names = {"K": ("unter 18", "below 18"), "E": ("18 und älter", "18 and over"), "T": ("insgesamt", "total")}
    dimensions.append(
        {
            "code": "AGE",
            "name_de": "Alter",
            "name_en": "Age",
            "axis": "row",
            "leaves": ["K", "E"],
            "aggregates": {"T": ["K", "E"]},
            "members": {code: {"de": de, "en": en} for code, (de, en) in names.items()},
        }
    )
    (folder / "dimensions.yaml").write_text(yaml.safe_dump(dimensions, allow_unicode=True), encoding="utf-8")
    # the statuses that computing and publishing speak of
    shipped = yaml.safe_load((REPOSITORY / "schemas" / "framework" / "statuses.yaml").read_text(encoding="utf-8"))
    own = yaml.safe_load((folder / "statuses.yaml").read_text(encoding="utf-8"))
    (folder / "statuses.yaml").write_text(
        yaml.safe_dump({**own, "statuses": shipped["statuses"]}, allow_unicode=True), encoding="utf-8"
    )
    path = folder / "variables" / "GEB.yaml"
    variables = path.read_text(encoding="utf-8")
    path.write_text(variables.replace("tables: [[SEX]]", "tables: [[SEX], [AGE]]"), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def tiny(tiny_folder: Path) -> Framework:
    return load_framework(tiny_folder)


@pytest.fixture(scope="session")
def tiny_values() -> Callable[..., dict[Key, Any]]:
    """Values of the tiny form that fit together; `people` is the total."""

    def make(people: int = 1000) -> dict[Key, Any]:
        men, children = people * 2 // 5, people // 5
        return {
            ("EW", ""): people,
            ("EW", "SEX=M"): men,
            ("EW", "SEX=W"): people - men,
            ("EW", "AGE=K"): children,
            ("EW", "AGE=E"): people - children,
            ("FL", ""): Decimal("12.5"),
            ("DICHTE", ""): people // 12,
        }

    return make


@pytest.fixture(scope="session")
def drop(tiny: Framework, tiny_values: Callable[..., dict[Key, Any]]) -> Callable[..., Path]:
    """Put a filled tiny form into an inbox folder."""

    def put(
        root: Path,
        sender: str,
        name: str,
        *,
        region: str = "",
        year: int = 2021,
        values: Mapping[Key, Any] | None = None,
        **cover: Any,
    ) -> Path:
        answers = CoverAnswers(**{"population_basis": "FORT", "contact_name": "Statistikstelle", **cover})
        filled = tiny_values() if values is None else values
        request = FormRequest(region or sender, year, values=filled, cover=answers)
        return write_form(root / "raw" / "inbox" / sender / name, tiny, request)

    return put


@pytest.fixture(scope="session")
def filled(framework: Framework, world: World, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, int], Path]:
    """A completely filled form of the sample world; written once, never to be changed."""
    folder = tmp_path_factory.mktemp("filled")

    def make(region: str, year: int) -> Path:
        path = folder / f"{region}_{year}.xlsx"
        if not path.exists():
            cover = CoverAnswers(population_basis="EMR", contact_name="Integrationsbüro")
            request = FormRequest(region, year, values=entries(framework, world, region, year), cover=cover)
            write_form(path, framework, request)
        return path

    return make


@pytest.fixture(scope="session")
def check(framework: Framework) -> Callable[..., list[CheckedDelivery]]:
    """The full check of files with the shipped framework, as one batch; without a sender unless one is named."""

    def run(
        paths: Sequence[Path], sender: str = "", past: Past | None = None, using: Framework | None = None
    ) -> list[CheckedDelivery]:
        files = [
            Received(path, path.name, sender, f"{n:064x}", datetime(2026, 11, 22, 13, 7), f"P-{n}")
            for n, path in enumerate(paths, start=1)
        ]
        return check_deliveries(using or framework, files, past)

    return run


@pytest.fixture(scope="session")
def entry_cells(framework: Framework) -> Callable[..., dict[Key, Cell]]:
    """The entry cells of a form by what its own keys say; cells that only point to another table are left out."""

    def find(book: Workbook, using: Framework | None = None) -> dict[Key, Cell]:
        return dict(_keyed_cells(book, using or framework))

    return find


def _keyed_cells(book: Workbook, framework: Framework) -> Iterator[tuple[Key, Cell]]:
    order = framework.dimension_order
    for sheet in book.worksheets:
        columns: dict[int, str] = {}
        for row in sheet.iter_rows():
            mark = str(row[0].value or "")
            if mark.startswith("#TABLE"):
                columns = {cell.column: cell.value for cell in row[2:] if cell.value and not cell.value.startswith("#")}
            if not mark or mark.startswith("#"):
                continue
            variable, _, own = mark.partition("|")
            for cell in row:
                if cell.column not in columns or cell.value == "s. oben":
                    continue
                pairs = [pair.split("=") for pair in f"{own},{columns[cell.column]}".split(",") if "=" in pair]
                members = sorted(((dim, member) for dim, member in pairs), key=lambda pair: order.index(pair[0]))
                yield (variable, member_key(members)), cell


@pytest.fixture(scope="session")
def libreoffice(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Sequence[Path], str], list[Path]]:
    """Convert files with LibreOffice, headless; tests that need it are skipped where it is absent."""
    program = shutil.which("soffice") or shutil.which("libreoffice")
    if program is None:
        pytest.skip("LibreOffice is not installed")
    home = tmp_path_factory.mktemp("office")

    def convert(paths: Sequence[Path], suffix: str) -> list[Path]:
        out = home / suffix
        profile = f"-env:UserInstallation={(home / 'profile').as_uri()}"
        command = [program, profile, "--headless", "--convert-to", suffix, "--outdir", str(out), *map(str, paths)]
        subprocess.run(command, check=True, capture_output=True, timeout=180)
        return [out / f"{path.stem}.{suffix}" for path in paths]

    return convert


@pytest.fixture(scope="session")
def assert_sentence() -> Callable[[str], None]:
    """A text that a coordinator reads: German, complete, nothing left over from the program."""

    def look(text: str) -> None:
        assert text
        assert text == text.strip()
        assert not re.search(r"[{}\[\]<>]|  ", text), text
        assert not _ENGLISH.search(text), text
        assert not re.search(r"NaN|None|NaT|Traceback|\\u", text), text
        assert text[0].isupper() or text[0] in "„–" or text[0].isdigit(), text
        assert text[-1] in ".?", text

    return look
