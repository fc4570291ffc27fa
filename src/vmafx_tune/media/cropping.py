"""Cropping that a container asks for, beyond what the codec's own headers say.

ffmpeg does it since 7.1, PyAV and most players do not, so that an encode and what it is scored
against would differ in size.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from vmafx_tune.errors import UnreadableSourceError
from vmafx_tune.media.matroska import cropped_margins
from vmafx_tune.media.mp4_boxes import video_sample_entry

if TYPE_CHECKING:
    from vmafx_tune.media.container import Video

__all__ = ["check_uncropped"]


def check_uncropped(video: Video) -> None:
    """Refuse an MP4, MOV, Matroska or WebM file that shows only a part of its pictures.

    Raises:
        UnreadableSourceError: Its clean aperture (ISO/IEC 14496-12, `clap`) is smaller than they,
            or it has margins to be hidden (RFC 9559, PixelCrop).
    """
    kind = video.container.format.name
    stored = (video.stream.width, video.stream.height)
    if "mp4" in kind:
        shown, by = _aperture(video), "a clap box"
    elif "matroska" in kind:
        left, right, top, bottom = cropped_margins(video.path, video.index)
        shown, by = (stored[0] - left - right, stored[1] - top - bottom), "PixelCrop"
    else:
        return
    if shown is None or shown == stored:
        return
    raise UnreadableSourceError(
        f"'{video.path}' asks players to show {shown[0]}x{shown[1]} of its {stored[0]}x"
        f"{stored[1]} pictures ({by}), and only some do. Write out what is to be shown, "
        "without loss: ffmpeg -i FILE -c:v ffv1 CROPPED.mkv."
    )


def _aperture(video: Video) -> tuple[int, int] | None:
    try:
        box = video_sample_entry(video.path, video.index).boxes.get("clap", b"")
    except UnreadableSourceError:  # a kind of MP4 that keeps its tracks elsewhere
        return None
    numbers = [int.from_bytes(box[at : at + 4], "big") for at in range(0, 16, 4)]
    if len(box) < 16 or not (numbers[1] and numbers[3]):
        return None
    return round(Fraction(numbers[0], numbers[1])), round(Fraction(numbers[2], numbers[3]))
