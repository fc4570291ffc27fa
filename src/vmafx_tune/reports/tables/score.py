"""`score` for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from vmafx_tune import formatting
from vmafx_tune.reports import facts, score_facts
from vmafx_tune.reports.score_facts import DECIMALS
from vmafx_tune.reports.tables import Unwrapped, facts_grid, plain, sheet_grid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmafx_tune.reports.tables import Part
    from vmafx_tune.results.score import RemoteScoreResult, ScoreResult

__all__ = ["remote_score_parts", "score_parts"]


def score_parts(result: ScoreResult, *, frames: bool = False) -> Iterator[Part]:
    """Lay out a score: the value, what was compared, poolings, features, and frames if asked."""
    yield Text.assemble(
        ("VMAF ", ""),
        (formatting.vmaf(result.score, DECIMALS), "bold"),
        (f"  {score_facts.pooling(result.pool, result.n_frames, result.subsample)}", "dim"),
    )
    yield ""
    yield facts_grid(score_facts.circumstances(result))
    yield ""
    yield sheet_grid(score_facts.pooled_sheet(result.pooled))
    if result.worst_frames:
        yield ""
        yield sheet_grid(score_facts.worst_sheet(result))
    if result.metrics:
        yield ""
        yield sheet_grid(score_facts.metric_sheet(result.metrics))
    if result.features:
        yield ""
        yield sheet_grid(score_facts.feature_sheet(result.features))
    if frames:
        yield ""
        yield from _frames(result)
    for message in score_facts.remarks(result):
        yield ""
        yield plain(message, "yellow")


def remote_score_parts(result: RemoteScoreResult) -> Iterator[Part]:
    """Lay out what a server told of two clips."""
    yield Text.assemble(
        ("VMAF ", ""),
        (formatting.vmaf(result.score, DECIMALS), "bold"),
        (f"  {score_facts.pooling(result.pool, result.n_frames or 0, result.subsample)}", "dim"),
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
        yield sheet_grid(score_facts.pooled_sheet(result.pooled))
    if result.features:
        yield ""
        yield sheet_grid(score_facts.feature_sheet(result.features))


def _frames(result: ScoreResult) -> Iterator[Part]:
    # One text, not a table: laying out a hundred thousand rows would take longer than scoring.
    lines = (
        f"{result.scores.frame_index(position):>8}  {formatting.vmaf(score, DECIMALS):>9}"
        for position, score in enumerate(result.scores.frames)
    )
    yield Text(f"{'Frame':>8}  {'VMAF':>9}", style="dim")
    yield Unwrapped(Text("\n".join(lines)))
