"""Finding out from its headers alone that a file was cut short."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmafx_tune.errors import UnreadableSourceError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["check_complete", "count_y4m_frames"]

_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT = b"\x18\x53\x80\x67"
_Y4M_FRAME = b"FRAME"
_Y4M_LINE_BYTES = 4096


def check_complete(path: Path, head: bytes, index_end: int | None) -> None:
    """Make sure that a file holds all that its headers promise.

    Args:
        path: The file.
        head: Its first bytes; those of Matroska and AVI tell how long the file should be.
        index_end: Where the last sample in its index ends; None without an index.

    Raises:
        UnreadableSourceError: The file ends too soon.
    """
    promised = index_end or _matroska_end(head) or _avi_end(head) or 0
    size_bytes = path.stat().st_size
    if promised > size_bytes:
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
                    f"'{path}' is damaged: what follows frame {n_frames} is no Y4M frame header. "
                    "Copy or convert it again."
                )
            if file.seek(picture_bytes, 1) > size_bytes:
                raise UnreadableSourceError(
                    f"'{path}' is cut short: it ends within frame {n_frames}. Copy or convert it "
                    "again."
                )
            n_frames += 1
    return n_frames


def _matroska_end(head: bytes) -> int | None:
    # RFC 8794: an element is an ID, a size of variable length, and so many bytes.
    if not head.startswith(_EBML):
        return None
    header_size, offset = _vint(head, len(_EBML))
    offset += header_size
    if head[offset : offset + len(_SEGMENT)] != _SEGMENT:
        return None
    segment_size, offset = _vint(head, offset + len(_SEGMENT))
    # A live recording does not know its size, which is then written as all ones.
    return offset + segment_size if segment_size else None


def _vint(data: bytes, offset: int) -> tuple[int, int]:
    """Decode an EBML size; returns it (0 where it is unknown) and the offset behind it."""
    first = data[offset] if offset < len(data) else 0
    length = 9 - first.bit_length()
    if not first or offset + length > len(data):
        return 0, offset
    mask = (1 << 7 * length) - 1
    value = int.from_bytes(data[offset : offset + length], "big") & mask
    return (0 if value == mask else value), offset + length


def _avi_end(head: bytes) -> int | None:
    if head[:4] != b"RIFF" or head[8:12] != b"AVI ":
        return None
    size = int.from_bytes(head[4:8], "little")
    # Writers that cannot seek leave zero or all ones.
    return None if size in {0, 0xFFFFFFFF} else size + 8
