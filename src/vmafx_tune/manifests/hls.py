"""HLS multivariant playlists (RFC 8216bis and Apple's authoring specification)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vmafx_tune.manifests.variant import VideoRange, ascending, playlist_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vmafx_tune.manifests.variant import Variant

__all__ = ["multivariant_playlist"]

# The version that players know from playlists of fragmented MP4; no tag here needs a higher one.
_HEADER = ("#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS")


def multivariant_playlist(variants: Iterable[Variant], *, first_kbps: float = 2000.0) -> str:
    """Write the playlist that a player opens first.

    A player begins with the variant that is listed first, before it has measured anything, so that
    is one that most viewers can receive; the others follow in ascending order.

    Args:
        variants: The ladder's renditions, in any order.
        first_kbps: Average bitrate to begin with; the variant nearest to it, by ratio, is first.

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
    with_score = all(variant.vmaf is not None for variant in ladder)
    lines = [*_HEADER]
    for variant in ordered:
        attributes = ",".join(_attributes(variant, with_range=with_range, with_score=with_score))
        lines += [f"#EXT-X-STREAM-INF:{attributes}", playlist_name(variant.name)]
    return "\n".join(lines) + "\n"


def _attributes(variant: Variant, *, with_range: bool, with_score: bool) -> Iterator[str]:
    yield f"BANDWIDTH={variant.peak_bps}"
    yield f"AVERAGE-BANDWIDTH={variant.average_bps}"
    if with_score:
        yield f"SCORE={variant.vmaf:.3f}"
    yield f'CODECS="{variant.codecs}"'
    yield f"RESOLUTION={variant.width}x{variant.height}"
    yield f"FRAME-RATE={float(variant.frame_rate):.3f}"
    if with_range:
        yield f"VIDEO-RANGE={variant.video_range}"
