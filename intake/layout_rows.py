"""The rows of a foreign table: which region, which year and which labels the key columns of a row name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from intake.layout_header import Found
from intake.layout_model import Label, SheetRule, normalised, says, whole
from intake.reading import Cell
from schemas.framework_model import Framework
from schemas.territory import reference_day

Cells = Mapping[int, Cell]


@dataclass(frozen=True, slots=True)
class Row:
    """What a row says about its values; `year` is None when the headers say it."""

    region: str
    year: int | None
    labels: tuple[Label, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a row cannot be read: the code of the finding and what fills its message."""

    code: str
    text: str
    region: str = ""
    why: str = ""


@dataclass
class RowReader:
    """Understands the rows of one sheet from top to bottom. `year` is the year of the whole sheet, if it has one."""

    framework: Framework
    rule: SheetRule
    columns: Iterable[Found]
    year: int | None
    folder_region: str | None
    down: dict[str, str] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)
    names: dict[date, dict[str, str]] = field(default_factory=dict)

    def keys(self, cells: Cells) -> dict[str, str]:
        """Texts of the key columns; a column marked `fill_down` keeps its last text."""
        keys: dict[str, str] = {}
        for column in self.columns:
            if column.rule is not None and (key := column.rule.key):
                keys[key] = cells[column.number].text if column.number in cells else ""
                if column.rule.fill_down:
                    keys[key] = self.down[key] = keys[key] or self.down.get(key, "")
        return keys

    def ignored(self, cells: Cells, keys: Mapping[str, str]) -> bool:
        """Does the layout say that this row holds no values?"""
        first = next(iter(cells.values())).text
        for rule in self.rule.ignore_rows:
            text = keys.get(rule.key, "") if rule.key else first
            if rule.text is not None and says((rule.text,), normalised(text)):
                return True
            if rule.pattern is not None and whole(rule.pattern).fullmatch(" ".join(text.split())):
                return True
        return False

    def understand(self, cells: Cells, keys: Mapping[str, str]) -> Row | Refused:
        """Region, year and labels of a row, or what is not explained."""
        text = " | ".join(dict.fromkeys(filter(None, keys.values()))) or next(iter(cells.values())).text
        labels, year = self._labels(keys), self._year(keys)
        newest = year or max((column.year for column in self.columns if column.year), default=None)
        if labels is None or newest is None:
            return Refused("S07", text)
        if self.rule.region.folder and self.folder_region is None:
            return Refused("C01", text)
        day = self.rule.region.as_of or reference_day(newest)
        region = self._region(keys, day)
        if region is None:
            return Refused("S07", text)
        if why := self.framework.territory.explain_invalid(region, day):
            return Refused("C02", text, region, why)
        return Row(region, year, labels, text)

    def unseen(self) -> Iterator[Label]:
        """Labels that should have occurred and did not."""
        labels = (label for group in self.rule.labels for label in group.values)
        return (label for label in labels if not label.optional and id(label) not in self.seen)

    def _labels(self, keys: Mapping[str, str]) -> tuple[Label, ...] | None:
        found: list[Label] = []
        for group in self.rule.labels:
            text = normalised(keys[group.key])
            label = next((label for label in group.values if says(label.texts, text)), None)
            if label is None:
                return None
            found.append(label)
        self.seen |= {id(label) for label in found}
        return tuple(found)

    def _year(self, keys: Mapping[str, str]) -> int | None:
        rule = self.rule.year
        if rule is None or rule.key is None:
            return self.year
        written = normalised(keys[rule.key])
        return int(written) if len(written) == 4 and written.isdecimal() and int(written) >= 1900 else None

    def _region(self, keys: Mapping[str, str], day: date) -> str | None:
        rule = self.rule.region
        if not rule.keys:
            return rule.fixed or self.folder_region
        written = "".join(keys[key].strip() for key in rule.keys) or keys.get(rule.fallback or "", "")
        mapped = {normalised(text): code for text, code in rule.map.items()}
        if not written or normalised(written) in mapped:
            return mapped.get(normalised(written))
        return self._named(normalised(written), day) if rule.by == "name" else rule.prefix + written.zfill(rule.pad)

    def _named(self, name: str, day: date) -> str | None:
        """Code of the one region of that name on that day."""
        if day not in self.names:
            known: dict[str, set[str]] = {}
            for unit in self.framework.territory.valid_units(day):
                for text in filter(None, (unit.name, unit.short_name)):
                    known.setdefault(normalised(text), set()).add(unit.code)
            self.names[day] = {text: min(codes) for text, codes in known.items() if len(codes) == 1}
        return self.names[day].get(name)
