"""Packets of clips: their sizes, their bitrates, and how hard their frames are to encode."""

from __future__ import annotations

import hashlib
from dataclasses import field
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

from vmafx_tune.errors import MediaError, UnreadableSourceError, VmafxTuneError
from vmafx_tune.frozen import frozen
from vmafx_tune.media.inputs import file_url, input_guard
from vmafx_tune.model import Complexity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from vmafx_tune.media.container import Video
    from vmafx_tune.model import Source

    Picture = NDArray[np.float32]

__all__ = [
    "SEGMENT_S",
    "PacketSummary",
    "Segment",
    "average_rate",
    "is_far_larger",
    "measure_complexity",
    "measure_packets",
    "peak_bitrate_kbps",
    "peak_segment_rate",
    "segment_length",
    "split_segments",
    "video_bitrate_kbps",
]

_FAR_LARGER = 100


@frozen
class PacketSummary:
    """The video packets of one encode; each holds one picture that is shown.

    Encoders put both fields of an interlaced picture in one packet. Sources may not.

    Attributes:
        sizes_bytes: Size of each packet, in decoding order.
        durations_s: Duration of each in seconds, 0 where the container does not say.
        first: The first packet itself, where encoders sign their work.
        keyframes: Whether decoding can begin with each.
        sha256: Hash of all of them, one after the other.
    """

    sizes_bytes: tuple[int, ...]
    durations_s: tuple[float, ...]
    first: bytes = field(repr=False)
    keyframes: tuple[bool, ...] = field(repr=False)
    sha256: str = ""

    @property
    def size_bytes(self) -> int:
        """Their sum: what the bitrate is computed from."""
        return sum(self.sizes_bytes)

    @property
    def keyframe_bytes(self) -> tuple[int, ...]:
        """Sizes of the keyframes, in order."""
        pairs = zip(self.sizes_bytes, self.keyframes, strict=True)
        return tuple(size for size, is_keyframe in pairs if is_keyframe)

    @property
    def n_packets(self) -> int:
        """How many there are."""
        return len(self.sizes_bytes)


def measure_packets(path: Path) -> PacketSummary:
    """Read the packets of a file's first video stream.

    Raises:
        UnreadableSourceError: The file cannot be read, or has no video in it.
    """
    import av

    sizes, durations, keyframes, first, digest = [], [], [], b"", hashlib.sha256()
    try:
        with av.open(file_url(path), container_options=input_guard()) as container:
            if not container.streams.video:
                raise UnreadableSourceError(f"'{path}' has no video stream.")
            for packet in container.demux(container.streams.video[0]):
                if packet.size == 0:  # the flush packet at the end
                    continue
                first = first or bytes(packet)
                digest.update(packet)
                sizes.append(packet.size)
                durations.append(float((packet.duration or 0) * (packet.time_base or 0)))
                keyframes.append(packet.is_keyframe)
    except (OSError, av.FFmpegError) as error:
        raise UnreadableSourceError(
            f"'{path}' cannot be read: {getattr(error, 'strerror', None) or error}."
        ) from error
    if not sizes:
        raise UnreadableSourceError(f"'{path}' has a video stream without any packets.")
    return PacketSummary(
        tuple(sizes), tuple(durations), first, tuple(keyframes), digest.hexdigest()
    )


def is_far_larger(source: Source, encode_bytes: int) -> bool:
    """Whether the size of its file alone shows that a source is larger than an encode of it.

    No sound beside the video takes so much of a file, and reading terabytes would take too long.
    """
    return source.path.stat().st_size > _FAR_LARGER * encode_bytes


def video_bitrate_kbps(source: Source) -> float | None:
    """Measure the average bitrate of a source's video: its packets' bits over its duration.

    Args:
        source: As probed; its whole file is read.

    Returns:
        None for a source that is not compressed, or cannot be read.
    """
    import av

    from vmafx_tune.media.container import open_video

    if source.codec == "rawvideo" or not source.n_frames:
        return None
    try:
        with open_video(source.path, stream=source.stream) as video:
            size_bytes = sum(packet.size for packet in video.container.demux(video.stream))
    except (VmafxTuneError, OSError, av.FFmpegError):
        return None
    return float(size_bytes * 8 / source.duration_s / 1000)


SEGMENT_S = Fraction(6)
"""Duration of segments in seconds where nothing else is asked for, as Apple recommends."""

# Times are sums of rounded durations; real frames are hundreds of times longer.
_TOLERANCE_S = 1e-5


@frozen
class Segment:
    """A part of an encode that begins with a keyframe; its size is that of packets or a file."""

    size_bytes: int
    duration_s: float


def segment_length(
    frame_rate: Fraction, gop_frames: int, segment_s: Fraction | float = SEGMENT_S
) -> Fraction:
    """Choose the duration of segments: the whole number of GOPs nearest to what is wanted.

    Segments that all have exactly this length can be counted by number, with none too many at the
    end: 6.006 s for 23.976 frames per second, where 6 s would drift from the keyframes.

    Args:
        frame_rate: Frames per second.
        gop_frames: Distance of keyframes in frames.
        segment_s: What is wanted, in seconds.

    Returns:
        The duration in seconds, exact.
    """
    n_gops = max(1, round(Fraction(segment_s) * frame_rate / gop_frames))
    return n_gops * gop_frames / frame_rate


def peak_bitrate_kbps(packets: PacketSummary, segment_s: Fraction | float = SEGMENT_S) -> float:
    """Compute the peak segment bit rate, as HLS defines it.

    It is the highest bitrate of any contiguous segments that together last 0.5 to 1.5 times the
    target duration (RFC 8216bis, 4.4.6.2), and never below the average. The target is that of the
    segments' own playlist: the longest segment in whole seconds. So a clip that is shorter than a
    segment has its average as its peak.

    Args:
        packets: Packets of the encode, with the overhead of no container.
        segment_s: Nominal duration of a segment in seconds, positive; a `Fraction` is exact.

    Returns:
        The peak in kb/s.

    Raises:
        MediaError: The packets have no durations.
    """
    segments = split_segments(packets, segment_s)
    target_s = max(1, int(max(segment.duration_s for segment in segments) + 0.5))
    return peak_segment_rate(segments, target_s) / 1000


def peak_segment_rate(segments: Sequence[Segment], target_s: float) -> float:
    """Compute the peak of segments, as HLS defines it (RFC 8216bis, 4.4.6.2).

    Args:
        segments: In order, at least one.
        target_s: Target duration of their playlist.

    Returns:
        Bits per second; not below the average.
    """
    rates = (average_rate(part) for part in _windows(segments, 0.5 * target_s, 1.5 * target_s))
    return max(average_rate(segments), max(rates, default=0.0))


def average_rate(segments: Sequence[Segment]) -> float:
    """Compute the average of segments in bits per second."""
    duration_s = sum(segment.duration_s for segment in segments)
    return 8 * sum(segment.size_bytes for segment in segments) / duration_s


def split_segments(packets: PacketSummary, segment_s: Fraction | float) -> tuple[Segment, ...]:
    """Cut an encode as packagers do: at the first keyframe at or after each multiple of a duration.

    Args:
        packets: Packets of the encode; the first one begins a segment whatever it is.
        segment_s: Nominal duration of a segment in seconds, positive; a `Fraction` is exact.

    Raises:
        MediaError: The packets have no durations.
    """
    if sum(packets.durations_s) <= 0:
        raise MediaError(
            "The packets of the encode have no durations, so its bitrate over time is unknown. "
            "Write it to MP4, which has them."
        )
    starts = [*_starts(packets, Fraction(segment_s)), packets.n_packets]
    return tuple(
        Segment(sum(packets.sizes_bytes[i:j]), sum(packets.durations_s[i:j]))
        for i, j in pairwise(starts)
    )


def _starts(packets: PacketSummary, segment_s: Fraction) -> Iterator[int]:
    time_s = 0.0
    n_segments = 0
    for index, duration_s in enumerate(packets.durations_s):
        # A multiple of the exact duration, so that a long film does not drift from its keyframes.
        if index == 0 or (
            packets.keyframes[index] and time_s + _TOLERANCE_S >= n_segments * segment_s
        ):
            yield index
            n_segments += 1
        time_s += duration_s


def _windows(
    segments: Sequence[Segment], shortest_s: float, longest_s: float
) -> Iterator[Sequence[Segment]]:
    """Yield every run of segments that lasts from `shortest_s` to `longest_s`."""
    for start in range(len(segments)):
        duration_s = 0.0
        for end in range(start, len(segments)):
            duration_s += segments[end].duration_s
            if duration_s > longest_s + _TOLERANCE_S:
                break
            if duration_s >= shortest_s - _TOLERANCE_S:
                yield segments[start : end + 1]


_LOOKS_PER_SECOND = 2
_THUMBNAIL = (64, 36)
_CUT_RATIO = 4.0


def measure_complexity(source: Source) -> Complexity:
    """Estimate how hard each frame of a source is to encode, at little cost.

    Sizes of packets show it, and reading them takes no decoding. Sources that code each picture by
    itself, or not at all, show nothing of motion; of these, a few small pictures a second are
    compared.

    Args:
        source: A whole file.

    Returns:
        One cost for each of `source.n_frames`; all equal where the file does not say.

    Raises:
        UnreadableSourceError: The file cannot be read to its end.
    """
    from vmafx_tune.media.container import open_source

    with open_source(source) as video:
        packets = _packets(video)
    if len(packets) == source.n_frames and not all(key for _, _, key in packets):
        return _from_packets(packets)
    if len(packets) == source.n_frames:
        with open_source(source) as video:
            return _from_pictures(video, source)
    return Complexity((1.0,) * source.n_frames)


def _packets(video: Video) -> list[tuple[int, int, bool]]:
    """Time, size and kind of all pictures that are shown, in presentation order."""
    found = [
        (packet.pts if packet.pts is not None else index, packet.size, packet.is_keyframe)
        for index, packet in enumerate(video.packets())
        if packet.size and not packet.is_discard
    ]
    return sorted(found)


def _from_packets(packets: Sequence[tuple[int, int, bool]]) -> Complexity:
    sizes = [0 if key else size for _, size, key in packets]
    starts = [index for index, (_, _, key) in enumerate(packets) if key]
    # Where the source's encoder put its keyframes says little about the next one's: each costs what
    # its group's other pictures do.
    for first, end in pairwise([*starts, len(packets)]):
        others = sum(sizes[first:end]) / max(1, end - first - 1)
        sizes[first] = round(others)
    return Complexity(tuple(map(float, sizes)), tuple(starts))


def _from_pictures(video: Video, source: Source) -> Complexity:
    stride = max(1, round(source.frame_rate / _LOOKS_PER_SECOND))
    looks = list(_thumbnails(video, stride))
    moves = [_difference(*pair) for pair in pairwise(looks)] or [0.0]
    # The last look has nothing after it.
    moves += moves[-1:]
    usual = sorted(moves)[len(moves) // 2]
    costs = [move + _texture(look) for move, look in zip(moves, looks, strict=False)] or [1.0]
    spread = [costs[min(index // stride, len(costs) - 1)] for index in range(source.n_frames)]
    cuts = [(index + 1) * stride for index, move in enumerate(moves) if move > _CUT_RATIO * usual]
    return Complexity(tuple(spread), tuple(cut for cut in cuts if cut < source.n_frames))


def _thumbnails(video: Video, stride: int) -> Iterator[Picture]:
    import av
    import numpy as np

    for index, packet in enumerate(video.packets()):
        # The last packet is empty, and brings what the decoder holds back.
        if packet.size and index % stride:
            continue
        try:
            frames = packet.decode()
        except av.FFmpegError:  # encoding the clip reports that it is damaged
            continue
        for frame in frames:
            small = frame.reformat(*_THUMBNAIL, format="gray")
            yield small.to_ndarray().astype(np.float32)


def _difference(one: Picture, other: Picture) -> float:
    return float(abs(other - one).mean())


def _texture(picture: Picture) -> float:
    across, down = picture[:, 1:] - picture[:, :-1], picture[1:] - picture[:-1]
    return float(abs(across).mean() + abs(down).mean()) / 2
