"""Pages of the registers: what they all lead from, one for each subject over all regions, and one for each region."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from report.content import Report
from report.network import bipartite, circle
from report.network_links import Edge, edges_between_regions, edges_of
from report.places import Place, slug
from report.record_view import RecordView
from report.register_entries import Entries
from report.register_filters import Filters
from report.registers import Row
from report.site import Site
from report.svg import Frame
from report.targets_view import TargetsView
from report.weather import definitions
from report.wording import Wording
from schemas.conditions import entries
from schemas.definitions_register_pages import Part, RegisterPage

HUB = "programm.html"


@dataclass(frozen=True)
class Line:
    """A row in the list of all regions."""

    link: Markup
    beside: list[Markup]
    badge: str
    stale: bool
    ended: bool
    keys: str


def register_pages(site: Site, wording: Wording) -> None:
    """All pages; none where the snapshot has no registers."""
    if not site.report.registers.delivered:
        return
    pages = RegisterPages(site, wording)
    pages.hub()
    for page in site.report.framework.register_pages.values():
        pages.overview(page)
        for place in site.report.registers.places:
            if pages.delivered(page, place):
                pages.of_region(page, place)


def links_of(report: Report, place: Place | None = None) -> list[tuple[RegisterPage, str, int]]:
    """Pages with their path below the language and how many rows they show; of a region only those it delivered."""
    registers = report.registers
    found = []
    for page in report.framework.register_pages.values():
        codes = {part.records for part in page.parts}
        if place is None and any(code in codes for _, code in registers.delivered):
            count = sum(len(registers.all(code)) for code in codes)
            found.append((page, f"{page.slug}/index.html", count))
        elif place is not None and any((place.code, code) in registers.delivered for code in codes):
            count = sum(len(registers.of(place.code, code)) for code in codes)
            found.append((page, f"{page.slug}/{place.slug}.html", count))
    return found


class RegisterPages:
    """The pages in one language."""

    def __init__(self, site: Site, wording: Wording) -> None:
        self.site, self.wording, self.report = site, wording, site.report
        self.registers = site.report.registers
        self.view = RecordView(wording, site.report)
        self.targets = TargetsView(wording, site.report)
        self.kinds = site.report.framework.registers
        self.entries = Entries(wording, site.report)

    def hub(self) -> None:
        """Every subject with its introduction, and a table of the regions."""
        rows = [(place, {page.code: (path, n) for page, path, n in links_of(self.report, place)})
                for place in self.registers.places]  # fmt: skip
        self.site.page(
            self.wording,
            HUB,
            "programme.html",
            title=self.wording("nav.programme"),
            subjects=links_of(self.report),
            rows=rows,
        )

    def delivered(self, page: RegisterPage, place: Place) -> bool:
        """Has a region delivered any register of a page?"""
        return any((place.code, part.records) in self.registers.delivered for part in page.parts)

    # --- all regions ----------------------------------------------------------------------------------------------

    def overview(self, page: RegisterPage) -> None:
        """The page over all regions: what can be searched, region by region or by subject."""
        parts = [part for part in page.parts if not part.detail]
        sections = [self._listed(part) for part in parts if part.records in self.kinds]
        edges = edges_between_regions(self.view) if page.network else []
        self.site.page(
            self.wording,
            f"{page.slug}/index.html",
            "register_index.html",
            title=self.wording.plain(page, "title"),
            page=page,
            hub=HUB,
            sections=sections,
            regions=[(place, self.delivered(page, place)) for place in self._reporting()],
            picture=circle(self._frame(page, edges, ""), [(edge.left, edge.right) for edge in edges]) if edges else "",
            edges=edges,
        )

    def _reporting(self) -> list[Place]:
        """Regions that delivered a register, and those of the report that could have."""
        known = {place.code for place in self.registers.places}
        return [*self.registers.places, *(p for p in self.report.regions if not p.aggregate and p.code not in known)]

    def _listed(self, part: Part) -> dict[str, object]:
        register = self.kinds[part.records]
        filters = Filters(self.view, part)
        rows = self.registers.all(part.records)
        return {
            "register": register,
            "anchor": slug(part.records),
            "groups": list(self._groups(part, rows, filters)),
            "count": len(rows),
            "filters": filters.choices(rows),
            "places": list(self._place_list(part)),
        }

    def _groups(self, part: Part, rows: Sequence[Row], filters: Filters) -> Iterator[tuple[str, str, list[Line]]]:
        """Anchor, heading and lines; a row stands in every group that it names."""
        register = self.kinds[part.records]
        named = register.field(part.group) if part.group else None
        if named is None:
            for place in self.registers.places:
                lines = [self._line(part, row, filters) for row in rows if row.region == place.code]
                if lines:
                    yield f"{slug(part.records)}-{place.slug}", self.wording.place(place), lines
            return
        listed = self.report.framework.codelists.get(named.codelist or "")
        for entry in listed.entries if listed else ():
            lines = [
                self._line(part, row, filters, region=True)
                for row in rows
                if entry.code in entries(row.values.get(named.code, ""))
            ]
            if lines:
                yield f"{slug(part.records)}-{slug(entry.code)}", self.wording.plain(entry), lines

    def _line(self, part: Part, row: Row, filters: Filters, *, region: bool = False) -> Line:
        beside = [Markup("{}").format(self._region_name(row.region))] if region else []
        beside += self.view.beside(row, part)
        marks = self.entries.badge(part, row), self.view.stale(row), self.entries.ended(part, row)
        return Line(self.view.link(row), beside, *marks, filters.keys(row))

    def _region_name(self, code: str) -> str:
        place = next((place for place in self.registers.places if place.code == code), None)
        return self.wording.place(place) if place else code

    def _place_list(self, part: Part) -> Iterator[tuple[Place, list[tuple[str, str, int]]]]:
        """For each region its places with the number of rows, leading to the page of the region."""
        page = self.view.pages[part.records]
        for place in self.registers.places if part.places else ():
            found = [
                (name, f"{page.slug}/{place.slug}.html#{_area_anchor(part, number)}", len(links))
                for number, (name, links) in enumerate(self.entries.by_place(part, place), start=1)
            ]
            if found:
                yield place, found

    # --- one region -----------------------------------------------------------------------------------------------

    def of_region(self, page: RegisterPage, place: Place) -> None:
        """Everything that a region says on a subject."""
        edges = edges_of(self.view, place.code) if page.network else []
        frame = self._frame(page, edges, f" {self.wording.place(place)}") if edges else None
        sections = [section for part in page.parts if (section := self.entries.section(page, part, place)) is not None]
        self.site.page(
            self.wording,
            f"{page.slug}/{place.slug}.html",
            "register_region.html",
            title=f"{self.wording.plain(page, 'title')}: {self.wording.place(place)}",
            page=page,
            place=place,
            hub=HUB,
            has_profile=place in self.report.places,
            sections=sections,
            picture=bipartite(frame, [(edge.left, edge.right, edge.style) for edge in edges]) if frame else "",
            styles=_styles(edges),
            edges=edges,
            symbols=definitions(),
            targets_note=self.targets.note if any(self.kinds[part.records].target for part in page.parts) else "",
        )

    def _frame(self, page: RegisterPage, edges: Sequence[Edge], where: str) -> Frame:
        left, right = {edge.left for edge in edges}, {edge.right for edge in edges}
        said = self.wording("programme.network_said", edges=len(edges), left=len(left), right=len(right))
        return Frame(f"n-{slug(page.code)}", f"{self.wording.plain(page, 'title')}{where} {self.report.year}", said)


def _area_anchor(part: Part, number: int) -> str:
    return f"{slug(part.records)}-place-{number}"


def _styles(edges: Iterable[Edge]) -> list[tuple[int, str]]:
    return sorted({(edge.style, edge.kind) for edge in edges})
