"""Intervals of single samples.

Figures need the intervals of thousands of places at once, so those are computed on arrays, with quantiles of SciPy's
`special`, which, unlike its `stats`, is quick to import.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri, stdtrit


def mean_interval(values: ArrayLike, level: float = 0.95) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means over the first axis with Student's t intervals, each place for itself (pointwise).

    Args:
        values: [seeds, N], none missing.
        level: of the intervals.

    Returns:
        Mean, lower and upper end, [N] each; the ends are NaN where there is one seed.

    >>> [ends.round(3).tolist() for ends in mean_interval([[0.0], [1.0], [2.0]])]
    [[1.0], [-1.484], [3.484]]
    """
    values = np.asarray(values, dtype=float)
    mean, count = values.mean(axis=0), len(values)
    if count < 2:
        return mean, np.full_like(mean, np.nan), np.full_like(mean, np.nan)
    half = stdtrit(count - 1, (1 + level) / 2) * values.std(axis=0, ddof=1) / np.sqrt(count)
    return mean, mean - half, mean + half


def wilson_interval(successes: ArrayLike, counts: ArrayLike, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's score interval of a share (Wilson 1927); it stays within 0 and 1, also where all or none succeed.

    Args:
        successes: of each group, such as examples that are right.
        counts: size of each group; where it is 0 the ends are NaN.
        level: of the intervals.

    >>> low, high = wilson_interval([428], [500])  # the report's first accuracy
    >>> print(f"{low[0]:.3f} to {high[0]:.3f}")
    0.823 to 0.884
    """
    counts = np.asarray(counts, dtype=float)
    n = np.where(counts > 0, counts, np.nan)
    share, square = np.asarray(successes, dtype=float) / n, ndtri((1 + level) / 2) ** 2
    centre = (share + square / (2 * n)) / (1 + square / n)
    half = np.sqrt(square * (share * (1 - share) / n + square / (4 * n * n))) / (1 + square / n)
    return np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)


def exact_interval(successes: int, count: int, level: float = 0.95) -> tuple[float, float]:
    """The exact binomial interval of a share (Clopper & Pearson 1934).

    Args:
        successes: 0 to ``count``.
        count: at least 1.
        level: of the interval.

    Returns:
        Lower and upper end.

    Raises:
        ValueError: there are none, or more successes than there are.

    >>> low, high = exact_interval(8, 10)
    >>> print(f"{low:.3f} to {high:.3f}")
    0.444 to 0.975
    """
    if not 0 <= successes <= count or count < 1:
        raise ValueError(f"expected 0 to {count} successes of at least one, got {successes} of {count}")
    from scipy.stats import binomtest

    low, high = binomtest(successes, count).proportion_ci(level, "exact")
    return float(low), float(high)
