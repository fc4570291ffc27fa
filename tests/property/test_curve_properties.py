from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmafx_tune.search.curve import PchipCurve

from .strategies import curve_points

Points = tuple[list[float], list[float]]
fractions = st.floats(0, 1)


def inside(curve: PchipCurve, fraction: float) -> float:
    first, last = curve.domain
    return min(max(first + fraction * (last - first), first), last)


@given(curve_points())
def test_a_curve_goes_through_its_points(points: Points) -> None:
    x, y = points

    assert PchipCurve(x, y)(x) == pytest.approx(np.array(y), abs=1e-9)


@given(curve_points())
def test_a_curve_through_rising_points_rises(points: Points) -> None:
    x, y = points
    curve = PchipCurve(x, sorted(y))

    values = curve(np.linspace(*curve.domain, 500))

    assert np.diff(values).min() >= -1e-9


@given(curve_points())
def test_a_curve_stays_within_the_range_of_its_points(points: Points) -> None:
    x, y = points
    curve = PchipCurve(x, y)

    values = curve(np.linspace(*curve.domain, 500))

    assert min(y) - 1e-9 <= values.min()
    assert values.max() <= max(y) + 1e-9


@given(curve_points(), fractions, fractions)
def test_values_and_integrals_are_those_of_scipy(points: Points, at: float, to: float) -> None:
    x, y = points
    curve = PchipCurve(x, y)
    a, b = inside(curve, at), inside(curve, to)

    with np.errstate(over="ignore"):  # scipy warns of secants that are almost zero
        scipys = import_module("scipy.interpolate").PchipInterpolator(x, y)

    assert float(curve(a)) == pytest.approx(float(scipys(a)), rel=1e-9, abs=1e-9)
    assert curve.integrate(a, b) == pytest.approx(float(scipys.integrate(a, b)), rel=1e-9, abs=1e-6)


@given(curve_points(), fractions, fractions, fractions)
def test_adjoining_integrals_add_up(points: Points, at: float, via: float, to: float) -> None:
    curve = PchipCurve(*points)
    a, b, c = inside(curve, at), inside(curve, via), inside(curve, to)

    parts = curve.integrate(a, b) + curve.integrate(b, c)

    assert parts == pytest.approx(curve.integrate(a, c), abs=1e-6)
    assert curve.integrate(b, a) == pytest.approx(-curve.integrate(a, b), abs=1e-9)
