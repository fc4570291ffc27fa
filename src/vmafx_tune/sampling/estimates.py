"""What probes of parts of a clip say of the whole, and how far that may be off."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from vmafx_tune.results import Sample, SampledPart, SampleEstimate
from vmafx_tune.sampling.error import half_interval, is_estimable, pseudo_values
from vmafx_tune.scoring.pooling import pool_scores

if TYPE_CHECKING:
    from fractions import Fraction

    from vmafx_tune.model import Probe
    from vmafx_tune.sampling.parts import SamplePlan
    from vmafx_tune.search.request import SearchRequest

__all__ = [
    "estimate_of",
    "is_close_enough",
    "sample_of",
    "searched_sample",
]


# A few parts that differ much have an error of several points, which is worth another probe.
_UNSEEN_VMAF = 0.25


def estimate_of(request: SearchRequest, probe: Probe) -> SampleEstimate:
    """Tell what a probe of a sample says of the whole clip, and how far it may be off.

    Args:
        request: The search, with its sample.
        probe: Made of the sample's parts.
    """
    share = 1.0 if request.sample is None else request.sample.share
    pool = partial(pool_scores, method=request.pool)
    vmafs = pseudo_values([part.scores.frames for part in probe.parts], pool)
    bitrates = [part.bitrate_kbps for part in probe.parts]
    return SampleEstimate(
        quality=probe.quality,
        bitrate_kbps=probe.bitrate_kbps,
        vmaf=pool_scores(probe.scores.frames, request.pool),
        vmaf_error=half_interval(vmafs, share) if is_estimable(request.pool) else None,
        bitrate_error_kbps=half_interval(bitrates, share),
    )


def is_close_enough(request: SearchRequest, probe: Probe, score: float) -> bool:
    """Tell of a probe that reaches the target whether a sample can do no better.

    Its score is above the target by less than it may be off, and by less than anyone sees: worse
    settings that reach the target could not be told from those that do not.

    Args:
        request: The search, with its sample.
        probe: Made of the sample's parts.
        score: Its pooled score, at least the target.
    """
    error = estimate_of(request, probe).vmaf_error
    return error is not None and score - request.target <= min(error, _UNSEEN_VMAF)


def sample_of(
    plan: SamplePlan,
    frame_rate: Fraction,
    *,
    subsample: int,
    verified: bool,
    estimate: SampleEstimate | None = None,
) -> Sample:
    """Tell which parts of a clip stood for it.

    Args:
        plan: The parts.
        frame_rate: The clip's.
        subsample: Every n-th frame of them was scored.
        verified: Whether the result is measured on the whole clip.
        estimate: What the parts said.
    """
    return Sample(
        parts=tuple(
            SampledPart(part.first_frame, part.n_frames, float(part.first_frame / frame_rate))
            for part in plan.segments
        ),
        share=plan.share,
        subsample=subsample,
        verified=verified,
        estimate=estimate,
    )


def searched_sample(request: SearchRequest, best: Probe | None) -> Sample | None:
    """Tell what a search on a sample found; None for a search without one.

    Args:
        request: The search; its template says how the sample was scored.
        best: The probe of the sample's answer, or its best one; None where there is none.
    """
    if request.sample is None:
        return None
    return sample_of(
        request.sample,
        request.template.encode.source.frame_rate,
        subsample=request.template.subsample,
        verified=request.verify,
        estimate=None if best is None else estimate_of(request, best),
    )
