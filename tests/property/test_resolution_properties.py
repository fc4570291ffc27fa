from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from vmafx_tune.ladder.resolutions import DEFAULT_LINES, check_resolutions, default_resolutions
from vmafx_tune.model import PixelFormat, Resolution, Source

sides = st.integers(2, 8192)


def source(width: int, height: int) -> Source:
    return Source(
        path=Path("clip.mp4"),
        resolution=Resolution(width, height),
        frame_rate=Fraction(25),
        n_frames=50,
        pixel_format=PixelFormat("yuv420p", 8, "420"),
        codec="h264",
    )


@given(sides, sides)
def test_default_resolutions_are_even_distinct_and_no_larger_than_the_source(
    width: int, height: int
) -> None:
    found = default_resolutions(source(width, height))
    assert len(set(found)) == len(found)
    for size in found:
        assert size.width % 2 == size.height % 2 == 0
        assert 2 <= size.width <= width
        assert 2 <= size.height <= height


@given(sides, sides)
def test_default_resolutions_fall_from_the_sources_own_size(width: int, height: int) -> None:
    found = default_resolutions(source(width, height))
    assert found[0] == Resolution(width - width % 2, height - height % 2)
    assert [size.pixels for size in found] == sorted((s.pixels for s in found), reverse=True)


@given(sides, sides)
def test_turning_the_source_turns_its_default_resolutions(width: int, height: int) -> None:
    turned = default_resolutions(source(height, width))
    expected = [
        Resolution(size.height, size.width) for size in default_resolutions(source(width, height))
    ]
    assert list(turned) == expected


@given(sides, sides)
def test_default_resolutions_pass_the_check_of_a_users_own(width: int, height: int) -> None:
    clip = source(width, height)
    check_resolutions(default_resolutions(clip), clip)


@given(st.integers(234, 4320), st.fractions(1, Fraction(5, 2), max_denominator=50))
def test_a_source_of_at_most_a_usual_aspect_ratio_keeps_it(height: int, aspect: Fraction) -> None:
    clip = source(round(height * aspect), height)
    found = default_resolutions(clip)
    assert check_resolutions(found, clip) == ()
    assert {min(size.width, size.height) for size in found[1:]} <= set(DEFAULT_LINES)
