"""Which setting each shot gets, so that the whole is good enough with the fewest bits. Pure.

The pooled scores that can be divided among shots are sums over frames: of scores for the mean, of
`-1 / (score + 1)` for libvmaf's harmonic mean. Each shot then adds bits and quality, and the
problem is a multiple-choice knapsack. Its Lagrangian gives each shot the point of its lower convex
hull at one slope, bits for quality (Y. Shoham and A. Gersho, "Efficient bit allocation for an
arbitrary set of quantizers", IEEE Trans. ASSP 36(9), 1988); what the whole steps of the knobs leave
open between two slopes is searched, within what the Lagrangian's bound leaves possible.
"""

from __future__ import annotations

import math
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from vmafx_tune.model import PoolMethod

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["Offer", "allocate", "contribution", "equal_quality", "is_divisible", "pooled"]

# What a refinement keeps of all shots together, which takes it a second or so.
_MOST_STATES = 10_000
_LEAST_WIDTH = 8
# Sums of floats in another order differ by less.
_ROUNDING = 1e-9
# Qualities that differ by next to nothing have prices that are no use.
_HIGHEST_PRICE = 1e100
# So close below its highest score a shot is as good as it gets: near its ceiling a curve is flat.
_AS_GOOD = 0.1


class Offer(NamedTuple):
    """What one setting of a shot takes and gives.

    Attributes:
        step: Of the quality knob.
        size_bytes: Of its packets; above 0.
        score: Pooled score of the shot.
        quality: What it adds to the quality of the whole; see `contribution`.
    """

    step: int
    size_bytes: float
    score: float
    quality: float


def is_divisible(pool: PoolMethod) -> bool:
    """Whether a pooled score is made of what each shot adds to it."""
    return pool in {PoolMethod.MEAN, PoolMethod.HARMONIC_MEAN}


def contribution(score: float, n_frames: int, pool: PoolMethod) -> float:
    """Find what a shot adds to the quality of the whole.

    Args:
        score: The shot's pooled score.
        n_frames: Its length.
        pool: How frame scores are pooled; all but the harmonic mean are taken for the mean.
    """
    if pool is PoolMethod.HARMONIC_MEAN:
        return -n_frames / (max(score, 0.0) + 1)
    return n_frames * score


def pooled(quality: float, n_frames: int, pool: PoolMethod) -> float:
    """Find the pooled score of a whole of which the shots add up to `quality`."""
    if pool is PoolMethod.HARMONIC_MEAN:
        return n_frames / -quality - 1
    return quality / n_frames


def allocate(shots: Sequence[Sequence[Offer]], wanted: float) -> tuple[Offer, ...] | None:
    """Choose an offer of each shot, so that qualities add up to enough with the fewest bytes.

    Args:
        shots: The offers of each shot, at least one of each.
        wanted: Sum of the qualities to reach; a tie passes.

    Returns:
        The choice; None where even the best offers do not reach it. It is the cheapest one there is
        unless the shots are so many that not all possibilities can be looked at; then it is the
        cheapest that was found, which takes no more than the Lagrangian's.
    """
    hulls = [_hull(offers) for offers in shots]
    best = tuple(hull[-1] for hull in hulls)
    if not _reaches(best, wanted):
        return None
    slope, choice = _relaxed(hulls, wanted)
    return _Refinement(shots, wanted, slope).run(choice)


def equal_quality(shots: Sequence[Sequence[Offer]], wanted: float) -> tuple[Offer, ...] | None:
    """Choose the cheapest offers of one score, as far as the knob's steps allow.

    Args:
        shots: The offers of each shot, at least one of each.
        wanted: Sum of the qualities to reach; a tie passes.

    Returns:
        The choice for the lowest score that reaches it; None where none does.
    """
    levels = sorted({offer.score for offers in shots for offer in offers})
    choices = [_at_level(shots, levels[-1])]
    if not _reaches(choices[0], wanted):
        return None
    low, high = 0, len(levels) - 1
    while low < high:
        middle = (low + high) // 2
        found = _at_level(shots, levels[middle])
        low, high = (low, middle) if _reaches(found, wanted) else (middle + 1, high)
    return _at_level(shots, levels[low])


def _at_level(shots: Sequence[Sequence[Offer]], level: float) -> tuple[Offer, ...]:
    return tuple(_cheapest(offers, level) for offers in shots)


def _cheapest(offers: Sequence[Offer], level: float) -> Offer:
    reachable = min(level, max(offer.score for offer in offers) - _AS_GOOD)
    able = (offer for offer in offers if offer.score >= reachable)
    return min(able, key=lambda offer: (offer.size_bytes, -offer.score))


def _reaches(choice: Iterable[Offer], wanted: float) -> bool:
    return math.fsum(offer.quality for offer in choice) >= wanted


def _cost(choice: Iterable[Offer]) -> float:
    return math.fsum(offer.size_bytes for offer in choice)


def _hull(offers: Sequence[Offer]) -> list[Offer]:
    """Find the offers that no mix of two others beats, from the cheapest to the best."""
    hull: list[Offer] = []
    for offer in sorted(offers, key=lambda offer: (offer.size_bytes, -offer.quality)):
        if hull and offer.quality <= hull[-1].quality:
            continue
        while len(hull) >= 2 and _price(hull[-2], hull[-1]) >= _price(hull[-1], offer):
            hull.pop()
        hull.append(offer)
    return hull


def _price(lower: Offer, upper: Offer) -> float:
    """Bytes for a unit of quality, on the way from one offer to the next."""
    return (upper.size_bytes - lower.size_bytes) / (upper.quality - lower.quality)


def _relaxed(hulls: Sequence[Sequence[Offer]], wanted: float) -> tuple[float, list[Offer]]:
    """Walk along all hulls by ascending price, until the quality is enough.

    Returns:
        The price of the last move, and the choice after it.
    """
    places = [0] * len(hulls)
    moves = sorted(
        (_price(hull[place], hull[place + 1]), index, place)
        for index, hull in enumerate(hulls)
        for place in range(len(hull) - 1)
    )
    reached, last_price = math.fsum(hull[0].quality for hull in hulls), 0.0
    for price, index, place in moves:
        if reached >= wanted:
            break
        last_price = price
        places[index] = place + 1
        reached += hulls[index][place + 1].quality - hulls[index][place].quality
    choice = [hull[place] for hull, place in zip(hulls, places, strict=True)]
    while not _reaches(choice, wanted):  # by what rounding lost
        index = next(i for i, hull in enumerate(hulls) if choice[i] != hull[-1])
        choice[index] = hulls[index][-1]
    # Any price gives a bound, and 0 one that stays a number whatever the qualities are.
    return (last_price if last_price < _HIGHEST_PRICE else 0.0), choice


class _State(NamedTuple):
    """The first shots with an offer each: what they take, what they give, and the last of them."""

    size_bytes: float
    quality: float
    offer: Offer | None = None
    before: _State | None = None

    def choice(self) -> Iterator[Offer]:
        """The offers, the last one first."""
        state: _State | None = self
        while state is not None and state.offer is not None:
            yield state.offer
            state = state.before


class _Refinement:
    """Searches between the Lagrangian's choice and its bound."""

    def __init__(self, shots: Sequence[Sequence[Offer]], wanted: float, slope: float) -> None:
        self._shots = shots
        self._wanted = wanted
        self._slope = slope
        reduced = [min(self._reduced(offer) for offer in offers) for offers in shots]
        # What the shots from each one on take at least, beyond what their quality is worth.
        self._rest = list(accumulate(reversed(reduced), initial=0.0))[::-1]
        best = [max(offer.quality for offer in offers) for offers in shots]
        self._reachable = list(accumulate(reversed(best), initial=0.0))[::-1]
        self._width = max(_LEAST_WIDTH, _MOST_STATES // len(shots))

    def run(self, choice: Sequence[Offer]) -> tuple[Offer, ...]:
        """Return the cheapest choice found, which is `choice` itself where there is none below."""
        cost = _cost(choice)
        states = [_State(0.0, 0.0)]
        spare = cost - self._least(0.0, 0.0, 0)
        for index, offers in enumerate(self._shots, start=1):
            least = self._rest[index - 1] - self._rest[index]
            able = [offer for offer in offers if self._reduced(offer) - least <= spare]
            states = self._extended(states, able, index, cost)
        for state in states:
            found = tuple(state.choice())[::-1]
            if _reaches(found, self._wanted) and _cost(found) < cost:
                return found
        return tuple(choice)

    def _extended(
        self, states: Sequence[_State], offers: Sequence[Offer], index: int, cost: float
    ) -> list[_State]:
        slack = _ROUNDING * abs(self._wanted)
        found = []
        for state in states:
            for offer in offers:
                size_bytes = state.size_bytes + offer.size_bytes
                quality = state.quality + offer.quality
                if quality + self._reachable[index] < self._wanted - slack:
                    continue
                if self._least(size_bytes, quality, index) < cost:
                    found.append(_State(size_bytes, quality, offer, state))
        return self._kept(found, index)

    def _kept(self, states: list[_State], index: int) -> list[_State]:
        """Keep the states that no other one dominates; of too many, those with the lowest bound."""
        states.sort(key=lambda state: (state.size_bytes, -state.quality))
        kept: list[_State] = []
        for state in states:
            if not kept or state.quality > kept[-1].quality:
                kept.append(state)
        if len(kept) > self._width:
            kept.sort(key=lambda state: self._least(state.size_bytes, state.quality, index))
            kept = sorted(kept[: self._width], key=lambda state: state.size_bytes)
        return kept

    def _least(self, size_bytes: float, quality: float, index: int) -> float:
        """Bound what the whole takes at least, whatever the shots from `index` on get."""
        return size_bytes + self._slope * (self._wanted - quality) + self._rest[index]

    def _reduced(self, offer: Offer) -> float:
        return offer.size_bytes - self._slope * offer.quality
