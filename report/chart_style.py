"""Charts that stand alone: the rules of the style sheet with fixed colours, so that a figure needs no page around it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from xml.etree import ElementTree

from markupsafe import Markup

STYLE_SHEET = Path(__file__).resolve().parent / "styles" / "site.css"
NAMESPACE = "http://www.w3.org/2000/svg"
LIGHT = ".mark { stroke: none; }"
"""No keyline around marks: on paper it is not seen, and it makes charts a quarter larger."""
_BLOCK = re.compile(r"([^{}]+)\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart as a file of its own, and what it shows in words."""

    svg: str
    words: str


@lru_cache(maxsize=1)
def colours() -> dict[str, str]:
    """The light colours of the style sheet by name (`focus` -> `#0b5a8a`)."""
    root = _sheet().partition(":root {")[2].partition("}")[0]
    return dict(re.findall(r"--([\w-]+):\s*(#[0-9a-fA-F]{3,8})", root))


@lru_cache(maxsize=4)
def fixed_rules(font: str) -> str:
    """The rules for parts of a chart, every colour written out, for programs that know neither page nor variables."""
    known = colours()
    before_media = _sheet().partition("@media (max-width")[0].replace("@media (prefers-color-scheme: dark)", "")
    rules = [f"text {{ font-family: '{font}'; }}"]
    for selectors, body in _BLOCK.findall(before_media):
        parts = [part.strip() for part in selectors.split(",")]
        if all(part.startswith("svg ") for part in parts):
            fixed = re.sub(r"var\(--([\w-]+)\)", lambda found: known[found[1]], body.strip())
            rules.append(f"{', '.join(part.removeprefix('svg ') for part in parts)} {{ {fixed} }}")
    return "\n".join([*rules, LIGHT])


def drawing(chart: Markup, font: str) -> Drawing:
    """The chart with its rules inside; raises ParseError when it is no well-formed SVG."""
    element = ElementTree.fromstring(chart)
    title, description = (element.findtext(name, "").strip() for name in ("title", "desc"))
    _, _, width, height = element.get("viewBox", "0 0 1 1").split()
    head = f'<svg xmlns="{NAMESPACE}" width="{width}" height="{height}" '
    rules = f"<style>{fixed_rules(font)}</style>"
    svg = re.sub(r"<svg ", head, str(chart), count=1)
    svg = re.sub(r"<title.*?</desc>", lambda _: rules, svg, count=1, flags=re.DOTALL)
    return Drawing(svg, f"{title}. {description}".strip())


@lru_cache(maxsize=1)
def _sheet() -> str:
    return STYLE_SHEET.read_text(encoding="utf-8")
