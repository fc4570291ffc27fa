"""How a player turns a picture before it shows it.

Phones store what the sensor saw and add a display matrix. ffmpeg turns pictures by it on its own
(`-autorotate`), so whatever decodes without ffmpeg's command line must do the same.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmafx_tune.errors import UnreadableSourceError

if TYPE_CHECKING:
    from pathlib import Path

    from av.video.frame import VideoFrame

__all__ = ["UPRIGHT", "Orientation", "orientation"]

_MATRIX = struct.Struct("=9i")
_TOLERANCE_DEG = 1.0


@dataclass(frozen=True, slots=True)
class Orientation:
    """What brings a decoded picture upright.

    Attributes:
        rotation_deg: Clockwise turn: 0, 90, 180 or 270.
        filters: libavfilter filters with their arguments, in order; mirrored pictures need them
            even where nothing is turned.
    """

    rotation_deg: int = 0
    filters: tuple[tuple[str, str], ...] = ()

    @property
    def swaps_sides(self) -> bool:
        """Whether width and height change places."""
        return self.rotation_deg in {90, 270}


UPRIGHT = Orientation()


def orientation(frame: VideoFrame, path: Path) -> Orientation:
    """Read how a decoded frame is to be turned.

    Args:
        frame: As it came from the decoder.
        path: The file that it is from, for the error message.

    Raises:
        UnreadableSourceError: The rotation is not a multiple of 90 degrees.
    """
    from av.buffer import Buffer

    matrix = frame.side_data.get("DISPLAYMATRIX")
    if not isinstance(matrix, Buffer):
        return UPRIGHT
    return _from_matrix(_MATRIX.unpack(bytes(matrix)), path)


def _from_matrix(matrix: tuple[int, ...], path: Path) -> Orientation:
    # The cases that ffmpeg's configure_input_video_filter distinguishes (fftools/ffmpeg_filter.c).
    turn_deg = _clockwise_deg(matrix)
    quarter = round(turn_deg / 90) % 4
    if abs(turn_deg - 90 * round(turn_deg / 90)) > _TOLERANCE_DEG:
        raise UnreadableSourceError(
            f"'{path}' has a rotation of {turn_deg:.0f} degrees. Only quarter turns are "
            "supported; re-encode it upright."
        )
    if quarter == 1:
        filters = [("transpose", "cclock_flip" if matrix[3] > 0 else "clock")]
    elif quarter == 3:
        filters = [("transpose", "clock_flip" if matrix[3] < 0 else "cclock")]
    else:
        filters = _mirrors(hflip=quarter == 2 and matrix[0] < 0, vflip=matrix[4] < 0)
    return Orientation(quarter * 90, tuple(filters))


def _mirrors(*, hflip: bool, vflip: bool) -> list[tuple[str, str]]:
    return [(name, "") for name, wanted in (("hflip", hflip), ("vflip", vflip)) if wanted]


def _clockwise_deg(matrix: tuple[int, ...]) -> float:
    # av_display_rotation_get, with the opposite sign: that one counts anticlockwise.
    x_scale = math.hypot(matrix[0], matrix[3])
    y_scale = math.hypot(matrix[1], matrix[4])
    if not x_scale or not y_scale:
        return 0.0
    return math.degrees(math.atan2(matrix[1] / y_scale, matrix[0] / x_scale)) % 360
