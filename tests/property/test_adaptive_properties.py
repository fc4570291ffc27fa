from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.points import Point
from tests.support.rate_curves import Encoder, film, sample
from vmafx_tune.ladder.hull import upper_hull
from vmafx_tune.search.curve import PchipCurve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hypothesis.strategies import DrawFn

RANGES = st.sampled_from([(60.0, 95.0), (75.0, 95.0), (70.0, 93.0), (50.0, 90.0), (85.0, 85.0)])


@st.composite
def films(draw: DrawFn) -> Encoder:
    return film(
        draw(st.integers(2, 5)),
        midpoint=draw(st.floats(32, 42)),
        width=draw(st.floats(3.8, 5.6)),
        ceiling=draw(st.floats(96.5, 99.5)),
        loss=draw(st.floats(0.5, 2)),
        drop=draw(st.floats(1, 4)),
    )


@st.composite
def rough_encoders(draw: DrawFn) -> Encoder:
    """Encoders whose curves are anything, as long as they are numbers."""
    dice = random.Random(draw(st.integers(0, 2**32)))
    n_sizes, last_step = draw(st.integers(1, 4)), draw(st.integers(0, 70))
    spread = draw(st.sampled_from([0.0, 0.1, 3.0, 100.0]))
    base = film(n_sizes, last_step=max(last_step, 1))
    table = {
        (size, step): Point(
            base.encode(size, step).bitrate_kbps * math.exp(dice.gauss(0, spread / 50)),
            min(110.0, max(0.0, base.encode(size, step).vmaf + dice.gauss(0, spread))),
        )
        for size in range(n_sizes)
        for step in range(last_step + 1)
    }
    return Encoder(base.pixels, last_step, lambda size, step: table[size, step])


def mean_log_rate(hull: Sequence[Point], low: float, high: float) -> float:
    curve = PchipCurve([p.vmaf for p in hull], [math.log(p.bitrate_kbps) for p in hull])
    return curve.integrate(low, high) / (high - low)


def excess_of(encoder: Encoder, ends: tuple[float, float]) -> float:
    """How much dearer the hull is than that of all encodes, in the bitrate's logarithm."""
    found = sample(encoder, encoder.problem(*ends))
    whole = upper_hull(encoder.every_encode())
    low = max(ends[0], found.hull[0].vmaf, whole[0].vmaf)
    high = min(ends[1], found.hull[-1].vmaf, whole[-1].vmaf)
    if high - low <= 5:
        return 0.0
    return mean_log_rate(found.hull, low, high) - mean_log_rate(whole, low, high)


def test_on_smooth_curves_the_hull_is_nearly_that_of_all_encodes() -> None:
    dice = random.Random(16)
    encoders = [
        film(
            dice.randint(2, 5),
            midpoint=dice.uniform(32, 42),
            width=dice.uniform(3.8, 5.6),
            ceiling=dice.uniform(96.5, 99.5),
            loss=dice.uniform(0.5, 2),
            drop=dice.uniform(1, 4),
        )
        for _ in range(40)
    ]
    ends = [(60.0, 95.0), (75.0, 95.0), (70.0, 93.0), (50.0, 90.0)]
    excess = sorted(abs(excess_of(e, ends[i % 4])) for i, e in enumerate(encoders))
    assert excess[len(excess) // 2] < 0.003
    assert excess[int(0.95 * len(excess))] < 0.02


@given(films(), RANGES)
@settings(max_examples=40)
def test_no_smooth_curves_mislead_it_altogether(
    encoder: Encoder, ends: tuple[float, float]
) -> None:
    assert abs(excess_of(encoder, ends)) < 0.35


@given(films(), RANGES)
@settings(max_examples=40)
def test_a_target_that_is_in_reach_is_reached(encoder: Encoder, ends: tuple[float, float]) -> None:
    reachable = [p for p in encoder.every_encode() if p.vmaf >= ends[1]]
    found = sample(encoder, encoder.problem(*ends))
    reaching = [p for p in found.points.values() if p.vmaf >= ends[1]]
    assert bool(reaching) == bool(reachable)


@given(rough_encoders(), RANGES, st.integers(1, 12))
@settings(max_examples=60)
def test_on_any_curves_it_ends_within_its_probes_and_repeats_none(
    encoder: Encoder, ends: tuple[float, float], max_probes: int
) -> None:
    found = sample(encoder, encoder.problem(*ends, max_probes=max_probes))
    assert sum(map(len, found.rounds)) == len(found.points)
    for size in range(len(encoder.pixels)):
        steps = [step for of, step in found.points if of == size]
        assert len(steps) <= max_probes
        assert all(0 <= step <= encoder.last_step for step in steps)
    for wishes in found.rounds:
        assert len({wish.size for wish in wishes}) == len(wishes)


@given(rough_encoders(), rough_encoders(), RANGES, st.integers(0, 12))
@settings(max_examples=60)
def test_guided_by_any_curves_it_ends_within_its_probes_and_repeats_none(
    encoder: Encoder, other: Encoder, ends: tuple[float, float], most: int
) -> None:
    known = sample(other, other.problem(*ends)).known()
    known = replace(
        known, measured=tuple(p for p in known.measured if p.size < len(encoder.pixels))
    )
    problem = replace(encoder.problem(*ends), others=(known,), max_guided=most)
    found = sample(encoder, problem)
    assert sum(map(len, found.rounds)) == len(found.points) <= most
    assert all(0 <= step <= encoder.last_step for _, step in found.points)
