"""What `cache` returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from vmafx_tune._version import __version__
from vmafx_tune.choices import CacheAction
from vmafx_tune.results.record import PathText, Quality, Record, Result

__all__ = ["CacheEntry", "CacheResult"]


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
