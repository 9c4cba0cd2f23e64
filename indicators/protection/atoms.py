"""Sums of atoms with whole factors: which atoms, in order, and how often each."""

from __future__ import annotations

import hashlib
from functools import cache, lru_cache

import numpy as np

from indicators.protection.lattice import Lattice, key_of

Part = tuple[np.ndarray, np.ndarray]
"""Atoms in order, each once, with their factors."""


def within(lattice: Lattice, key: str) -> np.ndarray | None:
    """Atoms of a cell by their place in the table; None when the table does not know it."""
    return np.nonzero(lattice.row(key_of(key)))[0].astype(np.int32) if knows(lattice, key) else None


def knows(lattice: Lattice, key: str) -> bool:
    """Has the table the members of a cell?"""
    members = lattice.members
    return all(pair in members for pair in key_of(key))


def each_once(parts: list[np.ndarray]) -> Part:
    """Atoms of cells that have none in common."""
    atoms = parts[0] if len(parts) == 1 else np.sort(np.concatenate(parts))
    return atoms, same(1, len(atoms))


def summed(parts: list[Part]) -> Part:
    """The sum of some parts."""
    if not parts:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    if len(parts) == 1:
        return parts[0]
    atoms = np.concatenate([part[0] for part in parts])
    if all(_uniform(part[1]) and part[1][0] == parts[0][1][0] for part in parts):
        apart = np.sort(atoms)
        if (apart[1:] != apart[:-1]).all():
            return apart, same(int(parts[0][1][0]), len(apart))
    order = np.argsort(atoms, kind="stable")
    atoms, factors = atoms[order], np.concatenate([part[1] for part in parts])[order]
    new = np.concatenate([[True], atoms[1:] != atoms[:-1]])
    if not new.all():
        factors = np.add.reduceat(factors, np.flatnonzero(new))
        atoms = atoms[new]
    kept = factors != 0
    return (atoms, factors) if kept.all() else (atoms[kept], factors[kept])


@cache
def _long(factor: int, length: int) -> np.ndarray:
    made = np.full(length, factor, dtype=np.int64)
    made.flags.writeable = False
    return made


@lru_cache(maxsize=1 << 14)
def same(factor: int, size: int) -> np.ndarray:
    """The same factor for every atom, as nearly all forms have it: a part of one long array, which takes no room."""
    return _long(factor, 1 << max(10, (size - 1).bit_length()))[:size]


def _uniform(factors: np.ndarray) -> bool:
    """Is it a part of a long array of the same factor?"""
    return factors.base is not None


def narrow(factors: np.ndarray) -> np.ndarray:
    """The same factors without room of their own, where all are alike."""
    alike = len(factors) and not _uniform(factors) and (factors == factors[0]).all()
    return same(int(factors[0]), len(factors)) if alike else factors


def times(factors: np.ndarray, number: int) -> np.ndarray:
    """All factors, multiplied."""
    if number == 1:
        return factors
    return same(number * int(factors[0]), len(factors)) if _uniform(factors) else factors * number


def mark(atoms: np.ndarray, factors: np.ndarray) -> bytes:
    """Fingerprint by which the same combination is found again."""
    return hashlib.blake2b(atoms.tobytes() + factors.tobytes(), digest_size=20).digest()
