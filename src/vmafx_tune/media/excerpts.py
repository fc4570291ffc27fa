"""Cutting excerpts out of sources, exact to the frame, without writing a file.

A frame is found by its time where that is sure to find it: in streams whose keyframes are clean
places to start, with frames on an even grid; in containers with an index that is exact, or where a
trial has shown that the seek lands on the keyframe. Elsewhere all frames before it are decoded and
dropped, which takes longer and is as exact.
"""

from __future__ import annotations

import math
import threading
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING

from vmafx_tune import shell
from vmafx_tune.errors import MediaError, UsageError
from vmafx_tune.formatting import counted
from vmafx_tune.frozen import frozen
from vmafx_tune.media.container import open_source
from vmafx_tune.media.filter_chain import is_stateless
from vmafx_tune.media.filtering import filtered_frames
from vmafx_tune.model import Excerpt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from vmafx_tune.media.container import Video
    from vmafx_tune.model import Source
    from vmafx_tune.sampling.parts import Segment

__all__ = [
    "ExcerptCutter",
    "decode_excerpt",
    "has_exact_index",
    "is_counted_sooner",
    "read_excerpt",
    "skip_frames",
]

# Names of libavformat's demuxers. These have an index, and are asked for times of keyframes only:
# between two, the one to start from is chosen by a time of decoding, and may be the later one.
# The second group seeks to some packet near a time, which a trial has to find. AVI has times of
# decoding only, streams without a container have none: what libavformat guesses instead is wrong
# where frames are reordered, so these are never sought.
_CALCULATED = frozenset({"rawvideo", "yuv4mpegpipe"})
_INDEXED = frozenset({"mov", "matroska"})
_TRIED = frozenset({"mpegts", "mxf"})
# Nothing that is shown after one of their keyframes depends on what was coded before it. In H.264
# that holds for those keyframes only that are IDR pictures.
_CLEAN_CODECS = frozenset({"hevc", "vvc", "av1", "vp8", "vp9", "mpeg2video"})
_H264 = "h264"
_H264_IDR = 5
_H264_TYPE_MASK = 0x1F
_AVCC_VERSION = 1
_START_CODE = b"\0\0\1"
# Packets after a seek that have to be those that the survey has found there.
_TRIED_PACKETS = 16
# As far back as ffmpeg goes from a time of presentation to one of decoding.
_REORDERING_S = Fraction(3, 23)
_TICKS_PER_SECOND = 1_000_000
# Packets that readers take beyond the end of an excerpt: 16 at most are coded before a picture that
# is shown before them, and as many may be in the threads of a decoder.
_PACKETS_BEYOND = 32
# Cutting from keyframes in the middle of the parts costs less.
_COSTLY_TIMES = 2


class ExcerptCutter:
    """Cuts a source. Thread-safe.

    Args:
        source: The file, or an excerpt of it, which is then cut further.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._found: _Places | None = None

    def cut(self, first_frame: int, n_frames: int) -> Source:
        """Take a run of frames.

        Args:
            first_frame: Counts the source's frames from 0.
            n_frames: Length, at least 1.

        Returns:
            The same file with that excerpt; the source itself for all of its frames.

        Raises:
            UsageError: The source does not have these frames.
            MediaError: Its frame rate varies, or it cannot be read.
        """
        source = self._source
        if not 0 <= first_frame < first_frame + n_frames <= source.n_frames:
            raise UsageError(
                f"'{source.path}' has {counted(source.n_frames, 'frame')}, so there is no excerpt "
                f"of {n_frames} from frame {first_frame} on."
            )
        if n_frames == source.n_frames:
            return source
        if source.variable_frame_rate:
            raise MediaError(
                f"The frame rate of '{source.path}' varies, so excerpts of it cannot be cut. "
                "Convert it to a constant frame rate, or work on the whole clip."
            )
        with self._lock:
            if self._found is None:
                self._found = self._find()
            lead_frames = self._found.lead_frames(first_frame)
        excerpt = Excerpt(
            first_frame=first_frame,
            n_frames=n_frames,
            start_s=self._found.start_s + first_frame / source.frame_rate,
            lead_frames=lead_frames,
        )
        if (outer := source.excerpt) is not None:
            excerpt = replace(
                excerpt,
                first_frame=outer.first_frame + first_frame,
                lead_frames=outer.lead_frames + lead_frames,
            )
        return replace(source, n_frames=n_frames, excerpt=excerpt)

    def note(self, segments: Iterable[Segment]) -> str | None:
        """Say what it costs to cut all of some parts, and how to have them for less.

        Returns:
            A sentence where more frames are decoded than the source has twice; else None.

        Raises:
            UsageError, MediaError: As `cut`.
        """
        n_decoded = 0
        for segment in segments:
            cut = self.cut(segment.first_frame, segment.n_frames)
            n_decoded += cut.n_frames + (cut.excerpt.lead_frames if cut.excerpt else 0)
        times = n_decoded / self._source.n_frames
        if times < _COSTLY_TIMES:
            return None
        path = self._source.path
        copy: tuple[str, ...] = ("-fflags", "+genpts", "-i", str(path), "-map", "0:v:0")
        copy += ("-c", "copy") if self._found and self._found.by_container else ("-c:v", "ffv1")
        return (
            f"'{path}' does not allow exact seeking, so each encode and each score of its "
            f"parts decodes it {round(times)} times over. Remux it first: "
            f"{shell.join(('ffmpeg', *copy, f'{path.stem}.mkv'), one_line=True)}"
        )

    def _find(self) -> _Places:
        source = self._source
        if source.excerpt is not None:
            return _Places(source.excerpt.start_s)
        if not is_stateless(source.filters):
            return _Places()
        with open_source(source) as video:
            return _find_places(video, source)


def skip_frames(source: Source, first_frame: int, n_frames: int) -> Source:
    """Take a run of frames of a whole source by counting them, whatever their times.

    All frames before the first are decoded.

    Args:
        source: Without an excerpt.
        first_frame: Counts its frames from 0.
        n_frames: Length; all frames from 0 on give the source itself.
    """
    if (first_frame, n_frames) == (0, source.n_frames):
        return source
    excerpt = Excerpt(first_frame, n_frames, Fraction(0), lead_frames=first_frame)
    return replace(source, n_frames=n_frames, excerpt=excerpt)


def decode_excerpt(
    video: Video, source: Source, on_error: Callable[[str], None] | None = None
) -> Iterator[VideoFrame]:
    """Decode a source's excerpt, or all of it where it has none, in presentation order.

    Its filters are applied; the pictures that leave them are upright.

    Args:
        video: The source's file, just opened.
        source: The source.
        on_error: Called with the reason for each packet that cannot be decoded; None raises.

    Raises:
        UnreadableSourceError: While iterating: the file is damaged.
    """
    excerpt = source.excerpt
    frames = video.decode(on_error)
    if excerpt is not None and excerpt.first_frame > excerpt.lead_frames:
        frame_s = 1 / source.frame_rate
        start_s = _container_start_s(video) + excerpt.start_s - excerpt.lead_frames * frame_s
        _seek(video, start_s, frame_s)
        frames = _from_time(frames, start_s - frame_s / 2)
    if source.filters:
        frames = filtered_frames(video, frames, source.filters)
    if excerpt is None:
        yield from frames
    else:
        yield from islice(frames, excerpt.lead_frames, excerpt.lead_frames + excerpt.n_frames)


def is_counted_sooner(source: Source) -> bool:
    """Whether decoding all from the start takes less than decoding up to each part of a source."""
    n_decoded = sum(part.lead_frames + part.n_frames for part in source.parts)
    return max(part.first_frame + part.n_frames for part in source.parts) <= n_decoded


def has_exact_index(video: Video) -> bool:
    """Whether an index in the file says where each packet or cluster of packets is."""
    return bool(_names(video) & _INDEXED)


def read_excerpt(video: Video, source: Source) -> None:
    """Read the packets that decoding a source's excerpt takes, whoever does: ffmpeg or PyAV.

    Args:
        video: The source's file, just opened, which has an exact index.
        source: The source; its frames are on an even grid.

    Raises:
        UnreadableSourceError: It cannot be read on.
    """
    excerpt, frame_s = source.excerpt, 1 / source.frame_rate
    assert excerpt is not None
    if excerpt.first_frame == excerpt.lead_frames:
        # Nobody seeks.
        first_s = (video.stream.start_time or 0) * (video.tick_s or Fraction(1))
        _read_until(video, first_s + (excerpt.first_frame + excerpt.n_frames) * frame_s)
        return
    start_s = _container_start_s(video) + excerpt.start_s
    # ffmpeg asks for half a frame before, and rounds that; this is before both.
    _seek(video, start_s - (excerpt.lead_frames + 1) * frame_s, frame_s)
    _read_until(video, start_s + excerpt.n_frames * frame_s)


def _read_until(video: Video, end_s: Fraction) -> None:
    tick_s, n_beyond = video.tick_s or Fraction(1), 0
    for packet in video.packets():
        n_beyond += packet.pts is not None and packet.pts * tick_s >= end_s
        if n_beyond >= _PACKETS_BEYOND:
            return


def _seek(video: Video, start_s: Fraction, frame_s: Fraction) -> None:
    if not _names(video) & (_INDEXED | _CALCULATED):
        # As ffmpeg does when it is asked for half a frame before.
        offset_s = start_s - frame_s / 2 - _subtracted_s(video)
        video.container.seek(int(max(offset_s, Fraction(0)) * _TICKS_PER_SECOND))
        return
    # Half a frame would be enough, if all containers sought by times of presentation.
    offset_s = max(start_s - _REORDERING_S, Fraction(0))
    tick_s = video.tick_s or Fraction(1)
    video.container.seek(int(offset_s / tick_s), stream=video.stream)


def _from_time(frames: Iterable[VideoFrame], start_s: Fraction) -> Iterator[VideoFrame]:
    started = False
    for frame in frames:
        started = started or _time_s(frame) >= start_s
        if started:
            yield frame


def _time_s(frame: VideoFrame) -> Fraction:
    return (frame.pts or 0) * (frame.time_base or Fraction(1))


@dataclass(slots=True)
class _Places:
    """Where decoding may start.

    Attributes:
        start_s: Time of the first frame, from the start of the container.
        frames: Numbers of those frames, ascending from 0; None where it may start at any.
        by_container: Whether it is the container that keeps it from starting at more places.
        is_sure: Returns whether a seek for such a frame lands where it should; None where all do.
    """

    start_s: Fraction = Fraction(0)
    frames: tuple[int, ...] | None = (0,)
    by_container: bool = False
    is_sure: Callable[[int], bool] | None = None
    tried: dict[int, bool] = field(default_factory=dict)

    def lead_frames(self, first_frame: int) -> int:
        if self.frames is None:
            return 0
        known = self.frames[: bisect_right(self.frames, first_frame)]
        return first_frame - next(frame for frame in reversed(known) if self._holds(frame))

    def _holds(self, frame: int) -> bool:
        if self.is_sure is None or frame == 0:
            return True
        if frame not in self.tried:
            self.tried[frame] = self.is_sure(frame)
        return self.tried[frame]


def _find_places(video: Video, source: Source) -> _Places:
    if _names(video) & _CALCULATED:
        return _Places(frames=None)
    packets = _survey(video) if _names(video) & (_INDEXED | _TRIED) else None
    tick_s = video.tick_s
    if packets is None or tick_s is None or not _is_even(packets.ticks, tick_s, source):
        return _Places(by_container=not _names(video) & _INDEXED)
    start_s = packets.ticks[0] * tick_s - _container_start_s(video)
    if _names(video) & _INDEXED:
        frames = tuple(bisect_left(packets.ticks, tick) for tick in packets.places)
        return _Places(start_s, frames)
    trial = _Trial(video, source, packets, start_s)
    return _Places(start_s, (0, *trial.frames), len(trial.frames) > 1, trial.lands)


class _Trial:
    """Seeks in a container that has no exact index, to find where that leads.

    Such a seek is one for a time of decoding, and leads to the last packet that is not later. So
    each keyframe is asked for by the time of the first frame for which that packet is the keyframe
    itself, given what ffmpeg and `_seek` subtract from it.
    """

    def __init__(self, video: Video, source: Source, survey: _Survey, start_s: Fraction) -> None:
        self._source = source
        self._survey = survey
        self._start_s = start_s
        self._keyframes: dict[int, int] = {}
        # ffmpeg subtracts where it finds that frames are reordered, and has to find so rightly.
        if _reorders(video) != any(presented != decoded for presented, decoded in survey.order):
            return
        frame_s, tick_s = 1 / source.frame_rate, video.tick_s or Fraction(1)
        back_s = frame_s / 2 + _subtracted_s(video)
        self._only_keyframes = len(survey.places) == len(survey.ticks)
        first_s, places = survey.ticks[0] * tick_s, frozenset(survey.places)
        for index, (presented, decoded) in enumerate(survey.order):
            if presented in places and decoded is not None:
                earliest_s = max(decoded * tick_s + back_s, presented * tick_s) - first_s
                self._keyframes.setdefault(math.ceil(earliest_s / frame_s), index)

    @property
    def frames(self) -> list[int]:
        """Frames that may be asked for, ascending."""
        return sorted(frame for frame in self._keyframes if 0 < frame < self._source.n_frames)

    def lands(self, frame: int) -> bool:
        """Whether a seek for a frame leads to a keyframe at or before it."""
        index = self._keyframes[frame]
        # Where all are keyframes, half a frame may be rounded up to the frame itself.
        indices = range(index, index + 2) if self._only_keyframes else (index,)
        with open_source(self._source) as video:
            frame_s = 1 / self._source.frame_rate
            _seek(video, _container_start_s(video) + self._start_s + frame * frame_s, frame_s)
            packets = (packet for packet in video.packets() if packet.size)
            found = [(one.pts, one.dts) for one in islice(packets, _TRIED_PACKETS)]
        return any(found == self._survey.order[i : i + _TRIED_PACKETS] for i in indices)


def _names(video: Video) -> set[str]:
    return set(video.container.format.name.split(","))


def _reorders(video: Video) -> bool:
    return bool(video.stream.codec_context.has_b_frames)


def _subtracted_s(video: Video) -> Fraction:
    """What ffmpeg subtracts from a time of presentation to make one of decoding of it."""
    from av.format import Flags

    by_presentation: int = Flags.seek_to_pts.value  # type: ignore[assignment]  # stubs: a `Flags`
    by_presentation &= video.container.format.flags
    return _REORDERING_S if _reorders(video) and not by_presentation else Fraction(0)


def _container_start_s(video: Video) -> Fraction:
    return Fraction(video.container.start_time or 0, _TICKS_PER_SECOND)


@frozen
class _Survey:
    """What the packets say of seeking.

    Attributes:
        ticks: Times of presentation of all pictures that are shown, ascending.
        places: Times of the keyframes from which everything shown after them can be decoded.
        order: Times of presentation and of decoding of all packets, as they are in the file.
    """

    ticks: tuple[int, ...]
    places: tuple[int, ...]
    order: list[tuple[int, int | None]]


def _survey(video: Video) -> _Survey | None:
    """Read all packets; None where these do not say where decoding may start."""
    codec = video.stream.codec_context.codec.canonical_name
    ticks: list[int] = []
    places: list[int] = []
    order: list[tuple[int, int | None]] = []
    only_keyframes = True
    for packet in video.packets():
        if not packet.size:
            continue
        if packet.pts is None:
            return None
        order.append((packet.pts, packet.dts))
        only_keyframes = only_keyframes and packet.is_keyframe
        if packet.is_keyframe and (codec != _H264 or _is_idr(packet, video.stream)):
            places.append(packet.pts)
        if not packet.is_discard:
            ticks.append(packet.pts)
    known = only_keyframes or codec in _CLEAN_CODECS or codec == _H264
    # What is shown before the first keyframe lacks its references, and is dropped.
    if not known or not ticks or not places or places[0] > min(ticks):
        return None
    ticks.sort()
    # A keyframe that an edit list hides serves the first frame that is shown.
    shown = {max(place, ticks[0]) for place in places}
    in_time = tuple(sorted(place for place in shown if place <= ticks[-1]))
    return _Survey(tuple(ticks), in_time, order)


def _is_even(ticks: Sequence[int], tick_s: Fraction, source: Source) -> bool:
    if len(ticks) != source.n_frames:
        return False
    frame = 1 / source.frame_rate / tick_s
    return all(abs(tick - ticks[0] - i * frame) < frame / 4 for i, tick in enumerate(ticks))


def _is_idr(packet: Packet[VideoStream], stream: VideoStream) -> bool:
    """Whether a packet holds an IDR picture.

    ISO/IEC 14496-15, as MP4 and Matroska store H.264: NAL units follow each other, each after its
    size; the size's own length is in the decoder configuration record. Elsewhere, as in annex B of
    H.264 itself, each follows a start code.
    """
    record = stream.codec_context.extradata or b""
    if len(record) < 5 or record[0] != _AVCC_VERSION:
        units = bytes(packet).split(_START_CODE)[1:]
        return any(unit and unit[0] & _H264_TYPE_MASK == _H264_IDR for unit in units)
    length, data = (record[4] & 3) + 1, memoryview(packet)
    offset = 0
    while offset + length < len(data):
        size = int.from_bytes(data[offset : offset + length], "big")
        if data[offset + length] & _H264_TYPE_MASK == _H264_IDR:
            return True
        offset += length + size
    return False
