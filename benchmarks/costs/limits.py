"""The least that a task can take on this machine: its operations at the rate of a large matrix product, or its bytes at that
of a large copy, whichever is longer. Operations are counted as multiplications and additions of 32-bit numbers.
"""

import functools
import time

import torch

FLOAT = 4  # bytes
CNN_PARAMETERS = 9 * 3 * 32 + 9 * 32 * 64 + 4_096 * 128 + 128 * 10
LSTM_PARAMETERS = 20_000 * 128 + 4 * 128 * 256


@functools.cache
def machine() -> dict[str, float]:
    """Operations and bytes per second of one thread, the best of several trials."""
    left, right = torch.randn(1_024, 1_024), torch.randn(1_024, 1_024)
    source = torch.randn(1 << 24)
    target = torch.empty_like(source)
    product = min(_seconds(lambda: left @ right) for _ in range(10))
    copy = min(_seconds(lambda: target.copy_(source)) for _ in range(10))
    return {"operations_per_second": 2 * 1_024**3 / product, "bytes_per_second": 2 * FLOAT * len(source) / copy}


def limit(operations: float, num_bytes: float) -> dict[str, float]:
    """Operations, bytes, and the seconds they take at least."""
    rates = machine()
    seconds = max(operations / rates["operations_per_second"], num_bytes / rates["bytes_per_second"])
    return {"operations": operations, "bytes": num_bytes, "seconds": seconds}


def repeated(times: float, part: dict[str, float]) -> dict[str, float]:
    """The limit of a task that is done so many times."""
    return {name: times * value for name, value in part.items()}


def together(*parts: dict[str, float]) -> dict[str, float]:
    """The limit of tasks that are done one after the other."""
    return {name: sum(part[name] for part in parts) for name in parts[0]}


def cnn_pass(batch: int) -> dict[str, float]:
    """One forward pass through the report's CNN: each layer's output is written once and read once."""
    return limit(batch * _cnn_operations(), 2 * FLOAT * batch * _cnn_outputs() + FLOAT * CNN_PARAMETERS)


def cnn_step(batch: int) -> dict[str, float]:
    """Forward, backward (twice the forward's operations, the images' own gradient left out) and Adam."""
    operations = 3 * batch * _cnn_operations() - batch * 2 * 32 * 32 * 32 * 27
    return limit(operations, 4 * FLOAT * batch * _cnn_outputs() + _adam_bytes(CNN_PARAMETERS))


def lstm_pass(batch: int, length: int) -> dict[str, float]:
    """One forward pass through the report's LSTM."""
    return limit(batch * length * 2 * 4 * 128 * 256, 2 * FLOAT * batch * length * 128 * 6)


def lstm_step(batch: int, length: int) -> dict[str, float]:
    """Forward, backward and Adam over all 20,000 words' vectors."""
    return limit(3 * batch * length * 2 * 4 * 128 * 256, 4 * FLOAT * batch * length * 128 * 6 + _adam_bytes(LSTM_PARAMETERS))


def mask_observation(samples: int, batch: int, width: int, classes: int) -> dict[str, float]:
    """T masks for each example: 16 random bits a unit, a product of masked features and the head's weights."""
    units = samples * batch * width
    return limit(units * (1 + 2 * classes), units * (2 + FLOAT) + 2 * FLOAT * samples * batch * classes)


def moment_observation(points: int, batch: int, width: int, classes: int) -> dict[str, float]:
    """Mean and covariance of the logits, then a few points of a Gaussian."""
    covariance = 2 * batch * width * classes**2
    return limit(covariance + 2 * points * batch * classes**2, 2 * FLOAT * points * batch * classes)


def _cnn_operations() -> float:
    return 2 * (32 * 32 * 32 * 27 + 16 * 16 * 64 * 288 + 4_096 * 128 + 128 * 10)


def _cnn_outputs() -> int:
    first, second = 32 * 32 * 32, 16 * 16 * 64  # convolution, normalization and ReLU each, then pooling
    return 3 * first + first // 4 + 3 * second + second // 4 + 2 * 128 + 10


def _adam_bytes(parameters: int) -> int:
    return 10 * FLOAT * parameters  # read forward and backward, the gradient written, four read and three written by Adam


def _seconds(task) -> float:
    started = time.process_time()
    task()
    return time.process_time() - started
