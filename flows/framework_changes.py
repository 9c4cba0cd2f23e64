"""The change note of the framework as Markdown: what is new, what changed, what is gone, and what the form asks for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from flows.wording import catalogue, language, text
from schemas.changes import KINDS, CellChange, Change, Difference, State, cell_changes, changes

_WHATS = ("added", "changed", "removed")


def as_markdown(before: State, after: State) -> str:
    """The note in the language of the commands."""
    return "\n".join(_lines(before, after))


def _lines(before: State, after: State) -> Iterator[str]:
    found, cells = changes(before, after), cell_changes(before, after)
    yield f"# {text('changes.title', before=before.year, after=after.year)}"
    yield ""
    for state in (before, after):
        head = state.framework.head
        yield f"- {text('changes.state', code=head.code, version=head.version, year=state.year)}"
    yield ""
    if not found and not cells:
        yield text("changes.nothing")
        return
    yield _summary(found, cells)
    for kind in KINDS:
        for what in _WHATS:
            chosen = [change for change in found if (change.kind, change.what) == (kind, what)]
            if chosen:
                yield from ("", f"## {text(f'kind.{kind}')}: {text(f'what.{what}')}", "")
            for change in chosen:
                yield from _entry(change)
    if cells:
        yield from _cells(before, after, cells)


def _summary(found: Sequence[Change], cells: Sequence[CellChange]) -> str:
    numbers: dict[str, Any] = {
        kind: text(
            "changes.counts",
            **{what: sum((c.kind, c.what) == (kind, what) for c in found) for what in _WHATS},
        )
        for kind in KINDS
    }
    numbers["cells_added"] = sum(len(change.added) for change in cells)
    numbers["cells_removed"] = sum(len(change.removed) for change in cells)
    return text("changes.summary", **numbers)


def _entry(change: Change) -> Iterator[str]:
    entry = change.state.entries(change.kind)[change.code]
    yield f"- **{change.code}** {_said(entry, 'name') or _said(entry, 'why')}".rstrip()
    if change.what == "added":
        definition = _said(entry, "definition")
        if definition:
            yield f"  - {definition}"
        for key in ("formula", "expression"):
            if hasattr(entry, key):
                yield f"  - {text(f'keys.{key}')}: `{getattr(entry, key)}`"
    if change.kind == "variable" and change.what != "changed":
        used = change.state.framework.used_by(change.code)
        if used:
            yield f"  - {text('changes.used_by')}: {', '.join(used)}"
    for difference in change.differences:
        yield f"  - {_key(difference)}: {_value(difference.key, difference.before)} → {_value(difference.key, difference.after)}"


def _said(entry: object, stem: str) -> str:
    """A text of an entry in the language of the note, else in the other one."""
    names = (f"{stem}_{language()}", f"{stem}_de", f"{stem}_en")
    return next((said for name in names if (said := str(getattr(entry, name, "")))), "")


def _key(difference: Difference) -> str:
    """Name of a key; of a part (`fields.CODE.type`) what it is, its code, and its key."""
    names = catalogue(language())
    head, *rest = difference.key.split(".")
    inner = [names.get(f"keys.{key}", key) for key in rest[1:]]
    return " ".join((names.get(f"keys.{head}", head), *rest[:1], *inner))


def _value(key: str, value: Any) -> str:
    """A value of an entry on one line: texts as they are, formulas and codes as code."""
    if value is None or value in ("", [], {}):
        return text("changes.no_text")
    if isinstance(value, (dict, list, tuple)):
        return f"`{_flat(value)}`"
    return f"„{value}“" if key.endswith(("_de", "_en")) else f"`{value}`"


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_flat(part)}" for key, part in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(f"({_flat(part)})" if isinstance(part, (dict, list)) else str(part) for part in value)
    return str(value)


def _cells(before: State, after: State, cells: Sequence[CellChange]) -> Iterator[str]:
    yield from ("", f"## {text('changes.cells')}", "", text("changes.cells_note"), "")
    heads = text("changes.cells_heads").split("|")
    yield f"| {' | '.join(heads)} |"
    yield "|---|---:|---:|"
    for change in cells:
        state = after if change.variable in after.entries("variable") else before
        name = _said(state.entries("variable")[change.variable], "name")
        yield f"| {change.variable} {name} | {len(change.added)} | {len(change.removed)} |"
