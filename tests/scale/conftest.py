"""The services of these tests: started once, skipped with the reason where one of them cannot be had."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from services import Services, Unavailable, dask, postgres, s3, started

WORKERS = 3


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """In memory where there is room: the test measures work, not a disk."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 4 << 30
    with tempfile.TemporaryDirectory(dir=memory if roomy else None, prefix="monitor-scale-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="session")
def services(folder: Path, tiny_folder: Path) -> Iterator[Services]:
    """PostgreSQL, S3 and Dask; skipped, with the reason, where one of them cannot be started."""
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setenv("MONITOR_FRAMEWORK", str(tiny_folder))
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
            patch.setenv(name, "")
        try:
            catalogue = started(stack, postgres, folder / "postgres")
            started(stack, s3, folder / "s3")
            machines = started(stack, partial(dask, workers=WORKERS), folder / "dask")
        except Unavailable as why:
            pytest.skip(str(why))
        yield Services(catalogue, machines)
