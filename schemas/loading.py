"""Load a framework folder strictly: every problem of every file at once, with file and line."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from schemas import definitions as d
from schemas.calendar import FILE as CALENDAR
from schemas.calendar import CalendarRules, calendar_hash, problems
from schemas.crosscheck import crosscheck
from schemas.crosscheck_confidentiality import confidentiality_problems
from schemas.crosscheck_programme import programme_problems
from schemas.crosscheck_register_pages import register_page_problems
from schemas.crosscheck_registers import register_problems
from schemas.crosscheck_series import break_problems
from schemas.definitions_confidentiality import ConfidentialityRules
from schemas.definitions_head import Head
from schemas.definitions_profile import Profile
from schemas.definitions_register_pages import REGISTER_PAGES, RegisterPage
from schemas.definitions_series import Break, Flag, SeriesRules
from schemas.definitions_site import GLOSSARY, PAGES, GlossaryTerm, SitePage
from schemas.definitions_targets import TargetRules
from schemas.entry_reading import EntryReader
from schemas.framework_model import Framework
from schemas.loading_registers import read_registers
from schemas.publication import FILE as PUBLICATION
from schemas.publication import Publication
from schemas.territory import Territory, TerritoryError
from schemas.territory_source import load_territory
from schemas.tiles import FILE as TILES
from schemas.tiles import Tile, read_tiles
from schemas.yaml_source import FrameworkError, Located, Problem, SourceFile, read_yaml

DEFAULT_FOLDER = Path(__file__).resolve().parent / "framework"
_M = TypeVar("_M", bound=BaseModel)


def framework_folder() -> Path:
    """Folder of the framework in use: `MONITOR_FRAMEWORK`, else the shipped one."""
    return Path(os.environ.get("MONITOR_FRAMEWORK") or DEFAULT_FOLDER).resolve()


def load_framework(folder: Path | None = None) -> Framework:
    """Load and cross-check a framework; raises FrameworkError with all problems found."""
    return _Loading((folder or framework_folder()).resolve()).framework()


class _Loading(EntryReader):
    """One load: collects entries and problems file by file."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, folder.parent.parent if folder == DEFAULT_FOLDER else folder)

    def framework(self) -> Framework:
        head = self._head()
        if head is None:
            raise FrameworkError(self.problems)
        parts = {name: (self.folder / path).resolve() for name, path in head.parts.model_dump().items()}
        sources = self.read(self.folder / "sources.yaml")
        signs = self.read(self.folder / "statuses.yaml")
        variables, variable_field = self.by_field(self.folder / "variables", d.Variable)
        rules, rule_field = self.by_field(self.folder / "rules", d.Rule)
        indicators, indicator_field = self.by_field(parts["catalogue"], d.Indicator)
        series, breaks = self._breaks()
        loaded: dict[str, Any] = {
            "dimensions": self.entries("dimensions.yaml", d.Dimension),
            "fields": self.entries("fields.yaml", d.ReportField),
            "pitfalls": self.entries("pitfalls.yaml", d.Pitfall, required=False),
            "messages": self._messages(),
            "delivery_rules": self.entries("delivery_rules.yaml", d.DeliveryRule, required=False),
            "sources": self.section(sources, "sources", d.Source),
            "periods": self.section(sources, "periods", d.Period),
            "concepts": self.section(sources, "concepts", d.Concept),
            "statuses": self.section(signs, "statuses", d.Status),
            "sign_profiles": self.section(signs, "sign_profiles", d.SignProfile),
            "flags": self.section(signs, "flags", Flag, required=False),
            "breaks": breaks,
            "variables": variables,
            "rules": rules,
            "indicators": indicators,
        }
        calendar = self._calendar(head)
        publication = self._publication()
        territory = self._territory(parts["regions"])
        tiles = self._tiles(parts["regions"], territory)
        glossary, site_pages = self._texts(GLOSSARY, GlossaryTerm), self._texts(PAGES, SitePage)
        register_pages = self._texts(REGISTER_PAGES, RegisterPage)
        self._see_also(glossary)
        targets, targets_at = self.optional("targets.yaml", TargetRules)
        profile, profile_at = self.optional("profile.yaml", Profile)
        secrecy, secrecy_at = self.optional("confidentiality.yaml", ConfidentialityRules)
        self.files += [
            *sorted(parts["layouts"].glob("*.yaml")),
            self.folder / "plausibility.yaml",
            self.folder / "personal.yaml",
            self.folder / "projection.csv",
        ]
        fields_of = {"variable": variable_field, "rule": rule_field, "indicator": indicator_field}
        self.problems += crosscheck(head, loaded, fields_of, self.where)
        self.problems += break_problems(loaded, territory, self.where)
        kept = read_registers(self, loaded["fields"], loaded["dimensions"])
        self.problems += register_problems(kept, loaded["dimensions"], loaded["variables"], self.where)
        self.problems += register_page_problems(register_pages, kept.registers, self.where)
        if targets and profile:
            beside = {"targets": targets_at, "profile": profile_at}
            self.problems += programme_problems(targets, profile, beside, loaded, territory)
        if secrecy:
            self.problems += confidentiality_problems(secrecy, secrecy_at, loaded)
        if self.problems or territory is None or series is None:
            raise FrameworkError(self.problems)
        return Framework(
            targets=targets or TargetRules(),
            profile=profile or Profile(),
            confidentiality=secrecy or ConfidentialityRules(),
            head=head,
            folder=self.folder,
            layouts_folder=parts["layouts"],
            variable_field=variable_field,
            rule_field=rule_field,
            indicator_field=indicator_field,
            territory=territory,
            content_hash=self._content_hash(parts["regions"]),
            calendar=calendar,
            calendar_hash=calendar_hash(self.folder),
            publication=publication,
            series=series,
            tiles=tiles,
            glossary=glossary,
            site_pages=site_pages,
            register_pages=register_pages,
            registers=kept.registers,
            register_groups=kept.groups,
            register_group=kept.group_of,
            codelists=kept.codelists,
            **loaded,
        )

    def _head(self) -> Head | None:
        if not self.folder.is_dir():
            self.problems.append(Problem(str(self.folder), 1, "Den Ordner des Rahmens gibt es nicht."))
            return None
        source = self.read(self.folder / "framework.yaml")
        if source.data is None:
            return None
        self.where["Head"] = Located(source, ())
        return self.model(source, (), source.data, Head)

    def _messages(self) -> dict[str, d.Message]:
        """Message texts of all files of `messages/`; a framework without its own uses the shipped ones."""
        own = self.folder / "messages"
        entries: dict[str, d.Message] = {}
        for path in sorted((own if own.is_dir() else DEFAULT_FOLDER / "messages").glob("*.yaml")):
            for code, entry in self.entries_at(path, d.Message).items():
                if code in entries:
                    self.duplicate(self.where[f"Message:{code}"], code)
                entries[code] = entry
        return entries

    def _breaks(self) -> tuple[SeriesRules | None, dict[str, Break]]:
        """Rules for series and the breaks; a framework without its own file uses the shipped rules and has no breaks."""
        own = self.folder / "breaks.yaml"
        source = self.read(own if own.exists() else DEFAULT_FOLDER / "breaks.yaml")
        if not isinstance(source.data, dict):
            self.problems.append(Problem(source.name, 1, "Der Abschnitt „series“ fehlt."))
            return None, {}
        self.problems += [
            Problem(source.name, source.line((key,)), f"Der Schlüssel „{key}“ ist hier nicht bekannt.")
            for key in source.data
            if key not in ("series", "breaks")
        ]
        rules = self.model(source, ("series",), source.data.get("series"), SeriesRules)
        return rules, self.section(source, "breaks", Break, required=False) if own.exists() else {}

    def _calendar(self, head: Head) -> CalendarRules:
        """The calendar, which is no part of the content hash."""
        path = self.folder / CALENDAR
        source = read_yaml(path, self.root, self.problems) if path.exists() else SourceFile(CALENDAR, None, {})
        found = self.model(source, (), source.data if source.data is not None else {}, CalendarRules)
        if found is not None:
            self.problems += problems(found, head.delivery.deadline, source)
        return found or CalendarRules()

    def _publication(self) -> Publication | None:
        """How results are published, which is no part of the content hash either; None without the file."""
        path = self.folder / PUBLICATION
        if not path.exists():
            return None
        source = read_yaml(path, self.root, self.problems)
        return None if source.data is None else self.model(source, (), source.data, Publication)

    def _texts(self, name: str, model: type[_M]) -> dict[str, _M]:
        """Words for readers, which are no part of the content hash; none without the file."""
        path = self.folder / name
        if not path.exists():
            return {}
        source = read_yaml(path, self.root, self.problems)
        return self.listed(source, (), source.data, model) if source.data is not None else {}

    def _see_also(self, glossary: dict[str, GlossaryTerm]) -> None:
        for code, term in glossary.items():
            for other in term.see:
                if other not in glossary:
                    self.problems.append(
                        self.where[f"GlossaryTerm:{code}"].problem(f"„{other}“ ist kein Begriff des Glossars.")
                    )

    def _tiles(self, folder: Path, territory: Territory | None) -> tuple[Tile, ...]:
        """Places on the tile map, no part of the content hash: another picture changes no number."""
        try:
            return read_tiles(folder, territory) if territory else ()
        except TerritoryError as error:
            self.problems += [Problem("regions", 1, line) for line in str(error).splitlines()]
            return ()

    def _territory(self, folder: Path) -> Territory | None:
        self.files += sorted(path for path in folder.glob("*.csv") if path.name != TILES)
        try:
            return load_territory(folder)
        except TerritoryError as error:
            self.problems += [Problem("regions", 1, line) for line in str(error).splitlines()]
            return None

    def _content_hash(self, regions: Path) -> str:
        digest = hashlib.sha256()
        for path in sorted(set(self.files)):
            if path.exists():
                digest.update(path.name.encode())
                digest.update(path.read_bytes())
        return digest.hexdigest()
