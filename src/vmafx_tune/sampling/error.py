"""How far an estimate from parts of a clip may be off the whole of it.

The parts are one to a stratum, so that no stratum tells of its own spread; neighbours, which are
more alike than parts that are far apart, stand in for it: the variance of a mean of n values from
successive strata is `(1 - f) / (2 n (n - 1)) * sum((y[i + 1] - y[i]) ** 2)`, f being the share that
was measured (K. M. Wolter, Introduction to Variance Estimation, 2nd ed. 2007, section 8.2, v2). Its
degrees of freedom are about `2 (n - 1)^2 / (3 n - 4)` (J. von Neumann 1941), and the interval is
Student's. Whatever is no mean of the parts' values goes through its pseudo-values, which leave out
one part at a time (J. W. Tukey 1958); for a mean these are the values themselves.

That holds for means, and for smooth functions of them. The minimum and the percentiles of a clip
are none: its worst frames may lie outside of all parts, so that parts give too high a value, and
their spread does not tell by how much.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from vmafx_tune.model import PoolMethod

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["half_interval", "is_estimable", "pseudo_values"]

_MEANS = frozenset({PoolMethod.MEAN, PoolMethod.HARMONIC_MEAN})

# Student's t, 97.5 %, for 1, 2, … degrees of freedom.
_STUDENT = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
)
_NORMAL = 1.96


def is_estimable(pool: PoolMethod) -> bool:
    """Whether parts of a clip tell its pooled score without bias, and how far they may be off."""
    return pool in _MEANS


def half_interval(values: Sequence[float], share: float) -> float | None:
    """Give half the width of the 95 % interval around a mean.

    Args:
        values: One for each part, in the order of the clip.
        share: Part of the clip that was measured, from 0 to 1.

    Returns:
        Half the width, in the unit of `values`; None for a single value, which has no spread.
    """
    n = len(values)
    if n < 2:
        return None
    squares = sum((later - earlier) ** 2 for earlier, later in pairwise(values))
    variance = (1 - share) * squares / (2 * n * (n - 1))
    degrees = max(1, math.floor(2 * (n - 1) ** 2 / (3 * n - 4)))
    quantile = _STUDENT[degrees - 1] if degrees <= len(_STUDENT) else _NORMAL
    return quantile * math.sqrt(variance)


def pseudo_values(
    parts: Sequence[Sequence[float]], pool: Callable[[Sequence[float]], float]
) -> tuple[float, ...]:
    """Tell what each part contributes to a pooled value.

    Args:
        parts: Values of each part's frames, at least one part.
        pool: Pools the frames of several parts.

    Returns:
        As many values as there are parts.
    """
    n = len(parts)
    together = pool([value for part in parts for value in part])
    if n == 1:
        return (together,)
    return tuple(
        n * together - (n - 1) * pool([v for j, part in enumerate(parts) if j != i for v in part])
        for i in range(n)
    )
