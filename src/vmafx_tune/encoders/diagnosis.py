"""What a human wants to know from ffmpeg's log: why it failed, and which encoder it really ran.

Logs are expected at `-v level+...`, which marks each line of ffmpeg's own with its level. Encoder
libraries print past that, some with a mark of their own (`x265 [error]:`).
"""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmafx_tune.encoders.row import EncoderRow

__all__ = [
    "encoder_version",
    "failure_reason",
    "refused_values",
    "unused_options",
]

_ERROR_MARK = re.compile(r"\[(?:error|fatal|panic)\]")
_LEVEL_MARK = re.compile(r"\[(?:quiet|info|verbose|debug|trace|warning)\]")
# Such as "[libx264 @ 0x5565] [error] " or "x265 [error]: ".
_PREFIX = re.compile(
    r"^(?:\[[^\]]* @ [^\]]*\]\s*|\w+\s?\[\w+\]:\s*|\[\w+\]\s*|implib-gen: [^:]+: )+"
)
_SOUNDS_LIKE_FAILURE = re.compile(
    r"\b(?:error|fail\w*|cannot|could not|unable|not found)\b", re.IGNORECASE
)
# Of x264 and SVT-AV1, of x265, of x264's and x265's buffers; ffmpeg goes on without what they name.
_REFUSED = re.compile(r"Error parsing option|Unknown option|Invalid value for|VBV .*\bignored\b")
_UNUSED = re.compile(r"Codec AVOption (\S+) .*has not been used for any stream")


def failure_reason(log: str, returncode: int) -> str:
    """Find the line that says why ffmpeg failed: its first error, as others follow from it.

    Args:
        log: Its stderr.
        returncode: Its exit status, negative for a signal.

    Returns:
        A clause without the prefixes of ffmpeg's log and without a full stop.
    """
    lines = log.splitlines()
    marked = (line for line in lines if _ERROR_MARK.search(line))
    unmarked = (
        line for line in lines if _SOUNDS_LIKE_FAILURE.search(line) and not _LEVEL_MARK.search(line)
    )
    for line in (*marked, *unmarked):
        if reason := _PREFIX.sub("", line.strip()).rstrip(" .:"):
            return reason
    return _exit_in_words(returncode)


def refused_values(log: str) -> tuple[str, ...]:
    """Find what an encoder did not take of its arguments, and went on without.

    Args:
        log: ffmpeg's stderr.

    Returns:
        The encoder's own words, each once, without prefixes and without a full stop.
    """
    lines = (line for line in log.splitlines() if _REFUSED.search(line))
    return tuple(dict.fromkeys(_PREFIX.sub("", line.strip()).rstrip(" .") for line in lines))


def unused_options(log: str) -> tuple[str, ...]:
    """Find options that ffmpeg knows and had no use for, without dash; each once."""
    return tuple(dict.fromkeys(_UNUSED.findall(log)))


def encoder_version(row: EncoderRow, log: str, first_packet: bytes, ffmpeg_version: str) -> str:
    """Find an encoder's version where it tells it.

    Args:
        row: The encoder.
        log: ffmpeg's stderr of an encode.
        first_packet: What the encoder wrote first; x264 signs its bitstreams.
        ffmpeg_version: Stands in for encoders that are part of ffmpeg or the operating system.

    Returns:
        A name and a version, such as `x265 4.1` or `ffmpeg 7.1`.
    """
    for text in (log, first_packet.decode("latin-1")):
        if row.version_pattern and (match := re.search(row.version_pattern, text)):
            return f"{row.version_label} {match[1]}"
    return f"ffmpeg {ffmpeg_version}"


def _exit_in_words(returncode: int) -> str:
    if returncode >= 0:
        return f"it exited with status {returncode} and printed no reason"
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        name = f"signal {-returncode}"
    return f"it was killed by {name}"
