"""Claims: sentences of the book, written by hand, whose numbers and statements are checked against stored runs.

A claims cell (tag ``claims``) copies a sentence from its page and states what the stored runs must show:

.. code-block:: python

    claims = Claims("cifar10")
    claims.check("loses 12.3 points (95 % interval 11.2 to 13.4)", numbers=[-mean, 95, -high, -low], holds=high < 0)

A notebook fails where a claim does. `problems` finds, without running anything, quotes that are not on their page, and
numbers among the results that no claim checks: in a section "What the published runs show", and on the front page.
"""

import ast
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uncertlr.config import EXECUTION_FIELDS, RunConfig, shown_name
from uncertlr.errors import ClaimError
from uncertlr.runs.paths import project_folder

if TYPE_CHECKING:
    import pandas as pd

RESULTS_HEADING = "What the published runs show"
FRONT_PAGE = "index"
TAG = "claims"
NUMBER = re.compile(r"(?<![\w.,])(?<![A-Za-z]-)[-+\u2212]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e-?\d+)?(?![\w])")
NOT_PROSE = re.compile(r"`[^`]*`|\$[^$]*\$|\]\([^)]*\)|</?[A-Za-z!][^>]*>|\*\*Figure [\d.]+\*\*|Exercise \d+\.\d+")
"""Code, formulas, link targets, HTML, and names of figures and exercises, whose digits are no numbers of the text."""

Numbers = Iterable[float]


@dataclass(frozen=True)
class CheckedClaim:
    """A claim that was checked.

    Attributes:
        page: which states it.
        quote: the sentence.
        problem: why it does not hold; empty if it does.
    """

    page: str
    quote: str
    problem: str


_collected: list[CheckedClaim] | None = None


@contextmanager
def collected() -> Iterator[list[CheckedClaim]]:
    """Collect every claim that is checked, instead of raising an error for a false one."""
    global _collected
    before, _collected = _collected, []
    try:
        yield _collected
    finally:
        _collected = before


class Claims:
    """The claims of one page.

    Args:
        page: a notebook's name, such as ``"cifar10"``, or a page of the book, such as ``"index"``.

    Raises:
        ClaimError: there is no such page.
    """

    def __init__(self, page: str) -> None:
        self.page, self.text = page, page_text(page)

    def check(self, quote: str, numbers: Numbers = (), holds: bool | Iterable[bool] = True) -> None:
        """Check a sentence of the page.

        Args:
            quote: copied from the page's Markdown, or the title of one of its figures; white space does not matter.
            numbers: the stored value of every number written in digits in the quote, in order. Each must agree with what is
                printed to within half a unit of its last digit.
            holds: what the words state, such as ``difference.high < 0`` for "lowers".

        Raises:
            ClaimError: the quote is not on the page, a number differs, or the statement does not hold; names page, quote and
                values.
        """
        problem = self._problem(quote, [float(number) for number in numbers], holds)
        if _collected is not None:
            _collected.append(CheckedClaim(self.page, _plain(quote), problem))
        elif problem:
            raise ClaimError(f"page {self.page!r}: {problem}: {_plain(quote)!r}")

    def table(
        self,
        statements: Iterable[Callable[["Claims", RunConfig], None]],
        published: RunConfig,
        yours: RunConfig | None = None,
    ) -> "pd.DataFrame":
        """The claims of a chapter beside what the reader's own runs give: a row for each claim.

        Args:
            statements: functions that check claims, each for the runs of the configuration that it is given.
            published: the configuration that the page's sentences are about.
            yours: the reader's configuration; left out, or equal to `published`, the columns of the reader's runs are empty.

        Returns:
            Columns ``claim``, ``published``, ``yours`` (``holds``, ``does not hold``, ``not run``), and the numbers of both.
        """
        import pandas as pd

        configs = {"published": published} | ({"yours": yours} if yours is not None and yours != published else {})
        rows: dict[str, dict[str, str]] = {}
        for (name, config), statement in product(configs.items(), tuple(statements)):
            record = _Record(self.page)
            with suppress(Exception):  # a run that is not there: its claims are not evaluated
                statement(record, config)
            for quote, values, holds in record.claims:
                outcome = {name: "holds" if holds else "does not hold", f"numbers ({name})": _listed(values, quote)}
                rows.setdefault(quote, {}).update(outcome)
        columns = ["published", "numbers (published)", "yours", "numbers (yours)"]
        table = pd.DataFrame.from_dict(rows, orient="index").reindex(columns=columns).astype(object)
        return table.fillna({"published": "not run", "yours": "not run"}).fillna("").rename_axis("claim").reset_index()

    def _problem(self, quote: str, values: Sequence[float], holds: bool | Iterable[bool]) -> str:
        if _plain(quote) not in self.text:
            return "the quote is not on the page"
        printed = numbers_in(quote)
        if len(printed) != len(values):
            given = f"{len(values)} values are given ({_digits(values)})"
            return f"{len(printed)} numbers are printed ({', '.join(printed)}), {given}"
        for position, (text, value) in enumerate(zip(printed, values, strict=True), 1):
            if not _agrees(text, value):
                return f"number {position}: {text} is printed, the runs give {value:.6g}; all values: {_digits(values)}"
        statements = list(holds) if isinstance(holds, Iterable) else [holds]
        if not statements:
            return "it states nothing: 'holds' is empty"
        if not all(statements):
            false = ", ".join(str(position) for position, each in enumerate(statements, 1) if not each)
            return f"statement {false} of {len(statements)} does not hold for the stored runs; values: {_digits(values)}"
        return ""


class _Record(Claims):
    """Claims that are noted instead of checked."""

    def __init__(self, page: str) -> None:
        super().__init__(page)
        self.claims: list[tuple[str, list[float], bool]] = []

    def check(self, quote: str, numbers: Numbers = (), holds: bool | Iterable[bool] = True) -> None:
        statements = list(holds) if isinstance(holds, Iterable) else [holds]
        self.claims.append((_plain(quote), [float(number) for number in numbers], bool(statements) and all(statements)))


def above_and_below(yours: RunConfig, published: RunConfig) -> None:
    """Print the line that separates the reader's results from the published ones, with the parameters that differ.

    Args:
        yours: the reader's configuration.
        published: the configuration that the text below is about.
    """
    before = published.model_dump()
    changed = [
        f"{shown_name(name)}={shown_name(value) if name == 'rule' else value!r}"
        for name, value in yours.model_dump().items()
        if value != before[name] and name not in EXECUTION_FIELDS
    ]
    print(f"Above: your runs ({', '.join(changed) or 'all parameters as published'}). Below: the published runs.")


def numbers_in(text: str) -> list[str]:
    """The numbers of a text that are written in digits, in order; not those in code, formulas and link targets.

    >>> numbers_in("From 1,000 runs it loses -12.3 points (95 % interval) on CIFAR-10, `at 3`.")
    ['1,000', '-12.3', '95']
    """
    return [match.group() for match in NUMBER.finditer(_blanked(text))]


def page_text(page: str) -> str:
    """The Markdown of a page and the titles of its figures, white space normalized.

    Raises:
        ClaimError: there is no such page.
    """
    return _plain("\n\n".join([*_markdown(page), *_figure_titles(page)]))


def quotes(notebook: Path) -> dict[str, list[str]]:
    """The quotes of a notebook's claims cells, by the page that they are checked on; runs nothing.

    Raises:
        ClaimError: a claims cell whose page or quote is not a plain string.
    """
    found: dict[str, list[str]] = {}
    page_of: dict[str, str] = {}
    for cell in _cells(notebook):
        if cell["cell_type"] != "code" or TAG not in cell["metadata"].get("tags", []):
            continue
        tree = ast.parse("".join(cell["source"]))
        for name, value in _assigned(tree):
            if _called(value) == "Claims":
                page_of[name] = _literal(notebook, value)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "check":
                page = page_of.get(getattr(node.func.value, "id", ""), "")
                if page:
                    found.setdefault(page, []).append(_literal(notebook, node))
    return found


def problems(notebooks: Iterable[Path]) -> list[str]:
    """What is wrong with the claims of a book, without running them: one line each with page and sentence.

    Args:
        notebooks: all whose claims count.
    """
    stated: dict[str, list[str]] = {}
    for notebook in notebooks:
        for page, of_page in quotes(notebook).items():
            stated.setdefault(page, []).extend(of_page)
    lines = []
    for page in sorted({FRONT_PAGE, *stated, *(path.stem for path in notebooks)}):
        text = page_text(page)
        lines += [
            f"page {page!r}: the quote is not on the page: {_plain(q)!r}"
            for q in stated.get(page, [])
            if _plain(q) not in text
        ]
        lines += [f"page {page!r}: no claim checks {where}" for where in uncovered(page, stated.get(page, []))]
    return lines


def uncovered(page: str, of_page: Sequence[str]) -> list[str]:
    """Numbers of a page's results that no quote covers, each with the text around it.

    A chapter's results stand under "What the published runs show", those of the front page before its first section.
    """
    found = []
    for section in result_sections(page):
        text = _plain(section)
        covered = [span for quote in of_page if _plain(quote) for span in _spans(text, _plain(quote))]
        for match in NUMBER.finditer(_blanked(text)):
            if not any(start <= match.start() and match.end() <= end for start, end in covered):
                found.append(f"{match.group()!r} in {text[max(0, match.start() - 60) : match.end() + 40]!r}")
    return found


def claims_by_page(notebooks: Iterable[Path]) -> Mapping[str, list[str]]:
    """All quotes by page, for the file that a build leaves."""
    pages: dict[str, list[str]] = {}
    for notebook in notebooks:
        for page, of_page in quotes(notebook).items():
            pages.setdefault(page, []).extend(_plain(quote) for quote in of_page)
    return pages


def claimed_pages(notebook: Path) -> list[Path]:
    """The files of the pages that a notebook's claims are checked on, in order of their names."""
    return [_source(page) for page in sorted(quotes(notebook))]


def _agrees(printed: str, value: float) -> bool:
    number = printed.replace(",", "").replace("\u2212", "-")
    mantissa, _, exponent = number.partition("e")
    decimals = len(mantissa.partition(".")[2]) - int(exponent or 0)
    return abs(float(number) - value) <= 0.5 * 10.0**-decimals * (1 + 1e-9)


def _listed(values: Sequence[float], quote: str) -> str:
    """Values with as many decimals as the quote prints, separated by semicolons."""
    decimals = [len(printed.partition("e")[0].partition(".")[2]) for printed in numbers_in(quote)]
    return "; ".join(f"{value:.{count}f}" for value, count in zip(values, decimals, strict=False))


def _digits(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.6g}" for value in values) or "none given"


def _plain(text: str) -> str:
    return " ".join(text.split())


def _blanked(text: str) -> str:
    return NOT_PROSE.sub(lambda match: " " * len(match.group()), text)


def _spans(text: str, quote: str) -> list[tuple[int, int]]:
    return [(match.start(), match.end()) for match in re.finditer(re.escape(quote), text)]


def _source(page: str) -> Path:
    for path in (project_folder() / "notebooks" / f"{page}.ipynb", project_folder() / "book" / f"{page}.md"):
        if path.is_file():
            return path
    raise ClaimError(f"there is no page {page!r}: name a notebook, or a page of book/")


def _cells(notebook: Path) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return cells


def _markdown(page: str) -> list[str]:
    path = _source(page)
    if path.suffix == ".md":
        return [path.read_text(encoding="utf-8")]
    return ["".join(cell["source"]) for cell in _cells(path) if cell["cell_type"] == "markdown"]


def _figure_titles(page: str) -> list[str]:
    """The titles that a notebook's code gives to its axes, as far as they are plain strings."""
    path = _source(page)
    cells = _cells(path) if path.suffix == ".ipynb" else []
    titles: list[ast.expr] = []
    for cell in cells:
        if cell["cell_type"] != "code":
            continue
        calls = [node for node in ast.walk(ast.parse("".join(cell["source"]))) if isinstance(node, ast.Call)]
        titles += [argument for call in calls if _called(call) == "set_title" for argument in call.args[:1]]
        titles += [keyword.value for call in calls for keyword in call.keywords if keyword.arg == "title"]
    return [title.value for title in titles if isinstance(title, ast.Constant) and isinstance(title.value, str)]


def result_sections(page: str) -> list[str]:
    """The Markdown of a page's sections about results, each without its heading; of the front page, what stands first."""
    if page == FRONT_PAGE:
        before, *_ = "\n".join(_markdown(page)).partition("\n## ")
        return [re.sub(r"^:.*$", "", before, flags=re.MULTILINE)]  # lines that arrange what they enclose
    sections: list[list[str]] = []
    level = 0
    for line in "\n\n".join(_markdown(page)).splitlines():
        heading = re.match(r"(#+)\s+(.*)", line)
        if heading and level and len(heading[1]) <= level:
            level = 0
        if heading and RESULTS_HEADING in heading[2]:
            level = len(heading[1])
            sections.append([])
        elif level:
            sections[-1].append(line)
    return ["\n".join(lines) for lines in sections]


def _assigned(tree: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Names and what they are assigned, also several at once."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            target, value = node.targets[0], node.value
            several = isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
            pairs = zip(target.elts, value.elts, strict=False) if several else [(target, value)]  # type: ignore[attr-defined]
            yield from ((name.id, each) for name, each in pairs if isinstance(name, ast.Name))


def _called(node: ast.AST) -> str:
    if not isinstance(node, ast.Call):
        return ""
    return getattr(node.func, "id", "") or getattr(node.func, "attr", "")


def _literal(notebook: Path, node: ast.AST) -> str:
    first = node.args[0] if isinstance(node, ast.Call) and node.args else None
    if not isinstance(first, ast.Constant) or not isinstance(first.value, str):
        raise ClaimError(
            f"{notebook.name}: the page and the quote of a claim must be plain strings: {ast.unparse(node)[:80]}"
        )
    return first.value
