from __future__ import annotations

import math
from importlib import import_module

import numpy as np
import pytest

from vmafx_tune.search.curve import PchipCurve

# Rises, a plateau, a peak, a fall that steepens: every rule for a slope has its case.
X = [0.0, 1.0, 2.5, 3.0, 6.0, 7.0, 7.5]
Y = [1.0, 2.0, 2.0, 5.0, 6.0, 4.0, -9.0]


def test_two_points_make_a_straight_line() -> None:
    line = PchipCurve([1, 3], [10, 20])

    assert line([1, 1.5, 3]).tolist() == [10, 12.5, 20]
    assert line.integrate(1, 3) == 30


def test_values_are_those_of_scipy() -> None:
    scipys = import_module("scipy.interpolate").PchipInterpolator(X, Y)
    at = np.linspace(X[0], X[-1], 400)

    assert PchipCurve(X, Y)(at) == pytest.approx(scipys(at), abs=1e-12)


@pytest.mark.parametrize("y", [[0.0, 1.0, 1.1], [0.0, 1.0, -9.0], [0.0, 1.0, 9.0], [2.0, 2.0, 0.0]])
def test_end_slopes_are_those_of_scipy(y: list[float]) -> None:
    x = [0.0, 1.0, 1.5]
    scipys = import_module("scipy.interpolate").PchipInterpolator(x, y)
    at = np.linspace(0, 1.5, 50)

    assert PchipCurve(x, y)(at) == pytest.approx(scipys(at), abs=1e-12)


@pytest.mark.parametrize(("a", "b"), [(0, 7.5), (0.3, 0.4), (0.5, 6.5), (6.5, 0.5), (2, 2)])
def test_integrals_are_those_of_scipy(a: float, b: float) -> None:
    scipys = import_module("scipy.interpolate").PchipInterpolator(X, Y)

    assert PchipCurve(X, Y).integrate(a, b) == pytest.approx(float(scipys.integrate(a, b)))


def test_values_have_the_shape_of_what_was_asked() -> None:
    curve = PchipCurve(X, Y)

    assert curve(2.0).shape == ()
    assert curve([[1.0, 2.0, 3.0]]).shape == (1, 3)
    assert curve([]).shape == (0,)


def test_later_changes_of_the_callers_points_do_not_reach_the_curve() -> None:
    x, y = np.array([0.0, 1.0]), np.array([0.0, 1.0])
    curve = PchipCurve(x, y)

    y[:] = 7

    assert float(curve(0.5)) == 0.5


@pytest.mark.parametrize("outside", [-0.1, 7.6, np.nan])
def test_nothing_is_told_outside_the_points(outside: float) -> None:
    curve = PchipCurve(X, Y)

    with pytest.raises(ValueError, match="within"):
        curve(outside)
    with pytest.raises(ValueError, match="within"):
        curve.integrate(1, outside)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([1], [1], "at least 2 points"),
        ([], [], "at least 2 points"),
        ([1, 2], [1, 2, 3], "equally long"),
        ([[1, 2]], [[1, 2]], "flat"),
        ([1, 1, 2], [1, 2, 3], "strictly increasing"),
        ([2, 1], [1, 2], "strictly increasing"),
        ([1, np.inf], [1, 2], "finite"),
        ([1, 2], [1, np.nan], "finite"),
    ],
)
def test_points_that_make_no_curve_are_refused(
    x: list[float], y: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        PchipCurve(x, y)


def test_one_value_is_that_among_many() -> None:
    curve = PchipCurve(X, Y)
    at = np.linspace(X[0], X[-1], 100)

    assert [curve.at(x) for x in at] == curve(at).tolist()
    with pytest.raises(ValueError, match="within"):
        curve.at(math.nan)
