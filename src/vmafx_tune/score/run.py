"""Score a clip against its reference."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from vmafx_tune.errors import FrameCountMismatchError
from vmafx_tune.events import FramesDone, JobFinished, JobStarted, Observer, Warned, ignore
from vmafx_tune.formatting import vmaf
from vmafx_tune.media.excerpts import skip_frames
from vmafx_tune.media.output_file import check_folder
from vmafx_tune.model import ScoreRequest
from vmafx_tune.options import ScoringOptions, SourceOptions, ToolOptions
from vmafx_tune.results.score import ScoreResult
from vmafx_tune.score.offset import overlap, step_notes, with_step_hint
from vmafx_tune.scoring.metrics import VMAF, parse_metrics
from vmafx_tune.scoring.pooling import mean, pool_scores, pooled_metrics, summarize
from vmafx_tune.scoring.targets import checked_score
from vmafx_tune.scoring.worst import worst_frames, worst_seconds
from vmafx_tune.session import open_session
from vmafx_tune.source import display_size, open_source, pair_notes, read_source, source_notes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction
    from pathlib import Path

    from vmafx_tune.model import PoolMethod, Resolution, Source
    from vmafx_tune.ports import Scorer
    from vmafx_tune.results.score import Still
    from vmafx_tune.session import Session

__all__ = ["JOB", "run_score", "score"]

JOB = "score"
"""The name that the command's events carry."""


def run_score(
    request: ScoreRequest, scorer: Scorer, pool: PoolMethod, *, observe: Observer = ignore
) -> ScoreResult:
    """Score a pair of clips.

    Args:
        request: What to compare.
        scorer: Compares it.
        pool: How the answer is pooled.
        observe: Receives the events.

    Returns:
        The scores, per frame and pooled in every way.

    Raises:
        VmafxTuneError: The scorer failed.
    """
    started = time.monotonic()
    observe(JobStarted(JOB, n_frames=request.reference.n_frames))
    scores = scorer.score(
        request, on_progress=lambda frames: observe(FramesDone(JOB, "score", frames))
    )
    reference, distorted = request.reference, request.distorted
    result = ScoreResult(
        reference=reference.path,
        distorted=distorted.path,
        model=request.model.name,
        pool=pool,
        score=pool_scores(scores.frames, pool),
        pooled=summarize(scores.frames),
        features={name: mean(values) for name, values in scores.features.items()},
        n_frames=scores.n_frames,
        backend=scores.backend,
        backend_version=scores.backend_version,
        display=request.display,
        comparison=scores.comparison,
        subsample=scores.subsample,
        hdr=reference.is_hdr,
        wall_time_ms=(time.monotonic() - started) * 1000,
        reference_damage=reference.damage,
        distorted_damage=distorted.damage,
        filter=reference.filters,
        frame_rate=reference.frame_rate,
        reference_source=reference,
        distorted_source=distorted,
        vmaf_model=request.model,
        scores=scores,
    )
    observe(JobFinished(JOB, ok=True, summary=f"VMAF {vmaf(result.score)}"))
    return result


def score(
    reference: str | Path,
    distorted: str | Path,
    *,
    metrics: Sequence[str] = (),
    min_score: float | None = None,
    offset: int = 0,
    stills: Path | None = None,
    scoring: ScoringOptions | None = None,
    sources: SourceOptions | None = None,
    tools: ToolOptions | None = None,
    observe: Observer = ignore,
    session: Session | None = None,
) -> ScoreResult:
    """Score a distorted clip against its reference with VMAF.

    Args:
        reference: The clip as it should look: a file, or a URL.
        distorted: The clip to judge, likewise; scaled to the reference's size where its own
            differs.
        metrics: Names of the metrics to compute in the same pass: `psnr`, `ssim`, `ms_ssim`,
            `psnr_hvs`, `ciede`, `cambi`, `xpsnr`, `ssimulacra2`, in a pass of its own; `vmaf` for
            all poolings of it.
        min_score: What the caller will hold the score against. It changes nothing of the result,
            and is refused where the model cannot give it.
        offset: Number of the reference's frame to compare the distorted's first one with; negative
            to skip frames of the distorted.
        stills: Folder for the worst frames as PNG: of both clips as they were compared, and of
            their difference. Made where there is none.
        scoring: Model, backend, pooling, subsampling.
        sources: How sources are read.
        tools: Which programs to use, and where to work.
        observe: Receives progress and warnings, perhaps from other threads.
        session: Use these adapters instead of ones made from `sources` and `tools`.

    Returns:
        Per-frame scores, pooled in every way.

    Raises:
        MediaError: A clip cannot be used, or the two differ in length.
        OutputError: The stills cannot be written.
        ScoringError: VMAF cannot be computed.
        ToolError: A program is missing or failed.
        UsageError: An option makes no sense.
    """
    scoring = scoring or ScoringOptions()
    asked = parse_metrics(metrics)
    beside = tuple(name for name in asked if name != VMAF)
    if stills is not None:
        check_folder(stills)
    with open_session(session, tools, sources, observe) as session:
        source, encoded, display = _open_pair(reference, distorted, scoring, session, observe)
        model = session.model(scoring.model, display)
        if min_score is not None:
            checked_score(min_score, model, "A minimum score")
        scorer = session.scorer(scoring.backend, model, at_once=True, metrics=beside)
        request = ScoreRequest(
            *_overlapping(source, encoded, offset),
            model=model,
            display=display,
            subsample=scoring.subsample,
            threads=scoring.threads,
            metrics=beside,
        )
        try:
            result = _scored(request, scorer, scoring.pool, session, observe)
        except FrameCountMismatchError as error:
            if offset:
                raise
            raise with_step_hint(error, source, encoded, session) from error
        first_frame = max(0, -offset)
        result = replace(
            _detailed(result, asked, source.frame_rate, first_frame),
            reference_source=source,
            distorted_source=encoded,
            offset=offset,
        )
        if stills is not None:
            result = replace(result, stills=_stills(request, result, first_frame, stills, session))
        return replace(result, notes=_notes(result, session))


def _scored(
    request: ScoreRequest, scorer: Scorer, pool: PoolMethod, session: Session, observe: Observer
) -> ScoreResult:
    """Score with the processors that other scores leave."""
    with session.shares.taken():
        shared = replace(request, cpus=session.shares.share())
        return run_score(shared, scorer, pool, observe=observe)


def _open_pair(
    reference: str | Path,
    distorted: str | Path,
    scoring: ScoringOptions,
    session: Session,
    observe: Observer,
) -> tuple[Source, Source, Resolution]:
    """Open both clips, and choose the size at which they are compared."""
    source = open_source(reference, scoring, session)
    encoded = read_source(distorted, session, session.reader.distorted)
    display = display_size(scoring, source)
    for note in pair_notes(source, encoded, display, allow_hdr=scoring.allow_hdr):
        observe(Warned(note))
    return source, encoded, display


def _overlapping(reference: Source, distorted: Source, offset: int) -> tuple[Source, Source]:
    """Leave out the frames of both clips that an offset leaves without a counterpart."""
    if not offset:
        return reference, distorted
    span = overlap(reference, distorted, offset)
    return (
        skip_frames(reference, span.reference, span.n_frames),
        skip_frames(distorted, span.distorted, span.n_frames),
    )


def _detailed(
    result: ScoreResult, metrics: Sequence[str], frame_rate: Fraction, first_frame: int
) -> ScoreResult:
    """Add the metrics that were asked for, and where the clip is worst."""
    vmaf_scores = {VMAF: result.scores.frames} if VMAF in metrics else {}
    return replace(
        result,
        metrics=pooled_metrics(vmaf_scores | {**result.scores.metrics}),
        worst_frames=worst_frames(result.scores, frame_rate, first_frame=first_frame),
        worst_seconds=worst_seconds(result.scores, frame_rate, first_frame=first_frame),
    )


def _notes(result: ScoreResult, session: Session) -> tuple[str, ...]:
    """Add what is worth knowing of the clips, and of frames that one may lack."""
    clips = (result.reference_source, result.distorted_source)
    of_clips = dict.fromkeys(note for clip in clips for note in source_notes(clip))
    hint = () if result.offset else step_notes(result, session)
    return (*of_clips, *result.notes, *hint)


def _stills(
    request: ScoreRequest, result: ScoreResult, first_frame: int, folder: Path, session: Session
) -> tuple[Still, ...]:
    """Write the worst frames as PNG.

    Args:
        request: What was compared.
        result: Tells the worst frames.
        first_frame: Number in the distorted clip of the first frame that was compared.
        folder: Where to write them.
        session: Has the ffmpeg that does.
    """
    from vmafx_tune.scoring.stills import write_stills

    frames = [worst.frame for worst in result.worst_frames]
    written = write_stills(
        request,
        {frame: frame - first_frame for frame in frames},
        folder,
        ffmpeg=session.ffmpeg,
        runner=session.runner,
        work_dir=session.tools.work_dir,
    )
    return tuple(written[frame] for frame in frames)
