"""The colours in which two clips are compared, decided from what both say of themselves.

Pure. This is the only place that decides: filters, notes and results follow it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmafx_tune.errors import FormatMismatchError
from vmafx_tune.frozen import frozen

if TYPE_CHECKING:
    from vmafx_tune.model import Source

__all__ = [
    "DEFAULT_CHROMA_LOCATION",
    "RGB_ENCODE_MATRIX",
    "RGB_MATRIX",
    "Colours",
    "common_colours",
    "same_matrix",
    "stated_colours",
]

RGB_MATRIX = "smpte170m"
"""Turns RGB into luma and chroma beside a clip that states no matrix: ffmpeg's own choice, and so
that of nearly every unlabelled encode of RGB."""

RGB_ENCODE_MATRIX = "bt709"
"""The matrix with which RGB sources are encoded, and which their encodes state."""

DEFAULT_CHROMA_LOCATION = "left"
"""Where the chroma samples of 4:2:0 are taken to lie in a stream that does not say."""

_RGB_RANGE = "tv"
_GBR = "gbr"
# BT.601 has two names.
_SAME = {"bt470bg": "smpte170m"}
# Those that are a plain matrix, which ffmpeg's filters know.
_CONVERTIBLE = frozenset({"bt709", "fcc", "smpte170m", "smpte240m", "bt2020nc"})


@frozen
class Colours:
    """How samples stand for light and colour.

    Attributes:
        range: `tv`, `pc`, or None where nothing says.
        matrix: ffmpeg's name, or None likewise.
    """

    range: str | None
    matrix: str | None


def stated_colours(source: Source) -> Colours:
    """Return what a clip says of its luma and chroma.

    RGB has neither yet, and grey has a range but no matrix.
    """
    layout = source.pixel_format
    if layout.is_rgb:
        return Colours(None, None)
    has_matrix = not layout.is_grey and source.color_space != _GBR
    return Colours(source.color_range, source.color_space if has_matrix else None)


def common_colours(reference: Source, distorted: Source) -> Colours:
    """Decide in which range and matrix two clips are compared.

    It is what the reference states. Where it states nothing, it is taken to be as the other clip
    is; where neither does, both stay as they are stored. RGB becomes what the other clip is:
    without a statement, limited range and BT.601.

    Raises:
        FormatMismatchError: The matrices differ, and one of them cannot be converted.
    """
    ours, theirs = stated_colours(reference), stated_colours(distorted)
    common = Colours(ours.range or theirs.range, ours.matrix or theirs.matrix)
    is_rgb = [source.pixel_format.is_rgb for source in (reference, distorted)]
    if any(is_rgb):
        common = Colours(common.range or _RGB_RANGE, common.matrix or RGB_MATRIX)
    if any(is_rgb) or not same_matrix(ours.matrix or common.matrix, theirs.matrix or common.matrix):
        _check_convertible(reference, distorted, (ours.matrix, theirs.matrix))
    return common


def same_matrix(one: str | None, other: str | None) -> bool:
    """Whether two names mean the same coefficients."""
    return _SAME.get(one or "", one) == _SAME.get(other or "", other)


def _check_convertible(
    reference: Source, distorted: Source, matrices: tuple[str | None, str | None]
) -> None:
    for matrix in matrices:
        if matrix is not None and _SAME.get(matrix, matrix) not in _CONVERTIBLE:
            told = " and ".join(
                f"'{source.path}' ({source.color_space or source.pixel_format.name})"
                for source in (reference, distorted)
            )
            raise FormatMismatchError(
                f"{told} cannot be compared: samples with the matrix {matrix} cannot be "
                "converted here. Convert one of the clips to the other's matrix first."
            )
