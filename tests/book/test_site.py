"""Every page of the built site in a browser without network: whole, quiet, and never wider than the screen."""

import os
import re
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from matplotlib.figure import Figure

pytestmark = pytest.mark.browser

WIDTHS = [390, 1024, 1600]
PROJECT = Path(__file__).resolve().parents[2]
SITE = Path(os.environ.get("UNCERTLR_SITE") or PROJECT / "book" / "_build" / "html").resolve()
FILES = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html"))
FORWARDS = {page for page in FILES if 'http-equiv="refresh"' in (SITE / page).read_text("utf-8").lower()}
"""Pages that only lead on."""

PAGES = [page for page in FILES if not page.startswith("_static/") and page not in FORWARDS]
CHAPTERS = [page for page in PAGES if page.startswith("book/")]
CODE = [page for page in PAGES if page.startswith("_modules/")]
AXE = os.environ.get("UNCERTLR_AXE", "")

if not PAGES:
    pytest.skip(f"no built site in {SITE}: build the book, or set UNCERTLR_SITE", allow_module_level=True)

TOO_WIDE = """(() => {
  const page = document.documentElement;
  if (page.scrollWidth <= page.clientWidth) { return ''; }
  const far = [...document.querySelectorAll('body :not(pre *)')]
    .filter(element => element.getBoundingClientRect().right > page.clientWidth + 1);
  return `${page.scrollWidth} > ${page.clientWidth}: ` + far.slice(0, 5).map(e => e.outerHTML.slice(0, 120)).join(' ');
})()"""
BROKEN_IMAGES = "[...document.images].filter(i => !(i.complete && i.naturalWidth > 0)).map(i => i.src)"
UNRENDERED_MATHS = "[...document.querySelectorAll('.math')].filter(m => !m.querySelector('mjx-container')).map(m => m.id)"
FAILED_MATHS = "[...document.querySelectorAll('mjx-merror')].map(e => e.textContent)"
SHOWN_DRAWINGS = """[...document.querySelectorAll('figure img.only-light, figure img.only-dark')]
  .filter(image => image.checkVisibility()).map(image => image.className.includes('only-dark') ? 'dark' : 'light')"""

EMPTY_CSV = """[...document.querySelectorAll('.figure-data:has(.run) a[download]')]
  .filter(a => atob(a.href.split(',')[1]).trim().split('\\n').length < 2).map(a => a.download)"""

FIRST_RESULT = """new Promise(found => {
  const look = () => document.querySelector('#search-results li a') ? found(true) : setTimeout(look, 50);
  look();
})"""


def address(page: str) -> str:
    """A page's file: address."""
    return (SITE / page).as_uri()


@pytest.mark.parametrize("page", PAGES)
def test_page_is_whole_and_asks_for_nothing(tab: Any, page: str) -> None:
    tab.open(address(page), width=WIDTHS[0])
    if page == RESULTS:
        tab.evaluate(DRAWN)  # a script builds its tables
    for width in WIDTHS:
        tab.resize(width)
        tab.evaluate(NEXT_FRAME)
        assert tab.evaluate(TOO_WIDE) == "", f"at {width} px"
    assert tab.evaluate(BROKEN_IMAGES) == []
    assert tab.evaluate(UNRENDERED_MATHS) == []
    assert tab.evaluate(FAILED_MATHS) == []
    assert tab.errors == []
    assert [url for url in tab.requests if not url.startswith(("file:", "data:", "blob:", "about:"))] == []


def test_mathematics_is_drawn_with_our_own_fonts(tab: Any) -> None:
    tab.open(address("book/executed/entropy.html"))
    assert tab.evaluate("document.querySelectorAll('mjx-container').length") > 10
    fonts = [url for url in tab.requests if url.endswith(".woff")]
    assert fonts
    assert all(url.startswith(SITE.as_uri()) for url in fonts)


def test_first_page_leads_to_the_book(tab: Any) -> None:
    tab.follow(address("index.html"), address("book/index.html"))
    assert tab.errors == []


def test_code_stands_for_what_a_page_documents_and_for_nothing_else() -> None:
    shown = {page.removeprefix("_modules/") for page in PAGES if page.startswith("_modules/")} - {"index.html"}
    linked = {name for page in CHAPTERS for name in re.findall(r'_modules/([^"#]+)', (SITE / page).read_text("utf-8"))}
    assert shown
    assert shown == linked


def test_search_finds_a_page(tab: Any) -> None:
    tab.open(address("search.html") + "?q=threshold")
    assert tab.evaluate(FIRST_RESULT)
    assert tab.errors == []


def test_exercises_have_solutions_that_open(tab: Any) -> None:
    tab.open(address("book/executed/entropy.html"))
    solutions = (
        "[...document.querySelectorAll('details')].filter(e => e.querySelector('summary').textContent === 'Solution')"
    )
    assert tab.evaluate(f"{solutions}.length") >= 6
    assert not tab.evaluate(f"{solutions}.some(e => e.open)")
    tab.evaluate(f"{solutions}[0].querySelector('summary').click()")
    assert tab.evaluate(f"{solutions}[0].open")


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("page", ["book/index.html", "book/executed/entropy.html"])
def test_drawings_follow_the_theme(tab: Any, page: str, mode: str) -> None:
    tab.open(address(page))
    tab.choose_theme(mode)
    assert set(tab.evaluate(SHOWN_DRAWINGS)) == {mode}
    assert tab.evaluate("[...document.querySelectorAll('figcaption')].every(caption => caption.checkVisibility())")


def test_old_addresses_lead_to_the_new_pages(tab: Any) -> None:
    moved = [page for page in FILES if 'http-equiv="refresh"' in (SITE / page).read_text("utf-8")]
    assert moved
    for page in moved:
        (target,) = re.findall(r'url=([^"]+)"', (SITE / page).read_text("utf-8"))
        assert (SITE / page).parent.joinpath(target).resolve().is_file()


@pytest.mark.parametrize("page", [page for page in CHAPTERS if "/executed/" in page])
def test_notebooks_and_the_numbers_of_figures_can_be_saved_from_a_folder(tab: Any, page: str) -> None:
    tab.open(address(page))
    (notebook,) = tab.evaluate("[...document.querySelectorAll('.notebook-links a.download')].map(a => a.href)")
    saved = Path(unquote(urlsplit(notebook).path))
    assert saved.read_bytes() == (PROJECT / "notebooks" / f"{Path(page).stem}.ipynb").read_bytes()
    assert tab.evaluate(EMPTY_CSV) == []
    assert tab.evaluate("[...document.querySelectorAll('.notebook-links a')].length") == 1  # no repository, no launch


BROKEN_WORDS = r"""[...document.querySelectorAll('.bd-article table.dataframe th')].filter(head => {
  const text = head.firstChild;
  return text && text.data && [...text.data.matchAll(/\w+/g)].some(word => {
    const range = document.createRange();
    range.setStart(text, word.index);
    range.setEnd(text, word.index + word[0].length);
    return new Set([...range.getClientRects()].map(line => line.top)).size > 1;
  });
}).map(head => head.textContent)"""

NEXT_FRAME = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"
"""After it the page has the layout of its new width, scroll bars among them."""

HIDDEN_BARS = """new Promise(done => {
  const hidden = () => [...document.querySelectorAll('.bd-article table')].map(table => {
    let box = table.parentElement;
    while (getComputedStyle(box).overflowX === 'visible') { box = box.parentElement; }
    return box;
  }).filter(box => box.scrollWidth > box.clientWidth && box.offsetHeight <= box.clientHeight).length;
  const end = performance.now() + 2000;
  const look = () => hidden() && performance.now() < end ? setTimeout(look, 20) : done(hidden());
  look();
})"""
"""How many tables that scroll show no bar; a busy machine may draw the bars some frames late."""


@pytest.mark.parametrize("page", CHAPTERS)
def test_tables_keep_their_words_whole_and_show_that_they_scroll(tab: Any, page: str) -> None:
    tab.call("Emulation.setScrollbarsHidden", hidden=False)
    tab.open(address(page), width=WIDTHS[0])
    for width in WIDTHS:
        tab.resize(width)
        tab.evaluate(NEXT_FRAME)
        assert tab.evaluate(BROKEN_WORDS) == [], f"at {width} px"
        assert tab.evaluate(HIDDEN_BARS) == 0, f"at {width} px"


LINES = "[...document.querySelectorAll('article .whole')].map(part => part.getClientRects().length).filter(lines => lines)"


@pytest.mark.parametrize("page", ["book/studies.html", "book/executed/verdict.html"])
def test_numbers_and_names_with_a_hyphen_are_not_broken(tab: Any, page: str) -> None:
    tab.open(address(page), width=WIDTHS[0])
    lines = tab.evaluate(LINES)
    assert len(lines) > 20
    assert set(lines) == {1}


STACKED = """[...document.querySelectorAll('table.stacked')].map(table => ({
  fits: table.parentElement.scrollWidth <= table.parentElement.clientWidth,
  heads: [...table.querySelectorAll('thead th')].map(head => head.textContent.trim()),
  named: [...table.rows[1].cells].map(cell => getComputedStyle(cell, '::before').content),
}))"""


STACKING = ["book/studies.html", "book/deviations.html", "book/executed/verdict.html", "book/all_results.html"]


@pytest.mark.parametrize("page", STACKING)
def test_tables_of_sentences_are_lists_on_a_phone_and_tables_elsewhere(tab: Any, page: str) -> None:
    tab.open(address(page), width=WIDTHS[0])
    tables = tab.evaluate(STACKED)
    assert tables
    for table in tables:
        assert table["fits"]
        assert all(head in name for head, name in zip(table["heads"][1:], table["named"][1:], strict=True))
    tab.resize(WIDTHS[1])
    tab.evaluate(NEXT_FRAME)
    assert {name for table in tab.evaluate(STACKED) for name in table["named"]} == {"none"}


RESULTS = "book/all_results.html"
DRAWN = """new Promise(done => {
  const look = () => document.querySelectorAll('.result-table .dt-container').length === 2
    ? requestAnimationFrame(() => done(true)) : setTimeout(look, 20);
  look();
})"""
ROWS = "[...document.querySelectorAll('#all-{} tbody tr')].map(row => [...row.cells].map(cell => cell.textContent))"
HEADS = "[...document.querySelectorAll('#all-runs thead th')].map(head => head.textContent)"


def test_results_are_searched_sorted_and_widened(tab: Any) -> None:
    tab.open(address(RESULTS), width=WIDTHS[0])
    tab.evaluate(DRAWN)
    assert [len(tab.evaluate(ROWS.format(name))) for name in ("runs", "comparisons")] == [10, 10]
    assert len(tab.evaluate(HEADS)) == 7
    tab.evaluate("document.querySelector('.result-table:has(#all-runs) input[type=search]').focus()")
    tab.call("Input.insertText", text="imdb report_epoch")
    assert {(data, method) for data, method, *_ in tab.evaluate(ROWS.format("runs"))} == {("imdb", "report_epoch")}
    tab.evaluate("document.querySelector('#all-runs thead th:last-child').click()")
    accuracies = [float(row[-1]) for row in tab.evaluate(ROWS.format("runs"))]
    assert accuracies == sorted(accuracies)
    assert len(set(accuracies)) > 5
    tab.evaluate("document.querySelector('.result-table:has(#all-runs) .buttons-colvis').click()")
    tab.evaluate("[...document.querySelectorAll('.dt-button')].find(e => e.textContent === 'run').click()")
    assert tab.evaluate(HEADS)[-1] == "run"
    tab.open(address(RESULTS), width=WIDTHS[1])
    tab.evaluate(DRAWN)
    assert len(tab.evaluate(ROWS.format("comparisons"))) == 25
    assert tab.errors == []


def test_a_figures_run_leads_to_its_row(tab: Any) -> None:
    tab.open(address("book/executed/controls.html"))
    link = tab.evaluate("[...document.querySelectorAll('.figure-data a[href*=all_results]')].at(-1).href")
    run_id = urlsplit(link).fragment
    tab.open(link)
    tab.evaluate(DRAWN)
    row = tab.evaluate(f"document.getElementById('{run_id}').getBoundingClientRect().toJSON()")
    assert 0 < row["top"] < 900


def test_results_are_whole_without_scripts(tab: Any) -> None:
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        tab.load(address(RESULTS))
        tree = tab.call("DOM.getDocument")["root"]["nodeId"]
        rows = tab.call("DOM.querySelectorAll", nodeId=tree, selector="#all-runs tbody tr")["nodeIds"]
        assert len(rows) > 800
        assert tab.call("DOM.getBoxModel", nodeId=rows[-1])["model"]["height"] > 0
    finally:
        tab.call("Emulation.setScriptExecutionDisabled", value=False)


LEGIBLE = 10.0
"""CSS pixels, of a font."""

SHOWN = """[...document.querySelectorAll('.bd-article figure :is(img, svg[role=img])')].filter(e => e.checkVisibility())
  .map(e => [e.closest('figure').id, e.getBoundingClientRect().width, e.src || '', e.src ? '' : e.outerHTML])"""
INTERACTIVE = """[...document.querySelectorAll('.interactive svg text')].map(text => {
  const drawing = text.ownerSVGElement;
  return parseFloat(getComputedStyle(text).fontSize) * drawing.getBoundingClientRect().width / drawing.viewBox.baseVal.width;
})"""
SCALE = re.compile(r"scale\(([\d.]+) -\1\)")
"""Matplotlib draws the glyphs of a text at 100 points, mirrored, and scales them; an index in it is scaled once more."""


def text_sizes(svg: str, shown: float) -> list[float]:
    """The font sizes in a drawing that is shown so wide, smallest first, in the unit of that width."""
    (width,) = re.findall(r'viewBox="0 0 ([\d.]+) [\d.]+"', svg)
    return sorted(100 * float(scale) * shown / float(width) for scale in SCALE.findall(svg))


def source(image: str) -> str:
    """The drawing that an image of the site shows."""
    path = Path(unquote(urlsplit(image).path))
    assert path.suffix == ".svg", f"{path.name} is no vector drawing"
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", CHAPTERS)
def test_text_of_figures_is_legible_on_a_phone(tab: Any, page: str) -> None:
    tab.open(address(page), width=WIDTHS[0])
    smallest = {
        figure: text_sizes(source(image) if image else inline, shown)[0]
        for figure, shown, image, inline in tab.evaluate(SHOWN)
    }
    assert {figure: size for figure, size in smallest.items() if size < LEGIBLE} == {}
    assert [size for size in tab.evaluate(INTERACTIVE) if size < LEGIBLE] == []


def test_the_size_of_a_text_is_that_of_its_font() -> None:
    figure, file = Figure(figsize=(4, 1)), StringIO()
    figure.text(0.1, 0.5, "level", fontsize=12)
    figure.text(0.5, 0.5, "upright $10^{-3}$", rotation=90, fontsize=8)
    figure.savefig(file, format="svg")
    assert text_sizes(file.getvalue(), 144) == pytest.approx([4, 6])


@pytest.mark.skipif(not AXE, reason="set UNCERTLR_AXE to the file axe.min.js of the npm package axe-core")
@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("page", [*CHAPTERS, *CODE[::12], "search.html", "genindex.html"])
def test_page_is_accessible(tab: Any, page: str, mode: str) -> None:
    tab.open(address(page))
    tab.choose_theme(mode)
    tab.evaluate(Path(AXE).read_text(encoding="utf-8") + "; 0")
    found = tab.evaluate("axe.run().then(r => r.violations.map(v => [v.impact, v.id, v.nodes.map(n => n.html)]))")
    assert [finding for finding in found if finding[0] in {"serious", "critical"}] == []
