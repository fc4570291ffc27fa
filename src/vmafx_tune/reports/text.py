"""Texts and numbers as people read them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vmafx_tune import shell
from vmafx_tune.formatting import (
    ABSENT,
    bitrate,
    encodable,
    given,
    one_line,
    quality,
    rough_bitrate,
    vmaf,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "ABSENT",
    "bitrate",
    "command_line",
    "duration",
    "encodable",
    "enumerated",
    "file_size",
    "given",
    "in_encoding",
    "one_line",
    "percent",
    "quality",
    "rough_bitrate",
    "vmaf",
]

# One character for one, so that columns and pictures keep their shape.
_STAND_INS = str.maketrans(
    dict(zip("\N{EN DASH}…─│└┤┬✓✗", "-.-|+++vx", strict=True))
    | {chr(dots): "." for dots in range(0x2801, 0x2900)}
)


def in_encoding(text: str, encoding: str) -> str:
    """Replace what an encoding cannot hold by something alike, one character for one.

    Args:
        text: As for a terminal that shows everything.
        encoding: Name of a codec, such as that of a stream.
    """
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        plain = text.translate(_STAND_INS)
        return plain.encode(encoding, errors="replace").decode(encoding)
    return text


def enumerated(items: Sequence[str]) -> str:
    """List things as in a sentence: `a`, `a and b`, `a, b and c`."""
    *others, last = items
    return f"{', '.join(others)} and {last}" if others else last


def command_line(argv: Sequence[str], *, one_line: bool = False) -> str:
    """Quote `argv` for a POSIX shell, so that pasting the text runs the same command.

    Args:
        argv: The command.
        one_line: Whether it must be one line, although an argument has several.
    """
    return encodable(shell.join(argv, one_line=one_line))


def percent(value: float | None) -> str:
    """Format a signed difference in percent."""
    return ABSENT if value is None or not math.isfinite(value) else f"{value:+.1f} %"


def file_size(size_bytes: int) -> str:
    """Format a number of bytes in powers of 1024: `812 B`, `64.0 KiB`, `2.0 GiB`."""
    if size_bytes < 1024:
        return f"{size_bytes} B"
    size = float(size_bytes)
    for unit in ("KiB", "MiB", "GiB"):
        size /= 1024
        if size < 1023.95:
            return f"{size:.1f} {unit}"
    return f"{size / 1024:,.1f} TiB"


def duration(milliseconds: float | None) -> str:
    """Format a span of time: `0.42 s`, `12.3 s`, `3:07 min`, `2:03:07 h`."""
    if milliseconds is None or not math.isfinite(milliseconds):
        return ABSENT
    seconds = milliseconds / 1000
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}:{rest:02} min"
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02} h"
