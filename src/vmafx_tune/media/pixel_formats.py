"""Pixel formats, colours and orientation of pictures, and the format in which clips are compared.

ffmpeg's own descriptors, read through PyAV, are the only table of pixel formats: no name is parsed
here. Phones store what the sensor saw and add a display matrix. ffmpeg turns pictures by it on its
own (`-autorotate`), so whatever decodes without ffmpeg's command line must do the same.
"""

from __future__ import annotations

import io
import math
import struct
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from vmafx_tune.errors import UnreadableSourceError, UsageError
from vmafx_tune.model import PixelFormat

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from av.video.format import VideoFormat
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from vmafx_tune.model import Resolution

__all__ = [
    "CHROMA_LOCATIONS",
    "CHROMA_STEPS",
    "PRIMARIES",
    "RANGES",
    "SPACES",
    "TRANSFERS",
    "chroma_location",
    "common_scoring_format",
    "depth_of_planar",
    "frame_size_bytes",
    "pixel_format",
    "planar_depth",
    "planar_format",
    "rotation_deg",
    "upright_filters",
]

CHROMA_STEPS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {"420": (2, 2), "422": (2, 1), "444": (1, 1), "400": (1, 1)}
)
"""By chroma format, the multiples that width and height have to be, in samples."""

_SCORING_DEPTHS = (8, 10, 12, 16)
_PALETTE_BYTES = 1024
_GREY = "400"


@lru_cache(maxsize=64)
def pixel_format(name: str) -> PixelFormat:
    """Describe one of ffmpeg's pixel formats.

    Chroma is put as the coarsest of 4:2:0, 4:2:2 and 4:4:4 that loses nothing: 4:1:0 counts as
    4:2:0, 4:1:1 as 4:2:2, 4:4:0 and RGB as 4:4:4.

    Args:
        name: ffmpeg's name, such as `yuv420p`, `p010le` or `gbrp12le`.

    Returns:
        The format with its depth in bits per sample (32 for float formats).

    Raises:
        UsageError: ffmpeg has no such format, or it is one of pictures that live in a GPU.
    """
    layout = _layout(name)
    depth = max(part.bits for part in layout.components)
    alpha = any(part.is_alpha for part in layout.components)
    return PixelFormat(name, depth, _chroma(layout), is_rgb=_is_rgb(layout), alpha=alpha)


def common_scoring_format(
    reference: PixelFormat, distorted: PixelFormat, min_bit_depth: int
) -> str:
    """Choose the planar YUV format in which two clips are compared.

    The distorted clip is brought to the reference's chroma (grey gets the flat chroma of 4:2:0),
    and both to the deeper of the two, so that neither loses precision.

    Args:
        reference: As decoded.
        distorted: As decoded.
        min_bit_depth: What the VMAF model asks for at least, in bits.

    Returns:
        ffmpeg's name of an 8-bit or little-endian 10-, 12- or 16-bit format.
    """
    wanted = max(reference.bit_depth, distorted.bit_depth, min_bit_depth)
    chroma = "420" if reference.chroma == _GREY else reference.chroma
    return planar_format(chroma, planar_depth(wanted))


def planar_depth(bits: int) -> int:
    """Return the least depth of `planar_format` that holds samples of so many bits, 16 at most."""
    return next((depth for depth in _SCORING_DEPTHS if depth >= bits), _SCORING_DEPTHS[-1])


def planar_format(chroma: str, depth: int) -> str:
    """Name a planar YUV format.

    Args:
        chroma: `420`, `422` or `444`.
        depth: Bits per sample: 8, 10, 12 or 16.

    Returns:
        ffmpeg's name; little-endian above 8 bits.
    """
    return f"yuv{chroma}p" if depth == 8 else f"yuv{chroma}p{depth}le"


def depth_of_planar(name: str) -> int:
    """Return the bits per sample of a `planar_format`, without what describes all formats."""
    return _PLANAR_DEPTHS[name]


_PLANAR_DEPTHS = {
    planar_format(chroma, depth): depth
    for chroma in CHROMA_STEPS.keys() - {_GREY}
    for depth in _SCORING_DEPTHS
}


def frame_size_bytes(name: str, resolution: Resolution) -> int:
    """Compute how many bytes one picture takes in a headerless file.

    As ffmpeg's `rawvideo` lays it out: rows are not padded, and chroma sizes are rounded up.

    Args:
        name: ffmpeg's name of the pixel format.
        resolution: Size of the picture; odd sizes are fine.

    Returns:
        Bytes of all planes.

    Raises:
        UsageError: The format is unknown.
    """
    layout = _layout(name, resolution.width, resolution.height)
    if layout.is_planar:
        return sum(part.width * part.height * _bytes(part.bits) for part in layout.components)
    # In a packed row of 4:2:2 or 4:1:1, one chroma sample takes the place of its whole group.
    group = max(-(-8 // part.width) for part in _layout(name, 8, 8).components)
    row_samples = -(-resolution.width // group) * group
    row_bytes = _bytes(row_samples * layout.padded_bits_per_pixel)
    palette = _PALETTE_BYTES if layout.has_palette else 0
    return row_bytes * resolution.height + palette


def _layout(name: str, width: int = 8, height: int = 8) -> VideoFormat:
    from av.video.format import VideoFormat

    try:
        layout = VideoFormat(name, width, height)
    except ValueError as error:
        raise UsageError(
            f"Unknown pixel format '{name}'. Use one of ffmpeg's names, such as yuv420p, yuv422p "
            "or yuv420p10le."
        ) from error
    if not layout.components:
        raise UsageError(
            f"The pixel format '{name}' is a hardware format of frames in a GPU. Use a software "
            "format, such as yuv420p or p010le."
        )
    return layout


def _chroma(layout: VideoFormat) -> str:
    colours = [part for part in layout.components if not part.is_alpha]
    if len(colours) == 1 and not layout.has_palette:
        return _GREY
    narrower = any(part.width < layout.width for part in colours)
    lower = any(part.height < layout.height for part in colours)
    if narrower:
        return "420" if lower else "422"
    return "444"


def _is_rgb(layout: VideoFormat) -> bool:
    # ffmpeg has no flag for the CIE XYZ of digital cinema, which it converts by way of RGB.
    return layout.is_rgb or layout.has_palette or layout.name.startswith("xyz")


def _bytes(bits: int) -> int:
    return -(-bits // 8)


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


_MATRIX = struct.Struct("=9i")
_TOLERANCE_DEG = 1.0


def rotation_deg(frame: VideoFrame, path: Path) -> int:
    """Read how far a decoded frame is to be turned clockwise: 0, 90, 180 or 270 degrees.

    Args:
        frame: As it came from the decoder.
        path: The file that it is from, for the error message.

    Raises:
        UnreadableSourceError: The rotation is not a multiple of 90 degrees.
    """
    matrix = _display_matrix(frame)
    return 0 if matrix is None else 90 * _quarter_turns(matrix, path)


def upright_filters(frame: VideoFrame, path: Path) -> list[tuple[str, str]]:
    """List the libavfilter filters, with their arguments, that bring a decoded frame upright.

    Mirrored pictures need them even where nothing is turned.

    Args:
        frame: As it came from the decoder.
        path: The file that it is from, for the error message.

    Raises:
        UnreadableSourceError: The rotation is not a multiple of 90 degrees.
    """
    matrix = _display_matrix(frame)
    if matrix is None:
        return []
    # The cases that ffmpeg's configure_input_video_filter distinguishes (fftools/ffmpeg_filter.c).
    quarter = _quarter_turns(matrix, path)
    if quarter == 1:
        return [("transpose", "cclock_flip" if matrix[3] > 0 else "clock")]
    if quarter == 3:
        return [("transpose", "clock_flip" if matrix[3] < 0 else "cclock")]
    return _mirrors(hflip=quarter == 2 and matrix[0] < 0, vflip=matrix[4] < 0)


def _display_matrix(frame: VideoFrame) -> tuple[int, ...] | None:
    from av.buffer import Buffer

    matrix = frame.side_data.get("DISPLAYMATRIX")
    return _MATRIX.unpack(bytes(matrix)) if isinstance(matrix, Buffer) else None


def _quarter_turns(matrix: tuple[int, ...], path: Path) -> int:
    turn_deg = _clockwise_deg(matrix)
    if abs(turn_deg - 90 * round(turn_deg / 90)) > _TOLERANCE_DEG:
        raise UnreadableSourceError(
            f"'{path}' has a rotation of {turn_deg:.0f} degrees. Only quarter turns are "
            "supported; re-encode it upright."
        )
    return round(turn_deg / 90) % 4


def _mirrors(*, hflip: bool, vflip: bool) -> list[tuple[str, str]]:
    return [(name, "") for name, wanted in (("hflip", hflip), ("vflip", vflip)) if wanted]


def _clockwise_deg(matrix: tuple[int, ...]) -> float:
    # av_display_rotation_get, with the opposite sign: that one counts anticlockwise.
    x_scale = math.hypot(matrix[0], matrix[3])
    y_scale = math.hypot(matrix[1], matrix[4])
    if not x_scale or not y_scale:
        return 0.0
    return math.degrees(math.atan2(matrix[1] / y_scale, matrix[0] / x_scale)) % 360
