"""The filters that bring a clip to the ground on which it is compared.

Pure. The command lines of ffmpeg and the filter graphs in memory are both made of them, so that all
backends see the same samples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmafx_tune.colours import same_matrix, stated_colours
from vmafx_tune.media.pixel_formats import pixel_format, planar_depth, planar_format

if TYPE_CHECKING:
    from vmafx_tune.model import Source
    from vmafx_tune.scoring.alignment import ScoringPlan

__all__ = ["Filter", "as_planar", "conversion"]

Filter = tuple[str, dict[str, str]]
"""A filter of ffmpeg's and its options."""

_LIMITED, _FULL = "tv", "pc"
_BICUBIC = "bicubic"
# RGB is converted once, so it may take the time to be exact.
_EXACT = "bicubic+accurate_rnd+full_chroma_inp+full_chroma_int"
# The deepest that ffmpeg's filter for matrices takes.
_MATRIX_DEPTH = 12
# It asks for these too, and converts neither where they are the same on both sides.
_SAME_LIGHT = {f"{side}{fact}": "bt709" for side in ("i", "") for fact in ("primaries", "trc")}


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
