"""How many frames a stream has and how fast they go, without decoding it where that can be.

The MP4 family lists every sample in an index, which costs nothing to read. Other containers are
walked packet by packet: their headers may be missing, estimated, or left over from before a cut.
Only where packets are fields are the frames decoded and counted.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import islice, pairwise, takewhile
from typing import TYPE_CHECKING

from vmafx_tune.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmafx_tune.media.container import Video

__all__ = [
    "Timing",
    "codes_fields",
    "decoded_timing",
    "frame_timing",
    "indexed_timing",
    "is_regular",
    "packet_timing",
    "pulled_down_timing",
    "without_resets",
]

_FALLBACK_RATE = Fraction(25)
# Matroska, and whatever was made from it, has timestamps in whole milliseconds.
_JITTER_S = Fraction(1, 1000)
_MAX_DENOMINATOR = 1001
_VP8_SHOW_FRAME = 0x10
# One more than it takes where a cut left the second field of a picture in front.
_FIRST_PACKETS = 4
# Four frames of film make five of video. Durations are in whole ticks.
_FILM_SHARE = Fraction(4, 5)
_FILM_TOLERANCE = Fraction(1, 1000)


@frozen
class Timing:
    """Frames of a stream over time.

    Attributes:
        frame_rate: Average frames per second.
        variable: Whether the frames come at uneven distances.
        end_byte: Where the last sample ends in the file; None where the container does not say.
        ticks_per_second: Clock of the times of uneven frames; None for even ones.
    """

    n_frames: int
    frame_rate: Fraction
    variable: bool
    end_byte: int | None = None
    ticks_per_second: int | None = None


def indexed_timing(video: Video) -> Timing | None:
    """Read count and rate from the index of an MP4 or MOV file.

    Frames that an edit list hides are not counted: decoders drop them.

    Returns:
        None where the index does not say: there is none, it is incomplete (a fragmented file), or
        its times are uneven. Those are decoding times; the times of presentation may be even.
    """
    stream = video.stream
    # Fragmented files have an index per fragment, other containers list key frames only.
    if "mov" not in video.container.format.name.split(",") or not stream.frames:
        return None
    if len(stream.index_entries) != stream.frames:
        return None
    times: list[int | None] = []
    shown = end_byte = 0
    # Entries point into libavformat's memory, so none is kept.
    for entry in stream.index_entries:
        times.append(entry.timestamp)
        shown += not entry.is_discard
        end_byte = max(end_byte, entry.pos + entry.size)
    timing = frame_timing(times, video.tick_s, video.declared_rates())
    return None if timing.variable else replace(timing, n_frames=shown, end_byte=end_byte)


def packet_timing(video: Video) -> Timing:
    """Count the frames of an open video and measure their rate by reading all its packets.

    Raises:
        UnreadableSourceError: The file cannot be read to its end.
    """
    # VP8 has its alternate reference frames in packets of their own, never to be shown.
    hides_frames = video.stream.codec_context.codec.canonical_name == "vp8"
    presentation: list[int | None] = []
    decoding: list[int | None] = []
    shown = 0
    durations: list[int] = []
    last: tuple[int, int] | None = None
    for packet in video.packets():
        # The last packet is empty: it makes the decoder flush.
        if not packet.size:
            continue
        if hides_frames and not memoryview(packet)[0] & _VP8_SHOW_FRAME:
            continue
        presentation.append(packet.pts)
        decoding.append(packet.dts)
        shown += not packet.is_discard
        durations.append(packet.duration or 0)
        if packet.pts is not None:
            last = max(last or (packet.pts, 0), (packet.pts, packet.duration or 0))
    tick_s, declared = video.tick_s, video.declared_rates()
    if video.stream.codec_context.codec.canonical_name == "mpeg2video":
        pulled_down = pulled_down_timing(durations, tick_s, declared)
        if pulled_down is not None:
            return replace(pulled_down, n_frames=shown)
    presentation, decoding = without_resets(presentation, decoding)
    timing = frame_timing(presentation, tick_s, declared, last_ticks=last[1] if last else 0)
    if timing.variable and None not in decoding:
        # Even decoding times win: AVI has no others, and a cut within a group of pictures leaves
        # gaps between the times of presentation at either end.
        by_decoding = frame_timing(decoding, tick_s, declared)
        timing = timing if by_decoding.variable else by_decoding
    return replace(timing, n_frames=shown)


def codes_fields(video: Video) -> bool:
    """Whether the packets of an H.264 stream are fields, found by decoding the first few.

    In H.264 each field of a picture may be an access unit of its own, which makes two packets of a
    frame. Other codecs have both fields in one.

    Args:
        video: Just opened.
    """
    import av

    video.stream.codec_context.thread_count = 1
    n_packets = n_frames = 0
    first = islice(video.packets(), _FIRST_PACKETS)
    for packet in takewhile(lambda packet: packet.size, first):
        n_packets += 1
        try:
            n_frames += len(packet.decode())
        except av.FFmpegError:  # reading the clip reports that it is damaged
            continue
    return n_frames + len(video.stream.codec_context.decode(None)) < n_packets


def decoded_timing(video: Video) -> Timing:
    """Count the frames of an open video and measure their rate by decoding all of them.

    Packets that cannot be decoded are left out.

    Raises:
        UnreadableSourceError: The file cannot be read to its end.
    """
    times = [frame.pts for frame in video.decode(on_error=lambda _: None)]
    declared = video.declared_rates()
    # Containers may state the rate of the fields, an average that is rounded among them.
    halves = sorted((rate / 2 for rate in declared), key=lambda rate: rate.denominator)
    ticks, _ = without_resets(times, times)
    return frame_timing(ticks, video.tick_s, [*declared, *halves])


def pulled_down_timing(
    durations: Sequence[int], tick_s: Fraction | None, declared: Sequence[Fraction]
) -> Timing | None:
    """Compute the timing of MPEG-2 that repeats fields, such as film on a DVD (3:2 pulldown).

    Program streams have few timestamps, but each packet says how long its picture is shown.

    Args:
        durations: Of all packets, in ticks.
        tick_s: Length of a tick in seconds.
        declared: Rates that the container and the codec state, the most trustworthy first.

    Returns:
        None where no field is repeated.
    """
    shortest, longest = min(durations, default=0), max(durations, default=0)
    if tick_s is None or not shortest or longest * tick_s - shortest * tick_s <= _JITTER_S:
        return None
    measured = len(durations) / (sum(durations) * tick_s)
    films = (rate * _FILM_SHARE for rate in declared)
    film = next((rate for rate in films if abs(rate / measured - 1) < _FILM_TOLERANCE), None)
    return Timing(
        len(durations), film or _plain(measured), variable=True, ticks_per_second=tick_s.denominator
    )


def without_resets(
    presentation: Sequence[int | None], decoding: Sequence[int | None]
) -> tuple[list[int | None], list[int | None]]:
    """Let times go on where they start again, as after a splice in a transport stream.

    Args:
        presentation: In the order of the file, in ticks.
        decoding: Likewise; these never go back within one run of a clock.

    Returns:
        Both, with each run moved to one usual distance after the one before it.
    """
    known = [time for time in decoding if time is not None]
    steps = sorted(after - before for before, after in pairwise(known) if after > before)
    if len(known) < len(decoding) or not steps:
        return list(presentation), list(decoding)
    usual = steps[len(steps) // 2]
    shifts, shift, last = [], 0, known[0] - usual
    for time in known:
        if time + shift < last:
            shift = last + usual - time
        last = time + shift
        shifts.append(shift)
    moved = [None if t is None else t + s for t, s in zip(presentation, shifts, strict=True)]
    return moved, [time + s for time, s in zip(known, shifts, strict=True)]


def frame_timing(
    timestamps: Sequence[int | None],
    tick_s: Fraction | None,
    declared: Sequence[Fraction],
    *,
    last_ticks: int = 0,
) -> Timing:
    """Derive rate and evenness from the timestamps of all frames.

    Args:
        timestamps: One per frame, in any order, in ticks; None where the container has none.
        tick_s: Length of a tick in seconds; None where there are no timestamps.
        declared: Rates that the container and the codec state, the most trustworthy first.
        last_ticks: Duration of the frame that is shown last; 0 takes the average of the others.

    Returns:
        The first declared rate that fits the timestamps of an even stream, else the measured one.
    """
    n_frames = len(timestamps)
    ticks = sorted(t for t in timestamps if t is not None)
    nominal = declared[0] if declared else _FALLBACK_RATE
    if tick_s is None or len(ticks) < max(2, n_frames) or ticks[-1] == ticks[0]:
        return Timing(n_frames, nominal, variable=False)
    intervals = n_frames - 1
    span_s = (ticks[-1] - ticks[0]) * tick_s
    if not is_regular(ticks, tick_s):
        length_s = span_s + (last_ticks * tick_s or span_s / intervals)
        return Timing(
            n_frames,
            _plain(n_frames / length_s),
            variable=True,
            ticks_per_second=tick_s.denominator,
        )
    measured = _plain(intervals / span_s)
    slack_s = _slack_s(span_s / intervals, tick_s)
    fitting = (rate for rate in declared if abs(intervals / rate - span_s) <= slack_s)
    return Timing(n_frames, next(fitting, measured), variable=False)


def is_regular(ticks: Sequence[int], tick_s: Fraction) -> bool:
    """Whether timestamps lie on an even grid, apart from rounding.

    Each is held against the straight line from the first to the last, so rounding that alternates
    (41 ms, 42 ms, …) passes, while one missing frame bends the line by more than a quarter of one.

    Args:
        ticks: At least two, ascending.
        tick_s: Length of a tick in seconds.
    """
    intervals = len(ticks) - 1
    span = ticks[-1] - ticks[0]
    slack = _slack_s(span * tick_s / intervals, tick_s) / tick_s
    # In whole numbers, for exactness and speed: |t - first - i * span / intervals| <= slack.
    limit = int(slack * intervals)
    return all(
        abs((tick - ticks[0]) * intervals - i * span) <= limit for i, tick in enumerate(ticks)
    )


def _plain(rate: Fraction) -> Fraction:
    # Below one frame per second, little denominators would be too coarse.
    return rate.limit_denominator(_MAX_DENOMINATOR) if rate >= 1 else rate


def _slack_s(frame_s: Fraction, tick_s: Fraction) -> Fraction:
    return min(max(_JITTER_S, tick_s), frame_s / 4)
