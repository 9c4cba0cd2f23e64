"""The site in a real browser: every page type, narrow and wide, light and dark, on paper, by keyboard, without scripts."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Tab, browser, program
from register_sample import with_registers
from report_sample import YEAR, sample_data
from report_sample_derived import with_derived

from report.build import SITE, build_report
from schemas.loading import load_framework

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(program() is None, reason="no Chromium is installed"),
]
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
WIDTHS = (320, 640, 768, 1440)
"""640: a window of 1280 at 200 percent."""
TAB, ENTER, DOWN, ESCAPE = ("Tab", 9), ("Enter", 13, "\r"), ("ArrowDown", 40), ("Escape", 27)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    framework = load_framework()
    data = with_registers(framework, with_derived(framework, sample_data(framework)))
    return build_report(data, framework, YEAR, tmp_path_factory.mktemp("report"), parts=(SITE,)).parent.parent


@pytest.fixture(scope="module")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("browser")


@pytest.fixture(scope="module")
def tab(downloads: Path) -> Iterator[Tab]:
    with browser(downloads) as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(site: Path) -> list[Path]:
    """Every page at the top of a language, and of each kind below it the first, the largest and the smallest."""
    chosen: dict[Path, None] = {}
    for lang in ("de", "en"):
        chosen |= dict.fromkeys(sorted((site / lang).glob("*.html")))
        for folder in sorted(path for path in (site / lang).iterdir() if path.is_dir()):
            found = sorted(folder.glob("*.html"), key=lambda path: (path.stat().st_size, path.name))
            chosen |= dict.fromkeys([found[0], found[-1], min(found)] if lang == "de" else [found[-1]])
    return list(chosen)


@pytest.fixture(autouse=True)
def nothing_goes_wrong(tab: Tab) -> Iterator[None]:
    """No error in the console and no request to another host, whatever a test does."""
    tab.problems.clear()
    tab.requests.clear()
    tab.media()
    yield
    assert not tab.problems
    assert not [address for address in tab.requests if not address.startswith(("file:", "data:", "blob:"))]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_barrier(tab: Tab, pages: list[Path], scheme: str) -> None:
    """axe-core, rules of WCAG 2.2 A and AA and best practice, everything folded out."""
    engine = AXE.read_text(encoding="utf-8")
    tab.media(scheme)
    tab.size(1440)
    found = {}
    for page in pages:
        tab.goto(page)
        tab.run("document.querySelectorAll('details').forEach(function (each) { each.open = true; })")
        tab.run(engine)
        rules = "['wcag2a','wcag2aa','wcag21a','wcag21aa','wcag22aa','best-practice']"
        options = f"{{runOnly: {rules}, resultTypes: ['violations'], preload: false}}"
        script = f"""axe.run(document, {options}).then(function (result) {{
            return result.violations.map(function (each) {{ return each.id + ' ' + each.nodes[0].html; }}); }})"""
        if violations := tab.run(script):
            found[page.name] = violations
    assert not found


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_scrolls_sideways(tab: Tab, pages: list[Path], width: int) -> None:
    tab.size(width)
    wide = {}
    for page in pages:
        tab.goto(page)
        if (needed := tab.run("document.documentElement.scrollWidth")) > width:
            wide[str(page)] = needed
    assert not wide


def test_the_entrance_leads_to_the_first_language(tab: Tab, site: Path) -> None:
    tab.goto(site / "index.html")
    _until(tab, "location.pathname.endsWith('/de/index.html')")


def test_a_page_and_what_it_loads_stay_light(site: Path) -> None:
    """Uncompressed: page, style sheet and scripts at most 200 kB, scripts at most 10 kB; the search index comes later."""
    assets = {path.name: path.stat().st_size for path in (site / "assets").iterdir()}
    scripts = assets["search.js"] + assets["figure.js"] + assets["filter.js"]
    largest = max(path.stat().st_size for path in site.rglob("*.html"))
    assert scripts <= 10_000
    assert largest + assets["site.css"] + scripts + assets["icon.svg"] <= 200_000


def test_everything_can_be_reached_by_keyboard(tab: Tab, site: Path) -> None:
    """Each Tab stop is a new element, visible, with a visible focus; none is left out."""
    tab.size(1280)
    for name in ("de/index.html", "de/karten.html", "de/vergleich.html", "de/angebote/index.html"):
        tab.goto(site / name)
        tab.key(*TAB)
        assert tab.run("document.activeElement.className") == "skip"
        wanted = tab.run(
            "[...document.querySelectorAll('a[href], button, input, select, summary, [tabindex=\"0\"]')]"
            ".filter(function (each) { return each.getClientRects().length; }).length"
        )
        seen = 1
        for _ in range(wanted + 5):
            tab.key(*TAB)
            seen += bool(
                tab.run(
                    "(function () { var at = document.activeElement; if (!at || at === document.body || at.seen) return 0;"
                    " at.seen = true; var box = at.getBoundingClientRect(); return box.width > 0 && box.height > 0; })()"
                )
            )
        assert seen >= wanted, name


def test_the_skip_link_and_the_map_work_by_keyboard(tab: Tab, site: Path) -> None:
    tab.size(1280)
    tab.goto(site / "de" / "index.html")
    tab.key(*TAB)
    tab.key(*ENTER)
    assert tab.run("document.activeElement.id") == "main"
    tab.run("document.querySelector('svg.map a').focus()")
    assert tab.run("document.activeElement.getAttribute('aria-label')")
    tab.key(*ENTER)
    _until(tab, "location.pathname.indexOf('/regionen/') > 0")


def test_the_search_finds_regions_indicators_and_terms(tab: Tab, site: Path) -> None:
    tab.size(1280)
    framework = load_framework()
    indicator = next(iter(framework.indicators.values()))
    term = next(iter(framework.glossary.values()))
    for typed in (indicator.name_de[:12], term.name_de):
        tab.goto(site / "de" / "index.html")
        tab.run("document.getElementById('q').focus()")
        tab.call("Input.insertText", text=typed)
        _until(tab, "document.querySelectorAll('.hits a').length > 0")
        tab.key(*DOWN)
        assert tab.run("document.activeElement.closest('.hits') !== null")
        tab.key(*ESCAPE)
        assert tab.run("document.querySelector('.hits').hidden && document.activeElement.id === 'q'")


def test_a_chart_is_saved_as_a_picture(tab: Tab, site: Path, downloads: Path) -> None:
    tab.size(1280)
    page = next(path for path in sorted((site / "de/indikatoren").glob("*.html")) if 'id="verlauf"' in path.read_text())
    tab.goto(page)
    tab.run("document.querySelector('#verlauf .tools button').click()")
    end = time.monotonic() + 15
    while not (found := list(downloads.glob("*.png"))) and time.monotonic() < end:
        tab.run("1")
        time.sleep(0.1)
    assert found
    assert found[0].read_bytes().startswith(b"\x89PNG")
    assert found[0].stat().st_size > 10_000


def test_regions_are_chosen_without_scripts(tab: Tab, site: Path) -> None:
    """With scripts switched off the page is whole, and its check boxes hide and show regions."""
    page = max((site / "de/vergleich").glob("*.html"), key=lambda path: path.stat().st_size)
    tab.size(1280)
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        tab.goto(page)
        root = tab.call("DOM.getDocument", depth=-1)["root"]["nodeId"]
        box = tab.call("DOM.querySelector", nodeId=root, selector=".choose input")["nodeId"]
        first = tab.call("DOM.querySelector", nodeId=root, selector=".minis li")["nodeId"]
        assert _display(tab, first) != "none"
        corners = tab.call("DOM.getBoxModel", nodeId=box)["model"]["content"]
        spot = {
            "x": (corners[0] + corners[4]) / 2,
            "y": (corners[1] + corners[5]) / 2,
            "button": "left",
            "clickCount": 1,
        }
        for kind in ("mousePressed", "mouseReleased"):
            tab.call("Input.dispatchMouseEvent", type=kind, **spot)
        assert _display(tab, first) == "none"
    finally:
        tab.call("Emulation.setScriptExecutionDisabled", value=False)


def test_a_list_is_narrowed_by_words_and_choices(tab: Tab, site: Path) -> None:
    tab.size(1280)
    tab.goto(site / "de" / "angebote" / "index.html")
    shown = "[...document.querySelectorAll('.lines li')].filter(e => e.getClientRects().length).map(e => e.dataset.k)"
    said = "document.querySelector('.filter output').textContent"
    whole = tab.run(shown)
    assert len(whole) == 3
    assert tab.run(said) == "3 von 3 Einträgen"
    tab.run("document.querySelector('.filter input').focus()")
    tab.call("Input.insertText", text="sprachcafe")
    _until(tab, f"{said} === '1 von 3 Einträgen'")
    assert tab.run(shown) == whole[:1]
    tab.run("document.querySelector('.filter button[type=reset]').click()")
    _until(tab, f"{said} === '3 von 3 Einträgen'")
    option = "document.querySelector('.filter option[value=\"0-sch\"]')"
    tab.run(f"{option}.selected = true; {option}.parentNode.dispatchEvent(new Event('input', {{bubbles: true}}))")
    _until(tab, f"{said} === '1 von 3 Einträgen'")
    assert "0-sch" in tab.run(shown)[0]
    assert tab.run("[...document.querySelectorAll('.group')].filter(e => e.getClientRects().length).length") == 1


def test_a_list_is_whole_without_scripts(tab: Tab, site: Path) -> None:
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        tab.goto(site / "de" / "angebote" / "index.html")
        root = tab.call("DOM.getDocument", depth=-1)["root"]["nodeId"]
        rows = tab.call("DOM.querySelectorAll", nodeId=root, selector=".lines li")["nodeIds"]
        form = tab.call("DOM.querySelector", nodeId=root, selector=".filter")["nodeId"]
        assert [_display(tab, row) for row in rows] == ["list-item"] * 3
        assert _display(tab, form) == "none"
    finally:
        tab.call("Emulation.setScriptExecutionDisabled", value=False)


def _display(tab: Tab, node: int) -> str:
    styles = tab.call("CSS.getComputedStyleForNode", nodeId=node)["computedStyle"]
    return next(str(style["value"]) for style in styles if style["name"] == "display")


def test_on_paper_there_is_content_and_no_navigation(tab: Tab, pages: list[Path]) -> None:
    tab.size(794)
    tab.media(medium="print")
    for page in pages:
        tab.goto(page)
        assert tab.run(
            "[...document.querySelectorAll('nav.main, .search, .tools')].every(e => !e.getClientRects().length)"
        )
        assert tab.run("document.body.innerText.length") > 100
        assert tab.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert tab.run(
            "[...document.querySelectorAll('details table')].every(e => e.closest('.multiples') || e.getClientRects().length)"
        ), page


def test_dark_and_light_have_enough_contrast_in_charts(tab: Tab, pages: list[Path]) -> None:
    """axe cannot see the ground of text in an SVG: text of charts against the page, of tiles against their shade."""
    tab.size(1280)
    for scheme in ("light", "dark"):
        tab.media(scheme)
        for page in pages[:: max(len(pages) // 12, 1)]:
            tab.goto(page)
            pairs = tab.run(
                """[...document.querySelectorAll('main svg text')].filter(t => t.textContent.trim()).map(t => {
                   var area = t.closest('.area'), rect = area && area.querySelector('rect');
                   var ground = rect && !area.classList.contains('none') ? getComputedStyle(rect).fill
                     : getComputedStyle(document.body).backgroundColor;
                   return [getComputedStyle(t).fill, ground, t.getAttribute('class')]; })"""
            )
            for text, ground, css in {tuple(pair) for pair in pairs or []}:
                assert _contrast(text, ground) >= 4.5, (scheme, page.name, css, text, ground)


def _contrast(one: str, other: str) -> float:
    def light(colour: str) -> float:
        parts = [int(number) / 255 for number in re.findall(r"\d+", colour)[:3]]
        red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


def _until(tab: Tab, condition: str) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if tab.run(condition):
            return
        time.sleep(0.05)
    raise AssertionError(condition)


def test_an_independent_parser_finds_no_error(pages: list[Path]) -> None:
    html5lib = pytest.importorskip("html5lib")
    for page in pages:
        parser = html5lib.HTMLParser(strict=False)
        parser.parse(page.read_text(encoding="utf-8"))
        assert not parser.errors, (page, [(where, kind) for where, kind, _ in parser.errors[:3]])
