"""A smooth curve through measured points that never overshoots them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["PchipCurve"]


class PchipCurve:
    """Piecewise cubic Hermite interpolation that is monotone wherever its points are.

    The same curve as `scipy.interpolate.PchipInterpolator`: slopes by F. N. Fritsch and J. Butland,
    "A method for constructing local monotone piecewise cubic interpolants", SIAM J. Sci. Stat.
    Comput. 5(2), 1984; end slopes by C. Moler, "Numerical Computing with MATLAB", section 3.6. It
    is defined between its first and last point only, since a cubic means nothing beyond them.

    Args:
        x: Strictly increasing and finite, shape `(n,)` with `n >= 2`.
        y: Finite values at `x`, same shape.

    Raises:
        ValueError: The points do not make a curve.
    """

    def __init__(self, x: ArrayLike, y: ArrayLike) -> None:
        self._x = np.array(x, dtype=np.float64)
        self._y = np.array(y, dtype=np.float64)
        _require_curve(self._x, self._y)
        width = np.diff(self._x)
        secant = np.diff(self._y) / width
        slope = _slopes(width, secant)
        # On segment k with t = x - x[k]: y[k] + slope[k]·t + c2[k]·t² + c3[k]·t³.
        self._slope = slope[:-1]
        self._c2 = (3 * secant - 2 * slope[:-1] - slope[1:]) / width
        self._c3 = (slope[:-1] + slope[1:] - 2 * secant) / width**2
        self._area_before = np.concatenate(
            ([0.0], np.cumsum(self._area_within(np.arange(len(width)), width)))
        )

    @property
    def domain(self) -> tuple[float, float]:
        """The first and the last x."""
        return float(self._x[0]), float(self._x[-1])

    def __call__(self, x: ArrayLike) -> NDArray[np.float64]:
        """Evaluate the curve.

        Args:
            x: Any shape, within `domain`.

        Returns:
            Values in the shape of `x`.

        Raises:
            ValueError: Some `x` is outside the domain.
        """
        segment, t = self._locate(x)
        cubic = self._c2[segment] + t * self._c3[segment]
        values = self._y[segment] + t * (self._slope[segment] + t * cubic)
        return np.asarray(values, dtype=np.float64)

    def integrate(self, a: float, b: float) -> float:
        """Return the exact integral from `a` to `b`; negative where `b` is below `a`.

        Raises:
            ValueError: A limit is outside the domain.
        """
        segment, t = self._locate((a, b))
        to_a, to_b = self._area_before[segment] + self._area_within(segment, t)
        return float(to_b - to_a)

    def _locate(self, x: ArrayLike) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        points = np.asarray(x, dtype=np.float64)
        first, last = self.domain
        if not np.all((points >= first) & (points <= last)):
            raise ValueError(f"x must be within [{first}, {last}], where the curve is defined.")
        segment = np.searchsorted(self._x, points, side="right") - 1
        segment = np.minimum(segment, len(self._x) - 2)
        return segment, points - self._x[segment]

    def _area_within(
        self, segment: NDArray[np.intp], t: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Area from the start of `segment` to `t` past it."""
        cubic = self._c2[segment] / 3 + t * self._c3[segment] / 4
        area: NDArray[np.float64] = t * (
            self._y[segment] + t * (self._slope[segment] / 2 + t * cubic)
        )
        return area


def _require_curve(x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"x and y must be flat and equally long, not {x.shape} and {y.shape}.")
    if len(x) < 2:
        raise ValueError(f"A curve needs at least 2 points, not {len(x)}.")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("x and y must be finite.")
    if not (np.diff(x) > 0).all():
        raise ValueError("x must be strictly increasing.")


def _slopes(width: NDArray[np.float64], secant: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slopes at the points: a weighted harmonic mean of the two secants, 0 at a local extreme."""
    if len(secant) == 1:
        return np.repeat(secant, 2)
    left, right = secant[:-1], secant[1:]
    slopes = np.zeros(len(secant) + 1)
    same_way = np.flatnonzero(np.sign(left) * np.sign(right) > 0)
    weight_left = (2 * width[1:] + width[:-1])[same_way]
    weight_right = (width[1:] + 2 * width[:-1])[same_way]
    # A secant so small that its inverse overflows means a slope of zero, which inf gives.
    with np.errstate(over="ignore"):
        inverse = weight_left / left[same_way] + weight_right / right[same_way]
    slopes[1 + same_way] = (weight_left + weight_right) / inverse
    slopes[0] = _end_slope(width[0], width[1], secant[0], secant[1])
    slopes[-1] = _end_slope(width[-1], width[-2], secant[-1], secant[-2])
    return slopes


def _end_slope(width: float, next_width: float, secant: float, next_secant: float) -> float:
    """One-sided three-point slope, held back where it would break the shape."""
    slope = ((2 * width + next_width) * secant - width * next_secant) / (width + next_width)
    if np.sign(slope) != np.sign(secant):
        return 0.0
    if np.sign(secant) != np.sign(next_secant) and abs(slope) > 3 * abs(secant):
        return 3 * secant
    return slope
