"""How two clips are brought to one size and format before they are compared.

Pure: every backend carries out the same plan, so that they agree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from vmafx_tune.colours import common_colours
from vmafx_tune.media.pixel_formats import common_scoring_format, pixel_format
from vmafx_tune.model import Comparison, Resolution
from vmafx_tune.scoring.conversion import conversion
from vmafx_tune.scoring.models import check_picture_size

if TYPE_CHECKING:
    from vmafx_tune.model import ScoreRequest, Source

__all__ = ["EncodeFacts", "ScoringPlan", "is_ready", "plan_scoring"]

# Limits of libvmaf's cambi.c: the options' ranges, and what the longer side must have.
_CAMBI_WIDTHS = (180, 7680)
_CAMBI_HEIGHTS = (150, 7680)
_CAMBI_BIT_DEPTHS = (6, 16)
_CAMBI_MIN_LONG_SIDE = 216


@dataclass(frozen=True, slots=True)
class EncodeFacts:
    """What CAMBI is told of the encode, which upscaling has hidden: its own size and depth."""

    width: int
    height: int
    bit_depth: int

    @classmethod
    def of(cls, distorted: Source, display: Resolution) -> EncodeFacts:
        """State the facts of `distorted` as far as CAMBI accepts them.

        An encode that is wider but lower than the display, or the other way round, is told of as
        one of the display's size.
        """
        encoded = distorted.resolution
        wider, higher = encoded.width - display.width, encoded.height - display.height
        size = display if wider * higher < 0 else encoded
        return cls(size.width, size.height, distorted.pixel_format.bit_depth)

    def options(self) -> dict[str, str]:
        """Return CAMBI's options by name, with the nearest values that it accepts."""
        long_side = max(self.width, self.height)
        enlarged = Fraction(max(_CAMBI_MIN_LONG_SIDE, long_side), long_side)
        return {
            "enc_width": str(_clamp(math.ceil(self.width * enlarged), _CAMBI_WIDTHS)),
            "enc_height": str(_clamp(math.ceil(self.height * enlarged), _CAMBI_HEIGHTS)),
            "enc_bitdepth": str(_clamp(self.bit_depth, _CAMBI_BIT_DEPTHS)),
        }


@dataclass(frozen=True, slots=True)
class ScoringPlan:
    """The common ground of two clips.

    Attributes:
        comparison: Size, format, range and matrix that both are brought to; see `conversion`.
        encode_facts: For models with CAMBI; None for the others.
    """

    comparison: Comparison
    encode_facts: EncodeFacts | None = None

    @property
    def size(self) -> Resolution:
        """Both are scaled to it (bicubic), where they do not have it already."""
        return Resolution(self.comparison.width, self.comparison.height)

    @property
    def pix_fmt(self) -> str:
        """Planar YUV format, ffmpeg's name."""
        return self.comparison.pix_fmt

    @property
    def bit_depth(self) -> int:
        """Bits per sample of `pix_fmt`."""
        return pixel_format(self.pix_fmt).bit_depth


def plan_scoring(request: ScoreRequest) -> ScoringPlan:
    """Decide what `request`'s clips are converted to.

    Raises:
        FormatMismatchError: They cannot be brought to one matrix.
        ScoringError: The pictures are too small for the model.
    """
    reference, distorted, model = request.reference, request.distorted, request.model
    check_picture_size(request.display, model)
    colours = common_colours(reference, distorted)
    return ScoringPlan(
        Comparison(
            pix_fmt=common_scoring_format(
                reference.pixel_format, distorted.pixel_format, model.min_bit_depth
            ),
            range=colours.range,
            matrix=colours.matrix,
            width=request.display.width,
            height=request.display.height,
        ),
        encode_facts=(
            EncodeFacts.of(distorted, request.display) if model.wants_encode_facts else None
        ),
    )


def is_ready(source: Source, plan: ScoringPlan) -> bool:
    """Whether a clip's file has the samples that `plan` asks for, without a header or decoding."""
    untouched = not source.filters and source.excerpt is None
    return source.raw is not None and untouched and not conversion(source, plan)


def _clamp(value: int, limits: tuple[int, int]) -> int:
    low, high = limits
    return max(low, min(value, high))
