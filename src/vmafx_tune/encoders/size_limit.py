"""Ends an encode as soon as it is certain to have a higher bitrate than it may have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmafx_tune.errors import TooLargeError

if TYPE_CHECKING:
    from vmafx_tune.model import EncodeOutcome, EncodeSpec

__all__ = ["SizeWatch", "check_size"]

# What a container may add to the packets: MP4 writes some 50 bytes before its index, which comes at
# the end; the fragments and the containers that extra arguments may ask for stay below this.
_HEADER_BYTES = 16384
_FRAME_BYTES = 64
# The encode's frame rate, and with it its duration, may differ a little from the source's.
_SLACK = 1.01
# What does not fit into 64 bits is no count of anything.
_MOST_DIGITS = 19


class SizeWatch:
    """Follows the lines of ffmpeg's `-progress`, which tell frames and bytes twice a second.

    Bytes only grow, so an encode that has had more by now than it may have for the whole clip is
    certain to be too large, whatever follows. The last report counts for nothing: it holds the
    container's index, and the encode is over.

    Args:
        spec: What is encoded; without a limit, or where its duration is not known, nothing is
            ever too large.
    """

    def __init__(self, spec: EncodeSpec) -> None:
        self._limit_kbps = _limit_kbps(spec)
        self._n_frames = spec.source.n_frames
        self._duration_s = spec.source.duration_s
        self._told = {"frame": 0, "total_size": 0}

    def __call__(self, line: str) -> None:
        """Take note of a line.

        Raises:
            TooLargeError: The encode is certain to be above its limit.
        """
        if self._limit_kbps is None:
            return
        name, _, value = line.partition("=")
        if name in self._told and value.strip().isdecimal() and len(value) < _MOST_DIGITS:
            self._told[name] = int(value)
        elif line == "progress=continue" and self._least_kbps > self._limit_kbps:
            raise TooLargeError(self._limit_kbps, self._least_kbps)

    @property
    def _least_kbps(self) -> float:
        """What the bitrate of the whole clip is at least."""
        if self._told["frame"] > self._n_frames:  # the source is longer than it says
            return 0.0
        added_bytes = _HEADER_BYTES + _FRAME_BYTES * self._n_frames
        return (self._told["total_size"] - added_bytes) * 8 / 1000 / (self._duration_s * _SLACK)


def check_size(spec: EncodeSpec, outcome: EncodeOutcome) -> None:
    """Hold a finished encode against its limit.

    Raises:
        TooLargeError: It is above it.
    """
    limit_kbps = spec.max_bitrate_kbps
    if limit_kbps is not None and _is_whole(spec) and outcome.bitrate_kbps > limit_kbps:
        raise TooLargeError(limit_kbps, outcome.bitrate_kbps)


def _limit_kbps(spec: EncodeSpec) -> float | None:
    known = _is_whole(spec) and spec.source.n_frames > 0
    return spec.max_bitrate_kbps if known else None


def _is_whole(spec: EncodeSpec) -> bool:
    """Tell whether the limit is about this encode: a part of a clip may be above the clip's."""
    return spec.source.excerpt is None
