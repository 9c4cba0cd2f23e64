"""The nightly flow as an operator runs it with a worker: a real server, a registered deployment, a real worker process.

Everything listens and talks on this machine only. The processes are those that this test starts, in groups of their own;
it ends exactly these. Slow because of the starts (`pytest -m "not prefect"` leaves it out).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.deployments import NAME, POOL
from warehouse.snapshot import open_snapshot

pytestmark = [pytest.mark.prefect, pytest.mark.thorough]

REPOSITORY = Path(__file__).resolve().parents[1]
CITY, OTHER = "06414", "06413"
PATIENCE = 240.0
"""Seconds that a busy machine may need for a step; an idle one needs a few."""
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
Drop = Callable[..., Path]


class House:
    """The processes of one Prefect, their environment and the way to ask its server."""

    def __init__(self, root: Path, framework: Path) -> None:
        self.root = root
        self.port = _free_port()
        self.api = f"http://127.0.0.1:{self.port}/api"
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "MONITOR_"))}
        self.environment = {
            **clean,
            "HOME": str(root / "home"),
            "MONITOR_HOME": str(REPOSITORY),
            "MONITOR_DATA": str(root),
            "MONITOR_FRAMEWORK": str(framework),
            "PYTHONPATH": str(REPOSITORY),
            "PREFECT_HOME": str(root / "prefect"),
            "PREFECT_API_URL": self.api,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        }
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A process in a group of its own; what it says goes to a file."""
        with (self.root / f"{len(self.started)}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=REPOSITORY,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.started.append(process)
        return process

    def finish(self, process: subprocess.Popen[bytes]) -> None:
        """Wait for a command that ends by itself."""
        assert process.wait(PATIENCE) == 0, self.logs()

    def ask(self, path: str, question: dict[str, Any] | None = None) -> Any:
        """One request to the server, never through a proxy; a server that is too busy (503) is asked again."""
        data = None if question is None else json.dumps(question).encode()
        request = urllib.request.Request(f"{self.api}{path}", data, {"Content-Type": "application/json"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        for _ in range(60):
            try:
                with opener.open(request, timeout=30) as answer:
                    return json.loads(answer.read())
            except urllib.error.HTTPError as error:
                if error.code != 503:
                    raise
                time.sleep(0.5)
        raise AssertionError(f"the server stays too busy for {path}")

    def wait_for(self, what: Callable[[], Any]) -> Any:
        """The first answer that is not empty."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                if found := what():
                    return found
            assert all(process.poll() in (None, 0) for process in self.started), self.logs()
            time.sleep(0.25)
        raise AssertionError(f"nothing came in time\n{self.logs()}")

    def end(self) -> None:
        """End what was started, the last one first: politely, then for good; with it whatever it has started."""
        for process in reversed(self.started):
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(20)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)

    def logs(self) -> str:
        return "\n".join(f"{path.name}: {path.read_text(errors='replace')[-2000:]}" for path in self.root.glob("*.log"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def house(tmp_path: Path, tiny_folder: Path) -> Iterator[House]:
    (tmp_path / "settings.toml").write_text("settle_seconds = 0\n", encoding="utf-8")
    (tmp_path / "home").mkdir()
    found = House(tmp_path, tiny_folder)
    yield found
    found.end()


def test_a_worker_runs_the_deployed_night(
    house: House, drop: Drop, tiny_values: Callable[..., dict[Any, Any]], tmp_path: Path
) -> None:
    drop(tmp_path, CITY, "Bogen.xlsx")
    drop(tmp_path, OTHER, "Bogen.xlsx", values={**tiny_values(), ("EW", "SEX=M"): 407})
    house.start("prefect", "server", "start", "--host", "127.0.0.1", "--port", str(house.port))
    house.wait_for(lambda: house.ask("/health"))
    house.finish(house.start("flows.deployments"))
    worker = house.start("prefect", "worker", "start", "--pool", POOL, "--limit", "1")
    house.finish(house.start("prefect", "--no-prompt", "deploy", "--all"))

    deployment = house.ask(f"/deployments/name/nightly/{NAME}")
    assert deployment["work_pool_name"] == POOL
    assert [(s["schedule"]["timezone"], s["active"]) for s in deployment["schedules"]] == [("Europe/Berlin", True)]
    created = house.ask(f"/deployments/{deployment['id']}/create_flow_run", {"idempotency_key": "by hand"})
    run = house.wait_for(lambda: ended(house, created["id"]))

    assert run["state"]["type"] == "COMPLETED", (run["state"], house.logs())
    assert run["work_pool_name"] == POOL
    tasks = house.ask("/task_runs/filter", {"task_runs": {}, "flow_runs": {"id": {"any_": [run["id"]]}}})
    assert {(task["name"][:-4], task["state"]["type"]) for task in tasks} == {
        ("Eingang verarbeiten", "COMPLETED"),
        ("Indikatoren berechnen", "COMPLETED"),
        ("Datenbestand veröffentlichen", "COMPLETED"),
    }
    (artifact,) = house.ask("/artifacts/filter", {"artifacts": {"key": {"any_": ["nightly-report"]}}})
    assert artifact["flow_run_id"] == run["id"]
    assert artifact["data"].startswith("# Bitte nachfassen: 1 Lieferung zurückgegeben, 0 nicht lesbar.")
    with open_snapshot(tmp_path) as snapshot:
        assert snapshot.generation == 1
        told = snapshot.connection.execute("SELECT sender, verdict FROM submission ORDER BY ALL").fetchall()
        query = f"SELECT value FROM indicator_value WHERE region = '{CITY}'"
        assert snapshot.connection.execute(query).fetchall() == [(80.0,)]  # 1000 people on 12.5 square kilometres
    assert told == [(OTHER, "returned"), (CITY, "accepted")]
    for sender in (CITY, OTHER):
        kinds = {path.suffix for path in (tmp_path / "outbox" / sender).glob("Eingangsbestaetigung_*")}
        assert kinds == {".html", ".txt", ".json"}, sender
    assert list((tmp_path / "raw" / "claims").iterdir()) == []
    assert worker.poll() is None, "the worker waits for the next run"
    assert list((tmp_path / "home").iterdir()) == [], "nothing of Prefect beside the data root"


def ended(house: House, run: str) -> dict[str, Any] | None:
    """The flow run once it is over."""
    found: dict[str, Any] = house.ask(f"/flow_runs/{run}")
    return found if found["state"]["type"] in ENDED else None
