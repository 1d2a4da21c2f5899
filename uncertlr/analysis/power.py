"""What pairs could show, a difference or equivalence: what an inconclusive comparison lacked. Pure functions, from SciPy."""

import math
from bisect import bisect_left

import numpy as np
from scipy.integrate import quad
from scipy.special import chdtri, gammaln, nctdtr, ndtr, stdtrit

from uncertlr.analysis.paired import ALPHA, MARGIN, Values

POWER = 0.8
CONFIDENCE = 0.8
"""Of the upper limit of the standard deviation: few pairs may agree by chance."""

MOST_PAIRS = 1_000_000


def upper_standard_deviation(differences: Values, confidence: float = CONFIDENCE) -> float:
    """The upper confidence limit of the standard deviation of paired differences, supposed to be normal.

    Args:
        differences: one per seed; at least two.
        confidence: that the limit is not below the true value.

    Raises:
        ValueError: fewer than two differences, or one that is not finite.
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise ValueError(f"expected at least 2 finite differences, got {differences!r}")
    freedom = len(values) - 1
    return float(values.std(ddof=1) * math.sqrt(freedom / chdtri(freedom, confidence)))


def difference_power(pairs: int, deviation: float, gain: float, alpha: float = ALPHA) -> float:
    """The chance that a two-sided paired t test finds a gain, in its direction.

    Args:
        pairs: at least two.
        deviation: standard deviation of the differences, above 0, in the gain's unit.
        gain: the true mean difference, 0 or above.
        alpha: level of the test.

    Raises:
        ValueError: a value is out of range.
    """
    if pairs < 2 or not 0 < deviation < math.inf or not 0 <= gain < math.inf or not 0 < alpha < 1:
        raise ValueError(
            f"pairs={pairs} must be at least 2, deviation={deviation} above 0, gain={gain} at least 0, alpha={alpha} below 1"
        )
    freedom = pairs - 1
    critical = float(stdtrit(freedom, 1 - alpha / 2))
    return 1 - float(nctdtr(freedom, gain * math.sqrt(pairs) / deviation, critical))


def equivalence_power(pairs: int, deviation: float, margin: float = MARGIN, alpha: float = ALPHA) -> float:
    """The chance that two one-sided paired t tests find equivalence where the true difference is 0.

    Exact for normal differences: given the sample's standard deviation, the mean must lie within what the margin leaves
    (Phillips 1990), and the sample's standard deviation is averaged out.

    Args:
        pairs: at least two.
        deviation: standard deviation of the differences, above 0, in the margin's unit.
        margin: largest difference that counts as none.
        alpha: level of each one-sided test.

    Raises:
        ValueError: a value is out of range.
    """
    if pairs < 2 or not 0 < deviation < math.inf or not 0 < margin < math.inf or not 0 < alpha < 0.5:
        raise ValueError(
            f"pairs={pairs} must be at least 2, deviation={deviation} and margin={margin} above 0, alpha={alpha} in (0, 0.5)"
        )
    freedom, scaled = pairs - 1, margin * math.sqrt(pairs) / deviation
    critical = float(stdtrit(freedom, 1 - alpha))
    norm = (freedom / 2) * math.log(freedom) - (freedom / 2 - 1) * math.log(2) - float(gammaln(freedom / 2))

    def integrand(ratio: float) -> float:
        """Of the sample's standard deviation over the true one: its density times the chance that the mean lies within."""
        density = math.exp(norm + (freedom - 1) * math.log(ratio) - freedom * ratio**2 / 2)
        return density * float(2 * ndtr(scaled - critical * ratio) - 1)

    reach = 12 / math.sqrt(2 * freedom)  # beyond twelve of its own standard deviations nothing is left
    low, high = max(1e-300, 1 - reach), min(scaled / critical, 1 + reach)
    return float(quad(integrand, low, high, limit=200)[0]) if high > low else 0.0


def pairs_for_equivalence(deviation: float, power: float = POWER, margin: float = MARGIN, alpha: float = ALPHA) -> int:
    """The least number of pairs with which equivalence is found with the given chance, where the true difference is 0.

    Args:
        deviation: standard deviation of the differences, in the margin's unit; 0 needs two pairs.
        power: wanted, in (0, 1).
        margin: largest difference that counts as none.
        alpha: level of each one-sided test.

    Raises:
        ValueError: a value is out of range, or a million pairs are not enough.
    """
    if not 0 < power < 1:
        raise ValueError(f"power={power} must be above 0 and below 1")
    if deviation == 0:
        return 2
    counts = range(2, MOST_PAIRS + 1)  # the power grows with the number of pairs
    place = bisect_left(counts, power, key=lambda pairs: equivalence_power(pairs, deviation, margin, alpha))
    if place == len(counts):
        raise ValueError(f"deviation={deviation} needs more than {MOST_PAIRS:,} pairs at a margin of {margin}")
    return counts[place]
