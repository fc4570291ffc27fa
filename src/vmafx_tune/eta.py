"""How long a run still takes, from its events and the times at which they come.

Work is counted in probes of a number of frames, and what a frame takes is learned from what has
run: at first from the progress of the first probe, or from looks, then from the probes that are
done. Encode and score are told apart, since one differs between encoders and sizes and the other
does not.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from heapq import heapify, heapreplace
from math import exp, log, sqrt
from statistics import fmean
from typing import TYPE_CHECKING

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
from vmafx_tune.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmafx_tune.events import Event

__all__ = ["Eta"]

# Frames that an encoder takes in before it gives the first one out, as most do about.
_LOOKAHEAD = 25
# Before so much of the first probe is done, its progress says little of what it takes.
_TELLING_SHARE = 0.04
_LATEST = 4
# The first probe takes longer than those after it, as by reading what is in memory afterwards; and
# all take longer than looks tell, which read what was made ready for them.
_FIRST_SLOWER = 1.25
_LOOKS_FASTER = 1.3
# Where one more probe may come or not, it comes less often than is expected.
_MAYBE = 0.6
# What is shown counts down with the clock for as long as it is so near to the estimate.
_LEAST_SHOWN, _MOST_SHOWN = 0.95, 1.1


@frozen
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
    """A probe under way, or a job that is none.

    Attributes:
        started_s: When it began, or its encode, where that is known.
        stages: Whether it encodes first and scores then; all else counts its frames throughout.
        moved_s: When a stage of it last moved on.
    """

    started_s: float
    n_frames: int
    work: float
    look: bool
    stages: bool = True
    encoded: int = 0
    scored: int = 0
    moved_s: float = 0.0

    def move(self, stage: str, frames_done: int, now_s: float) -> None:
        """Take note of progress."""
        self.moved_s = now_s
        if not self.stages:
            self.encoded = self.scored = frames_done
        elif stage == "encode":
            self.encoded = frames_done
            if not frames_done:
                self.started_s = now_s
        elif stage == "score":
            self.scored = frames_done

    def done(self, pace: _Pace, ahead: int = 0) -> float:
        """What share of it is done, by the frames that are."""
        encoded = min(self.encoded + ahead, self.n_frames) if self.encoded else 0
        done_s = encoded * pace.encode_s + self.scored * pace.score_s
        return min(1.0, done_s / (pace.frame_s * self.n_frames))

    def whole_s(self, split: _Pace) -> float:
        """What all of it takes by its progress, where encode and score share its time so.

        0 before anything is done.
        """
        # Looks are encodes of parts, whose frames come out as a whole.
        done = self.done(split, ahead=_LOOKAHEAD if self.stages and not self.look else 0)
        return (self.moved_s - self.started_s) / done if done else 0.0

    def likely_s(self, usual: _Pace) -> float:
        """What all of it takes: the more is done, the more its progress counts."""
        usual_s, own_s = usual.frame_s * self.work, self.whole_s(usual)
        if not own_s or not usual_s:
            return own_s or usual_s
        trust = sqrt(self.done(usual))
        return exp((1 - trust) * log(usual_s) + trust * log(own_s))


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
        if isinstance(event, ProbeStopped) or event.probe.cached:
            return
        stages = _Pace(event.probe.encode_time_s, event.probe.score_time_s)
        # What the first probe does besides, as to check the source, the others do not.
        took_s = min(now_s - running.started_s, stages.frame_s)
        if took_s > 0:
            paces = self.looks if running.look else self.probes
            paces.append(stages.times(took_s / stages.frame_s / running.work))

    @property
    def measured(self) -> _Pace | None:
        """What a frame of a probe took."""
        later = _Pace.mean(self.probes[1:][-_LATEST:])
        return later or (self.probes[0].times(1 / _FIRST_SLOWER) if self.probes else None)

    @property
    def look_error(self) -> float | None:
        """By what factor probes took longer than looks had told; None where there were not both."""
        looks, probes = _Pace.mean(self.looks), self.measured
        return probes.frame_s / looks.frame_s if looks and probes else None

    def looked(self, error: float) -> _Pace | None:
        """What a frame of a probe should take by looks, which were so far off elsewhere."""
        looks = _Pace.mean(self.looks)
        return looks and looks.times(error)

    def first_pace(self) -> _Pace | None:
        """What a frame takes by the progress of a probe alone."""
        score = 1 / (1 + self.encode_cost)
        split, running = _Pace(1 - score, score), self.running
        if running is None or running.done(split) < _TELLING_SHARE:
            return None
        whole_s = running.whole_s(split)
        return split.times(whole_s / running.work) if whole_s else None

    def seconds_left(self, pace: _Pace) -> float:
        """What the job takes from now on, at a pace."""
        left_s, running = 0.0, self.running
        if running is not None:
            likely_s = running.likely_s(pace)
            left_s = (1 - running.done(pace)) * likely_s
            if not self.probes and not running.look:
                pace = pace.times(likely_s / running.work / pace.frame_s)
        for (_, work), count in self.left.items():
            with_one_more_s = left_s + work * pace.frame_s
            if 0 < count < 1:
                # No less than half of what is left if it comes, until that is certain.
                left_s = max(left_s + _MAYBE * count * work * pace.frame_s, with_one_more_s / 2)
            else:
                left_s += count * work * pace.frame_s
        return left_s


@dataclass(slots=True)
class _Batch:
    """A batch under way, of which only whole files count."""

    began_s: float
    left: float
    done: float = 0.0
    running: dict[str, float] = field(default_factory=dict)

    def see(self, event: Event) -> None:
        """Take note of an event; a file that failed tells nothing of the others."""
        if isinstance(event, FileStarted):
            self.running[event.file] = event.work
        elif isinstance(event, FileFinished):
            work = self.running.pop(event.file)
            self.left -= work
            self.done += work * (event.state != "failed")

    def seconds_left(self, now_s: float) -> float | None:
        """Estimate by the pace so far, taking what is under way for half done."""
        under_way = sum(self.running.values()) / 2
        if not self.done:
            return None
        return (self.left - under_way) * (now_s - self.began_s) / (self.done + under_way)


class Eta:
    """Follows the events of a run, and estimates how long it still takes. Not thread-safe."""

    def __init__(self) -> None:
        self._jobs: dict[str, _Job] = {}
        self._workers = 1
        self._at_one_size = False
        self._shown: tuple[float, float] | None = None
        self._batch: _Batch | None = None

    def see(self, event: Event, now_s: float) -> None:
        """Take note of an event.

        Args:
            event: Of the run.
            now_s: When it came, on a clock that never goes back.
        """
        if isinstance(event, BatchStarted):
            self._batch = _Batch(now_s, event.work)
        if self._batch is None:
            self._see(event, now_s)
        else:
            # Of a thousand files, each with jobs of its own, nothing else is kept.
            self._batch.see(event)

    def _see(self, event: Event, now_s: float) -> None:
        match event:
            case LadderStarted() | CompareStarted():
                self._workers = event.workers
                self._at_one_size = isinstance(event, CompareStarted)
            case JobPlanned(name, work, probes, encode_cost):
                job = self._jobs.setdefault(name, _Job())
                job.encode_cost = encode_cost
                job.left = {(False, work): probes}
            case JobStarted(name, n_frames) if name not in self._jobs:
                # It makes no probes.
                running = _Running(now_s, max(1, n_frames), n_frames, look=False, stages=False)
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
        estimate_s = self._estimate() if self._batch is None else self._batch.seconds_left(now_s)
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

    def _estimate(self) -> float | None:
        jobs = self._jobs.values()
        errors = [error for job in jobs if (error := job.look_error)]
        error = fmean(errors) if errors else _LOOKS_FASTER
        own = {id(job): job.measured or job.looked(error) for job in jobs}
        known = [(job, pace) for job in jobs if (pace := own[id(job)])] or [
            (job, pace) for job in jobs if (pace := job.first_pace())
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
            lefts_s.append(job.seconds_left(own[id(job)] or likely))
        if not lefts_s:
            return 0.0
        workers = min(self._workers, len(lefts_s))
        longest_s = _makespan(lefts_s, workers)
        # The last job, which is alone, is faster than it was beside others, where its encodes can
        # use all processors; those of a ladder's smaller sizes cannot.
        return sqrt(longest_s * sum(lefts_s) / workers) if self._at_one_size else longest_s


def _makespan(lefts_s: list[float], workers: int) -> float:
    """Time until all jobs are done, each begun by the first worker that is free."""
    ends_s = lefts_s[:workers]
    heapify(ends_s)
    for left_s in lefts_s[workers:]:
        heapreplace(ends_s, ends_s[0] + left_s)
    return max(ends_s)
