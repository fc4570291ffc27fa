"""What every renderer reads out of a batch: its counts, a table of its sources, what failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmafx_tune.formatting import ABSENT, bitrate, counted, duration, encodable, file_size, vmaf
from vmafx_tune.reports.facts import Heading, Sheet, setting

if TYPE_CHECKING:
    from vmafx_tune.results.batch import BatchFile, BatchResult

__all__ = ["circumstances", "failures", "heading", "sheet", "verdict"]

_HEADINGS = (
    Heading("Source", number=False),
    Heading("State", number=False),
    Heading("Encoder", number=False, rank=2),
    Heading("Quality"),
    Heading("kb/s"),
    Heading("VMAF"),
    Heading("Rungs", rank=1),
    Heading("Size", rank=1),
    Heading("of source", rank=1),
)


def heading(result: BatchResult) -> str:
    """Say what was done with how many sources."""
    return f"batch {result.batch}: {counted(result.n_files, 'file')}"


def verdict(result: BatchResult) -> str:
    """Count how the sources ended."""
    parts = [
        f"{result.n_done} done",
        f"{result.n_missed} missed the target" if result.n_missed else "",
        f"{result.n_failed} failed" if result.n_failed else "",
    ]
    earlier = f"; {result.n_earlier} of them by an earlier run" if result.n_earlier else ""
    return f"{', '.join(filter(None, parts))} of {counted(result.n_files, 'file')}{earlier}."


def circumstances(result: BatchResult) -> list[tuple[str, str]]:
    """List names and values that hold for the whole run."""
    return [
        ("Results", encodable(str(result.output))),
        ("Verdict", verdict(result)),
        ("Encodes", str(result.new_probes) if result.new_probes else ""),
        ("Took", duration(result.wall_time_ms)),
    ]


def sheet(result: BatchResult) -> Sheet:
    """Lay out the sources, without the columns that none of them has anything in."""
    rows = [_cells(file) for file in result.files]
    kept = [
        position
        for position, _ in enumerate(_HEADINGS)
        if any(row[position] != ABSENT for row in rows)
    ]
    styles = tuple("failed" if file.state == "failed" else "" for file in result.files)
    return Sheet(_HEADINGS, tuple(rows), styles).columns(kept)


def failures(result: BatchResult) -> list[tuple[str, str]]:
    """List the sources that are not done, and why."""
    return [(encodable(file.src), file.error) for file in result.files if file.error is not None]


def _cells(file: BatchFile) -> tuple[str, ...]:
    encoder, crf, size, share = file.codec, file.best_crf, file.size_bytes, file.size_percent
    return (
        encodable(file.name),
        f"{file.state}, estimated" if file.estimated else file.state,
        ABSENT if encoder is None else encoder,
        ABSENT if encoder is None or crf is None else setting(encoder, crf),
        bitrate(file.bitrate_kbps),
        vmaf(file.vmaf_score, target=file.target_vmaf),
        ABSENT if file.rungs is None else str(file.rungs),
        ABSENT if size is None else file_size(size),
        ABSENT if share is None else f"{share:.1f} %",
    )
