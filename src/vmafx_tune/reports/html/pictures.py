"""Pictures inside of pages: small enough that a page with all of them can be sent around."""

from __future__ import annotations

import io
from base64 import b64encode
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["data_urls"]

# Widths in samples, and what the encoder takes for quality: lower is better.
_SIZES = ((960, 3), (960, 6), (640, 5), (480, 8), (320, 12), (160, 31))


def data_urls(paths: Sequence[Path], most_bytes: int) -> list[str]:
    """Write pictures as JPEG in URLs of their own, all at the same size, as large as may be.

    Args:
        paths: PNG files.
        most_bytes: How large all of them may be together, if they can be made so small.

    Returns:
        One for each; empty for a picture that cannot be read.
    """
    for width, quality in _SIZES:
        pictures = [_jpeg(path, width, quality) for path in paths]
        if sum(map(len, pictures)) <= most_bytes:
            break
    return [
        f"data:image/jpeg;base64,{b64encode(picture).decode()}" if picture else ""
        for picture in pictures
    ]


def _jpeg(path: Path, width: int, quality: int) -> bytes:
    import av

    out = io.BytesIO()
    try:
        with av.open(str(path)) as container, av.open(out, "w", format="mjpeg") as written:
            frame = next(container.decode(video=0))
            width = min(width, frame.width)
            height = max(1, round(frame.height * width / frame.width))
            stream = written.add_stream("mjpeg", rate=1)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuvj444p"
            stream.options = {"qmin": str(quality), "qmax": str(quality)}
            small = frame.reformat(width, height, "yuvj444p", interpolation="AREA")
            small.pts = None
            for packet in (*stream.encode(small), *stream.encode(None)):
                written.mux(packet)
    except (OSError, StopIteration, av.FFmpegError):
        return b""
    return out.getvalue()
