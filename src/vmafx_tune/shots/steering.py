"""Which settings of which shots to measure, until it is known what each should get. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from vmafx_tune.choices import PerShot
from vmafx_tune.frozen import frozen
from vmafx_tune.shots.allocation import (
    Offer,
    allocate,
    contribution,
    equal_quality,
    pooled,
)
from vmafx_tune.shots.curves import USUAL_FALL, ShotCurve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vmafx_tune.knob import TypicalCurve
    from vmafx_tune.model import PoolMethod
    from vmafx_tune.shots.curves import ShotPoint

__all__ = ["MOST_PROBES", "Choice", "ShotProblem", "ShotWish", "next_wishes", "usual_fall"]

MOST_PROBES = 7
"""Settings of a shot that are measured at most."""

# As far from what was measured, in widths of a typical curve, estimates are worth a probe.
_REACH = 1.5
# A shot's curve is known at a step that has measured ones so near to either side, in such widths.
_NEAR = 0.9
_BESIDE = 0.5
# What a choice among the settings that were measured may take above one among all of them.
_NEGLIGIBLE = 0.002


class ShotWish(NamedTuple):
    """A probe to make: the index of its shot, and its step."""

    shot: int
    step: int


@frozen
class ShotProblem:
    """The shots of one source, and how they are to be encoded.

    Attributes:
        lengths: Frames of each shot.
        last_step: Steps run from 0, the best quality, to this one.
        prior: What a typical clip scores over them.
        pool: How frame scores are pooled.
        mode: What is equal in all shots.
        first_step: Where to measure first: the best step of the whole source.
        hints: Scores of each shot in encodes of the whole source, by step.
        fall: How much the logarithm of the whole's bitrate falls with each step.
    """

    lengths: tuple[int, ...]
    last_step: int
    prior: TypicalCurve
    pool: PoolMethod
    mode: PerShot
    first_step: int
    hints: tuple[Mapping[int, float], ...]
    fall: float = USUAL_FALL

    @property
    def n_frames(self) -> int:
        """Frames of the source."""
        return sum(self.lengths)


@frozen
class Choice:
    """A step for each shot, with what the whole takes and scores by what its shots do.

    Attributes:
        steps: By shot.
        size_bytes: Sum of the shots'.
        score: Pooled.
    """

    steps: tuple[int, ...]
    size_bytes: float
    score: float


def next_wishes(
    problem: ShotProblem, measured: Sequence[Mapping[int, ShotPoint]], aim: float
) -> tuple[Choice | None, tuple[ShotWish, ...]]:
    """Say what to choose for a score, or what to measure before that is known.

    Args:
        problem: What is encoded.
        measured: What was measured of each shot, by step.
        aim: Pooled score to reach.

    Returns:
        The choice, among what was measured, and nothing to measure; or nothing chosen, and probes
        to make; or neither, where the shots do not reach the score.
    """
    if not all(measured):
        empty = (index for index, points in enumerate(measured) if not points)
        return None, tuple(ShotWish(index, problem.first_step) for index in empty)
    choice = _chosen(problem, _offers(problem, measured), aim)
    if choice is None:
        return None, _better(problem, measured)
    wishes = _unmeasured(choice, measured) or _beside(problem, choice, measured)
    open_wishes = tuple(w for w in wishes if len(measured[w.shot]) < MOST_PROBES)
    known = _chosen(problem, _known(problem, measured), aim)
    enough = known is not None and known.size_bytes <= (1 + _NEGLIGIBLE) * choice.size_bytes
    if open_wishes and not (enough and not _beside(problem, choice, measured)):
        return None, open_wishes
    return known, ()


def usual_fall(sizes: Mapping[int, float]) -> float:
    """Find how much the logarithm of a bitrate falls with each step, from two encodes far apart.

    Args:
        sizes: Of encodes of the whole source, by step.
    """
    best, worst = min(sizes), max(sizes)
    if best == worst or sizes[worst] >= sizes[best]:
        return USUAL_FALL
    return math.log(sizes[best] / sizes[worst]) / (worst - best)


def _better(
    problem: ShotProblem, measured: Sequence[Mapping[int, ShotPoint]]
) -> tuple[ShotWish, ...]:
    """Ask each shot for better qualities than any that estimates reach to."""
    return tuple(
        ShotWish(index, _step_from(problem, min(points), -_REACH))
        for index, points in enumerate(measured)
        if min(points) > 0 and len(points) < MOST_PROBES
    )


def _step_from(problem: ShotProblem, step: int, widths: float) -> int:
    """Find the step so many widths of a typical curve away, at least the next one in the range."""
    place = round(problem.prior.place(problem.prior.widths(step) + widths))
    place = min(place, step - 1) if widths < 0 else max(place, step + 1)
    return min(max(place, 0), problem.last_step)


def _unmeasured(choice: Choice, measured: Sequence[Mapping[int, ShotPoint]]) -> list[ShotWish]:
    wishes = (ShotWish(index, step) for index, step in enumerate(choice.steps))
    return [wish for wish in wishes if wish.step not in measured[wish.shot]]


def _beside(
    problem: ShotProblem, choice: Choice, measured: Sequence[Mapping[int, ShotPoint]]
) -> list[ShotWish]:
    """Find shots of which nothing near the chosen step is measured to one side of it."""
    wishes = []
    for index, step in enumerate(choice.steps):
        for way in (-1, 1):
            end = 0 if way < 0 else problem.last_step
            near = _step_from(problem, step, way * _NEAR)
            around = range(step + way, near + way, way)
            if step != end and not any(one in measured[index] for one in around):
                wishes.append(ShotWish(index, _step_from(problem, step, way * _BESIDE)))
                break
    return wishes


def _chosen(problem: ShotProblem, offers: Sequence[Sequence[Offer]], aim: float) -> Choice | None:
    wanted = contribution(aim, problem.n_frames, problem.pool)
    choose = equal_quality if problem.mode is PerShot.CONSTANT else allocate
    chosen = choose(offers, wanted)
    if chosen is None:
        return None
    quality = math.fsum(offer.quality for offer in chosen)
    return Choice(
        tuple(offer.step for offer in chosen),
        math.fsum(offer.size_bytes for offer in chosen),
        pooled(quality, problem.n_frames, problem.pool),
    )


def _offers(problem: ShotProblem, measured: Sequence[Mapping[int, ShotPoint]]) -> list[list[Offer]]:
    """What each shot could get; of one that was probed often enough, what was measured."""
    offers = []
    for index, points in enumerate(measured):
        steps = set(points)
        if len(points) < MOST_PROBES:
            first = _step_from(problem, min(points), -_REACH)
            steps |= set(range(first, _step_from(problem, max(points), _REACH) + 1))
        curve = ShotCurve(points, problem.hints[index], prior=problem.prior, fall=problem.fall)
        offers.append([_offer(problem, index, step, *curve.at(step)) for step in sorted(steps)])
    return offers


def _known(problem: ShotProblem, measured: Sequence[Mapping[int, ShotPoint]]) -> list[list[Offer]]:
    return [
        [_offer(problem, index, step, *point) for step, point in sorted(points.items())]
        for index, points in enumerate(measured)
    ]


def _offer(problem: ShotProblem, shot: int, step: int, size_bytes: float, score: float) -> Offer:
    quality = contribution(score, problem.lengths[shot], problem.pool)
    return Offer(step, size_bytes, score, quality)
