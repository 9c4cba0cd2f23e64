"""The gate before a release: an independent attacker tries to recover what is kept secret. What it finds stays in the house."""

from __future__ import annotations

import json
import os
from argparse import Namespace
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from flows.settings import load_settings
from flows.wording import say, text

if TYPE_CHECKING:
    import pyarrow as pa

    from indicators.audit.audit import AuditReport
    from indicators.audit.targets import Truth
    from schemas.framework_model import Framework
    from warehouse.access import Connection

FILE = Path("state") / "audit.parquet"
"""Beside the warehouse, for the house alone: it holds true counts."""
_GAPS, _PROFILE, _VALUES = "published_gap", "published_profile", "indicator_value"
_OF_FIGURES = ("indicator_published", "published_last", _GAPS, "published_trend")


class ReleaseBlocked(RuntimeError):
    """The attacker recovered secret numbers: nothing is written, the published state stays. Says how many, never which."""


def guard(
    framework: Framework,
    connection: Connection,
    tables: Mapping[str, pa.Table],
    ledger: pa.Table | None,
    root: Path,
    records: pa.Table | None = None,
    anew: frozenset[str] | None = None,
) -> AuditReport:
    """Attack the new tables with what the work file still holds of the last release and with the ledger.

    What earlier releases gave away on their own cannot be taken back and does not block (it is an incident of the
    protection). What the last attack found is taken from its memory where the question is the same. `records`: what the
    release will add to the ledger. An attacker who knows that too knows more, and what he asks tonight is what he will ask
    tomorrow; where he finds anything, or what he knows contradicts itself, the release is judged by what it prints. `anew`:
    the regions whose published figures, last values and trends are not those of the last release; None: possibly all.
    Raises ReleaseBlocked.
    """
    from flows.remembering import keep as keep_memory
    from flows.remembering import recall
    from indicators.audit.asking import FIGURES, figures
    from indicators.audit.audit import audit, not_given_away
    from indicators.audit.verdicts import MISLED
    from indicators.remembered import give_back
    from indicators.standing import differing_regions
    from warehouse.access import lent

    memory = recall(root, framework)
    if anew is not None:
        with lent(connection, {"audited_gaps": tables[_GAPS]}):
            anew |= differing_regions(connection, "audited_gaps", _GAPS)
    with lent(connection, {FIGURES: figures(framework)}):
        edition, truth = _edition(framework, tables), _truth(framework, connection, tables)
        give_back(connection)
        before = _last_release(framework, connection, anew)
        history = [before] if anew is not None or before["indicator_published"].num_rows else []
        attack = partial(audit, framework, [edition, *history], truth, ledger, memory=memory, anew=anew)
        report = attack(records=records)
        if records is not None and (report.leaks or report.verdicts[MISLED] or report.contradictions):
            report = attack()
        keep_memory(root, framework, memory)
        blocking = report.leaks
        if blocking and (history or (ledger is not None and ledger.num_rows)):
            history = history and [_last_release(framework, connection)]
            blocking = not_given_away(framework, report, edition, history, truth, ledger, memory)
    keep(root, report)
    if blocking:
        raise ReleaseBlocked(text("audit.blocked", count=blocking, file=root / FILE))
    return report


def run_audit(options: Namespace) -> int:
    """Attack the published snapshot, without any memory, and say how it went; 1 when something was recovered."""
    from indicators.audit.audit import audit
    from schemas.loading import load_framework
    from warehouse.ledger import read_ledger
    from warehouse.snapshot import open_snapshot

    framework, settings = load_framework(), load_settings()
    with open_snapshot(settings.root) as snapshot:
        tables = _last_release(framework, snapshot.connection)
        truth = _truth(framework, snapshot.connection, {_VALUES: snapshot.table(f"FROM {_VALUES}")})
        report = audit(framework, [tables], truth, read_ledger(snapshot.connection), exact=options.exact)
    path = keep(settings.root, report)
    numbers = {
        "judged": report.judged,
        "recovered": report.recovered,
        "narrow": report.leaks - report.recovered,
        "beyond": report.beyond,
    }
    say(json.dumps(numbers) if options.json else text("audit.result", **numbers))
    if not report.passed:
        say(text("audit.where", file=path))
    return 0 if report.passed else 1


def keep(root: Path, report: AuditReport) -> Path:
    """Write the intervals for the house; nobody else may read the file."""
    import pyarrow.parquet as pq

    path = root / FILE
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        pq.write_table(report.table, file)
    os.replace(temporary, path)
    return path


def _last_release(
    framework: Framework, connection: Connection, anew: frozenset[str] | None = None
) -> Mapping[str, pa.Table]:
    """What an attacker reads of the published tables; of figures only that of some regions (None: of all)."""
    from indicators.audit.evidence import READ
    from schemas.tables_asked import TablesAsked
    from warehouse.access import arrow

    read = sorted({*READ, *(dimension.lower() for dimension in framework.dimension_order)})
    columns = f"SELECT COLUMNS(lambda name: name IN {tuple(read)})"
    some, regions = ("", []) if anew is None else ("WHERE region IN (SELECT unnest(?))", [sorted(anew)])
    queries = {name: (f"{columns} FROM {name} {some}", regions) for name in _OF_FIGURES}
    queries[_PROFILE] = f"{columns} FROM {_PROFILE}", []
    return TablesAsked(queries, lambda name: arrow(connection, *queries[name]))


def _edition(framework: Framework, tables: Mapping[str, pa.Table]) -> Mapping[str, pa.Table]:
    """New tables as the attacker reads them: of those in the database only what can tell anything, in numbers."""
    from indicators.audit.asking import edition
    from warehouse.results import Completed

    return edition(framework, tables.asked) if isinstance(tables, Completed) else tables


def _truth(framework: Framework, connection: Connection, tables: Mapping[str, pa.Table]) -> Truth:
    """The values that are new, the counts that count, and all that ever counted of tables in which any changed."""
    from indicators.audit.asking import CELLS, cells, counts, small_values
    from indicators.audit.targets import Truth
    from warehouse.access import arrow, lent
    from warehouse.loading import changed_values
    from warehouse.results import Completed

    def ask(name: str, query: str) -> pa.Table:
        return arrow(connection, query.format(name))

    kinds = cells(framework, ask)
    with lent(connection, {CELLS: kinds}):
        counting = counts(framework, ask)
    past = changed_values(connection, [f'"{dimension.lower()}"' for dimension in framework.dimension_order])
    values = small_values(framework, tables.asked) if isinstance(tables, Completed) else tables[_VALUES]
    return Truth(values, counting, past, kinds)
