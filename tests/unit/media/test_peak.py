"""The peak bitrate of segments, on packets whose right answer is known by construction."""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmafx_tune.errors import MediaError
from vmafx_tune.media.packets import (
    PacketSummary,
    peak_bitrate_kbps,
    segment_length,
    split_segments,
)


def groups(*kilobits: float, gop_s: float = 2.0) -> PacketSummary:
    """Describe a clip of GOPs with that many kilobits each, one picture in half a second."""
    n_frames = round(2 * gop_s)
    sizes = [round(125 * bits / n_frames) for bits in kilobits for _ in range(n_frames)]
    keyframes = [i % n_frames == 0 for i in range(len(sizes))]
    return PacketSummary(tuple(sizes), (0.5,) * len(sizes), b"", tuple(keyframes))


def test_a_constant_bitrate_is_its_own_peak() -> None:
    assert peak_bitrate_kbps(groups(*[200] * 9)) == pytest.approx(100)


def test_the_peak_is_the_bitrate_of_the_largest_segment() -> None:
    packets = groups(200, 200, 200, 600, 600, 600, 200, 200, 200)
    assert peak_bitrate_kbps(packets) == pytest.approx(300)


def test_a_burst_within_a_segment_counts_by_its_segment() -> None:
    assert peak_bitrate_kbps(groups(200, 200, 200, 200, 1400, 200)) == pytest.approx(300)


def test_segments_begin_at_the_first_keyframe_after_each_multiple() -> None:
    segments = split_segments(groups(*[100] * 4, gop_s=5.0), 6.0)
    assert [segment.duration_s for segment in segments] == [10, 5, 5]


def test_a_short_last_segment_only_counts_together_with_the_one_before() -> None:
    packets = groups(200, 200, 200, 1000)
    assert [segment.duration_s for segment in split_segments(packets, 6.0)] == [6, 2]
    assert peak_bitrate_kbps(packets) == pytest.approx(1600 / 8)


def test_a_short_segment_between_long_ones_counts_together_with_one_of_them() -> None:
    # Segments of 6 s make sets of 3 to 9 s; alone, the one of 2 s would be at 600 kb/s.
    keyframes = [i in {0, 12, 16} for i in range(28)]
    sizes = [12_500] * 12 + [37_500] * 4 + [6_250] * 12
    packets = PacketSummary(tuple(sizes), (0.5,) * 28, b"", tuple(keyframes))
    assert peak_bitrate_kbps(packets, 2.0) == pytest.approx(8 * 300 / 8)


def test_the_peak_of_a_clip_shorter_than_a_segment_is_its_average() -> None:
    assert peak_bitrate_kbps(groups(100, 300)) == pytest.approx(100)


def test_the_peak_of_a_clip_of_one_picture_is_its_average() -> None:
    assert peak_bitrate_kbps(PacketSummary((1000,), (0.04,), b"", (True,))) == pytest.approx(200)


def test_a_first_packet_that_is_no_keyframe_begins_a_segment_all_the_same() -> None:
    packets = PacketSummary((100, 100), (1.0, 1.0), b"", (False, False))
    assert len(split_segments(packets, 6.0)) == 1


def test_packets_without_durations_are_refused() -> None:
    with pytest.raises(MediaError, match="have no durations"):
        peak_bitrate_kbps(PacketSummary((100,), (0.0,), b"", (True,)))


@given(st.lists(st.tuples(st.integers(1, 10**6), st.booleans()), min_size=1, max_size=60))
def test_segments_hold_every_byte_once_and_the_peak_is_not_below_the_average(
    drawn: list[tuple[int, bool]],
) -> None:
    sizes, keyframes = zip(*drawn, strict=True)
    packets = PacketSummary(sizes, (0.5,) * len(drawn), b"", keyframes)
    segments = split_segments(packets, 3.0)
    assert sum(segment.size_bytes for segment in segments) == packets.size_bytes
    average = 8 * packets.size_bytes / (500 * len(drawn))
    assert peak_bitrate_kbps(packets, 3.0) >= average * (1 - 1e-12)


def test_rounded_durations_do_not_make_a_segment_wait_for_the_next_keyframe() -> None:
    durations = (1001 / 24000,) * 480
    keyframes = tuple(i % 48 == 0 for i in range(480))
    packets = PacketSummary((100,) * 480, durations, b"", keyframes)
    ends = accumulate(segment.duration_s for segment in split_segments(packets, 6.006))
    assert list(ends) == pytest.approx([6.006, 12.012, 18.018, 20.02])


def test_a_film_of_three_hours_is_cut_at_every_third_group_to_its_end() -> None:
    frame_rate, gop_frames = Fraction(24000, 1001), 48
    length = segment_length(frame_rate, gop_frames)
    n_frames = round(3 * 3600 * frame_rate)
    keyframes = tuple(i % gop_frames == 0 for i in range(n_frames))
    durations = (float(1 / frame_rate),) * n_frames
    # One byte a picture, so that sizes count pictures.
    segments = split_segments(PacketSummary((1,) * n_frames, durations, b"", keyframes), length)
    frames = [segment.size_bytes for segment in segments]
    whole, rest = divmod(n_frames, 3 * gop_frames)
    assert whole == 1798
    assert frames == [3 * gop_frames] * whole + [rest]


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
