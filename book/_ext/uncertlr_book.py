"""What the pages need beyond Jupyter Book: drawings in a light and a dark form, tables made from code and results."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar

import benchmark_page
import changes
import drawings
import forwards
import notebook_pages
import plain_notebooks
import provenance_page
import result_tables
import scaling
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.directives.patches import Figure
from sphinx.environment import BuildEnvironment
from sphinx.ext import viewcode
from sphinx.util.docutils import SphinxDirective

from uncertlr.config import parameter_table

GENERATED = Path("book") / "_generated"
DATA = GENERATED / "data"
EXECUTED = Path("book") / "executed"
MADE_FROM = GENERATED / "made_from.sha256"
"""Written when drawings, tables and CSV files are made from something else than before."""


class Drawing(Figure):
    """A figure made by `drawings`: ``{drawing} name``, with the options, the caption and the number of a figure.

    Its dark form stands beside the light one; the theme shows one of the two.
    """

    def run(self) -> list[nodes.Node]:
        """A figure node that holds both images."""
        name = self.arguments[0]
        if name not in drawings.DRAWINGS:
            raise self.error(f"no drawing {name!r}; there are {', '.join(drawings.DRAWINGS)}")
        self.arguments[0] = f"/{(GENERATED / name).as_posix()}-light.svg"
        self.options.setdefault("figclass", []).append("drawing")
        figure, *rest = super().run()
        light = next(figure.findall(nodes.image))
        dark = light.deepcopy()
        dark["uri"] = light["uri"].replace("-light.svg", "-dark.svg")
        light["classes"] = ["only-light"]
        dark["classes"] = ["only-dark"]
        light.parent.insert(light.parent.index(light) + 1, dark)
        return [figure, *rest]


class Generated(SphinxDirective):
    """Markdown that is made when the page is built: ``{generated} name``, a key of `GENERATORS`."""

    required_arguments = 1
    has_content: ClassVar[bool] = False

    def run(self) -> list[nodes.Node]:
        """What the name stands for, parsed."""
        name, project = self.arguments[0], Path(self.env.srcdir)
        if name not in GENERATORS:
            raise self.error(f"nothing generates {name!r}; there are {', '.join(GENERATORS)}")
        container = nodes.container(classes=["generated", name])
        for file in (project / MADE_FROM, *(project / EXECUTED).glob("*.ipynb")):
            self.env.note_dependency(str(file))
        lines = StringList(list(GENERATORS[name](project)), source=name)
        self.state.nested_parse(lines, self.content_offset, container)
        return [container]


GENERATORS: dict[str, Callable[[Path], Iterable[str]]] = {
    "parameters": lambda project: parameter_table().splitlines(),
    "figures": lambda project: provenance_page.figures_markdown(project / EXECUTED),
    "published-files": lambda project: provenance_page.files_markdown(DATA.as_posix()),
    "studies": lambda project: provenance_page.studies_markdown(),
    "all-runs": lambda project: result_tables.all_runs_markdown(project, EXECUTED, DATA),
    "all-comparisons": lambda project: result_tables.all_comparisons_markdown(project, DATA),
    "outcomes": lambda project: result_tables.outcomes_markdown(),
    "benchmark-epochs": lambda project: benchmark_page.epochs_markdown(),
    "benchmark-steps": lambda project: benchmark_page.steps_markdown(),
    "benchmark-shares": lambda project: benchmark_page.shares_markdown(),
    "benchmark-limits": lambda project: benchmark_page.limits_markdown(),
    "benchmark-estimates": lambda project: benchmark_page.estimates_markdown(),
    "benchmark-gpu-steps": lambda project: benchmark_page.gpu_steps_markdown(),
    "benchmark-gpu-targets": lambda project: benchmark_page.gpu_targets_markdown(),
    "benchmark-targets": lambda project: benchmark_page.targets_markdown(),
    "benchmark-times": lambda project: benchmark_page.times_markdown(project, DATA),
    "benchmark-circumstances": lambda project: benchmark_page.circumstances_markdown(),
    "datatables": lambda project: result_tables.datatables_markdown(),
}


def keep_first_line(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Napoleon takes what stands before a colon in an attribute's first line for its type; an empty comment prevents it."""
    if what in {"attribute", "data", "property"}:
        lines[:0] = ["..", ""]


def substitute(app: Sphinx, config: Config) -> None:
    """Give pages the measured numbers that they use by name; a page whose numbers are not there fails a strict build.

    And the repository's address, since chapters have links to Binder and Colab only where there is one.
    """
    config["myst_substitutions"] = {**config["myst_substitutions"], "repository": config["uncertlr_repository"]}
    results = Path(app.srcdir) / "results"
    if (results / scaling.FILE).is_file():
        named = {"scaling": scaling.numbers(results), "benchmarks": benchmark_page.numbers(results)}
        config["myst_substitutions"] = {**config["myst_substitutions"], **named}


def generate(app: Sphinx) -> None:
    """Make the drawings, and the CSV files of the results, before any page is read; unless they are there."""
    provenance_page.all_runs.cache_clear()
    sources = Path(app.srcdir)
    shown = drawings.used_by((sources / "book").glob("*.md"))
    made_from, before = changes.generated_from(shown), sources / MADE_FROM
    if before.is_file() and before.read_text(encoding="utf-8") == made_from:
        return
    drawings.draw_all(sources / GENERATED, shown)
    provenance_page.write_csv(sources / DATA)
    before.write_text(made_from, encoding="utf-8")


def use_two_processes(app: Sphinx, env: BuildEnvironment, pages: list[str]) -> None:
    """Read and write the pages in two processes, which Jupyter Book's command line cannot ask for."""
    app.parallel = max(app.parallel, 2)
    # it declares nothing; it numbers the chapters, all from the front page's list, when every page has been read
    if numbering := app.extensions.get("sphinx_multitoc_numbering"):
        numbering.parallel_read_safe = True


def forget_unused_code(app: Sphinx, env: BuildEnvironment) -> None:
    """Drop modules that no page documents: one process drops them before its next page, two bring them along."""
    viewcode.env_purge_doc(app, env, "")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("drawing", Drawing)
    app.connect("config-inited", substitute)
    app.add_directive("generated", Generated)
    app.connect("builder-inited", generate)
    app.connect("env-before-read-docs", use_two_processes)
    app.connect("env-updated", forget_unused_code)
    app.connect("autodoc-process-docstring", keep_first_line, priority=400)
    notebook_pages.connect(app)
    plain_notebooks.connect(app)
    forwards.connect(app)
    changes.connect(app)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
