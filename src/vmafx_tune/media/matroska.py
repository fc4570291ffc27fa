"""Looking into the elements of a Matroska or WebM file (RFC 8794, RFC 9559)."""

from __future__ import annotations

import io
from typing import IO, TYPE_CHECKING

from vmafx_tune.errors import UnreadableSourceError
from vmafx_tune.media.container import check_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["cropped_margins", "promised_end"]

_SEGMENT = 0x18538067
_TRACKS = 0x1654AE6B
_CLUSTER = 0x1F43B675
_TRACK = 0xAE
_TRACK_TYPE = 0x83
_VIDEO_TYPE = 1
_VIDEO = 0xE0
# PixelCropLeft, PixelCropRight, PixelCropTop, PixelCropBottom.
_MARGINS = (0x54CC, 0x54DD, 0x54BB, 0x54AA)
# The longest number of an element; what claims more is damaged.
_NUMBER_BYTES = 8
# Tracks take some hundred bytes each; what claims more is damaged.
_MOST_BYTES = 1 << 24


def cropped_margins(path: Path, index: int = 0) -> tuple[int, int, int, int]:
    """Read what a video track asks players to hide of its pictures.

    Args:
        path: The file.
        index: Of the track among those of video.

    Returns:
        Samples at the left, right, top and bottom; zeros where the file does not say.

    Raises:
        UnreadableSourceError: The file cannot be read.
    """
    check_file(path)
    try:
        with path.open("rb") as file:
            tracks = _find_tracks(file, path.stat().st_size)
    except OSError as error:
        raise UnreadableSourceError(f"'{path}' cannot be read: {error.strerror}.") from error
    entries = (dict(_elements(content)) for name, content in _elements(tracks) if name == _TRACK)
    films = [e for e in entries if int.from_bytes(e.get(_TRACK_TYPE, b"")) == _VIDEO_TYPE]
    video = dict(_elements(films[index].get(_VIDEO, b""))) if index < len(films) else {}
    margins = (int.from_bytes(video.get(name, b"")[:_NUMBER_BYTES]) for name in _MARGINS)
    left, right, top, bottom = margins
    return left, right, top, bottom


def promised_end(path: Path) -> int:
    """Find where a file should end: where its segment does, or else its last element.

    A live recording does not know its own length, but that of each block in it.
    """
    end, inside = 0, False
    file_bytes = path.stat().st_size
    with path.open("rb") as file:
        while (head := _head(file)) is not None:
            name, size = head
            if name == _SEGMENT and size:
                return file.tell() + size
            inside = inside or name == _SEGMENT
            if name in {_SEGMENT, _CLUSTER} or size is None:
                continue
            place = file.tell() + size
            end = place if inside else 0
            if place > file_bytes:
                break
            file.seek(place)
    return end


def _find_tracks(file: IO[bytes], file_bytes: int) -> bytes:
    """Skip to the tracks, which come before the pictures; empty where they do not."""
    while (head := _head(file)) is not None:
        name, size = head
        if name == _SEGMENT:
            continue
        if name == _TRACKS and size is not None:
            return file.read(min(size, _MOST_BYTES))
        if name == _CLUSTER or size is None or size > file_bytes:
            break
        file.seek(size, io.SEEK_CUR)
    return b""


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Split an element's content; ends quietly at what is not an element."""
    file = io.BytesIO(data)
    while (head := _head(file)) is not None and head[1] is not None:
        yield head[0], file.read(min(head[1], len(data)))


def _head(file: IO[bytes]) -> tuple[int, int | None] | None:
    """Read the name and the size of an element, None for an unknown size; None at the end."""
    if (name := _number(file)) is None or (size := _number(file)) is None:
        return None
    # Names are written with their marker. A size of nothing but ones is not known.
    name_as_written, _ = name
    marked, n_bytes = size
    most = (1 << 7 * n_bytes) - 1
    return name_as_written, None if marked & most == most else marked & most


def _number(file: IO[bytes]) -> tuple[int, int] | None:
    """Read a number of variable length with its marker, and its length in bytes."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    n_bytes = 9 - first[0].bit_length()
    rest = file.read(n_bytes - 1)
    return (int.from_bytes(first + rest), n_bytes) if len(rest) == n_bytes - 1 else None
