"""Sources seen through a filter chain: what comes out of it, and its pictures one by one.

ffmpeg's command line and PyAV run the same libavfilter, so that encodes and both ways of scoring
see the same pictures. What a chain makes of a source is measured once, when it is opened.
"""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from vmafx_tune.errors import UnreadableSourceError, UsageError
from vmafx_tune.media.black_bars import check_box, crop_filter, find_picture
from vmafx_tune.media.filter_chain import checked_chain, keeps_frames, parse_chain
from vmafx_tune.media.inputs import reading_arguments
from vmafx_tune.media.pixel_formats import CHROMA_LOCATIONS, pixel_format, upright_filters
from vmafx_tune.media.streams import first_frame_s
from vmafx_tune.media.timing import frame_timing
from vmafx_tune.model import Resolution
from vmafx_tune.parsing import parse_crop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from av.filter import Graph
    from av.video.frame import VideoFrame

    from vmafx_tune.media.container import Video
    from vmafx_tune.media.ffmpeg import Ffmpeg
    from vmafx_tune.media.process import ProcessRunner
    from vmafx_tune.model import Source

__all__ = [
    "build_graph",
    "filter_source",
    "filtered_frames",
    "find_field_order",
    "first_shown_s",
    "prepare_source",
]

_TICK_S = Fraction(1, 1_000_000)
_FEW_FRAMES = 2
# A frame rate conversion does not make more pictures than that.
_MOST_TIMES = 50
_MORE_FRAMES = 1000
_TICKS_PER_SECOND = 90_000
_RATE = re.compile(r"config in time_base: \S+ frame_rate: (\d+)/(\d+)")
_PICTURE = re.compile(
    r"n: +\d+ .* fmt:(?P<format>\S+) (?:cl:(?P<location>\S+) )?.*sar:(?P<sar_x>\d+)/(?P<sar_y>\d+) "
    r"s:(?P<width>\d+)x(?P<height>\d+) i:(?P<fields>\S)"
)
_COLOURS = re.compile(
    r"color_range:(?P<range>\S+) color_space:(?P<space>\S+) "
    r"color_primaries:(?P<primaries>\S+) color_trc:(?P<transfer>\S+)"
)
_PACKET = re.compile(r"\d+, *-?\d+, *(-?\d{1,18}),")
_ERROR = re.compile(r"^(?:\[[^\]]*\] )*\[(?:error|fatal)\] (?P<reason>.+?)\.?$", re.MULTILINE)
_UNKNOWN = re.compile(r"No such filter|No option name near|Filter not found")


def filter_source(source: Source, chain: str, ffmpeg: Ffmpeg, runner: ProcessRunner) -> Source:
    """Put a chain before everything that reads a source, and find out what comes out of it.

    A chain that may change the number of pictures is run once over the whole source.

    Args:
        source: As probed.
        chain: Checked; empty for none.
        ffmpeg: Runs the chain.
        runner: Runs ffmpeg.

    Raises:
        UsageError: ffmpeg does not take the chain, or nothing comes out of it.
        CancelledError: The runner is cancelled.
    """
    if not chain:
        return source
    counted = keeps_frames(chain)
    done = runner.run(
        (str(ffmpeg.path), *_arguments(source, chain, n_frames=_FEW_FRAMES if counted else None)),
        progress=(times := _Times(source, chain)),
    )
    picture, colours = _PICTURE.search(done.stderr), _COLOURS.search(done.stderr)
    if done.returncode != 0:
        raise _refusal(chain, done.stderr)
    if picture is None or not times.ticks:
        raise UsageError(f"--filter '{chain}' leaves no frame of '{source.path}'. Change it.")
    found = _described(source, chain, picture, colours)
    return found if counted else _timed(found, times.ticks, done.stderr)


def find_field_order(source: Source, ffmpeg: Ffmpeg, runner: ProcessRunner) -> Source:
    """Find out which field of an interlaced source comes first.

    Raises:
        CancelledError: The runner is cancelled.
    """
    if not source.interlaced or source.filters:
        return source
    seen = filter_source(source, "null", ffmpeg, runner)
    return replace(source, bottom_field_first=seen.bottom_field_first)


def first_shown_s(source: Source, ffmpeg: Ffmpeg, runner: ProcessRunner) -> float:
    """Find when the first picture is shown that a source's chain leaves.

    Args:
        source: The whole of a clip.
        ffmpeg: Runs the chain.
        runner: Runs ffmpeg.

    Returns:
        Seconds on the clock of the file, which need not begin at 0.

    Raises:
        UnreadableSourceError: Nothing in it can be decoded.
        UsageError: Nothing comes out of the chain.
        CancelledError: The runner is cancelled.
    """
    begins_s = first_frame_s(source.path, source.stream, source.raw)
    if keeps_frames(source.filters):
        return begins_s
    # Where ffmpeg's own clock begins depends on the format, so both times are read on that.
    kept, first = (_first_tick(source, each, ffmpeg, runner) for each in (source.filters, "null"))
    return begins_s + float((kept - first) * _TICK_S)


def _first_tick(source: Source, chain: str, ffmpeg: Ffmpeg, runner: ProcessRunner) -> int:
    times = _Times(source, chain)
    done = runner.run((str(ffmpeg.path), *_arguments(source, chain, n_frames=1)), progress=times)
    tick = next(iter(times.ticks), None)
    if done.returncode != 0 or tick is None:
        raise _refusal(chain, done.stderr)
    return tick


def filtered_frames(video: Video, frames: Iterator[VideoFrame], chain: str) -> Iterator[VideoFrame]:
    """Send decoded pictures through a chain, upright, with the times that ffmpeg would give them.

    Raises:
        UnreadableSourceError: While iterating: PyAV's libavfilter cannot run the chain.
    """
    import av

    graph, layout = None, None
    offset = _start_ticks(video)
    try:
        for frame in frames:
            if (seen := _layout(frame)) != layout:
                yield from _drained(graph)
                graph, layout = _chain_graph(video, frame, chain), seen
            assert graph is not None
            if frame.pts is not None:
                frame.pts -= offset
            graph.vpush(frame)
            yield from _pulled(graph)
        yield from _drained(graph)
    except (av.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableSourceError(
            f"'{video.path}' cannot be filtered in memory with '{chain}': {reason}. Use --backend "
            "ffmpeg."
        ) from error


class _Times:
    """Collects the times of the pictures that come out, from ffmpeg's list of their checksums."""

    def __init__(self, source: Source, chain: str) -> None:
        self.ticks: list[int | None] = []
        self._most = _MOST_TIMES * source.n_frames + _MORE_FRAMES
        self._what = f"of '{source.path}', which has {source.n_frames}"
        self._chain = chain

    def __call__(self, line: str) -> bool:
        match = _PACKET.match(line)
        if match is not None:
            self.ticks.append(int(match[1]))
        if len(self.ticks) > self._most:
            raise UsageError(
                f"--filter '{self._chain}' returns more than {self._most} pictures {self._what}. "
                "Make it end with the source."
            )
        return match is not None


def _arguments(source: Source, chain: str, *, n_frames: int | None) -> tuple[str, ...]:
    limit = () if n_frames is None else ("-frames:v", str(n_frames))
    return (
        *reading_arguments(source, "level+info"),
        *("-vf", f"{chain},showinfo=checksum=0", *limit),
        *("-c:v", "rawvideo", "-fps_mode", "passthrough", "-enc_time_base", str(_TICK_S)),
        *("-f", "framecrc", "-"),
    )


def _described(
    source: Source, chain: str, picture: re.Match[str], colours: re.Match[str] | None
) -> Source:
    found = {} if colours is None else colours.groupdict()

    def colour(name: str, before: str | None) -> str | None:
        value = found.get(name, "unknown")
        return before if value in {"unknown", "reserved", "unspecified"} else value

    pix_fmt = picture["format"]
    if pix_fmt != source.pixel_format.name:
        # Else each encoder would ask the chain for a format of its own.
        chain = f"{chain},format={pix_fmt}"
    sar_x, sar_y = int(picture["sar_x"]), int(picture["sar_y"])
    return replace(
        source,
        filters=chain,
        resolution=Resolution(int(picture["width"]), int(picture["height"])),
        pixel_format=pixel_format(pix_fmt),
        sample_aspect_ratio=Fraction(sar_x, sar_y) if sar_x and sar_y else Fraction(1),
        interlaced=picture["fields"] != "P",
        bottom_field_first=picture["fields"] == "B",
        color_range=colour("range", source.color_range),
        color_space=colour("space", source.color_space),
        color_primaries=colour("primaries", source.color_primaries),
        color_transfer=colour("transfer", source.color_transfer),
        chroma_location=_chroma_location(source, picture["location"]),
    )


def _chroma_location(source: Source, printed: str | None) -> str | None:
    if printed is None:  # older versions of ffmpeg do not print it
        return source.chroma_location
    return printed if printed in CHROMA_LOCATIONS else None


def _timed(source: Source, ticks: list[int | None], log: str) -> Source:
    rate = _RATE.search(log)
    declared = [Fraction(int(rate[1]), int(rate[2]))] if rate and int(rate[1]) else []
    timing = frame_timing(ticks, _TICK_S, declared or [source.frame_rate])
    clock = source.ticks_per_second or _TICKS_PER_SECOND
    return replace(
        source,
        n_frames=timing.n_frames,
        frame_rate=timing.frame_rate,
        variable_frame_rate=timing.variable,
        ticks_per_second=clock if timing.variable else None,
    )


def _refusal(chain: str, log: str) -> UsageError:
    from av.filter import filters_available

    match = _ERROR.search(log)
    reason = match["reason"] if match else "it failed"
    unknown = [f.name for f in parse_chain(chain) if f.name not in filters_available]
    if unknown and _UNKNOWN.search(reason):
        # Newer versions speak of the text around it.
        reason = f"unknown filter '{unknown[0]}'"
    return UsageError(f"ffmpeg rejects --filter '{chain}': {reason}.")


def build_graph(
    frame: VideoFrame,
    steps: Sequence[tuple[str, str]],
    options: Mapping[str, str],
    *,
    threads: int | None = None,
) -> Graph:
    """Build a filter graph for pictures like `frame`.

    Args:
        frame: Gives size, format and matrix.
        steps: Filters with their arguments, in order.
        options: What else the source of the graph is to know: time base, aspect ratio, range.
        threads: Threads for filtering; None takes one per core.
    """
    from av.filter import Graph

    graph = Graph()
    graph.threads = threads or 0
    source = graph.add(
        "buffer",
        video_size=f"{frame.width}x{frame.height}",
        pix_fmt=frame.format.name,
        # Without it and the range, swscale would take full range for limited and compress it.
        colorspace=str(frame.colorspace),
        **options,
    )
    nodes = [graph.add(name, arguments or None) for name, arguments in steps]
    graph.link_nodes(source, *nodes, graph.add("buffersink"))
    graph.configure()
    return graph


def _chain_graph(video: Video, frame: VideoFrame, chain: str) -> Graph:
    shape = video.stream.sample_aspect_ratio or Fraction(1)
    options = {
        "time_base": str(frame.time_base or video.stream.time_base),
        "pixel_aspect": f"{shape.numerator}/{shape.denominator}",
        "range": str(frame.color_range),
    }
    if rate := video.stream.guessed_rate or video.stream.average_rate:
        options["frame_rate"] = f"{rate.numerator}/{rate.denominator}"
    steps = [(one.name, one.arguments) for one in parse_chain(chain)]
    return build_graph(frame, [*upright_filters(frame, video.path), *steps], options)


def _layout(frame: VideoFrame) -> tuple[int, int, str, int, int]:
    return frame.width, frame.height, frame.format.name, frame.colorspace, frame.color_range


def _start_ticks(video: Video) -> int:
    tick_s = video.tick_s
    if tick_s is None:
        return 0
    return round(Fraction(video.container.start_time or 0, 1_000_000) / tick_s)


def _pulled(graph: Graph) -> Iterator[VideoFrame]:
    import av

    while True:
        try:
            yield graph.vpull()
        except (av.BlockingIOError, av.EOFError):
            return


def _drained(graph: Graph | None) -> Iterator[VideoFrame]:
    if graph is not None:
        graph.vpush(None)
        yield from _pulled(graph)


# One picture for each, by the fields that the stream declares.
_DEINTERLACE = "bwdif=mode=send_frame:deint=interlaced"


def prepare_source(
    source: Source,
    *,
    chain: str | None,
    crop: str | None,
    deinterlace: bool,
    find_ffmpeg: Callable[[], Ffmpeg],
    runner: ProcessRunner,
    note: Callable[[str], None],
    files_of: Callable[[str], Sequence[Path]],
) -> Source:
    """Put what is asked for before a source: fields first, then the crop, then the user's chain.

    Args:
        source: As probed.
        chain: A user's own; None for none.
        crop: `W:H:X:Y` or `auto`; None for none.
        deinterlace: Whether to make frames of fields.
        find_ffmpeg: Finds the ffmpeg that runs the chain; called only when there is one.
        runner: Runs it.
        note: Called with what was chosen, and with what has no effect.
        files_of: Finds the files that a chain reads.

    Raises:
        UsageError: The crop does not fit, or ffmpeg does not take the chain.
        ToolNotFoundError: ffmpeg is not installed.
    """
    steps: list[str] = []
    if deinterlace and source.interlaced:
        steps.append(_DEINTERLACE)
    elif deinterlace:
        note(f"'{source.path}' is progressive, so --deinterlace has no effect.")
    if crop is not None:
        # Frames that were made of fields are cropped as any others.
        pictures = replace(source, interlaced=source.interlaced and not deinterlace)
        steps += _crop_steps(crop, pictures, find_ffmpeg, runner, note)
    if chain is not None:
        steps.append(checked_chain(chain, files_of(chain)))
    joined = ",".join(step for step in steps if step)
    return filter_source(source, joined, find_ffmpeg(), runner) if joined else source


def _crop_steps(
    crop: str,
    source: Source,
    find_ffmpeg: Callable[[], Ffmpeg],
    runner: ProcessRunner,
    note: Callable[[str], None],
) -> list[str]:
    box = parse_crop(crop)
    if box is not None:
        check_box(box, source)
        return [crop_filter(box)]
    box = find_picture(source, find_ffmpeg(), runner)
    if box is None:
        note(f"'{source.path}' has no black bars, so nothing is cropped.")
        return []
    width, height, x, y = box
    note(
        f"'{source.path}' is cropped from {source.resolution} to {width}x{height} at {x},{y} "
        f"(--crop {':'.join(map(str, box))})."
    )
    return [crop_filter(box)]
