"""What differs between the releases of PyAV, so that all others take them alike."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Iterable

    from av.video.frame import VideoFrame

__all__ = ["lenient_tags", "readable_tag", "side_data_kinds", "to_fraction"]


class _Ratio(Protocol):
    @property
    def numerator(self) -> int: ...
    @property
    def denominator(self) -> int: ...


def to_fraction(ratio: _Ratio | None) -> Fraction | None:
    """Convert a ratio, which is a class of PyAV's own from 19 on.

    Returns:
        None where it is not set: PyAV has None for that up to 18, and then a ratio that is false.
    """
    return Fraction(ratio.numerator, ratio.denominator) if ratio else None


def side_data_kinds(frame: VideoFrame) -> set[str]:
    """List what else a frame holds, by libav's names such as `MASTERING_DISPLAY_METADATA`."""
    # Iterating gives the data up to 18, whatever its types say, and its kinds from 19 on.
    return {getattr(each, "type", each).name for each in cast("Iterable[Any]", frame.side_data)}


def lenient_tags() -> dict[str, Any]:
    """Have `av.open` take tags that are not UTF-8, as it always does from 19 on."""
    import av

    before_19 = int(av.__version__.split(".")[0]) < 19
    return {"metadata_errors": "surrogateescape"} if before_19 else {}


def readable_tag(value: str) -> str:
    """Put U+FFFD for what is not UTF-8 in a tag, which is not fit to be printed or passed on."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
