"""Results as Markdown (GitHub's flavour), in which any text stands as it is."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING

from vmafx_tune import formatting
from vmafx_tune._version import __version__
from vmafx_tune.reports import facts, gate_facts, ladder_facts, ranking

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vmafx_tune.reports.facts import Sheet
    from vmafx_tune.results.compare import CompareResult, CompareRow
    from vmafx_tune.results.gate import GateResult
    from vmafx_tune.results.ladder import LadderResult

__all__ = [
    "bullets",
    "code",
    "compare_markdown",
    "escape",
    "gate_markdown",
    "hidden_commands",
    "ladder_markdown",
    "table",
]

# An underscore within a word, as in h264_nvenc, is no markup.
_SPECIAL = re.compile(r"[\\`*\[\]<>|~$&]|(?<![^\W_])_|_(?![^\W_])")


def escape(value: str) -> str:
    """Write text, on one line, so that nothing in it is markup."""
    return _SPECIAL.sub(r"\\\g<0>", formatting.one_line(value))


def code(value: str) -> str:
    """Write text, on one line, as a code span."""
    # A code span takes no escapes; one more backtick than its text ever has in a row closes it.
    plain = formatting.one_line(value)
    ticks = "`" * (_longest_run(plain) + 1)
    padding = " " if plain.startswith("`") or plain.endswith("`") else ""
    return f"{ticks}{padding}{plain}{padding}{ticks}"


def bullets(lines: Iterable[str]) -> Iterable[str]:
    """Write one list of `lines`, which are Markdown, or nothing where there are none."""
    items = "\n".join(f"- {line}" for line in lines)
    return [items] if items else []


def table(columns: Sequence[str], alignment: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table.

    Args:
        columns: Headings, as Markdown.
        alignment: `---` or `---:` for each column.
        rows: One cell for each column, as Markdown.
    """
    lines = [columns, alignment, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def hidden_commands(labelled: Iterable[tuple[str, Sequence[str]]]) -> Iterable[str]:
    """Write encode commands as a block to unfold and copy, or nothing where there are none.

    Args:
        labelled: What each command gives, and its arguments.
    """
    commands = [
        f"# {formatting.one_line(label)}\n{facts.command_line(argv)}" for label, argv in labelled
    ]
    if not commands:
        return
    block = "\n\n".join(commands)
    fence = "`" * max(3, _longest_run(block) + 1)
    yield "<details>\n<summary>Encode commands</summary>"
    yield f"{fence}sh\n{block}\n{fence}"
    yield "</details>"


def _longest_run(value: str) -> int:
    return max((len(run) for run in re.findall("`+", value)), default=0)


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


def compare_markdown(result: CompareResult) -> str:
    """Write a comparison as Markdown: a table per target, failures, BD-rates, commands."""
    sections = [
        f"# {ranking.heading(result)}",
        _circumstances(result),
        *chain.from_iterable(_target_section(result, target) for target in result.targets),
        *_remarks(result),
        *_bd_rates(result),
        *hidden_commands(ranking.commands(result)),
    ]
    return "\n\n".join(sections) + "\n"


def _circumstances(result: CompareResult) -> str:
    scored = f"{result.pool.value} at {result.display}, scored by {ranking.scorer(result)}"
    lines = [
        f"Source: {code(facts.describe_source(result.source, result.src))}",
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
    yield f"## VMAF {formatting.given(target)}"
    rows = (_cells(row) for row in result.rows if row.target_vmaf == target)
    yield table(_COLUMNS, _ALIGNMENT, rows)


def _cells(row: CompareRow) -> Sequence[str]:
    return (
        str(row.rank or formatting.ABSENT),
        escape(row.codec),
        escape(row.encoder_version) or formatting.ABSENT,
        ranking.answer_setting(row),
        facts.bitrate_of(row),
        ranking.encode_time_ms(row),
        facts.vmaf_of(row),
        escape(ranking.status(row)),
    )


def _remarks(result: CompareResult) -> Iterable[str]:
    yield from bullets(f"{escape(who)}: {escape(why)}" for who, why in ranking.failures(result))
    yield from bullets(escape(message) for message in ranking.remarks(result))


def _bd_rates(result: CompareResult) -> Iterable[str]:
    for title, sheet in ranking.bd_sheets(result):
        yield f"## {title}"
        yield _table(sheet)
    yield from bullets(escape(reason) for reason in ranking.bd_reasons(result))


_VERBATIM = "Source"


def ladder_markdown(result: LadderResult) -> str:
    """Write a ladder as Markdown: rungs, the grid of cells, failures, notes, commands."""
    sections = [
        f"# {escape(ladder_facts.heading(result))}",
        _ladder_circumstances(result),
        *_rungs(result),
        *_ladder_cells(result),
        *bullets(f"{escape(where)}: {escape(why)}" for where, why in ladder_facts.failures(result)),
        *_notes(result),
        *hidden_commands(ladder_facts.commands(result)),
    ]
    return "\n\n".join(sections) + "\n"


def _ladder_circumstances(result: LadderResult) -> str:
    entries = [*ladder_facts.circumstances(result), ("vmafx-tune", __version__)]
    return "".join(
        bullets(
            f"{name}: {code(value) if name == _VERBATIM else escape(value)}"
            for name, value in entries
            if value
        )
    )


def _rungs(result: LadderResult) -> Iterable[str]:
    yield "## Rungs"
    empty = ladder_facts.why_empty(result)
    yield _table(ladder_facts.rung_sheet(result)) if empty is None else escape(empty)


def _ladder_cells(result: LadderResult) -> Iterable[str]:
    if result.cloud:
        yield "## kb/s @ quality"
        yield _table(ladder_facts.cell_sheet(result))


def _notes(result: LadderResult) -> Iterable[str]:
    remarks = ladder_facts.remarks(result)
    if remarks:
        yield "## Notes"
        yield from bullets(escape(remark) for remark in remarks)


def gate_markdown(result: GateResult) -> str:
    """Write the checks of a gate as Markdown: the verdict, regressions, and a table of all."""
    sections = [
        f"## {escape(gate_facts.heading(result))}",
        f"**{escape(gate_facts.verdict(result))}**",
        *bullets(escape(check.message) for check in result.regressions),
        _table(gate_facts.sheet(result)),
    ]
    return "\n\n".join(sections) + "\n"


def _table(sheet: Sheet) -> str:
    return table(
        [escape(heading.title) for heading in sheet.headings],
        ["---:" if heading.number else "---" for heading in sheet.headings],
        ([escape(cell) for cell in row] for row in sheet.rows),
    )
