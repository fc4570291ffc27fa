"""HEVC with the metadata of Dolby Vision and HDR10+ in it, which few encoders here can write."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["with_dolby_vision", "with_hdr10_plus"]

_START = b"\0\0\0\1"
# ITU-T H.265, table 7-1.
_ACCESS_UNIT_DELIMITER, _PREFIX_SEI, _UNSPECIFIED_62 = 35, 39, 62
_T35 = 4


def with_hdr10_plus(stream: bytes) -> bytes:
    """Put metadata of SMPTE ST 2094-40 before each picture.

    Args:
        stream: HEVC with start codes and access unit delimiters.
    """
    payload = bytes.fromhex("b5003c00010401") + _hdr10_plus()
    sei = bytes((_T35, len(payload))) + payload + b"\x80"
    return b"".join(
        _unit(nal)
        + (_unit(_nal(_PREFIX_SEI, sei)) if _type(nal) == _ACCESS_UNIT_DELIMITER else b"")
        for nal in _nals(stream)
    )


def with_dolby_vision(stream: bytes) -> bytes:
    """Put metadata of profile 8.1 behind each picture.

    Args:
        stream: As for `with_hdr10_plus`.
    """
    pictures: list[list[bytes]] = []
    for nal in _nals(stream):
        if _type(nal) == _ACCESS_UNIT_DELIMITER:
            pictures.append([])
        pictures[-1].append(nal)
    rpu = _nal(_UNSPECIFIED_62, _dolby_vision())
    return b"".join(_unit(nal) for picture in pictures for nal in (*picture, rpu))


def _nals(stream: bytes) -> list[bytes]:
    starts = [match.span() for match in re.finditer(b"\0\0\1", stream)]
    ends = [start for start, _ in starts[1:]] + [len(stream)]
    return [stream[begin:end].rstrip(b"\0") for (_, begin), end in zip(starts, ends, strict=True)]


def _type(nal: bytes) -> int:
    return nal[0] >> 1 & 63


def _nal(kind: int, content: bytes) -> bytes:
    # No three bytes in it may look like a start code (7.4.2).
    return bytes((kind << 1, 1)) + re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", content)


def _unit(nal: bytes) -> bytes:
    return _START + nal


@dataclass
class _Bits:
    """Numbers one after the other, the highest bit first."""

    text: str = ""

    def u(self, n_bits: int, *values: int) -> _Bits:
        for value in values:
            self.text += f"{value & (1 << n_bits) - 1:0{n_bits}b}"
        return self

    def ue(self, *values: int) -> _Bits:
        for value in values:
            code = f"{value + 1:b}"
            self.text += "0" * (len(code) - 1) + code
        return self

    def aligned(self) -> bytes:
        self.text += "0" * (-len(self.text) % 8)
        return int(self.text, 2).to_bytes(len(self.text) // 8)


def _hdr10_plus() -> bytes:
    """Build the metadata of one window: its highest and mean light, and no curve."""
    bits = _Bits().u(2, 1).u(27, 400).u(1, 0)
    bits.u(17, 10_000, 9_000, 8_000).u(17, 2_000)
    bits.u(4, 1).u(7, 99).u(17, 9_500).u(10, 10)
    return bits.u(1, 0).u(1, 0).u(1, 0).aligned()


def _dolby_vision() -> bytes:
    """Build a reference processing unit that changes nothing (ETSI GS CCM 001, annex C)."""
    denominator = 23
    bits = _Bits().u(6, 2).u(11, 18).u(4, 1).u(4, 0)
    # Sequence: coefficients with a fraction of so many bits; 10 bits in, 12 out, no residual.
    bits.u(1, 1).u(1, 0).u(2, 0).ue(denominator).u(2, 1).u(1, 0)
    bits.ue(2, 2, 4).u(1, 0).u(3, 0).u(1, 0).u(1, 1)
    bits.u(1, 1).u(1, 0).ue(0, 0, 0)
    for _ in range(3):
        bits.ue(0).u(10, 0, 1023)
    bits.ue(0, 0)
    for _ in range(3):
        # A polynomial, y = 0 + 1 x: whole parts are signed (1 is 1, coded as 1), then fractions.
        bits.ue(0).ue(0).u(1, 0).ue(0).u(denominator, 0).ue(1).u(denominator, 0)
    bits.ue(0, 0, 1)
    bits.u(16, 9574, 0, 13802, 9574, -1540, -5348, 9574, 17610, 0).u(
        32, 16777216, 134217728, 134217728
    )
    bits.u(16, 7222, 8771, 390, 2654, 12430, 1300, 0, 422, 15962)
    bits.u(16, 65535, 0, 0).u(32, 0).u(5, 12).u(2, 0, 0, 1).u(12, 62, 3079).u(10, 42)
    content = bits.ue(0).aligned()
    return b"\x19" + content + _crc32(content).to_bytes(4) + b"\x80"


def _crc32(content: bytes) -> int:
    """Return the check sum of MPEG-2 (ISO/IEC 13818-1, annex A)."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1) ^ (0x04C11DB7 if crc >> 31 else 0)
            crc &= 0xFFFFFFFF
    return crc
