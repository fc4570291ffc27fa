from __future__ import annotations

import math

import pytest

from vmafx_tune.model import PoolMethod
from vmafx_tune.scoring.pooling import pool_scores
from vmafx_tune.shots.allocation import (
    Offer,
    allocate,
    contribution,
    equal_quality,
    is_divisible,
    pooled,
)


def offers(*points: tuple[float, float], n_frames: int = 1) -> list[Offer]:
    return [Offer(step, size, score, n_frames * score) for step, (size, score) in enumerate(points)]


HARD = offers((100, 95), (60, 90), (40, 80))
EASY = offers((10, 98), (6, 97), (4, 94))


def test_bits_go_where_they_gain_the_most() -> None:
    chosen = allocate([HARD, EASY], 2 * 92)

    assert chosen is not None
    assert [offer.step for offer in chosen] == [1, 2]


def test_the_best_offers_are_not_enough_for_everything() -> None:
    assert allocate([HARD, EASY], 2 * 97) is None
    assert equal_quality([HARD, EASY], 2 * 97) is None


def test_what_is_wanted_may_be_just_reached() -> None:
    chosen = allocate([HARD, EASY], 95 + 98)

    assert chosen == (HARD[0], EASY[0])


def test_an_offer_off_the_hull_is_taken_where_it_is_the_cheapest_that_is_enough() -> None:
    off_the_hull = offers((10, 90), (8, 81), (5, 80))

    assert allocate([off_the_hull], 81) == (off_the_hull[1],)


def test_all_shots_have_about_the_same_quality_where_that_is_asked_for() -> None:
    chosen = equal_quality([HARD, EASY], 2 * 92)

    assert chosen is not None
    assert [offer.score for offer in chosen] == [90, 94]


def test_a_shot_near_its_ceiling_does_not_get_bits_for_nothing() -> None:
    flat = offers((1000, 97.41), (30, 97.4), (20, 97.35), (10, 96))
    other = offers((50, 99), (40, 98), (30, 97))

    chosen = equal_quality([flat, other], 98 + 97)

    assert chosen is not None
    assert chosen[0].step == 2


@pytest.mark.parametrize("pool", [PoolMethod.MEAN, PoolMethod.HARMONIC_MEAN])
def test_the_pooled_score_of_a_whole_is_made_of_what_its_shots_add(pool: PoolMethod) -> None:
    shots = [[90.0, 91.5, 40.0], [99.0], [70.0, 0.0, 3.5, 88.0]]

    quality = math.fsum(contribution(pool_scores(one, pool), len(one), pool) for one in shots)

    frames = [score for shot in shots for score in shot]
    assert is_divisible(pool)
    assert pooled(quality, len(frames), pool) == pytest.approx(pool_scores(frames, pool))


@pytest.mark.parametrize("pool", [PoolMethod.MIN, PoolMethod.P1, PoolMethod.P5, PoolMethod.P10])
def test_minimum_and_percentiles_are_not_made_of_parts(pool: PoolMethod) -> None:
    assert not is_divisible(pool)
