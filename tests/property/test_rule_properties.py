"""Rules of teams: every ladder keeps all of them, or the sentence comes."""

from __future__ import annotations

import math
from itertools import combinations, pairwise
from operator import attrgetter
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.points import Point
from vmafx_tune.errors import InvalidLadderError
from vmafx_tune.ladder.rules import is_at_least, keeps_rules, ruled_rungs
from vmafx_tune.ladder.selection import select_rungs
from vmafx_tune.ladder.spacing import are_apart
from vmafx_tune.model import Resolution
from vmafx_tune.results.rung_choice import RungChoice

from .strategies import sized_clouds

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

SIZES = [Resolution(number, number) for number in range(1, 5)]
size_of = attrgetter("resolution")


def rules() -> SearchStrategy[RungChoice]:
    """Rules on sizes 1x1 to 4x4, and limits that leave most clouds something."""
    sizes = st.sampled_from(SIZES)
    some = st.lists(sizes, max_size=2, unique=True).map(tuple)
    one = st.one_of(st.none(), sizes)
    return st.builds(
        RungChoice,
        include=some,
        allow=some,
        min_top=one,
        min_bottom=one,
        min_step_ratio=st.sampled_from((None, 1.1, 1.5)),
        max_step_ratio=st.sampled_from((None, 2.5, 4.0)),
        min_rungs=st.sampled_from((None, 1, 2)),
        max_rungs=st.integers(2, 5),
        max_vmaf=st.sampled_from((None, 80.0, 95.0)),
        min_bitrate_gap_kbps=st.sampled_from((0.0, 100.0)),
        mixed_resolutions=st.booleans(),
    )


def is_ladder(rungs: tuple[Point, ...], cloud: list[Point], choice: RungChoice) -> bool:
    """Say of points by ascending bitrate whether they are what was asked for."""
    for rung in rungs:
        same = [p for p in cloud if p.pixels == rung.pixels]
        limit = math.inf if choice.max_vmaf is None else choice.max_vmaf
        if any(p.bitrate_kbps < rung.bitrate_kbps and p.vmaf >= limit for p in same):
            return False
    return keeps_rules(rungs, choice, size_of) and all(
        lower.bitrate_kbps < upper.bitrate_kbps
        and lower.vmaf < upper.vmaf
        and (choice.mixed_resolutions or lower.pixels <= upper.pixels)
        and are_apart(lower, upper, choice)
        for lower, upper in pairwise(rungs)
    )


def dominated(point: Point, cloud: list[Point]) -> bool:
    return any(
        other.pixels == point.pixels
        and other.bitrate_kbps <= point.bitrate_kbps
        and other.vmaf >= point.vmaf
        and (other.bitrate_kbps, other.vmaf) != (point.bitrate_kbps, point.vmaf)
        for other in cloud
    )


@given(sized_clouds(), rules())
def test_a_ladder_that_keeps_all_rules_is_found_where_there_is_one(
    cloud: list[Point], choice: RungChoice
) -> None:
    cloud = sorted(set(cloud), key=lambda p: (p.bitrate_kbps, p.vmaf))[:9]
    useful = [point for point in cloud if not dominated(point, cloud)]
    there_is = any(
        is_ladder(rungs, cloud, choice)
        for n in range(1, choice.max_rungs + 1)
        for rungs in combinations(useful, n)
    )
    if there_is:
        assert is_ladder(ruled_rungs(cloud, choice, size_of), cloud, choice)
    else:
        with pytest.raises(InvalidLadderError, match="Relax"):
            ruled_rungs(cloud, choice, size_of)


def made_cloud(random: Random) -> list[Point]:
    """Curves as of a title: larger pictures are worth more, from some bitrate on."""
    cloud = []
    for number, size in enumerate(SIZES):
        ceiling, middle = 70 + 9 * number, random.uniform(2, 2.8) + 0.3 * number
        for _ in range(random.randint(1, 6)):
            kbps = 10 ** random.uniform(2, 4)
            score = ceiling / (1 + math.exp((middle - math.log10(kbps)) * 4))
            cloud.append(Point(kbps, score + random.gauss(0, 0.3), pixels=size.width))
    return cloud


def made_rules(random: Random) -> RungChoice:
    def maybe(*values: Any) -> Any:
        return random.choice((None, *values))

    least, most = sorted(random.sample(range(1, 9), 2))
    low, high = maybe((1.5, 2.5), (1.3, 3.0), (2.0, 5.0)) or (None, None)
    return RungChoice(
        include=tuple(random.sample(SIZES, min(random.choice((0, 0, 1, 2)), most))),
        allow=tuple(random.sample(SIZES, random.choice((0, 0, 2, 3)))),
        min_top=maybe(*SIZES),
        min_bottom=maybe(*SIZES[:2]),
        min_step_ratio=low,
        max_step_ratio=high,
        min_rungs=maybe(least),
        max_rungs=most,
        max_vmaf=maybe(95.0),
        max_bitrate_kbps=maybe(3000.0),
        mixed_resolutions=random.random() < 0.2,
    )


def ladder_of(cloud: list[Point], choice: RungChoice) -> tuple[Point, ...] | str:
    try:
        return select_rungs(cloud, choice, size_of=size_of).rungs
    except InvalidLadderError as error:
        return str(error)


def test_ten_thousand_clouds_keep_every_rule_or_say_which_stand_against_each_other() -> None:
    random, kept = Random(1), 0
    for _ in range(10_000):
        choice = made_rules(random)
        found = ladder_of(made_cloud(random), choice)
        if isinstance(found, str):
            assert "or measure other targets or resolutions." in found
            continue
        assert keeps_rules(found, choice, size_of)
        assert all(rung.bitrate_kbps <= (choice.max_bitrate_kbps or math.inf) for rung in found)
        kept += 1

    assert 2000 < kept < 9500


@pytest.mark.parametrize(
    ("size", "least", "is_enough"),
    [
        (Resolution(1280, 544), Resolution(1280, 720), True),
        (Resolution(720, 1280), Resolution(1280, 720), True),
        (Resolution(960, 540), Resolution(1280, 720), False),
    ],
)
def test_a_wide_picture_is_as_large_as_one_of_its_width(
    size: Resolution, least: Resolution, *, is_enough: bool
) -> None:
    assert is_at_least(size, least) == is_enough
