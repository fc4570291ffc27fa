"""What finished files say of the next one's curve."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from vmafx_tune.batch.learning import LearnedCurves, MeasuredCurve
from vmafx_tune.encoders.registry import all_rows, encoder_row
from vmafx_tune.knob import Knob, TypicalCurve
from vmafx_tune.search.expected_curve import TYPICAL_CEILING

TARGET = 90.0


def knob_of(name: str) -> Knob:
    return encoder_row(name).knob


def towards_worse(knob: Knob) -> int:
    return -1 if knob.higher_is_better else 1


def prior_of(encoder: str, learned: LearnedCurves) -> TypicalCurve:
    """What a search begins with, in steps."""
    curve = learned.curve(encoder, "fast", 720)
    assert curve is not None
    return replace(knob_of(encoder), typical=curve).prior


def shifted(encoder: str, shift: float, target: float = TARGET, lines: int = 720) -> MeasuredCurve:
    """Probes of a clip whose curve is so many widths worse than a typical one's."""
    knob = knob_of(encoder)
    better, worse = (target + 1, target - 1)
    curve = knob.prior.moved(shift)
    places = [curve.step_at(score, TYPICAL_CEILING) for score in (better, worse)]
    sign = towards_worse(knob)
    qualities = [knob.best + sign * place * knob.increment for place in places]
    points = tuple(zip(qualities, (better, worse), strict=True))
    return MeasuredCurve(encoder, "fast", lines, target, points)


@pytest.mark.parametrize("encoder", [row.name for row in all_rows()])
def test_the_next_file_is_expected_where_the_latest_ones_were(encoder: str) -> None:
    learned, knob = LearnedCurves(knob_of), knob_of(encoder)
    for shift in (-0.6, 1.0, 0.8):
        learned.learn(shifted(encoder, shift))

    found = prior_of(encoder, learned)
    for step in (0, knob.last_step):
        assert 0.6 < knob.prior.widths(step) - found.widths(step) < 0.9


@pytest.mark.parametrize("encoder", [row.name for row in all_rows()])
def test_the_next_file_is_expected_to_fall_as_steeply_as_the_others(encoder: str) -> None:
    learned, knob = LearnedCurves(knob_of), knob_of(encoder)
    steep = knob.prior.moved(0.0, 2.0)
    for _ in range(9):
        points = tuple(
            (knob.best + towards_worse(knob) * steep.step_at(score, TYPICAL_CEILING), score)
            for score in (94.0, 86.0)
        )
        stepped = tuple(
            (knob.best + (quality - knob.best) * knob.increment, score) for quality, score in points
        )
        learned.learn(MeasuredCurve(encoder, "fast", 720, TARGET, stepped))
    found = prior_of(encoder, learned)

    for step in (0, knob.last_step):
        assert found.widths(step) == pytest.approx(steep.widths(step), rel=0.1, abs=0.1)
    assert found.step_at(TARGET, TYPICAL_CEILING) == pytest.approx(
        steep.step_at(TARGET, TYPICAL_CEILING), abs=0.05 * steep.width
    )


@pytest.mark.parametrize("points", [((30.0, 80.0), (31.0, 85.0)), ((30.0, 80.0), (31.0, 80.0))])
def test_scores_that_do_not_fall_say_nothing_of_how_steep_a_curve_is(
    points: tuple[tuple[float, float], ...],
) -> None:
    learned = LearnedCurves(knob_of)
    learned.learn(MeasuredCurve("libx264", "fast", 720, TARGET, points))

    assert prior_of("libx264", learned).width == pytest.approx(knob_of("libx264").prior.width)


def test_only_encodes_of_the_same_kind_count() -> None:
    learned = LearnedCurves(knob_of)
    learned.learn(shifted("libx264", 2.0))

    assert learned.curve("libx264", "fast", 720) is not None
    for other in (("libx265", "fast", 720), ("libx264", "slow", 720), ("libx264", "fast", 480)):
        assert learned.curve(*other) is None


def test_scores_near_the_ceiling_say_nothing() -> None:
    learned = LearnedCurves(knob_of)
    learned.learn(MeasuredCurve("libx264", "fast", 720, 99.0, ((10.0, 98.4), (12.0, 99.9))))

    assert learned.curve("libx264", "fast", 720) is None


def test_what_was_learned_outlives_the_run() -> None:
    curve = shifted("libx264", 2.0)

    assert MeasuredCurve.of(json.loads(json.dumps(curve.plain))) == curve


def test_a_typical_curve_stays_where_it_is() -> None:
    learned = LearnedCurves(knob_of)
    learned.learn(shifted("libx264", 0.0))
    curve, typical = learned.curve("libx264", "fast", 720), knob_of("libx264").typical

    assert curve is not None
    assert typical is not None
    assert (curve.midpoint, curve.width) == pytest.approx((typical.midpoint, typical.width))
    assert isinstance(curve, TypicalCurve)
