"""How two clips are brought to one size and format before they are compared.

Pure: every backend carries out the same plan, so that they agree.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

from vmafx_tune.colours import common_colours, same_matrix, stated_colours
from vmafx_tune.frozen import frozen
from vmafx_tune.media.pixel_formats import (
    common_scoring_format,
    depth_of_planar,
    pixel_format,
    planar_depth,
    planar_format,
)
from vmafx_tune.model import Comparison, Resolution
from vmafx_tune.scoring.metrics import check_metric_sizes
from vmafx_tune.scoring.models import check_picture_size

if TYPE_CHECKING:
    from vmafx_tune.model import ScoreRequest, Source

__all__ = [
    "EncodeFacts",
    "Filter",
    "ScoringPlan",
    "as_planar",
    "conversion",
    "is_ready",
    "plan_scoring",
]

# Limits of libvmaf's cambi.c: the options' ranges, and what the longer side must have.
_CAMBI_WIDTHS = (180, 7680)
_CAMBI_HEIGHTS = (150, 7680)
_CAMBI_BIT_DEPTHS = (6, 16)
_CAMBI_MIN_LONG_SIDE = 216


@frozen
class EncodeFacts:
    """What CAMBI needs of the encode, which upscaling has hidden: its own size and depth."""

    width: int
    height: int
    bit_depth: int

    @classmethod
    def of(cls, distorted: Source, display: Resolution) -> EncodeFacts:
        """State the facts of `distorted` as far as CAMBI accepts them.

        An encode that is wider but lower than the display, or the other way round, counts as
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


@frozen
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
        return depth_of_planar(self.pix_fmt)


def plan_scoring(request: ScoreRequest) -> ScoringPlan:
    """Decide what `request`'s clips are converted to.

    Raises:
        FormatMismatchError: They cannot be brought to one matrix.
        ScoringError: The pictures are too small for the model, or for a metric.
    """
    reference, distorted, model = request.reference, request.distorted, request.model
    check_picture_size(request.display, model)
    check_metric_sizes(request.display, request.metrics)
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


Filter = tuple[str, dict[str, str]]
"""A filter of ffmpeg's and its options."""

_LIMITED, _FULL = "tv", "pc"
_BICUBIC = "bicubic"
# RGB is converted once, so it may take the time to be exact.
_EXACT = "bicubic+accurate_rnd+full_chroma_inp+full_chroma_int"
# The deepest that ffmpeg's filter for matrices takes.
_MATRIX_DEPTH = 12
# It asks for these too, and converts neither where they are the same on both sides.
_SAME_LIGHT = dict.fromkeys(("iprimaries", "itrc", "primaries", "trc"), "bt709")


def conversion(source: Source, plan: ScoringPlan) -> tuple[Filter, ...]:
    """List what must be done to a clip's upright pictures; nothing where they are as planned.

    Every range and matrix is named on both sides of a conversion: left to itself, swscale takes
    all grey for full range, converts between "j" formats and plain ones, and knows one matrix.
    """
    wanted = plan.comparison
    stated = stated_colours(source)
    own_range, own_matrix = stated.range or wanted.range, stated.matrix or wanted.matrix
    resized = source.resolution != plan.size
    if source.pixel_format.is_rgb:
        to_rgb = {"out_range": wanted.range or _LIMITED, "out_color_matrix": wanted.matrix or ""}
        return (_scale(plan, _EXACT, **to_rgb), as_planar(plan.pix_fmt))
    if source.pixel_format.is_grey:
        return _from_grey(source, own_range, plan)
    if not same_matrix(own_matrix, wanted.matrix):
        return _to_matrix((own_range, own_matrix), plan)
    if own_range == wanted.range and not resized and _same_samples(source, plan):
        return ()
    ranges = {"in_range": own_range or _LIMITED, "out_range": wanted.range or _LIMITED}
    return (_scale(plan, _BICUBIC, **ranges), as_planar(plan.pix_fmt))


def _to_matrix(own: tuple[str | None, str | None], plan: ScoringPlan) -> tuple[Filter, ...]:
    """Convert luma and chroma to another matrix, and to another range with it.

    swscale would go by way of RGB: up to 6 of 255 off, where this is at most 1.
    """
    wanted = plan.comparison
    own_range, own_matrix = own[0] or _LIMITED, own[1] or ""
    layout = pixel_format(plan.pix_fmt)
    size = plan.size
    # It takes even sizes only, and padding is exact where chroma has luma's size.
    is_odd = bool(size.width % 2 or size.height % 2)
    depth = min(layout.bit_depth, _MATRIX_DEPTH)
    pix_fmt = planar_format("444" if is_odd else layout.chroma, depth)
    steps = [
        _scale(plan, _BICUBIC, in_range=own_range, out_range=own_range),
        as_planar(pix_fmt),
        (
            "colorspace",
            {
                **_SAME_LIGHT,
                "ispace": own_matrix,
                "irange": own_range,
                "space": wanted.matrix or "",
                "range": wanted.range or _LIMITED,
            },
        ),
    ]
    if is_odd:
        even = {"w": str(size.width + size.width % 2), "h": str(size.height + size.height % 2)}
        steps.insert(2, ("pad", even))
        steps.append(("crop", {"w": str(size.width), "h": str(size.height), "x": "0", "y": "0"}))
    if pix_fmt != plan.pix_fmt:
        same = wanted.range or _LIMITED
        steps += [_scale(plan, _BICUBIC, in_range=same, out_range=same), as_planar(plan.pix_fmt)]
    return tuple(steps)


def _from_grey(source: Source, own_range: str | None, plan: ScoringPlan) -> tuple[Filter, ...]:
    """Give luma its flat chroma without a change, and then convert it as any other."""
    grey, planned = source.pixel_format, pixel_format(plan.pix_fmt)
    pix_fmt = planar_format(planned.chroma, planar_depth(grey.bit_depth))
    # Called full range on both sides, the samples stay what they are.
    kept = (_scale(plan, _BICUBIC, in_range=_FULL, out_range=_FULL), as_planar(pix_fmt))
    wanted = plan.comparison.range
    if own_range == wanted and pix_fmt == plan.pix_fmt:
        return kept
    ranges = {"in_range": own_range or _LIMITED, "out_range": wanted or _LIMITED}
    return (*kept, _scale(plan, _BICUBIC, **ranges), as_planar(plan.pix_fmt))


def _same_samples(source: Source, plan: ScoringPlan) -> bool:
    # The "j" formats are the plain ones with full range, which is a fact of the stream.
    return source.pixel_format.name.replace("yuvj", "yuv") == plan.pix_fmt


def _scale(plan: ScoringPlan, flags: str, **colours: str) -> Filter:
    size = {"width": str(plan.size.width), "height": str(plan.size.height)}
    return ("scale", {**size, "flags": flags, **colours})


def as_planar(pix_fmt: str) -> Filter:
    """Bring pictures to a pixel format."""
    return ("format", {"pix_fmts": pix_fmt})
