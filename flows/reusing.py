"""What enters a computation beside the accepted values: when nothing of it changed, stored results are used again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa

from indicators.compute import Beside
from indicators.profile import PROJECTION_FILE
from schemas.framework_model import Framework
from warehouse.access import Connection
from warehouse.computed import entered
from warehouse.contents import Contents

_PROJECT = Path(__file__).resolve().parents[1]
_KEEPING = ("flows/cycle.py", "flows/auditing.py", "flows/remembering.py", "flows/remembering_proofs.py")
_CODE = ("indicators", "schemas", "warehouse", *_KEEPING)
_ENGINES = ("duckdb", "pyarrow", "numpy", "highspy")


def state_of(connection: Connection, framework: Framework, beside: Beside, seen: Contents | None = None) -> str:
    """Fingerprint of everything that decides the result tables: values, ledger, framework, targets, code and engines."""
    return entered(connection, _given(framework, beside), seen)


def beside_of(framework: Framework, beside: Beside) -> str:
    """Fingerprint of what decides them beside everything that is stored: framework, targets, code and engines."""
    return hashlib.sha256(json.dumps(_given(framework, beside)).encode()).hexdigest()


def _given(framework: Framework, beside: Beside) -> list[str]:
    given = [_hash(table) for table in (beside.targets, beside.projection)]
    own = framework.folder / PROJECTION_FILE
    ahead = hashlib.sha256(own.read_bytes()).hexdigest() if own.exists() else ""
    return [framework.content_hash, framework.calendar_hash, ahead, *given, code_of()]


def _hash(table: pa.Table | None) -> str:
    if table is None:
        return ""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table.combine_chunks())
    return hashlib.sha256(sink.getvalue()).hexdigest()


@cache
def code_of(places: tuple[str, ...] = _CODE, engines: tuple[str, ...] = _ENGINES) -> str:
    """Of the code itself and not of a commit: a checkout may hold changes, an installation has no history."""
    digest = hashlib.sha256()
    for path in sorted(_files(places)):
        digest.update(str(path.relative_to(_PROJECT)).encode() + path.read_bytes())
    digest.update(" ".join(version(engine) for engine in engines).encode())
    return digest.hexdigest()


def _files(places: tuple[str, ...]) -> Iterator[Path]:
    for name in places:
        place = _PROJECT / name
        yield from [place] if place.is_file() else (p for kind in ("*.py", "*.sql") for p in place.rglob(kind))
