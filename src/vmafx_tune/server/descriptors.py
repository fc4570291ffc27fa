"""Sharing the file descriptors that a process may have between what needs some."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["DescriptorShares", "share_descriptors"]

# For the listeners, the log, shared libraries, and what the interpreter opens for a moment.
_OWN = 64
# Both clips, ffmpeg's pipes and the log of one score, with as many again to spare.
_PER_SCORE = 16
_LEAST_CONNECTIONS = 16


class DescriptorShares(NamedTuple):
    """Connections that each listener may have open."""

    http: int
    grpc: int


def share_descriptors(scores: int, burst: int, most: DescriptorShares) -> DescriptorShares:
    """Raise the limit as far as it goes, and share what scores leave between the listeners.

    Args:
        scores: Scores and streams that run at once.
        burst: Connections that may come at once before one of them is turned away.
        most: Connections that each listener takes where there are descriptors enough.
    """
    left = _limit() - _OWN - burst - scores * _PER_SCORE
    each = max(_LEAST_CONNECTIONS, left // 2)
    return DescriptorShares(min(most.http, each), min(most.grpc, each))


def _limit() -> int:
    try:
        import resource
    except ImportError:  # no such limits on Windows
        return 1 << 16
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):  # macOS has a lower limit than it says
            return soft
    return hard if hard != resource.RLIM_INFINITY else 1 << 16
