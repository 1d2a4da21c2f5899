"""A site of one notebook, built with the book's own extension: what stands on the page, and on that of provenance."""

import base64
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pandas as pd
import pytest

from uncertlr.config import preset
from uncertlr.plots import INK
from uncertlr.plots.cell_output import FigureData
from uncertlr.runs import archive
from uncertlr.runs.archive import publish, results_folder
from uncertlr.runs.files import write_json
from uncertlr.runs.store import read_run
from uncertlr.training.run import run

sphinx_app = pytest.importorskip("sphinx.application", reason="Jupyter Book is not installed: see requirements.txt")
EXTENSION = Path(__file__).resolve().parents[2] / "book" / "_ext"
PROVENANCE = """# Provenance

```{generated} figures
```
```{generated} published-files
```
```{generated} studies
```
"""
RESULTS = """# All results

{download}`all-runs.csv </book/_generated/data/all-runs.csv>`

```{generated} all-runs
```
"""
CONFIG = preset("digits", "quick", epochs=2, channels=[4, 8], hidden_size=16, train_examples=200, progress="quiet")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning"),
              pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")]  # fmt: skip


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Sources with one executed notebook, whose figure shows a published run and one that is only local."""
    monkeypatch.syspath_prepend(str(EXTENSION))
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "book" / "executed").mkdir(parents=True)
    (tmp_path / "index.md").write_text(
        "# Index\n\n```{toctree}\nbook/provenance\nbook/all_results\nbook/glossary\nbook/executed/one\n```\n"
    )
    (tmp_path / "book" / "glossary.md").write_text("# Glossary\n\n```{glossary}\nentropy\n  Spread.\n```\n")
    (tmp_path / "book" / "provenance.md").write_text(PROVENANCE)
    (tmp_path / "book" / "all_results.md").write_text(RESULTS)
    arms = {"public": read_run(run(CONFIG)), "local": read_run(run(CONFIG.replace(seed=1)))}
    publish([arms["public"]], "study")
    write_json(results_folder() / "numbers.json", {"result_version": 1, "runs": [arms["public"].config.run_id]})
    curves = pd.concat([run.metrics for run in arms.values()])
    names = (*(run.config.run_id for run in arms.values()), "gone-s0-1")
    line = FigureData("one", curves[["epoch", "split", "loss"]], names)._repr_html_()
    image = {"mystnb": {"image": {"alt": "One pixel."}}}
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path d="M0 0h1" stroke="{INK}"/></svg>'
    nbformat.write(
        _notebook({"image/svg+xml": svg}, image, {"text/html": line}), tmp_path / "book" / "executed" / "one.ipynb"
    )
    nbformat.write(nbformat.v4.new_notebook(), tmp_path / "notebooks" / "one.ipynb")
    return SimpleNamespace(folder=tmp_path, arms=arms)


def _notebook(picture, metadata, line):
    output = nbformat.v4.new_output
    table = {"text/html": pd.DataFrame({"rate": [0.5]}, pd.Index(["a"], name="method")).to_html()}
    shown = [output("display_data", each) for each in (picture, table)]
    outputs = [*shown, output("execute_result", line, execution_count=1)]
    cells = [
        nbformat.v4.new_markdown_cell("# One"),
        nbformat.v4.new_code_cell("1", outputs=outputs, metadata=metadata),
        nbformat.v4.new_markdown_cell("**Figure 1.1.** A picture of *entropy*; see [the runs](../book/provenance.md)."),
    ]
    kernel = {
        "kernelspec": {"name": "python3", "display_name": "Python 3"},
        "language_info": {"name": "python", "pygments_lexer": "ipython3"},
    }
    return nbformat.v4.new_notebook(cells=cells, metadata=kernel)


def build(project, **config):
    """The page of the notebook, the page of provenance, and what the build warned of."""
    out = project.folder / "out"
    overrides = {
        "extensions": ["myst_nb", "sphinx.ext.autodoc", "uncertlr_book"],
        "nb_execution_mode": "off",
        "myst_enable_extensions": ["deflist"],
        "numfig": True,
        "root_doc": "index",
        "exclude_patterns": ["out", "notebooks", "jupyter_execute"],
        **config,
    }
    with (project.folder / "warnings").open("w+") as warnings:
        app = sphinx_app.Sphinx(
            str(project.folder), None, str(out), str(out / ".d"), "html", overrides, status=None, warning=warnings
        )
        app.build()
        warnings.seek(0)
        said = warnings.read()
    pages = [(out / f"{page}.html").read_text(encoding="utf-8") for page in ("book/executed/one", "book/provenance")]
    return *pages, said


def test_the_page_saves_its_notebook_and_leads_to_its_runs(project):
    page, _, said = build(project)
    assert said == ""
    results = (project.folder / "out" / "book" / "all_results.html").read_text(encoding="utf-8")
    saved = re.search(r'<a class="reference download internal" download="" href="([^"]+)">', page)[1]
    out = project.folder / "out" / "book"
    assert (out / "executed" / saved).resolve().read_bytes() == (project.folder / "notebooks" / "one.ipynb").read_bytes()
    assert "binder" not in page
    assert "colab" not in page
    for arm in project.arms.values():
        name = arm.config.run_id
        assert f'<a href="../all_results.html#{name}"><code class="run">{name}</code></a>' in page
        assert f'<tr id="{name}">' in results
    assert '<code class="run">gone-s0-1</code>' in page  # nothing is known of it, so it leads nowhere
    assert 'href="../all_results.html#gone' not in page
    rows = base64.b64decode(re.search(r'href="data:text/csv;base64,([^"]+)"', page)[1]).decode().splitlines()
    assert len(rows) == 1 + 2 * 2 * 2  # a header, and an arm, epoch and split a row


def test_a_table_stands_in_its_box_with_aligned_columns(project):
    page, *_ = build(project)
    table = re.search(r'<div class="output text_html">\s*<table.*?</table>', page, re.DOTALL)[0]
    assert re.findall(r'<th[^>]* class="(\w+)">(\w+)</th>', table) == [("text", "method"), ("number", "rate"), ("text", "a")]


def test_plain_markdown_becomes_a_figure_with_a_caption_links_and_terms(project):
    page, provenance, _ = build(project)
    figure = re.search(r"<figure.*?</figure>", page, re.DOTALL)[0]
    assert re.findall(r'class="only-(\w+)"', figure) == ["light", "dark"]
    assert "Figure 1.1." in re.search(r"<figcaption>.*?</figcaption>", figure, re.DOTALL)[0]
    assert 'id="fig-one"' in figure
    assert 'href="executed/one.html#fig-one"' in provenance
    assert 'href="../provenance.html"' in figure
    assert 'href="../glossary.html#term-entropy"' in figure
    for mode in ("light", "dark"):
        (drawn,) = (project.folder / "out" / "_images").glob(f"*-{mode}.svg")
        assert INK not in drawn.read_text()


def test_all_results_have_each_run_with_its_scores_on_the_page_and_in_a_file(project):
    build(project)
    out = project.folder / "out" / "book"
    page = (out / "all_results.html").read_text(encoding="utf-8")
    heads = re.findall(r'<th scope="col">(.*?)</th>', page)
    saved = pd.read_csv((out / re.search(r'download="" href="([^"]+)"', page)[1]).resolve())
    assert list(saved.columns) == heads
    for arm in project.arms.values():
        row = re.search(rf'<tr id="{arm.config.run_id}">(.*?)</tr>', page)[1]
        shown = dict(zip(heads, re.findall(r"<td>(.*?)</td>", row), strict=True))
        accuracy = arm.summary["test"]["accuracy"]
        assert float(shown["test accuracy"]) == pytest.approx(accuracy, abs=5e-5)
        assert saved.set_index("run").loc[arm.config.run_id, "test accuracy"] == pytest.approx(accuracy, rel=1e-5)
        assert shown["seed"] == str(arm.config.seed)


def test_provenance_names_figures_files_machines_and_saves_csv(project):
    _, provenance, _ = build(project)
    record = project.arms["public"].record
    text = re.sub(r"<[^>]+>", "", provenance)
    assert f"one: {project.arms['public'].config.run_id}" in text
    for fact in (record["data"][:16], record["processor"], f"torch {record['versions']['torch']}", "1 run of digits"):
        assert fact in text
    links = {Path(link).name: link for link in re.findall(r'download="" href="([^"]+)"', provenance)}
    assert set(links) == {"study-runs.csv", "study-curves.csv", "numbers.json"}
    rows = (project.folder / "out" / "book" / links["study-curves.csv"]).resolve().read_text().splitlines()
    assert len(rows) == 1 + 2 * 2  # a header, and one row per epoch and split


def test_a_launch_link_only_where_a_repository_is_configured(project):
    page, *_ = build(project, uncertlr_repository="https://github.com/someone/uncertlr", uncertlr_branch="main")
    assert 'href="https://mybinder.org/v2/gh/someone/uncertlr/main?urlpath=lab/tree/notebooks/one.ipynb"' in page
    assert re.search(
        r'<a href="https://colab.research.google.com/github/someone/uncertlr/blob/main/colab/one.ipynb"><svg[^>]*Colab', page
    )
    assert not re.search(r'<img[^>]*src="http', page)


@pytest.mark.parametrize(
    ("repository", "address"),
    [
        ("", ""),
        ("https://github.com/a/b.git", "https://mybinder.org/v2/gh/a/b/dev%2F1?urlpath=lab/tree/notebooks/n.ipynb"),
        ("https://gitlab.com/a/b/", "https://mybinder.org/v2/gl/a%2Fb/dev%2F1?urlpath=lab/tree/notebooks/n.ipynb"),
        (
            "https://git.org/a",
            "https://mybinder.org/v2/git/https%3A%2F%2Fgit.org%2Fa/dev%2F1?urlpath=lab/tree/notebooks/n.ipynb",
        ),
    ],
)
def test_where_binder_finds_a_notebook(repository, address, monkeypatch):
    monkeypatch.syspath_prepend(str(EXTENSION))
    import notebook_pages

    assert notebook_pages.launch_address(repository, "dev/1", "n") == address


def test_pages_say_loudly_that_results_are_stale_and_the_build_warns(project, monkeypatch):
    assert "stale" not in build(project)[0]
    monkeypatch.setattr(archive, "RESULT_VERSION", 2)
    archive._inspect.cache_clear()
    page, provenance, said = build(project)
    for text in (page, provenance):
        assert re.search(r'<div class="stale-results admonition danger">.*?These results are refused', text, re.DOTALL)
        assert "results/study.parquet holds results of version 1, but this library makes version 2." in text
    assert said.count("it is refused") == 2  # the Parquet file, and the JSON
    monkeypatch.undo()
    archive._inspect.cache_clear()


def a_sentence(project):
    with (project.folder / "book" / "all_results.md").open("a") as page:
        page.write("\nA sentence more.\n")


def a_title_and_a_term(project):
    (project.folder / "book" / "glossary.md").write_text("# Terms\n\n```{glossary}\nsurprise\n  Spread.\n```\n")


def a_page_that_is_gone(project):
    (project.folder / "book" / "glossary.md").unlink()
    index = project.folder / "index.md"
    index.write_text(index.read_text().replace("book/glossary\n", ""))


def a_published_run(project):
    publish([project.arms["local"]], "more")


def site(project):
    pages = (project.folder / "out").rglob("*.html")
    return {page.relative_to(project.folder).as_posix(): page.read_text(encoding="utf-8") for page in pages}


@pytest.mark.parametrize("change", [a_sentence, a_title_and_a_term, a_page_that_is_gone, a_published_run])
def test_a_build_after_a_change_gives_the_same_site_as_a_new_one(project, change):
    build(project)
    before = site(project)
    change(project)
    build(project)
    after = site(project)
    assert after != before
    shutil.rmtree(project.folder / "out")
    build(project)
    assert after == site(project)


def test_only_the_changed_page_is_written_anew(project):
    build(project)
    pages = [page for page in (project.folder / "out" / "book").rglob("*.html") if page.stem != "uncertainty"]  # a forward
    written = {page: page.stat().st_mtime_ns for page in pages}
    a_sentence(project)
    build(project)
    assert [page.stem for page in pages if page.stat().st_mtime_ns != written[page]] == ["all_results"]
