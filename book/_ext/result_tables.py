"""The page of all results: a table of the runs and one of the comparisons, made searchable by DataTables (from itables).

The tables are whole in the page's HTML; where no script runs they are plain.
"""

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import itables.options
import numpy as np
import pandas as pd
from provenance_page import all_runs, drawn_figures, write_if_changed

from uncertlr.analysis.every_comparison import every_comparison
from uncertlr.analysis.methods import method_column
from uncertlr.plots.cell_output import csv_of

RUN_COLUMNS = {
    "data": "dataset",
    "method": "method",
    "seed": "seed",
    "epochs": "epochs",
    "validation accuracy": "val_accuracy",
    "test accuracy": "test_accuracy",
    "validation loss": "val_loss",
    "test loss": "test_loss",
    "test ECE": "test_ece",
    "test Brier score": "test_brier",
    "test accuracy, Monte Carlo": "test_mc_accuracy",
    "test ECE, Monte Carlo": "test_mc_ece",
    "test mutual information": "test_mutual_information",
    "initial learning rate": "learning_rate",
    "final learning rate": "final_rate",
    "seconds of training": "seconds",
    "other settings": "differs",
    "published in": "source",
    "processor": "processor",
    "data fingerprint": "data_short",
    "ended": "ended_minute",
    "run": "run_id",
}
"""Head of a column in the page, and its name in `uncertlr.runs.index.list_runs`."""

COMPARISON_COLUMNS = {
    "study": "study",
    "method": "arm",
    "compared with": "against",
    "difference (points)": "difference",
    "outcome": "outcome",
    "pairs": "pairs",
    "95 % interval from": "ci95_low",
    "95 % interval to": "ci95_high",
    "90 % interval from": "ci90_low",
    "90 % interval to": "ci90_high",
    "p": "p",
    "p, Holm": "p_holm",
    "p, equivalence": "p_equivalence",
    "pairs planned": "planned",
    "family": "family",
    "pilot seeds": "pilot_seeds",
    "pairs on two processors": "mixed_pairs",
    "distance of log rates": "log_rate_distance",
    "initial rate": "rate",
    "initial rate compared with": "rate_against",
}
"""Head of a column in the page, and its name in `every_comparison`."""

POINTS = {"difference (points)", *(head for head in COMPARISON_COLUMNS if " % interval " in head)}
"""Columns that the page shows to two decimals, so that they align and no rounding error is left of a difference of 0."""

SHOWN = 6
"""Columns that are seen before a reader asks for more."""


@dataclass(frozen=True)
class ResultTable:
    """A table of the page.

    Attributes:
        name: of the table and of its CSV file.
        label: for screen readers.
        rows: under the heads that a reader sees.
        anchors: of the rows; none where nothing leads to them.
    """

    name: str
    label: str
    rows: pd.DataFrame
    anchors: tuple[str, ...] = ()

    def markup(self) -> Iterator[str]:
        """HTML, a line a row."""
        heads = "".join(f'<th scope="col">{html.escape(head)}</th>' for head in self.rows)
        yield f'<div class="result-table"><table id="{self.name}" aria-label="{self.label}" data-shown="{SHOWN}">'
        yield f"<thead><tr>{heads}</tr></thead><tbody>"
        for index, row in enumerate(self.rows.itertuples(index=False)):
            anchor = f' id="{html.escape(self.anchors[index])}"' if self.anchors else ""
            cells = (text(cell, 2 if head in POINTS else None) for head, cell in zip(self.rows, row, strict=True))
            yield f"<tr{anchor}>{''.join(f'<td>{_breakable(cell)}</td>' for cell in cells)}</tr>"
        yield "</tbody></table></div>"


def _breakable(cell: str) -> str:
    """A cell whose long names may be broken after an underscore, so that six columns fit a page."""
    return html.escape(cell).replace("_", "_<wbr>")


def text(value: object, decimals: int | None = None) -> str:
    """A cell: numbers to four digits or to so many decimals, nothing for what is missing.

    >>> text(0.58812), text(0.0003), text(float("nan")), text(12), text(-6e-7, 2)
    ('0.5881', '0.0003', '', '12', '0.00')
    """
    if not isinstance(value, float | np.floating):
        return str(value)
    if np.isnan(value):
        return ""
    return f"{value:.4g}" if decimals is None else f"{round(value, decimals) + 0.0:.{decimals}f}"


def all_runs_markdown(project: Path, executed: Path, data: Path) -> Iterator[str]:
    """The table of the published runs, and of those that the pages show and the build trained itself.

    Args:
        project: root of the sources.
        executed: folder of the executed notebooks in it.
        data: folder of the CSV files in it.
    """
    table = all_runs()
    local = {run for figure in drawn_figures(project / executed) for run in figure.runs}
    table = table[(table["status"] == "published") | ((table["status"] == "completed") & table["run_id"].isin(local))]
    table = table.assign(
        method=method_column(table),
        source=table["source"].where(table["status"] == "published", "trained for a page"),
        data_short=table["data"].str[:12],
        ended_minute=table["ended"].str[:16],
    )
    rows = _columns(table, RUN_COLUMNS)
    write_if_changed(project / data / "all-runs.csv", csv_of(rows))
    yield from raw_html(ResultTable("all-runs", "All runs", rows, tuple(table["run_id"])).markup())


def all_comparisons_markdown(project: Path, data: Path) -> Iterator[str]:
    """The table of every comparison of the published studies, each once.

    Args:
        project: root of the sources.
        data: folder of the CSV files in it.
    """
    rows = _columns(_each_comparison_once(), COMPARISON_COLUMNS)
    write_if_changed(project / data / "all-comparisons.csv", csv_of(rows))
    yield from raw_html(ResultTable("all-comparisons", "All comparisons", rows).markup())


def outcomes_markdown() -> Iterator[str]:
    """How many comparisons have each outcome, by data set."""
    table = _each_comparison_once()
    counts = pd.crosstab(
        table["outcome"], table["study"].str.partition("-")[0].replace({"cifar10": "CIFAR-10", "imdb": "IMDB"})
    )
    yield f"| outcome | {' | '.join(counts)} |"
    yield f"|---|{'---|' * counts.shape[1]}"
    for outcome in (outcome for outcome in OUTCOMES if outcome in counts.index):
        yield f"| {outcome} | {' | '.join(str(count or '') for count in counts.loc[outcome])} |"


OUTCOMES = ("helps", "harms", "equivalent", "inconclusive", "no contrast", "descriptive", "missing")


@cache
def _each_comparison_once() -> pd.DataFrame:
    """What has an outcome first.

    A comparison that belongs to two families is judged in the first, as in `uncertlr.analysis.comparisons.comparison`.
    """
    table = every_comparison().drop_duplicates(["study", "arm", "against"])
    return table.sort_values("outcome", key=lambda outcomes: outcomes.isin(["descriptive", "missing"]), kind="stable")


def datatables_markdown() -> Iterator[str]:
    """DataTables itself, as text that the page's script imports: a page from a folder may load no module from a file."""
    script = Path(itables.options.dt_bundle)
    style = script.with_suffix(".css").read_text(encoding="utf-8")
    code = script.read_text(encoding="utf-8")
    if "</script" in code or "</style" in style:
        raise ValueError(f"{script} cannot stand in a page: it holds an end tag")
    yield from raw_html(
        [
            f"<style>{style}</style>",
            f'<script type="text/plain" id="datatables">{code}</script>',
            '<script defer src="../_static/result_tables.js"></script>',
        ]
    )


def _columns(table: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    return table[list(columns.values())].set_axis(list(columns), axis="columns")


def raw_html(lines: Iterator[str] | list[str]) -> Iterator[str]:
    """Lines of HTML as a directive that passes them through."""
    yield "````{raw} html"
    for line in lines:
        yield from line.splitlines()
    yield "````"
