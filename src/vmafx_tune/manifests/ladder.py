"""From a ladder as measured to the renditions that manifests describe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmafx_tune.errors import InvalidLadderError
from vmafx_tune.manifests.variant import Variant, VideoRange, ascending, variant_name

if TYPE_CHECKING:
    from fractions import Fraction

    from vmafx_tune.results.ladder import LadderResult, LadderRung

__all__ = ["ladder_variants"]


def ladder_variants(result: LadderResult) -> tuple[Variant, ...]:
    """Describe the rungs of a ladder for manifests, by measured values alone.

    Width and height are those of the encoded picture, whatever the shape of its samples. HLS asks
    for the size at which to display (RFC 8216bis, 4.4.6.2), which differs for anamorphic sources;
    yet players hold the attribute against what decoders can do, and take the shape of the picture
    from the bitstream.

    Args:
        result: The ladder, measured now or read back.

    Returns:
        One variant for each rung, by ascending peak bitrate, all of them with a name of their own.

    Raises:
        InvalidLadderError: There are no rungs, two share a name, or something that manifests must
            tell was not measured.
    """
    if not result.renditions:
        raise InvalidLadderError(
            f"The ladder of '{result.src}' has no rungs, so there is nothing to write a manifest "
            "of. Relax its limits, or measure targets that can be reached."
        )
    delivery = _delivery(result)
    return ascending(_variant(rung, delivery, result.encoder) for rung in result.renditions)


@dataclass(frozen=True, slots=True)
class _Delivery:
    """What all renditions of a ladder share."""

    frame_rate: Fraction
    duration_s: float
    segment_s: Fraction
    video_range: VideoRange


def _delivery(result: LadderResult) -> _Delivery:
    source = result.source
    frame_rate, duration_s, segment_s = (
        source.frame_rate,
        source.duration_s,
        result.segment_duration,
    )
    if frame_rate is None:
        raise _untold(result, "frame rate")
    if duration_s is None:
        raise _untold(result, "duration")
    if segment_s is None:
        raise _untold(result, "segment duration")
    video_range = VideoRange.of_transfer(source.color_transfer)
    return _Delivery(frame_rate, duration_s, segment_s, video_range)


def _untold(result: LadderResult, what: str) -> InvalidLadderError:
    return InvalidLadderError(
        f"The ladder of '{result.src}' has no {what}, which a manifest needs. Measure the source "
        "with `vmafx-tune ladder`, which stores it."
    )


def _variant(rung: LadderRung, delivery: _Delivery, encoder: str) -> Variant:
    if not rung.codecs or rung.peak_bitrate_kbps is None:
        raise _unmeasured(rung, encoder)
    return Variant(
        name=variant_name(rung.name or ""),
        width=rung.width,
        height=rung.height,
        average_kbps=rung.bitrate_kbps,
        peak_kbps=rung.peak_bitrate_kbps,
        codecs=rung.codecs,
        frame_rate=delivery.frame_rate,
        duration_s=delivery.duration_s,
        segment_s=delivery.segment_s,
        video_range=delivery.video_range,
        vmaf=rung.vmaf,
    )


def _unmeasured(rung: LadderRung, encoder: str) -> InvalidLadderError:
    missing = "peak bitrate" if rung.codecs else "codec string"
    if not rung.codecs and rung.peak_bitrate_kbps is None:
        return InvalidLadderError(
            f"Rendition '{rung.name}' has no codec string and no peak bitrate, which a manifest "
            "needs. Measure the source with `vmafx-tune ladder`, which reads both from the encode."
        )
    return InvalidLadderError(
        f"Rendition '{rung.name}' has no {missing}, which a manifest needs: the output of "
        f"{encoder} does not include it. Measure the ladder with another encoder, or without "
        "--encoder-args."
    )
