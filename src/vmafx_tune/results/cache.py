"""What `cache` returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmafx_tune.choices import CacheAction

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CacheAction", "CacheEntry", "CacheResult"]


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """One remembered probe, or a source scored against itself.

    Attributes:
        source: As the user named it when it was measured.
        encoder: ffmpeg's name of it; None, as quality and bitrate, for a source against itself.
        quality: Value of the quality knob.
        size: Size of the encode: `1280x720`.
        model: Name of the VMAF model.
        vmaf: Mean of the frame scores.
        stored_bytes: Room that it takes.
        made_s: When it was measured, in seconds since the epoch.
        used_s: When it was last used, likewise, within an hour.
    """

    source: str
    encoder: str | None
    quality: float | None
    size: str
    model: str
    bitrate_kbps: float | None
    vmaf: float
    stored_bytes: int
    made_s: float
    used_s: float


@dataclass(frozen=True, slots=True)
class CacheResult:
    """Outcome of `cache`.

    Attributes:
        action: What was done.
        path: The file with the probes; it need not exist.
        limit_bytes: Size at which the entries used the longest ago go.
        size_bytes: Room that the store takes on the disk, after the action.
        n_entries: Entries in it, after the action.
        n_removed: Entries that the action removed.
        entries: All of them, the last used first, where they were asked for.
        damaged: Stores that were found damaged and set aside.
        n_damaged: Of the entries, those that `list` finds damaged and leaves out; `prune` removes
            them.
    """

    action: CacheAction
    path: Path
    limit_bytes: int
    size_bytes: int
    n_entries: int
    n_removed: int = 0
    entries: tuple[CacheEntry, ...] | None = None
    damaged: tuple[Path, ...] = ()
    n_damaged: int = 0
