"""What `encoders`, `doctor` and `cache` return: what this machine has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from vmafx_tune._version import __version__
from vmafx_tune.choices import CacheAction
from vmafx_tune.results.record import PathText, Quality, Record, Result

__all__ = [
    "CacheEntry",
    "CacheResult",
    "DoctorCheck",
    "DoctorResult",
    "EncoderStatus",
    "EncodersResult",
]


@dataclass(frozen=True, kw_only=True)
class EncoderStatus(Record):
    """One encoder: what the registry knows, and what it is worth on this machine."""

    name: str
    """ffmpeg's encoder name."""
    aliases: tuple[str, ...]
    """Other names that --codec takes."""
    codec: str
    """What it writes, such as h264 or av1."""
    kind: str
    """software, nvenc, qsv, amf or videotoolbox."""
    knob: str
    """ffmpeg's option for constant quality, without the dash."""
    lo: Quality
    """Lowest value of the knob."""
    hi: Quality
    """Highest value of the knob."""
    default: Quality
    """The encoder's own default."""
    increment: Quality
    """Smallest change that the encoder tells apart."""
    higher_is_better: bool
    """A higher value means better quality."""
    presets: tuple[str, ...]
    """Presets that it takes."""
    compiled: bool
    """This ffmpeg has it."""
    opens: bool
    """A trial encode works on this machine."""
    reason: str | None
    """Why it does not, as a sentence."""
    version: str
    """From its banner or bitstream; empty where not known."""


@dataclass(frozen=True, kw_only=True)
class EncodersResult(Result):
    """The encoders that vmafx-tune can drive."""

    command: ClassVar[str] = "encoders"

    schema_version: Literal[1] = 1
    """Version of this document's contract."""
    tool_version: str = __version__
    """Version of vmafx-tune."""
    ffmpeg_bin: PathText | None = None
    """Path of the ffmpeg asked; null where none is."""
    ffmpeg_version: str = ""
    """Its version; empty where not known."""
    encoders: tuple[EncoderStatus, ...]
    """In the registry's order."""


@dataclass(frozen=True, kw_only=True)
class DoctorCheck(Record):
    """One thing that was looked at."""

    name: str
    """What was looked at."""
    ok: bool
    """It can be used."""
    value: str
    """What was found: a version or a count; may be empty."""
    detail: str
    """Where it was found, or what was tried; may be empty."""
    advice: str | None
    """What to do about it, as a sentence."""
    required: bool = True
    """Nothing works without it."""


@dataclass(frozen=True, kw_only=True)
class DoctorResult(Result):
    """What vmafx-tune found on this machine, and what to do about what is missing."""

    command: ClassVar[str] = "doctor"

    schema_version: Literal[1] = 1
    """Version of this document's contract."""
    tool_version: str = __version__
    """Version of vmafx-tune."""
    ok: bool
    """Everything that is required can be used."""
    checks: tuple[DoctorCheck, ...]
    """In the order looked at."""

    @classmethod
    def of(cls, *checks: DoctorCheck) -> DoctorResult:
        """Make the result of what was looked at."""
        return cls(ok=all(check.ok for check in checks if check.required), checks=checks)


@dataclass(frozen=True, kw_only=True)
class CacheEntry(Record):
    """One cached probe, or a source scored against itself."""

    src: str
    """The source, as it was named when it was measured."""
    codec: str | None
    """ffmpeg's encoder name; null for a source against itself."""
    crf: Quality | None
    """Value of the encoder's quality knob."""
    size: str
    """Size of the encode, as 1280x720."""
    model: str
    """VMAF model."""
    bitrate_kbps: float | None
    """Video packets' bits over frames / frame rate."""
    vmaf_score: float
    """Mean of the frame scores, in VMAF points."""
    stored_bytes: int
    """Room that it takes in the store."""
    made_at: str
    """When it was measured: ISO 8601, UTC."""
    used_at: str
    """When it was last used, within an hour: ISO 8601, UTC."""


@dataclass(frozen=True, kw_only=True)
class CacheResult(Result):
    """What is cached from one run to the next, after what `action` did to it."""

    command: ClassVar[str] = "cache"

    schema_version: Literal[1] = 1
    """Version of this document's contract."""
    tool_version: str = __version__
    """Version of vmafx-tune."""
    action: CacheAction
    """What was done."""
    path: PathText
    """The file with the probes; it need not exist."""
    limit_bytes: int
    """Size at which entries unused for the longest time go."""
    size_bytes: int
    """Room that the store takes on the disk."""
    n_entries: int
    """Entries that it holds."""
    n_removed: int = 0
    """Entries that the action removed."""
    damaged: tuple[PathText, ...] = ()
    """Damaged stores that were set aside."""
    n_damaged: int = 0
    """Damaged entries, which `list` counts and leaves out, and `prune` removes."""
    entries: tuple[CacheEntry, ...] | None = None
    """Every entry, the last used first; null unless listed."""
