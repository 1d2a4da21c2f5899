"""A figure in frames that a reader of the book steps through: one SVG whose parts are shown frame by frame.

The page's script adds a slider and buttons. Without it, in JupyterLab and on paper, the last frame is seen.
"""

import hashlib
import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np

from uncertlr import plots
from uncertlr.runs.store import Run

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

SVG = "{http://www.w3.org/2000/svg}"
LINK = "{http://www.w3.org/1999/xlink}href"
MARK = "frame-"


class Frames:
    """Frames of one figure, each with a note; what is drawn outside of a frame is seen in all of them.

    Args:
        figure: to draw on; it is taken out of pyplot, so that it is not shown a second time.
        unit: what a frame is, such as ``"epoch"``; names the slider.
        alt: the figure in words, for those who do not see it.

    Raises:
        ValueError: shown without any frame.

    >>> from matplotlib.figure import Figure
    >>> figure = Figure()
    >>> ax = figure.subplots()
    >>> frames = Frames(figure, unit="step", alt="A line that grows.")
    >>> for end in (1, 2):
    ...     with frames.add(f"Up to {end}."):
    ...         lines = ax.plot([0, end], [0, end])
    >>> frames.notes
    ['Up to 1.', 'Up to 2.']
    """

    def __init__(self, figure: "Figure", *, unit: str, alt: str) -> None:
        self.figure, self.unit, self.alt = figure, unit, alt
        self.notes: list[str] = []

    @contextmanager
    def add(self, note: str) -> Iterator[None]:
        """The next frame: everything drawn inside the ``with`` block is seen in this frame alone.

        Args:
            note: what there is to see, in a sentence or two.
        """
        before = list(self.figure.axes), [ax.get_children() for ax in self.figure.axes]
        yield
        new: list[Artist] = [ax for ax in self.figure.axes if ax not in before[0]]
        for ax, children in zip(*before, strict=True):
            new += [artist for artist in ax.get_children() if artist not in children]
        for artist in new:
            artist.set_gid(f"{MARK}{len(self.notes)}")
        self.notes.append(note)

    def _repr_html_(self) -> str:
        """The figure with its notes, all frames but the last one hidden."""
        if not self.notes:
            raise ValueError("a figure in frames needs at least one frame; draw it inside `with frames.add(note):`")
        last = len(self.notes) - 1
        notes = [f"<p{'' if index == last else ' hidden'}>{escape(note)}</p>" for index, note in enumerate(self.notes)]
        return f'<div class="frames" data-unit="{escape(self.unit)}">{self._drawing()}<div>{"".join(notes)}</div></div>'

    def _drawing(self) -> str:
        import matplotlib as mpl
        from matplotlib import pyplot

        pyplot.close(self.figure)
        file = io.StringIO()
        with mpl.rc_context({"svg.hashsalt": "uncertlr", "svg.fonttype": "path"}):
            self.figure.savefig(file, format="svg", metadata=dict.fromkeys(["Creator", "Date", "Format", "Type"]))
        return _inline(file.getvalue(), len(self.notes) - 1, self.alt)


def reliability_frames(runs: Mapping[str, Run], most: int = 12) -> Frames:
    """Reliability diagrams on the validation set over the epochs, one beside another, probabilities averaged over samples.

    Args:
        runs: name to run, of the same length.
        most: frames; of longer runs evenly spaced epochs are shown, the first and the last among them.
    """
    from matplotlib import pyplot

    rows = {name: run.validation.set_index("epoch") for name, run in runs.items()}
    epochs = next(iter(rows.values())).index.to_numpy()
    shown = epochs[np.unique(np.linspace(0, len(epochs) - 1, most).round().astype(int))]
    figure, axes = pyplot.subplots(1, len(runs), figsize=(plots.WIDTH, 0.7 + plots.WIDTH / len(runs)), squeeze=False)
    alt = (
        f"Reliability diagrams after epochs {shown[0]} to {shown[-1]} of {' and '.join(runs)}: accuracy against "
        "confidence in bins, with the diagonal and the share of examples in each bin."
    )
    frames = Frames(figure, unit="epoch", alt=alt)
    for epoch in shown:
        errors = ", ".join(f"{name} {of_run.loc[epoch, 'mc_ece']:.3f}" for name, of_run in rows.items())
        with frames.add(f"Epoch {epoch}. ECE: {errors}."):
            for ax, (name, of_run), colour in zip(axes.flat, rows.items(), plots.COLOURS, strict=False):
                counts, confidence, accuracy = (
                    np.array(of_run.loc[epoch, f"bin_{part}"], float) for part in ("counts", "confidence", "accuracy")
                )
                note = f"ECE {of_run.loc[epoch, 'mc_ece']:.3f}"
                plots.reliability(ax, counts, confidence, accuracy, note=note, colour=colour)
                ax.set_title(name)
    return frames


def _inline(text: str, last: int, alt: str) -> str:
    """An SVG as part of a page: named by its alternative text, identifiers of its own, only the last frame shown."""
    svg = ElementTree.fromstring(text)
    prefix = f"f{hashlib.sha256(text.encode()).hexdigest()[:8]}-"
    for parent in list(svg.iter()):
        for element in [child for child in parent if child.tag in (f"{SVG}metadata", f"{SVG}style")]:
            parent.remove(element)  # the style sheet would reach beyond the figure
    for element in svg.iter():
        name = element.attrib.pop("id", "")
        if name.startswith(MARK):
            element.set("data-frame", name.removeprefix(MARK))
            if name != f"{MARK}{last}":
                element.set("display", "none")
        elif name and element.tag != f"{SVG}g":
            element.set("id", prefix + name)
        if LINK in element.attrib:
            element.set("href", f"#{prefix}{element.attrib.pop(LINK)[1:]}")
        for attribute, value in element.attrib.items():
            shorter = re.sub(r"(\.\d\d)\d+", r"\1", value) if attribute in ("d", "x", "y") else value
            element.set(attribute, shorter.replace("url(#", f"url(#{prefix}"))
        element.tag = element.tag.removeprefix(SVG)
    for attribute in ("width", "height", "version"):
        svg.attrib.pop(attribute, None)
    svg.attrib |= {"role": "img", "aria-label": alt, "style": "stroke-linejoin: round; stroke-linecap: butt"}
    return ElementTree.tostring(svg, encoding="unicode")
