"""Colours of a source: what its stream says of range, matrix and where chroma samples lie."""

from __future__ import annotations

import io
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.video.stream import VideoStream

__all__ = ["CHROMA_LOCATIONS", "PRIMARIES", "RANGES", "SPACES", "TRANSFERS", "chroma_location"]

RANGES = MappingProxyType({1: "tv", 2: "pc"})

PRIMARIES = MappingProxyType(
    {
        1: "bt709",
        4: "bt470m",
        5: "bt470bg",
        6: "smpte170m",
        7: "smpte240m",
        8: "film",
        9: "bt2020",
        10: "smpte428",
        11: "smpte431",
        12: "smpte432",
        22: "ebu3213",
    }
)

TRANSFERS = MappingProxyType(
    {
        1: "bt709",
        4: "bt470m",
        5: "bt470bg",
        6: "smpte170m",
        7: "smpte240m",
        8: "linear",
        9: "log100",
        10: "log316",
        11: "iec61966-2-4",
        12: "bt1361e",
        13: "iec61966-2-1",
        14: "bt2020-10",
        15: "bt2020-12",
        16: "smpte2084",
        17: "smpte428",
        18: "arib-std-b67",
    }
)

SPACES = MappingProxyType(
    {
        0: "gbr",
        1: "bt709",
        4: "fcc",
        5: "bt470bg",
        6: "smpte170m",
        7: "smpte240m",
        8: "ycgco",
        9: "bt2020nc",
        10: "bt2020c",
        11: "smpte2085",
        12: "chroma-derived-nc",
        13: "chroma-derived-c",
        14: "ictcp",
        15: "ipt-c2",
        16: "ycgco-re",
        17: "ycgco-ro",
    }
)


# Matroska's ChromaSitingHorz and ChromaSitingVert: identifiers with a length of one byte, then 1
# for samples that coincide with those of luma and 2 for samples half-way between.
_ACROSS, _DOWN = b"\x55\xb7\x81", b"\x55\xb8\x81"
_PLACES = {(1, 2): "left", (2, 2): "center", (1, 1): "topleft", (2, 1): "top"}

CHROMA_LOCATIONS = frozenset(_PLACES.values())
"""The locations that are distinguished; H.273's two at the bottom, which are unused, are not."""


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
