"""Hypothesis strategies for the values that several tests draw."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from vmafx_tune.core.grid import KnobGrid
from vmafx_tune.core.search import SearchProblem

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

__all__ = [
    "curve_points",
    "falling_curves",
    "frame_scores",
    "grids",
    "problems",
    "rate_points",
    "rough_curves",
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
def grids(draw: DrawFn) -> KnobGrid:
    """Grids as users can ask for them: decimal ends and increments, knobs of both directions."""
    lo, hi = sorted(draw(st.tuples(_decimals(-1000, 3000), _decimals(-1000, 3000))))
    increment = draw(_decimals(1, 500))
    return KnobGrid.between(lo, hi, increment, higher_is_better=draw(st.booleans()))


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
