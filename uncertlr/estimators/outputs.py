"""What a model returns, and whether it is split into features and a head."""

from typing import Any

import torch
from torch import Tensor, nn

from uncertlr.estimators.modes import drew_nothing, own_stream, sampling_modes, stream_states
from uncertlr.metrics.checks import row_sum_tolerance, widened


def logits_of(output: Any) -> Tensor:
    """Logits [B, C] of a model's output: a tensor, or an output that has them as ``logits``.

    Raises:
        ValueError: another output or shape, or probabilities, whose softmax would be nearly flat.
    """
    logits = output.get("logits") if isinstance(output, dict) else getattr(output, "logits", output)
    if not isinstance(logits, Tensor):
        raise ValueError(
            f"the model returned {type(output).__name__}, not logits [B, C]: wrap it in a module that returns them"
        )
    if logits.ndim != 2 or not logits.is_floating_point():
        raise ValueError(
            f"the model returned {logits.dtype} {list(logits.shape)}, not logits [B, C], a row for each example"
        )
    if logits.shape[1] > 1 and len(logits):
        wide = widened(logits)
        sums, tolerance = wide.sum(1), row_sum_tolerance(logits.dtype, logits.shape[1])
        if bool(((wide.amin(1) >= 0) & ((sums - 1).abs() <= tolerance)).all()):
            raise ValueError(
                "the model returned probabilities (no value below 0, rows sum to 1), not logits: leave its softmax out"
            )
    return logits


def head_inputs(model: nn.Module, head: nn.Module, inputs: Tensor, *, sample: bool) -> Tensor | None:
    """The features that enter a model's head, from one pass that shows that the model is the head of these features.

    Args:
        model: any module; it stays as it was.
        head: one of its modules.
        inputs: what the model takes.
        sample: dropout on, so that a random number drawn before the head would be seen.

    Returns:
        None where the head is not called exactly once, with one tensor; where the model does more with its output; where it
        changes the features in place; or where random numbers are drawn outside it.
    """
    entered: list[tuple[Tensor | None, list[Tensor]]] = []
    left: list[tuple[Any, list[Tensor]]] = []

    def before(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        alone = len(args) == 1 and not kwargs and isinstance(args[0], Tensor)
        entered.append((args[0].clone() if alone else None, stream_states()))

    def after(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        left.append((output, stream_states()))

    with sampling_modes(model, sample), own_stream(None):
        handles = [head.register_forward_pre_hook(before, with_kwargs=True), head.register_forward_hook(after)]
        start = stream_states()
        try:
            output = model(inputs)
        finally:
            for handle in handles:
                handle.remove()
        quiet_after = bool(left) and drew_nothing(left[-1][1])
    logits = logits_of(output)
    if len(entered) != 1 or len(left) != 1 or entered[0][0] is None or not quiet_after:
        return None
    features, at_entry = entered[0]
    unrandom = all(torch.equal(one, other) for one, other in zip(start, at_entry, strict=False))
    return features if unrandom and _same(logits, left[0][0]) else None


def _same(logits: Tensor, output: Any) -> bool:
    if not isinstance(output, Tensor) or output.shape != logits.shape:
        return False
    return output is logits or torch.allclose(output, logits, rtol=0, atol=0, equal_nan=True)
