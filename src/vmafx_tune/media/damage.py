"""Whether a clip decodes cleanly, and where it first does not.

Decoders conceal what they cannot decode and go on, so that a damaged clip has all of its frames.
They flag those frames, which costs nothing to look at where a clip is decoded anyway; FFV1 alone
leaves its checksums to its log, so they are checked here. In some formats damage
cannot be detected: HEVC and VP9 decode almost any bytes to some picture.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from vmafx_tune.cancel import CancelToken
from vmafx_tune.errors import UnreadableSourceError
from vmafx_tune.media.container import open_source
from vmafx_tune.media.excerpts import decode_excerpt
from vmafx_tune.media.file_facts import file_signature
from vmafx_tune.media.filter_chain import keeps_frames
from vmafx_tune.model import Damage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from av.video.frame import VideoFrame

    from vmafx_tune.media.container import Video
    from vmafx_tune.media.file_facts import Signature
    from vmafx_tune.model import Source

__all__ = ["accept_damage", "checked_frames", "examine", "require_intact"]

_UNDAMAGEABLE = frozenset({"rawvideo"})


_examined: dict[tuple[Source, Signature | None], Damage | None] = {}
_examining: dict[tuple[Source, Signature | None], threading.Lock] = {}
_lock = threading.Lock()


def require_intact(source: Source, cancel: CancelToken) -> None:
    """Decode a clip, once in this process, and refuse it where that is not clean.

    Damage that was accepted (`source.damage`) is not looked for again.

    Raises:
        UnreadableSourceError: It is damaged, cannot be read, or the size of its pictures changes.
        CancelledError: `cancel` was cancelled.
    """
    if source.damage is not None or source.codec in _UNDAMAGEABLE:
        return
    if source.filters:
        # What a decoder says of damage is lost behind them, and they may take another ffmpeg.
        excerpt = source.excerpt if keeps_frames(source.filters) else None
        source = replace(source, filters="", excerpt=excerpt)
    # Opening a file that is not there reports what is wrong.
    key = source, file_signature(source.path)
    with _lock:
        examining = _examining.setdefault(key, threading.Lock())
    # Searches side by side begin with the same source.
    with examining:
        if key not in _examined:
            _, _examined[key] = examine(source, cancel)
    if (damage := _examined[key]) is not None:
        raise _refusal(source, damage)


def accept_damage(source: Source, cancel: CancelToken) -> Source:
    """Decode a clip, and count its frames and note its damage instead of refusing it.

    Raises:
        UnreadableSourceError: It cannot be read, or the size of its pictures changes.
        CancelledError: `cancel` was cancelled.
    """
    if source.codec in _UNDAMAGEABLE:
        return source
    n_frames, damage = examine(source, cancel)
    return replace(source, n_frames=n_frames, damage=damage or source.damage)


def examine(source: Source, cancel: CancelToken) -> tuple[int, Damage | None]:
    """Decode a clip to its end, whatever is wrong with it.

    Returns:
        How many frames it has, and the first place that does not decode cleanly; None for an
        intact clip.

    Raises:
        UnreadableSourceError: It cannot be read, or the size of its pictures changes.
        CancelledError: `cancel` was cancelled.
    """
    n_frames, damage = _decode(source, cancel)
    if damage is None and n_frames != source.n_frames:
        # PyAV drops an error, and what follows it, where the decoder's threads give it along with
        # frames before it.
        return _decode(source, cancel, threads=1)
    return n_frames, damage


def checked_frames(
    video: Video, source: Source, cancel: CancelToken | None = None
) -> Iterator[VideoFrame]:
    """Decode a clip's frames, and refuse it at the first one that is not clean.

    Raises:
        UnreadableSourceError: While iterating: it is damaged, and that was not accepted, or it
            cannot be read.
        CancelledError: While iterating: `cancel` was cancelled.
    """
    cancel = cancel or CancelToken()
    errors: list[str] = []
    n_frames = 0
    for frame in decode_excerpt(video, source, errors.append):
        cancel.raise_if_cancelled()
        if source.damage is None and (errors or frame.is_corrupt):
            raise _refusal(source, _damage(source, n_frames, _time_s(video, frame), errors))
        yield frame
        n_frames += 1
    if errors or n_frames != source.n_frames:
        require_intact(source, cancel)


def _decode(source: Source, cancel: CancelToken, threads: int = 0) -> tuple[int, Damage | None]:
    with open_source(source) as video:
        _set_threads(video, threads)
        errors: list[str] = []
        n_frames, time_s, damage = 0, None, None
        for frame in _steady(decode_excerpt(video, source, errors.append), source):
            cancel.raise_if_cancelled()
            time_s = _time_s(video, frame)
            if damage is None and (errors or frame.is_corrupt):
                damage = _damage(source, n_frames, time_s, errors)
            n_frames += 1
        if damage is None and errors:
            damage = _damage(source, n_frames, None, errors)
        return n_frames, damage


def _damage(source: Source, index: int, time_s: float | None, errors: Sequence[str]) -> Damage:
    first = source.excerpt.first_frame if source.excerpt else 0
    return Damage(first + index, time_s, (*errors, "the decoder conceals errors")[0])


def _time_s(video: Video, frame: VideoFrame) -> float | None:
    if frame.pts is None or not frame.time_base:
        return None
    return float((frame.pts - (video.stream.start_time or 0)) * frame.time_base)


def _steady(frames: Iterator[VideoFrame], source: Source) -> Iterator[VideoFrame]:
    """Pass frames on for as long as they have one size.

    Raises:
        UnreadableSourceError: While iterating: the size changes.
    """
    first = source.excerpt.first_frame if source.excerpt else 0
    size: tuple[int, int] | None = None
    for index, frame in enumerate(frames, first):
        now = frame.width, frame.height
        if size is not None and now != size:
            raise UnreadableSourceError(
                f"'{source.path}' changes midway: from frame {index} on its frames are "
                f"{now[0]}x{now[1]}, before that {size[0]}x{size[1]}. Cut it there, or re-encode "
                "it to one format."
            )
        size = now
        yield frame


def _refusal(source: Source, damage: Damage) -> UnreadableSourceError:
    return UnreadableSourceError(
        f"'{source.path}' is damaged: {damage}. Use an intact copy, or continue with "
        "--allow-damage."
    )


def _set_threads(video: Video, threads: int) -> None:
    from av.codec.context import ThreadType

    context = video.stream.codec_context
    # With threads for frames, pictures come some packets late; a checksum is of a packet.
    is_checked = context.codec.canonical_name == "ffv1"
    context.thread_type = ThreadType.SLICE if is_checked else ThreadType.AUTO
    context.thread_count = threads
