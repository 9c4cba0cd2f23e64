"""Read YAML files so that every entry still knows the line it came from.

A framework is written by people: an error message has to name file and line, duplicate keys must not vanish silently,
and all errors of all files are shown at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the framework, and where to mend it."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class FrameworkError(ValueError):
    """The framework cannot be used; carries every problem that was found, not only the first."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(set(problems), key=lambda problem: (problem.file, problem.line, problem.message))
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True, slots=True)
class SourceFile:
    """The content of one YAML file with the line number of every node, keyed by its path inside the document."""

    name: str
    data: Any
    lines: dict[tuple[str | int, ...], int]

    def line(self, path: tuple[str | int, ...]) -> int:
        """Line of the node at `path`, or of its nearest ancestor that has one."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return 1


@dataclass(frozen=True, slots=True)
class Located:
    """Where an entry stands in its file."""

    source: SourceFile
    path: tuple[str | int, ...]

    def problem(self, message: str, *keys: str | int) -> Problem:
        """A problem at the entry, or at one of its keys (the innermost last)."""
        return Problem(self.source.name, self.source.line((*self.path, *keys)), message)


def read_yaml(path: Path, root: Path, problems: list[Problem]) -> SourceFile:
    """Read one file; syntax errors and duplicate keys are appended to `problems`."""
    name = str(path.relative_to(root)) if path.is_relative_to(root) else path.name
    try:
        loader = _Loader(path.read_text(encoding="utf-8"))
        try:
            node = loader.get_single_node()
            lines: dict[tuple[str | int, ...], int] = {}
            if node is not None:
                _collect_lines(node, (), lines, name, problems)
            data = loader.construct_document(node) if node is not None else None
        finally:
            loader.dispose()
    except OSError as error:
        problems.append(Problem(name, 1, f"Die Datei lässt sich nicht öffnen ({error.strerror})."))
        return SourceFile(name, None, {})
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problems.append(Problem(name, mark.line + 1 if mark else 1, f"Das ist kein gültiges YAML ({error.problem})."))
        return SourceFile(name, None, {})
    return SourceFile(name, data, lines)


def _collect_lines(
    node: yaml.Node,
    path: tuple[str | int, ...],
    lines: dict[tuple[str | int, ...], int],
    name: str,
    problems: list[Problem],
) -> None:
    lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                problems.append(
                    Problem(name, key.start_mark.line + 1, f"Der Schlüssel „{key.value}“ steht hier doppelt.")
                )
            seen.add(key.value)
            _collect_lines(value, (*path, key.value), lines, name, problems)
            lines[(*path, key.value)] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _collect_lines(value, (*path, index), lines, name, problems)
