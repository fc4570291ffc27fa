"""Clips for tests: tiny, made when first asked for, and shared by the whole session."""

from __future__ import annotations

import math
import subprocess
from fractions import Fraction
from typing import TYPE_CHECKING

from tests.support import pictures
from tests.support.pictures import render
from vmafx_tune.model import Resolution

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from tests.support.pictures import Scene

__all__ = ["N_FRAMES", "RATE", "SIZE", "ClipFactory"]

SIZE = Resolution(160, 90)
N_FRAMES = 12
RATE = Fraction(25)
_SHOT_SIZE = Resolution(192, 108)
_LOSSLESS_H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-qp", "0")
_LOSSLESS = ("-c:v", "ffv1")


class ClipFactory:
    """Makes clips in a folder and hands out each one again when it is asked for twice.

    Every clip is a plain file that tests must not change; `copy` one to damage it.

    Args:
        folder: Where the clips go; must exist.
        ffmpeg: The ffmpeg that encodes them.
    """

    def __init__(self, folder: Path, ffmpeg: Path) -> None:
        self.folder = folder
        self._ffmpeg = ffmpeg

    def moving(
        self,
        *,
        n_frames: int = N_FRAMES,
        size: Resolution = SIZE,
        rate: Fraction = RATE,
        pix_fmt: str = "yuv420p",
        suffix: str = ".mp4",
    ) -> Path:
        """Texture under a panning camera with grain; lossless H.264, or FFV1 in `.mkv`."""
        numbers = range(n_frames)
        name = f"moving-{size}-{n_frames}-{rate.numerator}_{rate.denominator}-{pix_fmt}{suffix}"
        codec = _LOSSLESS if suffix == ".mkv" else _LOSSLESS_H264
        return self.encode(
            name, pictures.moving, numbers, codec, size=size, rate=rate, pix_fmt=pix_fmt
        )

    def static(self, *, n_frames: int = N_FRAMES, size: Resolution = SIZE) -> Path:
        """A clip whose frames are all the same."""
        name = f"static-{size}-{n_frames}.mp4"
        return self.encode(name, pictures.static, range(n_frames), _LOSSLESS_H264, size=size)

    def two_halves(self, *, cut: int = N_FRAMES // 2, n_frames: int = N_FRAMES) -> Path:
        """Two shots that have nothing in common; the second starts at frame `cut`."""
        name = f"two-halves-{cut}-{n_frames}.mp4"
        return self.encode(name, pictures.two_halves(cut), range(n_frames), _LOSSLESS_H264)

    def three_shots(self, *, size: Resolution = _SHOT_SIZE) -> Path:
        """Shots of 37, 41 and 50 frames: a test picture, a zoom, and noise on a plain colour."""
        source = f"s={size}:r={RATE}"
        scenes = (f"testsrc2={source}", f"mandelbrot={source}", f"color=c=navy:{source}")
        inputs = [word for scene in scenes for word in ("-f", "lavfi", "-i", scene)]
        graph = (
            "[0]trim=end_frame=37[a];[1]trim=end_frame=41[b];"
            "[2]trim=end_frame=50,noise=alls=40:allf=t:all_seed=7[c];[a][b][c]concat=n=3"
        )
        cut = ("-filter_complex", graph, "-pix_fmt", "yuv420p", *_LOSSLESS)
        return self._made(
            f"three-shots-{size}.mkv", lambda path: self.run(*inputs, *cut, str(path))
        )

    def dropped(self, frame: int, *, n_frames: int = N_FRAMES) -> Path:
        """The moving clip of `n_frames` without the frame of that number."""
        kept = [i for i in range(n_frames) if i != frame]
        return self.encode(
            f"dropped-{frame}-of-{n_frames}.mp4", pictures.moving, kept, _LOSSLESS_H264
        )

    def degraded(self, crf: int, *, n_frames: int = N_FRAMES, size: Resolution = SIZE) -> Path:
        """The moving clip, encoded with loss: worse with a higher `crf` of x264."""
        codec = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", str(crf))
        name = f"degraded-{crf}-{size}-{n_frames}.mp4"
        return self.encode(name, pictures.moving, range(n_frames), codec, size=size)

    def one_frame(self) -> Path:
        """A clip of a single frame."""
        return self.moving(n_frames=1)

    def odd_size(self) -> Path:
        """161x91 in 4:2:0, so that chroma sizes must be rounded up."""
        return self.moving(size=Resolution(161, 91), suffix=".mkv")

    def portrait(self) -> Path:
        """Stored higher than wide, without any rotation."""
        return self.moving(size=Resolution(90, 160))

    def ten_bit(self) -> Path:
        """4:2:0 with 10 bits."""
        return self.moving(pix_fmt="yuv420p10le")

    def chroma_422(self) -> Path:
        """4:2:2 with 8 bits."""
        return self.moving(pix_fmt="yuv422p")

    def chroma_444(self) -> Path:
        """4:4:4 with 8 bits."""
        return self.moving(pix_fmt="yuv444p")

    def hdr_pq(self) -> Path:
        """10 bits, flagged as PQ in BT.2020."""
        colours = ("-color_primaries", "bt2020", "-color_trc", "smpte2084")
        codec = (*_LOSSLESS_H264, *colours, "-colorspace", "bt2020nc", "-color_range", "tv")
        # ffmpeg takes the flags from the frames, so these must carry them too.
        flags = "setparams=range=tv:color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc"
        return self.encode(
            "hdr-pq.mp4",
            pictures.moving,
            range(N_FRAMES),
            (*codec, "-vf", flags),
            pix_fmt="yuv420p10le",
        )

    def full_range(self, pix_fmt: str = "yuv420p") -> Path:
        """Flagged as full range."""
        codec = (*_LOSSLESS_H264, "-vf", "setparams=range=pc", "-color_range", "pc")
        name = f"full-range-{pix_fmt}.mp4"
        return self.encode(name, pictures.moving, range(N_FRAMES), codec, pix_fmt=pix_fmt)

    def changing(self, second: Path) -> Path:
        """The moving clip in a transport stream that goes on with another clip's pictures."""
        parts = [
            self.remux(f"{part.stem}.ts", part, ()).read_bytes() for part in (self.moving(), second)
        ]
        name = f"changing-to-{second.stem}.ts"
        return self._made(name, lambda path: path.write_bytes(b"".join(parts)))

    def anamorphic(self) -> Path:
        """Samples of 4:3, as on a widescreen DVD."""
        codec = (*_LOSSLESS_H264, "-vf", "setsar=4/3")
        return self.encode("anamorphic.mp4", pictures.moving, range(N_FRAMES), codec)

    def interlaced(self) -> Path:
        """Flagged as top field first; 160x96, since fields need a height divisible by 4."""
        codec = (*_LOSSLESS_H264, "-vf", "setfield=tff", "-flags", "+ildct+ilme")
        size = Resolution(160, 96)
        return self.encode("interlaced.mp4", pictures.moving, range(N_FRAMES), codec, size=size)

    def variable_rate(self, suffix: str = ".mp4") -> Path:
        """After every fourth frame, one is skipped; the rest come at 25 frames per second."""
        times = "setpts=(N+floor(N/4))/25/TB"
        codec = (*_LOSSLESS_H264, "-vf", times, "-fps_mode", "passthrough")
        return self.encode(f"variable{suffix}", pictures.moving, range(N_FRAMES), codec)

    def uneven(self, kind: str, suffix: str = ".mkv") -> Path:
        """The moving clip with times of a `jitter` of 16 ms, a `pause`, or two frames a tick apart.

        The last one is `close`; those in MP4 are exact, those in Matroska in milliseconds.
        """
        shifts = {
            "jitter": [round(16 * math.sin(7 * i)) for i in range(1, N_FRAMES)],
            "pause": [0] * 5 + [477] * (N_FRAMES - 6),
            "close": [-39] + [0] * (N_FRAMES - 2),
        }[kind]
        times = [0, *(40 * i + shift for i, shift in enumerate(shifts, 1))]
        expression = "+".join(f"eq(N\\,{i})*{time}" for i, time in enumerate(times))
        flags = ("-vf", f"settb=1/1000,setpts={expression}", "-enc_time_base", "1/1000")
        codec = (*_LOSSLESS_H264, *flags, "-fps_mode", "passthrough")
        return self.encode(f"uneven-{kind}{suffix}", pictures.moving, range(N_FRAMES), codec)

    def rotated(self, clockwise_deg: int, *, mirrored: bool = False) -> Path:
        """The moving clip, which a player is told to turn."""
        flags = ["-display_rotation", str(-clockwise_deg)]
        name = f"rotated-{clockwise_deg}.mp4"
        if mirrored:
            flags.append("-display_hflip")
            name = f"mirrored-{name}"
        return self.remux(name, self.moving(), (), before=flags)

    def with_cover(self) -> Path:
        """The moving clip with a cover picture, which comes before it in the file."""
        arguments = ("-i", str(self.cover()), "-map", "1", "-map", "0")
        flags = ("-disposition:v:0", "attached_pic", "-disposition:v:1", "0")
        return self.remux("with-cover.mp4", self.moving(), (*arguments, *flags))

    def two_streams(self, suffix: str = ".mkv", *, default: int = 1) -> Path:
        """Two video streams: the moving clip in small, and as it is; one is the default.

        In MP4 the other one is a track that is off.
        """
        name = f"two-streams-{default}{suffix}"
        small = self.moving(size=Resolution(80, 46))
        flags = (f"-disposition:v:{default}", "default", f"-disposition:v:{1 - default}", "0")
        return self.remux(name, small, ("-i", str(self.moving()), "-map", "0", "-map", "1", *flags))

    def cropped(self) -> Path:
        """The moving clip, whose bitstream hides 16 samples at the left and 6 at the top."""
        flags = ("-bsf:v", "h264_metadata=crop_left=16:crop_top=6")
        return self.remux("cropped.mp4", self.moving(), flags)

    def cover(self) -> Path:
        """A single JPEG picture."""
        codec = ("-c:v", "mjpeg", "-update", "1")
        return self.encode("cover.jpg", pictures.static, range(1), codec)

    def short_groups(self) -> Path:
        """The moving clip with a key frame every four frames and no reordering."""
        codec = (*_LOSSLESS_H264, "-g", "4", "-bf", "0")
        return self.encode("short-groups.mp4", pictures.moving, range(N_FRAMES), codec)

    def audio_only(self) -> Path:
        """A tone, in a file that could hold video."""
        return self._made("audio-only.mp4", self._tone)

    def empty(self) -> Path:
        """No byte at all."""
        return self._made("empty.mp4", lambda path: path.touch())

    def text(self) -> Path:
        """Prose with the name of a video."""
        prose = "This is a shopping list, not a video.\n- milk\n- bread\n" * 20
        return self._made("text.mp4", lambda path: path.write_text(prose, encoding="utf-8"))

    def without_index(self) -> Path:
        """An MP4 that was cut before its index, which stands at the end."""
        return self.truncated(self.moving(), name="without-index.mp4")

    def cut_short(self) -> Path:
        """An MP4 with its index in front, whose second half is missing."""
        whole = self.remux("index-first.mp4", self.moving(), ("-movflags", "+faststart"))
        return self.truncated(whole, name="cut-short.mp4")

    def truncated(self, clip: Path, *, name: str, keep: float = 0.5) -> Path:
        """The first part of a file, as long as `keep` says."""
        data = clip.read_bytes()
        return self._made(name, lambda path: path.write_bytes(data[: int(len(data) * keep)]))

    def holed(self, clip: Path, *, n_bytes: int = 300) -> Path:
        """A clip with zeros in its middle."""
        data = bytearray(clip.read_bytes())
        start = len(data) // 2
        data[start : start + n_bytes] = bytes(n_bytes)
        return self._made(f"holed-{clip.name}", lambda path: path.write_bytes(data))

    def growing(self) -> Path:
        """H.264 whose pictures are 160x90, and from frame 12 on 320x180."""
        sizes = SIZE, Resolution(2 * SIZE.width, 2 * SIZE.height)
        streams = (self.moving(size=size, suffix=".h264").read_bytes() for size in sizes)
        return self._made("growing.h264", lambda path: path.write_bytes(b"".join(streams)))

    def raw(
        self,
        *,
        n_frames: int = N_FRAMES,
        size: Resolution = SIZE,
        pix_fmt: str = "yuv420p",
    ) -> Path:
        """The moving clip in a headerless file."""
        frames = (render(pictures.moving, i, size, pix_fmt) for i in range(n_frames))
        name = f"moving-{size}-{n_frames}-{pix_fmt}.yuv"
        return self._made(name, lambda path: path.write_bytes(b"".join(frames)))

    def y4m(self, *, pix_fmt: str = "yuv420p", size: Resolution = SIZE) -> Path:
        """The moving clip, uncompressed."""
        codec = ("-strict", "-1", "-f", "yuv4mpegpipe")
        name = f"moving-{size}-{pix_fmt}.y4m"
        return self.encode(
            name, pictures.moving, range(N_FRAMES), codec, size=size, pix_fmt=pix_fmt
        )

    def encode(
        self,
        name: str,
        scene: Scene,
        numbers: Iterable[int],
        codec: Sequence[str],
        *,
        size: Resolution = SIZE,
        rate: Fraction = RATE,
        pix_fmt: str = "yuv420p",
    ) -> Path:
        """Draw the frames of those numbers and let ffmpeg encode them.

        Args:
            name: Name of the file, which stands for all the other arguments.
            scene: What to draw.
            numbers: Which frames of it.
            codec: ffmpeg's output arguments.
            size: Resolution of the pictures.
            rate: Frames per second.
            pix_fmt: Format in which they are drawn, and encoded if the codec knows it.
        """

        def build(path: Path) -> None:
            frames = b"".join(render(scene, i, size, pix_fmt) for i in numbers)
            geometry = ("-s", str(size), "-pix_fmt", pix_fmt, "-r", str(rate))
            source = ("-f", "rawvideo", *geometry, "-i", "-")
            self.run(*source, *codec, str(path), stdin=frames)

        return self._made(name, build)

    def remux(
        self, name: str, clip: Path, arguments: Sequence[str], *, before: Sequence[str] = ()
    ) -> Path:
        """Copy a clip's packets into another file, with `before` standing before the input."""
        source = (*before, "-i", str(clip))
        return self._made(name, lambda path: self.run(*source, *arguments, "-c", "copy", str(path)))

    def remade(self, name: str, clip: Path, codec: Sequence[str]) -> Path:
        """Decode a clip and encode it anew with `codec`, ffmpeg's output arguments."""
        return self._made(name, lambda path: self.run("-i", str(clip), *codec, str(path)))

    def run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """Run ffmpeg and return its stdout; a failure fails the test with ffmpeg's words."""
        argv = [str(self._ffmpeg), "-hide_banner", "-v", "error", "-y", *arguments]
        done = subprocess.run(argv, input=stdin, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return done.stdout

    def _tone(self, path: Path) -> None:
        self.run("-f", "lavfi", "-i", "sine=duration=0.5", "-c:a", "aac", str(path))

    def _made(self, name: str, build: Callable[[Path], object]) -> Path:
        path = self.folder / name
        if not path.exists():
            build(path)
        return path
