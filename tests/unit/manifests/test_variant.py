"""Renditions as manifests describe them: what is refused, and what delivery adds to a bitrate."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import m3u8
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpegdash.parser import MPEGDASHParser

from tests.unit.manifests.ladders import ladder, variant
from tests.unit.reports.ladder_factories import (
    bare_ladder_result,
    failed_ladder_result,
    ladder_result,
)
from vmafx_tune.choices import HlsScore
from vmafx_tune.errors import InvalidLadderError
from vmafx_tune.manifests.dash import media_presentation
from vmafx_tune.manifests.hls import multivariant_playlist
from vmafx_tune.manifests.variant import VideoRange, ascending, ladder_variants, variant_name
from vmafx_tune.results.ladder import LadderResult, LadderRung, LadderSource


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


NTSC = Fraction(24000, 1001)


def with_title(**changes: Any) -> LadderResult:
    result = ladder_result()
    return replace(result, source=replace(result.source, **changes))


def with_first_point(**changes: Any) -> LadderResult:
    result = ladder_result()
    first, *others = result.renditions
    return replace(result, renditions=(replace(first, **changes), *others))


def playlists(result: LadderResult) -> list[Any]:
    text = multivariant_playlist(ladder_variants(result))
    return list(m3u8.loads(text).playlists)


def representations(result: LadderResult) -> list[Any]:
    (period,) = MPEGDASHParser.parse(media_presentation(ladder_variants(result))).periods
    (only,) = period.adaptation_sets
    return list(only.representations)


def rungs_by_name(result: LadderResult) -> dict[str, LadderRung]:
    return {str(rung.name): rung for rung in result.renditions}


def test_each_rung_becomes_a_variant_with_its_measured_values() -> None:
    result = with_title(frame_rate=NTSC)
    variants = ladder_variants(result)
    assert [variant.name for variant in variants] == [rung.name for rung in result.renditions]
    for one, point in zip(variants, result.renditions, strict=True):
        assert (one.width, one.height) == (point.resolution.width, point.resolution.height)
        assert (one.average_kbps, one.peak_kbps) == (
            point.bitrate_kbps,
            point.peak_bitrate_kbps,
        )
        assert (one.codecs, one.vmaf) == (point.codecs, point.vmaf)
        assert (one.frame_rate, one.segment_s) == (NTSC, Fraction(6))
        assert one.duration_s == pytest.approx(1500 * 1001 / 24000)


def test_hls_declares_the_peak_as_bandwidth_and_the_average_as_average() -> None:
    result = ladder_result()
    rungs = rungs_by_name(result)
    for one in playlists(result):
        point = rungs[one.uri.removesuffix(".m3u8")]
        info = one.stream_info
        # The fragments' own boxes come on top.
        assert point.peak_bitrate_kbps is not None
        assert 0 < info.bandwidth - 1000 * point.peak_bitrate_kbps < 3000
        assert 0 < info.average_bandwidth - 1000 * point.bitrate_kbps < 3000


def test_hls_declares_codecs_resolution_and_frame_rate_of_each_rung() -> None:
    result = ladder_result()
    rungs = rungs_by_name(result)
    found = playlists(result)
    assert len(found) == len(rungs)
    for one in found:
        point = rungs[one.uri.removesuffix(".m3u8")]
        assert one.stream_info.codecs == point.codecs
        assert one.stream_info.resolution == (point.resolution.width, point.resolution.height)
        assert one.stream_info.frame_rate == 25


def test_hls_writes_a_frame_rate_with_three_decimals() -> None:
    text = multivariant_playlist(ladder_variants(with_title(frame_rate=NTSC)))
    assert text.count("FRAME-RATE=23.976\n") == text.count("#EXT-X-STREAM-INF") == 4


def test_hls_scores_every_variant_with_its_vmaf() -> None:
    result = ladder_result()
    text = multivariant_playlist(ladder_variants(result), score=HlsScore.VMAF)
    scores = {name: float(score) for score, name in re.findall(r"SCORE=(.*?),.*\n(.*).m3u8", text)}
    assert scores == {rung.name: rung.vmaf for rung in result.renditions}


def test_hls_says_that_segments_can_be_decoded_alone() -> None:
    playlist = m3u8.loads(multivariant_playlist(ladder_variants(ladder_result())))
    assert playlist.is_variant
    assert playlist.is_independent_segments


def test_hls_begins_with_the_variant_nearest_to_2000_kbps_and_then_ascends() -> None:
    first, *others = (one.stream_info.average_bandwidth for one in playlists(ladder_result()))
    assert first == pytest.approx(2_466_100, rel=0.01)
    assert others == sorted(others)


@pytest.mark.parametrize(("transfer", "expected"), [("smpte2084", "PQ"), ("arib-std-b67", "HLG")])
def test_hls_tells_the_video_range_of_every_variant_of_an_hdr_source(
    transfer: str, expected: str
) -> None:
    found = playlists(with_title(color_transfer=transfer))
    assert [one.stream_info.video_range for one in found] == [expected] * 4


@pytest.mark.parametrize("transfer", ["bt709", None])
def test_hls_leaves_the_video_range_of_an_sdr_source_out(transfer: str | None) -> None:
    text = multivariant_playlist(ladder_variants(with_title(color_transfer=transfer)))
    assert "VIDEO-RANGE" not in text


def test_dash_declares_the_same_measured_values() -> None:
    result = with_title(frame_rate=NTSC)
    found = representations(result)
    for one, rung in zip(found, result.renditions, strict=True):
        point = rung
        assert (one.id, one.codecs) == (rung.name, point.codecs)
        assert (one.width, one.height) == (point.resolution.width, point.resolution.height)
        assert one.frame_rate == "24000/1001"
        assert point.peak_bitrate_kbps is not None
        assert 0 < one.bandwidth - 1000 * point.peak_bitrate_kbps < 3000
    assert not any(re.search(r"\s", one.id) for one in found)


def test_dash_ranks_against_the_scores() -> None:
    result = ladder_result()
    ranks = [one.quality_ranking for one in representations(result)]
    assert ranks == [4, 3, 2, 1]
    assert all(low.vmaf < high.vmaf for low, high in pairwise(result.renditions))


def test_dash_marks_an_hdr_source() -> None:
    text = media_presentation(ladder_variants(with_title(color_transfer="smpte2084")))
    assert "EssentialProperty" in text


def test_segments_last_what_the_peaks_were_measured_over() -> None:
    result = replace(ladder_result(), segment_duration=Fraction(3003, 500))
    assert {variant.segment_s for variant in ladder_variants(result)} == {Fraction(3003, 500)}
    templates = [one.segment_templates[0] for one in representations(result)]
    assert {(one.timescale, one.duration) for one in templates} == {(500, 3003)}


def test_a_name_with_other_characters_becomes_one_that_urls_leave_alone() -> None:
    result = ladder_result("clips/My clip (1).mp4")
    assert ladder_variants(result)[0].name == "My-clip-1-.640x360.libx264.crf31"


def test_rungs_of_one_name_are_refused() -> None:
    result = ladder_result()
    rungs = tuple(replace(rung, name="same") for rung in result.renditions)
    with pytest.raises(InvalidLadderError, match="More than one rendition is named 'same'"):
        ladder_variants(replace(result, renditions=rungs))


def test_a_ladder_without_rungs_is_refused() -> None:
    with pytest.raises(InvalidLadderError, match="has no rungs, so there is nothing to write"):
        ladder_variants(failed_ladder_result())


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"source": LadderSource()}, "frame rate"),
        ({"source": LadderSource(frame_rate=NTSC)}, "duration"),
        ({"segment_duration": None}, "segment duration"),
    ],
)
def test_a_ladder_that_does_not_tell_its_timing_is_refused(
    changes: dict[str, Any], missing: str
) -> None:
    with pytest.raises(InvalidLadderError, match=f"has no {missing}, which a manifest"):
        ladder_variants(replace(ladder_result(), **changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"codecs": "", "peak_bitrate_kbps": None},
            "has no codec string and no peak bitrate, which a manifest needs",
        ),
        ({"codecs": ""}, "has no codec string, which a manifest needs: the output of libx264"),
        ({"peak_bitrate_kbps": None}, "has no peak bitrate, which a manifest needs"),
    ],
)
def test_a_rung_without_what_its_encode_tells_is_refused_by_name(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidLadderError, match=message) as caught:
        ladder_variants(with_first_point(**changes))
    assert "'seeking.640x360.libx264.crf31'" in str(caught.value)


def test_a_saved_ladder_of_another_tool_is_refused() -> None:
    with pytest.raises(InvalidLadderError, match="Measure the source with `vmafx-tune ladder`"):
        ladder_variants(bare_ladder_result())
