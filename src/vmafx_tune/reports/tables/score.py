"""`score` for the terminal."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from rich.text import Text

from vmafx_tune import formatting
from vmafx_tune.formatting import counted
from vmafx_tune.reports import facts
from vmafx_tune.reports.tables import Column, Unwrapped, facts_grid, grid, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import RenderableType

    from vmafx_tune.reports.tables import Part
    from vmafx_tune.results.measurement import PooledScores, WorstFrame
    from vmafx_tune.results.score import RemoteScoreResult, ScoreResult

__all__ = ["remote_score_parts", "score_parts"]

_DECIMALS = 4
_POOLINGS = ("mean", "harmonic_mean", "min", "p1", "p5", "p10", "max")


def score_parts(result: ScoreResult, *, frames: bool = False) -> Iterator[Part]:
    """Lay out a score: the value, what was compared, poolings, features, and frames if asked."""
    yield Text.assemble(
        ("VMAF ", ""),
        (formatting.vmaf(result.score, _DECIMALS), "bold"),
        (f"  {_pooling(result.pool, result.n_frames, result.subsample)}", "dim"),
    )
    yield ""
    yield _circumstances(result)
    yield ""
    yield _pooled(result.pooled)
    if result.worst_frames:
        yield ""
        yield _worst(result)
    if result.features:
        yield ""
        yield _features(result.features)
    if frames:
        yield ""
        yield from _frames(result)
    for message in result.notes:
        yield ""
        yield plain(message, "yellow")
    if result.hdr:
        yield ""
        yield plain(facts.HDR_NOTE, "yellow")


def remote_score_parts(result: RemoteScoreResult) -> Iterator[Part]:
    """Lay out what a server told of two clips."""
    yield Text.assemble(
        ("VMAF ", ""),
        (formatting.vmaf(result.score, _DECIMALS), "bold"),
        (f"  {_pooling(result.pool, result.n_frames or 0, result.subsample)}", "dim"),
    )
    yield ""
    backend = facts.scorer(result.server_backend, result.backend_version)
    place = f"{backend} at {result.server}" if result.server_backend else result.server
    yield facts_grid(
        [
            ("Reference", result.reference),
            ("Distorted", result.distorted),
            ("Model", result.model or "the server's default"),
            ("Scored by", f"{place} in {formatting.duration(result.wall_time_ms)}"),
            ("Request", result.request_id),
        ]
    )
    if result.pooled:
        yield ""
        yield _pooled(result.pooled)
    if result.features:
        yield ""
        yield _features(result.features)


def _pooling(pool: str, n_frames: int, subsample: int) -> str:
    if not n_frames:
        return f"{pool} of all frames"
    part = "" if subsample == 1 else f"{-(-n_frames // subsample)} of "
    return f"{pool} of {part}{counted(n_frames, 'frame')}"


def _circumstances(result: ScoreResult) -> RenderableType:
    backend = facts.scorer(result.backend, result.backend_version)
    return facts_grid(
        [
            ("Reference", facts.describe_source(result.reference_source)),
            ("Distorted", facts.describe_source(result.distorted_source)),
            ("Offset", _offset(result.offset)),
            ("Model", f"{result.model} at {result.display}"),
            ("Compared in", facts.compared_in(result.comparison)),
            ("Scored by", f"{backend} in {formatting.duration(result.wall_time_ms)}"),
        ]
    )


def _offset(offset: int) -> str:
    if not offset:
        return ""
    clip = "reference" if offset > 0 else "distorted"
    return f"{offset}: the first {abs(offset)} of the {clip}'s frames are left out"


def _pooled(pooled: PooledScores) -> RenderableType:
    return grid(
        [Column(name.removesuffix("_mean")) for name in _POOLINGS],
        [[formatting.vmaf(getattr(pooled, name), _DECIMALS) for name in _POOLINGS]],
    )


def _worst(result: ScoreResult) -> RenderableType:
    rows = zip_longest(result.worst_frames, result.worst_seconds)
    return grid(
        [Column(title) for title in ("Worst frame", "at", "VMAF", "Worst second at", "VMAF")],
        [
            (
                *(("", "", "") if frame is None else _worst_frame(frame)),
                "" if second is None else second.time_code,
                "" if second is None else formatting.vmaf(second.vmaf_score, _DECIMALS),
            )
            for frame, second in rows
        ],
    )


def _worst_frame(frame: WorstFrame) -> tuple[str, str, str]:
    return str(frame.frame), frame.time_code, formatting.vmaf(frame.vmaf, _DECIMALS)


def _features(means: Mapping[str, float]) -> RenderableType:
    return grid(
        [Column("Feature", left=True), Column("Mean")],
        [[name, f"{mean:.6f}"] for name, mean in means.items()],
    )


def _frames(result: ScoreResult) -> Iterator[Part]:
    # One text, not a table: laying out a hundred thousand rows would take longer than scoring.
    lines = (
        f"{result.scores.frame_index(position):>8}  {formatting.vmaf(score, _DECIMALS):>9}"
        for position, score in enumerate(result.scores.frames)
    )
    yield Text(f"{'Frame':>8}  {'VMAF':>9}", style="dim")
    yield Unwrapped(Text("\n".join(lines)))
