"""Ladders for the tests of manifests."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from vmafx_tune.manifests.variant import Variant

__all__ = ["ladder", "variant"]


def variant(name: str = "720p", /, **changes: object) -> Variant:
    """Describe a rendition of 15 s."""
    usual = Variant(
        name=name,
        width=1280,
        height=720,
        average_kbps=2400.0,
        peak_kbps=3000.0,
        codecs="avc1.64001f",
        frame_rate=Fraction(25),
        duration_s=15.0,
        vmaf=90.0,
    )
    return replace(usual, **changes)  # type: ignore[arg-type]  # the names are Variant's


def ladder() -> tuple[Variant, ...]:
    """Describe a ladder of three, the best first."""
    return (
        variant("1080p", width=1920, height=1080, average_kbps=5000.0, peak_kbps=6500.0, vmaf=95.5),
        variant("720p"),
        variant("360p", width=640, height=360, average_kbps=600.0, peak_kbps=800.0, vmaf=70.25),
    )
