"""Finding out from its headers alone that a file was cut short."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmafx_tune.errors import UnreadableSourceError
from vmafx_tune.media.matroska import promised_end

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["check_complete", "count_y4m_frames", "ends_early"]

_EBML = b"\x1a\x45\xdf\xa3"
_Y4M_FRAME = b"FRAME"
_Y4M_LINE_BYTES = 4096
# Bytes in a packet, and before its sync byte: plain, with times (Blu-ray), with error correction.
_TS_LAYOUTS = ((188, 0), (192, 4), (204, 0))
_TS_SYNC = 0x47
_OGG_PAGE = b"OggS"
_OGG_END = 4
_OGG_TAIL_BYTES = 1 << 17
_MXF_PARTITION = bytes.fromhex("060e2b34020501010d0102010102")
_MXF_LONG_LENGTH = b"\x83"
_MXF_FOOTER = 20 + 4 + 4 + 8 + 8


def check_complete(path: Path, head: bytes, index_end: int | None) -> None:
    """Make sure that a file holds all that its headers promise.

    Args:
        path: The file.
        head: Its first bytes; those of AVI and MXF say how long the file should be.
        index_end: Where the last sample in its index ends; None without an index.

    Raises:
        UnreadableSourceError: The file ends too soon.
    """
    size_bytes = path.stat().st_size
    promised = index_end or _avi_end(head) or _mxf_end(head)
    if promised is None and head.startswith(_EBML):
        promised = promised_end(path)
    if (promised or 0) > size_bytes:
        raise UnreadableSourceError(
            f"'{path}' is cut short: its header promises {promised} bytes, the file has "
            f"{size_bytes}. Copy or download it again."
        )


def count_y4m_frames(path: Path, picture_bytes: int) -> int:
    """Count the frames of a `.y4m` file by leaping from one frame header to the next.

    Args:
        path: A file that starts with a valid stream header.
        picture_bytes: Size of the samples of one frame.

    Raises:
        UnreadableSourceError: The file ends within a frame, or holds something else between two.
    """
    size_bytes = path.stat().st_size
    n_frames = 0
    with path.open("rb") as file:
        file.readline(_Y4M_LINE_BYTES)
        while header := file.readline(_Y4M_LINE_BYTES):
            if not header.startswith(_Y4M_FRAME):
                raise UnreadableSourceError(
                    f"'{path}' is damaged: frame {n_frames} is not followed by a Y4M frame "
                    "header. Copy or convert it again."
                )
            if file.seek(picture_bytes, 1) > size_bytes:
                raise UnreadableSourceError(
                    f"'{path}' is cut short: it ends within frame {n_frames}. Copy or convert it "
                    "again."
                )
            n_frames += 1
    return n_frames


def ends_early(path: Path, head: bytes) -> bool:
    """Tell whether a file without a promise of its length ends in the middle of something.

    MPEG-TS has packets of one size, and Ogg marks the last page of a stream. Both are often
    recordings that were simply stopped, so it is not an error.

    Args:
        path: The file.
        head: Its first bytes.
    """
    size_bytes = path.stat().st_size
    for packet_bytes, sync in _TS_LAYOUTS:
        places = range(sync, min(len(head), 8 * packet_bytes), packet_bytes)
        if len(places) > 1 and all(head[place] == _TS_SYNC for place in places):
            return size_bytes % packet_bytes != 0
    return head.startswith(_OGG_PAGE) and not _has_last_page(path, size_bytes)


def _has_last_page(path: Path, size_bytes: int) -> bool:
    with path.open("rb") as file:
        file.seek(max(0, size_bytes - _OGG_TAIL_BYTES))
        tail = file.read()
    # RFC 3533: the flags of a page, of which 4 is "end of stream", follow its version.
    flags = (part[1] for part in tail.split(_OGG_PAGE)[1:] if len(part) > 1)
    return any(flag & _OGG_END for flag in flags)


def _mxf_end(head: bytes) -> int | None:
    # SMPTE ST 377-1: key and length of the header partition pack, five numbers, the footer's place.
    if not head.startswith(_MXF_PARTITION) or head[16:17] != _MXF_LONG_LENGTH:
        return None
    footer = int.from_bytes(head[_MXF_FOOTER : _MXF_FOOTER + 8])
    # The footer itself starts with a key.
    return footer + len(_MXF_PARTITION) if footer else None


def _avi_end(head: bytes) -> int | None:
    if head[:4] != b"RIFF" or head[8:12] != b"AVI ":
        return None
    size = int.from_bytes(head[4:8], "little")
    # Writers that cannot seek leave zero or all ones.
    return None if size in {0, 0xFFFFFFFF} else size + 8
