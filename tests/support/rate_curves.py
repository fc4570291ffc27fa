"""Made-up encoders whose every encode is known: several sizes, each with a curve."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.points import Point
from vmafx_tune.knob import TypicalCurve
from vmafx_tune.ladder.adaptive import HullProblem, Measured, next_probes
from vmafx_tune.ladder.hull import upper_hull
from vmafx_tune.ladder.hull_model import KnownCurves

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmafx_tune.ladder.adaptive import ProbeWish

__all__ = ["PRIOR", "Encoder", "Sampled", "film", "measured", "sample"]

PRIOR = TypicalCurve(midpoint=38.4, width=4.8)


@dataclass(frozen=True)
class Encoder:
    """Gives a bitrate and a score for each size and step, as no real one does so cheaply."""

    pixels: tuple[int, ...]
    last_step: int
    encode: Callable[[int, int], Point]

    def problem(self, lowest: float, highest: float, *, max_probes: int = 12) -> HullProblem:
        scale = max(self.last_step, 1) / 51
        prior = TypicalCurve(PRIOR.midpoint * scale, PRIOR.width * scale)
        return HullProblem(self.pixels, self.last_step, lowest, highest, prior, max_probes)

    def every_encode(self) -> list[Point]:
        return [
            self.encode(size, step)
            for size in range(len(self.pixels))
            for step in range(self.last_step + 1)
        ]


@dataclass(frozen=True)
class Sampled:
    """What adaptive sampling made of an encoder."""

    rounds: tuple[tuple[ProbeWish, ...], ...]
    points: dict[tuple[int, int], Point]

    @property
    def hull(self) -> tuple[Point, ...]:
        return upper_hull(self.points.values())

    def known(self, prior: TypicalCurve = PRIOR) -> KnownCurves:
        """What it tells the sampling of another encoder."""
        return KnownCurves(prior, tuple(measured(key, point) for key, point in self.points.items()))


def film(
    n_sizes: int = 4,
    *,
    last_step: int = 51,
    midpoint: float = 36.0,
    width: float = 4.5,
    ceiling: float = 98.0,
    loss: float = 1.0,
    drop: float = 2.5,
    noise: Callable[[int, int], float] = lambda size, step: 0.0,
) -> Encoder:
    """Make an encoder of a film at sizes that are 0.8 octaves apart.

    Args:
        n_sizes: How many.
        last_step: Of a knob whose whole range is like x264's.
        midpoint: Where the largest size scores half of its ceiling, on a knob from 0 to 51.
        width: How gently scores fall.
        ceiling: Best score of the largest size.
        loss: VMAF points that the ceiling is lower for a size of half of the pixels.
        drop: How much earlier the curve of a size of half of the pixels falls.
        noise: Added to the scores.
    """

    def encode(size: int, step: int) -> Point:
        octaves, crf = 0.8 * size, step * 51 / last_step
        best = ceiling - loss * octaves**2
        score = best / (1 + math.exp((crf - (midpoint - drop * octaves)) / width))
        kbps = 3000 * 2 ** (-0.85 * octaves) * math.exp(-0.115 * (crf - 20))
        return Point(kbps, min(100.0, max(0.0, score + noise(size, step))))

    pixels = tuple(round(2_000_000 * 2 ** (-0.8 * size)) for size in range(n_sizes))
    return Encoder(pixels, last_step, encode)


def sample(encoder: Encoder, problem: HullProblem) -> Sampled:
    """Let the planner have what it asks for, until it asks for no more."""
    rounds: list[tuple[ProbeWish, ...]] = []
    points: dict[tuple[int, int], Point] = {}
    while wishes := next_probes(problem, [measured(key, points[key]) for key in points]):
        rounds.append(wishes)
        points |= {(wish.size, wish.step): encoder.encode(*wish) for wish in wishes}
    return Sampled(tuple(rounds), points)


def measured(key: tuple[int, int], point: Point) -> Measured:
    """Make of a point what the planner takes."""
    return Measured(*key, math.log(point.bitrate_kbps), point.vmaf)
