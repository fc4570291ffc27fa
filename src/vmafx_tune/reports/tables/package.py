"""`package` for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from vmafx_tune import formatting
from vmafx_tune.formatting import counted
from vmafx_tune.reports import facts, search_facts
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
            ("Shots", _shots(result)),
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
        _setting(rendition),
        formatting.bitrate(rendition.bitrate_kbps),
        formatting.bitrate(rendition.bandwidth_bps / 1000),
        formatting.vmaf(rendition.vmaf),
        formatting.vmaf(rendition.ladder_vmaf),
    )


def _setting(rendition: PackagedRendition) -> str:
    shots = rendition.per_shot
    if shots is not None and shots.delivered:
        return search_facts.shot_settings(shots, rendition.encoder)
    return f"{facts.knob(rendition.encoder)} {formatting.quality(rendition.crf)}"


def _shots(result: PackageResult) -> str:
    """Say what settings per shot save; empty where they were not asked for."""
    found = [rendition.per_shot for rendition in result.renditions if rendition.per_shot]
    savings = sorted(shots.saving_percent for shots in found if shots.delivered)
    if not found:
        return ""
    told = f"{len(savings)} of {counted(len(result.renditions), 'rendition')}"
    if not savings:
        return told
    ends = " to ".join(f"{each:.1f}" for each in dict.fromkeys((savings[0], savings[-1])))
    return f"{told}, with {ends} % less than at one setting"


def _tracks(tracks: Sequence[tuple[str, str]]) -> str:
    told = (" ".join(filter(None, (group, language or "und"))) for group, language in tracks)
    return ", ".join(told) or "none"


def _encodes(result: PackageResult) -> str:
    reused = sum(rendition.reused for rendition in result.renditions)
    made = counted(len(result.renditions) - reused, "encode")
    return f"{made} made, {reused} kept from an earlier run" if reused else f"{made} made"
