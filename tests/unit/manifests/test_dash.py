"""The DASH manifest, read back by the `mpegdash` package and as plain XML."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpegdash.parser import MPEGDASHParser

from tests.unit.manifests.ladders import ladder, variant
from vmafx_tune.choices import HlsScore
from vmafx_tune.errors import InvalidLadderError
from vmafx_tune.manifests.dash import media_presentation
from vmafx_tune.manifests.hls import multivariant_playlist
from vmafx_tune.manifests.variant import Variant, VideoRange
from vmafx_tune.media.packets import segment_length

DASH = "{urn:mpeg:dash:schema:mpd:2011}"


def read(text: str) -> Any:
    return MPEGDASHParser.parse(text)


def representations(text: str) -> list[Any]:
    (period,) = read(text).periods
    return [one for found in period.adaptation_sets for one in found.representations]


def seconds(duration: str) -> float:
    match = re.fullmatch(r"PT(\d+\.\d+)S", duration)
    assert match is not None
    return float(match[1])


def test_every_attribute_is_read_back_as_it_was_measured() -> None:
    text = media_presentation([variant(frame_rate=Fraction(24000, 1001))])
    (one,) = representations(text)
    assert (one.id, one.mime_type, one.codecs) == ("720p", "video/mp4", "avc1.64001f")
    assert (one.width, one.height, one.frame_rate) == (1280, 720, "24000/1001")
    assert (one.bandwidth, one.quality_ranking) == (3_002_793, 1)


def test_the_adaptation_set_covers_its_representations() -> None:
    (period,) = read(media_presentation(ladder())).periods
    (only,) = period.adaptation_sets
    assert (only.content_type, only.max_width, only.max_height) == ("video", 1920, 1080)
    assert (only.max_frame_rate, only.segment_alignment, only.start_with_sap) == ("25", True, 1)
    assert [one.id for one in only.representations] == ["360p", "720p", "1080p"]


def test_each_codec_has_an_adaptation_set_of_its_own() -> None:
    text = media_presentation([*ladder(), variant("hevc", codecs="hvc1.1.6.L93.90")])
    (period,) = read(text).periods
    assert [len(one.representations) for one in period.adaptation_sets] == [3, 1]
    assert [one.id for one in period.adaptation_sets] == [0, 1]


def test_the_presentation_is_static_and_buffers_two_segments() -> None:
    mpd = read(media_presentation(ladder()))
    assert (mpd.type, mpd.profiles) == ("static", "urn:mpeg:dash:profile:isoff-live:2011")
    assert seconds(mpd.media_presentation_duration) == pytest.approx(15, abs=0.002)
    assert seconds(mpd.min_buffer_time) == 12


def test_quality_ranking_runs_against_the_scores_of_hls() -> None:
    ranks = {one.id: one.quality_ranking for one in representations(media_presentation(ladder()))}
    pairs = re.findall(
        r"SCORE=([\d.]+),.*\n(.*)\.m3u8", multivariant_playlist(ladder(), score=HlsScore.VMAF)
    )
    scores = {name: float(score) for score, name in pairs}
    assert sorted(ranks, key=lambda name: ranks[name]) == ["1080p", "720p", "360p"]
    assert sorted(scores, key=lambda name: -scores[name]) == ["1080p", "720p", "360p"]


def test_equal_scores_have_equal_ranks() -> None:
    text = media_presentation([variant("a"), variant("b"), variant("c", vmaf=1.0)])
    assert [one.quality_ranking for one in representations(text)] == [1, 1, 2]


def test_without_all_scores_none_is_ranked() -> None:
    text = media_presentation([*ladder(), variant("other", vmaf=None)])
    assert "qualityRanking" not in text


@pytest.mark.parametrize(
    ("video_range", "element", "value"),
    [(VideoRange.PQ, "EssentialProperty", "16"), (VideoRange.HLG, "SupplementalProperty", "18")],
)
def test_hdr_names_its_transfer_characteristics(
    video_range: VideoRange, element: str, value: str
) -> None:
    root = ET.fromstring(media_presentation([variant(video_range=video_range)]))
    (found,) = root.iter(f"{DASH}{element}")
    scheme = "urn:mpeg:mpegB:cicp:TransferCharacteristics"
    assert found.attrib == {"schemeIdUri": scheme, "value": value}


def test_sdr_has_no_property() -> None:
    assert "Property" not in media_presentation(ladder())


def test_segments_of_different_lengths_are_not_called_aligned() -> None:
    text = media_presentation([variant("a"), variant("b", segment_s=Fraction(4))])
    assert 'segmentAlignment="false"' in text


RATES = (*map(Fraction, (24, 25, 30, 50, 60)), Fraction(24000, 1001), Fraction(30000, 1001))


@given(
    rate=st.sampled_from([*RATES, Fraction(60000, 1001), Fraction(2398, 100)]),
    n_segments=st.integers(1, 3000),
    extra_frames=st.integers(0, 30),
)
def test_players_that_divide_floats_count_as_many_segments_as_there_are(
    rate: Fraction, n_segments: int, extra_frames: int
) -> None:
    length = segment_length(rate, gop_frames=round(2 * rate))
    duration = n_segments * length + extra_frames / rate
    one = variant(frame_rate=rate, segment_s=length, duration_s=float(duration))
    assert players_count(one) == n_segments + (extra_frames > 0)


def players_count(one: Variant) -> int:
    root = ET.fromstring(media_presentation([one]))
    (template,) = root.iter(f"{DASH}SegmentTemplate")
    total_s = seconds(root.attrib["mediaPresentationDuration"])
    timescale, duration = (int(template.attrib[name]) for name in ("timescale", "duration"))
    return math.ceil(total_s * timescale / duration)


def test_an_empty_ladder_is_refused() -> None:
    with pytest.raises(InvalidLadderError):
        media_presentation([])
