"""Measured points for tests of ladders."""

from __future__ import annotations

from dataclasses import dataclass

from vmafx_tune.model import Resolution

__all__ = ["Point", "bitrates_of", "points", "sized"]


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
