"""Texts and numbers as people read them: the one place that decides decimals and dashes."""

from __future__ import annotations

import math
import shlex
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

from vmafx_tune.plain_text import encodable, one_line

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
    "in_encoding",
    "one_line",
    "percent",
    "quality",
    "rough_bitrate",
    "vmaf",
]

ABSENT = "\N{EN DASH}"

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


def command_line(argv: Sequence[str]) -> str:
    """Quote `argv` for a POSIX shell, so that pasting the line runs the same command."""
    return encodable(shlex.join(argv))


def vmaf(score: float | None, decimals: int = 2) -> str:
    """Format VMAF points, rounded down.

    A score just below a target must not read as if it reached it.
    """
    if score is None or not math.isfinite(score):
        return ABSENT
    step = Decimal(1).scaleb(-decimals)
    return str(Decimal(repr(float(score))).quantize(step, rounding=ROUND_FLOOR))


def quality(value: float) -> str:
    """Format a value of the quality knob: `23`, `23.5`."""
    return f"{value:g}"


def bitrate(kbps: float | None) -> str:
    """Format kilobits per second with thousands separators."""
    return ABSENT if kbps is None or not math.isfinite(kbps) else f"{kbps:,.1f}"


def rough_bitrate(kbps: float | None) -> str:
    """Format kilobits per second where there is little room: no decimals from 100 up."""
    if kbps is None or not math.isfinite(kbps):
        return ABSENT
    return f"{kbps:,.0f}" if kbps >= 99.95 else f"{kbps:.1f}"


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


def duration(seconds: float | None) -> str:
    """Format a span of time: `0.42 s`, `12.3 s`, `3:07 min`, `2:03:07 h`."""
    if seconds is None or not math.isfinite(seconds):
        return ABSENT
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}:{rest:02} min"
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02} h"
