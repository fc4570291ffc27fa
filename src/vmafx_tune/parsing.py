"""From what people type to values."""

from __future__ import annotations

import math
import re
import shlex
from fractions import Fraction
from typing import TYPE_CHECKING

from vmafx_tune.errors import UsageError
from vmafx_tune.formatting import given

if TYPE_CHECKING:
    from vmafx_tune.model import CapFactors, Resolution

__all__ = [
    "cap_factors",
    "is_url",
    "parse_arguments",
    "parse_crop",
    "parse_frame_rate",
    "parse_limit",
    "parse_names",
    "parse_numbers",
    "parse_resolution",
    "parse_sample",
    "parse_size_bytes",
]

_RESOLUTION = re.compile(r"(\d+)\s*[xX\N{MULTIPLICATION SIGN}]\s*(\d+)")
_SAMPLE = re.compile(r"(\d+)\s*[xX\N{MULTIPLICATION SIGN}]\s*(\d+(?:\.\d+)?)\s*s?")
_CROP = re.compile(r"(\d{1,5}):(\d{1,5}):(\d{1,5}):(\d{1,5})")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_UNITS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}
_MAX_SIDE = 65_536
_BUFSIZE_PER_MAXRATE = 2.0
_MAX_FRAME_RATE = 1_000


def parse_resolution(text: str) -> Resolution:
    """Parse `1280x720`.

    Raises:
        UsageError: It is not two positive whole numbers with an x between them.
    """
    # Help of commands, and commands that read no source, do without.
    from vmafx_tune.model import Resolution

    match = _RESOLUTION.fullmatch(text.strip())
    sides = tuple(int(side) for side in match.groups()) if match else ()
    if not sides or not all(0 < side <= _MAX_SIDE for side in sides):
        raise UsageError(f"'{text}' is not a picture size. Write it as WIDTHxHEIGHT: 1280x720.")
    return Resolution(*sides)


def parse_sample(text: str) -> tuple[int, Fraction]:
    """Parse `6x10s`: six parts of ten seconds each.

    Returns:
        The number of parts and their length in seconds.

    Raises:
        UsageError: It is not two positive numbers with an x between them.
    """
    match = _SAMPLE.fullmatch(text.strip())
    parts, length_s = (int(match[1]), Fraction(match[2])) if match else (0, Fraction(0))
    if parts < 1 or length_s <= 0:
        raise UsageError(
            f"'{text}' is not a sample. Write it as PARTSxSECONDS: 6x10s takes six parts of ten "
            "seconds each."
        )
    return parts, length_s


def parse_frame_rate(text: str) -> Fraction:
    """Parse `25`, `30000/1001` or `29.97`; decimals near an NTSC rate are taken for that rate.

    Raises:
        UsageError: It is not a positive number.
    """
    try:
        rate = Fraction(text.strip())
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= _MAX_FRAME_RATE:
        raise UsageError(f"'{text}' is not a frame rate. Write it as 25, 29.97 or 30000/1001.")
    ntsc = Fraction(math.ceil(rate) * 1000, 1001)
    # 23.976, 29.97 and 59.94 are roundings of n * 1000/1001, never rates of their own.
    return ntsc if "/" not in text and abs(rate - ntsc) < Fraction(1, 1000) else rate


def parse_limit(text: str, *, in_percent: bool) -> float:
    """Parse `2` or `none`, which is infinite; of percentages also `2%`.

    Raises:
        UsageError: It is not a number of 0 or more.
    """
    stripped = text.strip().lower()
    if stripped == "none":
        return math.inf
    try:
        limit = float(stripped.removesuffix("%") if in_percent else stripped)
    except ValueError:
        limit = math.nan
    if not 0 <= limit < math.inf:
        unit, forms = ("percent", "2, 2%") if in_percent else ("VMAF points", "0.5")
        raise UsageError(f"'{text}' is not a limit in {unit}. Write it as {forms} or none.")
    return limit


def parse_crop(text: str) -> tuple[int, int, int, int] | None:
    """Parse `1920:800:0:140`: width, height, and the place of the left upper corner.

    Returns:
        None for `auto`.

    Raises:
        UsageError: It is neither `auto` nor four whole numbers.
    """
    if text.strip().lower() == "auto":
        return None
    match = _CROP.fullmatch(text.strip())
    if match is None:
        raise UsageError(
            f"'{text}' is not a crop. Write it as WIDTH:HEIGHT:X:Y, as for ffmpeg's crop filter "
            "(1920:800:0:140), or use --crop auto."
        )
    width, height, x, y = (int(number) for number in match.groups())
    return width, height, x, y


def cap_factors(maxrate: float | None, bufsize: float | None) -> CapFactors | None:
    """Check factors of caps.

    Args:
        maxrate: Multiple of an encode's average; None for no cap.
        bufsize: Buffer in seconds of the average; None for twice `maxrate`.

    Raises:
        UsageError: One makes no sense.
    """
    if maxrate is None:
        if bufsize is not None:
            raise UsageError("--bufsize-factor has no effect without --maxrate-factor. Give both.")
        return None
    if not (math.isfinite(maxrate) and maxrate >= 1):
        raise UsageError(
            f"--maxrate-factor {given(maxrate)} is not valid: a cap below the average is no cap on "
            "peaks. Use 1 or more."
        )
    if bufsize is not None and not (math.isfinite(bufsize) and bufsize > 0):
        raise UsageError(f"--bufsize-factor {given(bufsize)} is not valid. Use more than 0.")
    from vmafx_tune.model import CapFactors

    return CapFactors(maxrate, bufsize or _BUFSIZE_PER_MAXRATE * maxrate)


def parse_numbers(text: str, what: str) -> tuple[float, ...]:
    """Parse `80,90,95` into ascending numbers without repeats.

    Args:
        text: Numbers, separated by commas.
        what: What one of them is, for messages.

    Raises:
        UsageError: An item is not a finite number, or there is none.
    """
    return tuple(sorted({_number(item, what) for item in parse_names(text, what)}))


def _number(text: str, what: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UsageError(f"The {what} '{text}' is not a number. Write several as 80,90,95.")
    return number


def parse_names(text: str, what: str) -> tuple[str, ...]:
    """Split a list at its commas, in the order given.

    Raises:
        UsageError: Nothing is left.
    """
    names = tuple(name for item in text.split(",") if (name := item.strip()))
    if not names:
        raise UsageError(f"No {what} was given. Separate several with commas.")
    return names


def parse_arguments(text: str) -> tuple[str, ...]:
    """Split `-tune film -g 48` as a shell would.

    Raises:
        UsageError: A quotation is not closed.
    """
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise UsageError(
            f"The encoder arguments '{text}' have an unclosed quote or a trailing backslash."
        ) from error


def parse_size_bytes(text: str) -> int:
    """Parse `500M` or `2G`, in powers of 1024, into bytes.

    Raises:
        UsageError: It is not a number with or without a unit.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"'{text}' is not a size. Write it as 500M or 2G.")
    number, unit = match.groups()
    return int(float(number) * 2 ** _UNITS[unit.upper()])


def is_url(name: str) -> bool:
    """Tell whether a source is named by a URL; not all of them can be fetched."""
    return _URL.match(name) is not None
