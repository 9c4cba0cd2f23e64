"""The audit of a release: an attacker who has everything that was ever published, judged by what is true.

`audit` is called by the house before a release leaves it. It reads the published tables, never the protection.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from indicators.audit.atoms import Atoms
from indicators.audit.attacking import attacked
from indicators.audit.believed import believed
from indicators.audit.delivered import Delivered, complete_units, nested_units, true_atoms
from indicators.audit.editions import combine, told_by
from indicators.audit.evidence import Index, Tables, read_edition
from indicators.audit.facts import Facts, facts_of, grown, places
from indicators.audit.forms import Forms
from indicators.audit.given import Given
from indicators.audit.ledger import Records, told_today
from indicators.audit.memory import Found, Memory
from indicators.audit.targets import Truth, open_nodes
from indicators.audit.verdicts import BEYOND, EXACT, HARMLESS, UNPROVED
from indicators.audit.versions import TODAY, versions_of
from indicators.remembered import without_collecting
from schemas.framework_model import Framework

CARELESS = "printed"
"""A row that is marked secret and prints a number."""
SCHEMA = pa.schema(
    [
        ("region", pa.string()),
        ("year", pa.int32()),
        ("subject", pa.string()),
        ("members", pa.string()),
        ("side", pa.string()),
        ("true_count", pa.int64()),
        ("lower", pa.float64()),
        ("upper", pa.float64()),
        ("required", pa.int64()),
        ("verdict", pa.string()),
    ]
)


@dataclass(frozen=True)
class AuditReport:
    """What the attacker found. `table` (shape SCHEMA) holds true counts: it never leaves the house."""

    table: pa.Table
    judged: int
    verdicts: Counter[str]
    pieces: int
    unknowns: int
    contradictions: int
    largest: int

    @property
    def recovered(self) -> int:
        """Small counts that are known exactly, or cannot be shown to be safe."""
        return self.verdicts[EXACT] + self.verdicts[UNPROVED] + self.verdicts[CARELESS]

    @property
    def leaks(self) -> int:
        """Everything that is not wide enough."""
        return sum(count for verdict, count in self.verdicts.items() if verdict not in HARMLESS)

    @property
    def beyond(self) -> int:
        """Small cells finer than any table that a small printed total limits: known to the house, not a leak."""
        return self.verdicts[BEYOND]

    @property
    def passed(self) -> bool:
        """May the release leave the house?"""
        return self.leaks == 0


@without_collecting()
def audit(
    framework: Framework,
    editions: Sequence[Tables],
    truth: Truth,
    ledger: pa.Table | None = None,
    exact: bool = False,
    span: Sequence[Tables] = (),
    former: bool = False,
    memory: Memory | None = None,
    moments: Sequence[int] = (),
    records: pa.Table | None = None,
    anew: frozenset[str] | None = None,
) -> AuditReport:
    """Attack a release. `editions`: published tables, newest first. `ledger`: records of all releases (see
    `audit.ledger`). `exact`: prove both ends of every interval, which takes longer. `span`: tables whose regions and years
    count too, although the attacker has not seen them. `former`: all editions are older than the truth, and nobody is
    assumed to know anything of today. `memory`: what earlier attacks found. `moments`: when the older editions were
    published (microseconds); without, they are as old as the newest record of the ledger. `records`: what the newest edition
    will add to the ledger (cell, value, state). `anew`: regions of which alone the older editions hold figures; of all others
    they said what the newest one says. None: they hold all.
    """
    forms = Forms.of(framework)
    index = Index(framework, forms, [*editions, *span])
    if not index.years:  # nothing is published yet
        return AuditReport(SCHEMA.empty_table(), 0, Counter(), 0, 0, 0, 0)
    memory = Memory() if memory is None else memory
    memory.speak_of(index.regions, index.years)
    given = _given(framework, forms, index, editions, truth, ledger, former, moments, records, anew)
    told, found = attacked(given, exact, memory)
    verdicts = Counter(verdict for one in found for verdict in one.verdicts)
    verdicts[CARELESS] += given.careless
    return AuditReport(
        _table(told, found),
        told.num_rows,
        +verdicts,
        len(found),
        sum(one.unknowns for one in found),
        sum(one.contradiction for one in found) + given.contradictions,
        max((one.unknowns for one in found), default=0),
    )


def _given(
    framework: Framework,
    forms: Forms,
    index: Index,
    editions: Sequence[Tables],
    truth: Truth,
    ledger: pa.Table | None,
    former: bool,
    moments: Sequence[int],
    records: pa.Table | None,
    anew: frozenset[str] | None,
) -> Given:
    """What `audit` attacks. What the equations were made of is large, and gone when this returns."""
    where = places(framework, index)
    told, cells = truth.observations, truth.cells
    sent = None if told is None else Delivered.read(framework, forms, index, told, cells)
    opened = None if sent is None or former else open_nodes(forms, sent)
    first, careless = read_edition(framework, forms, index, editions[0]), 0
    others = [index.region[region] for region in anew or () if region in index.region]
    same = [
        None if anew is None else first.without(others) for _ in editions[1:]
    ]  # more is worked out of `first` below
    facts = []
    for number, edition in enumerate(editions):
        seen = read_edition(framework, forms, index, edition, same[number - 1]) if number else first
        facts.append(facts_of(forms, index, seen, where, edition.get("published_profile")))
        careless += len(seen.careless)
    before = None if ledger is None else Records.read(forms, index, ledger)
    now = [] if records is None else [told_today(forms, index, records)]
    facts = list(grown(facts, len(forms.nodes)))
    atoms = Atoms(forms)
    newest, older = (Facts(np.full_like(facts[0].nodes, np.nan)), facts) if former else (facts[0], facts[1:])
    if opened is not None:  # assumed, not printed
        newest.nodes[opened[:3]] = opened[3]
    true = true_atoms(atoms, index, sent)
    released = before.moments if before else []
    published = [*moments, *[max(released, default=TODAY)] * (len(older) - len(moments))]
    dates = sorted({*released, *published} - {TODAY})
    versions = versions_of(framework, forms, atoms, index, true, truth.history, dates)
    told = [told_by(versions, *edition) for edition in zip(older, [newest] * len(older), published, strict=True)]
    told = [*now, *told, *([before.told(versions, newest)] if before else [])]
    versions = believed(versions, atoms, newest, told)
    known = combine(atoms, versions, newest, told)
    nested = nested_units(framework, index)
    return Given(
        forms,
        atoms,
        index,
        versions,
        known,
        nested,
        complete_units(framework, index, nested),
        where,
        first.state,
        sent,
        truth.values,
        careless,
        known.contradictions + sum(one.contradictions for one in facts),
    )


def not_given_away(
    framework: Framework,
    report: AuditReport,
    tables: Tables,
    history: Sequence[Tables],
    truth: Truth,
    ledger: pa.Table | None,
    memory: Memory | None = None,
) -> int:
    """How many leaks of a report earlier releases had not opened already: those of the new tables alone, and those that
    only both together open."""
    nothing = {"indicator_published": tables["indicator_published"].slice(0, 0)}
    before = audit(framework, [*history] or [nothing], truth, ledger, span=[tables], former=True, memory=memory)
    new = _leaks(audit(framework, [tables], truth, memory=memory))
    return len(new | (_leaks(report) - _leaks(before, proved=True))) + report.verdicts[CARELESS]


def _leaks(report: AuditReport, proved: bool = False) -> set[tuple[object, ...]]:
    """Keys of what is not wide enough; `proved`: without those for which the solver only had no answer."""
    rows = report.table.to_pylist()
    keys = ("region", "year", "subject", "members", "side")
    fine = (*HARMLESS, UNPROVED) if proved else HARMLESS
    return {tuple(row[key] for key in keys) for row in rows if row["verdict"] not in fine}


def _table(told: pa.Table, found: Sequence[Found]) -> pa.Table:
    """Targets with what is found of them, in the order of SCHEMA."""
    ends = np.concatenate([*(one.ends for one in found), np.zeros((0, 2))])
    columns = {name: told[name] for name in told.column_names}
    columns |= {"lower": pa.array(ends[:, 0]), "upper": pa.array(ends[:, 1])}
    columns["verdict"] = pa.array([verdict for one in found for verdict in one.verdicts], pa.string())
    return pa.table([columns[name] for name in SCHEMA.names], schema=SCHEMA)
