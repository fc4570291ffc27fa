"""What a package is made of."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from tests.unit.reports.ladder_factories import bare_ladder_result, ladder_result
from vmafx_tune.errors import InvalidLadderError, UsageError
from vmafx_tune.media.streams import Stream
from vmafx_tune.model import CapFactors, Caps
from vmafx_tune.package.plan import (
    Rendition,
    audio_forms,
    check_ladders,
    check_segment,
    delivery_notes,
    plan_renditions,
    plan_tracks,
)

VIDEO = Stream(0, "video", "h264")
ENGLISH = Stream(1, "audio", "aac", tags={"language": "eng"}, channels=2)
GERMAN = Stream(2, "audio", "ac3", tags={"language": "deu"}, channels=6, dispositions=("default",))
TEXT = Stream(3, "subtitle", "subrip", tags={"language": "eng"})


def test_each_rung_is_a_rendition_by_ascending_bitrate() -> None:
    ladder = ladder_result()
    renditions = plan_renditions([ladder])
    assert [each.rung.bitrate_kbps for each in renditions] == sorted(
        rung.bitrate_kbps for rung in ladder.renditions
    )
    assert all(each.caps is None and each.command[0].endswith("ffmpeg") for each in renditions)


def test_names_of_renditions_differ_where_ladders_share_one() -> None:
    names = [each.name for each in plan_renditions([ladder_result(), ladder_result()])]
    assert len(set(names)) == len(names)


def test_caps_are_multiples_of_the_rungs_bitrate_and_added_to_its_command() -> None:
    rendition = plan_renditions([ladder_result()], CapFactors(1.5, 3.0))[0]
    kbps = rendition.rung.bitrate_kbps
    assert rendition.caps == Caps(1.5 * kbps, 3 * kbps)
    assert rendition.added == Caps(1.5 * kbps, 3 * kbps).arguments


def test_a_cap_tells_what_its_buffer_lacks() -> None:
    # 1000 kb to begin with, 100 kb with each frame.
    caps = Caps(2500, 1000)
    assert caps.lack_bits([12_500] * 50, [0.04] * 50) == 0
    assert caps.lack_bits([125_000, 12_500, 25_000], [0.04] * 3) == 100_000
    assert caps.lack_bits([0, 0, 150_000], [0.04] * 3) == 200_000


def test_caps_that_the_ladder_was_measured_with_are_kept() -> None:
    ladder = ladder_result()
    rungs = tuple(replace(r, maxrate_kbps=900.0, bufsize_kbits=1800.0) for r in ladder.renditions)
    rendition = plan_renditions([replace(ladder, renditions=rungs)])[0]
    assert rendition.caps == Caps(900.0, 1800.0)
    assert rendition.added == ()


def test_a_ladder_without_commands_is_refused() -> None:
    with pytest.raises(InvalidLadderError, match="has no encode command"):
        plan_renditions([bare_ladder_result()])


@pytest.mark.parametrize("command", ["rm -rf /", "ffmpeg -i a.mp4 -i b.mp4 c.mp4", "x -i y /z.mp4"])
def test_a_command_that_does_not_encode_one_source_to_one_file_is_refused(command: str) -> None:
    ladder = ladder_result()
    rungs = tuple(replace(rung, encode_command=command) for rung in ladder.renditions)
    with pytest.raises(InvalidLadderError, match="is not one that ffmpeg makes one file"):
        plan_renditions([replace(ladder, renditions=rungs)])


def test_ladders_of_two_sources_cannot_share_manifests() -> None:
    ladder = ladder_result()
    longer = replace(ladder, source=replace(ladder.source, n_frames=7), encoder="libx265")
    with pytest.raises(InvalidLadderError, match="the number of frames is 1500 in one and 7"):
        check_ladders([ladder, longer])
    with pytest.raises(InvalidLadderError, match="Two ladders of libx264 cannot share manifests"):
        check_ladders([ladder, replace(longer, encoder=ladder.encoder)])


def test_a_ladder_without_rungs_is_refused() -> None:
    with pytest.raises(InvalidLadderError, match="has no rungs"):
        check_ladders([replace(ladder_result(), renditions=())])


@pytest.mark.parametrize("segment_s", [1.9, 0.0, float("nan")])
def test_a_segment_shorter_than_a_gop_is_refused(segment_s: float) -> None:
    with pytest.raises(UsageError, match="--segment"):
        check_segment(segment_s, 48, Fraction(24))


def test_a_segment_of_2_s_holds_a_gop_of_60_frames_at_29_97() -> None:
    check_segment(2.0, 60, Fraction(30000, 1001))


@pytest.mark.parametrize(
    "text", ["mp3", "copy,aac:64", "none,none", "aac:64,aac:64", "", "aac:0", "aac:128,"]
)
def test_audio_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--audio"):
        audio_forms(text)


def test_a_bitrate_that_opus_does_not_take_is_refused() -> None:
    with pytest.raises(UsageError, match=r"--audio opus:513 .* at most 512 kb/s"):
        plan_tracks((VIDEO, ENGLISH), 0, audio=audio_forms("aac:64,opus:513"), subtitles=True)


def test_each_language_comes_in_each_form_and_one_is_the_default() -> None:
    tracks = plan_tracks(
        (VIDEO, ENGLISH, GERMAN, TEXT), 0, audio=audio_forms("aac:128,aac:64"), subtitles=True
    )
    assert [(each.name, each.group, each.is_default) for each in tracks.audio] == [
        ("eng-aac-128", "aac-128", False),
        ("deu-aac-128", "aac-128", True),
        ("eng-aac-64", "aac-64", False),
        ("deu-aac-64", "aac-64", True),
    ]
    assert [each.name for each in tracks.text] == ["eng"]
    assert tracks.dropped == ()


def test_tracks_of_one_language_have_names_of_their_own() -> None:
    twice = (VIDEO, ENGLISH, replace(ENGLISH, index=2))
    tracks = plan_tracks(twice, 0, audio=audio_forms("aac:128"), subtitles=True)
    assert [each.name for each in tracks.audio] == ["eng-aac-128", "eng-2-aac-128"]


@pytest.mark.parametrize(
    ("stream", "audio", "reason"),
    [
        (replace(ENGLISH, codec=""), "aac:128", "ffmpeg does not know its codec."),
        (replace(ENGLISH, codec="dts"), "copy", "do not play dts"),
        (ENGLISH, "none", "--audio none leaves it out."),
        (replace(TEXT, codec="hdmv_pgs_subtitle"), "aac:128", "It is made of pictures"),
        (Stream(1, "video", "h264"), "aac:128", "A package has one video"),
        (Stream(1, "video", "mjpeg", dispositions=("attached_pic",)), "aac:128", "cover pictures"),
        (Stream(1, "attachment", "ttf"), "aac:128", "HLS and DASH have no attachment streams."),
    ],
)
def test_a_stream_that_is_left_out_has_its_reason(stream: Stream, audio: str, reason: str) -> None:
    tracks = plan_tracks((VIDEO, stream), 0, audio=audio_forms(audio), subtitles=True)
    (dropped,) = tracks.dropped
    assert (dropped.type, dropped.codec) == (stream.kind, stream.codec)
    assert reason in dropped.reason


def test_subtitles_are_left_out_where_that_is_asked_for() -> None:
    tracks = plan_tracks((VIDEO, TEXT), 0, audio=audio_forms("none"), subtitles=False)
    assert tracks.text == ()
    assert [each.reason for each in tracks.dropped] == ["--no-subtitles leaves it out."]


def test_a_score_that_is_not_the_ladders_is_noted() -> None:
    free, capped = plan_renditions([ladder_result()])[0], _capped()
    assert delivery_notes({free: free.rung.vmaf - 0.4, capped: None}, "7.1", "7.1") == ()
    (note,) = delivery_notes({capped: capped.rung.vmaf - 2}, "", "7.1")
    assert "scores VMAF 69.04, and 71.04 in the ladder: its cap costs that." in note


def _capped() -> Rendition:
    return plan_renditions([ladder_result()], CapFactors(1.0, 1.0))[0]


def test_another_ffmpeg_is_noted() -> None:
    (note,) = delivery_notes({}, "7.1", "8.0")
    assert "measured with ffmpeg 7.1, and the package is encoded with 8.0" in note
