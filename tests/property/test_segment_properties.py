"""Samples of any clip."""

from __future__ import annotations

import math
import random
from functools import partial
from itertools import pairwise
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmafx_tune.model import Complexity, PoolMethod
from vmafx_tune.sampling.estimates import half_interval, is_estimable, pseudo_values
from vmafx_tune.sampling.parts import choose_segments, chunk_plan
from vmafx_tune.scoring.pooling import pool_scores

costs = st.lists(st.floats(0, 1e6), min_size=1, max_size=400)


@given(costs, st.sets(st.integers(0, 399)), st.integers(1, 12), st.integers(1, 60))
def test_parts_are_inside_the_clip_disjoint_in_order_and_one_to_a_stratum(
    costs: list[float], starts: set[int], n_segments: int, length: int
) -> None:
    n_frames = len(costs)
    known = tuple(sorted(start for start in starts if start < n_frames))

    plan = choose_segments(Complexity(tuple(costs), known), n_segments, length)

    if plan is None:
        assert n_segments * length > 0.9 * n_frames or length > n_frames // n_segments
        return
    bounds = [index * n_frames // n_segments for index in range(n_segments + 1)]
    assert len(plan.segments) == n_segments
    for (begin, end), part in zip(pairwise(bounds), plan.segments, strict=True):
        assert begin <= part.first_frame < part.end_frame <= end
        assert part.n_frames == length


@given(st.lists(st.floats(0, 100), min_size=2, max_size=30), st.floats(0.01, 1))
def test_an_interval_is_never_negative_and_shrinks_with_what_is_measured(
    values: list[float], share: float
) -> None:
    found, all_of_it = half_interval(values, share), half_interval(values, 1.0)

    assert found is not None
    assert found >= 0
    assert all_of_it == 0


@given(st.floats(0, 100), st.floats(0, 1))
def test_one_part_has_no_interval(value: float, share: float) -> None:
    assert half_interval([value], share) is None


@given(st.lists(st.lists(st.floats(0, 100), min_size=4, max_size=4), min_size=1, max_size=8))
def test_pseudo_values_of_a_mean_are_the_means_of_the_parts(parts: list[list[float]]) -> None:
    found = pseudo_values(parts, lambda frames: pool_scores(frames, PoolMethod.MEAN))

    for value, part in zip(found, parts, strict=True):
        assert abs(value - fmean(part)) < 1e-6


def scores_of_a_clip(rng: random.Random, kind: int, n_frames: int) -> list[float]:
    """Scenes of their own levels, scores within them that follow each other, and a slow drift."""
    cut_chance = (1 / 50, 1 / 150, 1 / 500, 0)[kind % 4]
    memory, spread = (0.9, 0.98, 0.995)[kind % 3], (1, 2.5)[kind % 2]
    drift, level, now, frames = rng.uniform(-4, 4), rng.gauss(88, 5), 0.0, []
    for frame in range(n_frames):
        level = rng.gauss(88, 5) if rng.random() < cut_chance else level
        now = memory * now + math.sqrt(1 - memory**2) * rng.gauss(0, spread)
        frames.append(min(100.0, max(0.0, level + now + drift * frame / n_frames)))
    return frames


def estimates_of(
    pool: PoolMethod, n_parts: int, length: int, n_frames: int, n_clips: int = 160
) -> list[tuple[float, float]]:
    """How far the parts of clips are off the whole, and how far they say they may be."""
    rng, found = random.Random(5), []
    pooled = partial(pool_scores, method=pool)
    for clip in range(n_clips):
        frames = scores_of_a_clip(rng, clip, n_frames)
        # Hard frames score less, but complexity is no score.
        costs = tuple(1 + 0.1 * abs(100 - score) + rng.random() for score in frames)
        plan = choose_segments(Complexity(costs), n_parts, length)
        assert plan is not None
        parts = [frames[part.first_frame : part.end_frame] for part in plan.segments]
        error = half_interval(pseudo_values(parts, pooled), plan.share)
        assert error is not None
        found.append((pooled([v for part in parts for v in part]) - pooled(frames), error))
    return found


@pytest.mark.parametrize("pool", [pool for pool in PoolMethod if is_estimable(pool)])
@pytest.mark.parametrize(("n_parts", "length", "n_frames"), [(3, 60, 900), (6, 50, 1500)])
def test_intervals_hold_the_truth_of_clips_of_any_kind_as_often_as_they_say(
    pool: PoolMethod, n_parts: int, length: int, n_frames: int
) -> None:
    found = estimates_of(pool, n_parts, length, n_frames)

    assert fmean(abs(off) <= error for off, error in found) >= 0.93
    assert abs(fmean(off for off, _ in found)) < 0.15


@pytest.mark.parametrize("pool", [pool for pool in PoolMethod if not is_estimable(pool)])
def test_parts_give_too_high_what_is_no_mean(pool: PoolMethod) -> None:
    """Why there is no interval for these."""
    found = estimates_of(pool, 6, 50, 1500)

    assert fmean(off for off, _ in found) > 0.25


@given(st.integers(1, 5000), st.integers(1, 600), st.integers(1, 300))
def test_chunks_hold_every_frame_once_in_order_and_whole_groups_of_pictures(
    n_frames: int, length: int, gop_frames: int
) -> None:
    chunks = chunk_plan(n_frames, length, gop_frames)
    usual = max(1, round(length / gop_frames)) * gop_frames

    assert [frame for part in chunks for frame in range(part.first_frame, part.end_frame)] == list(
        range(n_frames)
    )
    assert all(part.n_frames == usual for part in chunks[:-1])
    assert len(chunks) == 1 or usual / 2 <= chunks[-1].n_frames < usual * 1.5
    assert len(chunks) > 1 or n_frames < usual * 1.5
