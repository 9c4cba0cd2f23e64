"""Build the offline check: `make check-app`, or on any system `python packaging/build.py`.

Makes its own environment (.venv-app, from requirements-app.lock with hashes), builds one file with PyInstaller into
dist/ and prints its size, its checksum and that of the rules in it. PyInstaller builds only for the system it runs on:
build for Windows on Windows.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT, LOCK, TARGET = ROOT / ".venv-app", ROOT / "requirements-app.lock", ROOT / "dist"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def main() -> int:
    """Environment, program, checksum; returns the exit code."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--clean", action="store_true", help="make the environment anew")
    options = arguments.parse_args()
    started = time.monotonic()
    prepare(anew=options.clean)
    program = build()
    digest = hashlib.sha256(program.read_bytes()).hexdigest()
    program.with_name(program.name + ".sha256").write_text(f"{digest}  {program.name}\n", encoding="utf-8")
    size = program.stat().st_size / 1_000_000
    print(
        f"{program.relative_to(ROOT)}: {size:.0f} MB, SHA-256 {digest}, gebaut in {time.monotonic() - started:.0f} s",
        flush=True,
    )
    subprocess.run([str(program), "--version"], check=True)  # the checksum of the rules, as on the server
    return 0


def prepare(*, anew: bool) -> None:
    """The environment as the lock says; made again when the lock has changed."""
    ready = ENVIRONMENT / ".ready"
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if not anew and ready.is_file() and ready.read_text(encoding="utf-8") == wanted:
        return
    print("Umgebung wird eingerichtet (.venv-app) ...", flush=True)
    venv.create(ENVIRONMENT, clear=True, with_pip=True)
    _hidden(ENVIRONMENT)
    command = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--no-deps"]
    _run(*command, "-r", str(LOCK))
    ready.write_text(wanted, encoding="utf-8")


def build() -> Path:
    """One file in dist/."""
    TARGET.mkdir(exist_ok=True)
    _hidden(TARGET)
    folders = ["--distpath", str(TARGET), "--workpath", str(ROOT / "build" / "check-app")]
    spec = str(ROOT / "packaging" / "check_app.spec")
    _run("-m", "PyInstaller", "--noconfirm", "--clean", "--log-level", "WARN", *folders, spec)
    return TARGET / ("monitor-check.exe" if os.name == "nt" else "monitor-check")


def _run(*arguments: str) -> None:
    subprocess.run([str(PYTHON), *arguments], cwd=ROOT, check=True)


def _hidden(folder: Path) -> None:
    """What is built never becomes part of the history."""
    (folder / ".gitignore").write_text("*\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
