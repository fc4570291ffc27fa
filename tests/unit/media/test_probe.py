from __future__ import annotations

import gc
import os
import shutil
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import pytest

from tests.support.clips import N_FRAMES, RATE
from tests.support.pictures import moving
from tests.support.users import ordinary_user
from vmafx_tune.errors import UnreadableSourceError, UsageError
from vmafx_tune.media.probe import probe_source
from vmafx_tune.model import PixelFormat, RawFormat, Resolution, Source

if TYPE_CHECKING:
    from tests.support.clips import ClipFactory

SIZE = Resolution(160, 90)


def count_packets(path: Path) -> int:
    with av.open(path) as container:
        return sum(packet.size > 0 for packet in container.demux(video=0))


def test_a_clip_is_described_by_its_headers_and_its_first_picture(clips: ClipFactory) -> None:
    path = clips.moving()

    assert probe_source(path) == Source(
        path=path,
        resolution=SIZE,
        frame_rate=RATE,
        n_frames=N_FRAMES,
        pixel_format=PixelFormat("yuv420p", 8, "420"),
        codec="h264",
        chroma_location="left",
    )


def test_a_clip_of_one_frame_has_a_rate_and_a_duration(clips: ClipFactory) -> None:
    source = probe_source(clips.one_frame())

    assert (source.n_frames, source.frame_rate) == (1, RATE)
    assert source.duration_s == 0.04


def test_odd_sizes_are_kept_as_they_are(clips: ClipFactory) -> None:
    assert probe_source(clips.odd_size()).resolution == Resolution(161, 91)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".ts", ".avi", ".h264"])
def test_frames_are_counted_in_every_container(clips: ClipFactory, suffix: str) -> None:
    path = clips.remux(f"contained{suffix}", clips.degraded(30), ())

    source = probe_source(path)

    assert (source.n_frames, source.frame_rate) == (N_FRAMES, RATE)
    assert not source.variable_frame_rate


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60)])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_the_frame_rate_is_exact_even_where_timestamps_are_rounded(
    clips: ClipFactory, rate: Fraction, suffix: str
) -> None:
    source = probe_source(clips.moving(rate=rate, suffix=suffix))

    assert source.frame_rate == rate
    assert not source.variable_frame_rate


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_variable_frame_rate_is_noticed_and_averaged(clips: ClipFactory, suffix: str) -> None:
    source = probe_source(clips.variable_rate(suffix))

    assert source.variable_frame_rate
    assert source.n_frames == N_FRAMES
    # Twelve frames take 14 slots of 40 ms.
    assert source.frame_rate == Fraction(12 * 25, 14)


def test_a_cut_within_a_group_of_pictures_does_not_make_the_rate_variable(
    clips: ClipFactory,
) -> None:
    # The last picture kept is one that the encoder put before others which are shown earlier.
    codec = ("-c:v", "libx264", "-bf", "3", "-b_strategy", "0")
    whole = clips.encode("reordered.mp4", moving, range(N_FRAMES), codec)
    path = clips.remux("cut-in-group.ts", whole, ("-t", "0.2"))

    source = probe_source(path)

    assert source.n_frames == 7
    assert (source.frame_rate, source.variable_frame_rate) == (RATE, False)


@pytest.mark.parametrize("flags", ["frag_keyframe", "frag_keyframe+empty_moov"])
def test_frames_of_a_fragmented_mp4_are_counted_over_all_fragments(
    clips: ClipFactory, flags: str
) -> None:
    whole = clips.short_groups()
    path = clips.remux(f"fragments-{flags}.mp4", whole, ("-movflags", flags))

    assert probe_source(path).n_frames == probe_source(whole).n_frames == N_FRAMES


def test_frames_that_an_edit_list_hides_are_not_counted(clips: ClipFactory) -> None:
    # Cut two frames behind a key frame without encoding again: these two must stay in the file.
    path = clips.remux("edited.mp4", clips.short_groups(), (), before=("-ss", "0.24"))

    assert count_packets(path) == N_FRAMES - 4
    source = probe_source(path)
    assert source.n_frames == N_FRAMES - 6
    assert (source.frame_rate, source.variable_frame_rate) == (RATE, False)


def test_the_hidden_frames_of_vp8_are_not_counted(clips: ClipFactory) -> None:
    # Only two passes make the encoder insert alternate reference frames.
    path, log = clips.folder / "hidden.webm", str(clips.folder / "vp8-pass")
    source = ("-i", str(clips.moving(n_frames=50)), "-c:v", "libvpx", "-b:v", "100k")
    look_ahead = ("-auto-alt-ref", "1", "-lag-in-frames", "25", "-passlogfile", log)
    clips.run(*source, *look_ahead, "-pass", "1", "-f", "null", "-")
    clips.run(*source, *look_ahead, "-pass", "2", str(path))

    assert count_packets(path) > 50
    assert probe_source(path).n_frames == 50


@pytest.mark.parametrize(
    ("make", "pix_fmt"),
    [
        ("ten_bit", "yuv420p10le"),
        ("chroma_422", "yuv422p"),
        ("chroma_444", "yuv444p"),
        ("full_range", "yuvj420p"),
    ],
)
def test_the_pixel_format_is_the_decoded_one(clips: ClipFactory, make: str, pix_fmt: str) -> None:
    assert probe_source(getattr(clips, make)()).pixel_format.name == pix_fmt


def test_colours_have_the_names_that_ffmpeg_gives_them(clips: ClipFactory) -> None:
    source = probe_source(clips.hdr_pq())

    assert source.is_hdr
    assert (source.color_range, source.color_primaries) == ("tv", "bt2020")
    assert (source.color_transfer, source.color_space) == ("smpte2084", "bt2020nc")


def test_full_range_is_told(clips: ClipFactory) -> None:
    assert probe_source(clips.full_range()).color_range == "pc"


def test_samples_that_are_not_square_are_told(clips: ClipFactory) -> None:
    assert probe_source(clips.anamorphic()).sample_aspect_ratio == Fraction(4, 3)


def test_fields_are_told(clips: ClipFactory) -> None:
    assert probe_source(clips.interlaced()).interlaced


@pytest.mark.parametrize("clockwise_deg", [90, 180, 270])
def test_the_size_is_that_of_the_upright_picture(clips: ClipFactory, clockwise_deg: int) -> None:
    source = probe_source(clips.rotated(clockwise_deg))

    upright = SIZE if clockwise_deg == 180 else Resolution(90, 160)
    assert (source.rotation_deg, source.resolution) == (clockwise_deg, upright)


def test_a_turn_swaps_the_sides_of_samples_too(clips: ClipFactory) -> None:
    turn = ("-display_rotation", "90")
    path = clips.remux("turned-anamorphic.mp4", clips.anamorphic(), (), before=turn)

    assert probe_source(path).sample_aspect_ratio == Fraction(3, 4)


def test_a_turn_that_is_no_quarter_is_refused(clips: ClipFactory) -> None:
    turn = ("-display_rotation", "-30")
    path = clips.remux("askew.mp4", clips.moving(), (), before=turn)

    with pytest.raises(UnreadableSourceError, match="rotation of 30 degrees"):
        probe_source(path)


def test_a_picture_stored_upright_is_no_rotated_one(clips: ClipFactory) -> None:
    source = probe_source(clips.portrait())

    assert (source.resolution, source.rotation_deg) == (Resolution(90, 160), 0)


def test_a_cover_picture_is_not_taken_for_the_video(clips: ClipFactory) -> None:
    source = probe_source(clips.with_cover())

    assert (source.codec, source.n_frames) == ("h264", N_FRAMES)


def test_y4m_describes_itself(clips: ClipFactory) -> None:
    source = probe_source(clips.y4m(pix_fmt="yuv420p10le"))

    assert (source.resolution, source.n_frames, source.frame_rate) == (SIZE, N_FRAMES, RATE)
    assert (source.pixel_format.name, source.codec) == ("yuv420p10le", "rawvideo")


def test_a_headerless_file_is_what_its_geometry_says(clips: ClipFactory) -> None:
    path = clips.raw(pix_fmt="yuv422p10le")
    raw = RawFormat(SIZE, "yuv422p10le", Fraction(30000, 1001))

    assert probe_source(path, raw) == Source(
        path=path,
        resolution=SIZE,
        frame_rate=raw.frame_rate,
        n_frames=N_FRAMES,
        pixel_format=PixelFormat("yuv422p10le", 10, "422"),
        codec="rawvideo",
        raw=raw,
    )


def test_a_name_with_a_colon_is_a_name(clips: ClipFactory, tmp_path: Path) -> None:
    path = tmp_path / "concat:10:30 take.mp4"
    shutil.copyfile(clips.moving(), path)

    assert probe_source(path).n_frames == N_FRAMES


def test_tags_in_another_encoding_do_no_harm(clips: ClipFactory, tmp_path: Path) -> None:
    path = clips.remux("tagged.avi", clips.moving(), ("-metadata", "title=naive cafe"))
    odd = tmp_path / "latin1.avi"
    odd.write_bytes(path.read_bytes().replace(b"naive cafe", b"na\xefve caf\xe9"))

    assert probe_source(odd).n_frames == N_FRAMES


def test_a_probe_leaves_no_picture_in_memory(clips: ClipFactory) -> None:
    path = clips.moving()
    gc.collect()
    gc.disable()
    try:
        probe_source(path)
        left = [thing for thing in gc.get_objects() if isinstance(thing, av.VideoFrame)]
    finally:
        gc.enable()

    assert not left


# Bad input: one plain sentence each, with the file's name and what to do.


def refusal(path: Path, raw: RawFormat | None = None) -> str:
    with pytest.raises(UnreadableSourceError) as caught:
        probe_source(path, raw)
    message = str(caught.value)
    assert str(path) in message
    assert message.endswith(".")
    assert "\n" not in message
    return message


def test_an_encrypted_file_is_refused_as_such(clips: ClipFactory) -> None:
    keys = ("-encryption_key", "0" * 32, "-encryption_kid", "1" * 32)
    path = clips.remux(
        "encrypted.mp4", clips.moving(), ("-encryption_scheme", "cenc-aes-ctr", *keys)
    )

    with pytest.raises(UnreadableSourceError, match=r"is encrypted\. Decrypt it first"):
        probe_source(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "does not exist. Check the path" in refusal(tmp_path / "nothing.mp4")


def test_a_path_through_a_file_is_refused(clips: ClipFactory) -> None:
    assert "does not exist" in refusal(clips.moving() / "below.mp4")


def test_a_url_is_refused_with_advice() -> None:
    assert "not a local file. Download it" in refusal(Path("https://example.org/a.mp4"))


def test_a_directory_is_refused(tmp_path: Path) -> None:
    assert "is a directory. Name a video file" in refusal(tmp_path)


def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    path = tmp_path / "pipe.mp4"
    os.mkfifo(path)

    assert "not a regular file" in refusal(path)


def test_a_file_without_access_rights_is_refused(clips: ClipFactory, tmp_path: Path) -> None:
    path = tmp_path / "locked.mp4"
    shutil.copyfile(clips.moving(), path)
    path.chmod(0)

    with ordinary_user():
        message = refusal(path)

    assert "permission denied. Check the access rights" in message


def test_an_empty_file_is_refused(clips: ClipFactory) -> None:
    assert "is empty (0 bytes)" in refusal(clips.empty())


def test_an_mp4_without_its_index_is_refused(clips: ClipFactory) -> None:
    assert "cut short: the index of the MP4 (its moov box)" in refusal(clips.without_index())


def test_an_mp4_without_its_second_half_is_refused(clips: ClipFactory) -> None:
    assert "cut short: its header promises" in refusal(clips.cut_short())


@pytest.mark.parametrize("suffix", [".mkv", ".avi"])
def test_a_shortened_matroska_or_avi_file_is_refused(clips: ClipFactory, suffix: str) -> None:
    whole = clips.remux(f"to-shorten{suffix}", clips.moving(), ())

    assert "cut short" in refusal(clips.truncated(whole, name=f"shortened{suffix}"))


def test_a_shortened_y4m_file_is_refused(clips: ClipFactory) -> None:
    path = clips.truncated(clips.y4m(), name="shortened.y4m")

    assert "cut short: it ends within frame 5" in refusal(path)


def test_a_file_whose_pictures_are_all_damaged_is_refused(
    clips: ClipFactory, tmp_path: Path
) -> None:
    data = clips.moving().read_bytes()
    start, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    path = tmp_path / "zeroed.mp4"
    path.write_bytes(data[:start] + bytes(end - start) + data[end:])

    assert "no frame that can be decoded" in refusal(path)


def test_sound_alone_is_refused(clips: ClipFactory) -> None:
    assert "has no video, only audio" in refusal(clips.audio_only())


def test_sound_with_a_cover_is_refused(clips: ClipFactory) -> None:
    cover = clips.cover()
    arguments = ("-i", str(cover), "-map", "0", "-map", "1", "-disposition:v", "attached_pic")
    path = clips.remux("song.m4a", clips.audio_only(), arguments)

    assert "has no video, only audio and a cover picture" in refusal(path)


@pytest.mark.parametrize("name", ["letter.mp4", "letter.txt", "letter"])
def test_text_is_refused_whatever_its_name(clips: ClipFactory, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    shutil.copyfile(clips.text(), path)

    assert "is text, not video" in refusal(path)


def test_random_bytes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "noise.mp4"
    path.write_bytes(bytes(range(7, 256)) * 40)

    assert "cannot be read as video" in refusal(path)


def test_a_playlist_is_refused(clips: ClipFactory, tmp_path: Path) -> None:
    segment = clips.remux("segment.ts", clips.moving(), ())
    path = tmp_path / "list.m3u8"
    path.write_text(
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.48,\n{segment}\n#EXT-X-ENDLIST\n",
        encoding="utf-8",
    )

    assert "is a list of other files" in refusal(path)


def test_a_headerless_file_without_geometry_is_refused_with_the_options_to_give(
    clips: ClipFactory,
) -> None:
    message = refusal(clips.raw())

    assert "--size 1920x1080 --pix-fmt yuv420p --fps 25" in message


def test_a_headerless_file_of_a_wrong_size_is_refused_with_the_arithmetic(
    clips: ClipFactory, tmp_path: Path
) -> None:
    path = tmp_path / "odd.yuv"
    path.write_bytes(clips.raw().read_bytes() + b"tail")

    message = refusal(path, RawFormat(SIZE, "yuv420p", RATE))

    assert "a frame has 21600 bytes, which leaves 4 bytes after 12 frames" in message


@pytest.mark.parametrize(
    ("size", "rate"), [(Resolution(0, 90), RATE), (SIZE, Fraction(0)), (SIZE, Fraction(-25))]
)
def test_impossible_geometry_is_a_usage_error(
    clips: ClipFactory, size: Resolution, rate: Fraction
) -> None:
    with pytest.raises(UsageError, match="must be positive"):
        probe_source(clips.raw(), RawFormat(size, "yuv420p", rate))


def test_geometry_with_an_unknown_pixel_format_is_a_usage_error(clips: ClipFactory) -> None:
    with pytest.raises(UsageError, match="Unknown pixel format 'i420'"):
        probe_source(clips.raw(), RawFormat(SIZE, "i420", RATE))
