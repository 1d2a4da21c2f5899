"""Lists of texts as arrays of bytes: numpy's own strings would pad every text to the longest."""

from collections.abc import Sequence

import numpy as np


def pack_texts(texts: Sequence[str]) -> np.ndarray:
    """Texts as one uint8 array: their number, the length of each in bytes (int64), then the UTF-8 bytes.

    >>> unpack_texts(pack_texts(["naïve", "", "plot"]))
    ['naïve', '', 'plot']
    """
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    header = np.array([len(encoded), *(len(text) for text in encoded)], dtype=np.int64).tobytes()
    return np.frombuffer(header + b"".join(encoded), dtype=np.uint8)


def unpack_texts(packed: np.ndarray) -> list[str]:
    """What `pack_texts` packed."""
    count = int(packed[:8].view(np.int64)[0])
    lengths = packed[8 : 8 + 8 * count].view(np.int64)
    body, texts, start = packed[8 + 8 * count :].tobytes(), [], 0
    for length in lengths.tolist():
        texts.append(body[start : start + length].decode("utf-8", "surrogatepass"))
        start += length
    return texts
