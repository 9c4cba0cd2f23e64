"""Findings from the catalogue of message texts: code and details in, complete German sentences out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.framework_model import Framework
from schemas.shapes import Finding, Severity


def finding(framework: Framework, code: str, details: Mapping[str, str] | None = None, **place: Any) -> Finding:
    """A finding of the message catalogue; `details` fill the placeholders, `place` the other fields of the finding."""
    entry = framework.messages[code]
    values = _Details(details or {})
    found = place.pop("found", (details or {}).get("found", ""))
    expected = place.pop("expected", (details or {}).get("expected", ""))
    return Finding(
        code=code,
        severity=place.pop("severity", Severity(entry.severity)),
        message=entry.message_de.format_map(values),
        remedy=place.pop("remedy", None) or entry.remedy_de.format_map(values),
        found=found,
        expected=expected,
        **place,
    )


class _Details(dict[str, str]):
    """A placeholder without a value stays empty instead of stopping the answer to the sender."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values)

    def __missing__(self, key: str) -> str:
        return ""
