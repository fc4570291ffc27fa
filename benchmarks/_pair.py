"""The clips that are measured with."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from vmafx_tune.session import Session

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["encoded_pair", "short_clip"]

_GRAIN = "noise=alls=12:allf=t,format=yuv420p"


def encoded_pair(
    folder: Path, size: str = "1280x720", duration_s: float = 10, *, crf: int = 34
) -> tuple[Path, Path]:
    """Encode a moving picture well, and worse, unless that has been done."""
    reference, distorted = folder / f"reference-{size}.mp4", folder / f"crf{crf}-{size}.mp4"
    if not reference.exists():
        picture = f"testsrc2=size={size}:rate=25:duration={duration_s}"
        source = ("-f", "lavfi", "-i", picture, "-vf", _GRAIN)
        _encode(*source, "-crf", "16", reference)
    if not distorted.exists():
        _encode("-i", reference, "-crf", str(crf), distorted)
    return reference, distorted


def short_clip(folder: Path) -> Path:
    """Make two seconds of a small moving picture, without loss, unless that has been done."""
    clip = folder / "short.mkv"
    if not clip.exists():
        picture = "testsrc2=size=320x180:rate=25:duration=2"
        argv = [Session().ffmpeg.path, "-v", "error", "-y", "-f", "lavfi", "-i", picture]
        subprocess.run([*argv, "-c:v", "ffv1", clip], check=True)
    return clip


def _encode(*arguments: str | Path) -> None:
    *before, target = arguments
    codec = ("-c:v", "libx264", "-preset", "fast")
    ffmpeg = Session().ffmpeg.path
    subprocess.run([ffmpeg, "-v", "error", "-y", *before, *codec, target], check=True)
