"""Opening video files with PyAV: local regular files only; every failure is a plain sentence."""

from __future__ import annotations

import errno
import re
import stat
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from vmafx_tune.errors import UnreadableSourceError, UsageError
from vmafx_tune.frozen import frozen
from vmafx_tune.media.inputs import GRAIN_LEFT_OUT, file_url, input_guard
from vmafx_tune.media.pyav import lenient_tags, to_fraction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from fractions import Fraction
    from pathlib import Path

    from av import FFmpegError
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from vmafx_tune.model import RawFormat, Source

__all__ = [
    "Video",
    "check_file",
    "has_valid_checksums",
    "open_source",
    "open_video",
]

# A slice ends with its size, and with checksums with a status and a CRC of all of it.
_SIZE_BYTES = 3
_FOOTER_BYTES = 8
# The CRC starts at the highest bit of each byte, zlib's at the lowest.
_REFLECTED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_ALL_ONES = 0xFFFFFFFF


def has_valid_checksums(packet: bytes) -> bool:
    """Check the CRC of each slice of an FFV1 frame.

    Args:
        packet: One frame.

    Returns:
        Whether all of them match; True for a frame without checksums.
    """
    slices = _slices(packet)
    return slices is None or all(map(_is_intact, slices))


def _slices(packet: bytes) -> list[bytes] | None:
    """Split a frame, from its end; None where it is not a frame with checksums."""
    slices, end = [], len(packet)
    while end >= _FOOTER_BYTES:
        size = int.from_bytes(packet[end - _FOOTER_BYTES : end - _FOOTER_BYTES + _SIZE_BYTES])
        start = end - _FOOTER_BYTES - size
        if start < 0:
            return None
        slices.append(packet[start:end])
        end = start
    return slices if end == 0 else None


def _is_intact(data: bytes) -> bool:
    # zlib inverts the CRC before and after; FFV1 starts it at 0, and ends at 0 with the CRC itself.
    return zlib.crc32(data.translate(_REFLECTED), _ALL_ONES) == _ALL_ONES


_HEAD_BYTES = 4096
# Codecs round sides up to 128 at most, and libav counts what they code.
_PADDING = 128 * 128
# How lists of other files begin: HLS, ffmpeg's concat, SDP; and what stands in those written in XML
# (DASH, IMF).
_LIST_HEADS = (b"#EXTM3U", b"ffconcat ", b"v=0\n", b"v=0\r\n")
_XML_LISTS = (b"<MPD", b"<CompositionPlaylist", b"<AssetMap", b"<smil")
# No demuxer that takes one would leave other files alone.
_JPEG = b"\xff\xd8\xff"
_STANDARD_INPUT = re.compile(r"-|pipe:0?")
# Of a sequence of pictures, as ffmpeg takes it, and of a shell.
_PATTERN = re.compile(r"%\d*d|[*?[]")


@frozen
class Video:
    """An open file and the video stream in it that counts.

    Attributes:
        index: Of the stream among the file's video streams, cover pictures not counted.
        n_streams: How many of these there are.
    """

    path: Path
    container: InputContainer
    stream: VideoStream
    index: int = 0
    n_streams: int = 1

    @property
    def tick_s(self) -> Fraction | None:
        """What the stream's times are counted in; None where that is not stated."""
        return to_fraction(self.stream.time_base)

    def packets(self) -> Iterator[Packet[VideoStream]]:
        """Read the packets of the stream; the last one is empty and makes a decoder flush.

        Raises:
            UnreadableSourceError: The file cannot be read on.
        """
        import av

        try:
            yield from self.container.demux(self.stream)
        except av.FFmpegError as error:
            raise UnreadableSourceError(
                f"'{self.path}' cannot be read to its end: {_reason(error)}. Copy it again."
            ) from error

    def decode(self, on_error: Callable[[str], None] | None = None) -> Iterator[VideoFrame]:
        """Decode every frame of the stream once, in presentation order.

        A stream that was cut out of a longer one begins with packets that lack their references;
        these are skipped, as every player does. Any other packet that fails is an error.

        Args:
            on_error: Called with the reason for each such packet, which is then left out; None
                raises.

        Raises:
            UnreadableSourceError: The file is damaged.
        """
        import av

        index = allowed = 0
        started = False
        for packet in self.packets():
            started = started or packet.is_keyframe
            allowed += not started
            frames: list[VideoFrame] = []
            try:
                frames = packet.decode()
                reason = self._checksum_error(packet)
            except av.FFmpegError as error:
                reason = _reason(error)
                # Decoders with threads of their own are some packets late with an error.
                if not index and allowed and isinstance(error, av.InvalidDataError):
                    allowed -= 1
                    continue
            if reason is not None:
                if on_error is None:
                    raise UnreadableSourceError(
                        f"'{self.path}' cannot be decoded at frame {index}: {reason}. The file is "
                        "damaged or cut short; copy or encode it again."
                    )
                on_error(reason)
            for frame in frames:
                yield frame
                index += 1

    def _checksum_error(self, packet: Packet[VideoStream]) -> str | None:
        # FFV1's decoder reports it only in its log.
        if self.stream.codec_context.codec.canonical_name != "ffv1" or not packet.size:
            return None
        return None if has_valid_checksums(bytes(packet)) else "a checksum does not match"

    def declared_rates(self) -> list[Fraction]:
        """Frame rates that the container and the codec state, the most trustworthy first."""
        stream = self.stream
        rates = (stream.average_rate, stream.guessed_rate, stream.base_rate)
        return [rate for rate in map(to_fraction, rates) if rate is not None]


def check_file(path: Path) -> bytes:
    """Make sure that `path` is a file with something in it that this process may read.

    Returns:
        Its first bytes, 4096 at most.

    Raises:
        UnreadableSourceError: It is not.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise UnreadableSourceError(f"'{path}' is a directory. Name a video file in it.")
        if not stat.S_ISREG(mode):
            raise UnreadableSourceError(
                f"'{path}' is not a regular file but a device, pipe or socket. Write the video to "
                "a file first: it is read more than once."
            )
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UnreadableSourceError(_missing(path)) from error
    except PermissionError as error:
        raise UnreadableSourceError(
            f"'{path}' cannot be read: permission denied. Check the access rights of the file and "
            "of the folders above it."
        ) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise UnreadableSourceError(f"'{path}' cannot be read: {reason}.") from error
    if not head:
        raise UnreadableSourceError(
            f"'{path}' is empty (0 bytes). Check the encode or copy that should have written it."
        )
    return head


@contextmanager
def open_video(
    path: Path,
    raw: RawFormat | None = None,
    stream: int | None = None,
    *,
    max_pixels: int | None = None,
    without_grain: bool = False,
    file: Any = None,
) -> Iterator[Video]:
    """Open a file for as long as the block lasts.

    Args:
        path: A container, an elementary stream, a `.y4m`, or a headerless file.
        raw: What the headerless file holds; None for all others.
        stream: Index among the file's video streams, cover pictures not counted; None for the one
            that players take: the first default one, or else the first.
        max_pixels: Largest picture that is decoded; None for any.
        without_grain: Whether to leave out film grain that its decoder would add.
        file: What reads the file, for who wants to know what is read of it; None for libavformat.

    Yields:
        The file and the stream.

    Raises:
        UnreadableSourceError: It is not a video file that can be decoded, or its pictures are too
            large.
        UsageError: It does not have that stream.
    """
    import av

    head = check_file(path)
    limits = {} if max_pixels is None else {"max_pixels": str(2 * max_pixels + _PADDING)}
    try:
        container = av.open(
            file_url(path) if file is None else file,
            format="rawvideo" if raw else None,
            options=limits,
            container_options={**input_guard(), **(_raw_options(raw) if raw else {})},
            **lenient_tags(),
        )
    except av.FFmpegError as error:
        raise UnreadableSourceError(_why_not_video(path, head, error)) from error
    with container:
        films = _films(path, container)
        index = _default(films) if stream is None else stream
        if index >= len(films):
            raise UsageError(
                f"'{path}' has no video stream {index}. It has {_listed(films)}. Choose one of "
                "them with --video-stream, or leave it out."
            )
        film = films[index]
        # PyAV's stubs do not say so, but a stream that nothing decodes has no codec context.
        if getattr(film, "codec_context", None) is None:
            raise UnreadableSourceError(
                f"'{path}' contains video that PyAV cannot decode. Convert it with an ffmpeg "
                "that can."
            )
        _check_pixels(path, film, max_pixels)
        # Libav rounds the left edge of a crop rectangle to its own alignment; ffmpeg does not.
        film.codec_context.options = {
            "flags": "+unaligned",
            **_strictness(film),
            **limits,
            **(GRAIN_LEFT_OUT if without_grain else {}),
        }
        yield Video(path, container, film, index, len(films))


@contextmanager
def open_source(source: Source) -> Iterator[Video]:
    """Open a probed source at its stream, for as long as the block lasts.

    Raises:
        UnreadableSourceError: It cannot be read any more.
    """
    with open_video(
        source.path, source.raw, source.stream, without_grain=source.without_grain
    ) as video:
        yield video


def _raw_options(raw: RawFormat) -> dict[str, str]:
    return {
        "video_size": str(raw.resolution),
        "pixel_format": raw.pix_fmt,
        "framerate": str(raw.frame_rate),
    }


def _films(path: Path, container: InputContainer) -> list[VideoStream]:
    from av.stream import Disposition

    # Cover art is not video.
    films = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not films:
        raise UnreadableSourceError(f"'{path}' has no video, {_contents(container)}.")
    return films


def _default(films: Sequence[VideoStream]) -> int:
    """Find the stream that players take; MP4 and MOV clear the flag of tracks that are off."""
    from av.stream import Disposition

    defaults = (i for i, film in enumerate(films) if film.disposition & Disposition.default)
    return next(defaults, 0)


def _strictness(film: VideoStream) -> dict[str, str]:
    # This decoder reports damage in no other way.
    is_jpeg = film.codec_context.codec.canonical_name == "mjpeg"
    return {"err_detect": "explode"} if is_jpeg else {}


def _check_pixels(path: Path, film: VideoStream, most: int | None) -> None:
    width, height = film.codec_context.width, film.codec_context.height
    if most is None or 0 < width * height <= most:
        return
    if width and height:
        raise UnreadableSourceError(
            f"'{path}' has frames of {width}x{height}, and at most {most} pixels are allowed. "
            "Use smaller frames."
        )
    # Libav does not report the size of pictures that it refused to decode for their size.
    raise UnreadableSourceError(
        f"'{path}' has no decodable frame of at most {most} pixels. Use smaller frames, and "
        "check that the file is complete."
    )


def _listed(films: Sequence[VideoStream]) -> str:
    return ", ".join(f"{i} ({_described(film)})" for i, film in enumerate(films))


def _described(film: VideoStream) -> str:
    context = getattr(film, "codec_context", None)
    if context is None:
        return "which cannot be decoded"
    return f"{context.codec.canonical_name} {context.width}x{context.height}"


def _contents(container: InputContainer) -> str:
    kinds = dict.fromkeys(
        "a cover picture" if stream.type == "video" else stream.type for stream in container.streams
    )
    return f"only {' and '.join(kinds)}" if kinds else "nor anything else"


def _missing(path: Path) -> str:
    if _STANDARD_INPUT.fullmatch(str(path)):
        return f"'{path}' is standard input. Write it to a file first: it is read more than once."
    if _PATTERN.search(str(path)):
        return (
            f"'{path}' is a pattern, and a source is one file. Join the images losslessly first, "
            "as in: ffmpeg -framerate 25 -i frame%04d.png -c:v ffv1 frames.mkv"
        )
    # pathlib takes one of the two slashes away.
    if re.match(r"[a-z][a-z0-9+.-]+:/", str(path)):
        return f"'{path}' is not a local file. Download it first: only local files can be read."
    return f"'{path}' does not exist. Check the path."


def _why_not_video(path: Path, head: bytes, error: FFmpegError) -> str:
    if head[4:8] == b"ftyp" and not _has_mp4_index(path):
        return (
            f"'{path}' is cut short: the index of the MP4 (its moov box) is missing. Copy or "
            "download it again, or wait for the encode that writes it."
        )
    if head.startswith(_JPEG):
        return f"'{path}' is a single image (JPEG), not a video. Name a video file."
    if _is_list(head):
        return f"'{path}' is a list of other files. Name the video file itself."
    if _is_text(head):
        return f"'{path}' is text, not video, whatever its name says. Name a video file."
    # Where no demuxer may be used that would know it.
    unknown = "its format is unknown" if error.errno == errno.EINVAL else None
    return (
        f"'{path}' cannot be read as video: {unknown or _reason(error)}. Check that it is a video "
        "file and complete."
    )


def _has_mp4_index(path: Path) -> bool:
    place, end = 0, path.stat().st_size
    with path.open("rb") as file:
        while end - place >= 8:
            file.seek(place)
            header = file.read(16)
            if header[4:8] == b"moov":
                return True
            size = int.from_bytes(header[:4])
            if size == 1:
                size = int.from_bytes(header[8:])
            if size < 8:
                return False
            place += size
    return False


def _is_list(head: bytes) -> bool:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return start.startswith(_LIST_HEADS) or (
        start.startswith(b"<") and any(name in start for name in _XML_LISTS)
    )


def _is_text(head: bytes) -> bool:
    # The head may end within a character, of four bytes at most.
    text = head.decode("utf-8", errors="ignore")
    printable = sum(char.isprintable() or char.isspace() for char in text)
    return len(text.encode()) > len(head) - 4 and printable == len(text)


def _reason(error: FFmpegError) -> str:
    reason = error.strerror or str(error)
    return f"{reason[:1].lower()}{reason[1:]}"
