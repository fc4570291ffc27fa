"""Results of `batch` with realistic values, built the same way every time."""

from __future__ import annotations

from pathlib import Path

from vmafx_tune._version import __version__
from vmafx_tune.results.batch import BatchFile, BatchResult

__all__ = ["batch_result"]


def batch_result() -> BatchResult:
    """Three encodes: one by an earlier run, one out of reach, and a source that is no video."""
    files = (
        BatchFile(
            name="deep/one",
            src="films/deep/one.mkv",
            state="done",
            earlier=True,
            result="deep/one.json",
            output="deep/one.mkv",
            codec="libx265",
            target_vmaf=95.0,
            best_crf=23.5,
            bitrate_kbps=1234.5678,
            vmaf_score=95.0123,
            size_bytes=2_500_000,
            size_percent=41.5,
            new_probes=3,
            wall_time_ms=65_432.1,
        ),
        BatchFile(
            name="two",
            src="films/two.mp4",
            state="missed",
            error="The range of crf ends at 0.",
            result="two.json",
            codec="libx265",
            target_vmaf=95.0,
            best_crf=0.0,
            bitrate_kbps=9000.0,
            vmaf_score=94.5,
            new_probes=2,
            wall_time_ms=30_000.0,
        ),
        BatchFile(
            name="three",
            src="films/three.avi",
            state="failed",
            error="'films/three.avi' is text, not video. Name a video file.",
        ),
    )
    return BatchResult(
        tool_version=__version__,
        batch="encode",
        output=Path("encoded"),
        n_files=3,
        n_done=1,
        n_missed=1,
        n_failed=1,
        n_earlier=1,
        new_probes=2,
        wall_time_ms=31_000.0,
        files=files,
    )
