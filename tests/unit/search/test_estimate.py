from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.unit.search.fakes import CurveProber, request
from vmafx_tune.choices import SearchStrategy
from vmafx_tune.errors import UsageError
from vmafx_tune.events import JobFinished, JobPlanned, ProbeFinished
from vmafx_tune.knob import TypicalCurve
from vmafx_tune.model import VmafModel
from vmafx_tune.search.engine import search
from vmafx_tune.search.estimate import estimate, estimate_with
from vmafx_tune.search.one_probe import check_estimable, estimated
from vmafx_tune.search.probe_set import ProbeSet, ProbesLeft
from vmafx_tune.search.state import SearchProblem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmafx_tune.events import Event
    from vmafx_tune.model import Probe, ProbeSpec
    from vmafx_tune.ports import ProbeProgress
    from vmafx_tune.search.request import SearchRequest

PRIOR = TypicalCurve(38.4, 4.8)


def asked(target: float = 90.0) -> SearchRequest:
    return request(target=target, typical=PRIOR)


def shifted(quality: float, by: float = 0.0) -> float:
    """The typical curve, some steps away."""
    return PRIOR.score_at(quality - by, 98.5)


def test_one_probe_is_made_and_the_answer_comes_from_the_typical_curve_through_it() -> None:
    prober = CurveProber(lambda quality: shifted(quality, 3.0))
    estimated = estimate(asked(), prober)
    proven = search(asked(), CurveProber(prober.vmaf_of))
    assert len(prober.asked) == estimated.new_probes == 1
    assert estimated.best_crf == proven.best_crf
    assert estimated.ok
    assert not estimated.proven
    assert estimated.vmaf_score == pytest.approx(shifted(estimated.best_crf, 3.0), abs=0.01)
    assert estimated.limit is not None
    assert estimated.limit.kind == "no_proof"
    assert "estimate from one probe" in estimated.limit.message


def test_what_only_an_encode_tells_is_missing_where_the_answer_was_not_made() -> None:
    found = estimate(asked(), CurveProber(lambda quality: shifted(quality, 8.0)))
    assert found.estimate is not None
    assert not found.estimate.measured
    assert found.answer is None
    assert found.encode_command is None
    assert found.size_bytes is None
    assert found.vmaf_pooled is None


def test_a_probe_at_the_answer_has_measured_its_score_and_bitrate() -> None:
    found = estimate(asked(), CurveProber(shifted))
    assert found.answer is not None
    assert found.bitrate_kbps == found.answer.bitrate_kbps
    assert found.estimate is not None
    assert found.estimate.measured
    assert found.estimate.vmaf_error == found.estimate.bitrate_error_kbps == 0
    assert found.encode_command


@pytest.mark.parametrize("step", range(3, 45))
@pytest.mark.parametrize("target", [75.0, 90.0, 93.0])
def test_a_probe_that_has_just_the_target_is_the_answer(target: float, step: int) -> None:
    tie = asked(target)
    problem = SearchProblem(target, tie.knob.last_step, prior=tie.knob.prior)
    probe = CurveProber(lambda _quality: target).probe(tie.template)
    found = estimated(tie, problem, {step: probe}, {step: target})
    assert found.reached
    assert found.step == step
    assert found.vmaf == target


def test_the_errors_grow_with_the_distance_from_the_probe_to_the_answer() -> None:
    near = estimate(asked(), CurveProber(lambda quality: shifted(quality, 2.0))).estimate
    far = estimate(asked(), CurveProber(lambda quality: shifted(quality, 12.0))).estimate
    assert near is not None
    assert far is not None
    assert near.crf_error is not None
    assert far.crf_error is not None
    assert 0 < near.crf_error < far.crf_error
    assert (near.vmaf_error or 0) < (far.vmaf_error or 0)
    assert (near.bitrate_error_kbps or 0) < (far.bitrate_error_kbps or 0)


class Simple(CurveProber):
    """Pictures with next to nothing in them."""

    def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
        probe = super().probe(spec, on_progress=on_progress)
        return replace(probe, bitrate_kbps=probe.bitrate_kbps / 50)


def test_the_errors_are_larger_for_pictures_that_take_hardly_any_bits() -> None:
    usual = estimate(asked(), CurveProber(lambda quality: shifted(quality, 2.0))).estimate
    simple = estimate(asked(), Simple(lambda quality: shifted(quality, 2.0))).estimate
    assert usual is not None
    assert simple is not None
    assert (simple.crf_error or 0) > 2 * (usual.crf_error or 0) > 0
    assert (simple.bitrate_error_kbps or 0) * 50 > (usual.bitrate_error_kbps or 0)


def test_a_score_is_expected_between_those_of_probes_on_either_side() -> None:
    found = estimate(asked(), CurveProber(lambda quality: shifted(quality, -6.0)))
    (probe,) = found.bisect_samples
    assert found.estimate is not None
    assert probe.crf > found.best_crf
    assert found.vmaf_score is not None
    assert found.estimate.vmaf_error is not None
    assert found.estimate.vmaf_error <= found.vmaf_score - probe.vmaf_score + 0.1


def test_a_target_that_no_setting_should_reach_is_missed_with_a_sentence() -> None:
    found = estimate(asked(95), CurveProber(lambda quality: shifted(quality, -30.0)))
    assert not found.ok
    assert found.best_crf == 0
    assert found.state == "missed"
    assert "VMAF 95 should be out of reach: about" in (found.error or "")


def test_the_worst_setting_may_be_the_answer() -> None:
    found = estimate(asked(50), CurveProber(lambda quality: shifted(quality, 15.0)))
    assert found.ok
    assert found.best_crf == 51


@pytest.mark.parametrize(
    ("unusual", "why"),
    [
        (replace(asked(), caps=("-maxrate 2M",)), "-maxrate 2M in the encoder arguments"),
        (replace(asked(), has_typical_curve=False), "not learned for libx264"),
        (asked(97.5), "above 96 curves are too flat"),
        (
            replace(asked(), template=replace(asked().template, model=VmafModel("own"))),
            "not learned for the model own",
        ),
    ],
)
def test_an_error_that_nobody_learned_is_null_with_the_reason(
    unusual: SearchRequest, why: str
) -> None:
    found = estimate(unusual, CurveProber(lambda quality: shifted(quality, 3.0)))
    assert found.estimate is not None
    assert found.estimate.crf_error is None
    assert found.estimate.vmaf_error is None
    assert found.estimate.bitrate_error_kbps is None
    assert found.limit is not None
    assert why in found.limit.message


@pytest.mark.parametrize(
    ("refused", "option"),
    [
        (request(require=["vmaf.p5>=80"]), "--require"),
        (request(max_bitrate_kbps=2000.0), "--max-bitrate"),
        (request(strategy=SearchStrategy.BISECT), "--strategy bisect"),
    ],
)
def test_what_one_probe_cannot_tell_is_refused(refused: SearchRequest, option: str) -> None:
    with pytest.raises(UsageError, match=f"--proof none .*{option}"):
        check_estimable(refused)
    check_estimable(asked())


def test_targets_nearby_are_estimated_from_one_probe() -> None:
    prober = CurveProber(lambda quality: shifted(quality, 1.0))
    probe_set = ProbeSet(asked(), prober, lambda _: None)
    estimate_with(asked(88), probe_set)
    again = estimate_with(asked(89), probe_set)
    assert again.new_probes == 0
    assert estimate_with(asked(60), probe_set).new_probes == 1
    assert len(prober.asked) == 2


def test_what_proves_an_answer_by_chance_does_not_make_it_proven() -> None:
    prober = CurveProber(shifted)
    probe_set = ProbeSet(asked(), prober, lambda _: None)
    proven = search(asked(), prober)
    for quality in (proven.best_crf, proven.best_crf + 1):
        probe_set.measure(int(quality), 90, lambda: ProbesLeft(0, 0.0))
    found = estimate_with(asked(), probe_set)
    assert found.best_crf == proven.best_crf
    assert not found.proven
    assert found.new_probes == 0
    assert found.estimate is not None
    assert found.estimate.crf_error == 0


class Remembering(CurveProber):
    """Recalls what was measured before, as a store does."""

    def known(self, template: ProbeSpec) -> Iterable[Probe]:
        stored = [
            replace(self.probe_at(template, quality), cached=True)
            for quality in sorted(self.cached)
        ]
        self.asked.clear()
        return stored

    def probe_at(self, template: ProbeSpec, quality: float) -> Probe:
        return self.probe(replace(template, encode=replace(template.encode, quality=quality)))


def test_a_repeated_estimate_makes_no_probe_and_finds_the_same() -> None:
    first = estimate(asked(), Remembering(lambda quality: shifted(quality, 3.0)))
    cached = frozenset(probe.crf for probe in first.bisect_samples)
    again = estimate(asked(), Remembering(lambda quality: shifted(quality, 3.0), cached=cached))
    assert again.new_probes == 0
    assert again.best_crf == first.best_crf
    assert again.estimate == first.estimate


def test_a_stored_probe_near_the_answer_is_taken_in_place_of_a_new_one() -> None:
    found = estimate(
        asked(), Remembering(lambda quality: shifted(quality, 9.0), cached=frozenset({36.0, 10.0}))
    )
    assert found.new_probes == 0
    assert [probe.crf for probe in found.bisect_samples] == [36.0]


def test_a_search_after_an_estimate_uses_its_probe_and_proves() -> None:
    def vmaf_of(quality: float) -> float:
        return shifted(quality, 3.0)

    first = estimate(asked(), Remembering(vmaf_of))
    cached = frozenset(probe.crf for probe in first.bisect_samples)
    prober = Remembering(vmaf_of, cached=cached)
    proven = search(asked(), prober)
    assert proven.proven
    assert proven.estimate is None
    assert proven.new_probes < len(proven.bisect_samples)


def test_progress_plans_one_probe_and_ends_with_what_is_expected() -> None:
    events: list[Event] = []
    estimate(asked(), CurveProber(lambda quality: shifted(quality, 3.0)), observe=events.append)
    (plan,) = (event for event in events if isinstance(event, JobPlanned))
    (finished,) = (event for event in events if isinstance(event, ProbeFinished))
    (end,) = (event for event in events if isinstance(event, JobFinished))
    assert plan.probes_expected == 1
    assert finished.probes_left == 0
    assert end.ok
    assert end.summary.startswith("about VMAF 9")


def test_a_subsampled_probe_estimates_too() -> None:
    found = estimate(
        replace(asked(), template=replace(asked().template, subsample=3)), CurveProber(shifted)
    )
    assert not found.proven
    assert found.ok
    assert math.isfinite(found.vmaf_score or math.nan)
