"""The log of ffmpeg's xpsnr filter: one line for each pair of frames."""

from __future__ import annotations

import math
import re
from array import array
from typing import TYPE_CHECKING

from vmafx_tune.errors import ToolOutputError
from vmafx_tune.media.cleanup import written_bytes
from vmafx_tune.scoring.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["read_xpsnr_log"]

_LINE = re.compile(r"n: +(?P<number>\d+) (?P<planes>( +XPSNR [yuv]: +(inf|\d+\.\d+))+)", re.ASCII)
_PLANE = re.compile(r"XPSNR (?P<plane>[yuv]): +(?P<value>\S+)")
_COLUMNS = {plane: ours for ours, plane in METRICS["xpsnr"].columns.items()}
# The average stands at the end.
_LONGEST_LINE = 200


def read_xpsnr_log(path: Path, indices: Sequence[int]) -> dict[str, Sequence[float]]:
    """Read the XPSNR of frames.

    Args:
        path: The log.
        indices: Numbers of the frames that were scored, from 0, ascending.

    Returns:
        Decibels by the names of results: `xpsnr` of luma, `xpsnr_cb`, `xpsnr_cr`; infinite where
        planes are equal.

    Raises:
        ToolOutputError: It is missing, not such a log, or ends early.
    """
    if written_bytes(path) is None:
        raise ToolOutputError("ffmpeg did not write a log of XPSNR.")
    columns = {name: array("d") for name in _COLUMNS.values()}
    wanted = set(indices)
    n_frames = 0
    with path.open(encoding="ascii", errors="replace") as log:
        while line := log.readline(_LONGEST_LINE):
            match = _LINE.match(line)
            if match is None:
                continue
            if int(match["number"]) != n_frames + 1:
                raise ToolOutputError("The log of XPSNR leaves out frames.")
            if n_frames in wanted:
                _take(match["planes"], columns)
            n_frames += 1
    if any(len(column) != len(indices) for column in columns.values()):
        raise ToolOutputError("The log of XPSNR does not have all frames.")
    return dict(columns)


def _take(planes: str, columns: dict[str, array[float]]) -> None:
    for match in _PLANE.finditer(planes):
        value = math.inf if match["value"] == "inf" else float(match["value"])
        columns[_COLUMNS[match["plane"]]].append(value)
