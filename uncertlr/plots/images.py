"""Pictures of examples."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def gallery(axes: Sequence["Axes"], images: np.ndarray, titles: Sequence[str]) -> Sequence["Axes"]:
    """Small pictures with a title each.

    Args:
        axes: one a picture.
        images: uint8 [N, C, H, W], grey or colour.
        titles: one a picture.
    """
    for ax, image, title in zip(axes, images, titles, strict=True):
        ax.imshow(np.transpose(image, (1, 2, 0)).squeeze(), cmap="gray", interpolation="none")
        ax.set_title(title)
        ax.axis("off")
    return axes
