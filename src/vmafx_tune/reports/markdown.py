"""A comparison as Markdown (GitHub's flavour), to paste into an issue or a wiki."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING

from vmafx_tune._version import __version__
from vmafx_tune.reports import facts, ranking, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vmafx_tune.results import BdRate, CompareResult

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
# An underscore within a word, as in h264_nvenc, is no markup.
_SPECIAL = re.compile(r"[\\`*\[\]<>|~$&]|(?<![^\W_])_|_(?![^\W_])")


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
        f"Source: {_code(facts.describe_source(result.source))}",
        f"Model: {_code(result.model.name)}, {_escape(scored)}",
        f"ffmpeg {_escape(result.ffmpeg_version)}, vmafx-tune {_escape(__version__)}",
    ]
    return "".join(_bullets(lines))


def _target_section(result: CompareResult, target: float) -> Iterable[str]:
    yield f"## VMAF {target:g}"
    yield _table(_COLUMNS, _ALIGNMENT, (_cells(row) for row in ranking.ranked_rows(result, target)))


def _cells(ranked: ranking.RankedRow) -> Sequence[str]:
    answer, search = ranked.answer, ranked.row.search
    return (
        str(ranked.rank or text.ABSENT),
        _escape(ranked.row.encoder),
        _escape(facts.encoder_version_of(search)) or text.ABSENT,
        ranked.setting,
        f"{answer.bitrate_kbps:.1f}" if answer else text.ABSENT,
        f"{answer.encode_time_s * 1000:.0f}" if answer else text.ABSENT,
        text.vmaf(search.vmaf if search and answer else None),
        _escape(ranking.status(ranked.row)),
    )


def _remarks(result: CompareResult) -> Iterable[str]:
    yield from _bullets(f"{_escape(who)}: {_escape(why)}" for who, why in ranking.failures(result))
    yield from _bullets(_escape(message) for message in ranking.remarks(result))


def _bd_rates(bd_rates: Sequence[BdRate]) -> Iterable[str]:
    if not bd_rates:
        return
    yield "## BD-rate"
    yield _table(_BD_COLUMNS, _BD_ALIGNMENT, (_bd_cells(bd) for bd in bd_rates))
    yield from _bullets(_escape(bd.reason) for bd in bd_rates if bd.reason)


def _bd_cells(bd: BdRate) -> Sequence[str]:
    return (
        _escape(bd.encoder),
        _escape(bd.anchor),
        text.percent(bd.percent),
        ranking.bd_overlap(bd),
        "{} / {}".format(*bd.n_points),
    )


def _commands(result: CompareResult) -> Iterable[str]:
    commands = [
        f"# {row.encoder}, VMAF {row.target:g}\n{text.command_line(row.search.answer.command)}"
        for row in result.rows
        if row.ok and row.search and row.search.answer
    ]
    if not commands:
        return
    block = "\n\n".join(commands)
    fence = _fence(block)
    yield "<details>\n<summary>Encode commands</summary>"
    yield f"{fence}sh\n{block}\n{fence}"
    yield "</details>"


def _bullets(lines: Iterable[str]) -> Iterable[str]:
    """One list of `lines`, or nothing where there are none."""
    bullets = "\n".join(f"- {line}" for line in lines)
    return [bullets] if bullets else []


def _table(columns: Sequence[str], alignment: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, alignment, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _escape(value: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", text.one_line(value))


def _code(value: str) -> str:
    # A code span takes no escapes; one more backtick than its text ever has in a row closes it.
    plain = text.one_line(value)
    ticks = "`" * (_longest_run(plain) + 1)
    padding = " " if plain.startswith("`") or plain.endswith("`") else ""
    return f"{ticks}{padding}{plain}{padding}{ticks}"


def _fence(block: str) -> str:
    return "`" * max(3, _longest_run(block) + 1)


def _longest_run(value: str) -> int:
    return max((len(run) for run in re.findall("`+", value)), default=0)
