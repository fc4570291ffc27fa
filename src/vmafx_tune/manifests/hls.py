"""HLS multivariant playlists (RFC 8216bis and Apple's authoring specification)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vmafx_tune.choices import HlsScore
from vmafx_tune.manifests.variant import VideoRange, ascending, playlist_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vmafx_tune.manifests.variant import Variant

__all__ = ["FIRST_KBPS", "hls_scores", "multivariant_playlist"]

FIRST_KBPS = 2000.0
"""Average bitrate of the variant that players begin with, before they have measured anything."""

# From the least efficient to the most: what a player that decodes several should take.
_TIERS = ("avc", "vp09", "hev", "hvc", "av01", "vvc", "vvi")
# The version that players know from playlists of fragmented MP4; no tag here needs a higher one.
_HEADER = ("#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS")


def hls_scores(
    codecs: Sequence[str], vmafs: Sequence[float | None], how: HlsScore
) -> tuple[float | None, ...]:
    """Choose the SCORE of each variant.

    Players that follow the attribute stay with the variants of the highest value that they can
    play, and adapt to bandwidth among those. So one value for each codec is the default: with one
    for each rung, they would stay with the top one.

    Args:
        codecs: Codec string of each variant's video.
        vmafs: Pooled score of each; None where it is not known.
        how: What is given.

    Returns:
        The values; None for all where there are to be none, or some are not known.
    """
    if how is HlsScore.NONE or (how is HlsScore.VMAF and None in vmafs):
        return (None,) * len(codecs)
    if how is HlsScore.VMAF:
        return tuple(vmafs)
    found = {_tier(codec) for codec in codecs}
    return tuple(1.0 + sorted(found).index(_tier(codec)) for codec in codecs)


def _tier(codecs: str) -> int:
    tiers = [tier for tier, name in enumerate(_TIERS) if codecs.startswith(name)]
    return tiers[0] if tiers else -1


def multivariant_playlist(
    variants: Iterable[Variant],
    *,
    first_kbps: float = FIRST_KBPS,
    score: HlsScore = HlsScore.TIER,
) -> str:
    """Write the playlist that a player opens first.

    A player begins with the variant that is listed first, before it has measured anything, so that
    is one that most viewers can receive; the others follow in ascending order.

    Args:
        variants: The ladder's renditions, in any order.
        first_kbps: Average bitrate to begin with; the variant nearest to it, by ratio, is first.
        score: What SCORE is.

    Returns:
        The playlist with a trailing newline. Each variant refers to its media playlist by
        `packaging.playlist_name`.

    Raises:
        InvalidLadderError: There are no variants, or they do not belong together.
    """
    ladder = ascending(variants)
    first = min(ladder, key=lambda variant: abs(math.log(variant.average_kbps / first_kbps)))
    ordered = (first, *(variant for variant in ladder if variant is not first))
    with_range = any(variant.video_range is not VideoRange.SDR for variant in ladder)
    scores = hls_scores([one.codecs for one in ordered], [one.vmaf for one in ordered], score)
    lines = [*_HEADER]
    for variant, value in zip(ordered, scores, strict=True):
        attributes = ",".join(_attributes(variant, value, with_range=with_range))
        lines += [f"#EXT-X-STREAM-INF:{attributes}", playlist_name(variant.name)]
    return "\n".join(lines) + "\n"


def _attributes(variant: Variant, score: float | None, *, with_range: bool) -> Iterator[str]:
    yield f"BANDWIDTH={variant.peak_bps}"
    yield f"AVERAGE-BANDWIDTH={variant.average_bps}"
    if score is not None:
        yield f"SCORE={score:.3f}"
    yield f'CODECS="{variant.codecs}"'
    yield f"RESOLUTION={variant.width}x{variant.height}"
    yield f"FRAME-RATE={float(variant.frame_rate):.3f}"
    if with_range:
        yield f"VIDEO-RANGE={variant.video_range}"
