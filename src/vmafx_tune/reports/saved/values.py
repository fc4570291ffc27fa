"""From the values of a saved document to those of results, refusing what cannot have been measured.

Each function is told the place of its value, for messages.
"""

from __future__ import annotations

import math
import re
from enum import StrEnum
from fractions import Fraction
from typing import TypeVar

from vmafx_tune import shell
from vmafx_tune.errors import UsageError
from vmafx_tune.model import Resolution
from vmafx_tune.parsing import parse_resolution
from vmafx_tune.reports.saved.parsing import refuse_value

__all__ = [
    "above_zero",
    "command",
    "count",
    "fraction",
    "known",
    "member",
    "not_negative",
    "number",
    "seconds",
    "share",
    "size",
    "size_text",
]

EnumT = TypeVar("EnumT", bound=StrEnum)
NumberT = TypeVar("NumberT", bound=float | None)
CountT = TypeVar("CountT", bound=int | None)

_MAX_SIDE = 65_536
_FRACTION = re.compile(r"[1-9][0-9]{0,17}(/[1-9][0-9]{0,17})?")


def size(width: int | None, height: int | None, where: str) -> Resolution:
    """Make a picture size of two positive sides."""
    return Resolution(_side(width, f"{where}.width"), _side(height, f"{where}.height"))


def _side(value: int | None, where: str) -> int:
    if value is None or not 0 < value <= _MAX_SIDE:
        refuse_value(value, where, f"a whole number from 1 to {_MAX_SIDE}")
    return value


def size_text(text: str, where: str) -> Resolution:
    """Parse `1280x720`."""
    try:
        return parse_resolution(text)
    except (UsageError, ValueError) as error:
        refuse_value(text, where, "a size such as 1280x720", cause=error)


def fraction(text: str | None, where: str) -> Fraction | None:
    """Parse `25` or `30000/1001`; None stays."""
    if text is None:
        return None
    if not _FRACTION.fullmatch(text):
        refuse_value(text, where, "a positive number such as 25 or 30000/1001")
    return Fraction(text)


def member(kind: type[EnumT], text: str, where: str) -> EnumT:
    """Find the member of an enumeration that has this value."""
    try:
        return kind(text)
    except ValueError as error:
        refuse_value(text, where, f"one of {', '.join(kind)}", cause=error)


def number(value: float | None, where: str) -> float:
    """Require a number."""
    if value is None:
        refuse_value(value, where, "a number")
    return value


def above_zero(value: float | None, where: str) -> float:
    """Require a positive number."""
    if value is None or value <= 0:
        refuse_value(value, where, "a number above 0")
    return value


def not_negative(value: NumberT, where: str) -> NumberT:
    """Refuse numbers below zero; None stays."""
    if value is not None and value < 0:
        refuse_value(value, where, "a number of 0 or more")
    return value


def count(value: CountT, where: str) -> CountT:
    """Refuse counts below one; None stays."""
    if value is not None and value < 1:
        refuse_value(value, where, "a whole number from 1")
    return value


def share(value: float | None, where: str) -> float:
    """Require a number above 0 and at most 1."""
    if value is None or not 0 < value <= 1:
        refuse_value(value, where, "a number above 0 and at most 1")
    return value


def seconds(milliseconds: float | None, where: str) -> float | None:
    """Convert a span of time, which cannot be negative; None stays."""
    span = not_negative(milliseconds, where)
    return None if span is None else span / 1000


def known(value: float | None) -> float:
    """Turn the null of a document back into not-a-number."""
    return math.nan if value is None else value


def command(text: str | None, where: str) -> tuple[str, ...]:
    """Split a shell command into its arguments; None has none."""
    try:
        return shell.split(text or "")
    except ValueError as error:
        refuse_value(text, where, "a command whose quotes are closed", cause=error)
