"""A run that is watched while it trains."""

import numpy as np
import pytest

from uncertlr import preset
from uncertlr.errors import Interrupted
from uncertlr.plots import LivePlot
from uncertlr.plots import live as live_plots
from uncertlr.plots.live import POINTS, _thinned
from uncertlr.training.progress import Callback
from uncertlr.training.run import run

TINY = preset("digits", "quick", epochs=3, train_examples=200, channels=[4, 8], hidden_size=16, progress="quiet")


class Stop(Callback):
    def epoch(self, train, val, trace):
        if val["epoch"] == 2:
            raise KeyboardInterrupt


def drawn(live):
    """The numbers of each panel by its label: x and y of the last line."""
    return {ax.get_ylabel(): ax.lines[-1].get_xydata() for ax in live.figure.axes}


def test_what_is_drawn_is_the_same_trained_resumed_or_loaded():
    with pytest.raises(Interrupted):
        run(TINY, callbacks=[live := LivePlot(), Stop()])
    assert set(drawn(live)) == {"loss", "accuracy", "learning rate", "uncertainty"}
    assert drawn(live)["accuracy"][:, 0].tolist() == [1, 2]
    run(TINY, callbacks=[resumed := LivePlot()])
    run(TINY, callbacks=[loaded := LivePlot()])
    for panel, points in drawn(loaded).items():
        np.testing.assert_allclose(points, drawn(resumed)[panel], err_msg=panel)
    assert drawn(loaded)["uncertainty"][-1, 0] == pytest.approx(3)
    assert drawn(loaded)["learning rate"][0, 1] == TINY.learning_rate


@pytest.mark.parametrize("watched", [True, False])
def test_it_draws_only_where_somebody_watches(watched, monkeypatch):
    monkeypatch.setattr(live_plots, "in_notebook", lambda: True)
    monkeypatch.setattr(live_plots, "is_watched", lambda: watched)
    run(TINY, callbacks=[live := LivePlot()])
    assert (live.figure is not None) == watched


def test_a_long_line_is_thinned_without_changing_its_mean():
    values = np.random.default_rng(0).random(1_000)
    x, y = _thinned([np.arange(1_000)], [values])
    assert len(x) == len(y) == POINTS
    assert y.mean() == pytest.approx(values.mean())
    assert x[-1] == 999


def test_what_was_not_observed_is_left_out():
    x, y = _thinned([np.arange(4)], [np.array([0.5, np.nan, 0.7, np.nan])])
    assert x.tolist() == [0, 2]
    assert y.tolist() == [0.5, 0.7]
