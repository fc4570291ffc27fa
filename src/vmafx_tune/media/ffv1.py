"""The checksums of FFV1 (RFC 9043, 4.9), which libavcodec's decoder does not hand on."""

from __future__ import annotations

import zlib

__all__ = ["has_valid_checksums"]

# A slice ends with its size, and with checksums with a status and a CRC of all of it.
_SIZE_BYTES = 3
_FOOTER_BYTES = 8
# The CRC starts at the highest bit of each byte, zlib's at the lowest.
_REFLECTED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_ALL_ONES = 0xFFFFFFFF


def has_valid_checksums(packet: bytes) -> bool:
    """Check the CRC of each slice of an FFV1 frame.

    Args:
        packet: One frame.

    Returns:
        Whether all of them match; True for a frame without checksums.
    """
    slices = _slices(packet)
    return slices is None or all(map(_is_intact, slices))


def _slices(packet: bytes) -> list[bytes] | None:
    """Split a frame, from its end; None where it is not a frame with checksums."""
    slices, end = [], len(packet)
    while end >= _FOOTER_BYTES:
        size = int.from_bytes(packet[end - _FOOTER_BYTES : end - _FOOTER_BYTES + _SIZE_BYTES])
        start = end - _FOOTER_BYTES - size
        if start < 0:
            return None
        slices.append(packet[start:end])
        end = start
    return slices if end == 0 else None


def _is_intact(data: bytes) -> bool:
    # zlib inverts the CRC before and after; FFV1 starts it at 0, and ends at 0 with the CRC itself.
    return zlib.crc32(data.translate(_REFLECTED), _ALL_ONES) == _ALL_ONES
