"""The score of each frame over time, with the worst frames and seconds marked."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from vmafx_tune import formatting
from vmafx_tune.reports.charts.style import (
    CONFIG,
    Chart,
    Spec,
    field,
    hovered,
    lines_across,
    nearest,
    tooltip,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from fractions import Fraction

    from vmafx_tune.reports.facts import Sheet
    from vmafx_tune.results.score import ScoreResult

__all__ = ["frame_scores", "points_for", "thinned"]

# More than a chart has columns of pixels, and all charts of a page together stay under 1 MB.
_MOST_POINTS, _POINTS_OF_PAGE, _LEAST_POINTS = 2000, 12_000, 100
# Below it, points of frames do not touch.
_FEW_POINTS = 120
_CLOCK = "floor(datum.value / 60) + ':' + format(datum.value % 60, '02d')"
_MARGIN = 0.12
_CLOCK_FROM_S = 60


def points_for(n_charts: int) -> int:
    """Choose the most points for each of as many charts on a page."""
    return min(_MOST_POINTS, max(_LEAST_POINTS, _POINTS_OF_PAGE // n_charts))


def frame_scores(
    result: ScoreResult,
    frames: Sequence[tuple[int, float]],
    frame_rate: Fraction,
    sheet: Sheet,
    *,
    most_points: int = _MOST_POINTS,
) -> Chart:
    """Describe the chart.

    Args:
        result: Tells the worst frames and seconds, and the pooled score.
        frames: Number and score of each, at least one, in order.
        frame_rate: Of the clip.
        sheet: Shown where the chart cannot be drawn.
        most_points: How many points to draw at most.
    """
    shown = thinned(frames, most_points)
    rows = [_row(frame, score, frame_rate) for frame, score in shown]
    low = min(score for _, score in shown)
    high = max(100.0, *(score for _, score in shown))
    # Below the worst one stands its number.
    margin = max(_MARGIN * (high - low), 1)
    long = rows[-1]["s"] >= _CLOCK_FROM_S
    spec = {
        "config": CONFIG,
        "height": 320,
        "data": {"values": rows},
        "encoding": {
            "x": field(
                "s",
                title="min:s" if long else "s",
                scale={"domain": [rows[0]["s"], rows[-1]["s"]], "nice": False},
                axis={"grid": False, **({"labelExpr": _CLOCK, "tickMinStep": 1} if long else {})},
            ),
            "y": field("vmaf", title="VMAF", scale={"domain": [low - margin, high], "zero": False}),
        },
        "layer": [
            *([_worst_seconds(result)] if result.worst_seconds else ()),
            {"mark": {"type": "line", "color": "var(--c0)", "strokeWidth": 1.25}},
            *_pooled(result),
            _points(len(rows)),
            *(_worst_frames(result, frame_rate) if result.worst_frames else ()),
        ],
    }
    thin = (
        ""
        if len(shown) == len(frames)
        else " Where frames are too close to draw, only the extremes are."
    )
    hint = f"Numbered frames are the worst ones, shaded seconds have the lowest means.{thin}"
    return Chart("VMAF of each frame over time", hint, spec, sheet)


def thinned(frames: Sequence[tuple[int, float]], most: int) -> list[tuple[int, float]]:
    """Leave out frames that a chart has no room for, but none of the extremes.

    Args:
        frames: Number and score of each, in order.
        most: How many to keep.

    Returns:
        All of them where they are few; else the lowest and the highest of each of equal parts.
    """
    if len(frames) <= most:
        return list(frames)
    n_parts = most // 2
    ends = [len(frames) * part // n_parts for part in range(n_parts + 1)]
    kept: list[tuple[int, float]] = []
    for start, end in pairwise(ends):
        part = frames[start:end]
        lowest, highest = (choose(part, key=lambda frame: frame[1]) for choose in (min, max))
        kept += sorted({lowest, highest})
    return kept


def _row(frame: int, score: float, frame_rate: Fraction) -> Spec:
    time_s = frame / frame_rate
    return {
        "frame": frame,
        "s": round(float(time_s), 4),
        "vmaf": round(score, 4),
        "time": formatting.time_code(time_s),
        "score": formatting.vmaf(score),
    }


def _worst_seconds(result: ScoreResult) -> Spec:
    seconds = [{"s": one.start_s, "end": one.start_s + 1} for one in result.worst_seconds]
    return {
        "data": {"values": seconds},
        "mark": {"type": "rect", "color": "var(--note)", "opacity": 0.13, "clip": True},
        "encoding": {"x": field("s"), "x2": {"field": "end"}, "y": None},
    }


def _pooled(result: ScoreResult) -> Sequence[Spec]:
    pool = result.pool.value.replace("_", " ") if result.pool else "pooled"
    return lines_across([(result.score, f"{pool} {formatting.vmaf(result.score)}")])


def _points(n_points: int) -> Spec:
    few = n_points <= _FEW_POINTS
    return {
        "params": [nearest()],
        "mark": {"type": "point", "filled": True, "color": "var(--c0)", "opacity": 1},
        "encoding": {
            "size": hovered(120, 16 if few else 0),
            "tooltip": tooltip({"frame": "Frame", "time": "Time", "score": "VMAF"}),
        },
    }


def _worst_frames(result: ScoreResult, frame_rate: Fraction) -> Iterator[Spec]:
    rows = [
        _row(one.frame, one.vmaf, frame_rate) | {"tag": str(number)}
        for number, one in enumerate(result.worst_frames, start=1)
    ]
    yield {
        "data": {"values": rows},
        "mark": {"type": "point", "size": 160, "color": "var(--bad)", "strokeWidth": 2},
    }
    yield {
        "data": {"values": rows},
        "mark": {"type": "text", "dy": 18, "fontWeight": 600, "color": "var(--text)"},
        "encoding": {"text": field("tag", "nominal")},
    }
