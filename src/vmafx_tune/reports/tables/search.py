"""`search` for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from vmafx_tune.reports import facts, text
from vmafx_tune.reports.tables.layout import Column, commands, facts_grid, grid, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from vmafx_tune.model import Probe
    from vmafx_tune.reports.tables.layout import Part
    from vmafx_tune.results.search import SearchResult

__all__ = ["search_parts"]

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
    yield _circumstances(result)
    if result.probes or result.too_large:
        yield ""
        yield _probes(result)
    for message in facts.notes(result):
        yield ""
        yield plain(message, "yellow")
    if result.source.is_hdr:
        yield ""
        yield plain(facts.HDR_NOTE, "yellow")
    if result.answer and result.answer.command:
        label = _encode_name(result.encoder, result.answer)
        yield from commands(facts.encode_commands(label, result.answer))


def _answer(result: SearchResult) -> Text:
    answer = result.answer
    if not result.ok or answer is None:
        return plain(facts.missed(result), "red")
    return Text.assemble(
        (_encode_name(result.encoder, answer), "bold green"),
        f" reaches VMAF {text.given(result.target)}"
        f" with {text.vmaf(result.vmaf, target=result.target)}"
        f" at {text.bitrate(answer.bitrate_kbps)} kb/s",
    )


def _encode_name(encoder: str, answer: Probe) -> str:
    return f"{encoder} {facts.knob(encoder)} {text.quality(answer.quality)}"


def _circumstances(result: SearchResult) -> RenderableType:
    return facts_grid(
        [
            ("Source", facts.describe_source(result.source)),
            ("Encoder", facts.encoder_version_of(result)),
            ("Model", f"{result.model.name}, {result.pool.value} at {result.display}"),
            ("Compared in", facts.compared_in(result.comparison)),
            ("Scored by", str(facts.backend_of(result) or "")),
            ("Answer", facts.limit_of(result)),
            ("Sample", facts.describe_sample(result)),
            ("Chunks", facts.describe_chunks(result.chunk_frames, result.source.frame_rate)),
            ("Took", f"{text.duration(result.wall_time_s)}, {_probe_count(result)}"),
        ]
    )


def _probe_count(result: SearchResult) -> str:
    count = len(result.probes) + len(result.too_large)
    known = count - result.new_probes
    noun = "probe" if count == 1 else "probes"
    return f"{count} {noun}" + (f", {known} of them known before" if known > 0 else "")


def _probes(result: SearchResult) -> RenderableType:
    points = facts.samples_of(result)
    rows = [_stopped_cells(result, quality) for quality in result.too_large]
    rows += [_probe_cells(result, probe, score) for probe, score in points]
    return grid(_COLUMNS, rows)


def _stopped_cells(result: SearchResult, quality: float) -> list[Text]:
    cells = [facts.setting(result.encoder, quality)] + [text.ABSENT] * (len(_COLUMNS) - 2)
    return [plain(cell, "dim") for cell in (*cells, facts.stopped(result))]


def _probe_cells(result: SearchResult, probe: Probe, score: float) -> list[Text]:
    is_answer = result.answer is not None and probe.quality == result.answer.quality
    style = "bold" if is_answer else ""
    cells = (
        facts.setting(result.encoder, probe.quality),
        text.vmaf(score, target=result.target),
        text.bitrate(probe.bitrate_kbps),
        text.duration(probe.encode_time_s),
        facts.speed(result.source, probe),
        _remark(result, probe, is_answer=is_answer),
    )
    return [plain(cell, style) for cell in cells]


def _remark(result: SearchResult, probe: Probe, *, is_answer: bool) -> str:
    if is_answer:
        if not result.ok:
            return "best, misses the target"
        return "answer, proven" if result.proven else "answer, unproven"
    worse = result.next_worse
    return "next worse, misses" if worse and probe.quality == worse.quality else ""
