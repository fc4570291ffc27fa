"""Manifests of real encodes: codec strings, bitrates and segments, as other programs see them."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import m3u8
import pytest

from vmafx_tune.choices import HlsScore
from vmafx_tune.manifests.dash import media_presentation
from vmafx_tune.manifests.hls import multivariant_playlist
from vmafx_tune.manifests.variant import Variant, packaging_command
from vmafx_tune.media.codec_strings import codec_string
from vmafx_tune.media.packets import (
    measure_packets,
    peak_bitrate_kbps,
    segment_length,
    split_segments,
)
from vmafx_tune.media.probe import probe_source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.support.clips import ClipFactory
    from tests.support.node_readers import NodeReaders

RATE = Fraction(24000, 1001)
GOP = 48
# The middle third is noise, so that the peak is far from the average.
_SCENE = f"testsrc2=size=160x90:rate={RATE},noise=alls=60:allf=t:enable='between(t,6,12)'"
_CLOSED = ("-g", str(GOP), "-keyint_min", str(GOP), "-sc_threshold", "0")
CRFS = (20, 32, 44)


@dataclass(frozen=True)
class Encode:
    """A codec as ffmpeg is told to use it, and what its codec string begins with."""

    arguments: str
    pix_fmt: str
    begins: str

    @property
    def id(self) -> str:
        return f"{self.arguments.split()[1]}-{self.pix_fmt}"

    def all_arguments(self) -> Sequence[str]:
        return (*self.arguments.split(), "-pix_fmt", self.pix_fmt)


_X264 = "-c:v libx264 -preset ultrafast"
_X265 = "-c:v libx265 -preset ultrafast -tag:v hvc1 -x265-params log-level=0"
_SVT = "-c:v libsvtav1 -preset 10 -svtav1-params level=51"
_AOM = "-c:v libaom-av1 -cpu-used 8"
_VP9 = "-c:v libvpx-vp9 -deadline realtime -cpu-used 8"
_VVC = "-c:v libvvenc -preset faster -tag:v vvc1"
ENCODES = (
    Encode(_X264, "yuv420p", "avc1.42c0"),
    Encode(_X264, "yuv420p10le", "avc1.6e00"),
    Encode(_X264, "yuv422p10le", "avc1.7a00"),
    Encode(_X265, "yuv420p", "hvc1.1.6.L"),
    Encode(_X265, "yuv420p10le", "hvc1.2.4.L"),
    Encode(_X265, "yuv444p", "hvc1.4.10.L"),
    Encode(_SVT, "yuv420p", "av01.0.13M.08"),
    Encode(_SVT, "yuv420p10le", "av01.0.13M.10"),
    Encode(_AOM, "yuv420p", "av01.0.00M.08"),
    Encode(_AOM, "yuv420p10le", "av01.0.00M.10"),
    Encode(_AOM, "yuv444p", "av01.1.00M.08.0.000"),
    Encode(_VP9, "yuv420p", "vp09.00.10.08"),
    Encode(_VP9, "yuv420p10le", "vp09.02.10.10"),
    Encode(_VVC, "yuv420p10le", "vvc1.1.L"),
)
each_encode = pytest.mark.parametrize("encode", ENCODES, ids=lambda encode: encode.id)


def encoded(encode: Encode, clips: ClipFactory) -> Path:
    return clips.remade(f"codecs-{encode.id}.mp4", clips.moving(), encode.all_arguments())


@each_encode
def test_the_codec_string_is_what_the_encoder_signals(encode: Encode, clips: ClipFactory) -> None:
    assert codec_string(encoded(encode, clips)).startswith(encode.begins)


@each_encode
def test_mp4box_reads_the_same_codec_string(
    encode: Encode, clips: ClipFactory, node: NodeReaders
) -> None:
    path = encoded(encode, clips)
    # It leaves out the optional fields of AV1 and VP9.
    assert f"{codec_string(path)}.".startswith(f"{node.read('mp4', path)['codec']}.")


@each_encode
def test_ffmpeg_writes_the_same_codec_string(
    encode: Encode, clips: ClipFactory, tmp_path: Path
) -> None:
    manifest = tmp_path / "ffmpeg.mpd"
    clips.run("-i", str(clips.moving()), *encode.all_arguments(), "-f", "dash", str(manifest))
    (theirs,) = re.findall(r'codecs="(.*?)"', manifest.read_text(encoding="utf-8"))
    if not theirs:
        pytest.skip("This ffmpeg writes no codec string for this codec.")
    # ffmpeg leaves out the optional fields of AV1 and VP9, and HEVC's second byte of constraints.
    assert f"{codec_string(encoded(encode, clips))}.".startswith(f"{theirs}.")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (_AOM, "av01.0.00M.10.0.110.09.16.09.0"),
        (_VP9, "vp09.02.10.10.00.09.16.09.00"),
    ],
)
def test_hdr_is_told_in_the_codec_string(arguments: str, expected: str, clips: ClipFactory) -> None:
    codec = arguments.split()
    path = clips.remade(f"hdr-{codec[1]}.mp4", clips.hdr_pq(), codec)
    assert codec_string(path) == expected


@each_encode
def test_packaging_keeps_what_the_codec_string_says(
    encode: Encode, clips: ClipFactory, ffmpeg_exe: Path, tmp_path: Path
) -> None:
    path = encoded(encode, clips)
    variant = described(path, "packaged")
    subprocess.run(packaging_command(ffmpeg_exe, path, variant), cwd=tmp_path, check=True)
    names = ["packaged-1.m4s", "packaged-init.mp4", "packaged.m3u8"]
    assert sorted(file.name for file in tmp_path.iterdir()) == names
    assert codec_string(tmp_path / "packaged-init.mp4") == variant.codecs


@dataclass(frozen=True)
class Title:
    """A packaged ladder."""

    folder: Path
    variants: tuple[Variant, ...]

    @property
    def hls(self) -> Path:
        return self.folder / "master.m3u8"

    @property
    def dash(self) -> Path:
        return self.folder / "manifest.mpd"


@pytest.fixture(scope="session")
def title(clips: ClipFactory, tmp_path_factory: pytest.TempPathFactory, ffmpeg_exe: Path) -> Title:
    """Three renditions of 17 s, cut by the command that goes with the manifests."""
    folder = tmp_path_factory.mktemp("title")
    variants = tuple(packaged(folder, crf, clips, ffmpeg_exe) for crf in CRFS)
    made = Title(folder, variants)
    made.hls.write_text(multivariant_playlist(variants, score=HlsScore.VMAF), encoding="utf-8")
    made.dash.write_text(media_presentation(variants), encoding="utf-8")
    return made


def packaged(folder: Path, crf: int, clips: ClipFactory, ffmpeg: Path) -> Variant:
    path = clips.folder / f"title-{crf}.mp4"
    codec = ("-c:v", "libx264", "-preset", "veryfast", "-crf", str(crf), *_CLOSED)
    clips.run("-f", "lavfi", "-i", _SCENE, "-frames:v", "408", *codec, str(path))
    variant = described(path, f"crf{crf}", vmaf=100.0 - crf)
    subprocess.run(packaging_command(ffmpeg, path, variant), cwd=folder, check=True)
    return variant


def described(path: Path, name: str, vmaf: float | None = None) -> Variant:
    source, packets = probe_source(path), measure_packets(path)
    segment_s = segment_length(source.frame_rate, GOP)
    return Variant(
        name=name,
        width=source.resolution.width,
        height=source.resolution.height,
        average_kbps=8 * packets.size_bytes / source.duration_s / 1000,
        peak_kbps=peak_bitrate_kbps(packets, segment_s),
        codecs=codec_string(path),
        frame_rate=source.frame_rate,
        duration_s=source.duration_s,
        segment_s=segment_s,
        vmaf=vmaf,
    )


def media_playlists(title: Title) -> list[tuple[Any, Any]]:
    """Load each variant of the playlist with the segments that it refers to."""
    master = m3u8.load(str(title.hls))
    return [(one, m3u8.load(str(title.folder / one.uri))) for one in master.playlists]


def test_segments_are_cut_where_a_packager_cuts_them(title: Title, clips: ClipFactory) -> None:
    packets = measure_packets(clips.folder / f"title-{CRFS[0]}.mp4")
    expected = [segment.duration_s for segment in split_segments(packets, Fraction(6006, 1000))]
    for _, playlist in media_playlists(title):
        assert [segment.duration for segment in playlist.segments] == pytest.approx(expected)
        assert playlist.target_duration == 6


def test_the_declared_bitrates_are_those_of_the_packaged_segments(title: Title) -> None:
    for variant, playlist in media_playlists(title):
        sizes = [(title.folder / segment.uri).stat().st_size for segment in playlist.segments]
        durations = [segment.duration for segment in playlist.segments]
        average = 8 * sum(sizes) / sum(durations)
        peak = max(8 * size / s for size, s in zip(sizes, durations, strict=True) if s > 3)
        info = variant.stream_info
        assert average <= info.average_bandwidth * 1.001
        assert info.average_bandwidth == pytest.approx(average, rel=0.02)
        assert peak <= info.bandwidth
        assert info.bandwidth == pytest.approx(peak, rel=0.02)
        assert info.bandwidth > 1.2 * info.average_bandwidth


def test_hls_parsers_for_node_read_what_was_written(title: Title, node: NodeReaders) -> None:
    found = node.read("hls", title.hls)
    assert found["warnings"] == []
    variants = {f"{variant.name}.m3u8": variant for variant in title.variants}
    read = found["hlsParser"]["variants"]
    assert {one["uri"] for one in read} == variants.keys()
    for one in read:
        variant = variants[one["uri"]]
        assert (one["bandwidth"], one["averageBandwidth"]) == (
            variant.peak_bps,
            variant.average_bps,
        )
        assert (one["codecs"], one["score"]) == (variant.codecs, variant.vmaf)
        assert one["resolution"] == {"width": variant.width, "height": variant.height}
        assert one["frameRate"] == 23.976
    attributes = [one["attributes"] for one in found["m3u8Parser"]["playlists"]]
    assert [one["BANDWIDTH"] for one in attributes] == [one["bandwidth"] for one in read]
    assert found["m3u8Parser"]["independentSegments"] is True


def test_a_dash_parser_for_node_finds_every_packaged_segment(
    title: Title, node: NodeReaders
) -> None:
    found = node.read("dash", title.dash)
    assert found["warnings"] == []
    assert found["duration"] == pytest.approx(float(408 / RATE), abs=0.002)
    for playlist in found["playlists"]:
        name = playlist["attributes"]["NAME"]
        initial = {segment["map"]["uri"] for segment in playlist["segments"]}
        named = [segment["uri"] for segment in playlist["segments"]]
        on_disk = {path.name for path in title.folder.glob(f"{name}-*")}
        assert {*named, *initial} == on_disk
        assert len(named) == 3


def test_dash_ranks_as_hls_scores(title: Title, node: NodeReaders) -> None:
    # mpd-parser turns rankings into scores by itself.
    by_rank = {
        playlist["attributes"]["NAME"]: playlist["attributes"]["SCORE"]
        for playlist in node.read("dash", title.dash)["playlists"]
    }
    by_score = {
        one["uri"].removesuffix(".m3u8"): one["score"]
        for one in node.read("hls", title.hls)["hlsParser"]["variants"]
    }
    assert sorted(by_rank, key=lambda name: by_rank[name]) == sorted(
        by_score, key=lambda name: by_score[name]
    )


def test_ffmpeg_plays_each_packaged_rendition_whole(title: Title) -> None:
    for variant in title.variants:
        assert probe_source(joined(title, variant)).n_frames == 408


def joined(title: Title, variant: Variant) -> Path:
    """Put the segments behind each other as a DASH player does."""
    names = [f"{variant.name}-init.mp4", *(f"{variant.name}-{i}.m4s" for i in (1, 2, 3))]
    path = title.folder / f"joined.{variant.name}.mp4"
    path.write_bytes(b"".join((title.folder / name).read_bytes() for name in names))
    return path
