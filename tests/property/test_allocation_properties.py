from __future__ import annotations

import math
from itertools import product

from hypothesis import assume, example, given
from hypothesis import strategies as st

from vmafx_tune.shots.allocation import Offer, allocate, equal_quality

Shots = list[list[Offer]]


def sizes(chosen: tuple[Offer, ...]) -> float:
    return math.fsum(offer.size_bytes for offer in chosen)


def quality(chosen: tuple[Offer, ...]) -> float:
    return math.fsum(offer.quality for offer in chosen)


@st.composite
def shots(draw: st.DrawFn, most_shots: int = 4, most_steps: int = 5) -> Shots:
    """Shots that share a knob; curves of any shape."""
    n_steps = draw(st.integers(1, most_steps))
    size = st.one_of(st.integers(1, 20).map(float), st.floats(1, 1e6))
    score = st.one_of(st.integers(0, 10).map(float), st.floats(0, 100))

    def one_shot() -> list[Offer]:
        n_frames = draw(st.integers(1, 50))
        scores = [draw(score) for _ in range(n_steps)]
        return [
            Offer(step, draw(size), scores[step], n_frames * scores[step])
            for step in range(n_steps)
        ]

    return [one_shot() for _ in range(draw(st.integers(1, most_shots)))]


def wanted_of(found: Shots, share: float) -> float:
    low = math.fsum(min(offer.quality for offer in offers) for offers in found)
    high = math.fsum(max(offer.quality for offer in offers) for offers in found)
    return low + share * (high - low)


def two_offers(size_bytes: float, quality: float) -> list[Offer]:
    return [Offer(0, size_bytes, quality, quality), Offer(1, 1.0, 0.0, 0.0)]


@given(shots(), st.floats(0, 1.1))
# Of the second one, a unit of quality costs more than a float can hold.
@example([two_offers(2.0, 1.0), two_offers(2.0, 2e-311), two_offers(3.0, 2.0)], 0.5)
def test_no_combination_that_reaches_the_quality_takes_fewer_bytes(
    found: Shots, share: float
) -> None:
    wanted = wanted_of(found, share)
    able = [sizes(one) for one in product(*found) if quality(one) >= wanted]

    chosen = allocate(found, wanted)

    assert (chosen is None) == (not able)
    if chosen is not None:
        assert quality(chosen) >= wanted
        assert sizes(chosen) <= min(able) * (1 + 1e-9)


@given(shots(most_shots=30, most_steps=12), st.floats(0, 1))
def test_a_whole_never_takes_more_than_the_best_single_step(found: Shots, share: float) -> None:
    wanted = wanted_of(found, share)
    single = [one for one in zip(*found, strict=True) if quality(one) >= wanted]
    assume(single)

    chosen = allocate(found, wanted)

    assert chosen is not None
    assert quality(chosen) >= wanted
    assert sizes(chosen) <= min(map(sizes, single)) * (1 + 1e-9)


@given(shots(), st.floats(0, 1))
def test_equal_quality_reaches_what_is_wanted_with_offers_of_each_shot(
    found: Shots, share: float
) -> None:
    wanted = wanted_of(found, share)

    chosen = equal_quality(found, wanted)

    assert chosen is None or quality(chosen) >= wanted
    assert chosen is None or all(one in offers for one, offers in zip(chosen, found, strict=True))
