"""Decoding a source to planar pictures for scoring in memory, one at a time.

What must change (turning, size, format, colours) runs through libavfilter with the filters that
ffmpeg's command line takes, so that both ways of scoring compare the same samples.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from vmafx_tune.errors import UnreadableSourceError
from vmafx_tune.frozen import frozen
from vmafx_tune.media.container import open_source
from vmafx_tune.media.damage import checked_frames
from vmafx_tune.media.excerpts import ExcerptCutter, skip_frames
from vmafx_tune.media.filtering import build_graph
from vmafx_tune.media.pixel_formats import RANGES, SPACES, upright_filters
from vmafx_tune.model import Resolution

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from av.filter import Graph
    from av.video.frame import VideoFrame
    from numpy.typing import NDArray

    from vmafx_tune.cancel import CancelToken
    from vmafx_tune.model import Source

__all__ = ["PlanarFrame", "Plane", "Thumbnails", "check_steady", "open_frames"]

_FULL_RANGE = 2


@frozen
class Plane:
    """One plane of a picture, in memory that libav owns.

    Attributes:
        pointer: Address of the first sample of the top row.
        stride_bytes: From one row to the next; never less than a row, never negative.
        width: Samples per row.
        height: Rows.
    """

    pointer: int
    stride_bytes: int
    width: int
    height: int


@frozen
class PlanarFrame:
    """One decoded picture. Its planes stay valid for as long as this object lives.

    Attributes:
        index: Counts the source's frames from 0.
        planes: Luma and both chroma planes.
        sample_bytes: 1 up to 8 bits, else 2, in the machine's byte order.
        owner: What keeps the memory alive.
    """

    index: int
    planes: tuple[Plane, ...]
    sample_bytes: int
    owner: VideoFrame


@contextmanager
def open_frames(
    source: Source,
    *,
    filters: Sequence[tuple[str, Mapping[str, str]]] = (),
    threads: int | None = None,
    cancel: CancelToken | None = None,
) -> Iterator[Iterator[PlanarFrame]]:
    """Open a source for decoding, for as long as the block lasts.

    Every decoded frame comes exactly once, whatever its timestamp, upright, in presentation order.
    Nothing is buffered but what the decoder itself holds back.

    Args:
        source: As probed.
        filters: What to do to each upright picture: ffmpeg's filters with their options. Without
            any, the samples are the file's own.
        threads: Threads for decoding and for filtering; None takes one per core.
        cancel: Looked at before each frame.

    Yields:
        The frames; to be consumed by one thread.

    Raises:
        UnreadableSourceError: The file cannot be opened or, while iterating, is damaged, or its
            pictures change their size, format or colours.
        CancelledError: While iterating: `cancel` was cancelled.
    """
    from av.codec.context import ThreadType

    with open_source(source) as video:
        video.stream.codec_context.thread_type = ThreadType.AUTO
        video.stream.codec_context.thread_count = threads or 0
        converter = _Converter(source, filters, threads)
        yield _planar(checked_frames(video, source, cancel), converter)


def check_steady(source: Source, cancel: CancelToken | None = None) -> None:
    """Decode a clip to see whether all of its pictures are of one kind.

    Raises:
        UnreadableSourceError: They change their size, format or colours midway; the frame is named.
        CancelledError: `cancel` was cancelled.
    """
    with open_frames(source, cancel=cancel) as frames:
        for _ in frames:
            pass


def _planar(frames: Iterator[VideoFrame], converter: _Converter) -> Iterator[PlanarFrame]:
    for index, frame in enumerate(frames):
        yield _wrap(index, converter.convert(index, frame))


def _wrap(index: int, frame: VideoFrame) -> PlanarFrame:
    planes = tuple(
        Plane(plane.buffer_ptr, plane.line_size, plane.width, plane.height)
        for plane in frame.planes
    )
    depth = frame.format.components[0].bits
    return PlanarFrame(index, planes, 1 if depth <= 8 else 2, frame)


@frozen
class _Layout:
    """What a filter graph must know of the frames that it is built for."""

    width: int
    height: int
    pix_fmt: str
    color_space: int
    color_range: int
    bottom_up: bool
    turn_deg: int

    def __str__(self) -> str:
        labels = (
            RANGES.get(self.color_range, "no range"),
            SPACES.get(self.color_space, "no matrix"),
            *((f"turned by {self.turn_deg} degrees",) if self.turn_deg else ()),
        )
        return f"{self.width}x{self.height} {self.pix_fmt} ({', '.join(labels)})"


class _Converter:
    """Runs frames through filters; hands them on as they are where there are none."""

    def __init__(
        self,
        source: Source,
        filters: Sequence[tuple[str, Mapping[str, str]]],
        threads: int | None,
    ) -> None:
        self._source = source
        self._filters = [(name, _arguments(options)) for name, options in filters]
        self._threads = threads
        self._layout: _Layout | None = None
        self._graph: Graph | None = None

    def convert(self, index: int, frame: VideoFrame) -> VideoFrame:
        """Convert the next frame, which must be like those before it."""
        import av

        layout = _examine(frame)
        try:
            if self._layout is None:
                self._graph = self._build(layout, frame)
                self._layout = layout
            if layout != self._layout:
                raise UnreadableSourceError(self._changed(index, layout))
            if self._graph is None:
                return frame
            self._graph.vpush(frame)
            return self._graph.vpull()
        except av.FFmpegError as error:
            raise UnreadableSourceError(
                f"'{self._source.path}' cannot be converted from {layout}: {error.strerror}."
            ) from error

    def _build(self, layout: _Layout, frame: VideoFrame) -> Graph | None:
        # What leaves a chain is upright.
        turns = [] if self._source.filters else upright_filters(frame, self._source.path)
        filters = [*turns, *self._filters]
        # Pictures stored from the bottom up have a negative stride, which a copy rights.
        if not self._filters and (layout.bottom_up or ("vflip", "") in turns):
            filters.append(("copy", ""))
        if not filters:
            return None
        # Frames go through one by one, so their times do not matter.
        options = {"time_base": "1/1", "pixel_aspect": "1/1", "range": str(layout.color_range)}
        return build_graph(frame, filters, options, threads=self._threads)

    def _changed(self, index: int, layout: _Layout) -> str:
        excerpt = self._source.excerpt
        frame = index + (0 if excerpt is None else excerpt.first_frame)
        return (
            f"'{self._source.path}' changes midway: from frame {frame} on its frames are "
            f"{layout}, before that {self._layout}. Cut it there, or re-encode it to one format."
        )


def _arguments(options: Mapping[str, str]) -> str:
    return ":".join(f"{name}={value}" for name, value in options.items())


def _examine(frame: VideoFrame) -> _Layout:
    # Not through `frame.side_data`: it ties the frame into a reference cycle, and hundreds of
    # pictures would wait for the garbage collector.
    return _Layout(
        width=frame.width,
        height=frame.height,
        pix_fmt=frame.format.name,
        color_space=frame.colorspace,
        color_range=_range(frame),
        bottom_up=frame.planes[0].line_size < 0,
        turn_deg=frame.rotation,
    )


def _range(frame: VideoFrame) -> int:
    if frame.format.name.startswith("yuvj"):
        return _FULL_RANGE
    return frame.color_range


_LONG_SIDE = 320
_SHORTEST_SIDE = 8


class Thumbnails:
    """Reads them.

    Args:
        source: The clip.
        shape: Size that gives their shape; they have 320 samples on the longer side at most.
        cancel: Looked at before each picture.
    """

    def __init__(self, source: Source, shape: Resolution, cancel: CancelToken) -> None:
        scale = min(1.0, _LONG_SIDE / max(shape.width, shape.height))
        sides = (max(_SHORTEST_SIDE, round(side * scale)) for side in (shape.width, shape.height))
        self._size = Resolution(*sides)
        self._source = source
        self._cancel = cancel
        self._cutter = None if source.variable_frame_rate else ExcerptCutter(source)

    def luma(self, first_frame: int, n_frames: int) -> NDArray[np.float32]:
        """Read a run of frames, with a row for each.

        Raises:
            UnreadableSourceError: The source is damaged, or does not have them.
        """
        import numpy as np

        if self._cutter is None:
            part = skip_frames(self._source, first_frame, n_frames)
        else:
            part = self._cutter.cut(first_frame, n_frames)
        width, height = str(self._size.width), str(self._size.height)
        filters = (
            ("scale", {"w": width, "h": height, "flags": "bicubic"}),
            ("format", {"pix_fmts": "gray"}),
        )
        with open_frames(part, filters=filters, cancel=self._cancel) as frames:
            rows = [frame.owner.to_ndarray().astype(np.float32).ravel() for frame in frames]
        if len(rows) != n_frames:
            raise UnreadableSourceError(
                f"'{self._source.path}' has fewer frames than its header says."
            )
        return np.stack(rows)
