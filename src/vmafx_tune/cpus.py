"""How many processors, and how much memory, there are to work with, and how work shares them."""

from __future__ import annotations

import math
import os
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from vmafx_tune.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vmafx_tune.encoders.registry import EncoderRow
    from vmafx_tune.model import Resolution

__all__ = [
    "BYTES_PER_PIXEL",
    "CoreShares",
    "LocalCores",
    "Share",
    "affordable_workers",
    "available_cpus",
    "available_memory_bytes",
    "bytes_needed",
    "default_threads",
    "share_of",
    "useful_workers",
    "visible_cpus",
]

# What a container may use, by the second version of control groups: "200000 100000" is two.
_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_MEMORY_QUOTA = Path("/sys/fs/cgroup/memory.max")


def available_cpus() -> int:
    """Count the processors that this process may use, at least 1: its affinity, its quota."""
    return max(1, min(visible_cpus(), _quota()))


def visible_cpus() -> int:
    """Count the processors that programs see when they choose their threads, whatever the quota."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def available_memory_bytes() -> int | None:
    """Measure the memory that this process may use: the machine's, its container's quota.

    Returns:
        None where neither can be found out.
    """
    known = [size for size in (_physical_memory(), _memory_quota()) if size is not None]
    return min(known, default=None)


def _physical_memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        # Some systems have no such names.
        return None


def _memory_quota() -> int | None:
    try:
        return int(_MEMORY_QUOTA.read_text(encoding="ascii"))
    except (OSError, ValueError):
        # There is none: no such file, or "max".
        return None


def _quota() -> int:
    try:
        used_us, period_us = _QUOTA.read_text(encoding="ascii").split()
        return math.ceil(int(used_us) / int(period_us))
    except (OSError, ValueError, ZeroDivisionError):
        # There is none: no such file, or "max".
        return 1 << 30


# With more threads than that, a score is taken for as fast as it gets.
_SCORING_SCALES_TO = 12

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


class Share:
    """What one who works has of the processors.

    Attributes:
        was_shared: Whether others worked at any time meanwhile, so that the work took longer.
    """

    __slots__ = ("was_shared",)

    def __init__(self) -> None:
        self.was_shared = False


class CoreShares:
    """Counts who works, so that nobody fills processors that others need. Thread-safe.

    A share is asked for when work begins, and again for each piece of it: as others end, shares
    grow, and the last one to work has all processors.

    Args:
        cpus: Processors to share, at least 1.
    """

    def __init__(self, cpus: int) -> None:
        self._cpus = cpus
        self._lock = threading.Lock()
        self._takers: list[Share] = []

    @contextmanager
    def taken(self) -> Iterator[Share]:
        """Count as one who works until the block ends; what it gets tells of others."""
        share = Share()
        with self._lock:
            self._takers.append(share)
            if len(self._takers) > 1:
                for each in self._takers:
                    each.was_shared = True
        try:
            yield share
        finally:
            with self._lock:
                self._takers.remove(share)

    def share(self) -> int:
        """Tell how many processors each of those who work may fill now, at least 1."""
        with self._lock:
            return share_of(self._cpus, max(1, len(self._takers)))

    def spare(self, busy: int) -> int:
        """Tell how much more work, each piece filling `busy` processors, finds them idle.

        Args:
            busy: At least 1.

        Returns:
            From 0.
        """
        with self._lock:
            return max(0, self._cpus // busy - len(self._takers))


# Measured with libvmaf 2.3.1 and 3.2, and ffmpeg's decoders of two clips at once: each thread of
# libvmaf has its own planes for every feature, and the decoders and queues hold so many pictures.
BYTES_PER_PIXEL = 44
"""What each thread of libvmaf takes."""
_PICTURES_HELD = 35
_SAMPLES_PER_PIXEL = 1.5
_BUDGET_BYTES = 1_500_000_000


def default_threads(
    size: Resolution,
    bit_depth: int = 8,
    cpus: int | None = None,
    *,
    bytes_per_pixel: int = BYTES_PER_PIXEL,
) -> int:
    """Choose one thread for each processor that scoring may fill, as far as memory goes.

    Args:
        size: Pictures that are compared.
        bit_depth: Bits per sample of the decoded clips.
        cpus: Processors that scoring may fill; None for all that this process may use.
        bytes_per_pixel: What each thread takes.

    Returns:
        At least 1. At 3840x2160 that is two threads with 8 bits and one with more, so that the
        whole stays under 1.5 GB.
    """
    affordable = int(
        (_BUDGET_BYTES - bytes_needed(size, bit_depth, threads=0)) / (bytes_per_pixel * size.pixels)
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


@frozen
class LocalCores:
    """The processors and the memory of this machine, for jobs that are scored in one way.

    Attributes:
        display: Size at which encodes are scored.
        bit_depth: Bits per sample of the source.
        threads: Threads that each encode and each score have; None for their own choice.
    """

    display: Resolution
    bit_depth: int = 8
    threads: int | None = None

    def workers(self, jobs: Sequence[tuple[EncoderRow, Resolution]]) -> int:
        """Choose how many jobs to work on at once.

        Args:
            jobs: Encoder of each and the size of its pictures, in the order in which they begin.

        Returns:
            At least 1, and no more than there are jobs.
        """
        return self._workers(jobs, available_cpus())

    def part_workers(
        self, row: EncoderRow, size: Resolution, parts: int, *, beside: int = 1
    ) -> int:
        """Choose how many parts of a clip to probe at once.

        Args:
            row: The encoder.
            size: Of its pictures.
            parts: How many there are, at least 1.
            beside: Workers that do the same side by side, at least 1.

        Returns:
            At least 1, and no more than there are parts.
        """
        return self._workers([(row, size)] * parts, share_of(available_cpus(), beside))

    def busy(self, row: EncoderRow, size: Resolution) -> int:
        """Estimate how many processors make a probe as fast as it gets.

        Args:
            row: The encoder.
            size: Of its pictures.

        Returns:
            At least 1, and no more than there are.
        """
        cpus = available_cpus()
        scoring = min(_SCORING_SCALES_TO, default_threads(self.display, self.bit_depth, cpus))
        return min(self.threads or cpus, max(row.useful_threads(size), scoring))

    def _workers(self, jobs: Sequence[tuple[EncoderRow, Resolution]], cpus: int) -> int:
        scoring = self.threads or default_threads(self.display, self.bit_depth, cpus)
        # Encodes and scores follow each other, so that a job is as wide as the narrower of the two:
        # of large pictures that is the score, for the sake of memory.
        most = min(self.threads or cpus, scoring)
        useful = useful_workers([min(row.useful_threads(size), most) for row, size in jobs], cpus)
        bytes_each = bytes_needed(self.display, self.bit_depth, threads=scoring)
        room = affordable_workers(available_memory_bytes(), bytes_each)
        return useful if room is None else min(useful, room)
