"""From a source and its best single setting to an encode with a setting for each shot."""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from vmafx_tune import shell
from vmafx_tune.choices import PerShot
from vmafx_tune.errors import MediaError, UsageError, VmafxTuneError
from vmafx_tune.events import FramesDone, JobFinished, JobPlanned, JobStarted, ProbeFinished
from vmafx_tune.formatting import counted
from vmafx_tune.frozen import frozen
from vmafx_tune.results.per_shot import PerShotEncode, Shot
from vmafx_tune.scoring.pooling import pool_scores, summarize
from vmafx_tune.scoring.worst import worst_second
from vmafx_tune.shots.allocation import is_divisible
from vmafx_tune.shots.detection import detector_name, find_cuts, require_detector
from vmafx_tune.shots.division import checked_min_frames, shots_between
from vmafx_tune.shots.joined import JoinedShots, ShotFiles
from vmafx_tune.shots.probes import ShotProbes
from vmafx_tune.shots.steering import Choice, ShotProblem, ShotWish, next_wishes, usual_fall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from vmafx_tune.encoders.registry import EncoderRow
    from vmafx_tune.events import Event
    from vmafx_tune.model import EncodeSpec, Probe, Source
    from vmafx_tune.options import EncodingOptions
    from vmafx_tune.ports import FrameProgress, Prober
    from vmafx_tune.prepared_source import PreparedSource
    from vmafx_tune.sampling.parts import Segment
    from vmafx_tune.search.request import SearchRequest
    from vmafx_tune.session import Session

__all__ = [
    "PerShotAnswer",
    "ShotSearch",
    "WholeScores",
    "check_per_shot",
    "find_shots",
    "plan_shots",
]

_JOB = "shots"
# What a search of shots usually takes: encodes of all of them, and scores of the whole.
_USUAL_PROBES, _USUAL_WHOLES = 5.0, 2.5
# Each takes a decode and a score of the whole source, and no encode.
_MOST_WHOLES = 8
# What a further whole may save that is not worth measuring it.
_NEGLIGIBLE = 0.002


def check_per_shot(encoding: EncodingOptions, row: EncoderRow) -> None:
    """Make sure that shots can be found, encoded by themselves and joined, before any work.

    Raises:
        ToolNotFoundError: The extra is not installed.
        UsageError: The encoder's streams cannot be joined, or an option goes against it.
    """
    require_detector()
    for flag, value in (("--chunk", encoding.chunk_s), ("--sample", encoding.sample)):
        if value is not None:
            raise UsageError(
                f"{flag} cannot be combined with --per-shot, which measures each shot by itself "
                "and then all of them joined. Leave one of them out."
            )
    if row.join_templates is None:
        raise UsageError(
            f"--per-shot cannot join encodes of {row.name} at several settings to one stream. Use "
            "libx264, libx265, libsvtav1, libaom-av1 or libvpx-vp9."
        )


def find_shots(
    source: Source, min_shot_s: float | None, session: Session, *, segment_frames: int | None = None
) -> tuple[Segment, ...]:
    """Divide a source at its cuts.

    Args:
        source: The clip.
        min_shot_s: Seconds that a shot lasts at least; None for 1.
        session: Decodes the source, and remembers its cuts.
        segment_frames: Length of segments, each of which begins a shot; None for no segments.

    Raises:
        UsageError: `min_shot_s` is no length.
        MediaError: The frame rate varies, so that shots cannot be cut; or the source is damaged.
    """
    min_frames = checked_min_frames(min_shot_s, source.frame_rate)
    if source.variable_frame_rate:
        raise MediaError(
            f"The frame rate of '{source.path}' varies, so it cannot be cut into shots. Leave out "
            "--per-shot, or convert it to a constant frame rate."
        )

    def find() -> list[int]:
        with _job(session, "cuts", source.n_frames, "detect") as on_progress:
            return list(find_cuts(source, session.cancel, on_progress))

    name = f"cuts {detector_name()} {session.reader.key_of(source)}"
    cuts = session.facts.of(source.path, name, find)
    return shots_between(cuts, source.n_frames, min_frames, segment_frames)


def plan_shots(
    request: SearchRequest, n_shots: int, *, job: str = _JOB, done: float = 0.0
) -> JobPlanned:
    """Tell what a search of shots still takes.

    Args:
        request: The search of the single setting, of the whole source.
        n_shots: How many shots there are; the programs start for each.
        job: Key of the job.
        done: What has begun of it, in probes of the whole source.
    """
    usual = _USUAL_PROBES + _USUAL_WHOLES * _score_share(request)
    work = request.n_frames + n_shots * (request.work - request.n_frames)
    return JobPlanned(job, work, max(0.0, usual - done), request.encode_cost)


def _even_keyframes(encode: EncodeSpec, row: EncoderRow, shot: Segment) -> tuple[str, ...]:
    """Spread the keyframes of a shot evenly, unless the pictures or a GOP say where they are.

    One that comes by the clock shortly before a cut takes bits and is of no use.
    """
    if row.keyframe_s is None or encode.gop_frames is not None:
        return ()
    usual = row.keyframe_s * encode.source.frame_rate
    return ("-g", str(math.ceil(shot.n_frames / max(1, round(shot.n_frames / usual)))))


def _score_share(request: SearchRequest) -> float:
    """What part of a probe the score is."""
    return 1 / (1 + request.encode_cost)


@contextmanager
def _job(session: Session, name: str, n_frames: int, stage: str) -> Iterator[FrameProgress]:
    session.observe(JobStarted(name, n_frames))
    try:
        yield lambda frames: session.observe(FramesDone(name, stage, frames))
    except VmafxTuneError as error:
        # The run may go on without it.
        session.observe(JobFinished(name, ok=False, summary=str(error)))
        raise
    session.observe(JobFinished(name, ok=True, summary=counted(n_frames, "frame")))


class WholeScores:
    """What the shots had in the encodes of the whole source that a search makes. Thread-safe.

    Args:
        request: The search.
        shots: All of the source, in order.

    Attributes:
        hints: Pooled scores of each shot, by step.
        sizes: Of the encodes in bytes, by step.
    """

    def __init__(self, request: SearchRequest, shots: Sequence[Segment]) -> None:
        self._request = request
        self._shots = shots
        self.hints: tuple[dict[int, float], ...] = tuple({} for _ in shots)
        self.sizes: dict[int, float] = {}

    def see(self, event: Event) -> None:
        """Take note of a probe."""
        if not isinstance(event, ProbeFinished) or event.look or event.probe.parts:
            return
        step = self._request.knob.step_of(event.probe.quality)
        scores, subsample = event.probe.scores.frames, event.probe.scores.subsample
        for shot, hints in zip(self._shots, self.hints, strict=True):
            first, end = (-(-frame // subsample) for frame in (shot.first_frame, shot.end_frame))
            if first < end:
                hints[step] = pool_scores(scores[first:end], self._request.pool)
        self.sizes[step] = float(event.probe.size_bytes)


@frozen
class PerShotAnswer:
    """What was found for the shots.

    Attributes:
        result: For the results of the run.
        joined: The encode.
    """

    result: PerShotEncode
    joined: JoinedShots


class ShotSearch:
    """Searches the shots' settings for one target.

    Args:
        prepared: The source.
        row: The encoder.
        request: The search of the single setting.
        shots: All of the source, in order.
        folder: Where to keep encodes.
        join: Joins files to one, without touching a packet.
        job: Key of what it does, for progress.
    """

    def __init__(
        self,
        prepared: PreparedSource,
        row: EncoderRow,
        request: SearchRequest,
        shots: Sequence[Segment],
        folder: Path,
        join: Callable[[Sequence[Path], EncodeSpec, Path], None],
        *,
        job: str = _JOB,
    ) -> None:
        session, template = prepared.session, request.template
        encode = replace(template.encode, joinable=True, max_bitrate_kbps=None)
        template = replace(template, encode=encode)
        cut = session.reader.cutting(encode.source)
        specs = [
            replace(
                template,
                encode=replace(
                    encode,
                    source=cut(encode.source, shot),
                    extra_args=(*_even_keyframes(encode, row, shot), *encode.extra_args),
                ),
            )
            for shot in shots
        ]
        scorer = session.scorer(
            prepared.scoring.backend, prepared.model, often=True, metrics=template.metrics
        )
        self._session = session
        self._request = request
        self._shots = tuple(shots)
        self._files = ShotFiles(template, shots, session, scorer, folder, join)
        self._probes = ShotProbes(specs, request.knob, request.pool)
        self._job = job
        self._n_jobs = 0
        self._begun = 0.0
        self._workers = prepared.part_workers([row], len(shots))

    def run(
        self, mode: PerShot, whole: WholeScores, *, target: float, quality: float, size_bytes: int
    ) -> PerShotAnswer | None:
        """Find the cheapest settings with which the whole reaches a target.

        Args:
            mode: What is equal in all shots.
            whole: What encodes of the whole source say of the shots.
            target: Pooled score to reach.
            quality: The best single setting.
            size_bytes: What the video takes there.

        Returns:
            None where no whole that was measured reaches the target.

        Raises:
            ToolOutputError: The shots' encodes cannot be joined.
            VmafxTuneError: A probe failed.
        """
        problem = ShotProblem(
            lengths=tuple(shot.n_frames for shot in self._shots),
            last_step=self._request.knob.last_step,
            prior=self._request.knob.prior,
            pool=self._request.pool,
            mode=mode if is_divisible(self._request.pool) else PerShot.CONSTANT,
            first_step=self._request.knob.step_of(quality),
            hints=whole.hints,
            fall=usual_fall(whole.sizes),
        )
        session = self._session
        before, session.keep = session.keep, self._files.keep
        try:
            best, wholes = self._descend(problem, target, session.prober())
        finally:
            session.keep = before
            session.observe(self._plan(math.inf))
        if best is None:
            return None
        return PerShotAnswer(self._result(problem, size_bytes, *best, wholes), best[1])

    def _descend(
        self, problem: ShotProblem, target: float, prober: Prober
    ) -> tuple[tuple[Choice, JoinedShots] | None, int]:
        """Measure wholes, each a little better or worse than the last, until none is cheaper.

        Scored by itself, a shot has not quite what it has in the whole, where the frame before its
        first one counts. So the score to aim at moves by how far the last whole was off.
        """
        best: tuple[Choice, JoinedShots] | None = None
        seen: set[tuple[int, ...]] = set()
        aim = target
        for _ in range(_MOST_WHOLES):
            choice = self._settled(problem, prober, aim)
            if choice is None or choice.steps in seen:
                break
            if best and choice.size_bytes > (1 - _NEGLIGIBLE) * best[0].size_bytes:
                break
            seen.add(choice.steps)
            joined = self._joined(choice)
            score = self._score(joined.probe, target)
            if score >= target:
                best, worse = (choice, joined), best
            else:
                worse = (choice, joined)
            if worse is not None:
                self._files.drop(worse[1])
            aim = choice.score + target - score
            if score < target:
                aim = max(aim, math.nextafter(choice.score, math.inf))
        return best, len(seen)

    def _settled(self, problem: ShotProblem, prober: Prober, aim: float) -> Choice | None:
        """Probe shots until it is known what each should get."""
        while True:
            choice, wishes = next_wishes(problem, self._probes.points, aim)
            if not wishes:
                return choice
            n_frames = sum(problem.lengths[wish.shot] for wish in wishes)
            with self._next_job(2 * n_frames, "encode", n_frames) as on_progress:
                self._probes.measure(wishes, prober, workers=self._workers, on_progress=on_progress)

    def _joined(self, choice: Choice) -> JoinedShots:
        wishes = self._wishes(choice)
        self._files.keep_only([self._around(wish) for wish in wishes])
        n_frames = self._request.template.encode.source.n_frames
        work = _score_share(self._request) * n_frames
        with self._next_job(n_frames, "score", work) as on_progress:
            return self._files.measure(
                [self._probes.spec(wish).encode for wish in wishes],
                [self._probes[wish] for wish in wishes],
                on_progress,
            )

    def _next_job(
        self, n_frames: int, stage: str, work: float
    ) -> AbstractContextManager[FrameProgress]:
        self._n_jobs += 1
        self._begun += work / self._request.n_frames
        self._session.observe(self._plan(self._begun))
        return _job(self._session, f"{self._job} {self._n_jobs}", n_frames, stage)

    def _plan(self, done: float) -> JobPlanned:
        return plan_shots(self._request, len(self._shots), job=self._job, done=done)

    def _around(self, wish: ShotWish) -> list[float]:
        """The quality chosen for a shot, and those that were measured next to it."""
        steps = sorted(self._probes.points[wish.shot])
        place = steps.index(wish.step)
        return [
            self._request.knob.quality_of(step) for step in steps[max(0, place - 1) : place + 2]
        ]

    def _score(self, probe: Probe, target: float) -> float:
        goal = self._request.goal
        return goal.score(goal.read(probe.scores), target)

    def _wishes(self, choice: Choice) -> list[ShotWish]:
        return [ShotWish(index, step) for index, step in enumerate(choice.steps)]

    def _result(
        self,
        problem: ShotProblem,
        single_bytes: int,
        choice: Choice,
        joined: JoinedShots,
        wholes: int,
    ) -> PerShotEncode:
        probe, knob = joined.probe, self._request.knob
        saving = 1 - probe.size_bytes / single_bytes
        rate = self._request.template.encode.source.frame_rate
        return PerShotEncode(
            mode=problem.mode,
            delivered=saving > 0,
            bitrate_kbps=probe.bitrate_kbps,
            size_bytes=probe.size_bytes,
            vmaf_score=pool_scores(probe.scores.frames, self._request.pool),
            vmaf_pooled=summarize(probe.scores.frames),
            worst_second=worst_second(probe.scores, rate),
            saving_percent=100 * saving,
            shots=tuple(self._shot(wish) for wish in self._wishes(choice)),
            probes=len(self._probes),
            new_probes=self._probes.n_made,
            grid_probes=knob.n_steps * len(self._shots),
            measured_wholes=wholes,
            join_command=shell.join(probe.command),
            metrics=self._request.values_of(self._request.goal.read(probe.scores)),
        )

    def _shot(self, wish: ShotWish) -> Shot:
        shot, probe = self._shots[wish.shot], self._probes[wish]
        return Shot(
            first_frame=shot.first_frame,
            n_frames=shot.n_frames,
            start_s=float(shot.first_frame / self._request.template.encode.source.frame_rate),
            crf=probe.quality,
            bitrate_kbps=probe.bitrate_kbps,
            size_bytes=probe.size_bytes,
            vmaf_score=self._probes.points[wish.shot][wish.step].score,
            encode_command=shell.join(probe.command),
        )
