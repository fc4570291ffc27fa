"""Small luma pictures of a source, a run of frames at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vmafx_tune.errors import UnreadableSourceError
from vmafx_tune.media.excerpts import ExcerptCutter, skip_frames
from vmafx_tune.media.frames import open_frames
from vmafx_tune.model import Resolution

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vmafx_tune.cancel import CancelToken
    from vmafx_tune.model import Source

__all__ = ["Thumbnails"]

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
