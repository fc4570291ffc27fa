"""Searches on a sample of the clip, alone and before a search of the whole."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from random import Random
from statistics import fmean
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.search.fakes import CurveProber, request
from vmafx_tune.compare.engine import search_encoders
from vmafx_tune.knob import TypicalCurve
from vmafx_tune.model import PoolMethod
from vmafx_tune.sampling.parts import SamplePlan, Segment
from vmafx_tune.search.engine import search
from vmafx_tune.search.prescan import LookProbers

if TYPE_CHECKING:
    from vmafx_tune.model import Probe, ProbeSpec
    from vmafx_tune.ports import ProbeProgress, Prober
    from vmafx_tune.search.request import SearchRequest

PLAN = SamplePlan((Segment(0, 10), Segment(30, 10)), 50)


def whole(quality: float) -> float:
    return 98 / (1 + math.exp((quality - 30) / 6))


def parts(quality: float) -> float:
    return whole(quality + 1.5)


@dataclass
class SampleProber(CurveProber):
    """Two parts that differ by two points and by 10 kb/s."""

    def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
        made = CurveProber.probe(self, spec, on_progress=on_progress)
        vmaf = made.scores.frames[0]
        halves = tuple(
            replace(
                made,
                bitrate_kbps=made.bitrate_kbps + sign * 5,
                scores=replace(made.scores, frames=(vmaf + sign,)),
            )
            for sign in (-1, 1)
        )
        return replace(made, parts=halves)


def asking(*, verify: bool, target: float = 80.0) -> SearchRequest:
    return replace(request(target=target, typical=TypicalCurve(38, 5)), sample=PLAN, verify=verify)


def sampling(prober: Prober) -> LookProbers:
    return LookProbers(sample=prober)


def test_an_answer_from_a_sample_is_no_proof_and_says_how_far_it_may_be_off() -> None:
    result = search(asking(verify=False), SampleProber(parts))

    assert result.ok
    assert not result.proven
    assert result.limit is not None
    assert result.limit.kind == "sample"
    assert "Only 40% of the clip was measured" in result.limit.message
    assert result.sample is not None
    estimate = result.sample.estimate
    assert estimate is not None
    assert (estimate.crf, estimate.vmaf_score) == (
        result.answer and result.answer.quality,
        result.vmaf_score,
    )
    # Student's t with one degree of freedom, for two values that are 2 and 10 apart.
    spread = 12.706 * math.sqrt(0.6 / 4)
    assert estimate.vmaf_error == pytest.approx(spread * 2)
    assert estimate.bitrate_error_kbps == pytest.approx(spread * 10)


def test_a_search_of_a_sample_ends_where_it_cannot_tell_better_from_worse() -> None:
    def flat(quality: float) -> float:
        return 95 - quality / 50

    prober = SampleProber(flat)
    result = search(asking(verify=False, target=94.5), prober)

    assert result.ok
    assert result.converged
    assert result.next_worse is None
    assert result.vmaf_score is not None
    assert 0 <= result.vmaf_score - 94.5 <= 0.25
    proving = CurveProber(flat)
    assert search(request(target=94.5), proving).proven
    assert len(prober.asked) < len(proving.asked)


def test_an_error_of_many_points_does_not_end_a_search_early() -> None:
    result = search(asking(verify=False), SampleProber(parts))

    assert result.sample is not None
    assert result.sample.estimate is not None
    assert result.sample.estimate.vmaf_error is not None
    assert result.sample.estimate.vmaf_error > 9
    assert result.next_worse is not None


@pytest.mark.parametrize("pool", [PoolMethod.MIN, PoolMethod.P1, PoolMethod.P5, PoolMethod.P10])
def test_what_is_no_mean_has_no_interval_and_does_not_end_a_search_early(pool: PoolMethod) -> None:
    result = search(replace(asking(verify=False), pool=pool), SampleProber(parts))

    assert result.sample is not None
    assert result.sample.estimate is not None
    assert result.sample.estimate.vmaf_error is None
    assert result.sample.estimate.bitrate_error_kbps is not None
    assert result.next_worse is not None
    assert result.limit is not None
    assert "The parts do not show how far the score may be off." in result.limit.message


class OnePart(CurveProber):
    """The only part of a sample."""

    def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
        made = super().probe(spec, on_progress=on_progress)
        return replace(made, parts=(made,))


def test_one_part_has_no_error_and_more_parts_are_advised() -> None:
    asked = replace(asking(verify=False), sample=SamplePlan((Segment(10, 20),), 50))

    result = search(asked, OnePart(whole))

    assert result.sample is not None
    assert result.sample.estimate is not None
    assert result.sample.estimate.vmaf_error is None
    assert result.sample.estimate.bitrate_error_kbps is None
    assert result.limit is not None
    assert "The error of a single part is unknown" in result.limit.message
    assert "six parts or more" in result.limit.message


def test_a_sample_tells_its_parts() -> None:
    sample = search(asking(verify=False), SampleProber(parts)).sample

    assert sample is not None
    assert [(p.first_frame, p.n_frames, p.start_s) for p in sample.segments] == [
        (0, 10, 0.0),
        (30, 10, 1.2),
    ]
    assert sample.share == 0.4
    assert not sample.verified


def test_a_target_out_of_the_samples_reach_is_missed_with_its_reason() -> None:
    result = search(asking(verify=False, target=99.5), SampleProber(parts))

    assert not result.ok
    assert result.limit is not None
    assert result.limit.kind == "knob_range"


def test_verifying_gives_the_answer_of_the_whole_clip_with_the_estimate_beside_it() -> None:
    alone = search(request(target=80.0), CurveProber(whole))

    prober = CurveProber(whole)
    result = search(asking(verify=True), prober, prescan=sampling(SampleProber(parts)))

    assert result.proven
    assert result.answer == alone.answer
    assert result.sample is not None
    assert result.sample.verified
    assert result.sample.estimate is not None
    assert alone.answer is not None
    assert result.sample.estimate.crf != alone.answer.quality


def test_a_sample_leads_the_full_search_to_fewer_probes() -> None:
    base = request(target=80.0, typical=TypicalCurve(38, 5))
    alone, led = CurveProber(whole), CurveProber(whole)

    search(base, alone)
    search(
        asking(verify=True),
        led,
        prescan=sampling(SampleProber(lambda quality: whole(quality + 0.2))),
    )

    assert len(led.asked) == 2 < len(alone.asked)


def test_a_sample_is_probed_for_the_first_target_and_estimates_all() -> None:
    prober, prescan = CurveProber(whole), SampleProber(parts)

    results = search_encoders(
        [asking(verify=True)], (70.0, 80.0), prober, prescan=sampling(prescan)
    )

    assert [result.proven for result in results] == [True, True]
    assert all(result.sample and result.sample.estimate for result in results)
    assert len(prescan.asked) == len(set(prescan.asked)) <= 3


def test_a_sample_costs_two_probes_of_it_before_the_whole_clip() -> None:
    numbers = []
    random = Random(2)
    for _ in range(100):
        middle, width = random.uniform(25, 40), random.uniform(4, 8)

        def score(quality: float, middle: float = middle, width: float = width) -> float:
            return 98 / (1 + math.exp((quality - middle) / width))

        sample = SampleProber(score)
        search(asking(verify=True), CurveProber(score), prescan=sampling(sample), prove=False)
        numbers.append(len(sample.asked))

    assert fmean(numbers) <= 2.2


def test_a_search_without_a_proof_takes_a_sample_and_little_more_than_one_whole_encode() -> None:
    n_probes, steps_off = [], []
    random = Random(1)
    for _ in range(200):
        middle, width = random.uniform(25, 40), random.uniform(4, 8)
        shift = random.gauss(0, 0.4)  # steps between what the parts and the whole score
        target = random.uniform(60, 90)

        def score(quality: float, middle: float = middle, width: float = width) -> float:
            return 98 / (1 + math.exp((quality - middle) / width))

        def sampled(quality: float, shift: float = shift, score: Any = score) -> float:
            found: float = score(quality + shift)
            return found

        prober = CurveProber(score)
        result = search(
            asking(verify=True, target=target),
            prober,
            prescan=sampling(SampleProber(sampled)),
            prove=False,
        )
        proven = search(request(target=target), CurveProber(score))
        assert result.ok
        assert result.vmaf_score is not None
        assert result.vmaf_score >= target
        n_probes.append(len(prober.asked))
        steps_off.append(proven.best_crf - result.best_crf)

    assert fmean(n_probes) <= 1.3
    assert max(steps_off) <= 2
    assert fmean(steps_off) <= 0.7


def test_a_target_that_a_sample_does_not_reach_is_one_that_the_sample_does_not_reach() -> None:
    clip = SampleProber(lambda quality: 97.4 - quality, ceiling=97.4)
    out_of_reach = search(asking(verify=False, target=99), clip)
    limited = asking(verify=False, target=97)
    encode = replace(limited.template.encode, max_bitrate_kbps=2000)
    limited = replace(limited, template=replace(limited.template, encode=encode))
    too_large = search(limited, SampleProber(lambda quality: 100 - quality))

    assert out_of_reach.limit is not None
    assert out_of_reach.limit.kind == "clip_ceiling"
    assert out_of_reach.limit.message.startswith("The sample of the source scores only 97.40")
    assert "hardly an encode of the sample" in out_of_reach.limit.message
    assert too_large.limit is not None
    assert too_large.limit.kind == "max_bitrate"
    assert too_large.limit.message.startswith("No encode of the sample within 2000 kb/s reaches")


def test_an_answer_without_a_proof_says_so() -> None:
    result = search(
        asking(verify=True),
        CurveProber(whole),
        prescan=sampling(SampleProber(whole)),
        prove=False,
    )

    assert (result.ok, result.proven, result.converged) == (True, False, True)
    assert result.limit is not None
    assert result.limit.kind == "no_proof"


def test_cheap_looks_leave_one_probe_of_the_sample_and_no_estimate() -> None:
    looks, sample = CurveProber(lambda quality: parts(quality + 1.0)), SampleProber(parts)
    prober = CurveProber(whole)

    result = search(
        asking(verify=True), prober, prescan=LookProbers(looks, sample=sample), prove=False
    )

    assert len(sample.asked) == len(prober.asked) == 1
    assert result.sample is not None
    assert result.sample.estimate is not None
    assert result.sample.estimate.crf == sample.asked[0]
