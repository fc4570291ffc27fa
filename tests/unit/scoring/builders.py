"""Sources and requests with the facts that a test is about, and plain ones for the rest."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmafx_tune.media.process import Completed
from vmafx_tune.model import PixelFormat, Resolution, ScoreRequest, Source, VmafModel

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["HD", "a_request", "a_source", "completed", "frame_log"]

HD = Resolution(1280, 720)


def a_source(name: str = "clip.mp4", **facts: Any) -> Source:
    """A plain 720p clip, but for `facts`."""
    plain = Source(
        path=Path("/media", name),
        resolution=HD,
        frame_rate=Fraction(25),
        n_frames=3,
        pixel_format=PixelFormat("yuv420p", 8, "420"),
        codec="h264",
    )
    return replace(plain, **facts)


def a_request(
    reference: Source | None = None,
    distorted: Source | None = None,
    model: VmafModel | None = None,
    **options: Any,
) -> ScoreRequest:
    """Two plain clips compared at 720p, but for what is given."""
    return ScoreRequest(
        reference=reference or a_source("reference.mp4"),
        distorted=distorted or a_source("distorted.mp4"),
        model=model or VmafModel("vmaf_v0.6.1"),
        **{"display": HD, **options},
    )


def completed(*, returncode: int = 0, stderr: str = "") -> Completed:
    """A program that ended."""
    return Completed(("ffmpeg",), returncode, "", stderr, stderr, wall_time_s=0.1)


def frame_log(
    scores: Mapping[int, object], version: str = "3.2.0", **features: object
) -> dict[str, object]:
    """A log as libvmaf writes it, with the same feature values in each frame."""
    return {
        "version": version,
        "fps": 12.5,
        "frames": [
            {"frameNum": index, "metrics": {**features, "vmaf": score}}
            for index, score in scores.items()
        ],
        "pooled_metrics": {},
        "aggregate_metrics": {},
    }
