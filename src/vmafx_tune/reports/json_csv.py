"""Results as JSON, and as CSV: a header, then one line per row or frame; null is empty."""

from __future__ import annotations

import io
import json
import math
from fractions import Fraction
from functools import cache
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from vmafx_tune.formatting import encodable
from vmafx_tune.model import Resolution
from vmafx_tune.results.batch import BatchFile
from vmafx_tune.results.record import json_fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vmafx_tune.results.batch import BatchResult
    from vmafx_tune.results.compare import CompareResult
    from vmafx_tune.results.score import ScoreResult

__all__ = [
    "as_json",
    "batch_csv",
    "compare_csv",
    "dumps",
    "in_ascii",
    "score_csv",
    "score_frames_csv",
]

_DECIMALS = 6


def dumps(result: object) -> str:
    """Write a result, or a part of one, as RFC 8259 JSON.

    Two-space indent, a newline at the end, characters outside ASCII as they are.
    """
    return f"{json.dumps(as_json(result), indent=2, ensure_ascii=False, allow_nan=False)}\n"


def as_json(value: Any) -> Any:
    """Turn a result into what `json.dumps` takes.

    Numbers are rounded to six decimals, as in libvmaf's own logs, and null where they are not
    finite. Paths, sizes, rates and members of enumerations are text.
    """
    # What there is most of comes first: an hour of video has a million scores.
    if isinstance(value, float):
        # Adding zero turns -0.0 into 0.0.
        return round(value, _DECIMALS) + 0.0 if math.isfinite(value) else None
    if isinstance(value, str):
        return encodable(value)
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, dict):
        return {encodable(name): as_json(part) for name, part in value.items()}
    if isinstance(value, tuple):
        return [as_json(part) for part in value]
    if isinstance(value, Resolution | PurePath | Fraction):
        return encodable(str(value))
    record: Any = type(value)
    return {
        name: _knob_value(part) if is_quality else as_json(part)
        for name, is_quality, is_optional in _plan(record)
        if (part := getattr(value, name)) or not is_optional
    }


def in_ascii(text: str) -> str:
    """Write JSON text again, with everything outside of ASCII escaped."""
    return f"{json.dumps(json.loads(text), indent=2)}\n"


@cache
def _plan(record: Any) -> tuple[tuple[str, bool, bool], ...]:
    """List a dataclass's fields: whether they are of a knob, and whether they may be left out."""
    return tuple(
        (field.name, "Quality" in str(field.type), "OmittedWhenEmpty" in str(field.type))
        for field in json_fields(record)
    )


def _knob_value(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_knob_value(part) for part in value]
    number = as_json(value)
    return int(number) if isinstance(number, float) and number.is_integer() else number


_ERROR_COLUMNS = ("crf_error", "vmaf_error", "bitrate_error_kbps")
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
    *_ERROR_COLUMNS,
    "encode_command",
)
_SCORE_COLUMNS = ("reference", "distorted", "model", "backend", "pool", "score", "n_frames")


def compare_csv(result: CompareResult) -> str:
    """Write a comparison with one line per encoder and target, in the result's order."""
    rows = (_with_errors(as_json(row)) for row in result.rows)
    return _csv(_COMPARE_COLUMNS, rows)


def _with_errors(row: dict[str, Any]) -> dict[str, Any]:
    return row | (row["estimate"] or dict.fromkeys(_ERROR_COLUMNS))


def batch_csv(result: BatchResult) -> str:
    """Write a batch with one line per source, in the result's order."""
    columns = [field.name for field in json_fields(BatchFile)]
    return _csv(columns, map(as_json, result.files))


def score_csv(result: ScoreResult) -> str:
    """Write a score as one line: the pooled score, every pooling, means of features and metrics."""
    written = as_json(result)
    row = {name: written[name] for name in _SCORE_COLUMNS}
    row |= written["pooled"] | written["features"]
    row |= {name: metric["mean"] for name, metric in written.get("metrics", {}).items()}
    return _csv(tuple(row), [row])


def score_frames_csv(result: ScoreResult) -> str:
    """Write a score with one line per scored frame: `frame`, `vmaf`, each feature and metric."""
    columns = ("frame", "vmaf", *result.scores.features, *result.scores.metrics)
    frames = (as_json(frame) for frame in result.with_frames().frames)
    rows = ({**frame, **frame["features"], **frame.get("metrics", {})} for frame in frames)
    return _csv(columns, rows)


def _csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    import csv

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
