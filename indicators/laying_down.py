"""Tables laid down in files and read from where they lie: whoever holds one holds no memory that the system cannot take."""

from __future__ import annotations

import mmap
import shutil
import weakref
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from indicators.coded import plain

_FOLDER = ".computed"


class LaidDown(MutableMapping[str, pa.Table]):
    """Tables by name. One that is asked for is a view of its file (but texts that lie there as numbers), each time a new one:
    what was read of it leaves the memory of the process with the view, or when the next table is asked for, and is read
    again if need be. Raises OSError when a table cannot be laid down."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: dict[str, None] = {}
        self._views: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()

    def __setitem__(self, name: str, table: pa.Table) -> None:
        with pa.OSFile(str(self._file(name)), "wb") as file, pa.ipc.new_file(file, table.schema) as stream:
            stream.write_table(table)
        self._names[name] = None

    def __getitem__(self, name: str) -> pa.Table:
        return plain(self.coded(name))

    def coded(self, name: str) -> pa.Table:
        """The table as it lies there: texts of which there are few as numbers (`indicators.coded`)."""
        if name not in self._names:
            raise KeyError(name)
        for view in self._views:  # a transaction keeps what it reads to its end
            view.madvise(mmap.MADV_DONTNEED)
        with open(self._file(name), "rb") as file:
            view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._views.add(view)
        return pa.ipc.open_file(pa.py_buffer(view)).read_all()

    def __delitem__(self, name: str) -> None:
        del self._names[name]
        self._file(name).unlink()

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.arrow"


@contextmanager
def laying_down(folder: Path) -> Iterator[LaidDown]:
    """Tables in files below a folder that is closed to others and has room for them; they are gone at the end, those of a
    run that was killed at the start of the next."""
    place = folder / _FOLDER
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(mode=0o700)
    try:
        yield LaidDown(place)
    finally:
        shutil.rmtree(place, ignore_errors=True)
