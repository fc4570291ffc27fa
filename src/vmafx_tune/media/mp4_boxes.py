"""Looking into the boxes of an MP4 file (ISO/IEC 14496-12), for what PyAV does not show."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from vmafx_tune.errors import UnreadableSourceError
from vmafx_tune.media.container import check_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["SampleEntry", "video_sample_entry"]

_TO_HANDLER = ("mdia", "hdlr")
_TO_DESCRIPTIONS = ("mdia", "minf", "stbl", "stsd")
# What precedes the boxes in an `stsd` box, and in a VisualSampleEntry.
_STSD_FIELDS = 8
_ENTRY_FIELDS = 78


@dataclass(frozen=True, slots=True)
class SampleEntry:
    """What an MP4 says of the codec of its video track.

    Attributes:
        kind: Its four-character code: `avc1`, `hvc1`, `av01` …
        boxes: Contents of the boxes in it, such as `avcC` or `colr`, by their code.
    """

    kind: str
    boxes: dict[str, bytes]


def video_sample_entry(path: Path, index: int = 0) -> SampleEntry:
    """Read the sample entry of a video track.

    Args:
        path: The file.
        index: Of the track among those of video.

    Raises:
        UnreadableSourceError: The file cannot be read, or is no MP4 with a video track.
    """
    check_file(path)
    tracks = (track for track in _inside(_movie(path), "trak") if _is_video(track))
    for track in islice(tracks, index, index + 1):
        descriptions = next(_descend(track, _TO_DESCRIPTIONS), b"")
        for kind, entry in _boxes(descriptions[_STSD_FIELDS:]):
            return SampleEntry(kind, dict(_boxes(entry[_ENTRY_FIELDS:])))
    raise UnreadableSourceError(f"'{path}' is no MP4 with a video track.")


def _is_video(track: bytes) -> bool:
    return next(_descend(track, _TO_HANDLER), b"")[8:12] == b"vide"


def _movie(path: Path) -> bytes:
    """Read the `moov` box, skipping over the pictures; empty where there is none."""
    try:
        with path.open("rb") as file:
            while len(header := file.read(8)) == 8:
                size, kind = int.from_bytes(header[:4], "big"), header[4:]
                read = 8
                if size == 1:
                    size, read = int.from_bytes(file.read(8), "big"), 16
                if kind == b"moov":
                    return file.read(size - read) if size else file.read()
                if size < read:  # 0 means "to the end of the file"
                    break
                file.seek(size - read, 1)
    except OSError as error:
        raise UnreadableSourceError(f"'{path}' cannot be read: {error.strerror}.") from error
    return b""


def _descend(data: bytes, path: tuple[str, ...]) -> Iterator[bytes]:
    if not path:
        yield data
        return
    for inner in _inside(data, path[0]):
        yield from _descend(inner, path[1:])


def _inside(data: bytes, kind: str) -> Iterator[bytes]:
    return (content for name, content in _boxes(data) if name == kind)


def _boxes(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Split a box's content; ends quietly at what is no box."""
    while len(data) >= 8:
        size = int.from_bytes(data[:4], "big")
        if not 8 <= size <= len(data):
            return
        yield data[4:8].decode("latin-1"), data[8:size]
        data = data[size:]
