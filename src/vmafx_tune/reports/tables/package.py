"""`package` for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from vmafx_tune import formatting
from vmafx_tune.formatting import counted
from vmafx_tune.reports import facts
from vmafx_tune.reports.tables import Column, facts_grid, grid, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vmafx_tune.reports.tables import Part
    from vmafx_tune.results.package import PackagedRendition, PackageResult

__all__ = ["package_parts"]

_COLUMNS = (
    Column("Codec", left=True),
    Column("Size"),
    Column("Quality"),
    Column("kb/s"),
    Column("Peak"),
    Column("VMAF"),
    Column("Ladder"),
)


def package_parts(result: PackageResult) -> Iterator[Part]:
    """Lay out a package: its renditions, what was left out, and last where it is."""
    yield grid(_COLUMNS, [_cells(rendition) for rendition in result.renditions])
    for each in result.dropped:
        yield plain(f"The {each.type} stream {each.index} is left out: {each.reason}", "yellow")
    for note in result.notes:
        yield plain(note, "yellow")
    if result.hdr:
        yield plain(facts.HDR_NOTE, "yellow")
    yield ""
    yield Text.assemble((str(result.output), "bold green"), " is written")
    yield facts_grid(
        [
            ("Play", ", ".join(_manifests(result))),
            ("Segments", f"{float(result.segment_duration):g} s"),
            ("Audio", _tracks([(each.group, each.language) for each in result.audio])),
            ("Subtitles", _tracks([("", each.language) for each in result.text])),
            ("Size", formatting.file_size(result.size_bytes)),
            ("Encodes", _encodes(result)),
            ("Took", formatting.duration(result.wall_time_ms)),
        ]
    )


def _manifests(result: PackageResult) -> Iterator[str]:
    yield f"{result.hls} (HLS)"
    yield f"{result.dash} (DASH)"
    if result.page is not None:
        yield f"{result.page} (in a browser)"


def _cells(rendition: PackagedRendition) -> tuple[str, ...]:
    return (
        rendition.codecs,
        f"{rendition.width}x{rendition.height}",
        f"{facts.knob(rendition.encoder)} {formatting.quality(rendition.crf)}",
        formatting.bitrate(rendition.bitrate_kbps),
        formatting.bitrate(rendition.bandwidth_bps / 1000),
        formatting.vmaf(rendition.vmaf),
        formatting.vmaf(rendition.ladder_vmaf),
    )


def _tracks(tracks: Sequence[tuple[str, str]]) -> str:
    told = (" ".join(filter(None, (group, language or "und"))) for group, language in tracks)
    return ", ".join(told) or "none"


def _encodes(result: PackageResult) -> str:
    reused = sum(rendition.reused for rendition in result.renditions)
    made = counted(len(result.renditions) - reused, "encode")
    return f"{made} made, {reused} kept from an earlier run" if reused else f"{made} made"
