"""What all models of a framework have in common: strict, frozen, no unknown keys."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Code = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$")]
EntryCode = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9][A-Za-z0-9_.-]*$")]
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Year = Annotated[int, Field(ge=1900, le=2200)]


class Entry(BaseModel):
    """Base of all models: frozen, strict, no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Dated(Entry):
    """An entry that is valid for some reporting years; open ends are None."""

    since: Year | None = None
    until: Year | None = None

    def valid_in(self, year: int) -> bool:
        """Is the entry part of the framework of this reporting year?"""
        return (self.since is None or self.since <= year) and (self.until is None or year <= self.until)
