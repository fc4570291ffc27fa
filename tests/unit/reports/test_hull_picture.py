"""The terminal picture of a ladder's hull."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.reports import ladder_factories as factories
from vmafx_tune.ladder.hull import upper_hull
from vmafx_tune.model import Resolution
from vmafx_tune.reports.render import in_encoding
from vmafx_tune.reports.tables.ladder import MIN_WIDTH, hull_picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmafx_tune.results.ladder import Encode, LadderPoint

SIZES = tuple(Resolution(16 * lines // 9, lines) for lines in range(90, 2160, 230))
points = st.builds(
    factories.bare_point,
    st.sampled_from(SIZES),
    st.floats(0, 51),
    st.floats(0.1, 1e6),
    st.floats(-1, 110),
)


def lines(*arguments: Sequence[Encode], width: int = 72, height: int = 18) -> list[str]:
    return [line.plain for line in hull_picture(*arguments, width=width, height=height)]


def plot(found: list[str]) -> list[str]:
    """What is drawn between the axes."""
    return [line[line.index("│" if "│" in line else "┤") + 1 :] for line in found[1:19]]


def point(kbps: float, vmaf: float, size: Resolution = SIZES[0]) -> LadderPoint:
    return factories.bare_point(size, 23.0, kbps, vmaf)


@settings(deadline=None, max_examples=50)
@given(cloud=st.lists(points, min_size=1, max_size=40), width=st.integers(MIN_WIDTH, 120))
def test_the_picture_keeps_to_its_width_and_numbers_every_rung(
    cloud: list[LadderPoint], width: int
) -> None:
    hull = list(upper_hull(cloud))
    found = lines(cloud, hull, hull, width=width)
    assert max(map(len, found)) <= width
    drawn = "".join(plot(found))
    digits = "".join(str(number) for number in range(1, len(hull) + 1))
    assert sorted(char for char in drawn if char.isdigit()) == sorted(digits)


def test_each_resolution_has_a_letter_that_the_legend_explains() -> None:
    result = factories.ladder_result()
    found = [
        line.plain
        for line in hull_picture(result.probes, result.hull, resolutions=result.resolutions)
    ]
    assert {char for char in "".join(plot(found)) if char.isalpha()} == set("abcABC")
    assert found[-1].startswith("a 1280x720   b 960x540   c 640x360   capitals: on the hull")


def test_capitals_are_explained_only_where_there_are_some() -> None:
    only = [point(100, 50)]
    assert "capitals" not in lines(only, only, only)[-1]


def test_higher_scores_stand_higher_and_higher_bitrates_to_the_right() -> None:
    drawn = plot(lines([point(100, 50), point(1000, 90, SIZES[1])]))
    (cheap,) = [(row, line.index("b")) for row, line in enumerate(drawn) if "b" in line]
    (good,) = [(row, line.index("a")) for row, line in enumerate(drawn) if "a" in line]
    assert good[0] < cheap[0]
    assert good[1] > cheap[1]


def test_neighbouring_rungs_in_one_place_are_both_numbered() -> None:
    close = [point(1000, 90), point(1000.1, 90.001)]
    drawn = "".join(plot(lines([point(437, 71.3), *close], [], close)))
    assert "12" in drawn or "21" in drawn


def test_the_hull_is_drawn_as_a_line_of_dots() -> None:
    ends = [point(100, 50), point(10_000, 95)]
    assert any("\u2801" <= char <= "\u28ff" for char in "".join(lines(ends, ends)))
    assert not any("\u2801" <= char <= "\u28ff" for char in "".join(lines(ends)))


@pytest.mark.parametrize("kbps", [3.3, 1000, 6204.5, 123_456])
def test_one_point_makes_a_picture_with_readable_axes(kbps: float) -> None:
    found = lines([point(kbps, 91.27)])
    assert sum("┤" in line for line in found) >= 2
    axis = found[20].split()
    assert axis[-1] == "kb/s"
    assert len(axis) >= 3


def test_equal_bitrates_stand_above_each_other() -> None:
    drawn = plot(lines([point(1000, score) for score in (70, 75, 80)]))
    assert len({line.index("a") for line in drawn if "a" in line}) == 1
    assert sum("a" in line for line in drawn) == 3


@pytest.mark.parametrize("unusable", [math.nan, math.inf, 0.0, -1.0])
def test_points_without_a_usable_bitrate_are_left_out(unusable: float) -> None:
    bad = [point(unusable, 90)]
    assert lines(bad, bad, bad) == []
    assert "".join(plot(lines([*bad, point(100, 80)]))).count("a") == 1


def test_there_is_no_picture_where_there_is_no_room() -> None:
    assert lines([point(100, 80)], width=MIN_WIDTH - 1) == []
    assert max(map(len, lines([point(100, 80)], width=MIN_WIDTH))) <= MIN_WIDTH


def test_more_resolutions_than_letters_can_be_drawn() -> None:
    cloud = [point(100 + index, 50 + index, Resolution(16 + index, 16)) for index in range(30)]
    assert lines(cloud)


def test_every_character_has_a_stand_in_in_plain_ascii() -> None:
    result = factories.ladder_result()
    picture = "\n".join(lines(result.probes, result.hull, result.renditions[:1]))
    plain = in_encoding(picture, "ascii")
    assert plain.isascii()
    assert "?" not in plain
    assert len(plain) == len(picture)
