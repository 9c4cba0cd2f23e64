"""What changed since the last edition, as the pages show it: the comparison of the open data, counted by indicator."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from report.content import Report
from report.data_wording import DataWording
from report.edition_diff import edition_diff, read_earlier, summary
from report.opendata.files import CHANGES, FOLDER
from report.opendata.published import joined, value_tables
from report.opendata.table import dimension_columns

_INDICATOR, _FROM_END = 0, -5


@dataclass(frozen=True)
class Changes:
    """Sentences by language; numbers of changed values by indicator and kind of change."""

    summary: Mapping[str, str]
    counts: Mapping[str, Counter[str]] = field(default_factory=dict)
    first: bool = True


def edition_changes(report: Report, earlier: Iterable[Path], langs: Iterable[str]) -> Changes:
    """Compare with the first of the report folders that has open data, as the open data themselves do."""
    found = (read_earlier(folder / FOLDER, CHANGES) for folder in earlier)
    before = next((each for each in found if each), None)
    table = joined(report, "alle-werte", value_tables(report))
    if before is not None and before.table == table.csv().encode("utf-8") and len(before.changes) == len(CHANGES):
        return _kept(before.changes)
    diff = edition_diff(table, dimension_columns(report.framework), before)
    counts: dict[str, Counter[str]] = {}
    for row in diff.rows:
        counts.setdefault(str(row[_INDICATOR]), Counter())[str(row[_FROM_END])] += 1
    sentences = {lang: summary(DataWording(lang, report.framework), diff) for lang in langs}
    return Changes(sentences, counts, diff.earlier is None)


def _kept(files: Mapping[str, bytes]) -> Changes:
    """The same edition once more: what its own list of changes says."""
    known = json.loads(files[CHANGES[1]])
    counts: dict[str, Counter[str]] = {}
    for row in csv.DictReader(io.StringIO(files[CHANGES[0]].decode("utf-8"))):
        counts.setdefault(row["indicator"], Counter())[row["change_kind"]] += 1
    return Changes(known["summary"], counts, known["compared_with"] is None)
