"""How the processors of a machine are shared by jobs, encodes and scores that run at once.

Encoders keep the threads that they choose themselves, since some split their work by them and
write other bytes. What is left to decide is how many jobs run side by side, and how many threads a
score takes; neither changes a result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["affordable_workers", "share_of", "useful_workers"]

# Each job in turn starts, writes, or changes from encode to score, and leaves processors idle.
_SPARE = 1


def useful_workers(busy: Sequence[int], cpus: int) -> int:
    """Find how few jobs at once keep all processors busy for as long as jobs wait.

    With one worker fewer than what is returned, the jobs that run side by side fill the processors
    at any time until the last job has begun; the one more fills the gaps of the others.

    Args:
        busy: Threads that each job's encoder keeps busy, at least 1, in the order in which the
            jobs begin.
        cpus: Processors to fill, at least 1.

    Returns:
        At least 1, and no more than there are jobs.
    """
    enough = next(
        (workers for workers in range(1, len(busy)) if _least_busy(busy, workers) >= cpus),
        len(busy),
    )
    return max(1, min(enough + _SPARE, len(busy)))


def _least_busy(busy: Sequence[int], workers: int) -> int:
    """Count the threads of those `workers` neighbours that have the fewest, while a job waits."""
    return min(sum(busy[first : first + workers]) for first in range(len(busy) - workers))


def affordable_workers(memory_bytes: int | None, bytes_each: int) -> int | None:
    """Find how many jobs at once half of the memory has room for.

    The other half is for encoders, whose needs are not known, and for the rest of the machine.

    Args:
        memory_bytes: What the machine or container has; None where it is not known.
        bytes_each: What one job's scoring takes, positive.

    Returns:
        At least 1; None for no limit.
    """
    return None if memory_bytes is None else max(1, memory_bytes // 2 // bytes_each)


def share_of(cpus: int, takers: int) -> int:
    """Divide processors among as many takers, rounded up, so that none is left over.

    Args:
        cpus: At least 1.
        takers: At least 1.

    Returns:
        At least 1; all shares together are fewer than `cpus + takers`.
    """
    return -(-cpus // takers)
