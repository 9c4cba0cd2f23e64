"""Check a mask against its certificate: whole numbers only, no solver, nothing taken over from `protect`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from indicators.protection.problem import Form, Mask, Moves, Problem, known_forms


def verify(problem: Problem, mask: Mask) -> list[str]:
    """Violations; an empty list proves that no target can be worked out more closely than allowed.

    A witness must leave every known form as it is, keep every atom at zero or above, leave alone what everybody knows,
    and obey every cap. With it the target reaches its need, and both witnesses together are as far apart.
    """
    known = known_forms(problem, mask.hidden)
    by_atom = _forms_by_atom(problem.forms)
    caps: dict[int, list[int]] = {}
    for cap in problem.caps:
        caps.setdefault(cap.form, []).append(cap.slack)
    found = []
    lost = set(mask.lost)
    secret = {target.form for target in problem.targets}
    for number, row in enumerate(problem.rows):
        if number not in mask.hidden and secret & set(row.holds):
            found.append(f"row {number} is shown and holds a secret form")
    faults: dict[int, list[str]] = {}
    for number, target in enumerate(problem.targets):
        if number in lost:
            continue
        witness = mask.certificate.get(number)
        if witness is None:
            found.append(f"target {number} has no witness")
            continue
        for moves in (witness.up, witness.down):
            if id(moves) not in faults:  # one table may serve many targets
                faults[id(moves)] = list(_faults(problem, moves, known, by_atom, caps))
            found += [f"target {number}: {text}" for text in faults[id(moves)]]
        up = problem.forms[target.form].change(witness.up)
        down = problem.forms[target.form].change(witness.down)
        if target.value + up < target.need:
            found.append(f"target {number} stays below {target.need}")
        if up - down < target.need:
            found.append(f"target {number} is known to {up - down}, not to {target.need}")
    return found


def _faults(
    problem: Problem,
    moves: Moves,
    known: set[int],
    by_atom: dict[int, list[tuple[int, int]]],
    caps: dict[int, list[int]],
) -> Iterator[str]:
    for atom, step in moves.items():
        if int(problem.start[atom]) + step < 0:
            yield f"atom {atom} falls below zero"
        if step and atom in problem.fixed:
            yield f"atom {atom} is known to everybody"
    changes: dict[int, int] = {}
    for atom, step in moves.items():
        for number, factor in by_atom.get(atom, ()):
            changes[number] = changes.get(number, 0) + factor * step
    for number, change in sorted(changes.items()):
        if change and number in known:
            yield f"form {number} is published and moved"
        for slack in caps.get(number, ()):
            if change > slack:
                yield f"form {number} rises above its limit"


def _forms_by_atom(forms: Iterable[Form]) -> dict[int, list[tuple[int, int]]]:
    """Number and factor of every form that an atom is part of."""
    found: dict[int, list[tuple[int, int]]] = {}
    for number, form in enumerate(forms):
        for atom, factor in zip(form.atoms.tolist(), form.factors.tolist(), strict=True):
            found.setdefault(atom, []).append((number, factor))
    return found
