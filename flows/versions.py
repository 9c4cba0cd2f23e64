"""With which code and which packages a run worked, for its record."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

_PROJECT = Path(__file__).resolve().parents[1]


def code_version() -> str:
    """Commit of the checkout, or `unknown` where the code is installed without its history."""
    try:
        found = subprocess.run(
            ["git", "-C", str(_PROJECT), "rev-parse", "--short=12", "HEAD"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return found.stdout.strip() or "unknown"


def lock_hash() -> str:
    """Fingerprint of the lock file, so that a run names the packages it ran with."""
    path = _PROJECT / "requirements.lock"
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""
