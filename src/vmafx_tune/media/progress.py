"""What ffmpeg says of its progress."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmafx_tune.ports import FrameProgress

__all__ = ["FrameCounter"]

_LINE = re.compile(r"frame=\s*(\d{1,18})\s*")
# A clip may have somewhat more frames than its container says; a program that counts on beyond
# that does not get on with the clip.
_MOST_TIMES = 2
_MORE_FRAMES = 100


class FrameCounter:
    """Follows the `frame=` lines of ffmpeg's `-progress`, for `ProcessRunner.run`.

    Args:
        n_frames: Length of the clip that ffmpeg works on.
        observer: Gets each new count.
    """

    def __init__(self, n_frames: int, observer: FrameProgress | None = None) -> None:
        self._most = _MOST_TIMES * n_frames + _MORE_FRAMES
        self._observer = observer
        self._frames = 0

    def __call__(self, line: str) -> bool:
        """Take one line; return whether it shows more frames than all lines before."""
        match = _LINE.fullmatch(line)
        if match is None or not self._frames < int(match[1]) <= self._most:
            return False
        self._frames = int(match[1])
        if self._observer is not None:
            self._observer(self._frames)
        return True
