"""`search` for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from vmafx_tune import formatting
from vmafx_tune.reports import facts
from vmafx_tune.reports.tables import Column, commands, facts_grid, grid, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from vmafx_tune.reports.tables import Part
    from vmafx_tune.results.search import ProbeSummary, SearchResult

__all__ = ["circumstances", "probes", "search_parts", "took"]

_COLUMNS = (
    Column("CRF"),
    Column("VMAF"),
    Column("kb/s"),
    Column("Encode"),
    Column("Speed"),
    Column("", left=True),
)


def search_parts(result: SearchResult) -> Iterator[Part]:
    """Lay out a search: the answer, what was searched, every probe, the encode command."""
    yield _answer(result)
    yield ""
    yield circumstances(result)
    if result.bisect_samples or result.too_large:
        yield ""
        yield probes(result)
    for message in facts.notes(result):
        yield ""
        yield plain(message, "yellow")
    if result.hdr:
        yield ""
        yield plain(facts.HDR_NOTE, "yellow")
    yield from commands(facts.encode_commands(_encode_name(result), result))


def _answer(result: SearchResult) -> Text:
    if not result.ok:
        return plain(result.error or "", "red")
    return Text.assemble(
        (_encode_name(result), "bold green"),
        f" reaches VMAF {formatting.given(result.target_vmaf)}"
        f" with {formatting.vmaf(result.vmaf_score, target=result.target_vmaf)}"
        f" at {formatting.bitrate(result.bitrate_kbps)} kb/s",
    )


def _encode_name(result: SearchResult) -> str:
    return f"{result.codec} {facts.knob(result.codec)} {formatting.quality(result.best_crf)}"


def circumstances(result: SearchResult, *, with_time: bool = True) -> RenderableType:
    """Lay out what was searched, and how."""
    return facts_grid(
        [
            ("Source", facts.describe_source(result.source)),
            ("Encoder", result.encoder_version),
            ("Model", f"{result.model}, {result.pool.value} at {result.display}"),
            ("Compared in", facts.compared_in(result.comparison)),
            ("Scored by", _scorer(result)),
            ("Answer", facts.limit_of(result)),
            ("Sample", facts.describe_sample(result)),
            ("Chunks", facts.describe_chunks(result.chunk_frames, result.source.frame_rate)),
            ("Took", took(result) if with_time else ""),
        ]
    )


def _scorer(result: SearchResult) -> str:
    return "" if result.backend is None else facts.scorer(result.backend, result.backend_version)


def took(result: SearchResult) -> str:
    """Say how long it took, and how many probes."""
    return f"{formatting.duration(result.wall_time_ms)}, {_probe_count(result)}"


def _probe_count(result: SearchResult) -> str:
    count = len(result.bisect_samples) + len(result.too_large)
    known = count - result.new_probes
    noun = "probe" if count == 1 else "probes"
    return f"{count} {noun}" + (f", {known} cached" if known > 0 else "")


def probes(result: SearchResult) -> RenderableType:
    """Lay out every probe of a search."""
    rows = [_stopped_cells(result, quality) for quality in result.too_large]
    rows += [_probe_cells(result, probe) for probe in result.bisect_samples]
    return grid(_COLUMNS, rows)


def _stopped_cells(result: SearchResult, quality: float) -> list[Text]:
    cells = [facts.setting(result.codec, quality)] + [formatting.ABSENT] * (len(_COLUMNS) - 2)
    return [plain(cell, "dim") for cell in (*cells, facts.stopped(result))]


def _probe_cells(result: SearchResult, probe: ProbeSummary) -> list[Text]:
    style = "bold" if probe.crf == result.best_crf else ""
    cells = (
        facts.setting(result.codec, probe.crf),
        formatting.vmaf(probe.vmaf_score, target=result.target_vmaf),
        formatting.bitrate(probe.bitrate_kbps),
        formatting.duration(probe.encode_time_ms),
        facts.speed(result.source, probe.encode_time_ms),
        _remark(result, probe),
    )
    return [plain(cell, style) for cell in cells]


def _remark(result: SearchResult, probe: ProbeSummary) -> str:
    if probe.crf == result.best_crf:
        if not result.ok:
            return "best, misses the target"
        return "answer, proven" if result.proven else "answer, unproven"
    return "next worse, misses" if probe == result.next_worse else ""
