"""The files behind a manifest: how long segments are, and the command that cuts them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from tests.unit.manifests.ladders import variant
from vmafx_tune.manifests.packaging import packaging_command, segment_length


@pytest.mark.parametrize(
    ("frame_rate", "gop_frames", "expected"),
    [
        (Fraction(25), 50, Fraction(6)),
        (Fraction(24000, 1001), 48, Fraction(6006, 1000)),
        (Fraction(25), 48, Fraction(144, 25)),
        (Fraction(25), 250, Fraction(10)),
        (Fraction(25), 1, Fraction(6)),
    ],
)
def test_segments_are_whole_groups_of_pictures(
    frame_rate: Fraction, gop_frames: int, expected: Fraction
) -> None:
    assert segment_length(frame_rate, gop_frames) == expected


def test_the_command_never_asks_for_segments_longer_than_their_keyframes_allow() -> None:
    length = Fraction(14400, 2398)
    command = packaging_command(Path("ffmpeg"), Path("a.mp4"), variant(segment_s=length))
    told = command[command.index("-hls_time") + 1]
    assert told == "6005004us"
    assert length - Fraction(1, 10**6) < Fraction(int(told.removesuffix("us")), 10**6) <= length


def test_a_file_name_that_looks_like_an_option_or_a_protocol_is_taken_as_a_file() -> None:
    command = packaging_command(Path("ffmpeg"), Path("http:x.mp4"), variant())
    assert command[command.index("-i") + 1] == "file:http:x.mp4"
