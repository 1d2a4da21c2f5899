import io

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

datasets.disable_progress_bars()


@pytest.fixture
def write_set(tmp_path):
    """Write splits of columns in the hub's Parquet layout: ``write_set("name", features, train={...})``."""

    def write(name, features=None, **splits):
        folder = tmp_path / "sets" / name
        (folder / "data").mkdir(parents=True)
        for split, columns in splits.items():
            table = datasets.Dataset.from_dict(columns, features=features)
            table.to_parquet(folder / "data" / f"{split}-00000-of-00001.parquet")
        return folder

    return write


@pytest.fixture
def write_files(tmp_path):
    """Write files of any name into a folder: ``write_files("name", {"a/train.parquet": columns or table or text})``."""

    def write(name, files, features=None):
        folder = tmp_path / "sets" / name
        for relative, content in files.items():
            path = folder / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, str):
                path.write_text(content, encoding="utf-8")
            elif isinstance(content, pa.Table):
                pq.write_table(content, path)
            else:
                with path.open("wb") as file:  # by its name, some paths would be taken for addresses
                    datasets.Dataset.from_dict(content, features=features).to_parquet(file)
        return folder

    return write


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("UNCERTLR_CACHE", str(folder))
    return folder


@pytest.fixture
def pictures():
    """Random pictures: ``pictures(count, height, width, mode)``."""

    def make(count, height=8, width=8, mode="RGB", seed=0):
        shape = (height, width, 3) if mode == "RGB" else (height, width)
        rng = np.random.default_rng(seed)
        return [Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)) for _ in range(count)]

    return make


@pytest.fixture
def encoded():
    """A picture as the bytes of a file: ``encoded(picture, "PNG")``."""

    def encode(picture, form="PNG", **options):
        buffer = io.BytesIO()
        picture.save(buffer, form, **options)
        return buffer.getvalue()

    return encode


@pytest.fixture
def text_features():
    return datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"])})


@pytest.fixture
def image_features():
    return datasets.Features({"img": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])})
