"""What the server answers of two clips, whether they came as files or as pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vmafx_tune.choices import PoolMethod
from vmafx_tune.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MAX_SUBSAMPLE", "Scored", "checked_subsample"]

MAX_SUBSAMPLE = 1_000_000
"""The sparsest that a client may have frames scored."""


@dataclass(frozen=True, slots=True)
class Scored:
    """How close a clip is to its reference.

    Attributes:
        score: The frames' scores, pooled by `pool`, in VMAF points.
        features: Mean of each elementary feature.
        model: Name of the VMAF model that scored.
        model_version: Such as `0.6.1`; of a custom model, the SHA-256 of its file.
        backend: What computed the scores: `ffmpeg`, `libvmaf` or `vmaf`.
        backend_version: Version of libvmaf; empty where it is not known.
        n_frames: Frame pairs compared, before subsampling.
        pool: How `score` is pooled.
        subsample: Every n-th frame was scored.
        pooled: Every pooling of the frames' scores, and `max`, by name.
    """

    score: float
    features: Mapping[str, float]
    model: str = ""
    model_version: str = ""
    backend: str = ""
    backend_version: str = ""
    n_frames: int = 0
    pool: str = PoolMethod.MEAN
    subsample: int = 1
    pooled: Mapping[str, float] = field(default_factory=dict)


def checked_subsample(subsample: int) -> int:
    """Refuse a subsampling that cannot be asked for.

    Raises:
        UsageError: It is not from 1 to `MAX_SUBSAMPLE`.
    """
    if 1 <= subsample <= MAX_SUBSAMPLE:
        return subsample
    raise UsageError(f"The subsampling {subsample} is not from 1 to {MAX_SUBSAMPLE}.")
