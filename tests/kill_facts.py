"""What must be the same whenever a run was killed: tables, snapshot, archive and replies, without clocks and names of runs.

Used by `kill_theatre`.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from warehouse.places import Places
from warehouse.snapshot import open_snapshot

UNLIKE = {
    "run_id",
    "release_id",
    "received_at",
    "number",
    "fingerprint",
    "published_at",
    "framework_hash",
    "applied_at",
}
"""Columns that name a run or the clock."""
ORDERED = ("checked_at", "valid_from", "valid_to", "ended_at")
"""Moments of system time: their order must be the same."""


def facts(root: Path) -> dict[str, Any]:
    """Everything that must be the same whenever the machine died; only the clock and the names of runs may differ."""
    with duckdb.connect(str(Places(root).work_file), read_only=True) as connection:
        found = {f"work: {name}": content for name, content in tables(connection).items()}
    with open_snapshot(root) as snapshot:
        found |= {f"snapshot: {name}": content for name, content in tables(snapshot.connection).items()}
        found["snapshot: seen"] = seen(snapshot.connection)
    for folder in ("raw", "outbox", "warehouse"):
        found[folder] = {
            path.relative_to(root).as_posix(): _content(path)
            for path in sorted((root / folder).rglob("*"))
            if path.is_file() and path.suffix != ".duckdb"
        }
    found["claims"] = [path.name for path in (root / "raw" / "claims").iterdir()]
    reports = "".join(path.read_text(encoding="utf-8") for path in (root / "state" / "runs").glob("*.txt"))
    found["never reported"] = [number for number in went_back(root) if number not in reports]
    return json.loads(json.dumps(found, default=str))  # type: ignore[no-any-return]


def tables(connection: duckdb.DuckDBPyConnection) -> dict[str, list[Any]]:
    """All tables but the runs, without the columns that may differ, moments as their rank."""
    moments: set[Any] = set()
    read: dict[str, tuple[list[str], list[tuple[Any, ...]]]] = {}
    names = [name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY ALL").fetchall()]
    for name in names:
        if name in ("run", "meta_generation"):
            continue
        told = connection.execute(f"SELECT * FROM {name}")
        columns = [entry[0] for entry in told.description]
        rows = told.fetchall()
        read[name] = (columns, rows)
        moments |= {row[columns.index(c)] for c in ORDERED if c in columns for row in rows}
    rank = {moment: n for n, moment in enumerate(sorted(m for m in moments if isinstance(m, datetime)))}
    found: dict[str, list[Any]] = {"run": connection.execute("SELECT DISTINCT kind FROM run").fetchall()}
    for name, (columns, rows) in read.items():
        kept = [(n, column in ORDERED) for n, column in enumerate(columns) if column not in UNLIKE]
        found[name] = sorted(([rank.get(r[n], r[n]) if moment else r[n] for n, moment in kept] for r in rows), key=repr)
    return found


def went_back(root: Path) -> list[str]:
    """Every delivery that somebody has to send again."""
    with duckdb.connect(str(Places(root).work_file), read_only=True) as connection:
        query = "SELECT id FROM submission WHERE verdict IN ('returned', 'refused') ORDER BY id"
        return [number for (number,) in connection.execute(query).fetchall()]


def seen(connection: duckdb.DuckDBPyConnection) -> str:
    """What readers see, in short; the form of version 1 has fewer columns."""
    queries = (
        "SELECT region, year, variable, value, submission_id FROM observation ORDER BY ALL",
        "SELECT region, year, indicator, value FROM indicator_value ORDER BY ALL",
        "SELECT id FROM submission ORDER BY ALL",
    )
    text = repr([connection.execute(query).fetchall() for query in queries])
    return hashlib.sha256(text.encode()).hexdigest()


def _content(path: Path) -> Any:
    if path.name == "lock":
        return ""
    if path.suffix in (".txt", ".html", ".json"):
        text = path.read_text(encoding="utf-8")
        text = re.sub(r"\d\d\.\d\d\.\d{4}, \d\d:\d\d Uhr", "<time>", text)
        return re.sub(r'"time": "[^"]*"', '"time": ""', text)
    if "outbox" in path.parts and path.suffix == ".xlsx":  # a workbook that we write may name the time
        with zipfile.ZipFile(path) as package:
            return sorted(package.namelist())
    return hashlib.sha256(path.read_bytes()).hexdigest()


def seen_in(root: Path) -> str:
    """What readers of a data root see."""
    with open_snapshot(root) as snapshot:
        return seen(snapshot.connection)


def difference(expected: Any, found: Any) -> str:
    """Where two facts differ, in short."""
    if isinstance(expected, dict) and isinstance(found, dict):
        names = [name for name in sorted(expected.keys() | found.keys()) if expected.get(name) != found.get(name)]
        return ", ".join(f"{name} ({'missing' if name not in found else 'other'})" for name in names)[:600]
    if isinstance(expected, list) and isinstance(found, list):
        missing = [entry for entry in expected if entry not in found]
        extra = [entry for entry in found if entry not in expected]
        return f"missing {missing[:3]}, extra {extra[:3]}"[:600]
    return f"{str(expected)[:200]} / {str(found)[:200]}"
