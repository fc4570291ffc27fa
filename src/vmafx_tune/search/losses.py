"""What an encode has lost of its source beside quality, and whether it is any smaller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmafx_tune.formatting import rough_bitrate

if TYPE_CHECKING:
    from vmafx_tune.model import PixelFormat, Probe, Source

__all__ = ["larger_than_source", "losses"]

_COLOUR = ("400", "420", "422", "444")


def losses(source: Source, encode: Probe) -> tuple[str, ...]:
    """Say what the encode of a source does not have any more, by the facts of the two.

    Args:
        source: As probed.
        encode: What was measured; without facts of its pictures nothing is said of them.

    Returns:
        A sentence for each.
    """
    if encode.pixel_format is None:
        return ()
    told = _format_losses(source.pixel_format, encode.pixel_format)
    gone = [name for name in source.hdr_metadata if name not in encode.hdr_metadata]
    told += (f"The {name} metadata of the source is not in the encode." for name in gone)
    if encode.without_grain:
        told.append("The film grain that the encoder synthesises was left out of scoring.")
    return tuple(told)


def _format_losses(source: PixelFormat, encode: PixelFormat) -> list[str]:
    told = []
    if _COLOUR.index(encode.chroma) < _COLOUR.index(source.chroma):
        told.append(
            f"The source is {_sampling(source)} ({source.name}), and the encode "
            f"{_sampling(encode)} ({encode.name}). VMAF only compares luma."
        )
    if encode.bit_depth < source.bit_depth:
        told.append(
            f"The source has {source.bit_depth} bits a sample ({source.name}), and the encode "
            f"{encode.bit_depth} ({encode.name})."
        )
    if source.alpha and not encode.alpha:
        told.append(f"The source has an alpha channel ({source.name}), and the encode has none.")
    return told


def _sampling(pixels: PixelFormat) -> str:
    return "grey" if pixels.chroma == "400" else ":".join(pixels.chroma)


def larger_than_source(what: str, bitrate_kbps: float, source_kbps: float | None) -> str | None:
    """Say of an encode that it has more bits than what it was made of.

    Args:
        what: The encode, as the sentence begins.
        bitrate_kbps: Average video bitrate of the encode.
        source_kbps: That of the source; None where it is not known.

    Returns:
        A sentence; None where the encode is smaller.
    """
    if source_kbps is None or bitrate_kbps <= source_kbps:
        return None
    return (
        f"{what} is larger than the source: {rough_bitrate(bitrate_kbps)} kb/s, where the source's "
        f"video has {rough_bitrate(source_kbps)} kb/s."
    )
