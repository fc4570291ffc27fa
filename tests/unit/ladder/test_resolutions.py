from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from vmafx_tune.errors import InvalidLadderError
from vmafx_tune.ladder.resolutions import check_resolutions, default_resolutions
from vmafx_tune.model import PixelFormat, Resolution, Source


def source(width: int, height: int, *, sar: Fraction = Fraction(1)) -> Source:
    return Source(
        path=Path("clip.mp4"),
        resolution=Resolution(width, height),
        frame_rate=Fraction(25),
        n_frames=50,
        pixel_format=PixelFormat("yuv420p", 8, "420"),
        codec="h264",
        sample_aspect_ratio=sar,
    )


def sizes(width: int, height: int) -> str:
    return " ".join(str(size) for size in default_resolutions(source(width, height)))


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (1280, 720, "1280x720 960x540 768x432 640x360 480x270 416x234"),
        (1920, 800, "1920x800 1728x720 1296x540 1036x432 864x360 648x270 562x234"),
        (720, 1280, "720x1280 540x960 432x768 360x640 270x480 234x416"),
        (540, 540, "540x540 432x432 360x360 270x270 234x234"),
        (320, 200, "320x200"),
        (161, 91, "160x90"),
        (961, 541, "960x540 768x432 640x360 480x270 416x234"),
    ],
)
def test_the_usual_lines_below_the_source_come_after_its_own_size(
    width: int, height: int, expected: str
) -> None:
    assert sizes(width, height) == expected


def test_a_4k_source_has_the_whole_list() -> None:
    heights = [size.height for size in default_resolutions(source(3840, 2160))]
    assert heights == [2160, 1440, 1080, 720, 540, 432, 360, 270, 234]


def test_an_anamorphic_source_keeps_the_shape_of_its_samples() -> None:
    wide = source(720, 576, sar=Fraction(64, 45))
    assert str(default_resolutions(wide)[1]) == "676x540"


def test_the_usual_resolutions_pass_the_check_without_a_note() -> None:
    clip = source(1920, 1080)
    assert check_resolutions(default_resolutions(clip), clip) == ()


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ([], "at least one resolution"),
        ([(640, 360), (320, 180), (640, 360)], "640x360 is given more than once"),
        ([(641, 360)], "641x360 has an odd side.*Use 642x360"),
        ([(640, 361)], "640x361 has an odd side"),
        ([(0, 360)], "0x360 is not a valid resolution"),
        ([(640, -2)], "640x-2 is not a valid resolution"),
        ([(1920, 1080)], "1920x1080 would upscale the source, which is 1280x720"),
        ([(640, 722)], "640x722 would upscale"),
    ],
)
def test_resolutions_that_make_no_ladder_are_refused(
    named: list[tuple[int, int]], message: str
) -> None:
    with pytest.raises(InvalidLadderError, match=message):
        check_resolutions([Resolution(*size) for size in named], source(1280, 720))


def test_another_aspect_ratio_is_noted() -> None:
    notes = check_resolutions([Resolution(640, 360), Resolution(640, 480)], source(1280, 720))
    assert len(notes) == 1
    assert "640x480 has another aspect ratio (1.333) than the source's 1280x720 (1.778)" in notes[0]


def test_rounding_to_even_sides_is_no_other_aspect_ratio() -> None:
    assert check_resolutions([Resolution(426, 240)], source(1280, 720)) == ()


def test_square_samples_of_an_anamorphic_source_need_no_note() -> None:
    wide = source(720, 576, sar=Fraction(64, 45))
    assert check_resolutions([Resolution(640, 360)], wide) == ()
    assert (
        len(
            check_resolutions(
                [Resolution(640, 360)], replace(wide, sample_aspect_ratio=Fraction(1))
            )
        )
        == 1
    )
