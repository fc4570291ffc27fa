from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmafx_tune.choices import PoolMethod
from vmafx_tune.sampling.estimates import is_estimable
from vmafx_tune.sampling.parts import LOOK_LEAD_IN, look_plan, look_subsample


@pytest.mark.parametrize("n_frames", [1, 12, 60, 90])
def test_a_short_clip_gets_no_looks(n_frames: int) -> None:
    assert look_plan(n_frames) is None


def test_ten_seconds_at_25_frames_a_second_get_looks_at_the_middles_of_their_quarters() -> None:
    plan = look_plan(250)

    assert plan is not None
    middles = [part.first_frame + part.n_frames / 2 for part in plan.segments]
    assert middles == pytest.approx([31.25, 93.75, 156.25, 218.75], abs=1)


def test_long_clips_get_more_parts_up_to_a_few() -> None:
    counts = [len(plan.segments) for n in (250, 1500, 90_000) if (plan := look_plan(n))]

    assert counts == sorted(counts)
    assert counts[0] < counts[1] <= counts[2] <= 8


def test_where_probes_take_a_sample_only_looks_are_measured_against_that() -> None:
    assert look_plan(1500, 90) is None
    of_sample, of_clip = look_plan(1500, 200), look_plan(1500)

    assert of_sample is not None
    assert of_clip is not None
    assert len(of_sample.segments) < len(of_clip.segments)
    assert of_sample.n_frames == 1500


@given(st.integers(1, 200_000))
def test_a_look_is_little_of_the_clip_in_parts_longer_than_their_lead_in(
    n_frames: int,
) -> None:
    plan = look_plan(n_frames)

    if plan is not None:
        assert plan.n_frames == n_frames
        assert plan.n_sampled <= 0.36 * n_frames
        assert all(part.n_frames > LOOK_LEAD_IN for part in plan.segments)
        assert all(one.end_frame <= other.first_frame for one, other in pairwise(plan.segments))


@pytest.mark.parametrize("pool", PoolMethod)
@pytest.mark.parametrize("subsample", [1, 2, 5])
def test_a_look_scores_few_frames_unless_the_worst_of_them_count(
    pool: PoolMethod, subsample: int
) -> None:
    usual = 3 if is_estimable(pool) else 1

    assert look_subsample(pool, subsample) == max(subsample, usual)
