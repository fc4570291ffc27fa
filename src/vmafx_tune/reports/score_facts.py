"""What every renderer reads out of a score: what was compared, poolings, the worst places."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from vmafx_tune import formatting
from vmafx_tune.formatting import counted
from vmafx_tune.reports import facts
from vmafx_tune.reports.facts import Heading, Sheet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmafx_tune.model import ScoreSet
    from vmafx_tune.results.measurement import MetricScores, PooledScores
    from vmafx_tune.results.score import ScoreResult

__all__ = [
    "DECIMALS",
    "circumstances",
    "feature_sheet",
    "frames",
    "heading",
    "metric_sheet",
    "pooled_sheet",
    "pooling",
    "remarks",
    "worst_frame",
    "worst_sheet",
]

DECIMALS = 4
"""Of scores, which are held against other tools'."""

_POOLINGS = ("mean", "harmonic_mean", "min", "p1", "p5", "p10", "max")
_OF_METRICS = ("mean", "min", "p5", "p95", "max")


def heading(result: ScoreResult) -> str:
    """Say what was found, in a line without the clips' names."""
    return f"VMAF {formatting.vmaf(result.score, DECIMALS)}"


def pooling(pool: str, n_frames: int, subsample: int) -> str:
    """Say what a score is pooled from.

    Args:
        pool: How.
        n_frames: Of the clip; 0 where that is not known.
        subsample: One frame in so many was scored.
    """
    if not n_frames:
        return f"{pool} of all frames"
    part = "" if subsample == 1 else f"{-(-n_frames // subsample)} of "
    return f"{pool} of {part}{counted(n_frames, 'frame')}"


def circumstances(result: ScoreResult) -> list[tuple[str, str]]:
    """List what was compared, and how; what is not known is empty."""
    backend = facts.scorer(result.backend, result.backend_version)
    return [
        ("Reference", facts.describe_source(result.reference_source, result.reference)),
        ("Distorted", facts.describe_source(result.distorted_source, result.distorted)),
        ("Offset", _offset(result.offset)),
        ("Model", f"{result.model} at {result.display}"),
        ("Compared in", facts.compared_in(result.comparison)),
        ("Scored by", f"{backend} in {formatting.duration(result.wall_time_ms)}"),
    ]


def _offset(offset: int) -> str:
    if not offset:
        return ""
    clip = "reference" if offset > 0 else "distorted"
    return f"{offset}: the first {abs(offset)} of the {clip}'s frames are left out"


def remarks(result: ScoreResult) -> list[str]:
    """List what a reader of a score should know of the clips."""
    return [*result.notes, *([facts.HDR_NOTE] if result.hdr else [])]


def frames(result: ScoreResult) -> list[tuple[int, float]]:
    """List number and score of each scored frame; none where a saved result has none.

    Numbers are those of the distorted clip, as for the worst frames.
    """
    first = max(0, -result.offset)
    if result.frames:
        return [(first + frame.frame, frame.vmaf) for frame in result.frames]
    return [(first + frame, score) for frame, score in _scored(result.scores)]


def _scored(scores: ScoreSet | None) -> list[tuple[int, float]]:
    if scores is None:
        return []
    return [(scores.frame_index(place), score) for place, score in enumerate(scores.frames)]


def pooled_sheet(pooled: PooledScores) -> Sheet:
    """Tabulate every pooling."""
    return Sheet(
        tuple(Heading(name.removesuffix("_mean")) for name in _POOLINGS),
        (tuple(formatting.vmaf(getattr(pooled, name), DECIMALS) for name in _POOLINGS),),
    )


def worst_sheet(result: ScoreResult) -> Sheet:
    """Tabulate the worst frames, and the worst seconds beside them."""
    frames = [
        (str(number), str(one.frame), one.time_code, formatting.vmaf(one.vmaf, DECIMALS))
        for number, one in enumerate(result.worst_frames, start=1)
    ]
    seconds = [
        (one.time_code, formatting.vmaf(one.vmaf_score, DECIMALS)) for one in result.worst_seconds
    ]
    rows = zip_longest(frames, seconds)
    return Sheet(
        tuple(map(Heading, ("#", "Worst frame", "at", "VMAF", "Worst second at", "VMAF"))),
        tuple((*(frame or [""] * 4), *(second or [""] * 2)) for frame, second in rows),
    )


def metric_sheet(metrics: Mapping[str, MetricScores]) -> Sheet:
    """Tabulate the metrics that were asked for."""
    return Sheet(
        (
            Heading("Metric", number=False),
            *map(Heading, _OF_METRICS),
            Heading("Better", number=False),
        ),
        tuple(
            (name, *(_metric(pooled, pooling) for pooling in _OF_METRICS), pooled.better)
            for name, pooled in metrics.items()
        ),
    )


def _metric(pooled: MetricScores, pooling: str) -> str:
    value: float | None = getattr(pooled, pooling)
    return formatting.metric(value, lower_is_better=pooled.better == "lower")


def worst_frame(result: ScoreResult, frame: int) -> str:
    """Say where one of the worst frames is, and how bad."""
    worst = next(one for one in result.worst_frames if one.frame == frame)
    return f"frame {frame} at {worst.time_code}, VMAF {formatting.vmaf(worst.vmaf)}"


def feature_sheet(means: Mapping[str, float]) -> Sheet:
    """Tabulate the means of features."""
    return Sheet(
        (Heading("Feature", number=False), Heading("Mean")),
        tuple((name, f"{mean:.6f}") for name, mean in means.items()),
    )
