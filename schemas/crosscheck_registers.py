"""Do the registers hang together, and can every figure that is counted from them be counted?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from schemas import definitions as d
from schemas.condition_parsing import ConditionError, parse_condition
from schemas.definitions_registers import (
    CODED,
    FIELDS,
    NUMBERS,
    REFERRING,
    TEXTS,
    WHOLE,
    Codelist,
    FieldType,
    RecordField,
    Register,
    TargetFields,
)
from schemas.loading_registers import Kept
from schemas.yaml_source import Located, Problem


def register_problems(
    kept: Kept,
    dimensions: Mapping[str, d.Dimension],
    variables: Mapping[str, d.Variable],
    where: Mapping[str, Located],
) -> Iterator[Problem]:
    """All problems of code lists, registers and the variables that are counted from records."""
    for code, listed in kept.codelists.items():
        yield from _codelist(listed, where[f"Codelist:{code}"], dimensions)
    taken: dict[tuple[str, str], str] = {}
    for code, register in kept.registers.items():
        at = where[f"Register:{code}"]
        for key, said in (("id_prefix", register.id_prefix), ("sheet", register.sheet.casefold())):
            other = taken.setdefault((key, said), code)
            if other != code:
                yield at.problem(f"Das Register {other} hat schon dieselbe Angabe {key}.", key)
        yield from _Checking(register, at, kept, dimensions).problems()
    for code, variable in variables.items():
        if variable.computed_from is not None:
            yield from _computed(variable, where[f"Variable:{code}"], kept)


def _codelist(listed: Codelist, at: Located, dimensions: Mapping[str, d.Dimension]) -> Iterator[Problem]:
    origin = listed.origin
    if origin is not None and origin != FIELDS and (origin not in dimensions or dimensions[origin].dynamic):
        yield at.problem(f"origin: „{origin}“ ist weder fields noch eine Dimension mit festen Ausprägungen.", "origin")
    elif not listed.entries:
        yield at.problem("Die Liste hat keine Einträge (entries oder origin).")
    seen: set[str] = set()
    for number, entry in enumerate(listed.entries):
        if entry.code in seen:
            yield at.problem(f"Der Code „{entry.code}“ steht zweimal da.", "entries", number)
        seen.add(entry.code)


class _Checking:
    def __init__(self, register: Register, at: Located, kept: Kept, dimensions: Mapping[str, d.Dimension]) -> None:
        self.register = register
        self.at = at
        self.kept = kept
        self.dimensions = dimensions

    def problems(self) -> Iterator[Problem]:
        seen: set[str] = set()
        for number, field in enumerate(self.register.fields):
            if field.code in seen:
                yield self.at.problem(f"Das Feld „{field.code}“ steht zweimal da.", "fields", number, "code")
            seen.add(field.code)
            yield from self._field(field, number)
        yield from self._named("title", self.register.title)
        title = self.register.field(self.register.title)
        if title is not None and not (title.public and title.required):
            yield self.at.problem("Das Feld, das einen Eintrag benennt, ist Pflicht und öffentlich.", "title")
        if self.register.span is not None:
            yield from self._named("span", self.register.span.start, "date")
            yield from self._named("span", self.register.span.end, "date")
        if self.register.checked is not None:
            yield from self._named("checked", self.register.checked.field, "date")
        if self.register.link is not None:
            for code in filter(None, (self.register.link.left, self.register.link.right)):
                yield from self._named("link", code)
        if self.register.listed is not None:
            yield from self._condition(self.register.listed, "listed")
        if self.register.target is not None:
            yield from self._target(self.register.target)
        yield from self._checks()

    def _field(self, field: RecordField, number: int) -> Iterator[Problem]:
        place = ("fields", number)
        for key, types, known in (
            ("codelist", CODED, self.kept.codelists),
            ("refers_to", REFERRING, self.kept.registers),
        ):
            named: str | None = getattr(field, key)
            if (named is not None) != (field.type in types):
                yield self.at.problem(f"{field.code}: {key} gehört zu den Arten {' und '.join(sorted(types))}.", *place)
            elif named is not None and named not in known:
                yield self.at.problem(f"{field.code}: „{named}“ gibt es nicht.", *place, key)
        if field.type not in NUMBERS and (field.minimum is not None or field.maximum is not None):
            yield self.at.problem(f"{field.code}: Nur eine Zahl hat Grenzen (minimum, maximum).", *place)
        if field.minimum is not None and field.maximum is not None and field.minimum > field.maximum:
            yield self.at.problem(f"{field.code}: Die untere Grenze liegt über der oberen.", *place, "minimum")
        if field.max_length is not None and field.type not in TEXTS:
            yield self.at.problem(f"{field.code}: Nur ein Text hat eine größte Länge (max_length).", *place)

    def _named(self, key: str, code: str, *types: FieldType) -> Iterator[Problem]:
        field = self.register.field(code)
        if field is None:
            yield self.at.problem(f"{key}: Das Register {self.register.code} hat kein Feld „{code}“.", key)
        elif types and field.type not in types:
            yield self.at.problem(f"{key}: Das Feld „{code}“ hat nicht die Art {' oder '.join(types)}.", key)

    def _condition(self, text: str, *keys: str | int) -> Iterator[Problem]:
        try:
            parse_condition(text, self.register, self.kept.registers, self.kept.codelists)
        except ConditionError as error:
            yield self.at.problem(str(error), *keys)

    def _checks(self) -> Iterator[Problem]:
        seen: set[str] = set()
        for number, check in enumerate(self.register.checks):
            if check.code in seen:
                yield self.at.problem(f"Die Kennung „{check.code}“ steht zweimal da.", "checks", number)
            seen.add(check.code)
            if self.register.field(check.field) is None:
                yield self.at.problem(
                    f"Das Register {self.register.code} hat kein Feld „{check.field}“.", "checks", number, "field"
                )
            yield from self._condition(check.expects, "checks", number, "expects")

    def _target(self, target: TargetFields) -> Iterator[Problem]:
        yield from self._named("target", target.title)
        yield from self._named("target", target.indicator, "indicator")
        yield from self._named("target", target.value, "decimal", "integer")
        yield from self._named("target", target.date, "date", "year")
        if target.baseline_value is not None:
            yield from self._named("target", target.baseline_value, "decimal", "integer")
        if target.baseline_year is not None:
            yield from self._named("target", target.baseline_year, "year")
        if target.direction is not None:
            yield from self._named("target", target.direction, "code")
            field = self.register.field(target.direction)
            listed = self.kept.codelists.get(field.codelist or "") if field else None
            for code in target.directions:
                if listed is not None and listed.entry(code) is None:
                    yield self.at.problem(f"target: {target.direction} kennt „{code}“ nicht.", "target", "directions")
        for dimension, code in target.members.items():
            if dimension not in self.dimensions:
                yield self.at.problem(f"target: Die Dimension „{dimension}“ gibt es nicht.", "target", "members")
            yield from self._named("target", code, "code")
        if target.dropped is not None:
            yield from self._condition(target.dropped, "target", "dropped")


def _computed(variable: d.Variable, at: Located, kept: Kept) -> Iterator[Problem]:
    said = variable.computed_from
    assert said is not None
    place = "computed_from"
    register = kept.registers.get(said.records)
    if register is None:
        yield at.problem(f"Das Register „{said.records}“ gibt es nicht.", place, "records")
        return
    named = [code for code in (said.sum, said.count_distinct) if code is not None]
    if len(named) + (said.count is not None) != 1:
        yield at.problem("Genau eines ist anzugeben: count, sum oder count_distinct.", place)
    for code in named:
        field = register.field(code)
        if field is None:
            yield at.problem(f"Das Register {register.code} hat kein Feld „{code}“.", place)
        elif code == said.sum and field.type not in WHOLE:
            yield at.problem(f"Summiert werden ganze Zahlen; „{code}“ hat die Art {field.type}.", place, "sum")
    if variable.type != "count" or any(variable.tables):
        yield at.problem("Aus Einträgen gezählt wird eine Anzahl ohne Gliederung (type: count, tables: [[]]).", place)
    if said.where is not None:
        try:
            parse_condition(said.where, register, kept.registers, kept.codelists)
        except ConditionError as error:
            yield at.problem(str(error), place, "where")
