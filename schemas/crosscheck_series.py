"""Do the breaks of series name what exists?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from schemas.definitions_series import Break
from schemas.territory import Territory
from schemas.yaml_source import Located, Problem


def break_problems(
    loaded: Mapping[str, Mapping[str, Any]], territory: Territory | None, where: Mapping[str, Located]
) -> Iterator[Problem]:
    """A break concerns something, and everything it names exists."""
    for code, entry in loaded["breaks"].items():
        at = where[f"Break:{code}"]
        if not (entry.indicators or entry.variables or entry.sources):
            yield at.problem("Ein Bruch nennt Indikatoren, Merkmale oder Quellen.")
        for kind in ("indicators", "variables", "sources"):
            for named in getattr(entry, kind):
                if named not in loaded[kind]:
                    yield at.problem(f"„{named}“ gibt es unter {kind} nicht.", kind)
        yield from _region_problems(entry, territory, at)


def _region_problems(entry: Break, territory: Territory | None, at: Located) -> Iterator[Problem]:
    if territory is None:
        return
    groups = {group.code for group in territory.groups()}
    for region in entry.regions:
        if not territory.known(region) and region not in groups:
            yield at.problem(f"Das Gebiet „{region}“ gibt es nicht.", "regions")
