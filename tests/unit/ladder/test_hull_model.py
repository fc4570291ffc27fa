from __future__ import annotations

import math

import numpy as np
import pytest

from tests.support.rate_curves import PRIOR, film
from vmafx_tune.ladder.hull import upper_hull
from vmafx_tune.ladder.hull_model import CurveModel, Measured, QualityScale

FILM = film()
SCALE = QualityScale.above([95.0])


def measured(*keys: tuple[int, int]) -> list[Measured]:
    found = [(key, FILM.encode(*key)) for key in keys]
    return [Measured(*key, math.log(point.bitrate_kbps), point.vmaf) for key, point in found]


def model(*keys: tuple[int, int]) -> CurveModel:
    return CurveModel(FILM.pixels, PRIOR, SCALE, measured(*keys))


def test_the_scale_keeps_the_order_of_scores_and_takes_all_of_them() -> None:
    odds = QualityScale.above([110.0]).odds([0.0, 0.5, 20.0, 97.9, 110.0])
    assert np.isfinite(odds).all()
    assert (np.diff(odds) >= 0).all()


def test_what_was_measured_is_estimated_as_it_was_and_with_little_doubt() -> None:
    known = measured((0, 30))[0]
    estimate = model((0, 30), (0, 36)).log_rate(0, np.array([known.vmaf]))
    assert estimate.mean[0] == pytest.approx(known.log_rate, abs=0.01)
    assert estimate.deviation[0] < 0.01


def test_doubt_grows_with_the_distance_from_what_was_measured() -> None:
    near = measured((0, 30))[0].vmaf
    doubts = model((0, 30)).log_rate(0, np.array([near, near + 5, near + 10])).deviation
    assert doubts[0] < doubts[1] < doubts[2]


def test_what_was_measured_at_one_size_informs_the_others() -> None:
    vmafs = np.array([80.0])
    alone, informed = model().log_rate(1, vmafs), model((0, 30)).log_rate(1, vmafs)
    assert informed.deviation[0] < alone.deviation[0] / 2


def test_two_points_of_a_size_foretell_a_third() -> None:
    point = FILM.encode(0, 30)
    estimate = model((0, 26), (0, 34))
    vmafs = np.array([point.vmaf])
    assert estimate.step(0, vmafs).mean[0] == pytest.approx(30, abs=1)
    assert estimate.log_rate(0, vmafs).mean[0] == pytest.approx(
        math.log(point.bitrate_kbps), abs=0.05
    )


def test_of_points_that_are_alike_the_hull_has_the_same_one_however_they_were_made() -> None:
    for _ in range(50):
        alike = [Measured(1, 25, 7.0, 90.0), Measured(0, 30, 7.0, 90.0)]
        assert upper_hull(alike) == upper_hull(alike[::-1]) == (Measured(0, 30, 7.0, 90.0),)
