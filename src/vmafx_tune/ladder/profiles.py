"""Profiles of encodes: the renditions of a ladder are for one and the same decoder."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Protocol, TypeVar

from vmafx_tune.formatting import counted
from vmafx_tune.ladder.rate_quality import RateQuality

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["alike", "profile_of"]


class _Named(RateQuality, Protocol):
    @property
    def codecs(self) -> str:
        """Codec string for manifests; empty where it is not known."""


PointT = TypeVar("PointT", bound=_Named)


def profile_of(codecs: str) -> str:
    """Shorten a codec string (RFC 6381) to codec and profile: `avc1.64001f` to `avc1.64`.

    What else it tells, as level and tier, may differ between the renditions of a ladder.
    """
    codec, _, rest = codecs.partition(".")
    profile = rest[:2] if codec.startswith("avc") else rest.partition(".")[0]
    return f"{codec}.{profile}" if profile else codec


def alike(points: Sequence[PointT]) -> tuple[tuple[PointT, ...], tuple[str, ...]]:
    """Leave out points whose profile is not that of most of them.

    A player that can decode one rendition of a ladder is expected to decode all.

    Args:
        points: What was measured. Those whose codec string is not known are kept.

    Returns:
        The points that are left, and sentences about the others.
    """
    # From the cheapest up, so that of profiles with as many points the cheapest one's is taken.
    known = [
        point for point in sorted(points, key=lambda point: point.bitrate_kbps) if point.codecs
    ]
    counts = Counter(profile_of(point.codecs) for point in known)
    if len(counts) < 2:
        return tuple(points), ()
    usual = max(counts, key=counts.__getitem__)
    kept = tuple(p for p in points if not p.codecs or profile_of(p.codecs) == usual)
    notes = (
        f"{_counted(count)} left out for the profile {profile}: the others have {usual}, and a "
        "player that decodes those need not decode it."
        for profile, count in counts.items()
        if profile != usual
    )
    return kept, tuple(notes)


def _counted(count: int) -> str:
    return f"{counted(count, 'encode')} {'is' if count == 1 else 'are'}"
