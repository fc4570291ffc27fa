"""Sources with more in them than one video: what an encode has to carry along."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import av
import numpy as np

from tests.support.dynamic_hdr import with_dolby_vision, with_hdr10_plus

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["NAMES", "FullSources"]

_SUBTITLES = """\
1
00:00:00,500 --> 00:00:01,000
Hello

2
00:00:01,100 --> 00:00:01,800
World
"""
_STYLED = """\
[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, Bold, Italic, Alignment
Style: Default,Arial,20,&H00FFFFFF,1,0,2

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:00.50,0:00:01.50,Default,,0,0,0,,{\\b1}Hello
"""
# The last chapter ends long after the film.
_CHAPTERS = """\
;FFMETADATA1
title=A film
artist=Somebody
[CHAPTER]
TIMEBASE=1/1000
START=0
END=1000
title=One
[CHAPTER]
TIMEBASE=1/1000
START=1000
END=99000
title=Two
"""
_X264 = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "20")
_MASTERING = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
HDR = (
    *("-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le", "-x265-params"),
    (
        "log-level=none:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:"
        f"hdr10=1:repeat-headers=1:master-display={_MASTERING}:max-cll=1000,400"
    ),
    *("-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc"),
    *("-color_range", "tv"),
)

NAMES = (
    "full.mkv", "full.mp4", "cover.mp4", "cover.mkv", "two-videos.mkv", "subtitles.mkv",
    "styled.mkv", "unknown.mkv", "untyped.mkv", "late-video.mp4", "edited.mp4", "stream.ts",
    "variable.mkv", "open-gop.mkv", "drop-frame.mov", "rotated.mp4", "hdr.mp4",
)  # fmt: skip
"""Names of the sources."""


def flash_s(path: Path) -> float:
    """When the white picture is shown."""
    with av.open(str(path)) as container:
        return next(
            frame.time or 0.0
            for frame in container.decode(video=0)
            if frame.to_ndarray(format="gray").mean() > 128
        )


def beep_after_flash_s(path: Path) -> float:
    """How long after the white picture the tone is heard, by what a player would show."""
    flash = flash_s(path)
    with av.open(str(path)) as container:
        for sound in container.decode(audio=0):
            samples = sound.to_ndarray()
            loudest = 1 if samples.dtype.kind == "f" else 2.0 ** (8 * samples.dtype.itemsize - 1)
            loud = np.abs(samples.astype(float)).max(axis=0) > 0.05 * loudest
            if loud.any():
                return float((sound.time or 0.0) + loud.argmax() / sound.sample_rate - flash)
    raise AssertionError("There is no beep.")


class FullSources:
    """Makes sources of two seconds, each when it is first asked for.

    Args:
        folder: Where they go.
        ffmpeg: Makes them.
    """

    def __init__(self, folder: Path, ffmpeg: Path) -> None:
        self._folder = folder
        self._ffmpeg = ffmpeg
        for name, text in (
            ("subtitles.srt", _SUBTITLES), ("styled.ass", _STYLED), ("chapters.txt", _CHAPTERS)
        ):  # fmt: skip
            (folder / name).write_text(text)

    def __getitem__(self, name: str) -> Path:
        path = self._folder / name
        if not path.exists():
            make = getattr(self, "_" + name.replace(".", "_").replace("-", "_"))
            make(path)
        return path

    def _run(self, *arguments: str | Path) -> None:
        command = [self._ffmpeg, "-v", "error", "-y", *arguments]
        subprocess.run(list(map(str, command)), check=True, cwd=self._folder)

    def _video(self, seconds: float = 2, rate: str = "25", size: str = "160x90") -> tuple[str, ...]:
        return ("-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}:duration={seconds}")

    def _audio(self, hertz: int = 440, seconds: float = 2) -> tuple[str, ...]:
        return ("-f", "lavfi", "-i", f"sine={hertz}:duration={seconds}:sample_rate=48000")

    def _flash_mkv(self, path: Path) -> None:
        """A clip that is white, and beeps, from 1 s on for 0.2 s, to the sample."""
        self._run(
            "-f", "lavfi", "-i",
            "color=black:size=160x90:rate=25:duration=2,"
            "drawbox=color=white:t=fill:enable='gte(n,25)*lt(n,30)'",
            "-f", "lavfi", "-i",
            "aevalsrc='0.8*sin(2*PI*1000*t)*gte(t,1)*lt(t,1.2)':d=2:s=48000",
            *_X264, "-g", "10", "-c:a", "aac", "-b:a", "128k", path,
        )  # fmt: skip

    def _picture(self) -> Path:
        path = self._folder / "cover.png"
        self._run(*self._video(size="64x64"), "-frames:v", "1", path)
        return path

    def _full_mkv(self, path: Path) -> None:
        self._run(
            *self._video(), *self._audio(), *self._audio(880),
            "-i", "subtitles.srt", "-i", "chapters.txt",
            "-map", "0", "-map", "1", "-map", "2", "-map", "3", "-map_metadata", "4", *_X264,
            "-c:a:0", "aac", "-c:a:1", "libopus", "-c:s", "srt", "-timecode", "00:00:10:00",
            "-metadata:s:v:0", "title=Main", "-metadata:s:v:0", "director=Somebody else",
            "-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=deu",
            "-metadata:s:a:1", "title=Commentary", "-disposition:a:1", "comment",
            "-disposition:s:0", "forced", "-metadata:s:s:0", "language=fra",
            "-attach", "subtitles.srt", "-metadata:s:t", "mimetype=application/x-truetype-font",
            "-metadata:s:t", "filename=font.ttf", path,
        )  # fmt: skip

    def _full_mp4(self, path: Path) -> None:
        self._run(
            "-i", self["full.mkv"], "-map", "0:v", "-map", "0:a", "-map", "0:s",
            "-c", "copy", "-c:s", "mov_text", path,
        )  # fmt: skip

    def _cover_mp4(self, path: Path) -> None:
        """The cover is the first stream."""
        self._run(
            "-i", self._picture(), "-i", self["full.mkv"], "-map", "0", "-map", "1:v",
            "-map", "1:a:0", "-c", "copy", "-disposition:v:0", "attached_pic",
            "-disposition:v:1", "default", path,
        )  # fmt: skip

    def _cover_mkv(self, path: Path) -> None:
        self._run(
            "-i", self["full.mkv"], "-map", "0:v", "-map", "0:a:0", "-c", "copy",
            "-attach", self._picture(), "-metadata:s:t", "mimetype=image/png",
            "-metadata:s:t", "filename=poster.png", path,
        )  # fmt: skip

    def _two_videos_mkv(self, path: Path) -> None:
        self._run(
            *self._video(), *self._video(size="128x72"), *self._audio(),
            "-map", "0", "-map", "1", "-map", "2", *_X264, "-c:a", "aac",
            "-disposition:v:0", "0", "-disposition:v:1", "default", path,
        )  # fmt: skip

    def _subtitles_mkv(self, path: Path) -> None:
        maps = [word for _ in range(40) for word in ("-map", "1")]
        self._run(
            "-i", self["full.mkv"], "-i", "subtitles.srt", "-map", "0:v", "-map", "0:a:0", *maps,
            "-c", "copy", path,
        )  # fmt: skip

    def _styled_mkv(self, path: Path) -> None:
        self._run(
            "-i", self["full.mkv"], "-i", "styled.ass", "-map", "0:v", "-map", "0:a:0",
            "-map", "1", "-c", "copy", "-c:a", "flac", "-c:s", "ass", path,
        )  # fmt: skip

    def _unknown_mkv(self, path: Path) -> None:
        """Its audio is of a codec that nobody knows."""
        self._run(
            "-i", self["full.mkv"], "-map", "0:v", "-map", "0:a:0", "-map", "0:a:1",
            "-c", "copy", path,
        )  # fmt: skip
        path.write_bytes(path.read_bytes().replace(b"A_AAC", b"A_XYZ"))

    def _untyped_mkv(self, path: Path) -> None:
        """It has two attachments, of which one has no media type."""
        full = self["full.mkv"]
        self._run(
            "-i", full, "-map", "0", "-c", "copy", "-attach", "styled.ass",
            "-metadata:s:t:1", "filename=notes.txt", "-metadata:s:t:1", "mimetype=text/plain", path,
        )  # fmt: skip
        # The element becomes one of no meaning (RFC 8794, 11.3.2).
        data = path.read_bytes()
        typed = b"\x46\x60\x8atext/plain"
        assert data.count(typed) == 1
        path.write_bytes(data.replace(typed, b"\xec\x8b" + bytes(11)))

    def _late_video_mp4(self, path: Path) -> None:
        """Audio starts half a second before the video."""
        flash = self["flash.mkv"]
        self._run(
            "-itsoffset", "0.5", "-i", flash, "-i", flash, "-map", "0:v", "-map", "1:a",
            "-c", "copy", path,
        )  # fmt: skip

    def _edited_mp4(self, path: Path) -> None:
        """An edit list hides its first frames, and the audio beside them."""
        whole = self._folder / "flash.mp4"
        self._run("-i", self["flash.mkv"], "-c", "copy", whole)
        self._run("-ss", "0.53", "-i", whole, "-c", "copy", path)

    def _stream_ts(self, path: Path) -> None:
        self._run("-i", self["late-video.mp4"], "-c", "copy", path)

    def _variable_mkv(self, path: Path) -> None:
        self._run(
            *self._video(rate="30"), *self._audio(),
            "-vf", "select='not(mod(n,7))+gt(random(1),0.4)'", "-fps_mode", "vfr",
            *_X264, "-c:a", "aac", path,
        )  # fmt: skip

    def _open_gop_mkv(self, path: Path) -> None:
        self._run(
            *self._video(), *self._audio(), "-c:v", "libx265", "-preset", "ultrafast",
            "-x265-params", "open-gop=1:keyint=20:bframes=4:log-level=none", "-c:a", "ac3", path,
        )  # fmt: skip

    def _drop_frame_mov(self, path: Path) -> None:
        self._run(
            *self._video(rate="30000/1001"), *self._audio(), *_X264, "-c:a", "pcm_s16le",
            "-timecode", "01:00:00;00", path,
        )  # fmt: skip

    def _rotated_mp4(self, path: Path) -> None:
        upright = self._folder / "upright.mp4"
        self._run(*self._video(), *_X264, "-vf", "setsar=4/3", upright)
        self._run("-display_rotation", "90", "-i", upright, "-c", "copy", path)

    def _hdr_mp4(self, path: Path) -> None:
        self._run(*self._video(), *HDR, path)

    def _hlg_mkv(self, path: Path) -> None:
        colours = "colorprim=bt2020:transfer=arib-std-b67:colormatrix=bt2020nc:range=limited"
        self._run(
            *self._video(), "-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le",
            "-x265-params", f"log-level=none:{colours}", path,
        )  # fmt: skip

    def _dolby_vision_mkv(self, path: Path) -> None:
        self._dynamic(path, with_dolby_vision)

    def _hdr10_plus_mkv(self, path: Path) -> None:
        self._dynamic(path, with_hdr10_plus)

    def _dynamic(self, path: Path, extend: Callable[[bytes], bytes]) -> None:
        stream, plain = self._folder / "stream.hevc", self._folder / "plain.hevc"
        delimited = [word.replace("log-level", "aud=1:log-level") for word in HDR]
        self._run(*self._video(), *delimited, plain)
        stream.write_bytes(extend(plain.read_bytes()))
        # Matroska wants times, which raw streams have none of.
        timed = self._folder / "timed.mp4"
        self._run("-r", "25", "-i", stream, "-c", "copy", timed)
        self._run("-i", timed, "-c", "copy", path)
