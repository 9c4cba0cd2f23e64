"""Do the rules of confidentiality name what exists?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from schemas.definitions_confidentiality import ConfidentialityRules
from schemas.yaml_source import Located, Problem, SourceFile


def confidentiality_problems(
    rules: ConfidentialityRules, source: SourceFile, loaded: Mapping[str, Mapping[str, Any]]
) -> Iterator[Problem]:
    """Problems of confidentiality.yaml: unknown sources, variables, dimensions, members and indicators."""
    named = {"sources": rules.sources, "variables": rules.variables}
    for kind, entries in named.items():
        for code in entries:
            if code not in loaded[kind]:
                yield Located(source, (kind, code)).problem(f"„{code}“ gibt es nicht unter {kind}.")
    for code in rules.group_disclosure:
        if code not in loaded["indicators"]:
            yield Located(source, ("group_disclosure",)).problem(f"Den Indikator „{code}“ gibt es nicht.")
    for code in rules.dominance.variables:
        if code not in loaded["variables"]:
            yield Located(source, ("dominance",)).problem(f"Die Angabe „{code}“ gibt es nicht.")
        else:
            yield Located(source, ("dominance", "variables")).problem(
                f"Die Dominanzregel ist auf {code} nicht anwendbar: geliefert werden Summen, nicht die größten Beiträge dazu. "
                "Wer eine Summe bestimmt, ist so nicht zu erkennen. Die Angabe hier streichen und in keinem Indikator "
                "veröffentlichen oder mit einer höheren Schwelle schützen (variables: threshold)."
            )
    for code, members in rules.open_members.items():
        at = Located(source, ("open_members", code))
        if code not in loaded["dimensions"]:
            yield at.problem(f"Die Gliederung „{code}“ gibt es nicht.")
            continue
        for member in members:
            if member not in loaded["dimensions"][code].members:
                yield at.problem(f"Die Ausprägung „{member}“ gibt es nicht in {code}.")
    for number, table in enumerate(rules.known):
        at = Located(source, ("known", number))
        if table.variable not in loaded["variables"]:
            yield at.problem(f"Die Angabe „{table.variable}“ gibt es nicht.", "variable")
            continue
        delivered = {d for one in loaded["variables"][table.variable].tables for d in one}
        for dimension in table.dimensions:
            if dimension not in delivered:
                yield at.problem(f"{table.variable} wird nicht nach {dimension} geliefert.", "dimensions")
