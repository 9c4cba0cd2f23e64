"""A house whose releases are attacked night after night: for tests of what the attacker remembers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from indicators.audit.audit import AuditReport, audit
from indicators.audit.memory import Memory
from indicators.audit.targets import Truth
from schemas.framework_model import Framework

KREIS, TOWN = "06532", "06532023"
REGIONS = (KREIS, TOWN, "06413", "06414", "06411")
YEARS = (2022, 2023, 2024)
SEXES = ("M", "W", "X")
KEYS = ("T", *SEXES)
Place = tuple[str, int, str]
"""Region, year, sex (T: all)."""


@dataclass
class House:
    """Naturalisations by sex, night after night: what was delivered, what was printed, and what the ledger says of it."""

    framework: Framework
    numbers: dict[Place, int]
    hidden: set[Place]
    cells: list[dict[str, Any]] = field(default_factory=list)
    ledger: list[dict[str, Any]] = field(default_factory=list)
    editions: list[list[dict[str, Any]]] = field(default_factory=list)
    records: int = 0
    """Of the ledger, that the attack of this night knows."""

    @classmethod
    def of(cls, framework: Framework, seed: int) -> House:
        """Every region with small numbers, some of them kept back."""
        dice = np.random.default_rng(seed)
        house = cls(framework, {}, set())
        for region in REGIONS:
            for year in YEARS:
                for sex, number in zip(SEXES, dice.choice([0, 1, 2, 5, 30, 90], size=3).tolist(), strict=True):
                    house.numbers[region, year, sex] = number
                house.hidden |= {(region, year, key) for key in KEYS if dice.random() < 0.5}
        return house.night()

    def night(self, **changed: dict[Place, int]) -> House:
        """A night in which some `numbers` were corrected; the ledger takes in what it prints."""
        moment = 10 * (len(self.editions) + 1)
        self.numbers |= changed.get("numbers", {})
        told = dict(self.numbers)
        for region, year in dict.fromkeys(place[:2] for place in told):
            told[region, year, "T"] = sum(told[region, year, sex] for sex in SEXES)
        open_ = {self._at(row): row for row in self.cells if row["until"] is None}
        for place, row in open_.items():
            if told.get(place) != row["value"]:
                row["until"] = moment
        for place, number in told.items():
            if place not in open_ or open_[place]["until"]:
                row = {**self._row(place), "variable": "NATZ", "value": float(number), "since": moment, "until": None}
                self.cells.append(row)
        self.records, rows = len(self.ledger), []
        last = {row["cell"]: (row["value"], row["state"]) for row in self.ledger}
        for place, number in told.items():
            region, year, sex = place
            cell, state = f"{region}/{year}/NATZ[{'' if sex == 'T' else f'SEX={sex}'}]", "shown"
            if place in self.hidden:
                state = "hidden"
            if last.get(cell) != (number, state):
                self.ledger.append({"cell": cell, "value": float(number), "state": state, "published_at": moment + 5})
            shown = {"numerator": float(number), "status": "ok"} if state == "shown" else {"status": "secret"}
            rows.append({**self._row(place), "indicator": "REC-05", "n_reported": 1, "n_members": 1, **shown})
        self.editions.insert(0, rows)
        return self

    def attack(
        self,
        memory: Memory | None = None,
        shuffled: int | None = None,
        gate: bool = False,
        anew: frozenset[str] | None = None,
    ) -> AuditReport:
        """The attack of this night, as the gate has it: with (`gate`) what the ledger will take in tonight, and of the last
        edition (`anew`) the figures of some regions alone."""
        framework = self.framework
        dims = [(name.lower(), pa.string()) for name in framework.dimension_order]
        keys = [("region", pa.string()), ("year", pa.int32()), *dims]
        printed = [("indicator", pa.string()), ("status", pa.string()), ("n_reported", pa.int32())]
        numbers = [(name, pa.float64()) for name in ("value", "numerator", "denominator")]
        counts = [("variable", pa.string()), ("value", pa.float64()), ("since", pa.int64()), ("until", pa.int64())]
        corrected = {self._at(row)[:2] for row in self.cells if row["until"]}
        past = [row for row in self.cells if self._at(row)[:2] in corrected]
        today = [row for row in self.cells if row["until"] is None]
        schemas = (pa.schema([*keys, *counts]), pa.schema([*keys, *printed, *numbers]))

        def table(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
            order = range(len(rows)) if shuffled is None else np.random.default_rng(shuffled).permutation(len(rows))
            return pa.Table.from_pylist([rows[place] for place in order], schema=schema)

        held = [rows if anew is None or not n else [r for r in rows if r["region"] in anew] for n, rows in self._two()]
        editions = [{"indicator_published": table(rows, schemas[1])} for rows in held]
        ledger = pa.Table.from_pylist(self.ledger[: self.records])
        if self.records:
            ledger = ledger.set_column(3, "published_at", ledger["published_at"].cast(pa.timestamp("us")))
        truth = Truth(None, table(today, schemas[0]), table(past, schemas[0]))
        tonight = [{name: row[name] for name in ("cell", "value", "state")} for row in self.ledger[self.records :]]
        fields = [("cell", pa.string()), ("value", pa.float64()), ("state", pa.string())]
        records = pa.Table.from_pylist(tonight, schema=pa.schema(fields)) if gate else None
        known = ledger if self.records else None
        return audit(framework, editions, truth, known, memory=memory, records=records, anew=anew)

    def anew(self) -> frozenset[str]:
        """Regions of which the last edition said anything else."""
        said = [{tuple(row.items()) for row in rows} for _, rows in self._two()]
        return frozenset(dict(row)["region"] for row in said[0] ^ said[-1])

    def _two(self) -> list[tuple[int, list[dict[str, Any]]]]:
        return list(enumerate(self.editions[:2]))

    def _row(self, place: Place) -> dict[str, Any]:
        members = {**dict.fromkeys((d.lower() for d in self.framework.dimension_order), "T"), "sex": place[2]}
        return {"region": place[0], "year": place[1], **members}

    @staticmethod
    def _at(row: dict[str, Any]) -> Place:
        return row["region"], row["year"], row["sex"]


def after(memory: Memory) -> Memory:
    """What the next night is left with."""
    return Memory(memory.used, memory.solved, memory.parts_used, memory.years_used)


def same(one: AuditReport, other: AuditReport) -> bool:
    """Do two reports say the same? The ends of what is wide enough only show that it is."""
    pairs = zip(one.table.to_pylist(), other.table.to_pylist(), strict=True)
    wide = {"lower": None, "upper": None}
    rows = [({**a, **wide}, {**b, **wide}) if a["verdict"] == b["verdict"] == "ok" else (a, b) for a, b in pairs]
    return all(a == b for a, b in rows) and replace(one, table=None) == replace(other, table=None)
