"""What the computations of one framework share."""

from __future__ import annotations

from schemas.crosswalk import Crosswalk
from schemas.framework_model import Framework
from schemas.remembered import remembered


def crosswalk_of(framework: Framework) -> Crosswalk:
    """The one table of changes of a framework, with the answers that it has given so far."""
    return remembered(framework, lambda: Crosswalk(framework.territory), "crosswalk")


__all__ = ["crosswalk_of", "remembered"]
