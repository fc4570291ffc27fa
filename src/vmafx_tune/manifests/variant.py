"""What a manifest says of a rendition: measured values, checked once for all formats."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING

from vmafx_tune.errors import InvalidLadderError
from vmafx_tune.frozen import frozen
from vmafx_tune.media.inputs import file_url

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from vmafx_tune.results.ladder import LadderResult, LadderRung

__all__ = [
    "FIRST_SEGMENT",
    "Variant",
    "VideoRange",
    "ascending",
    "init_name",
    "ladder_variants",
    "packaging_command",
    "playlist_name",
    "segment_name",
    "variant_name",
]

# Characters that neither a URI nor XML nor a playlist's quoting gives another meaning.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]*")
_CODECS = re.compile(r"[A-Za-z0-9]+(\.[A-Za-z0-9]+)+")
# What fragmented MP4 adds: a line in the fragment's table for each picture, and boxes around it
# for each segment, as ffmpeg writes them (styp, sidx, moof, and mdat's header).
_BYTES_PER_FRAME = 12
_BYTES_PER_SEGMENT = 184
_POSITIVE = (
    *("width", "height", "frame_rate"),
    *("average_kbps", "peak_kbps", "duration_s", "segment_s"),
)


class VideoRange(StrEnum):
    """Dynamic range, as HLS names it."""

    SDR = "SDR"
    PQ = "PQ"
    HLG = "HLG"

    @classmethod
    def of_transfer(cls, color_transfer: str | None) -> VideoRange:
        """Tell the range from ffmpeg's name of a transfer function; None is SDR."""
        return {"smpte2084": cls.PQ, "arib-std-b67": cls.HLG}.get(color_transfer or "", cls.SDR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A rendition of a ladder as manifests describe it.

    Attributes:
        name: What its files are named after and its id: letters, digits, `-`, `.`, `_`, `~`.
        width: Of the encoded picture, in samples.
        height: Likewise.
        average_kbps: Measured average of the video packets.
        peak_kbps: Measured peak over segments of `segment_s`; see `media.packets`.
        codecs: Codec string of the bitstream; see `media.codec_strings`.
        frame_rate: Frames per second.
        duration_s: Of the whole rendition, in seconds.
        segment_s: Duration of the segments that it is delivered in, a whole number of its GOPs.
        video_range: Its dynamic range.
        vmaf: Pooled score in VMAF points, None where it is not known.

    Raises:
        InvalidLadderError: One of them makes no sense in a manifest.
    """

    name: str
    width: int
    height: int
    average_kbps: float
    peak_kbps: float
    codecs: str
    frame_rate: Fraction
    duration_s: float
    segment_s: Fraction = Fraction(6)
    video_range: VideoRange = VideoRange.SDR
    vmaf: float | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InvalidLadderError(
                f"'{self.name}' is not a valid rendition name. Use letters, digits, '-', '_', "
                "'.' and '~', starting with a letter or digit."
            )
        if not _CODECS.fullmatch(self.codecs):
            raise self._error("codec string", repr(self.codecs), "one such as 'avc1.640028'")
        for field in _POSITIVE:
            self._require_positive(field)
        if self.vmaf is not None and not 0 <= self.vmaf < math.inf:
            raise self._error("vmaf", f"{self.vmaf:g}", "a score of 0 or more, or none")

    @property
    def average_bps(self) -> int:
        """Average in bits per second, with what delivery in fragmented MP4 adds."""
        seconds = min(float(self.segment_s), self.duration_s)
        return math.ceil(1000 * self.average_kbps + self._overhead_bps(seconds))

    @property
    def peak_bps(self) -> int:
        """Peak in bits per second, with what delivery in fragmented MP4 adds.

        Not below the average, which may be measured over a slightly different duration.
        """
        seconds = min(float(self.segment_s) / 2, self.duration_s)  # the shortest span that counts
        return math.ceil(
            1000 * max(self.peak_kbps, self.average_kbps) + self._overhead_bps(seconds)
        )

    def _overhead_bps(self, seconds_per_segment: float) -> float:
        per_second = _BYTES_PER_FRAME * float(self.frame_rate)
        return 8 * (per_second + _BYTES_PER_SEGMENT / seconds_per_segment)

    def _require_positive(self, field: str) -> None:
        value: float | Fraction = getattr(self, field)
        if not 0 < value < math.inf:
            raise self._error(field, str(value), "a positive number")

    def _error(self, field: str, value: str, wanted: str) -> InvalidLadderError:
        return InvalidLadderError(
            f"Rendition '{self.name}' has {value} as its {field}, but a manifest needs {wanted}."
        )


def ascending(variants: Iterable[Variant]) -> tuple[Variant, ...]:
    """Sort renditions of one title by bitrate.

    Raises:
        InvalidLadderError: There are none, two share a name, or they differ in length.
    """
    ordered = tuple(sorted(variants, key=lambda variant: (variant.peak_bps, variant.name)))
    if not ordered:
        raise InvalidLadderError("A manifest needs at least one rendition.")
    names = [variant.name for variant in ordered]
    if doubled := {name for name in names if names.count(name) > 1}:
        raise InvalidLadderError(
            f"More than one rendition is named '{min(doubled)}'. Give each a different name."
        )
    shortest = min(ordered, key=lambda variant: variant.duration_s)
    longest = max(ordered, key=lambda variant: variant.duration_s)
    if longest.duration_s - shortest.duration_s > 1:
        raise InvalidLadderError(
            f"Rendition '{shortest.name}' lasts {shortest.duration_s:g} s and '{longest.name}' "
            f"{longest.duration_s:g} s, so they are not of the same title. Encode both from one "
            "source."
        )
    return ordered


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


@frozen
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
