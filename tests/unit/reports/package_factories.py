"""Results of `package` with realistic values, built the same way every time."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from tests.unit.reports.factories import FFMPEG, MODEL, SIZE
from vmafx_tune.model import PoolMethod
from vmafx_tune.results.encode import DroppedStream
from vmafx_tune.results.package import (
    PackagedAudio,
    PackagedRendition,
    PackagedText,
    PackageResult,
)

__all__ = ["package_result"]


def _rendition(crf: float, kbps: float, vmaf: float, *, reused: bool) -> PackagedRendition:
    name = f"seeking.1280x720.libx264.crf{crf:g}"
    return PackagedRendition(
        name=name,
        encoder="libx264",
        codecs="avc1.64001f",
        width=1280,
        height=720,
        crf=crf,
        bitrate_kbps=kbps,
        vmaf=vmaf,
        ladder_vmaf=vmaf + 0.25,
        bandwidth_bps=round(1200 * kbps),
        average_bandwidth_bps=round(1010 * kbps),
        maxrate_kbps=1.5 * kbps,
        bufsize_kbits=3 * kbps,
        segments=10,
        video_sha256=64 * "a",
        reused=reused,
        encode_command=f"ffmpeg -i file:seeking.mp4 -c:v libx264 -crf {crf:g} {name}.mp4",
    )


def package_result() -> PackageResult:
    """A package of two renditions with audio and subtitles."""
    return PackageResult(
        src=Path("seeking.mp4"),
        output=Path("title"),
        hls="master.m3u8",
        dash="manifest.mpd",
        page="index.html",
        segment_duration=Fraction(3003, 500),
        renditions=(
            _rendition(31.0, 975.25, 85.5, reused=True),
            _rendition(23.0, 2830.5, 95.25, reused=False),
        ),
        audio=(
            PackagedAudio(
                name="eng-aac-128",
                stream=1,
                codec="aac",
                group="aac-128",
                language="eng",
                title="",
                bandwidth_bps=131_000,
                average_bandwidth_bps=130_000,
            ),
        ),
        text=(PackagedText(name="eng", stream=2, language="eng", title="SDH", forced=False),),
        dropped=(
            DroppedStream(3, "attachment", "ttf", "HLS and DASH have no attachment streams."),
        ),
        size_bytes=12_345_678,
        ffmpeg_bin=FFMPEG,
        ffmpeg_version="n9.0.2",
        packager_version="v3.8.0-75b2faf-release",
        notes=(),
        model=MODEL.name,
        pool=PoolMethod.MEAN,
        display=SIZE,
        comparison=None,
        subsample=1,
        backend="ffmpeg",
        backend_version="3.2.0",
        hdr=False,
        filter="",
        wall_time_ms=65_000.0,
    )
