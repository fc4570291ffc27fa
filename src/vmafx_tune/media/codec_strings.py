"""Codec strings for manifests (RFC 6381), read from the bitstream's own configuration record.

A player decides by this string whether it can decode a rendition, before it loads a byte of it.
What an encoder was asked for is not what it signals (x264 picks profile and level by itself), so
nothing here comes from settings.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from vmafx_tune.errors import UnreadableSourceError
from vmafx_tune.frozen import frozen
from vmafx_tune.media.headers import video_sample_entry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vmafx_tune.media.headers import SampleEntry

__all__ = ["codec_string", "decoder_configuration"]

# The version and flags with which some of the boxes begin.
_FULL_BOX = 4


def codec_string(path: Path) -> str:
    """Write the codec string of an MP4 file's video track: `avc1.640028`, for example.

    Args:
        path: An MP4 with H.264, HEVC, AV1, VP9 or VVC.

    Raises:
        UnreadableSourceError: It is not an MP4 with video in one of these codecs.
    """
    entry = _known_entry(path)
    record, write = _WRITERS[entry.kind]
    try:
        return f"{entry.kind}.{write(entry.boxes[record], _colour(entry))}"
    except (KeyError, IndexError) as error:
        raise UnreadableSourceError(
            f"'{path}' contains '{entry.kind}' video without a complete '{record}' box, so its "
            "codec string is unknown. Encode or mux it again."
        ) from error


def decoder_configuration(path: Path) -> bytes:
    """Read what an MP4 file tells a decoder of its video before the first packet.

    Streams that have it in common can follow each other in one track.

    Args:
        path: As for `codec_string`.

    Raises:
        UnreadableSourceError: As for `codec_string`.
    """
    entry = _known_entry(path)
    return entry.kind.encode() + entry.boxes.get(_WRITERS[entry.kind][0], b"")


def _known_entry(path: Path) -> SampleEntry:
    entry = video_sample_entry(path)
    if entry.kind not in _WRITERS:
        known = ", ".join(_WRITERS)
        raise UnreadableSourceError(
            f"'{path}' contains '{entry.kind}' video, for which no codec string is known. Known "
            f"kinds are {known}."
        )
    return entry


@frozen
class _Colour:
    """Code points of ITU-T H.273; 2 is "unspecified"."""

    primaries: int = 2
    transfer: int = 2
    matrix: int = 2
    full_range: bool = False

    @property
    def is_default(self) -> bool:
        """Whether it is what a string without colour fields stands for: BT.709, limited range."""
        codes = {self.primaries, self.transfer, self.matrix}
        return codes <= {1, 2} and not self.full_range

    @property
    def fields(self) -> str:
        return f"{self.primaries:02}.{self.transfer:02}.{self.matrix:02}"


def _colour(entry: SampleEntry) -> _Colour:
    box = entry.boxes.get("colr", b"")
    if box[:4] != b"nclx" or len(box) < 11:
        return _Colour()
    primaries, transfer, matrix = (int.from_bytes(box[i : i + 2], "big") for i in (4, 6, 8))
    return _Colour(primaries, transfer, matrix, bool(box[10] >> 7))


def _avc(record: bytes, _: _Colour) -> str:
    """Profile, constraint flags and level in hex (ISO/IEC 14496-15, 5.4.1)."""
    profile, constraints, level = record[1], record[2], record[3]
    return f"{profile:02x}{constraints:02x}{level:02x}"


def _hevc(record: bytes, _: _Colour) -> str:
    """Profile, compatibility, tier and level, constraints (ISO/IEC 14496-15, annex E.3)."""
    space = ("", "A", "B", "C")[record[1] >> 6]
    tier = "H" if record[1] & 0x20 else "L"
    profile, level = record[1] & 0x1F, record[12]
    # Flag 0 is the record's highest bit and the string's lowest.
    compatibility = int(f"{int.from_bytes(record[2:6], 'big'):032b}"[::-1], 2)
    constraints = (f"{byte:x}" for byte in record[6:12].rstrip(b"\0"))
    return ".".join((f"{space}{profile}", f"{compatibility:x}", f"{tier}{level}", *constraints))


def _av1(record: bytes, colour: _Colour) -> str:
    """Profile, level and tier, depth, and the rest where needed (AV1 in ISOBMFF, section 5)."""
    profile, level = record[1] >> 5, record[1] & 0x1F
    flags = record[2]
    tier = "H" if flags & 0x80 else "M"
    depth = (12 if flags & 0x20 else 10) if flags & 0x40 else 8
    string = f"{profile}.{level:02}{tier}.{depth:02}"
    monochrome, halved_x, halved_y = (flags >> bit & 1 for bit in (4, 3, 2))
    is_420 = not monochrome and halved_x and halved_y
    if is_420 and colour.is_default:
        return string
    position = flags & 3 if is_420 else 0
    chroma = f"{halved_x}{halved_y}{position}"
    return f"{string}.{monochrome}.{chroma}.{colour.fields}.{colour.full_range:d}"


def _vp9(record: bytes, _: _Colour) -> str:
    """Profile, level, depth, and the rest where needed (VP Codec ISO Media File Format Binding).

    Unlike other records this one holds the colours itself.
    """
    fields = (record[_FULL_BOX + i] for i in range(6))
    profile, level, sampling, primaries, transfer, matrix = fields
    depth, chroma = sampling >> 4, sampling >> 1 & 7
    colour = _Colour(primaries, transfer, matrix, bool(sampling & 1))
    string = f"{profile:02}.{level:02}.{depth:02}"
    if chroma <= 1 and colour.is_default:  # 4:2:0, with either position of the chroma samples
        return string
    return f"{string}.{chroma:02}.{colour.fields}.{colour.full_range:02d}"


def _vvc(record: bytes, _: _Colour) -> str:
    """Profile, tier and level, constraints in base32 (ISO/IEC 14496-15, annex E.6)."""
    # Past a byte of flags, two about layers and chroma, and one with the depth.
    start = _FULL_BOX + 4
    if not record[_FULL_BOX] & 1:
        raise IndexError("The record has no profile, tier and level.")
    n_bytes = record[start] & 0x3F
    profile, tier = record[start + 1] >> 1, "LH"[record[start + 1] & 1]
    level = record[start + 2]
    constraints = record[start + 3 : start + 3 + n_bytes].rstrip(b"\0")
    encoded = base64.b32encode(constraints).decode().rstrip("=")
    return f"{profile}.{tier}{level}" + (f".C{encoded}" if encoded else "")


# By kind of sample entry: the box with its configuration record, and what writes the string.
_WRITERS: dict[str, tuple[str, Callable[[bytes, _Colour], str]]] = {
    "avc1": ("avcC", _avc),
    "avc3": ("avcC", _avc),
    "hvc1": ("hvcC", _hevc),
    "hev1": ("hvcC", _hevc),
    "av01": ("av1C", _av1),
    "vp09": ("vpcC", _vp9),
    "vvc1": ("vvcC", _vvc),
    "vvi1": ("vvcC", _vvc),
}
