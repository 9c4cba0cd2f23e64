"""Read the entries of a framework's files strictly: what does not fit is collected with file and line, and reading goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from schemas.yaml_source import Located, Problem, SourceFile, read_yaml

_M = TypeVar("_M", bound=BaseModel)


class EntryReader:
    """Reads files of a folder; `problems`, `where` (place of every entry as `Model:CODE`) and `files` fill as it goes."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder = folder
        self.root = root
        self.problems: list[Problem] = []
        self.where: dict[str, Located] = {}
        self.files: list[Path] = []

    def read(self, path: Path) -> SourceFile:
        """One file, which becomes part of the content hash."""
        self.files.append(path)
        return read_yaml(path, self.root, self.problems)

    def entries(self, name: str, model: type[_M], *, required: bool = True) -> dict[str, _M]:
        """A file of the folder that is a list of entries, by code."""
        path = self.folder / name
        if not required and not path.exists():
            return {}
        return self.entries_at(path, model)

    def entries_at(self, path: Path, model: type[_M]) -> dict[str, _M]:
        """A file that is a list of entries, by code."""
        source = self.read(path)
        return self.listed(source, (), source.data, model) if source.data is not None else {}

    def optional(self, name: str, model: type[_M]) -> tuple[_M | None, SourceFile]:
        """A file that a framework may leave out, as one entry; without it the defaults of the model."""
        path = self.folder / name
        source = self.read(path) if path.exists() else SourceFile(name, {}, {})
        return self.model(source, (), source.data if source.data is not None else {}, model), source

    def section(self, source: SourceFile, key: str, model: type[_M], *, required: bool = True) -> dict[str, _M]:
        """The list of entries under a key of a file, by code."""
        if not isinstance(source.data, dict) or (key not in source.data and not required):
            return {}
        if key not in source.data:
            self.problems.append(Problem(source.name, 1, f"Der Abschnitt „{key}“ fehlt."))
            return {}
        return self.listed(source, (key,), source.data[key], model)

    def by_field(self, folder: Path, model: type[_M]) -> tuple[dict[str, _M], dict[str, str]]:
        """Entries of all files of a folder; the file name is the field code."""
        entries: dict[str, _M] = {}
        field_of: dict[str, str] = {}
        for path in sorted(folder.glob("*.yaml")):
            for code, entry in self.entries_at(path, model).items():
                if code in entries:
                    self.duplicate(self.where[f"{model.__name__}:{code}"], code)
                entries[code] = entry
                field_of[code] = path.stem
        return entries, field_of

    def listed(self, source: SourceFile, path: tuple[str | int, ...], data: Any, model: type[_M]) -> dict[str, _M]:
        """A list of entries anywhere in a file, by code."""
        if not isinstance(data, list):
            self.problems.append(
                Problem(source.name, source.line(path), "Hier wird eine Liste von Einträgen erwartet.")
            )
            return {}
        entries: dict[str, _M] = {}
        for index, raw in enumerate(data):
            entry = self.model(source, (*path, index), raw, model)
            if entry is None:
                continue
            code: str = entry.code  # type: ignore[attr-defined]
            located = Located(source, (*path, index))
            if code in entries:
                self.duplicate(located, code)
            entries[code] = entry
            self.where[f"{model.__name__}:{code}"] = located
        return entries

    def duplicate(self, located: Located, code: str) -> None:
        """A code that stands there twice."""
        self.problems.append(located.problem(f"Die Kennung „{code}“ ist doppelt vergeben."))

    def model(self, source: SourceFile, path: tuple[str | int, ...], raw: Any, model: type[_M]) -> _M | None:
        """One entry; None (and problems) when it does not fit the model."""
        return model_of(source, path, raw, model, self.problems)


def model_of(
    source: SourceFile, path: tuple[str | int, ...], raw: Any, model: type[_M], problems: list[Problem]
) -> _M | None:
    """What stands at a place of a file, as a model; None, and problems with the lines, when it does not fit."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        for item in error.errors(include_url=False):
            name = ".".join(str(part) for part in item["loc"])
            sentence = _sentence(name, item["type"], item["msg"])
            problems.append(Problem(source.name, source.line((*path, *item["loc"])), sentence))
        return None


def _sentence(name: str, kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return f"Der Schlüssel „{name}“ ist hier nicht bekannt."
    if kind == "missing":
        return f"Der Schlüssel „{name}“ fehlt."
    return f"„{name}“: Diese Angabe passt nicht ({message})."
