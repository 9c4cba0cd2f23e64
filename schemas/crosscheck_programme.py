"""Do the targets and the demographic profile name what exists, and say what they must?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from schemas import definitions as d
from schemas.definitions_profile import Measure, Profile
from schemas.definitions_targets import Direction, Target, TargetRules
from schemas.shapes import TOTAL
from schemas.territory import Territory
from schemas.yaml_source import Located, Problem, SourceFile

_BETTER: Mapping[str, Direction] = {"higher_better": "at_least", "lower_better": "at_most"}


def direction_of(target: Target, indicator: d.Indicator) -> Direction | None:
    """Which way the target asks for: as it says itself, else as the indicator does; None when neither does."""
    return target.direction or _BETTER.get(indicator.direction)


def programme_problems(
    targets: TargetRules,
    profile: Profile,
    sources: Mapping[str, SourceFile],
    loaded: Mapping[str, Mapping[str, Any]],
    territory: Territory | None,
) -> Iterator[Problem]:
    """Problems of targets.yaml and profile.yaml; `sources` has them under `targets` and `profile`."""
    for number, target in enumerate(targets.targets):
        at = Located(sources["targets"], ("targets", number))
        yield from target_problems(target, at, loaded["indicators"], loaded["dimensions"], territory)
    yield from repeated(targets.targets, sources["targets"], ("targets",))
    seen: set[str] = set()
    for number, measure in enumerate(profile.measures):
        at = Located(sources["profile"], ("measures", number))
        if measure.code in seen:
            yield at.problem(f"Die Kennung „{measure.code}“ steht zweimal da.", "code")
        seen.add(measure.code)
        yield from _measure(measure, at, loaded)


def repeated(targets: list[Target], source: SourceFile, path: tuple[str, ...] = ()) -> Iterator[Problem]:
    """Targets whose id stands twice in a file."""
    seen: set[str] = set()
    for number, target in enumerate(targets):
        if target.id in seen:
            yield Located(source, (*path, number)).problem(f"Die Kennung „{target.id}“ steht zweimal da.", "id")
        seen.add(target.id)


def target_problems(
    target: Target,
    at: Located,
    indicators: Mapping[str, d.Indicator],
    dimensions: Mapping[str, d.Dimension],
    territory: Territory | None,
) -> Iterator[Problem]:
    """What is wrong with one target."""
    indicator = indicators.get(target.indicator)
    if indicator is None:
        yield at.problem(f"Den Indikator „{target.indicator}“ gibt es nicht.", "indicator")
        return
    if direction_of(target, indicator) is None:
        yield at.problem("Der Indikator hat keine bessere Richtung: direction ist anzugeben (at_least, at_most).")
    yield from _steps(target, at)
    for code, member in target.members.items():
        if code not in indicator.breakdowns:
            yield at.problem(f"{target.indicator} ist nicht nach {code} gegliedert.", "members", code)
        elif not dimensions[code].dynamic and (member == TOTAL or member not in dimensions[code].members):
            yield at.problem(f"{code} hat die Ausprägung „{member}“ nicht.", "members", code)
    if not target.regions and not target.kinds:
        yield at.problem("Hier fehlt, für wen das Ziel gilt: regions oder kinds.")
    if territory is not None:
        groups = {group.code for group in territory.groups()}
        for region in target.regions:
            if not territory.known(region) and region not in groups:
                yield at.problem(f"Das Gebiet „{region}“ gibt es nicht.", "regions")
        kinds = {group.kind for group in territory.groups()} | {unit.kind for unit in territory.units()}
        for kind in target.kinds:
            if kind not in kinds:
                yield at.problem(f"Gebiete der Art „{kind}“ gibt es nicht.", "kinds")


def _steps(target: Target, at: Located) -> Iterator[Problem]:
    if target.kind == "direction":
        if target.steps:
            yield at.problem("Ein Ziel, das nur die Richtung nennt, hat keine Zielwerte.", "steps")
        return
    if not target.steps:
        yield at.problem("Hier fehlt der Zielwert (steps).")
    years = [step.year for step in target.steps]
    if target.kind == "hold" and (len(years) > 1 or years not in ([], [None])):
        yield at.problem("Ein Ziel, das jedes Jahr gilt, hat genau einen Zielwert und kein Zieljahr.", "steps")
    if target.kind != "hold" and (None in years or len(set(years)) < len(years)):
        yield at.problem("Jeder Zielwert hat ein eigenes Zieljahr.", "steps")
    for number, step in enumerate(target.steps):
        if target.kind == "interval" and step.upper is None:
            yield at.problem("Ein Zielintervall hat eine obere Grenze (upper).", "steps", number)
        if target.kind == "value" and step.upper is not None:
            yield at.problem(
                "Ein einzelner Zielwert hat keine obere Grenze; gemeint ist kind: interval.", "steps", number
            )
        if step.upper is not None and step.upper <= step.value:
            yield at.problem("Die obere Grenze liegt über der unteren.", "steps", number)
        if target.baseline and step.year is not None and step.year <= target.baseline.year:
            yield at.problem("Das Zieljahr liegt nach dem Ausgangsjahr.", "steps", number)


def _measure(measure: Measure, at: Located, loaded: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    variable: d.Variable | None = loaded["variables"].get(measure.variable)
    if variable is None:
        yield at.problem(f"Die Variable „{measure.variable}“ gibt es nicht.", "variable")
        return
    if variable.type != "count":
        yield at.problem("Das Profil besteht aus Anzahlen.", "variable")
    if measure.breaks_of is not None and measure.breaks_of not in loaded["indicators"]:
        yield at.problem(f"Den Indikator „{measure.breaks_of}“ gibt es nicht.", "breaks_of")
    if (measure.dimension is None) != (not measure.bands) or (measure.dimension is None and measure.figure == "share"):
        yield at.problem("Eine Gliederung braucht dimension und bands, ein Anteil eine Gliederung.")
        return
    if measure.projected and measure.dimension is not None:
        yield at.problem("Nur eine Gesamtzahl wird vorausgeschätzt.", "projected")
    if measure.dimension is None:
        return
    dimension: d.Dimension | None = loaded["dimensions"].get(measure.dimension)
    if dimension is None or not any(measure.dimension in table for table in variable.tables):
        yield at.problem(f"{measure.variable} ist nicht nach „{measure.dimension}“ gegliedert.", "dimension")
        return
    scheme = variable.schemes.get(measure.dimension)
    if dimension.dynamic or (dimension.schemes and scheme not in dimension.schemes):
        yield at.problem(f"{measure.dimension} hat hier keine festen Ausprägungen.", "dimension")
        return
    known = variable.members.get(measure.dimension) or dimension.scheme(scheme).members()
    used: set[str] = set()
    for number, band in enumerate(measure.bands):
        for member in band.parts:
            if member not in known or member == TOTAL:
                yield at.problem(f"{measure.dimension} hat die Ausprägung „{member}“ hier nicht.", "bands", number)
            if member in used:
                yield at.problem(f"„{member}“ steht in zwei Zeilen.", "bands", number)
            used.add(member)
        if not band.name_de and band.code not in dimension.members:
            yield at.problem("Die Zeile braucht einen Namen (name_de, name_en).", "bands", number)
