"""Random flips and crops of a whole batch at once.

Image by image they equal `torchvision.transforms.v2`'s horizontal flip, then padding with zeros, then crop.
"""

import torch
from torch import Tensor

PADDING = 4


def flip_and_crop(images: Tensor, flip: Tensor, top: Tensor, left: Tensor, padding: int = PADDING) -> Tensor:
    """Mirror some images, then cut each out of its zero-padded self.

    Args:
        images: uint8 [B, C, H, W].
        flip: bool [B], which are mirrored left to right.
        top: int64 [B], row of the window's upper edge in the padded image, 0 to 2 * padding.
        left: int64 [B], column of its left edge, likewise.
        padding: rows and columns of zeros on every side.
    """
    count, channels, height, width = images.shape
    stride = width + 2 * padding
    padded = torch.nn.functional.pad(images, [padding] * 4)
    rows = top[:, None] + torch.arange(height, device=images.device)
    columns = torch.arange(width, device=images.device)
    # A mirrored image's window lies mirrored in the padded original, and is read from right to left.
    columns = torch.where(flip[:, None], stride - 1 - left[:, None] - columns, left[:, None] + columns)
    places = (rows[:, :, None] * stride + columns[:, None, :]).view(count, 1, -1).expand(-1, channels, -1)
    return padded.flatten(2).gather(2, places).view_as(images)


def draw_flips_and_crops(count: int, generator: torch.Generator, padding: int = PADDING) -> tuple[Tensor, Tensor, Tensor]:
    """Random arguments of `flip_and_crop`: a fair coin, and two offsets, for each of `count` images."""
    device = generator.device
    flip = torch.rand(count, generator=generator, device=device) < 0.5
    top, left = torch.randint(2 * padding + 1, (2, count), generator=generator, device=device)
    return flip, top, left
