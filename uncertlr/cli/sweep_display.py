"""What a sweep says of itself: its table beforehand, a bar or lines meanwhile, what became of it at the end."""

import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from uncertlr.cli.text import aligned, counted, folded, terminal_width
from uncertlr.errors import RunError
from uncertlr.runs.paths import paths_of
from uncertlr.runs.progress import Progress, clock, read_progress
from uncertlr.runs.states import run_states
from uncertlr.sweep.grid import Job

if TYPE_CHECKING:
    from uncertlr.sweep.worker import Outcome

BAR = 16
"""Characters of a bar."""

ROWS = 20
"""Lines that tqdm may draw on; by itself it draws none in a terminal of unknown size."""


def plan(jobs: Sequence[Job], missing: Sequence[Job], workers: int, notebooks: bool = False) -> str:
    """The sweep as a table (arm, seed, run, state), and how long it would take.

    Args:
        jobs: all runs.
        missing: those that would be carried out.
        workers: how many at a time.
        notebooks: a notebook is executed beside each run, whose time nothing is known of.
    """
    states = run_states([job.config for job in jobs])
    rows = [("arm", "seed", "run", "state")]
    rows += [(job.arm, str(job.config.seed), job.run_id, state) for job, state in zip(jobs, states, strict=True)]
    to_do = f"{len(missing)} of {counted(len(jobs), 'run')} to do; {_estimate(missing, workers)}"
    if missing and notebooks:
        to_do += "; the time of their notebooks comes on top"
    return "\n".join([*map("  ".join, aligned(rows)), "", *folded([to_do])])


def _estimate(missing: Sequence[Job], workers: int) -> str:
    if not missing:
        return "nothing is left"
    from uncertlr.runs.index import list_runs, median_seconds

    table = list_runs(paths_of(missing[0].config).root)
    seconds = [median_seconds(table, job.config) for job in missing]
    known = [value for value in seconds if value is not None]
    if len(known) < len(missing):
        unknown = missing[seconds.index(None)].config
        examples = unknown.train_examples or "all"
        return (
            f"their time is unknown: no finished run of {unknown.dataset}, epochs {unknown.epochs}, examples {examples}, "
            f"estimator {unknown.estimator} to go by"
        )
    total = max(sum(known) / min(workers, len(known)), *known)
    return f"about {clock(total)} with {workers} at a time, going by the median of finished runs alike"


class SweepDisplay:
    """What a sweep shows while it is carried out: in a terminal a bar that moves with its runs, elsewhere lines of text.

    Args:
        jobs: the runs that are missing.
    """

    REFRESH, HEARTBEAT = 0.5, 60.0
    """Seconds between two looks at the runs, for a terminal; between two lines elsewhere, while no run ends."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.waiting = {job.run_id: job for job in jobs}
        self.total, self.ended, self.failed = len(jobs), 0, 0
        self.began = self.last_line = time.perf_counter()
        self.terminal = sys.stderr.isatty()
        self.stale = read_progress(paths_of(job.config) for job in jobs)  # left by processes that were killed
        self.lock, self.stopped = threading.Lock(), threading.Event()

    def __enter__(self) -> "SweepDisplay":
        """Begin to watch."""
        if self.terminal:
            self.bar = tqdm(total=self.total, bar_format="{desc}", ncols=terminal_width(), nrows=ROWS)
            self.below = tqdm(total=0, position=1, leave=False, bar_format="{desc}", ncols=terminal_width(), nrows=ROWS)
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop watching; the bar stays as it was last."""
        self.stopped.set()
        self.thread.join(timeout=1)
        if self.terminal:
            self._draw()
            self.below.close()
            self.bar.close()

    def ended_run(self, job: Job, outcome: "Outcome") -> None:
        """A run has ended."""
        with self.lock:
            self.waiting.pop(job.run_id, None)
            self.ended, self.failed = self.ended + 1, self.failed + bool(outcome.error)
        if not self.terminal:
            what = f"failed: {outcome.error}" if outcome.error else f"{outcome.seconds:.1f} s"
            self._print(f"{self.ended}/{self.total}  {_named(job)}  {what}  ({self._pace(0.0)})")

    def _watch(self) -> None:
        while not self.stopped.wait(self.REFRESH):
            if self.terminal:
                self._draw()
            elif time.perf_counter() - self.last_line > self.HEARTBEAT:
                running = self._running()
                self._print(f"{self.ended}/{self.total}  {_listed(running)}  ({self._pace(_shares(running))})")

    def _draw(self) -> None:
        """Two lines: how far the sweep is, and the runs that are under way."""
        running, width = self._running(), terminal_width()
        shares = _shares(running)
        filled = round(BAR * min(1.0, (self.ended + shares) / max(self.total, 1)))
        head = f"{self.ended}/{self.total} runs |{'█' * filled}{' ' * (BAR - filled)}| {self._pace(shares)}"
        below = _listed(running) if running or self.ended else "starting processes, loading data"
        for bar, line in ((self.bar, head), (self.below, below)):
            bar.ncols = width
            bar.set_description_str(line[:width])

    def _running(self) -> list[tuple[Job, Progress]]:
        with self.lock:
            waiting = dict(self.waiting)
        found = read_progress(paths_of(job.config) for job in waiting.values())
        return [(waiting[run_id], now) for run_id, now in found.items() if self.stale.get(run_id) != now]

    def _pace(self, shares: float) -> str:
        """Elapsed time, time left, rate and failures."""
        seconds, done = time.perf_counter() - self.began, self.ended + shares
        left = clock(seconds / done * (self.total - done)) if done > 0 else "?"
        rate = f"{60 * self.ended / seconds:.3g} runs/min" if self.ended else "- runs/min"
        return f"{clock(seconds)}, {left} left, {rate}, {self.failed} failed"

    def _print(self, line: str) -> None:
        self.last_line = time.perf_counter()
        print(line, flush=True)


def _named(job: Job) -> str:
    return f"{job.arm} seed {job.config.seed}"


def _listed(running: Sequence[tuple[Job, Progress]]) -> str:
    """The runs under way, each with its epoch or what else it does."""
    return "; ".join(f"{_named(job)} {_where(progress)}" for job, progress in running)


def _where(progress: Progress) -> str:
    in_epoch = progress.phase in ("training", "validating") and progress.epoch
    return f"epoch {progress.epoch}/{progress.epochs}" if in_epoch else progress.phase


def _shares(running: Sequence[tuple[Job, Progress]]) -> float:
    return sum(0.99 * progress.share for _, progress in running)  # the last hundredth is evaluation


def train_missing(jobs: Sequence[Job], missing: Sequence[Job], **how: Any) -> "list[Outcome]":
    """Train what is missing, show how far that is, and say what became of it.

    Args:
        jobs: all runs.
        missing: those that are not done.
        how: further arguments of `uncertlr.sweep.run_sweep`.
    """
    began, outcomes = time.perf_counter(), []
    if missing:
        from uncertlr.sweep import run_sweep

        with SweepDisplay(missing) as display:
            outcomes = run_sweep(jobs, **how, report=display.ended_run)
    print(summary(len(jobs), outcomes, time.perf_counter() - began, paths_of(jobs[0].config).root))
    return outcomes


def summary(total: int, outcomes: Sequence["Outcome"], seconds: float, root: Path) -> str:
    """What became of a sweep: runs that were done before, that were trained, that failed, and where they lie."""
    failed = sum(bool(outcome.error) for outcome in outcomes)
    counts = f"{len(outcomes) - failed} trained, {total - len(outcomes)} loaded, {failed} failed"
    return f"{counted(total, 'run')}: {counts}, in {clock(seconds)}; they lie in {root}"


def failures(jobs: Sequence[Job], outcomes: Sequence["Outcome"]) -> str:
    """A line for each error, with the runs that it stopped."""
    named = {job.run_id: job for job in jobs}
    stopped: dict[str, list[Job]] = {}
    for outcome in outcomes:
        if outcome.error:
            stopped.setdefault(outcome.error, []).append(named[outcome.run_id])
    return "\n".join(f"{'; '.join(f'{_named(job)} ({job.run_id})' for job in of)}: {error}" for error, of in stopped.items())


def refuse_failures(jobs: Sequence[Job], outcomes: Sequence["Outcome"]) -> None:
    """List on stderr what failed, if anything did.

    Raises:
        RunError: something did.
    """
    if failed := sum(bool(outcome.error) for outcome in outcomes):
        print(failures(jobs, outcomes), file=sys.stderr)
        others = "; the others are done" if failed < len(jobs) else ""
        raise RunError(f"{failed} of {counted(len(jobs), 'run')} failed, as listed{others}")
