"""A comparison as Markdown (GitHub's flavour), to paste into an issue or a wiki."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from vmafx_tune._version import __version__
from vmafx_tune.reports import facts, ranking, text
from vmafx_tune.reports.markdown.text import bullets, code, escape, hidden_commands, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vmafx_tune.results.compare import BdRate, CompareResult

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
        *_bd_rates(result.bd_rates),
        *_commands(result),
    ]
    return "\n\n".join(sections) + "\n"


def _circumstances(result: CompareResult) -> str:
    scored = f"{result.pool.value} at {result.display}, scored by {ranking.scorer(result)}"
    lines = [
        f"Source: {code(facts.describe_source(result.source))}",
        f"Model: {code(result.model.name)}, {escape(scored)}",
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
    yield table(_COLUMNS, _ALIGNMENT, (_cells(row) for row in ranking.ranked_rows(result, target)))


def _cells(ranked: ranking.RankedRow) -> Sequence[str]:
    answer, search = ranked.answer, ranked.row.search
    return (
        str(ranked.rank or text.ABSENT),
        escape(ranked.row.encoder),
        escape(facts.encoder_version_of(search)) or text.ABSENT,
        ranked.setting,
        text.bitrate(answer.bitrate_kbps if answer else None),
        f"{answer.encode_time_s * 1000:.0f}" if answer else text.ABSENT,
        text.vmaf(search.vmaf if search and answer else None, target=ranked.row.target),
        escape(ranking.status(ranked.row)),
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
        escape(bd.encoder),
        escape(bd.anchor),
        text.percent(bd.percent),
        ranking.bd_overlap(bd),
        "{} / {}".format(*bd.n_points),
    )


def _commands(result: CompareResult) -> Iterable[str]:
    return hidden_commands(ranking.commands(result))
