"""Numbers as people read them: the one place that decides decimals and rounds.

Rounding never flatters: scores go down and bitrates up, so that a miss cannot read as a hit.
"""

from __future__ import annotations

import math
import re
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

__all__ = [
    "ABSENT",
    "bitrate",
    "condition",
    "condition_name",
    "condition_value",
    "counted",
    "duration",
    "encodable",
    "file_size",
    "given",
    "listed",
    "metric",
    "one_line",
    "percent",
    "quality",
    "rough_bitrate",
    "rounded_up",
    "time_code",
    "vmaf",
]

ABSENT = "\N{EN DASH}"
"""Stands for a number that is not known."""

_MOST_DECIMALS = 12
# SSIM differs in the third.
_METRIC_DECIMALS = 4


def vmaf(score: float | None, decimals: int = 2, *, target: float | None = None) -> str:
    """Format VMAF points, rounded down.

    Args:
        score: The score; None, or not finite, where there is none.
        decimals: At least so many.
        target: A score that it is held against. There are enough decimals then for what is shown
            to reach the target exactly where `score` does.
    """
    if score is None or not math.isfinite(score):
        return ABSENT
    if target is not None:
        decimals = max(decimals, min(_decimals_of(target), _MOST_DECIMALS))
    return str(_exact(score).quantize(_unit(decimals), rounding=ROUND_FLOOR))


def metric(
    value: float | None, *, lower_is_better: bool = False, bound: float | None = None
) -> str:
    """Format the value of a metric, rounded to its worse side: up where lower values are better.

    Args:
        value: The value; None, or not a number, where there is none.
        lower_is_better: Whether the metric rises where quality falls.
        bound: A value that it is held against; see `vmaf`.
    """
    if value is None or math.isnan(value):
        return ABSENT
    if math.isinf(value):
        return "inf"
    decimals = _METRIC_DECIMALS
    if bound is not None:
        decimals = max(decimals, min(_decimals_of(bound), _MOST_DECIMALS))
    rounding = ROUND_CEILING if lower_is_better else ROUND_FLOOR
    return str(_exact(value).quantize(_unit(decimals), rounding=rounding))


def condition(text: str, value: float | None) -> str:
    """Format the value that a condition is about: `vmaf.p5 88.1234`.

    Args:
        text: The condition: `vmaf.p5>=88`.
        value: What was measured.
    """
    return f"{condition_name(text)} {condition_value(text, value)}"


def condition_name(text: str) -> str:
    """Name what a condition is about: `vmaf.p5` of `vmaf.p5>=88`."""
    return text.partition("<=")[0].partition(">=")[0]


def condition_value(text: str, value: float | None) -> str:
    """Format the value alone; see `condition`."""
    _, sign, bound = text.partition("<=") if "<=" in text else text.partition(">=")
    return metric(value, lower_is_better=sign == "<=", bound=float(bound))


def bitrate(kbps: float | None) -> str:
    """Format kilobits per second, rounded up, with thousands separators."""
    return ABSENT if kbps is None or not math.isfinite(kbps) else rounded_up(kbps, 1)


def rough_bitrate(kbps: float | None) -> str:
    """Format kilobits per second in a sentence or where there is little room.

    Rounded up, with no decimals from 100 up.
    """
    if kbps is None or not math.isfinite(kbps):
        return ABSENT
    return rounded_up(kbps, 0 if kbps > 99.9 else 1)


def quality(value: float) -> str:
    """Format a value of the quality knob: `23`, `23.5`."""
    return f"{value:g}"


def given(number: float | None) -> str:
    """Format a target or a limit as it was given: `95`, `93.125`, `1234567`."""
    return ABSENT if number is None else f"{number:.15g}"


def counted(number: int, noun: str) -> str:
    """Format a number of things: `1 frame`, `12 frames`.

    Args:
        number: How many there are.
        noun: What one of them is called; more of them end in an s.
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(names: Sequence[str]) -> str:
    """Join names as in a sentence: `a, b and c`."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def percent(value: float | None) -> str:
    """Format a signed difference in percent."""
    return ABSENT if value is None or not math.isfinite(value) else f"{value:+z.1f} %"


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


def time_code(seconds: Fraction) -> str:
    """Format a place in a clip as ffmpeg's `-ss` takes it: `01:02:03.480`."""
    milliseconds = round(1000 * seconds)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"


def rounded_up(number: float, decimals: int) -> str:
    """Format a number, rounded up, with thousands separators."""
    return f"{_exact(number).quantize(_unit(decimals), rounding=ROUND_CEILING):,}"


def _exact(number: float) -> Decimal:
    return Decimal(repr(float(number)))


def _unit(decimals: int) -> Decimal:
    return Decimal(1).scaleb(-decimals)


def _decimals_of(number: float) -> int:
    exponent = _exact(number).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
# A terminal obeys control characters; marks of writing direction reorder what is read.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def encodable(text: str) -> str:
    """Replace what UTF-8 cannot hold: Python's stand-ins for undecodable bytes of a file name."""
    return text if text.isascii() else _LONE_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)


def one_line(text: str) -> str:
    """Make `text` safe to print: one line, without control characters that a terminal obeys."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", " ".join(encodable(text).splitlines()))
