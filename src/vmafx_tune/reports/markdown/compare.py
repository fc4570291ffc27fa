"""A comparison as Markdown (GitHub's flavour), to paste into an issue or a wiki."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from vmafx_tune._version import __version__
from vmafx_tune.reports import facts, ranking, text
from vmafx_tune.reports.markdown.text import bullets, code, escape, hidden_commands, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vmafx_tune.results.compare import BdRate, CompareResult, CompareRow

__all__ = ["compare_markdown"]

_COLUMNS = (
    "Rank",
    "Codec",
    "Encoder",
    "Best CRF",
    "Bitrate (kbps)",
    "Encode time (ms)",
    "VMAF",
    "Status",
)
_ALIGNMENT = ("---:", "---", "---", "---:", "---:", "---:", "---:", "---")
_BD_COLUMNS = ("Codec", "Anchor", "BD-rate", "VMAF overlap", "Points")
_BD_ALIGNMENT = ("---", "---", "---:", "---:", "---:")


def compare_markdown(result: CompareResult) -> str:
    """Write a comparison as Markdown: a table per target, failures, BD-rates, commands."""
    sections = [
        f"# {ranking.heading(result)}",
        _circumstances(result),
        *chain.from_iterable(_target_section(result, target) for target in result.targets),
        *_remarks(result),
        *_bd_rates(result.bd_rate),
        *_commands(result),
    ]
    return "\n\n".join(sections) + "\n"


def _circumstances(result: CompareResult) -> str:
    scored = f"{result.pool.value} at {result.display}, scored by {ranking.scorer(result)}"
    lines = [
        f"Source: {code(facts.describe_source(result.source))}",
        f"Model: {code(result.model)}, {escape(scored)}",
        f"ffmpeg {escape(result.ffmpeg_version)}, vmafx-tune {escape(__version__)}",
    ]
    if compared := facts.compared_in(result.comparison):
        lines.insert(2, f"Compared in {escape(compared)}")
    if limit := facts.limit_of(result):
        lines.append(f"Answers: {escape(limit)}")
    if chunks := ranking.chunks(result):
        lines.append(f"Chunks: {escape(chunks)}")
    return "".join(bullets(lines))


def _target_section(result: CompareResult, target: float) -> Iterable[str]:
    yield f"## VMAF {text.given(target)}"
    rows = (_cells(row) for row in result.rows if row.target_vmaf == target)
    yield table(_COLUMNS, _ALIGNMENT, rows)


def _cells(row: CompareRow) -> Sequence[str]:
    return (
        str(row.rank or text.ABSENT),
        escape(row.codec),
        escape(row.encoder_version) or text.ABSENT,
        ranking.answer_setting(row),
        text.bitrate(row.bitrate_kbps),
        text.ABSENT if row.encode_time_ms is None else f"{row.encode_time_ms:.0f}",
        text.vmaf(row.vmaf_score, target=row.target_vmaf),
        escape(ranking.status(row)),
    )


def _remarks(result: CompareResult) -> Iterable[str]:
    yield from bullets(f"{escape(who)}: {escape(why)}" for who, why in ranking.failures(result))
    yield from bullets(escape(message) for message in ranking.remarks(result))


def _bd_rates(bd_rates: Sequence[BdRate]) -> Iterable[str]:
    if not bd_rates:
        return
    yield "## BD-rate"
    yield table(_BD_COLUMNS, _BD_ALIGNMENT, (_bd_cells(bd) for bd in bd_rates))
    yield from bullets(escape(bd.reason) for bd in bd_rates if bd.reason)


def _bd_cells(bd: BdRate) -> Sequence[str]:
    return (
        escape(bd.codec),
        escape(bd.anchor),
        text.percent(bd.percent),
        ranking.bd_overlap(bd),
        f"{bd.points.codec} / {bd.points.anchor}",
    )


def _commands(result: CompareResult) -> Iterable[str]:
    return hidden_commands(ranking.commands(result))
