"""One HTML page that compares the finished runs of a sweep; it needs no other file."""

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from uncertlr.cli.text import counted, writing
from uncertlr.plots.run_curves import curves_svg
from uncertlr.runs.files import write_atomically
from uncertlr.runs.naming import differing, listed
from uncertlr.runs.schema import SCORES
from uncertlr.runs.states import run_states
from uncertlr.runs.store import Run
from uncertlr.sweep.grid import Job
from uncertlr.training.finished import find

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
table { border-collapse: collapse; } th, td { padding: .2rem .7rem; text-align: left; border-bottom: 1px solid #8884; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
td:first-child { white-space: nowrap; } div { overflow-x: auto; } img { max-width: 100%; }
:root { color-scheme: light dark; }
"""


def write_report(jobs: Sequence[Job], name: str, path: Path) -> Path:
    """Write the page: methods over their seeds, curves, every run with its settings.

    Args:
        jobs: the sweep's runs; those that are not finished are listed without scores.
        name: of the sweep.
        path: the page.

    Raises:
        ConfigError: it cannot be written.
    """
    finished = {job.run_id: run for job in jobs if (run := find(job.config)) is not None}
    with writing("--report", path):
        write_atomically(path, _page(jobs, name, finished).encode())
    return path


def _page(jobs: Sequence[Job], name: str, finished: dict[str, Run]) -> str:
    done = [job for job in jobs if job.run_id in finished]
    splits = {"test" if finished[job.run_id].summary["test"] else "validation" for job in done}
    scored = f" Scores are of the {' or '.join(sorted(splits))} set." if splits else ""
    parts = [f"<p>{counted(len(done), 'finished run')} of {len(jobs)}, on {escape(jobs[0].config.dataset)}.{scored}</p>"]
    if done:
        parts += ["<h2>Methods</h2>", _methods(done, finished), "<h2>Curves</h2>", _curves(done, finished)]
    parts += ["<h2>Runs</h2>", _runs(jobs, finished)]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(name)}</title>'
    body = f"<h1>{escape(name)}</h1>" + "\n".join(parts)
    return f'<!doctype html><html lang="en"><head>{head}<style>{_STYLE}</style></head><body>{body}</body></html>\n'


def _methods(done: Sequence[Job], finished: dict[str, Run]) -> str:
    rows = []
    for arm in dict.fromkeys(job.arm for job in done):
        runs = [finished[job.run_id] for job in done if job.arm == arm]
        means = [float(np.mean([_final(run)[score] for run in runs])) for score in SCORES]
        rows.append([arm, len(runs), *means, float(np.mean([run.summary["seconds"] for run in runs]))])
    return _table(["method", "seeds", *(f"{score}, mean" for score in SCORES), "seconds, mean"], rows)


def _curves(done: Sequence[Job], finished: dict[str, Run]) -> str:
    svg = curves_svg([finished[job.run_id] for job in done], [job.arm for job in done])
    means = "validation loss and accuracy of each method: mean over its seeds, shaded from five on: 95 % interval"
    what = f"Top: {means}. Bottom: learning rate and signal of its first seed."
    data = base64.b64encode(svg).decode()
    return f'<figure><img alt="{what}" src="data:image/svg+xml;base64,{data}"><figcaption>{what}</figcaption></figure>'


def _runs(jobs: Sequence[Job], finished: dict[str, Run]) -> str:
    rows: list[list[object]] = []
    for job, state in zip(jobs, run_states([job.config for job in jobs]), strict=True):
        run = finished.get(job.run_id)
        scores = [_final(run)[score] for score in SCORES] if run else [""] * len(SCORES)
        rows.append([job.run_id, job.arm, job.config.seed, state, *scores, listed(differing(job.config))])
    return _table(["run", "method", "seed", "state", *SCORES, "differs"], rows)


def _final(run: Run) -> dict[str, float]:
    scores: dict[str, float] = run.summary["test"] or run.summary["val"]
    return scores


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<div><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f'<td class="number">{value:.4g}</td>'
    return f"<td>{escape(str(value))}</td>"
