from __future__ import annotations

import math

import pytest

from vmafx_tune.knob import TypicalCurve
from vmafx_tune.shots.curves import ShotCurve, ShotPoint

PRIOR = TypicalCurve(38.0, 5.0)


def shot(step: int) -> ShotPoint:
    """A shot that is a little harder than a typical one."""
    return ShotPoint(round(1e6 * math.exp(-0.14 * step)), PRIOR.score_at(step * 1.1 - 1, 98.5))


def curve(*steps: int, hints: dict[int, float] | None = None) -> ShotCurve:
    return ShotCurve({step: shot(step) for step in steps}, hints or {}, prior=PRIOR, fall=0.1)


def test_what_was_measured_is_what_it_is() -> None:
    assert curve(20, 30).at(30) == shot(30)


def test_between_measured_points_estimates_are_near() -> None:
    size, score = curve(20, 26, 32).at(23)

    assert size == pytest.approx(shot(23).size_bytes, rel=0.01)
    assert score == pytest.approx(shot(23).score, abs=0.3)


def test_beyond_them_they_fall_on() -> None:
    known = curve(20, 26)

    assert known.at(30)[0] < known.at(26)[0] < known.at(20)[0] < known.at(16)[0]
    assert known.at(30)[1] < known.at(26)[1] < known.at(20)[1] < known.at(16)[1]


def test_with_one_point_the_bitrate_falls_as_that_of_the_whole() -> None:
    assert curve(20).at(25)[0] == pytest.approx(shot(20).size_bytes * math.exp(-0.5))


def test_scores_follow_those_of_the_whole_encodes_moved_to_what_was_measured() -> None:
    # As if it had half a step less than by itself.
    hints = {step: PRIOR.score_at((step + 0.5) * 1.1 - 1, 98.5) for step in (18, 22, 28, 34)}

    _, score = curve(22, hints=hints).at(28)

    assert score == pytest.approx(shot(28).score, abs=0.4)


def test_scores_above_the_usual_ceiling_are_taken() -> None:
    flat = {10: ShotPoint(900, 100.0), 20: ShotPoint(300, 99.9)}

    _, score = ShotCurve(flat, {}, prior=PRIOR).at(15)

    assert 99.8 < score < 100.1
