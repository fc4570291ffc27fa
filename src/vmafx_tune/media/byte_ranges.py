"""Which bytes of a file are read for some of its frames.

A file with only these bytes, each at its place, and holes between them is read as the whole file
would be: the same header, the same index, the same packets.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmafx_tune.media.container import open_video
from vmafx_tune.media.excerpts import has_exact_index, is_counted_sooner, read_excerpt
from vmafx_tune.media.filter_chain import is_stateless

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO

    from vmafx_tune.media.file_facts import Ranges
    from vmafx_tune.model import Source

__all__ = ["needed_ranges"]

# What takes no longer than to ask for it apart.
_GAP_BYTES = 256 << 10


def needed_ranges(source: Source) -> Ranges:
    """Find the bytes that reading a source takes: the file's header and index, and its packets.

    Args:
        source: An excerpt, or parts, of a file.

    Returns:
        The bytes; empty where the whole file is to be had: most of it is read, or what is read
        cannot be told beforehand.

    Raises:
        UnreadableSourceError: It cannot be read.
    """
    parts = source.parts or (() if source.excerpt is None else (source.excerpt,))
    if not parts or not _is_regular(source):
        return ()
    with source.path.open("rb") as file:
        recorder = _Recorder(file)
        for part in parts:
            file.seek(0)
            if not _reads(recorder, replace(source, excerpt=part, parts=())):
                return ()
        size_bytes = file.seek(0, 2)
    ranges = _merged(recorder.ranges)
    n_bytes = sum(end - first for first, end in ranges)
    return ranges if 2 * n_bytes <= size_bytes else ()


def _reads(file: _Recorder, source: Source) -> bool:
    """Read an excerpt as whoever decodes it does; False where each may read other bytes."""
    import av

    with open_video(source.path, stream=source.stream, file=file) as video:
        if not has_exact_index(video):
            return False
        try:
            read_excerpt(video, source)
        except av.FFmpegError:
            # A seek to before the first packet, perhaps, of which each makes something else.
            return False
    return True


def _is_regular(source: Source) -> bool:
    """Whether what is read of a source follows from its index and its frame rate."""
    return (
        source.raw is None
        and source.damage is None
        # Of several video streams, ffmpeg may seek in another one.
        and source.n_streams == 1
        and not source.variable_frame_rate
        and is_stateless(source.filters)
        and not (source.parts and is_counted_sooner(source))
    )


class _Recorder:
    """Reads a file, and takes note of what was read; as PyAV takes a file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.ranges: list[tuple[int, int]] = []
        self.seek, self.tell = file.seek, file.tell

    def read(self, n_bytes: int) -> bytes:
        first = self._file.tell()
        data = self._file.read(n_bytes)
        if self.ranges and self.ranges[-1][1] == first:
            first = self.ranges.pop()[0]
        self.ranges.append((first, self._file.tell()))
        return data


def _merged(ranges: Iterable[tuple[int, int]]) -> Ranges:
    merged: list[tuple[int, int]] = []
    for first, end in sorted(ranges):
        if merged and first - merged[-1][1] <= _GAP_BYTES:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        elif end > first:
            merged.append((first, end))
    return tuple(merged)
