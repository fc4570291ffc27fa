"""`search` and `compare` for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from vmafx_tune import formatting
from vmafx_tune.reports import facts, ranking
from vmafx_tune.reports.tables import (
    Column,
    commands,
    facts_grid,
    fitting_grid,
    grid,
    plain,
    sheet_grid,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from vmafx_tune.reports.tables import Part
    from vmafx_tune.results.compare import BdRate, CompareResult
    from vmafx_tune.results.encode import EncodeResult
    from vmafx_tune.results.search import ProbeSummary, SearchResult


__all__ = ["circumstances", "compare_parts", "probes", "search_parts", "searched", "took"]

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
    yield from searched(result)
    yield from commands(facts.encode_commands(_encode_name(result), result))


def searched(result: SearchResult | EncodeResult, *, with_time: bool = True) -> Iterator[Part]:
    """Lay out what was searched, every probe, and notes."""
    yield circumstances(result, with_time=with_time)
    if result.bisect_samples or result.too_large:
        yield ""
        yield probes(result)
    for message in facts.notes(result):
        yield ""
        yield plain(message, "yellow")
    if result.hdr:
        yield ""
        yield plain(facts.HDR_NOTE, "yellow")


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


def compare_parts(result: CompareResult, *, with_commands: bool = False) -> Iterator[Part]:
    """Lay out a comparison: notes, failures, commands, a ranked table per target, BD-rates.

    The tables come last, where a terminal shows them.
    """
    yield plain(ranking.heading(result), "bold")
    yield ""
    yield facts_grid(ranking.circumstances(result))
    for message in ranking.remarks(result):
        yield ""
        yield plain(message, "yellow")
    for who, why in ranking.failures(result):
        yield ""
        yield plain(f"{who}: {why}", "red")
    if with_commands:
        yield from commands(ranking.commands(result))
    for target in result.targets:
        yield ""
        if len(result.targets) > 1:
            yield plain(f"VMAF {formatting.given(target)}", "bold")
        yield fitting_grid(ranking.target_sheet(result, target))
    yield from _bd_rates(result.bd_rate)


def _bd_rates(bd_rates: Sequence[BdRate]) -> Iterator[Part]:
    if not bd_rates:
        return
    yield ""
    yield plain("BD-rate", "bold")
    yield sheet_grid(ranking.bd_sheet(bd_rates))
    for bd in bd_rates:
        if bd.reason:
            yield ""
            yield plain(bd.reason, "yellow")
