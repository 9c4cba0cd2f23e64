"""The audit of a release: an attacker who has everything that was ever published, judged by what is true.

`audit` is called by the house before a release leaves it. It reads the published tables, never the protection.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from indicators.audit.atoms import Atoms
from indicators.audit.believed import believed
from indicators.audit.delivered import Delivered, complete_units, nested_units, rests, true_atoms, untrue
from indicators.audit.doubt import without_doubt
from indicators.audit.editions import combine, told_by
from indicators.audit.entering import Entering
from indicators.audit.evidence import Index, Tables, read_edition
from indicators.audit.facts import Facts, facts_of, grown, places
from indicators.audit.forms import Forms
from indicators.audit.intervals import intervals
from indicators.audit.ledger import Records, told_today
from indicators.audit.memory import Found, Memory
from indicators.audit.piece import Piece
from indicators.audit.program import Contradiction
from indicators.audit.system import System
from indicators.audit.targets import Target, Truth, open_nodes, targets
from indicators.audit.verdicts import BEYOND, EXACT, HARMLESS, UNPROVED
from indicators.audit.versions import TODAY, versions_of
from indicators.remembered import LARGE, give_back, trim, without_collecting
from schemas.framework_model import Framework

CARELESS = "printed"
"""A row that is marked secret and prints a number."""
_TOGETHER = 1000
"""Families of parts whose equations are made together."""
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
        return AuditReport(_table([], []), 0, Counter(), 0, 0, 0, 0)
    memory = Memory() if memory is None else memory
    memory.speak_of(index.regions, index.years)
    equations = _equations(framework, forms, index, editions, truth, ledger, former, moments, records, anew)
    trim()  # what the equations were made of is free, and large
    targets, found = _attacked(equations, index, exact, memory)
    verdicts = Counter(verdict for one in found for verdict in one.verdicts)
    verdicts[CARELESS] += equations.careless
    return AuditReport(
        _table(targets, found),
        len(targets),
        +verdicts,
        len(found),
        sum(one.unknowns for one in found),
        sum(one.contradiction for one in found) + equations.contradictions,
        max((one.unknowns for one in found), default=0),
    )


class _Equations(NamedTuple):
    """All equations, what is sought by them, how many rows printed a secret, how many contradictions were found."""

    system: System
    targets: Sequence[Target]
    careless: int
    contradictions: int


def _equations(
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
) -> _Equations:
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
    for number, edition in enumerate(editions):  # one at a time
        seen = read_edition(framework, forms, index, edition, same[number - 1]) if number else first
        facts.append(facts_of(forms, index, seen, where, edition.get("published_profile")))
        careless += len(seen.careless)
        del seen
        trim()
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
    complete = complete_units(framework, index, nested)
    wrong = {} if sent is None else untrue(atoms, sent, rests(nested, sent), complete)
    return _Equations(
        System(forms, atoms, versions, known, nested, complete, index.years, wrong),
        targets(forms, atoms, index, first, where, nested, sent, truth.values),
        careless,
        known.contradictions + sum(one.contradictions for one in facts),
    )


def _attacked(equations: _Equations, index: Index, exact: bool, memory: Memory) -> tuple[list[Target], list[Found]]:
    """All targets in the order of the parts that they lie in, and what is found of each part."""
    system = equations.system
    entering, parts = Entering(system, index, exact), list(system.parts(equations.targets))
    questions = [entering.digest(part) for part in parts]
    made: dict[int, Piece] = {}

    def piece(number: int) -> Piece:
        """Of a part that has to be attacked; those of the next ones of them, as long as they are small, are made with it."""
        if number not in made:
            new = [n for n in range(number + 1, len(parts)) if memory.of_part(questions[n]) is None]
            sizes = np.cumsum([len(parts[n].families) for n in (number, *new)])
            together = [number, *new[: np.count_nonzero(sizes[1:] <= _TOGETHER)]]
            made.clear()
            made.update(zip(together, system.pieces([parts[n] for n in together]), strict=True))
        return made.pop(number)

    found = []
    for number, question in enumerate(questions):
        found.append(memory.part(question, partial(_found, system, partial(piece, number), exact, memory)))
    return [target for part in parts for target in part.targets], found


def _found(system: System, made: Callable[[], Piece], exact: bool, memory: Memory) -> Found:
    """What the equations of a part tell of its targets."""
    if memory.attacked == 1 and np.count_nonzero(~np.isnan(system.known.nodes)) > LARGE:
        give_back()  # what the equations were made of, before the first one is attacked
    piece, contradiction = made(), False
    try:
        rows = intervals(piece, exact, memory)
    except Contradiction:
        rows, contradiction = without_doubt(piece, exact, memory), True
    ends = np.array([(row.lower, row.upper) for row in rows], float).reshape(-1, 2)
    return Found(ends, tuple(row.verdict for row in rows), len(piece.places), contradiction)


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


def _table(targets: Sequence[Target], found: Sequence[Found]) -> pa.Table:
    ends = np.concatenate([*(one.ends for one in found), np.zeros((0, 2))])
    columns = {
        "region": [one.region for one in targets],
        "year": [one.year for one in targets],
        "subject": [one.subject for one in targets],
        "members": [one.key for one in targets],
        "side": [one.side for one in targets],
        "true_count": [one.true for one in targets],
        "lower": ends[:, 0],
        "upper": ends[:, 1],
        "required": [one.required for one in targets],
        "verdict": [verdict for one in found for verdict in one.verdicts],
    }
    return pa.table(columns, schema=SCHEMA)
