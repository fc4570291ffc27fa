"""`compare` for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmafx_tune.reports import facts, ranking, text
from vmafx_tune.reports.tables import (
    Column,
    FirstThatFits,
    commands,
    facts_grid,
    grid,
    plain,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType
    from rich.text import Text

    from vmafx_tune.reports.tables import Part
    from vmafx_tune.results.compare import BdRate, CompareResult, CompareRow

__all__ = ["compare_parts"]

_COLUMNS = (
    Column("#"),
    Column("Codec", left=True),
    Column("CRF"),
    Column("VMAF"),
    Column("kb/s"),
    Column("vs best"),
    Column("Encode"),
    Column("Speed"),
    Column("Next worse"),
)
_DISPENSABLE = "Speed"


def compare_parts(result: CompareResult, *, with_commands: bool = False) -> Iterator[Part]:
    """Lay out a comparison: notes, failures, commands, a ranked table per target, BD-rates.

    The tables come last, where a terminal shows them.
    """
    yield plain(ranking.heading(result), "bold")
    yield ""
    yield _circumstances(result)
    yield from _notes(result)
    yield from _failures(result)
    if with_commands:
        yield from commands(ranking.commands(result))
    for target in result.targets:
        yield ""
        if len(result.targets) > 1:
            yield plain(f"VMAF {text.given(target)}", "bold")
        yield _target_table(result, target)
    yield from _bd_rates(result.bd_rate)


def _circumstances(result: CompareResult) -> RenderableType:
    return facts_grid(
        [
            ("Source", facts.describe_source(result.source)),
            ("Model", f"{result.model}, {result.pool.value} at {result.display}"),
            ("Compared in", facts.compared_in(result.comparison)),
            ("Scored by", ranking.scorer(result)),
            ("ffmpeg", result.ffmpeg_version),
            *ranking.encoder_versions(result),
            ("Answers", facts.limit_of(result)),
            *ranking.samples(result),
            ("Chunks", ranking.chunks(result)),
            ("Took", text.duration(result.wall_time_ms)),
        ]
    )


def _target_table(result: CompareResult, target: float) -> RenderableType:
    against = Column(f"vs {'anchor' if result.anchor else 'best'}")
    columns = [against if column.title == "vs best" else column for column in _COLUMNS]
    rows = [_cells(result, *ranked) for ranked in ranking.ranked_rows(result, target)]
    return FirstThatFits([grid(columns, rows), _without(_DISPENSABLE, columns, rows)])


def _without(title: str, columns: list[Column], rows: list[list[Text]]) -> RenderableType:
    kept = [position for position, column in enumerate(columns) if column.title != title]
    return grid(
        [columns[position] for position in kept],
        [[row[position] for position in kept] for row in rows],
    )


def _cells(result: CompareResult, row: CompareRow, versus_percent: float | None) -> list[Text]:
    cells = (
        str(row.rank or text.ABSENT),
        row.codec,
        ranking.answer_setting(row),
        text.vmaf(row.vmaf_score, target=row.target_vmaf),
        text.bitrate(row.bitrate_kbps),
        text.percent(versus_percent),
        text.duration(row.encode_time_ms),
        facts.speed(result.source, row.encode_time_ms),
        ranking.answer_proof(row) or ranking.status(row),
    )
    style = "red" if not row.ok else "bold" if row.rank == 1 else ""
    return [plain(cell, style) for cell in cells]


def _failures(result: CompareResult) -> Iterator[Part]:
    for who, why in ranking.failures(result):
        yield ""
        yield plain(f"{who}: {why}", "red")


def _notes(result: CompareResult) -> Iterator[Part]:
    for message in ranking.remarks(result):
        yield ""
        yield plain(message, "yellow")


def _bd_rates(bd_rates: Sequence[BdRate]) -> Iterator[Part]:
    if not bd_rates:
        return
    yield ""
    yield plain(f"BD-rate against {bd_rates[0].anchor}", "bold")
    columns = (
        Column("Codec", left=True),
        Column("BD-rate"),
        Column("VMAF overlap"),
        Column("Points"),
    )
    yield grid(columns, [_bd_cells(bd) for bd in bd_rates])
    for bd in bd_rates:
        if bd.reason:
            yield ""
            yield plain(bd.reason, "yellow")


def _bd_cells(bd: BdRate) -> Sequence[str]:
    return (
        bd.codec,
        text.percent(bd.percent),
        ranking.bd_overlap(bd),
        f"{bd.points.codec} / {bd.points.anchor}",
    )
