"""Draw the README's figure from the published runs: python book/readme_figure.py."""

from pathlib import Path

import matplotlib as mpl

mpl.use("agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import MaxNLocator

from uncertlr import plots
from uncertlr.config import preset
from uncertlr.training.run import find

ARMS = {
    "constant": {},
    "report": {"rule": "threshold"},
    "report_epoch": {"rule": "threshold", "decide_every": 0},
}


def main() -> None:
    """Three panels: uncertainty, learning rate, validation accuracy."""
    runs = {name: find(preset("cifar10", "standard", **changes)) for name, changes in ARMS.items()}
    missing = [name for name, run in runs.items() if run is None]
    if missing:
        raise SystemExit(f"not published yet: {', '.join(missing)}")
    plots.use_style()
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.4))
    traces = {name: run.trace for name, run in runs.items()}
    plots.uncertainty(left, {name: (trace["step"], trace["signal"]) for name, trace in traces.items()}, threshold=0.5)
    plots.rate(middle, {name: (trace["step"], trace["learning_rate"]) for name, trace in traces.items()}, (1e-5, 1e-2))
    curves = {name: run.validation for name, run in runs.items()}
    plots.curves(right, {name: (rows["epoch"], rows["accuracy"]) for name, rows in curves.items()}, "epoch", "accuracy")
    for ax in (left, middle):
        ax.xaxis.set_major_locator(MaxNLocator(5))
    for ax, title in ((left, "uncertainty"), (middle, "learning rate"), (right, "validation accuracy")):
        ax.set_title(title)
        if ax is not right:
            ax.get_legend().remove()
    figure.savefig(Path(__file__).parent / "_static" / "readme-figure.png", dpi=110)


if __name__ == "__main__":
    main()
