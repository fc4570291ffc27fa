from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.search.fakes import CurveProber, request
from vmafx_tune.knob import Knob, TypicalCurve
from vmafx_tune.search.engine import search
from vmafx_tune.search.estimate import estimate, estimate_with
from vmafx_tune.search.probe_set import ProbeSet

from .strategies import rough_curves
from .test_interpolate_properties import shaped_curves

if TYPE_CHECKING:
    from vmafx_tune.results.search import SearchResult
    from vmafx_tune.search.request import SearchRequest

    from .strategies import Curve

CURVES = st.one_of(shaped_curves(), rough_curves())
PRIORS = st.none() | st.builds(TypicalCurve, st.floats(-300, 300), st.floats(0.001, 100))


def searched(curve: Curve, target: float, prior: TypicalCurve | None) -> SearchRequest:
    knob = Knob("crf", 0, len(curve) - 1, default=0)
    return request(target=target, knob=knob, typical=prior)


def prober_of(curve: Curve) -> CurveProber:
    return CurveProber(lambda quality: curve[round(quality)])


def check(found: SearchResult, asked: SearchRequest) -> None:
    assert not found.proven
    assert found.estimate is not None
    assert found.next_worse is None
    assert 0 <= found.best_crf <= asked.knob.hi
    assert math.isfinite(found.vmaf_score or 0.0)
    assert found.ok == ((found.vmaf_score or 0.0) >= asked.target) or not found.is_measured
    errors = (
        found.estimate.crf_error,
        found.estimate.vmaf_error,
        found.estimate.bitrate_error_kbps,
    )
    assert all(error is None or (error >= 0 and math.isfinite(error)) for error in errors)


@given(CURVES, st.floats(1, 110), PRIORS)
def test_an_estimate_takes_one_probe_at_most_and_is_never_proven(
    curve: Curve, target: float, prior: TypicalCurve | None
) -> None:
    asked, prober = searched(curve, target, prior), prober_of(curve)
    check(estimate(asked, prober), asked)
    assert len(prober.asked) == 1


@given(CURVES, st.lists(st.floats(1, 96), min_size=1, max_size=5), PRIORS)
def test_no_estimate_is_proven_whatever_was_measured_before(
    curve: Curve, targets: list[float], prior: TypicalCurve | None
) -> None:
    asked, prober = searched(curve, targets[0], prior), prober_of(curve)
    probe_set = ProbeSet(asked, prober, lambda _: None)
    for target in targets:
        check(estimate_with(asked.at_target(target), probe_set), asked.at_target(target))
    assert len(prober.asked) == len(set(prober.asked)) <= len(targets)


@given(CURVES, st.floats(1, 96), PRIORS)
def test_a_measured_answer_is_within_the_interval_of_what_was_measured(
    curve: Curve, target: float, prior: TypicalCurve | None
) -> None:
    found = estimate(searched(curve, target, prior), prober_of(curve))
    assert found.estimate is not None
    if found.estimate.measured:
        assert found.vmaf_score == curve[round(found.best_crf)]


@given(CURVES, st.floats(1, 96))
def test_a_search_proves_as_ever_whatever_was_estimated(curve: Curve, target: float) -> None:
    asked = replace(searched(curve, target, None), max_iter=100)
    first = estimate(asked, prober_of(curve))
    assert not first.proven
    assert search(asked, prober_of(curve)).estimate is None
