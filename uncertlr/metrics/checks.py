"""Values are checked where they enter: one line that names what is wrong, the value, and the remedy."""

import numpy as np
import torch
from torch import Tensor

ArrayLike = Tensor | np.ndarray
"""What a metric takes: a tensor on any device, or a NumPy array; lists of numbers serve too."""


HALF = (torch.float16, torch.bfloat16)


def widened(values: Tensor) -> Tensor:
    """The same numbers in float32 at least; wider ones, and float32 itself, come back as they are.

    >>> widened(torch.ones(1, dtype=torch.bfloat16)).dtype
    torch.float32
    """
    return values.float() if values.dtype in HALF else values


def checked_probs(probs: ArrayLike) -> Tensor:
    """Probabilities [..., C] as a tensor of float32 at least.

    Rows may miss a sum of 1 by what their precision rounds away, 0.001 at least: see `row_sum_tolerance`. Rows of half
    precision, also those that have been widened since, are divided by their sum; others stay as they are, bit for bit.

    Raises:
        ValueError: not floating-point numbers, no classes, a value that is not finite or below 0, or a row that does not sum
            to 1.
    """
    given = _tensor(probs, "probs")
    if not given.is_floating_point():
        raise ValueError(f"probs: expected floating-point probabilities, got {given.dtype}; class indices go to targets")
    if given.ndim == 0 or given.shape[-1] == 0:
        raise ValueError(f"probs: expected [..., C] with at least one class, got {list(given.shape)}")
    wide = widened(given)
    precision: torch.dtype | None = given.dtype
    sums = wide.sum(-1)
    if not _fits(wide, sums, given.dtype):
        precision = next((half for half in HALF if _fits(wide, sums, half) and _holds(half, wide)), None)
        if precision is None:
            raise ValueError(_what_is_wrong(wide, sums, row_sum_tolerance(given.dtype, given.shape[-1])))
    return wide / sums[..., None] if precision in HALF else wide


def row_sum_tolerance(dtype: torch.dtype, num_classes: int) -> float:
    """How far a row of probabilities may be from a sum of 1.

    Rounding moves each probability by half an epsilon of its own size, and averaging does so again; float16 also rounds
    small ones to multiples of its smallest number, once for each class.

    >>> row_sum_tolerance(torch.float32, 10)
    0.001
    """
    info = torch.finfo(dtype)
    return max(1e-3, 2 * info.eps) + num_classes * info.smallest_normal * info.eps


def checked_targets(targets: ArrayLike, num_examples: int, num_classes: int) -> Tensor:
    """Class indices [B] as int64.

    Raises:
        ValueError: another shape or length, no example, not integers, or an index that no class has.
    """
    given = _tensor(targets, "targets")
    if given.ndim == 2 and given.shape == (num_examples, num_classes) and num_classes > 1:
        raise ValueError(f"targets: expected class indices [B], got {list(given.shape)}; one-hot rows: targets.argmax(1)")
    if given.ndim != 1 or len(given) != num_examples or num_examples == 0:
        raise ValueError(
            f"targets: expected [B] with one class index for each of the B > 0 rows of probs, got {list(given.shape)} for "
            f"{num_examples} rows"
        )
    if given.is_floating_point() or given.is_complex():
        raise ValueError(f"targets: expected integer class indices, got {given.dtype}; if they are whole: targets.long()")
    indices = given.long()
    lowest, highest = (int(end) for end in indices.aminmax())
    if lowest < 0 or highest >= num_classes:
        label = lowest if lowest < 0 else highest
        raise ValueError(
            f"targets: expected class indices from 0 to {num_classes - 1}, one for each column of probs, got {label}; "
            "leave out examples without a label, and number the classes from 0"
        )
    return indices


def checked(probs: ArrayLike, targets: ArrayLike) -> tuple[Tensor, Tensor]:
    """Probabilities [B, C] of float32 at least, and int64 targets [B] on their device.

    Raises:
        ValueError: see `checked_probs` and `checked_targets`.
    """
    probs, targets = _tensor(probs, "probs"), _tensor(targets, "targets")
    shape = list(probs.shape)
    if len(shape) != 2:
        raise ValueError(
            f"probs: expected [B, C], B examples of C classes, got {shape} with targets {list(targets.shape)}; of samples "
            "take probs.mean(0); of one sigmoid column p: torch.stack([1 - p, p], 1)"
        )
    wide = checked_probs(probs)
    return wide, checked_targets(targets, shape[0], shape[1]).to(wide.device)


def checked_uncertainty(uncertainty: ArrayLike, targets: Tensor) -> Tensor:
    """Numbers [B] to rank, one for each of the targets and on their device.

    Raises:
        ValueError: another shape, or a NaN, which has no rank.
    """
    given = _tensor(uncertainty, "uncertainty")
    if given.shape != targets.shape:
        raise ValueError(f"uncertainty: expected [{len(targets)}], one value for each target, got {list(given.shape)}")
    if bool(given.isnan().any()):
        raise ValueError("uncertainty holds nan, which has no rank: find the first such example, or drop it")
    return given.to(targets.device)


def checked_members(probs: ArrayLike) -> Tensor:
    """Probabilities [S, B, C] with S at least 1: without the sample axis an entropy would be of something else.

    Raises:
        ValueError: another shape, or see `checked_probs`.
    """
    probs = _tensor(probs, "probs")
    if probs.ndim != 3 or len(probs) == 0:
        raise ValueError(f"probs: expected [S, B, C], S > 0 samples first, got {list(probs.shape)}; one sample: probs[None]")
    return checked_probs(probs)


def _tensor(values: ArrayLike, name: str) -> Tensor:
    if isinstance(values, Tensor):
        return values.detach() if name == "targets" else values
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name}: expected a tensor or an array of numbers, got {type(values).__name__} of {array.dtype}")
    kind = {"f": array.dtype.newbyteorder("=") if array.dtype.itemsize in (2, 4, 8) else np.float64}
    return torch.from_numpy(array.astype(kind.get(array.dtype.kind, np.int64), copy=True, order="C"))


def _fits(probs: Tensor, sums: Tensor, precision: torch.dtype) -> bool:
    """Whether no value is below 0 and every row sums to 1; one look at the device. A NaN or an infinity does not compare."""
    tolerance = row_sum_tolerance(precision, probs.shape[-1])
    return bool(((probs.amin(-1) >= 0) & ((sums - 1).abs() <= tolerance)).all())


def _holds(precision: torch.dtype, values: Tensor) -> bool:
    return torch.equal(values.to(precision).to(values.dtype), values)


def _what_is_wrong(wide: Tensor, sums: Tensor, tolerance: float) -> str:
    low, high = float(wide.min()), float(wide.max())
    if not bool(wide.isfinite().all()):
        value = float(wide[~wide.isfinite()][0])
        return f"probs hold {value}: the model has diverged or its logits overflowed; find the first such batch"
    if high <= 0 and low < 0:
        return f"probs are all at most 0, the lowest {low:.4g}: these look like log-probabilities; use .exp()"
    if -tolerance <= low < 0 and bool(((sums - 1).abs() <= tolerance).all()):
        return f"probs hold {low:.4g}, below 0 by rounding; use probs.clip(0)"
    worst = float(sums.flatten()[(sums - 1).abs().flatten().argmax()])
    if low >= 0 and bool(((sums - 100).abs() <= 100 * tolerance).all()):
        return f"probs hold {high:.4g} and rows sum to {worst:.4g}: these look like percentages; divide them by 100"
    if low < 0 or high > 1 + tolerance:
        value = low if low < 0 else high
        return f"probs hold {value:.4g}, outside [0, 1]: these look like logits; use class_probs(logits)"
    if wide.shape[-1] == 1:
        return f"probs have one column that holds {worst:.4g}: one sigmoid output p: torch.cat([1 - p, p], -1)"
    return (
        f"a row of probs sums to {worst:.6g}, not to 1 (within {tolerance:.2g}): use a softmax over the classes, in "
        "float32, or divide each row by its sum"
    )
