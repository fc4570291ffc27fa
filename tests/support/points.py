"""Measured points for tests of ladders."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from vmafx_tune.model import Resolution

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmafx_tune.ladder.throughput import Throughput

__all__ = ["Point", "bitrates_of", "expected_vmaf", "points", "sized"]


@dataclass(frozen=True, slots=True)
class Point:
    """The least that can become a rung, its size, and a label to tell equal ones apart."""

    bitrate_kbps: float
    vmaf: float
    label: str = ""
    pixels: int = 1

    @property
    def resolution(self) -> Resolution:
        """A square that is larger the more pixels there are."""
        return Resolution(self.pixels, self.pixels)


def points(*pairs: tuple[float, float]) -> tuple[Point, ...]:
    """Make points from `(bitrate_kbps, vmaf)` pairs."""
    return tuple(Point(*pair) for pair in pairs)


def sized(*triples: tuple[float, float, int]) -> tuple[Point, ...]:
    """Make points from `(bitrate_kbps, vmaf, pixels)` triples."""
    return tuple(Point(bitrate, vmaf, pixels=pixels) for bitrate, vmaf, pixels in triples)


def bitrates_of(rungs: tuple[Point, ...]) -> list[float]:
    """List the bitrates of rungs, in kb/s."""
    return [rung.bitrate_kbps for rung in rungs]


def expected_vmaf(
    rungs: Sequence[Point], throughput: Throughput, *, safety_factor: float = 1.0
) -> float:
    """Return the VMAF that an average viewer gets; see `select_optimal`.

    Args:
        rungs: By ascending bitrate; VMAF strictly rises too.
        throughput: The viewers.
        safety_factor: Share of the throughput that a player dares to use, above 0 and at most 1.

    Returns:
        Expected score in VMAF points; 0 for no rungs.
    """
    gains = [upper - lower for lower, upper in pairwise([0.0, *(rung.vmaf for rung in rungs)])]
    return math.fsum(
        gain * throughput.share_at_least(rung.bitrate_kbps / safety_factor)
        for gain, rung in zip(gains, rungs, strict=True)
    )
