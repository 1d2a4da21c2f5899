"""The curves of stored runs as one figure file."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uncertlr.errors import ConfigError
from uncertlr.runs.files import write_atomically

if TYPE_CHECKING:
    from uncertlr.runs.store import Run


def curves_svg(runs: Sequence["Run"], names: Sequence[str] = ()) -> bytes:
    """Validation loss and accuracy over the epochs, and learning rate and signal over the steps, as an SVG image.

    Args:
        runs: one line each; runs of one name become their mean, five of them with its interval.
        names: of the runs; their ids if there are none.
    """
    import matplotlib as mpl
    import numpy as np
    from matplotlib.figure import Figure

    from uncertlr import plots

    grouped: dict[str, list[Run]] = {}
    for name, run in zip(names or [run.config.run_id for run in runs], runs, strict=True):
        grouped.setdefault(name, []).append(run)
    with mpl.rc_context(dict[Any, Any](plots.STYLE)):
        figure = Figure(figsize=(2 * plots.WIDTH, 5.6))
        axes = figure.subplots(2, 2)
        for ax, column, label, within in (
            (axes[0, 0], "loss", "validation loss (nats)", (0, np.inf)),
            (axes[0, 1], "accuracy", "validation accuracy", (0, 1)),
        ):
            series = {}
            for name, of_name in grouped.items():
                length = min(len(run.validation) for run in of_name)
                values = np.array([run.validation[column].to_numpy()[:length] for run in of_name])
                series[name] = (range(1, length + 1), values if len(of_name) > 1 else values[0])
            plots.curves(ax, series, "epoch", label, within=within)
            ax.xaxis.get_major_locator().set_params(integer=True)
        first = {name: of_name[0].trace for name, of_name in grouped.items()}
        plots.rate(axes[1, 0], {name: (trace["step"].tolist(), trace["learning_rate"]) for name, trace in first.items()})
        plots.curves(
            axes[1, 1], {name: (trace["step"].tolist(), trace["signal"]) for name, trace in first.items()}, "step", "signal"
        )
        for ax in axes.flat[1:]:
            if ax.get_legend():
                ax.get_legend().remove()
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def save_curves(runs: Sequence["Run"], path: Path) -> Path:
    """Write `curves_svg` to a file.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        write_atomically(path, curves_svg(runs))
    except OSError as error:
        raise ConfigError(f"cannot write the figure {path}: {error.strerror or error}") from None
    return path
