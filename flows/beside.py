"""What the data root holds beside the deliveries: targets of the regions, a projection of the population."""

from __future__ import annotations

from pathlib import Path

from indicators.compute import Beside
from indicators.profile import PROJECTION_FILE, read_projection
from schemas.framework_model import Framework
from schemas.targets import FILE, read_targets


def beside(root: Path, framework: Framework) -> Beside:
    """`targets.yaml` and `projection.csv` of the data root; raises FrameworkError with file and line."""
    return Beside(read_targets(root / FILE, framework), read_projection(root / PROJECTION_FILE, framework))
