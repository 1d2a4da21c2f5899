"""Image files to bytes of pixels, exactly: what eight opaque bits a channel cannot hold is refused."""

import io
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import ExifTags, Image, ImageOps

from uncertlr.errors import DataError

GREY = ("1", "L", "LA")
COLOUR = ("P", "PA", "RGB", "RGBA")
SINGLE_PICTURE = ("MPO",)
"""Formats of cameras, whose further frames are previews of the first."""


class UnfitImage(Exception):
    """An image that cannot be taken as it is; says what to do with it."""


def decode(content: bytes) -> np.ndarray:
    """The pixels of an image file, uint8 [H, W] if it is grey or [H, W, 3] if it has colours, turned as its EXIF says.

    Raises:
        UnfitImage: its pixels are not eight opaque bits a channel.
        Exception: whatever Pillow raises for bytes that are no image.
    """
    image: Image.Image = Image.open(io.BytesIO(content))
    _refuse_other_depths(image)
    image.load()
    if image.getexif().get(ExifTags.Base.Orientation) is not None:
        image = ImageOps.exif_transpose(image)
    if image.has_transparency_data and np.asarray(image.convert("RGBA"))[..., 3].min() < 255:
        raise UnfitImage("has transparent pixels: put it on a background first, as in Image.alpha_composite")
    return np.asarray(image.convert("L" if image.mode in GREY else "RGB"), dtype=np.uint8)


def _refuse_other_depths(image: Image.Image) -> None:
    """Judge by the header: once Pillow has read the pixels, colours of 16 bits look like those of 8."""
    if image.mode.startswith(("I", "F")) or _rounds_to_eight_bits(image):
        raise UnfitImage(f"has pixels of more than 8 bits (mode {image.mode}): scale them to 0 to 255 and save 8 bits first")
    if image.mode not in GREY + COLOUR:
        raise UnfitImage(f"has the mode {image.mode}: convert it to RGB first, as in image.convert('RGB')")
    if getattr(image, "n_frames", 1) > 1 and image.format not in SINGLE_PICTURE:
        raise UnfitImage("has several frames: save the one that is meant")


def _rounds_to_eight_bits(image: Image.Image) -> bool:
    """Whether Pillow's decoder would drop bits: it shows in the packing (``RGB;16B``), or a PPM file's largest value."""
    for tile in getattr(image, "tile", []):
        packing, *others = tile.args if isinstance(tile.args, tuple) else (tile.args,)
        if ";16" in str(packing) or (tile.codec_name.startswith("ppm") and others[0] > 255):
            return True
    return False


def decode_all(files: Iterable[bytes | dict[str, object] | None], where: str) -> list[np.ndarray]:
    """The pixels of many image files.

    Args:
        files: each as its bytes, or as a mapping with them.
        where: set, column and split, for errors.

    Raises:
        DataError: one is missing, is no image, or does not fit; says which and what to do.
    """
    images = []
    for row, file in enumerate(files):
        content = file.get("bytes") if isinstance(file, dict) else file
        if content is None and isinstance(file, dict) and file.get("path"):
            raise DataError(f"{where}, row {row}: there is only the path {file['path']!r} and no image; embed the files")
        try:
            images.append(decode(content))  # type: ignore[arg-type]
        except UnfitImage as error:
            raise DataError(f"{where}, row {row}: the image {error}") from error
        except Exception as error:  # Pillow raises many kinds for a damaged image, and a missing one is None
            cause = (str(error).splitlines() or [type(error).__name__])[0][:200]
            kind = (
                ""
                if isinstance(file, dict) or file is None
                else "; if the column's binary values are texts, decode them to strings"
            )
            raise DataError(
                f"{where}, row {row}: the image is missing or cannot be decoded ({cause}); remove it, or mend it{kind}"
            ) from error
    return images


def stack(splits: Sequence[list[np.ndarray]], name: str) -> tuple[list[np.ndarray], int]:
    """The images of all splits as arrays uint8 [N, C, H, W] of one form.

    Grey images become three equal channels where any image of any split has colours.

    Returns:
        The arrays, and how many images became three equal channels.

    Raises:
        DataError: the images are not square, or not all of one size.
    """
    shapes = {image.shape[:2] for images in splits for image in images}
    if len(shapes) > 1 or any(height != width for height, width in shapes):
        sizes = ", ".join(f"{height} x {width}" for height, width in sorted(shapes)[:3])
        raise DataError(f"{name}: images must be square and all of one size, found {sizes}; resize them first")
    grey = sum(image.ndim == 2 for images in splits for image in images)
    if grey == sum(len(images) for images in splits):
        return [np.stack(images)[:, None] for images in splits], 0
    return [
        np.ascontiguousarray(np.stack([_three(each) for each in images]).transpose(0, 3, 1, 2)) for images in splits
    ], grey


def _three(image: np.ndarray) -> np.ndarray:
    return image if image.ndim == 3 else np.repeat(image[:, :, None], 3, axis=2)
