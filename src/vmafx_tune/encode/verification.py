"""Opens a finished file again, and holds it against the encode that was measured."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from vmafx_tune.errors import ToolOutputError, UnreadableSourceError
from vmafx_tune.formatting import counted
from vmafx_tune.media.container import open_video
from vmafx_tune.media.streams import read_contents
from vmafx_tune.results.encode import Verified

if TYPE_CHECKING:
    from pathlib import Path

    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from vmafx_tune.cancel import CancelToken
    from vmafx_tune.encode.streams import StreamPlan
    from vmafx_tune.media.streams import Stream
    from vmafx_tune.ports import FrameProgress

__all__ = ["verify"]

_EVERY = 25


def verify(
    path: Path,
    plan: StreamPlan,
    *,
    frames: int,
    video_sha256: str,
    cancel: CancelToken,
    on_progress: FrameProgress | None = None,
) -> tuple[Verified, tuple[Stream, ...]]:
    """Make sure that a file is what it should be: decode all of its video, list its streams.

    Args:
        path: The file.
        plan: What it should hold.
        frames: How many frames its video should have.
        video_sha256: Hash of the packets that its video should have.
        cancel: Ends it early.
        on_progress: Told of the frames that were decoded.

    Returns:
        What was found, and the file's streams.

    Raises:
        ToolOutputError: It is not.
        CancelledError: The work was cancelled.
    """
    try:
        streams = read_contents(path).streams
        video = next(i for i, part in enumerate(plan.parts) if part.codec is None)
        found = _decoded(path, _place(streams, video), cancel, on_progress)
    except UnreadableSourceError as error:
        raise ToolOutputError(f"The file that was written cannot be read: {error}") from error
    wanted = [stream.kind for stream in plan.streams]
    kinds = [stream.kind for stream in streams]
    if missing := [kind for kind in set(wanted) if kinds.count(kind) < wanted.count(kind)]:
        raise ToolOutputError(
            f"The file that was written lacks {' and '.join(sorted(missing))}. This should not "
            "happen: please report it, with the source's streams."
        )
    if found.frames != frames:
        raise ToolOutputError(
            f"The file that was written has {counted(found.frames, 'frame')}, and the encode "
            f"{frames}."
        )
    if found.video_sha256 != video_sha256:
        raise ToolOutputError(
            "The video of the file that was written is not that of the encode: its packets were "
            "changed on the way."
        )
    return found, streams


def _place(streams: tuple[Stream, ...], index: int) -> int:
    """Count the video streams before one, cover pictures left out."""
    return sum(s.kind == "video" and not s.is_cover for s in streams[:index])


def _decoded(
    path: Path, stream: int, cancel: CancelToken, on_progress: FrameProgress | None
) -> Verified:
    digest, frames, first_s, end_s = hashlib.sha256(), 0, 0.0, 0.0
    with open_video(path, stream=stream) as video:
        video.stream.thread_type = "AUTO"
        for packet in video.packets():
            cancel.raise_if_cancelled()
            digest.update(packet)
            for frame in _frames(packet, path):
                time_s = frame.time or 0.0
                first_s = first_s if frames else time_s
                length_s = float((frame.duration or 0) * (frame.time_base or 0))
                end_s = max(end_s, time_s + length_s)
                frames += 1
            if on_progress is not None and frames % _EVERY == 0:
                on_progress(frames)
    return Verified(frames, end_s - first_s, digest.hexdigest())


def _frames(packet: Packet[VideoStream], path: Path) -> list[VideoFrame]:
    import av

    try:
        return packet.decode()
    except av.FFmpegError as error:
        raise UnreadableSourceError(f"'{path}' cannot be decoded: {error.strerror}.") from error
