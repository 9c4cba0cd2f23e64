"""One language of the report: the catalogue of fixed texts, the names of the framework, numbers and dates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from markupsafe import Markup, escape

from report.numbers import FORMATS, NumberFormat, with_sign
from report.places import Place
from report.values import Cell
from schemas.definitions import Status
from schemas.definitions_series import Flag
from schemas.framework_model import Framework, Members

FREE = "F"
"""CONF_STATUS of what may be published (SDMX)."""

TEXTS = Path(__file__).resolve().parent / "texts"


def catalogue(lang: str, part: str = "") -> dict[str, str]:
    """Texts of a language by dotted key (`nav.start`); `part` names another file of texts."""
    return dict(_flat("", yaml.safe_load((TEXTS / f"{part}{lang}.yaml").read_text(encoding="utf-8"))))


def _flat(prefix: str, node: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in node.items():
        if isinstance(value, dict):
            yield from _flat(f"{prefix}{key}.", value)
        else:
            yield f"{prefix}{key}", str(value).strip()


@dataclass(frozen=True)
class Wording:
    """Texts, names and formats of one language over one framework."""

    lang: str
    framework: Framework

    @cached_property
    def texts(self) -> dict[str, str]:
        """The catalogue of this language."""
        return catalogue(self.lang)

    @property
    def numbers(self) -> NumberFormat:
        """Number format of this language."""
        return FORMATS.get(self.lang, FORMATS["en"])

    # --- fixed texts ----------------------------------------------------------------------------------------------

    def __call__(self, key: str, **parts: object) -> str:
        """A text of the catalogue with its placeholders filled; KeyError for an unknown key."""
        text = self.texts[key]
        return text.format(**parts) if parts else text

    def count(self, key: str, number: int, **parts: object) -> str:
        """`key.one` or `key.other` with the number written in this language as `{n}`."""
        form = "one" if number == 1 else "other"
        return self(f"{key}.{form}", n=self.numbers.text(number, 0), **parts)

    def choice(self, key: str, code: str) -> str:
        """Text of a code below a key; the code itself when the catalogue does not know it."""
        return self.texts.get(f"{key}.{code}", code)

    # --- texts of the framework -----------------------------------------------------------------------------------

    def plain(self, entry: object, stem: str = "name") -> str:
        """`stem_<lang>` of an entry, or what it has in the other language."""
        return self.text_and_language(entry, stem)[0]

    def own(self, entry: object, stem: str = "name") -> Markup:
        """The same as markup: a text in the other language is marked as such for screen readers."""
        text, lang = self.text_and_language(entry, stem)
        return escape(text) if lang == self.lang else Markup('<span lang="{}">{}</span>').format(lang, text)

    def text_and_language(self, entry: object, stem: str = "name") -> tuple[str, str]:
        """`stem_<lang>` of an entry and its language: this one, or the one in which the text exists."""
        for lang in (self.lang, "de", "en"):
            text = getattr(entry, f"{stem}_{lang}", "")
            if text:
                return str(text), lang
        return "", self.lang

    def place(self, place: Place) -> str:
        """Name of a region."""
        return self.plain(place)

    def member(self, dimension: str, member: str, region: str = "", year: int | None = None) -> str:
        """Label of a member of a dimension."""
        day = date(year, 12, 31) if year else None
        return self.framework.label(dimension, member, self.lang, region, day)

    def members(self, members: Members) -> str:
        """Labels of a breakdown point joined by a middle dot; the total has its own word."""
        return " · ".join(self.member(dim, code) for dim, code in members) or self("word.total")

    def status(self, code: str) -> str:
        """Name of a status."""
        entry = self.framework.statuses.get(code)
        return self.plain(entry) if entry else code

    def behind(self, cell: Cell) -> list[Status]:
        """The statuses that the sign of a cell speaks of: a value may be bracketed beside its own status, or have nothing
        but the brackets."""
        own = self.framework.statuses.get(cell.status)
        if not cell.sign or (own is not None and own.sign == cell.sign):
            return [own] if own is not None and cell.sign else []
        bracket, _, letter = cell.sign.rpartition(")")
        parts = [f"{bracket})".strip()] if bracket else []
        parts += [letter.strip()] if letter.strip() else []
        with_value = [status for status in self.framework.statuses.values() if status.has_value]
        found = [next((status for status in with_value if status.sign == part), own) for part in parts]
        return [status for status in found if status is not None]

    def sign_meaning(self, cell: Cell) -> str:
        """What the sign of a cell says, empty without one."""
        if not cell.sign:
            return ""
        return ", ".join(self.plain(status) for status in self.behind(cell)) or self.status(cell.status)

    def meaning(self, status: Status) -> Markup:
        """What a status means; its name where the meaning is not written in this language."""
        return self.own(status, "meaning" if getattr(status, f"meaning_{self.lang}", "") else "name")

    def reason(self, cell: Cell) -> str:
        """Why a value is hidden, in words.

        All reasons of confidentiality read the same: to tell a small count from a cell that only protects another one
        would help to work both out.
        """
        known = self.framework.statuses.get(cell.status)
        if cell.value is None and known is not None and known.conf_status != FREE:
            return self("reason.protected")
        return self.choice("reason", cell.reason) if cell.reason else ""

    def signs(self) -> list[tuple[str, list[str], list[Markup]]]:
        """Every table sign once, with its letters (for those who cannot see or hear the sign) and all that it can mean."""
        found: dict[str, tuple[list[str], list[Markup]]] = {}
        for entry in self.framework.statuses.values():
            if entry.sign:
                letters, meanings = found.setdefault(entry.sign, ([], []))
                letters.append(entry.letter)
                meanings.append(self.meaning(entry))
        for flag in self.framework.flags.values():
            found[flag.sign] = ([flag.letter], [self.own(flag, "meaning")])
        return [(sign, letters, meanings) for sign, (letters, meanings) in found.items()]

    # --- numbers --------------------------------------------------------------------------------------------------

    def number(self, value: float | None, decimals: int = 0) -> str:
        """A number, or the empty text."""
        return "" if value is None else self.numbers.text(value, decimals)

    def amount(self, value: float | None) -> str:
        """A count; weighted counts that are no whole number get one decimal."""
        return self.number(value, 0 if value is None or float(value).is_integer() else 1)

    def about(self, value: float) -> str:
        """A count in a sentence: from a thousand on rounded to three digits, and said so where that changed it."""
        digits = len(str(int(abs(value))))
        rough = round(value, 3 - digits) if digits > 3 else round(value)
        text = self.numbers.text(rough, 0)
        return text if rough == value else self("word.about", n=text)

    def flags(self, cell: Cell | None) -> list[Flag]:
        """What a reader must know beside a shown value."""
        codes = cell.flags.split(",") if cell is not None and cell.value is not None and cell.flags else []
        return [self.framework.flags[code] for code in codes if code in self.framework.flags]

    def cell_text(self, cell: Cell | None, decimals: int) -> str:
        """What stands in a table cell: number, number with sign, or sign. No row in the snapshot: empty."""
        if cell is None:
            return ""
        return cell.sign if cell.value is None else with_sign(self.number(cell.value, decimals), cell.sign)

    def unit(self, unit: str, form: str = "short") -> str:
        """Unit of an indicator (`short` for tables, `long` for sentences, `gap` for differences in sentences)."""
        return self.choice(f"unit.{form}", unit)

    def measured(self, value: float, decimals: int, unit: str, form: str = "long") -> str:
        """Number and unit."""
        return f"{self.number(value, decimals)} {self.unit(unit, form)}".strip()

    def day(self, iso: str) -> str:
        """An ISO date or time as a date."""
        try:
            found = date.fromisoformat(iso[:10])
        except ValueError:
            return iso
        return (
            f"{found:%d.%m.%Y}"
            if self.lang == "de"
            else f"{found.day} {self('month.' + str(found.month))} {found.year}"
        )
