"""Results as CSV: a header, then one line per row or frame; null is an empty field."""

from __future__ import annotations

import csv
import io
import math
from typing import TYPE_CHECKING, Any

from vmafx_tune.reports.json_text import as_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vmafx_tune.results.compare import CompareResult
    from vmafx_tune.results.score import ScoreResult

__all__ = ["compare_csv", "score_csv", "score_frames_csv"]

_COMPARE_COLUMNS = (
    "codec",
    "adapter",
    "runtime_variant",
    "ffmpeg_bin",
    "encoder_version",
    "best_crf",
    "bitrate_kbps",
    "encode_time_ms",
    "vmaf_score",
    "target_vmaf",
    "ok",
    "error",
    "rank",
    "converged",
    "proven",
    "encode_command",
)
_SCORE_COLUMNS = ("reference", "distorted", "model", "backend", "pool", "score", "n_frames")


def compare_csv(result: CompareResult) -> str:
    """Write a comparison with one line per encoder and target, in the result's order."""
    return _csv(_COMPARE_COLUMNS, map(as_json, result.rows))


def score_csv(result: ScoreResult) -> str:
    """Write a score as one line: the pooled score, every pooling, the means of the features."""
    written = as_json(result)
    row = {name: written[name] for name in _SCORE_COLUMNS}
    row |= written["pooled"] | written["features"]
    return _csv(tuple(row), [row])


def score_frames_csv(result: ScoreResult) -> str:
    """Write a score with one line per scored frame: `frame`, `vmaf` and each feature."""
    columns = ("frame", "vmaf", *result.scores.features)
    frames = (as_json(frame) for frame in result.with_frames().frames)
    return _csv(columns, ({**frame, **frame["features"]} for frame in frames))


def _csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row[column]) for column in columns] for row in rows)
    return out.getvalue()


def _cell(value: Any) -> Any:
    # JSON's spelling, so that a reader of both needs one parser.
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        return ""
    return "" if value is None else value
