"""What a delivery workbook is made from, and the marks by which it is recognised when it comes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from schemas.definitions import SignProfile
from schemas.framework_model import Framework
from schemas.shapes import Record

FORM_MARK = "#FORM"
COVER_MARK = "#COVER"
TABLE_MARK = "#TABLE"
END_MARK = "#END"
HEAD_MARK = "#HEAD"
BLOCKED = "s. oben"
"""What stands in a cell that is asked for further up already."""
TEXT_MARK = "#TEXT"
LABEL_KEY = "#LABEL"
NOTE_KEY = "#NOTE"
PREVIOUS_KEY = "#PREV"
REGISTER_TABLE = "REGISTER:"
ID_KEY = "#ID"
NIL_REGISTER = "nil_register"
SCOPE, SCOPE_REGISTERS = "scope", "Register"
"""Name and answer on the cover of a workbook that delivers registers and no figures."""

FORM_VERSION = "monitor-form/1"
OUR_FORM, REGISTER_FORM = "form", "registers"
"""Layouts of our own workbooks: the whole form, and the one with the registers alone."""

NIL_ANSWER = "Fehlanzeige"
COVER_SHEET = "Deckblatt"
GUIDE_SHEET = "Erläuterungen"

Entry = Decimal | int | str
"""What can be entered: a number, or the sign of a status."""


@dataclass(frozen=True)
class CoverAnswers:
    """What the cover can be prefilled with. `nil_fields` holds field codes, `nil_registers` codes of registers; `nil`
    declares the whole delivery nil."""

    contact_name: str = ""
    contact_mail: str = ""
    unit: str = ""
    population_basis: str = ""
    sign_profile: str = ""
    nil: bool = False
    nil_fields: tuple[str, ...] = ()
    nil_registers: tuple[str, ...] = ()
    remarks: str = ""


@dataclass(frozen=True)
class FormRequest:
    """What to write: region and year, values to fill in (demo), values known from last year (prefill).

    `records`: entries of the registers by code, as they shall stand in the sheets. `registers_only`: a workbook with the
    registers alone.
    """

    region: str
    year: int
    values: Mapping[tuple[str, str], Entry] = field(default_factory=dict)
    previous: Mapping[tuple[str, str], Entry] = field(default_factory=dict)
    cover: CoverAnswers = CoverAnswers()
    sample: bool = False
    records: Mapping[str, Sequence[Record]] = field(default_factory=dict)
    registers_only: bool = False


def is_register(table: str) -> bool:
    """Does the id of a table on a sheet name a register?"""
    return table.startswith(REGISTER_TABLE)


def register_code(table: str) -> str:
    """The register that the id of a table names."""
    return table.removeprefix(REGISTER_TABLE)


def sign_profile(framework: Framework, code: str) -> SignProfile:
    """The named sign profile, or the framework's first one."""
    return framework.sign_profiles.get(code) or next(iter(framework.sign_profiles.values()))


def unavailable_at_level(framework: Framework, region: str, variable: str) -> bool:
    """Does the variable's source stop above the level of this region?"""
    order = ("subarea", "gemeinde", "kreis", "land")
    level = framework.territory.unit(region).level
    lowest = framework.head.levels[framework.variables[variable].lowest_level]
    return level in order and lowest in order and order.index(level) < order.index(lowest)
