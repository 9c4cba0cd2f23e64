"""The attack itself: of years that are new the equations, of parts that are new the solver, of all others what is remembered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial

import numpy as np
import pyarrow as pa

from indicators.audit.doubt import without_doubt
from indicators.audit.entering import Entering
from indicators.audit.evidence import Index
from indicators.audit.given import Equations, Given
from indicators.audit.intervals import intervals
from indicators.audit.memory import Found, Memory, Year
from indicators.audit.piece import Piece
from indicators.audit.program import Contradiction
from indicators.audit.system import System
from indicators.audit.targets import Target
from indicators.audit.unchanged import blocks
from indicators.remembered import LARGE, give_back

_TOGETHER = 1000
"""Families of parts whose equations are made together."""
TOLD = pa.schema(
    [
        ("region", pa.string()),
        ("year", pa.int32()),
        ("subject", pa.string()),
        ("members", pa.string()),
        ("side", pa.string()),
        ("true_count", pa.int64()),
        ("required", pa.int64()),
    ]
)
"""What is said of a target beside what is found of it."""


def attacked(given: Given, exact: bool, memory: Memory) -> tuple[pa.Table, list[Found]]:
    """All targets (shape TOLD) in the order of the parts that they lie in, and what is found of each part. What hangs together
    in several years stands with the first one."""
    questions = blocks(given, exact)
    known = {number: memory.of_year(question) for number, question in enumerate(questions)}
    new = frozenset(number for number, one in known.items() if one is None)
    equations = given.equations(new) if new else None
    found = {}
    for number, one in known.items():
        if one is not None and not (equations and number in equations.years):
            found[number] = one.told, memory.again(questions[number])
    if equations:
        answers = _of_parts(equations, given.index, exact, memory)
        places: dict[int, list[int]] = defaultdict(list)
        for place, span in enumerate(equations.spans):
            places[min(span)].append(place)
        tied = frozenset(number for span in equations.spans if len(span) > 1 for number in span)
        for number in equations.years:
            own = places[number]
            told = _told(target for place in own for target in equations.parts[place].targets)
            found[number] = told, [answers[place][1] for place in own]
            if number not in tied:
                memory.note(questions[number], Year(tuple(answers[place][0] for place in own), told))
    listed = [found[number] for number in sorted(found)]
    return pa.concat_tables(told for told, _ in listed), [one for _, several in listed for one in several]


def _of_parts(equations: Equations, index: Index, exact: bool, memory: Memory) -> list[tuple[bytes, Found]]:
    """The question of each part, and what is found of it."""
    system, parts = equations.system, equations.parts
    entering = Entering(system, index, exact)
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

    return [
        (question, memory.part(question, partial(_found, system, partial(piece, number), exact, memory)))
        for number, question in enumerate(questions)
    ]


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


def _told(targets: Iterable[Target]) -> pa.Table:
    rows = [(one.region, one.year, one.subject, one.key, one.side, one.true, one.required) for one in targets]
    columns = zip(*rows, strict=True) if rows else [()] * len(TOLD)
    return pa.table([pa.array(column, field.type) for column, field in zip(columns, TOLD, strict=True)], schema=TOLD)
