"""How long a run still takes, from its events and the times at which they come.

Work is counted in probes of a number of frames, and what a frame takes is learned from what has
run: at first from the progress of the first probe, or from looks, then from the probes that are
done. Encode and score are told apart, since one differs between encoders and sizes and the other
does not.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from heapq import heapify, heapreplace
from statistics import fmean
from typing import TYPE_CHECKING

from vmafx_tune.events import (
    CompareStarted,
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

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmafx_tune.events import Event

__all__ = ["Eta"]

# So much more the progress of a probe counts where only looks tell what it should take.
_LOOK_DOUBT = 5.0
# Before so much of the first probe is done, its progress says little of what it takes.
_TELLING_SHARE = 0.04
_NEARLY_ALL = 0.8
_LATEST = 4
# Of a probe that may or may not come, so much counts at least: until it is certain that none does.
_PERHAPS = 0.5
# What is shown counts down with the clock for as long as it is so near to the estimate.
_LEAST_SHOWN, _MOST_SHOWN = 0.95, 1.1


@dataclass(frozen=True, slots=True)
class _Pace:
    """Seconds that a frame takes."""

    encode_s: float
    score_s: float

    @property
    def frame_s(self) -> float:
        return self.encode_s + self.score_s

    def times(self, factor: float) -> _Pace:
        return _Pace(factor * self.encode_s, factor * self.score_s)

    @classmethod
    def mean(cls, paces: Iterable[_Pace]) -> _Pace | None:
        paces = list(paces)
        if not paces:
            return None
        return cls(fmean(p.encode_s for p in paces), fmean(p.score_s for p in paces))


@dataclass(slots=True)
class _Running:
    """A probe under way.

    Attributes:
        first: When frames of its encode were first done, for which an encoder reads ahead, and
            how many.
        encoded_s: How long its encode took; None before it is done, and where parts are encoded
            and scored side by side.
    """

    started_s: float
    n_frames: int
    work: float
    look: bool
    encoded: int = 0
    scored: int = 0
    first: tuple[float, int] | None = None
    encoded_s: float | None = None

    def move(self, stage: str, frames_done: int, now_s: float) -> None:
        """Take note of progress."""
        elapsed_s = now_s - self.started_s
        if frames_done and self.first is None:
            self.first = elapsed_s, frames_done
        if stage == "encode":
            self.encoded = frames_done
        elif stage == "score":
            if not self.scored and self.encoded > _NEARLY_ALL * self.n_frames:
                self.encoded_s = elapsed_s
            self.scored = frames_done

    def done(self, pace: _Pace) -> float:
        """How much of its time is over, by the frames that are done."""
        done_s = self.encoded * pace.encode_s + self.scored * pace.score_s
        return min(1.0, done_s / (pace.frame_s * self.n_frames))

    def times(self, usual: _Pace, doubt: float, now_s: float) -> _Pace:
        """What its stages take as a whole: the more is done, the more their own pace counts.

        Args:
            usual: What they are expected to take.
            doubt: How much more than usual the own pace counts.
            now_s: The time.
        """
        elapsed_s = now_s - self.started_s
        if self.scored and self.encoded_s is None:
            done = self.done(usual)
            own_s = elapsed_s / done if done else 0.0
            return usual.times(_blend(own_s, done, usual.frame_s, doubt) / usual.frame_s)
        encode_s = self.encoded_s
        if encode_s is None:
            done = self.encoded / self.n_frames
            encode_s = _blend(self._own_encode_s(elapsed_s), done, usual.encode_s, doubt)
        # What looks are wrong about is wrong of both stages.
        slower = encode_s / usual.encode_s if doubt > 1 and usual.encode_s else 1
        score_s = usual.score_s * slower
        if self.encoded_s is not None:
            done = self.scored / self.n_frames
            score_s = _blend((elapsed_s - self.encoded_s) / done, done, score_s, doubt)
        return _Pace(encode_s, score_s)

    def whole_s(self, split: _Pace, done: float, now_s: float) -> float:
        """What all of it takes, where nothing is known but how encode and score share its time."""
        elapsed_s = now_s - self.started_s
        return elapsed_s / done if self.scored else self._own_encode_s(elapsed_s) / split.encode_s

    def _own_encode_s(self, elapsed_s: float) -> float:
        if self.first is None:
            return 0.0
        first_s, first = self.first
        if self.encoded == first:
            return elapsed_s * self.n_frames / first
        rest = (self.n_frames - first) / (self.encoded - first)
        return first_s + (elapsed_s - first_s) * rest

    def seconds_left(self, times: _Pace) -> float:
        """What is left of a probe whose stages take `times`."""
        encoded = 1.0 if self.encoded_s is not None else self.encoded / self.n_frames
        return (1 - encoded) * times.encode_s + (1 - self.scored / self.n_frames) * times.score_s


def _blend(own_s: float, done: float, usual_s: float, doubt: float) -> float:
    trust = min(1.0, doubt * done)
    return (1 - trust) * usual_s + trust * own_s


@dataclass(slots=True)
class _Job:
    """What a job still takes, and how fast it is."""

    encode_cost: float = 0.0
    left: dict[tuple[bool, float], float] = field(default_factory=dict)
    probes: list[_Pace] = field(default_factory=list)
    looks: list[_Pace] = field(default_factory=list)
    running: _Running | None = None
    finished: bool = False

    def start(self, event: ProbeStarted, now_s: float) -> None:
        """Take note of a probe that begins."""
        n_frames = max(1, event.n_frames)
        self.running = _Running(now_s, n_frames, event.work or n_frames, event.look)
        if not event.look:
            # There are no more looks then.
            self.left = {kind: left for kind, left in self.left.items() if not kind[0]}
        kind = event.look, self.running.work
        self.left[kind] = max(0.0, self.left.get(kind, 0.0) - 1)

    def finish(self, event: ProbeFinished | ProbeStopped | ProbeFailed, now_s: float) -> None:
        """Learn from a probe that ended."""
        running, self.running = self.running, None
        if running is None or isinstance(event, ProbeFailed):
            return
        self.left[running.look, running.work] = event.probes_expected
        if isinstance(event, ProbeStopped) or event.probe.cached or now_s == running.started_s:
            return
        encode_s, score_s = event.probe.encode_time_s, event.probe.score_time_s
        frame_s = (now_s - running.started_s) / running.work
        share = encode_s / (encode_s + score_s or 1)
        paces = self.looks if running.look else self.probes
        paces.append(_Pace(frame_s * share, frame_s * (1 - share)))

    @property
    def measured(self) -> _Pace | None:
        """What a frame of a probe took."""
        return _Pace.mean(self.probes[-_LATEST:])

    @property
    def look_error(self) -> float | None:
        """By what factor probes took longer than looks had told; None where there were not both."""
        looks, probes = _Pace.mean(self.looks), self.measured
        return probes.frame_s / looks.frame_s if looks and probes else None

    def looked(self, error: float) -> _Pace | None:
        """What a frame of a probe should take by looks, which were so far off elsewhere."""
        looks = _Pace.mean(self.looks)
        return looks and looks.times(error)

    def first_pace(self, now_s: float) -> _Pace | None:
        """What a frame takes by the progress of a probe alone."""
        score = 1 / (1 + self.encode_cost)
        split, running = _Pace(1 - score, score), self.running
        if running is None or (done := running.done(split)) < _TELLING_SHARE:
            return None
        whole_s = running.whole_s(split, done, now_s)
        return split.times(whole_s / running.work)

    def seconds_left(self, pace: _Pace, now_s: float) -> float:
        """What the job takes from now on, at a pace."""
        left_s, running = 0.0, self.running
        if running is not None:
            doubt = 1.0 if self.probes else _LOOK_DOUBT
            times = running.times(pace.times(running.work), doubt, now_s)
            left_s = running.seconds_left(times)
            if not self.probes and not running.look:
                pace = times.times(1 / running.work)
        for (_, work), count in self.left.items():
            probe_s = work * pace.frame_s
            left_s += count * probe_s
            if 0 < count < 1:
                left_s = max(left_s, _PERHAPS * probe_s)
        return left_s


class Eta:
    """Follows the events of a run, and estimates how long it still takes. Not thread-safe."""

    def __init__(self) -> None:
        self._jobs: dict[str, _Job] = {}
        self._workers = 1
        self._shown: tuple[float, float] | None = None

    def see(self, event: Event, now_s: float) -> None:
        """Take note of an event.

        Args:
            event: Of the run.
            now_s: When it came, on a clock that never goes back.
        """
        match event:
            case LadderStarted() | CompareStarted():
                self._workers = event.workers
            case JobPlanned(name, work, probes, encode_cost):
                job = self._jobs.setdefault(name, _Job())
                job.encode_cost = encode_cost
                job.left[False, work] = probes
            case JobStarted(name, n_frames) if name not in self._jobs:
                # It is a score, and nothing else.
                running = _Running(now_s, max(1, n_frames), n_frames, look=False)
                self._jobs[name] = _Job(running=running)
            case ProbeStarted(name):
                self._jobs[name].start(event, now_s)
            case FramesDone(name, stage, frames_done):
                if under_way := self._jobs[name].running:
                    under_way.move(stage, frames_done, now_s)
            case ProbeFinished(name) | ProbeStopped(name) | ProbeFailed(name):
                self._jobs[name].finish(event, now_s)
            case JobFinished(name):
                self._jobs[name].finished = True

    @property
    def probes_left(self) -> float:
        """How many probes should still end, those under way among them."""
        return sum(
            sum(job.left.values()) + (job.running is not None)
            for job in self._jobs.values()
            if not job.finished
        )

    def seconds_left(self, now_s: float) -> float | None:
        """Estimate how long the run still takes; None where nothing has told how fast it is.

        It counts down steadily, and jumps only where what happens differs much from what was
        expected.

        Args:
            now_s: On the clock of `see`; no earlier than the last call of either.
        """
        estimate_s = self._estimate(now_s)
        if estimate_s is None:
            self._shown = None
            return None
        shown_s = estimate_s
        if self._shown is not None:
            then_s, before_s = self._shown
            shown_s = before_s - (now_s - then_s)
        shown_s = min(max(shown_s, _LEAST_SHOWN * estimate_s), _MOST_SHOWN * estimate_s)
        self._shown = now_s, shown_s
        return shown_s

    def _estimate(self, now_s: float) -> float | None:
        jobs = self._jobs.values()
        errors = [error for job in jobs if (error := job.look_error)]
        error = fmean(errors) if errors else 1.0
        own = {id(job): job.measured or job.looked(error) for job in jobs}
        known = [(job, pace) for job in jobs if (pace := own[id(job)])] or [
            (job, pace) for job in jobs if (pace := job.first_pace(now_s))
        ]
        # What a frame takes, but for how the jobs' encodes differ in cost.
        usual = _Pace.mean(
            replace(p, encode_s=p.encode_s / (job.encode_cost or 1)) for job, p in known
        )
        if usual is None:
            return None
        lefts_s = []
        for job in (job for job in jobs if not job.finished):
            likely = replace(usual, encode_s=usual.encode_s * job.encode_cost)
            lefts_s.append(job.seconds_left(own[id(job)] or likely, now_s))
        if not lefts_s:
            return 0.0
        workers = min(self._workers, len(lefts_s))
        # The last job, which is alone, may well be faster than it was beside others.
        return _makespan(lefts_s, workers)


def _makespan(lefts_s: list[float], workers: int) -> float:
    """Time until all jobs are done, each begun by the first worker that is free."""
    ends_s = lefts_s[:workers]
    heapify(ends_s)
    for left_s in lefts_s[workers:]:
        heapreplace(ends_s, ends_s[0] + left_s)
    return max(ends_s)
