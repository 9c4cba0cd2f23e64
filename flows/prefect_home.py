"""Settings of Prefect, made before Prefect is imported: at home in the data root, offline, patient at the start."""

from __future__ import annotations

import os

from flows.settings import Settings


def prepare(settings: Settings) -> None:
    """Set what the operator has not set.

    Without a running server Prefect starts its own; its default limit of 20 seconds fails on a busy machine. Leases
    are kept on disk, because those in memory do not survive a power cut and would block every later run.
    """
    home = settings.root / "prefect"
    home.mkdir(parents=True, exist_ok=True)
    defaults = {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": str(settings.prefect_start_seconds),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
