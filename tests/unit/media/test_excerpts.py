"""Telling ffmpeg of an excerpt."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from tests.unit.scoring.builders import a_request, a_source, completed
from vmafx_tune.encoders.argv import encode_arguments
from vmafx_tune.encoders.registry import encoder_row
from vmafx_tune.errors import FrameCountMismatchError, UnreadableSourceError
from vmafx_tune.media.inputs import input_options, source_filters
from vmafx_tune.model import EncodeSpec, Excerpt, RawFormat, Resolution, Source
from vmafx_tune.scoring.alignment import is_ready, plan_scoring
from vmafx_tune.scoring.ffmpeg_backend import _count_frames
from vmafx_tune.scoring.ffmpeg_filter import is_one_clip, score_arguments, written_frames

CLOSING = """\
[out#0/null @ 0x55e4]   Output stream #0:0 (video): {pairs} frames encoded; 9 packets muxed;
[in#0/mov @ 0x5561]   Input stream #0:0 (video): 10 packets read (99 bytes); 10 frames decoded;
[in#1/mov @ 0x5562]   Input stream #1:0 (video): 60 packets read (99 bytes); 36 frames decoded;
"""


def part(first: int, n_frames: int, *, lead: int = 0, rate: Fraction = Fraction(25)) -> Source:
    excerpt = Excerpt(first, n_frames, first / rate, lead)
    return a_source(frame_rate=rate, n_frames=n_frames, excerpt=excerpt)


def test_a_whole_source_takes_no_option_and_no_filter() -> None:
    assert (input_options(a_source()), source_filters(a_source())) == ({}, "")


def test_a_place_is_sought_half_a_frame_early() -> None:
    source = part(50, 10)

    assert input_options(source) == {"ss": "1.980000"}
    assert source_filters(source).startswith("trim=end_frame=10,")


def test_frames_between_the_place_and_the_excerpt_are_dropped() -> None:
    source = part(57, 10, lead=7)

    assert input_options(source) == {"ss": "1.980000"}
    assert source_filters(source).startswith("trim=start_frame=7:end_frame=17,")


def test_without_a_nearer_place_the_file_is_decoded_from_its_beginning() -> None:
    source = part(57, 10, lead=57)

    assert input_options(source) == {}
    assert source_filters(source).startswith("trim=start_frame=57:end_frame=67,")


def test_times_are_those_of_the_frame_rate() -> None:
    assert input_options(part(300, 10, rate=Fraction(30000, 1001))) == {"ss": "9.993317"}


def test_an_excerpt_is_cut_before_it_is_scaled() -> None:
    spec = EncodeSpec(part(57, 10, lead=7), "libx264", 23, size=Resolution(640, 360))

    arguments = encode_arguments(spec, encoder_row("libx264"), "out.mp4")

    assert arguments[arguments.index("-ss") + 1] == "1.980000"
    assert arguments.index("-ss") < arguments.index("-i")
    assert arguments[arguments.index("-vf") + 1] == (
        "trim=start_frame=7:end_frame=17,setpts=expr=PTS-STARTPTS,scale=640:360:flags=lanczos"
    )


def test_a_scored_excerpt_is_cut_like_an_encoded_one_and_ends_with_the_shorter_clip() -> None:
    request = a_request(reference=part(57, 10, lead=7))

    arguments = score_arguments(request, plan_scoring(request), threads=1)

    graph = arguments[arguments.index("-filter_complex") + 1]
    assert "trim=start_frame=7:end_frame=17" in graph
    assert "shortest=1" in graph
    assert arguments[arguments.index("-ss") + 1] == "1.980000"


def test_two_parts_of_a_file_are_two_clips() -> None:
    assert is_one_clip(a_request(reference=part(0, 10), distorted=part(0, 10)))
    assert not is_one_clip(a_request(reference=part(0, 10), distorted=part(10, 10)))


def test_pairs_are_counted_where_decoded_frames_tell_nothing() -> None:
    request = a_request(reference=part(50, 10), distorted=a_source("encode.mp4", n_frames=10))

    assert written_frames(CLOSING.format(pairs=10)) == 10
    assert written_frames("nothing") is None
    assert _count_frames(completed(stderr=CLOSING.format(pairs=10)), request) == 10


def test_pairs_that_are_missing_are_an_error() -> None:
    request = a_request(reference=part(50, 10), distorted=a_source("encode.mp4", n_frames=10))

    with pytest.raises(UnreadableSourceError, match="only 9 could be compared"):
        _count_frames(completed(stderr=CLOSING.format(pairs=9)), request)


def test_an_excerpt_and_a_clip_of_another_length_are_an_error() -> None:
    request = a_request(reference=part(50, 10), distorted=a_source("encode.mp4", n_frames=11))

    with pytest.raises(FrameCountMismatchError):
        _count_frames(completed(stderr=CLOSING.format(pairs=10)), request)


def test_a_part_of_a_headerless_file_is_copied_before_the_vmaf_program_reads_it() -> None:
    raw = RawFormat(Resolution(1280, 720), "yuv420p", Fraction(25))
    whole = a_source("clip.yuv", raw=raw, codec="rawvideo")
    plan = plan_scoring(a_request(reference=whole, distorted=whole))

    assert is_ready(whole, plan)
    assert not is_ready(replace(whole, excerpt=Excerpt(1, 2, Fraction(1, 25))), plan)
