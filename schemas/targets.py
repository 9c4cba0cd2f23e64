"""Targets as a table: those of the programme from the framework, those of the regions from a file or a register.

Shape of the table (`target_table`), one row per target, region and target year:

    target_id, title_de, title_en, region, indicator, one column per dimension (T = total), kind, direction (at_least,
    at_most), target, target_upper (empty without), target_year (empty for one to be held), baseline, baseline_year,
    since, until (reporting years that are judged, empty = all)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import ValidationError

from schemas.crosscheck_programme import direction_of, repeated, target_problems
from schemas.definitions_targets import Step, Target
from schemas.framework_model import Framework
from schemas.shapes import TOTAL
from schemas.yaml_source import FrameworkError, Located, Problem, SourceFile, read_yaml

FILE = "targets.yaml"
"""Name of the file in the data root; the framework's own file has the same name."""


class TargetsError(FrameworkError):
    """The file of targets cannot be used; carries every problem that was found."""


def target_schema(framework: Framework) -> pa.Schema:
    """Columns of a table of targets."""
    texts = ["target_id", "title_de", "title_en", "region", "indicator"]
    texts += [code.lower() for code in framework.dimension_order] + ["kind", "direction"]
    columns = [(name, pa.string()) for name in texts]
    columns += [("target", pa.float64()), ("target_upper", pa.float64()), ("target_year", pa.int32())]
    columns += [("baseline", pa.float64()), ("baseline_year", pa.int32()), ("since", pa.int32()), ("until", pa.int32())]
    return pa.schema(columns)


def target_table(framework: Framework, targets: Iterable[Target]) -> pa.Table:
    """Targets as rows; a target of a kind of regions has rows for each of them."""
    rows = [row for target in targets for row in _rows(framework, target)]
    return pa.Table.from_pylist(rows, schema=target_schema(framework))


def read_targets(path: Path, framework: Framework) -> pa.Table:
    """The targets of a file, no rows when there is no file. Raises TargetsError with every problem."""
    problems: list[Problem] = []
    targets: list[Target] = []
    if path.exists():
        source = read_yaml(path, path.parent, problems)
        data = source.data if source.data is not None else []
        if not isinstance(data, list):
            problems.append(Problem(source.name, 1, "Hier wird eine Liste von Zielen erwartet."))
            data = []
        for number, raw in enumerate(data):
            target = _target(source, number, raw, problems)
            if target is not None:
                targets.append(target)
                at = Located(source, (number,))
                problems += target_problems(target, at, framework.indicators, framework.dimensions, framework.territory)
        own = {target.id for target in framework.targets.targets}
        problems += [
            Located(source, (number,)).problem(f"Die Kennung „{target.id}“ hat schon ein Ziel des Programms.", "id")
            for number, target in enumerate(targets)
            if target.id in own
        ]
        if not problems:
            problems += repeated(targets, source)
    if problems:
        raise TargetsError(problems)
    return target_table(framework, targets)


def _target(source: SourceFile, number: int, raw: Any, problems: list[Problem]) -> Target | None:
    try:
        return Target.model_validate(raw)
    except ValidationError as error:
        for item in error.errors(include_url=False):
            name = ".".join(str(part) for part in item["loc"])
            said = {
                "extra_forbidden": f"Der Schlüssel „{name}“ ist hier nicht bekannt.",
                "missing": f"Der Schlüssel „{name}“ fehlt.",
            }.get(item["type"], f"{name}: Diese Angabe passt nicht ({item['msg']}).")
            problems.append(Problem(source.name, source.line((number, *item["loc"])), said))
        return None


def _rows(framework: Framework, target: Target) -> Iterator[dict[str, Any]]:
    direction = direction_of(target, framework.indicators[target.indicator])
    steps: list[Step | None] = [*target.steps] or [None]
    members = {code.lower(): target.members.get(code, TOTAL) for code in framework.dimension_order}
    for region in _regions(framework, target):
        for step in steps:
            yield {
                "target_id": target.id,
                "title_de": target.title_de,
                "title_en": target.title_en or target.title_de,
                "region": region,
                "indicator": target.indicator,
                **members,
                "kind": target.kind,
                "direction": direction,
                "target": step.value if step else None,
                "target_upper": step.upper if step else None,
                "target_year": step.year if step else None,
                "baseline": target.baseline.value if target.baseline else None,
                "baseline_year": target.baseline.year if target.baseline else None,
                "since": target.since,
                "until": target.until,
            }


def _regions(framework: Framework, target: Target) -> Iterable[str]:
    units = (unit.code for unit in framework.territory.units() if unit.kind in target.kinds)
    groups = (group.code for group in framework.territory.groups() if group.kind in target.kinds)
    return dict.fromkeys((*target.regions, *units, *groups))
