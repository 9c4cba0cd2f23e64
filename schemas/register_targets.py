"""Targets from the registers of the regions, as rows of the same table as those of a file (`schemas.targets`).

A register says itself which of its fields make a target (`Register.target`). A value and a day make a target to be
reached by the year of that day, a value alone one to be held every year, no value one of the direction alone. A record
without an indicator, or of a target that was dropped, is no row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import pyarrow as pa
from pydantic import ValidationError

from schemas.conditions import holds
from schemas.crosscheck_programme import target_problems
from schemas.definitions_registers import TargetFields
from schemas.definitions_targets import Baseline, Step, Target
from schemas.framework_model import Framework
from schemas.shapes import Record
from schemas.targets import target_table
from schemas.yaml_source import Located, SourceFile

_NOWHERE = Located(SourceFile("", None, {}), ())


def register_targets(framework: Framework, records: Iterable[Record]) -> pa.Table:
    """The targets of records of any regions and years: those of the newest year of each region and register.

    `target_id` is `REGION.ID` (see `target_id`). A record that makes no sound target is left out; the reply to its
    delivery has said why (`target_faults`).
    """
    targets = [
        target
        for record in _newest(framework, records)
        if (target := target_of(framework, record)) is not None and not target_faults(framework, record)
    ]
    return target_table(framework, targets)


def with_registers(listed: pa.Table, registered: pa.Table) -> pa.Table:
    """Both tables of targets as one. Where a file and the register of a region name a target by the same id (`ID` or
    `REGION.ID` in the file), the register holds."""
    known = set(registered.column("target_id").to_pylist())
    rows = zip(listed.column("region").to_pylist(), listed.column("target_id").to_pylist(), strict=True)
    kept = [code not in known and target_id(region, code) not in known for region, code in rows]
    return pa.concat_tables([listed.filter(pa.array(kept, pa.bool_())), registered])


def target_id(region: str, record: str) -> str:
    """Id of the target that a record of a region makes."""
    return f"{region}.{record}"


def target_of(framework: Framework, record: Record) -> Target | None:
    """The target that a record makes; None when it names no indicator, was dropped, or does not read as one."""
    said = framework.registers[record.register].target
    values = record.values
    if said is None or not values.get(said.indicator):
        return None
    dropped = framework.condition(record.register, said.dropped)
    if dropped is not None and holds(dropped, values, record.year, lambda register, identifier: None):
        return None
    try:
        step = _step(said, values)
        return Target(
            id=target_id(record.region, record.id),
            title_de=values.get(said.title, record.id),
            regions=[record.region],
            indicator=values[said.indicator],
            members={dimension: values[code] for dimension, code in said.members.items() if values.get(code)},
            kind="direction" if step is None else "hold" if step.year is None else "value",
            direction=said.directions.get(values.get(said.direction or "", "")),
            steps=[] if step is None else [step],
            baseline=_baseline(said, values),
        )
    except (ValidationError, ValueError):
        return None


def target_faults(framework: Framework, record: Record) -> list[str]:
    """What keeps the target of a record from being judged, as German sentences; none for one without an indicator."""
    target = target_of(framework, record)
    if target is None:
        return []
    problems = target_problems(target, _NOWHERE, framework.indicators, framework.dimensions, framework.territory)
    return [problem.message for problem in problems]


def _newest(framework: Framework, records: Iterable[Record]) -> Iterator[Record]:
    found: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        if (register := framework.registers.get(record.register)) is not None and register.target is not None:
            found.setdefault((record.region, record.register), []).append(record)
    for (_, _), own in sorted(found.items()):
        last = max(record.year for record in own)
        yield from (record for record in own if record.year == last)


def _step(said: TargetFields, values: Mapping[str, str]) -> Step | None:
    value = values.get(said.value)
    if not value:
        return None
    day = values.get(said.date)
    return Step(value=float(value), year=int(day[:4]) if day else None)


def _baseline(said: TargetFields, values: Mapping[str, str]) -> Baseline | None:
    year, value = values.get(said.baseline_year or ""), values.get(said.baseline_value or "")
    return Baseline(year=int(year), value=float(value) if value else None) if year else None
