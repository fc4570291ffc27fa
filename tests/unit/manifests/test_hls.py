"""The HLS multivariant playlist, read back by the `m3u8` package."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import m3u8
import pytest

from tests.unit.manifests.ladders import ladder, variant
from vmafx_tune.choices import HlsScore
from vmafx_tune.errors import InvalidLadderError
from vmafx_tune.manifests.hls import multivariant_playlist
from vmafx_tune.manifests.variant import VideoRange


def read(text: str) -> Any:
    playlist = m3u8.loads(text)
    assert playlist.is_variant
    return playlist


def test_every_attribute_is_read_back_as_it_was_measured() -> None:
    playlist = read(multivariant_playlist([variant(video_range=VideoRange.PQ)]))
    assert (playlist.version, playlist.is_independent_segments) == (7, True)
    (only,) = playlist.playlists
    info = only.stream_info
    assert only.uri == "720p.m3u8"
    assert (info.bandwidth, info.average_bandwidth) == (3_002_891, 2_402_646)
    assert (info.codecs, info.resolution) == ("avc1.64001f", (1280, 720))
    assert (info.frame_rate, info.video_range) == (25, "PQ")


def test_the_first_variant_is_the_one_nearest_to_2000_kbps_and_the_rest_ascend() -> None:
    playlist = read(multivariant_playlist(ladder()))
    assert [one.uri for one in playlist.playlists] == ["720p.m3u8", "360p.m3u8", "1080p.m3u8"]


def test_another_bitrate_to_begin_with_puts_another_variant_first() -> None:
    playlist = read(multivariant_playlist(ladder(), first_kbps=500))
    assert [one.uri for one in playlist.playlists] == ["360p.m3u8", "720p.m3u8", "1080p.m3u8"]


def test_bandwidth_is_never_below_average_bandwidth() -> None:
    for one in read(multivariant_playlist(ladder())).playlists:
        assert one.stream_info.bandwidth >= one.stream_info.average_bandwidth


def test_the_score_is_the_same_for_all_variants_of_a_codec() -> None:
    assert multivariant_playlist(ladder()).count("SCORE=1.000,") == 3


def test_the_score_is_the_vmaf_of_each_variant_where_that_is_asked_for() -> None:
    text = multivariant_playlist(ladder(), score=HlsScore.VMAF)
    assert [f"SCORE={score}," in text for score in ("90.000", "70.250", "95.500")] == [True] * 3


def test_without_all_scores_of_vmaf_none_is_written() -> None:
    variants = [*ladder(), variant("other", vmaf=None)]
    assert "SCORE" not in multivariant_playlist(variants, score=HlsScore.VMAF)


def test_no_score_is_written_where_none_is_asked_for() -> None:
    assert "SCORE" not in multivariant_playlist(ladder(), score=HlsScore.NONE)


def test_the_video_range_is_left_out_where_all_is_sdr() -> None:
    assert "VIDEO-RANGE" not in multivariant_playlist(ladder())


def test_the_video_range_is_on_every_variant_where_one_is_hdr() -> None:
    text = multivariant_playlist([variant("sdr"), variant("hdr", video_range=VideoRange.HLG)])
    assert sorted(one.stream_info.video_range for one in read(text).playlists) == ["HLG", "SDR"]


def test_the_frame_rate_has_three_decimals() -> None:
    text = multivariant_playlist([variant(frame_rate=Fraction(24000, 1001))])
    assert ",FRAME-RATE=23.976\n" in text


def test_an_empty_ladder_is_refused() -> None:
    with pytest.raises(InvalidLadderError):
        multivariant_playlist([])
