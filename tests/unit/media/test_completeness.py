from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from vmafx_tune.errors import UnreadableSourceError
from vmafx_tune.media.completeness import check_complete, count_y4m_frames, ends_early

if TYPE_CHECKING:
    from pathlib import Path

EBML_HEADER = b"\x1a\x45\xdf\xa3\x84\x00\x00\x00\x00"
SEGMENT = b"\x18\x53\x80\x67"
Y4M_HEADER = b"YUV4MPEG2 W2 H2 F25:1\n"


def matroska(size_field: bytes, n_bytes: int) -> bytes:
    return EBML_HEADER + SEGMENT + size_field + bytes(n_bytes)


def avi(size: int, n_bytes: int) -> bytes:
    return b"RIFF" + struct.pack("<I", size) + b"AVI " + bytes(n_bytes - 4)


def live_matroska(block: bytes) -> bytes:
    """A segment and a cluster without a size, and a block in it."""
    unknown = b"\x01" + b"\xff" * 7
    blocks = b"\xa3" + block if block else b""
    return EBML_HEADER + SEGMENT + unknown + b"\x1f\x43\xb6\x75" + unknown + blocks


def mxf(footer: int, n_bytes: int) -> bytes:
    key = bytes.fromhex("060e2b34020501010d01020101020400")
    places = bytes.fromhex("00010003") + bytes(4 + 8 + 8) + footer.to_bytes(8, "big")
    head = key + b"\x83\x00\x00\x68" + places
    return head + bytes(n_bytes - len(head))


@pytest.mark.parametrize(
    "data",
    [
        matroska(b"\xe4", 100),
        matroska(b"\x40\x64", 100),
        matroska(b"\x01\x00\x00\x00\x00\x00\x00\x64", 100),
        matroska(b"\xe4", 120),
        matroska(b"\xff", 10),
        matroska(b"\x01" + b"\xff" * 7, 10),
        matroska(b"", 0),
        EBML_HEADER[:5],
        avi(100, 100),
        avi(0, 100),
        avi(0xFFFFFFFF, 100),
        live_matroska(b"\xe4" + bytes(100)),
        live_matroska(b""),
        mxf(footer=100, n_bytes=120),
        mxf(footer=0, n_bytes=60),
        b"anything else",
    ],
)
def test_a_file_as_long_as_its_header_says_is_complete(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "clip"
    path.write_bytes(data)

    check_complete(path, data, index_end=None)


@pytest.mark.parametrize(
    ("data", "promised"),
    [
        (matroska(b"\xe4", 99), 114),
        (matroska(b"\x01\x00\x00\x00\x00\x00\x00\x64", 50), 121),
        (avi(100, 99), 108),
        (live_matroska(b"\xe4" + bytes(99)), 135),
        (mxf(footer=200, n_bytes=100), 214),
    ],
)
def test_a_file_shorter_than_its_header_says_is_cut_short(
    tmp_path: Path, data: bytes, promised: int
) -> None:
    path = tmp_path / "clip"
    path.write_bytes(data)

    with pytest.raises(UnreadableSourceError, match=f"promises {promised} bytes.*{len(data)}"):
        check_complete(path, data, index_end=None)


def test_a_file_that_ends_before_the_last_sample_in_its_index_is_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(bytes(100))

    check_complete(path, b"", index_end=100)
    with pytest.raises(UnreadableSourceError, match="cut short"):
        check_complete(path, b"", index_end=101)


def test_y4m_frames_are_counted_whatever_their_headers_hold(tmp_path: Path) -> None:
    path = tmp_path / "clip.y4m"
    path.write_bytes(Y4M_HEADER + b"FRAME\n123456" + b"FRAME Ip\n123456" + b"FRAME\n\n\n\n\n\n\n")

    assert count_y4m_frames(path, picture_bytes=6) == 3


def test_a_y4m_file_that_ends_within_a_frame_is_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "clip.y4m"
    path.write_bytes(Y4M_HEADER + b"FRAME\n123456" + b"FRAME\n12345")

    with pytest.raises(UnreadableSourceError, match="ends within frame 1"):
        count_y4m_frames(path, picture_bytes=6)


def test_a_y4m_file_with_something_else_between_its_frames_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "clip.y4m"
    path.write_bytes(Y4M_HEADER + b"FRAME\n123456" + b"garbage\n")

    with pytest.raises(UnreadableSourceError, match="frame 1 is not followed"):
        count_y4m_frames(path, picture_bytes=6)


def ts(n_bytes: int, packet_bytes: int = 188, sync: int = 0) -> bytes:
    packet = bytes(sync) + b"\x47" + bytes(packet_bytes - sync - 1)
    return (packet * 20)[:n_bytes]


@pytest.mark.parametrize(
    ("data", "early"),
    [
        (ts(188 * 10), False),
        (ts(188 * 10 - 1), True),
        (ts(192 * 10, 192, 4), False),
        (ts(192 * 10 - 1, 192, 4), True),
        (ts(204 * 10, 204), False),
        (b"G" * 3, False),
        (b"OggS\x00\x02" + bytes(50) + b"OggS\x00\x04" + bytes(50), False),
        (b"OggS\x00\x02" + bytes(50) + b"OggS\x00\x00" + bytes(50), True),
    ],
)
def test_a_recording_that_stops_within_a_packet_or_without_an_end_mark_ends_early(
    tmp_path: Path, data: bytes, early: bool
) -> None:
    path = tmp_path / "clip"
    path.write_bytes(data)

    assert ends_early(path, data[:4096]) is early
