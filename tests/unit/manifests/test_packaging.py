"""The files behind a manifest: the command that cuts them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from tests.unit.manifests.ladders import variant
from vmafx_tune.manifests.variant import packaging_command


def test_the_command_never_asks_for_segments_longer_than_their_keyframes_allow() -> None:
    length = Fraction(14400, 2398)
    command = packaging_command(Path("ffmpeg"), Path("a.mp4"), variant(segment_s=length))
    told = command[command.index("-hls_time") + 1]
    assert told == "6005004us"
    assert length - Fraction(1, 10**6) < Fraction(int(told.removesuffix("us")), 10**6) <= length


def test_a_file_name_that_looks_like_an_option_or_a_protocol_is_taken_as_a_file() -> None:
    command = packaging_command(Path("ffmpeg"), Path("http:x.mp4"), variant())
    assert command[command.index("-i") + 1] == "file:http:x.mp4"
