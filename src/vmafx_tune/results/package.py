"""What `package` returns: the folder that plays, and what each of its tracks holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from vmafx_tune.results.encode import DroppedStream
from vmafx_tune.results.measurement import Provenance
from vmafx_tune.results.per_shot import PerShotEncode
from vmafx_tune.results.record import (
    Command,
    Count,
    NotNegative,
    PathText,
    Positive,
    Quality,
    RateText,
    Record,
    Side,
)

__all__ = ["PackageResult", "PackagedAudio", "PackagedRendition", "PackagedText"]


@dataclass(frozen=True, kw_only=True)
class PackagedRendition(Record):
    """A rendition of the folder."""

    name: str
    """What its folder under `video` is called."""
    encoder: str
    """ffmpeg's encoder name."""
    codecs: str
    """Codec string of the bitstream."""
    width: Side
    """Of the encoded picture, in samples."""
    height: Side
    """Likewise."""
    crf: Quality
    """Value of the encoder's quality knob."""
    bitrate_kbps: Positive
    """Video packets' bits over frames / frame rate."""
    vmaf: float | None
    """Pooled score of this very encode; null with --no-verify."""
    ladder_vmaf: float
    """Pooled score in the ladder."""
    bandwidth_bps: Count
    """Peak bitrate of the segments, without audio."""
    average_bandwidth_bps: Count
    """Average bitrate of the segments, without audio."""
    maxrate_kbps: Positive | None
    """Cap on the bitrate; null for none."""
    bufsize_kbits: Positive | None
    """Buffer of the cap; null for none."""
    segments: Count
    """How many segments it has."""
    video_sha256: str
    """Hash of the video packets, one after the other."""
    reused: bool
    """Whether an earlier run had made the encode."""
    encode_command: Command
    """Shell command of the encode; of one in chunks or shots, the one that joins them."""
    per_shot: PerShotEncode | None = None
    """The encode with a setting for each shot; null without --per-shot, and where no such encode
    reached the score of the single setting."""


@dataclass(frozen=True, kw_only=True)
class PackagedAudio(Record):
    """An audio track of the folder."""

    name: str
    """What its folder under `audio` is called."""
    stream: NotNegative
    """Index of its stream in the source."""
    codec: str
    """ffmpeg's name of the codec."""
    group: str
    """Its group in the HLS playlist."""
    language: str
    """As the source has it; empty where that is not stated."""
    title: str
    """What players show; empty where the source has none."""
    bandwidth_bps: Count
    """Peak bitrate of its segments."""
    average_bandwidth_bps: Count
    """Average bitrate of its segments."""


@dataclass(frozen=True, kw_only=True)
class PackagedText(Record):
    """A subtitle track of the folder."""

    name: str
    """What its folder under `text` is called."""
    stream: NotNegative
    """Index of its stream in the source."""
    language: str
    """As the source has it; empty where that is not stated."""
    title: str
    """What players show; empty where the source has none."""
    forced: bool
    """Shown even where subtitles are off."""


@dataclass(frozen=True, kw_only=True)
class PackageResult(Provenance):
    """A folder that plays, made from one or several ladders of a source."""

    command: ClassVar[str] = "package"
    leading: ClassVar[str] = (
        "schema_version src output hls dash page segment_duration renditions audio text dropped"
    )
    schema_version: Literal[1] = 1
    """Version of this document's contract."""
    src: PathText
    """The source, as the ladder names it."""
    output: PathText
    """The folder."""
    hls: str
    """Name of the HLS multivariant playlist in the folder."""
    dash: str
    """Name of the DASH manifest in the folder."""
    page: str | None
    """Name of the page that plays it; null without --player."""
    segment_duration: RateText
    """Seconds of a segment, exactly: `6`, `1001/250`."""
    renditions: tuple[PackagedRendition, ...]
    """The renditions, by codec and ascending bitrate."""
    audio: tuple[PackagedAudio, ...]
    """The audio tracks."""
    text: tuple[PackagedText, ...]
    """The subtitle tracks."""
    dropped: tuple[DroppedStream, ...]
    """Streams of the source that the folder does not have."""
    size_bytes: NotNegative
    """Size of all files of the folder."""
    ffmpeg_bin: PathText
    """Path of the ffmpeg used."""
    ffmpeg_version: str
    """Version of the ffmpeg used."""
    packager_version: str
    """Version of Shaka Packager."""
    notes: tuple[str, ...]
    """Sentences about what an engineer may want to know."""
