"""A prober that measures short parts of a clip in one encode."""

from __future__ import annotations

import dataclasses
from array import array
from typing import TYPE_CHECKING

import pytest

from tests.unit.sampling.test_sampled_prober import cut
from tests.unit.search.fakes import request, scores_of
from vmafx_tune.errors import OutputError, ToolError, VmafxTuneError
from vmafx_tune.sampling.joining import without_lead_ins
from vmafx_tune.sampling.parts import Segment
from vmafx_tune.sampling.prober import JoinedPartsProber

if TYPE_CHECKING:
    from vmafx_tune.model import Probe, ProbeSpec, ScoreSet
    from vmafx_tune.ports import ProbeProgress

PARTS = (Segment(5, 12), Segment(30, 12))
SPEC = request(max_bitrate_kbps=500).template


class Fake:
    """Notes what it is asked for."""

    def __init__(self, error: VmafxTuneError | None = None) -> None:
        self.asked: list[ProbeSpec] = []
        self._error = error

    def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
        del on_progress
        self.asked.append(spec)
        raise self._error or EndOfTestError

    def score_itself(self, spec: ProbeSpec) -> ScoreSet:
        raise NotImplementedError

    def cancel(self) -> None:
        pass


class EndOfTestError(VmafxTuneError):
    """What is asked for is all that matters."""


def joined_prober(prober: Fake, apart: Fake) -> JoinedPartsProber:
    return JoinedPartsProber(prober, PARTS, cut=cut, lead_in=4, apart=apart)


def test_the_parts_are_one_clip_without_a_limit() -> None:
    prober = Fake()

    with pytest.raises(EndOfTestError):
        joined_prober(prober, Fake()).probe(SPEC)

    (asked,) = prober.asked
    source = asked.encode.source
    assert source.excerpt is None
    assert [(part.first_frame, part.n_frames) for part in source.parts] == [(5, 12), (30, 12)]
    assert source.n_frames == 24
    assert asked.encode.max_bitrate_kbps is None


def test_parts_that_do_not_fit_into_one_file_are_probed_apart() -> None:
    apart = Fake()

    with pytest.raises(EndOfTestError):
        joined_prober(Fake(OutputError("full")), apart).probe(SPEC)

    assert apart.asked == [SPEC]


def test_other_errors_are_passed_on() -> None:
    apart = Fake()

    with pytest.raises(ToolError, match="broken"):
        joined_prober(Fake(ToolError("broken", argv=("ffmpeg",))), apart).probe(SPEC)

    assert apart.asked == []


@pytest.mark.parametrize(
    ("subsample", "lead_in", "kept"),
    [
        (1, 10, [10, 11, 22, 23]),
        (3, 4, [6, 9, 18, 21]),
        (5, 4, [5, 10, 20]),
        (3, 12, [0, 3, 6, 9, 12, 15, 18, 21]),
    ],
)
def test_the_first_frames_of_each_part_do_not_count(
    subsample: int, lead_in: int, kept: list[int]
) -> None:
    frames = [float(index) for index in range(0, 24, subsample)]
    scores = dataclasses.replace(
        scores_of(50.0),
        frames=array("d", frames),
        features={"motion": array("d", frames)},
        n_frames=24,
        subsample=subsample,
    )

    left = without_lead_ins(scores, 12, lead_in)

    assert list(left.frames) == list(left.features["motion"]) == kept
