"""The delivered files behind a manifest: their names, and the command that cuts them.

One set of CMAF-like segments, one file each, serves HLS and DASH. For a rendition `720p` they are
`720p.m3u8`, `720p-init.mp4`, `720p-1.m4s`, `720p-2.m4s` …, all in the manifest's own folder.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING

from vmafx_tune.media.ffmpeg import file_url

if TYPE_CHECKING:
    from pathlib import Path

    from vmafx_tune.manifests.variant import Variant

__all__ = [
    "FIRST_SEGMENT",
    "init_name",
    "packaging_command",
    "playlist_name",
    "segment_name",
    "variant_name",
]

FIRST_SEGMENT = 1
_MICROSECOND = Fraction(1, 1_000_000)
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._~]+")


def variant_name(text: str) -> str:
    """Make a rendition's name of any text, such as the stem of its file: `My clip` → `My-clip`."""
    return _NOT_IN_NAMES.sub("-", text).strip("-._~") or "rendition"


def playlist_name(name: str) -> str:
    """Name the HLS media playlist of a rendition."""
    return f"{name}.m3u8"


def init_name(name: str) -> str:
    """Name the initialization segment of a rendition."""
    return f"{name}-init.mp4"


def segment_name(name: str, number: str) -> str:
    """Name a media segment of a rendition; `number` may be a placeholder for it."""
    return f"{name}-{number}.m4s"


def packaging_command(ffmpeg: Path, encoded: Path, variant: Variant) -> tuple[str, ...]:
    """Build the command that cuts an encode into the files that the manifests name.

    It is to be run in the manifest's folder, and copies the video as it is.

    Args:
        ffmpeg: The program.
        encoded: The rendition as encoded.
        variant: What the manifest says of it.
    """
    # Downwards, so that rounding never makes a segment wait for the next keyframe.
    microseconds = variant.segment_s // _MICROSECOND
    return (
        *(str(ffmpeg), "-hide_banner", "-nostdin", "-y"),
        *("-i", file_url(encoded), "-map", "0:V:0", "-c", "copy"),
        *("-f", "hls", "-hls_playlist_type", "vod", "-hls_segment_type", "fmp4"),
        *("-hls_time", f"{microseconds}us"),
        *("-hls_fmp4_init_filename", init_name(variant.name)),
        *("-start_number", str(FIRST_SEGMENT)),
        *("-hls_segment_filename", segment_name(variant.name, "%d")),
        playlist_name(variant.name),
    )
