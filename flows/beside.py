"""What is known beside the values: targets of the regions, a projection of the population, the delivered registers."""

from __future__ import annotations

from pathlib import Path

from indicators.compute import Beside
from indicators.profile import PROJECTION_FILE, read_projection
from schemas.framework_model import Framework
from schemas.register_targets import register_targets, with_registers
from schemas.shapes import Registers
from schemas.targets import FILE, read_targets

NO_REGISTERS = Registers()


def beside(root: Path, framework: Framework, registers: Registers = NO_REGISTERS) -> Beside:
    """`targets.yaml` and `projection.csv` of the data root, and the registers with the targets they hold.

    Raises FrameworkError with file and line.
    """
    targets = with_registers(read_targets(root / FILE, framework), register_targets(framework, registers.records))
    return Beside(targets, read_projection(root / PROJECTION_FILE, framework), registers=registers)
