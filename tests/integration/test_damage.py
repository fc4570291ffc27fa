"""Clips that do not decode cleanly: refused at the first place, or used and labelled on request."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import run_cli
from vmafx_tune import (
    EncodingOptions,
    ScoringOptions,
    SourceOptions,
    ToolOptions,
    compare,
    ladder,
    score,
    search,
)
from vmafx_tune.cancel import CancelToken
from vmafx_tune.errors import UnreadableSourceError
from vmafx_tune.media.damage import examine
from vmafx_tune.media.probe import probe_source
from vmafx_tune.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.clips import ClipFactory

NO_CACHE = ToolOptions(cache=False)
FAST = EncodingOptions(preset="ultrafast")
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-qp", "8")
MPEG2 = ("-c:v", "mpeg2video", "-q:v", "2", "-bf", "2")
CODECS = {
    "h264.mp4": X264,
    "h264.mkv": X264,
    "h264.ts": X264,
    "h264.avi": X264,
    "ffv1.mkv": ("-c:v", "ffv1"),
    "mjpeg.mov": ("-c:v", "mjpeg", "-q:v", "2"),
    "mpeg2.mxf": MPEG2,
    "prores.mov": ("-c:v", "prores_ks"),
    "mpeg4.avi": ("-c:v", "mpeg4", "-q:v", "2"),
}


def made(clips: ClipFactory, name: str) -> Path:
    return clips.remade(f"sound-{name}", clips.moving(), CODECS[name])


@pytest.mark.parametrize("backend", ["ffmpeg", "libvmaf"])
@pytest.mark.parametrize("name", CODECS)
def test_a_clip_with_a_hole_is_not_scored_and_its_first_bad_frame_is_told(
    clips: ClipFactory, name: str, backend: str
) -> None:
    sound = made(clips, name)
    holed = clips.holed(sound)
    scoring = ScoringOptions(backend=backend)
    assert score(sound, sound, scoring=scoring).scores.n_frames == 12

    for pair in ((sound, holed), (holed, sound)):
        with pytest.raises(UnreadableSourceError, match=r"damaged: at frame [3-9] ") as caught:
            score(*pair, scoring=scoring)
        assert str(holed) in str(caught.value)
        assert "--allow-damage" in str(caught.value)


@pytest.mark.parametrize("name", ["h264.mkv", "ffv1.mkv"])
def test_nothing_is_encoded_of_a_damaged_source(clips: ClipFactory, name: str) -> None:
    ran: list[tuple[str, ...]] = []
    session = Session(NO_CACHE, on_command=ran.append)

    with pytest.raises(UnreadableSourceError, match="damaged: at frame"):
        search(clips.holed(made(clips, name)), "libx264", 80, encoding=FAST, session=session)

    assert not [command for command in ran if "copy.mp4" in command or "pipe:1" in command]


def test_nothing_is_encoded_of_a_source_that_is_damaged_outside_its_sample(
    clips: ClipFactory,
) -> None:
    clip = clips.remade("sound-long.mkv", clips.moving(n_frames=96), X264)
    ran: list[tuple[str, ...]] = []
    sampled = replace(FAST, sample="2x0.5s", verify=True)
    session = Session(NO_CACHE, on_command=ran.append)

    with pytest.raises(UnreadableSourceError, match=r"damaged: at frame 4\d") as caught:
        search(clips.holed(clip), "libx264", 80, encoding=sampled, session=session)

    assert "This was the part" not in str(caught.value)
    assert not [command for command in ran if "copy.mp4" in command or "pipe:1" in command]


def test_damage_that_is_allowed_is_part_of_every_result(clips: ClipFactory) -> None:
    holed = clips.holed(made(clips, "h264.mkv"))
    with closing(Session(NO_CACHE, SourceOptions(allow_damage=True))) as session:
        found = search(holed, "libx264", 70, encoding=FAST, session=session)
        compared = compare(holed, ["libx264"], [70], encoding=FAST, session=session)
        sizes = [found.display]
        rungs = ladder(holed, "libx264", [70], resolutions=sizes, encoding=FAST, session=session)

    assert found.ok
    assert found.source.damage is not None
    for notes in (found.notes, compared.notes, rungs.notes):
        assert any("is damaged: at frame" in note for note in notes)
    assert rungs.source.damage == found.source.damage


def test_damage_that_is_allowed_is_in_the_json_of_a_score(clips: ClipFactory) -> None:
    sound = made(clips, "h264.mkv")
    holed = clips.holed(sound)

    outcome = run_cli("score", sound, holed, "--allow-damage", "--format", "json")

    assert outcome.exit_code == 0
    assert outcome.document["reference_damage"] is None
    assert 3 <= outcome.document["distorted_damage"]["frame"] <= 9
    assert "is damaged" in outcome.document["notes"][0]


def test_frames_that_cannot_be_decoded_are_left_out_where_that_is_allowed(
    clips: ClipFactory,
) -> None:
    cut = clips.remux("fragments.mp4", clips.short_groups(), ("-movflags", "frag_keyframe"))
    short = clips.truncated(cut, name="cut-fragments.mp4", keep=0.6)
    with pytest.raises(UnreadableSourceError):
        score(short, short)

    result = score(short, short, sources=SourceOptions(allow_damage=True))

    assert result.reference_damage is not None
    assert result.reference_source.n_frames == result.scores.n_frames < 12


SOUND = {
    "open-gop.mp4": ("-c:v", "libx264", "-x264-params", "keyint=5:open-gop=1:bframes=2"),
    "intra-refresh.ts": ("-c:v", "libx264", "-x264-params", "intra-refresh=1:keyint=6:bframes=1"),
    "open-gop-hevc.mkv": ("-c:v", "libx265", "-x265-params", "keyint=5:open-gop=1:log-level=0"),
    "fields.ts": (*MPEG2, "-flags", "+ilme+ildct", "-s", "160x96"),
    "packed.avi": ("-c:v", "mpeg4", "-bf", "2", "-q:v", "3"),
    "alternate.webm": ("-c:v", "libvpx", "-auto-alt-ref", "1", "-lag-in-frames", "6"),
    "screen.flv": ("-c:v", "flashsv"),
    "animated.gif": (),
    "dnxhr.mxf": ("-c:v", "dnxhd", "-profile:v", "dnxhr_sq", "-s", "320x180"),
    "jpeg.avi": ("-c:v", "mjpeg"),
    "theora.ogv": ("-c:v", "libtheora"),
    "av1.mkv": ("-c:v", "libsvtav1", "-preset", "12"),
    "wmv.wmv": ("-c:v", "wmv2"),
}


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_clip_is_not_taken_for_damaged(clips: ClipFactory, name: str) -> None:
    source = probe_source(clips.remade(name, clips.moving(), SOUND[name]))

    n_frames, damage = examine(source, CancelToken())

    assert damage is None
    assert n_frames == source.n_frames == 12
    assert not source.ends_early


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
@pytest.mark.parametrize("name", ["open-gop.mp4", "open-gop-hevc.mkv"])
def test_a_clip_that_was_cut_out_of_a_longer_one_is_not_taken_for_damaged(
    clips: ClipFactory, name: str, suffix: str
) -> None:
    whole = clips.remade(name, clips.moving(), SOUND[name])
    cut = clips.remux(f"cut-of-{name}{suffix}", whole, (), before=("-ss", "0.3"))

    assert examine(probe_source(cut), CancelToken())[1] is None


def test_real_clips_are_not_taken_for_damaged(media_dir: Path) -> None:
    for path in sorted(media_dir.glob("[bs]*.mp4")):
        assert examine(probe_source(path), CancelToken())[1] is None


@pytest.mark.parametrize("backend", ["ffmpeg", "libvmaf"])
def test_pictures_that_change_their_size_are_refused_with_the_frame(
    clips: ClipFactory, backend: str
) -> None:
    growing = clips.growing()
    for options in ((), ("--allow-damage",)):
        outcome = run_cli("score", growing, growing, "--backend", backend, *options)
        assert outcome.exit_code == 1
        assert "changes midway: from frame 12 on its frames are 320x180" in outcome.stderr

    outcome = run_cli("search", "-r", growing, "-t", "80", "--no-cache", "--preset", "ultrafast")
    assert outcome.exit_code == 1
    assert "changes midway: from frame 12 on its frames are 320x180" in outcome.stderr


def test_a_live_recording_that_ends_within_a_block_is_cut_short(clips: ClipFactory) -> None:
    live = clips.remux("live.mkv", clips.moving(), ("-live", "1"))
    assert probe_source(live).n_frames == 12

    with pytest.raises(UnreadableSourceError, match="cut short"):
        probe_source(clips.truncated(live, name="cut-live.mkv", keep=0.6))


def test_an_mxf_that_ends_before_its_footer_is_cut_short(clips: ClipFactory) -> None:
    with pytest.raises(UnreadableSourceError, match="cut short"):
        probe_source(clips.truncated(made(clips, "mpeg2.mxf"), name="cut.mxf", keep=0.6))


def test_a_transport_stream_that_ends_within_a_packet_is_said_to_be_cut_short(
    clips: ClipFactory,
) -> None:
    whole = made(clips, "h264.ts")
    n_bytes = whole.stat().st_size
    short = clips.truncated(whole, name="cut.ts", keep=(n_bytes - 100) / n_bytes)

    outcome = run_cli("score", short, short, "--allow-damage")

    assert "seems to be cut short" in outcome.stderr
