"""Hypothesis strategies for the values that several tests draw."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from tests.support.points import Point
from vmafx_tune.choices import SearchStrategy as SearchChoice
from vmafx_tune.choices import Spacing
from vmafx_tune.knob import Knob
from vmafx_tune.ladder.hull import upper_hull
from vmafx_tune.ladder.throughput import LogNormalThroughput, MeasuredThroughput
from vmafx_tune.results.rung_choice import RungChoice
from vmafx_tune.search.state import SearchProblem
from vmafx_tune.search.strategy import probes_left

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

    from vmafx_tune.ladder.throughput import Throughput

__all__ = [
    "audiences",
    "bisections",
    "choices",
    "clouds",
    "curve_points",
    "falling_curves",
    "frame_scores",
    "grids",
    "hulls",
    "limits",
    "most_bisections",
    "problems",
    "rate_points",
    "rough_curves",
    "sized_clouds",
    "sized_hulls",
    "throughputs",
    "vmaf_points",
]

Curve = tuple[float, ...]
RatePoints = list[tuple[float, float]]


def vmaf_points() -> SearchStrategy[float]:
    """Any score that a VMAF model gives; round ones are frequent, so that ties are."""
    return st.one_of(
        st.integers(0, 110).map(float), st.floats(0, 110, allow_subnormal=False, width=32)
    )


def frame_scores() -> SearchStrategy[list[float]]:
    """Per-frame scores of a clip of at least one frame."""
    return st.lists(vmaf_points(), min_size=1, max_size=250)


def rough_curves() -> SearchStrategy[Curve]:
    """Pooled scores by step, in any order."""
    return st.lists(vmaf_points(), min_size=1, max_size=130).map(tuple)


def falling_curves() -> SearchStrategy[Curve]:
    """Pooled scores by step that never rise with a worse step; neighbours may be equal."""
    return rough_curves().map(lambda scores: tuple(sorted(scores, reverse=True)))


@st.composite
def problems(
    draw: DrawFn,
    curves: SearchStrategy[Curve],
    max_probes: SearchStrategy[int] | None = None,
    *,
    with_known: bool = True,
) -> tuple[Curve, SearchProblem]:
    """A curve and a search on it, often with a target that is exactly one of its scores."""
    curve = draw(curves)
    steps = range(len(curve))
    known = draw(st.sets(st.sampled_from(steps), max_size=6)) if with_known else ()
    problem = SearchProblem(
        target=draw(st.one_of(st.sampled_from(curve), vmaf_points())),
        last_step=steps[-1],
        known={step: curve[step] for step in known},
        max_probes=len(curve) if max_probes is None else draw(max_probes),
    )
    return curve, problem


@st.composite
def bisections(
    draw: DrawFn,
    curves: SearchStrategy[Curve],
    max_probes: SearchStrategy[int] | None = None,
    *,
    with_known: bool = True,
) -> tuple[Curve, SearchProblem]:
    """As `problems`, to be searched by bisection."""
    curve, problem = draw(problems(curves, max_probes, with_known=with_known))
    return curve, replace(problem, strategy=SearchChoice.BISECT)


def most_bisections(problem: SearchProblem) -> int:
    """How many probes bisection may need, whatever is allowed."""
    unbound = replace(problem, max_probes=999, strategy=SearchChoice.BISECT)
    return probes_left(unbound)


@st.composite
def grids(draw: DrawFn) -> Knob:
    """Knobs as users can ask for them: decimal ends and increments, knobs of both directions."""
    lo, hi = sorted(draw(st.tuples(_decimals(-1000, 3000), _decimals(-1000, 3000))))
    increment = draw(_decimals(1, 500))
    return Knob("q", lo, hi, lo, increment, higher_is_better=draw(st.booleans()))


def _decimals(least: int, most: int) -> SearchStrategy[float]:
    return st.tuples(st.integers(least, most), st.sampled_from((1, 4, 10, 100))).map(
        lambda ratio: ratio[0] / ratio[1]
    )


@st.composite
def curve_points(draw: DrawFn) -> tuple[list[float], list[float]]:
    """The x and y of a curve: x strictly increasing, y anything reasonable."""
    widths = draw(st.lists(st.floats(0.01, 50), min_size=1, max_size=20))
    x = list(accumulate(widths, initial=draw(st.floats(-100, 100))))
    y = draw(st.lists(st.floats(-100, 100), min_size=len(x), max_size=len(x)))
    return x, y


@st.composite
def rate_points(draw: DrawFn) -> RatePoints:
    """At least four `(bitrate_kbps, vmaf)` points, both strictly rising, around 60 to 80 VMAF."""
    rises = draw(st.lists(st.tuples(st.floats(1.05, 3), st.floats(0.5, 8)), min_size=4, max_size=9))
    rate, vmaf = draw(st.floats(50, 2000)), draw(st.floats(50, 60))
    points = [(rate, vmaf)]
    for factor, gain in rises:
        rate, vmaf = rate * factor, vmaf + gain
        points.append((rate, vmaf))
    return points


def _bitrates() -> SearchStrategy[float]:
    """Bitrates in kb/s; small whole ones are frequent, so that ties and straight lines are."""
    return st.one_of(st.integers(1, 40).map(float), st.floats(1, 40_000, width=32))


def clouds(min_size: int = 0, max_size: int = 30) -> SearchStrategy[list[Point]]:
    """Measured points in any order; some cost or score the same, and no two have one label."""
    pairs = st.lists(st.tuples(_bitrates(), vmaf_points()), min_size=min_size, max_size=max_size)
    return pairs.map(
        lambda drawn: [Point(*pair, label=str(number)) for number, pair in enumerate(drawn)]
    )


@st.composite
def sized_clouds(draw: DrawFn) -> list[Point]:
    """Measured points of a few sizes, at least one."""
    cloud = draw(clouds(min_size=1))
    sizes = st.lists(st.integers(1, 4), min_size=len(cloud), max_size=len(cloud))
    return [replace(point, pixels=size) for point, size in zip(cloud, draw(sizes), strict=True)]


@st.composite
def sized_hulls(draw: DrawFn, max_gains: int) -> tuple[Point, ...]:
    """Hulls whose points have a few sizes, in any order."""
    hull = draw(hulls(1, max_gains))
    sizes = st.lists(st.integers(1, 4), min_size=len(hull), max_size=len(hull))
    return tuple(replace(point, pixels=size) for point, size in zip(hull, draw(sizes), strict=True))


def hulls(min_gains: int = 0, max_gains: int = 11) -> SearchStrategy[tuple[Point, ...]]:
    """Upper hulls of one point or more, each further one with a gain; equal slopes make one."""

    def grown(gains: list[tuple[float, float]]) -> tuple[Point, ...]:
        # The least cost per gain first makes every turn a right one.
        gains = sorted(gains, key=lambda gain: gain[1] / gain[0])
        vmafs = accumulate((gain for gain, _ in gains), initial=20.0)
        rates = accumulate((cost for _, cost in gains), initial=100.0)
        return upper_hull(Point(*pair) for pair in zip(rates, vmafs, strict=True))

    gains = st.tuples(st.integers(1, 12).map(float), st.floats(1, 2000, width=16))
    return st.lists(gains, min_size=min_gains, max_size=max_gains).map(grown)


@st.composite
def limits(draw: DrawFn) -> RungChoice:
    """Any limits that do not contradict each other; loose ones are frequent."""
    vmaf_ends = sorted(draw(st.tuples(vmaf_points(), vmaf_points())))
    rate_ends = sorted(draw(st.tuples(_bitrates(), _bitrates())))
    ends = [draw(st.sampled_from((None, None, limit))) for limit in (*vmaf_ends, *rate_ends)]
    return RungChoice(
        min_vmaf=ends[0], max_vmaf=ends[1], min_bitrate_kbps=ends[2], max_bitrate_kbps=ends[3]
    )


def throughputs() -> SearchStrategy[Throughput]:
    """Audiences of both kinds, around the bitrates of ladders."""
    kbps = st.one_of(st.integers(0, 60).map(float), st.floats(0, 40_000, width=32))
    weights = st.one_of(st.just(1.0), st.floats(0.125, 8, width=32))
    measured = st.lists(st.tuples(kbps, weights), min_size=1, max_size=20)
    return st.one_of(
        st.builds(LogNormalThroughput, st.floats(10, 20_000), st.floats(0.05, 3)),
        measured.map(lambda rows: MeasuredThroughput(*zip(*rows, strict=True))),
    )


def choices(spacing: Spacing | None = None) -> SearchStrategy[RungChoice]:
    """Everything that can be asked of a ladder."""
    median_kbps, sigma = st.floats(10, 20_000), st.floats(0.05, 3)
    return st.builds(
        replace,
        limits(),
        max_rungs=st.integers(1, 8),
        spacing=st.sampled_from(Spacing) if spacing is None else st.just(spacing),
        min_bitrate_gap_kbps=st.one_of(st.integers(0, 20).map(float), st.floats(0, 3000)),
        vmaf_step=st.one_of(st.integers(1, 12).map(float), st.floats(0.125, 30)),
        throughput=st.builds("{}:{}".format, median_kbps, sigma),
        safety_factor=st.sampled_from((1.0, 0.8, 0.5)),
        mixed_resolutions=st.booleans(),
    )


@st.composite
def audiences(
    draw: DrawFn, min_gains: int, max_gains: int
) -> tuple[tuple[Point, ...], RungChoice, Throughput]:
    """A hull, and an optimal ladder asked of it for viewers who can play some of its points."""
    hull = draw(hulls(min_gains, max_gains))
    bitrates = st.sampled_from([point.bitrate_kbps for point in hull])
    kbps = st.tuples(bitrates, st.floats(0.875, 1.5, width=16)).map(math.prod)
    measured = st.lists(kbps, min_size=1, max_size=20).map(MeasuredThroughput)
    modelled = st.builds(LogNormalThroughput, kbps, st.floats(0.05, 2))
    choice = RungChoice(
        max_rungs=draw(st.integers(1, 8)),
        min_bitrate_gap_kbps=draw(st.one_of(st.just(0.0), st.floats(0, 3000, width=16))),
        safety_factor=draw(st.sampled_from((1.0, 0.8))),
    )
    return hull, choice, draw(st.one_of(measured, modelled))
