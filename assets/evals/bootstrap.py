"""How sure a mean worsening is: a one-sided bootstrap over paired units.

Here: the lower bound of a mean of differences. Not here: which units are pairs, or what follows
from a bound (`verdict.py`).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Final

import numpy as np
import numpy.typing as npt

RESAMPLES: Final = 10_000
"""So that the share `alpha` = 0.001 is ten of them: 3 ms at 12 units, 40 ms at 300."""
MANY: Final = 5_000
"""From so many units the mean is as good as normal (and the normal bound 100 times as fast)."""
_AT_ONCE: Final = 2_000_000


def least_units(alpha: float) -> int:
    """Fewer units than these can never be sure: all of them are worse by chance that often.

    Were there no difference, each unit would be worse with a half's chance: `n` of them all worse
    has 2^-n, which must be below alpha; 10 for 0.001.
    """
    return math.floor(math.log2(1 / alpha)) + 1


def lower_bound(differences: Sequence[float], alpha: float) -> float:
    """The bound that the mean of such differences passes with confidence `1 - alpha`.

    The percentile bound of resampled means, its distance from the mean stretched by what a
    t-distribution is wider than a normal one: of few units the percentile alone is too sure (with
    12 normal ones, five times as often wrong as alpha says). The seed comes from the numbers, so
    the same differences always have the same bound.

    Args:
        differences: New minus old, one a unit, in any order; at least one.
        alpha: Share of resampled means that may lie below.
    """
    values = np.sort(np.asarray(differences, dtype=np.float64))
    mean = float(values.mean())
    n = len(values)
    if values[0] == values[-1]:
        return mean
    z = -NormalDist().inv_cdf(alpha)
    if n >= MANY:
        return mean - z * float(values.std(ddof=1)) / math.sqrt(n)
    percentile = float(np.quantile(_resampled_means(values), alpha))
    stretch = _t_quantile(z, n - 1) / z * math.sqrt(n / (n - 1))
    return mean - (mean - percentile) * stretch


def _resampled_means(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    seed = int.from_bytes(hashlib.sha256(values.tobytes()).digest()[:8], "big")
    random = np.random.default_rng(seed)
    n = len(values)
    rows = max(1, _AT_ONCE // n)
    means = [
        values[random.integers(0, n, (min(rows, RESAMPLES - done), n))].mean(axis=1)
        for done in range(0, RESAMPLES, rows)
    ]
    return np.concatenate(means)


def _t_quantile(z: float, freedom: int) -> float:
    """The t-distribution's quantile beside the normal's `z`.

    Abramowitz and Stegun 26.7.5: within 1 % from 9 degrees of freedom on at z = 3.1; below, where
    it is too small, nobody is sure anyway (`least_units`).
    """
    v = float(freedom)
    return (
        z
        + (z**3 + z) / (4 * v)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)
    )
