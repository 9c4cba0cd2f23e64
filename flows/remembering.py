"""What the attack of the last night found, kept for the next one: a file of the house, of the same code and engines alone.

A file that is missing, damaged, too large or from other code only costs the attack its memory, never its judgement.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from flows.reusing import code_of
from indicators.audit.attacking import TOLD
from indicators.audit.memory import Found, Memory, Year
from indicators.audit.verdicts import BELOW, BEYOND, EXACT, MISLED, NARROW, OK, UNPROVED
from schemas.framework_model import Framework

FILE = Path("state") / "attack.npz"
"""Equations say what nobody may know who is not of the house."""
MOST = 64 * 2**20
"""Bytes: the whole state over fifteen years needs a tenth of it."""
_NO_ARCHIVE = (zipfile.BadZipFile, zlib.error, RuntimeError)  # the last says that it is encrypted or packed otherwise
DAMAGED = (OSError, ValueError, TypeError, LookupError, EOFError, MemoryError, pa.ArrowException, *_NO_ARCHIVE)
"""What a file may raise that is not what was written."""
_VERDICTS = (OK, EXACT, BELOW, NARROW, BEYOND, MISLED, UNPROVED)
Arrays = Mapping[str, npt.NDArray[np.generic]]


def recall(root: Path, framework: Framework) -> Memory:
    """What the last attack left, or nothing."""
    try:
        kept = read_arrays(root / FILE, framework)
        questions = [question.tobytes() for question in kept["questions"]]
        answers = np.split(kept["answers"], np.cumsum(kept["sizes"])[:-1]) if questions else []
        shaped = [one if flat else one.reshape(-1, 2) for one, flat in zip(answers, kept["flat"], strict=True)]
        parts = dict(_parts(kept, questions))
        years, solution = dict(_years(kept, list(parts))), (kept["names"], kept["values"])
        return Memory(dict(zip(questions, shaped, strict=True)), solution, parts, years)  # type: ignore[arg-type]
    except DAMAGED:
        return Memory()


def keep(root: Path, framework: Framework, memory: Memory) -> Path:
    """Write what this attack needed, for the house alone."""
    names, values = memory.solved
    answers = list(memory.used.values())
    arrays: Arrays = {
        "questions": digests(memory.used),
        "sizes": np.array([answer.size for answer in answers], np.int64),
        "flat": np.array([answer.ndim == 1 for answer in answers], bool),
        "answers": np.concatenate([*(answer.ravel() for answer in answers), []]),
        "names": names,
        "values": values,
        **_of_parts(memory, names),
        **_of_years(memory),
    }
    return write_arrays(root / FILE, framework, arrays)


def _of_parts(memory: Memory, names: npt.NDArray[np.uint64]) -> Arrays:
    """What was found of parts: their questions and names by number."""
    found, number = list(memory.parts_used.values()), {question: n for n, question in enumerate(memory.used)}
    asked = [[number[question] for question in one.questions] for one in found]
    verdicts = [_VERDICTS.index(verdict) for one in found for verdict in one.verdicts]
    return {
        "parts": digests(memory.parts_used),
        "targets": np.array([len(one.verdicts) for one in found], np.int64),
        "ends": np.concatenate([*(one.ends for one in found), np.zeros((0, 2))]),
        "verdicts": np.array(verdicts, np.int8),
        "unknowns": np.array([one.unknowns for one in found], np.int64),
        "contradictions": np.array([one.contradiction for one in found], bool),
        "asked": np.array([n for own in asked for n in own], np.int64),
        "asked_sizes": np.array([len(own) for own in asked], np.int64),
        "places": np.searchsorted(names, np.concatenate([*(one.names for one in found), names[:0]])),
        "place_sizes": np.array([len(one.names) for one in found], np.int64),
    }


def _parts(kept: Arrays, questions: list[bytes]) -> Iterator[tuple[bytes, Found]]:
    """The same, read again. Raises one of DAMAGED."""
    if any(n < 0 for name in ("verdicts", "asked", "places") for n in kept[name].tolist()):
        raise ValueError("not what was written")
    columns = (
        cut(kept["ends"], kept["targets"]),
        cut(kept["verdicts"], kept["targets"]),
        kept["unknowns"].tolist(),
        kept["contradictions"].tolist(),
        cut(kept["asked"], kept["asked_sizes"]),
        cut(kept["names"][kept["places"]], kept["place_sizes"]),
    )
    for part, ends, verdicts, unknowns, wrong, asked, names in zip(kept["parts"], *columns, strict=True):
        own = tuple(_VERDICTS[number] for number in verdicts.tolist())
        yield part.tobytes(), Found(ends, own, unknowns, wrong, tuple(questions[n] for n in asked.tolist()), names)


def _of_years(memory: Memory) -> Arrays:
    """Which parts lie in a year, by number, and the targets of all years as one table."""
    found, number = list(memory.years_used.values()), {part: n for n, part in enumerate(memory.parts_used)}
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, TOLD) as stream:
        stream.write_table(pa.concat_tables([TOLD.empty_table(), *(one.told for one in found)]).combine_chunks())
    return {
        "years": digests(memory.years_used),
        "lying": np.array([number[part] for one in found for part in one.parts], np.int64),
        "lying_sizes": np.array([len(one.parts) for one in found], np.int64),
        "told": np.frombuffer(sink.getvalue(), np.uint8),
        "told_sizes": np.array([one.told.num_rows for one in found], np.int64),
    }


def _years(kept: Arrays, parts: list[bytes]) -> Iterator[tuple[bytes, Year]]:
    """The same, read again. Raises one of DAMAGED."""
    told = pa.ipc.open_stream(pa.py_buffer(kept["told"])).read_all()
    sizes = kept["told_sizes"].tolist()
    if told.schema != TOLD or sum(sizes) != told.num_rows or min((*sizes, *kept["lying"].tolist()), default=0) < 0:
        raise ValueError("not what was written")
    starts = np.cumsum([0, *sizes]).tolist()
    for year, own, start, size in zip(
        kept["years"], cut(kept["lying"], kept["lying_sizes"]), starts, sizes, strict=False
    ):
        yield year.tobytes(), Year(tuple(parts[n] for n in own.tolist()), told.slice(start, size))


def cut(together: npt.NDArray[Any], sizes: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    """The pieces of an array, one for each size. Raises ValueError where the sizes are not those of the array."""
    if sizes.sum() != len(together) or (sizes < 0).any():
        raise ValueError("not what was written")
    return np.split(together, np.cumsum(sizes)[:-1]) if len(sizes) else []


def digests(questions: Iterable[bytes]) -> npt.NDArray[np.uint8]:
    """Digests of questions, one in each row."""
    rows = [np.frombuffer(question, np.uint8) for question in questions]
    return np.stack(rows) if rows else np.zeros((0, 0), np.uint8)


def fingerprint(framework: Framework) -> str:
    """Of all that gives unknowns their numbers and solutions their digits."""
    return f"{framework.content_hash} {code_of()}"


def read_arrays(path: Path, framework: Framework) -> Arrays:
    """What was written for this framework, code and engines. Raises one of DAMAGED."""
    if path.stat().st_size > MOST:
        raise ValueError("too large")
    with np.load(path, allow_pickle=False) as kept:
        if str(kept["fingerprint"]) != fingerprint(framework):
            raise ValueError("of another framework, code or engine")
        return {name: kept[name] for name in kept.files}


def write_arrays(path: Path, framework: Framework, arrays: Arrays) -> Path:
    """Write them for the house alone; all at once or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        np.savez(file, fingerprint=np.array(fingerprint(framework)), **arrays)  # type: ignore[arg-type]
    os.replace(temporary, path)
    return path
