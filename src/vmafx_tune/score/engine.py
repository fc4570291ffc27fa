"""Score: how close is a distorted clip to its reference?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from vmafx_tune.events import FramesDone, JobFinished, JobStarted, Observer, ignore
from vmafx_tune.formatting import vmaf
from vmafx_tune.results import ScoreResult
from vmafx_tune.scoring.pooling import mean, pool_scores, summarize

if TYPE_CHECKING:
    from vmafx_tune.model import PoolMethod, ScoreRequest, ScoreSet
    from vmafx_tune.ports import Scorer

__all__ = ["JOB", "score"]

JOB = "score"
"""The name that the workflow's events carry."""


def score(
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
    result = ScoreResult(
        reference=request.reference,
        distorted=request.distorted,
        model=request.model,
        pool=pool,
        score=pool_scores(scores.frames, pool),
        pooled=summarize(scores.frames),
        feature_means=_means(scores),
        scores=scores,
        display=request.display,
        hdr=request.reference.is_hdr,
        wall_time_s=time.monotonic() - started,
    )
    observe(JobFinished(JOB, ok=True, summary=f"VMAF {vmaf(result.score)}"))
    return result


def _means(scores: ScoreSet) -> dict[str, float]:
    return {name: mean(values) for name, values in scores.features.items()}
