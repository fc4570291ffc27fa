from __future__ import annotations

import math

import pytest

from tests.support.points import Point
from tests.support.rate_curves import PRIOR, Encoder, film, sample
from vmafx_tune.ladder.adaptive import HullProblem, Measured, next_probes
from vmafx_tune.ladder.hull import upper_hull

FILM = film()


def measured(encoder: Encoder, *keys: tuple[int, int]) -> list[Measured]:
    found = [(key, encoder.encode(*key)) for key in keys]
    return [Measured(*key, math.log(point.bitrate_kbps), point.vmaf) for key, point in found]


def test_it_begins_with_high_scores_of_large_sizes_and_low_ones_of_small_sizes() -> None:
    wishes = next_probes(FILM.problem(60, 95), [])
    scores = [FILM.encode(*wish).vmaf for wish in wishes]
    assert [wish.size for wish in wishes] == [0, 1, 2, 3]
    assert scores == sorted(scores, reverse=True)


def test_sizes_that_are_nearly_the_same_are_not_all_asked_at_the_beginning() -> None:
    many = Encoder((1000, 950, 900, 500, 480), 51, FILM.encode)
    assert [wish.size for wish in next_probes(many.problem(60, 95), [])] == [0, 3, 4]


def test_the_order_of_what_was_measured_does_not_matter() -> None:
    points = measured(FILM, (0, 24), (1, 26), (2, 27), (3, 24))
    problem = FILM.problem(60, 95)
    assert next_probes(problem, points) == next_probes(problem, points[::-1])


def test_the_highest_target_is_reached_by_the_cheapest_step_of_the_best_size_or_almost() -> None:
    found = sample(FILM, FILM.problem(60, 95))
    best = next(p for p in found.hull if p.vmaf >= 95)
    ideal = min(p.bitrate_kbps for p in FILM.every_encode() if p.vmaf >= 95)
    assert best.bitrate_kbps <= ideal * 1.15


def test_few_encodes_find_the_hull_of_a_film() -> None:
    found = sample(FILM, FILM.problem(60, 95))
    assert len(found.points) <= 20
    assert {point.vmaf >= 90 for point in found.hull} == {True, False}


def test_a_dominated_size_is_left_alone_after_a_look() -> None:
    def encode(size: int, step: int) -> Point:
        point = FILM.encode(0, step)
        return point if size == 0 else Point(point.bitrate_kbps * 3, point.vmaf - 1)

    bad = Encoder(FILM.pixels[:2], 51, encode)
    found = sample(bad, bad.problem(60, 95))
    looks = [step for size, step in found.points if size == 1]
    assert len(looks) <= 3


def test_a_target_out_of_reach_is_shown_by_the_best_encode_of_the_nearest_size() -> None:
    low = film(3, ceiling=90)
    found = sample(low, low.problem(60, 95))
    assert (0, 0) in found.points


def test_a_clip_that_always_looks_good_ends_at_the_cheapest_step() -> None:
    still = Encoder(
        FILM.pixels,
        51,
        lambda size, step: Point(1000 * 2.0**-size * 0.9**step, 97.4 - 0.04 * step),
    )
    found = sample(still, still.problem(70, 93))
    assert (3, 51) in found.points
    assert len(found.points) <= 16


def test_one_target_needs_the_cheapest_size_that_reaches_it() -> None:
    found = sample(FILM, FILM.problem(85, 85))
    best = min(p.bitrate_kbps for p in found.points.values() if p.vmaf >= 85)
    ideal = min(p.bitrate_kbps for p in FILM.every_encode() if p.vmaf >= 85)
    assert best <= ideal * 1.15


def test_a_closed_size_is_asked_for_nothing() -> None:
    problem = FILM.problem(60, 95)
    assert all(wish.size != 1 for wish in next_probes(problem, [], closed={1}))
    points = measured(FILM, (0, 24), (2, 27), (3, 24))
    assert all(wish.size != 1 for wish in next_probes(problem, points, closed={1}))
    assert next_probes(problem, points, closed={0, 1, 2, 3}) == ()


def test_no_size_is_asked_for_more_than_its_probes() -> None:
    found = sample(FILM, FILM.problem(60, 95, max_probes=1))
    assert len(found.points) <= 4
    assert len({size for size, _ in found.points}) == len(found.points)


def test_a_knob_with_one_value_is_measured_once_for_each_size() -> None:
    one = Encoder(FILM.pixels, 0, lambda size, _: FILM.encode(size, 24))
    problem = HullProblem(one.pixels, 0, 60, 95, PRIOR)
    assert set(sample(one, problem).points) <= {(size, 0) for size in range(4)}


@pytest.mark.parametrize("n_sizes", [1, 2, 9])
def test_any_number_of_sizes_makes_a_hull(n_sizes: int) -> None:
    encoder = film(n_sizes)
    found = sample(encoder, encoder.problem(70, 93))
    assert upper_hull(found.points.values())
    assert max(point.vmaf for point in found.points.values()) >= 93
