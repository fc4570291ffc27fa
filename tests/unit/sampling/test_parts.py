"""Parts of a clip that stand for it."""

from __future__ import annotations

import pytest

from vmafx_tune.model import Complexity
from vmafx_tune.sampling.parts import SamplePlan, Segment, choose_segments


def test_a_plan_knows_how_much_of_the_clip_it_holds() -> None:
    plan = SamplePlan((Segment(0, 10), Segment(50, 15)), 100)

    assert plan.n_sampled == 25
    assert plan.share == 0.25


@pytest.mark.parametrize(
    "segments",
    [
        (),
        (Segment(0, 0),),
        (Segment(0, 10), Segment(9, 10)),
        (Segment(50, 10), Segment(0, 10)),
        (Segment(95, 10),),
        (Segment(-1, 10),),
    ],
)
def test_segments_that_overlap_or_leave_the_clip_are_no_plan(
    segments: tuple[Segment, ...],
) -> None:
    with pytest.raises(ValueError, match="segments"):
        SamplePlan(segments, 100)


def test_a_clip_without_events_is_sampled_in_the_middle_of_each_stratum() -> None:
    plan = choose_segments(Complexity((1.0,) * 100), 2, 10)

    assert plan == SamplePlan((Segment(20, 10), Segment(70, 10)), 100)


def test_a_part_is_as_hard_as_its_stratum_not_as_its_middle() -> None:
    # The middle is easy; half of the stratum is hard.
    costs = (3.0,) * 25 + (1.0,) * 50 + (3.0,) * 25

    plan = choose_segments(Complexity(costs), 1, 20)

    assert plan is not None
    first, end = plan.segments[0].first_frame, plan.segments[0].end_frame
    assert sum(costs[first:end]) / 20 == pytest.approx(2.0, abs=0.15)


def test_among_equal_places_one_that_begins_a_scene_wins() -> None:
    plan = choose_segments(Complexity((1.0,) * 100, starts=(0, 37)), 1, 10)

    assert plan == SamplePlan((Segment(37, 10),), 100)


@pytest.mark.parametrize(("n_segments", "length"), [(1, 101), (2, 60), (10, 10), (1, 91), (91, 1)])
def test_nearly_the_whole_clip_or_more_is_no_sample(n_segments: int, length: int) -> None:
    assert choose_segments(Complexity((1.0,) * 100), n_segments, length) is None


def test_the_same_clip_gives_the_same_plan() -> None:
    costs = tuple(float(index * 7919 % 101) for index in range(1000))

    assert choose_segments(Complexity(costs, (0, 500)), 6, 50) == choose_segments(
        Complexity(costs, (0, 500)), 6, 50
    )
