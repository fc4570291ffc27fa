"""What the packets of an encoded file say: their sizes, without decoding a picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vmafx_tune.errors import UnreadableSourceError, VmafxTuneError
from vmafx_tune.media.demuxers import input_guard
from vmafx_tune.media.ffmpeg import file_url

if TYPE_CHECKING:
    from pathlib import Path

    from vmafx_tune.model import Source

__all__ = ["PacketSummary", "is_far_larger", "measure_packets", "video_bitrate_kbps"]

_FAR_LARGER = 100


@dataclass(frozen=True, slots=True)
class PacketSummary:
    """The video packets of one encode; each holds one picture that is shown.

    Encoders put both fields of an interlaced picture in one packet. Sources may not.

    Attributes:
        sizes_bytes: Size of each packet, in decoding order.
        durations_s: Duration of each in seconds, 0 where the container does not tell.
        first: The first packet itself, where encoders sign their work.
        keyframes: Whether decoding can begin with each.
    """

    sizes_bytes: tuple[int, ...]
    durations_s: tuple[float, ...]
    first: bytes = field(repr=False)
    keyframes: tuple[bool, ...] = field(repr=False)

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

    sizes, durations, keyframes, first = [], [], [], b""
    try:
        with av.open(file_url(path), container_options=input_guard()) as container:
            if not container.streams.video:
                raise UnreadableSourceError(f"'{path}' has no video stream.")
            for packet in container.demux(container.streams.video[0]):
                if packet.size == 0:  # the flush packet at the end
                    continue
                first = first or bytes(packet)
                sizes.append(packet.size)
                durations.append(float((packet.duration or 0) * (packet.time_base or 0)))
                keyframes.append(packet.is_keyframe)
    except (OSError, av.FFmpegError) as error:
        raise UnreadableSourceError(
            f"'{path}' cannot be read: {getattr(error, 'strerror', None) or error}."
        ) from error
    if not sizes:
        raise UnreadableSourceError(f"'{path}' has a video stream without any packets.")
    return PacketSummary(tuple(sizes), tuple(durations), first, tuple(keyframes))


def is_far_larger(source: Source, encode_bytes: int) -> bool:
    """Tell by the size of its file that a source's video is larger than an encode of it.

    No sound beside the video takes so much of a file, and nobody waits for terabytes to be read.
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
