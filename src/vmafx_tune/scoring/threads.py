"""How many threads scoring takes where nobody says."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmafx_tune.model import Resolution

__all__ = ["default_threads"]

# Each thread of libvmaf has its own planes for every feature: 44 bytes a pixel, as measured with
# 2.3.1 and 3.2. At 3840x2160 two threads are what fits beside the decoders in 1.5 GB.
_BYTES_PER_PIXEL = 44
_BUDGET_BYTES = 750_000_000


def default_threads(size: Resolution) -> int:
    """Choose one thread for each processor that this process may use, as far as memory goes.

    Args:
        size: Pictures that are compared.

    Returns:
        At least 1.
    """
    affordable = _BUDGET_BYTES // (_BYTES_PER_PIXEL * size.pixels)
    return max(1, min(_available_cpus(), affordable))


def _available_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
