"""Load the layouts of a framework strictly: every problem of every file at once, with file and line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product

from intake.layout_model import Column, Label, Layout, SheetRule, Value, normalised, normalised_header
from schemas.entry_reading import model_of
from schemas.framework_model import Framework, Members
from schemas.shapes import TOTAL
from schemas.yaml_source import FrameworkError, Problem, SourceFile, read_yaml

At = tuple[str | int, ...]


def load_layouts(framework: Framework) -> tuple[Layout, ...]:
    """All layouts of the framework's folder in the order of the file names; raises FrameworkError with all problems."""
    folder, problems = framework.layouts_folder, list[Problem]()
    layouts: dict[str, Layout] = {}
    for path in sorted(folder.glob("*.yaml")):
        before = len(problems)
        source = read_yaml(path, folder.parent, problems)
        layout = _validated(source, problems) if len(problems) == before else None
        if layout is None:
            continue
        if layout.code in layouts:
            problems.append(
                Problem(source.name, source.line(("code",)), f"Die Kennung „{layout.code}“ ist doppelt vergeben.")
            )
        layouts[layout.code] = layout
        problems += [Problem(source.name, source.line(at), text) for at, text in _problems(layout, framework)]
    if problems:
        raise FrameworkError(problems)
    return tuple(layouts.values())


def combine(framework: Framework, parts: Iterable[Value]) -> tuple[str, Members]:
    """Variable and members that differ from the total, in framework order; ValueError says what does not fit."""
    variable, members = _merged(parts)
    if variable not in framework.variables:
        raise ValueError(
            f"Die Variable „{variable}“ gibt es nicht." if variable else "Nichts sagt, welche Variable es ist."
        )
    counted = framework.variables[variable].computed_from
    if counted is not None:
        raise ValueError(f"{variable} wird aus dem Register {counted.records} gezählt, das liefert niemand.")
    for dimension, member in members.items():
        if dimension not in framework.variable_dimensions(variable):
            raise ValueError(f"{variable} wird nicht nach {dimension} geliefert.")
        dynamic = framework.dimensions[dimension].dynamic
        if not dynamic and member != TOTAL and member not in framework.members(variable, dimension):
            raise ValueError(f"{variable} hat keine Ausprägung {dimension}={member}.")
    named = tuple((d, members[d]) for d in framework.dimension_order if members.get(d, TOTAL) != TOTAL)
    if not any({dimension for dimension, _ in named} <= set(table) for table in framework.variables[variable].tables):
        raise ValueError(f"{variable} hat keine Tabelle nach {', '.join(dimension for dimension, _ in named)}.")
    return variable, named


def _merged(parts: Iterable[Value]) -> tuple[str, dict[str, str]]:
    variable, members = "", dict[str, str]()
    for part in parts:
        if part.variable and variable not in ("", part.variable):
            raise ValueError(f"Zeile und Spalte nennen verschiedene Variablen ({variable}, {part.variable}).")
        variable = part.variable or variable
        for dimension, member in part.members.items():
            if members.setdefault(dimension, member) != member:
                raise ValueError(f"Zeile und Spalte nennen verschiedene Ausprägungen von {dimension}.")
    return variable, members


def _validated(source: SourceFile, problems: list[Problem]) -> Layout | None:
    if source.data is None:
        problems.append(Problem(source.name, 1, "Die Datei ist leer."))
        return None
    return model_of(source, (), source.data, Layout, problems)


def _problems(layout: Layout, framework: Framework) -> Iterator[tuple[At, str]]:
    if layout.sign_profile not in framework.sign_profiles:
        yield ("sign_profile",), f"Das Zeichenprofil „{layout.sign_profile}“ gibt es nicht."
    for number, sheet in enumerate(layout.sheets):
        for path, text in _sheet_problems(sheet, framework):
            yield ("sheets", number, *path), text


def _sheet_problems(sheet: SheetRule, framework: Framework) -> Iterator[tuple[At, str]]:
    yield from _repeated(
        ((("columns", n), normalised_header(text)) for n, c in enumerate(sheet.columns) for text in c.texts),
        "Die Überschrift",
    )
    for group, labels in enumerate(sheet.labels):
        texts = ((n, normalised(text)) for n, label in enumerate(labels.values) for text in label.texts)
        yield from _repeated(((("labels", group, "values", n), text) for n, text in texts), "Die Bezeichnung")
    yield from _key_problems(sheet)
    yield from _year_problems(sheet)
    codes = {code: ("region", "map", text) for text, code in sheet.region.map.items()}
    codes |= {sheet.region.fixed: ("region", "fixed", "")} if sheet.region.fixed else {}
    for code, path in codes.items():
        if not framework.territory.known(code):
            yield path, f"Die Region „{code}“ gibt es nicht."
    for number, column in enumerate(sheet.columns):
        if column.value is not None:
            yield from _value_problems(sheet, number, column, framework)


def _repeated(texts: Iterable[tuple[At, str]], what: str) -> Iterator[tuple[At, str]]:
    seen = set[str]()
    for path, text in texts:
        if text in seen:
            yield path, f"{what} „{text}“ steht hier zweimal."
        seen.add(text)


def _key_problems(sheet: SheetRule) -> Iterator[tuple[At, str]]:
    keys = [column.key for column in sheet.columns if column.key]
    used: dict[str, At] = dict.fromkeys(sheet.region.keys, ("region", "keys"))
    used |= {sheet.region.fallback: ("region", "fallback")} if sheet.region.fallback else {}
    used |= {sheet.year.key: ("year", "key")} if sheet.year and sheet.year.key else {}
    used |= {labels.key: ("labels", number, "key") for number, labels in enumerate(sheet.labels)}
    used |= {row.key: ("ignore_rows", number) for number, row in enumerate(sheet.ignore_rows) if row.key}
    for key, path in used.items():
        if key not in keys:
            yield path, f"Keine Spalte hat den Schlüssel „{key}“."
    for number, column in enumerate(sheet.columns):
        if column.key and keys.count(column.key) > 1:
            yield ("columns", number), f"Zwei Spalten haben den Schlüssel „{column.key}“."
        if column.key and column.key not in used:
            yield (
                ("columns", number),
                f"Nichts verwendet den Schlüssel „{column.key}“ (übergehen: ignore).",
            )


def _year_problems(sheet: SheetRule) -> Iterator[tuple[At, str]]:
    values = [column for column in sheet.columns if column.value is not None]
    wide = [column for column in values if all("{year}" in text for text in column.texts)]
    sources = (sheet.year is not None) + ("{year}" in sheet.name) + bool(wide)
    if sources != 1 or (wide and wide != values):
        yield (
            (),
            "Das Jahr kommt von genau einer Stelle: year, {year} im Namen oder {year} in allen Überschriften der Werte.",
        )


def _value_problems(sheet: SheetRule, number: int, column: Column, framework: Framework) -> Iterator[tuple[At, str]]:
    groups: list[list[Label]] = [labels.values for labels in sheet.labels]
    for labels in product(*groups):
        try:
            combine(framework, (column.value or Value(), *labels))
        except ValueError as error:
            beside = f" (neben {', '.join(label.text for label in labels)})" if labels else ""
            yield ("columns", number, "value"), f"{str(error).removesuffix('.')}{beside}."
            return
