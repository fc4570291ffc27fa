"""A smooth curve through measured points that never overshoots them.

Plain Python but for many values at once: a search asks for one, and importing numpy for that would
be most of its start-up time.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import ArrayLike, NDArray


__all__ = ["PchipCurve"]

NumberT = TypeVar("NumberT", "float", "NDArray[np.float64]")


class PchipCurve:
    """Piecewise cubic Hermite interpolation that is monotone wherever its points are.

    The same curve as `scipy.interpolate.PchipInterpolator`: slopes by F. N. Fritsch and J. Butland,
    "A method for constructing local monotone piecewise cubic interpolants", SIAM J. Sci. Stat.
    Comput. 5(2), 1984; end slopes by C. Moler, "Numerical Computing with MATLAB", section 3.6. It
    is defined between its first and last point only, since a cubic means nothing beyond them.

    Args:
        x: Strictly increasing and finite; at least 2 of them.
        y: Finite values at `x`, as many.

    Raises:
        ValueError: The points do not make a curve.
    """

    def __init__(self, x: Iterable[float], y: Iterable[float]) -> None:
        self._x, self._y = _floats(x), _floats(y)
        _require_curve(self._x, self._y)
        width = _differences(self._x)
        secant = [rise / run for rise, run in zip(_differences(self._y), width, strict=True)]
        slope = _slopes(width, secant)
        # On segment k with t = x - x[k]: y[k] + slope[k]·t + c2[k]·t² + c3[k]·t³.
        self._segments = [
            (y, left, (3 * s - 2 * left - right) / w, (left + right - 2 * s) / w**2)
            for y, (left, right), s, w in zip(
                self._y[:-1], pairwise(slope), secant, width, strict=True
            )
        ]
        areas = [_area(w, *segment) for w, segment in zip(width, self._segments, strict=True)]
        self._area_before = list(accumulate(areas, initial=0.0))

    @property
    def domain(self) -> tuple[float, float]:
        """The first and the last x."""
        return self._x[0], self._x[-1]

    def at(self, x: float) -> float:
        """Evaluate the curve at one place.

        Raises:
            ValueError: `x` is outside the domain.
        """
        segment, t = self._locate(x)
        return _value(t, *self._segments[segment])

    def __call__(self, x: ArrayLike) -> NDArray[np.float64]:
        """Evaluate the curve at many places.

        Args:
            x: Any shape, within `domain`.

        Returns:
            Values in the shape of `x`.

        Raises:
            ValueError: Some `x` is outside the domain.
        """
        import numpy as np

        points = np.asarray(x, dtype=np.float64)
        first, last = self.domain
        if not np.all((points >= first) & (points <= last)):
            raise self._outside()
        found = np.searchsorted(self._x, points, side="right") - 1
        segment = np.minimum(found, len(self._segments) - 1)
        coefficients = np.moveaxis(np.array(self._segments)[segment], -1, 0)
        return np.asarray(_value(points - np.array(self._x)[segment], *coefficients))

    def integrate(self, a: float, b: float) -> float:
        """Return the exact integral from `a` to `b`; negative where `b` is below `a`.

        Raises:
            ValueError: A limit is outside the domain.
        """
        return self._area_until(b) - self._area_until(a)

    def _area_until(self, x: float) -> float:
        segment, t = self._locate(x)
        return self._area_before[segment] + _area(t, *self._segments[segment])

    def _locate(self, x: float) -> tuple[int, float]:
        first, last = self.domain
        if not first <= x <= last:
            raise self._outside()
        segment = min(bisect_right(self._x, x), len(self._segments)) - 1
        return segment, x - self._x[segment]

    def _outside(self) -> ValueError:
        first, last = self.domain
        return ValueError(f"x must be within [{first}, {last}], where the curve is defined.")


def _value(t: NumberT, y: NumberT, slope: NumberT, c2: NumberT, c3: NumberT) -> NumberT:
    return y + t * (slope + t * (c2 + t * c3))


def _area(t: float, y: float, slope: float, c2: float, c3: float) -> float:
    """Area from the start of a segment to `t` past it."""
    return t * (y + t * (slope / 2 + t * (c2 / 3 + t * c3 / 4)))


def _floats(values: Iterable[float]) -> list[float]:
    try:
        return [float(value) for value in values]
    except TypeError as error:
        raise ValueError("x and y must be flat: numbers, not lists of them.") from error


def _differences(values: Sequence[float]) -> list[float]:
    return [after - before for before, after in pairwise(values)]


def _require_curve(x: Sequence[float], y: Sequence[float]) -> None:
    if len(x) != len(y):
        raise ValueError(f"x and y must be equally long, not {len(x)} and {len(y)}.")
    if len(x) < 2:
        raise ValueError(f"A curve needs at least 2 points, not {len(x)}.")
    if not all(map(math.isfinite, (*x, *y))):
        raise ValueError("x and y must be finite.")
    if min(_differences(x)) <= 0:
        raise ValueError("x must be strictly increasing.")


def _slopes(width: Sequence[float], secant: Sequence[float]) -> list[float]:
    """Slopes at the points: one-sided ones at the ends, means of the secants between them."""
    if len(secant) == 1:
        return [secant[0], secant[0]]
    inner = map(_inner_slope, width, width[1:], secant, secant[1:])
    first = _end_slope(width[0], width[1], secant[0], secant[1])
    last = _end_slope(width[-1], width[-2], secant[-1], secant[-2])
    return [first, *inner, last]


def _inner_slope(width: float, next_width: float, secant: float, next_secant: float) -> float:
    """Weighted harmonic mean of the two secants, 0 at a local extreme."""
    if _sign(secant) * _sign(next_secant) <= 0:
        return 0.0
    weight, next_weight = 2 * next_width + width, next_width + 2 * width
    # A secant so small that its inverse overflows means a slope of zero, which inf gives.
    return (weight + next_weight) / (weight / secant + next_weight / next_secant)


def _end_slope(width: float, next_width: float, secant: float, next_secant: float) -> float:
    """One-sided three-point slope, held back where it would break the shape."""
    slope = ((2 * width + next_width) * secant - width * next_secant) / (width + next_width)
    if _sign(slope) != _sign(secant):
        return 0.0
    if _sign(secant) != _sign(next_secant) and abs(slope) > 3 * abs(secant):
        return 3 * secant
    return slope


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)
