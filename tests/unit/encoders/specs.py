"""Sources and specifications to build commands from; nothing here touches a file."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from vmafx_tune.model import EncodeSpec, PixelFormat, RawFormat, Resolution, Source


def make_source(
    path: str = "clips/clip.mp4",
    *,
    width: int = 640,
    height: int = 360,
    pix_fmt: str = "yuv420p",
    chroma: str = "420",
    raw: RawFormat | None = None,
) -> Source:
    """Describe a source that need not exist."""
    return Source(
        path=Path(path),
        resolution=Resolution(width, height),
        frame_rate=Fraction(25),
        n_frames=50,
        pixel_format=PixelFormat(pix_fmt, 8, chroma),
        codec="h264",
        raw=raw,
    )


def make_spec(
    encoder: str = "libx264",
    quality: float = 30,
    *,
    source: Source | None = None,
    preset: str | None = None,
    extra_args: tuple[str, ...] = (),
    size: Resolution | None = None,
    threads: int | None = None,
    gop_frames: int | None = None,
) -> EncodeSpec:
    """Specify an encode of `source`, or of a plain 360p clip."""
    return EncodeSpec(
        source=source or make_source(),
        encoder=encoder,
        quality=quality,
        preset=preset,
        extra_args=extra_args,
        size=size,
        threads=threads,
        gop_frames=gop_frames,
    )
