"""What a file holds beside its video: its streams, chapters and tags."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import field
from typing import TYPE_CHECKING, Any

from vmafx_tune.errors import UnreadableSourceError
from vmafx_tune.frozen import frozen
from vmafx_tune.media.container import check_file, open_video
from vmafx_tune.media.headers import incomplete_attachments
from vmafx_tune.media.inputs import file_url, input_guard
from vmafx_tune.media.pyav import lenient_tags, readable_tag

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from av.container import InputContainer

    from vmafx_tune.model import RawFormat, Source

__all__ = [
    "Contents",
    "Stream",
    "attached_bytes",
    "end_s",
    "first_frame_s",
    "read_contents",
    "source_contents",
]


@frozen
class Stream:
    """One stream of a file: what a muxer has to know of it.

    Attributes:
        index: Among all of the file's streams.
        kind: `video`, `audio`, `subtitle`, `attachment` or `data`.
        codec: ffmpeg's name of the codec; empty where ffmpeg does not know it.
        start_s: Presentation time of its first packet; None where it has none.
        dispositions: ffmpeg's names, such as `default` and `forced`.
        tags: Names in lower case: `language`, `title`, and what else the container says.
        channels: Of audio; 0 for others.
        place: Where in the file the bytes lie of an attachment that ffmpeg does not list; None for
            all others.
    """

    index: int
    kind: str
    codec: str
    start_s: float | None = None
    dispositions: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    channels: int = 0
    place: range | None = None

    @property
    def is_cover(self) -> bool:
        """Whether it is a picture that belongs to the file, not video."""
        return "attached_pic" in self.dispositions

    @property
    def language(self) -> str:
        """Its language as the container has it; empty where that is not stated."""
        language = self.tags.get("language", "")
        return "" if language == "und" else language

    @property
    def title(self) -> str:
        """Its title; MP4 calls it a name."""
        return self.tags.get("title") or self.tags.get("name", "")


@frozen
class Contents:
    """All that a file holds.

    Attributes:
        streams: In ffmpeg's order, and behind them the attachments that it does not list.
        chapters: How many it has.
        tags: Of the file itself; names in lower case.
    """

    streams: tuple[Stream, ...]
    chapters: int
    tags: Mapping[str, str]

    @property
    def timecode(self) -> str | None:
        """The time code of its first frame, wherever it is stated; None for none."""
        all_tags = (self.tags, *(stream.tags for stream in self.streams))
        return next((tags["timecode"] for tags in all_tags if "timecode" in tags), None)

    def video(self, number: int) -> Stream:
        """Find a video stream by its index among those that are not cover pictures."""
        films = [each for each in self.streams if each.kind == "video" and not each.is_cover]
        return films[number]


def read_contents(path: Path) -> Contents:
    """List what a file holds.

    Raises:
        UnreadableSourceError: It cannot be read.
    """
    with _opened(path) as container:
        streams = tuple(_stream(stream) for stream in container.streams)
        matroska = "matroska" in container.format.name
        unlisted = _unlisted(path, len(streams)) if matroska else ()
        return Contents(
            (*streams, *unlisted), len(container.chapters()), _lower(container.metadata)
        )


def source_contents(source: Source) -> Contents:
    """List what the file of a source holds; a headerless one has nothing but its video.

    Raises:
        UnreadableSourceError: It cannot be read.
    """
    if source.raw is not None:
        return Contents((Stream(0, "video", source.codec),), 0, {})
    return read_contents(source.path)


def attached_bytes(path: Path, stream: Stream) -> bytes:
    """Read a cover picture, or an attachment that ffmpeg does not list, as it is in the file.

    Raises:
        UnreadableSourceError: It cannot be read.
    """
    if stream.place is not None:
        with path.open("rb") as file:
            file.seek(stream.place.start)
            return file.read(len(stream.place))
    with _opened(path) as container:
        for packet in container.demux(container.streams[stream.index]):
            if packet.size:
                return bytes(packet)
    raise UnreadableSourceError(f"'{path}' has no picture in its stream {stream.index}.")


def first_frame_s(path: Path, stream: int = 0, raw: RawFormat | None = None) -> float:
    """Find the time at which the first frame of a video stream is shown.

    Args:
        path: The file.
        stream: Index among its video streams, cover pictures not counted.
        raw: What a headerless file holds.

    Returns:
        Seconds on the clock of the file, which need not begin at 0.

    Raises:
        UnreadableSourceError: It cannot be read, or nothing in it can be decoded.
    """
    with open_video(path, raw, stream) as video:
        frame = next(video.decode(), None)
        if frame is None:
            raise UnreadableSourceError(f"'{path}' has no frame that can be decoded.")
        return frame.time or 0.0


def end_s(path: Path, index: int, from_s: float) -> float:
    """Find when a stream ends, as far as that is later than a time.

    Args:
        path: The file.
        index: The stream's, among all of the file's streams.
        from_s: The time, on the clock of the file.

    Returns:
        Seconds on the clock of the file; `from_s` for a stream that has ended by then.

    Raises:
        UnreadableSourceError: It cannot be read.
    """
    import av

    with _opened(path) as container:
        stream, found_s = container.streams[index], from_s
        # Else the whole file is read.
        with suppress(av.FFmpegError):
            container.seek(max(0, int(from_s * av.time_base)))
        # What cannot be read ends it, as for ffmpeg.
        with suppress(av.FFmpegError):
            for packet in container.demux(stream):
                if packet.pts is not None and packet.time_base is not None:
                    ticks = packet.pts + (packet.duration or 0)
                    found_s = max(found_s, float(ticks * packet.time_base))
        return found_s


@contextmanager
def _opened(path: Path) -> Iterator[InputContainer]:
    import av

    check_file(path)
    try:
        with av.open(
            file_url(path), container_options=input_guard(), **lenient_tags()
        ) as container:
            yield container
    except (OSError, av.FFmpegError) as error:
        raise UnreadableSourceError(
            f"'{path}' cannot be read: {getattr(error, 'strerror', None) or error}."
        ) from error


def _unlisted(path: Path, first: int) -> Iterator[Stream]:
    for index, found in enumerate(incomplete_attachments(path), start=first):
        tags = {"filename": found.name, "mimetype": found.media_type}
        told = {name: value for name, value in tags.items() if value}
        yield Stream(index, "attachment", "", tags=told, place=found.place)


def _stream(stream: Any) -> Stream:
    from av.stream import Disposition

    context = getattr(stream, "codec_context", None)
    start, base = stream.start_time, stream.time_base
    return Stream(
        index=stream.index,
        kind=stream.type or "data",
        codec="" if context is None else context.codec.canonical_name,
        start_s=None if start is None or not base else float(start * base),
        dispositions=tuple(each.name or "" for each in Disposition if stream.disposition & each),
        tags=_lower(stream.metadata),
        channels=getattr(context, "channels", 0) if stream.type == "audio" else 0,
    )


def _lower(tags: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): readable_tag(value) for name, value in tags.items()}
