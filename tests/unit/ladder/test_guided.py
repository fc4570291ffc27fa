from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.support.points import Point
from tests.support.rate_curves import PRIOR, Encoder, Sampled, film, measured, sample
from vmafx_tune.ladder.adaptive import next_probes
from vmafx_tune.ladder.hull import upper_hull
from vmafx_tune.ladder.hull_model import CurveModel, KnownCurves, QualityScale
from vmafx_tune.search.curve import PchipCurve

if TYPE_CHECKING:
    from collections.abc import Sequence


OLD, NEW = film(midpoint=36), film(midpoint=39, drop=2.2)


def guided(encoder: Encoder, *, most: int = 8) -> Sampled:
    known = sample(OLD, OLD.problem(60, 95)).known()
    problem = replace(encoder.problem(60, 95), others=(known,), max_guided=most)
    return sample(encoder, problem)


def excess(encoder: Encoder, hull: Sequence[Point]) -> float:
    def mean(points: Sequence[Point]) -> float:
        curve = PchipCurve([p.vmaf for p in points], [math.log(p.bitrate_kbps) for p in points])
        return curve.integrate(66, 94) / 28

    return mean(hull) - mean(upper_hull(encoder.every_encode()))


def test_eight_probes_find_the_hull_of_a_second_encoder() -> None:
    found = guided(NEW)
    assert len(found.points) <= 8
    assert abs(excess(NEW, found.hull)) < 0.005


def test_it_ends_at_its_number_of_probes() -> None:
    assert len(guided(NEW, most=5).points) == 5


def test_there_is_one_probe_at_a_time() -> None:
    assert {len(wishes) for wishes in guided(NEW).rounds} == {1}


def test_the_highest_target_is_reached() -> None:
    assert max(p.vmaf for p in guided(NEW).points.values()) >= 95


def test_where_the_hull_is_dense_already_it_asks_for_no_more() -> None:
    found = guided(NEW, most=100)
    gaps = [upper.vmaf - lower.vmaf for lower, upper in pairwise(found.hull)]
    assert len(found.points) < 30
    assert max(gaps) < 8


def test_an_encoder_that_never_reaches_the_range_shows_so_and_ends() -> None:
    poor = film(ceiling=50)
    assert len(guided(poor).points) <= 8


def test_other_encoders_inform_the_curves_and_more_so_what_was_measured_of_its_own() -> None:
    vmafs = np.array([80.0])
    scale = QualityScale.above([95.0])
    known = sample(OLD, OLD.problem(60, 95)).known()
    alone = CurveModel(OLD.pixels, PRIOR, scale, [])
    told = CurveModel(OLD.pixels, PRIOR, scale, [], [known])
    own = CurveModel(OLD.pixels, PRIOR, scale, known.measured)
    doubts = [model.log_rate(1, vmafs).deviation[0] for model in (own, told, alone)]
    assert doubts == sorted(doubts)
    assert doubts[1] < doubts[2] / 2


def test_an_encoder_of_which_nothing_is_known_changes_nothing() -> None:
    vmafs = np.array([70.0, 90.0])
    scale = QualityScale.above([95.0])
    measured = sample(OLD, OLD.problem(60, 95)).known().measured
    alone = CurveModel(OLD.pixels, PRIOR, scale, measured).log_rate(0, vmafs)
    beside = CurveModel(OLD.pixels, PRIOR, scale, measured, [KnownCurves(PRIOR, ())])
    assert beside.log_rate(0, vmafs).mean == pytest.approx(alone.mean)


def test_the_hull_begins_near_the_lowest_target() -> None:
    assert guided(NEW).hull[0].vmaf <= 63


@pytest.mark.parametrize("midpoint", [36, 39])
def test_a_target_near_the_ceiling_is_reached_without_the_best_quality(midpoint: int) -> None:
    found = guided(film(midpoint=midpoint, ceiling=95.6))
    assert max(p.vmaf for p in found.points.values()) >= 95
    assert min(step for _, step in found.points) > 0


def test_a_target_that_another_encoder_reached_is_looked_for_half_way_to_the_best_quality() -> None:
    old, new = (replace(encoder, pixels=encoder.pixels[:1]) for encoder in (OLD, NEW))
    known = sample(old, old.problem(60, 95)).known()
    problem = replace(new.problem(60, 95), others=(known,), max_guided=8)
    flat = [measured((0, 40), Point(69, 74)), measured((0, 20), Point(350, 81))]
    assert next_probes(problem, flat) == ((0, 10),)


@pytest.mark.parametrize("saving", [0.2, 0.4, 0.6])
def test_an_encoder_that_saves_more_at_large_sizes_is_tried_there(saving: float) -> None:
    def encode(size: int, step: int) -> Point:
        point = NEW.encode(size, step)
        share = math.exp(-saving * (1 - 0.28 * size))
        return replace(point, bitrate_kbps=share * point.bitrate_kbps)

    modern = replace(NEW, encode=encode)

    assert abs(excess(modern, guided(modern).hull)) < 0.02
