"""What runs on the machines of a crew: read, check, answer. Plain functions of what they are given.

A task may be repeated, on another machine, whenever one is lost. Between tasks a crew keeps what it has read and checked in
its own memory; what leaves it are prepared rows in the exchange and short accounts.
"""

from __future__ import annotations

import io
import os
import tempfile
import threading
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import pyarrow as pa

from flows.known_past import KnownPast
from flows.reusing import code_of
from flows.scaling.exchange import Exchange
from intake.answer import write_reply
from intake.checking import Past, check_read
from intake.deliveries import ReadDelivery, Received, read_deliveries
from schemas.framework_model import Framework
from schemas.loading import framework_folder, load_framework
from schemas.shapes import CheckedDelivery
from warehouse.bulk_loading import prepare
from warehouse.delivery_tables import LoadError, Vocabulary
from warehouse.desk import laid
from warehouse.past import Earlier

_CODE = ("schemas", "intake", "warehouse", "flows/scaling", "flows/known_past.py")
_ENGINES = ("duckdb", "pyarrow", "pandas", "pandera")


class Mismatch(RuntimeError):
    """A machine of the crew works with another framework or other code than the one who asks. Says the key of its text."""


@dataclass(frozen=True)
class Job:
    """What every task of a run needs to know.

    content: fingerprint of the framework that every machine must have (`MONITOR_FRAMEWORK`); code: that of the program.
    """

    exchange: Exchange
    content: str
    code: str


@dataclass(frozen=True)
class Parcel:
    """Some deliveries: what is known of each, and the object of the exchange that holds their files in the same order."""

    received: tuple[Received, ...]
    files: Mapping[str, str]


@dataclass(frozen=True)
class Account:
    """What a reader says of one delivery; `broken`: the kind of error, when our code broke on it."""

    region: str = ""
    year: int | None = None
    latest_year: int = 0
    places: tuple[tuple[str, int], ...] = ()
    broken: str = ""


@dataclass(frozen=True)
class Opened:
    """A delivery that was read, with its file: the answer marks it."""

    delivery: ReadDelivery
    content: bytes
    suffix: str


Read = list[Opened | str]
"""A delivery, or the kind of error on which our code broke."""
Before = Mapping[str, Earlier | None]
"""Submission -> the delivery before it."""


@dataclass(frozen=True)
class Outcome:
    """How a check came out: deliveries without their values, prepared rows in the exchange (table -> object), the
    kind of error where our code broke, and how many values each delivery has. Keys are submissions."""

    deliveries: Mapping[str, CheckedDelivery]
    tables: Mapping[str, str]
    broken: Mapping[str, str]
    values: Mapping[str, int]


@dataclass(frozen=True)
class Checked:
    """Checked deliveries and their files as they stay with the crew, and how they came out."""

    deliveries: Mapping[str, CheckedDelivery]
    opened: Mapping[str, Opened]
    outcome: Outcome


def read_parcel(job: Job, parcel: Parcel) -> Read:
    """Read every file. What is read stays with the crew."""
    framework = framework_of(job)
    (files,) = job.exchange.get_tables(parcel.files).values()
    found: Read = []
    with tempfile.TemporaryDirectory() as folder:
        for received, content in zip(parcel.received, files["content"].to_pylist(), strict=True):
            suffix = received.path.suffix
            path = Path(folder) / f"delivery{suffix}"  # never the sender's name
            path.write_bytes(content)
            try:
                delivery = read_deliveries(framework, [replace(received, path=path)])[0]
                found.append(Opened(delivery, content, suffix))
            except Exception as error:  # one delivery that breaks must not stop the others
                found.append(type(error).__name__)
    return found


def accounts(read: Read) -> list[Account]:
    """What the one who asks needs to know of each delivery."""
    return [Account(broken=found) if isinstance(found, str) else _account(found.delivery) for found in read]


def picked(read: Read, numbers: Mapping[int, str]) -> dict[str, Opened]:
    """The deliveries at these places of a parcel, under these numbers."""
    found = {}
    for place, number in numbers.items():
        opened = read[place]
        assert not isinstance(opened, str)
        numbered = replace(opened.delivery, submission=replace(opened.delivery.submission, id=number))
        found[number] = replace(opened, delivery=numbered)
    return found


def check(
    job: Job, past: Mapping[str, str], vocabulary: Vocabulary, order: Sequence[str], *groups: Mapping[str, Opened]
) -> Checked:
    """Check deliveries together, in this order, and put their rows into the exchange."""
    framework = framework_of(job)
    together = {number: opened for group in groups for number, opened in group.items()}
    opened = {number: together[number] for number in order}
    known = _past(job, framework, past)
    tried = _checked(framework, {number: found.delivery for number, found in opened.items()}, known)
    whole = {number: found for number, found in tried.items() if isinstance(found, CheckedDelivery)}
    prepared = prepare(list(whole.values()), vocabulary)
    broken = {number: found for number, found in tried.items() if isinstance(found, str)}
    broken |= dict.fromkeys(prepared.failed, LoadError.__name__)
    whole = {number: found for number, found in whole.items() if number not in broken}
    told = {number: replace(found, observations=(), records=()) for number, found in whole.items()}
    values = {number: len(found.observations) for number, found in whole.items()}
    return Checked(whole, opened, Outcome(told, job.exchange.put_tables(prepared.tables), broken, values))


def outcome(checked: Checked) -> Outcome:
    """What the one who asks needs to know of a check."""
    return checked.outcome


def answer(job: Job, past: Mapping[str, str], checked: Checked, wanted: Before) -> bytes:
    """Write the answers to these deliveries; an archive of the outbox."""
    framework = framework_of(job)
    known = _past(job, framework, past)
    packed = io.BytesIO()
    with tempfile.TemporaryDirectory() as name:
        outbox = Path(name) / "outbox"
        for number, before in wanted.items():
            delivery, opened = checked.deliveries[number], checked.opened[number]
            sent = delivery.submission
            source = Path(name) / f"delivery{opened.suffix}"
            source.write_bytes(opened.content)
            last_year = known.values(sent.region, sent.year - 1) if sent.year else None
            write_reply(framework, delivery, outbox, before=before, source=source, last_year=last_year)
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for path in sorted(path for path in outbox.rglob("*") if path.is_file()):
                archive.write(path, path.relative_to(outbox))
    return packed.getvalue()


def framework_of(job: Job) -> Framework:
    """The framework of this machine, which must be that of the job, with the same code. Raises Mismatch."""
    if fingerprint() != job.code:
        raise Mismatch("scaling.code")
    return _framework(framework_folder(), job.content)


def fingerprint() -> str:
    """Of the code that reads, checks and answers, and of what it works with."""
    return code_of(_CODE, _ENGINES)


@lru_cache(maxsize=2)
def _framework(folder: Path, content: str) -> Framework:
    framework = load_framework(folder)
    if framework.content_hash != content:
        raise Mismatch("scaling.framework")
    return framework


def _checked(
    framework: Framework, deliveries: Mapping[str, ReadDelivery], past: Past
) -> dict[str, CheckedDelivery | str]:
    """Check together; when something breaks, one by one, so that the others pass."""
    try:
        return dict(zip(deliveries, check_read(framework, list(deliveries.values()), past), strict=True))
    except Exception as error:
        if len(deliveries) <= 1:
            return dict.fromkeys(deliveries, type(error).__name__)
    found: dict[str, CheckedDelivery | str] = {}
    for number, delivery in deliveries.items():
        found |= _checked(framework, {number: delivery}, past)
    return found


def _past(job: Job, framework: Framework, tables: Mapping[str, str]) -> Past:
    """What the deliveries may be compared with; kept, because all tasks of a year ask the same."""
    return _kept_past(job.exchange, framework.content_hash, tuple(sorted(tables.items())), threading.get_ident())


@lru_cache(maxsize=2)
def _kept_past(exchange: Exchange, content: str, tables: tuple[tuple[str, str], ...], thread: int) -> Past:
    framework = _framework(framework_folder(), content)
    spilled = Path(tempfile.gettempdir()) / f"monitor-desk-{os.getpid()}"
    return KnownPast(laid(exchange.get_tables(dict(tables)), framework, spilled)).past


def packed(claims: Iterable[Received]) -> pa.Table:
    """The files of some deliveries as a table."""
    return pa.table({"content": pa.array([claim.path.read_bytes() for claim in claims], pa.large_binary())})


def _account(delivery: ReadDelivery) -> Account:
    sent = delivery.submission
    spoken: Sequence[tuple[str, int]] = [(seen.region, seen.year) for seen in delivery.observations]
    places = tuple(sorted({*spoken, *([(sent.region, sent.year)] if sent.region and sent.year else ())}))
    return Account(sent.region, sent.year, delivery.latest_year, places)
