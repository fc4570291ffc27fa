"""How an encode keeps the colours of its source, and says so in its bitstream. Pure.

Planar YUV passes through ffmpeg as it is. RGB needs a matrix, and ffmpeg's own choice (BT.601,
without a label) is not what players of HD expect. Grey it takes for full range, whatever the source
says. So both are converted explicitly, and the encode is labelled as what it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmafx_tune.colours import (
    DEFAULT_CHROMA_LOCATION,
    RGB_ENCODE_MATRIX,
    Colours,
    same_matrix,
    stated_colours,
)
from vmafx_tune.encoders.extra_args import find_value, has_filters
from vmafx_tune.errors import MediaError
from vmafx_tune.media.pixel_formats import planar_depth, planar_format

if TYPE_CHECKING:
    from vmafx_tune.encoders.row import EncoderRow
    from vmafx_tune.model import EncodeSpec, Source

__all__ = ["check_labels", "colour_filters", "colour_labels", "is_full_range"]

_LIMITED, _FULL = "tv", "pc"
_UNKNOWN = "unknown"
_EXACT = "accurate_rnd+full_chroma_inp"
_GREY, _FULL_CHROMA, _PLAIN_CHROMA = "400", "444", "420"
_DEPTHS = ("", "10le", "12le")
# What the options and the encoders' parameters for labels have in their names.
_LABEL_WORDS = ("color", "range", "matrix", "transfer", "chroma")


def colour_filters(spec: EncodeSpec, row: EncoderRow) -> list[str]:
    """List the filters that bring a source to the encode's size and to colours it can state."""
    layout = spec.source.pixel_format
    size = [] if spec.size is None else [f"{spec.size.width}:{spec.size.height}"]
    flags = ["lanczos"] if spec.size is not None else []
    if layout.is_rgb:
        to_yuv = f"out_color_matrix={RGB_ENCODE_MATRIX}:out_range={_LIMITED}"
        scale = ":".join([*size, f"flags={'+'.join([*(flags or ['bicubic']), _EXACT])}", to_yuv])
        return [f"scale={scale}", _one_of("yuv{}p{}", _widest(row))]
    named = [*size, *(f"flags={flag}" for flag in flags)]
    if layout.is_grey:
        kept = ":".join([*named, f"in_range={_FULL}:out_range={_FULL}"])
        # With chroma, at its own depth first: full range grows otherwise than limited range does.
        own = planar_format(_PLAIN_CHROMA, planar_depth(layout.bit_depth))
        planar = _one_of("gray{1}", "") if _GREY in row.chroma else f"format=pix_fmts={own}"
        label = f"setparams=range={spec.source.color_range or _UNKNOWN}"
        return [f"scale={kept}", planar, label]
    if not size:
        return []
    if spec.source.color_range == _FULL:
        named.append(f"in_range={_FULL}:out_range={_FULL}")
    return [f"scale={':'.join(named)}"]


def colour_labels(spec: EncodeSpec) -> dict[str, str]:
    """Return the output options that label an encode of RGB or grey; ffmpeg labels all others."""
    layout = spec.source.pixel_format
    if layout.is_rgb:
        return {"color_range": _LIMITED, "colorspace": RGB_ENCODE_MATRIX}
    if layout.is_grey and spec.source.color_range is not None:
        return {"color_range": spec.source.color_range}
    return {}


def is_full_range(spec: EncodeSpec) -> bool:
    """Whether the encode has full range: its source has, and no argument asks for another."""
    asked = find_value(spec.extra_args, "color_range")
    if asked is not None:
        return asked in {_FULL, "jpeg", "full", "2"}
    return spec.source.color_range == _FULL and not spec.source.pixel_format.is_rgb


def check_labels(spec: EncodeSpec, row: EncoderRow, encoded: Source) -> None:
    """Refuse an encode that states other colours than its source: it would be shown as such.

    Nothing is checked where the user's own arguments may set them.

    Args:
        spec: What was encoded.
        row: `spec.encoder`'s row.
        encoded: What was written, as its decoder describes it.

    Raises:
        MediaError: It states another range, matrix, transfer function, other primaries or another
            place of the chroma samples.
    """
    asked = " ".join(spec.extra_args).lower()
    if has_filters(spec.extra_args) or any(word in asked for word in _LABEL_WORDS):
        return
    source, found = spec.source, stated_colours(encoded)
    wanted = stated_colours(source)
    if source.pixel_format.is_rgb:
        wanted = Colours(_LIMITED, RGB_ENCODE_MATRIX)
    # What states no range has limited range.
    pairs = [
        ("range", wanted.range or found.range or _LIMITED, found.range or _LIMITED),
        ("matrix", wanted.matrix, found.matrix),
        ("transfer function", source.color_transfer, encoded.color_transfer),
        ("primaries", source.color_primaries, encoded.color_primaries),
        ("chroma location", *_chroma_locations(spec, row, encoded)),
    ]
    for name, ours, theirs in pairs:
        if ours is not None and theirs is not None and not same_matrix(ours, theirs):
            raise MediaError(
                f"{spec.encoder} cannot keep the colours of '{source.path}': the source's {name} "
                f"is {ours}, but the encode has {theirs}. Choose another encoder, or convert the "
                "source first."
            )


def _chroma_locations(
    spec: EncodeSpec, row: EncoderRow, encoded: Source
) -> tuple[str | None, str | None]:
    ours = row.chroma_location(spec)
    # ffmpeg's decoder of VVC does not tell it.
    if ours not in row.codec.chroma_locations or encoded.codec == "vvc":
        return None, None
    return ours, encoded.chroma_location or DEFAULT_CHROMA_LOCATION


def _widest(row: EncoderRow) -> str:
    return _FULL_CHROMA if _FULL_CHROMA in row.chroma else _PLAIN_CHROMA


def _one_of(pattern: str, chroma: str) -> str:
    """Let ffmpeg choose the depth that loses least of those that the encoder takes."""
    return f"format=pix_fmts={'|'.join(pattern.format(chroma, depth) for depth in _DEPTHS)}"
