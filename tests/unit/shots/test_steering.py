from __future__ import annotations

import math
from dataclasses import replace

import pytest

from vmafx_tune.choices import PerShot
from vmafx_tune.encoders.registry import encoder_row
from vmafx_tune.knob import TypicalCurve
from vmafx_tune.model import PoolMethod
from vmafx_tune.shots.allocation import Offer, allocate
from vmafx_tune.shots.curves import ShotPoint
from vmafx_tune.shots.steering import (
    MOST_PROBES,
    Choice,
    ShotProblem,
    ShotWish,
    next_wishes,
    usual_fall,
)

LAST = 50
PRIOR = TypicalCurve(38.4, 4.8)
LENGTHS = (120, 75, 48, 200)
# Of each shot: bytes of a frame at step 0, fall of their logarithm, midpoint, width, ceiling.
KINDS = (
    (9e3, 0.13, 35.0, 4.5, 98.0),
    (40e3, 0.11, 41.0, 5.5, 99.5),
    (90e3, 0.12, 39.0, 4.0, 100.0),
    (1e3, 0.09, 47.0, 6.5, 97.6),
)
PROBLEM = ShotProblem(
    LENGTHS, LAST, PRIOR, PoolMethod.MEAN, PerShot.SLOPE, first_step=27, hints=({}, {}, {}, {})
)


def measure(wish: ShotWish) -> ShotPoint:
    size, fall, midpoint, width, ceiling = KINDS[wish.shot]
    score = TypicalCurve(midpoint, width).score_at(wish.step, ceiling)
    return ShotPoint(round(LENGTHS[wish.shot] * size * math.exp(-fall * wish.step)), score)


def steer(problem: ShotProblem, aim: float) -> tuple[Choice | None, list[dict[int, ShotPoint]]]:
    measured: list[dict[int, ShotPoint]] = [{} for _ in problem.lengths]
    while True:
        choice, wishes = next_wishes(problem, measured, aim)
        if not wishes:
            return choice, measured
        assert choice is None
        for wish in wishes:
            assert wish.step not in measured[wish.shot]
            measured[wish.shot][wish.step] = measure(wish)


def best(aim: float) -> float:
    """What the cheapest settings take, by all there are."""
    grid = [
        [
            Offer(step, *measure(ShotWish(shot, step)), measure(ShotWish(shot, step)).score * n)
            for step in range(LAST + 1)
        ]
        for shot, n in enumerate(LENGTHS)
    ]
    chosen = allocate(grid, aim * sum(LENGTHS))
    assert chosen is not None
    return math.fsum(offer.size_bytes for offer in chosen)


@pytest.mark.parametrize("aim", [85, 90, 93, 95])
def test_a_few_probes_of_each_shot_find_what_all_settings_would(aim: float) -> None:
    choice, measured = steer(PROBLEM, aim)

    assert choice is not None
    assert choice.score >= aim
    assert choice.size_bytes <= 1.01 * best(aim)
    assert sum(map(len, measured)) <= 0.15 * (LAST + 1) * len(LENGTHS)
    assert max(map(len, measured)) <= MOST_PROBES


def test_what_is_chosen_was_measured() -> None:
    choice, measured = steer(PROBLEM, 92)

    assert choice is not None
    assert all(step in points for step, points in zip(choice.steps, measured, strict=True))
    sizes = [points[step].size_bytes for step, points in zip(choice.steps, measured, strict=True)]
    assert choice.size_bytes == sum(sizes)


def test_each_shot_is_measured_first_where_the_whole_reaches_the_target() -> None:
    choice, wishes = next_wishes(PROBLEM, [{} for _ in LENGTHS], 92)

    assert choice is None
    assert wishes == tuple(ShotWish(shot, 27) for shot in range(len(LENGTHS)))


def test_equal_quality_is_equal_to_within_a_step() -> None:
    choice, measured = steer(replace(PROBLEM, mode=PerShot.CONSTANT), 92)

    assert choice is not None
    assert choice.score >= 92
    scores = [points[step].score for step, points in zip(choice.steps, measured, strict=True)]
    assert max(scores) - min(scores) < 2


def test_a_score_that_no_setting_reaches_ends_with_the_best_ones_measured() -> None:
    choice, measured = steer(PROBLEM, 99.9)

    assert choice is None
    assert all(0 in points or len(points) == MOST_PROBES for points in measured)


@pytest.mark.parametrize("crf", [63, 61, 50, 35])
def test_estimates_reach_as_far_in_quality_wherever_a_knob_is_uneven(crf: float) -> None:
    knob = encoder_row("libsvtav1").knob.narrowed(1, 63, 1)
    step, prior = knob.step_of(crf), knob.prior
    problem = replace(
        PROBLEM, lengths=(50,), hints=({},), prior=prior, last_step=62, first_step=step
    )

    choice, wishes = next_wishes(problem, [{step: ShotPoint(1000, 40.0)}], 99)

    assert choice is None
    (wish,) = wishes
    # To the nearest step.
    reach = [prior.widths(step) - prior.widths(wish.step + half) for half in (-0.5, 0.5)]
    assert reach[1] <= 1.5 <= reach[0]


def test_a_setting_with_nothing_measured_so_near_in_quality_gets_a_probe_beside_it() -> None:
    knob = encoder_row("libsvtav1").knob.narrowed(1, 63, 1)
    problem = replace(PROBLEM, lengths=(50,), hints=({},), prior=knob.prior, last_step=62)
    # CRF 63 and 56, which are more than a width apart.
    measured = [{62: ShotPoint(1000, 40.0), 55: ShotPoint(2000, 70.0)}]

    choice, wishes = next_wishes(problem, measured, 40)

    assert choice is None
    assert wishes == (ShotWish(0, 61),)


def test_the_harmonic_mean_is_reached_too() -> None:
    problem = replace(PROBLEM, pool=PoolMethod.HARMONIC_MEAN)

    choice, _ = steer(problem, 92)

    assert choice is not None
    assert choice.score >= 92


def test_how_fast_bitrates_fall_is_told_by_two_encodes() -> None:
    assert usual_fall({20: 800.0, 25: 400.0, 30: 200.0}) == pytest.approx(math.log(4) / 10)


def test_one_encode_does_not_tell_it() -> None:
    assert usual_fall({20: 800.0}) == usual_fall({20: 100.0, 30: 200.0})
