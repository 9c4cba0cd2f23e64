"""Secondary suppression beside a public tool and a textbook method, on one table: `python -m bench.peers`.

The table counts people by municipality, Kreis and Land, group and sex, with all totals. Every method gets the same small
cells; the attacker of the audit is asked what each mask leaves of them. The public tool (pytauargus) is no requirement of
the project: it runs in a child process when the interpreter named by PEER_PYTHON (or this one) has it.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.secrecy import TABLE, municipalities
from indicators.audit.intervals import intervals
from indicators.audit.piece import Draft
from indicators.audit.targets import Target
from indicators.audit.verdicts import BELOW, EXACT, NARROW
from indicators.protection.problem import Form, Problem, Row
from indicators.protection.problem import Target as Secret
from indicators.protection.protect import protect
from indicators.protection.verify import verify
from schemas.framework_model import Framework
from schemas.loading import load_framework
from schemas.shapes import TOTAL

NEED = 4
"""Threshold 3 and a margin of 1."""
Key = tuple[str, str, str]
"""Region (a Kreis has five digits, the Land none), group, sex."""
OURS, PUBLIC, ABSENT = "this project", "pytauargus, MOD", "not installed"
_TIMES = 900
_CHILD = """
import json, sys, pandas, pytauargus
cells = json.load(open("cells.json"))
people = pandas.DataFrame([(*key, 1) for key, count in cells for _ in range(count)], columns=["AGS", "GRP", "SEX", "N"])
done = pytauargus.protect(people, [["AGS", "GRP", "SEX"]], "N", safety_rules="FREQ(3,100)", suppress="MOD(1,5,1,0,0)",
                          hrc={"AGS": "5 3"}, workdir=".")
told = done.tables[0].dataframe()
hidden = told[told["status"].isin(["U", "M"])]
json.dump(hidden[["AGS", "GRP", "SEX"]].astype(str).map(str.strip).values.tolist(), open("hidden.json", "w"))
"""


@dataclass(frozen=True)
class Table:
    """`leaves`: counts by municipality, group and sex. `cells`: the leaves that each cell is the sum of, with its count."""

    leaves: dict[Key, int]
    cells: dict[Key, tuple[tuple[Key, ...], int]]

    @property
    def small(self) -> set[Key]:
        """Cells that are secret."""
        return {key for key, (_, count) in self.cells.items() if 0 < count < NEED - 1}


@dataclass(frozen=True)
class Method:
    """A way to choose what is hidden; None when it is not installed. Does it leave every zero in print?"""

    choose: Callable[[Table], set[Key] | None]
    zeros_printed: bool = False


def methods() -> dict[str, Method]:
    """What is compared, by its name."""
    return {
        "small numbers alone": Method(lambda table: table.small),
        "textbook: two in each line": Method(textbook),
        PUBLIC: Method(public_tool, zeros_printed=True),
        OURS: Method(ours),
    }


def main() -> int:
    """Measure and print; 1 when our own mask leaves a leak."""
    table = table_of(load_framework())
    print(f"{len(table.cells):,} cells, {len(table.small):,} of them small\n")
    print(
        f"{'method':<28}{'hidden':>8}{'secondary':>11}{'recovered':>11}{'below or narrow':>17}{'CPU s':>8}", flush=True
    )
    leaks = 0
    for name in methods():
        told = facts(table, name)
        if told is None:
            print(f"{name:<28}{ABSENT}", flush=True)
            continue
        leaks = told["recovered"] + told["narrow"]
        print(
            f"{name:<28}{told['hidden']:>8,}{told['secondary']:>11,}{told['recovered']:>11,}{told['narrow']:>17,}"
            f"{told['seconds']['release']:>8.1f}",
            flush=True,
        )
    return 1 if leaks else 0


def facts(table: Table, name: str) -> dict[str, Any] | None:
    """What one method hides and what the attacker makes of it, with processor seconds; None when it is not installed."""
    method, started = methods()[name], _cpu()
    hidden = method.choose(table)
    chosen = _cpu()
    if hidden is None:
        return None
    found = attack(table, hidden, method.zeros_printed)
    return {
        "figures": len(table.cells),
        "hidden": len(hidden),
        "secondary": len(hidden - table.small),
        "attacked": len(table.small),
        "recovered": found[EXACT],
        "narrow": found[BELOW] + found[NARROW],
        "seconds": {"release": chosen - started, "attack": _cpu() - chosen},
    }


def table_of(framework: Framework) -> Table:
    """The table of the municipalities' world."""
    rows: pd.DataFrame = municipalities(framework).to_pandas()
    rows = rows[(rows["variable"] == TABLE[1]) & (rows["region"].str.len() == 8)]
    return tabled({(r.region, r.grp, r.sex): int(r.value) for r in rows.itertuples()})


def tabled(leaves: dict[Key, int]) -> Table:
    """All totals over municipalities, groups and sexes."""
    parts: dict[Key, list[Key]] = {}
    for region, group, sex in leaves:
        for above in product((region, region[:5], ""), (group, TOTAL), (sex, TOTAL)):
            parts.setdefault(above, []).append((region, group, sex))
    cells = {key: (tuple(inside), sum(leaves[one] for one in inside)) for key, inside in sorted(parts.items())}
    return Table(leaves, cells)


def _cpu() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


# --- methods ------------------------------------------------------------------------------------------------------------


def ours(table: Table) -> set[Key]:
    """The mask of the project's own optimisation, checked."""
    atoms = {leaf: number for number, leaf in enumerate(table.leaves)}
    places = {region: number for number, region in enumerate(dict.fromkeys(leaf[0] for leaf in atoms))}
    keys = list(table.cells)
    forms, rows, targets = [], [], []
    for number, key in enumerate(keys):
        inside, count = table.cells[key]
        own = np.sort(np.array([atoms[leaf] for leaf in inside]))
        forms.append(Form(own, np.ones(len(own), dtype=np.int64), "|".join(key)))
        rows.append(Row((number,), (number,), 1 + math.log1p(count)))
        if key in table.small:
            targets.append(Secret(number, count, NEED))
    group = np.array([places[leaf[0]] for leaf in atoms])
    problem = Problem(np.array(list(table.leaves.values())), tuple(forms), tuple(rows), tuple(targets), group=group)
    mask = protect(problem)
    assert verify(problem, mask) == []
    assert not mask.lost
    return {keys[number] for number in mask.hidden}


def textbook(table: Table) -> set[Key]:
    """In every line of the table (a total and its parts) at least two cells are hidden, the smallest first."""
    hidden = set(table.small)
    lines = list(_lines(table))
    changed = True
    while changed:
        changed = False
        for line in lines:
            if len(hidden.intersection(line)) == 1:
                rest = [key for key in line if key not in hidden and table.cells[key][1]]
                if rest:
                    hidden.add(min(rest, key=lambda key: (table.cells[key][1], key)))
                    changed = True
    return hidden


def _lines(table: Table) -> Iterable[list[Key]]:
    """Every total with its parts, dimension by dimension."""
    below: dict[str, list[str]] = {}
    for region in {key[0] for key in table.cells}:
        if region:
            below.setdefault(region[:5] if len(region) == 8 else "", []).append(region)
    groups, sexes = ({key[n] for key in table.cells} - {TOTAL} for n in (1, 2))
    for region, group, sex in table.cells:
        if region in below:
            yield [(region, group, sex), *((part, group, sex) for part in sorted(below[region]))]
        if group == TOTAL:
            yield [(region, group, sex), *((region, part, sex) for part in sorted(groups))]
        if sex == TOTAL:
            yield [(region, group, sex), *((region, group, part) for part in sorted(sexes))]


def public_tool(table: Table) -> set[Key] | None:
    """The mask of pytauargus; None when it is not there. Its folder holds the people one by one and is removed again."""
    python = os.environ.get("PEER_PYTHON", sys.executable)
    with tempfile.TemporaryDirectory() as folder:
        given = [(key, count) for key, count in table.leaves.items()]
        Path(folder, "cells.json").write_text(json.dumps(given), encoding="utf-8")
        run = subprocess.run(
            [python, "-c", _CHILD], cwd=folder, capture_output=True, text=True, timeout=_TIMES, check=False
        )
        if run.returncode:
            print(run.stderr.strip().splitlines()[-1] if run.stderr else "", file=sys.stderr)
            return None
        hidden = json.loads(Path(folder, "hidden.json").read_text(encoding="utf-8"))
    named = {(region, group or TOTAL, sex or TOTAL) for region, group, sex in (_plain(one) for one in hidden)}
    return {key for key in named if key in table.cells}


def _plain(codes: list[str]) -> list[str]:
    return ["" if code == "Total" else code for code in codes]


# --- attack -------------------------------------------------------------------------------------------------------------


def attack(table: Table, hidden: set[Key], zeros_printed: bool) -> Counter[str]:
    """Verdicts on the small cells. Where a method never hides a zero, every blank is known to be one or more."""
    piece = Draft()
    atoms = {leaf: (0, number // 4, 0, number) for number, leaf in enumerate(table.leaves)}
    for key, (inside, count) in table.cells.items():
        row = {piece.column(atoms[leaf]): 1.0 for leaf in inside}
        if key not in hidden:
            piece.rows.append((row, float(count), float(count)))
        elif zeros_printed:
            piece.rows.append((row, 1.0, math.inf))
    for key in sorted(table.small):
        inside, count = table.cells[key]
        sums = {atoms[leaf][1:]: 1.0 for leaf in inside}
        piece.targets.append(Target(key[0], 0, TABLE[1], "|".join(key[1:]), "cell", count, NEED, sums, sums))
    return Counter(one.verdict for one in intervals(piece.piece()))


if __name__ == "__main__":
    sys.exit(main())
