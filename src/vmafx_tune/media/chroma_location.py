"""Where the chroma samples of a stream lie, which PyAV does not tell by itself."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.video.stream import VideoStream

__all__ = ["CHROMA_LOCATIONS", "chroma_location"]

# Matroska's ChromaSitingHorz and ChromaSitingVert: identifiers with a length of one byte, then 1
# for samples that coincide with those of luma and 2 for samples half-way between.
_ACROSS, _DOWN = b"\x55\xb7\x81", b"\x55\xb8\x81"
_PLACES = {(1, 2): "left", (2, 2): "center", (1, 1): "topleft", (2, 1): "top"}

CHROMA_LOCATIONS = frozenset(_PLACES.values())
"""The places that are told apart; H.273's two at the bottom, which nobody uses, are not."""


def chroma_location(stream: VideoStream) -> str | None:
    """Find out where the chroma samples of a stream lie among those of luma.

    The header of a Matroska file that holds the stream, written to memory, says it: a third of a
    millisecond, where ffmpeg would take 50.

    Returns:
        `left`, `center`, `topleft` or `top`; None where the stream says nothing, or names a
        place at the bottom.
    """
    import av

    header = io.BytesIO()
    try:
        with av.open(header, "w", format="matroska") as container:
            container.add_stream_from_template(stream, opaque=True)
            container.start_encoding()
            written = header.getvalue()
    except (av.FFmpegError, ValueError):  # what Matroska does not hold
        return None
    return _PLACES.get((_value(written, _ACROSS), _value(written, _DOWN)))


def _value(header: bytes, name: bytes) -> int:
    _, _, rest = header.partition(name)
    return rest[0] if rest else 0
