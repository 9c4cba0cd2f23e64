"""Tables as their readers ask for them: one at a time, with texts or with numbers in place of texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def as_they_lie(tables: Mapping[str, pa.Table], name: str) -> pa.Table:
    """A table for whom numbers in place of texts are no matter, as the database: where the mapping keeps such ones
    (`coded`), these."""
    coded: Callable[[str], pa.Table] = getattr(tables, "coded", tables.__getitem__)
    return coded(name)


class TablesAsked(Mapping[str, "pa.Table"]):
    """Tables by name, each asked for when somebody reads it, and let go when he reads another one."""

    def __init__(self, names: Iterable[str], ask: Callable[[str], pa.Table]) -> None:
        self._names, self._ask = tuple(names), ask
        self._newest: tuple[str, pa.Table] | None = None

    def __getitem__(self, name: str) -> pa.Table:
        if name not in self._names:
            raise KeyError(name)
        if self._newest is None or self._newest[0] != name:
            self._newest = None
            self._newest = name, self._ask(name)
        return self._newest[1]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
