"""Deployments of the nightly flow: kept on schedule by this process, or registered for a worker of a process pool.

Mutual exclusion is the file lock inside the flow; the limits here only queue a second run instead of starting it. An
automation turns runs whose process was killed into “Crashed”, because Prefect itself would show them as running for ever.

    python -m flows.deployments            registers work pool and automation; then: prefect deploy --all
    python -m flows.deployments --serve    keeps the schedule in this process (what `monitor serve` does)
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from flows.settings import Settings, load_settings

if TYPE_CHECKING:
    from prefect.events.schemas.automations import AutomationCore

NAME, POOL, ZONE = "nightly", "monitor", "Europe/Berlin"
CRON = "0 2 * * *"
PORT = 4200
ZOMBIES = "monitor: abgebrochene Läufe erkennen"
HEARTBEAT_SECONDS = 30
_GONE = "Der Lauf gibt kein Lebenszeichen mehr."
_ENDED = ("Completed", "Failed", "Cancelled", "Crashed")
ENVIRONMENT = {
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_SECONDS),
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
}
"""What deployed runs need besides `prefect_home`; set before Prefect is imported."""


def serve(cron: str = CRON) -> None:
    """Keep the nightly run scheduled until stopped: one run at a time, German time, a second one waits its turn.

    The schedule stays active when the process stops, so that a restart does not leave it paused.
    """
    settings = prepare()
    with server(settings.prefect_start_seconds):
        from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
        from prefect.schedules import Cron

        from flows.nightly import nightly

        ensure_zombie_automation()
        nightly.serve(
            name=NAME,
            schedule=Cron(cron, timezone=ZONE),
            limit=1,
            global_limit=ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE),
            pause_on_shutdown=False,
            tags=["monitor"],
        )


@contextmanager
def server(start_seconds: float, port: int = PORT) -> Iterator[str]:
    """The Prefect server in use, or one of our own as long as the block lasts; yields its API address.

    The temporary server that Prefect starts by itself does not schedule anything.
    """
    address = os.environ.get("PREFECT_API_URL")
    if address:
        yield address
        return
    port = port if _free(port) else _free(0)
    address = f"http://127.0.0.1:{port}/api"
    os.environ |= {"PREFECT_API_URL": address, "PREFECT_UI_API_URL": address}
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        _wait(process, f"{address}/health", time.monotonic() + start_seconds)
        print(f"Prefect-Oberfläche: {address.removesuffix('/api')}", flush=True)
        yield address
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
        for name in ("PREFECT_API_URL", "PREFECT_UI_API_URL"):
            os.environ.pop(name, None)


def register() -> None:
    """For the worker: the process pool (one run at a time) and the automation; the deployment is `prefect deploy`."""
    prepare()
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
    from prefect.exceptions import ObjectNotFound

    with get_client(sync_client=True) as client:
        try:
            client.read_work_pool(POOL)
            client.update_work_pool(POOL, WorkPoolUpdate(concurrency_limit=1))
        except ObjectNotFound:
            client.create_work_pool(WorkPoolCreate(name=POOL, type="process", concurrency_limit=1))
    ensure_zombie_automation()


def zombie_automation() -> AutomationCore:
    """A run that sends no heartbeat for three periods and has not ended is marked as crashed."""
    from prefect.client.schemas.objects import StateType
    from prefect.events.actions import ChangeFlowRunState
    from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

    beat = "prefect.flow-run.heartbeat"
    return AutomationCore(
        name=ZOMBIES,
        description="Ohne Lebenszeichen über drei Takte gilt ein Lauf als abgebrochen.",
        trigger=EventTrigger(
            after={beat},
            expect={beat, *(f"prefect.flow-run.{state}" for state in _ENDED)},
            match={"prefect.resource.id": ["prefect.flow-run.*"]},
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=3 * HEARTBEAT_SECONDS),
        ),
        actions=[ChangeFlowRunState(name=None, state=StateType.CRASHED, message=_GONE, force=False)],
    )


def ensure_zombie_automation() -> None:
    """Create the automation once; a later version replaces the old one."""
    from prefect.client.orchestration import get_client

    wanted = zombie_automation()
    with get_client(sync_client=True) as client:
        for known in client.read_automations_by_name(wanted.name):
            client.delete_automation(known.id)
        client.create_automation(wanted)


def prepare() -> Settings:
    """Settings of Prefect before its import; what the operator has set stays."""
    from flows.prefect_home import prepare as prepare_home

    settings = load_settings()
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    prepare_home(settings)
    return settings


def _free(port: int) -> int:
    """The port when it is free (0: any free one), else 0."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
        return int(probe.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], address: str, until: float) -> None:
    """Until the server answers; a server that ends or stays silent is our own fault and said so."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError), opener.open(address, timeout=5):
            return
        time.sleep(0.5)
    raise RuntimeError("the Prefect server did not start in time (prefect_start_seconds in settings.toml)")


def main(arguments: list[str] | None = None) -> int:
    """Register, or serve."""
    parser = argparse.ArgumentParser(prog="python -m flows.deployments", description="Nächtlichen Lauf einrichten")
    parser.add_argument("--serve", action="store_true", help="Zeitplan in diesem Prozess halten")
    parser.add_argument("--cron", default=CRON, help=f"Zeitplan, Voreinstellung {CRON}")
    options = parser.parse_args(arguments)
    if options.serve:
        serve(options.cron)
    else:
        register()
        print("Eingerichtet. Weiter mit: prefect deploy --all, dann prefect worker start --pool monitor")
    return 0


if __name__ == "__main__":
    sys.exit(main())
