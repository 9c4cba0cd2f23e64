"""The delivery workbook (Erhebungsbogen): written from the framework for one region and reporting year.

Readable for people, and machine-readable in a way that survives renamed and reordered sheets, inserted rows and
inserted columns: a hidden column carries a key for every row, a hidden row above each table a key for every column.

    #FORM …          on the cover: this is our form
    #COVER name      on the cover: the answer stands in the column that carries the form version
    #TABLE id        start of a table; in the same row stand the column keys
    VAR|DIM=MEMBER   a row of the table
    #TABLE REGISTER:CODE   start of a register; in the same row stand #ID and the codes of its fields
    #HEAD #TEXT      rows that carry no values
    #END             end of the last table of a sheet
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import xlsxwriter

from intake.form_cover import write_cover
from intake.form_register_lists import LIST_SHEET, Lists
from intake.form_registers import write_register
from intake.form_request import COVER_SHEET, GUIDE_SHEET, FormRequest, sign_profile
from intake.form_sheets import write_field, write_guide
from intake.form_styles import Styles
from schemas.framework_model import Framework
from schemas.tables import entry_tables

_FIXED_TIME = datetime(2026, 1, 1)


def write_form(path: Path, framework: Framework, request: FormRequest) -> Path:
    """Write the delivery workbook; the same request gives the same bytes. Returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
    book = xlsxwriter.Workbook(str(path), options)
    book.set_properties(
        {
            "title": f"Erhebungsbogen {framework.territory.unit_name(request.region)} {request.year}",
            "subject": framework.head.title_de,
            "created": _FIXED_TIME,
        }
    )
    styles = Styles(book)
    profile = sign_profile(framework, request.cover.sign_profile)
    write_cover(framework, request, profile, styles, book.add_worksheet(COVER_SHEET))
    if not request.registers_only:
        tables = entry_tables(framework, request.region, request.year)
        for code, entry in framework.fields.items():
            own = [table for table in tables if table.field == code]
            if own:
                sheet = book.add_worksheet(f"{code} {entry.name_de}"[:31].strip())
                write_field(framework, request, profile, styles, sheet, own)
    registers = framework.registers_in(request.year)
    lists = Lists(framework, book, request.region, request.year)
    for register in registers:
        write_register(framework, request, register, lists, styles, book.add_worksheet(register.sheet))
    if not request.registers_only:
        write_guide(framework, request, styles, book.add_worksheet(GUIDE_SHEET))
    if registers:
        lists.write(book.add_worksheet(LIST_SHEET))
    book.close()
    return path
