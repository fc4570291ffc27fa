"""How many jobs of a run go side by side on this machine.

Everything here is about time and memory; no result depends on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmafx_tune.cpus import (
    affordable_workers,
    available_cpus,
    available_memory_bytes,
    share_of,
    useful_workers,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmafx_tune.encoders.registry import EncoderRow
    from vmafx_tune.model import Resolution

__all__ = ["LocalCores"]


@dataclass(frozen=True, slots=True)
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

    def _workers(self, jobs: Sequence[tuple[EncoderRow, Resolution]], cpus: int) -> int:
        from vmafx_tune.cpus import bytes_needed, default_threads

        scoring = self.threads or default_threads(self.display, self.bit_depth, cpus)
        # Encodes and scores follow each other, so that a job is as wide as the narrower of the two:
        # of large pictures that is the score, for the sake of memory.
        most = min(self.threads or cpus, scoring)
        useful = useful_workers([min(row.useful_threads(size), most) for row, size in jobs], cpus)
        bytes_each = bytes_needed(self.display, self.bit_depth, threads=scoring)
        room = affordable_workers(available_memory_bytes(), bytes_each)
        return useful if room is None else min(useful, room)
