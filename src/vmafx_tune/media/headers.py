"""What headers say that PyAV does not show: crops, attachments, how long a file should be.

Matroska and WebM have elements (RFC 8794, RFC 9559), MP4 and MOV boxes (ISO/IEC 14496-12). Sizes
are those of whoever wrote the file: a box ends where its parent does at the latest, and only the
contents that are needed are read.
"""

from __future__ import annotations

import io
from itertools import islice
from typing import IO, TYPE_CHECKING, NamedTuple

from vmafx_tune.errors import UnreadableSourceError
from vmafx_tune.frozen import frozen
from vmafx_tune.media.container import check_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "Attachment",
    "SampleEntry",
    "check_complete",
    "count_y4m_frames",
    "cropped_margins",
    "ends_early",
    "incomplete_attachments",
    "promised_end",
    "video_sample_entry",
]

_SEGMENT = 0x18538067
_TRACKS = 0x1654AE6B
_CLUSTER = 0x1F43B675
_ATTACHMENTS = 0x1941A469
_ATTACHED_FILE = 0x61A7
_FILE_NAME, _MEDIA_TYPE, _FILE_DATA = 0x466E, 0x4660, 0x465C
_TRACK = 0xAE
_TRACK_TYPE = 0x83
_VIDEO_TYPE = 1
_VIDEO = 0xE0
# PixelCropLeft, PixelCropRight, PixelCropTop, PixelCropBottom.
_MARGINS = (0x54CC, 0x54DD, 0x54BB, 0x54AA)
# The longest number of an element; what claims more is damaged.
_NUMBER_BYTES = 8
# Tracks take some hundred bytes each; what claims more is damaged.
_MOST_TRACKS_BYTES = 1 << 24
_MOST_NAME_BYTES = 1 << 12


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


@frozen
class Attachment:
    """A file that is attached to another.

    Attributes:
        name: Empty where it has none.
        media_type: Likewise.
        place: Where its bytes lie.
    """

    name: str
    media_type: str
    place: range


def incomplete_attachments(path: Path) -> list[Attachment]:
    """Find the attachments of a Matroska file without a name or a media type.

    ffmpeg lists only those that have both.

    Raises:
        UnreadableSourceError: The file cannot be read.
    """
    check_file(path)
    try:
        with path.open("rb") as file:
            return [
                attachment
                for name, place in _in_segment(file, path.stat().st_size)
                if name == _ATTACHMENTS
                for name, place in list(_children(file, place))
                if name == _ATTACHED_FILE
                if (attachment := _attachment(file, place)).place
                and not (attachment.name and attachment.media_type)
            ]
    except OSError as error:
        raise UnreadableSourceError(f"'{path}' cannot be read: {error.strerror}.") from error


def _attachment(file: IO[bytes], place: range) -> Attachment:
    parts = dict(_children(file, place))
    texts = []
    for name in (_FILE_NAME, _MEDIA_TYPE):
        text = parts.get(name, range(0))
        file.seek(text.start)
        texts.append(file.read(min(len(text), _MOST_NAME_BYTES)).decode(errors="replace"))
    return Attachment(texts[0].rstrip("\0"), texts[1].rstrip("\0"), parts.get(_FILE_DATA, range(0)))


def _find_tracks(file: IO[bytes], file_bytes: int) -> bytes:
    """Skip to the tracks, which come before the pictures; empty where they do not."""
    for name, place in _in_segment(file, file_bytes):
        if name == _TRACKS:
            return file.read(min(len(place), _MOST_TRACKS_BYTES))
        if name == _CLUSTER:
            break
    return b""


def _in_segment(file: IO[bytes], file_bytes: int) -> Iterator[tuple[int, range]]:
    """Walk over the elements of a file's segment."""
    for name, place in _children(file, range(file_bytes)):
        if name == _SEGMENT:
            yield from _children(file, place)


def _children(file: IO[bytes], within: range) -> Iterator[tuple[int, range]]:
    """Walk over the elements in a part of a file, each with the place of its content.

    One of unknown size, or of more than there is, is the last one.
    """
    start = within.start
    while start < within.stop:
        file.seek(start)
        if (head := _head(file)) is None:
            return
        name, size = head
        start = file.tell()
        end = within.stop if size is None else min(start + size, within.stop)
        yield name, range(start, end)
        start = end


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


_TO_TRACK = ("moov", "trak")
_TO_HANDLER = ("mdia", "hdlr")
_TO_DESCRIPTIONS = ("mdia", "minf", "stbl", "stsd")
# What precedes the boxes in an `stsd` box, and in a VisualSampleEntry.
_STSD_FIELDS = 8
_ENTRY_FIELDS = 78
# A sample entry takes some hundred bytes, with a colour profile some hundred thousand.
_MOST_BYTES = 1 << 22


@frozen
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
        UnreadableSourceError: The file cannot be read, or is not an MP4 with a video track.
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
