from __future__ import annotations

import math
from dataclasses import replace
from itertools import chain, combinations, pairwise
from operator import attrgetter
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.support.points import Point, expected_vmaf
from vmafx_tune.choices import Spacing
from vmafx_tune.errors import InvalidLadderError
from vmafx_tune.formatting import rough_bitrate
from vmafx_tune.ladder.hull import upper_hull
from vmafx_tune.ladder.limits import apply_caps, non_shrinking, shrinks
from vmafx_tune.ladder.rung_options import read_throughput
from vmafx_tune.ladder.selection import Selection, enforce_gap, select_rungs
from vmafx_tune.ladder.spacing import (
    are_apart,
    select_knees,
    select_log_bitrates,
    select_optimal,
    select_vmaf_steps,
)
from vmafx_tune.ladder.throughput import LogNormalThroughput, MeasuredThroughput
from vmafx_tune.results.rung_choice import RungChoice

from .strategies import (
    audiences,
    choices,
    clouds,
    hulls,
    limits,
    sized_clouds,
    sized_hulls,
    throughputs,
)

if TYPE_CHECKING:
    from vmafx_tune.ladder.throughput import Throughput

Hull = tuple[Point, ...]

PIXELS = attrgetter("pixels")


def selected(cloud: list[Point], choice: RungChoice, *, by_size: bool = False) -> Selection[Point]:
    """A selection that the limits leave something to."""
    throughput = read_throughput(choice, Path.read_bytes)
    size_of = attrgetter("resolution") if by_size else None
    try:
        return select_rungs(cloud, choice, throughput=throughput, size_of=size_of)
    except InvalidLadderError:
        assume(False)
        raise


@given(clouds(), choices())
def test_a_ladder_rises_within_its_limits_on_points_of_the_hull(
    cloud: list[Point], choice: RungChoice
) -> None:
    selection = selected(cloud, choice)

    rungs = selection.rungs
    assert set(rungs) <= set(selection.hull) <= set(cloud)
    assert bool(rungs) == bool(cloud)
    assert len(rungs) <= choice.max_rungs
    for lower, upper in pairwise(rungs):
        assert lower.bitrate_kbps < upper.bitrate_kbps
        assert lower.vmaf < upper.vmaf
        distance = upper.bitrate_kbps - lower.bitrate_kbps
        assert distance >= min(choice.min_bitrate_gap_kbps, lower.bitrate_kbps / 4)


@given(sized_clouds(), choices())
def test_the_picture_never_gets_smaller_unless_mixed_resolutions_are_allowed(
    cloud: list[Point], choice: RungChoice
) -> None:
    selection = selected(cloud, choice, by_size=True)

    sizes = [rung.pixels for rung in selection.rungs]
    assert choice.mixed_resolutions or sizes == sorted(sizes)
    assert selection.hull == upper_hull(cloud)
    if choice.mixed_resolutions:
        assert selection == selected(cloud, choice)


@given(sized_clouds(), choices())
def test_a_hull_whose_pictures_grow_anyway_loses_nothing_to_their_sizes(
    cloud: list[Point], choice: RungChoice
) -> None:
    hull = upper_hull(cloud)
    grown = [replace(point, pixels=index // 2) for index, point in enumerate(hull)]

    assert selected(grown, choice, by_size=True) == selected(grown, choice)


@given(sized_clouds(), choices())
def test_every_point_that_could_be_a_rung_and_is_none_by_its_size_is_told(
    cloud: list[Point], choice: RungChoice
) -> None:
    choice = replace(choice, mixed_resolutions=False, min_bitrate_gap_kbps=0.0)
    free = selected(cloud, choice).rungs

    selection = selected(cloud, choice, by_size=True)

    lost = set(free) - set(selection.rungs)
    told = [note for note in selection.notes if "--mixed-resolutions allows it" in note]
    assert len(told) == bool(lost)
    assert all(rough_bitrate(point.bitrate_kbps) in told[0] for point in lost)


@given(sized_hulls(max_gains=9))
def test_no_other_choice_of_growing_pictures_up_to_as_good_a_top_is_worth_more(hull: Hull) -> None:
    def worth(points: Hull) -> float:
        ends = [*(point.bitrate_kbps for point in points[1:]), hull[-1].bitrate_kbps]
        return math.fsum(
            point.vmaf * math.log(end / point.bitrate_kbps)
            for point, end in zip(points, ends, strict=True)
        )

    choices = chain.from_iterable(combinations(hull, size + 1) for size in range(len(hull)))
    as_good = (choice for choice in choices if choice[-1].vmaf >= hull[-1].vmaf - 1)
    best = max(worth(choice) for choice in as_good if not shrinks(choice, PIXELS))

    kept = non_shrinking(hull, PIXELS)

    assert kept[-1].vmaf >= hull[-1].vmaf - 1
    assert not shrinks(kept, PIXELS)
    assert worth(kept) == pytest.approx(best, rel=1e-9, abs=1e-12)


@given(clouds(), choices(), st.data())
def test_the_order_of_the_points_does_not_matter(
    cloud: list[Point], choice: RungChoice, data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(cloud))

    assert selected(shuffled, choice) == selected(cloud, choice)


@given(clouds(min_size=1), choices(), st.data())
def test_a_dominated_point_changes_nothing(
    cloud: list[Point], choice: RungChoice, data: st.DataObject
) -> None:
    beaten_by = data.draw(st.sampled_from(cloud))
    dearer, worse = data.draw(st.floats(0, 500)), data.draw(st.floats(1, 50))
    dominated = Point(beaten_by.bitrate_kbps + dearer, beaten_by.vmaf - worse)

    assert selected([*cloud, dominated], choice) == selected(cloud, choice)


@given(clouds(), choices(Spacing.KNEE))
def test_choosing_again_from_the_rungs_gives_the_same_ladder(
    cloud: list[Point], choice: RungChoice
) -> None:
    rungs = selected(cloud, choice).rungs

    assert selected(list(rungs), choice).rungs == rungs


@given(clouds(), choices(Spacing.KNEE), st.integers(-8, 8).map(math.exp2))
def test_the_unit_of_bitrate_does_not_matter(
    cloud: list[Point], choice: RungChoice, factor: float
) -> None:
    def scaled(point: Point) -> Point:
        return replace(point, bitrate_kbps=point.bitrate_kbps * factor)

    low, high = choice.min_bitrate_kbps, choice.max_bitrate_kbps
    scaled_choice = replace(
        choice,
        min_bitrate_gap_kbps=choice.min_bitrate_gap_kbps * factor,
        min_bitrate_kbps=low and low * factor,
        max_bitrate_kbps=high and high * factor,
    )

    rungs = selected([scaled(point) for point in cloud], scaled_choice).rungs

    assert rungs == tuple(scaled(point) for point in selected(cloud, choice).rungs)


def farthest_left_out(hull: Hull, chosen: list[int]) -> int:
    """Of all points not chosen yet, the one farthest from the chord that spans it."""
    left, right = hull[0], hull[-1]
    width, height = right.bitrate_kbps - left.bitrate_kbps, right.vmaf - left.vmaf

    def distance(index: int) -> float:
        a = hull[max(i for i in chosen if i < index)]
        b = hull[min(i for i in chosen if i > index)]
        dx, dy = (b.bitrate_kbps - a.bitrate_kbps) / width, (b.vmaf - a.vmaf) / height
        x = (hull[index].bitrate_kbps - a.bitrate_kbps) / width
        y = (hull[index].vmaf - a.vmaf) / height
        return round(abs(dx * y - dy * x) / math.hypot(dx, dy), 9)

    ranked = sorted((i for i in range(len(hull)) if i not in chosen), key=distance)
    # Rounding alone must not decide between two that are as far.
    assume(len(ranked) < 2 or distance(ranked[-1]) > distance(ranked[-2]))
    return ranked[-1]


@given(hulls(), st.integers(2, 8))
def test_each_further_knee_is_the_farthest_of_all_points_left_out(
    hull: Hull, max_rungs: int
) -> None:
    chosen = sorted({0, len(hull) - 1})
    while len(chosen) < min(max_rungs, len(hull)):
        chosen.append(farthest_left_out(hull, chosen))

    rungs = select_knees(hull, RungChoice(max_rungs=max_rungs))

    assert rungs == tuple(hull[index] for index in sorted(chosen))


@given(hulls(), st.floats(0, 3000))
def test_the_gap_filter_drops_one_rung_at_a_time_until_every_gap_holds(
    hull: Hull, gap: float
) -> None:
    kept = list(hull)
    while too_close := [
        i
        for i in range(1, len(kept))
        if kept[i].bitrate_kbps - kept[i - 1].bitrate_kbps < min(gap, kept[i - 1].bitrate_kbps / 4)
    ]:
        first = too_close[0]
        del kept[first if first < len(kept) - 1 else first - 1]

    assert enforce_gap(hull, RungChoice(min_bitrate_gap_kbps=gap)) == tuple(kept)


@given(hulls(), st.integers(2, 8))
def test_log_bitrate_spacing_leaves_no_ideal_bitrate_nearer_to_another_point(
    hull: Hull, max_rungs: int
) -> None:
    rungs = select_log_bitrates(hull, RungChoice(max_rungs=max_rungs))

    low, high = math.log(hull[0].bitrate_kbps), math.log(hull[-1].bitrate_kbps)
    for step in range(max_rungs):
        ideal = low + (high - low) * step / (max_rungs - 1)
        nearest, best = (
            min(abs(math.log(point.bitrate_kbps) - ideal) for point in some)
            for some in (rungs, hull)
        )
        assert nearest == pytest.approx(best, abs=1e-9)
    assert (rungs[0], rungs[-1]) == (hull[0], hull[-1])


@given(hulls(), st.floats(0.5, 30))
def test_vmaf_spacing_leaves_only_the_holes_of_the_hull_wider_than_a_step(
    hull: Hull, step: float
) -> None:
    rungs = select_vmaf_steps(hull, RungChoice(max_rungs=len(hull), vmaf_step=step))

    assert (rungs[0], rungs[-1]) == (hull[0], hull[-1])
    for lower, upper in pairwise(rungs):
        are_neighbours = hull.index(upper) - hull.index(lower) == 1
        assert are_neighbours or upper.vmaf - lower.vmaf <= step + 1e-9


@given(clouds(min_size=1), limits())
def test_caps_leave_what_their_definition_says(cloud: list[Point], limits: RungChoice) -> None:
    hull = upper_hull(cloud)
    reaching = [p for p in hull if limits.max_vmaf is not None and p.vmaf >= limits.max_vmaf]
    expected = tuple(
        p
        for p in hull
        if p not in reaching[1:]
        and p.vmaf >= (-math.inf if limits.min_vmaf is None else limits.min_vmaf)
        and p.bitrate_kbps >= (limits.min_bitrate_kbps or 0)
        and p.bitrate_kbps <= (limits.max_bitrate_kbps or math.inf)
    )

    if expected:
        assert apply_caps(hull, limits)[0] == expected
    else:
        with pytest.raises(InvalidLadderError):
            apply_caps(hull, limits)


@given(audiences(min_gains=0, max_gains=8), st.data())
def test_optimal_rungs_deliver_as_much_as_the_best_of_all_ladders(
    audience: tuple[Hull, RungChoice, Throughput], data: st.DataObject
) -> None:
    alike, choice, throughput = audience
    hull = tuple(replace(point, pixels=data.draw(st.integers(1, 3))) for point in alike)

    def delivered(rungs: Hull) -> float:
        return expected_vmaf(rungs, throughput, safety_factor=choice.safety_factor)

    ladders = (
        ladder
        for size in range(1, choice.max_rungs + 1)
        for ladder in combinations(hull, size)
        if all(are_apart(a, b, choice) for a, b in pairwise(ladder)) and not shrinks(ladder, PIXELS)
    )
    best = max(map(delivered, ladders))

    rungs = select_optimal(hull, choice, throughput, PIXELS)

    assert delivered(rungs) == pytest.approx(best, rel=1e-9, abs=1e-12)
    assert enforce_gap(rungs, choice) == rungs
    assert not shrinks(rungs, PIXELS)


def best_delivery(hull: Hull, choice: RungChoice, throughput: Throughput) -> float:
    """The highest expected VMAF, by asking every point about every point below it."""
    shares = [
        throughput.share_at_least(point.bitrate_kbps / choice.safety_factor) for point in hull
    ]
    best = [point.vmaf * share for point, share in zip(hull, shares, strict=True)]
    overall = max(best)
    for _ in range(choice.max_rungs - 1):
        best = [
            max(
                (
                    best[below] + (hull[top].vmaf - hull[below].vmaf) * shares[top]
                    for below in range(top)
                    if are_apart(hull[below], hull[top], choice)
                ),
                default=-math.inf,
            )
            for top in range(len(hull))
        ]
        overall = max(overall, *best)
    return overall


@given(audiences(min_gains=8, max_gains=60))
def test_optimal_rungs_of_long_hulls_deliver_as_much_as_the_best_of_all_ladders(
    audience: tuple[Hull, RungChoice, Throughput],
) -> None:
    hull, choice, throughput = audience

    rungs = select_optimal(hull, choice, throughput)

    delivered = expected_vmaf(rungs, throughput, safety_factor=choice.safety_factor)
    best = best_delivery(hull, choice, throughput)
    assert delivered == pytest.approx(best, rel=1e-9, abs=1e-12)


@given(hulls(), st.lists(st.floats(0, 20_000), min_size=1, max_size=20))
def test_expected_vmaf_is_the_mean_over_viewers_that_choose_for_themselves(
    hull: Hull, viewers: list[float]
) -> None:
    def delivered(kbps: float) -> float:
        return max((rung.vmaf for rung in hull if rung.bitrate_kbps <= kbps), default=0.0)

    mean = math.fsum(map(delivered, viewers)) / len(viewers)

    assert expected_vmaf(hull, MeasuredThroughput(viewers)) == pytest.approx(mean)


@given(hulls(), st.floats(50, 9000), st.floats(0.05, 2))
def test_expected_vmaf_weighs_each_rung_with_the_viewers_between_it_and_the_next(
    hull: Hull, median_kbps: float, sigma: float
) -> None:
    normal = NormalDist(math.log(median_kbps), sigma)
    shares_below = [*(normal.cdf(math.log(rung.bitrate_kbps)) for rung in hull), 1.0]
    expected = math.fsum(
        rung.vmaf * (above - below)
        for rung, (below, above) in zip(hull, pairwise(shares_below), strict=True)
    )

    found = expected_vmaf(hull, LogNormalThroughput(median_kbps, sigma))

    assert found == pytest.approx(expected, abs=1e-9)


@given(throughputs(), st.floats(0, 50_000), st.floats(0, 50_000))
def test_fewer_viewers_have_more_throughput(
    viewers: LogNormalThroughput | MeasuredThroughput, one: float, other: float
) -> None:
    less, more = sorted((one, other))

    assert 0 <= viewers.share_at_least(more) <= viewers.share_at_least(less) <= 1
