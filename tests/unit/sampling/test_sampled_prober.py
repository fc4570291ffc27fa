"""A prober that measures parts of a clip for the whole of it."""

from __future__ import annotations

import dataclasses
import threading
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.unit.search.fakes import SOURCE, request, scores_of
from vmafx_tune.encoders.registry import encoder_row
from vmafx_tune.errors import CancelledError, EncodeFailedError
from vmafx_tune.model import Excerpt, Probe, ProbeSpec, ScoreSet, Source
from vmafx_tune.sampling.joining import join_sample
from vmafx_tune.sampling.parts import SamplePlan, Segment
from vmafx_tune.sampling.prober import PartsProber

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmafx_tune.model import EncodeSpec
    from vmafx_tune.ports import ProbeProgress, Prober

PLAN = SamplePlan((Segment(0, 5), Segment(20, 5), Segment(40, 10)), 50)
SPEC = request().template


def sampled_prober(
    prober: Prober,
    plan: SamplePlan,
    *,
    workers: int = 1,
    command: Callable[[EncodeSpec], tuple[str, ...]] | None = None,
    lead_in: int = 0,
) -> PartsProber:
    join = partial(
        join_sample,
        plan=plan,
        opening_weight=lambda name: encoder_row(name).opening_weight,
        command=command,
        lead_in=lead_in,
    )
    return PartsProber(prober, plan.segments, join, cut=cut, workers=workers)


def cut(source: Source, segment: Segment) -> Source:
    excerpt = Excerpt(
        segment.first_frame, segment.n_frames, segment.first_frame / SOURCE.frame_rate
    )
    return dataclasses.replace(source, n_frames=segment.n_frames, excerpt=excerpt)


def first_of(spec: ProbeSpec) -> int:
    excerpt = spec.encode.source.excerpt
    assert excerpt is not None
    return excerpt.first_frame


@dataclass
class PartProber:
    """Gives each frame its number as its score, and 100 bytes; keyframes have their own sizes."""

    fail_at: dict[int, Exception] = field(default_factory=dict)
    asked: list[ProbeSpec] = field(default_factory=list)
    cancelled: bool = False
    keyframe_bytes: tuple[int, ...] = (1000,)
    gates: dict[int, threading.Event] = field(default_factory=dict)

    def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
        self.asked.append(spec)
        first, n_frames = first_of(spec), spec.encode.source.n_frames
        if first in self.gates:
            assert self.gates[first].wait(60)
        for gate in self.gates.values() if first == PLAN.segments[-1].first_frame else ():
            gate.set()
        if first in self.fail_at:
            raise self.fail_at[first]
        if on_progress is not None:
            on_progress("encode", n_frames)
            on_progress("score", n_frames)
        usual = n_frames - len(self.keyframe_bytes)
        size_bytes = usual * 100 + sum(self.keyframe_bytes)
        return Probe(
            quality=spec.encode.quality,
            bitrate_kbps=size_bytes * 8 / (n_frames / 25) / 1000,
            size_bytes=size_bytes,
            scores=scores_of(*(float(first + index) for index in range(n_frames))),
            encode_time_s=1.0,
            score_time_s=0.5,
            encoder_version="fake 1.0",
            peak_bitrate_kbps=float(first),
            keyframe_bytes=self.keyframe_bytes,
        )

    def score_itself(self, spec: ProbeSpec) -> ScoreSet:
        return scores_of(float(first_of(spec)))

    def cancel(self) -> None:
        self.cancelled = True


def test_scores_of_the_parts_follow_each_other_in_the_order_of_the_clip() -> None:
    probe = sampled_prober(PartProber(), PLAN).probe(SPEC)

    expected = (*range(5), *range(20, 25), *range(40, 50))
    assert tuple(probe.scores.frames) == tuple(map(float, expected))
    assert probe.scores.n_frames == PLAN.n_sampled


@pytest.mark.parametrize("workers", [2, 3])
def test_the_order_in_which_parts_end_does_not_matter(workers: int) -> None:
    alone = sampled_prober(PartProber(), PLAN).probe(SPEC)
    # The first part ends only when the last one has been asked for.
    slow = PartProber(gates={0: threading.Event()})

    assert sampled_prober(slow, PLAN, workers=workers).probe(SPEC) == alone


def test_a_first_keyframe_in_the_middle_of_the_clip_counts_as_a_usual_picture() -> None:
    probe = sampled_prober(PartProber(), PLAN).probe(SPEC)

    # Only that of the clip's own beginning is the clip's.
    assert probe.bitrate_kbps == pytest.approx((20 * 100 + 900) * 8 / (20 / 25) / 1000)
    assert probe.size_bytes == pytest.approx((20 * 100 + 900) * 50 / 20)


def test_keyframes_that_come_in_turn_are_counted_as_often_as_they_come() -> None:
    encode = dataclasses.replace(SPEC.encode, gop_frames=20)
    plan = SamplePlan((Segment(20, 10),), 50)

    probe = sampled_prober(PartProber(), plan).probe(dataclasses.replace(SPEC, encode=encode))

    # Half a keyframe is due in half a group of pictures.
    assert probe.bitrate_kbps == pytest.approx((9 * 100 + 0.5 * 1000 + 0.5 * 100) * 8 / 0.4 / 1000)


def test_keyframes_that_come_in_turn_are_measured_by_those_that_do_not_begin_the_part() -> None:
    encode = dataclasses.replace(SPEC.encode, gop_frames=4)
    plan = SamplePlan((Segment(20, 10),), 50)
    parts = PartProber(keyframe_bytes=(1000, 400, 600))

    probe = sampled_prober(parts, plan).probe(dataclasses.replace(SPEC, encode=encode))

    # Two and a half are due.
    assert probe.bitrate_kbps == pytest.approx((7.5 * 100 + 2.5 * 500) * 8 / 0.4 / 1000)


def test_parts_that_are_nothing_but_keyframes_are_estimated_from_them() -> None:
    encode = dataclasses.replace(SPEC.encode, gop_frames=1)
    plan = SamplePlan((Segment(20, 5),), 50)
    parts = PartProber(keyframe_bytes=(1000, 400, 600, 400, 600))

    probe = sampled_prober(parts, plan).probe(dataclasses.replace(SPEC, encode=encode))

    assert probe.bitrate_kbps == pytest.approx(5 * 500 * 8 / 0.2 / 1000)


def test_encoders_whose_keyframes_cost_the_same_everywhere_have_them_counted() -> None:
    encode = dataclasses.replace(SPEC.encode, encoder="libsvtav1")
    plan = SamplePlan((Segment(20, 10),), 50)

    probe = sampled_prober(PartProber(), plan).probe(dataclasses.replace(SPEC, encode=encode))

    assert probe.bitrate_kbps == pytest.approx((9 * 100 + 1000) * 8 / 0.4 / 1000)


def test_times_add_up_and_the_highest_peak_stays() -> None:
    probe = sampled_prober(PartProber(), PLAN).probe(SPEC)

    assert (probe.encode_time_s, probe.score_time_s) == (3.0, 1.5)
    assert probe.peak_bitrate_kbps == 40.0
    assert probe.encoder_version == "fake 1.0"
    assert len(probe.parts) == 3


def test_the_command_is_that_of_the_whole_clip() -> None:
    prober = sampled_prober(
        PartProber(),
        PLAN,
        command=lambda spec: (str(spec.source.n_frames),),
    )

    assert prober.probe(SPEC).command == ("50",)


def test_progress_counts_the_frames_of_all_parts() -> None:
    told: list[tuple[str, int]] = []

    sampled_prober(PartProber(), PLAN).probe(
        SPEC, on_progress=lambda stage, frames: told.append((stage, frames))
    )

    assert told == [(s, n) for n in (5, 10, 20) for s in ("encode", "score")]


def test_a_limit_of_the_bitrate_is_for_the_whole_and_not_for_its_parts() -> None:
    inner = PartProber()
    encode = dataclasses.replace(SPEC.encode, max_bitrate_kbps=1.0)

    sampled_prober(inner, PLAN).probe(dataclasses.replace(SPEC, encode=encode))

    assert {spec.encode.max_bitrate_kbps for spec in inner.asked} == {None}


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_names_the_part_that_failed(workers: int) -> None:
    inner = PartProber(fail_at={20: EncodeFailedError("libx264 could not encode it.")})

    with pytest.raises(
        EncodeFailedError, match=r"could not encode it\. This was the part of frames 20 to 24, from"
    ):
        sampled_prober(inner, PLAN, workers=workers).probe(SPEC)


def test_a_cancelled_part_cancels_the_probe() -> None:
    inner = PartProber(fail_at={20: CancelledError("stopped")})

    with pytest.raises(CancelledError):
        sampled_prober(inner, PLAN).probe(SPEC)


def test_cancelling_reaches_the_prober_of_the_parts() -> None:
    inner = PartProber()

    sampled_prober(inner, PLAN).cancel()

    assert inner.cancelled


def test_the_ceiling_is_that_of_the_parts() -> None:
    assert tuple(sampled_prober(PartProber(), PLAN).score_itself(SPEC).frames) == (
        0.0,
        20.0,
        40.0,
    )


def test_scores_of_the_lead_in_are_left_out() -> None:
    probe = sampled_prober(PartProber(), PLAN, lead_in=2).probe(SPEC)

    assert tuple(probe.scores.frames[:4]) == (2.0, 3.0, 4.0, 22.0)
