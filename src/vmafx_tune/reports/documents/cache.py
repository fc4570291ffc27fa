"""The JSON document of `cache`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from vmafx_tune._version import __version__
from vmafx_tune.reports.documents.fields import Document, Number, Quality, Text, path_text

if TYPE_CHECKING:
    from vmafx_tune.results import CacheEntry, CacheResult

__all__ = ["CacheDocument", "CacheEntryPart", "cache_document"]


class CacheEntryPart(Document):
    """One remembered probe, or a source scored against itself."""

    src: Text = Field(description="The source, as it was named when it was measured.")
    codec: str | None = Field(
        description="ffmpeg's encoder name; null for a source against itself."
    )
    crf: Quality | None = Field(description="Value of the encoder's quality knob.")
    size: str = Field(description="Size of the encode, as 1280x720.")
    model: Text = Field(description="VMAF model.")
    bitrate_kbps: Number = Field(description="Video packets' bits over frames / frame rate.")
    vmaf_score: Number = Field(description="Mean of the frame scores, in VMAF points.")
    stored_bytes: int = Field(description="Room that it takes in the store.")
    made_at: str = Field(description="When it was measured: ISO 8601, UTC.")
    used_at: str = Field(description="When it was last used, within an hour: ISO 8601, UTC.")


class CacheDocument(Document):
    """What is remembered from one run to the next, after what `action` did to it."""

    schema_version: Literal[1] = Field(description="Version of this document's contract.")
    tool_version: str = Field(description="Version of vmafx-tune.")
    action: Literal["info", "list", "clear", "prune"] = Field(description="What was done.")
    path: Text = Field(description="The file with the probes; it need not exist.")
    limit_bytes: int = Field(description="Size at which entries unused for the longest time go.")
    size_bytes: int = Field(description="Room that the store takes on the disk.")
    n_entries: int = Field(description="Entries that it holds.")
    n_removed: int = Field(description="Entries that the action removed.")
    damaged: list[Text] = Field(description="Damaged stores that were set aside.")
    n_damaged: int = Field(
        description="Damaged entries, which `list` counts and leaves out, and `prune` removes."
    )
    entries: list[CacheEntryPart] | None = Field(
        description="Every entry, the last used first; null unless listed."
    )


def cache_document(result: CacheResult) -> CacheDocument:
    """Write a result of `cache` as its document."""
    return CacheDocument(
        schema_version=1,
        tool_version=__version__,
        action=result.action.value,
        path=path_text(result.path),
        limit_bytes=result.limit_bytes,
        size_bytes=result.size_bytes,
        n_entries=result.n_entries,
        n_removed=result.n_removed,
        damaged=[path_text(path) for path in result.damaged],
        n_damaged=result.n_damaged,
        entries=None if result.entries is None else [_entry(entry) for entry in result.entries],
    )


def _entry(entry: CacheEntry) -> CacheEntryPart:
    return CacheEntryPart(
        src=entry.source,
        codec=entry.encoder,
        crf=entry.quality,
        size=entry.size,
        model=entry.model,
        bitrate_kbps=entry.bitrate_kbps,
        vmaf_score=entry.vmaf,
        stored_bytes=entry.stored_bytes,
        made_at=_instant(entry.made_s),
        used_at=_instant(entry.used_s),
    )


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")
