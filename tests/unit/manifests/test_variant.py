"""Renditions as manifests describe them: what is refused, and what delivery adds to a bitrate."""

from __future__ import annotations

import math
import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.manifests.ladders import ladder, variant
from vmafx_tune.errors import InvalidLadderError
from vmafx_tune.manifests.variant import VideoRange, ascending, variant_name


@pytest.mark.parametrize("name", ["", "a b", 'a"b', "a\nb", "a/b", "../a", "-v", ".a", "é", "a&b"])
def test_a_name_that_a_uri_or_a_file_system_could_misread_is_refused(name: str) -> None:
    with pytest.raises(InvalidLadderError, match=r"is not a valid rendition name"):
        variant(name)


@given(st.text())
def test_any_text_becomes_a_name_that_is_accepted(text: str) -> None:
    assert variant(variant_name(text)).name == variant_name(text)


def test_a_name_keeps_what_it_can_of_a_file_name() -> None:
    assert variant_name("My clip (1).1280x720.libx264.crf23") == "My-clip-1-.1280x720.libx264.crf23"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 0}, "'720p' has 0 as its width, but a manifest needs a positive number."),
        ({"height": -2}, "'720p' has -2 as its height"),
        ({"average_kbps": math.nan}, "has nan as its average_kbps"),
        ({"peak_kbps": math.inf}, "has inf as its peak_kbps"),
        ({"duration_s": 0.0}, "has 0.0 as its duration_s"),
        ({"frame_rate": Fraction(0)}, "has 0 as its frame_rate"),
        ({"segment_s": Fraction(-1)}, "has -1 as its segment_s"),
        ({"vmaf": math.nan}, "has nan as its vmaf"),
        ({"codecs": ""}, "has '' as its codec string, but a manifest needs one such as"),
        ({"codecs": 'avc1"'}, "as its codec string"),
    ],
)
def test_a_value_that_no_rendition_can_have_is_refused(
    changes: dict[str, object], message: str
) -> None:
    with pytest.raises(InvalidLadderError, match=re.escape(message)):
        variant(**changes)


def test_bitrates_are_in_whole_bits_and_hold_the_overhead_of_fragments() -> None:
    one = variant()
    assert one.average_bps == 2_400_000 + 8 * 12 * 25 + math.ceil(8 * 184 / 6)
    assert one.peak_bps == 3_000_000 + 8 * 12 * 25 + math.ceil(8 * 184 / 3)


def test_the_one_segment_of_a_short_clip_has_its_overhead_in_the_clips_own_time() -> None:
    short = variant(duration_s=0.5)
    assert short.average_bps == 2_400_000 + 8 * 12 * 25 + 8 * 184 * 2


def test_the_peak_is_never_below_the_average() -> None:
    one = variant(average_kbps=1000.0, peak_kbps=999.0)
    assert one.peak_bps >= one.average_bps


def test_renditions_are_sorted_by_bitrate_whatever_their_order() -> None:
    names = ["360p", "720p", "1080p"]
    assert [one.name for one in ascending(ladder())] == names
    assert [one.name for one in ascending(reversed(ladder()))] == names


def test_a_ladder_without_renditions_is_refused() -> None:
    with pytest.raises(InvalidLadderError, match="at least one rendition"):
        ascending([])


def test_two_renditions_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidLadderError, match="More than one rendition is named '720p'"):
        ascending([variant(), variant(average_kbps=2.0)])


def test_renditions_of_different_titles_are_refused() -> None:
    with pytest.raises(InvalidLadderError, match=r"'b' lasts 9 s and 'a' 15 s"):
        ascending([variant("a"), variant("b", duration_s=9.0)])


@pytest.mark.parametrize(
    ("transfer", "expected"),
    [("smpte2084", "PQ"), ("arib-std-b67", "HLG"), ("bt709", "SDR"), (None, "SDR")],
)
def test_the_video_range_follows_from_the_transfer_function(
    transfer: str | None, expected: str
) -> None:
    assert VideoRange.of_transfer(transfer) == expected
