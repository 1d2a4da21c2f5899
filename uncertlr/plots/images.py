"""Pictures of examples."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from uncertlr.plots.style import WIDTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def gallery(axes: Sequence["Axes"], images: Sequence[np.ndarray] | np.ndarray, titles: Sequence[str]) -> Sequence["Axes"]:
    """Small pictures with a title each.

    Args:
        axes: one per picture.
        images: uint8 [N, C, H, W], grey or colour.
        titles: one per picture; plain text, in which a dollar sign or an underscore has no meaning.
    """
    for ax, image, title in zip(axes, images, titles, strict=True):
        ax.imshow(np.transpose(image, (1, 2, 0)).squeeze(), cmap="gray", interpolation="none")
        ax.set_title(title, parse_math=False)
        ax.axis("off")
    return axes


def picture_rows(rows: Mapping[str, Sequence[tuple[np.ndarray, str]]]) -> "Figure":
    """A new figure with a row of small pictures for each group, its name at the left.

    Args:
        rows: name of the group to its pictures, uint8 [C, H, W], with their titles; rows may have different lengths.
    """
    from matplotlib import pyplot

    columns = max(1, *(len(row) for row in rows.values()))
    lines = max((1 + title.count("\n") for row in rows.values() for _, title in row), default=1)
    title = 0.15 * (1 + lines)  # inches
    size = (WIDTH - 0.2, 0.2 + (title + WIDTH / columns) * len(rows))  # the names and the outer titles stand out
    figure, axes = pyplot.subplots(len(rows), columns, figsize=size, squeeze=False)
    for (name, row), places in zip(rows.items(), axes, strict=True):
        for ax in places:
            ax.axis("off")
        gallery(places[: len(row)], [image for image, _ in row], [title for _, title in row])
        beside: Any = {"transform": places[0].transAxes, "rotation": 90, "ha": "right", "va": "center"}
        places[0].text(-0.08, 0.5, name, parse_math=False, **beside)
    return figure
