"""`cache` for the terminal."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from vmafx_tune.reports import text
from vmafx_tune.reports.tables.layout import Column, facts_grid, grid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmafx_tune.reports.tables.layout import Part
    from vmafx_tune.results.cache import CacheEntry, CacheResult

__all__ = ["cache_parts"]

_COLUMNS = (
    Column("Source", left=True, folds=True),
    Column("Encoder", left=True),
    Column("Quality"),
    Column("Size"),
    Column("kb/s"),
    Column("VMAF"),
    Column("Last used", left=True),
    Column("Takes"),
)
_ITSELF = "itself"


def cache_parts(result: CacheResult) -> Iterator[Part]:
    """Lay out the entries where they are listed, then the store as a whole."""
    if result.entries:
        yield grid(_COLUMNS, [_cells(entry) for entry in result.entries])
        yield ""
    yield facts_grid(
        [
            ("Store", str(result.path)),
            ("Entries", f"{result.n_entries:,}"),
            ("Damaged", f"{result.n_damaged:,}" if result.n_damaged else ""),
            ("Removed", f"{result.n_removed:,}" if result.n_removed else ""),
            ("Takes", f"{text.file_size(result.size_bytes)} of {_limit(result)}"),
            ("Set aside as damaged", "\n".join(map(str, result.damaged))),
        ]
    )


def _limit(result: CacheResult) -> str:
    return text.file_size(result.limit_bytes)


def _cells(entry: CacheEntry) -> list[str]:
    used = datetime.fromisoformat(entry.used_at).astimezone()
    return [
        entry.src,
        entry.codec or _ITSELF,
        text.ABSENT if entry.crf is None else text.quality(entry.crf),
        entry.size,
        text.bitrate(entry.bitrate_kbps),
        text.vmaf(entry.vmaf_score),
        f"{used:%Y-%m-%d %H:%M}",
        text.file_size(entry.stored_bytes),
    ]
