"""After acceptance: what becomes of the numbers. The sender's indicators beside last year, Kreis and Land.

Own values are shown to their sender unhidden; what belongs to others stands here as published: a value or its sign. The
computing is done elsewhere; two frames come in (pandas):

`own`        indicator, members, value, status, previous, previous_status: one row per figure of the region and year.
`reference`  region, region_name, indicator, members, value, sign: published figures of other regions, in the order in
             which their columns shall stand (for instance Kreis, model regions, Land).

`members` is the key of `schemas.shapes.member_key`, empty for the total. `value` and `previous` are numbers or missing.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pandas as pd

from intake.page_templates import template
from intake.values import german
from schemas.framework_model import Framework
from schemas.shapes import Submission, member_key

OWN_COLUMNS = ("indicator", "members", "value", "status", "previous", "previous_status")
REFERENCE_COLUMNS = ("region", "region_name", "indicator", "members", "value", "sign")
_UNITS = {
    "percent": "Prozent",
    "per_1000": "je 1\u202f000",
    "per_10000": "je 10\u202f000",
    "ratio": "Verhältnis",
    "index_0_100": "Index 0 bis 100",
    "sqm": "Quadratmeter",
    "count": "Anzahl",
}
_COMPARISON_GROUPS = "comparison"


@dataclass(frozen=True)
class PreviewRow:
    """One figure: texts as they are shown. `group` is empty for the total."""

    name: str
    group: str
    value: str
    previous: str
    change: str
    others: tuple[str, ...]


@dataclass(frozen=True)
class PreviewIndicator:
    """An indicator: what it says, its unit, and its rows, the total first."""

    code: str
    name: str
    definition: str
    unit: str
    rows: tuple[PreviewRow, ...]


@dataclass(frozen=True)
class PreviewField:
    """The indicators of one field."""

    code: str
    name: str
    indicators: tuple[PreviewIndicator, ...]


@dataclass(frozen=True)
class Preview:
    """Everything the page says."""

    title: str
    number: str
    region: str
    year: int
    references: tuple[str, ...]
    fields: tuple[PreviewField, ...]
    signs: tuple[tuple[str, str], ...]
    contact: str
    sample: bool


def write_preview(
    framework: Framework,
    submission: Submission,
    own: pd.DataFrame,
    reference: pd.DataFrame,
    outbox: Path,
    *,
    sample: bool = False,
) -> Path:
    """Write `Vorschau_<region>_<year>_<number>.html` into the sender's folder of the outbox; returns its path."""
    folder = outbox / (submission.sender or submission.region)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"Vorschau_{submission.region}_{submission.year}_{submission.id}.html"
    page = preview(framework, submission, own, reference, sample=sample)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(template("preview.html").render(p=page), encoding="utf-8")
    os.replace(temporary, path)
    return path


def preview(
    framework: Framework, submission: Submission, own: pd.DataFrame, reference: pd.DataFrame, *, sample: bool = False
) -> Preview:
    """The content of the page, from the two frames."""
    if submission.year is None:
        raise ValueError("a preview needs a reporting year")
    region = framework.territory.unit_name(submission.region)
    return _Page(framework, submission, own, reference).content(
        f"Vorschau: Ihre Indikatoren {submission.year} – {region}", region, submission.year, sample=sample
    )


class _Page:
    def __init__(
        self, framework: Framework, submission: Submission, own: pd.DataFrame, reference: pd.DataFrame
    ) -> None:
        self.framework = framework
        self.submission = submission
        self.names: dict[str, str] = {}
        self.others: dict[tuple[str, str, str], tuple[float | None, str]] = {}
        self.shown_signs: set[str] = set()
        for code, name, indicator, members, value, sign in _rows(reference, REFERENCE_COLUMNS):
            self.names.setdefault(str(code), str(name))
            self.others[str(code), str(indicator), str(members)] = (_number(value), _text(sign))
        self.own: dict[str, list[Mapping[str, Any]]] = {}
        for row in _rows(own, OWN_COLUMNS):
            self.own.setdefault(str(row[0]), []).append(dict(zip(OWN_COLUMNS, row, strict=True)))

    def content(self, title: str, region: str, year: int, *, sample: bool) -> Preview:
        fields = tuple(
            PreviewField(code, entry.name_de, indicators)
            for code, entry in self.framework.fields.items()
            if (indicators := self._indicators(code))
        )
        return Preview(
            title=title,
            number=self.submission.id,
            region=region,
            year=year,
            references=tuple(self.names.values()),
            fields=fields,
            signs=tuple(self._signs()),
            contact=self.framework.head.delivery.contact,
            sample=sample,
        )

    def _indicators(self, field_code: str) -> tuple[PreviewIndicator, ...]:
        return tuple(
            PreviewIndicator(
                entry.code,
                entry.name_de,
                entry.definition_de,
                self._unit(entry.unit),
                tuple(self._row(entry.code, entry.name_de, row) for row in self._ordered(self.own[entry.code])),
            )
            for entry in self.framework.indicators_of(field_code)
            if entry.code in self.own
        )

    def _ordered(self, rows: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """The total first, single breakdowns before combined ones."""
        return sorted(rows, key=lambda row: (str(row["members"]).count("="), str(row["members"]) != ""))

    def _row(self, code: str, name: str, row: Mapping[str, Any]) -> PreviewRow:
        decimals = self.framework.indicators[code].decimals
        members = str(row["members"])
        value, previous = _number(row["value"]), _number(row["previous"])
        return PreviewRow(
            name=name,
            group=self._group(members),
            value=self._shown(value, self._sign(_text(row["status"])), decimals),
            previous=self._shown(previous, self._sign(_text(row["previous_status"])), decimals),
            change=_change(value, previous, decimals) or self._nothing(),
            others=tuple(
                self._shown(*self.others.get((region, code, members), (None, "")), decimals) for region in self.names
            ),
        )

    def _group(self, members: str) -> str:
        labels = []
        for part in filter(None, members.split(",")):
            dimension, _, member = part.partition("=")
            day = date(self.submission.year or 1, 12, 31)
            labels.append(self.framework.label(dimension, member, region=self.submission.region, day=day))
        return ", ".join(labels)

    def _sign(self, status: str) -> str:
        entry = self.framework.statuses.get(status)
        return entry.sign if entry else ""

    def _shown(self, value: float | None, sign: str, decimals: int) -> str:
        """A value with its sign, or the sign alone; an empty cell would be a question."""
        brackets, closing, letter = sign.partition(")")  # “( ) p” is two signs: limited and provisional
        parts = (brackets + closing, letter.strip()) if closing else (sign,)
        self.shown_signs.update(part for part in parts if part)
        if value is None:
            return sign or self._nothing()
        if value == 0 and sign:
            return sign
        text = german(_rounded(value, decimals), decimals)
        return f"({text}) {letter.strip()}".strip() if closing else f"{text} {sign}".strip()

    def _nothing(self) -> str:
        """The sign for a figure that cannot be had."""
        sign = self._sign("not_computable") or "."
        self.shown_signs.add(sign)
        return sign

    def _signs(self) -> list[tuple[str, str]]:
        """Meaning of every sign that occurs on the page."""
        meanings: dict[str, str] = {}
        for status in self.framework.statuses.values():
            if status.sign in self.shown_signs:
                known = meanings.get(status.sign)
                meanings[status.sign] = f"{known}; {status.meaning_de}" if known else status.meaning_de
        return list(meanings.items())

    def _unit(self, unit: str) -> str:
        return _UNITS.get(unit, unit)


def _rows(frame: pd.DataFrame, columns: Sequence[str]) -> Iterable[tuple[Any, ...]]:
    """Row by row, read column by column: a dictionary for each row costs more than the page."""
    return zip(*(frame[name].tolist() for name in columns), strict=True)


def _change(value: float | None, previous: float | None, decimals: int) -> str:
    """Difference to last year as it follows from the shown values, with its sign; empty when there is none."""
    if value is None or previous is None:
        return ""
    difference = _rounded(value, decimals) - _rounded(previous, decimals)
    text = german(difference, decimals)
    return f"+{text}" if difference > 0 else text


def _rounded(value: float, decimals: int) -> Decimal:
    return Decimal(str(value)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)


def _number(value: Any) -> float | None:
    if value is None or value is pd.NA:
        return None
    number = float(value)
    return None if math.isnan(number) else number


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def own_frame(framework: Framework, values: pd.DataFrame, region: str, year: int) -> pd.DataFrame:
    """`own` from rows of `indicator_value` (design 3.4: one column per dimension, value, status).

    Totals, and single breakdowns for which there is a value now or last year.
    """
    keyed = _keyed(framework, values[(values["region"] == region) & values["year"].isin([year, year - 1])])
    keyed = keyed[keyed["members"].str.count("=") <= 1]
    now = keyed.loc[keyed["year"] == year, ["indicator", "members", "value", "status"]]
    before = keyed.loc[keyed["year"] == year - 1, ["indicator", "members", "value", "status"]]
    before = before.rename(columns={"value": "previous", "status": "previous_status"})
    both = now.merge(before, on=["indicator", "members"], how="left")
    return both[(both["members"] == "") | both["value"].notna() | both["previous"].notna()][list(OWN_COLUMNS)]


def reference_frame(framework: Framework, published: pd.DataFrame, region: str, year: int) -> pd.DataFrame:
    """`reference` from rows of `indicator_published` (value and sign): what lies above the region, groups in between.

    The Kreis of a municipality, the groups for comparison, the Land; only those that have figures.
    """
    territory = framework.territory
    above = territory.ancestors(region, date(year, 12, 31))
    groups = {a.code: a.name_de for a in territory.aggregates(year) if a.kind == _COMPARISON_GROUPS}
    lands = {a.code: a.name_de for a in territory.aggregates(year) if a.code in above}
    names = {code: territory.unit_name(code) for code in above if code not in lands} | groups | lands
    rows = _keyed(framework, published[(published["year"] == year) & published["region"].isin(list(names))])
    order = {code: number for number, code in enumerate(names)}
    rows = rows.assign(region_name=rows["region"].map(names), order=rows["region"].map(order))
    return rows.sort_values("order", kind="stable")[list(REFERENCE_COLUMNS)]


def _keyed(framework: Framework, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with a column `members` made from the columns of the dimensions."""
    codes = framework.dimension_order
    columns = [rows[code.lower()] for code in codes]
    members = [member_key(zip(codes, found, strict=True)) for found in zip(*columns, strict=True)]
    return rows.assign(members=pd.Series(members, index=rows.index, dtype="object"))
