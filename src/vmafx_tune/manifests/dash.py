"""DASH media presentation descriptions (ISO/IEC 23009-1) of titles that are complete."""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from vmafx_tune.manifests.variant import (
    FIRST_SEGMENT,
    VideoRange,
    ascending,
    init_name,
    segment_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vmafx_tune.manifests.variant import Variant

__all__ = ["media_presentation"]

_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'
_NAMESPACE = "urn:mpeg:dash:schema:mpd:2011"
# Segments by number, in files of their own; on-demand profiles need byte ranges of finished files.
_PROFILE = "urn:mpeg:dash:profile:isoff-live:2011"
_TRANSFER = "urn:mpeg:mpegB:cicp:TransferCharacteristics"
# Code points of ITU-T H.273. A player that does not know PQ must not show it; HLG was made to look
# right on SDR screens too.
_TRANSFER_PROPERTIES = {
    VideoRange.PQ: ("EssentialProperty", "16"),
    VideoRange.HLG: ("SupplementalProperty", "18"),
}


def media_presentation(variants: Iterable[Variant]) -> str:
    """Write the MPD of a ladder.

    Args:
        variants: The ladder's renditions, in any order.

    Returns:
        XML with a trailing newline, of a static presentation with one adaptation set for each
        codec and dynamic range. The segments are those that `packaging.packaging_command` makes.

    Raises:
        InvalidLadderError: There are no variants, or they do not belong together.
    """
    ladder = ascending(variants)
    duration_s = _just_below(max(variant.duration_s for variant in ladder))
    root = Element(
        "MPD",
        {
            "xmlns": _NAMESPACE,
            "profiles": _PROFILE,
            "type": "static",
            "mediaPresentationDuration": _seconds(duration_s),
            "minBufferTime": _seconds(_min_buffer_s(ladder)),
        },
    )
    period = SubElement(root, "Period", {"id": "0", "start": "PT0S"})
    families = groupby(sorted(ladder, key=_family), key=_family)
    ranking = _quality_ranking(ladder)
    for number, (_, members) in enumerate(families):
        _add_adaptation_set(period, str(number), tuple(members), ranking)
    indent(root)
    return f"{_DECLARATION}\n{tostring(root, encoding='unicode')}\n"


def _family(variant: Variant) -> tuple[str, str]:
    """Tell what a player cannot switch between without a break."""
    return variant.codecs.partition(".")[0], variant.video_range


def _add_adaptation_set(
    period: Element, number: str, variants: Sequence[Variant], ranking: Mapping[str, int]
) -> None:
    lengths = {variant.segment_s for variant in variants}
    rates = [variant.frame_rate for variant in variants]
    adaptation_set = SubElement(
        period,
        "AdaptationSet",
        {
            "id": number,
            "contentType": "video",
            "maxWidth": str(max(variant.width for variant in variants)),
            "maxHeight": str(max(variant.height for variant in variants)),
            "maxFrameRate": str(max(rates)),
            "segmentAlignment": "true" if len(lengths) == 1 else "false",
            "startWithSAP": "1",
        },
    )
    if (found := _TRANSFER_PROPERTIES.get(variants[0].video_range)) is not None:
        name, value = found
        SubElement(adaptation_set, name, {"schemeIdUri": _TRANSFER, "value": value})
    for variant in variants:
        _add_representation(adaptation_set, variant, ranking.get(variant.name))


def _add_representation(adaptation_set: Element, variant: Variant, ranking: int | None) -> None:
    representation = SubElement(
        adaptation_set,
        "Representation",
        {
            "id": variant.name,
            "mimeType": "video/mp4",
            "codecs": variant.codecs,
            "width": str(variant.width),
            "height": str(variant.height),
            "frameRate": str(variant.frame_rate),
            "bandwidth": str(variant.peak_bps),
        },
    )
    if ranking is not None:
        representation.set("qualityRanking", str(ranking))
    SubElement(
        representation,
        "SegmentTemplate",
        {
            "timescale": str(variant.segment_s.denominator),
            "duration": str(variant.segment_s.numerator),
            "startNumber": str(FIRST_SEGMENT),
            "initialization": init_name("$RepresentationID$"),
            "media": segment_name("$RepresentationID$", "$Number$"),
        },
    )


def _quality_ranking(variants: Sequence[Variant]) -> dict[str, int]:
    """Rank by VMAF, 1 being the best, across codecs; empty unless all scores are known."""
    scores = {variant.name: variant.vmaf for variant in variants if variant.vmaf is not None}
    if len(scores) < len(variants):
        return {}
    best_first = sorted(set(scores.values()), reverse=True)
    return {name: best_first.index(score) + 1 for name, score in scores.items()}


def _min_buffer_s(variants: Sequence[Variant]) -> float:
    """Compute how long to buffer before playing at `@bandwidth` never stalls (5.3.1.2).

    No segment exceeds its duration times the peak, and bits within a segment may come as late as
    they like, at both ends of any stretch of time: twice a segment covers that.
    """
    return 2 * float(max(variant.segment_s for variant in variants))


def _just_below(duration_s: float) -> float:
    """Give the last whole millisecond before the end.

    Players count segments by dividing floating-point numbers, and rounding up; at the end itself
    some would ask for one segment too many.
    """
    return (math.ceil(round(1000 * duration_s, 3)) - 1) / 1000


def _seconds(value: float) -> str:
    return f"PT{value:.3f}S"
