"""Finding the black bars around a picture with ffmpeg's cropdetect."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vmafx_tune.errors import UsageError
from vmafx_tune.media.inputs import reading_arguments
from vmafx_tune.media.pixel_formats import CHROMA_STEPS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmafx_tune.media.ffmpeg import Ffmpeg
    from vmafx_tune.media.process import ProcessRunner
    from vmafx_tune.model import Resolution, Source

__all__ = ["Box", "box_around", "check_box", "crop_filter", "find_picture"]

Box = tuple[int, int, int, int]
"""Width, height, and distances from the left and from the top, in samples."""

_PLACES = 24
_FRAMES_PER_PLACE = 3
_EDGES = re.compile(r"x1:(-?\d+) x2:(-?\d+) y1:(-?\d+) y2:(-?\d+)")


def find_picture(source: Source, ffmpeg: Ffmpeg, runner: ProcessRunner) -> Box | None:
    """Find the smallest box that no picture looked at has anything outside of.

    Pictures are taken at 24 places over the whole clip; black ones say nothing.

    Args:
        source: Without filters.
        ffmpeg: Looks at it.
        runner: Runs ffmpeg.

    Returns:
        None where there is nothing to crop, or all that was looked at is black.

    Raises:
        CancelledError: The runner is cancelled.
    """
    seen: list[tuple[int, int, int, int]] = []
    for start_s in _places(source):
        done = runner.run((str(ffmpeg.path), *_arguments(source, start_s)))
        # A place that cannot be decoded is for the encode to complain of.
        seen += [_edges(match) for match in _EDGES.finditer(done.stderr)]
    return box_around(seen, source.resolution, _steps(source))


def box_around(
    edges: Iterable[tuple[int, int, int, int]], size: Resolution, steps: tuple[int, int]
) -> Box | None:
    """Put a box around everything that was seen, out to the chroma's grid.

    Args:
        edges: First and last column, first and last line of each picture; crossed for a black one.
        size: Of the whole picture.
        steps: Multiples that the box's sides and places must be, across and down.

    Returns:
        None for the whole picture, and where nothing was seen.
    """
    seen = [(x1, x2, y1, y2) for x1, x2, y1, y2 in edges if x1 <= x2 and y1 <= y2]
    if not seen:
        return None
    left, right, top, bottom = zip(*seen, strict=True)
    x, width = _outwards(min(left), max(right) + 1, steps[0], size.width)
    y, height = _outwards(min(top), max(bottom) + 1, steps[1], size.height)
    return None if (width, height) == (size.width, size.height) else (width, height, x, y)


def check_box(box: Box, source: Source) -> None:
    """Refuse a box that a source's pictures do not have, or that their chroma cannot be cut to.

    Raises:
        UsageError: It does not fit.
    """
    width, height, x, y = box
    size = source.resolution
    text = ":".join(map(str, box))
    if width < 1 or height < 1 or x + width > size.width or y + height > size.height:
        raise UsageError(
            f"--crop {text} does not fit into the {size} pictures of '{source.path}': it takes "
            f"{width}x{height} samples starting at {x},{y}."
        )
    across, down = _steps(source)
    if any(value % across for value in (width, x)) or any(value % down for value in (height, y)):
        why = ", interlaced" if source.interlaced else ""
        raise UsageError(
            f"--crop {text} cuts through the chroma samples of '{source.path}' "
            f"({source.pixel_format.name}{why}). Use multiples of {across} for width and X, and of "
            f"{down} for height and Y."
        )


def crop_filter(box: Box) -> str:
    """Write a box as a filter."""
    return f"crop={':'.join(map(str, box))}"


def _places(source: Source) -> list[float]:
    if source.n_frames <= _PLACES * _FRAMES_PER_PLACE:
        return [0.0]
    return [source.duration_s * place / _PLACES for place in range(_PLACES)]


def _arguments(source: Source, start_s: float) -> tuple[str, ...]:
    seek = ("-noaccurate_seek", "-ss", f"{start_s:.3f}") if start_s else ()
    limit = ("-frames:v", str(_FRAMES_PER_PLACE if start_s else _PLACES * _FRAMES_PER_PLACE))
    return (
        *reading_arguments(source, "info", seek),
        # Each picture by itself, the first ones too, and edges as they are.
        *("-vf", "cropdetect=skip=0:reset=1:round=2", *limit),
        *("-fps_mode", "passthrough", "-f", "null", "-"),
    )


def _steps(source: Source) -> tuple[int, int]:
    across, down = CHROMA_STEPS[source.pixel_format.chroma]
    # Fields have chroma of their own, line by line.
    return across, down * (2 if source.interlaced else 1)


def _edges(match: re.Match[str]) -> tuple[int, int, int, int]:
    x1, x2, y1, y2 = (int(value) for value in match.groups())
    return x1, x2, y1, y2


def _outwards(start: int, end: int, step: int, limit: int) -> tuple[int, int]:
    start = start // step * step
    end = min(-(-end // step) * step, limit)
    return start, end - start
