"""Facts about pixel formats, and the format in which two clips are compared.

ffmpeg's own descriptors, read through PyAV, are the only table: no name is parsed here.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from vmafx_tune.errors import UsageError
from vmafx_tune.model import PixelFormat

if TYPE_CHECKING:
    from av.video.format import VideoFormat

    from vmafx_tune.model import Resolution

__all__ = [
    "common_scoring_format",
    "frame_size_bytes",
    "pixel_format",
    "planar_depth",
    "planar_format",
]

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
