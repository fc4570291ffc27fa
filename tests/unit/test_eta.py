"""How long a run still takes, by its events."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field, replace
from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING

import pytest

from tests.support.eta_runs import RUNS, at_share, shown
from tests.unit.search.fakes import SOURCE, CurveProber, request, scores_of
from vmafx_tune.eta import Eta
from vmafx_tune.events import (
    BatchStarted,
    CompareStarted,
    FileFinished,
    FileStarted,
    FramesDone,
    JobFinished,
    JobPlanned,
    JobStarted,
    LadderStarted,
    ProbeFailed,
    ProbeFinished,
    ProbeStarted,
    ProbeStopped,
)
from vmafx_tune.knob import TypicalCurve
from vmafx_tune.model import Probe
from vmafx_tune.search.engine import search

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vmafx_tune.events import Event
    from vmafx_tune.model import ProbeSpec
    from vmafx_tune.ports import ProbeProgress

RECORDED = sorted(RUNS.glob("*.json"))
# All runs of two recordings, as they came; the third was made when all constants were chosen.
RECORDED_AT_ONCE = sorted([*(RUNS / "second").glob("*.json"), *(RUNS / "third").glob("*.json")])
# What a probe takes after a first one of 10 s.
LATER_S = 8


def finished(
    job: str = "x264", *, expected: float, encode_s: float = 5, cached: bool = False
) -> ProbeFinished:
    probe = Probe(30, 900, 1, scores_of(95), encode_s, 5, cached=cached)
    return ProbeFinished(job, 1, probe, 95, 90, 7, probes_expected=expected)


def planned(*jobs: str, probes: float = 3, cost: float = 1, workers: int = 1) -> Eta:
    return _planned(CompareStarted(len(jobs), workers), jobs, probes, cost)


def ladder_of(*jobs: str, probes: float, workers: int) -> Eta:
    return _planned(LadderStarted(len(jobs), len(jobs), workers), jobs, probes, 1)


def _planned(start: Event, jobs: Sequence[str], probes: float, cost: float) -> Eta:
    eta = Eta()
    eta.see(start, 0)
    for job in jobs:
        eta.see(JobPlanned(job, 100, probes, cost), 0)
    return eta


def probe(eta: Eta, job: str, *, start: float, end: float, expected: float) -> None:
    eta.see(ProbeStarted(job, 1, 30, 90, n_frames=100), start)
    eta.see(finished(job, expected=expected), end)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
@pytest.mark.parametrize(
    "path", [*RECORDED, *RECORDED_AT_ONCE], ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_of_recorded_runs_what_is_shown_is_within_a_factor_of_two(path: Path, share: float) -> None:
    moment = at_share(shown(path), share)
    assert moment.shown_s is not None
    assert 0.5 <= moment.shown_s / moment.left_s <= 2


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_of_recorded_runs_no_less_than_half_of_what_is_left_is_shown(path: Path) -> None:
    moments = [moment for moment in shown(path) if moment.left_s > 1]
    told = {m.time_s: m.shown_s / m.left_s for m in moments if m.shown_s is not None}
    assert min(told.values()) >= 0.5


def test_nothing_is_said_before_anything_tells_how_fast_it_is() -> None:
    eta = planned("x264")
    eta.see(ProbeStarted("x264", 1, 30, 90, n_frames=100), 0)
    assert eta.seconds_left(1) is None


def test_the_progress_of_the_first_probe_tells() -> None:
    eta = planned("x264")
    eta.see(ProbeStarted("x264", 1, 30, 90, n_frames=100), 0)
    eta.see(FramesDone("x264", "encode", 100), 5)
    # Half of the first probe took 5 s, and two more come.
    assert eta.seconds_left(5) == pytest.approx(5 + 20)


def test_frames_that_an_encoder_has_taken_in_count_as_done() -> None:
    eta = planned("x264", probes=1)
    eta.see(ProbeStarted("x264", 1, 30, 90, n_frames=100), 0)
    eta.see(FramesDone("x264", "encode", 35), 3)
    # It reads 25 frames ahead: 60 took 3 s, and as many scores will.
    assert eta.seconds_left(3) == pytest.approx((1 - 0.35 / 2) * 10)


def test_what_goes_before_the_first_encode_is_not_taken_for_its_pace() -> None:
    eta = planned("x264", probes=2)
    eta.see(ProbeStarted("x264", 1, 30, 90, n_frames=100), 0)
    eta.see(FramesDone("x264", "encode", 0), 20)
    eta.see(FramesDone("x264", "encode", 100), 25)
    assert eta.seconds_left(25) == pytest.approx(5 + 10)
    eta.see(finished(expected=1), 30)
    assert eta.seconds_left(30) == pytest.approx(1.1 * LATER_S)


def test_the_first_probe_counts_only_where_there_is_no_other() -> None:
    eta = planned("x264")
    probe(eta, "x264", start=0, end=10, expected=2)
    eta.see(ProbeStarted("x264", 2, 31, 90, n_frames=100), 10)
    eta.see(finished(expected=1, encode_s=1), 16)
    assert eta.seconds_left(16) == pytest.approx(6)


def test_looks_tell_before_the_first_probe() -> None:
    eta = planned("x264")
    eta.see(ProbeStarted("x264", 1, 30, 90, look=True, n_frames=10), 0)
    eta.see(FramesDone("x264", "encode", 5), 1)
    assert eta.seconds_left(1) is not None


def test_it_counts_down_with_the_clock() -> None:
    eta = planned("x264")
    probe(eta, "x264", start=0, end=10, expected=2)
    left_s = 2 * LATER_S
    assert [eta.seconds_left(10), eta.seconds_left(10.5)] == pytest.approx([left_s, left_s - 0.5])


def test_jobs_that_wait_take_what_their_encodes_cost() -> None:
    eta = planned("x264", "aom", probes=2)
    eta.see(JobPlanned("aom", 100, 2, encode_cost=10), 0)
    probe(eta, "x264", start=0, end=10, expected=0)
    eta.see(JobFinished("x264", ok=True, summary=""), 10)
    # Half of a probe is the score, which costs the same.
    assert eta.seconds_left(10) == pytest.approx(2 * (10 * LATER_S / 2 + LATER_S / 2))


def test_workers_share_the_rest() -> None:
    eta = ladder_of("a", "b", "c", probes=2, workers=2)
    for job in "ab":
        probe(eta, job, start=0, end=10, expected=2)
    assert eta.seconds_left(10) == pytest.approx(4 * LATER_S)


def test_encodes_of_one_size_share_all_processors_to_the_end() -> None:
    eta = planned("a", "b", probes=2, workers=2)
    probe(eta, "a", start=0, end=10, expected=0)
    probe(eta, "b", start=0, end=10, expected=4)
    # As long as job b takes at its pace, and half of that: with both, and alone.
    assert eta.seconds_left(10) == pytest.approx(4 * LATER_S / math.sqrt(2))


@pytest.mark.parametrize(
    "end",
    [
        finished(expected=1, cached=True),
        ProbeStopped("x264", 1, 30, 90, 800, recalled=False, probes_left=3, probes_expected=1),
        ProbeFailed("x264", 1, 30, "It failed."),
    ],
    ids=["recalled", "stopped", "failed"],
)
def test_what_is_no_whole_probe_says_nothing_of_the_others(end: Event) -> None:
    eta = planned("x264")
    eta.see(ProbeStarted("x264", 1, 30, 90, n_frames=100), 0)
    eta.see(end, 1)
    assert eta.seconds_left(1) is None
    probe(eta, "x264", start=1, end=11, expected=1)
    assert eta.seconds_left(11) == pytest.approx(LATER_S)


def test_no_less_than_half_of_what_is_left_is_shown_where_one_more_probe_may_come() -> None:
    eta = planned("x264")
    probe(eta, "x264", start=0, end=10, expected=1.2)
    eta.see(ProbeStarted("x264", 2, 31, 90, n_frames=100), 10)
    eta.see(FramesDone("x264", "encode", 100), 15)
    eta.see(FramesDone("x264", "score", 100), 20)
    assert eta.seconds_left(20) == pytest.approx(LATER_S / 2)


def test_a_job_without_probes_is_told_by_its_frames_whatever_it_does() -> None:
    eta = Eta()
    eta.see(JobStarted("cuts", 100), 0)
    eta.see(FramesDone("cuts", "detect", 25), 5)
    assert eta.seconds_left(5) == pytest.approx(15)


def test_shots_that_are_to_be_searched_count_from_the_start() -> None:
    eta = planned("x264", probes=1)
    eta.see(JobPlanned("shots", 100, 4, 1), 0)
    eta.see(ProbeStarted("x264", 1, 30, 90, n_frames=100), 0)
    eta.see(FramesDone("x264", "encode", 100), 5)
    # Half of the search's one probe is done, and as much as four more come.
    assert eta.seconds_left(5) == pytest.approx(5 + 40)


def test_rounds_of_shots_count_down_what_is_planned() -> None:
    eta = planned("x264", probes=1)
    eta.see(JobPlanned("shots", 100, 4, 1), 0)
    probe(eta, "x264", start=0, end=10, expected=0)
    eta.see(JobFinished("x264", ok=True, summary=""), 10)
    eta.see(JobPlanned("shots", 100, 3, 1), 10)
    eta.see(JobStarted("shots 1", 200), 10)
    eta.see(FramesDone("shots 1", "encode", 100), 15)
    half_of_the_round_s, others_s = 5, 3 * LATER_S
    assert eta.seconds_left(15) == pytest.approx(half_of_the_round_s + others_s, rel=0.15)
    eta.see(JobFinished("shots 1", ok=True, summary=""), 20)
    eta.see(JobPlanned("shots", 100, 0, 1), 20)
    assert eta.seconds_left(20) == 0


def test_a_score_is_told_by_its_frames() -> None:
    eta = Eta()
    eta.see(JobStarted("score", 100), 0)
    eta.see(FramesDone("score", "score", 25), 5)
    assert eta.seconds_left(5) == pytest.approx(15)


@dataclass
class TimedProber(CurveProber):
    """Takes ten seconds a probe, and notes what is shown in each."""

    eta: Eta = field(default_factory=Eta)
    now_s: float = 0.0
    shown: list[float | None] = field(default_factory=list)

    def see(self, event: Event) -> None:
        self.eta.see(event, self.now_s)

    def probe(self, spec: ProbeSpec, *, on_progress: ProbeProgress | None = None) -> Probe:
        assert on_progress is not None
        for second in range(1, 11):
            self.now_s += 1
            stage, done = ("encode", second) if second <= 5 else ("score", second - 5)
            on_progress(stage, done * spec.encode.source.n_frames // 5)
            self.shown.append(self.eta.seconds_left(self.now_s))
        made = super().probe(spec)
        return replace(made, encode_time_s=5.0, score_time_s=5.0)

    @property
    def moments(self) -> list[float]:
        """What is shown after a quarter, half and three quarters, in what is left."""
        n = len(self.shown)
        seconds = [int(share * n) for share in (0.25, 0.5, 0.75)]
        return [(self.shown[second] or 0.0) / (n - second - 1) for second in seconds]


def test_of_19_moments_in_20_of_searches_what_is_shown_is_within_a_factor_of_two() -> None:
    clips, moments = random.Random(7), []
    template = request().template
    encode = replace(template.encode, source=replace(SOURCE, n_frames=1000))
    asked = replace(
        request(typical=TypicalCurve(38.4, 4.8)),
        template=replace(template, encode=encode),
        effort=1.0,
    )
    for _ in range(100):
        ceiling, width = clips.uniform(96, 100), clips.uniform(3.5, 7)
        curve = partial(logistic, ceiling=ceiling, midpoint=clips.gauss(38, 4), width=width)
        prober = TimedProber(curve, ceiling=ceiling)
        search(asked.at_target(clips.uniform(70, 95)), prober, observe=prober.see)
        moments += prober.moments
    assert fmean(0.5 <= moment <= 2 for moment in moments) >= 0.95


def logistic(quality: float, *, ceiling: float, midpoint: float, width: float) -> float:
    return ceiling / (1 + math.exp((quality - midpoint) / width))


def test_a_new_plan_replaces_the_old_one() -> None:
    eta = Eta()
    eta.see(LadderStarted(1, 3, 1, adaptive=True), 0)
    eta.see(JobPlanned("640x360", 100, 5, 1), 0)
    probe(eta, "640x360", start=0, end=10, expected=4)
    eta.see(JobPlanned("640x360", 100, 1, 1), 10)
    assert eta.seconds_left(10) == pytest.approx(LATER_S)
    assert eta.probes_left == 1


def test_a_batch_counts_whole_files_by_their_size() -> None:
    eta = Eta()
    eta.see(BatchStarted(4, 0, 1, 100.0), 0)
    eta.see(FileStarted("a", 20.0), 0)
    assert eta.seconds_left(5) is None
    eta.see(FileFinished("a", "done", "done", 1, 0, 0), 10)
    assert eta.seconds_left(10) == pytest.approx(40)
    eta.see(FileStarted("bad", 40.0), 10)
    eta.see(FileFinished("bad", "failed", "Why.", 2, 0, 1), 10)
    assert eta.seconds_left(10) == pytest.approx(22, abs=3)
    eta.see(FileStarted("c", 40.0), 10)
    eta.see(JobStarted("c: libx264", 50), 10)
    eta.see(FileFinished("c", "missed", "Why.", 3, 0, 1), 30)
    assert eta.seconds_left(30) == pytest.approx(0, abs=1)
