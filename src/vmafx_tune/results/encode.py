"""What `encode` returns: the search, and the file that was delivered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vmafx_tune.results.measurement import WorstSecond
from vmafx_tune.results.per_shot import PerShotEncode
from vmafx_tune.results.record import NotNegative, PathText, Positive, Record, Span
from vmafx_tune.results.search import SearchResult

__all__ = [
    "DroppedStream",
    "EncodeResult",
    "Output",
    "OutputStream",
    "Verified",
]


@dataclass(frozen=True)
class OutputStream(Record):
    """A stream of the delivered file."""

    index: NotNegative
    """Among the streams of the file."""
    type: str
    """video, audio, subtitle, attachment or data."""
    codec: str
    """ffmpeg's name of the codec; empty where it does not know it."""
    language: str = ""
    """Its language; empty where that is not stated."""
    title: str = ""
    """Its title; empty where it has none."""


@dataclass(frozen=True)
class DroppedStream(Record):
    """A stream of the source that the delivered file does not have."""

    index: NotNegative
    """Among the streams of the source."""
    type: str
    """video, audio, subtitle, attachment or data."""
    codec: str
    """ffmpeg's name of the codec; empty where it does not know it."""
    reason: str
    """Why it is left out, as a sentence."""


@dataclass(frozen=True)
class Verified(Record):
    """What was found when the delivered file was opened again."""

    frames: NotNegative
    """Video frames that were decoded, which is all of them."""
    duration_s: Span
    """From the first video frame to the end of the last one."""
    video_sha256: str
    """Hash of the video packets, one after the other: that of the encode that was measured."""


@dataclass(frozen=True)
class Output(Record):
    """The file that was delivered."""

    path: PathText
    """Its name."""
    container: str
    """ffmpeg's name of the container."""
    size_bytes: NotNegative
    """Size of the file."""
    size_percent: Positive
    """The same in percent of the source's file."""
    streams: tuple[OutputStream, ...]
    """Its streams."""
    dropped: tuple[DroppedStream, ...]
    """Streams of the source that it does not have."""
    verified: Verified
    """What was found when it was opened again."""


@dataclass(frozen=True, kw_only=True)
class EncodeResult(SearchResult):
    """A search whose answer was delivered as a file."""

    command: ClassVar[str] = "encode"
    worst_second: WorstSecond | None = None
    """The worst second of the encode at `best_crf`; null where frames were left out of scoring."""
    per_shot: PerShotEncode | None = None
    """With --per-shot: the encode that joins the shots, each at a setting of its own. Where it is
    `delivered`, it is what the file has; `best_crf` and what goes with it are of the single setting
    all the same. Null where shots were not asked for, or no encode of them reached the target."""
    output: Output | None = None
    """The delivered file; null where none was written."""
