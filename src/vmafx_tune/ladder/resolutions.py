"""Which picture sizes a ladder tries: the usual ones for a source, and a check of a user's own.

Sizes count stored samples, not display pixels: a rendition of an anamorphic source keeps the shape
of its samples, so that it looks the same as every other rendition and as the source.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from vmafx_tune.errors import InvalidLadderError
from vmafx_tune.ladder.rules import is_at_least
from vmafx_tune.model import Resolution

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vmafx_tune.model import Source
    from vmafx_tune.results.rung_choice import RungChoice

__all__ = ["DEFAULT_LINES", "check_resolutions", "default_resolutions", "ruled_resolutions"]

DEFAULT_LINES = (2160, 1440, 1080, 720, 540, 432, 360, 270, 234)
"""Samples on the shorter side of the usual renditions."""

_ASPECT_TOLERANCE = 0.02


def default_resolutions(source: Source) -> tuple[Resolution, ...]:
    """Choose the resolutions that a ladder tries where the user names none.

    The source's own size, and each of `DEFAULT_LINES` that it does not fall short of, at its aspect
    ratio. Lines count on the shorter side, so that a portrait source has the renditions of the
    landscape one turned. All sides are even, as 4:2:0 needs them; an odd source loses a line.

    Args:
        source: Its size after rotation decides.

    Returns:
        The largest first, without repeats.
    """
    own = _even_size(source.resolution)
    lines = (count for count in DEFAULT_LINES if count < min(own.width, own.height))
    return (own, *(_scaled(source.resolution, count) for count in lines))


def ruled_resolutions(
    resolutions: Sequence[Resolution] | None, source: Source, choice: RungChoice
) -> tuple[Resolution, ...]:
    """Choose what a ladder tries where rules say which sizes its rungs may have.

    Args:
        resolutions: Those that the user named; None for the allowed ones, or the usual ones.
        source: What is scaled to them.
        choice: Its rules on sizes.

    Returns:
        The sizes that rungs may and must have, without repeats.

    Raises:
        InvalidLadderError: The rules leave none.
    """
    named = resolutions or choice.allow or default_resolutions(source)
    allowed = [
        size
        for size in named
        if (not choice.allow or size in choice.allow)
        and (choice.mixed_resolutions or choice.min_bottom is None
             or is_at_least(size, choice.min_bottom))
    ]  # fmt: skip
    sizes = tuple(dict.fromkeys((*allowed, *choice.include)))
    if not sizes:
        raise InvalidLadderError(
            "--allow and --min-bottom leave no resolution that could be tried. Relax one of them, "
            "or name others with --resolutions."
        )
    return sizes


def check_resolutions(resolutions: Sequence[Resolution], source: Source) -> tuple[str, ...]:
    """Check the resolutions that a user named.

    Args:
        resolutions: In any order.
        source: What is scaled to them.

    Returns:
        A sentence for each that changes the picture's aspect ratio.

    Raises:
        InvalidLadderError: There are none, one is repeated, has an odd or empty side, or is larger
            than the source.
    """
    if not resolutions:
        raise InvalidLadderError("A ladder needs at least one resolution: 1280x720, for example.")
    _refuse_repeats(resolutions)
    for resolution in resolutions:
        _refuse_uncodable(resolution)
        _refuse_upscaling(resolution, source)
    return tuple(
        _aspect_note(resolution, source)
        for resolution in resolutions
        if not _keeps_aspect(resolution, source)
    )


def _scaled(own: Resolution, lines: int) -> Resolution:
    if own.width >= own.height:
        return Resolution(_nearest_even(own.width * lines, own.height, own.width), lines)
    return Resolution(lines, _nearest_even(own.height * lines, own.width, own.height))


def _nearest_even(numerator: int, denominator: int, limit: int) -> int:
    """Round a ratio to an even number of at least 2, half up, that does not exceed `limit`."""
    rounded = 2 * ((numerator + denominator) // (2 * denominator))
    return max(2, min(rounded, _even(limit)))


def _even_size(size: Resolution) -> Resolution:
    return Resolution(_even(size.width), _even(size.height))


def _even(side: int) -> int:
    return max(2, side - side % 2)


def _refuse_repeats(resolutions: Iterable[Resolution]) -> None:
    repeated = [str(size) for size, count in Counter(resolutions).items() if count > 1]
    if repeated:
        raise InvalidLadderError(
            f"{', '.join(repeated)} is given more than once. Give each resolution once."
        )


def _refuse_uncodable(resolution: Resolution) -> None:
    sides = (resolution.width, resolution.height)
    if min(sides) < 1:
        raise InvalidLadderError(
            f"{resolution} is not a valid resolution. Both sides must be at least 2."
        )
    if any(side % 2 for side in sides):
        even = Resolution(*(side + side % 2 for side in sides))
        raise InvalidLadderError(
            f"A rendition of {resolution} has an odd side, which 4:2:0 video cannot have. Use "
            f"{even}, for example."
        )


def _refuse_upscaling(resolution: Resolution, source: Source) -> None:
    own = source.resolution
    if resolution.width > own.width or resolution.height > own.height:
        raise InvalidLadderError(
            f"A rendition of {resolution} would upscale the source, which is {own}. Leave it out: "
            "it costs bits and adds no detail."
        )


def _keeps_aspect(resolution: Resolution, source: Source) -> bool:
    """Whether the samples keep their shape, or become square as players like them best."""
    own = source.resolution
    shape = (resolution.width * own.height) / (resolution.height * own.width)
    aspect = float(source.sample_aspect_ratio)
    return abs(shape - 1) <= _ASPECT_TOLERANCE or abs(shape / aspect - 1) <= _ASPECT_TOLERANCE


def _aspect_note(resolution: Resolution, source: Source) -> str:
    own = source.resolution
    return (
        f"{resolution} has another aspect ratio ({resolution.width / resolution.height:.3f}) "
        f"than the source's {own} ({own.width / own.height:.3f}). Its samples will not be "
        "square, and players that ignore that will show it distorted."
    )
