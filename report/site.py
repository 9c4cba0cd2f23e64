"""Rendering: templates, paths and the folder that the pages are written to."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from report.content import Report
from report.geometry import Geometry
from report.wording import Wording

ROOM = Path(__file__).resolve().parent


class Site:
    """One site in all its languages. Every page of a language lies at the same path as in the others."""

    def __init__(self, report: Report, folder: Path, langs: Sequence[str], geometry: Geometry | None = None) -> None:
        self.report = report
        self.geometry = geometry
        self.folder = folder
        self.wordings = tuple(Wording(lang, report.framework) for lang in langs)

    @cached_property
    def _templates(self) -> Environment:
        return Environment(
            loader=FileSystemLoader(ROOM / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )

    def page(self, wording: Wording, path: str, template: str, **content: object) -> None:
        """Render a page of a language at `path` below its folder."""
        up = "../" * path.count("/")
        text = self._templates.get_template(template).render(
            t=wording,
            report=self.report,
            langs=[each.lang for each in self.wordings],
            path=path,
            root=up + "../",
            here=lambda target: (up or "./") + str(target),
            **content,
        )
        self.write(f"{wording.lang}/{path}", text)

    def redirect(self) -> None:
        """`index.html` of the site: leads to the first language and offers all of them."""
        first, titles = self.wordings[0], [w("site.full", year=self.report.year) for w in self.wordings]
        text = self._templates.get_template("redirect.html").render(
            langs=[each.lang for each in self.wordings],
            titles=titles,
            sample=first("site.sample") if self.report.data.sample else "",
        )
        self.write("index.html", text)

    def assets(self) -> None:
        """Style sheet and scripts."""
        for name in (
            "styles/site.css",
            "styles/icon.svg",
            "scripts/search.js",
            "scripts/figure.js",
            "scripts/filter.js",
        ):
            self.write(f"assets/{Path(name).name}", (ROOM / name).read_text(encoding="utf-8"))

    def write(self, path: str, text: str) -> None:
        """Write a file below the site, the same bytes on every system."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode("utf-8"))
