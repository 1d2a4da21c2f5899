"""The page of all results: a table of the runs and one of the comparisons, made searchable by DataTables (from itables).

The tables are whole in the page's HTML; where no script runs they are plain.
"""

import html
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import itables.options
import numpy as np
import pandas as pd
from provenance_page import all_runs, drawn_figures, write_if_changed

from uncertlr.analysis.every_comparison import every_comparison
from uncertlr.analysis.methods import method_column
from uncertlr.analysis.paired import paired_differences
from uncertlr.analysis.power import pairs_for_equivalence, upper_standard_deviation
from uncertlr.analysis.study import Study, read_study
from uncertlr.plots.cell_output import csv_of
from uncertlr.runs.paths import project_folder
from uncertlr.sweep import read_sweep

RUN_COLUMNS = {
    "data": "dataset",
    "method": "method",
    "seed": "seed",
    "initial learning rate": "learning_rate",
    "studies": "studies",
    "trained on": "maker",
    "test accuracy": "test_accuracy",
    "epochs": "epochs",
    "validation accuracy": "val_accuracy",
    "validation loss": "val_loss",
    "test loss": "test_loss",
    "test ECE": "test_ece",
    "test Brier score": "test_brier",
    "test accuracy, Monte Carlo": "test_mc_accuracy",
    "test ECE, Monte Carlo": "test_mc_ece",
    "test mutual information": "test_mutual_information",
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
    "outcome": "outcome",
    "p, adjusted": "p_holm",
    "pairs": "pairs",
    "difference (points)": "difference",
    "95 % interval from": "ci95_low",
    "95 % interval to": "ci95_high",
    "90 % interval from": "ci90_low",
    "90 % interval to": "ci90_high",
    "p": "p",
    "p, equivalence": "p_equivalence",
    "pairs for equivalence": "pairs_for_equivalence",
    "pairs planned": "planned",
    "family": "family",
    "pilot seeds": "pilot_seeds",
    "difference without pilot seeds (points)": "difference_without_pilot",
    "95 % interval without pilot seeds from": "ci95_low_without_pilot",
    "95 % interval without pilot seeds to": "ci95_high_without_pilot",
    "mixed pairs": "mixed_pairs",
    "distance of log rates": "log_rate_distance",
    "initial rate": "rate",
    "initial rate compared with": "rate_against",
}
"""Head of a column in the page, and its name in `every_comparison`."""

POINTS = {head for head in COMPARISON_COLUMNS if "difference" in head or " % interval " in head}
"""Columns that the page shows to two decimals, so that they align and no rounding error is left of a difference of 0."""

DECIMALS = dict.fromkeys(POINTS, 2) | {"p": 3, "p, adjusted": 3, "p, equivalence": 3, "pairs for equivalence": 0}
"""Of the columns that do not have four digits."""

INTERVAL = "points (95 % interval)"
"""Head of the column that a reader of the page sees in place of a difference and two ends."""

PAIRS = "pairs (mixed)"
"""Head of the column that a reader of the page sees in place of the two counts."""

SHOWN = 7
"""Columns that are seen before a reader asks for more: the last is the one that decides, or what a pair may be mixed by."""

ROWS, ROWS_OF = 10, {"all-comparisons": 25}
"""Rows that are seen of a table, and of some by name; a phone, where a row is as high as its columns, always has ten."""


@dataclass(frozen=True)
class ResultTable:
    """A table of the page.

    Attributes:
        name: of the table and of its CSV file.
        label: for screen readers.
        rows: under the heads that a reader sees.
        anchors: of the rows; none where nothing leads to them.
        sorted_by: head of a column of text to the numbers that sort it.
    """

    name: str
    label: str
    rows: pd.DataFrame
    anchors: tuple[str, ...] = ()
    sorted_by: Mapping[str, Sequence[float]] = field(default_factory=dict)

    def markup(self) -> Iterator[str]:
        """HTML, a line a row."""
        heads = "".join(f'<th scope="col">{html.escape(head)}</th>' for head in self.rows)
        seen = f'data-shown="{SHOWN}" data-rows="{ROWS_OF.get(self.name, ROWS)}"'
        yield f'<div class="result-table full-width"><table id="{self.name}" aria-label="{self.label}" {seen}>'
        yield f"<thead><tr>{heads}</tr></thead><tbody>"
        for index, row in enumerate(self.rows.itertuples(index=False)):
            anchor = f' id="{html.escape(self.anchors[index])}"' if self.anchors else ""
            cells = (self._cell(head, cell, index) for head, cell in zip(self.rows, row, strict=True))
            yield f"<tr{anchor}>{''.join(cells)}</tr>"
        yield "</tbody></table></div>"

    def _cell(self, head: str, value: object, row: int) -> str:
        order = f' data-order="{self.sorted_by[head][row]}"' if head in self.sorted_by else ""
        return f"<td{order}>{_breakable(text(value, DECIMALS.get(head)))}</td>"


def _breakable(cell: str) -> str:
    """A cell whose long names may be broken after an underscore, so that seven columns fit a page."""
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
        studies=[", ".join(_studies().get(run, ())) for run in table["run_id"]],
        source=table["source"].where(table["status"] == "published", "trained for a page"),
        data_short=table["data"].str[:12],
        maker=table["processor"].str.split("[ (]", regex=True).str[0],
        ended_minute=table["ended"].str[:16],
    )
    table = table.sort_values(["dataset", "studies", "method", "seed"], key=_in_the_order_of_reading)
    rows = _columns(table, RUN_COLUMNS)
    write_if_changed(project / data / "all-runs.csv", csv_of(rows))
    yield from raw_html(ResultTable("all-runs", "All runs", rows, tuple(table["run_id"])).markup())


@cache
def _studies() -> dict[str, list[str]]:
    """Of each planned run, by its name, the studies that it belongs to."""
    studies: dict[str, list[str]] = {}
    for path in sorted((project_folder() / "sweeps").glob("*.yaml")):
        for job in read_sweep(path):
            studies.setdefault(job.run_id, []).append(path.stem)
    return studies


def _in_the_order_of_reading(column: pd.Series) -> pd.Series:
    """Studies by name, the large untuned ones first and runs of no study last; any other column as it is."""
    if column.name not in ("study", "studies"):
        return column
    return column.map(lambda studies: (studies == "", not studies.partition(",")[0].endswith("-standard"), studies))


def all_comparisons_markdown(project: Path, data: Path) -> Iterator[str]:
    """The table of every comparison of the published studies, each once.

    Args:
        project: root of the sources.
        data: folder of the CSV files in it.
    """
    rows = _columns(_each_comparison_once(), COMPARISON_COLUMNS)
    write_if_changed(project / data / "all-comparisons.csv", csv_of(rows))
    shown = rows.copy()
    ends = zip(*(rows[head] for head in ("difference (points)", "95 % interval from", "95 % interval to")), strict=True)
    shown.insert(3, INTERVAL, [_with_interval(*row) for row in ends])
    shown.insert(5, PAIRS, [_with_mixed(*row) for row in zip(rows["pairs"], rows["mixed pairs"], strict=True)])
    order = {
        INTERVAL: [-math.inf if math.isnan(each) else each for each in rows["difference (points)"]],
        PAIRS: list(rows["mixed pairs"]),
    }
    yield from raw_html(ResultTable("all-comparisons", "All comparisons", shown, sorted_by=order).markup())


def _with_interval(difference: float, low: float, high: float) -> str:
    """A difference with its interval, as far as there are any.

    >>> _with_interval(-12.305, -13.413, -11.197), _with_interval(-7.95, math.nan, math.nan)
    ('−12.30 (−13.41 to −11.20)', '−7.95')
    """
    number, *ends = (text(value, 2).replace("-", "−") for value in (difference, low, high))
    return f"{number} ({ends[0]} to {ends[1]})" if all(ends) else number


def _with_mixed(pairs: int, mixed: int) -> str:
    """A number of pairs, in brackets those on two processors, if there are any, and a dagger if that is all of them.

    >>> _with_mixed(10, 0), _with_mixed(10, 3), _with_mixed(10, 10)
    ('10', '10 (3)', '10 (10) †')
    """
    return f"{pairs} ({mixed}){' †' * (mixed == pairs)}" if mixed else f"{pairs}"


def outcomes_markdown() -> Iterator[str]:
    """How many comparisons have each outcome, by what is compared with what."""
    table = comparisons_in_groups()
    counts = pd.crosstab(table["outcome"], table["group"])
    yield f"| outcome | {' | '.join(counts)} | all |"
    yield f"|---|{'---|' * counts.shape[1]}---|"
    for outcome in (outcome for outcome in OUTCOMES if outcome in counts.index):
        row = " | ".join(str(count or "") for count in counts.loc[outcome])
        yield f"| *{outcome}* | {row} | {counts.loc[outcome].sum()} |"
    yield f"| **all** | {' | '.join(map(str, counts.sum()))} | **{len(table)}** |"


GROUPS = ("rule against schedule", "rule against control", "rule against rule", "schedule against schedule")
"""What comparisons compare."""


@cache
def comparisons_in_groups() -> pd.DataFrame:
    """Each comparison once, also where two studies share its runs, with a column ``group`` of `GROUPS`, in their order."""
    table = _each_comparison_once()
    studies = {name: read_study(name) for name in table["study"].unique()}
    compared = [
        (studies[name], arm, other) for name, arm, other in zip(table["study"], table["arm"], table["against"], strict=True)
    ]
    table = table.assign(group=pd.Categorical([_group(*each) for each in compared], GROUPS))
    runs = pd.Series([_runs(*each) for each in compared], index=table.index)
    return table[~runs.duplicated() | (table["outcome"] == "missing")].sort_values("group", kind="stable")


def _group(study: Study, arm: str, other: str) -> str:
    if arm in study.schedules:
        return "schedule against schedule"
    if other in (*study.controls(arm), *study.recorded, study.matched_mean_rate(arm)):
        return "rule against control"
    return "rule against schedule" if other in study.schedules else "rule against rule"


def _runs(study: Study, arm: str, other: str) -> tuple[frozenset[str], ...]:
    """The finished runs of both methods, by which the same comparison in two studies is known."""
    return tuple(frozenset(run.config.run_id for run in study.arms[each].values()) for each in (arm, other))


OUTCOMES = ("no contrast", "descriptive", "equivalent", "helps", "harms", "inconclusive", "missing")
"""Outcomes in the order in which they are asked for; the page says what they mean."""


@cache
def _each_comparison_once() -> pd.DataFrame:
    """What is judged first, then by study, the large untuned ones first, and within a study by method, as in its sweep.

    A comparison that belongs to two families is judged in the first, as in `uncertlr.analysis.comparisons.comparison`.
    """
    table = every_comparison().drop_duplicates(["study", "arm", "against"])
    first = table.groupby(["study", "arm"], sort=False).ngroup()  # in the order of the sweep
    table = table.assign(pairs_for_equivalence=table.apply(_pairs_for_equivalence, axis="columns"))
    table = table.assign(open=table["outcome"].isin(["descriptive", "missing"]), first=first)
    return table.sort_values(["open", "study", "first"], kind="stable", key=_in_the_order_of_reading)


def _pairs_for_equivalence(row: pd.Series) -> float:
    """How many pairs an inconclusive comparison needed to show equivalence; NaN for any other."""
    if row["outcome"] != "inconclusive":
        return math.nan
    study = read_study(row["study"])
    differences = paired_differences(study.scores(row["arm"]), study.scores(row["against"]))
    return pairs_for_equivalence(upper_standard_deviation(differences))


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
