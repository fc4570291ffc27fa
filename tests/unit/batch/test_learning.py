"""What finished files say of the next one's curve."""

from __future__ import annotations

import json

import pytest

from vmafx_tune.batch.learning import LearnedCurves, MeasuredCurve
from vmafx_tune.encoders.registry import all_rows, encoder_row
from vmafx_tune.knob import Knob, TypicalCurve
from vmafx_tune.search.expected_curve import TYPICAL_CEILING

TARGET = 90.0


def knob_of(name: str) -> Knob:
    return encoder_row(name).knob


def shifted(encoder: str, shift: float, target: float = TARGET, lines: int = 720) -> MeasuredCurve:
    """Probes of a clip whose curve is so many values of the knob worse than a typical one's."""
    knob = knob_of(encoder)
    better, worse = (target + 1, target - 1)
    places = [knob.prior.step_at(score, TYPICAL_CEILING) for score in (better, worse)]
    sign = -1 if knob.higher_is_better else 1
    qualities = [knob.best + sign * (place * knob.increment + shift) for place in places]
    points = tuple(zip(qualities, (better, worse), strict=True))
    return MeasuredCurve(encoder, "fast", lines, target, points)


@pytest.mark.parametrize("encoder", [row.name for row in all_rows()])
def test_the_next_file_is_expected_where_the_others_were(encoder: str) -> None:
    learned, knob = LearnedCurves(knob_of), knob_of(encoder)
    for shift in (-3.0, 5.0, 4.0):
        learned.learn(shifted(encoder, shift))
    curve = learned.curve(encoder, "fast", 720)

    assert curve is not None
    prior = Knob(**{**{f: getattr(knob, f) for f in Knob.__dataclass_fields__}, "typical": curve})
    moved = prior.prior.midpoint - knob.prior.midpoint
    assert moved * knob.increment == pytest.approx(4.0)
    assert prior.prior.width == pytest.approx(knob.prior.width)


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
