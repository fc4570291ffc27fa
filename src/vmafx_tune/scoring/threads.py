"""How many threads scoring takes by default."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmafx_tune.cpus import available_cpus

if TYPE_CHECKING:
    from vmafx_tune.model import Resolution

__all__ = ["BYTES_PER_PIXEL", "bytes_needed", "default_threads"]

# Measured with libvmaf 2.3.1 and 3.2, and ffmpeg's decoders of two clips at once: each thread of
# libvmaf has its own planes for every feature, and the decoders and queues hold so many pictures.
BYTES_PER_PIXEL = 44
"""What each thread of libvmaf takes."""
_PICTURES_HELD = 35
_SAMPLES_PER_PIXEL = 1.5
_BUDGET_BYTES = 1_500_000_000


def default_threads(size: Resolution, bit_depth: int = 8, cpus: int | None = None) -> int:
    """Choose one thread for each processor that scoring may fill, as far as memory goes.

    Args:
        size: Pictures that are compared.
        bit_depth: Bits per sample of the decoded clips.
        cpus: Processors that scoring may fill; None for all that this process may use.

    Returns:
        At least 1. At 3840x2160 that is two threads with 8 bits and one with more, so that the
        whole stays under 1.5 GB.
    """
    affordable = int(
        (_BUDGET_BYTES - bytes_needed(size, bit_depth, threads=0)) / (BYTES_PER_PIXEL * size.pixels)
    )
    return max(1, min(cpus or available_cpus(), affordable))


def bytes_needed(size: Resolution, bit_depth: int = 8, *, threads: int = 1) -> int:
    """Estimate the memory that scoring takes, with ffmpeg and its decoders.

    Args:
        size: Pictures that are compared.
        bit_depth: Bits per sample of the decoded clips.
        threads: Threads of libvmaf.
    """
    bytes_per_sample = 1 if bit_depth <= 8 else 2
    held = _PICTURES_HELD * _SAMPLES_PER_PIXEL * bytes_per_sample * size.pixels
    return int(held + threads * BYTES_PER_PIXEL * size.pixels)
