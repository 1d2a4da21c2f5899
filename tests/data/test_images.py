"""Pixels are those of the file, or the set is refused: nothing is rounded, cut off or painted over without a word."""

import io
import struct
import zlib

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from uncertlr.data import load_data
from uncertlr.errors import DataError

pytestmark = pytest.mark.usefixtures("own_cache")

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (8, 8), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (8, 8, 3), dtype=np.uint8)
SHAPE = np.zeros((8, 8), dtype=np.uint8)
SHAPE[2:6, 2:6] = 255


def file_of(picture, form="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def sixteen_bit_png(channels):
    """Pillow writes no colour PNG of 16 bits."""
    kind = {1: 0, 3: 2, 4: 6}[channels]
    rows = RNG.integers(0, 2**16, (8, 8 * channels)).astype(">u2")
    body = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    header = struct.pack(">IIBBBBB", 8, 8, 16, kind, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", body), (b"IEND", b"")]
    parts = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def with_alpha(mode, alpha=SHAPE):
    picture = Image.fromarray(COLOUR).convert("L" if mode == "LA" else "RGB").convert(mode)
    picture.putalpha(Image.fromarray(alpha))
    return picture


def palette(**options):
    return file_of(Image.fromarray(COLOUR).quantize(16), **options)


def animation():
    return file_of(Image.fromarray(GREY), "GIF", save_all=True, append_images=[Image.fromarray(255 - GREY)])


REFUSED = {
    "16 bits, grey": file_of(Image.fromarray((GREY.astype(np.uint16) * 257).astype(np.uint16))),
    "16 bits, grey, TIFF": file_of(Image.fromarray((GREY.astype(np.uint16) * 200).astype(np.uint16)), "TIFF"),
    "16 bits, colour": sixteen_bit_png(3),
    "16 bits, colour and alpha": sixteen_bit_png(4),
    "16 bits, colour, PPM": b"P6\n8 8\n65535\n" + RNG.integers(0, 256, 384, dtype=np.uint8).tobytes(),
    "32 bits": file_of(Image.fromarray(GREY.astype(np.int32) * 1000), "TIFF"),
    "float": file_of(Image.fromarray(GREY.astype(np.float32) / 255), "TIFF"),
    "alpha, colour": file_of(with_alpha("RGBA")),
    "alpha, grey": file_of(with_alpha("LA")),
    "one transparent pixel": file_of(
        with_alpha("RGBA", np.where(np.arange(64).reshape(8, 8) == 9, 0, 255).astype(np.uint8))
    ),
    "a transparent colour of the palette": palette(transparency=3),
    "a transparent grey": file_of(Image.fromarray(GREY), transparency=int(GREY[0, 0])),
    "a transparent colour": file_of(Image.fromarray(COLOUR), transparency=tuple(COLOUR[0, 0].tolist())),
    "four inks": file_of(Image.fromarray(COLOUR).convert("CMYK"), "JPEG"),
    "several frames": animation(),
}


def of_images(train, test):
    """A table of image files as raw bytes, half of each class."""
    column = pa.array(
        [{"bytes": image, "path": None} for image in train], pa.struct({"bytes": pa.binary(), "path": pa.string()})
    )
    labels = [index % 2 for index in range(len(train))]
    other = pa.array([{"bytes": image, "path": None} for image in test], column.type)
    return {
        "train.parquet": pa.table({"img": column, "label": labels}),
        "test.parquet": pa.table({"img": other, "label": [index % 2 for index in range(len(test))]}),
    }


@pytest.mark.parametrize("where", ["train", "test", "one row"])
@pytest.mark.parametrize("kind", REFUSED)
def test_pixels_that_do_not_fit_eight_opaque_bits_are_refused(write_files, kind, where):
    good = file_of(Image.fromarray(COLOUR))
    train = [REFUSED[kind]] * 20 if where == "train" else [good] * 20
    test = [REFUSED[kind]] * 4 if where == "test" else [good] * 4
    if where == "one row":
        train[13] = REFUSED[kind]
    with pytest.raises(DataError, match="'img'"):
        load_data(str(write_files("set", of_images(train, test))), label_column="label")


EXACT = {
    "grey": (file_of(Image.fromarray(GREY)), GREY[None]),
    "colour": (file_of(Image.fromarray(COLOUR)), COLOUR.transpose(2, 0, 1)),
    "one bit": (file_of(Image.fromarray(SHAPE).convert("1")), SHAPE[None]),
    "opaque alpha": (file_of(Image.fromarray(COLOUR).convert("RGBA")), COLOUR.transpose(2, 0, 1)),
    "opaque grey alpha": (file_of(Image.fromarray(GREY).convert("LA")), GREY[None]),
    "palette": (palette(), np.asarray(Image.open(io.BytesIO(palette())).convert("RGB")).transpose(2, 0, 1)),
    "TIFF": (file_of(Image.fromarray(COLOUR), "TIFF"), COLOUR.transpose(2, 0, 1)),
}


@pytest.mark.parametrize("kind", EXACT)
def test_pixels_are_those_of_the_file(write_files, kind):
    image, expected = EXACT[kind]
    data = load_data(str(write_files("set", of_images([image] * 20, [image] * 4))), label_column="label")
    for split in (data.train, data.val, data.test):
        assert (split.inputs.numpy() == expected).all()


MIXED = {
    "the first is grey": (["grey", *["colour"] * 19], ["colour"] * 4),
    "the last is grey": ([*["colour"] * 19, "grey"], ["colour"] * 4),
    "train is grey": (["grey"] * 20, ["colour"] * 4),
    "test is grey": (["colour"] * 20, ["grey"] * 4),
    "one test picture is colour": (["grey"] * 20, ["grey", "grey", "colour", "grey"]),
    "one bit and colour": (["one bit", "colour"] * 10, ["one bit"] * 4),
}


@pytest.mark.parametrize("case", MIXED)
def test_grey_among_colour_becomes_three_equal_channels_and_is_reported(write_files, case):
    train, test = MIXED[case]
    files = of_images([EXACT[kind][0] for kind in train], [EXACT[kind][0] for kind in test])
    with pytest.warns(UserWarning, match="grey"):
        data = load_data(str(write_files("set", files)), label_column="label")
    assert (data.test.inputs.numpy() == np.stack([np.broadcast_to(EXACT[kind][1], (3, 8, 8)) for kind in test])).all()
    seen = [bytes(each) for split in (data.train, data.val) for each in split.inputs.numpy()]
    assert sorted(seen) == sorted(np.broadcast_to(EXACT[kind][1], (3, 8, 8)).tobytes() for kind in train)
