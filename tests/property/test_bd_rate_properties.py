from __future__ import annotations

import math
import random
import warnings
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.unit.search.fakes import CurveProber, request, scores_of
from vmafx_tune.choices import SearchStrategy
from vmafx_tune.compare.bd_rate import bd_rate, bd_rate_of_answers
from vmafx_tune.compare.engine import bd_rates, found_row, search_encoders
from vmafx_tune.results.compare import Overlap

from .strategies import rate_points

if TYPE_CHECKING:
    from vmafx_tune.model import Probe, ProbeSpec
    from vmafx_tune.ports import ProbeProgress
    from vmafx_tune.results.compare import BdRate

RatePoints = list[tuple[float, float]]


def percent(points: RatePoints, anchor_points: RatePoints) -> float:
    """The BD-rate of two curves that are known to have one."""
    result = bd_rate("tested", points, "anchor", anchor_points)
    assume(result.overlap is not None)
    assert result.percent is not None
    return result.percent


@given(rate_points())
def test_a_curve_against_itself_differs_by_nothing(points: RatePoints) -> None:
    assert percent(points, points) == 0


@given(rate_points(), st.floats(0.05, 20))
def test_scaled_bitrates_differ_by_their_factor(points: RatePoints, factor: float) -> None:
    scaled = [(rate * factor, vmaf) for rate, vmaf in points]

    assert percent(scaled, points) == pytest.approx((factor - 1) * 100, rel=1e-6, abs=1e-6)


@given(rate_points(), rate_points())
def test_swapping_the_curves_inverts_the_ratio(one: RatePoints, other: RatePoints) -> None:
    there, back = percent(one, other), percent(other, one)

    assert math.log1p(there / 100) == pytest.approx(-math.log1p(back / 100), abs=1e-6)


@given(rate_points(), rate_points(), st.data())
def test_neither_the_order_of_points_nor_dominated_ones_matter(
    points: RatePoints, anchor_points: RatePoints, data: st.DataObject
) -> None:
    rate, vmaf = data.draw(st.sampled_from(points))
    dominated = (rate * data.draw(st.floats(1, 5)), vmaf - data.draw(st.floats(0, 5)))
    shuffled = data.draw(st.permutations([*points, dominated]))

    plain = bd_rate("tested", points, "anchor", anchor_points)

    assert bd_rate("tested", shuffled, "anchor", anchor_points) == plain


class Curves(CurveProber):
    """Each encoder has a falling curve of scores and one of rates, step by step."""

    def __init__(self, curves: dict[str, RatePoints]) -> None:
        super().__init__(lambda quality: 0 * quality)
        self._curves = curves

    def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
        probe = super().probe(spec, on_progress=on_progress)
        rate, vmaf = self._curves[spec.encode.encoder][int(probe.quality)]
        return replace(probe, bitrate_kbps=rate, scores=scores_of(vmaf, vmaf))


def drawn_curve(rng: random.Random) -> RatePoints:
    """A curve of 52 steps, as smooth as encoders' are but for a little noise in the rate."""
    middle, width = rng.uniform(40, 48), rng.uniform(6, 8)
    rate, pace = rng.uniform(4000, 20_000), rng.uniform(0.88, 0.9)
    return [
        (
            rate * pace**step * (1 + rng.gauss(0, 0.001)),
            100 - 100 / (1 + math.exp((middle - step) / width)),
        )
        for step in range(52)
    ]


def compared(
    curves: dict[str, RatePoints],
    targets: tuple[float, ...],
    strategy: SearchStrategy = SearchStrategy.INTERPOLATE,
    max_iter: int = 52,
) -> BdRate:
    searches = [request(name, strategy=strategy, max_iter=max_iter) for name in curves]
    results = search_encoders(searches, targets, Curves(curves))
    (found,) = bd_rates([found_row(result, Path("ffmpeg")) for result in results], "anchor")
    return found


@given(
    st.integers(0, 10_000),
    st.lists(st.integers(50, 97).map(float), min_size=2, max_size=5, unique=True),
    st.randoms(use_true_random=False),
)
def test_bd_rate_does_not_depend_on_the_path_of_the_searches(
    seed: int, targets: list[float], order: random.Random
) -> None:
    rng = random.Random(seed)
    curves = {"tested": drawn_curve(rng), "anchor": drawn_curve(rng)}
    ascending = tuple(sorted(targets))
    order.shuffle(targets)

    found = compared(curves, ascending)

    assert found.percent is not None
    assert compared(curves, ascending, SearchStrategy.BISECT) == found
    assert compared(curves, tuple(targets)) == found
    assert compared(curves, tuple(targets), SearchStrategy.BISECT) == found


def test_bd_rate_of_answers_is_near_that_of_the_whole_curves() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the plotting library that comes along
        bjontegaard = import_module("bjontegaard")
    rng = random.Random(7)
    errors: dict[int, list[float]] = {2: [], 3: [], 5: []}
    for _ in range(60):
        curves = {"tested": drawn_curve(rng), "anchor": drawn_curve(rng)}
        for count, off in errors.items():
            targets = tuple(75 + 20 * index / (count - 1) for index in range(count))
            expected = dense_bd_rate(bjontegaard, curves, *targets[:: count - 1])
            found = compared(curves, targets)
            assert found.percent is not None
            assert found.overlap == Overlap(75.0, 95.0)
            off.append(abs(found.percent - expected))

    most = {count: max(off) for count, off in errors.items()}
    usual = {count: fmean(off) for count, off in errors.items()}
    assert usual[5] < 0.1
    assert most[5] < 0.5
    assert usual[3] < 0.5
    assert most[3] < 2
    assert usual[2] < 1.5


def dense_bd_rate(
    bjontegaard: object, curves: dict[str, RatePoints], low: float, high: float
) -> float:
    """The package's, of every step between two scores and the curve's value at both."""
    columns = []
    for points in (curves["anchor"], curves["tested"]):
        rising = points[::-1]
        inside = [point for point in rising if low < point[1] < high]
        ends = [(_rate_at(rising, vmaf), vmaf) for vmaf in (low, high)]
        dense = [ends[0], *inside, ends[1]]
        columns += [[rate for rate, _ in dense], [vmaf for _, vmaf in dense]]
    percent = bjontegaard.bd_rate(  # type: ignore[attr-defined]
        *columns, method="pchip", require_matching_points=False, min_overlap=0
    )
    return float(percent)


def _rate_at(rising: RatePoints, vmaf: float) -> float:
    above = next(index for index, point in enumerate(rising) if point[1] >= vmaf)
    (rate, low), (next_rate, high) = rising[above - 1 : above + 1]
    return float(rate * (next_rate / rate) ** ((vmaf - low) / (high - low)))


def test_what_a_search_measures_far_from_the_targets_does_not_count() -> None:
    """The saving is larger at qualities that nobody asked for, where bisection looks first."""
    anchor = [
        (8000 * 0.89**step, 100 - 100 / (1 + math.exp((44 - step) / 7))) for step in range(52)
    ]
    tested = [(rate * (0.62 - 0.008 * (95 - vmaf)), vmaf) for rate, vmaf in anchor]
    curves, targets = {"tested": tested, "anchor": anchor}, (85.0, 90.0, 95.0)

    def of_all_probes(strategy: SearchStrategy) -> float:
        searches = [request(name, strategy=strategy) for name in curves]
        points = {
            result.codec: [
                (probe.bitrate_kbps, probe.vmaf_score) for probe in result.bisect_samples
            ]
            for result in search_encoders(searches, targets, Curves(curves))
            if result.target_vmaf == 95
        }
        result = bd_rate("tested", points["tested"], "anchor", points["anchor"])
        assert result.percent is not None
        return result.percent

    paths = [of_all_probes(strategy) for strategy in SearchStrategy]
    found = [compared(curves, targets, strategy).percent for strategy in SearchStrategy]

    assert abs(paths[0] - paths[1]) > 3
    assert found[0] == found[1] == pytest.approx(-42.05, abs=0.05)


def test_an_answer_at_the_end_of_the_range_begins_the_span_at_its_own_score() -> None:
    tested = {60.0: [(100.0, 70.0)], 80.0: [(300.0, 80.5), (280.0, 79.8)]}
    anchor = {60.0: [(90.0, 60.5), (85.0, 59.5)], 80.0: [(400.0, 80.2), (390.0, 79.9)]}

    found = bd_rate_of_answers("tested", tested, "anchor", anchor)

    assert found.overlap == Overlap(70.0, 80.0)


def test_answers_that_all_targets_share_are_no_span() -> None:
    one_answer = {60.0: [(100.0, 90.0)], 80.0: [(100.0, 90.0)]}
    anchor = {60.0: [(90.0, 60.5), (85.0, 59.5)], 80.0: [(400.0, 80.2), (390.0, 79.9)]}

    found = bd_rate_of_answers("tested", one_answer, "anchor", anchor)

    assert found.percent is None
    assert "do not overlap" in str(found.reason)
