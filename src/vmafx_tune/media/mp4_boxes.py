"""Looking into the boxes of an MP4 file (ISO/IEC 14496-12), for what PyAV does not show.

Sizes are those of whoever wrote the file. Boxes are walked by their offsets, each one ends where
its parent does at the latest, and only the contents that are asked for are read.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from itertools import islice
from typing import IO, TYPE_CHECKING, NamedTuple

from vmafx_tune.errors import UnreadableSourceError
from vmafx_tune.media.container import check_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["SampleEntry", "video_sample_entry"]

_TO_TRACK = ("moov", "trak")
_TO_HANDLER = ("mdia", "hdlr")
_TO_DESCRIPTIONS = ("mdia", "minf", "stbl", "stsd")
# What precedes the boxes in an `stsd` box, and in a VisualSampleEntry.
_STSD_FIELDS = 8
_ENTRY_FIELDS = 78
# A sample entry takes some hundred bytes, with a colour profile some hundred thousand.
_MOST_BYTES = 1 << 22


@dataclass(frozen=True, slots=True)
class SampleEntry:
    """What an MP4 says of the codec of its video track.

    Attributes:
        kind: Its four-character code: `avc1`, `hvc1`, `av01` …
        boxes: Contents of the boxes in it, such as `avcC` or `colr`, by their code.
    """

    kind: str
    boxes: dict[str, bytes]


class _Box(NamedTuple):
    """A box's code, and the offsets between which its content lies."""

    kind: str
    start: int
    end: int


def video_sample_entry(path: Path, index: int = 0) -> SampleEntry:
    """Read the sample entry of a video track.

    Args:
        path: The file.
        index: Of the track among those of video.

    Raises:
        UnreadableSourceError: The file cannot be read, or is no MP4 with a video track.
    """
    check_file(path)
    try:
        with path.open("rb") as file:
            whole = _Box("", 0, path.stat().st_size)
            films = (track for track in _inside(file, whole, _TO_TRACK) if _is_video(file, track))
            for film in islice(films, index, index + 1):
                for descriptions in _inside(file, film, _TO_DESCRIPTIONS):
                    for entry in _sample_entries(file, descriptions):
                        return entry
    except OSError as error:
        raise UnreadableSourceError(f"'{path}' cannot be read: {error.strerror}.") from error
    raise UnreadableSourceError(f"'{path}' is not an MP4 with a video track.")


def _is_video(file: IO[bytes], track: _Box) -> bool:
    handler = next(_inside(file, track, _TO_HANDLER), None)
    return handler is not None and _content(file, handler, 12)[8:] == b"vide"


def _sample_entries(file: IO[bytes], descriptions: _Box) -> Iterator[SampleEntry]:
    content = io.BytesIO(_content(file, descriptions, _MOST_BYTES))
    size_bytes = content.seek(0, io.SEEK_END)
    for kind, start, end in _boxes(content, _STSD_FIELDS, size_bytes):
        boxes = _boxes(content, start + _ENTRY_FIELDS, end)
        yield SampleEntry(kind, {box.kind: _content(content, box, _MOST_BYTES) for box in boxes})


def _inside(file: IO[bytes], box: _Box, path: tuple[str, ...]) -> Iterator[_Box]:
    """Find the boxes that a path of codes leads to."""
    if not path:
        yield box
        return
    for inner in _boxes(file, box.start, box.end):
        if inner.kind == path[0]:
            yield from _inside(file, inner, path[1:])


def _boxes(file: IO[bytes], start: int, end: int) -> Iterator[_Box]:
    """Walk over the boxes between two offsets; ends quietly at what is not a box."""
    while end - start >= 8:
        file.seek(start)
        header = file.read(16)
        size, n_bytes = int.from_bytes(header[:4]), 8
        if size == 1:
            size, n_bytes = int.from_bytes(header[8:]), 16
        elif size == 0:
            size = end - start
        if size < n_bytes:
            return
        yield _Box(header[4:8].decode("latin-1"), start + n_bytes, min(start + size, end))
        start += size


def _content(file: IO[bytes], box: _Box, most_bytes: int) -> bytes:
    file.seek(box.start)
    return file.read(max(0, min(box.end - box.start, most_bytes)))
