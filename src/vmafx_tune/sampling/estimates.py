"""What probes of parts of a clip say of the whole, and how far that may be off."""

from __future__ import annotations

import math
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from vmafx_tune.model import PoolMethod
from vmafx_tune.results.measurement import Sample, SampledPart, SampleEstimate
from vmafx_tune.scoring.pooling import pool_scores

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from fractions import Fraction

    from vmafx_tune.model import Probe
    from vmafx_tune.sampling.parts import SamplePlan
    from vmafx_tune.search.request import SearchRequest

__all__ = [
    "estimate_of",
    "half_interval",
    "is_close_enough",
    "is_estimable",
    "pseudo_values",
    "sample_of",
    "searched_sample",
]

_MEANS = frozenset({PoolMethod.MEAN, PoolMethod.HARMONIC_MEAN})

# Student's t, 97.5 %, for 1, 2, … degrees of freedom.
_STUDENT = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
)
_NORMAL = 1.96


def is_estimable(pool: PoolMethod) -> bool:
    """Whether parts of a clip tell its pooled score without bias, and how far they may be off."""
    return pool in _MEANS


def half_interval(values: Sequence[float], share: float) -> float | None:
    """Give half the width of the 95 % interval around a mean.

    Args:
        values: One for each part, in the order of the clip.
        share: Part of the clip that was measured, from 0 to 1.

    Returns:
        Half the width, in the unit of `values`; None for a single value, which has no spread.
    """
    n = len(values)
    if n < 2:
        return None
    squares = sum((later - earlier) ** 2 for earlier, later in pairwise(values))
    variance = (1 - share) * squares / (2 * n * (n - 1))
    degrees = max(1, math.floor(2 * (n - 1) ** 2 / (3 * n - 4)))
    quantile = _STUDENT[degrees - 1] if degrees <= len(_STUDENT) else _NORMAL
    return quantile * math.sqrt(variance)


def pseudo_values(
    parts: Sequence[Sequence[float]], pool: Callable[[Sequence[float]], float]
) -> tuple[float, ...]:
    """Tell what each part contributes to a pooled value.

    Args:
        parts: Values of each part's frames, at least one part.
        pool: Pools the frames of several parts.

    Returns:
        As many values as there are parts.
    """
    n = len(parts)
    together = pool([value for part in parts for value in part])
    if n == 1:
        return (together,)
    return tuple(
        n * together - (n - 1) * pool([v for j, part in enumerate(parts) if j != i for v in part])
        for i in range(n)
    )


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
        crf=probe.quality,
        bitrate_kbps=probe.bitrate_kbps,
        vmaf_score=pool_scores(probe.scores.frames, request.pool),
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
        segments=tuple(
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
