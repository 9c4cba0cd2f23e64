"""Each stage in a process of its own: processor seconds with those of its children, and its peak memory."""

from __future__ import annotations

import argparse
import importlib
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
_MARK = "#measured "

Facts = dict[str, Any]


@dataclass(frozen=True)
class Measured:
    """CPU and wall seconds of a stage, start of Python and imports included; peak memory in MB; what else it told.

    `scale`: a sample was taken, and the seconds are those of the whole. `why` says why there are none.
    """

    name: str
    cpu: float = 0.0
    wall: float = 0.0
    peak: float = 0.0
    facts: Facts = field(default_factory=dict)
    scale: float = 1.0
    why: str = ""

    @property
    def done(self) -> bool:
        """Was it measured?"""
        return not self.why


def measure(
    stage: str, *arguments: str, sample: float = 1.0, python: str = sys.executable, limit: int = 1800
) -> Measured:
    """Run `module:function` with text arguments in a new process; the function may return facts.

    `sample`: the share of the work that the stage does. What it takes beyond its start is scaled up.
    """
    command = [python, "-m", "bench.speed.measuring", stage, *arguments]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    try:
        run = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return Measured(stage, why=f"took more than {limit} s")
    wall = time.monotonic() - began
    told = [line for line in run.stdout.splitlines() if line.startswith(_MARK)]
    if run.returncode or not told:
        last = (run.stderr.strip().splitlines() or ["no output"])[-1]
        return Measured(stage, why=last[:200])
    facts = json.loads(told[-1].removeprefix(_MARK))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    start = float(facts.pop("start"))
    scaled = start + (cpu - start) / sample
    return Measured(stage, scaled, wall / sample, float(facts.pop("peak")), facts, 1 / sample)


def peak_megabytes() -> float:
    """Largest memory of this process. Not `ru_maxrss`: a child begins with that of its parent there."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(seconds: dict[str, float], name: str, work: Callable[[], Any]) -> Any:
    """Note the processor seconds of a part, with those of children that ended within it."""
    began = _used()
    result = work()
    seconds[name] = seconds.get(name, 0.0) + _used() - began
    return result


def _used() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def main() -> None:
    """The process of one stage: run it, tell how much memory it took."""
    parser = argparse.ArgumentParser()
    parser.add_argument("stage")
    parser.add_argument("arguments", nargs="*")
    chosen = parser.parse_args()
    module, _, function = chosen.stage.partition(":")
    work = getattr(importlib.import_module(module), function)
    start = time.process_time()
    facts: Mapping[str, Any] = work(*chosen.arguments) or {}
    print(f"{_MARK}{json.dumps({**facts, 'start': start, 'peak': peak_megabytes()})}", flush=True)


if __name__ == "__main__":
    main()
